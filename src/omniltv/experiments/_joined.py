"""Outcomes joined to the assigned customers, and who is missing on either side."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import labels, numbers, positions, read_ids
from omniltv.errors import DataError
from omniltv.experiments.assignment import Assignment, refuse_unassigned
from omniltv.experiments.tables import Missing, Outcome

__all__ = ["JoinedOutcomes", "ObservedOutcomes"]

_WHAT = "the table of outcomes"


@dataclass(frozen=True, eq=False)
class JoinedOutcomes:
    """Which assigned customers have rows in a table, and which customers were not assigned.

    Attributes:
        parts: Labels that split the rows, sorted; ("",) if nothing does.
        has_row: Whether each assigned customer has a row, of shape (n_customers,).
        unassigned: Number of customers of the table who were not assigned.
        what: What a row holds.
        missing: How to treat an assigned customer without a row.
    """

    parts: tuple[str, ...]
    has_row: NDArray[np.bool_]
    unassigned: int
    what: str
    missing: Missing

    def require_rows(self, assignment: Assignment) -> None:
        """Raise DataError if customers have no row and do not count as zero."""
        if self.missing == "error" and not self.has_row.all():
            problem = f"assigned customers without an {self.what}"
            hint = "missing='zero' if no row means zero"
            rows = list(assignment.customer_id[~self.has_row])
            raise DataError(problem, column="customer_id", rows=rows, hint=hint)

    def notes(self) -> list[str]:
        """Return notes on customers without a row and on customers left out."""
        found = []
        absent = int((~self.has_row).sum())
        if absent and self.missing == "zero":
            found.append(f"{absent:,} assigned customers without an {self.what} count as zero")
        if self.unassigned:
            found.append(f"{self.unassigned:,} customers who were not assigned are left out")
        return found


@dataclass(frozen=True, eq=False)
class ObservedOutcomes(JoinedOutcomes):
    """The outcome of each assigned customer and part, of shape (n_customers, n_parts)."""

    values: NDArray[np.float64]

    @classmethod
    def read(cls, outcome: Outcome, assignment: Assignment) -> Self:
        """Return the outcomes, added per assigned customer and part."""
        table = outcome.collect()
        ids = read_ids(table, "customer_id", _WHAT)
        amount = numbers(table, outcome.column, _WHAT, ids=ids)
        part = np.full(len(ids), "")
        if outcome.parts is not None:
            part = labels(table, outcome.parts, _WHAT, ids=ids)
        place = positions(ids, assignment.customer_id)
        refuse_unassigned(place, "customer_id")
        names, code = np.unique(part, return_inverse=True)
        known = place >= 0
        values = np.zeros((len(assignment), len(names)))
        np.add.at(values, (place[known], code[known]), amount[known])
        has_row = np.zeros(len(assignment), dtype=np.bool_)
        has_row[place[known]] = True
        return cls(
            parts=tuple(map(str, names)),
            has_row=has_row,
            unassigned=len(set(ids[~known].tolist())),
            what="outcome",
            missing=outcome.missing,
            values=values,
        )
