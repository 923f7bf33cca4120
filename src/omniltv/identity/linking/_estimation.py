"""Joint EM of the level probabilities of one person and of one household, over all rules.

The candidate pairs whose pattern is proposed for certain are counted
(`omniltv.identity.linking._coverage`). Of each pattern, a share belongs to one person (m), one
household (h) and unrelated people (u, known). The matches that no rule proposes are filled in by
their expectation under the current estimates, so that a rule informs the comparisons that it does
not decide, and selection by a rule biases none (EM for incomplete counts: Dempster, Laird and
Rubin 1977, section 4.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from omniltv._arrays import Floats, Levels
from omniltv.identity.linking._comparison_vectors import (
    differing_from,
    level_counts,
    spread_levels,
)
from omniltv.identity.linking._coverage import RuleCoverage
from omniltv.identity.linking._dependence import Dependence, log_ratio
from omniltv.identity.linking.protocols import Comparison, GradedDisagreement
from omniltv.identity.records.columns import MISSING

__all__ = [
    "Classes",
    "Counted",
    "Exposure",
    "expect",
    "log_likelihood",
    "personal",
    "starting",
]

_PRIOR_PAIRS, _MOST_PRIOR = 10.0, 300.0
_DIFFERING = 3.0  # differing pairs that the prior of m weighs
_POOL = 100.0  # pairs that a comparison weighs at most in the prior of the others
_DEFAULT = 20.0  # pairs that the default weighs beside it
_ATTRIBUTE, _IDENTIFIER = (0.87, 0.1), (0.6, 0.1)  # agreement, and the levels between
_KIN_PAIRS = 400.0
_DIVIDED_PAIRS = 400.0  # differing pairs that a stated division of disagreement weighs
_TWINS, _NAMESAKES = 0.02, 0.003  # of the pairs of one household
_TELLING = 0.1
_ROUNDS = 300
_CONVERGED = 1e-4


@dataclass(frozen=True, eq=False)
class Classes:
    """Probability of each level by comparison in the three classes.

    Attributes:
        m: For two records of one person; one array of shape (n_levels,) per comparison.
        household: For two people of one household.
        u: For unrelated people.
        together: Comparisons that depend on each other among unrelated people.
    """

    m: tuple[Floats, ...]
    household: tuple[Floats, ...]
    u: tuple[Floats, ...]
    together: Dependence = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Counted:
    """Distinct patterns that are proposed for certain.

    Attributes:
        levels: Their levels, shape (n_patterns, n_comparisons).
        count: Number of pairs.
        share: Prior shares of the three classes, shape (n_patterns, 3).
        proposed: Share of such pairs that are proposed, by class, shape (n_patterns, 3).
    """

    levels: Levels
    count: Floats
    share: Floats
    proposed: Floats


@dataclass(frozen=True, eq=False)
class Exposure:
    """Expected pairs of a class by which of the decided comparisons are known.

    Attributes:
        known: Shape (n_masks, n_axes).
        pairs: Expected pairs of one person and of one household, shape (n_masks, 2).
        prior: Pairs of each class that are expected before looking.
        weight: How much that counts, in pairs.
        families: Whether the list has households of several people.
    """

    known: NDArray[np.bool_]
    pairs: Floats
    prior: tuple[float, float]
    weight: float
    families: bool = True


def starting(
    comparisons: Sequence[Comparison],
    u: Sequence[Floats],
    reachable: Sequence[NDArray[np.bool_]],
) -> Classes:
    """Return the starting values, which are kept if there are no data."""
    m = tuple(spread_levels(c, *_usual(c), reachable[k]) for k, c in enumerate(comparisons))
    shared = [spread_levels(c, 0.6, 0.05, reachable[k]) for k, c in enumerate(comparisons)]
    h = tuple(
        shared[k] if not personal(c) else _kin(c, m[k], u[k]) for k, c in enumerate(comparisons)
    )
    return Classes(m, h, tuple(u))


def expect(
    counted: Counted,
    coverage: RuleCoverage,
    exposure: Exposure,
    comparisons: Sequence[Comparison],
    start: Classes,
    reachable: Sequence[NDArray[np.bool_]],
) -> "Fitted":
    """Return the level probabilities, and the factors on the shares, by EM."""
    missed, prior = _Missed.of(coverage, exposure), _Prior(reachable)
    em = _Em(counted, missed, exposure, prior, comparisons, start)
    found = em.after(start, np.ones(2))
    for _ in range(_ROUNDS - 1):
        if found.change < _CONVERGED:
            break
        found = em.after(found.classes, found.factor)
    return Fitted(found.classes, found.factor, em.evidence(found), em.seen(found))


@dataclass(frozen=True, eq=False)
class Fitted:
    """What EM found.

    Attributes:
        classes: The level probabilities.
        factor: Factors on the shares of matches and of household pairs.
        evidence: Log posterior with a penalty for parameters (BIC), to compare models.
        seen: Expected number of counted pairs of one person with both values, by comparison.
    """

    classes: Classes
    factor: Floats
    evidence: float
    seen: tuple[float, ...]


def log_likelihood(levels: Levels, classes: Classes, comparisons: Sequence[Comparison]) -> Floats:
    """Return the log likelihood of patterns in the three classes, shape (n_patterns, 3)."""
    log = np.zeros((len(levels), 3))
    for column, tables in enumerate((classes.m, classes.household, classes.u)):
        for k, table in enumerate(tables):
            log[:, column] += np.append(np.log(table), 0.0)[levels[:, k]]
    log[:, 1:] += log_ratio(levels, comparisons, classes.together)[:, None]
    return log


def _log_joint(
    counted: Counted, classes: Classes, factor: Floats, comparisons: Sequence[Comparison]
) -> Floats:
    """Return the log probability of each pattern and class, shape (n_patterns, 3)."""
    with np.errstate(divide="ignore"):
        log = log_likelihood(counted.levels, classes, comparisons) + np.log(
            counted.share * counted.proposed
        )
    log[:, :2] += np.log(factor)
    return log


def _responsibility(
    counted: Counted, classes: Classes, factor: Floats, comparisons: Sequence[Comparison]
) -> Floats:
    """Return the probability of each class given the pattern, shape (n_patterns, 3)."""
    log = _log_joint(counted, classes, factor, comparisons)
    log -= log.max(axis=1, keepdims=True, initial=-np.inf) if len(log) else 0
    likelihood = np.exp(log)
    return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True), dtype=np.float64)


def _counts(
    counted: Counted,
    weight: Floats,
    coverage: RuleCoverage,
    extra: Sequence[Floats],
    factor: float,
    levels: Sequence[Floats],
) -> list[Floats]:
    """Return the expected pairs of one class at each level, proposed or not."""
    seen = [
        level_counts(counted.levels[:, k], weight, len(table)) for k, table in enumerate(levels)
    ]
    for k, group, total in zip(coverage.axes, coverage.groups, extra, strict=True):
        inside = np.bincount(group[:-1], weights=levels[k], minlength=len(total))
        share = levels[k] / np.maximum(inside, 1e-300)[group[:-1]]
        seen[k] = seen[k] + factor * total[group[:-1]] * share
    return seen


@dataclass(frozen=True, eq=False)
class _Missed:
    """Pairs of a class that no rule proposes, by groups of levels."""

    coverage: RuleCoverage
    exposed: tuple[Floats, Floats]

    @classmethod
    def of(cls, coverage: RuleCoverage, exposure: Exposure) -> "_Missed":
        shape = coverage.missed.shape
        tables = []
        for column in range(2):
            place = exposure.known.astype(np.int64) @ (1 << np.arange(len(shape))[::-1])
            pairs = np.bincount(place, exposure.pairs[:, column], minlength=2 ** len(shape))
            table = pairs.reshape((2,) * len(shape))
            for axis, length in enumerate(shape):
                where = np.append(np.ones(length - 1, dtype=np.int64), 0)
                table = np.take(table, where, axis=axis)
            tables.append(np.asarray(table * coverage.missed))
        return cls(coverage, (tables[0], tables[1]))

    def counts(self, levels: Sequence[Floats], column: int) -> tuple[float, list[Floats]]:
        """Return the number of missed pairs, and theirs by group of each axis."""
        table = self.exposed[column]
        for axis, (level, group) in enumerate(zip(levels, self.coverage.groups, strict=True)):
            grouped = np.append(
                np.bincount(group[:-1], weights=level, minlength=int(group[-1])), 1.0
            )
            table = table * grouped.reshape([-1 if a == axis else 1 for a in range(table.ndim)])
        by_axis = [
            table.sum(axis=tuple(a for a in range(table.ndim) if a != axis))
            for axis in range(table.ndim)
        ]
        return float(table.sum()), by_axis


@dataclass(frozen=True, eq=False)
class _Prior:
    """Prior level probabilities; agreement is shrunk to the mean of the list's comparisons."""

    reachable: Sequence[NDArray[np.bool_]]

    def of_matches(
        self, member: Sequence[Floats], comparisons: Sequence[Comparison]
    ) -> list[Floats]:
        """Return the prior of the levels of one person, in pairs: a few of them differ."""
        result = []
        for k, (c, rate) in enumerate(zip(comparisons, _pooled(member, comparisons), strict=True)):
            level = spread_levels(c, *rate, self.reachable[k])
            result.append(
                level
                * np.clip(_DIFFERING / level[differing_from(c) :].sum(), _PRIOR_PAIRS, _MOST_PRIOR)
            )
        return result

    def log_density(
        self, classes: Classes, member: Sequence[Floats], comparisons: Sequence[Comparison]
    ) -> float:
        """Return the log prior density of the level probabilities of one person."""
        priors = self.of_matches(member, comparisons)
        return sum(
            float(gammaln(a.sum()) - gammaln(a).sum() + (a - 1) @ np.log(m))
            for a, m in zip((np.maximum(p, 1.0) for p in priors), classes.m, strict=True)
        )

    def posterior(
        self,
        member: Sequence[Floats],
        household: Sequence[Floats],
        comparisons: Sequence[Comparison],
        before: Classes,
    ) -> Classes:
        """Return the posterior means given the expected counts of both classes."""
        priors = self.of_matches(member, comparisons)
        m = [
            _divided(c, _mean(prior + count), count)
            for c, prior, count in zip(comparisons, priors, member, strict=True)
        ]
        h, u = [], before.u
        for k, c in enumerate(comparisons):
            if personal(c):
                # Names in families are learnt; how many twins there are, few lists could show.
                learnt = household[k] * any(c.frequency)
                h.append(_mean(_KIN_PAIRS * _kin(c, m[k], u[k]) + learnt))
            else:
                default = spread_levels(c, 0.6, 0.05, self.reachable[k])
                h.append(_mean(_PRIOR_PAIRS * default + household[k]))
        return replace(before, m=tuple(m), household=tuple(h))


