"""Whether a purchase model can be believed: what it says against what customers did.

Every check takes any fit, works from joint posterior draws, and in blocks: memory does not
grow with customers times draws. What the model says of the calibration period it has seen;
what it says of a holdout (`PurchaseLog.split`) it has not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special, stats

from omniltv._frames import Table, Tabular, positions
from omniltv.data.history import PurchaseHistory
from omniltv.data.log import CalibrationHoldout, PurchaseLog
from omniltv.draws import RowDraws, Totals
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models._interpolate import Cells, over_draws
from omniltv.models._numpy import NUMPY
from omniltv.models.fits import PurchaseFit, SpendFit, group_labels, purchase_state
from omniltv.models.pooling import JOIN
from omniltv.models.protocols import Parameters, PurchaseState, SpendState
from omniltv.units import Span, TimeUnit

__all__ = [
    "Comparison",
    "ConditionalExpectation",
    "Coverage",
    "FrequencyHistogram",
    "LogScore",
    "Loo",
    "Matrix",
    "Ranking",
    "Tracking",
    "compare",
    "conditional_expectation",
    "coverage",
    "expected_purchases_matrix",
    "frequency_histogram",
    "holdout_log_score",
    "loo",
    "prob_alive_matrix",
    "ranking",
    "tracking",
]

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]
type Period = Literal["day", "week", "month", "year"]

_LEVELS = (0.5, 0.8, 0.95)
_BLOCK_VALUES = 1_000_000
_ROWS_PER_SEED = 256  # part of what a seed means: another number, other futures
_BAD_KHAT = 0.7
_PIT_BINS = 20
_NODES = 24  # of integrals over the holdout, and one more for every eighth purchase
_TRIED, _TRIED_DRAWS, _CLOSE = 50, 4, 1e-4
_TINY, _SAME = 1e-300, 1e-9
_FEWEST = 100  # draws, for a tail to be seen
_FREQUENCY = {"day": "D", "week": "W-SUN", "month": "M", "year": "Y"}  # weeks end on Sunday


class _Shown(Tabular):
    """A table whose repr is the table."""

    def __repr__(self) -> str:
        return repr(Table(self.columns()))


@dataclass(frozen=True, eq=False, repr=False)
class Tracking(_Shown):
    """Repeat purchases by calendar time, expected and actual; made by `tracking`.

    Attributes:
        labels: The groups, sorted; ``("all",)`` without groups.
        end: Last day of each step, of shape (n_steps,).
        calibration: Whether a step lies in the calibration period, of shape (n_steps,).
        actual: Repeat purchases until the end of each step, of shape (n_groups, n_steps).
        expected: Draws of what the model expects until then, of shape
            (n_groups, n_steps, n_draws).
        level: Level of the intervals. They are those of the expectation: they say how well
            it is known, not how purchases scatter around it.
    """

    labels: tuple[str, ...]
    end: NDArray[np.datetime64]
    calibration: NDArray[np.bool_]
    actual: Integers
    expected: Floats
    level: float = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per group and step: purchases in the step, and until its end."""
        n_groups, n_steps = self.actual.shape
        total = self.expected
        step = np.diff(total, axis=1, prepend=0.0)
        told: dict[str, NDArray[np.generic]] = {
            "group": np.repeat(self.labels, n_steps),
            "end": np.tile(self.end, n_groups),
            "calibration": np.tile(self.calibration, n_groups),
        }
        for suffix, counts, draws in (
            ("", np.diff(self.actual, axis=1, prepend=0), step),
            ("_cumulative", self.actual, total),
        ):
            lower, upper = np.quantile(draws, _tails(self.level), axis=-1)
            told |= {
                f"actual{suffix}": counts.ravel(),
                f"expected{suffix}": draws.mean(axis=-1).ravel(),
                f"lower{suffix}": lower.ravel(),
                f"upper{suffix}": upper.ravel(),
            }
        return told


def tracking(
    fit: PurchaseFit,
    history: PurchaseHistory,
    *,
    log: PurchaseLog[object],
    until: str | np.datetime64 | pd.Timestamp | None = None,
    by: str | None = None,
    step: Span | None = None,
    period: TimeUnit | Period = TimeUnit.DAY,
    draws: int = 500,
    level: float = 0.9,
) -> Tracking:
    """Return expected and actual repeat purchases by calendar time, before and after the split.

    The expectation is of everybody in the history as a new customer: the sum over customers
    of E[X(t - first purchase)], with no regard to what they did since (Fader, Hardie and Lee
    2005, figures 2 and 3). A step that ends with the calibration period is always among them.

    Args:
        fit: The posterior of a purchase model.
        history: The calibration history, made from the log with the same ``period``; a group
            ``channel`` means a row per customer and channel, as `PurchaseLog.history` has it.
        log: What really happened, before and after. Customers who came later do not count.
        until: Last moment looked at; the last purchase of the log where None.
        by: Name of a group column of the history.
        step: Length of a step; one unit of the fit where None.
        period: Purchases within one are one, as in `PurchaseLog.history`.
        draws: How many posterior draws are used, evenly spread.
        level: Level of the intervals.

    Raises:
        DataError: If the history was not made from the log, or has no such group column.
        UnitError: If history and fit count time in different units.
        ConfigError: If a step is shorter than a period, or an argument is out of range.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> rng = np.random.default_rng(1)
        >>> day = pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, 200, 300), "D")
        >>> table = {"customer_id": rng.integers(0, 60, 300), "channel": "ec", "time": day}
        >>> log = PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))
        >>> history = log.history(unit="week", end="2026-04-30")
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> tracked = tracking(found, history, log=log)
        >>> bool(tracked.actual[0, tracked.calibration][-1] == history.frequency.sum())
        True
    """
    _check_unit(fit, history)
    calendar = _Calendar.of(history, log, TimeUnit(period), until)
    size = (step or Span(1.0, fit.unit)).to(calendar.grain)
    if size < 1:
        raise ConfigError(f"a step is shorter than a {calendar.grain}. Hint: step=weeks(1)")
    ends = calendar.ends(size)
    codes, labels = _codes(history, by)
    picked = np.unique(_spread(draws, fit.n_draws))
    return Tracking(
        labels=labels,
        end=calendar.dates(ends),
        calibration=ends <= calendar.split,
        actual=calendar.actual(ends, codes, len(labels)),
        expected=_expected(fit, history, calendar, ends, codes, picked),
        level=level,
    )


