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
by one EM over the pairs of all rules (`omniltv.identity.linking._estimation`). It leaves missing
levels out (Enamorado, Fifield and Imai 2019) and adds the expected pairs that no rule proposes.
The prior of each pair of sources is the expected number of pairs of one person, or of one
household, among those that the rules propose for certain, divided by the share of such pairs that
the rules would propose given the fields of the two sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.identity.linking._chance import SampledComparisons, strangers
from omniltv.identity.linking._comparison_vectors import ComparisonVectors, reachable_levels
from omniltv.identity.linking._coverage import RuleCoverage, covered
from omniltv.identity.linking._dependence import Dependence, dependence
from omniltv.identity.linking._estimation import (
    Classes,
    Counted,
    Exposure,
    expect,
    log_likelihood,
    personal,
    starting,
)
from omniltv.identity.linking._refinement import reweighted
from omniltv.identity.linking.protocols import Blocker, Comparison
from omniltv.identity.linking.values import Candidates, LinkModel, ScoredPairs
from omniltv.identity.records.columns import MISSING, Records

__all__ = ["learn", "nameless", "score"]


_PRIOR_DUPLICATES = 0.05  # matches per record that are expected before looking
_PRIOR_RELATIVES = 0.05  # pairs of one household per record, likewise
_PRIOR_SEEN = 1.0  # pairs that what is expected weighs
_PRIOR_CELL = 1.0  # pairs that the share of all sources weighs in two of them
_MOST_SHARE = 0.4  # of the pairs of two sources that may be one person, or one household
_NONE = 1e-9  # share of household pairs relative to matches if there are no households
_DOUBT = 10.0  # log odds by which a list has to speak against households
_FEW = 50  # pairs, too few to show that there are no households
_ALONE = 3.0  # odds that a contact in common is of one person, on a list without personal fields
_ROUNDS = 4
_SHARE_ROUNDS = 20


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
        >>> from omniltv.identity.linking._comparison_vectors import compared
        >>> from omniltv.identity.linking.blocking import KeyBlocker, candidates
        >>> from omniltv.identity.linking.comparisons import ValueComparison
        >>> from omniltv.identity.records.columns import Column
        >>> columns = {name: Column.of(list("abcdefghijklmnoabcde")) for name in ("name", "phone")}
        >>> numbers = np.arange(20).astype(str).astype(object)
        >>> records = Records(np.full(20, "ec", dtype=object), numbers, columns)
        >>> name = ValueComparison("name", "name", coincidence=0.001)
        >>> comparisons = name, ValueComparison("phone", "phone", shared=True)
        >>> rules = [KeyBlocker("phone", ("phone",), ("phone",))]
        >>> found = candidates(records, rules, max_block=9)
        >>> sample = sampled(records, comparisons, seed=1)
        >>> vectors, drawn = (
        ...     compared(records, pairs.left, pairs.right, comparisons) for pairs in (found, sample)
        ... )
        >>> chance = SampledComparisons(sample, drawn)
        >>> model = learn(records, found, vectors, chance, rules=rules)
        >>> bool(model.m["name"][0] > model.u["name"][0])
        True
    """
    comparisons = vectors.comparisons
    reachable = reachable_levels(vectors, chance.vectors)
    sources, code = np.unique(records.source.astype(str), return_inverse=True)
    cells = _Cells(np.bincount(code))
    u = strangers(chance, len(records))
    coverage = covered(
        found, vectors, rules, blind=chance.at_random[0], u=u, n_records=len(records)
    )
    learner = _Learner.of(code.astype(np.int64), cells, found, vectors, chance, coverage)
    start = starting(comparisons, u, reachable)
    state = learner.chosen(start, reachable, families=not nameless(records, comparisons))
    for _ in range(_ROUNDS - 1):
        unrelated = learner.unrelated(state)
        u = strangers(chance, len(records), unrelated)
        together = dependence(chance.vectors, unrelated, u)
        state = learner.step(state.given(u, together), reachable)
    match, household = learner.by_source(state)
    classes = state.classes
    names = [comparison.name for comparison in comparisons]
    m, h, u_by_name = (
        dict(zip(names, levels, strict=True))
        for levels in (classes.m, classes.household, classes.u)
    )
    dependent: dict[str, dict[str, Floats]] = {}
    for (k, on), ratio in classes.together.items():
        dependent.setdefault(names[k], {})[names[on]] = ratio
    seen = dict(zip(names, state.seen, strict=True))
    known = tuple(sources.tolist())
    return LinkModel(m, h, u_by_name, known, match, household, together=dependent, seen=seen)


@dataclass(frozen=True, eq=False)
class _Learner:
    """What is counted, and what the estimates are updated from."""

    cells: "_Cells"
    coverage: RuleCoverage
    vectors: ComparisonVectors
    chance: SampledComparisons
    levels: NDArray[np.int8]  # of the counted patterns
    pattern: NDArray[np.int64]  # of each group of pairs
    cell: NDArray[np.int64]  # of sources, likewise
    count: Floats  # pairs of it
    drawn: NDArray[np.int64]  # cell of each random pair
    mask: NDArray[np.int64]  # of each random pair
    masks: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        code: NDArray[np.int64],
        cells: "_Cells",
        found: Candidates,
        vectors: ComparisonVectors,
        chance: SampledComparisons,
        coverage: RuleCoverage,
    ) -> "_Learner":
        distinct, pattern = vectors.patterns
        counted = coverage.of(distinct.levels)[0] > 0
        number = np.cumsum(counted) - 1
        kept = counted[pattern]
        cell = cells.of(code, found.left[kept], found.right[kept])
        n_cells = len(cells.size) ** 2
        group, count = np.unique(number[pattern[kept]] * n_cells + cell, return_counts=True)
        at, where = np.divmod(group, n_cells)
        blind, (left, right) = chance.at_random
        known = blind.levels[:, list(coverage.axes)] != MISSING
        bits = known @ (1 << np.arange(known.shape[1]))
        _, first, mask = np.unique(bits, return_index=True, return_inverse=True)
        return cls(
            cells=cells,
            coverage=coverage,
            vectors=vectors,
            chance=chance,
            levels=distinct.levels[counted],
            pattern=at,
            cell=where,
            count=count.astype(np.float64),
            drawn=cells.of(code, left, right),
            mask=mask,
            masks=known[first],
        )

    def chosen(
        self, classes: Classes, reachable: Sequence[NDArray[np.bool_]], *, families: bool
    ) -> "_State":
        """Return the first estimates, without households if the list shows that there are none.

        Args:
            classes: Starting values.
            reachable: Levels that occur.
            families: Whether the list can tell the people of a household apart.
        """
        n, possible = len(self.cells.size), max(float(self.cells.possible.sum()), 1.0)
        records = max(float(self.cells.size.sum()), 1.0)
        share = min(_PRIOR_DUPLICATES * records / possible, _MOST_SHARE)
        match = np.full((n + 1, n + 1), share)
        models = [
            self.step(_State(classes, match, match * (1.0 if many else _NONE), many), reachable)
            for many in self._models(families)
        ]
        return max(models, key=lambda state: state.evidence + _DOUBT * state.families)

    def _models(self, families: bool) -> tuple[bool, ...]:
        """Return whether to try a model with households, and one without."""
        if not families:
            return (False,)
        return (True, False) if self.count.sum() >= _FEW else (True,)

    def step(self, state: "_State", reachable: Sequence[NDArray[np.bool_]]) -> "_State":
        """Return better estimates of the level probabilities and of the shares."""
        share = self._shares(self.cell, state)
        of_pattern = np.bincount(self.pattern, weights=self.count, minlength=len(self.levels))
        mean = (
            np.column_stack(
                [
                    np.bincount(
                        self.pattern, weights=self.count * share[:, c], minlength=len(self.levels)
                    )
                    for c in range(3)
                ]
            )
            / of_pattern[:, None]
        )
        own, chance = self.coverage.of(self.levels)
        counted = Counted(self.levels, of_pattern, mean, np.column_stack([own, own, chance]))
        size = float(self.cells.size.sum())
        exposure = Exposure(
            self.masks,
            self._exposed(state),
            (_PRIOR_DUPLICATES * size, _PRIOR_RELATIVES * size),
            _PRIOR_SEEN,
            state.families,
        )
        fitted = expect(
            counted, self.coverage, exposure, self.vectors.comparisons, state.classes, reachable
        )
        match, household = (
            np.minimum(share * by, _MOST_SHARE)
            for share, by in zip(
                (state.match, state.household), fitted.factor.tolist(), strict=True
            )
        )
        return _State(
            fitted.classes, match, household, state.families, fitted.evidence, fitted.seen
        )

    def unrelated(self, state: "_State") -> Floats:
        """Return the probability that each sampled pair is of unrelated people."""
        vectors = self.chance.vectors
        distinct, pattern = vectors.patterns
        match, household = state.match[-1, -1], state.household[-1, -1]
        last = np.array([match, household, 1 - match - household])
        log = log_likelihood(distinct.levels, state.classes, vectors.comparisons) + np.log(last)
        weight = np.exp(log[:, 2] - np.logaddexp.reduce(log, axis=1))
        return np.asarray(weight[pattern])

    def _shares(self, cell: NDArray[np.int64], state: "_State") -> Floats:
        """Return the prior shares of the three classes by cell."""
        m, h = (table[:-1, :-1].ravel()[cell] for table in (state.match, state.household))
        return np.column_stack([m, h, 1 - m - h])

    def _exposed(self, state: "_State") -> Floats:
        """Return the expected pairs of each class by mask, shape (n_masks, 2)."""
        n_cells = len(self.cells.possible)
        drawn = np.bincount(self.drawn, minlength=n_cells)
        each = (self.cells.possible / np.maximum(drawn, 1))[self.drawn]
        share = self._shares(self.drawn, state)
        return np.column_stack(
            [
                np.bincount(self.mask, weights=each * share[:, c], minlength=len(self.masks))
                for c in range(2)
            ]
        )

    def by_source(self, state: "_State") -> tuple[Floats, Floats]:
        """Return the shares of matches and of household pairs, by the two sources of a pair."""
        own, chance = self.coverage.of(self.levels)
        log = log_likelihood(self.levels, state.classes, self.vectors.comparisons)
        log += np.log(np.maximum(np.column_stack([own, own, chance]), 1e-300))
        log, shows = log[self.pattern], self._would_show(state.classes)
        for _ in range(_SHARE_ROUNDS):
            odds = log + np.log(self._shares(self.cell, state))
            weight = self.count[:, None] * np.exp(odds - np.logaddexp.reduce(odds, axis=1)[:, None])
            match, household = (
                self.cells.share(self.cell, weight[:, c], self.drawn, shows[self.mask, c], prior)
                for c, prior in enumerate((_PRIOR_DUPLICATES, _PRIOR_RELATIVES))
            )
            change = np.abs(np.log(match / state.match)).max()
            state = replace(
                state, match=match, household=household if state.families else state.household
            )
            if change < 1e-4:
                break
        return state.match, state.household

    def _would_show(self, classes: Classes) -> Floats:
        """Return the share of pairs that are proposed for certain, by mask and class."""
        result = np.ones((len(self.masks), 2))
        for row, known in enumerate(self.masks):
            for column, levels in enumerate((classes.m, classes.household)):
                result[row, column] -= self.coverage.missing(
                    [levels[k] for k in self.coverage.axes], known
                )
        return result


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


@dataclass(frozen=True, eq=False)
class _State:
    """The estimates so far; ``families`` is whether there are households of several people."""

    classes: Classes
    match: Floats
    household: Floats
    families: bool
    evidence: float = 0.0
    seen: tuple[float, ...] = ()

    def given(self, u: tuple[Floats, ...], together: Dependence) -> "_State":
        """Return the estimates with another u and other dependences."""
        return replace(self, classes=replace(self.classes, u=u, together=together))


@dataclass(frozen=True, eq=False)
class _Cells:
    """Pairs of sources, each a cell; ``size`` is the number of records by source."""

    size: NDArray[np.int64]

    @cached_property
    def possible(self) -> Floats:
        """Number of pairs of each cell; zero below the diagonal."""
        pairs = np.outer(self.size, self.size).astype(np.float64)
        np.fill_diagonal(pairs, self.size * (self.size - 1) / 2)
        return np.asarray(np.triu(pairs).ravel(), dtype=np.float64)

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
        seen: Floats,
        drawn: NDArray[np.int64],
        shows: Floats,
        prior: float,
    ) -> Floats:
        """Return the share of a class among the pairs of two sources, shrunk to the overall share.

        The shape is (n_sources + 1, n_sources + 1); the last row and column are the overall
        share, for other sources.

        Args:
            where: Cell of each group of candidate pairs.
            seen: Expected number of pairs of the class in each group.
            drawn: Cell of each random pair.
            shows: Probability that a pair of the class with the fields of the random pair is
                proposed for certain.
            prior: Pairs of the class per record that are expected before looking.
        """
        n, possible = len(self.size), self.possible
        total = np.bincount(drawn, weights=shows, minlength=n * n)
        count = np.bincount(drawn, minlength=n * n)
        mean = (total + shows.sum() / max(len(shows), 1)) / (count + 1.0)
        exposed = possible * mean
        records = max(int(self.size.sum()), 1)
        expected = prior * records / max(float(possible.sum()), 1.0)
        overall = (seen.sum() + _PRIOR_SEEN) / (exposed.sum() + _PRIOR_SEEN / expected)
        found = np.bincount(where, weights=seen, minlength=n * n) + _PRIOR_CELL
        share = np.full((n + 1, n + 1), overall)
        share[:n, :n] = (found / (exposed + _PRIOR_CELL / overall)).reshape(n, n)
        share = np.triu(share)
        return np.minimum(share + np.triu(share, k=1).T, _MOST_SHARE)


def _evidence(
    records: Records, found: Candidates, vectors: ComparisonVectors, model: LinkModel
) -> dict[str, Floats]:
    """Return bits by name: the prior, each comparison, and what the household takes away."""
    match, at_home = _prior_of(records, found, model)
    strangers = 1 - match - at_home
    household = np.log2(at_home / strangers)
    bits = {"prior": np.log2(match / strangers)}
    agree = dict(zip((c.name for c in vectors.comparisons), vectors.agree().T, strict=True))
    for k, comparison in enumerate(vectors.comparisons):
        levels, name = vectors.levels[:, k], comparison.name
        m, h, u = (np.log2(table[name]) for table in (model.m, model.household, model.u))
        common = _commonness(records, found, comparison, levels)
        bits[name] = _by_level(m - u, levels) - common
        for on, ratio in model.together.get(name, {}).items():
            bits[name] -= _by_level(np.log2(ratio), levels) * agree[on]
        if comparison.shared:
            household += _by_level(h - u, levels) - common
        else:  # chance agrees as often in a common value; twins and namesakes are beside it
            beside = np.maximum(_by_level(np.exp2(h - u) - 1, levels), 0.0)
            less = np.minimum(_by_level(h - u, levels), 0.0)
            household += less + np.log2(1 + beside * np.exp2(-common))
    # odds = M / (H + 1) with M and H relative to strangers: the household costs log2(1 + H).
    bits["household"] = -np.logaddexp2(0.0, household)
    if nameless(records, vectors.comparisons):
        bits["no name"] = _without_names(vectors, sum(bits.values(), np.zeros(len(found))))
    return bits


def nameless(records: Records, comparisons: Sequence[Comparison]) -> bool:
    """Return whether no field distinguishes the people of a household.

    Examples:
        >>> from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
        >>> from omniltv.identity.records.columns import Column
        >>> records = Records(np.array(["ec"]), np.array(["a"]), {"phone": Column.of(["1"])})
        >>> nameless(records, DEFAULT_COMPARISONS)
        True
    """
    read = {name for c in comparisons if personal(c) for name in c.columns}
    return not read & {*records.columns}


def _without_names(vectors: ComparisonVectors, weight: Floats) -> Floats:
    """Return bits that bound the odds: a contact in common is mostly, a house seldom one person."""
    identifier = np.array([c.coincidence == 0 for c in vectors.comparisons])
    contact = (vectors.agree() & identifier).any(axis=1)
    most = np.where(contact, np.log2(_ALONE), -np.log2(_ALONE))
    return np.asarray(-np.logaddexp2(0.0, weight - most))


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