@dataclass(frozen=True, eq=False)
class _Expected:
    """Expected pairs under some estimates.

    Attributes:
        weight: Pairs of each class by counted pattern, shape (n_patterns, 3).
        missed: Pairs of one person and of one household that no rule proposes, before factors.
        counts: Pairs of one person and of one household at each level, by comparison.
    """

    weight: Floats
    missed: Floats
    counts: tuple[list[Floats], list[Floats]]


@dataclass(frozen=True, eq=False)
class _Round:
    """Estimates after a round of EM, from the pairs that the estimates before it expect."""

    classes: Classes
    factor: Floats
    expected: _Expected
    change: float


@dataclass(frozen=True, eq=False)
class _Em:
    """EM of the level probabilities and the factors."""

    counted: Counted
    missed: _Missed
    exposure: Exposure
    prior: _Prior
    comparisons: Sequence[Comparison]
    start: Classes

    def after(self, classes: Classes, factor: Floats) -> _Round:
        """Return the estimates after one round from some estimates."""
        expected = self._expected(classes, factor)
        updated = self.prior.posterior(*expected.counts, self.comparisons, self.start)
        new = self._factor(expected, factor)
        change = max(float(np.abs(np.log(new / factor)).max()), _largest_change(updated, classes))
        return _Round(updated, new, expected, change)

    def seen(self, found: _Round) -> tuple[float, ...]:
        """Return the expected number of counted pairs of one person, by comparison."""
        known = self.counted.levels != MISSING
        return tuple((found.expected.weight[:, 0] @ known).tolist())

    def evidence(self, found: _Round) -> float:
        """Return the log posterior with a penalty for parameters (BIC)."""
        pairs = self.exposure.pairs.sum(axis=0)
        captured = found.factor * (pairs - found.expected.missed)
        log = _log_joint(self.counted, found.classes, found.factor, self.comparisons)
        fit = float(self.counted.count @ np.logaddexp.reduce(log, axis=1) - captured.sum())
        member, household = found.expected.counts
        evidence = fit + self.prior.log_density(found.classes, member, self.comparisons)
        if not self.exposure.families:
            return evidence
        free = 1 + sum(
            int(levels.sum()) - 1
            for c, levels, count in zip(
                self.comparisons, self.prior.reachable, household, strict=True
            )
            if not personal(c) and count.sum() > 0
        )
        return evidence - 0.5 * free * float(np.log(max(self.counted.count.sum(), 1.0)))

    def _expected(self, classes: Classes, factor: Floats) -> _Expected:
        """Return the pairs that are expected under some estimates."""
        counted, coverage = self.counted, self.missed.coverage
        weight = counted.count[:, None] * _responsibility(
            counted, classes, factor, self.comparisons
        )
        totals, counts = np.zeros(2), []
        for column, levels in enumerate((classes.m, classes.household)):
            decided = [levels[k] for k in coverage.axes]
            totals[column], extra = self.missed.counts(decided, column)
            by = float(factor[column])
            counts.append(_counts(counted, weight[:, column], coverage, extra, by, levels))
        return _Expected(weight, totals, (counts[0], counts[1]))

    def _factor(self, expected: _Expected, factor: Floats) -> Floats:
        """Return the factors on the shares; that of households stays if there are none."""
        exposure, pairs = self.exposure, self.exposure.pairs.sum(axis=0)
        whole = pairs * (1 + exposure.weight / np.maximum(exposure.prior, 1e-12))
        seen = expected.weight[:, :2].sum(axis=0)
        filled = seen + factor * expected.missed + exposure.weight
        new = np.where(pairs > 0, filled / np.maximum(whole, 1e-300), 1.0)
        if not exposure.families:
            new[1] = factor[1]
        return new


