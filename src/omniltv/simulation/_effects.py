"""The effects of treatments on people on one day."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniltv._arrays import Flags, Integers, Matrix, Places, Vector
from omniltv.simulation.config import WorldConfig
from omniltv.simulation.treatments import Treatment

__all__ = ["NEVER", "Exposures", "Factors", "effects_today"]

NEVER = -1_000_000
"""Day of an exposure that did not happen."""


@dataclass(frozen=True, eq=False)
class Exposures:
    """Who was exposed to which treatment; arrays of shape (n_treatments, n_people), updated daily.

    Attributes:
        since: Day of the last exposure; `NEVER` if there was none.
        strength: Strength of its effect.
        debt: Purchases brought forward and not paid back yet, in days of base rate.
    """

    since: Integers
    strength: Matrix
    debt: Matrix

    @classmethod
    def none(cls, treatments: int, people: int) -> "Exposures":
        """Return that nobody has been exposed."""
        shape = (treatments, people)
        return cls(np.full(shape, NEVER), np.zeros(shape), np.zeros(shape))

    def take(self, rows: slice) -> "Exposures":
        """Return a copy for some of the people."""
        since, strength = self.since[:, rows].copy(), self.strength[:, rows].copy()
        return Exposures(since, strength, self.debt[:, rows].copy())

    def expose(self, treatment: int, rows: Places | slice, strength: Vector, day: int) -> None:
        """Expose some people on a day."""
        self.since[treatment, rows] = day
        self.strength[treatment, rows] = strength


class Factors(NamedTuple):
    """Factors on the behaviour of one day; arrays of shape (n_people,).

    Attributes:
        rate: Factor on the purchase rate.
        stay: Factor on dropout.
        spend: Factor on the value of a purchase.
        channel: Factor on the odds of each channel, of shape (n_channels, n_people); None if 1.
    """

    rate: Vector
    stay: Vector
    spend: Vector
    channel: Matrix | None


def effects_today(config: WorldConfig, exposures: Exposures, day: int) -> Factors:
    """Return the factors of a day, and update what has been brought forward.

    Args:
        config: The world.
        exposures: Who is exposed; ``debt`` is updated.
        day: The day.
    """
    n = exposures.since.shape[1]
    rate, stay, spend = np.ones(n), np.ones(n), np.ones(n)
    channel: Matrix | None = None
    for t, (rows, size) in _amounts(config, exposures, day).items():
        treatment = config.treatments[t]
        own = treatment.rate**size
        rate[rows] *= own
        stay[rows] *= treatment.dropout**size
        spend[rows] *= treatment.spend**size
        if treatment.channel:
            channel = np.ones((len(config.channels), n)) if channel is None else channel
            channel[:, rows] *= _odds(config, treatment)[:, None] ** size
        if treatment.pull_forward > 0:
            rate[rows] *= _settle(treatment, exposures.debt[t], rows, own, size > 0)
    return Factors(rate, stay, spend, channel)


def _amounts(
    config: WorldConfig, exposures: Exposures, day: int
) -> dict[int, tuple[Places, Vector]]:
    """Return who was exposed to each treatment, with strength times profile."""
    rows = {t: np.flatnonzero(since > NEVER) for t, since in enumerate(exposures.since)}
    amount = {
        t: exposures.strength[t, who] * config.treatments[t].profile(day - exposures.since[t, who])
        for t, who in rows.items()
        if len(who)
    }
    names = [treatment.name for treatment in config.treatments]
    for pair in config.interactions:
        one, two = names.index(pair.first), names.index(pair.second)
        if one in amount and two in amount:
            _combine(pair.factor, rows, amount, one, two, exposures.since.shape[1])
    return {t: (rows[t], size) for t, size in amount.items()}


def _combine(
    factor: float,
    rows: dict[int, Places],
    amount: dict[int, Vector],
    one: int,
    two: int,
    people: int,
) -> None:
    """Multiply the amounts of two treatments where both act."""
    acting = np.zeros(people, dtype=np.int64)
    for t in (one, two):
        acting[rows[t][amount[t] > 0]] += 1
    for t in (one, two):
        amount[t] = np.where(acting[rows[t]] == 2, amount[t] * factor, amount[t])


def _odds(config: WorldConfig, treatment: Treatment) -> Vector:
    return np.array([treatment.channel.get(channel.name, 1.0) for channel in config.channels])


def _settle(treatment: Treatment, debt: Vector, rows: Places, own: Vector, acting: Flags) -> Vector:
    """Return the factor on the rate that pays back, and update the debt."""
    paid = np.where(acting, 0.0, np.minimum(debt[rows] / treatment.payback, 1.0))
    debt[rows] += np.where(acting, treatment.pull_forward * np.maximum(own - 1, 0.0), -paid)
    return 1 - paid
