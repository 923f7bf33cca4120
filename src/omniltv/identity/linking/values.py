"""The values that pass between the plug-ins of record linkage: pairs, proposals, scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Floats
from omniltv._options import Count, checked
from omniltv.errors import ConfigError
from omniltv.identity.records._codes import MISSING
from omniltv.identity.records.columns import Column

__all__ = [
    "DECIDED",
    "Candidates",
    "Disagreement",
    "LinkModel",
    "Pairs",
    "Proposal",
    "ScoredPairs",
]

_ROUNDING = 1e-3  # similarities are computed in single precision

_FEW_PAIRS = 10.0  # as many as the default of m weighs, at least

DECIDED = 1_000_000.0
"""Bits of evidence of a manual decision, for or against."""


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """Pairs of records as input of a comparison: the codes of some columns, left and right.

    Attributes:
        columns: The columns by name.
        left: Codes of the left records by column, shape (n_pairs,) each.
        right: Codes of the right records.

    Examples:
        >>> pairs = Pairs.of({"phone": Column.of(["1", "1", None])}, [0, 0], [1, 2])
        >>> pairs.equal("phone").tolist(), pairs.known("phone").tolist()
        ([True, False], [True, False])
    """

    columns: Mapping[str, Column]
    left: Mapping[str, Codes]
    right: Mapping[str, Codes]

    @classmethod
    def of(
        cls, columns: Mapping[str, Column], left: list[int] | Codes, right: list[int] | Codes
    ) -> "Pairs":
        """Return the pairs of these record positions, over all columns."""
        return cls(
            columns,
            {name: column.codes[left] for name, column in columns.items()},
            {name: column.codes[right] for name, column in columns.items()},
        )

    def __len__(self) -> int:
        return next((len(codes) for codes in self.left.values()), 0)

    def has(self, column: str) -> bool:
        """Return whether the records have the column."""
        return column in self.columns

    def known(self, column: str) -> NDArray[np.bool_]:
        """Return which pairs have a value in both records, of shape (n_pairs,)."""
        if not self.has(column):
            return np.zeros(len(self), dtype=np.bool_)
        return np.asarray((self.left[column] != MISSING) & (self.right[column] != MISSING))

    def equal(self, column: str) -> NDArray[np.bool_]:
        """Return which pairs have the same value in both records, of shape (n_pairs,)."""
        return self.crossed(column, column)

    def crossed(self, left: str, right: str) -> NDArray[np.bool_]:
        """Return which pairs have equal values in a column of the left and one of the right record.

        The two columns must share their distinct values.
        """
        if not (self.has(left) and self.has(right)):
            return np.zeros(len(self), dtype=np.bool_)
        return np.asarray((self.left[left] != MISSING) & (self.left[left] == self.right[right]))

    def apply(
        self,
        column: str,
        function: Callable[[list[str], list[str]], NDArray[np.float32]],
        among: Flags | None = None,
    ) -> NDArray[np.float32]:
        """Return a symmetric function of both values, computed once per distinct pair.

        Args:
            column: Name of the column.
            function: Takes the left and right values of the distinct pairs.
            among: The pairs to compute, of shape (n_pairs,); all if None.

        Returns:
            Shape (n_pairs,); NaN if a value is missing or the pair is not computed.
        """
        result = np.full(len(self), np.nan, dtype=np.float32)
        wanted = self.known(column) if among is None else self.known(column) & among
        if not wanted.any():
            return result
        values = self.columns[column].values
        left, right = self.left[column][wanted], self.right[column][wanted]
        low, high = np.minimum(left, right), np.maximum(left, right)
        back, distinct = pd.factorize(low * len(values) + high)
        first, second = np.divmod(distinct, len(values))
        result[wanted] = function(values[first].tolist(), values[second].tolist())[back]
        return result

    def near(self, column: str, among: Flags) -> NDArray[np.bool_]:
        """Return which of some pairs may be one edit apart, from counts of their characters.

        An edit is a character lost, added or replaced, or two that are swapped. Pairs that are
        left out are further apart. Much faster than comparing the texts.

        Args:
            column: Name of the column.
            among: The pairs to look at, of shape (n_pairs,).
        """
        result = np.zeros(len(self), dtype=np.bool_)
        wanted = self.known(column) & among
        if wanted.any():
            counts = self.columns[column].characters
            one, other = counts[self.left[column][wanted]], counts[self.right[column][wanted]]
            apart = np.maximum(one, other) - np.minimum(one, other)
            result[wanted] = apart.sum(axis=1, dtype=np.uint16) <= 2  # a replaced one counts twice
        return result

    def alike(self, column: str, among: Flags, *, at_least: float) -> NDArray[np.bool_]:
        """Return which of some pairs may reach a Jaro-Winkler similarity, from their characters.

        Jaro's similarity is at most the mean of one and both shares of common characters, and
        Winkler's prefix closes at most .4 of the distance to one.

        Args:
            column: Name of the column.
            among: The pairs to look at, of shape (n_pairs,).
            at_least: The similarity.
        """
        result = np.zeros(len(self), dtype=np.bool_)
        wanted = self.known(column) & among
        if wanted.any():
            counts = self.columns[column].characters
            full = (counts == np.iinfo(counts.dtype).max).any(axis=1)  # has more than it counts
            part = 1 / np.maximum(counts.sum(axis=1), 1)
            left, right = self.left[column][wanted], self.right[column][wanted]
            common = np.minimum(counts[left], counts[right]).sum(axis=1, dtype=np.uint16)
            needed = 3 * (at_least - 0.4) / 0.6 - 1 - _ROUNDING
            shares = common * (part[left] + part[right])
            result[wanted] = (shares >= needed) | full[left] | full[right]
        return result


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Proposal:
    """The pairs one blocker proposes.

    Attributes:
        left: Positions of the left records, shape (n_pairs,); always below ``right``.
        right: Positions of the right records.
        oversized: Records of each block that was too large to pair, largest first.

    Examples:
        >>> proposal = Proposal(np.array([0, 0]), np.array([1, 2]))
        >>> len(proposal), proposal.oversized
        (2, ())
    """

    left: Codes
    right: Codes
    oversized: tuple[Codes, ...] = ()

    def __len__(self) -> int:
        return len(self.left)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Candidates:
    """All proposed pairs, each once, with the rules that proposed it.

    Attributes:
        left: Positions of the left records, shape (n_pairs,); always below ``right``.
        right: Positions of the right records.
        rules: Names of the blockers.
        proposed: Which rule proposed which pair, shape (n_pairs, n_rules).
        oversized: Blocks left out, by rule.

    Examples:
        >>> pairs = Candidates(np.array([0]), np.array([2]), ("phone",), np.array([[True]]), {})
        >>> len(pairs), pairs.rules
        (1, ('phone',))
    """

    left: Codes
    right: Codes
    rules: tuple[str, ...]
    proposed: NDArray[np.bool_]
    oversized: Mapping[str, tuple[Codes, ...]]

    def __len__(self) -> int:
        return len(self.left)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class LinkModel:
    """The parameters that an engine estimates from records and scores later records with.

    Attributes:
        m: Probability of each level for two records of one person, by comparison.
        household: Probability of each level for two people of one household.
        u: Probability of each level for unrelated people.
        sources: The sources of the records.
        match_share: Share of pairs that are one person, by the sources of both; the last row and
            column are for any other source. Shape (n_sources + 1, n_sources + 1), symmetric.
        household_share: Share of pairs that are two people of one household, in the same form.
        factors: Weight of each kind of evidence by name; 1 if it is not given.
        together: How much likelier each level of a comparison is among unrelated people who
            agree in another comparison, by the names of the two; 1 if it is not given.
        seen: Expected number of pairs of one person that ``m`` was estimated from, by comparison;
            empty if the model comes from a store.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.identity import stitch
        >>> model = stitch(simulate_retailer(150, seed=1).records).model
        >>> bool(model.m["phone"][0] > model.u["phone"][0])
        True
    """

    m: Mapping[str, Floats]
    household: Mapping[str, Floats]
    u: Mapping[str, Floats]
    sources: tuple[str, ...]
    match_share: Floats
    household_share: Floats
    factors: Mapping[str, float] = field(default_factory=dict)
    together: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)

    def standard_error(self, comparison: str, *, differing: Count = 1) -> float:
        """Return the standard error of the share of a person's pairs that do not differ.

        NaN if there were too few pairs, so that ``m`` is mostly its default.

        Args:
            comparison: Name of the comparison.
            differing: Number of levels, from the last, that count as different.

        Examples:
            >>> m, none = {"name": np.array([0.9, 0.1])}, np.zeros((1, 1))
            >>> model = LinkModel(m, m, m, (), none, none, seen={"name": 100.0})
            >>> round(model.standard_error("name"), 3)  # sqrt(0.9 * 0.1 / 100)
            0.03
        """
        n = self.seen.get(comparison, 0.0)
        if n < _FEW_PAIRS:
            return float("nan")
        share = float(self.m[comparison][-differing:].sum())
        return float(np.sqrt(share * (1 - share) / n))

    def matches(self, source: NDArray[np.object_]) -> float:
        """Return the expected number of pairs of one person among records of these sources."""
        place = {name: code for code, name in enumerate(self.sources)}
        names, size = np.unique(source.astype(str), return_counts=True)
        at = [place.get(name, len(place)) for name in names.tolist()]
        pairs = np.outer(size, size) / 2.0
        np.fill_diagonal(pairs, size * (size - 1) / 2)
        return float((pairs * self.match_share[np.ix_(at, at)]).sum())


def _nobody() -> Codes:
    return np.empty(0, dtype=np.int64)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ScoredPairs:
    """Candidate pairs with the evidence that they are one person.

    Attributes:
        candidates: The pairs and the rules that proposed them.
        probability: Probability that both records are one person, of shape (n_pairs,).
        bits: Evidence by name (``prior``, each comparison, ``household``), of shape
            (n_pairs,) each; the sum is the log2 odds.
        grades: Level of each pair by comparison, of shape (n_pairs,) each.
        levels: Names of the levels by comparison.
        model: The model that scored the pairs.
        leaving: Positions of the records that a manual decision separates from another
            record; the clusterer places them after the other records.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.identity import stitch
        >>> pairs = stitch(simulate_retailer(150, seed=1).records).compared
        >>> bool(np.allclose(pairs.probability, 1 / (1 + np.exp2(-pairs.weight))))
        True
    """

    candidates: Candidates
    probability: NDArray[np.float64]
    bits: Mapping[str, NDArray[np.float64]]
    grades: Mapping[str, NDArray[np.int8]]
    levels: Mapping[str, tuple[str, ...]]
    model: LinkModel
    leaving: Codes = field(default_factory=_nobody)

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Log2 odds that both records are one person, shape (n_pairs,)."""
        return sum(self.bits.values(), np.zeros(len(self.probability)))

    @cached_property
    def family(self) -> NDArray[np.float64]:
        """Probability that the records are two people of one household, shape (n_pairs,).

        Zero if the engine has no ``household`` evidence.
        """
        taken = self.bits.get("household", np.zeros(len(self.probability)))
        with np.errstate(divide="ignore"):
            odds = np.log2(np.expm1(-taken * np.log(2.0)))  # against unrelated people
        person = self.weight - taken
        return np.asarray(np.exp2(odds - np.logaddexp2(np.logaddexp2(0.0, odds), person)))


@checked
@dataclass(frozen=True, slots=True)
class Disagreement:
    """How pairs that disagree divide among the last levels of a comparison.

    One share per level, from the first level of disagreement to the last level.

    Attributes:
        person: For two records of one person, one of which is wrong.
        strangers: For unrelated people, before looking at the list.

    Raises:
        ConfigError: If the two have different lengths, or shares are not positive with sum 1.

    Examples:
        >>> Disagreement(person=(0.1, 0.9), strangers=(0.4, 0.6)).levels
        2
    """

    person: tuple[float, ...]
    strangers: tuple[float, ...]

    def __post_init__(self) -> None:
        both = (self.person, self.strangers)
        wrong = [s for s in both if min(s, default=0) <= 0 or not np.isclose(sum(s), 1)]
        if wrong or len(self.person) != len(self.strangers):
            message = f"shares of disagreement must be positive and sum to 1, got {both}"
            raise ConfigError(f"{message}. Hint: person=(0.1, 0.9), strangers=(0.4, 0.6)")

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.person)
