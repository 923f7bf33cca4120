"""From scored pairs to customers: best link first, and never against the evidence."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.identity._graph import components
from omniltv.identity.protocols import DECIDED, MISSING, ScoredPairs

__all__ = ["BestFirstClusterer"]

_CLIP = 20.0


@dataclass(frozen=True)
class BestFirstClusterer:
    """Joins the surest pairs first and refuses a join that contradicts what is known.

    Two clusters are joined by a link if together they hold at most one record of each
    unique source, and if the evidence of all compared pairs across them, not only of
    the link, speaks for one person. So a record without a given name cannot tie a
    husband to his wife. What was decided by hand comes first, unique sources or not.
    """

    def cluster(
        self,
        pairs: ScoredPairs,
        *,
        n_records: int,
        links: NDArray[np.bool_],
        unique: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return the cluster of each record, shape (n_records,)."""
        left, right = pairs.candidates.left, pairs.candidates.right
        component = components(left[links], right[links], n_records)
        inside = np.flatnonzero(component[left] == component[right])
        weight = pairs.weight
        weight = np.where(abs(weight) < DECIDED / 2, np.clip(weight, -_CLIP, _CLIP), weight)
        forest = _Forest(n_records, unique)
        for pair in inside.tolist():
            forest.weigh(int(left[pair]), int(right[pair]), float(weight[pair]))
        rows = np.flatnonzero(links)
        order = np.lexsort((right[rows], left[rows], -pairs.weight[rows]))
        for pair in rows[order].tolist():
            forest.join(int(left[pair]), int(right[pair]))
        roots = [forest.root(record) for record in range(n_records)]
        return np.unique(roots, return_inverse=True)[1].astype(np.int64)


class _Forest:
    """Union-find that knows the evidence and the unique sources between its clusters."""

    def __init__(self, n: int, unique: NDArray[np.int64]) -> None:
        self._parent = list(range(n))
        self._evidence: dict[int, dict[int, float]] = defaultdict(dict)
        self._sources = {
            record: {code} for record, code in enumerate(unique.tolist()) if code != MISSING
        }

    def weigh(self, a: int, b: int, weight: float) -> None:
        self._evidence[a][b] = self._evidence[b][a] = weight

    def root(self, record: int) -> int:
        while self._parent[record] != record:
            self._parent[record] = self._parent[self._parent[record]]
            record = self._parent[record]
        return record

    def join(self, a: int, b: int) -> None:
        keep, gone = sorted(
            (self.root(a), self.root(b)), key=lambda r: (-len(self._evidence[r]), r)
        )
        if keep == gone or self._evidence[keep][gone] <= 0:
            return
        sources = self._sources.get(keep, set()), self._sources.get(gone, set())
        if sources[0] & sources[1] and self._evidence[keep][gone] < DECIDED / 2:
            return
        self._parent[gone] = keep
        self._sources[keep] = sources[0] | sources[1]
        for other, weight in self._evidence.pop(gone).items():
            del self._evidence[other][gone]
            if other != keep:
                total = self._evidence[keep].get(other, 0.0) + weight
                self._evidence[keep][other] = self._evidence[other][keep] = total
