"""Levels of pairs as one table, and how they are counted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Floats
from omniltv.identity.linking.protocols import Comparison, GradedDisagreement
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.columns import MISSING, Records

__all__ = [
    "ComparisonVectors",
    "compared",
    "differing_from",
    "level_counts",
    "reachable_levels",
    "spread_levels",
]

_CHUNK = 500_000  # pairs whose codes are in memory at once
_NEVER = 1e-6  # probability of a level that does not occur, relative to its neighbours


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
        """Return where a comparison disagrees, shape (n_pairs, n_comparisons)."""
        first = np.array([differing_from(c) for c in self.comparisons], dtype=np.int8)
        return np.asarray(self.levels >= first)


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


def differing_from(comparison: Comparison) -> int:
    """Return the first level of disagreement."""
    if not isinstance(comparison, GradedDisagreement):
        return len(comparison.levels) - 1
    return len(comparison.levels) - comparison.disagreement.levels


def spread_levels(
    comparison: Comparison,
    agree: float,
    between: float,
    reachable: NDArray[np.bool_] | None = None,
    *,
    strangers: bool = False,
) -> Floats:
    """Return level probabilities: agreement, the levels between, and the rest for disagreement.

    A level that is not reachable has a tiny probability; its share goes to its neighbours, that
    of all levels between to agreement.

    Args:
        comparison: The comparison.
        agree: Probability of agreement.
        between: Probability of the levels between agreement and disagreement.
        reachable: Levels that occur; all if None.
        strangers: Whether disagreement is that of unrelated people, not that of one person.
    """
    n, k, last = len(comparison.levels), comparison.agreement, differing_from(comparison)
    possible = np.ones(n, dtype=np.bool_) if reachable is None else reachable
    halves = np.exp2(-np.arange(n, dtype=np.float64))
    first, inner = _share(halves[:k], possible[:k]), _share(np.ones(last - k), possible[k:last])
    middle = between if possible[k:last].any() else between * _NEVER
    rest = 1 - agree - between if last > k else 1 - agree
    split = _disagreement(comparison, strangers=strangers)
    differing = rest * _share(split, np.append(possible[last:-1], True))
    level = np.concatenate([(1 - rest - middle * (last > k)) * first, middle * inner, differing])
    return np.asarray(level / level.sum(), dtype=np.float64)


def _disagreement(comparison: Comparison, *, strangers: bool) -> Floats:
    if not isinstance(comparison, GradedDisagreement):
        return np.ones(1)
    shares = comparison.disagreement
    return np.array(shares.strangers if strangers else shares.person, dtype=np.float64)


def _share(weight: Floats, possible: NDArray[np.bool_]) -> Floats:
    """Return weights that sum to 1, tiny where not possible (unless nothing is)."""
    kept = weight * np.where(possible, 1.0, _NEVER) if possible.any() else weight
    return np.asarray(kept / kept.sum() if len(kept) else kept, dtype=np.float64)


def reachable_levels(*graded: ComparisonVectors) -> tuple[NDArray[np.bool_], ...]:
    """Return which levels occur at all, by comparison; each array of shape (n_levels,)."""
    return tuple(
        np.any(
            [np.isin(np.arange(len(c.levels)), np.unique(v.levels[:, k])) for v in graded], axis=0
        )
        for k, c in enumerate(graded[0].comparisons)
    )