def _largest_change(after: Classes, before: Classes) -> float:
    """Return the largest change of a level probability of one person or household."""
    pairs = zip(after.m + after.household, before.m + before.household, strict=True)
    return max(float(np.abs(new - old).max()) for new, old in pairs)


def _pooled(
    counts: Sequence[Floats], comparisons: Sequence[Comparison]
) -> list[tuple[float, float]]:
    """Return the prior mean of agreement and of the levels between, from like comparisons."""
    rates, weight = np.zeros((len(counts), 2)), np.zeros(len(counts))
    for k, (c, count) in enumerate(zip(comparisons, counts, strict=True)):
        n = max(float(count.sum()), 1e-300)
        middle = count[c.agreement : differing_from(c)]
        rates[k] = count[: c.agreement].sum() / n, middle.sum() / n
        weight[k] = min(n, _POOL)
    kind = np.array([f"{type(c).__name__} {c.coincidence > 0}" for c in comparisons])
    result = []
    for k, c in enumerate(comparisons):
        others = weight * (kind == kind[k]) * (np.arange(len(counts)) != k)
        default = np.array(_usual(c))
        mean = (_DEFAULT * default + others @ rates) / (_DEFAULT + others.sum())
        result.append((float(mean[0]), float(mean[1])))
    return result


