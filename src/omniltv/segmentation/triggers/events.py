"""What triggers read: events of customers in local time, and tables by name."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

import narwhals as nw
import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Objects
from omniltv._columns import check_ids, require
from omniltv._frames import Eager, IntoTable, collect
from omniltv._moments import read_moment
from omniltv._options import checked
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.conditions.context import Context

__all__ = ["CustomerEvents", "local_now", "local_times"]

_WHAT = "the table of events"
_EXAMPLE = 'a local moment such as "2026-01-31 06:00"'


@checked
@dataclass(frozen=True, eq=False)
class CustomerEvents:
    """Events of customers in local time, and other tables that triggers read.

    Attributes:
        events: One row per event, in the order of time: ``customer_id``, ``time`` (local),
            ``event`` (``purchase``, ``visit``, ``cart_abandoned`` ...) and ``channel``.
        tables: Other tables by name, such as ``moves`` or ``next_purchases``.
        anonymous: Number of events without a customer, which are left out.
        time_zone: Time zone of the retailer; None if times were local already.

    Examples:
        >>> events = CustomerEvents.read(pd.DataFrame({
        ...     "customer_id": ["a", None], "time": ["2026-03-01 10:00", "2026-03-02 11:00"],
        ...     "event": ["purchase", "visit"], "channel": "ec"}))
        >>> events
        CustomerEvents(1 event of 1 customer, 1 without a customer)
    """

    events: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    anonymous: int = 0
    time_zone: str | None = None

    def __repr__(self) -> str:
        number, people = len(self.events), self.events["customer_id"].nunique()
        events = f"{number:,} event{'' if number == 1 else 's'}"
        customers = f"{people:,} customer{'' if people == 1 else 's'}"
        return f"CustomerEvents({events} of {customers}, {self.anonymous:,} without a customer)"

    @classmethod
    def read(
        cls,
        events: IntoTable,
        *,
        time_zone: str | None = None,
        tables: Mapping[str, IntoTable] | None = None,
    ) -> Self:
        """Return the events of a frame.

        Args:
            events: One row per event: ``customer_id``, ``time``, ``channel`` and ``event``. In
                place of ``event``, ``kind`` and ``what``, as in `Timeline.events`: the event
                is then ``purchase`` for purchases, and ``what`` for all others.
            time_zone: Time zone of the retailer, for times with a zone. If None, the local
                times of their own zone are used.
            tables: Other tables by name. Columns of times that triggers read are converted in
                the same way.

        Raises:
            DataError: If a column is absent, or times are missing or no times.
            ConfigError: If the time zone does not exist.

        Examples:
            >>> timeline = pd.DataFrame({"customer_id": ["a"], "time": ["2026-03-01"],
            ...     "kind": ["behaviour"], "what": ["visit"], "channel": ["store"]})
            >>> CustomerEvents.read(timeline).events["event"].tolist()
            ['visit']
        """
        Context(time_zone=time_zone)
        rows = collect(events, _WHAT)
        require(rows.columns, ["customer_id", "time", "channel"], _WHAT)
        known = ~pd.isna(np.fromiter(rows["customer_id"].to_list(), object, len(rows)))
        rows = rows[np.flatnonzero(known), :]
        frame = pd.DataFrame({
            "customer_id": check_ids(rows["customer_id"].to_list(), "customer_id"),
            "time": local_times(rows, "time", _WHAT, time_zone),
            "event": _names(rows),
            "channel": _texts(rows["channel"].to_list()),
        })  # fmt: skip
        frame["customer_id"] = frame["customer_id"].astype(object)
        frame = frame.sort_values("time", kind="stable", ignore_index=True)
        given = {} if tables is None else tables
        others = {name: _native(table, f"the table {name}") for name, table in given.items()}
        return cls(frame, others, int((~known).sum()), time_zone)

    def with_table(self, name: str, table: IntoTable) -> Self:
        """Return the events with another table.

        Examples:
            >>> events = CustomerEvents.read(pd.DataFrame(
            ...     {"customer_id": ["a"], "time": ["2026-03-01"], "event": "visit",
            ...      "channel": "store"}))
            >>> due = pd.DataFrame({"customer_id": ["a"], "expected": ["2026-04-01"]})
            >>> list(events.with_table("next_purchases", due).tables)
            ['next_purchases']
        """
        return replace(self, tables={**self.tables, name: _native(table, f"the table {name}")})

    def before(self, now: Moment) -> Self:
        """Return the events before a moment, with the same tables.

        Examples:
            >>> events = CustomerEvents.read(pd.DataFrame(
            ...     {"customer_id": ["a", "a"], "time": ["2026-03-01", "2026-03-02"],
            ...      "event": "visit", "channel": "store"}))
            >>> len(events.before("2026-03-02").events)
            1
        """
        end = int(np.searchsorted(self.events["time"].to_numpy(), local_now(now).to_numpy()))
        return replace(self, events=self.events.iloc[:end])

    def of(self, *names: str, channels: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the events of some names, on some channels or on all.

        Args:
            names: Names of events; all events if none is given.
            channels: Channels; all if None.

        Examples:
            >>> events = CustomerEvents.read(pd.DataFrame(
            ...     {"customer_id": ["a", "b"], "time": ["2026-03-01", "2026-03-02"],
            ...      "event": ["visit", "cart"], "channel": ["store", "ec"]}))
            >>> events.of("cart")["customer_id"].tolist()
            ['b']
        """
        frame = self.events
        if names:
            frame = frame[frame["event"].isin(names)]
        return frame if channels is None else frame[frame["channel"].isin(list(channels))]

    def last(self, *names: str) -> "pd.Series[pd.Timestamp]":
        """Return the time of the last event of some names by customer.

        Args:
            names: Names of events; all events if none is given.

        Examples:
            >>> events = CustomerEvents.read(pd.DataFrame(
            ...     {"customer_id": ["a", "a"], "time": ["2026-03-01", "2026-03-02"],
            ...      "event": "visit", "channel": "store"}))
            >>> events.last("visit").dt.day.to_dict()
            {'a': 2}
        """
        rows = self.of(*names).drop_duplicates("customer_id", keep="last")
        return rows.set_index("customer_id")["time"]

    def table(self, name: str, *columns: str, times: Sequence[str] = ()) -> pd.DataFrame:
        """Return another table, with its columns of times as local times.

        Args:
            name: Name of the table.
            columns: Columns that it must have.
            times: Columns of times among them; rows without a time are left out.

        Raises:
            DataError: If there is no such table, or a column is absent.

        Examples:
            >>> events = CustomerEvents.read(pd.DataFrame(
            ...     {"customer_id": ["a"], "time": ["2026-03-01"], "event": "visit",
            ...      "channel": "store"}))
            >>> try:
            ...     events.table("moves", "customer_id")
            ... except DataError as error:
            ...     print(error.problem)
            a trigger needs the table 'moves'
        """
        if name not in self.tables:
            hint = f"CustomerEvents.read(events, tables={{{name!r}: frame}})"
            raise DataError(f"a trigger needs the table {name!r}", hint=hint)
        frame = self.tables[name]
        what = f"the table {name}"
        require(list(frame.columns), [*columns, *times], what)
        rows = nw.from_native(frame, eager_only=True)
        found = {t: local_times(rows, t, what, self.time_zone, missing=True) for t in times}
        known: Flags = np.ones(len(frame), dtype=np.bool_)
        for values in found.values():
            known &= ~np.isnat(values)
        return frame[list(columns)].assign(**found)[known]


