"""The rows that a run adds to the audit, each with the reason of the change."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Objects
from omniltv.identity.customers.changes import changes_between
from omniltv.identity.linking.values import ScoredPairs
from omniltv.identity.records.columns import RecordKey
from omniltv.identity.stitching.evidence import rules_of

__all__ = ["Reasons", "audit_rows", "link_reasons"]

_NO_LINK = "no link to another record"
_KEY_USED_AGAIN = "key used for another person"


@dataclass(frozen=True, eq=False, repr=False)
class Reasons:
    """The reasons of changes, for the audit.

    Attributes:
        links: The link that brought records to a customer, by customer id after the change.
        causes: What happened to a customer, by customer id before the change.
        gone: Reason of a removed record.
        otherwise: Reason of a merge or split that neither a link nor a cause explains.
    """

    links: Mapping[str, str]
    causes: Mapping[str, str]
    gone: str
    otherwise: str

    def of(self, before: object, after: object, change: object) -> str:
        """Return the reason of the change of one record."""
        if change == "record gone":
            return self.gone
        if str(after) in self.links:
            return self.links[str(after)]
        return _NO_LINK if change == "new record" else self.causes.get(str(before), self.otherwise)


def audit_rows(
    before: Mapping[RecordKey, str],
    after: Mapping[RecordKey, str],
    run: int,
    reasons: Reasons,
    *,
    another: AbstractSet[RecordKey] = frozenset(),
) -> dict[str, list[object]]:
    """Return the rows of the audit for the changes between two crosswalks.

    Args:
        before: Customer id of each record that could have changed.
        after: The same afterwards.
        run: Number of the run.
        reasons: The reasons of the changes.
        another: Keys that belong to another person now. They have two rows: the old record
            is gone, and the other one is new.
    """
    left = sorted(another & before.keys())
    told: list[dict[str, list[object]]] = [
        changes_between({key: before[key] for key in left}, {}),
        changes_between({k: name for k, name in before.items() if k not in another}, after),
    ]
    reason = [_KEY_USED_AGAIN] * len(left)
    columns = (told[1][name] for name in ("before", "after", "change"))
    reason += [reasons.of(*row) for row in zip(*columns, strict=True)]
    changes = {name: told[0][name] + told[1][name] for name in told[1]}
    n, time = len(reason), datetime.now(UTC)
    return {"run": [run] * n, "time": [time] * n, **changes, "reason": list(reason)}


def link_reasons(
    pairs: ScoredPairs, before: Objects, after: Objects, links: Flags
) -> dict[str, str]:
    """Return the best link that brought records of different customers together, by customer id.

    Args:
        pairs: The pairs, with decisions.
        before: Customer id of each record before, None if it is new.
        after: The same afterwards.
        links: Which pairs are links.
    """
    left, right = pairs.candidates.left, pairs.candidates.right
    apart = (before[left] != before[right]) | pd.isna(before)[left]
    joined = (after[left] == after[right]) & apart & links
    rows = np.flatnonzero(joined)
    best = rows[np.argsort(pairs.weight[rows], kind="stable")]
    return {
        str(after[left[row]]): "linked by " + ", ".join(rules_of(pairs, row))
        for row in best.tolist()
    }
