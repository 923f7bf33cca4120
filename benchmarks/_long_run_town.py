"""Customers who buy as none of our models says, their treatments, and the true long-run lift.

Gaps between orders are Weibull in a clock that a season and treatments speed up. Customers leave
by the calendar, not by orders: with a Weibull lifetime whose scale has a gamma frailty. Values of
orders are log-normal and correlated with the rate. The town changes from year to year. Cohorts
have the customers who ordered in the 52 weeks before their start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

__all__ = ["HORIZON", "KINDS", "WINDOW", "Cohort", "Effect", "Experiment", "cohort", "experiment"]

type Array = NDArray[np.float64]
type Codes = NDArray[np.int64]

WINDOW, HORIZON, PAST = 8, 156, 52  # weeks
SHAPE, LIFETIME = 1.5, 0.9  # Weibull shapes of gaps and lifetimes
MEAN_GAP = float(gamma(1 + 1 / SHAPE))
RATE = np.array([0.10, 0.12, 0.18])  # orders per week by channel
HAZARD = 0.012  # of leaving, per week
DRIFT = 0.07  # sd of the logarithm of the hazard between cohorts
NOISE = 0.6  # sd of the logarithm of the value of an order
FASTEST = 2.5  # a clock that is faster than any treatment makes it
OVERDRAWN = 2.4  # people drawn per customer of a cohort


@dataclass(frozen=True)
class Effect:
    """Logarithms of the factors of a treatment in each week, each of shape (HORIZON,)."""

    rate: Array
    hazard: Array
    spend: Array
    ends: int | None = None

    @classmethod
    def none(cls) -> "Effect":
        """Return no effect."""
        return cls(*np.zeros((3, HORIZON)))


class Cohort(NamedTuple):
    """Customers of a start, what was known of them, and what they bought.

    ``rate``, ``value_mean``, ``age``, ``scale`` (of the cumulative hazard), ``alive`` and ``left``
    (hazard left to live) are hidden. ``orders`` and ``value`` are by week since the start.
    """

    rate: Array
    value_mean: Array
    age: Array
    scale: Array
    alive: NDArray[np.bool_]
    left: Array
    channel: Codes
    tier: Codes
    past_orders: Array
    past_value: Array
    orders: Array
    value: Array


class Experiment(NamedTuple):
    """An experiment, two earlier cohorts, and the truth.

    Attributes:
        customers: The customers; orders and value have the weeks of the window.
        arm: Code of the arm, 0 for the control.
        earlier: Untreated cohorts of the whole horizon.
        lift: True lift of each customer under each treatment, of shape (n_arms - 1, n_customers).
        base: Expected discounted value of each customer without treatment.
        ends: Week in which the treatments end; None if they go on.
    """

    customers: Cohort
    arm: Codes
    earlier: tuple[Cohort, ...]
    lift: Array
    base: Array
    ends: int | None


def lasting(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return 2 to 25 % more orders, up to 30 % less leaving, some change in value, for good."""
    one = np.ones(HORIZON)
    rate, kept = np.log(1 + rng.uniform(0.02, 0.25)), np.log(1 - rng.uniform(0, 0.3))
    return (Effect(rate * one, kept * one, rng.normal(0, 0.03) * one),)


