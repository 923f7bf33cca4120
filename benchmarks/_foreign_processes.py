"""Purchase processes that no built-in model describes, simulated day by day with NumPy.

A customer belongs to one of four channels of very different size, comes on a random day, and buys
at most once a day. Every future can be simulated again from the state at the end of observation:
the interval of these futures is that of a forecaster who knows the process, the parameters of each
customer and who has left. No forecast can be narrower on average.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from omniltv.simulation import Calendar
from omniltv.simulation.processes import RegimeCustomers, Today, WeibullCustomers

__all__ = ["AHEAD", "CHANNELS", "DEVELOPMENT", "OBSERVED", "WORLDS", "World", "simulate"]

type Vector = NDArray[np.float64]
type Columns = Mapping[str, Vector]

OBSERVED, AHEAD = 78 * 7, 26 * 7  # days
START: Final = np.datetime64("2024-01-01")
CHANNELS: Final = ("store", "ec", "app", "call")
SHARES, RATES = (0.6, 0.25, 0.1, 0.05), np.array([1.0, 0.8, 1.3, 0.6])
CALENDAR = Calendar(months=(0.8, 0.8, 1, 1, 1, 0.9, 1.1, 0.8, 0.9, 1, 1.2, 1.5), trend=0.9)
_BASKET, _BASKET_SD, _WITH_RATE, _WITHIN = 3.5, 0.5, 0.25, 0.6
"""Mean and standard deviation of the log mean purchase, its slope in the log rate, and the
standard deviation of the logarithm of one purchase."""


@dataclass(frozen=True)
class RenewalCustomers:
    """Customers with independent gaps between purchases, and a lifetime.

    Attributes:
        gap: Distribution of the gaps.
        weeks: Median over customers of their typical gap, in weeks.
        spread: Standard deviation between customers of its logarithm.
        life_weeks: Median over customers of the mean lifetime at the hazard of a new customer.
        life_spread: Standard deviation between customers of its logarithm.
        ageing: Growth of the hazard of leaving per week; above 0, lifetimes are of Gompertz.
        cohorts: Changes of the log rate and of the log hazard of leaving, from customers who
            come on the first day to those who come on the last observed day.
    """

    gap: Literal["exponential", "log-normal"] = "exponential"
    weeks: float = 6.0
    spread: float = 1.0
    life_weeks: float = 70.0
    life_spread: float = 0.7
    ageing: float = 0.0
    cohorts: tuple[float, float] = (0.0, 0.0)

    def traits(self, uniform: Callable[[str], Vector]) -> Columns:
        """Return the rate per day and the hazard of leaving per day of each customer."""
        come = uniform("arrival")
        rate = self.spread * special.ndtri(uniform("rate")) + self.cohorts[0] * come
        life = self.life_spread * special.ndtri(uniform("life")) + self.cohorts[1] * come
        return {
            "rate": np.exp(rate) / (7 * self.weeks),
            "hazard": np.exp(life) / (7 * self.life_weeks),
        }

    def start(self, traits: Columns) -> Columns:
        """Return that everybody is active and has just bought."""
        zero = np.zeros_like(traits["rate"])
        return {"active": zero + 1, "waited": zero, "age": zero}

    def chance(self, traits: Columns, state: Columns, push: Vector) -> Vector:
        """Return the probability that an active customer buys today."""
        passing = traits["rate"] * push
        if self.gap == "exponential":
            return -np.expm1(-passing)
        with np.errstate(divide="ignore"):
            before, after = (np.log(t) for t in (state["waited"], state["waited"] + passing))
        return -np.expm1(special.log_ndtr(-after) - special.log_ndtr(-before))

    def after(self, traits: Columns, state: Columns, today: Today) -> Columns:
        """Return the state of the next day."""
        waited = state["waited"] + traits["rate"] * today.push
        hazard = traits["hazard"] * np.exp(self.ageing * state["age"] / 7)
        leaves = today.customer & (today.dice < -np.expm1(-hazard))
        return {
            "active": np.where(leaves, 0.0, state["active"]),
            "waited": np.where(today.bought, 0.0, waited),
            "age": state["age"] + today.customer,
        }


@dataclass(frozen=True)
class HabitCustomers:
    """Regular buyers, and customers who buy in bursts with long silences between them.

    Attributes:
        regular: Share of regular buyers.
        weeks: Median gap of a regular buyer, in weeks; gaps are Weibull with shape 4.
        burst_weeks: Mean gap within a burst.
        ends: Probability that a purchase is the last one of its burst.
        silent_weeks: Median over customers of the mean silence between bursts.
        life_weeks: Mean lifetime.
    """

    regular: float = 0.35
    weeks: float = 5.0
    burst_weeks: float = 1.5
    ends: float = 0.35
    silent_weeks: float = 30.0
    life_weeks: float = 100.0

    def traits(self, uniform: Callable[[str], Vector]) -> Columns:
        """Return the habit and the pace of each customer."""
        regular = uniform("habit") < self.regular
        weeks = np.where(regular, self.weeks, self.silent_weeks)
        pace = np.exp(0.6 * special.ndtri(uniform("rate"))) / (7 * weeks)
        return {"regular": regular.astype(np.float64), "rate": pace}

    def start(self, traits: Columns) -> Columns:
        """Return that everybody has just bought; a burst begins."""
        zero = np.zeros_like(traits["rate"])
        return {"active": zero + 1, "waited": zero, "burst": zero + 1}

    def chance(self, traits: Columns, state: Columns, push: Vector) -> Vector:
        """Return the probability that an active customer buys today."""
        later = state["waited"] + traits["rate"] * push
        evenly = later**4 - state["waited"] ** 4
        pace = np.where(state["burst"] > 0, 1 / (7 * self.burst_weeks), traits["rate"])
        return -np.expm1(-np.where(traits["regular"] > 0, evenly, pace * push))

    def after(self, traits: Columns, state: Columns, today: Today) -> Columns:
        """Return the state of the next day; one number decides about burst and lifetime."""
        leaves = today.customer & (today.dice < -np.expm1(-1 / (7 * self.life_weeks)))
        goes_on = today.dice > self.ends
        waited = state["waited"] + traits["rate"] * today.push
        return {
            "active": np.where(leaves, 0.0, state["active"]),
            "waited": np.where(today.bought, 0.0, waited),
            "burst": np.where(today.bought, goes_on.astype(np.float64), state["burst"]),
        }


type Process = RegimeCustomers | WeibullCustomers | RenewalCustomers | HabitCustomers
type Season = Callable[[np.random.Generator], Vector]


def _even(_rng: np.random.Generator) -> Vector:
    """Return that all days are alike."""
    return np.ones(OBSERVED + AHEAD)


def _season(_rng: np.random.Generator) -> Vector:
    """Return the factor of each day: a season of months, and 10 % less a year."""
    return CALENDAR.factors(START.item(), 0, OBSERVED + AHEAD)


def _recession(rng: np.random.Generator) -> Vector:
    """Return the factor of each day: a dip of 15 to 40 % that starts in week 52 to 98.

    It deepens over four weeks, stays for half a year, and is over four weeks later.
    """
    begins, depth = rng.uniform(52, 98), rng.uniform(0.15, 0.4)
    week = np.arange(OBSERVED + AHEAD) / 7 - begins
    return np.asarray(1 - depth * np.interp(week, [0, 4, 30, 34], [0, 1, 1, 0]))


WORLDS: Final[Mapping[str, tuple[Process, Season]]] = {
    "regimes": (RegimeCustomers(), _even),
    "weibull": (WeibullCustomers(), _even),
    "weibull, season, trend": (WeibullCustomers(), _season),
    "gompertz": (RenewalCustomers(ageing=0.03), _even),
    "recession": (RenewalCustomers(), _recession),
    "cohort shifts": (RenewalCustomers(cohorts=(-0.9, 0.7)), _even),
    "habits": (HabitCustomers(), _even),
    "log-normal gaps": (RenewalCustomers("log-normal", weeks=4.0, spread=0.9), _even),
}
"""The processes with the factor of each day on the rate, by name."""

DEVELOPMENT: Final = ("regimes", "weibull", "weibull, season, trend")
"""Processes that were looked at when the model error was designed; the others judge it."""


@dataclass(frozen=True, eq=False)
class World:
    """What a simulated world sold.

    Attributes:
        log: Purchases until the end of the forecast: customer, channel, time and value.
        last: Last day of observation.
        oracle: Value of each channel of `CHANNELS` after it, in futures that were simulated again
            from the true state, of shape (n_channels, n_futures).
    """

    log: pd.DataFrame
    last: np.datetime64
    oracle: Vector


@dataclass(eq=False)
class _Market:
    process: Process
    traits: Columns
    channel: NDArray[np.intp]
    season: Vector
    state: Columns

    def run(self, days: range, rng: np.random.Generator) -> tuple[NDArray[np.intp], Vector]:
        """Return customer and day of each purchase; the state is that after the days."""
        arrival, who, when = self.traits["arrival"], [], []
        for day in days:
            push = RATES[self.channel] * self.season[day]
            first, known = arrival == day, (arrival < day) & (self.state["active"] > 0)
            chance = self.process.chance(self.traits, self.state, push)
            bought = first | (known & (rng.random(len(arrival)) < chance))
            today = Today(
                bought=bought,
                first=first,
                customer=first | known,
                push=push,
                stay=np.ones_like(push),
                dice=rng.random(len(arrival)),
            )
            self.state = self.process.after(self.traits, self.state, today)
            who.append(np.flatnonzero(bought))
            when.append(np.full(len(who[-1]), float(day)))
        return np.concatenate(who), np.concatenate(when)

    def again(self, futures: int) -> "_Market":
        """Return copies of all customers, one after the other."""
        copied = [
            {name: np.tile(values, futures) for name, values in columns.items()}
            for columns in (self.traits, self.state)
        ]
        return _Market(
            self.process, copied[0], np.tile(self.channel, futures), self.season, copied[1]
        )


def simulate(name: str, people: int, *, seed: int, futures: int = 100) -> World:
    """Return the sales of a world, and futures simulated again from its state.

    Args:
        name: A process of `WORLDS`.
        people: Number of customers; they come evenly over the observed days.
        seed: The same seed gives the same world.
        futures: Number of futures of the oracle.
    """
    rng = np.random.default_rng(seed)
    process, season = WORLDS[name]
    come = rng.random(people)
    traits = process.traits(lambda what: come if what == "arrival" else rng.random(people))
    traits = {**traits, "arrival": np.floor(come * OBSERVED)}
    channel = rng.choice(len(CHANNELS), people, p=SHARES).astype(np.intp)
    market = _Market(process, traits, channel, season(rng), process.start(traits))
    basket = _BASKET + _BASKET_SD * rng.standard_normal(people)
    basket += _WITH_RATE * np.log(traits["rate"] / np.median(traits["rate"]))
    past = market.run(range(OBSERVED), rng)
    copies = market.again(futures)
    later = market.run(range(OBSERVED, OBSERVED + AHEAD), rng)
    who, when = (np.concatenate(parts) for parts in zip(past, later, strict=True))
    log = {
        "customer_id": who,
        "channel": np.array(CHANNELS)[channel[who]],
        "time": START + when.astype(np.int64),
        "value": np.round(_values(basket[who], rng), 2),
    }
    copy, _ = copies.run(range(OBSERVED, OBSERVED + AHEAD), rng)
    cell = copies.channel[copy] * futures + copy // people
    worth = _values(basket[copy % people], rng)
    oracle = np.bincount(cell, weights=worth, minlength=len(CHANNELS) * futures)
    last = START + (OBSERVED - 1)
    return World(pd.DataFrame(log), last, oracle.reshape(len(CHANNELS), futures))


def _values(basket: Vector, rng: np.random.Generator) -> Vector:
    """Return the value of one purchase each."""
    noise = _WITHIN * rng.standard_normal(len(basket)) - _WITHIN**2 / 2
    return np.maximum(np.exp(basket + noise), 0.01)