@dataclass(frozen=True, eq=False)
class _Calendar:
    """Repeat purchases of the rows of a history in numbered calendar periods.

    Attributes:
        grain: What is numbered.
        birth: Period of the first purchase of each row, of shape (n_rows,).
        split: Last period of calibration.
        last: Last period looked at.
        row: Row of each repeat purchase, until the last period.
        period: Its period.
    """

    grain: TimeUnit
    birth: Integers
    split: int
    last: int
    row: NDArray[np.intp]
    period: Integers

    @classmethod
    def of(
        cls,
        history: PurchaseHistory,
        log: PurchaseLog[object],
        grain: TimeUnit,
        until: str | np.datetime64 | pd.Timestamp | None,
    ) -> "_Calendar":
        row, period = _occasions(history, log, grain)
        birth = np.full(len(history), np.iinfo(np.int64).max)
        np.minimum.at(birth, row, period)
        ends = birth + np.round(history.T * (history.unit.in_days / grain.in_days)).astype(np.int64)
        last = period.max() if until is None else _numbers([pd.Timestamp(until)], grain)[0]
        repeat = period > birth[row]
        found = np.bincount(row[repeat & (period <= ends[row])], minlength=len(history))
        wrong = (ends != ends[0]) | (found != history.frequency)
        if wrong.any():
            hint = f'history = log.history(end=..., period="{grain}"), and the same period here'
            problem = "the history does not say what the log says"
            raise DataError(problem, rows=history.customer_id[wrong].tolist(), hint=hint)
        if last <= birth.min():
            raise ConfigError(f"nothing to track until {until}. Hint: a later `until`")
        repeat &= period <= last
        return cls(grain, birth, int(ends[0]), int(last), row[repeat], period[repeat])

    def ends(self, size: float) -> Integers:
        """Return the last period of each step; the calibration ends with a step."""
        first = np.floor((self.birth.min() - self.split) / size) + 1
        steps = np.arange(first, np.floor((self.last - self.split) / size) + 1)
        return np.floor(self.split + steps * size + 1e-9).astype(np.int64)

    def dates(self, periods: Integers) -> NDArray[np.datetime64]:
        """Return the last day of periods."""
        freq = _FREQUENCY[self.grain]
        ends = [pd.Period(ordinal=int(number), freq=freq).end_time for number in periods]
        return np.array([np.datetime64(end.date(), "s") for end in ends], dtype="datetime64[s]")

    def actual(self, ends: Integers, codes: NDArray[np.intp], n_groups: int) -> Integers:
        """Return repeat purchases until each end, of shape (n_groups, n_steps)."""
        step = np.searchsorted(ends, self.period)
        cell = codes[self.row] * (len(ends) + 1) + step
        counts = np.bincount(cell, minlength=n_groups * (len(ends) + 1))
        return counts.reshape(n_groups, -1)[:, :-1].cumsum(axis=1)


def _occasions(
    history: PurchaseHistory, log: PurchaseLog[object], grain: TimeUnit
) -> tuple[NDArray[np.intp], Integers]:
    """Return row and period of each purchase occasion of the customers of a history."""
    customer = positions(history.customer_id, log.customer_id)
    strange = customer < 0
    keys, bought = customer, log.customer
    if "channel" in history.groups:
        names = np.array(log.channels)
        channel = np.searchsorted(names, history.groups["channel"]).clip(max=len(names) - 1)
        strange |= names[channel] != history.groups["channel"]
        keys, bought = customer * len(names) + channel, bought * len(names) + log.channel
    if strange.any() or not len(history):
        rows = history.customer_id[strange].tolist()
        raise DataError("rows that the log does not have", rows=rows, hint="log.history(...)")
    row = pd.Index(keys).get_indexer(pd.Index(bought))
    known = row >= 0
    period = _numbers(log.time[known], grain)
    pairs = np.unique(np.stack([row[known], period]), axis=1)
    return pairs[0].astype(np.intp), pairs[1]


def _numbers(times: list[pd.Timestamp] | NDArray[np.datetime64], grain: TimeUnit) -> Integers:
    """Return consecutive numbers of calendar periods."""
    stamps = pd.DatetimeIndex(times)
    return np.asarray(stamps.to_period(_FREQUENCY[grain]).asi8, dtype=np.int64)


