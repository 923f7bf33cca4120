"""The dates of reviews between the last run and today."""

from typing import TYPE_CHECKING

import numpy as np

from omniltv._frames import IntoTable, collect
from omniltv.segmentation.tiers._state import ProgrammeState
from omniltv.segmentation.tiers._steps import next_review

if TYPE_CHECKING:
    from omniltv.segmentation.tiers.memory import TierMemory

__all__ = ["review_dates"]


def review_dates(memory: "TierMemory", table: IntoTable, on: np.datetime64) -> tuple[str, ...]:
    """Return the dates of missed reviews, then ``on``; see `TierMemory.review_dates`."""
    state = ProgrammeState.read(collect(table, "the state"), memory.tiers)
    if not memory.has_periods:
        return (str(on),)
    found = [np.array([on])]
    joined = state.joined
    due = next_review(memory, state.as_of, joined)
    while (due < on).any():
        joined, due = joined[due < on], due[due < on]
        found.append(np.unique(due))
        due = next_review(memory, due, joined)
    return tuple(np.unique(np.concatenate(found)).astype(str).tolist())
