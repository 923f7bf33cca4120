"""An assignment under the customer ids of a later run of the linkage."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Objects, Places
from omniltv._columns import is_missing, require
from omniltv._frames import Eager, IntoTable, collect
from omniltv._options import checked
from omniltv.experiments.assignment import Assignment

__all__ = ["follow_identities"]

_WHAT = "the table of changes"

type Several = Literal["agreeing", "none"]


@checked
def follow_identities(
    assignment: Assignment, changes: IntoTable, *, several: Several = "agreeing"
) -> Assignment:
    """Return an assignment under new customer ids, without people who were in two arms.

    After records are linked again, ids that were assigned to different arms may turn out to be
    one person. Such a person is left out, and the check "two_arms" says so. A customer whose
    records went to several new customers passes the arm on to all of them. Former ids are
    counted over all runs of the linkage that the assignment has followed.

    Args:
        assignment: The arm of each former customer id.
        changes: The result of `identity.crosswalk_changes`: ``before``, ``after`` and ``change``
            of each record that moved.
        several: Which customers with several former ids are kept: those whose ids "agreeing" are
            in one arm, or "none". With unequal shares, keep none: agreement is then rarer in the
            smaller arm.

    Raises:
        DataError: If a column is absent.

    Examples:
        >>> import pandas as pd
        >>> arms = Assignment.from_frame(pd.DataFrame({"customer_id": ["a", "b", "c", "d"],
        ...                                            "arm": ["x", "y", "x", "x"]}))
        >>> moved = pd.DataFrame({"before": ["b", "d"], "after": ["a", "c"], "change": "merged"})
        >>> found = follow_identities(arms, moved)
        >>> found.customer_id.tolist(), found.two_arms, found.n_ids.tolist()
        (['c'], ('a',), [2])
    """
    moves = _Moves.read(collect(changes, _WHAT))
    row, now = moves.applied(assignment.customer_id)
    former = np.ones(len(assignment), np.intp) if assignment.n_ids is None else assignment.n_ids
    first, n_ids, mixed = _summed(now, assignment.arm[row], former[row])
    kept = ~mixed if several == "agreeing" else n_ids == 1
    rows = row[first[kept]]
    return replace(
        assignment,
        customer_id=now[first[kept]],
        arm=assignment.arm[rows],
        stratum=None if assignment.stratum is None else assignment.stratum[rows],
        cluster=None if assignment.cluster is None else assignment.cluster[rows],
        entered=None if assignment.entered is None else assignment.entered[rows],
        report=None,
        two_arms=(*assignment.two_arms, *now[first[mixed]].tolist()),
        n_ids=n_ids[kept],
    )


@dataclass(frozen=True)
class _Moves:
    """New ids of former customers.

    Attributes:
        to: New ids by former id, without repetition.
        stays: Former ids of which some records stayed.
    """

    to: Mapping[object, tuple[object, ...]]
    stays: frozenset[object]

    @classmethod
    def read(cls, table: Eager) -> "_Moves":
        require(table.columns, ["before", "after", "change"], _WHAT)
        to: dict[object, dict[object, None]] = {}
        stays: set[object] = set()
        rows = zip(*(table[name].to_list() for name in ("before", "after", "change")), strict=True)
        for before, after, change in rows:
            if is_missing(before) or is_missing(after):
                continue
            to.setdefault(before, {})[after] = None
            if change == "split":
                stays.add(before)
        return cls({before: tuple(own) for before, own in to.items()}, frozenset(stays))

    def applied(self, ids: Objects) -> tuple[Places, Objects]:
        """Return former customers as rows, and the new id of each; a row for each new id."""
        row: list[int] = []
        now: list[object] = []
        for k, own in enumerate(ids.tolist()):
            found = self.to.get(own, (own,))
            if own in self.stays and own not in found:
                found = (own, *found)
            row += [k] * len(found)
            now += found
        return np.array(row, dtype=np.intp), np.fromiter(now, dtype=object, count=len(now))


def _summed(
    now: Objects, arm: NDArray[np.str_], former: NDArray[np.intp]
) -> tuple[Places, NDArray[np.intp], NDArray[np.bool_]]:
    """Return first row, number of former ids, and whether arms differ, by new id in order."""
    place: dict[object, int] = {}
    code = np.array([place.setdefault(own, len(place)) for own in now.tolist()], dtype=np.intp)
    first = np.unique(code, return_index=True)[1]
    mixed = np.zeros(len(first), dtype=np.bool_)
    np.logical_or.at(mixed, code, arm != arm[first][code])
    n_ids = np.zeros(len(first), dtype=np.intp)
    np.add.at(n_ids, code, former)
    return first, n_ids, mixed
