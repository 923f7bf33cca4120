r"""Unsupervised Fellegi-Sunter scores with a class for the household.

Fellegi and Sunter (1969, eq. 10 and 12) weigh each comparison by
:math:`\log_2 m/u`: how much likelier its level is for one person (m) than for
strangers (u). Lists of customers break that: members of a family share phone,
e-mail, address and family name, which together outvote a different given name.
So there are three classes here, one person (m), one household (h) and strangers
(u), and a pair's odds are

.. math:: \lambda_m \prod m / (\lambda_h \prod h + \lambda_u \prod u).

What people share has an h of its own; what is personal (given name, birth date)
agrees within a household as rarely as among strangers.

u comes from random pairs. m and h come from EM over the pairs of one rule at a
time, without the comparisons that the rule decides, expected counts pooled over
the rules (Enamorado, Fifield and Imai 2019 give the EM with missing levels left
out). The prior is the number of pairs that agree beyond doubt, divided by the
share of the true pairs that is expected to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.identity.protocols import (
    MISSING,
    Blocker,
    Candidates,
    Comparison,
    Records,
    ScoredPairs,
)

__all__ = ["Classes", "Graded", "random_pairs", "score", "train"]

type Floats = NDArray[np.float64]

_RANDOM_PAIRS = 400_000
_STRAY = 0.01  # one record in a hundred has an identifier that belongs to a stranger
_PRIOR_PAIRS = 20.0  # what the default m and h weigh against the data
_PRIOR_CHANCE = 1_000.0  # what the stated coincidence weighs against random pairs
_PRIOR_DUPLICATES = 0.05  # matches per record that are expected before looking
_RARE = 0.1  # agreement less common than this says something about a person
_ENOUGH = 0.02  # share of matches that a rule needs to be worth learning from
_ROUNDS = 100
_CONVERGED = 1e-5


@dataclass(frozen=True, eq=False)
class Graded:
    """Levels of pairs, shape (n_pairs, n_comparisons), and what they are levels of."""

    comparisons: tuple[Comparison, ...]
    levels: NDArray[np.int8]

    def agree(self) -> NDArray[np.bool_]:
        """Return where a comparison agrees, shape (n_pairs, n_comparisons)."""
        agreement = np.array([c.agreement for c in self.comparisons], dtype=np.int8)
        return (self.levels != MISSING) & (self.levels < agreement)

    def differ(self) -> NDArray[np.bool_]:
        """Return where a comparison is at its last level, shape (n_pairs, n_comparisons)."""
        last = np.array([len(c.levels) - 1 for c in self.comparisons], dtype=np.int8)
        return self.levels == last


@dataclass(frozen=True, eq=False)
class Classes:
    """Probability of each level by comparison in the three classes.

    Attributes:
        m: For two records of one person; one array of shape (n_levels,) a comparison.
        h: For two people of one household.
        u: For strangers.
    """

    m: tuple[Floats, ...]
    h: tuple[Floats, ...]
    u: tuple[Floats, ...]


def random_pairs(n: int, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of distinct positions below ``n``: all of them if they are few."""
    if n * (n - 1) // 2 <= _RANDOM_PAIRS:
        left, right = np.triu_indices(n, k=1)
        return left.astype(np.int64), right.astype(np.int64)
    rng = np.random.default_rng(seed)
    left = rng.integers(0, n, _RANDOM_PAIRS)
    right = (left + rng.integers(1, n, _RANDOM_PAIRS)) % n
    return np.minimum(left, right), np.maximum(left, right)


def score(
    records: Records,
    found: Candidates,
    graded: Graded,
    chance: Graded,
    *,
    rules: Sequence[Blocker],
    recall: float,
) -> ScoredPairs:
    """Return the candidates with probability and evidence.

    Args:
        records: The records.
        found: The candidate pairs.
        graded: Their levels.
        chance: Levels of random pairs.
        rules: The blockers, in the order of ``found.rules``.
        recall: Stated share of the true pairs that agree beyond doubt.
    """
    u = _strangers(chance, len(records))
    classes = train(graded, found.proposed, u, rules)
    prior = _priors(graded, u, len(records), recall)
    bits = _evidence(records, found, graded, classes, prior)
    weight = np.sum([*bits.values()], axis=0) if len(found) else np.empty(0)
    return ScoredPairs(
        candidates=found,
        probability=1 / (1 + np.exp2(-np.clip(weight, -500, 500))),
        bits=bits,
        grades={c.name: graded.levels[:, k] for k, c in enumerate(graded.comparisons)},
        levels={c.name: tuple(c.levels) for c in graded.comparisons},
    )