def local_now(now: Moment) -> pd.Timestamp:
    """Return a local moment.

    Raises:
        ConfigError: If it is not a moment, or has a time zone.

    Examples:
        >>> local_now("2026-03-01")
        Timestamp('2026-03-01 00:00:00')
    """
    stamp = read_moment(now, _EXAMPLE)
    if stamp.tzinfo is not None:
        raise ConfigError(f"not a local moment: {now!r}. Hint: {_EXAMPLE}", parameter="now")
    return stamp


def local_times(
    table: Eager, column: str, what: str, zone: str | None = None, *, missing: bool = False
) -> "np.ndarray[tuple[int], np.dtype[np.datetime64]]":
    """Return a column of times or ISO 8601 texts as local times, of shape (n_rows,).

    Args:
        table: The table.
        column: The column.
        what: What the table is, for errors.
        zone: Time zone that times with a zone are converted to; their own if None.
        missing: Whether times may be missing; NaT if so.

    Raises:
        DataError: If a value is no time, texts have several offsets, or a time is missing and
            may not be.

    Examples:
        >>> table = nw.from_native(pd.DataFrame({"t": ["2026-03-01 10:00"]}), eager_only=True)
        >>> local_times(table, "t", "a table")
        array(['2026-03-01T10:00:00.000000'], dtype='datetime64[us]')
    """
    series = table[column]
    if isinstance(series.dtype, nw.Datetime) and series.dtype.time_zone is not None:
        series = series.dt.convert_time_zone(zone) if zone is not None else series
        series = series.dt.replace_time_zone(None)
    try:
        times = _as_times(series, zone)
    except (TypeError, ValueError, FutureWarning) as error:
        hint = "convert the column to dates, or to times of one time zone"
        raise DataError(f"{what} has values that are no times", column=column, hint=hint) from error
    bad = np.flatnonzero(np.isnat(times))
    if len(bad) and not missing:
        hint = "remove these rows, or fill in the times (row positions shown)"
        raise DataError(f"{what} has missing times", column=column, rows=bad.tolist(), hint=hint)
    return cast("np.ndarray[tuple[int], np.dtype[np.datetime64]]", times)


