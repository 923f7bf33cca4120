"""How strangers compare: u, from pairs that chance brings together.

Random pairs show what strangers often agree in. A birth date they share one time in 25,000, and
of a few hundred thousand random pairs that is a handful or none. So for what is seldom the same
there are also pairs drawn from those that have it in common, whose number is known: a stratified
sample (Cochran 1977, section 5.3). One person's records have birth dates in common, too, and are no
strangers; pairs that differ in something else of their own are, nearly all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.identity._graded import Graded, level_counts, spread_levels
from omniltv.identity.protocols import MISSING, Column, Comparison, Records

__all__ = ["Chance", "Sample", "sampled", "strangers"]

type Codes = NDArray[np.int64]
type Flags = NDArray[np.bool_]
type Floats = NDArray[np.float64]

_BLIND = 400_000  # random pairs, at least
_DRAWN = 20_000  # pairs that have something in common
_SELDOM = 1e-3  # agreement that random pairs show too seldom to count
_TELLING = 0.1  # agreement that says something about a person
_FEW = 100.0  # pairs that differ in something of their own, below which that is not asked for
_STRAY = 0.01  # one record in a hundred has an identifier that belongs to a stranger
_PRIOR = 1_000.0  # what the stated coincidence weighs against random pairs


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs of records: the first at random, then those drawn for what they have in common.

    Attributes:
        left: Positions of the left records, shape (n_pairs,); always below ``right``.
        right: Positions of the right records.
        blind: How many of them, the first, were drawn at random.
        drawn: By comparison, which of the others were drawn for it.
        share: By comparison, how many of all pairs have in common what it compares.
        same: By comparison, which of the pairs at random have it in common; shape (blind,).
    """

    left: Codes
    right: Codes
    blind: int
    drawn: Mapping[str, slice]
    share: Mapping[str, float]
    same: Mapping[str, Flags]


@dataclass(frozen=True, eq=False)
class Chance:
    """How sampled pairs compare."""

    sample: Sample
    graded: Graded

    @property
    def blind(self) -> tuple[Graded, tuple[Codes, Codes]]:
        """The pairs at random: their levels, and which they are."""
        n, levels = self.sample.blind, self.graded.levels
        ends = self.sample.left[:n], self.sample.right[:n]
        return Graded(self.graded.comparisons, levels[:n]), ends


def sampled(records: Records, comparisons: Sequence[Comparison], *, seed: int) -> Sample:
    """Return pairs of distinct records: all of them if they are few."""
    n = len(records)
    rng = np.random.default_rng(seed)
    wanted = max(_BLIND, n)
    if n * (n - 1) // 2 <= wanted:
        left, right = (end.astype(np.int64) for end in np.triu_indices(n, k=1))
        return Sample(left, right, len(left), {}, {}, {})
    first = rng.integers(0, n, wanted)
    ends = [_ordered(first, (first + rng.integers(1, n, wanted)) % n)]
    drawn, share, same = {}, {}, {}
    for comparison in comparisons:
        column = records.columns.get(comparison.columns[0])
        if column is None or not _is_seldom(comparison):
            continue
        alike = _alike(column, rng)
        start = sum(len(left) for left, _ in ends)
        drawn[comparison.name] = slice(start, start + len(alike[0]))
        share[comparison.name] = _pairs(column).sum() / (n * (n - 1.0))
        left, right = (column.codes[end] for end in ends[0])
        same[comparison.name] = (left == right) & (left != MISSING)
        ends.append(alike)
    left, right = (np.concatenate(side) for side in zip(*ends, strict=True))
    return Sample(left, right, wanted, drawn, share, same)


def strangers(chance: Chance, n_records: int) -> tuple[Floats, ...]:
    """Return the level probabilities of strangers by comparison.

    Pairs that have an identifier in common are none.
    """
    graded, blind = chance.graded, chance.sample.blind
    comparisons = graded.comparisons
    identifier = np.array([c.coincidence == 0 for c in comparisons])
    apart = ~(graded.agree() & identifier).any(axis=1)
    result = []
    for k, comparison in enumerate(comparisons):
        stated = comparison.coincidence or _STRAY / max(n_records, 2)
        prior = spread_levels(comparison, stated, stated)
        levels = graded.levels[:, k]
        if comparison.name in chance.sample.drawn:
            seen = _stratified(chance, k, apart)
        else:
            seen = level_counts(levels[:blind], apart[:blind].astype(np.float64), len(prior))
        level = (_PRIOR * prior + seen) / (_PRIOR + seen.sum())
        level[: comparison.agreement] = (
            prior[: comparison.agreement] if identifier[k] else level[: comparison.agreement]
        )
        result.append(level / level.sum())
    return tuple(result)


def _stratified(chance: Chance, k: int, apart: Flags) -> Floats:
    """Return the levels among pairs at random, as those drawn say where they have it in common."""
    sample, levels = chance.sample, chance.graded.levels[:, k]
    comparison = chance.graded.comparisons[k]
    blind, drawn = slice(0, sample.blind), sample.drawn[comparison.name]
    differ = apart & _differ(chance.graded, k)
    some = np.count_nonzero(differ[drawn]) >= _FEW and np.count_nonzero(differ[blind]) >= _FEW
    counted = (differ if some else apart).astype(np.float64)
    n = len(comparison.levels)
    other = level_counts(levels[blind], counted[blind] * ~sample.same[comparison.name], n)
    common = level_counts(levels[drawn], counted[drawn], n)
    pairs = sample.blind * sample.share[comparison.name]
    return np.asarray(other + common * pairs / max(drawn.stop - drawn.start, 1), dtype=np.float64)


def _differ(graded: Graded, k: int) -> Flags:
    """Return which pairs differ in something of their own that another comparison shows."""
    telling = [not c.shared and 0 < c.coincidence < _TELLING for c in graded.comparisons]
    telling[k] = False
    return np.asarray((graded.differ() & np.array(telling)).any(axis=1))


def _is_seldom(comparison: Comparison) -> bool:
    return not comparison.shared and 0 < comparison.coincidence < _SELDOM


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
