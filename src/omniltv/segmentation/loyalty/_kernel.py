"""The ledger's compiled loop: events of one account in order, lots, and what moves between them."""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, no-untyped-def, untyped-decorator"
# ruff: noqa: ANN001, ANN202 - for the same reason

from typing import NamedTuple

import numpy as np

from omniltv._arrays import Codes, Flags, Integers
from omniltv._compiled import compiled

__all__ = [
    "ADJUST",
    "EARN",
    "EVENT",
    "EXPIRE",
    "KIND",
    "LOT",
    "MERGE",
    "NEVER",
    "OF_SETTLED",
    "POINTS",
    "REVERSE",
    "SPEND",
    "SPLIT",
    "TIME",
    "VIA",
    "WHY",
    "LedgerBook",
    "replay",
]

# Kinds of events, in the order in which events of the same time are applied.
MERGE, SPLIT, EARN, ADJUST, REVERSE, SPEND, EXPIRE = range(7)
NEVER = np.iinfo(np.int64).max

WHY = (
    "",
    "more points than the customer has",
    "the reference is not an event that points can be taken back from",
    "the reference is an event of another customer",
    "the reference is a later event",
    "the reference was set aside itself",
    "the reference is reversed already",
    "more points than are left to reverse",
    "some of the points to take back were spent",
    "the customer is merged already",
    "a customer cannot be merged with itself",
    "the reference is not a merge that is in force",
)
FINE, BEYOND, NO_EVENT, FOREIGN, LATER, ASIDE, DONE, TOO_MUCH, SHORT, MERGED, ITSELF, NO_MERGE = (
    range(12)
)

EVENT, LOT, KIND, POINTS, TIME, BACK = range(6)  # columns of a movement
HEAD, TAIL, USED = range(3)

(
    OF_KIND, OF_TIME, OF_POINTS, OF_START, OF_UNTIL, OF_MEMBER, OF_OTHER, OF_REFERENCE, OF_LEFT,
    OF_CLAIMED, OF_LAPSED, OF_FIRST, OF_MOVES, OF_WHY, OF_SHORT, OF_QUEUED, OF_SETTLED,
) = range(17)  # fmt: skip
PARENT, VIA = range(2)


class LedgerBook(NamedTuple):
    """Events in canonical order, and what is known of them so far.

    A few arrays instead of one per quantity: the loop is compiled four times as fast.

    Attributes:
        event: One row per event and a column per quantity; see the properties. A lot is the event
            that earned it. Settled events were applied before. ``claimed`` of a merge is 1 if it
            was undone.
        customer: The customer that each customer is merged into, and the event of the merge; -1
            if none. Of shape (n_customers, 2).
        queue: Room for the lots of the largest account.
        place: The ends of the queue, and the number of movements.
    """

    event: Integers
    customer: Codes
    queue: Codes
    place: Codes

    @property
    def kind(self) -> Integers:
        """Code of each kind, in the order of application."""
        return self.event[:, OF_KIND]

    @property
    def member(self) -> Integers:
        """The customer of each event."""
        return self.event[:, OF_MEMBER]

    @property
    def other(self) -> Integers:
        """The customer whom each merge ties to another one, -1 if none."""
        return self.event[:, OF_OTHER]

    @property
    def reference(self) -> Integers:
        """The event that each event refers to, -1 if none."""
        return self.event[:, OF_REFERENCE]

    @property
    def time(self) -> Integers:
        """Time of each event, in microseconds since 1970."""
        return self.event[:, OF_TIME]

    @property
    def points(self) -> Integers:
        """Points of each event."""
        return self.event[:, OF_POINTS]

    @property
    def start(self) -> Integers:
        """From when on each lot can be spent."""
        return self.event[:, OF_START]

    @property
    def until(self) -> Integers:
        """When each lot expires, `NEVER` if it does not."""
        return self.event[:, OF_UNTIL]

    @property
    def left(self) -> Integers:
        """Points that are left of each lot."""
        return self.event[:, OF_LEFT]

    @property
    def claimed(self) -> Integers:
        """Points of each event that were reversed; 1 for a merge that was undone."""
        return self.event[:, OF_CLAIMED]

    @property
    def lapsed(self) -> Integers:
        """Points of each lot that expired."""
        return self.event[:, OF_LAPSED]

    @property
    def first(self) -> Integers:
        """The first movement of each event."""
        return self.event[:, OF_FIRST]

    @property
    def moves(self) -> Integers:
        """Number of movements of each event."""
        return self.event[:, OF_MOVES]

    @property
    def why(self) -> Integers:
        """Why each event could not be applied, a place in `WHY`."""
        return self.event[:, OF_WHY]

    @property
    def short(self) -> Integers:
        """Points that each event could not move."""
        return self.event[:, OF_SHORT]

    @property
    def settled(self) -> Flags:
        """Whether each event was applied before."""
        return self.event[:, OF_SETTLED] > 0

    @property
    def parent(self) -> Codes:
        """The customer that each customer is merged into, -1 if none."""
        return self.customer[:, PARENT]


