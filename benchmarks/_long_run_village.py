"""A second place for the long run, other than the town: the method's form was fixed here.

Orders are Poisson at gamma rates, without a season. Customers leave at constant gamma hazards.
Values are gamma. Effects are heavy-tailed or exponential, fade by a power of time, and the
interaction of two treatments changes the rate alone.
"""

from collections.abc import Callable, Mapping

import numpy as np
from _long_run_town import HORIZON, WINDOW, Cohort, Effect, Experiment
from numpy.typing import NDArray

__all__ = ["VILLAGE_KINDS", "settled"]

type Array = NDArray[np.float64]
type Codes = NDArray[np.int64]

WEEK = np.arange(HORIZON, dtype=np.float64)
ONE = np.ones(HORIZON)
PAST = 52  # weeks
LARGEST = 0.7  # of the logarithm of a factor
NO_DRIFT = 0.05  # sd of the logarithm of the hazard between cohorts


def drawn(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return effects around zero: Student level and fading part, Laplace hazard and value."""
    level, fading = np.clip([0.06, 0.15] * rng.standard_t(3, 2), -LARGEST, LARGEST)
    hazard, spend = rng.laplace(0, 0.2), rng.laplace(0, 0.03)
    return (Effect(level + fading / (1 + WEEK / 2) ** 2, hazard * ONE, spend * ONE),)


def lingering(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return more orders for good and fewer people lost, both exponential."""
    rate, kept = np.minimum(rng.exponential([0.12, 0.2]), LARGEST)
    return (Effect(rate * ONE, -kept * ONE, 0 * ONE),)


def dipping(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return three weeks of more orders, six of fewer, and more people lost."""
    more, lost = np.minimum(rng.exponential([0.3, 0.2]), LARGEST)
    rate = np.select([WEEK < 3, WEEK < 9], [more, -rng.uniform(0.2, 0.5) * more], 0.0)
    return (Effect(rate, lost * ONE, 0 * ONE),)


def pair(rng: np.random.Generator) -> tuple[Effect, ...]:
    """Return two of them; together they dull or reinforce each other, or neither."""
    (one,), (other,) = lingering(rng), lingering(rng)
    strongest = np.maximum(one.rate, other.rate)
    meeting = rng.choice([-0.5, 0.0, 0.4], p=[0.5, 0.25, 0.25]) * strongest
    both = Effect(one.rate + other.rate + meeting, one.hazard + other.hazard, 0 * ONE)
    return one, other, both


VILLAGE_KINDS: Mapping[str, Callable[[np.random.Generator], tuple[Effect, ...]]] = {
    "drawn around zero": drawn,
    "lingering": lingering,
    "dipping": dipping,
    "A/A": lambda _: (Effect.none(),),
    "pair": pair,
}


def settled(kind: str, customers: int, discount: Array, seed: int) -> Experiment:
    """Return one experiment; strength differs by channel and tier (uniform, .6 to 1.4)."""
    rng = np.random.default_rng([seed, len(kind), 77])
    effects = VILLAGE_KINDS[kind](rng)
    by_channel, by_tier = rng.uniform(0.6, 1.4, (2, 3)) ** 0.7
    found, hazard = _people(rng, customers)
    strength = (by_channel[found.channel] * by_tier[found.tier])[:, None]
    arm = rng.integers(0, len(effects) + 1, len(found.tier))
    paths = [_path(found, hazard, one, strength) for one in (Effect.none(), *effects)]
    paid = np.array([found.value_mean * (value @ discount) for _, value, _ in paths])
    seen = [own[:, :WINDOW] for own in _bought(rng, found, hazard, paths, arm)]
    earlier = tuple(_earlier(rng, customers) for _ in range(2))
    experiment = found._replace(orders=seen[0], value=seen[1])
    return Experiment(experiment, arm, earlier, paid[1:] - paid[0], paid[0], None)


def _people(
    rng: np.random.Generator, customers: int, hazard_factor: float = 1.0
) -> tuple[Cohort, Array]:
    """Return customers with an order in the past weeks, and their hazards."""
    n = 3 * customers
    channel = rng.choice(3, n, p=[0.4, 0.4, 0.2])
    rate = rng.gamma(0.8, 1 / 0.8, n) * np.array([0.10, 0.15, 0.2])[channel]
    hazard = hazard_factor * rng.gamma(0.7, 0.015 / 0.7, n) + 0.001
    stays = np.minimum(rng.exponential(1 / hazard), PAST)
    orders = rng.poisson(rate * stays)
    mean = 25 * rng.gamma(4, 1 / 4, n) * (rate / 0.1) ** 0.1
    value = rng.gamma(2.0 * np.maximum(orders, 1), mean / 2.0)
    kept = np.flatnonzero(orders)[:customers]
    tier = np.searchsorted(np.quantile(value[kept], [0.5, 0.8]), value[kept])
    none = np.zeros((len(kept), 0))
    found = Cohort(
        rate=rate[kept], value_mean=mean[kept], age=stays[kept], scale=hazard[kept],
        alive=stays[kept] >= PAST, left=hazard[kept], channel=channel[kept], tier=tier,
        past_orders=orders[kept].astype(np.float64), past_value=value[kept],
        orders=none, value=none,
    )  # fmt: skip
    return found, hazard[kept]


def _path(
    found: Cohort, hazard: Array, effect: Effect, strength: Array
) -> tuple[Array, Array, Array]:
    """Return the mean orders while alive, value in mean orders, and chance to stay, by week."""
    pace = found.rate[:, None] * np.exp(strength * effect.rate)
    lost = np.cumsum(hazard[:, None] * np.exp(strength * effect.hazard), axis=1)
    spend = np.exp(strength * effect.spend)
    stays = np.exp(-lost)
    return pace, found.alive[:, None] * pace * spend * stays, stays


def _bought(
    rng: np.random.Generator,
    found: Cohort,
    hazard: Array,
    paths: list[tuple[Array, Array, Array]],
    arm: Codes,
) -> tuple[Array, Array]:
    """Return orders and value by week; each customer leaves at one moment."""
    rows = np.arange(len(hazard))
    pace, worth, stays = (np.stack(tables)[arm, rows] for tables in zip(*paths, strict=True))
    alive = found.alive[:, None] & (rng.random((len(hazard), 1)) < stays)
    orders = rng.poisson(pace * alive).astype(np.float64)
    spend = worth / np.maximum(pace * stays, 1e-300)
    mean = np.where(found.alive[:, None], found.value_mean[:, None] * spend, 1.0)
    value = np.where(orders > 0, rng.gamma(2.0 * np.maximum(orders, 1), mean / 2.0), 0.0)
    return orders, value


def _earlier(rng: np.random.Generator, customers: int) -> Cohort:
    found, hazard = _people(rng, customers, float(np.exp(rng.normal(0, NO_DRIFT))))
    path = _path(found, hazard, Effect.none(), np.ones((len(hazard), 1)))
    arm = np.zeros(len(hazard), np.int64)
    orders, value = _bought(rng, found, hazard, [path], arm)
    return found._replace(orders=orders, value=value)
