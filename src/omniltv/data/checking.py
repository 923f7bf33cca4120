"""Tables checked row by row: usable rows on, the others kept with the reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import DuplicateError
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Eager, collect
from omniltv.data._read import Reading, missing_values, read
from omniltv.data.schemas import TableColumn, TableName, TableSchema, out_of_range, schema_of
from omniltv.errors import ConfigError, DataError

__all__ = ["Checked", "Moment", "check"]

type Moment = str | datetime | np.datetime64
"""A moment, with or without a time zone."""

_ROW = "__row__"

_HINTS = {
    "id": "read the column as text or as whole numbers",
    "label": "fill it with text, such as 'store'",
    "number": "write amounts as 1200 or '1,200'",
    "time": "pandas.to_datetime(column), with unit= for numbers, or ISO 8601 text",
}


@dataclass(frozen=True, eq=False, repr=False)
class Checked[FrameT]:
    """A checked table: every row is in one of two frames, in the order it came.

    Attributes:
        valid: The rows that can be used, their checked columns in proper types.
        rejected: The other rows as they came, with ``reason``.
        table: Which table it is.
        reasons: Rejected rows by reason, the most frequent first.
        rows: Ids of the rejected rows (row positions where there are no transaction ids).
        n_valid: How many rows can be used.
    """

    valid: FrameT
    rejected: FrameT
    table: str
    reasons: Mapping[str, int]
    rows: tuple[object, ...] = field(default=())
    n_valid: int = 0

    def summary(self) -> FrameT:
        """Return the rejected rows by reason: ``reason`` and ``rows``, most frequent first."""
        _, home = _take_in(cast("Any", self.rejected), self.table)
        data = {"reason": list(self.reasons), "rows": list(self.reasons.values())}
        types = {"reason": nw.String(), "rows": nw.Int64()}
        frame: Eager = nw.from_dict(data, types, backend=cast("Any", home.eager))
        return cast("FrameT", home.send_back(frame))

    def require_all(self) -> FrameT:
        """Return the valid rows if there are no others.

        Raises:
            DataError: If a row was rejected.
        """
        if not self.rows:
            return self.valid
        column, _, fault = next(iter(self.reasons)).partition(": ")
        hint = "see .summary(), repair the rows of .rejected, or go on with .valid"
        problem = f"{self.table} has rows that cannot be used, most often: {fault}"
        raise DataError(problem, column=column, rows=self.rows, hint=hint)

    def __repr__(self) -> str:
        why = [f"{count:,} {reason}" for reason, count in self.reasons.items()]
        more = [f"{len(why) - 3} more reasons"] if len(why) > 3 else []
        told = f" ({', '.join(why[:3] + more)})" if why else ""
        return f"{self.table}: {self.n_valid:,} valid, {len(self.rows):,} rejected{told}"


def check(
    frame: IntoFrameT, table: TableName = "transactions", *, now: Moment | None = None
) -> Checked[IntoFrameT]:
    """Return the usable rows of a table, and the others with the reason.

    Columns that the table does not know are let through. Text that is clearly an amount
    ("1,200", "¥1,200", full width) or a time (ISO 8601) is converted in ``valid``.

    Args:
        frame: The table, as any frame; a lazy one is collected.
        table: Which table it is: transactions, purchases, records, assignment, behaviour
            or contacts.
        now: Times after it are in the future. The clock's time and a day, if not given.

    Raises:
        DataError: If this is no frame, if a needed column is missing, if two columns have
            one name, or if no value of a column can be read.
        ConfigError: If there is no such table, or ``now`` has no time zone and times have.

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
        purchases: 1 valid, 2 rejected (1 customer_id: missing, 1 value: not a number)
        >>> checked.valid["value"].tolist()
        [1200.0]
        >>> checked.rejected[["value", "reason"]].values.tolist()
        [['n.a.', 'value: not a number'], ['300', 'customer_id: missing']]
    """
    schema = schema_of(table)
    rows, home = _take_in(frame, table)
    columns = schema.present(rows.columns, table)
    readings = {column.name: read(rows[column.name], column.kind) for column in columns}
    faults = _Faults(len(rows))
    for column in columns:
        _note(faults, column, readings[column.name], rows)
    _note_ranges(faults, readings, now)
    clean = rows.with_columns(_converted(readings, rows, home.eager))
    _note_across_rows(faults, clean, schema, table)
    return _divide(rows, clean, faults, table, home)


@dataclass(eq=False)
class _Faults:
    """Rows at fault by reason, gathered as they are found."""

    n_rows: int
    found: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, column: str, text: str, rows: NDArray[np.bool_]) -> None:
        if rows.any():
            self.found[f"{column}: {text}"] = rows

    def add_rows(self, column: str, text: str, rows: Eager) -> None:
        mask = np.zeros(self.n_rows, dtype=bool)
        mask[rows[_ROW].to_numpy()] = True
        self.add(column, text, mask)

    def any(self) -> NDArray[np.bool_]:
        """Return which rows have a fault."""
        masks = [*self.found.values(), np.zeros(self.n_rows, dtype=bool)]
        return np.asarray(np.logical_or.reduce(masks), dtype=bool)

    def reasons(self) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
        """Return which set of reasons each row has, and each set as text, empty if none."""
        marks = np.zeros(self.n_rows, dtype=np.int64)
        for place, mask in enumerate(self.found.values()):
            marks |= mask.astype(np.int64) << place
        which, sets = pd.factorize(marks)
        texts = np.empty(len(sets), dtype=object)
        names = list(self.found)
        texts[:] = ["; ".join(n for i, n in enumerate(names) if s >> i & 1) for s in sets.tolist()]
        return which.astype(np.intp), texts


@dataclass(frozen=True)
class _Home[FrameT]:
    """Which kind of frame the caller uses."""

    eager: nw.Implementation
    lazy: nw.Implementation | None

    def send_back(self, frame: Eager) -> FrameT:
        """Return a frame in memory as one of the caller's kind."""
        if self.lazy is None:
            return cast("FrameT", frame.to_native())
        return cast("FrameT", frame.lazy(backend=cast("Any", self.lazy)).to_native())


