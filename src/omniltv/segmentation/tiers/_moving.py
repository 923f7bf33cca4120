"""One run of a tier programme: from judgements to a state, moves and reasons."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._columns import numbers, positions
from omniltv._frames import Eager, FrameKind, IntoTable, collect, read_frame
from omniltv._log import logged
from omniltv.errors import DataError
from omniltv.segmentation.tiers._dates import moments
from omniltv.segmentation.tiers._reasons import held_reasons, move_reasons
from omniltv.segmentation.tiers._state import (
    NONE,
    STATE_TYPES,
    ProgrammeState,
    id_type,
    tier_codes,
    unique_ids,
)
from omniltv.segmentation.tiers._steps import Judged, ProgrammeStep, stepped
from omniltv.segmentation.tiers.moves import DOWN, NEW, UP, Moves

if TYPE_CHECKING:
    from omniltv.segmentation.tiers.memory import TierMemory

__all__ = ["moved"]

_WHAT = "the table of judgements"


@logged("tiers moved")
def moved(
    memory: "TierMemory",
    state: IntoTable | None,
    now: IntoFrameT,
    on: np.datetime64,
    grants: IntoTable | None,
) -> Moves[IntoFrameT]:
    """Return the moves of a run; see `TierMemory.move`."""
    table, kind = read_frame(now, _WHAT)
    ids = unique_ids(table, _WHAT)
    judged = _judged(memory, table, ids)
    known = (
        ProgrammeState.read(collect(state, "the state"), memory.tiers)
        if state is not None
        else None
    )
    old = ProgrammeState.new(ids[:0], judged.tier[:0], on) if known is None else known
    _require_earlier(old, on)
    _require_same_kind(old.id, ids)
    place = positions(ids, old.id)
    began = _began(memory, table, ids, old, place, judged, on)
    began = _with_grants(began, grants, memory.tiers)
    here = np.arange(len(ids))
    step = stepped(began.take(here), judged, memory, on)
    after = step.state.and_then(began.take(np.arange(len(ids), len(began))))
    after = replace(after, tier=after.in_force(on))
    was = np.where(
        np.append(place < 0, np.zeros(len(after) - len(ids), np.bool_)), NONE, began.tier
    )
    events = np.append(step.event, np.zeros(len(after) - len(ids), dtype=np.int64))
    named = {"customer_id": id_type(after.id)}
    return Moves(
        on=str(on),
        state=kind.build(after.columns(memory.tiers), {**STATE_TYPES, **named}),
        moves=_moves(kind, ProgrammeStep(after, events, after.as_of), was, memory, on),
        held=_held(kind, after.take(here), judged, memory, on),
    )


def _judged(memory: "TierMemory", table: Eager, ids: NDArray[np.object_]) -> Judged:
    n = len(ids)
    has = set(table.columns)
    purchase = np.full(n, np.datetime64("NaT", "us"))
    if memory.review == "purchase" or "last_purchase" in has:
        purchase = moments(table, "last_purchase", _WHAT, ids)
    return Judged(
        tier=tier_codes(table, "tier", memory.tiers, _WHAT, ids),
        reach=None if memory.hysteresis is None else _reach(memory.tiers, table, ids),
        last_purchase=purchase,
        returned=_flags(table, "returned", ids) if "returned" in has else np.zeros(n, np.bool_),
        surplus=numbers(table, "surplus", _WHAT, ids=ids) if memory.carry_over else np.zeros(n),
    )


def _flags(table: Eager, column: str, ids: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return a column of booleans."""
    values = table[column].to_list()
    bad = [row for row, value in enumerate(values) if not isinstance(value, bool | np.bool_)]
    if bad:
        hint = "true or false for every customer"
        raise DataError(f"{_WHAT} has no booleans", column=column, rows=list(ids[bad]), hint=hint)
    return np.array(values, dtype=np.bool_)