def forward(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return 20 to 60 % more orders in 4 weeks, of which 50 to 100 % are missing later.

    Leaving is 20 to 60 % faster for good, and orders of the 4 weeks are 5 % smaller.
    """
    more, back = rng.uniform(0.2, 0.6), rng.uniform(0.5, 1.0)
    spend = np.where(np.arange(HORIZON) < 4, -0.05, 0.0)
    hazard = np.full(HORIZON, np.log(1 + rng.uniform(0.2, 0.6)))
    return (Effect(_brought_forward(more, back, rng.uniform(3, 6)), hazard, spend),)


def ended(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return 10 to 40 % more orders in 4 weeks, up to half missing later, fewer people lost."""
    rate = _brought_forward(rng.uniform(0.1, 0.4), rng.uniform(0, 0.5), rng.uniform(3, 6))
    kept = np.log(1 - rng.uniform(0.2, 0.6))
    hazard = np.where(np.arange(HORIZON) < 4, kept, 0.0)
    return (Effect(rate, hazard, np.zeros(HORIZON), ends=4),)


def interacting(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return two lasting treatments, and both: 30 to 170 % of their sum."""
    (one,), (other,) = lasting(rng), lasting(rng)
    factor = rng.uniform(0.3, 1.7)
    both = (factor * (getattr(one, k) + getattr(other, k)) for k in ("rate", "hazard", "spend"))
    return one, other, Effect(*both)


KINDS: Mapping[str, Callable[[np.random.Generator], tuple[Effect, ...]]] = {
    "lasting": lasting,
    "forward-pulling with churn": forward,
    "campaign that ended": ended,
    "A/A": lambda _: (Effect.none(),),
    "two interacting": interacting,
}


def _brought_forward(more: float, back: float, weeks: float) -> Array:
    later = np.arange(HORIZON - 4)
    missing = more * 4 * back * np.exp(-later / weeks) / weeks
    return np.log(np.append(np.full(4, 1 + more), np.maximum(1 - missing, 0.2)))


def experiment(kind: str, customers: int, discount: Array, seed: int) -> Experiment:
    """Return one experiment; strength differs by channel and tier (log-normal, sd .2 each)."""
    rng = np.random.default_rng([seed, len(kind)])
    effects = KINDS[kind](rng)
    by_channel, by_tier = rng.lognormal(-0.02, 0.2, (2, 3))
    arm = rng.integers(0, len(effects) + 1, customers)

    def plan(channel: Codes, tier: Codes) -> tuple[Codes, Array]:
        return arm[: len(channel)], by_channel[channel] * by_tier[tier]

    found = cohort(rng, customers, WINDOW, effects, plan)
    strength = by_channel[found.channel] * by_tier[found.tier]
    base = _expected(found, Effect.none(), strength, discount)
    lift = [_expected(found, effect, strength, discount) - base for effect in effects]
    earlier = tuple(cohort(rng, customers, HORIZON, drift=rng.normal(0, DRIFT)) for _ in range(2))
    return Experiment(found, arm[: len(base)], earlier, np.array(lift), base, effects[0].ends)


def cohort(
    rng: np.random.Generator,
    customers: int,
    weeks: int,
    effects: tuple[Effect, ...] = (),
    plan: Callable[[Codes, Codes], tuple[Codes, Array]] | None = None,
    *,
    drift: float = 0.0,
) -> Cohort:
    """Return customers who ordered in the past 52 weeks and what they buy in the next ones."""
    n = int(customers * OVERDRAWN)
    channel = rng.choice(3, n, p=[0.45, 0.35, 0.2])
    rate = rng.gamma(0.9, 1 / 0.9, n) * RATE[channel] + 0.004
    value_mean = np.exp(rng.normal(3.3 + 0.15 * np.log(rate / 0.1), 0.5))
    age = rng.uniform(0, 156, n)
    scale = rng.gamma(0.8, 1 / 0.8, n) * HAZARD * np.exp(drift) * 52 ** (1 - LIFETIME)
    life = rng.exponential(1.0, n)
    gone = (life / scale) ** (1 / LIFETIME) - age  # weeks from the start, below 0 in the past
    clock = np.append(0.0, np.cumsum(_season(-PAST, PAST)))
    first = rng.random(n) * rng.gamma(1 + 1 / SHAPE, 1.0, n) ** (1 / SHAPE) / MEAN_GAP
    who, when, following = _orders(rng, first, rate * clock[-1])
    day = np.interp(when / rate[who], clock, np.arange(-PAST, 1))
    buyer = who[day < gone[who]]
    past_orders = np.bincount(buyer, minlength=n)
    past_value = np.bincount(buyer, _values(rng, value_mean[buyer]), minlength=n)
    chosen = np.flatnonzero(past_orders)[:customers]
    tier = np.searchsorted(np.quantile(past_value[chosen], [0.5, 0.8]), past_value[chosen])
    empty = np.zeros((len(chosen), weeks))
    found = Cohort(
        rate=rate[chosen],
        value_mean=value_mean[chosen],
        age=age[chosen],
        scale=scale[chosen],
        alive=gone[chosen] > 0,
        left=(life - scale * age**LIFETIME)[chosen],
        channel=channel[chosen],
        tier=tier,
        past_orders=past_orders[chosen].astype(np.float64),
        past_value=past_value[chosen],
        orders=empty,
        value=empty,
    )
    fastest = FASTEST if effects else 1.0
    until = found.rate * (clock[-1] + fastest * _season(0, weeks).sum()) * found.alive
    who, when, _ = _orders(rng, following[chosen], until)
    moment = when / found.rate[who] - clock[-1]
    arm, strength = np.zeros(len(chosen), np.int64), np.ones(len(chosen))
    if plan is not None:
        arm, strength = plan(found.channel, found.tier)
    factors = [
        np.stack([getattr(effect, name)[:weeks] for effect in (Effect.none(), *effects)])[arm]
        * strength[:, None]
        for name in ("rate", "hazard", "spend")
    ]
    return _bought(rng, found, who, moment, factors)


def _bought(
    rng: np.random.Generator, found: Cohort, who: Codes, moment: Array, factors: list[Array]
) -> Cohort:
    """Put orders at moments of a customer's clock into weeks, as long as the customer stays."""
    rate, hazard, spend = factors
    n, weeks = rate.shape
    ticks = np.cumsum(_season(0, weeks) * np.exp(rate), axis=1)
    far = 1e5  # apart, so that one search serves all customers
    week = np.searchsorted((ticks + far * np.arange(n)[:, None]).ravel(), moment + far * who)
    week -= who * weeks
    who, week = who[week < weeks], week[week < weeks]
    stays = _hazards(found, hazard)[who, week] < found.left[who]
    who, week = who[stays], week[stays]
    value = _values(rng, found.value_mean[who]) * np.exp(spend[who, week])
    cell = who * weeks + week
    orders = np.bincount(cell, minlength=n * weeks).reshape(n, weeks).astype(np.float64)
    paid = np.bincount(cell, value, minlength=n * weeks).reshape(n, weeks)
    return found._replace(orders=orders, value=paid)


def _expected(found: Cohort, effect: Effect, strength: Array, discount: Array) -> Array:
    """Return the expected discounted value of each customer under an effect."""
    s = strength[:, None]
    lives = np.exp(-_hazards(found, s * effect.hazard))
    pace = _season(0, HORIZON) * np.exp(s * (effect.rate + effect.spend))
    answer: Array = found.alive * found.rate * found.value_mean * ((pace * lives) @ discount)
    return answer


def _hazards(found: Cohort, log_factor: Array) -> Array:
    """Return the cumulative hazard since the start in the middle of each week."""
    age = found.age[:, None] + np.arange(log_factor.shape[1] + 1)
    own = found.scale[:, None] * np.diff(age**LIFETIME, axis=1) * np.exp(log_factor)
    answer: Array = np.cumsum(own, axis=1) - own / 2
    return answer


def _season(first: int, weeks: int) -> Array:
    return 1 + 0.2 * np.cos(2 * np.pi * np.arange(first, first + weeks) / 52)


def _values(rng: np.random.Generator, mean: Array) -> Array:
    return mean * np.exp(rng.normal(-(NOISE**2) / 2, NOISE, len(mean)))


def _orders(rng: np.random.Generator, first: Array, until: Array) -> tuple[Codes, Array, Array]:
    """Return customers and times of a renewal process with mean gap 1, and the next times."""
    following, who = first.copy(), np.arange(len(until))
    customers, times = [np.empty(0, np.int64)], [np.empty(0)]
    while len(who):
        who = who[following[who] < until[who]]
        customers.append(who)
        times.append(following[who])
        following[who] += rng.weibull(SHAPE, len(who)) / MEAN_GAP
    return np.concatenate(customers), np.concatenate(times), following