def _take_in(frame: IntoFrameT, table: str) -> tuple[Eager, _Home[IntoFrameT]]:
    try:
        rows = collect(frame, table)
        given: object = nw.from_native(cast("Any", frame))
    except DuplicateError as error:
        names = getattr(frame, "column_names", getattr(frame, "columns", ()))
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        problem = f"{table} has two columns of one name"
        raise DataError(problem, column=twice, hint="rename one of them") from error
    lazy = given.implementation if isinstance(given, nw.LazyFrame) else None
    return rows, _Home(rows.implementation, lazy)


def _note(faults: _Faults, column: TableColumn, reading: Reading, rows: Eager) -> None:
    """Note what could not be read in a column.

    Raises:
        DataError: If no row could be read.
    """
    found = {} if column.may_miss else {"missing": reading.missing}
    found |= reading.faults
    if len(rows) and sum(found.values(), np.zeros(len(rows), dtype=bool)).all():
        problem = max(found, key=lambda text: int(found[text].sum()))
        raise DataError(
            f"no value can be read: {problem}",
            column=column.name,
            rows=_row_ids(rows, np.arange(len(rows))),
            hint=_HINTS[column.kind],
        )
    for text, mask in found.items():
        faults.add(column.name, text, mask)


def _note_ranges(faults: _Faults, readings: Mapping[str, Reading], now: Moment | None) -> None:
    view = {name: found.view for name, found in readings.items() if found.view is not None}
    if not view:
        return
    aware = any(reading.aware for reading in readings.values())
    for column, text, mask in out_of_range(pd.DataFrame(view), _latest(now, aware=aware)):
        faults.add(column, text, mask)


def _latest(now: Moment | None, *, aware: bool) -> datetime:
    """Return the last time that is not in the future, as times without zone are compared."""
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
        raise ConfigError(f"now is no time: {now!r}. Hint: now='2026-04-01'")
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


def _note_across_rows(faults: _Faults, clean: Eager, schema: TableSchema, table: str) -> None:
    """Note what is wrong with rows that are right each by itself."""
    names = [column.name for column in schema.columns if column.name in clean.columns]
    numbered = clean.select(names).with_row_index(_ROW)
    if set(names) >= {"transaction_id", "refund_of"}:
        _note_self_refunds(faults, _good(numbered, faults))
    if table == "assignment":
        _note_two_arms(faults, _good(numbered, faults))
    if set(schema.key) <= set(names) and schema.key:
        _note_repeats(faults, _good(numbered, faults), schema.key)


def _good(numbered: Eager, faults: _Faults) -> Eager:
    return numbered[np.flatnonzero(~faults.any()), :] if faults.found else numbered


def _note_self_refunds(faults: _Faults, good: Eager) -> None:
    same = nw.col("transaction_id").cast(nw.String) == nw.col("refund_of").cast(nw.String)
    known = ~nw.col("refund_of").is_null() & ~nw.col("transaction_id").is_null()
    faults.add_rows("refund_of", "refers to itself", good.filter(known).filter(same))


def _note_two_arms(faults: _Faults, good: Eager) -> None:
    pairs = good.select("customer_id", "arm").unique()
    torn = pairs["customer_id"].filter(pairs["customer_id"].is_duplicated())
    rows = good.filter(nw.col("customer_id").is_in(torn))
    faults.add_rows("customer_id", "in two arms", rows)


def _note_repeats(faults: _Faults, good: Eager, key: Sequence[str]) -> None:
    keyed = good.drop_nulls(list(key))
    kept = keyed.unique(list(key), keep="first")[_ROW].to_numpy()
    if len(kept) == len(keyed):
        return
    copy = keyed.drop(_ROW).is_duplicated().to_numpy()
    again = ~np.isin(keyed[_ROW].to_numpy(), kept)
    name = key[-1]
    faults.add_rows(name, "stands in an earlier row", keyed[np.flatnonzero(again & ~copy), :])
    faults.add_rows(name, "a copy of another row", keyed[np.flatnonzero(again & copy), :])


def _divide[FrameT](
    rows: Eager, clean: Eager, faults: _Faults, table: str, home: _Home[FrameT]
) -> Checked[FrameT]:
    which, texts = faults.reasons()
    good = texts[which] == ""
    bad = np.flatnonzero(~good)
    aside = rows[bad, :]
    reason = _series("reason", pd.Series(texts[which[bad]], dtype=object), aside, home.eager)
    counts = {
        text: int(n)
        for text, n in zip(texts, np.bincount(which, minlength=len(texts)), strict=True)
        if text
    }
    return Checked(
        valid=home.send_back(clean[np.flatnonzero(good), :]),
        rejected=home.send_back(aside.with_columns(reason)),
        table=table,
        reasons=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        rows=_row_ids(rows, bad),
        n_valid=int(good.sum()),
    )


def _row_ids(rows: Eager, which: NDArray[np.intp]) -> tuple[object, ...]:
    if "transaction_id" not in rows.columns:
        return tuple(which.tolist())
    ids = rows["transaction_id"][which]
    named = zip(ids.to_list(), which.tolist(), missing_values(ids), strict=True)
    return tuple(row if missing else name for name, row, missing in named)
