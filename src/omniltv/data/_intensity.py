"""Estimation of calendar effects: a penalised regression of counts on ages and calendar weeks.

Customers who bought first in week v buy again in week w at the rate g(age) s(w), with the age
counted in operational time. This is the mean of every model whose clock runs with intensity s,
whatever the form of g, so season and trend are told from dropout without a model of purchases.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Floats, Integers

__all__ = ["STEP", "Effects", "Weeks", "basis", "estimate"]

STEP = 28
"""Days between two knots of the random walk of the trend."""

_YEAR = 365.25
_HARMONICS = 6
_AGES = np.array([1.5, 2.5, 4, 6, 9, 13, 18, 26, 39, 52, 78, 104, 156])  # weeks
_AGE_SD, _SLOPE_SD, _EVENT_SD = 0.5, 0.05, 1.0
_SLOPE_APART, _EVENT_APART = 0.03, 0.3  # between channels
_PRIOR_SD = {"season": 0.15, "walk": 0.03, "season apart": 0.05, "walk apart": 0.02}
_PRIOR_WEIGHT = 4.0  # coefficients that a prior standard deviation counts as
_ROUNDS, _STEPS = 3, 12
_MOST = 30.0
_RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class Weeks:
    """Repeat purchases by group, week of the first purchase and week of the repeat.

    Attributes:
        start: First day of the log, as days since 1970.
        first: First day of each week, likewise, of shape (n_weeks,).
        born: First purchases by week and part, of shape (n_groups, n_weeks, n_parts). Customers
            of a week are divided into parts, which are independent of each other.
        bought: Repeat purchases by week of the first purchase, part and week, of shape
            (n_groups, n_weeks, n_parts, n_weeks).
        weekday: Factor of each weekday, Monday first, of shape (n_groups, 7).
        events: Days of each event, as days since 1970.
    """

    start: int
    first: Integers
    born: Floats
    bought: Floats
    weekday: Floats
    events: Mapping[str, Integers]


@dataclass(frozen=True, eq=False)
class Effects:
    """Posterior of the coefficients of `basis` and of events, Normal.

    Attributes:
        mean: Of shape (n_groups, n_coefficients).
        covariance: Over groups and coefficients, of shape (n_groups * n_coefficients,) * 2.
        walk: Standard deviations of a step of the random walk: common, and of a group.
    """

    mean: Floats
    covariance: Floats
    walk: tuple[float, float]


def basis(day: Floats, first: float, last: float) -> Floats:
    """Return season, slope and random walk at some days, of shape (n_days, n_columns).

    Outside of the observed days, the random walk stays where it is, and the slope ends after a
    year.
    """
    angle = 2 * np.pi * day[:, None] / _YEAR * np.arange(1, _HARMONICS + 1)
    season = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    season /= np.tile(np.arange(1, _HARMONICS + 1), 2)
    slope = np.clip(day - last, first - last, _YEAR)[:, None] / _YEAR
    knots = np.arange(last - STEP, first, -STEP)[::-1]
    walk = np.clip((day[:, None] - knots) / STEP, 0.0, 1.0)
    return np.concatenate([season, slope, walk], axis=1)


def estimate(weeks: Weeks) -> Effects:
    """Return the effects; standard deviations of season and walk are estimated with them."""
    fit = _Fit.start(weeks)
    for _ in range(_ROUNDS):  # the ages depend on the effects
        fit.count_ages()
        for _ in range(_STEPS):
            fit.step()
    return fit.effects()


@dataclass(eq=False)
class _Fit:
    """The state of the iteration.

    Attributes:
        weeks: The data.
        design: `basis` in the middle of each week, of shape (n_weeks, n_columns).
        share: Share of each event in each week of each group, of shape
            (n_groups, n_weeks, n_events).
        beta: Coefficients: common ones, then ages and deviations of each group.
        sd: Standard deviations of the parts.
    """

    weeks: Weeks
    design: Floats
    share: Floats
    beta: Floats
    sd: dict[str, float]
    covariance: Floats | None = None
    rows: list[tuple[Integers, Integers, Floats, Floats]] | None = None

    @classmethod
    def start(cls, weeks: Weeks) -> "_Fit":
        n_groups = len(weeks.born)
        middle = (weeks.first + 3).astype(np.float64)
        design = basis(middle, float(weeks.start), float(weeks.first[-1] + 6))
        share = _shares(weeks)
        size = design.shape[1] + share.shape[2]
        rate = np.log((weeks.bought.sum() + 1) / (weeks.born.sum() * len(middle) + 1))
        beta = np.zeros(size + n_groups * (len(_AGES) + 1 + size))
        fit = cls(weeks, design, share, beta, dict(_PRIOR_SD))
        for g in range(n_groups):
            beta[fit.ages(g)] = rate
        return fit

    @property
    def size(self) -> int:
        """Number of effects of a group."""
        return int(self.design.shape[1] + self.share.shape[2])

    def ages(self, group: int) -> slice:
        start = self.size + group * (len(_AGES) + 1 + self.size)
        return slice(start, start + len(_AGES) + 1)

    def own(self, group: int) -> slice:
        return slice(self.ages(group).stop, self.ages(group).stop + self.size)

    def coefficients(self, group: int) -> Floats:
        return self.beta[: self.size] + self.beta[self.own(group)]

    def log_factors(self, group: int) -> tuple[Floats, Floats]:
        """Return the logarithmic factor of each week, and its derivatives."""
        each, n = self.coefficients(group), self.design.shape[1]
        ratio = np.exp(np.clip(each[n:], -_MOST, _MOST))
        of_week = 1 + self.share[group] * (ratio - 1)
        slopes = self.share[group] * ratio / of_week
        value = self.design @ each[:n] + np.log(of_week).sum(axis=1)
        return value, np.concatenate([self.design, slopes], axis=1)

    def count_ages(self) -> None:
        """Sum purchases and customers by week and age in operational time."""
        self.rows = []
        n_weeks, n_ages = len(self.weeks.first), len(_AGES) + 1
        v, w = np.triu_indices(n_weeks, k=1)
        of_parts = zip(self.weeks.born.sum(axis=2), self.weeks.bought.sum(axis=2), strict=True)
        for group, (born, bought) in enumerate(of_parts):
            age = self.ages_of(group)[v, w]
            cell = w * n_ages + age
            n_cells = n_weeks * n_ages
            exposed = np.bincount(cell, weights=born[v], minlength=n_cells)
            counted = np.bincount(cell, weights=bought[v, w], minlength=n_cells)
            used = np.flatnonzero(exposed)
            self.rows.append((used // n_ages, used % n_ages, exposed[used], counted[used]))

    def ages_of(self, group: int) -> Integers:
        """Return the class of the age in operational time, by week of birth and week."""
        factor = np.exp(self.log_factors(group)[0])
        clock = np.cumsum(factor / factor.mean())
        return np.searchsorted(_AGES, clock - clock[:, None]).astype(np.int64)

    def place(self, group: int) -> Integers:
        """Return the positions of the coefficients of a group: common, ages, own."""
        return np.asarray(np.r_[: self.size, self.ages(group), self.own(group)], dtype=np.int64)

    def step(self) -> None:
        """Take one step of Newton, and of the expectation-maximisation of deviations.

        With the gradient U of the Poisson likelihood, its information J and the variance M of U,
        the logarithmic likelihood is replaced by -(U - J d)' M^-1 (U - J d) / 2 for a change d.
        If M is J, this is the Poisson likelihood. Slow changes, which the purchases of one
        customer share, have a larger M.
        """
        information, gradient = self.poisson()
        variance = self.scores(information)
        robust = np.linalg.solve(variance, information)
        precision = self.penalty()
        hessian = information @ robust + precision
        self.covariance = np.linalg.inv((hessian + hessian.T) / 2)
        change = self.covariance @ (robust.T @ gradient - precision @ self.beta)
        self.beta = self.beta + change * min(1.0, 2.0 / max(np.abs(change).max(), 1e-12))
        self.learn_deviations()

    def poisson(self) -> tuple[Floats, Floats]:
        """Return information and gradient of the Poisson likelihood."""
        information, gradient = np.zeros((len(self.beta), len(self.beta))), np.zeros(len(self.beta))
        for group, (week, age, exposed, counted) in enumerate(self.rows or ()):
            value, slopes = self.log_factors(group)
            rate = self.beta[self.ages(group)][age] + value[week]
            mean = exposed * np.exp(np.clip(rate, -_MOST, _MOST))
            ages = np.eye(len(_AGES) + 1)[age]
            local = np.concatenate([slopes[week], ages, slopes[week]], axis=1)
            place = self.place(group)
            information[np.ix_(place, place)] += (local * mean[:, None]).T @ local
            np.add.at(gradient, place, local.T @ (counted - mean))
        return information, gradient

    def scores(self, information: Floats) -> Floats:
        """Return the sum over parts of the squares of their gradients, between coefficients.

        It is the variance of the gradient whatever the purchases of one customer have in common
        (Liang and Zeger 1986, Longitudinal Data Analysis Using Generalized Linear Models,
        Biometrika 73(1), 13-22). With few parts, it is drawn towards the information.
        """
        size = len(self.beta)
        found, parts = np.zeros((size, size)), np.count_nonzero(self.weeks.born)
        for group, (born, bought) in enumerate(
            zip(self.weeks.born, self.weeks.bought, strict=True)
        ):
            value, slopes = self.log_factors(group)
            age = self.ages_of(group)
            later = np.triu(np.ones(age.shape), k=1)
            rate = later * np.exp(np.clip(self.beta[self.ages(group)][age] + value, -_MOST, _MOST))
            rest = bought * later[:, None] - born[:, :, None] * rate[:, None]
            of_slopes = rest @ slopes
            of_ages = rest @ np.eye(len(_AGES) + 1)[age]
            each = np.concatenate([of_slopes, of_ages, of_slopes], axis=2)
            each = each.reshape(-1, each.shape[2])
            place = self.place(group)
            found[np.ix_(place, place)] += each.T @ each
        mixed = (parts * found + size * information) / (parts + size)
        return np.asarray(mixed + _RIDGE * np.eye(size))

    def parts(self) -> dict[str, Integers]:
        """Return the positions of the coefficients that share a standard deviation."""
        season, walk = 2 * _HARMONICS, slice(2 * _HARMONICS + 1, self.design.shape[1])
        every = np.arange(len(self.beta))
        owned = [every[self.own(g)] for g in range(len(self.weeks.born))]
        return {
            "season": every[:season],
            "walk": every[walk],
            "season apart": np.concatenate([own[:season] for own in owned]),
            "walk apart": np.concatenate([own[walk] for own in owned]),
        }

    def learn_deviations(self) -> None:
        """Update each standard deviation by the posterior mean of squares and its prior."""
        assert self.covariance is not None
        square = self.beta**2 + np.diagonal(self.covariance)
        for name, place in self.parts().items():
            prior = _PRIOR_WEIGHT * _PRIOR_SD[name] ** 2
            total = prior + square[place].sum()
            self.sd[name] = float(np.sqrt(total / (_PRIOR_WEIGHT + len(place))))

    def penalty(self) -> Floats:
        """Return the prior precision of the coefficients."""
        n = self.design.shape[1]
        sd = np.full(len(self.beta), 100.0)
        for name, place in self.parts().items():
            sd[place] = self.sd[name]
        sd[2 * _HARMONICS], sd[n : self.size] = _SLOPE_SD, _EVENT_SD
        alone = len(self.weeks.born) == 1  # one group does not deviate
        for group in range(len(self.weeks.born)):
            own = np.arange(len(self.beta))[self.own(group)]
            sd[own[2 * _HARMONICS]], sd[own[n:]] = _SLOPE_APART, _EVENT_APART
            if alone:
                sd[own] = 1e-4
        precision = np.diag(1 / sd**2)
        rises = np.diff(np.eye(len(_AGES) + 1), axis=0) / _AGE_SD
        for group in range(len(self.weeks.born)):
            precision[self.ages(group), self.ages(group)] += rises.T @ rises
        return precision

    def effects(self) -> Effects:
        assert self.covariance is not None
        groups = range(len(self.weeks.born))
        to_group = np.zeros((len(groups), self.size, len(self.beta)))
        for group in groups:
            to_group[group, :, : self.size] = np.eye(self.size)
            to_group[group, :, self.own(group)] = np.eye(self.size)
        mean = to_group @ self.beta
        flat = to_group.reshape(-1, len(self.beta))
        apart = self.sd["walk apart"] if len(groups) > 1 else 0.0
        return Effects(mean, flat @ self.covariance @ flat.T, (self.sd["walk"], apart))


def _shares(weeks: Weeks) -> Floats:
    """Return the share of each event in the purchases of each week without its effect."""
    day = weeks.first[:, None] + np.arange(7)
    usual = weeks.weekday[:, (day + 3) % 7] / 7  # day 0 was a Thursday
    inside = [np.isin(day, days) for days in weeks.events.values()]
    held = np.array(inside, dtype=np.float64).reshape(-1, *day.shape)
    return np.asarray(np.einsum("gwd,ewd->gwe", usual, held))
