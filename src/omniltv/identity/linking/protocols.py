"""The plug-in points of record linkage.

Records are normalised once into integer-coded columns. A *blocker* proposes pairs
of them, a *comparison* grades each pair, a *link engine* turns blockers and
comparisons into scored pairs, and a *clusterer* turns scored pairs into customers.
Every pair keeps the rules that proposed it. The scorer corrects for the selection of
pairs by the rules, and links name their rules.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags
from omniltv._options import Count, Seed
from omniltv.identity.linking.values import Disagreement, LinkModel, Pairs, Proposal, ScoredPairs
from omniltv.identity.records.columns import Records

__all__ = [
    "Blocker",
    "Clusterer",
    "Comparison",
    "GradedDisagreement",
    "LinkEngine",
    "NormalisingComparison",
    "SqlComparison",
]


@runtime_checkable
class Blocker(Protocol):
    """A rule that proposes pairs to compare. `omniltv.testing` has its laws.

    Examples:
        >>> from omniltv.identity import KeyBlocker
        >>> isinstance(KeyBlocker("phone", ("phone",)), Blocker)
        True
    """

    @property
    def name(self) -> str:
        """Short name, used in links."""
        ...

    @property
    def decides(self) -> tuple[str, ...]:
        """Comparisons whose levels determine whether the rule proposes a pair."""
        ...

    def propose(self, records: Records, *, max_block: Count, new: Flags | None = None) -> Proposal:
        """Return the pairs; a block of more than ``max_block`` records is listed instead.

        Args:
            records: The records.
            max_block: Maximum number of records in a block.
            new: Which records are new, of shape (n_records,); only pairs (and blocks) with a
                new record are returned.
        """
        ...


@runtime_checkable
class Comparison(Protocol):
    """Grades pairs of records by one kind of evidence. `omniltv.testing` has its laws.

    Examples:
        >>> from omniltv.identity import BirthDateComparison
        >>> isinstance(BirthDateComparison(), Comparison)
        True
    """

    @property
    def name(self) -> str:
        """Short name, used for the evidence."""
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
        """Number of levels, from the first, that count as agreement."""
        ...

    @property
    def shared(self) -> bool:
        """Whether people of one household share the value."""
        ...

    @property
    def coincidence(self) -> float:
        """Prior probability that unrelated people agree; 0 for an identifier."""
        ...

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """Per level, the column in which a rare shared value is stronger evidence, or None."""
        ...

    def grade(self, pairs: Pairs) -> NDArray[np.int8]:
        """Return the level of each pair by position, `MISSING` if there is nothing to compare."""
        ...


@runtime_checkable
class GradedDisagreement(Comparison, Protocol):
    """A comparison with several levels of disagreement, such as a birth date a generation apart.

    In other comparisons, only the last level is disagreement.

    Examples:
        >>> from omniltv.identity import BirthDateComparison
        >>> isinstance(BirthDateComparison(), GradedDisagreement)
        True
    """

    @property
    def disagreement(self) -> Disagreement:
        """How pairs that disagree divide among the last levels."""
        ...


@runtime_checkable
class SqlComparison(Comparison, Protocol):
    """A comparison that also has its levels in SQL, for engines that work on a database.

    `omniltv.testing` has the law that SQL and Python give the same levels. A comparison
    without SQL is evaluated in Python by every engine.

    Examples:
        >>> from omniltv.identity import ValueComparison
        >>> isinstance(ValueComparison("email", "email"), SqlComparison)
        True
    """

    @property
    def sql(self) -> tuple[str, ...]:
        """One condition per level; the first that holds is the level, `MISSING` if none holds.

        In the dialect of DuckDB. ``"<column>_l"`` and ``"<column>_r"`` are the values of the
        left and the right record, NULL where missing. ``jaro_winkler_similarity`` and
        ``damerau_levenshtein`` count characters.
        """
        ...


@runtime_checkable
class NormalisingComparison(Comparison, Protocol):
    """A comparison that says how the values of an own column are normalised for it.

    A column that is declared in ``LinkSpec(columns=...)`` is normalised as declared there.

    Examples:
        >>> from omniltv.identity import NumberComparison
        >>> points = NumberComparison("points", "points", within=(10.0,))
        >>> isinstance(points, NormalisingComparison), points.normalise("1,200")
        (True, '1200.0')
    """

    def normalise(self, value: object) -> str | None:
        """Return the one spelling of a value as given, None if it is not usable."""
        ...


@runtime_checkable
class LinkEngine(Protocol):
    """Proposes, compares and scores pairs of records.

    Examples:
        >>> from omniltv.identity import InMemoryEngine
        >>> isinstance(InMemoryEngine(), LinkEngine)
        True
    """

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: Count,
        seed: Seed,
        model: LinkModel | None = None,
        new: Flags | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence.

        Args:
            records: The records.
            blockers: The rules that propose pairs.
            comparisons: The comparisons.
            max_block: Maximum number of records in a block.
            seed: Seed of the random pairs.
            model: Model to score with; estimated from the records if None.
            new: Which records are new, of shape (n_records,); only pairs with a new record are
                compared. Needs a ``model``.
        """
        ...


@runtime_checkable
class Clusterer(Protocol):
    """Turns scored pairs into customers.

    Examples:
        >>> from omniltv.identity import BestFirstClusterer
        >>> isinstance(BestFirstClusterer(), Clusterer)
        True
    """

    def cluster(self, pairs: ScoredPairs, *, n_records: int, links: Flags, unique: Codes) -> Codes:
        """Return the cluster of each record, shape (n_records,).

        A cluster contains only records that are connected by links, so records that are not
        connected to new ones need not be clustered again.

        Args:
            pairs: Scored candidate pairs.
            n_records: Number of records.
            links: Which pairs link two records, of shape (n_pairs,).
            unique: Code of each record's source if a person has at most one record in it,
                else `MISSING`; of shape (n_records,).
        """
        ...
