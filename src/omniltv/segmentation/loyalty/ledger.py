"""The ledger of points: balances, lots and movements from the events of a programme."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT

from omniltv._arrays import Codes, Integers, Objects
from omniltv._frames import FrameKind, read_frame
from omniltv._options import UpToACentury, checked
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError
from omniltv.segmentation.loyalty._accounts import account_ids, account_roots
from omniltv.segmentation.loyalty._events import (
    KINDS,
    MISSING,
    Sifted,
    check_zone,
    local,
    moment_of,
    read_events,
    sift,
    utc_micros,
    whole_ids,
)
from omniltv.segmentation.loyalty._kernel import EVENT, KIND, LOT, NEVER, POINTS, TIME, WHY
from omniltv.segmentation.loyalty._settling import Run, carried, lots_of, run
from omniltv.segmentation.loyalty.state import LedgerState

__all__ = ["Settlement", "settle"]

_IDS = {
    "event_id": ("event_id", "lot"),
    "customer_id": ("customer_id", "account"),
}
_DAY = 86_400_000_000
_GONE = {"spent": "spend", "expired": "expire", "reversed": "reverse", "adjusted": "adjust"}


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Settlement[FrameT]:
    """A ledger read at a moment: every event has moved points, or is set aside with a reason.

    All tables are frames of the kind given. Times are local times of the programme.

    Attributes:
        at: The moment, in local time.
        timezone: Time zone of the ledger.
        replays: Number of rows that repeated an event and were left out.
    """

    at: pd.Timestamp
    timezone: str
    replays: int
    _run: Run = field(repr=False)
    _sifted: Sifted = field(repr=False)
    _kind: FrameKind[FrameT] = field(repr=False)
    _before: LedgerState | None = field(repr=False)

    def __repr__(self) -> str:
        left, until = int(self._run.book.left.sum()), f"{len(self._run.events):,} events until"
        return (
            f"Settlement({until} {self.at}: {left:,} points left, "
            f"{self.n_rejected:,} events set aside)"
        )

    @property
    def n_rejected(self) -> int:
        """Number of events that are in `rejected`."""
        return len(self._sifted.faulty) + len(self._refused)

    @cached_property
    def movements(self) -> FrameT:
        """Every change of a lot: ``event_id``, ``lot``, ``kind``, signed ``points``, ``time``.

        ``customer_id`` is the customer of the event. A lot is named by the event that earned it.
        An expiry has the event and the customer that earned the lot. With a state, these are the
        movements since the moment that it is closed at.
        """
        moves, events = self._run.moves, self._run.events
        names = np.array(KINDS, dtype=object)
        columns = {
            "event_id": events.ids[moves[:, EVENT]],
            "customer_id": events.customers[events.member[moves[:, EVENT]]],
            "lot": events.ids[moves[:, LOT]],
            "kind": names[moves[:, KIND]],
            "points": moves[:, POINTS],
            "time": local(moves[:, TIME], self.timezone),
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
        book, events = self._run.book, self._run.events
        lots, totals = self._lot_totals
        last = np.where(book.until[lots] == NEVER, MISSING, book.until[lots] - 1)
        first = np.maximum(book.start[lots], book.time[lots])
        columns = {
            "lot": events.ids[lots],
            "customer_id": events.customers[events.member[lots]],
            "account": events.customers[self._accounts[lots]],
            "time": local(book.time[lots], self.timezone),
            "valid_from": local(first, self.timezone),
            "valid_until": local(last, self.timezone)
            .astype("datetime64[D]")
            .astype("datetime64[us]"),
            "usable": book.start[lots] <= self._now,
            **totals,
        }
        return self._frame(columns)

    @cached_property
    def balances(self) -> FrameT:
        """Points by account: ``balance`` (usable) and ``pending``.

        ``next_expiry`` is the last day of the usable points that expire first, ``expiring`` is
        how many points expire then. A customer who is merged into another has no row.
        """
        book, lots = self._run.book, lots_of(self._run)
        accounts = np.unique(self._accounts)
        of = np.searchsorted(accounts, self._accounts[lots])
        left = book.left[lots]
        pending = _sums(of, left * (book.start[lots] > self._now), len(accounts))
        day, expiring = self._next(lots, of, len(accounts))
        columns = {
            "customer_id": self._run.events.customers[accounts],
            "balance": _sums(of, left, len(accounts)) - pending,
            "pending": pending,
            "next_expiry": day,
            "expiring": expiring,
        }
        return self._frame(columns)

    @cached_property
    def rejected(self) -> FrameT:
        """The events that moved no or too few points, with ``reason`` and ``short``.

        ``row`` is the row of the event in the table, -1 if it came with the state. ``short`` is
        the number of points that could not be moved.
        """
        faulty, refused = self._sifted.faulty, self._refused
        late = self._run.events.take(refused)
        book = self._run.book
        short = np.concatenate([np.zeros(len(faulty), dtype=np.int64), book.short[refused]])
        why = np.array(WHY, dtype=object)[book.why[refused]]
        kinds = np.array([*KINDS, None], dtype=object)
        both = faulty.and_then(late)
        names = np.append(both.customers, np.array([None], dtype=object))
        columns = {
            "row": both.row,
            "event_id": both.ids,
            "customer_id": names[both.member],
            "kind": kinds[both.kind],
            "time": local(both.time, self.timezone),
            "reason": np.concatenate([self._sifted.reasons, why]),
            "short": short,
        }
        order = np.argsort(both.row, kind="stable")
        return self._frame({name: values[order] for name, values in columns.items()})

    def close(
        self, before: Moment | None = None, *, reversible_days: UpToACentury = 90
    ) -> LedgerState:
        """Return the state to settle the next batch from; events before a moment are final.

        Events at or after the moment are kept and applied again with those that arrive late.
        Events that arrive after the close, but are of an earlier time, are set aside.

        Args:
            before: The moment; that of the ledger if None.
            reversible_days: Events of so many days before the moment can be reversed later.

        Raises:
            ConfigError: If the moment is after that of the ledger, or before the last close.

        Examples:
            >>> first = pd.DataFrame({
            ...     "event_id": ["e1"], "customer_id": ["ann"], "kind": ["earn"],
            ...     "time": ["2026-01-05"], "points": [100]})
            >>> state = settle(first, at="2026-02-01").close("2026-01-25")
            >>> second = pd.DataFrame({
            ...     "event_id": ["e2"], "customer_id": ["ann"], "kind": ["spend"],
            ...     "time": ["2026-01-31"], "points": [60]})
            >>> settle(second, at="2026-03-01", state=state).balances["balance"].tolist()
            [40]
        """
        moment = self.at if before is None else moment_of(before, self.timezone, "before")
        end, latest = utc_micros(moment, self.timezone), utc_micros(self.at, self.timezone)
        closed = _closed(self._before)
        if not closed <= end <= latest:
            problem = f"a ledger at {self.at} cannot be closed at {moment}"
            raise ConfigError(f"{problem}. Hint: ledger.close()", parameter="before")
        found, later = self._run, self._run.events.take(np.flatnonzero([]))
        if end < latest:
            past = self._run.events.time < end
            later = self._run.events.take(np.flatnonzero(~past))
            settled = None if self._before is None else self._before._carried  # noqa: SLF001 - made by close
            found = run(self._run.events.take(np.flatnonzero(past)), settled, end)
        gone = _gone(found)
        parts = carried(found, later, gone, end - reversible_days * _DAY)
        return LedgerState(moment, self.timezone, latest, parts)

    @property
    def _now(self) -> int:
        return utc_micros(self.at, self.timezone) - 1

    @cached_property
    def _accounts(self) -> Codes:
        """Account of each event now."""
        return account_roots(self._run.book.parent)[self._run.events.member]

    def _account_ids(self, customers: Objects) -> Objects:
        """Return the account of each customer now."""
        return account_ids(self._run.events.customers, self._run.book.parent, customers)

    @cached_property
    def _refused(self) -> Codes:
        """Events that could not be applied, or not in full."""
        book = self._run.book
        return np.flatnonzero((book.why != 0) & ~book.settled)

    @cached_property
    def _lot_totals(self) -> tuple[Codes, dict[str, Integers]]:
        rows, book = lots_of(self._run), self._run.book
        gone = _gone(self._run)[rows]
        spent = {name: gone[:, column] for column, name in enumerate(_GONE)}
        return rows, {"earned": book.points[rows], "left": book.left[rows], **spent}

    def _next(self, lots: Codes, of: Codes, size: int) -> tuple[np.ndarray[Any, Any], Integers]:
        book = self._run.book
        live = (book.left[lots] > 0) & (book.start[lots] <= self._now) & (book.until[lots] < NEVER)
        first = np.full(size, NEVER)
        np.minimum.at(first, of[live], book.until[lots[live]])
        due = live & (book.until[lots] == first[of])
        last = np.where(first == NEVER, MISSING, first - 1)
        day = local(last, self.timezone).astype("datetime64[D]").astype("datetime64[us]")
        return day, _sums(of[due], book.left[lots[due]], size)

    def _frame(self, columns: Mapping[str, Any]) -> FrameT:
        types = {name: _type(values) for name, values in columns.items()}
        data = {n: v.tolist() if v.dtype == object else v for n, v in columns.items()}
        return self._kind.build(data, types)


@checked
def settle(
    events: IntoFrameT, *, at: Moment, timezone: str = "UTC", state: LedgerState | None = None
) -> Settlement[IntoFrameT]:
    """Return the ledger of a programme at a moment, from its events in any order.

    The result depends only on the set of events. They are applied by time, then by kind (merge,
    split, earn, adjust, reverse, spend, expire), then by id. A row that repeats an event counts
    once. With a state, the events go on from where it was closed, and the result is that of the
    whole history.

    Args:
        events: One row per event: ``event_id``, ``customer_id``, ``time``, ``kind``, ``points``.
            A lot may have ``valid_from`` and ``valid_until``, days of which both count whole.
            ``reference`` names the event that a reverse or split undoes, ``other_id`` the
            customer who is merged into ``customer_id``. Points may be missing for merge and
            split, for a reverse of all points, and for an expiry of all points.
        at: Events at or after this moment are set aside.
        timezone: Time zone of days, and of times without an offset.
        state: State of the events before, from `Settlement.close`.

    Raises:
        DataError: If a column is missing, or if two rows with one id differ.
        ConfigError: If the moment or the time zone cannot be read, or the state is of a later
            moment or of another time zone.

    Examples:
        >>> events = pd.DataFrame({
        ...     "event_id": ["e1", "e2", "e3"], "customer_id": "ann",
        ...     "kind": ["earn", "earn", "spend"],
        ...     "time": pd.to_datetime(["2026-01-05", "2026-02-05", "2026-02-20"]),
        ...     "points": [100, 50, 120], "valid_until": ["2026-03-31", "2026-04-30", None]})
        >>> ledger = settle(events, at="2026-03-01")
        >>> ledger.balances[["customer_id", "balance", "pending", "expiring"]]
          customer_id  balance  pending  expiring
        0         ann       30        0        30
    """
    check_zone(timezone)
    moment = moment_of(at, timezone)
    end = utc_micros(moment, timezone)
    _require_earlier(state, end, timezone)
    table, kind = read_frame(events, "the ledger")
    given = read_events(table, timezone)
    settled = None if state is None else state._carried  # noqa: SLF001 - made by close
    every = given if settled is None else settled.events.and_then(given)
    sifted = sift(every, _closed(state), end)
    found = run(sifted.events, settled, end)
    kind = whole_ids(table, kind, _IDS)
    return Settlement(moment, timezone, sifted.replays, found, sifted, kind, state)


def _closed(state: LedgerState | None) -> int:
    return MISSING if state is None else utc_micros(state.closed, state.timezone)


def _require_earlier(state: LedgerState | None, end: int, zone: str) -> None:
    if state is not None and state.timezone != zone:
        problem = f"the state is of the time zone {state.timezone!r}"
        raise ConfigError(f"{problem}. Hint: timezone={state.timezone!r}", parameter="timezone")
    if state is not None and end < state._end:  # noqa: SLF001 - made by close
        problem = "the state is of a later moment"
        raise ConfigError(f"{problem}. Hint: at={str(state.closed)!r} or later", parameter="at")


def _gone(found: Run) -> Integers:
    """Return how many points of each lot were spent, expired, reversed and adjusted."""
    moves, gone = found.moves, found.gone.copy()
    kinds = _source_kind(found)
    for column, kind in enumerate(_GONE.values()):
        lost = kinds == KINDS.index(kind)
        if kind == "adjust":
            lost &= moves[:, EVENT] != moves[:, LOT]
        np.subtract.at(gone[:, column], moves[lost, LOT], moves[lost, POINTS])
    return gone


def _source_kind(found: Run) -> Integers:
    """Return the kind of each movement; points given back count against what had taken them."""
    moves, book = found.moves, found.book
    given = (moves[:, KIND] == KINDS.index("reverse")) & (moves[:, POINTS] > 0)
    kind = moves[:, KIND].copy()
    kind[given] = book.kind[book.reference[moves[given, EVENT]]]
    return kind


def _sums(of: Codes, values: Integers, size: int) -> Integers:
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, of, values)
    return found


def _type(values: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 - a type of column
    types = {"O": nw.String, "M": nw.Datetime("us"), "b": nw.Boolean}
    return types.get(values.dtype.kind, nw.Int64)