def train(
    graded: Graded, proposed: NDArray[np.bool_], u: tuple[Floats, ...], rules: Sequence[Blocker]
) -> Classes:
    """Return the level probabilities learnt by EM, rule by rule.

    Args:
        graded: Levels of the candidate pairs.
        proposed: Which rule proposed which pair, shape (n_pairs, n_rules).
        u: Level probabilities among strangers.
        rules: The blockers, in the order of ``proposed``.
    """
    comparisons = graded.comparisons
    start = _default_classes(comparisons, u)
    m = [_PRIOR_PAIRS * level for level in start.m]
    h = [_PRIOR_PAIRS * level for level in start.h]
    patterns, pattern = _patterns(graded)
    for number, rule in enumerate(rules):
        count = np.bincount(pattern[proposed[:, number]], minlength=len(patterns))
        used = [k for k, c in enumerate(comparisons) if c.name not in rule.decides]
        some = count > 0
        member, household = _expect(
            patterns[some], count[some].astype(np.float64), used, comparisons, start
        )
        for k in used:
            m[k] = m[k] + _level_counts(patterns[some, k], member, len(m[k]))
            h[k] = h[k] + _level_counts(patterns[some, k], household, len(h[k]))
    shares = [level / level.sum() for level in h]
    return Classes(
        m=tuple(level / level.sum() for level in m),
        h=tuple(_personal(c, shares[k], u[k]) for k, c in enumerate(comparisons)),
        u=u,
    )


def _expect(
    patterns: NDArray[np.int8],
    count: Floats,
    used: Sequence[int],
    comparisons: Sequence[Comparison],
    start: Classes,
) -> tuple[Floats, Floats]:
    """Return expected numbers of matches and household pairs of each pattern, by EM."""
    m, h = list(start.m), list(start.h)
    decided = set(range(len(comparisons))) - set(used)
    # Agreeing in something personal is what a household does not do: no such class then.
    relatives = all(comparisons[k].shared for k in decided)
    share = np.array([0.3, 0.3 if relatives else 0.0, 0.4])
    share /= share.sum()
    resp = np.zeros((len(patterns), 3))
    for _ in range(_ROUNDS):
        resp = _responsibility(patterns, used, (m, h, list(start.u)), share)
        weighted = resp * count[:, None]
        new = weighted.sum(axis=0) / max(count.sum(), 1.0)
        for k in used:
            m[k] = _posterior(start.m[k], patterns[:, k], weighted[:, 0])
            level = _posterior(start.h[k], patterns[:, k], weighted[:, 1])
            h[k] = _personal(comparisons[k], level, start.u[k])
        if np.abs(new - share).max() < _CONVERGED:
            break
        share = new
    if share[0] < _ENOUGH:
        return np.zeros(len(patterns)), np.zeros(len(patterns))
    return resp[:, 0] * count, resp[:, 1] * count


def _responsibility(
    patterns: NDArray[np.int8],
    used: Sequence[int],
    classes: tuple[list[Floats], list[Floats], list[Floats]],
    share: Floats,
) -> Floats:
    """Return the probability of each class given the pattern, shape (n_patterns, 3)."""
    with np.errstate(divide="ignore"):
        start = np.log(share)
    log = np.tile(start, (len(patterns), 1))
    for k in used:
        known = patterns[:, k] != MISSING
        for column, levels in enumerate(classes):
            log[known, column] += np.log(levels[k][patterns[known, k]])
    log -= log.max(axis=1, keepdims=True, initial=-np.inf) if len(log) else 0
    likelihood = np.exp(log)
    return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True), dtype=np.float64)


def _posterior(prior: Floats, levels: NDArray[np.int8], weight: Floats) -> Floats:
    counts = _PRIOR_PAIRS * prior + _level_counts(levels, weight, len(prior))
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _level_counts(levels: NDArray[np.int8], weight: Floats, n_levels: int) -> Floats:
    known = levels != MISSING
    return np.bincount(levels[known], weights=weight[known], minlength=n_levels)


def _personal(comparison: Comparison, level: Floats, u: Floats) -> Floats:
    """Return h: as learnt if people share it, else agreeing as rarely as strangers do."""
    if comparison.shared:
        return level
    agreement = comparison.agreement
    rest = level[agreement:] / level[agreement:].sum() * (1 - u[:agreement].sum())
    return np.concatenate([u[:agreement], rest])


def _default_classes(comparisons: Sequence[Comparison], u: tuple[Floats, ...]) -> Classes:
    """Return where EM starts, and what stands where there is nothing to learn from."""
    m = tuple(_spread(c, *((0.6, 0.1) if c.shared else (0.85, 0.1))) for c in comparisons)
    shared = tuple(_spread(c, 0.6, 0.05) for c in comparisons)
    h = tuple(_personal(c, shared[k], u[k]) for k, c in enumerate(comparisons))
    return Classes(m, h, u)


