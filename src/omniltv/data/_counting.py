"""Histories counted from purchases: occasions per customer, or per customer and channel."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._log import logged
from omniltv.data.calendar_time import CalendarTime, Clock
from omniltv.data.cohorts import COHORT, Cohort, cohort_labels
from omniltv.data.history import PurchaseHistory
from omniltv.data.quarters import count_quarters
from omniltv.errors import ConfigError, DataError
from omniltv.units import TimeUnit

__all__ = [
    "By",
    "Counting",
    "Occasions",
    "Purchases",
    "count_history",
    "count_holdout",
    "counts_by_channel",
    "first_and_last",
    "period_number",
    "period_numbers",
    "row_keys",
]

type By = Literal["channel", "acquisition_channel"]
"""The rows of a history: per customer and channel, or per customer by acquisition channel."""


class Purchases(Protocol):
    """Purchases by position: a `PurchaseLog`, as far as counting needs it."""

    @property
    def customer_id(self) -> NDArray[np.object_]:
        """The customers, of shape (n_customers,)."""
        ...

    @property
    def customer(self) -> NDArray[np.intp]:
        """Position of the customer of each purchase, of shape (n_purchases,)."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels, sorted."""
        ...

    @property
    def channel(self) -> NDArray[np.intp]:
        """Position of the channel of each purchase, of shape (n_purchases,)."""
        ...

    @property
    def time(self) -> NDArray[np.datetime64]:
        """Local time of each purchase, of shape (n_purchases,)."""
        ...

    @property
    def value(self) -> NDArray[np.float64]:
        """Value of each purchase, of shape (n_purchases,)."""
        ...

    def __len__(self) -> int:
        """Return the number of purchases."""
        ...


@dataclass(frozen=True, eq=False)
class Occasions:
    """Purchase occasions, sorted by key and period.

    Attributes:
        key: Number of the customer, or of the customer and channel, of shape (n_occasions,).
        period: Number of the period, same shape.
        value: Total value, same shape.
    """

    key: NDArray[np.int64]
    period: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def of(
        cls, key: NDArray[np.int64], period: NDArray[np.int64], value: NDArray[np.float64]
    ) -> "Occasions":
        order = np.lexsort((period, key))
        key, period = key[order], period[order]
        new = np.ones(len(key), dtype=bool)
        new[1:] = (key[1:] != key[:-1]) | (period[1:] != period[:-1])
        begin = np.flatnonzero(new)
        return cls(key[begin], period[begin], _sums(value[order], begin))


@dataclass(frozen=True)
class Counting:
    """How a history is counted: period, unit, rows, groups, and the last moment."""

    grain: TimeUnit
    unit: TimeUnit
    by: By | None
    last: np.datetime64
    calendar: CalendarTime | None = None
    cohort: Cohort | None = None

    def require_window(self, start: np.datetime64, channels: tuple[str, ...]) -> None:
        """Raise ConfigError if the window is empty, DataError if there is no channel."""
        if period_number(start, self.grain) > period_number(self.last, self.grain):
            message = f"the window from {start} to {self.last} is empty"
            raise ConfigError(f"{message}. Hint: give end=, not earlier than start")
        if self.by == "channel" and not channels:
            hint = "look at log.rejected, or count without by="
            raise DataError("a log without purchases has no channels", column="channel", hint=hint)

    @property
    def clock(self) -> Clock | None:
        """The clock of the history; None if all days count alike."""
        if self.calendar is None:
            return None
        if self.grain is not TimeUnit.DAY or self.calendar.by not in (None, self.by):
            by = "None" if self.by is None else f'"{self.by}"'
            problem = f"calendar time by {self.calendar.by} in periods of a {self.grain}, by {by}"
            hint = f'log.calendar_time(by={by}, seed=1), and period="day"'
            raise ConfigError(f"{problem}. Hint: {hint}", parameter="calendar")
        return Clock(self.calendar, period_number(self.last, TimeUnit.DAY))

    def elapsed(
        self, history: "PurchaseHistory", first: NDArray[np.int64], last: NDArray[np.int64]
    ) -> "PurchaseHistory":
        """Return the history with operational times between its first and last periods."""
        clock = self.clock
        if clock is None:
            return history
        codes, end = clock.codes(history.groups, len(history)), np.array([clock.end])
        recency, length = np.zeros(len(first)), np.zeros(len(first))
        for group in np.unique(codes).tolist():
            rows = codes == group
            born = clock.calendar.intensity.days_until(group, first[rows])
            recency[rows] = clock.calendar.intensity.days_until(group, last[rows]) - born
            length[rows] = clock.calendar.intensity.days_until(group, end) - born
        scale = self.unit.in_days
        return replace(
            history, recency=recency / scale, T=length / scale, clock=clock, quarters=None
        )

    def periods(self, time: NDArray[np.datetime64]) -> NDArray[np.int64]:
        return period_numbers(time, self.grain)


