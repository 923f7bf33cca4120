"""Events of a ledger as arrays: read, checked row by row, once each, in canonical order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Integers, Objects
from omniltv._frames import Eager, FrameKind, require
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.loyalty._kernel import EARN, MERGE, NEVER, REVERSE, SPEND, SPLIT

__all__ = ["KINDS", "Events", "day_starts", "in_order", "local", "moments", "read_events", "whole"]

KINDS = ("merge", "split", "earn", "adjust", "reverse", "spend", "expire")
"""Names of the kinds of events, by the codes of the kernel."""

MOST_POINTS = 10**12
_NEEDED = ("event_id", "customer_id", "time", "kind", "points")
_FIELDS = ("kind", "member", "other", "time", "points", "start", "until", "reference")
_MISSING = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Events:
    """Events as arrays of shape (n_events,), and the rows that cannot be used.

    Times are microseconds since 1970 in UTC. Customers and references are codes.

    Attributes:
        rows: The row of each event in the table.
        ids: Ids of the events, as text.
        customers: Ids of the customers as text, in the order of their codes.
        reasons: Why a row of the table cannot be used, "" if it can, of shape (n_rows,).
        replays: Number of rows that repeat an event.
    """

    rows: Codes
    ids: Objects
    customers: Objects
    kind: Integers
    member: Codes
    other: Codes
    time: Integers
    points: Integers
    start: Integers
    until: Integers
    reference: Objects
    reasons: Objects
    replays: int = 0

    def take(self, chosen: Codes) -> "Events":
        """Return some of the events."""
        parts: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _FIELDS}
        return replace(self, rows=self.rows[chosen], ids=self.ids[chosen], **parts)


def read_events(table: Eager, end: int, zone: str) -> Events:
    """Return the events of a table; rows with a fault have a reason.

    Raises:
        DataError: If a column is missing, or rows with one id differ.
    """
    require(table.columns, _NEEDED, "the ledger")
    ids, customers = _texts(table, "event_id"), _texts(table, "customer_id")
    kind = _kinds(table)
    other = _texts(table, "other_id") if "other_id" in table.columns else _none(ids)
    known = pd.unique(np.concatenate([customers, other]))
    names = np.array(sorted(name for name in known if name is not None), dtype=object)
    index = pd.Index(names, dtype=object)
    events = Events(
        rows=np.arange(len(ids)),
        ids=ids,
        customers=names,
        kind=kind,
        member=index.get_indexer(customers),
        other=index.get_indexer(other),
        time=moments(table, "time", zone),
        points=whole(table, "points"),
        start=day_starts(table, "valid_from", zone),
        until=day_starts(table, "valid_until", zone, after=1),
        reference=_texts(table, "reference") if "reference" in table.columns else _none(ids),
        reasons=np.full(len(ids), "", dtype=object),
    )
    return _usable(_once(events), end)


def in_order(events: Events, account: Codes) -> Codes:
    """Return the positions of the events by account, time, kind and id."""
    order = np.lexsort((events.kind, events.time, account))
    keys = [part[order] for part in (account, events.time, events.kind)]
    same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for key in keys:
        same &= key[1:] == key[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    run = np.cumsum(np.append(True, ~same))[tied]
    texts = np.unique(events.ids[order[tied]].astype(str), return_inverse=True)[1]
    order[tied] = order[tied][np.lexsort((texts, run))]
    return order


def local(times: Integers, zone: str) -> np.ndarray[Any, Any]:
    """Return times in UTC as local times without an offset; missing ones as NaT."""
    stamps = pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC")
    return np.asarray(stamps.tz_convert(zone).tz_localize(None).as_unit("us"))


def moments(table: Eager, column: str, zone: str) -> Integers:
    """Return times in microseconds, in UTC; the least number for what is not a time."""
    return _utc(_stamps(table, column, zone), zone)


def day_starts(table: Eager, column: str, zone: str, *, after: int = 0) -> Integers:
    """Return when a day starts (or the day so many days later), in microseconds in UTC.

    A missing day is the least number, or for ``after`` the largest one. A day that cannot be read
    is the other of the two.
    """
    if column not in table.columns:
        return np.full(len(table), NEVER if after else _MISSING)
    stamps = _stamps(table, column, zone).normalize() + np.timedelta64(after, "D")
    absent = np.asarray(table[column].is_null().to_list(), dtype=np.bool_)
    absent |= np.array([value != value for value in table[column].to_list()])  # noqa: PLR0124
    starts = _utc(stamps, zone)
    unread = (starts == _MISSING) & ~absent
    starts[absent] = NEVER if after else _MISSING
    starts[unread] = _MISSING if after else NEVER
    return starts


def whole(table: Eager, column: str) -> Integers:
    """Return whole numbers; 0 for missing ones, the least number for what is none."""
    series = table[column]
    if series.dtype.is_integer() and not series.is_null().any():
        return np.asarray(series.to_numpy(), dtype=np.int64)
    if series.dtype.is_float():
        values = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
        return _rounded(values)
    return np.array([_one_whole(value) for value in series.to_list()], dtype=np.int64)


def _rounded(values: np.ndarray[Any, Any]) -> Integers:
    good = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2**53)
    found = np.where(good, values, 0).astype(np.int64)
    found[~good & ~np.isnan(values)] = _MISSING
    return found


def _one_whole(value: object) -> int:
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, np.number)):
        return _MISSING
    fits = abs(value) <= MOST_POINTS and value == int(value)
    return int(value) if fits else _MISSING


def _stamps(table: Eager, column: str, zone: str) -> pd.DatetimeIndex:
    """Return a column of times or days as local times."""
    series = table[column]
    if isinstance(series.dtype, nw.Datetime) and series.dtype.time_zone is not None:
        plain = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return pd.DatetimeIndex(plain.to_numpy(), tz="UTC").tz_convert(zone).tz_localize(None)
    given = isinstance(series.dtype, (nw.Datetime, nw.Date))
    values = series.to_numpy() if given else series.to_list()
    try:
        found = pd.to_datetime(values, errors="coerce", format=None if given else "ISO8601")
    except ValueError as error:
        hint = 'pandas.to_datetime(column, utc=True).dt.tz_convert("Asia/Tokyo")'
        raise DataError("times with several offsets", column=column, hint=hint) from error
    index = pd.DatetimeIndex(found)
    return index if index.tz is None else index.tz_convert(zone).tz_localize(None)


def _utc(stamps: pd.DatetimeIndex, zone: str) -> Integers:
    """Return local times in microseconds, in UTC."""
    summer = np.ones(len(stamps), dtype=np.bool_)
    aware = stamps.tz_localize(zone, ambiguous=summer, nonexistent="shift_forward")
    plain = aware.tz_convert("UTC").tz_localize(None).as_unit("us")
    return np.asarray(plain).astype(np.int64).copy()


def _kinds(table: Eager) -> Integers:
    codes = {name: code for code, name in enumerate(KINDS[:-1])}
    words = [str(word) for word in table["kind"].to_list()]
    values, unique = pd.factorize(np.array(words, dtype=object))
    return np.array([codes.get(word, -1) for word in unique], dtype=np.int64)[values]


def _texts(table: Eager, column: str) -> Objects:
    """Return ids as text, None if they are missing."""
    series = table[column]
    if series.dtype.is_float():
        series = _from_floats(series, column)
    values = series.to_list()
    if series.dtype == nw.String:
        found = [text if isinstance(text, str) and text.strip() else None for text in values]
    else:
        found = [None if pd.isna(value) else str(value) for value in values]
    return np.fromiter(found, dtype=object, count=len(found))


def _from_floats(series: "nw.Series[Any]", column: str) -> "nw.Series[Any]":
    """Return ids that a gap has turned into floats as whole numbers."""
    numbers = np.asarray(series.to_numpy(), dtype=np.float64)
    bad = np.flatnonzero(~np.isnan(numbers) & ~((numbers == np.floor(numbers)) & (numbers < 2**53)))
    if len(bad):
        hint = "read the column as text or as whole numbers"
        raise DataError("ids are floats", column=column, rows=bad.tolist(), hint=hint)
    return series.fill_nan(None).cast(nw.Int64)


def _none(like: Objects) -> Objects:
    return np.full(len(like), None, dtype=object)


def _once(events: Events) -> Events:
    """Return every event once.

    Raises:
        DataError: If rows with one id differ.
    """
    codes, _ = pd.factorize(events.ids)
    first = np.flatnonzero((codes >= 0) & ~pd.Series(codes).duplicated().to_numpy())
    of = np.zeros(len(first), dtype=np.intp)
    of[codes[first]] = first
    copies = np.flatnonzero((codes >= 0) & pd.Series(codes).duplicated().to_numpy())
    original = of[codes[copies]]
    differ = np.zeros(len(copies), dtype=np.bool_)
    for name in _FIELDS:
        values = getattr(events, name)
        differ |= values[copies] != values[original]
    if differ.any():
        bad = list(dict.fromkeys(events.ids[copies[differ]]))
        hint = "give a changed event an id of its own: reverse the first one and add another"
        raise DataError("several contents for one id", column="event_id", rows=bad, hint=hint)
    kept = np.ones(len(codes), dtype=np.bool_)
    kept[copies] = False
    return replace(events.take(np.flatnonzero(kept)), replays=len(copies))


def _usable(events: Events, end: int) -> Events:
    """Return the events without fault; the others get a reason."""
    reasons = np.full(len(events.rows), "", dtype=object)
    for reason, test in _TESTS.items():
        reasons[test(events) & (reasons == "")] = reason
    reasons[(reasons == "") & (events.time >= end)] = "not before the time of the ledger"
    events.reasons[events.rows] = reasons
    return events.take(np.flatnonzero(reasons == ""))


def _no_points(events: Events) -> Flags:
    low = np.where(np.isin(events.kind, (EARN, SPEND)), 1, -MOST_POINTS)
    low[events.kind == REVERSE] = 0
    zero = (events.points == 0) & ~np.isin(events.kind, (MERGE, SPLIT, REVERSE))
    return (events.points < low) | zero | (np.abs(events.points) > MOST_POINTS)


def _absent(values: Objects) -> Flags:
    return np.asarray(pd.isna(values), dtype=np.bool_)


_TESTS: Mapping[str, Callable[[Events], Flags]] = {
    "missing event_id": lambda e: _absent(e.ids),
    "missing customer_id": lambda e: e.member < 0,
    "unknown kind": lambda e: e.kind < 0,
    "not a time": lambda e: e.time == _MISSING,
    "points are not a whole number that suits the kind": _no_points,
    "valid_from or valid_until is not a day": lambda e: (e.start == NEVER) | (e.until == _MISSING),
    "valid_until is before valid_from": lambda e: e.until <= e.start,
    "missing other_id": lambda e: (e.kind == MERGE) & (e.other < 0),
    "missing reference": lambda e: np.isin(e.kind, (REVERSE, SPLIT)) & _absent(e.reference),
}


def whole_ids(
    table: Eager, kind: FrameKind[Any], columns: Mapping[str, Sequence[str]]
) -> FrameKind[Any]:
    """Return the kind of frame, in which columns of ids are whole numbers if the table's are."""
    names = {
        name
        for column, also in columns.items()
        if table.schema[column].is_integer()
        for name in also
    }
    return replace(kind, whole=frozenset(names))


def check_zone(zone: str) -> None:
    """Raise ConfigError if a time zone is unknown."""
    try:
        pd.Timestamp(0, tz=zone)
    except Exception as error:  # pandas, zoneinfo and the file system have errors of their own
        message = f'unknown time zone: {zone!r}. Hint: timezone="Asia/Tokyo"'
        raise ConfigError(message, parameter="timezone") from error
