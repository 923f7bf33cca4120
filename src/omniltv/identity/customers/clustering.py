"""Clustering of scored pairs into customers: best link first, never against the evidence."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.identity.linking._graph import components
from omniltv.identity.linking.values import DECIDED, ScoredPairs
from omniltv.identity.records._codes import joint
from omniltv.identity.records.columns import MISSING

__all__ = ["BestFirstClusterer"]

_CLIP = 20.0


@checked
@dataclass(frozen=True)
class BestFirstClusterer:
    """Joins the most probable pairs first and rejects joins that contradict the evidence.

    A link joins two clusters if together they have at most one record of each unique
    source, and if the total evidence of all compared pairs between them is for one person.
    If the threshold of `LinkSpec` is below 0.5, evidence counts from the weakest link instead
    of even odds. A record without a given name therefore cannot join a husband and his wife.
    Manual decisions come first and override unique sources. A record that a decision separates
    from another is placed last, so the others stay together without it.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.identity import LinkSpec, stitch
        >>> records = pd.DataFrame({"source": ["ec", "pos"], "record_id": ["1", "2"],
        ...     "given_name": ["Ann", "Ann"], "phone": ["03-1234-5678", "03-1234-5678"]})
        >>> spec = LinkSpec(clusterer=BestFirstClusterer())
        >>> len(stitch(records, spec=spec).crosswalk)
        2
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
        # Links below even odds are wanted: evidence counts from the weakest of them.
        bar = min(0.0, np.nextafter(pairs.weight[links].min(initial=0.0), -np.inf))
        excess = pairs.weight - bar
        contested = _contested(component, component[left[inside]], excess[inside], unique)
        # A component without contrary evidence is one customer.
        open_ = inside[contested[component[left[inside]]]]
        if not len(open_):
            return component
        weight = excess[open_]
        weight = np.where(abs(weight) < DECIDED / 2, np.clip(weight, -_CLIP, _CLIP), weight)
        rows = np.flatnonzero(contested[component])
        place = np.full(n_records, MISSING, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        forest = _Forest(len(rows), unique[rows])
        ends = place[left[open_]], place[right[open_]]
        for a, b, bits in zip(*(values.tolist() for values in (*ends, weight)), strict=True):
            forest.weigh(a, b, bits)
        last = np.isin(left[open_], pairs.leaving) | np.isin(right[open_], pairs.leaving)
        best = np.lexsort((*ends[::-1], -pairs.weight[open_], last & (weight < DECIDED / 2)))
        for a, b in zip(*(end[best[links[open_][best]]].tolist() for end in ends), strict=True):
            forest.join(a, b)
        result = component.copy()
        result[rows] = n_records + np.array([forest.root(row) for row in range(len(rows))])
        return np.asarray(pd.factorize(result)[0], dtype=np.int64)


def _contested(
    component: NDArray[np.int64],
    where: NDArray[np.int64],
    weight: NDArray[np.float64],
    unique: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return which components have evidence against one customer."""
    against = np.zeros(int(component.max(initial=0)) + 1, dtype=np.bool_)
    against[where[weight <= 0]] = True
    visits = joint(component, unique)
    twice = pd.Series(visits).duplicated().to_numpy() & (unique != MISSING)
    against[component[twice]] = True
    return against


class _Forest:
    """Union-find with the evidence and the unique sources between its clusters."""

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
