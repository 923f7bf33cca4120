"""Predictions by frequency and recency: histogram, expectations and matrices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._frames import Tabular
from omniltv._options import Few, Level, Many, Natural, Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.data.holdout import CalibrationHoldout
from omniltv.errors import ConfigError
from omniltv.models.checks._shared import (
    Floats,
    Integers,
    Shown,
    check_unit,
    chunks,
    tails,
)
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.fits import PurchaseFit
from omniltv.models.posterior.pooling import JOIN
from omniltv.models.processes.protocols import Parameters
from omniltv.units import Span, TimeUnit

__all__ = [
    "ConditionalExpectation",
    "FrequencyHistogram",
    "FrequencyRecencyMatrix",
    "conditional_expectation",
    "expected_purchases_matrix",
    "frequency_histogram",
    "prob_alive_matrix",
]

_ROUNDS = 1_000


@checked
@dataclass(frozen=True, eq=False, repr=False)
class FrequencyHistogram(Shown):
    """Numbers of customers with 0, 1, 2 … repeat purchases; made by `frequency_histogram`.

    Attributes:
        actual: Customers by repeat purchases, of shape (most + 1,); the last entry is for
            ``most`` or more.
        predicted: Simulated numbers under posterior draws, of shape (most + 1, n_draws).
        level: Level of the predictive intervals.

    Examples:
        >>> predicted = np.array([[4, 6], [3, 3], [3, 1]])
        >>> found = FrequencyHistogram(np.array([5, 3, 2]), predicted)
        >>> found.columns()["frequency"].tolist(), found.columns()["predicted"].tolist()
        (['0', '1', '2+'], [5.0, 3.0, 2.0])
    """

    actual: Integers
    predicted: Integers
    level: Level = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per number of repeat purchases."""
        most = len(self.actual) - 1
        lower, upper = np.quantile(self.predicted, tails(self.level), axis=1)
        return {
            "frequency": np.array([*map(str, range(most)), f"{most}+"]),
            "actual": self.actual,
            "predicted": self.predicted.mean(axis=1),
            "lower": lower,
            "upper": upper,
        }


