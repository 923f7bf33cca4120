"""The ledger of points: balances, lots and movements from the events of a programme."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT

from omniltv._arrays import Codes, Integers
from omniltv._frames import Eager, FrameKind, read_frame
from omniltv._options import checked
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError
from omniltv.segmentation.loyalty._accounts import account_bounds, account_codes
from omniltv.segmentation.loyalty._events import (
    KINDS,
    Events,
    check_zone,
    in_order,
    local,
    read_events,
    whole_ids,
)
from omniltv.segmentation.loyalty._kernel import (
    EVENT,
    KIND,
    LOT,
    NEVER,
    POINTS,
    TIME,
    WHY,
    replay,
)
from omniltv.segmentation.loyalty._kernel import Book as LedgerBook

__all__ = ["Settlement", "settle"]

_IDS = {
    "event_id": ("event_id", "lot"),
    "customer_id": ("customer_id", "account"),
}
_DAY = 86_400_000_000


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Settlement[FrameT]:
    """A ledger read at a moment: every event has moved points, or is set aside with a reason.

    All tables are frames of the kind given. Times are local times of the programme.

    Attributes:
        at: The moment, in local time.
        replays: Number of rows that repeated an event and were left out.
    """

    at: pd.Timestamp
    replays: int
    _events: Events = field(repr=False)
    _book: LedgerBook = field(repr=False)
    _moves: Integers = field(repr=False)
    _roots: Codes = field(repr=False)
    _given: Eager = field(repr=False)
    _kind: FrameKind[FrameT] = field(repr=False)
    _zone: str = field(repr=False)

    def __repr__(self) -> str:
        left = int(self._book.left.sum())
        return (
            f"Settlement({len(self._events.ids):,} events until {self.at}: {left:,} points left, "
            f"{self.n_rejected:,} events set aside)"
        )

    @property
    def n_rejected(self) -> int:
        """Number of events that are in `rejected`."""
        return int((self._reasons[0] != "").sum())

    @cached_property
    def movements(self) -> FrameT:
        """Every change of a lot: ``event_id``, ``lot``, ``kind``, signed ``points``, ``time``.

        ``customer_id`` is the customer of the event. A lot is named by the event that earned it.
        An expiry has the event and the customer that earned the lot.
        """
        moves, events = self._moves, self._events
        names = np.array(KINDS, dtype=object)
        columns = {
            "event_id": events.ids[moves[:, EVENT]],
            "customer_id": events.customers[events.member[moves[:, EVENT]]],
            "lot": events.ids[moves[:, LOT]],
            "kind": names[moves[:, KIND]],
            "points": moves[:, POINTS],
            "time": local(moves[:, TIME], self._zone),
        }
        return self._frame(columns)

    @cached_property
    def lots(self) -> FrameT:
        """What became of the points of every event that earned some, one row per lot.

        ``earned`` is ``left`` plus ``spent`` plus ``expired`` plus ``reversed`` plus
        ``adjusted``. ``account`` is the customer who has the lot now: another one than
        ``customer_id`` if the customer was merged. ``usable`` is false while a lot is pending.
        ``valid_until`` is the last day, missing if the points do not expire.
        """
        book, events = self._book, self._events
        lots, totals = self._lot_totals
        last = np.where(book.until[lots] == NEVER, np.iinfo(np.int64).min, book.until[lots] - 1)
        first = np.maximum(book.start[lots], book.time[lots])
        columns = {
            "lot": events.ids[lots],
            "customer_id": events.customers[events.member[lots]],
            "account": events.customers[self._roots[events.member[lots]]],
            "time": local(book.time[lots], self._zone),
            "valid_from": local(first, self._zone),
            "valid_until": local(last, self._zone).astype("datetime64[D]").astype("datetime64[us]"),
            "usable": book.start[lots] <= self._now,
            **totals,
        }
        return self._frame(columns)

    @cached_property
    def balances(self) -> FrameT:
        """Points by account: ``balance`` (usable), ``pending``, and totals as in `lots`.

        ``next_expiry`` is the last day of the usable points that expire first, ``expiring`` is
        how many points expire then. A customer who is merged into another has no row.
        """
        lots, totals = self._lot_totals
        accounts = np.unique(self._roots[self._members])
        of = np.searchsorted(accounts, self._roots[self._events.member[lots]])
        summed = {name: _sums(of, values, len(accounts)) for name, values in totals.items()}
        waiting = self._book.start[lots] > self._now
        pending = _sums(of, totals["left"] * waiting, len(accounts))
        day, expiring = self._next(lots, of, len(accounts))
        columns = {
            "customer_id": self._events.customers[accounts],
            "balance": summed.pop("left") - pending,
            "pending": pending,
            **summed,
            "next_expiry": day,
            "expiring": expiring,
        }
        return self._frame(columns)

    @cached_property
    def rejected(self) -> FrameT:
        """The events that moved no or too few points, as given, with ``reason`` and ``short``.

        ``short`` is the number of points that could not be moved.
        """
        reasons, short = self._reasons
        keep = np.flatnonzero(reasons != "")
        part = self._given[keep, :]
        names = {"reason": reasons[keep], "short": short[keep]}
        added = [_series(part, name, values) for name, values in names.items()]
        return self._kind.native(part.with_columns(*added))

    @property
    def _now(self) -> int:
        return _micros(self.at, self._zone) - 1

    @property
    def _members(self) -> Codes:
        return np.unique(self._events.member)

    @cached_property
    def _lot_totals(self) -> tuple[Codes, dict[str, Integers]]:
        moves, book = self._moves, self._book
        lots = np.flatnonzero((moves[:, EVENT] == moves[:, LOT]) & (moves[:, POINTS] > 0))
        rows = np.sort(moves[lots, LOT])
        size = len(book.kind)
        totals = {"earned": book.points[rows], "left": book.left[rows]}
        gone = {"spent": "spend", "expired": "expire", "reversed": "reverse", "adjusted": "adjust"}
        for name, kind in gone.items():
            lost = self._source_kind == KINDS.index(kind)
            lost &= moves[:, EVENT] != moves[:, LOT] if kind == "adjust" else True
            totals[name] = -_sums(moves[lost, LOT], moves[lost, POINTS], size)[rows]
        return rows, totals

    @property
    def _source_kind(self) -> Integers:
        """Kind of each movement; points given back count against what had taken them."""
        moves, book = self._moves, self._book
        given = (moves[:, KIND] == KINDS.index("reverse")) & (moves[:, POINTS] > 0)
        kind = moves[:, KIND].copy()
        kind[given] = book.kind[book.reference[moves[given, EVENT]]]
        return kind

    def _next(self, lots: Codes, of: Codes, size: int) -> tuple[np.ndarray[Any, Any], Integers]:
        book = self._book
        live = (book.left[lots] > 0) & (book.start[lots] <= self._now) & (book.until[lots] < NEVER)
        first = np.full(size, NEVER)
        np.minimum.at(first, of[live], book.until[lots[live]])
        due = live & (book.until[lots] == first[of])
        last = np.where(first == NEVER, np.iinfo(np.int64).min, first - 1)
        day = local(last, self._zone).astype("datetime64[D]").astype("datetime64[us]")
        return day, _sums(of[due], book.left[lots[due]], size)

    @cached_property
    def _reasons(self) -> tuple[Any, Integers]:
        reasons = self._events.reasons.copy()
        short = np.zeros(len(reasons), dtype=np.int64)
        late = np.flatnonzero(self._book.why)
        rows = self._events.rows[late]
        reasons[rows] = np.array(WHY, dtype=object)[self._book.why[late]]
        short[rows] = self._book.short[late]
        return reasons, short

    def _frame(self, columns: Mapping[str, Any]) -> FrameT:
        types = {name: _type(values) for name, values in columns.items()}
        data = {n: v.tolist() if v.dtype == object else v for n, v in columns.items()}
        return self._kind.build(data, types)


@checked
def settle(events: IntoFrameT, *, at: Moment, timezone: str = "UTC") -> Settlement[IntoFrameT]:
    """Return the ledger of a programme at a moment, from its events in any order.

    The result depends only on the set of events. They are applied by time, then by kind (merge,
    split, earn, adjust, reverse, spend), then by id. A row that repeats an event counts once.

    Args:
        events: One row per event: ``event_id``, ``customer_id``, ``time``, ``kind``, ``points``.
            A lot may have ``valid_from`` and ``valid_until``, days of which both count whole.
            ``reference`` names the event that a reverse or split undoes, ``other_id`` the
            customer who is merged into ``customer_id``.
        at: Events at or after this moment are set aside.
        timezone: Time zone of days, and of times without an offset.

    Raises:
        DataError: If a column is missing, or if two rows with one id differ.
        ConfigError: If the moment or the time zone cannot be read.

    Examples:
        >>> events = pd.DataFrame({
        ...     "event_id": ["e1", "e2", "e3"], "customer_id": "ann",
        ...     "kind": ["earn", "earn", "spend"],
        ...     "time": pd.to_datetime(["2026-01-05", "2026-02-05", "2026-02-20"]),
        ...     "points": [100, 50, 120], "valid_until": ["2026-03-31", "2026-04-30", None]})
        >>> ledger = settle(events, at="2026-03-01")
        >>> ledger.balances[["customer_id", "balance", "spent", "expiring"]]
          customer_id  balance  spent  expiring
        0         ann       30    120        30
    """
    check_zone(timezone)
    moment = _moment(at, timezone)
    table, kind = read_frame(events, "the ledger")
    found = read_events(table, _micros(moment, timezone), timezone)
    account = account_codes(found)
    order = in_order(found, account)
    found = found.take(order)
    book = _book(found, account[order])
    moves = replay(book, account_bounds(account[order]), _micros(moment, timezone))
    roots = _all_roots(book.parent)
    kind = whole_ids(table, kind, _IDS)
    return Settlement(moment, found.replays, found, book, moves, roots, table, kind, timezone)


def _book(events: Events, account: Codes) -> LedgerBook:
    size, people = len(events.ids), len(events.customers)
    bounds = account_bounds(account)
    longest = int(np.diff(bounds).max(initial=0))
    zeros = {
        name: np.zeros(size, dtype=np.int64)
        for name in ("left", "claimed", "lapsed", "first", "moves", "why", "short")
    }
    named = np.flatnonzero(~pd.isna(events.reference))
    reference = np.full(size, -1, dtype=np.int64)
    if len(named):
        reference[named] = pd.Index(events.ids).get_indexer(events.reference[named])
    return LedgerBook(
        **{n: getattr(events, n) for n in ("kind", "time", "points", "start", "until")},
        member=events.member.astype(np.int64),
        other=events.other.astype(np.int64),
        reference=reference,
        queued=np.zeros(size, dtype=np.bool_),
        parent=np.full(people, -1, dtype=np.int64),
        via=np.full(people, -1, dtype=np.int64),
        queue=np.zeros(longest + 1, dtype=np.int64),
        place=np.zeros(3, dtype=np.int64),
        **zeros,
    )


def _all_roots(parent: Codes) -> Codes:
    roots = np.arange(len(parent))
    while True:
        above = parent[roots]
        if (above < 0).all():
            return roots
        roots = np.where(above < 0, roots, above)


def _moment(at: Moment, zone: str) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(at)
    except (TypeError, ValueError) as error:
        message = f'not a moment: {at!r}. Hint: at="2026-04-01"'
        raise ConfigError(message, parameter="at") from error
    if pd.isna(stamp):
        raise ConfigError(f'not a moment: {at!r}. Hint: at="2026-04-01"', parameter="at")
    return stamp if stamp.tzinfo is None else stamp.tz_convert(zone).tz_localize(None)


def _micros(moment: pd.Timestamp, zone: str) -> int:
    aware = moment.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return aware.value // 1000


def _sums(of: Codes, values: Integers, size: int) -> Integers:
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, of, values)
    return found


def _type(values: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - a type of column
    types = {"O": nw.String, "M": nw.Datetime("us"), "b": nw.Boolean}
    return types.get(values.dtype.kind, nw.Int64)


def _series(part: Eager, name: str, values: np.ndarray[Any, Any]) -> "nw.Series[Any]":
    if part.implementation.is_pandas():
        index = part.to_native().index
        plain = pd.Series(values.tolist(), index=index, name=name)
        return nw.from_native(plain, series_only=True)
    backend: Any = part.implementation
    return nw.new_series(name, values.tolist(), _type(values), backend=backend)