@compiled()
def _root(book, member):
    while book.customer[member, PARENT] >= 0:
        member = book.customer[member, PARENT]
    return member


@compiled()
def _room(moves, needed):
    """Return the movements with room for as many as are needed."""
    if needed <= len(moves):
        return moves
    larger = np.zeros((max(needed, 2 * len(moves)), moves.shape[1]), np.int64)
    larger[: len(moves)] = moves
    return larger


@compiled()
def _write(book, moves, event, lot, kind, points):
    at = book.place[USED]
    moves[at, EVENT], moves[at, LOT], moves[at, KIND] = event, lot, kind
    moves[at, POINTS], moves[at, TIME] = points, book.event[event, OF_TIME]
    moves[at, BACK] = 0
    book.place[USED] = at + 1


@compiled()
def _lapse(book, moves, lot, time):
    """Let what is left of a lot expire."""
    points = book.event[lot, OF_LEFT]
    _write(book, moves, lot, lot, EXPIRE, -points)
    moves[book.place[USED] - 1, TIME] = time
    book.event[lot, OF_LAPSED] += points
    book.event[lot, OF_LEFT] = 0


@compiled()
def _expire(book, moves, now):
    """Let all lots expire whose end has come; the queue is ordered by this end."""
    while book.place[HEAD] < book.place[TAIL]:
        lot = book.queue[book.place[HEAD]]
        if book.event[lot, OF_LEFT] > 0:
            if book.event[lot, OF_UNTIL] > now:
                return
            _lapse(book, moves, lot, book.event[lot, OF_UNTIL])
        book.event[lot, OF_QUEUED] = 0
        book.place[HEAD] += 1


@compiled()
def _tidy(book):
    """Move the lots that are not empty to the start of the queue."""
    kept = 0
    for at in range(book.place[HEAD], book.place[TAIL]):
        lot = book.queue[at]
        if book.event[lot, OF_LEFT] > 0:
            book.queue[kept] = lot
            kept += 1
        else:
            book.event[lot, OF_QUEUED] = 0
    book.place[HEAD], book.place[TAIL] = 0, kept


@compiled()
def _enqueue(book, lot):
    """Put a lot that is not in the queue before the lots that expire later."""
    if book.place[TAIL] == len(book.queue):
        _tidy(book)
    low, high = book.place[HEAD], book.place[TAIL]
    while low < high:
        middle = (low + high) // 2
        there = book.queue[middle]
        earlier = book.event[there, OF_UNTIL] < book.event[lot, OF_UNTIL]
        if earlier or (book.event[there, OF_UNTIL] == book.event[lot, OF_UNTIL] and there < lot):
            low = middle + 1
        else:
            high = middle
    for at in range(book.place[TAIL], low, -1):
        book.queue[at] = book.queue[at - 1]
    book.queue[low] = lot
    book.event[lot, OF_QUEUED] = 1
    book.place[TAIL] += 1


@compiled()
def _has(book, root, now, wanted):
    """Return whether a customer can spend so many points now."""
    found = 0
    for at in range(book.place[HEAD], book.place[TAIL]):
        lot = book.queue[at]
        if (
            book.event[lot, OF_START] <= now
            and book.event[lot, OF_LEFT] > 0
            and _root(book, book.event[lot, OF_MEMBER]) == root
        ):
            found += book.event[lot, OF_LEFT]
            if found >= wanted:
                return True
    return False