def _spread(comparison: Comparison, agree: float, between: float) -> Floats:
    """Return level probabilities: agreement, the levels between, and the rest for the last."""
    n, k = len(comparison.levels), comparison.agreement
    middle = n - k - 1
    first = agree * np.exp2(-np.arange(k)) / np.exp2(-np.arange(k)).sum()
    inner = np.full(middle, between / max(middle, 1))
    return np.concatenate([first, inner, [1 - first.sum() - inner.sum()]])


def _strangers(chance: Graded, n_records: int) -> tuple[Floats, ...]:
    """Return u from random pairs without those that have an identifier in common."""
    comparisons = chance.comparisons
    identifier = np.array([c.coincidence == 0 for c in comparisons])
    strangers = ~(chance.agree() & identifier).any(axis=1)
    result = []
    for k, comparison in enumerate(comparisons):
        stated = comparison.coincidence or _STRAY / max(n_records, 2)
        prior = _spread(comparison, stated, stated)
        weight = strangers.astype(np.float64)
        seen = _level_counts(chance.levels[:, k], weight, len(prior))
        level = (_PRIOR_CHANCE * prior + seen) / (_PRIOR_CHANCE + seen.sum())
        level[: comparison.agreement] = (
            prior[: comparison.agreement] if identifier[k] else level[: comparison.agreement]
        )
        result.append(level / level.sum())
    return tuple(result)


@dataclass(frozen=True)
class _Prior:
    match: float
    household: float


def _priors(graded: Graded, u: tuple[Floats, ...], n_records: int, recall: float) -> _Prior:
    """Return the shares of matches and of household pairs among all pairs of records."""
    comparisons = graded.comparisons
    identifier = np.array([c.coincidence == 0 for c in comparisons])
    shared = np.array([c.shared for c in comparisons]) & ~identifier
    telling = np.array([u[k][: c.agreement].sum() < _RARE for k, c in enumerate(comparisons)])
    personal = telling & ~shared & ~identifier
    agree, differ = graded.agree(), graded.differ()
    own = (agree & personal).sum(axis=1)
    against = (differ & personal).any(axis=1)
    same_identifier = (agree & identifier).any(axis=1)
    same_home = (agree & shared).sum(axis=1) >= shared.sum()
    certain = ~against & (own >= 1) & (same_identifier | (own > 1))
    relatives = against & (own == 0) & (same_identifier | (same_home & (shared.sum() > 1)))
    pairs = n_records * (n_records - 1) / 2 + n_records
    few = _PRIOR_DUPLICATES * n_records
    return _Prior(
        match=min((certain.sum() / recall + few) / pairs, 0.5),
        household=min((relatives.sum() / recall + few) / pairs, 0.4),
    )


def _evidence(
    records: Records, found: Candidates, graded: Graded, classes: Classes, prior: _Prior
) -> dict[str, Floats]:
    """Return bits by name: the prior, each comparison, and what the household takes away."""
    n = len(found)
    strangers = 1 - prior.match - prior.household
    household = np.full(n, np.log2(prior.household / strangers))
    bits = {"prior": np.full(n, np.log2(prior.match / strangers))}
    for k, comparison in enumerate(graded.comparisons):
        levels = graded.levels[:, k]
        u = classes.u[k][levels] * _commonness(records, found, comparison, levels)
        h = (
            classes.h[k][levels]
            if comparison.shared
            else np.where(levels < comparison.agreement, u, classes.h[k][levels])
        )
        known = levels != MISSING
        bits[comparison.name] = np.where(known, np.log2(classes.m[k][levels] / u), 0.0)
        household += np.where(known, np.log2(h / u), 0.0)
    # odds = M / (H + 1) with M and H relative to strangers: the household costs log2(1 + H).
    bits["household"] = -np.logaddexp2(0.0, household)
    return bits


def _commonness(
    records: Records, found: Candidates, comparison: Comparison, levels: NDArray[np.int8]
) -> Floats:
    """Return how much commoner than the average agreement the agreed value is.

    The term-frequency adjustment of Winkler (2000): u of an agreement on a value is
    the value's own share of the records instead of the mean over all agreements.
    """
    result = np.ones(len(levels))
    for level, name in enumerate(comparison.frequency):
        if name is None or name not in records.columns:
            continue
        column = records.columns[name]
        share = column.count / max(column.count.sum(), 1)
        relative = np.clip(share / np.sum(share**2), 0.02, 50.0)
        codes = np.maximum(column.codes[found.left], column.codes[found.right])
        here = (levels == level) & (codes != MISSING)
        result[here] = relative[codes[here]]
    return result


def _patterns(graded: Graded) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the distinct rows of levels and which of them each pair has."""
    radix = [len(c.levels) + 1 for c in graded.comparisons]
    key = np.zeros(len(graded.levels), dtype=np.int64)
    for k, base in enumerate(radix):
        key = key * base + graded.levels[:, k] + 1
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    return graded.levels[first], back.astype(np.int64)