@logged("histories counted")
def count_history(
    log: Purchases, counting: Counting, start: np.datetime64 | None
) -> PurchaseHistory:
    """Return the history of a log that ends with the observation."""
    by, grain = counting.by, counting.grain
    rows = np.arange(len(log)) if start is None else np.flatnonzero(log.time >= start)
    key, period, value = row_keys(log, rows, by), counting.periods(log.time[rows]), log.value[rows]
    if start is not None:  # every account opens with an occasion of its own, worth nothing
        every = np.arange(len(log.customer_id) * (len(log.channels) if by == "channel" else 1))
        opening = np.full(len(every), period_number(start, grain) - 1)
        key, period = np.concatenate([every, key]), np.concatenate([opening, period])
        value = np.concatenate([np.zeros(len(every)), value])
    occasions = Occasions.of(key, period, value)
    begin = np.flatnonzero(np.diff(occasions.key, prepend=-1))
    stop = np.r_[begin[1:], len(occasions.key)] if len(begin) else begin
    first, x = occasions.period[begin], stop - begin - 1
    repeat_value = _sums(occasions.value, begin) - occasions.value[begin]
    scale = 1.0 if counting.unit is grain else grain.in_days / counting.unit.in_days
    keys, end = occasions.key[begin], period_number(counting.last, grain)
    history = PurchaseHistory(
        customer_id=log.customer_id[keys // len(log.channels) if by == "channel" else keys],
        frequency=x.astype(np.int64),
        recency=np.asarray((occasions.period[stop - 1] - first) * scale, dtype=np.float64),
        T=np.asarray((end - first) * scale, dtype=np.float64),
        monetary_value=np.where(x > 0, repeat_value / np.maximum(x, 1), np.nan),
        unit=counting.unit,
        groups=_groups(log, keys, counting),
        counts={} if by == "channel" else counts_by_channel(log, rows, grain),
        start=None if start is None else start.astype(datetime),
        first_value=occasions.value[begin] if start is None else None,
        quarters=count_quarters(occasions.key, occasions.period, grain, end, scale),
    )
    return counting.elapsed(history, first, occasions.period[stop - 1])


def _sums(values: NDArray[np.float64], begin: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the sum of each run of values, by the places where runs begin."""
    return np.add.reduceat(values, begin) if len(begin) else np.empty(0)


def count_holdout(
    log: Purchases,
    later: NDArray[np.intp],
    grain: TimeUnit,
    by: By | None,
    calibration: PurchaseHistory,
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Return purchases and value per row of the calibration, and the number of new rows."""
    occasions = Occasions.of(
        row_keys(log, later, by), period_numbers(log.time[later], grain), log.value[later]
    )
    known = _row_keys(log, calibration, by)
    order = np.argsort(known)
    place = np.searchsorted(known[order], occasions.key).clip(max=len(known) - 1)
    row = order[place]
    seen = known[row] == occasions.key
    frequency = np.bincount(row[seen], minlength=len(known)).astype(np.int64)
    value = np.bincount(row[seen], weights=occasions.value[seen], minlength=len(known))
    return frequency, value, len(np.unique(occasions.key[~seen]))


def row_keys(log: Purchases, rows: NDArray[np.intp], by: By | None) -> NDArray[np.int64]:
    """Return the number of the customer, or of the customer and channel, of each purchase."""
    if by == "channel":
        return (log.customer[rows] * len(log.channels) + log.channel[rows]).astype(np.int64)
    if by not in (None, "acquisition_channel"):
        raise ConfigError(f'unknown grouping: {by!r}. Hint: by="acquisition_channel"')
    return log.customer[rows].astype(np.int64)


def _row_keys(log: Purchases, history: PurchaseHistory, by: By | None) -> NDArray[np.int64]:
    customer = pd.Index(log.customer_id).get_indexer(pd.Index(history.customer_id))
    if by != "channel":
        return customer.astype(np.int64)
    channel = np.searchsorted(np.array(log.channels), history.groups["channel"])
    return (customer * len(log.channels) + channel).astype(np.int64)


def _groups(
    log: Purchases, keys: NDArray[np.int64], counting: Counting
) -> dict[str, NDArray[np.str_]]:
    """Return the group columns of rows, by the numbers of their customers and channels."""
    channels, by = np.array(log.channels, dtype=str), counting.by
    customer = keys // len(channels) if by == "channel" else keys
    found = {"channel": channels[keys % len(channels)]} if by == "channel" else {}
    if by == "acquisition_channel":
        found[by] = channels[log.channel[_first(log, by)[customer]]]
    if counting.cohort is not None:
        first = log.time[_first(log, COHORT)[customer]]
        found[COHORT] = cohort_labels(first, counting.cohort)
    return found


def _first(log: Purchases, name: str) -> NDArray[np.intp]:
    """Return the position of each customer's first purchase, for a group column.

    Raises:
        DataError: If a customer has none.
    """
    first, _ = first_and_last(log)
    never = log.customer_id[first < 0]
    if len(never):
        hint = f'history.with_group("{name}", labels), from another source'
        problem = f"customers without a purchase have no {name.replace('_', ' ')}"
        raise DataError(problem, column="customer_id", rows=never.tolist(), hint=hint)
    return first


def first_and_last(log: Purchases) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions of each customer's first and last purchase; -1 if there is none."""
    order = np.lexsort((log.time, log.customer))
    customer = log.customer[order]
    first, last = np.full((2, len(log.customer_id)), -1, dtype=np.intp)
    last[customer] = order  # of repeated places the last one is kept
    first[customer[::-1]] = order[::-1]
    return first, last


def counts_by_channel(
    log: Purchases, rows: NDArray[np.intp], grain: TimeUnit
) -> dict[str, NDArray[np.int64]]:
    """Return purchase occasions per channel, each of shape (n_customers,)."""
    n, key = len(log.channels), row_keys(log, rows, "channel")
    occasions = Occasions.of(key, period_numbers(log.time[rows], grain), log.value[rows])
    table = np.bincount(occasions.key, minlength=len(log.customer_id) * n)
    return {name: table.reshape(-1, n)[:, place] for place, name in enumerate(log.channels)}


def period_numbers(time: NDArray[np.datetime64], grain: TimeUnit) -> NDArray[np.int64]:
    """Return the number of the calendar period of each time."""
    match grain:
        case TimeUnit.WEEK:  # weeks begin on Monday; day 0, 1 January 1970, was a Thursday
            return (time.astype("datetime64[D]").astype(np.int64) + 3) // 7
        case TimeUnit.DAY:
            return time.astype("datetime64[D]").astype(np.int64)
        case TimeUnit.MONTH:
            return time.astype("datetime64[M]").astype(np.int64)
        case TimeUnit.YEAR:
            return time.astype("datetime64[Y]").astype(np.int64)


def period_number(time: np.datetime64, grain: TimeUnit) -> int:
    """Return the number of the calendar period of a time."""
    return int(period_numbers(np.array([time]), grain)[0])
