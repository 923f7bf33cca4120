"""The state of a ledger that is settled batch by batch: open lots, and what may be reversed."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Integers
from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.segmentation.loyalty._accounts import account_bounds, account_codes
from omniltv.segmentation.loyalty._events import Events, in_order
from omniltv.segmentation.loyalty._kernel import (
    ADJUST,
    EARN,
    EVENT,
    LOT,
    MERGE,
    OF_SETTLED,
    SPEND,
    SPLIT,
    VIA,
    Book,
    replay,
)

__all__ = ["LedgerState", "Run", "carried", "lots_of", "run"]

_BOOKED = ("left", "claimed", "lapsed", "why")
_EARNING = (EARN, ADJUST)


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

    events: Events
    book: Book
    taken: Integers
    moves: Integers
    gone: Integers


@checked
@dataclass(frozen=True, eq=False, repr=False)
class LedgerState:
    """What a ledger needs to go on: open lots, events that may be reversed, and late ones.

    Made by `Settlement.close`, used by `settle`. Its size depends on the number of open lots and
    on the events of the last days, not on the length of the history.

    Attributes:
        closed: Events before this moment are final, in local time.
        timezone: Time zone of the ledger.

    Examples:
        >>> from omniltv.segmentation.loyalty import settle
        >>> events = pd.DataFrame({
        ...     "event_id": ["e1"], "customer_id": ["ann"], "kind": ["earn"],
        ...     "time": ["2026-01-05"], "points": [100]})
        >>> settle(events, at="2026-02-01").close()
        LedgerState(closed at 2026-02-01 00:00:00: 1 events kept, 100 points left)
    """

    closed: pd.Timestamp
    timezone: str
    _end: int = field(repr=False)
    _events: Events = field(repr=False)
    _booked: Integers = field(repr=False)
    _settled: Flags = field(repr=False)
    _gone: Integers = field(repr=False)
    _taken: Integers = field(repr=False)

    def __repr__(self) -> str:
        left = int(self._booked[:, 0].sum())
        kept = f"{len(self._events):,} events kept, {left:,} points left"
        return f"{type(self).__name__}(closed at {self.closed}: {kept})"

    def __len__(self) -> int:
        return len(self._events)

    def save(self, path: Path) -> None:
        """Write the state to a file (``.npz``), without pickles.

        Examples:
            >>> import tempfile
            >>> from omniltv.segmentation.loyalty import settle
            >>> events = pd.DataFrame({
            ...     "event_id": ["e1"], "customer_id": ["ann"], "kind": ["earn"],
            ...     "time": ["2026-01-05"], "points": [100]})
            >>> state = settle(events, at="2026-02-01").close()
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     state.save(Path(folder) / "ledger.npz")
            ...     len(LedgerState.load(Path(folder) / "ledger.npz"))
            1
        """
        events: dict[str, Any] = {
            f"events_{part.name}": _storable(getattr(self._events, part.name))
            for part in fields(Events)
        }
        own = {name: getattr(self, f"_{name}") for name in ("booked", "settled", "gone", "taken")}
        about = np.array([str(self.closed), self.timezone, str(self._end)])
        np.savez_compressed(path, about=about, **own, **events)

    @classmethod
    def load(cls, path: Path) -> "LedgerState":
        """Return a state that `save` wrote.

        Raises:
            ConfigError: If the file cannot be read as a state.

        Examples:
            >>> try:
            ...     LedgerState.load(Path("no such file"))
            ... except ConfigError as error:
            ...     print(error)
            not the state of a ledger: no such file. Hint: state.save(path)
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                parts: dict[str, Any] = {
                    p.name: _restored(file[f"events_{p.name}"]) for p in fields(Events)
                }
                closed, zone, end = file["about"].tolist()
                own = [file[name] for name in ("booked", "settled", "gone", "taken")]
        except (OSError, ValueError, KeyError) as error:
            problem = f"not the state of a ledger: {path}. Hint: state.save(path)"
            raise ConfigError(problem, parameter="path") from error
        return cls(pd.Timestamp(closed), zone, int(end), Events(**parts), *own)


def _storable(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return texts in a type that needs no pickle; a missing one is empty."""
    if values.dtype != object:
        return values
    return np.where(pd.isna(values), "", values).astype(str)


def _restored(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if values.dtype.kind != "U":
        return values
    texts = values.astype(object)
    texts[values == ""] = None
    return texts


def run(events: Events, state: LedgerState | None, end: int) -> Run:
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


def _book(events: Events, longest: int) -> Book:
    book = Book(
        event=np.zeros((len(events), OF_SETTLED + 1), dtype=np.int64),
        customer=np.full((len(events.customers), VIA + 1), -1, dtype=np.int64),
        queue=np.zeros(longest + 1, dtype=np.int64),
        place=np.zeros(3, dtype=np.int64),
    )
    for name in ("kind", "time", "points", "start", "until", "member", "other"):
        getattr(book, name)[:] = getattr(events, name)
    book.reference[:] = -1
    named = np.flatnonzero(~pd.isna(events.reference))
    if len(named):
        place = pd.Index(events.ids).get_indexer(pd.Index(events.reference[named]))
        book.reference[named] = place
    return book


def _resumed(events: Events, state: LedgerState, book: Book, gone: Integers) -> Integers:
    """Fill in what the state knows, and return the movements of its events."""
    here = np.flatnonzero(events.place >= 0)
    place = events.place[here]
    for column, name in enumerate(_BOOKED):
        getattr(book, name)[here] = state._booked[place, column]  # noqa: SLF001
    book.event[here, OF_SETTLED] = state._settled[place]  # noqa: SLF001
    gone[here] = state._gone[place]  # noqa: SLF001
    merged = np.flatnonzero(
        book.settled & (book.kind == MERGE) & (book.claimed == 0) & (book.why == 0)
    )
    book.parent[book.other[merged]] = book.member[merged]
    book.customer[book.other[merged], VIA] = merged
    new = np.full(len(state), -1, dtype=np.int64)
    new[place] = here
    taken = state._taken.copy()  # noqa: SLF001
    counts = np.bincount(taken[:, EVENT], minlength=len(state))
    book.moves[here] = counts[place]
    book.first[here] = (np.cumsum(counts) - counts)[place]
    taken[:, EVENT], taken[:, LOT] = new[taken[:, EVENT]], new[taken[:, LOT]]
    return taken


def carried(found: Run, window: Events, gone: Integers, horizon: int) -> dict[str, Any]:
    """Return the parts of a state: settled events that still matter, and later ones."""
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
    return {
        "events": replace(both, row=np.full(size, -1), place=np.arange(size)),
        "booked": np.concatenate([booked, np.zeros((later, len(_BOOKED)), dtype=np.int64)]),
        "settled": np.arange(size) < len(chosen),
        "gone": np.concatenate([gone[chosen], np.zeros((later, 4), dtype=np.int64)]),
        "taken": taken,
    }


def _is_lot(book: Book) -> Flags:
    return np.asarray(np.isin(book.kind, _EARNING) & (book.points > 0), dtype=np.bool_)


def lots_of(found: Run) -> Codes:
    """Return the events that earned points."""
    return np.flatnonzero(_is_lot(found.book) & (found.book.why == 0))