def _reach(tiers: Sequence[str], table: Eager, ids: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the probability of each tier or a better one, of shape (n_customers, n_tiers)."""
    columns = [numbers(table, f"probability_{name}", _WHAT, ids=ids) for name in tiers]
    chances = np.column_stack(columns)
    bad = (chances < 0).any(axis=1) | (np.abs(chances.sum(axis=1) - 1) > _ROUNDING)
    if bad.any():
        problem = "probabilities of the tiers that do not add up to 1"
        hint = "scheme.assign(value, log).to_frame()"
        raise DataError(problem, column=f"probability_{tiers[0]}", rows=list(ids[bad]), hint=hint)
    return np.cumsum(chances, axis=1)


_ROUNDING = 1e-6


def _require_earlier(old: ProgrammeState, on: np.datetime64) -> None:
    late = old.as_of > on
    if late.any():
        problem = f"the state is of a later date than {on}"
        raise DataError(problem, column="as_of", rows=list(old.id[late]), hint="an earlier state")


def _require_same_kind(old: NDArray[np.object_], ids: NDArray[np.object_]) -> None:
    """Raise DataError if the ids of one table are text and those of the other numbers."""
    kinds = [{issubclass(kind, str) for kind in set(map(type, some))} for some in (old, ids)]
    if all(kinds) and not kinds[0] & kinds[1]:
        problem = "ids are text in one of state and judgements, and numbers in the other"
        raise DataError(problem, column="customer_id", hint="give the ids one type")


def _began(
    memory: "TierMemory",
    table: Eager,
    ids: NDArray[np.object_],
    old: ProgrammeState,
    place: NDArray[np.intp],
    judged: Judged,
    on: np.datetime64,
) -> ProgrammeState:
    """Return the state before the run: customers in order of the table, then all others."""
    new = place < 0
    worst = np.full(len(ids), len(memory.tiers) - 1, dtype=np.int64)
    first = replace(
        ProgrammeState.new(ids, judged.target(worst, memory), on),
        last_purchase=judged.last_purchase,
    )
    if "joined" in table.columns:
        joined = moments(table, "joined", _WHAT, ids).astype("datetime64[D]")
        first = replace(first, joined=np.where(np.isnat(joined), on, joined))
    others = np.ones(len(old), dtype=np.bool_)
    others[place[~new]] = False
    everyone = first.and_then(old)
    rows = np.where(new, np.arange(len(ids)), len(ids) + place)
    return everyone.take(np.concatenate([rows, len(ids) + np.flatnonzero(others)]))


def _with_grants(
    state: ProgrammeState, grants: IntoTable | None, tiers: Sequence[str]
) -> ProgrammeState:
    if grants is None:
        return state
    what = "the table of grants"
    table = collect(grants, what)
    ids = unique_ids(table, what)
    code = tier_codes(table, "tier", tiers, what, ids)
    until = moments(table, "until", what, ids).astype("datetime64[D]")
    _refuse(np.isnat(until), ids, "until", "grants without a last day", "fill in a date")
    row = positions(ids, state.id)
    hint = "judge these customers, or leave them out"
    _refuse(row < 0, ids, "customer_id", "grants to unknown customers", hint)
    floor, last = state.floor.copy(), state.until.copy()
    floor[row], last[row] = code, until
    return replace(state, floor=floor, until=last)


def _refuse(
    bad: NDArray[np.bool_], ids: NDArray[np.object_], column: str, problem: str, hint: str
) -> None:
    if bad.any():
        raise DataError(problem, column=column, rows=list(ids[bad]), hint=hint)


def _moves[FrameT](
    kind: FrameKind[FrameT],
    step: ProgrammeStep,
    was: NDArray[np.int64],
    memory: "TierMemory",
    on: np.datetime64,
) -> FrameT:
    state = step.state
    rows = np.flatnonzero(was != state.tier)
    names = np.array([*memory.tiers, None], dtype=object)
    up = np.where(state.tier[rows] < was[rows], UP, DOWN)
    data = {
        "customer_id": state.id[rows].tolist(),
        "on": [on.astype("datetime64[us]").tolist()] * len(rows),
        "from_tier": names[was[rows]].tolist(),
        "to_tier": names[state.tier[rows]].tolist(),
        "direction": np.where(was[rows] == NONE, NEW, up).tolist(),
        "reason": move_reasons(step, rows, was, memory, on),
    }
    return kind.build(data, {"on": nw.Datetime("us"), "customer_id": id_type(state.id)})


def _held[FrameT](
    kind: FrameKind[FrameT],
    state: ProgrammeState,
    judged: Judged,
    memory: "TierMemory",
    on: np.datetime64,
) -> FrameT:
    rows = np.flatnonzero(judged.tier != state.tier)
    names = np.array(memory.tiers, dtype=object)
    data = {
        "customer_id": state.id[rows].tolist(),
        "tier": names[state.tier[rows]].tolist(),
        "judged": names[judged.tier[rows]].tolist(),
        "reason": held_reasons(state.take(rows), judged.take(rows), memory, on),
    }
    return kind.build(data, {"customer_id": id_type(state.id)})