@compiled()
def _take(book, moves, event, wanted, limit):
    """Take points from the lots that expire first, if usable until a time; return what is short."""
    root = _root(book, book.event[event, OF_MEMBER])
    for at in range(book.place[HEAD], book.place[TAIL]):
        if wanted == 0:
            return 0
        lot = book.queue[at]
        usable = book.event[lot, OF_LEFT] > 0 and book.event[lot, OF_START] <= limit
        if usable and _root(book, book.event[lot, OF_MEMBER]) == root:
            taken = min(wanted, book.event[lot, OF_LEFT])
            book.event[lot, OF_LEFT] -= taken
            wanted -= taken
            _write(book, moves, event, lot, book.event[event, OF_KIND], -taken)
    return wanted


@compiled()
def _earn(book, moves, event):
    book.event[event, OF_LEFT] = book.event[event, OF_POINTS]
    _write(book, moves, event, event, book.event[event, OF_KIND], book.event[event, OF_POINTS])
    _enqueue(book, event)


@compiled()
def _spend(book, moves, event):
    wanted = abs(book.event[event, OF_POINTS])
    now = book.event[event, OF_TIME]
    if not _has(book, _root(book, book.event[event, OF_MEMBER]), now, wanted):
        book.event[event, OF_WHY], book.event[event, OF_SHORT] = BEYOND, wanted
        return
    _take(book, moves, event, wanted, now)


@compiled()
def _forfeit(book, moves, event):
    """Let points of a customer expire before their time: so many, or all of them."""
    if book.event[event, OF_POINTS] > 0:
        _spend(book, moves, event)
    else:
        _take(book, moves, event, NEVER, NEVER)


@compiled()
def _reversal(book, event):
    """Return why an event cannot be reversed, `FINE` if it can."""
    ref = book.event[event, OF_REFERENCE]
    if (
        ref < 0
        or not EARN <= book.event[ref, OF_KIND] <= SPEND
        or book.event[ref, OF_KIND] == REVERSE
    ):
        return NO_EVENT
    if _root(book, book.event[ref, OF_MEMBER]) != _root(book, book.event[event, OF_MEMBER]):
        return FOREIGN
    if ref > event:
        return LATER
    if book.event[ref, OF_WHY] != FINE:
        return ASIDE
    left = abs(book.event[ref, OF_POINTS]) - book.event[ref, OF_CLAIMED]
    if left == 0:
        return DONE
    return TOO_MUCH if book.event[event, OF_POINTS] > left else FINE


@compiled()
def _take_back(book, moves, event, ref, wanted):
    """Take back what an event earned: from its lot, then, if it was spent, from other lots."""
    taken = min(wanted, book.event[ref, OF_LEFT])
    if taken > 0:
        book.event[ref, OF_LEFT] -= taken
        _write(book, moves, event, ref, REVERSE, -taken)
    wanted -= taken
    lapsed = min(wanted, book.event[ref, OF_LAPSED])
    book.event[ref, OF_LAPSED] -= lapsed
    short = _take(book, moves, event, wanted - lapsed, NEVER)
    if short > 0:
        book.event[event, OF_WHY], book.event[event, OF_SHORT] = SHORT, short


@compiled()
def _give_back(book, moves, event, ref, wanted):
    """Give back what an event took, to the same lots, the last one first."""
    for at in range(
        book.event[ref, OF_FIRST] + book.event[ref, OF_MOVES] - 1, book.event[ref, OF_FIRST] - 1, -1
    ):
        given = min(wanted, -moves[at, POINTS] - moves[at, BACK])
        if given > 0:
            lot = moves[at, LOT]
            moves[at, BACK] += given
            wanted -= given
            book.event[lot, OF_LEFT] += given
            _write(book, moves, event, lot, REVERSE, given)
            if book.event[lot, OF_UNTIL] <= book.event[event, OF_TIME]:
                _lapse(book, moves, lot, book.event[event, OF_TIME])
            elif not book.event[lot, OF_QUEUED]:
                _enqueue(book, lot)