def _expected(
    fit: PurchaseFit,
    history: PurchaseHistory,
    calendar: _Calendar,
    ends: Integers,
    codes: NDArray[np.intp],
    picked: NDArray[np.intp],
) -> Floats:
    """Return draws of expected repeat purchases until each end, (n_groups, n_steps, n_draws).

    Customers of one kind (one cell of the fit) and one age at the end of a step expect the
    same, so each kind and age is worked out once.
    """
    cells = fit.cells(history)
    _, first, kind = np.unique(
        np.column_stack([cells.group, cells.covariates]),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    born = np.column_stack([kind.ravel(), codes, calendar.birth])
    cohorts, count = np.unique(born, axis=0, return_counts=True)
    age = np.maximum(ends - cohorts[:, 2:], 0)
    distinct, at = np.unique(cohorts[:, :1] * (age.max() + 1) + age, return_inverse=True)
    row = cohorts[:, 1:2] * len(ends) + np.arange(len(ends))
    cell = np.column_stack([row.ravel(), at.ravel()]).T
    shape = ((codes.max() + 1) * len(ends), len(distinct))
    weight = sparse.csc_array((np.repeat(count, len(ends)).astype(float), cell), shape=shape)
    scale = calendar.grain.in_days / fit.unit.in_days if fit.unit != calendar.grain else 1.0
    total = np.zeros((shape[0], len(picked)))
    for some in _slices(len(distinct), len(picked)):
        which, length = np.divmod(distinct[some], age.max() + 1)
        parameters = cells.take(first[which]).parameters(picked)
        horizon = length[:, None] * scale
        total += weight[:, some] @ fit.model.expected_purchases_new(parameters, horizon)
    return total.reshape(-1, len(ends), len(picked))


@dataclass(frozen=True, eq=False, repr=False)
class FrequencyHistogram(_Shown):
    """How many customers made 0, 1, 2 … repeat purchases; made by `frequency_histogram`.

    Attributes:
        actual: Customers by repeat purchases, the last entry being that many or more; of
            shape (most + 1,).
        predicted: Simulated counts under posterior draws, of shape (most + 1, n_draws).
        level: Level of the predictive intervals.
    """

    actual: Integers
    predicted: Integers
    level: float = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per number of repeat purchases."""
        most = len(self.actual) - 1
        lower, upper = np.quantile(self.predicted, _tails(self.level), axis=1)
        return {
            "frequency": np.array([*map(str, range(most)), f"{most}+"]),
            "actual": self.actual,
            "predicted": self.predicted.mean(axis=1),
            "lower": lower,
            "upper": upper,
        }


def frequency_histogram(
    fit: PurchaseFit,
    history: PurchaseHistory,
    *,
    seed: int,
    most: int = 7,
    draws: int = 500,
    level: float = 0.9,
) -> FrequencyHistogram:
    """Return how many customers made 0, 1, 2 … repeat purchases, and how many are predicted.

    Under each posterior draw every customer is simulated anew, from the first purchase on
    for as long as they were observed (a posterior predictive check).

    Args:
        fit: The posterior of a purchase model.
        history: Usually the one that was fitted.
        seed: Of the simulation.
        most: The last bar counts this many repeat purchases or more.
        draws: How many posterior draws are used, evenly spread.
        level: Level of the predictive intervals.

    Raises:
        UnitError: If history and fit count time in different units.
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
    _check_unit(fit, history)
    if most < 1:
        raise ConfigError(f"the last bar counts at least 1, got {most}")
    cells, picked = fit.cells(history), _spread(draws, fit.n_draws)
    counts = np.zeros((most + 1, draws), dtype=np.int64)
    for rows, rng in _chunks(len(history), seed):
        parameters = _flat(cells, rows, picked)
        T = np.repeat(history.T[rows], draws)
        x = np.asarray(fit.model.simulate(parameters, T, rng).frequency).astype(np.int64)
        cell = np.minimum(x, most) * draws + np.tile(np.arange(draws), len(x) // draws)
        counts += np.bincount(cell, minlength=counts.size).reshape(counts.shape)
    actual = np.bincount(np.minimum(history.frequency, most), minlength=most + 1)
    return FrequencyHistogram(actual, counts, level)


@dataclass(frozen=True, eq=False, repr=False)
class ConditionalExpectation(_Shown):
    """Holdout purchases given what came before; made by `conditional_expectation`.

    Attributes:
        by: What customers are grouped by.
        labels: The groups, in order.
        size: Customers in each, of shape (n_groups,).
        actual: Mean holdout purchases, of shape (n_groups,).
        expected: Draws of the expected mean, of shape (n_groups, n_draws).
        level: Level of the intervals, which are those of the expectation.
    """

    by: str
    labels: tuple[str, ...]
    size: Integers
    actual: Floats
    expected: Floats
    level: float = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per group."""
        lower, upper = np.quantile(self.expected, _tails(self.level), axis=1)
        return {
            self.by: np.asarray(self.labels),
            "customers": self.size,
            "actual": self.actual,
            "expected": self.expected.mean(axis=1),
            "lower": lower,
            "upper": upper,
        }


def conditional_expectation(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    by: Literal["frequency", "recency"] = "frequency",
    most: int = 7,
    level: float = 0.9,
) -> ConditionalExpectation:
    """Return mean holdout purchases, expected and actual, by what customers did before.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: As `PurchaseLog.split` gives it.
        by: Repeat purchases in calibration; or the time of the last of them, in as many
            classes of about equal size as ``most`` says, beside those who made none.
        most: The last group made this many repeat purchases or more.
        level: Level of the intervals.

    Raises:
        UnitError: If history and fit count time in different units.
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
    _check_unit(fit, history)
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
    """Return the class of each row's recency, and how classes are called."""
    bought = history.frequency > 0
    if not bought.any():
        return np.zeros(len(history), dtype=np.int64), ["none"]
    shares = np.linspace(0, 1, classes + 1)[1:]
    edges = np.unique(np.quantile(history.recency[bought], shares, method="inverted_cdf"))
    codes = np.where(bought, 1 + np.searchsorted(edges, history.recency), 0)
    starts = np.concatenate([[0.0], edges[:-1]])
    named = [f"{low:.4g} to {high:.4g}" for low, high in zip(starts, edges, strict=True)]
    return codes.astype(np.int64), ["none", *named]


@dataclass(frozen=True, eq=False, repr=False)
class Matrix(Tabular):
    """A forecast for each frequency and recency; NaN where both cannot be.

    Attributes:
        name: What is forecast.
        frequency: Repeat purchases, of shape (n_frequencies,).
        recency: Time of the last one, of shape (n_recencies,).
        T: Observation length.
        unit: The unit of ``recency`` and ``T``.
        mean: Posterior mean, of shape (n_frequencies, n_recencies).
        lower: Lower end of the interval, same shape.
        upper: Upper end of the interval, same shape.
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
        return f"Matrix({self.name}: {size}, T = {Span(self.T, self.unit)})"

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per frequency and recency."""
        return {
            "frequency": np.repeat(self.frequency, len(self.recency)),
            "recency": np.tile(self.recency, len(self.frequency)),
            "mean": self.mean.ravel(),
            "lower": self.lower.ravel(),
            "upper": self.upper.ravel(),
        }


def prob_alive_matrix(
    fit: PurchaseFit,
    *,
    T: Span,
    group: str = "",
    frequency: ArrayLike | None = None,
    recency: ArrayLike | None = None,
    level: float = 0.9,
) -> Matrix:
    """Return P(alive) for each frequency and recency of customers observed for ``T``.

    Args:
        fit: The posterior of a purchase model. Covariates are taken at their means.
        T: Observation length.
        group: One of ``fit.groups``.
        frequency: Repeat purchases; 0 to 20 where None.
        recency: Times of the last one, in the unit of the fit; 41 from 0 to ``T`` where None,
            in discrete time each opportunity.
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
        >>> bool(alive.mean[5, -1] > alive.mean[5, 10])  # the later the last one, the better
        True
    """
    grid = _Grid.of(fit, T, group, frequency, recency)
    draws = fit.prob_alive(grid.history)
    return grid.matrix("P(alive)", draws.mean(), draws.interval(level))


def expected_purchases_matrix(
    fit: PurchaseFit,
    horizon: Span,
    *,
    T: Span,
    group: str = "",
    frequency: ArrayLike | None = None,
    recency: ArrayLike | None = None,
    level: float = 0.9,
) -> Matrix:
    """Return expected purchases within a horizon for each frequency and recency.

    Args:
        fit: The posterior of a purchase model. Covariates are taken at their means.
        horizon: How far ahead of the end of observation.
        T: As in `prob_alive_matrix`, like all that follows.
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
        Matrix(expected purchases in 52 weeks: 21 frequencies x 3 recencies, T = 40 weeks)
    """
    grid = _Grid.of(fit, T, group, frequency, recency)
    draws = fit.expected_purchases(grid.history, horizon)
    return grid.matrix(f"expected purchases in {horizon}", draws.mean(), draws.interval(level))


@dataclass(frozen=True, eq=False)
class _Grid:
    """Frequencies and recencies, and the customers whom they can be of.

    Attributes:
        frequency: Of shape (n_frequencies,).
        recency: Of shape (n_recencies,).
        possible: Whether both can be, of shape (n_frequencies, n_recencies).
        history: One customer for each pair that can be.
        T: Observation length.
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

    def matrix(self, name: str, mean: Floats, interval: Floats) -> Matrix:
        """Return values of the customers in their places."""
        placed = np.full((3, *self.possible.shape), np.nan)
        placed[:, self.possible] = np.column_stack([mean, interval]).T
        return Matrix(name, self.frequency, self.recency, self.T, self.history.unit, *placed)


@dataclass(frozen=True, eq=False, repr=False)
class Coverage(_Shown):
    """How often holdouts lie within predictive intervals; made by `coverage`.

    Attributes:
        levels: Levels of the intervals.
        pit: Randomised probability integral transform of each row's ``purchases`` and, where
            there is a spend fit, ``value``; of shape (n_rows,) each, uniform where the model
            is right.
        predicted: Simulated totals by group, for the same quantities.
        actual: Actual totals by group, for the same quantities, of shape (n_groups,).
    """

    levels: tuple[float, ...]
    pit: Mapping[str, Floats]
    predicted: Mapping[str, Totals]
    actual: Mapping[str, Floats]

    def share(self, level: float, *, quantity: str = "purchases") -> float:
        """Return the share of rows within their central predictive interval of a level."""
        low, high = _tails(level)
        u = self.pit[quantity]
        return float(np.mean((u >= low) & (u <= high)))

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per quantity and level, with the standard error of the share."""
        pairs = [(name, level) for name in self.pit for level in self.levels]
        share = np.array([self.share(level, quantity=name) for name, level in pairs])
        rows = np.array([len(self.pit[name]) for name, _ in pairs])
        return {
            "quantity": np.array([name for name, _ in pairs]),
            "level": np.array([level for _, level in pairs]),
            "share": share,
            "error": np.sqrt(share * (1 - share) / rows),
        }

    def uniformity(self) -> Table:
        """Return tests of the PIT being uniform: Kolmogorov-Smirnov, and chi-square in 20 bins.

        Rows count as independent, which leaves out that they share the population's
        parameters: of millions of rows, small errors of these come out as significant.
        """
        tests = [_uniform(u) for u in self.pit.values()]
        names = ("ks", "ks_p_value", "chi_square", "chi_square_p_value")
        values = np.array(tests).T
        return Table(
            {"quantity": np.array(list(self.pit)), **dict(zip(names, values, strict=True))}
        )

    def totals(self, level: float = 0.9) -> Table:
        """Return totals per group with their predictive interval, and whether they are inside."""
        parts = []
        for name, predicted in self.predicted.items():
            actual, (lower, upper) = self.actual[name], predicted.interval(level).T
            parts.append(
                {
                    "quantity": np.full(len(actual), name),
                    "group": np.array(predicted.labels),
                    "actual": actual,
                    "predicted": predicted.mean(),
                    "lower": lower,
                    "upper": upper,
                    "inside": (lower <= actual) & (actual <= upper),
                }
            )
        return Table({key: np.concatenate([part[key] for part in parts]) for key in parts[0]})


def coverage(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    seed: int,
    spend: SpendFit | None = None,
    levels: Sequence[float] = _LEVELS,
    by: str | None = None,
    draws: int = 500,
) -> Coverage:
    """Return how often holdouts lie within predictive intervals.

    Under each posterior draw one future of each customer is simulated. Counts are few and
    small, so an interval cannot hold exactly 80 % of them: it is judged by the randomised
    probability integral transform, u = (simulated below + v (simulated equal + 1)) /
    (simulated + 1) with v uniform (Czado, Gneiting and Held 2009, Predictive model assessment
    for count data, Biometrics 65(4), eq. 1, here by ranks). A holdout is within the interval
    of level l where u is within (1 - l)/2 of neither end.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: As `PurchaseLog.split` gives it.
        seed: Of the simulated futures, and of v.
        spend: The posterior of a spend model with as many draws; adds ``value``.
        levels: Levels of the intervals.
        by: Name of a group column, for the totals.
        draws: How many futures of each customer, under draws evenly spread.

    Raises:
        UnitError: If history and fit count time in different units.
        ConfigError: If a level is not between 0 and 1, or the fits differ in draws.
        DataError: If there is no such group column.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth, rng = {"r": 0.9, "alpha": 5.0, "a": 0.7, "b": 2.5}, np.random.default_rng(5)
        >>> state = BgNbd().simulate(truth, np.full(200, 40.0), rng)
        >>> later = np.bincount(BgNbd().simulate_future(truth, state, 30.0, rng).row, minlength=200)
        >>> history = PurchaseHistory(np.arange(200), *state, np.full(200, np.nan), "week")
        >>> split = CalibrationHoldout(history, later, later * 9.0, Span(30, TimeUnit.WEEK), 0)
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> covered = coverage(found, split, seed=1)
        >>> 0.7 < covered.share(0.8) < 0.9
        True
    """
    for level in levels:
        _tails(level)
    futures = _simulated(fit, holdout, seed=seed, spend=spend, by=by, draws=draws)
    return _covered(futures, tuple(levels), seed)


@dataclass(frozen=True, eq=False)
class _Futures:
    """What simulated futures of rows come down to.

    Attributes:
        n: Futures of each row.
        labels: Groups of the totals.
        size: Rows in each.
        actual: What really happened by quantity, of shape (n_rows,) each.
        groups: Group of each row.
        below: Futures with less, by quantity, of shape (n_rows,) each.
        equal: Futures with as much, same.
        totals: Totals by quantity, of shape (n_groups, n) each.
        buying: Futures with a purchase, of shape (n_rows,).
        bought: Their purchases, of shape (n_rows,).
    """

    n: int
    labels: tuple[str, ...]
    size: Floats
    actual: Mapping[str, Floats]
    groups: NDArray[np.intp]
    below: dict[str, Integers] = field(default_factory=dict)
    equal: dict[str, Integers] = field(default_factory=dict)
    totals: dict[str, Floats] = field(default_factory=dict)
    buying: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    bought: Floats = field(default_factory=lambda: np.empty(0))


def _simulated(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    seed: int,
    draws: int,
    spend: SpendFit | None = None,
    by: str | None = None,
) -> _Futures:
    """Return simulated futures of every row, summed up chunk by chunk."""
    history = holdout.calibration
    _check_unit(fit, history)
    if spend is not None and spend.n_draws != fit.n_draws:
        counts = f"{fit.n_draws:,} and {spend.n_draws:,}"
        message = f"purchases and spend are paired draw by draw, and have {counts}"
        raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")
    groups, labels = _codes(history, by)
    actual = {"purchases": holdout.holdout_frequency.astype(np.float64)}
    if spend is not None:
        actual["value"] = holdout.holdout_value
    n = len(history)
    futures = _Futures(
        n=draws,
        labels=labels,
        size=np.bincount(groups, minlength=len(labels)).astype(np.float64),
        actual=actual,
        groups=groups,
        below={name: np.zeros(n, dtype=np.int64) for name in actual},
        equal={name: np.zeros(n, dtype=np.int64) for name in actual},
        totals={name: np.zeros((len(labels), draws)) for name in actual},
        buying=np.zeros(n, dtype=np.int64),
        bought=np.zeros(n),
    )
    for rows, found in _futures(fit, spend, holdout, seed=seed, draws=draws):
        _add(futures, rows, found)
    return futures


def _add(futures: _Futures, rows: slice, found: Mapping[str, Floats]) -> None:
    """Add the futures of some rows, of shape (rows, draws) by quantity."""
    for name, values in found.items():
        actual = futures.actual[name][rows, None]
        futures.below[name][rows] = (values < actual).sum(axis=1)
        futures.equal[name][rows] = (values == actual).sum(axis=1)
        np.add.at(futures.totals[name], futures.groups[rows], values)
    counts = found["purchases"]
    futures.buying[rows] = (counts > 0).sum(axis=1)
    futures.bought[rows] = counts.sum(axis=1)


def _futures(
    fit: PurchaseFit, spend: SpendFit | None, holdout: CalibrationHoldout, *, seed: int, draws: int
) -> Iterator[tuple[slice, Mapping[str, Floats]]]:
    """Yield rows and their futures by quantity, of shape (rows, draws)."""
    history, picked = holdout.calibration, _spread(draws, fit.n_draws)
    span = holdout.holdout_span.to(fit.unit)
    cells = fit.cells(history)
    of_spend = None if spend is None else spend.cells(history)
    for rows, rng in _chunks(len(history), seed):
        each = np.repeat(np.arange(len(history))[rows], draws)
        state = PurchaseState(
            history.frequency[each].astype(np.float64), history.recency[each], history.T[each]
        )
        future = fit.model.simulate_future(_flat(cells, rows, picked), state, span, rng)
        counts = np.bincount(future.row, minlength=len(each)).astype(np.float64)
        found = {"purchases": counts.reshape(-1, draws)}
        if spend is not None and of_spend is not None:
            known = SpendState(state.frequency, history.monetary_value[each])
            parameters = _flat(of_spend, rows, picked)
            value = spend.model.simulate_future(parameters, known, future.row, rng)
            total = np.bincount(future.row, weights=value, minlength=len(each))
            found["value"] = total.reshape(-1, draws)
        yield rows, found


def _covered(futures: _Futures, levels: tuple[float, ...], seed: int) -> Coverage:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 0)))
    pit, predicted, actual = {}, {}, {}
    for name, happened in futures.actual.items():
        tie = rng.random(len(happened)) * (futures.equal[name] + 1)
        pit[name] = (futures.below[name] + tie) / (futures.n + 1)
        predicted[name] = Totals(futures.labels, futures.totals[name], futures.size, name)
        actual[name] = np.bincount(
            futures.groups, weights=happened, minlength=len(futures.labels)
        ).astype(np.float64)
    return Coverage(levels, pit, predicted, actual)


