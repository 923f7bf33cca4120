"""Expected and actual repeat purchases by calendar time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from omniltv._columns import positions
from omniltv._options import Level, Many, checked
from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.models.checks._shared import (
    Floats,
    Integers,
    Shown,
    check_unit,
    codes_of,
    slices,
    tails,
)
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.fits import PurchaseFit
from omniltv.units import Span, TimeUnit

__all__ = ["Tracking", "tracking"]

type Period = Literal["day", "week", "month", "year"]

_FREQUENCY = {"day": "D", "week": "W-SUN", "month": "M", "year": "Y"}  # weeks end on Sunday


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Tracking(Shown):
    """Expected and actual repeat purchases by calendar time; made by `tracking`.

    Attributes:
        labels: The groups, sorted; ``("all",)`` without groups.
        end: Last day of each step, of shape (n_steps,).
        calibration: Whether a step lies in the calibration period, of shape (n_steps,).
        actual: Repeat purchases until the end of each step, of shape (n_groups, n_steps).
        expected: Draws of the expected repeat purchases until then, of shape
            (n_groups, n_steps, n_draws).
        level: Level of the intervals, changed by `dataclasses.replace`. They are credible
            intervals of the expectation and do not include the scatter of purchases.

    Examples:
        >>> end = np.array(["2026-01-11", "2026-01-18"], dtype="datetime64[D]")
        >>> expected = np.array([[[2.0, 4.0], [5.0, 7.0]]])  # one group, two steps, two draws
        >>> tracked = Tracking(
        ...     ("all",), end, np.array([True, False]), np.array([[3, 5]]), expected)
        >>> tracked.columns()["expected"].tolist(), tracked.columns()["actual"].tolist()
        ([3.0, 3.0], [3, 2])
    """

    labels: tuple[str, ...]
    end: NDArray[np.datetime64]
    calibration: NDArray[np.bool_]
    actual: Integers
    expected: Floats
    level: Level = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per group and step: purchases in the step, and cumulative."""
        n_groups, n_steps = self.actual.shape
        total = self.expected
        step = np.diff(total, axis=1, prepend=0.0)
        table: dict[str, NDArray[np.generic]] = {
            "group": np.repeat(self.labels, n_steps),
            "end": np.tile(self.end, n_groups),
            "calibration": np.tile(self.calibration, n_groups),
        }
        for suffix, counts, draws in (
            ("", np.diff(self.actual, axis=1, prepend=0), step),
            ("_cumulative", self.actual, total),
        ):
            lower, upper = np.quantile(draws, tails(self.level), axis=-1)
            table |= {
                f"actual{suffix}": counts.ravel(),
                f"expected{suffix}": draws.mean(axis=-1).ravel(),
                f"lower{suffix}": lower.ravel(),
                f"upper{suffix}": upper.ravel(),
            }
        return table


@checked
def tracking(
    fit: PurchaseFit,
    history: PurchaseHistory,
    *,
    log: PurchaseLog[object],
    until: str | np.datetime64 | pd.Timestamp | None = None,
    by: str | None = None,
    step: Span | None = None,
    period: TimeUnit | Period = TimeUnit.DAY,
    draws: Many = 500,
) -> Tracking:
    """Return expected and actual repeat purchases by calendar time, before and after the split.

    The expectation treats every customer of the history as new: it is the sum over customers
    of E[X(t - first purchase)], regardless of their purchases since (Fader, Hardie and Lee
    2005, figures 2 and 3). One of the steps always ends with the calibration period.

    Args:
        fit: The posterior of a purchase model.
        history: The calibration history, made from the log with the same ``period``. A group
            column ``channel`` means a row per customer and channel, as in
            `PurchaseLog.history`.
        log: The purchases before and after the split. Later customers are ignored.
        until: End of the tracking; the last purchase of the log if None.
        by: Name of a group column of the history.
        step: Length of a step; one unit of the fit if None.
        period: Purchases within a period count as one, as in `PurchaseLog.history`.
        draws: Number of posterior draws, evenly spaced.

    Raises:
        DataError: If the history was not made from the log, or has no such group column.
        UnitError: If history and fit have different units of time.
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
    check_unit(fit, history)
    _refuse_selected(history)
    calendar = _Calendar.of(history, log, TimeUnit(period), until)
    size = (step or Span(1.0, fit.unit)).to(calendar.grain)
    if size < 1:
        raise ConfigError(f"the step is shorter than a {calendar.grain}. Hint: step=weeks(1)")
    ends = calendar.ends(size)
    codes, labels = codes_of(history, by)
    picked = np.unique(evenly(draws, fit.n_draws))
    return Tracking(
        labels=labels,
        end=calendar.dates(ends),
        calibration=ends <= calendar.split,
        actual=calendar.actual(ends, codes, len(labels)),
        expected=_expected(fit, history, calendar, ends, codes, picked),
    )


def _refuse_selected(history: PurchaseHistory) -> None:
    """Raise an error if a history lacks customers, or runs on another clock than the steps."""
    if history.clock:
        hint = "checks.backtest(..., calendar=True) compares totals with what happened"
        raise ConfigError(f"a history in calendar time cannot be tracked by dates. Hint: {hint}")
    if history.at_least:
        message = f"a history of customers with at least {history.at_least} repeat purchases"
        hint = "frequency_histogram and a holdout compare what customers of a selected history do"
        raise ConfigError(f"{message} cannot be tracked from their first purchases. Hint: {hint}")


def _moment(until: str | np.datetime64 | pd.Timestamp) -> pd.Timestamp:
    try:
        return pd.Timestamp(until)
    except (TypeError, ValueError) as error:
        problem = f"until is not a moment, got {until!r}"
        raise ConfigError(f'{problem}. Hint: until="2026-01-31"', parameter="until") from error


@dataclass(frozen=True, eq=False)
class _Calendar:
    """Repeat purchases of the rows of a history in numbered calendar periods.

    Attributes:
        grain: The unit of the numbered periods.
        birth: Period of the first purchase of each row, of shape (n_rows,).
        split: Last period of calibration.
        last: Last period of the tracking.
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
        last = period.max() if until is None else _numbers([_moment(until)], grain)[0]
        repeat = period > birth[row]
        found = np.bincount(row[repeat & (period <= ends[row])], minlength=len(history))
        wrong = (ends != ends[0]) | (found != history.frequency)
        if wrong.any():
            hint = f'history = log.history(end=..., period="{grain}"), and the same period here'
            problem = "the history differs from the log"
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

    Customers of the same cell of the fit and the same age at the end of a step have the same
    expectation, so each cell and age is computed once.
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
    for some in slices(len(distinct), len(picked)):
        which, length = np.divmod(distinct[some], age.max() + 1)
        parameters = cells.take(first[which]).parameters(picked)
        horizon = length[:, None] * scale
        total += weight[:, some] @ fit.model.expected_purchases_new(parameters, horizon)
    return total.reshape(-1, len(ends), len(picked))
