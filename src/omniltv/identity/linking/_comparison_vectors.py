"""Levels of pairs as one table, and how they are counted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Floats
from omniltv.identity.linking.protocols import Comparison, Pairs
from omniltv.identity.records.columns import MISSING, Records

__all__ = ["ComparisonVectors", "compared", "level_counts", "spread_levels"]

_CHUNK = 500_000  # pairs whose codes are in memory at once


@dataclass(frozen=True, eq=False)
class ComparisonVectors:
    """Levels of pairs, shape (n_pairs, n_comparisons), and what they are levels of."""

    comparisons: tuple[Comparison, ...]
    levels: NDArray[np.int8]

    @cached_property
    def patterns(self) -> tuple["ComparisonVectors", NDArray[np.int64]]:
        """The distinct rows of levels, and which of them each pair has."""
        key = np.zeros(len(self.levels), dtype=np.int64)
        for k, comparison in enumerate(self.comparisons):
            key = key * (len(comparison.levels) + 1) + self.levels[:, k] + 1
        back, _ = pd.factorize(key, sort=True)
        first = np.full(int(back.max(initial=-1)) + 1, -1)
        first[back[::-1]] = np.arange(len(back))[::-1]
        return ComparisonVectors(self.comparisons, self.levels[first]), back.astype(np.int64)

    def agree(self) -> NDArray[np.bool_]:
        """Return where a comparison agrees, shape (n_pairs, n_comparisons)."""
        agreement = np.array([c.agreement for c in self.comparisons], dtype=np.int8)
        return np.asarray((self.levels != MISSING) & (self.levels < agreement))

    def differ(self) -> NDArray[np.bool_]:
        """Return where a comparison is at its last level, shape (n_pairs, n_comparisons)."""
        last = np.array([len(c.levels) - 1 for c in self.comparisons], dtype=np.int8)
        return np.asarray(self.levels == last)


def compared(
    records: Records, left: Codes, right: Codes, comparisons: tuple[Comparison, ...]
) -> ComparisonVectors:
    """Return the levels of pairs, given as positions of their records."""
    levels = np.full((len(left), len(comparisons)), MISSING, dtype=np.int8)
    for k, comparison in enumerate(comparisons):
        read = {n: records.columns[n] for n in comparison.columns if n in records.columns}
        for start in range(0, len(left) if read else 0, _CHUNK):
            rows = slice(start, start + _CHUNK)
            levels[rows, k] = comparison.grade(Pairs.of(read, left[rows], right[rows]))
    return ComparisonVectors(comparisons, levels)


def level_counts(levels: NDArray[np.int8], weight: Floats, n_levels: int) -> Floats:
    """Return how much weight each level has; shape (n_levels,)."""
    known = levels != MISSING
    return np.bincount(levels[known], weights=weight[known], minlength=n_levels)


def spread_levels(comparison: Comparison, agree: float, between: float) -> Floats:
    """Return level probabilities: agreement, the levels between, and the rest for the last."""
    n, k = len(comparison.levels), comparison.agreement
    middle = n - k - 1
    first = agree * np.exp2(-np.arange(k)) / np.exp2(-np.arange(k)).sum()
    inner = np.full(middle, between / max(middle, 1))
    return np.concatenate([first, inner, [1 - first.sum() - inner.sum()]])
