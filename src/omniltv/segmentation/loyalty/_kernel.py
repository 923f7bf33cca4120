"""The ledger's compiled loop: events of one account in order, lots, and what moves between them."""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, no-untyped-def, untyped-decorator"
# Numba takes arguments by position.
# ruff: noqa: ANN001, ANN202

from typing import NamedTuple

import numpy as np

from omniltv._arrays import Codes, Flags, Integers
from omniltv._compiled import compiled

__all__ = [
    "ADJUST",
    "EARN",
    "EXPIRE",
    "MERGE",
    "NEVER",
    "REVERSE",
    "SPEND",
    "SPLIT",
    "WHY",
    "Book",
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


class Book(NamedTuple):
    """Events in canonical order, and what is known of them so far; arrays of shape (n_events,).

    A lot is the event that earned it. `parent` and `via` have one value per customer, `queue`
    has room for the lots of the largest account, and `place` has the ends of the queue and the
    number of movements.
    """

    kind: Integers
    time: Integers
    points: Integers
    start: Integers
    until: Integers
    member: Codes
    other: Codes
    reference: Codes
    left: Integers
    claimed: Integers
    lapsed: Integers
    first: Codes
    moves: Codes
    why: Integers
    short: Integers
    queued: Flags
    parent: Codes
    via: Codes
    queue: Codes
    place: Codes


@compiled()
def _root(book, member):
    while book.parent[member] >= 0:
        member = book.parent[member]
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
    moves[at, POINTS], moves[at, TIME] = points, book.time[event]
    moves[at, BACK] = 0
    book.place[USED] = at + 1


@compiled()
def _lapse(book, moves, lot, time):
    """Let what is left of a lot expire."""
    points = book.left[lot]
    _write(book, moves, lot, lot, EXPIRE, -points)
    moves[book.place[USED] - 1, TIME] = time
    book.lapsed[lot] += points
    book.left[lot] = 0


@compiled()
def _expire(book, moves, now):
    """Let all lots expire whose end has come; the queue is ordered by this end."""
    while book.place[HEAD] < book.place[TAIL]:
        lot = book.queue[book.place[HEAD]]
        if book.left[lot] > 0:
            if book.until[lot] > now:
                return
            _lapse(book, moves, lot, book.until[lot])
        book.queued[lot] = False
        book.place[HEAD] += 1


@compiled()
def _tidy(book):
    """Move the lots that are not empty to the start of the queue."""
    kept = 0
    for at in range(book.place[HEAD], book.place[TAIL]):
        lot = book.queue[at]
        if book.left[lot] > 0:
            book.queue[kept] = lot
            kept += 1
        else:
            book.queued[lot] = False
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
        earlier = book.until[there] < book.until[lot]
        if earlier or (book.until[there] == book.until[lot] and there < lot):
            low = middle + 1
        else:
            high = middle
    for at in range(book.place[TAIL], low, -1):
        book.queue[at] = book.queue[at - 1]
    book.queue[low] = lot
    book.queued[lot] = True
    book.place[TAIL] += 1


@compiled()
def _has(book, root, now, wanted):
    """Return whether a customer can spend so many points now."""
    found = 0
    for at in range(book.place[HEAD], book.place[TAIL]):
        lot = book.queue[at]
        if book.start[lot] <= now and book.left[lot] > 0 and _root(book, book.member[lot]) == root:
            found += book.left[lot]
            if found >= wanted:
                return True
    return False


@compiled()
def _take(book, moves, event, wanted, limit):
    """Take points from the lots that expire first, if usable until a time; return what is short."""
    root = _root(book, book.member[event])
    for at in range(book.place[HEAD], book.place[TAIL]):
        if wanted == 0:
            return 0
        lot = book.queue[at]
        usable = book.left[lot] > 0 and book.start[lot] <= limit
        if usable and _root(book, book.member[lot]) == root:
            taken = min(wanted, book.left[lot])
            book.left[lot] -= taken
            wanted -= taken
            _write(book, moves, event, lot, book.kind[event], -taken)
    return wanted


@compiled()
def _earn(book, moves, event):
    book.left[event] = book.points[event]
    _write(book, moves, event, event, book.kind[event], book.points[event])
    _enqueue(book, event)


@compiled()
def _spend(book, moves, event):
    wanted = abs(book.points[event])
    now = book.time[event]
    if not _has(book, _root(book, book.member[event]), now, wanted):
        book.why[event], book.short[event] = BEYOND, wanted
        return
    _take(book, moves, event, wanted, now)


@compiled()
def _reversal(book, event):
    """Return why an event cannot be reversed, `FINE` if it can."""
    ref = book.reference[event]
    if ref < 0 or not EARN <= book.kind[ref] <= SPEND or book.kind[ref] == REVERSE:
        return NO_EVENT
    if _root(book, book.member[ref]) != _root(book, book.member[event]):
        return FOREIGN
    if ref > event:
        return LATER
    if book.why[ref] != FINE:
        return ASIDE
    left = abs(book.points[ref]) - book.claimed[ref]
    if left == 0:
        return DONE
    return TOO_MUCH if book.points[event] > left else FINE


@compiled()
def _take_back(book, moves, event, ref, wanted):
    """Take back what an event earned: from its lot, then, if it was spent, from other lots."""
    taken = min(wanted, book.left[ref])
    if taken > 0:
        book.left[ref] -= taken
        _write(book, moves, event, ref, REVERSE, -taken)
    wanted -= taken
    lapsed = min(wanted, book.lapsed[ref])
    book.lapsed[ref] -= lapsed
    short = _take(book, moves, event, wanted - lapsed, NEVER)
    if short > 0:
        book.why[event], book.short[event] = SHORT, short


@compiled()
def _give_back(book, moves, event, ref, wanted):
    """Give back what an event took, to the same lots, the last one first."""
    for at in range(book.first[ref] + book.moves[ref] - 1, book.first[ref] - 1, -1):
        given = min(wanted, -moves[at, POINTS] - moves[at, BACK])
        if given > 0:
            lot = moves[at, LOT]
            moves[at, BACK] += given
            wanted -= given
            book.left[lot] += given
            _write(book, moves, event, lot, REVERSE, given)
            if book.until[lot] <= book.time[event]:
                _lapse(book, moves, lot, book.time[event])
            elif not book.queued[lot]:
                _enqueue(book, lot)


@compiled()
def _reverse(book, moves, event):
    book.why[event] = _reversal(book, event)
    if book.why[event] != FINE:
        return
    ref = book.reference[event]
    wanted = book.points[event]
    if wanted == 0:
        wanted = abs(book.points[ref]) - book.claimed[ref]
    book.claimed[ref] += wanted
    if book.kind[ref] == SPEND or book.points[ref] < 0:
        _give_back(book, moves, event, ref, wanted)
    else:
        _take_back(book, moves, event, ref, wanted)


@compiled()
def _merge(book, event):
    member, other = book.member[event], book.other[event]
    if book.parent[other] >= 0:
        book.why[event] = MERGED
    elif _root(book, member) == other:
        book.why[event] = ITSELF
    else:
        book.parent[other], book.via[other] = member, event


@compiled()
def _split(book, event):
    ref = book.reference[event]
    other = book.other[ref] if ref >= 0 and book.kind[ref] == MERGE else -1
    if other < 0 or book.parent[other] < 0 or book.via[other] != ref:
        book.why[event] = NO_MERGE
    else:
        book.parent[other] = -1


@compiled()
def _apply(book, moves, event):
    """Apply one event."""
    kind = book.kind[event]
    book.first[event] = book.place[USED]
    if kind == MERGE:
        _merge(book, event)
    elif kind == SPLIT:
        _split(book, event)
    elif kind == REVERSE:
        _reverse(book, moves, event)
    elif kind == EARN or (kind == ADJUST and book.points[event] > 0):
        _earn(book, moves, event)
    else:
        _spend(book, moves, event)
    book.moves[event] = book.place[USED] - book.first[event]


@compiled()
def replay(book, bounds, end):
    """Return the movements of all accounts up to a time; the book is filled in.

    Args:
        book: The events, sorted by account and within an account in canonical order.
        bounds: First event of each account, and the number of events.
        end: The time at which the ledger is read.
    """
    moves = np.zeros((2 * len(book.kind) + 8, 6), np.int64)
    for account in range(len(bounds) - 1):
        book.place[HEAD] = book.place[TAIL] = 0
        for event in range(bounds[account], bounds[account + 1]):
            ref = book.reference[event]
            open_lots = book.place[TAIL] - book.place[HEAD]
            needed = 2 * open_lots + 8 + (2 * book.moves[ref] if ref >= 0 else 0)
            moves = _room(moves, book.place[USED] + needed)
            _expire(book, moves, book.time[event])
            _apply(book, moves, event)
        moves = _room(moves, book.place[USED] + book.place[TAIL] + 8)
        _expire(book, moves, end)
        for at in range(book.place[HEAD], book.place[TAIL]):
            book.queued[book.queue[at]] = False
    return moves[: book.place[USED]]
