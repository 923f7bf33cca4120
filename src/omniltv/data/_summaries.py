"""Customer summaries (first and last order, number of orders, value) to statistics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._arrays import Flags, Objects, Vector
from omniltv._frames import Eager, FrameKind, collect, read_frame
from omniltv.data.checking import Checked, examine
from omniltv.data.report import IntakeEntry, IntakeReport, entry_of
from omniltv.errors import ConfigError, DataError

__all__ = ["SameDay", "SummaryStatistics", "ValueOf", "summary_statistics"]

type ValueOf = Literal["total", "mean", "mean_of_repeats"]
"""What the value of a summary is: of all orders, per order, or per order after the first."""

type SameDay = Literal["merge", "set_aside"]
"""What happens to customers with more orders than days on which they can have ordered."""

_VALUES = ("total", "mean", "mean_of_repeats")


@dataclass(frozen=True, eq=False)
class SummaryStatistics:
    """The statistics of customers, one row per valid summary.

    Attributes:
        table: The valid summaries.
        frequency: Days with an order after the first day.
        recency: Days from the first order to the last.
        length: Days from the first order to the end.
        mean: Mean value of the repeat occasions; NaN if there are none.
        report: Rows and value kept, changed and set aside.
    """

    table: Eager
    frequency: NDArray[np.int64]
    recency: NDArray[np.int64]
    length: NDArray[np.int64]
    mean: Vector
    report: IntakeReport[Any]


def summary_statistics(
    frame: IntoFrame, end: np.datetime64, *, value: ValueOf | None, same_day: SameDay
) -> SummaryStatistics:
    """Return the statistics of summaries; see `PurchaseHistory.from_summaries`."""
    given, kind = read_frame(frame, "summaries")
    _check_options(given, value, same_day)
    checked: Checked[Any] = examine(given.to_native(), "summaries")
    table = collect(checked.valid, "summaries")
    summaries = _Summaries.of(table, end, value)
    reason = summaries.faults(value, same_day)
    good = np.flatnonzero(reason == "")
    kept = summaries.take(good)
    return SummaryStatistics(
        table=table[good, :],
        frequency=kept.repeats,
        recency=kept.span,
        length=kept.length,
        mean=kept.mean(value),
        report=_report(given, kind, checked, summaries, reason, totals=value == "total"),
    )


def _check_options(given: Eager, value: ValueOf | None, same_day: SameDay) -> None:
    if same_day not in ("merge", "set_aside"):
        raise ConfigError(f'same_day is "merge" or "set_aside", got {same_day!r}. Hint: "merge"')
    if value is not None and value not in _VALUES:
        known = ", ".join(map(repr, _VALUES))
        raise ConfigError(f'value is one of {known}, got {value!r}. Hint: value="total"')
    if value is None and "value" in given.columns:
        hint = 'Hint: value="total", value="mean" or value="mean_of_repeats"'
        raise ConfigError(f"the column 'value' may be a total or a mean. {hint}")
    if value is not None and "value" not in given.columns:
        raise DataError("summaries has no such column", column="value", hint="omit value=")


@dataclass(frozen=True, eq=False)
class _Summaries:
    """Summaries as numbers: days since 1970, orders, and values; each of shape (n_rows,)."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    end: int
    orders: Vector
    value: Vector
    first_value: Vector

    @classmethod
    def of(cls, table: Eager, end: np.datetime64, value: ValueOf | None) -> "_Summaries":
        nothing = np.full(len(table), np.nan)
        known = {
            name: table[name].to_numpy().astype(np.float64) if name in table.columns else nothing
            for name in ("orders", "value", "first_value")
        }
        if value != "total":
            known["first_value"] = nothing
        days = int(end.astype("datetime64[D]").astype(np.int64))
        return cls(_days(table, "first_purchase"), _days(table, "last_purchase"), days, **known)

    def take(self, rows: NDArray[np.intp]) -> "_Summaries":
        """Return some rows."""
        picked = {name: values[rows] for name, values in vars(self).items() if name != "end"}
        return _Summaries(end=self.end, **picked)

    @property
    def span(self) -> NDArray[np.int64]:
        """Days from the first order to the last."""
        return self.last - self.first

    @property
    def length(self) -> NDArray[np.int64]:
        """Days from the first order to the end."""
        return self.end - self.first

    @property
    def merged(self) -> Flags:
        """Which customers have more orders than days on which they can have ordered."""
        found: Flags = self.orders - 1 > self.span
        return found

    @property
    def repeats(self) -> NDArray[np.int64]:
        """Occasions after the first: orders, but at most one a day."""
        return np.minimum(self.orders - 1, self.span).astype(np.int64)

    def faults(self, value: ValueOf | None, same_day: SameDay) -> Objects:
        """Return why each row cannot be used, ``""`` if it can."""
        some = self.orders > (1 if value == "mean_of_repeats" else 0)
        checks = (
            ("orders: not a whole number from 1", ~_whole(self.orders)),
            ("last_purchase: before first_purchase", self.span < 0),
            ("last_purchase: after the end", self.last > self.end),
            ("orders: one, but the last is on another day", (self.orders == 1) & (self.span > 0)),
            ("value: missing", np.isnan(self.value) & some & (value is not None)),
            ("value: negative", self.value < 0),
            ("first_value: negative, or more than the total", self._odd_first()),
            ("orders: more than days", self.merged & (same_day == "set_aside")),
        )
        reason = np.full(len(self.first), "", dtype=object)
        for text, rows in checks:
            reason[rows & (reason == "")] = text
        return reason

    def _odd_first(self) -> Flags:
        rest = self.value - self.first_value
        found: Flags = (self.first_value < 0) | (rest < -1e-9 * np.abs(self.value))
        return found

    def mean(self, value: ValueOf | None) -> Vector:
        """Return the mean value of repeat occasions, NaN if there are none."""
        occasions = self.repeats + 1.0
        match value:
            case None:
                return np.full(len(self.first), np.nan)
            case "total":
                each = self.value / occasions
                rest = (self.value - self.first_value) / np.maximum(self.repeats, 1)
                each = np.where(np.isnan(rest), each, np.maximum(rest, 0.0))
            case "mean":
                each = self.value * self.orders / occasions
            case "mean_of_repeats":
                each = np.where(self.merged, self.value * self.orders / occasions, self.value)
        return np.where(self.repeats > 0, each, np.nan)


