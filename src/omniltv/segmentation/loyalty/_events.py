"""Events of a ledger as arrays: read, sifted row by row, once each, in canonical order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Integers, Objects
from omniltv._columns import is_missing, require
from omniltv._frames import Eager, FrameKind
from omniltv._moments import read_moment
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.loyalty._kernel import (
    EARN,
    EXPIRE,
    MERGE,
    NEVER,
    REVERSE,
    SPEND,
    SPLIT,
)

__all__ = [
    "KINDS",
    "MISSING",
    "LedgerEvents",
    "Sifted",
    "check_zone",
    "day_starts",
    "in_order",
    "local",
    "moment_of",
    "moments",
    "read_events",
    "sift",
    "texts",
    "times",
    "utc_micros",
    "whole",
    "whole_ids",
]

KINDS = ("merge", "split", "earn", "adjust", "reverse", "spend", "expire")
"""Names of the kinds of events, by the codes of the kernel."""

MOST_POINTS = 10**12
_NEEDED = ("event_id", "customer_id", "time", "kind", "points")
_CONTENT = ("kind", "member", "other", "time", "points", "start", "until", "reference")
_EXACT = 2**53
MISSING = np.iinfo(np.int64).min
"""What is not a time, as NumPy stores it, or not a whole number."""


@dataclass(frozen=True, eq=False)
class LedgerEvents:
    """Events as arrays of shape (n_events,).

    Times are microseconds since 1970 in UTC. Customers are codes.

    Attributes:
        row: The row of each event in the table; -1 for events of the state.
        place: The position of each event in the state; -1 for events of the table.
        ids: Ids of the events, as text.
        customers: Ids of the customers as text, in the order of their codes.
    """

    row: Codes
    place: Codes
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

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, chosen: Codes) -> "LedgerEvents":
        """Return some of the events."""
        names = ("row", "place", "ids", *_CONTENT)
        parts: dict[str, Any] = {name: getattr(self, name)[chosen] for name in names}
        return replace(self, **parts)

    def and_then(self, more: "LedgerEvents") -> "LedgerEvents":
        """Return these events and others, with one list of customers."""
        code, names = pd.factorize(np.concatenate([self.customers, more.customers]))
        size = len(self.customers)
        both = (_recoded(self, names, code[:size]), _recoded(more, names, code[size:]))
        columns = ("row", "place", "ids", *_CONTENT)
        parts: dict[str, Any] = {
            name: np.concatenate([getattr(events, name) for events in both]) for name in columns
        }
        return replace(self, customers=names, **parts)

    def compact(self) -> "LedgerEvents":
        """Return the events with the customers that they name, sorted."""
        named = np.zeros(len(self.customers) + 1, dtype=np.bool_)  # the last one is nobody
        named[self.member] = named[self.other] = True
        used = np.flatnonzero(named[:-1])
        used = used[np.argsort(self.customers[used], kind="stable")]  # most are in order
        code = np.full(len(self.customers), -1)
        code[used] = np.arange(len(used))
        return _recoded(self, self.customers[used], code)


@dataclass(frozen=True, eq=False)
class Sifted:
    """Events that can be applied, and why the others cannot.

    Attributes:
        events: Events without fault, once each.
        faulty: The other events.
        reasons: Why they cannot be used, of shape (n_faulty,).
        replays: Number of rows that repeat an event.
    """

    events: LedgerEvents
    faulty: LedgerEvents
    reasons: Objects
    replays: int


def read_events(table: Eager, zone: str) -> LedgerEvents:
    """Return the events of a table as they are.

    Raises:
        DataError: If a column is missing.
    """
    require(table.columns, _NEEDED, "the ledger")
    ids, customers = texts(table, "event_id"), texts(table, "customer_id")
    other = _optional(table, "other_id")
    codes, names = pd.factorize(np.concatenate([customers, other]))
    return LedgerEvents(
        row=np.arange(len(ids)),
        place=np.full(len(ids), -1),
        ids=ids,
        customers=np.asarray(names, dtype=object),
        kind=_kinds(table),
        member=codes[: len(ids)],
        other=codes[len(ids) :],
        time=moments(table, "time", zone),
        points=whole(table, "points"),
        start=day_starts(table, "valid_from", zone),
        until=day_starts(table, "valid_until", zone, after=1),
        reference=_optional(table, "reference"),
    )


def sift(events: LedgerEvents, closed: int, end: int) -> Sifted:
    """Return every event once, without those that cannot be applied.

    Raises:
        DataError: If rows with one id differ.
    """
    once, replays = _once(events)
    reasons = np.full(len(once), "", dtype=object)
    fresh = once.place < 0
    for reason, test in _TESTS.items():
        reasons[test(once) & (reasons == "") & fresh] = reason
    reasons[(reasons == "") & (once.time >= end)] = "not before the time of the ledger"
    reasons[(reasons == "") & (once.time < closed) & fresh] = "before the ledger was closed"
    bad = reasons != ""
    faulty = once.take(np.flatnonzero(bad))
    return Sifted(once.take(np.flatnonzero(~bad)).compact(), faulty, reasons[bad], replays)


def _recoded(events: LedgerEvents, names: Objects, code: Codes) -> LedgerEvents:
    """Return events with another list of customers, given the code of each customer in it."""
    code = np.append(code, -1)
    return replace(events, customers=names, member=code[events.member], other=code[events.other])


def in_order(events: LedgerEvents, account: Codes) -> Codes:
    """Return the positions of the events by account, time, kind and id."""
    order = np.lexsort((events.kind, events.time, account))
    keys = [part[order] for part in (account, events.time, events.kind)]
    same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for key in keys:
        same &= key[1:] == key[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    run = np.cumsum(np.append(True, ~same))[tied]
    texts = pd.factorize(events.ids[order[tied]], sort=True)[0]
    order[tied] = order[tied][np.lexsort((texts, run))]
    return order


def local(times: Integers, zone: str) -> np.ndarray[Any, Any]:
    """Return times in UTC as local times without an offset; missing ones as NaT."""
    stamps = pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC")
    return np.asarray(stamps.tz_convert(zone).tz_localize(None).as_unit("us"))


def moments(table: Eager, column: str, zone: str) -> Integers:
    """Return times in microseconds, in UTC; the least number for what is not a time."""
    return _utc(_stamps(table, column, zone), zone)


def times(table: Eager, column: str, zone: str) -> np.ndarray[Any, Any]:
    """Return local times without an offset.

    Raises:
        DataError: If one cannot be read.
    """
    micros = moments(table, column, zone)
    bad = np.flatnonzero(micros == MISSING)
    if len(bad):
        hint = "ISO times such as 2026-04-01 09:30 (row positions shown)"
        raise DataError("not a time", column=column, rows=bad.tolist(), hint=hint)
    return local(micros, zone)


def day_starts(table: Eager, column: str, zone: str, *, after: int = 0) -> Integers:
    """Return when a day starts (or the day so many days later), in microseconds in UTC.

    A missing day is the least number, or for ``after`` the largest one. A day that cannot be read
    is the other of the two.
    """
    if column not in table.columns:
        return np.full(len(table), NEVER if after else MISSING)
    stamps = _stamps(table, column, zone).normalize() + np.timedelta64(after, "D")
    absent = np.asarray(table[column].is_null().to_numpy(), dtype=np.bool_)
    starts = _utc(stamps, zone)
    unread = (starts == MISSING) & ~absent
    starts[absent] = NEVER if after else MISSING
    starts[unread] = MISSING if after else NEVER
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
    found[~good & ~np.isnan(values)] = MISSING
    return found


def _one_whole(value: object) -> int:
    if is_missing(value):
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, np.number)):
        return MISSING
    number = cast("float", value)  # a Decimal compares alike
    fits = abs(number) <= MOST_POINTS and number == int(number)
    return int(number) if fits else MISSING


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
    codes = {name: code for code, name in enumerate(KINDS)}
    values, unique = pd.factorize(np.array(table["kind"].to_list(), dtype=object))
    known = [codes.get(str(word), -1) for word in unique]
    return np.array([*known, -1], dtype=np.int64)[values]


def texts(table: Eager, column: str) -> Objects:
    """Return ids as text, None if they are missing."""
    series = table[column]
    if series.dtype.is_float():
        return _from_floats(series, column)
    values = series.to_list()
    if series.dtype.is_integer() and not series.is_null().any():
        return np.asarray(series.to_numpy()).astype(str).astype(object)
    if series.dtype == nw.String:
        found = [text if isinstance(text, str) and text.strip() else None for text in values]
    else:
        found = [None if pd.isna(value) else str(value) for value in values]
    return np.fromiter(found, dtype=object, count=len(found))


def _from_floats(series: "nw.Series[Any]", column: str) -> Objects:
    """Return whole numbers that a gap has turned into floats as text."""
    numbers = np.asarray(series.to_numpy(), dtype=np.float64)
    absent = np.isnan(numbers)
    bad = np.flatnonzero(~absent & ~((numbers == np.floor(numbers)) & (np.abs(numbers) < _EXACT)))
    if len(bad):
        hint = "read the column as text or as whole numbers"
        raise DataError("ids are floats", column=column, rows=bad.tolist(), hint=hint)
    found = np.where(absent, 0, numbers).astype(np.int64).astype(str).astype(object)
    found[absent] = None
    return found


def _optional(table: Eager, column: str) -> Objects:
    if column in table.columns:
        return texts(table, column)
    return np.full(len(table), None, dtype=object)


def _once(events: LedgerEvents) -> tuple[LedgerEvents, int]:
    """Return every event once, and how many rows repeat one.

    Raises:
        DataError: If rows with one id differ.
    """
    codes = pd.factorize(events.ids)[0]
    again = (codes >= 0) & pd.Series(codes).duplicated().to_numpy()
    first = np.flatnonzero((codes >= 0) & ~again)
    copies = np.flatnonzero(again)
    original = first[codes[copies]]  # codes are in order of appearance
    columns = {name: getattr(events, name) for name in _CONTENT}
    changes = {name: values[copies] != values[original] for name, values in columns.items()}
    differ = np.any(list(changes.values()), axis=0)
    if differ.any():
        bad = list(dict.fromkeys(events.ids[copies[differ]]))
        hint = "give a changed event an id of its own: reverse the first one and add another"
        if [name for name, change in changes.items() if change.any()] == ["until"]:
            hint = 'with counted_from="last_earning", settle the whole history without a state'
        raise DataError("several contents for one id", column="event_id", rows=bad, hint=hint)
    return events.take(np.flatnonzero(~again)), len(copies)


def _no_points(events: LedgerEvents) -> Flags:
    low = np.where(np.isin(events.kind, (EARN, SPEND)), 1, -MOST_POINTS)
    low[np.isin(events.kind, (REVERSE, EXPIRE))] = 0
    zero = (events.points == 0) & ~np.isin(events.kind, (MERGE, SPLIT, REVERSE, EXPIRE))
    wrong = (events.points < low) | zero | (np.abs(events.points) > MOST_POINTS)
    return np.asarray(wrong, dtype=np.bool_)


def _absent(values: Objects) -> Flags:
    return np.asarray(pd.isna(values), dtype=np.bool_)


_TESTS: Mapping[str, Callable[[LedgerEvents], Flags]] = {
    "missing event_id": lambda e: _absent(e.ids),
    "missing customer_id": lambda e: e.member < 0,
    "unknown kind": lambda e: e.kind < 0,
    "not a time": lambda e: e.time == MISSING,
    "points are not a whole number that suits the kind": _no_points,
    "valid_from or valid_until is not a day": lambda e: (e.start == NEVER) | (e.until == MISSING),
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


def moment_of(at: Moment, zone: str, parameter: str = "at") -> pd.Timestamp:
    """Return a moment in local time.

    Raises:
        ConfigError: If it cannot be read.
    """
    stamp = read_moment(at, f'{parameter}="2026-04-01"')
    return stamp if stamp.tzinfo is None else stamp.tz_convert(zone).tz_localize(None)


def utc_micros(moment: pd.Timestamp, zone: str) -> int:
    """Return a local time in microseconds, in UTC."""
    aware = moment.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return int(aware.as_unit("us").asm8.astype(np.int64))
