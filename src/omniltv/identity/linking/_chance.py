"""Agreement among non-matches (u), estimated from random and stratified pairs.

Random pairs suffice to estimate frequent agreement. Two persons share a birth date once in 25,000
pairs, so a few hundred thousand random pairs contain only a handful. For rare agreement, pairs are
also drawn from those that agree, whose number is known: a stratified sample (Cochran 1977,
section 5.3). Records of one person agree as well, but pairs that differ in another identifying
value are nearly all non-matches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Codes, Flags, Floats
from omniltv.identity.linking._comparison_vectors import (
    ComparisonVectors,
    level_counts,
    spread_levels,
)
from omniltv.identity.linking.protocols import Comparison
from omniltv.identity.records.columns import MISSING, Column, Records

__all__ = ["SampledComparisons", "SampledPairs", "Stratum", "sampled", "strangers"]


_BLIND = 400_000  # random pairs, at least
_DRAWN = 20_000  # pairs per stratum
_SELDOM = 1e-3  # agreement too rare to be estimated from random pairs
_TELLING = 0.1  # largest share of agreement that identifies a person
_FEW = 100.0  # number of differing pairs below which the difference is not required
_STRAY = 0.01  # share of records with an identifier of another person
_PRIOR = 1_000.0  # weight of the stated coincidence, in random pairs


@dataclass(frozen=True, eq=False)
class Stratum:
    """Pairs whose records share the value that a comparison reads.

    Attributes:
        rows: The sampled pairs of this stratum.
        share: Share of all pairs that have the value in common.
        same: Which random pairs have the value in common, of shape (blind,).
    """

    rows: slice
    share: float
    same: Flags


@dataclass(frozen=True, eq=False)
class SampledPairs:
    """Pairs of records: random pairs first, then the pairs of each stratum.

    Attributes:
        left: Positions of the left records, shape (n_pairs,); always below ``right``.
        right: Positions of the right records.
        blind: Number of random pairs, which come first.
        strata: Pairs that share a value, by comparison.
    """

    left: Codes
    right: Codes
    blind: int
    strata: Mapping[str, Stratum]


@dataclass(frozen=True, eq=False)
class SampledComparisons:
    """Comparison vectors of sampled pairs."""

    sample: SampledPairs
    vectors: ComparisonVectors

    @property
    def at_random(self) -> tuple[ComparisonVectors, tuple[Codes, Codes]]:
        """The random pairs: their comparison vectors and positions."""
        n, levels = self.sample.blind, self.vectors.levels
        ends = self.sample.left[:n], self.sample.right[:n]
        return ComparisonVectors(self.vectors.comparisons, levels[:n]), ends


def sampled(records: Records, comparisons: Sequence[Comparison], *, seed: int) -> SampledPairs:
    """Return pairs of distinct records: all of them if they are few."""
    n = len(records)
    rng = np.random.default_rng(seed)
    wanted = max(_BLIND, n)
    if n * (n - 1) // 2 <= wanted:
        left, right = (end.astype(np.int64) for end in np.triu_indices(n, k=1))
        return SampledPairs(left, right, len(left), {})
    first = rng.integers(0, n, wanted)
    ends = [_ordered(first, (first + rng.integers(1, n, wanted)) % n)]
    strata: dict[str, Stratum] = {}
    for comparison in comparisons:
        if not _is_seldom(comparison) or comparison.columns[0] not in records.columns:
            continue
        column = records.columns[comparison.columns[0]]
        alike = _alike(column, rng)
        start = sum(len(left) for left, _ in ends)
        one, other = (column.codes[end] for end in ends[0])
        strata[comparison.name] = Stratum(
            rows=slice(start, start + len(alike[0])),
            share=float(_pairs(column).sum() / (n * (n - 1.0))),
            same=(one == other) & (one != MISSING),
        )
        ends.append(alike)
    left, right = (np.concatenate(side) for side in zip(*ends, strict=True))
    return SampledPairs(left, right, wanted, strata)


def strangers(
    chance: SampledComparisons, n_records: int, unrelated: Floats | None = None
) -> tuple[Floats, ...]:
    """Return the level probabilities of unrelated people by comparison.

    Args:
        chance: The sampled pairs.
        n_records: Number of records.
        unrelated: Probability that each sampled pair is of unrelated people. If None, pairs that
            agree in an identifier are not, and pairs that differ in another personal value are.
    """
    vectors, blind = chance.vectors, chance.sample.blind
    comparisons = vectors.comparisons
    identifier = np.array([c.coincidence == 0 for c in comparisons])
    apart = ~(vectors.agree() & identifier).any(axis=1)
    result = []
    for k, comparison in enumerate(comparisons):
        stated = comparison.coincidence or _STRAY / max(n_records, 2)
        prior = spread_levels(comparison, stated, stated, strangers=True)
        if _is_seldom(comparison):
            seen = _stratified(chance, k, apart, unrelated)
        else:
            counted = apart[:blind].astype(np.float64) if unrelated is None else unrelated[:blind]
            seen = level_counts(vectors.levels[:blind, k], counted, len(prior))
        level = (_PRIOR * prior + seen) / (_PRIOR + seen.sum())
        if identifier[k]:
            level[: comparison.agreement] = prior[: comparison.agreement]
        result.append(level / level.sum())
    return tuple(result)


def _stratified(
    chance: SampledComparisons, k: int, apart: Flags, unrelated: Floats | None
) -> Floats:
    """Return the expected numbers of random pairs by level, from random and stratified pairs."""
    sample, levels = chance.sample, chance.vectors.levels[:, k]
    comparison = chance.vectors.comparisons[k]
    blind, n = slice(0, sample.blind), len(comparison.levels)
    nothing = Stratum(slice(0, 0), 0.0, np.zeros(sample.blind, dtype=np.bool_))
    stratum = sample.strata.get(comparison.name, nothing)
    rows = stratum.rows
    surely = _surely(chance, k, apart, rows) if unrelated is None else unrelated
    counted = surely.astype(np.float64)
    other = level_counts(levels[blind], counted[blind] * ~stratum.same, n)
    common = level_counts(levels[rows], counted[rows], n)
    each = sample.blind * stratum.share / max(rows.stop - rows.start, 1)
    return np.asarray(other + common * each, dtype=np.float64)


def _surely(chance: SampledComparisons, k: int, apart: Flags, drawn: slice) -> Flags:
    """Return which pairs are certainly unrelated: another personal comparison differs.

    A comparison that never differs among the stratified pairs depends on the same fact, and is
    not used. If too few pairs differ, all pairs without a common identifier are returned.
    """
    vectors, blind = chance.vectors, slice(0, chance.sample.blind)
    telling = [not c.shared and 0 < c.coincidence < _TELLING for c in vectors.comparisons]
    telling[k] = False
    differ = vectors.differ() & np.array(telling)
    if drawn.stop > drawn.start:
        differ &= differ[drawn].any(axis=0)
    surely = apart & differ.any(axis=1)
    few = np.count_nonzero(surely[blind]) < _FEW
    few |= drawn.stop > drawn.start and np.count_nonzero(surely[drawn]) < _FEW
    return apart if few else surely


def _is_seldom(comparison: Comparison) -> bool:
    return 0 < comparison.coincidence < _SELDOM


def _alike(column: Column, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Return pairs drawn from all those that have the same value."""
    pairs = np.cumsum(_pairs(column))
    if not len(pairs) or not pairs[-1]:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    value = np.searchsorted(pairs, rng.random(_DRAWN) * pairs[-1], side="right")
    order = np.argsort(column.codes, kind="stable")
    begin = np.searchsorted(column.codes[order], value)
    size = column.count[value]
    first = rng.integers(0, size)
    second = (first + rng.integers(1, size)) % size
    return _ordered(order[begin + first], order[begin + second])


def _pairs(column: Column) -> Floats:
    """Return how many ordered pairs of records have each value, shape (n_values,)."""
    count = column.count.astype(np.float64)
    return count * (count - 1)


def _ordered(first: Codes, second: Codes) -> tuple[Codes, Codes]:
    return np.minimum(first, second), np.maximum(first, second)
