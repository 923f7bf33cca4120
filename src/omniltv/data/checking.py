"""Tables checked row by row: valid rows, and rejected rows with the reason."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Eager, FrameKind, read_frame, unused_name
from omniltv._log import logged
from omniltv._options import checked
from omniltv.data._faults import COPY, HINTS, Faults, note_across_rows, note_unread, row_ids
from omniltv.data._lines import IdenticalLines, OrderLines, RowKind, RowRule
from omniltv.data._read import (
    Reading,
    product_of,
    read,
)
from omniltv.data.report import IntakeEntry, IntakeReport, Tolerance, by_size, entries_of, entry_of
from omniltv.data.schemas import (
    SCHEMAS,
    TableName,
    out_of_range,
    schema_of,
)
from omniltv.data.spelling import Formats
from omniltv.errors import ConfigError, DataError

__all__ = [
    "Checked",
    "Moment",
    "check",
    "examine",
    "lost_labels",
    "readable_values",
    "refuse_nested",
    "row_ids",
]

type Moment = str | datetime | np.datetime64
"""A moment, with or without a time zone."""

_IDENTICAL = "identical lines of an order, kept (identical_lines='set_aside' rejects them)"
_PRODUCT = "quantity times unit_price"

_AUTO = RowRule()


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Checked[FrameT]:
    """A checked table: every row is in one of two frames, in the given order.

    Attributes:
        valid: The rows that can be used, with checked columns converted to proper types.
        report: Rows and money kept and set aside, by reason.
        row_reasons: Reason of each row of the table, ``""`` for valid rows, of shape (n_rows,).
        lines: Whether rows of one transaction id are the lines of one order.
    """

    valid: FrameT
    report: IntakeReport[FrameT]
    row_reasons: NDArray[np.object_]
    lines: bool = False

    @property
    def rejected(self) -> FrameT:
        """The other rows as given, with ``reason`` (``reason_1`` if there is a ``reason``)."""
        return self.report.rejected

    @property
    def table(self) -> str:
        """Name of the table."""
        return self.report.table

    @property
    def reasons(self) -> dict[str, int]:
        """Number of rejected rows by reason, the most frequent first."""
        return {entry.reason: entry.rows for entry in self.report.asides}

    @property
    def rows(self) -> tuple[object, ...]:
        """Ids of the rejected rows; row positions if there are no transaction ids."""
        return self.report.ids

    @property
    def n_valid(self) -> int:
        """Number of valid rows."""
        return self.report.kept.rows

    def without(
        self,
        given: Eager,
        kind: FrameKind[FrameT],
        reasons: NDArray[np.object_],
        *,
        value: NDArray[np.float64] | None = None,
        expected: Collection[str] = (),
    ) -> IntakeReport[FrameT]:
        """Return the report on the table with some of the valid rows set aside, too.

        Args:
            given: The table that was checked.
            kind: Its kind of frame.
            reasons: Reason of each valid row, ``""`` for those that are kept, of shape
                (n_valid,).
            value: Value of each valid row, likewise; None for tables without values.
            expected: Reasons whose loss is expected.

        Examples:
            >>> table, kind = read_frame(pd.DataFrame({"source": "ec", "record_id": [1, 2]}), "t")
            >>> reasons = np.array(["", "record_id: unknown"], dtype=object)
            >>> check(table.to_native(), "records").without(table, kind, reasons)
            records: 2 rows in
              kept       1 row (50.0 %)
              set aside  1 row (50.0 %)
                1 row: record_id: unknown
        """
        why = self.row_reasons.copy()
        why[why == ""] = reasons
        good, name = reasons == "", unused_name(given.columns, "reason")
        return replace(
            self.report,
            kept=entry_of("", int(good.sum()), None if value is None else value[good]),
            asides=by_size([*self.report.asides, *entries_of(reasons, value, expected=expected)]),
            rejected=kind.extend(given, name, why, why != ""),
            ids=row_ids(given, np.flatnonzero(why != "")),
        )

    def require_all(self) -> FrameT:
        """Return the valid rows if no row is rejected.

        Raises:
            DataError: If a row is rejected.

        Examples:
            >>> records = pd.DataFrame({"source": ["ec", "ec"], "record_id": [1, 2]})
            >>> len(check(records, "records").require_all())
            2
        """
        if not self.rows:
            return self.valid
        column, _, fault = next(iter(self.reasons)).partition(": ")
        hint = "see .report; repair the rows in .rejected, or use .valid"
        problem = f"{self.table} has rejected rows, most often: {fault}"
        raise DataError(problem, column=column, rows=self.rows, hint=hint)

    def __repr__(self) -> str:
        return self.report.line()


@checked
def check(
    frame: IntoFrameT,
    table: TableName = "transactions",
    *,
    now: Moment | None = None,
    rows: RowKind = "auto",
    identical_lines: IdenticalLines = "keep",
    formats: Formats | None = None,
    tolerance: Tolerance | None = None,
) -> Checked[IntoFrameT]:
    """Return the valid rows of a table, and the rejected rows with the reason.

    Columns that are not in the schema of the table are not checked. Times and amounts that
    are written as text are converted in ``valid``: "2025/1/5", "R7.1.5", "¥1,200", "(50)".
    What the column as a whole has to settle, such as the order of day and month, is in
    ``report.read_as``; what it does not settle is rejected unless ``formats`` says it.

    Among valid rows with the same id and the same contents, the first is kept and the others
    are rejected as copies. If the contents of records differ, all rows of the id are
    rejected, since nothing says which one is right. Rows of one transaction id are either
    lines of an order, all valid, or tickets, of which the first is valid (see ``rows``). Ids
    are compared without surrounding blanks. Contents are compared as text; full-width and
    half-width characters are equal.

    Args:
        frame: The table, as any frame; a lazy frame is collected.
        table: Name of the table: transactions, purchases, summaries, records, assignment,
            behaviour or contacts.
        now: Later times are rejected as future times; one day after the current time if None.
        rows: What the rows of one transaction id are: ``"lines"`` of an order, or
            ``"tickets"``, of which there is one per id. ``"auto"`` finds out: they are lines
            if, for most ids with different contents, customer and day are the same.
        identical_lines: Lines that are equal in all columns to another line of their order
            are kept, or ``"set_aside"``. A copy of a whole order is always rejected: every
            line is there equally often, or a single line is there again further down.
        formats: How dates and amounts are written, as far as the values do not say it.
        tolerance: How much may be rejected before there is a warning or an error;
            ``Tolerance()`` if None.

    Raises:
        IntakeError: If more is rejected than ``tolerance`` allows; a `DataError` that has the
            rejected rows.
        DataError: If this is not a frame, a needed column is missing, two columns have the same
            name, the name of a column is not text, or no value of a column can be read.
        ConfigError: If there is no such table, or times have a time zone and ``now`` has none.

    Warns:
        IntakeWarning: If more than usual is rejected: above 5 % of the rows or of the value,
            or all rows of a channel.

    Examples:
        >>> import pandas as pd
        >>> purchases = pd.DataFrame({
        ...     "customer_id": ["ann", "ben", None],
        ...     "channel": ["store", "ec", "ec"],
        ...     "time": ["2024-05-01", "2024-05-02", "2024-05-03"],
        ...     "value": ["1,200", "n.a.", "300"],
        ... })
        >>> checked = check(purchases, "purchases")
        >>> checked
        purchases: 1 of 3 rows kept, value 1,200 of 1,500; set aside: 1 customer_id: missing,
        1 value: not a number
        >>> checked.valid["value"].tolist()
        [1200.0]
        >>> checked.rejected[["value", "reason"]].values.tolist()
        [['n.a.', 'value: not a number'], ['300', 'customer_id: missing']]
    """
    rule = RowRule(rows, identical_lines)
    checked = examine(frame, table, now=now, rule=rule, formats=formats)
    checked.report.judge(tolerance)
    return checked


@logged("rows checked")
def examine(
    frame: IntoFrameT,
    table: TableName,
    *,
    now: Moment | None = None,
    rule: RowRule = _AUTO,
    formats: Formats | None = None,
) -> Checked[IntoFrameT]:
    """Return a table as `check` does, whatever is rejected.

    Examples:
        >>> examine(pd.DataFrame({"source": ["ec", None], "record_id": [1, 2]}), "records")
        records: 1 of 2 rows kept; set aside: 1 source: missing
    """
    schema = schema_of(table)
    rows, kind = read_frame(frame, table)
    columns = schema.present(rows.columns, table)
    readings = {column.name: read(rows[column.name], column.kind, formats) for column in columns}
    faults = Faults(len(rows))
    for column in columns:
        note_unread(faults, column, readings[column.name], rows)
    if factors := [readings[f.name] for f in schema.factors if f.name in readings]:
        readings["value"] = replace(product_of(factors), notes=(_PRODUCT,))
    _note_ranges(faults, readings, now)
    clean = rows.with_columns(_converted(readings, rows, kind.eager))
    lines = note_across_rows(faults, clean, schema, table, rule)
    value = readings["value"].view if "value" in readings else None
    notes = {name: "; ".join(found.notes) for name, found in readings.items() if found.notes}
    harmless = [f"{schema.key[-1]}: {COPY}"] if schema.repeats == "none" else []
    return _divide(rows, clean, faults, _Output(table, kind, value, lines, harmless, notes))


def refuse_nested(table: Eager, names: Sequence[str]) -> None:
    """Raise DataError if a field of some columns holds a list, a table or the like.

    Examples:
        >>> frame = pd.DataFrame({"email": ["a@example.jp", ["b@example.jp"]]})
        >>> refuse_nested(nw.from_native(frame, eager_only=True), ["email"])
        Traceback (most recent call last):
        omniltv.errors.DataError: column 'email': not a single value (1 row; first ids: 1)...
    """
    for name in names:
        for fault, rows in read(table[name], "field").faults.items():
            if rows.any():
                where = np.flatnonzero(rows).tolist()
                raise DataError(fault, column=name, rows=where, hint=HINTS["field"])


def _note_ranges(faults: Faults, readings: Mapping[str, Reading], now: Moment | None) -> None:
    view = {name: found.view for name, found in readings.items() if found.view is not None}
    if not view:
        return
    aware = any(reading.aware for reading in readings.values())
    for column, text, mask in out_of_range(pd.DataFrame(view), _latest(now, aware=aware)):
        faults.add(column, text, mask)


def _latest(now: Moment | None, *, aware: bool) -> datetime:
    """Return the last time that is not in the future, without a time zone."""
    if now is None:
        return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    moment = _moment(now)
    if not aware:
        return moment.replace(tzinfo=None)
    if moment.tzinfo is None:
        problem = "now has no time zone, but the times have one"
        raise ConfigError(f"{problem}. Hint: now=datetime.now(ZoneInfo('Asia/Tokyo'))")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _moment(now: Moment) -> datetime:
    moment = pd.to_datetime(now, errors="coerce")
    if pd.isna(moment):
        raise ConfigError(f"now is not a time: {now!r}. Hint: now='2026-04-01'")
    return moment.to_pydatetime(warn=False)


def _converted(
    readings: Mapping[str, Reading], rows: Eager, backend: nw.Implementation
) -> list[nw.Series[Any]]:
    changed = {name: r.values for name, r in readings.items() if r.values is not None}
    return [_series(name, values, rows, backend) for name, values in changed.items()]


def _series(
    name: str, values: pd.Series, rows: Eager, backend: nw.Implementation
) -> nw.Series[Any]:
    if backend.is_pandas():
        index = cast("pd.DataFrame", rows.to_native()).index
        return nw.from_native(values.set_axis(index).rename(name), series_only=True)
    if values.dtype.kind == "f":
        return nw.new_series(name, values.to_numpy(), nw.Float64, backend=cast("Any", backend))
    if values.dtype.kind == "M":
        zone = "UTC" if values.dt.tz is not None else None
        plain = values.dt.tz_localize(None).to_numpy()
        series = nw.new_series(name, plain, nw.Datetime("us"), backend=cast("Any", backend))
        return series.dt.replace_time_zone(zone) if zone else series
    kind = nw.Int64 if values.dtype == "Int64" else nw.String
    plain_list = values.astype(object).where(values.notna(), None).tolist()
    return nw.new_series(name, plain_list, kind, backend=cast("Any", backend))


@dataclass(frozen=True, eq=False)
class _Output[FrameT]:
    """What the report on a table needs to know.

    Attributes:
        table: Name of the table.
        kind: Kind of frame.
        value: Value of each row, if it has values.
        lines: What the rows of repeated transaction ids are.
        harmless: Reasons that lose nothing: copies of a record.
        notes: What was assumed to read a column.
    """

    table: str
    kind: FrameKind[FrameT]
    value: NDArray[np.float64] | None
    lines: OrderLines | None
    harmless: Sequence[str]
    notes: Mapping[str, str]

    def entry(self, reason: str, rows: NDArray[np.intp]) -> IntakeEntry:
        return entry_of(reason, len(rows), None if self.value is None else self.value[rows])

    def changes(self) -> tuple[IntakeEntry, ...]:
        """Return what is said of the lines of orders: their number, and identical ones kept."""
        if self.lines is None or not self.lines.lines:
            return ()
        found = [self.entry("lines of orders with several lines", self.lines.summed)]
        if len(self.lines.identical) and not self.lines.drop_identical:
            found.append(self.entry(_IDENTICAL, self.lines.identical))
        return tuple(found)


def _divide[FrameT](
    rows: Eager, clean: Eager, faults: Faults, output: _Output[FrameT]
) -> Checked[FrameT]:
    reason = faults.reasons()
    bad, good = np.flatnonzero(reason != ""), np.flatnonzero(reason == "")
    name = unused_name(rows.columns, "reason")
    report = IntakeReport(
        table=output.table,
        given=output.entry("", np.arange(len(rows))),
        kept=output.entry("", good),
        rejected=output.kind.extend(rows, name, reason, reason != ""),
        asides=entries_of(reason, output.value, expected=output.harmless),
        changes=output.changes(),
        lost=lost_labels(clean, bad, good),
        ids=row_ids(rows, bad),
        read_as=output.notes,
    )
    lines = output.lines is not None and output.lines.lines
    return Checked(output.kind.native(clean[good, :]), report, reason, lines)


def readable_values(table: Eager) -> NDArray[np.float64] | None:
    """Return the value of each row, NaN if it cannot be read; None without a column of values.

    Examples:
        >>> readable_values(nw.from_native(pd.DataFrame({"value": ["1,200", "x"]})))
        array([1200.,   nan])
    """
    if "value" in table.columns:
        return read(table["value"], "number").view
    factors = [column.name for column in SCHEMAS["purchases"].factors]
    if not set(factors) <= set(table.columns):
        return None
    return product_of([read(table[name], "number") for name in factors]).view


def lost_labels(table: Eager, bad: NDArray[np.intp], good: NDArray[np.intp]) -> tuple[str, ...]:
    """Return the channels of which no row is good; sources, if the table has no channel.

    Examples:
        >>> table = nw.from_native(pd.DataFrame({"channel": ["ec", "store", "ec"]}))
        >>> lost_labels(table, np.array([0, 1]), np.array([2]))
        ('store',)
    """
    names = [name for name in ("channel", "source") if name in table.columns]
    if not (names and len(bad)):
        return ()
    label = table[names[0]]
    suspects = {*label[bad].drop_nulls().unique().to_list()} - {*label[good].unique().to_list()}
    return tuple(sorted(map(str, suspects)))
