"""Matches that no rule proposed: how probable they are, and draws of them.

A record that says little (a family name, a postcode) shares no key with the other records of
its person. Which pairs these are cannot be told, but how many can: the evidence of a pair that
no rule proposed is next to nothing, so its probability is next to the prior, and the prior of
all such pairs together is not small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from omniltv.identity._graph import components
from omniltv.identity.protocols import MISSING, Candidates, Comparison, Records, ScoredPairs

__all__ = ["Unproposed"]

type Codes = NDArray[np.int64]

_SLIGHT = 1e-9  # expected matches of a pair below which it is left out


@dataclass(frozen=True, eq=False)
class Unproposed:
    """Pairs that no rule proposed, a sample of them where there are many.

    Attributes:
        left: Positions of the left records, of shape (n_pairs,).
        right: Positions of the right records.
        matches: Expected matches among the pairs that each stands for.
    """

    left: Codes
    right: Codes
    matches: NDArray[np.float64]

    @classmethod
    def none(cls) -> Self:
        """Return no pairs at all."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, np.empty(0))

    @classmethod
    def of(
        cls, records: Records, pairs: ScoredPairs, comparisons: Sequence[Comparison], *, seed: int
    ) -> Self:
        """Return random pairs that are not among those compared, by the model that these had.

        Args:
            records: The records.
            pairs: The pairs that were compared.
            comparisons: What was compared.
            seed: Of the random pairs.
        """
        from omniltv.identity._recordlinkage import grades  # noqa: PLC0415 - slow to load
        from omniltv.identity.scoring import Graded, random_pairs, score  # noqa: PLC0415 - likewise

        n = len(records)
        if n < 2 or not all(comparison.name in pairs.model.m for comparison in comparisons):
            return cls.none()
        left, right = random_pairs(n, seed=seed)
        each = n * (n - 1) / 2 / len(left)
        known = np.isin(left * n + right, pairs.candidates.left * n + pairs.candidates.right)
        left, right = left[~known], right[~known]
        nobody = np.zeros((len(left), 0), dtype=np.bool_)
        graded = Graded(tuple(comparisons), grades(records, left, right, comparisons))
        scored = score(records, Candidates(left, right, (), nobody, {}), graded, pairs.model)
        matches = each * scored.probability
        kept = matches > _SLIGHT
        return cls(left[kept], right[kept], matches[kept])

    def joined(
        self, labels: Codes, pairs: ScoredPairs, unique: Codes, rng: np.random.Generator
    ) -> Codes:
        """Return the clusters of one draw with matches that no rule proposed among them.

        Two clusters are one person with the mean probability of the pairs between them. A
        join that would put a compared pair together, or two records of a unique source, is
        not made.

        Args:
            labels: Cluster of each record, of shape (n_records,).
            pairs: The pairs that were compared.
            unique: Code of each record's unique source, else `MISSING`.
            rng: Of the draw.
        """
        cluster = np.unique(labels, return_inverse=True)[1]
        size = np.bincount(cluster)
        ends = np.stack([cluster[self.left], cluster[self.right]])
        apart = ends[0] != ends[1]
        ends, chance = ends[:, apart], (self.matches / size[ends].prod(axis=0))[apart]
        chosen = _one_of_each(np.where(size[ends[0]] <= size[ends[1]], *ends), chance, rng)
        joined = components(ends[0, chosen], ends[1, chosen], len(size))[cluster]
        wrong = np.isin(joined, _refused(cluster, joined, pairs, unique))
        return np.where(wrong, len(size) + cluster, joined)


def _one_of_each(
    item: Codes, chance: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return rows, at most one of each item, each as often as its chance says.

    Examples:
        >>> item, chance = np.array([7, 7, 4]), np.array([0.5, 0.5, 0.0])
        >>> rows = [_one_of_each(item, chance, np.random.default_rng(k)) for k in range(20)]
        >>> {tuple(chosen.tolist()) for chosen in rows} == {(0,), (1,)}
        True
    """
    order = np.argsort(item, kind="stable")
    reached = np.cumsum(chance[order])
    first = np.flatnonzero(np.diff(item[order], prepend=-1))
    before = np.append(0.0, reached)[first]
    total = np.append(before[1:], reached[-1:]) - before
    mark = before + rng.random(len(first)) * np.maximum(total, 1.0)
    place = np.searchsorted(reached, mark, side="right")
    chosen: NDArray[np.intp] = order[place[mark < before + total]]
    return chosen


def _refused(before: Codes, after: Codes, pairs: ScoredPairs, unique: Codes) -> Codes:
    """Return the clusters after joining that must not be."""
    left, right = pairs.candidates.left, pairs.candidates.right
    apart = (before[left] != before[right]) & (after[left] == after[right])
    known = np.flatnonzero(unique != MISSING)
    held, count = np.unique(np.stack([after, unique])[:, known], axis=1, return_counts=True)
    return np.concatenate([after[left[apart]], held[0, count > 1]])
