"""The plug-in points of the identity room, and the values that pass between them.

Records are normalised once into integer-coded columns. A *blocker* proposes pairs
of them, a *comparison* grades each pair, a *link engine* turns blockers and
comparisons into scored pairs, and a *clusterer* turns scored pairs into customers.
Which blocker proposed a pair is never forgotten: the scorer is trained rule by
rule, leaving out what the rule itself decides, and the link says it for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Floats
from omniltv.identity.records._codes import MISSING
from omniltv.identity.records.columns import Column, Records

__all__ = [
    "DECIDED",
    "Blocker",
    "Candidates",
    "Clusterer",
    "Comparison",
    "LinkEngine",
    "LinkModel",
    "Pairs",
    "Proposal",
    "ScoredPairs",
    "SqlComparison",
]


DECIDED = 1_000_000.0
"""Bits of evidence that a decision by hand counts, for or against."""


@dataclass(frozen=True, eq=False, repr=False)
class Pairs:
    """Pairs of records as a comparison sees them: the codes of some columns, left and right.

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
        """Return whether any record has the column."""
        return column in self.columns

    def known(self, column: str) -> NDArray[np.bool_]:
        """Return where both records have the value, shape (n_pairs,)."""
        if not self.has(column):
            return np.zeros(len(self), dtype=np.bool_)
        return np.asarray((self.left[column] != MISSING) & (self.right[column] != MISSING))

    def equal(self, column: str) -> NDArray[np.bool_]:
        """Return where both records have the same value, shape (n_pairs,)."""
        return self.crossed(column, column)

    def crossed(self, left: str, right: str) -> NDArray[np.bool_]:
        """Return where the left record's one column equals the right record's other one.

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
        """Return a symmetric function of both values, worked out once per distinct pair.

        Args:
            column: Which column.
            function: Takes the left and right values of the distinct pairs.
            among: The pairs it is wanted of, shape (n_pairs,); all if None.

        Returns:
            Shape (n_pairs,); NaN where a value is missing or it is not wanted.
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