def _as_times(
    series: nw.Series[Any], zone: str | None
) -> "np.ndarray[Any, np.dtype[np.datetime64]]":
    """Return a column of times or texts as local times; NaT where they are missing.

    Raises:
        TypeError: If they are numbers; or ValueError, if a text is no time; or that or
            FutureWarning, by the version of pandas, if there are several offsets.
    """
    if not len(series):
        return np.empty(0, dtype="datetime64[us]")
    if series.dtype.is_numeric():
        raise TypeError("numbers are no times")
    if isinstance(series.dtype, nw.Datetime):
        return np.asarray(series.to_numpy()).astype("datetime64[us]")
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        times = pd.DatetimeIndex(pd.to_datetime(series.to_list(), format="ISO8601"))
    if times.tz is not None:
        times = (times if zone is None else times.tz_convert(zone)).tz_localize(None)
    return times.to_numpy().astype("datetime64[us]")


def _names(rows: Eager) -> Objects:
    """Return the name of each event."""
    if "event" in rows.columns:
        return _texts(rows["event"].to_list())
    hint = "event; or kind and what, as in Timeline.events"
    require(rows.columns, ["kind", "what"], _WHAT, hint)
    kind, what = (_texts(rows[name].to_list()) for name in ("kind", "what"))
    return np.where(kind == "purchase", kind, what)


def _texts(values: Sequence[object]) -> Objects:
    texts = np.fromiter(values, dtype=object, count=len(values))
    texts[pd.isna(texts)] = ""
    return texts


def _native(table: IntoTable, what: str) -> pd.DataFrame:
    """Return any frame as a pandas frame with ids as objects."""
    rows = collect(table, what)
    if rows.implementation.is_pandas():
        frame = cast("pd.DataFrame", rows.to_native())
    else:
        frame = pd.DataFrame({name: rows[name].to_list() for name in rows.columns})
    if "customer_id" not in frame.columns:
        return frame
    ids = check_ids(frame["customer_id"].tolist(), "customer_id")
    return frame.assign(customer_id=pd.Series(ids, index=frame.index, dtype=object))