def _uniform(u: Floats) -> tuple[float, float, float, float]:
    """Return the KS distance and p-value, and the chi-square statistic and p-value."""
    ks = stats.kstest(u, "uniform")
    counts = np.histogram(u, bins=_PIT_BINS, range=(0.0, 1.0))[0]
    chi = stats.chisquare(counts)
    return float(ks.statistic), float(ks.pvalue), float(chi.statistic), float(chi.pvalue)


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(_Shown):
    """How well values put customers in order; made by `ranking`.

    Attributes:
        gini: Gini coefficient of the actual values in the order of the predicted ones, over
            that of the perfect order: 1 is perfect, 0 is chance, below 0 is worse.
        captured: Share of the actual total that the best k % hold, for k = 0, 1, …, 100.
        perfect: The same where the order is perfect.
    """

    gini: float
    captured: Floats
    perfect: Floats

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per tenth of customers, the best first.

        The lift is the mean of a tenth over the mean of all; by chance it is 1.
        """
        return {
            "decile": np.arange(1, 11),
            "lift": 10 * np.diff(self.captured[::10]),
            "lift_perfect": 10 * np.diff(self.perfect[::10]),
            "captured": self.captured[10::10],
            "captured_perfect": self.perfect[10::10],
            "captured_random": np.arange(1, 11) / 10,
        }


def ranking(values: ArrayLike, actual: ArrayLike) -> Ranking:
    """Return how well predicted values put customers in the order of the actual ones.

    Customers with the same predicted value share what they did: their order does not count.

    Args:
        values: What was predicted of each customer, of shape (n,).
        actual: What they did, of shape (n,), not below 0.

    Raises:
        DataError: If shapes differ, values are missing, or there is nothing to put in order.

    Examples:
        >>> ranking([3.0, 2.0, 1.0], [9, 5, 0]).gini
        1.0
        >>> ranking([1.0, 1.0, 1.0], [9, 5, 0]).gini
        0.0
    """
    predicted, happened = (np.asarray(part, dtype=np.float64) for part in (values, actual))
    if predicted.ndim != 1 or predicted.shape != happened.shape:
        raise DataError(f"{predicted.shape} values for {happened.shape} customers")
    bad = ~np.isfinite(predicted) | ~(happened >= 0)
    if bad.any():
        rows = np.flatnonzero(bad).tolist()
        raise DataError("missing values, or values below 0", column="actual", rows=rows)
    if not happened.sum() > 0 or happened.min() == happened.max():
        raise DataError("all customers did the same, so they have no order", column="actual")
    curve, best = _captured(predicted, happened), _captured(happened, happened)
    gini = (curve.mean() - 0.5) / (best.mean() - 0.5)
    share = np.linspace(0, 1, 101)
    at = np.linspace(0, 1, len(curve))
    return Ranking(round(float(gini), 12), np.interp(share, at, curve), np.interp(share, at, best))


def _captured(predicted: Floats, actual: Floats) -> Floats:
    """Return the share of the total that the best 0, 1, …, n customers hold, (n + 1,)."""
    _, place, size = np.unique(-predicted, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=actual) / size
    held = np.concatenate([[0.0], np.cumsum(np.repeat(mean, size))])
    return np.asarray(held / held[-1])


@dataclass(frozen=True, eq=False)
class LogScore:
    """How probable the holdout was; made by `holdout_log_score`.

    Attributes:
        values: Log predictive probability of each row's purchases, of shape (n_rows,).
        exact: Whether they are exact given the draws, or partly simulated and then too low.
    """

    values: Floats
    exact: bool

    @property
    def total(self) -> float:
        """The sum over rows; the higher the better."""
        return float(self.values.sum())

    @property
    def error(self) -> float:
        """Standard error of the sum, over other customers of the same kind."""
        return _error(self.values)

    def __repr__(self) -> str:
        how = "" if self.exact else ", simulated"
        return f"LogScore({self.total:,.1f} ± {self.error:,.1f}, {len(self.values):,} rows{how})"


def holdout_log_score(
    fit: PurchaseFit, holdout: CalibrationHoldout, *, seed: int, draws: int = 2000
) -> LogScore:
    """Return the log predictive probability of each row's holdout purchases.

    It is exact under each posterior draw, and averaged over all draws. The probability of
    none is the likelihood of the same history observed until the end of the holdout, over
    that until its start. The probability of n > 0 is the integral over the time s of the last
    of the likelihood of x + n purchases until s, times (s - T)^(n - 1) / (n - 1)!, over the
    same; in discrete time it is a sum. That is so where the likelihood is the density of all
    purchase times, which is tested first, by the probability of the next purchase.

    Where it is not (purchases at regular intervals), the share of n among simulated futures
    with some purchase takes the place of the integral: smoothed with one more future, spread
    as m / ((m + n - 1)(m + n)), m being the mean of the others, so that no count has
    probability 0. Counts that are rarer than 1 in M futures are then poorly known, and the
    score is too low: for the BG/NBD on CDNOW, where both can be had, by 2.0 % with 500
    futures, by 1.2 % with 2,000. Compare such scores with each other only.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: As `PurchaseLog.split` gives it.
        seed: Of the simulated futures, where they are needed.
        draws: How many futures of each row, under posterior draws evenly spread.

    Raises:
        UnitError: If history and fit count time in different units.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth, rng = {"r": 0.9, "alpha": 4.0, "a": 0.7, "b": 2.5}, np.random.default_rng(6)
        >>> state = BgNbd().simulate(truth, np.full(150, 40.0), rng)
        >>> later = np.bincount(BgNbd().simulate_future(truth, state, 20.0, rng).row, minlength=150)
        >>> history = PurchaseHistory(np.arange(150), *state, np.full(150, np.nan), "week")
        >>> split = CalibrationHoldout(history, later, later * 9.0, Span(20, TimeUnit.WEEK), 0)
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> holdout_log_score(found, split, seed=1).total < 0
        True
    """
    _check_unit(fit, holdout.calibration)

    def futures() -> _Futures:
        return _simulated(fit, holdout, seed=seed, draws=draws)

    return _scored(fit, holdout, futures)


def _scored(
    fit: PurchaseFit, holdout: CalibrationHoldout, futures: Callable[[], _Futures]
) -> LogScore:
    later = holdout.holdout_frequency
    nodes = _Nodes.of(fit, holdout)
    some = later > 0
    score = np.empty(len(later))
    score[~some] = np.log(nodes.probability(np.flatnonzero(~some)))
    exact = nodes.exact()
    if some.any() and exact:
        score[some] = np.log(nodes.probability(np.flatnonzero(some)))
    elif some.any():
        none = nodes.probability(np.arange(len(later)), later=0 * later)
        score[some] = np.log1p(-np.minimum(none, 1 - 1e-15))[some]
        score[some] += np.log(_share(futures())[some])
    return LogScore(score, exact)


def _share(futures: _Futures) -> Floats:
    """Return the smoothed share of what happened among the futures with some purchase."""
    later = np.maximum(futures.actual["purchases"], 1)
    mean = (futures.bought + 1) / (futures.buying + 1)
    prior = mean / ((mean + later - 1) * (mean + later))
    return np.asarray((futures.equal["purchases"] + prior) / (futures.buying + 1))


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Times of the last purchase of a holdout, to take integrals or sums over.

    Attributes:
        fit: The posterior.
        holdout: Whose calibration is the condition.
        cells: Where each row finds its parameters.
        span: Length of the holdout.
        offset: Times from its start, of shape (n_nodes,).
        log_weight: Log of what each counts, same shape.
    """

    fit: PurchaseFit
    holdout: CalibrationHoldout
    cells: Cells
    span: float
    offset: Floats
    log_weight: Floats

    @classmethod
    def of(cls, fit: PurchaseFit, holdout: CalibrationHoldout) -> "_Nodes":
        """Return every opportunity, or nodes that crowd against the start (Gauss-Legendre)."""
        span, cells = holdout.holdout_span.to(fit.unit), fit.cells(holdout.calibration)
        if fit.model.discrete:
            offset = np.arange(1.0, np.floor(span) + 1)
            return cls(fit, holdout, cells, span, offset, np.zeros(len(offset)))
        most = int(holdout.holdout_frequency.max(initial=0))
        points, weights = np.polynomial.legendre.leggauss(_NODES + most // 8)
        root = (points + 1) / 2
        return cls(fit, holdout, cells, span, span * root**2, np.log(weights * span * root))

    def probability(self, rows: NDArray[np.intp], *, later: Integers | None = None) -> Floats:
        """Return the predictive probability of what each row did, of shape (rows,).

        Args:
            rows: Rows, of which either none or all bought.
            later: Purchases of every row; what really happened where None.
        """
        history, n_draws = self.holdout.calibration, self.fit.n_draws
        counts = self.holdout.holdout_frequency if later is None else later
        state = history.distinct().index[rows]
        code = state * (counts.max() + 1) + counts[rows]
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        kept = rows[first]

        def exact(parameters: Parameters, which: NDArray[np.intp]) -> Floats:
            given = purchase_state(history, kept[which])
            return np.log(np.clip(self._given(parameters, given, counts[kept[which]]), _TINY, 1.0))

        log_values = over_draws(exact, self.cells.take(kept), n_draws)
        every = np.arange(len(kept))

        def evaluate(some: slice, of_draws: slice) -> Floats:
            return np.exp(log_values(every[some], of_draws))

        return RowDraws(evaluate, place, len(kept), n_draws).mean()

    def _given(self, parameters: Parameters, state: PurchaseState, later: Integers) -> Floats:
        """Return the probability of later purchases given parameters, (rows, draws)."""
        before = self._loglik(parameters, state)
        x, recency, T = state
        if not later.any():
            after = self._loglik(parameters, PurchaseState(x, recency, T + self.span))
            return np.exp(np.minimum(after - before, 0.0))
        n, total = later[:, None].astype(np.float64), np.zeros(before.shape)
        for offset, log_weight in zip(self.offset, self.log_weight, strict=True):
            possible = np.minimum(n, offset) if self._whole else n
            loglik = self._loglik(
                parameters, PurchaseState(x + possible, T + offset, T + self.span)
            )
            total += np.exp(loglik - before + self._log_ways(offset, n) + log_weight)
        return total

    def _log_ways(self, offset: float, n: Floats) -> Floats:
        """Return the log of the volume, or number, of times that n - 1 purchases can have."""
        if not self._whole:
            return np.asarray((n - 1) * np.log(offset) - special.gammaln(n))
        possible = np.minimum(n, offset)
        ways = special.gammaln(possible) + special.gammaln(offset - possible + 1)
        return np.asarray(np.where(n <= offset, special.gammaln(offset) - ways, -np.inf))

    def exact(self) -> bool:
        """Return whether the likelihood is the density of all purchase times.

        Then a history goes on in one of two ways: no purchase until the end of the holdout,
        or a next one at some time, after which nothing has yet been observed.
        """
        history = self.holdout.calibration
        rows = np.unique(np.linspace(0, len(history) - 1, _TRIED).astype(np.intp))
        parameters = self.cells.take(rows).parameters(_spread(_TRIED_DRAWS, self.fit.n_draws))
        x, _, T = state = purchase_state(history, rows)
        before = self._loglik(parameters, state)
        total = self._given(parameters, state, 0 * rows)
        for offset, log_weight in zip(self.offset, self.log_weight, strict=True):
            next_one = PurchaseState(x + 1, T + offset, T + offset)
            total = total + np.exp(self._loglik(parameters, next_one) - before + log_weight)
        return bool(np.abs(total - 1).max() < _CLOSE)

    @property
    def _whole(self) -> bool:
        return self.fit.model.discrete

    def _loglik(self, parameters: Parameters, state: PurchaseState) -> Floats:
        return np.asarray(self.fit.model.loglik(NUMPY, parameters, state), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Loo:
    """What a fit would say of each customer had it not seen them; made by `loo`.

    Attributes:
        values: Expected log predictive density of each row, of shape (n_rows,).
        khat: Pareto k-hat of each row: above 0.7 its value is not to be trusted.
        effective: How much each row moved the fit, of shape (n_rows,).
    """

    values: Floats = field(repr=False)
    khat: Floats = field(repr=False)
    effective: Floats = field(repr=False)

    @property
    def elpd(self) -> float:
        """Expected log predictive density of all rows; the higher the better."""
        return float(self.values.sum())

    @property
    def error(self) -> float:
        """Standard error of ``elpd``."""
        return _error(self.values)

    @property
    def parameters(self) -> float:
        """Effective number of parameters (p_loo)."""
        return float(self.effective.sum())

    @property
    def bad(self) -> float:
        """Share of rows whose k-hat is above 0.7."""
        return float(np.mean(self.khat > _BAD_KHAT))

    def __repr__(self) -> str:
        told = f"elpd {self.elpd:,.1f} ± {self.error:,.1f}, p_loo {self.parameters:.1f}"
        return f"Loo({told}, {self.bad:.1%} bad k-hat)"


def loo(fit: PurchaseFit, history: PurchaseHistory) -> Loo:
    """Return leave-one-out predictive densities by Pareto-smoothed importance sampling.

    Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC, Statistics and Computing 27(5). Rows with the same state have
    the same value, which is worked out once.

    Args:
        fit: The posterior of a purchase model.
        history: The history that it was fitted to.

    Raises:
        DataError: If the history cannot be the one that was fitted.
        UnitError: If history and fit count time in different units.
        ConfigError: If the fit has fewer than 100 draws: a mode has one.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth = {"r": 0.7, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, t, T = BgNbd().simulate(truth, np.full(150, 40.0), np.random.default_rng(7))
        >>> history = PurchaseHistory(np.arange(150), x, t, T, x * np.nan, "week")
        >>> found = loo(fit(BgNbd(), history, seed=1, method="laplace"), history)
        >>> found.bad, 0 < found.parameters < 6
        (0.0, True)
    """
    _check_fitted(fit, history)
    if fit.n_draws < _FEWEST:
        message = f"leaving out takes {_FEWEST} posterior draws, and there are {fit.n_draws}"
        raise ConfigError(f'{message}. Hint: fit(..., method="laplace", draws=1000)')
    from arviz_stats.base.array import array_stats  # noqa: PLC0415 - takes a second to import

    effective = min(fit.diagnostics.ess_bulk.values(), default=float(fit.n_draws))
    relative = min(effective / fit.n_draws, 1.0)
    loglik = fit.log_likelihood(history)
    found = np.zeros((3, loglik.n_states))
    for states, block in loglik.blocks():
        found[0, states] = block[:, 0]
        moves = np.flatnonzero(np.ptp(block, axis=1) > _SAME)  # not who came on the last day
        if len(moves):
            parts = array_stats.loo(block[moves, None], r_eff=relative)
            found[:, np.arange(loglik.n_states)[states][moves]] = np.stack(parts)
    values, khat, moved = found[:, loglik.index]
    return Loo(values, khat, moved)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(_Shown):
    """Fits beside each other, the best first; made by `compare`.

    Attributes:
        names: Names of the fits, the best first.
        table: The other columns by name, each of shape (n_fits,).
    """

    names: tuple[str, ...]
    table: Mapping[str, NDArray[np.generic]]

    @property
    def best(self) -> str:
        """The name of the fit with the highest elpd."""
        return self.names[0]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per fit."""
        return {"fit": np.array(self.names), **self.table}


def compare(
    fits: Mapping[str, PurchaseFit],
    history: PurchaseHistory | CalibrationHoldout,
    *,
    seed: int,
    draws: int = 500,
    levels: Sequence[float] = _LEVELS,
) -> Comparison:
    """Return how well several fits of one history predict, the best first.

    The order is that of ``elpd_loo`` (see `loo`), which is of the calibration and needs no
    holdout. ``difference`` is to the best, and ``difference_error`` the standard error of
    that, row by row: a difference below two of its errors says little. With a holdout:
    ``log_score`` (see `holdout_log_score`; set exact ones against exact ones only), root mean
    square error and correlation of the expected purchases, their total and the actual one,
    the Gini coefficient (see `ranking`) and the share of rows in predictive intervals (see
    `coverage`).

    Args:
        fits: Fits of one history by name; models and poolings may differ.
        history: The history that they were fitted to, or the split that it comes from.
        seed: Of the simulated futures of the holdout; each fit has the same.
        draws: How many futures of each row.
        levels: Levels of the predictive intervals.

    Raises:
        DataError: If the history cannot be the one that a fit was fitted to.
        UnitError: If fits and history do not count time in the same unit.
        ConfigError: If there are no fits, or densities would be compared with probabilities.

    Examples:
        >>> from omniltv.models import BgNbd, MbgNbd, fit
        >>> truth = {"r": 1.5, "alpha": 6.0, "a": 1.2, "b": 2.5}
        >>> x, t, T = BgNbd().simulate(truth, np.full(400, 40.0), np.random.default_rng(8))
        >>> history = PurchaseHistory(np.arange(400), x, t, T, x * np.nan, "week")
        >>> models = {"coin after repeat": BgNbd(), "coin at once": MbgNbd()}
        >>> fits = {name: fit(model, history, seed=1, method="laplace")
        ...         for name, model in models.items()}
        >>> compare(fits, history, seed=1).best
        'coin after repeat'
    """
    holdout = history if isinstance(history, CalibrationHoldout) else None
    rows = holdout.calibration if holdout is not None else history
    assert isinstance(rows, PurchaseHistory)
    _check_comparable(fits, rows)
    left_out = {name: loo(found, rows) for name, found in fits.items()}
    names = sorted(fits, key=lambda name: -left_out[name].elpd)
    best = left_out[names[0]].values
    lines: list[dict[str, float]] = [_standing(left_out[name], best) for name in names]
    if holdout is not None:
        for name, line in zip(names, lines, strict=True):
            line.update(_of_holdout(fits[name], holdout, seed=seed, draws=draws, levels=levels))
    table: dict[str, NDArray[np.generic]] = {
        "model": np.array([fits[name].model.name for name in names]),
        "pooling": np.array([_pooled(fits[name]) for name in names]),
    }
    table |= {key: np.array([line[key] for line in lines]) for key in lines[0]}
    return Comparison(tuple(names), table)


def _standing(own: Loo, best: Floats) -> dict[str, float]:
    difference = own.values - best
    return {
        "elpd_loo": own.elpd,
        "error": own.error,
        "difference": float(difference.sum()),
        "difference_error": _error(difference),
        "p_loo": own.parameters,
        "bad_khat": own.bad,
    }


def _of_holdout(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    seed: int,
    draws: int,
    levels: Sequence[float],
) -> dict[str, float]:
    futures = _simulated(fit, holdout, seed=seed, draws=draws)
    covered = _covered(futures, tuple(levels), seed)
    actual = futures.actual["purchases"]
    expected = fit.expected_purchases(holdout.calibration, holdout.holdout_span).mean()
    varies = actual.std() > 0 and expected.std() > 0
    score = _scored(fit, holdout, lambda: futures)
    return {
        "log_score": score.total,
        "log_score_exact": score.exact,
        "rmse": float(np.sqrt(np.square(expected - actual).mean())),
        "correlation": float(np.corrcoef(expected, actual)[0, 1]) if varies else np.nan,
        "expected_total": float(expected.sum()),
        "actual_total": float(actual.sum()),
        "gini": ranking(expected, actual).gini if varies else np.nan,
        **{f"coverage_{100 * level:g}": covered.share(level) for level in levels},
    }


def _pooled(fit: PurchaseFit) -> str:
    terms = ", ".join(fit.pooling.by)
    return f"{fit.pooling.kind} by {terms}" if terms else str(fit.pooling.kind)


def _error(values: Floats) -> float:
    """Return the standard error of the sum of independent values."""
    return float(np.sqrt(len(values) * values.var()))


def _check_comparable(fits: Mapping[str, PurchaseFit], history: PurchaseHistory) -> None:
    if not fits:
        raise ConfigError('nothing to compare. Hint: compare({"bg_nbd": found}, history, seed=1)')
    for found in fits.values():
        _check_fitted(found, history)
    if len({found.model.discrete for found in fits.values()}) > 1:
        message = "models of discrete and of continuous time give probabilities and densities"
        raise ConfigError(f"{message}, which cannot be compared. Hint: compare each kind alone")


def _check_fitted(fit: PurchaseFit, history: PurchaseHistory) -> None:
    """Refuse a history that shows that it is not the one that was fitted."""
    _check_unit(fit, history)
    hint = "loo and compare want the history that was given to fit"
    if {str(label) for label in np.unique(group_labels(history, fit.pooling))} != set(fit.groups):
        column = " x ".join(fit.pooling.by)
        raise DataError("not the groups that were fitted", column=column, hint=hint)
    for effect in fit.effects:
        values = effect.values(history)
        if not np.isclose(values.mean(), 0.0, atol=1e-6):
            problem = "not the values that were fitted"
            raise DataError(problem, column=effect.covariate, hint=hint)


def _check_unit(fit: PurchaseFit, history: PurchaseHistory) -> None:
    if history.unit is not fit.unit:
        message = f"the history counts in {history.unit}s, the fit in {fit.unit}s"
        raise UnitError(f'{message}. Hint: log.history(unit="{fit.unit}")')


def _codes(history: PurchaseHistory, by: str | None) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the group of each row, and the labels of groups."""
    if by is None:
        return np.zeros(len(history), dtype=np.intp), ("all",)
    if by not in history.groups:
        has = ", ".join(history.groups) or "none"
        raise DataError(f"no such group column; there is: {has}", column=by)
    labels, codes = np.unique(history.groups[by], return_inverse=True)
    return codes.astype(np.intp), tuple(str(label) for label in labels)


def _tails(level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ConfigError(f"a level is between 0 and 1, got {level}. Hint: 0.9")
    return (1 - level) / 2, (1 + level) / 2


def _spread(draws: int, n_draws: int) -> NDArray[np.intp]:
    """Return which posterior draws to use, evenly spread; several times where there are few."""
    if draws < 1:
        raise ConfigError(f"draws is at least 1, got {draws}. Hint: draws=500")
    return (np.arange(draws) * n_draws // draws).astype(np.intp)


def _slices(n: int, n_draws: int) -> Iterator[slice]:
    step = max(1, _BLOCK_VALUES // max(n_draws, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _chunks(n: int, seed: int) -> Iterator[tuple[slice, np.random.Generator]]:
    """Yield rows and their own generator: what a row gets does not depend on those after it."""
    for number, start in enumerate(range(0, n, _ROWS_PER_SEED)):
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        yield slice(start, min(start + _ROWS_PER_SEED, n)), np.random.default_rng(sequence)


def _flat(cells: Cells, rows: slice, picked: NDArray[np.intp]) -> Mapping[str, Floats]:
    """Return parameters of rows under draws, one after the other, of shape (rows * draws,)."""
    found = cells.take(rows).parameters(picked)
    return {name: np.ascontiguousarray(values).ravel() for name, values in found.items()}
