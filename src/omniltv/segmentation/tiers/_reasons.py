"""Why a customer moved, or is held in a tier, in words."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniltv.segmentation.tiers._dates import add_months
from omniltv.segmentation.tiers._state import NONE, ProgrammeState
from omniltv.segmentation.tiers._steps import Event, Judged, ProgrammeStep, next_review

if TYPE_CHECKING:
    from omniltv.segmentation.tiers.memory import TierMemory

__all__ = ["held_reasons", "move_reasons"]


def move_reasons(
    step: ProgrammeStep,
    rows: NDArray[np.intp],
    was: NDArray[np.int64],
    memory: "TierMemory",
    on: np.datetime64,
) -> list[str]:
    """Return why each of some customers moved."""
    state = step.state
    granted = state.granted(on) & (state.floor <= state.earned)
    words = []
    for row in rows.tolist():
        until = state.until[row]
        if was[row] == NONE:
            words.append("new")
        elif granted[row] and state.tier[row] < was[row]:
            words.append(f"granted until {until}")
        elif step.event[row] == Event.NONE:
            words.append(f"the grant until {until} has ended")
        else:
            words.append(_event_words(step, row, int(was[row]), memory))
    return words


def _event_words(step: ProgrammeStep, row: int, was: int, memory: "TierMemory") -> str:
    day = step.state.since[row]
    lost, tier = memory.tiers[was], memory.tiers[step.state.earned[row]]
    match Event(int(step.event[row])):
        case Event.ROSE:
            return f"reached {tier}"
        case Event.ROSE_AT_REVIEW:
            return f"reached {tier} before the review of {day}"
        case Event.TAKEN_BACK:
            return f"{lost} was reached with an order that was returned"
        case Event.FELL_ONE_STEP:
            return f"{lost} not reached at the review of {day}; one step down"
        case _:
            return f"{lost} not reached at the review of {day}"


def held_reasons(
    state: ProgrammeState, judged: Judged, memory: "TierMemory", on: np.datetime64
) -> list[str]:
    """Return why each customer is in another tier than the one judged today."""
    target = judged.target(state.earned, memory)
    words = np.where(target == state.earned, _noise_words(state, judged, memory), "")
    reasons = [
        (state.granted(on) & (state.floor == state.tier), _granted_words(state)),
        (words != "", words),
        (target < state.earned, _next_words(state, memory, on, "counts from ")),
    ]
    if memory.down == "never":
        reasons.append((target > state.earned, np.full(len(state), "tiers are never lost")))
    stay = add_months(state.since, memory.min_stay_months)
    grace = add_months(state.below, memory.grace_months)
    reasons += [
        (on < stay, _dated("minimum stay until ", stay)),
        (on < grace, _dated("grace period until ", grace)),
    ]
    rest = _next_words(state, memory, on, "kept until ")
    chosen = np.select([mask for mask, _ in reasons], [text for _, text in reasons], rest)
    return [str(text) for text in chosen]


def _dated(words: str, days: NDArray[np.datetime64]) -> NDArray[np.str_]:
    return np.char.add(words, np.datetime_as_string(days, unit="D"))


def _granted_words(state: ProgrammeState) -> NDArray[np.str_]:
    return _dated("granted until ", state.until)


def _noise_words(state: ProgrammeState, judged: Judged, memory: "TierMemory") -> NDArray[np.str_]:
    """Return the probability that keeps a customer in the tier; empty without hysteresis."""
    if memory.hysteresis is None or judged.reach is None:
        return np.full(len(state), "")
    names = np.array(memory.tiers)
    rises = judged.tier < state.earned
    tier = np.where(rises, judged.tier, state.earned)
    reach = np.take_along_axis(judged.reach, tier[:, None], axis=1)[:, 0]
    lines = memory.hysteresis
    ends = np.where(
        rises, f" or better is below {lines.enter:g}", f" or better is at least {lines.leave:g}"
    )
    shown = np.char.mod("%.2f", reach)
    said = np.char.add(np.char.add("probability ", shown), np.char.add(" of ", names[tier]))
    return np.asarray(np.char.add(said, ends), dtype=np.str_)


def _next_words(
    state: ProgrammeState, memory: "TierMemory", on: np.datetime64, words: str
) -> NDArray[np.str_]:
    """Return the date of the next review, or what it waits for."""
    if not memory.has_periods:
        wait = "the next purchase" if memory.review == "purchase" else "the next run"
        return np.full(len(state), f"{words}{wait}")
    review = next_review(memory, np.full(len(state), on), state.joined)
    return _dated(f"{words}the review of ", review)