def personal(comparison: Comparison) -> bool:
    """Return whether people of one household have different values, such as given names."""
    return not comparison.shared and comparison.coincidence < _TELLING


def _usual(comparison: Comparison) -> tuple[float, float]:
    """Return how often one person agrees, and is at the levels between, before looking.

    Contacts change, and a shared field that says little about strangers says little here.
    """
    changing = comparison.coincidence == 0
    changing |= comparison.shared and comparison.coincidence >= _TELLING
    return _IDENTIFIER if changing else _ATTRIBUTE


def _kin(comparison: Comparison, m: Floats, u: Floats) -> Floats:
    """Return the levels of two people of one household in a personal field.

    They agree by chance, except for twins (birth date) and for parents and children of one name,
    who agree as one person does. Identifiers are always their own.
    """
    if comparison.coincidence == 0:
        return u
    share = _NAMESAKES if any(comparison.frequency) else _TWINS
    return (1 - share) * u + share * m


def _divided(comparison: Comparison, m: Floats, count: Floats) -> Floats:
    """Return m with the stated division of disagreement, unless very many pairs show another.

    Relatives of one name are counted in part as one person, and would teach that one person has
    birth dates a generation apart.
    """
    if not isinstance(comparison, GradedDisagreement):
        return m
    last = slice(differing_from(comparison), None)
    stated = np.array(comparison.disagreement.person)
    share = _mean(_DIVIDED_PAIRS * stated + count[last])
    return np.concatenate([m[: last.start], m[last].sum() * share])


def _mean(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(), dtype=np.float64)
