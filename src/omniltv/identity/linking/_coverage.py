"""Which patterns of agreement the rules propose for certain, and how many others they miss.

Candidate pairs are no random sample of the pairs of one person: they agree in the values on which
the rules block. A capture-recapture view (Fienberg 1972) removes this bias. If every pair with a
pattern of levels is proposed, the number of such pairs is known, and the number of unproposed
matches follows from the model. A rule decides some comparisons; for each combination of their
levels, the pairs that other rules proposed show whether this rule proposes all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Flags, Floats, Levels, Places
from omniltv.identity.linking._comparison_vectors import ComparisonVectors
from omniltv.identity.linking.protocols import Blocker
from omniltv.identity.linking.values import Candidates
from omniltv.identity.records.columns import MISSING

__all__ = ["RuleCoverage", "covered"]


_CERTAIN = 0.6  # share of the pairs of a pattern that a rule proposes, at least
_OWN = 1e-3  # weight of pairs that only the rule itself proposed
_FEWER = 0.5  # of the pairs that are expected by chance, a rule proposes at least this share
_MOST_CELLS = 200_000


@dataclass(frozen=True, eq=False)
class _Rule:
    """One rule: the comparisons it decides, and the share of pairs it proposes by their levels.

    ``share`` has one axis per comparison; the last entry of each is for missing values.
    """

    decides: tuple[int, ...]
    share: Floats
    matches: float  # share of matches that are in no oversized block
    strangers: float  # share of pairs of unrelated people that are in no oversized block

    def of(self, levels: Levels) -> Floats:
        """Return the share of pairs of each pattern that the rule proposes."""
        return np.asarray(self.share[tuple(levels[:, k] for k in self.decides)])


@dataclass(frozen=True, eq=False)
class RuleCoverage:
    """The patterns that are proposed for certain.

    Attributes:
        rules: Rules that propose all pairs of some pattern.
        n_levels: Number of levels by comparison.
    """

    rules: tuple[_Rule, ...]
    n_levels: tuple[int, ...]

    def of(self, levels: Levels) -> tuple[Floats, Floats]:
        """Return the shares of matches and of unrelated pairs that are proposed, by pattern.

        Both are zero if no rule proposes all pairs of the pattern.
        """
        missed = np.ones(len(levels)), np.ones(len(levels))
        for rule in self.rules:
            share = rule.of(levels)
            missed[0][:] *= 1 - rule.matches * share
            missed[1][:] *= 1 - rule.strangers * share
        return 1 - missed[0], 1 - missed[1]

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """The comparisons that a rule decides."""
        return tuple(sorted({k for rule in self.rules for k in rule.decides}))

    @cached_property
    def groups(self) -> tuple[NDArray[np.int64], ...]:
        """Group of each level that no rule distinguishes, by axis; the last is for missing."""
        return tuple(self._groups(k) for k in self.axes)

    @cached_property
    def missed(self) -> Floats:
        """Share of matches that are not proposed, by group of levels; one axis per comparison."""
        shape = tuple(int(group.max()) + 1 for group in self.groups)
        if not shape:
            return np.ones(())
        place = np.unravel_index(np.arange(int(np.prod(shape))), shape)
        levels = np.full((len(place[0]), len(self.n_levels)), MISSING, dtype=np.int8)
        for k, group, at in zip(self.axes, self.groups, place, strict=True):
            first = np.unique(group, return_index=True)[1]
            levels[:, k] = np.where(at == group[-1], MISSING, first[at])
        return np.asarray(1 - self.of(levels)[0]).reshape(shape)

    def missing(self, levels: Sequence[Floats], known: NDArray[np.bool_]) -> float:
        """Return the share of the pairs of a class that is not proposed, given what is known."""
        table = self.missed
        for level, group, there in zip(levels[::-1], self.groups[::-1], known[::-1], strict=True):
            share = np.append(np.bincount(group[:-1], weights=level, minlength=int(group[-1])), 0.0)
            table = table @ share if there else table[..., -1]
        return float(table)

    def _groups(self, k: int) -> NDArray[np.int64]:
        """Return the group of each level; the one for missing values comes last."""
        slices = [
            np.moveaxis(rule.share, rule.decides.index(k), 0).reshape(self.n_levels[k] + 1, -1)
            for rule in self.rules
            if k in rule.decides
        ]
        known = np.concatenate(slices, axis=1)[:-1]
        group = np.unique(known, axis=0, return_inverse=True)[1].ravel()
        return np.append(group, group.max() + 1)


def covered(
    found: Candidates,
    vectors: ComparisonVectors,
    rules: Sequence[Blocker],
    *,
    blind: ComparisonVectors,
    u: Sequence[Floats],
    n_records: int,
) -> RuleCoverage:
    """Return which patterns the rules propose for certain.

    Args:
        found: The candidate pairs.
        vectors: Their levels.
        rules: The blockers, in the order of ``found.rules``.
        blind: Levels of random pairs.
        u: Level probabilities of unrelated people.
        n_records: Number of records.
    """
    names = [comparison.name for comparison in vectors.comparisons]
    n_levels = tuple(len(comparison.levels) for comparison in vectors.comparisons)
    certain, cells = [], 1
    times = found.proposed.sum(axis=1)
    axes: set[int] = set()
    for number, rule in enumerate(rules):
        decides = tuple(names.index(name) for name in rule.decides if name in names)
        new = [k for k in decides if k not in axes]
        more = int(np.prod([n_levels[k] + 1 for k in new], initial=1))
        if not decides or not found.proposed[:, number].any() or cells * more > _MOST_CELLS * 10:
            continue
        expected = _by_chance(decides, blind, u, n_records)
        known = _rule(number, decides, found, vectors, times, n_levels, expected, n_records)
        if known.share.any():
            certain.append(known)
            axes.update(decides)
            cells *= more
    return RuleCoverage(tuple(certain), n_levels)


def _rule(
    number: int,
    decides: tuple[int, ...],
    found: Candidates,
    vectors: ComparisonVectors,
    times: NDArray[np.int64],
    n_levels: tuple[int, ...],
    expected: Floats,
    n_records: int,
) -> _Rule:
    """Return the share of pairs that a rule proposes, by the levels that it decides."""
    own = found.proposed[:, number]
    shape = tuple(n_levels[k] + 1 for k in decides)
    place, size = _combination(decides, vectors, shape), int(np.prod(shape))
    large = found.oversized.get(found.rules[number], ())
    in_large = np.zeros(n_records, dtype=np.bool_)
    for rows in large:
        in_large[rows] = True
    weight = np.where(times > own, 1.0, _OWN)
    weight[in_large[found.left] | in_large[found.right]] = 0.0
    total = np.bincount(place, weights=weight, minlength=size)
    fired = np.bincount(place[own], weights=weight[own], minlength=size)
    seen = np.bincount(place[own], minlength=size)
    left_out = sum(len(rows) * (len(rows) - 1) / 2 for rows in large)
    strangers = float(own.sum()) / (float(own.sum()) + left_out)
    with_key = max(n_records * np.sqrt(expected.sum() / max(n_records * (n_records - 1) / 2, 1)), 1)
    matches = 1 - min(float(in_large.sum()) / with_key, 1.0)
    share = fired / np.maximum(total, _OWN / 2)
    floor = _FEWER * strangers * expected - 5 * np.sqrt(expected)
    # Values that are missing do not make a rule propose.
    certain = (share >= _CERTAIN) & (seen >= floor) & _without_missing(shape)
    return _Rule(decides, np.where(certain, share, 0.0).reshape(shape), matches, strangers)


def _combination(
    decides: tuple[int, ...], vectors: ComparisonVectors, shape: tuple[int, ...]
) -> Places:
    """Return the combination of levels of each pair, as a place in a flat table of a shape."""
    distinct, pattern = vectors.patterns
    levels = tuple(
        distinct.levels[:, k].astype(np.int64) % length
        for k, length in zip(decides, shape, strict=True)
    )
    return np.ravel_multi_index(levels, shape)[pattern]


def _without_missing(shape: tuple[int, ...]) -> Flags:
    """Return which combinations of levels have no missing value, flat."""
    known = np.zeros(shape, dtype=np.bool_)
    known[tuple(slice(length - 1) for length in shape)] = True
    return known.ravel()


def _by_chance(
    decides: tuple[int, ...],
    blind: ComparisonVectors,
    u: Sequence[Floats],
    n_records: int,
) -> Floats:
    """Return how many pairs of unrelated people have each combination of levels, flat."""
    known = np.all(blind.levels[:, decides] != MISSING, axis=1)
    pairs = n_records * (n_records - 1) / 2 * float(known.mean() if len(known) else 0.0)
    table = np.array([pairs])
    for k in decides:
        # Records of one person may still be in u: a stated coincidence that is rarer counts.
        c = blind.comparisons[k]
        rarer = min(1.0, c.coincidence / max(float(u[k][: c.agreement].sum()), 1e-300))
        level = np.where(np.arange(len(u[k])) < c.agreement, u[k] * rarer, u[k])
        table = np.multiply.outer(table, np.append(level, 0.0))
    return table.ravel()