@compiled()
def _reverse(book, moves, event):
    book.event[event, OF_WHY] = _reversal(book, event)
    if book.event[event, OF_WHY] != FINE:
        return
    ref = book.event[event, OF_REFERENCE]
    wanted = book.event[event, OF_POINTS]
    if wanted == 0:
        wanted = abs(book.event[ref, OF_POINTS]) - book.event[ref, OF_CLAIMED]
    book.event[ref, OF_CLAIMED] += wanted
    if book.event[ref, OF_KIND] == SPEND or book.event[ref, OF_POINTS] < 0:
        _give_back(book, moves, event, ref, wanted)
    else:
        _take_back(book, moves, event, ref, wanted)


@compiled()
def _merge(book, event):
    member, other = book.event[event, OF_MEMBER], book.event[event, OF_OTHER]
    if book.customer[other, PARENT] >= 0:
        book.event[event, OF_WHY] = MERGED
    elif _root(book, member) == other:
        book.event[event, OF_WHY] = ITSELF
    else:
        book.customer[other, PARENT], book.customer[other, VIA] = member, event


@compiled()
def _split(book, event):
    ref = book.event[event, OF_REFERENCE]
    other = book.event[ref, OF_OTHER] if ref >= 0 and book.event[ref, OF_KIND] == MERGE else -1
    later = ref >= 0 and book.event[ref, OF_TIME] > book.event[event, OF_TIME]
    if (
        later
        or other < 0
        or book.customer[other, PARENT] < 0
        or book.customer[other, VIA] != ref
        or _root(book, book.event[event, OF_MEMBER]) != _root(book, other)
    ):
        book.event[event, OF_WHY] = NO_MERGE
    else:
        book.customer[other, PARENT] = -1
        book.event[ref, OF_CLAIMED] = 1


@compiled()
def _apply(book, moves, event):
    """Apply one event."""
    kind = book.event[event, OF_KIND]
    book.event[event, OF_FIRST] = book.place[USED]
    if kind == MERGE:
        _merge(book, event)
    elif kind == SPLIT:
        _split(book, event)
    elif kind == REVERSE:
        _reverse(book, moves, event)
    elif kind == EARN or (kind == ADJUST and book.event[event, OF_POINTS] > 0):
        _earn(book, moves, event)
    elif kind == EXPIRE:
        _forfeit(book, moves, event)
    else:
        _spend(book, moves, event)
    book.event[event, OF_MOVES] = book.place[USED] - book.event[event, OF_FIRST]


@compiled()
def _resume(book, event):
    """Put the lot of a settled event in the queue again."""
    if book.event[event, OF_LEFT] > 0:
        _enqueue(book, event)


@compiled()
def replay(book, taken, bounds, end):
    """Return the movements of all accounts up to a time; the book is filled in.

    Args:
        book: The events, sorted by account and within an account in canonical order.
        taken: Movements of settled events, which come first in the result.
        bounds: First event of each account, and the number of events.
        end: The time at which the ledger is read.
    """
    moves = np.zeros((2 * len(book.event) + len(taken) + 8, 6), np.int64)
    moves[: len(taken)] = taken
    book.place[USED] = len(taken)
    for account in range(len(bounds) - 1):
        book.place[HEAD] = book.place[TAIL] = 0
        for event in range(bounds[account], bounds[account + 1]):
            if book.event[event, OF_SETTLED]:
                _resume(book, event)
                continue
            ref = book.event[event, OF_REFERENCE]
            open_lots = book.place[TAIL] - book.place[HEAD]
            needed = 2 * open_lots + 8 + (2 * book.event[ref, OF_MOVES] if ref >= 0 else 0)
            moves = _room(moves, book.place[USED] + needed)
            _expire(book, moves, book.event[event, OF_TIME])
            _apply(book, moves, event)
        moves = _room(moves, book.place[USED] + book.place[TAIL] + 8)
        _expire(book, moves, end)
        for at in range(book.place[HEAD], book.place[TAIL]):
            book.event[book.queue[at], OF_QUEUED] = 0
    return moves[: book.place[USED]]
