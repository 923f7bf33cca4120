"""The intensity of purchases by day: at the posterior mean, under draws, and its integral."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats, Integers
from omniltv.data._intensity import STEP, Effects, basis
from omniltv.units import TimeUnit, years

__all__ = ["Intensity"]

_STEPS_AHEAD = 26
_FAR, _LAST_YEAR = years(2), years(1)
_MOST = 700.0
_DECIMALS = 6  # of days: the rounding of sums depends on the machine


@dataclass(frozen=True, eq=False)
class Intensity:
    """The intensity s of each group, by day.

    Attributes:
        first: First day that was used, as days since 1970.
        last: Last day that was used.
        effects: Posterior of the coefficients.
        weekday: Factor of each weekday, Monday first, of shape (n_groups, 7).
        events: Days of each event, past and future, as days since 1970.
        seed: Seed of the draws.
    """

    first: int
    last: int
    effects: Effects
    weekday: Floats
    events: Mapping[str, Integers]
    seed: int

    def days_until(self, group: int, day: NDArray[np.int64]) -> Floats:
        """Return operational days from the first observed day to the end of each day."""
        low, high = min(int(day.min()), self.first - 1), max(int(day.max()), self.last)
        clock = np.cumsum(self.mean(group, np.arange(low + 1, high + 1)) / self._level(group))
        clock = np.append(0.0, clock)
        return np.asarray(np.round(clock[day - low] - clock[self.first - 1 - low], _DECIMALS))

    def ahead(self, group: int, end: int, times: Floats, n_draws: int) -> Floats:
        """Return operational days from the end of a day to some times, under draws.

        Beyond two years, each draw goes on as in its second year.

        Args:
            group: The group, by position.
            end: The last day of observation.
            times: Days after it, increasing, of shape (n_times,).
            n_draws: Number of draws.
        """
        far, year = int(_FAR.to(TimeUnit.DAY)), int(_LAST_YEAR.to(TimeUnit.DAY))
        most = min(int(np.ceil(times.max(initial=0.0))), far)
        past = self.draws(group, np.arange(self.first, self.last + 1), n_draws)
        future = self.draws(group, np.arange(end + 1, end + 1 + max(most, 1)), n_draws)
        clock = np.cumsum(future / past.mean(axis=0), axis=0)
        clock = np.concatenate([np.zeros((1, n_draws)), clock])
        inside = np.minimum(times, len(clock) - 1)
        low = np.minimum(inside.astype(np.intp), len(clock) - 2)
        part = (inside - low)[:, None]
        found = clock[low] * (1 - part) + clock[low + 1] * part
        if most == far:
            pace = (clock[far] - clock[far - year]) / year
            found += np.maximum(times - far, 0.0)[:, None] * pace
        return np.asarray(np.round(found, _DECIMALS))

    def _level(self, group: int) -> float:
        return float(self.mean(group, np.arange(self.first, self.last + 1)).mean())

    def _design(self, group: int, days: Integers) -> tuple[Floats, Floats]:
        """Return the columns of coefficients, and logarithmic factors of weekdays."""
        columns = basis(days.astype(np.float64), float(self.first), float(self.last))
        held = [np.isin(days, each) for each in self.events.values()]
        events = np.array(held, dtype=np.float64).reshape(-1, len(days)).T
        weekday = np.log(self.weekday[group, (days + 3) % 7])
        return np.concatenate([columns, events], axis=1), weekday

    def mean(self, group: int, days: Integers) -> Floats:
        """Return the intensity of days at the posterior mean of coefficients."""
        columns, weekday = self._design(group, days)
        return np.asarray(np.exp(columns @ self.effects.mean[group] + weekday))

    def draws(self, group: int, days: Integers, n_draws: int) -> Floats:
        """Return the intensity of days, of shape (n_days, n_draws)."""
        columns, weekday = self._design(group, days)
        logs = columns @ self._coefficients(n_draws)[group]
        logs += weekday[:, None] + self._walk(group, days, n_draws)
        return np.asarray(np.exp(np.minimum(logs, _MOST)))

    @cached_property
    def _axes(self) -> tuple[Floats, Floats]:
        """Return variances and directions of the principal axes of the coefficients."""
        variance, turn = np.linalg.eigh(self.effects.covariance)
        return variance, turn

    def _coefficients(self, n_draws: int) -> Floats:
        """Return draws of coefficients, of shape (n_groups, n_coefficients, n_draws)."""
        mean = self.effects.mean
        variance, turn = self._axes
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(0,)))
        normal = rng.standard_normal((n_draws, mean.size)).T
        moved = turn @ (np.sqrt(np.maximum(variance, 0.0))[:, None] * normal)
        return np.asarray(mean[:, :, None] + moved.reshape(*mean.shape, n_draws))

    def _walk(self, group: int, days: Integers, n_draws: int) -> Floats:
        """Return draws of the random walk after the observed days."""
        common, apart = self.effects.walk
        ramps = np.clip((days[:, None] - self.last) / STEP - np.arange(_STEPS_AHEAD), 0.0, 1.0)
        if not ramps.any():
            return np.zeros((len(days), n_draws))
        steps = np.zeros((_STEPS_AHEAD, n_draws))
        for key, sd in ((0, common), (1 + group, apart)):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, key)))
            steps += sd * rng.standard_normal((n_draws, _STEPS_AHEAD)).T
        return np.asarray(ramps @ steps)
