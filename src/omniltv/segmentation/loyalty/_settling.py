"""Events of a ledger applied in order, and what is carried to the next batch."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Integers
from omniltv._columns import positions
from omniltv.segmentation.loyalty._accounts import account_bounds, account_codes
from omniltv.segmentation.loyalty._events import LedgerEvents, in_order
from omniltv.segmentation.loyalty._kernel import (
    ADJUST,
    EARN,
    EVENT,
    LOT,
    MERGE,
    OF_SETTLED,
    REVERSE,
    SPEND,
    SPLIT,
    VIA,
    LedgerBook,
    replay,
)

__all__ = ["Carried", "Run", "carried", "lots_of", "run"]

_BOOKED = ("left", "claimed", "lapsed", "why")
_EARNING = (EARN, ADJUST)


@dataclass(frozen=True, eq=False)
class Carried:
    """What is carried to the next batch.

    Attributes:
        events: Settled events that still matter, and later ones.
        booked: What is left of each lot, claimed of it and lapsed, and why an event had no
            effect, of shape (n_events, 4).
        settled: Whether each event was applied.
        gone: Points of each lot that were spent, expired, reversed and adjusted, of shape
            (n_events, 4).
        taken: Movements of settled events, of shape (n_movements, 6).
    """

    events: LedgerEvents
    booked: Integers
    settled: Flags
    gone: Integers
    taken: Integers


@dataclass(frozen=True, eq=False)
class Run:
    """Events that were applied: the book, and the movements of this run.

    Attributes:
        events: The events in canonical order.
        book: What is known of each event.
        taken: Movements of settled events, made before this run, with what was given back since.
        moves: Movements of this run, of shape (n_movements, 6).
        gone: Points of each lot that were spent, expired, reversed and adjusted before this run,
            of shape (n_events, 4).
    """

    events: LedgerEvents
    book: LedgerBook
    taken: Integers
    moves: Integers
    gone: Integers


def run(events: LedgerEvents, state: Carried | None, end: int) -> Run:
    """Apply events in canonical order, after those that the state has settled."""
    account = account_codes(events)
    order = in_order(events, account)
    events, bounds = events.take(order), account_bounds(account[order])
    book = _book(events, int(np.diff(bounds).max(initial=0)))
    taken = np.zeros((0, 6), dtype=np.int64)
    gone = np.zeros((len(events), 4), dtype=np.int64)
    if state is not None:
        taken = _resumed(events, state, book, gone)
    moves = replay(book, taken, bounds, end)
    return Run(events, book, moves[: len(taken)], moves[len(taken) :], gone)


def _book(events: LedgerEvents, longest: int) -> LedgerBook:
    book = LedgerBook(
        event=np.zeros((len(events), OF_SETTLED + 1), dtype=np.int64),
        customer=np.full((len(events.customers), VIA + 1), -1, dtype=np.int64),
        queue=np.zeros(longest + 1, dtype=np.int64),
        place=np.zeros(3, dtype=np.int64),
    )
    for name in ("kind", "time", "points", "start", "until", "member", "other"):
        getattr(book, name)[:] = getattr(events, name)
    book.reference[:] = -1
    refers = np.flatnonzero(np.isin(events.kind, (REVERSE, SPLIT)))
    code, names = pd.factorize(events.reference[refers])
    found = positions(events.ids, names)  # few names are looked up in, not all events
    here = np.flatnonzero(found >= 0)
    place = np.full(len(names) + 1, -1)  # the last one is a missing reference
    place[found[here]] = here
    book.reference[refers] = place[code]
    return book


def _resumed(events: LedgerEvents, state: Carried, book: LedgerBook, gone: Integers) -> Integers:
    """Fill in what the state knows, and return the movements of its events."""
    here = np.flatnonzero(events.place >= 0)
    place = events.place[here]
    for column, name in enumerate(_BOOKED):
        getattr(book, name)[here] = state.booked[place, column]
    book.event[here, OF_SETTLED] = state.settled[place]
    gone[here] = state.gone[place]
    merged = np.flatnonzero(
        book.settled & (book.kind == MERGE) & (book.claimed == 0) & (book.why == 0)
    )
    book.parent[book.other[merged]] = book.member[merged]
    book.customer[book.other[merged], VIA] = merged
    new = np.full(len(state.events), -1, dtype=np.int64)
    new[place] = here
    taken = state.taken.copy()
    counts = np.bincount(taken[:, EVENT], minlength=len(state.events))
    book.moves[here] = counts[place]
    book.first[here] = (np.cumsum(counts) - counts)[place]
    taken[:, EVENT], taken[:, LOT] = new[taken[:, EVENT]], new[taken[:, LOT]]
    return taken


def carried(found: Run, window: LedgerEvents, gone: Integers, horizon: int) -> Carried:
    """Return what the next batch needs to know of this one."""
    events, book = found.events, found.book
    keep = (events.time >= horizon) | (book.left > 0)
    undone = book.reference[keep & (book.kind == SPLIT) & (book.why == 0)]
    keep[undone] = True
    keep |= (book.kind == MERGE) & (book.claimed == 0) & (book.why == 0)
    every = np.concatenate([found.taken, found.moves])
    spends = (book.kind == SPEND) | ((book.kind == ADJUST) & (book.points < 0))
    spenders = np.flatnonzero(keep & spends & (book.moves > 0))
    rows = np.repeat(book.first[spenders], book.moves[spenders])
    rows += np.arange(len(rows)) - np.repeat(
        np.cumsum(book.moves[spenders]) - book.moves[spenders], book.moves[spenders]
    )
    taken = every[rows]
    keep[taken[:, LOT]] = True
    chosen = np.flatnonzero(keep)
    new = np.full(len(events), -1, dtype=np.int64)
    new[chosen] = np.arange(len(chosen))
    taken[:, EVENT], taken[:, LOT] = new[taken[:, EVENT]], new[taken[:, LOT]]
    booked = np.column_stack([getattr(book, name)[chosen] for name in _BOOKED])
    later = len(window)
    both = events.take(chosen).and_then(window).compact()
    size = len(both)
    return Carried(
        events=replace(both, row=np.full(size, -1), place=np.arange(size)),
        booked=np.concatenate([booked, np.zeros((later, len(_BOOKED)), dtype=np.int64)]),
        settled=np.arange(size) < len(chosen),
        gone=np.concatenate([gone[chosen], np.zeros((later, 4), dtype=np.int64)]),
        taken=taken,
    )


def _is_lot(book: LedgerBook) -> Flags:
    return np.asarray(np.isin(book.kind, _EARNING) & (book.points > 0), dtype=np.bool_)


def lots_of(found: Run) -> Codes:
    """Return the events that earned points."""
    return np.flatnonzero(_is_lot(found.book) & (found.book.why == 0))
