"""The steps of a tier programme for one run: returns, reviews, rises and grants."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniltv.segmentation.tiers._dates import Days, add_months, months
from omniltv.segmentation.tiers._state import NONE, ProgrammeState

if TYPE_CHECKING:
    from omniltv.segmentation.tiers.memory import TierMemory

__all__ = ["Event", "Judged", "ProgrammeStep", "next_review", "stepped"]

_LAST_DAY = np.datetime64("9999-12-31", "D")


class Event(IntEnum):
    """What last changed the earned tier of a customer in a run."""

    NONE = 0
    ROSE = 1
    ROSE_AT_REVIEW = 2
    FELL = 3
    FELL_ONE_STEP = 4
    TAKEN_BACK = 5


@dataclass(frozen=True, eq=False)
class Judged:
    """The judgements of one day; every array has one entry per customer.

    Attributes:
        tier: Tier of today, by position.
        reach: Probability of each tier or a better one, (n_customers, n_tiers); None to judge
            by the tier.
        last_purchase: Latest purchase; NaT if none.
        returned: Whether an order was returned.
        surplus: Value above the line of the tier.
    """

    tier: NDArray[np.int64]
    reach: NDArray[np.float64] | None
    last_purchase: Days
    returned: NDArray[np.bool_]
    surplus: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Judged":
        """Return the judgements of some customers."""
        reach = None if self.reach is None else self.reach[rows]
        return Judged(
            self.tier[rows],
            reach,
            self.last_purchase[rows],
            self.returned[rows],
            self.surplus[rows],
        )

    def target(self, earned: NDArray[np.int64], memory: "TierMemory") -> NDArray[np.int64]:
        """Return the tier that a customer of an earned tier reaches today.

        With hysteresis it is the best tier whose probability (of this tier or a better one) is
        at least ``enter`` for tiers above the earned one, and ``leave`` for the others.
        """
        if memory.hysteresis is None or self.reach is None:
            return self.tier
        above = np.arange(self.reach.shape[1]) < earned[:, None]
        needed = np.where(above, memory.hysteresis.enter, memory.hysteresis.leave)
        needed[:, -1] = -1.0
        return np.argmax(self.reach >= needed, axis=1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ProgrammeStep:
    """A state after some steps, with what happened.

    Attributes:
        state: The state.
        event: The last `Event` of each customer, of shape (n_customers,).
        at: Day of the event.
    """

    state: ProgrammeState
    event: NDArray[np.int64]
    at: Days

    def changed(
        self, rows: NDArray[np.bool_], to: NDArray[np.int64], event: Event
    ) -> "ProgrammeStep":
        """Return the step after some customers got another earned tier on the day ``at``."""
        earned = np.where(rows, to, self.state.earned)
        rises = event in (Event.ROSE, Event.ROSE_AT_REVIEW)
        before = np.where(rows, self.state.earned if rises else earned, self.state.before)
        state = replace(
            self.state,
            earned=earned,
            before=before,
            since=np.where(rows, self.at, self.state.since),
            below=np.where(rows, np.datetime64("NaT", "D"), self.state.below),
        )
        return replace(self, state=state, event=np.where(rows, event, self.event))


def stepped(
    state: ProgrammeState, judged: Judged, memory: "TierMemory", on: np.datetime64
) -> ProgrammeStep:
    """Return the state of customers after a run on a day.

    The order is: returned orders, missed and present reviews, rises. Grants do not change the
    earned tier.
    """
    step = ProgrammeStep(state, np.zeros(len(state), dtype=np.int64), np.full(len(state), on))
    if memory.returns == "take_back":
        step = _taken_back(step, judged, memory)
    step = _reviewed(step, judged, memory, on)
    step = _risen(replace(step, at=np.full(len(state), on)), judged, memory)
    seen = np.fmax(step.state.last_purchase, judged.last_purchase)
    return replace(step, state=replace(step.state, last_purchase=seen, as_of=step.at))


def _taken_back(step: ProgrammeStep, judged: Judged, memory: "TierMemory") -> ProgrammeStep:
    state = step.state
    target = judged.target(state.earned, memory)
    rows = judged.returned & (target > state.earned) & (state.before > state.earned)
    step = step.changed(rows, np.minimum(target, state.before), Event.TAKEN_BACK)
    reached = np.where(target < state.earned, target, NONE)
    pending = np.where(judged.returned & (state.pending != NONE), reached, state.pending)
    return replace(step, state=replace(step.state, pending=pending))


def _reviewed(
    step: ProgrammeStep, judged: Judged, memory: "TierMemory", on: np.datetime64
) -> ProgrammeStep:
    """Return the step after all reviews that are due, the earliest first."""
    due = _first_review(step.state, judged, memory, on)
    rows = np.flatnonzero(due <= on)
    while len(rows):
        part = ProgrammeStep(step.state.take(rows), step.event[rows], due[rows])
        part = _one_review(part, judged.take(rows), memory)
        event = step.event.copy()
        event[rows] = part.event
        step = replace(step, state=step.state.put(rows, part.state), event=event)
        due[rows] = _following(memory)(due[rows], step.state.joined[rows])
        rows = rows[due[rows] <= on]
    return step


def _first_review(
    state: ProgrammeState, judged: Judged, memory: "TierMemory", on: np.datetime64
) -> Days:
    """Return the first review after the last run; later than ``on`` if none is due."""
    if memory.has_periods:
        return next_review(memory, state.as_of, state.joined)
    due = state.as_of < on
    if memory.review == "purchase":
        due = np.isnat(state.last_purchase) & ~np.isnat(judged.last_purchase)
        due |= judged.last_purchase > state.last_purchase
    return np.where(due, on, _LAST_DAY)


def _following(memory: "TierMemory") -> Callable[[Days, Days], Days]:
    if memory.has_periods:
        return lambda after, joined: next_review(memory, after, joined)
    return lambda after, _: np.full(len(after), _LAST_DAY)


def next_review(memory: "TierMemory", after: Days, joined: Days) -> Days:
    """Return the first day of a review after a day, of shape (n_customers,).

    A review of a calendar period is on the first day of the next period.
    """
    length = memory.period_months
    if memory.review == "period_end":
        start = memory.first_month - 1
        passed = (months(after) - start) // length + 1
        return (passed * length + start).astype("datetime64[M]").astype("datetime64[D]")
    passed = np.maximum((months(after) - months(joined)) // length, 1)
    candidate = add_months(joined, passed * length)
    following = add_months(joined, (passed + 1) * length)
    return np.where(candidate > after, candidate, following)


def _one_review(step: ProgrammeStep, judged: Judged, memory: "TierMemory") -> ProgrammeStep:
    """Return the step after one review, on the day ``at`` of each customer."""
    state = step.state
    target = judged.target(state.earned, memory)
    reached = np.where(state.pending == NONE, target, np.minimum(state.pending, target))
    rises = (reached < state.earned) & (memory.up == "next_period")
    step = step.changed(rises, reached, Event.ROSE_AT_REVIEW)
    target = judged.target(step.state.earned, memory)
    missed = (target > step.state.earned) & ~rises
    first = np.where(np.isnat(step.state.below), step.at, step.state.below)
    confirmed = np.where(missed | rises, step.state.before, step.state.earned)
    kept = replace(
        step.state,
        below=np.where(missed, first, np.datetime64("NaT", "D")),
        before=confirmed,
        pending=np.full(len(state), NONE, dtype=np.int64),
    )
    step = _fallen(replace(step, state=kept), target, missed, memory)
    return replace(step, state=replace(step.state, carried=_carried(step.state, judged, memory)))


def _fallen(
    step: ProgrammeStep, target: NDArray[np.int64], missed: NDArray[np.bool_], memory: "TierMemory"
) -> ProgrammeStep:
    state = step.state
    stays = step.at < add_months(state.since, memory.min_stay_months)
    grace = step.at < add_months(state.below, memory.grace_months)
    falls = missed & ~stays & ~grace
    if memory.down == "never":
        return step
    if memory.down == "one_step":
        return step.changed(falls, state.earned + 1, Event.FELL_ONE_STEP)
    return step.changed(falls, target, Event.FELL)


def _carried(state: ProgrammeState, judged: Judged, memory: "TierMemory") -> NDArray[np.float64]:
    """Return the value that customers take into the period that begins."""
    reached = judged.tier <= state.earned
    value = np.where(reached, memory.carry_over * judged.surplus, 0.0)
    return (
        value if memory.carry_over_at_most is None else np.minimum(value, memory.carry_over_at_most)
    )


def _risen(step: ProgrammeStep, judged: Judged, memory: "TierMemory") -> ProgrammeStep:
    state = step.state
    target = judged.target(state.earned, memory)
    better = target < state.earned
    if memory.up == "at_once":
        return step.changed(better, target, Event.ROSE)
    best = np.where(state.pending == NONE, target, np.minimum(state.pending, target))
    pending = np.where(better, best, state.pending)
    return replace(step, state=replace(state, pending=pending))