@checked
def frequency_histogram(
    fit: PurchaseFit,
    history: PurchaseHistory,
    *,
    seed: Seed,
    most: Few = 7,
    draws: Many = 500,
    level: Level = 0.9,
) -> FrequencyHistogram:
    """Return the actual and predicted numbers of customers with 0, 1, 2 … repeat purchases.

    This is a posterior predictive check: under each posterior draw, every customer is
    simulated from the first purchase, for their observation time. Customers of a history that
    is `selected` are simulated again until they have enough purchases.

    Args:
        fit: The posterior of a purchase model.
        history: Usually the history of the fit.
        seed: Seed of the simulation.
        most: The last bar is for this many repeat purchases or more.
        draws: Number of posterior draws, evenly spaced.
        level: Level of the predictive intervals.

    Raises:
        UnitError: If history and fit have different units of time.
        ConfigError: If an argument is out of range.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, t, T = BgNbd().simulate(truth, np.full(200, 40.0), np.random.default_rng(1))
        >>> history = PurchaseHistory(np.arange(200), x, t, T, x * np.nan, "week")
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> frequency_histogram(found, history, seed=1, most=2).actual.sum()
        np.int64(200)
    """
    check_unit(fit, history)
    cells, picked = fit.cells(history), evenly(draws, fit.n_draws)
    counts = np.zeros((most + 1, draws), dtype=np.int64)
    for rows, rng in chunks(len(history), seed):
        parameters = cells.take(rows).flat_parameters(picked)
        T = np.repeat(history.T[rows], draws)
        x = _simulated(fit, parameters, T, history.at_least, rng)
        cell = np.minimum(x, most) * draws + np.tile(np.arange(draws), len(x) // draws)
        counts += np.bincount(cell, minlength=counts.size).reshape(counts.shape)
    actual = np.bincount(np.minimum(history.frequency, most), minlength=most + 1)
    return FrequencyHistogram(actual, counts, level)


def _simulated(
    fit: PurchaseFit, parameters: Parameters, T: Floats, at_least: Natural, rng: np.random.Generator
) -> Integers:
    """Return simulated repeat purchases, each at least so many.

    After `_ROUNDS`, they are set to the smallest number: given that so improbable a number is
    reached, it is hardly ever exceeded.
    """
    x: Integers = np.array(fit.model.simulate(parameters, T, rng).frequency, dtype=np.int64)
    for _ in range(_ROUNDS):
        few = np.flatnonzero(x < at_least)
        if not len(few):
            return x
        again = {name: values[few] for name, values in parameters.items()}
        x[few] = fit.model.simulate(again, T[few], rng).frequency
    return np.asarray(np.maximum(x, at_least), dtype=np.int64)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ConditionalExpectation(Shown):
    """Holdout purchases given the calibration; made by `conditional_expectation`.

    Attributes:
        by: ``"frequency"`` or ``"recency"``.
        labels: The groups, in order.
        size: Number of customers in each group, of shape (n_groups,).
        actual: Mean holdout purchases, of shape (n_groups,).
        expected: Draws of the expected mean, of shape (n_groups, n_draws).
        level: Level of the credible intervals of the expectation.

    Examples:
        >>> size, expected = np.array([70, 30]), np.array([[0.2, 0.4], [1.0, 1.2]])
        >>> found = ConditionalExpectation(
        ...     "frequency", ("0", "1+"), size, np.array([0.3, 1.4]), expected)
        >>> found.columns()["expected"].round(3).tolist()
        [0.3, 1.1]
    """

    by: str
    labels: tuple[str, ...]
    size: Integers
    actual: Floats
    expected: Floats
    level: Level = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per group."""
        lower, upper = np.quantile(self.expected, tails(self.level), axis=1)
        return {
            self.by: np.asarray(self.labels),
            "customers": self.size,
            "actual": self.actual,
            "expected": self.expected.mean(axis=1),
            "lower": lower,
            "upper": upper,
        }


@checked
def conditional_expectation(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    by: Literal["frequency", "recency"] = "frequency",
    most: Few = 7,
    level: Level = 0.9,
) -> ConditionalExpectation:
    """Return expected and actual mean holdout purchases, by calibration frequency or recency.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: The result of `PurchaseLog.split`.
        by: Group customers by their repeat purchases in calibration, or by the time of the
            last one, in ``most`` classes of about equal size and one for no repeat purchase.
        most: The last group has this many repeat purchases or more.
        level: Level of the intervals.

    Raises:
        UnitError: If history and fit have different units of time.
        ConfigError: If an argument is out of range.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth, rng = {"r": 0.9, "alpha": 6.0, "a": 0.7, "b": 2.5}, np.random.default_rng(2)
        >>> state = BgNbd().simulate(truth, np.full(200, 40.0), rng)
        >>> later = np.bincount(BgNbd().simulate_future(truth, state, 20.0, rng).row, minlength=200)
        >>> history = PurchaseHistory(np.arange(200), *state, np.full(200, np.nan), "week")
        >>> split = CalibrationHoldout(history, later, later * 9.0, Span(20, TimeUnit.WEEK), 0)
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> conditional_expectation(found, split, most=3).labels
        ('0', '1', '2', '3+')
    """
    history = holdout.calibration
    check_unit(fit, history)
    if most < 1 or by not in ("frequency", "recency"):
        raise ConfigError(f'by is "frequency" or "recency", most at least 1: {by!r}, {most}')
    codes, labels = _frequencies(history, most) if by == "frequency" else _recencies(history, most)
    used, group = np.unique(codes, return_inverse=True)
    size = np.bincount(group)
    expected = fit.expected_purchases(history, holdout.holdout_span)
    total = expected.total(np.char.zfill(group.astype(str), 4))  # sorted as numbers are
    actual = np.bincount(group, weights=holdout.holdout_frequency) / size
    return ConditionalExpectation(
        by, tuple(labels[code] for code in used), size, actual, total.values / size[:, None], level
    )


def _frequencies(history: PurchaseHistory, most: int) -> tuple[Integers, list[str]]:
    return np.minimum(history.frequency, most), [*map(str, range(most)), f"{most}+"]


def _recencies(history: PurchaseHistory, classes: int) -> tuple[Integers, list[str]]:
    """Return the class of each row's recency, and the labels of the classes."""
    bought = history.frequency > 0
    if not bought.any():
        return np.zeros(len(history), dtype=np.int64), ["none"]
    shares = np.linspace(0, 1, classes + 1)[1:]
    edges = np.unique(np.quantile(history.recency[bought], shares, method="inverted_cdf"))
    codes = np.where(bought, 1 + np.searchsorted(edges, history.recency), 0)
    starts = np.concatenate([[0.0], edges[:-1]])
    named = [f"{low:.4g} to {high:.4g}" for low, high in zip(starts, edges, strict=True)]
    return codes.astype(np.int64), ["none", *named]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class FrequencyRecencyMatrix(Tabular):
    """A forecast for each frequency and recency; NaN for impossible pairs.

    Attributes:
        name: Name of the forecast quantity.
        frequency: Repeat purchases, of shape (n_frequencies,).
        recency: Time of the last one, of shape (n_recencies,).
        T: Observation time.
        unit: The unit of ``recency`` and ``T``.
        mean: Posterior mean, of shape (n_frequencies, n_recencies).
        lower: Lower end of the interval, same shape.
        upper: Upper end of the interval, same shape.

    Examples:
        >>> mean = np.array([[0.9, np.nan], [0.4, 0.8]])
        >>> FrequencyRecencyMatrix("P(alive)", np.arange(2), np.array([0.0, 9.0]), 9.0,
        ...     TimeUnit.WEEK, mean, mean - 0.1, mean + 0.1)
        FrequencyRecencyMatrix(P(alive): 2 frequencies x 2 recencies, T = 9 weeks)
    """

    name: str
    frequency: Integers
    recency: Floats
    T: float
    unit: TimeUnit
    mean: Floats
    lower: Floats
    upper: Floats

    def __repr__(self) -> str:
        rows, columns = self.mean.shape
        size = f"{rows} frequencies x {columns} recencies"
        return f"FrequencyRecencyMatrix({self.name}: {size}, T = {Span(self.T, self.unit)})"

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per frequency and recency."""
        return {
            "frequency": np.repeat(self.frequency, len(self.recency)),
            "recency": np.tile(self.recency, len(self.frequency)),
            "mean": self.mean.ravel(),
            "lower": self.lower.ravel(),
            "upper": self.upper.ravel(),
        }


@checked
def prob_alive_matrix(
    fit: PurchaseFit,
    *,
    T: Span,
    group: str = "",
    frequency: ArrayLike | None = None,
    recency: ArrayLike | None = None,
    level: Level = 0.9,
) -> FrequencyRecencyMatrix:
    """Return P(alive) for each frequency and recency of customers observed for ``T``.

    Args:
        fit: The posterior of a purchase model. Covariates have their means.
        T: Observation time.
        group: One of ``fit.groups``.
        frequency: Repeat purchases; 0 to 20 if None.
        recency: Times of the last one, in the unit of the fit. If None, 41 times from 0 to
            ``T``, or each opportunity in discrete time.
        level: Level of the intervals.

    Raises:
        ConfigError: If the fit has no such group.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> x, t, T = BgNbd().simulate({"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5},
        ...                            np.full(200, 40.0), np.random.default_rng(3))
        >>> history = PurchaseHistory(np.arange(200), x, t, T, x * np.nan, "week")
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> alive = prob_alive_matrix(found, T=Span(40, TimeUnit.WEEK))
        >>> bool(alive.mean[5, -1] > alive.mean[5, 10])  # a later last purchase is better
        True
    """
    grid = _Grid.of(fit, T, group, frequency, recency)
    draws = fit.prob_alive(grid.history)
    return grid.matrix("P(alive)", draws.mean(), draws.interval(level))


@checked
def expected_purchases_matrix(
    fit: PurchaseFit,
    horizon: Span,
    *,
    T: Span,
    group: str = "",
    frequency: ArrayLike | None = None,
    recency: ArrayLike | None = None,
    level: Level = 0.9,
) -> FrequencyRecencyMatrix:
    """Return expected purchases within a horizon for each frequency and recency.

    Args:
        fit: The posterior of a purchase model. Covariates have their means.
        horizon: Time ahead of the end of observation.
        T: Observation time.
        group: One of ``fit.groups``.
        frequency: Repeat purchases.
        recency: Times of the last one, in the unit of the fit.
        level: Level of the intervals.

    Raises:
        ConfigError: If the fit has no such group.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth = {"r": 0.9, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, t, T = BgNbd().simulate(truth, np.full(250, 40.0), np.random.default_rng(4))
        >>> history = PurchaseHistory(np.arange(250), x, t, T, x * np.nan, "week")
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> year, seen = Span(52, TimeUnit.WEEK), Span(40, TimeUnit.WEEK)
        >>> expected_purchases_matrix(found, year, T=seen, recency=[0, 20, 40])
        FrequencyRecencyMatrix(expected purchases in 52 weeks: 21 frequencies x 3 recencies, ...)
    """
    grid = _Grid.of(fit, T, group, frequency, recency)
    draws = fit.expected_purchases(grid.history, horizon)
    return grid.matrix(f"expected purchases in {horizon}", draws.mean(), draws.interval(level))


@dataclass(frozen=True, eq=False)
class _Grid:
    """Frequencies and recencies, with one customer for each possible pair.

    Attributes:
        frequency: Repeat purchases, of shape (n_frequencies,).
        recency: Times of the last one, of shape (n_recencies,).
        possible: Whether a pair is possible, of shape (n_frequencies, n_recencies).
        history: One customer for each possible pair.
        T: Observation time.
    """

    frequency: Integers
    recency: Floats
    possible: NDArray[np.bool_]
    history: PurchaseHistory
    T: float

    @classmethod
    def of(
        cls,
        fit: PurchaseFit,
        T: Span,
        group: str,
        frequency: ArrayLike | None,
        recency: ArrayLike | None,
    ) -> "_Grid":
        if group not in fit.groups:
            known = ", ".join(map(repr, fit.groups[:5]))
            raise ConfigError(f"the fit has no group {group!r}. Hint: one of {known}")
        length = T.to(fit.unit)
        whole = fit.model.discrete
        x = np.arange(21) if frequency is None else np.atleast_1d(np.asarray(frequency))
        even = np.arange(length + 1) if whole else np.linspace(0, length, 41)
        t = even if recency is None else np.atleast_1d(np.asarray(recency, dtype=np.float64))
        pairs = np.broadcast_arrays(x[:, None], t)
        possible = (pairs[0] > 0) == (pairs[1] > 0)
        possible &= (pairs[1] <= length) & (not whole or pairs[0] <= pairs[1])
        of_each = dict(zip(fit.pooling.columns, group.split(JOIN), strict=False))
        n = int(possible.sum())
        history = PurchaseHistory(
            customer_id=np.arange(n).astype(object),
            frequency=pairs[0][possible],
            recency=pairs[1][possible],
            T=np.full(n, length),
            monetary_value=np.full(n, np.nan),
            unit=fit.unit,
            groups={name: np.full(n, label) for name, label in of_each.items()},
            covariates={effect.covariate: np.full(n, effect.centre) for effect in fit.effects},
        )
        return cls(x.astype(np.int64), t, possible, history, length)

    def matrix(self, name: str, mean: Floats, interval: Floats) -> FrequencyRecencyMatrix:
        """Return values of the customers in their places."""
        placed = np.full((3, *self.possible.shape), np.nan)
        placed[:, self.possible] = np.column_stack([mean, interval]).T
        return FrequencyRecencyMatrix(
            name, self.frequency, self.recency, self.T, self.history.unit, *placed
        )
