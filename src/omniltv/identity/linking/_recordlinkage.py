"""Link engine on recordlinkage: it compares; blocks, levels and scores are ours.

recordlinkage's own classifiers take binary features and read a missing value as
disagreement, which makes unsupervised scores of retail lists useless. Its `Compare`
therefore computes our levels, and `omniltv.identity.linking.scoring` scores them.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import recordlinkage as rl
from numpy.typing import NDArray
from recordlinkage.base import BaseCompareFeature

from omniltv._arrays import Codes
from omniltv.identity.linking._chance import SampledComparisons, sampled
from omniltv.identity.linking._comparison_vectors import ComparisonVectors
from omniltv.identity.linking.blocking import candidates
from omniltv.identity.linking.protocols import Blocker, Comparison, LinkModel, Pairs, ScoredPairs
from omniltv.identity.linking.scoring import learn, score
from omniltv.identity.records.columns import MISSING, Records

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RecordLinkageEngine", "grades"]

_CHUNK = 500_000


@dataclass(frozen=True)
class RecordLinkageEngine:
    """Links records with recordlinkage and unsupervised Fellegi-Sunter scores."""

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: int,
        seed: int,
        model: LinkModel | None = None,
        new: NDArray[np.bool_] | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence."""
        found = candidates(records, blockers, max_block=max_block, new=new)
        vectors = ComparisonVectors(
            comparisons, grades(records, found.left, found.right, comparisons)
        )
        if model is None:
            sample = sampled(records, comparisons, seed=seed)
            levels = grades(records, sample.left, sample.right, comparisons)
            chance = SampledComparisons(sample, ComparisonVectors(comparisons, levels))
            model = learn(records, found, vectors, chance, rules=blockers)
        return score(records, found, vectors, model)


def grades(
    records: Records, left: Codes, right: Codes, comparisons: "Sequence[Comparison]"
) -> NDArray[np.int8]:
    """Return the level of each pair in each comparison, shape (n_pairs, n_comparisons)."""
    result = np.full((len(left), len(comparisons)), MISSING, dtype=np.int8)
    used = [(k, c) for k, c in enumerate(comparisons) if set(c.columns) & set(records.columns)]
    if not used:
        return result
    compare = rl.Compare([_Feature(comparison, records) for _, comparison in used])
    frame = pd.DataFrame({name: column.codes for name, column in records.columns.items()})
    for start in range(0, len(left), _CHUNK):
        rows = slice(start, start + _CHUNK)
        index = pd.MultiIndex.from_arrays([left[rows], right[rows]])
        with _own_deprecations():
            found = compare.compute(index, frame).to_numpy(np.int8)
        result[rows, [k for k, _ in used]] = found
    return result


@contextmanager
def _own_deprecations() -> Iterator[None]:
    """Suppress only the warnings about pandas 2 idioms inside recordlinkage."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="recordlinkage")
        yield


class _Feature(BaseCompareFeature):  # type: ignore[misc]  # recordlinkage ships no types
    """One comparison as a feature of `recordlinkage.Compare`."""

    def __init__(self, comparison: Comparison, records: Records) -> None:
        self._names = [name for name in comparison.columns if name in records.columns]
        super().__init__(self._names, self._names, label=comparison.name)
        self._comparison = comparison
        self._records = records

    def _compute_vectorized(self, *codes: "pd.Series[int]") -> NDArray[np.int8]:
        arrays = [np.asarray(series, dtype=np.int64) for series in codes]
        n = len(self._names)
        columns = {name: self._records.columns[name] for name in self._names}
        left = dict(zip(self._names, arrays[:n], strict=True))
        right = dict(zip(self._names, arrays[n:], strict=True))
        return self._comparison.grade(Pairs(columns, left, right))