def _report(
    given: Eager,
    kind: FrameKind[Any],
    checked: Checked[Any],
    summaries: _Summaries,
    reason: Objects,
    *,
    totals: bool,
) -> IntakeReport[Any]:
    good = reason == ""
    merged = good & summaries.merged
    changes = [_entry("more orders than days, merged by day", merged, summaries)]
    report = replace(
        checked.without(given, kind, reason, value=summaries.value),
        changes=tuple(entry for entry in changes if entry.rows),
        result=f"{int(good.sum()):,} histories",
    )
    return report if totals else _without_value(report)


def _entry(reason: str, rows: Flags, summaries: _Summaries) -> IntakeEntry:
    return entry_of(reason, int(rows.sum()), summaries.value[rows])


def _without_value(report: IntakeReport[Any]) -> IntakeReport[Any]:
    """Return the report without money: a sum of means is none."""

    def plain(entries: Sequence[IntakeEntry]) -> tuple[IntakeEntry, ...]:
        return tuple(IntakeEntry(entry.reason, entry.rows) for entry in entries)

    (given, kept), asides = plain([report.given, report.kept]), plain(report.asides)
    return replace(report, given=given, kept=kept, asides=asides, changes=plain(report.changes))


def _whole(numbers: Vector) -> Flags:
    found: Flags = np.isfinite(numbers) & (numbers >= 1) & (numbers == np.floor(numbers))
    return found


def _days(table: Eager, name: str) -> NDArray[np.int64]:
    column = table[name]
    if getattr(column.dtype, "time_zone", None) is not None:
        hint = "convert them to local times: times.dt.tz_convert('Asia/Tokyo').dt.tz_localize(None)"
        raise DataError("times of summaries have an offset", column=name, hint=hint)
    return column.to_numpy().astype("datetime64[D]").astype(np.int64)
