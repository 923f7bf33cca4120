r"""Unsupervised Fellegi-Sunter scores with a class for the household.

Fellegi and Sunter (1969, eq. 10 and 12) weigh each comparison by
:math:`\log_2 m/u`: how much likelier its level is for one person (m) than for
unrelated people (u). Lists of customers violate this: members of a family share phone,
e-mail, address and family name, which together outweigh a different given name.
So there are three classes here, one person (m), one household (h) and unrelated
people (u), and the odds of a pair are

.. math:: \lambda_m \prod m / (\lambda_h \prod h + \lambda_u \prod u).

Shared fields have their own h. Personal fields (given name, birth date) agree within a
household as rarely as among unrelated people.

u is estimated from random pairs (`omniltv.identity.linking._chance`). m and h are estimated
by EM over the pairs of one rule at a time, without the comparisons that the rule decides,
with expected counts pooled over the rules (Enamorado, Fifield and Imai 2019 give the EM
with missing levels left out). The prior of each pair of sources is the number of pairs
that are certainly one person, or one household, divided by the share of such pairs that
would be certain given the fields of the two sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.identity.linking._chance import SampledComparisons, strangers
from omniltv.identity.linking._comparison_vectors import (
    ComparisonVectors,
    level_counts,
    spread_levels,
)
from omniltv.identity.linking._refinement import reweighted
from omniltv.identity.linking.protocols import (
    Blocker,
    Candidates,
    Comparison,
    LinkModel,
    ScoredPairs,
)
from omniltv.identity.records.columns import MISSING, Records

__all__ = ["Classes", "learn", "score", "train"]


_PRIOR_PAIRS = 20.0  # what the default m and h weigh against the data
_PRIOR_DUPLICATES = 0.05  # matches per record that are expected before looking
_PRIOR_RELATIVES = 0.005  # pairs of one household per record, likewise
_PRIOR_SEEN = 3.0  # certain pairs that what is expected weighs overall, and that in two sources
_RARE = 0.1  # agreement less common than this says something about a person
_ENOUGH = 0.2  # share of matches beyond doubt that a rule needs to be worth learning from
_MOST_SHARE = 0.4  # of the pairs of two sources that may be one person, or one household
_ROUNDS = 100
_HOUSEHOLD_ROUNDS = 10
_CONVERGED = 1e-5


@dataclass(frozen=True, eq=False)
class Classes:
    """Probability of each level by comparison in the three classes.

    Attributes:
        m: For two records of one person; one array of shape (n_levels,) per comparison.
        household: For two people of one household.
        u: For unrelated people.

    Examples:
        >>> rare, equal = (np.array([0.01, 0.99]),), (np.array([0.9, 0.1]),)
        >>> given_name = Classes(m=equal, household=rare, u=rare)  # a family shares no given name
        >>> float(np.log2(given_name.m[0][0] / given_name.u[0][0]).round(1))  # bits for agreement
        6.5
    """

    m: tuple[Floats, ...]
    household: tuple[Floats, ...]
    u: tuple[Floats, ...]


def learn(
    records: Records,
    found: Candidates,
    vectors: ComparisonVectors,
    chance: SampledComparisons,
    *,
    rules: Sequence[Blocker],
) -> LinkModel:
    """Return the level probabilities of one person, one household and unrelated people.

    Args:
        records: The records.
        found: The candidate pairs.
        vectors: Their levels.
        chance: Comparisons of random pairs.
        rules: The blockers, in the order of ``found.rules``.

    Examples:
        >>> from omniltv.identity.linking._chance import sampled
        >>> from omniltv.identity.linking._recordlinkage import grades
        >>> from omniltv.identity.linking.blocking import KeyBlocker, candidates
        >>> from omniltv.identity.linking.comparisons import ValueComparison
        >>> from omniltv.identity.records.columns import Column
        >>> columns = {name: Column.of("abcdefghijklmnoabcde") for name in ("name", "phone")}
        >>> numbers = np.arange(20).astype(str).astype(object)
        >>> records = Records(np.full(20, "ec", dtype=object), numbers, columns)
        >>> name = ValueComparison("name", "name", coincidence=0.001)
        >>> comparisons = name, ValueComparison("phone", "phone", shared=True)
        >>> rules = [KeyBlocker("phone", ("phone",), ("phone",))]
        >>> found = candidates(records, rules, max_block=9)
        >>> sample = sampled(records, comparisons, seed=1)
        >>> levels, drawn = (
        ...     grades(records, pairs.left, pairs.right, comparisons) for pairs in (found, sample)
        ... )
        >>> vectors = ComparisonVectors(comparisons, levels)
        >>> chance = SampledComparisons(sample, ComparisonVectors(comparisons, drawn))
        >>> model = learn(records, found, vectors, chance, rules=rules)
        >>> bool(model.m["name"][0] > model.u["name"][0])
        True
    """
    u = strangers(chance, len(records))
    classes = train(vectors, found.proposed, u, rules)
    sources, code = np.unique(records.source.astype(str), return_inverse=True)
    match, household = _priors(code.astype(np.int64), found, vectors, chance, classes)
    names = [comparison.name for comparison in vectors.comparisons]
    m, h, u_by_name = (
        dict(zip(names, levels, strict=True))
        for levels in (classes.m, classes.household, classes.u)
    )
    return LinkModel(m, h, u_by_name, tuple(sources.tolist()), match, household)


def score(
    records: Records, found: Candidates, vectors: ComparisonVectors, model: LinkModel
) -> ScoredPairs:
    """Return the candidates with probability and evidence.

    Examples:
        >>> from omniltv.identity.linking.comparisons import ValueComparison
        >>> from omniltv.identity.records.columns import Column
        >>> columns = {"phone": Column.of(["1", "1"])}
        >>> records = Records(np.array(["ec", "ec"]), np.array(["a", "b"]), columns)
        >>> found = Candidates(np.array([0]), np.array([1]), ("phone",), np.array([[True]]), {})
        >>> phone = ValueComparison("phone", "phone", shared=True)
        >>> vectors = ComparisonVectors((phone,), np.array([[0]], dtype=np.int8))  # the same phone
        >>> m, u = {"phone": np.array([0.8, 0.2])}, {"phone": np.array([0.001, 0.999])}
        >>> share = np.full((2, 2), 0.01)
        >>> model = LinkModel(m, u, u, ("ec",), match_share=share, household_share=share)
        >>> bits = score(records, found, vectors, model).bits["phone"]
        >>> round(float(bits[0]), 2)  # log2(0.8 / 0.001)
        9.64
    """
    bits = _evidence(records, found, vectors, model)
    scored = ScoredPairs(
        candidates=found,
        probability=np.zeros(len(found)),
        bits=bits,
        grades={c.name: vectors.levels[:, k] for k, c in enumerate(vectors.comparisons)},
        levels={c.name: tuple(c.levels) for c in vectors.comparisons},
        model=model,
    )
    return reweighted(scored, model)


def train(
    vectors: ComparisonVectors,
    proposed: NDArray[np.bool_],
    u: tuple[Floats, ...],
    rules: Sequence[Blocker],
) -> Classes:
    """Return the level probabilities estimated by EM, rule by rule.

    Args:
        vectors: Levels of the candidate pairs.
        proposed: Which rule proposed which pair, shape (n_pairs, n_rules).
        u: Level probabilities of unrelated people.
        rules: The blockers, in the order of ``proposed``.

    Examples:
        >>> from omniltv.identity import KeyBlocker, ValueComparison
        >>> name = ValueComparison("name", "full_reading", coincidence=0.01)
        >>> phone = ValueComparison("phone", "phone", shared=True)
        >>> vectors = ComparisonVectors((name, phone), np.zeros((500, 2), dtype=np.int8))
        >>> u = (np.array([0.01, 0.99]), np.array([0.001, 0.999]))
        >>> rule = KeyBlocker("phone", ("phone",), ("phone",))
        >>> classes = train(vectors, np.ones((500, 1), dtype=bool), u, [rule])
        >>> bool(classes.m[0][0] > 0.95)  # all pairs with the same phone have the same name
        True
    """
    comparisons = vectors.comparisons
    start = _default_classes(comparisons, u)
    m = [_PRIOR_PAIRS * level for level in start.m]
    h = [_PRIOR_PAIRS * level for level in start.household]
    distinct, pattern = vectors.patterns
    patterns, certain = distinct.levels, _beyond_doubt(vectors, _Kinds.of(comparisons, u))[0]
    for number, rule in enumerate(rules):
        if certain[proposed[:, number]].sum() < _ENOUGH * proposed[:, number].sum():
            continue
        count = np.bincount(pattern[proposed[:, number]], minlength=len(patterns))
        used = [k for k, c in enumerate(comparisons) if c.name not in rule.decides]
        some = count > 0
        member, household = _expect(
            patterns[some], count[some].astype(np.float64), used, comparisons, start
        )
        for k in used:
            m[k] = m[k] + level_counts(patterns[some, k], member, len(m[k]))
            h[k] = h[k] + level_counts(patterns[some, k], household, len(h[k]))
    shares = [level / level.sum() for level in h]
    return Classes(
        m=tuple(level / level.sum() for level in m),
        household=tuple(_personal(c, shares[k], u[k]) for k, c in enumerate(comparisons)),
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
    m, h = list(start.m), list(start.household)
    decided = set(range(len(comparisons))) - set(used)
    # People of one household do not agree in personal fields: then there is no such class.
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
            level = _posterior(start.household[k], patterns[:, k], weighted[:, 1])
            h[k] = _personal(comparisons[k], level, start.u[k])
        if np.abs(new - share).max() < _CONVERGED:
            break
        share = new
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
    counts = _PRIOR_PAIRS * prior + level_counts(levels, weight, len(prior))
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _personal(comparison: Comparison, level: Floats, u: Floats) -> Floats:
    """Return h: as estimated for shared fields, else agreement as rare as by chance."""
    if comparison.shared:
        return level
    agreement = comparison.agreement
    rest = level[agreement:] / level[agreement:].sum() * (1 - u[:agreement].sum())
    return np.concatenate([u[:agreement], rest])


def _default_classes(comparisons: Sequence[Comparison], u: tuple[Floats, ...]) -> Classes:
    """Return the starting values of EM, which are kept if there are no data."""
    m = tuple(spread_levels(c, *((0.6, 0.1) if c.shared else (0.85, 0.1))) for c in comparisons)
    shared = tuple(spread_levels(c, 0.6, 0.05) for c in comparisons)
    h = tuple(_personal(c, shared[k], u[k]) for k, c in enumerate(comparisons))
    return Classes(m, h, u)


def _priors(
    source: NDArray[np.int64],
    found: Candidates,
    vectors: ComparisonVectors,
    chance: SampledComparisons,
    classes: Classes,
) -> tuple[Floats, Floats]:
    """Return the shares of matches and of household pairs, by the two sources of a pair.

    The number of pairs that are one person beyond doubt, divided by how many of the
    matches would show it, which depends on the fields that the two sources fill in.
    So two lists that overlap little, or one list without duplicates, have few matches.
    """
    kinds = _Kinds.of(vectors.comparisons, classes.u)
    certain, relatives = _beyond_doubt(vectors, kinds)
    blind, (left, right) = chance.at_random
    shows, shows_home = _would_show(blind, kinds, classes)
    cells = _Cells(np.bincount(source))
    here = cells.of(source, found.left, found.right)
    there = cells.of(source, left, right)
    match = cells.share(here, certain, there, shows, _PRIOR_DUPLICATES)
    household = cells.share(here, relatives, there, shows_home, _PRIOR_RELATIVES)
    distinct, pattern = vectors.patterns
    same = (distinct.agree() & kinds.identifier).any(axis=1)[pattern]
    home = 1 - _without(blind, kinds.identifier, classes.household, "agree")
    likelihood = _log_likelihood(distinct.levels, classes)[pattern[same]]
    for _ in range(_HOUSEHOLD_ROUNDS):
        share = np.log([table[:-1, :-1].ravel()[here[same]] for table in (match, household)])
        person, family = likelihood[:, 0] + share[0], likelihood[:, 1] + share[1]
        weight = np.exp(family - np.logaddexp(np.logaddexp(person, family), likelihood[:, 2]))
        household = cells.share(here[same], weight, there, home, _PRIOR_RELATIVES)
    return match, household


def _log_likelihood(levels: NDArray[np.int8], classes: Classes) -> Floats:
    """Return the log likelihood of pairs in the three classes, shape (n_pairs, 3)."""
    log = np.zeros((len(levels), 3))
    with np.errstate(divide="ignore"):
        tables = [
            [np.log(level) for level in each] for each in (classes.m, classes.household, classes.u)
        ]
    for k in range(levels.shape[1]):
        known = levels[:, k] != MISSING
        for column, table in enumerate(tables):
            log[known, column] += table[k][levels[known, k]]
    return log


@dataclass(frozen=True, eq=False)
class _Cells:
    """Pairs of sources, each a cell; ``size`` is the number of records by source."""

    size: NDArray[np.int64]

    def of(
        self, code: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the cell of each pair."""
        low, high = np.sort([code[left], code[right]], axis=0)
        cell: NDArray[np.int64] = low * len(self.size) + high
        return cell

    def share(
        self,
        where: NDArray[np.int64],
        seen: Floats | NDArray[np.bool_],
        drawn: NDArray[np.int64],
        shows: Floats,
        prior: float,
    ) -> Floats:
        """Return the share of the class among all pairs of two sources, shrunk to that overall.

        Of shape (n_sources + 1, n_sources + 1): the last is that overall, for other sources.

        Args:
            where: Cell of each candidate pair.
            seen: Whether it is of the class beyond doubt, or how probable that is.
            drawn: Cell of each random pair.
            shows: Probability that the random pair, if of the class, would show it.
            prior: Pairs of the class per record that are expected before looking.
        """
        n = len(self.size)
        possible = np.triu(np.outer(self.size, self.size) - np.diag(self.size**2 // 2)).ravel()
        total = np.bincount(drawn, weights=shows, minlength=n * n)
        count = np.bincount(drawn, minlength=n * n)
        mean = (total + shows.sum() / max(len(shows), 1)) / (count + 1.0)
        exposed = possible * mean
        records = max(int(self.size.sum()), 1)
        expected = prior * records / max(float(possible.sum()), 1.0)
        overall = (seen.sum() + _PRIOR_SEEN) / (exposed.sum() + _PRIOR_SEEN / expected)
        found = np.bincount(where, weights=seen, minlength=n * n) + _PRIOR_SEEN
        share = np.full((n + 1, n + 1), overall)
        share[:n, :n] = (found / (exposed + _PRIOR_SEEN / overall)).reshape(n, n)
        share = np.triu(share)
        return np.minimum(share + np.triu(share, k=1).T, _MOST_SHARE)


@dataclass(frozen=True, eq=False)
class _Kinds:
    """Which comparisons are identifiers, and which separate a person from the family."""

    identifier: NDArray[np.bool_]
    personal: NDArray[np.bool_]

    @classmethod
    def of(cls, comparisons: Sequence[Comparison], u: tuple[Floats, ...]) -> "_Kinds":
        identifier = np.array([c.coincidence == 0 for c in comparisons])
        own = np.array([not c.shared for c in comparisons])
        rare = np.array([u[k][: c.agreement].sum() < _RARE for k, c in enumerate(comparisons)])
        return cls(identifier, own & rare & ~identifier)


def _beyond_doubt(
    vectors: ComparisonVectors, kinds: _Kinds
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pairs are certainly one person, and which certainly one household."""
    distinct, pattern = vectors.patterns
    agree, differ = distinct.agree(), distinct.differ()
    own = (agree & kinds.personal).sum(axis=1)
    against = (differ & kinds.personal).any(axis=1)
    same = (agree & kinds.identifier).any(axis=1)
    person = ~against & (own >= 1) & (same | (own > 1))
    return person[pattern], (against & (own == 0) & same)[pattern]


def _would_show(
    vectors: ComparisonVectors, kinds: _Kinds, classes: Classes
) -> tuple[Floats, Floats]:
    """Return the probability that each pair would be certain, given the fields it has.

    If it is one person, and if it is one household; of shape (n_pairs,) each.
    """
    known = vectors.levels != MISSING
    comparisons = vectors.comparisons

    same = 1 - _without(vectors, kinds.identifier, classes.m, "agree")
    undecided = _without(vectors, kinds.personal, classes.m, "both")
    clear = _without(vectors, kinds.personal, classes.m, "differ") - undecided
    ones = np.zeros(len(known))
    for k in np.flatnonzero(kinds.personal):
        others = kinds.personal & (np.arange(len(kinds.personal)) != k)
        agree = classes.m[k][: comparisons[k].agreement].sum()
        ones += np.where(known[:, k], agree * _without(vectors, others, classes.m, "both"), 0.0)
    home = 1 - _without(vectors, kinds.identifier, classes.household, "agree")
    apart = _without(vectors, kinds.personal, classes.household, "agree")
    apart = apart - _without(vectors, kinds.personal, classes.household, "both")
    return clear * same + (clear - ones) * (1 - same), apart * home


def _without(
    vectors: ComparisonVectors, kind: NDArray[np.bool_], levels: tuple[Floats, ...], outcome: str
) -> Floats:
    """Return the probability that a pair shows an outcome in none of its comparisons."""
    result = np.ones(len(vectors.levels))
    for k in np.flatnonzero(kind):
        agree, differ = levels[k][: vectors.comparisons[k].agreement].sum(), levels[k][-1]
        shown = {"agree": agree, "differ": differ, "both": agree + differ}[outcome]
        result *= np.where(vectors.levels[:, k] != MISSING, 1 - shown, 1.0)
    return result


def _evidence(
    records: Records, found: Candidates, vectors: ComparisonVectors, model: LinkModel
) -> dict[str, Floats]:
    """Return bits by name: the prior, each comparison, and what the household takes away."""
    match, at_home = _prior_of(records, found, model)
    strangers = 1 - match - at_home
    household = np.log2(at_home / strangers)
    bits = {"prior": np.log2(match / strangers)}
    for k, comparison in enumerate(vectors.comparisons):
        levels, name = vectors.levels[:, k], comparison.name
        m, h, u = (np.log2(table[name]) for table in (model.m, model.household, model.u))
        common = _commonness(records, found, comparison, levels)
        bits[name] = _by_level(m - u, levels) - common
        # Where it is not shared a household agrees as strangers do.
        own = comparison.agreement * (not comparison.shared)
        taken = np.where(np.arange(len(h)) < own, 0.0, h - u)
        household += _by_level(taken, levels) - np.where(levels < own, 0.0, common)
    # odds = M / (H + 1) with M and H relative to strangers: the household costs log2(1 + H).
    bits["household"] = -np.logaddexp2(0.0, household)
    return bits


def _prior_of(records: Records, found: Candidates, model: LinkModel) -> tuple[Floats, Floats]:
    """Return the prior shares of matches and household pairs of each candidate pair."""
    place = {name: code for code, name in enumerate(model.sources)}
    sources, code = np.unique(records.source.astype(str), return_inverse=True)
    known = np.array([place.get(name, len(place)) for name in sources.tolist()], dtype=np.int64)
    left, right = known[code[found.left]], known[code[found.right]]
    return model.match_share[left, right], model.household_share[left, right]


def _commonness(
    records: Records, found: Candidates, comparison: Comparison, levels: NDArray[np.int8]
) -> Floats:
    """Return how much commoner than the average agreement the agreed value is, in bits.

    The term-frequency adjustment of Winkler (2000): u of an agreement on a value is
    the value's own share of the records instead of the mean over all agreements.
    """
    result = np.zeros(len(levels))
    for level, name in enumerate(comparison.frequency):
        if name is None or name not in records.columns:
            continue
        column = records.columns[name]
        share = column.count / max(int(column.count.sum()), 1)
        relative = np.clip(share / np.sum(share**2), 0.02, 50.0)
        codes = np.maximum(column.codes[found.left], column.codes[found.right])
        here = (levels == level) & (codes != MISSING)
        result[here] = np.log2(relative)[codes[here]]
    return result


def _by_level(table: Floats, levels: NDArray[np.int8]) -> Floats:
    """Return the entry of each pair's level, 0 where there was nothing to compare."""
    return np.append(table, 0.0)[levels]  # the last is that of MISSING, which is -1