@dataclass(frozen=True, eq=False, repr=False)
class Proposal:
    """The pairs one blocker proposes.

    Attributes:
        left: Positions of the left records, shape (n_pairs,); always below ``right``.
        right: Positions of the right records.
        oversized: Records of each block that was too large to pair, largest first.
    """

    left: Codes
    right: Codes
    oversized: tuple[Codes, ...] = ()

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True, eq=False, repr=False)
class Candidates:
    """All proposed pairs, each once, with the rules that proposed it.

    Attributes:
        left: Positions of the left records, shape (n_pairs,); always below ``right``.
        right: Positions of the right records.
        rules: Names of the blockers.
        proposed: Which rule proposed which pair, shape (n_pairs, n_rules).
        oversized: Blocks left out, by rule.
    """

    left: Codes
    right: Codes
    rules: tuple[str, ...]
    proposed: NDArray[np.bool_]
    oversized: Mapping[str, tuple[Codes, ...]]

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True, eq=False, repr=False)
class LinkModel:
    """What an engine learnt from records, and what it scores later ones by.

    Attributes:
        m: Probability of each level for two records of one person, by comparison.
        household: The same for two people of one household.
        u: The same for strangers.
        sources: The sources that there were.
        match_share: Share of pairs that are one person, by the sources of both; the last row and
            column are for any other source. Shape (n_sources + 1, n_sources + 1), symmetric.
        household_share: Share of pairs that are two people of one household, likewise.
        factors: How much each kind of evidence counts, by name; 1 where it is not there.
    """

    m: Mapping[str, Floats]
    household: Mapping[str, Floats]
    u: Mapping[str, Floats]
    sources: tuple[str, ...]
    match_share: Floats
    household_share: Floats
    factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class ScoredPairs:
    """Candidate pairs with the evidence that they are one person.

    Attributes:
        candidates: The pairs and the rules that proposed them.
        probability: That both records are one person, shape (n_pairs,).
        bits: Evidence by name (``prior``, each comparison, ``household``), shape
            (n_pairs,) each; its sum is the log2 odds.
        grades: Level of each pair by comparison, shape (n_pairs,) each.
        levels: Names of the levels by comparison.
        model: What they were scored by.
    """

    candidates: Candidates
    probability: NDArray[np.float64]
    bits: Mapping[str, NDArray[np.float64]]
    grades: Mapping[str, NDArray[np.int8]]
    levels: Mapping[str, tuple[str, ...]]
    model: LinkModel

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Log2 odds that both records are one person, shape (n_pairs,)."""
        return sum(self.bits.values(), np.zeros(len(self.probability)))

    @cached_property
    def family(self) -> NDArray[np.float64]:
        """Probability that the records are two people of one household, shape (n_pairs,).

        Zero where an engine has no ``household`` among its evidence.
        """
        taken = self.bits.get("household", np.zeros(len(self.probability)))
        with np.errstate(divide="ignore"):
            odds = np.log2(np.expm1(-taken * np.log(2.0)))  # against strangers
        person = self.weight - taken
        return np.asarray(np.exp2(odds - np.logaddexp2(np.logaddexp2(0.0, odds), person)))


@runtime_checkable
class Blocker(Protocol):
    """A rule that proposes pairs worth comparing. `omniltv.testing` has its laws."""

    @property
    def name(self) -> str:
        """Short name that the links carry."""
        ...

    @property
    def decides(self) -> tuple[str, ...]:
        """Comparisons whose outcome the rule forces: left out when training on its pairs."""
        ...

    def propose(self, records: Records, *, max_block: int, new: Flags | None = None) -> Proposal:
        """Return the pairs; a block of more than ``max_block`` records is listed instead.

        Args:
            records: The records.
            max_block: Records that one block may hold.
            new: Of the records, of shape (n_records,); then only pairs (and blocks) with a
                new one are returned.
        """
        ...


@runtime_checkable
class Comparison(Protocol):
    """Grades pairs of records in one respect. `omniltv.testing` has its laws."""

    @property
    def name(self) -> str:
        """Short name that the evidence carries."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the records that it reads."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels from full agreement to disagreement, at least two."""
        ...

    @property
    def agreement(self) -> int:
        """How many of the first levels count as agreement."""
        ...

    @property
    def shared(self) -> bool:
        """Whether people of one household have it in common."""
        ...

    @property
    def coincidence(self) -> float:
        """How often strangers agree, before the data say more; 0 for an identifier."""
        ...

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """Per level, the column in which a rare common value is stronger evidence."""
        ...

    def grade(self, pairs: Pairs) -> NDArray[np.int8]:
        """Return each pair's level by position, `MISSING` where there is nothing to compare."""
        ...


@runtime_checkable
class SqlComparison(Comparison, Protocol):
    """A comparison that can also say its levels in SQL, for engines that work on a database.

    `omniltv.testing` has the law that both ways give the same levels. A comparison
    without SQL is evaluated in Python by every engine.
    """

    @property
    def sql(self) -> tuple[str, ...]:
        """One condition a level; a pair's is the first that holds, `MISSING` where none does.

        In the dialect of DuckDB. ``"<column>_l"`` and ``"<column>_r"`` are the values of the
        left and the right record, NULL where missing. ``jaro_winkler_similarity`` and
        ``damerau_levenshtein`` count characters.
        """
        ...


@runtime_checkable
class LinkEngine(Protocol):
    """Proposes, compares and scores pairs: records in, evidence out."""

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: int,
        seed: int,
        model: LinkModel | None = None,
        new: Flags | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence.

        Args:
            records: The records.
            blockers: The rules that propose pairs.
            comparisons: What is compared.
            max_block: Records that one block may hold.
            seed: Of random pairs.
            model: What to score by; learnt from the records if None.
            new: Of the records, of shape (n_records,); then only pairs with a new one are
                looked at. Takes a ``model``.
        """
        ...


@runtime_checkable
class Clusterer(Protocol):
    """Turns scored pairs into customers."""

    def cluster(self, pairs: ScoredPairs, *, n_records: int, links: Flags, unique: Codes) -> Codes:
        """Return the cluster of each record, shape (n_records,).

        A cluster holds only records that links tie together, so that what is tied to nothing
        new need not be clustered again.

        Args:
            pairs: Scored candidate pairs.
            n_records: How many records there are.
            links: Which pairs are sure enough to join two records, shape (n_pairs,).
            unique: Code of each record's source where a person has at most one record
                in it, `MISSING` elsewhere; shape (n_records,).
        """
        ...
