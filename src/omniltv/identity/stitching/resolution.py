"""The result of stitching: crosswalk, evidence, rejected rows, and expected accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import FrameKind
from omniltv._options import Few, Level, Seed, checked
from omniltv.data.report import IntakeReport, Tolerance
from omniltv.identity.customers._ids import customer_ids
from omniltv.identity.customers.attachment import Attached, attached, ids_of
from omniltv.identity.linking.values import LinkModel, ScoredPairs
from omniltv.identity.records._codes import objects
from omniltv.identity.records.columns import Column, RecordKey, Records
from omniltv.identity.records.masking import Masked
from omniltv.identity.stitching.evidence import Evidence, LinkedRecords
from omniltv.identity.stitching.spec import LinkSpec

__all__ = [
    "LinkageState",
    "Resolution",
    "ResolutionSummary",
    "previous_of",
]


_NUMBERS = {"probability": nw.Float64}
_HOUSEHOLD = ("customer_id", "household_id")


@checked
@dataclass(frozen=True, slots=True)
class Learnt:
    """A share that was estimated without labels.

    Attributes:
        share: The share.
        error: Its standard error.

    Examples:
        >>> print(Learnt(0.95, 0.012))
        0.950 ± 0.012
    """

    share: float
    error: float

    def __str__(self) -> str:
        return f"{self.share:.3f} ± {self.error:.3f}"


@checked
@dataclass(frozen=True, slots=True)
class ResolutionSummary:
    """The counts and expected accuracy of a resolution.

    Attributes:
        rows: Number of rows given.
        records: Number of valid rows.
        rejected: Number of rejected rows by reason.
        unread: Number of values that could not be read, or not completely, by
            ``field: reason``. Their records are kept. Empty cells are not counted.
        customers: Number of customers.
        sizes: Number of customers by number of records.
        flagged: Number of customers to review, by reason.
        candidates: Number of pairs compared.
        links: Number of links kept.
        links_by_rule: Number of links proposed by each rule; a link may have several rules.
        false_links: Expected number of wrong links, the sum of 1 - p over the links.
        precision: Expected share of links that are right, by the model's probabilities.
        recall: Expected share of the matches among the compared pairs that belong to one
            customer; pairs that no rule proposed are not counted. A conservative estimate.
        masked: Number of masked values by column.
        oversized: Number of blocks too large to pair, by rule.
        agreement: How often two records of one person do not differ, by comparison.
        defaults: Comparisons with values for which this share is mostly the default, because too
            few pairs show it. Probabilities that rest on them are uncertain.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.identity import stitch
        >>> summary = stitch(simulate_retailer(150, seed=1).records).summary()
        >>> sum(summary.sizes.values()) == summary.customers
        True
    """

    rows: int
    records: int
    rejected: Mapping[str, int]
    unread: Mapping[str, int]
    customers: int
    sizes: Mapping[int, int]
    flagged: Mapping[str, int]
    candidates: int
    links: int
    links_by_rule: Mapping[str, int]
    false_links: float
    precision: float
    recall: float
    masked: Mapping[str, int]
    oversized: Mapping[str, int]
    agreement: Mapping[str, Learnt]
    defaults: tuple[str, ...]

    def __str__(self) -> str:
        learnt = ", ".join(f"{name} {value}" for name, value in self.agreement.items())
        rules = ", ".join(f"{name} {n:,}" for name, n in self.links_by_rule.items()) or "none"
        sizes = ", ".join(f"{n:,} of {size:,}" for size, n in self.sizes.items()) or "none"
        return (
            f"{self.records:,} records -> {self.customers:,} customers "
            f"({self.links:,} links among {self.candidates:,} pairs)\n"
            f"expected accuracy: about {self.false_links:,.0f} wrong links; precision "
            f"{self.precision:.3f}, recall among compared pairs {self.recall:.3f}\n"
            f"links by rule: {rules}\n"
            f"customers by records: {sizes}\n"
            f"customers to review: {_counted(self.flagged)}\n"
            f"rejected rows: {_counted(self.rejected)}\n"
            f"values not read: {_counted(self.unread)}\n"
            f"values shared by too many and masked: {_counted(self.masked)}\n"
            f"blocks too large to pair: {_counted(self.oversized)}\n"
            f"agreement of one person: {learnt or 'none learnt'}\n"
            f"not learnt, because too few pairs show it: {', '.join(self.defaults) or 'none'}"
        )


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in numbers.items()) or "none"


@dataclass(frozen=True, eq=False, repr=False)
class LinkageState:
    """The inputs of a resolution that the next run needs.

    Attributes:
        spec: How records were linked.
        records: The normalised records.
        masked: Values that too many records share.
        compared: The pairs with their evidence.
        judged: The pairs with manual decisions added.
        decisions: All decisions, as columns.
        unique: Code of each record's source, if a person has at most one record in it.

    Examples:
        >>> from omniltv.identity.stitching.spec import unique_codes
        >>> from omniltv.identity import InMemoryEngine
        >>> phone, spec = Column.of(["1", "1"]), LinkSpec(unique_sources=("app",))
        >>> records = Records(np.array(["app", "ec"]), np.array(["7", "8"]), {"phone": phone})
        >>> pairs = InMemoryEngine().link(records, blockers=spec.blockers,
        ...                               comparisons=spec.comparisons, max_block=50, seed=0)
        >>> unique = unique_codes(records.source, spec.unique_sources)
        >>> state = LinkageState(spec, records, (), pairs, pairs, {}, unique)
        >>> len(state.judged.candidates), state.unique.tolist()
        (1, [0, -1])
    """

    spec: LinkSpec
    records: Records
    masked: tuple[Masked, ...]
    compared: ScoredPairs
    judged: ScoredPairs
    decisions: Mapping[str, Sequence[object]]
    unique: NDArray[np.int64]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Resolution[FrameT]:
    """The customers found by `stitch`: one id per person.

    All frames are of the kind that was given to `stitch`.

    Attributes:
        crosswalk: ``source``, ``record_id`` (a whole number if it was one), ``customer_id``
            and ``probability`` (that the record belongs to its customer), one row per valid
            record, in the order given.
        links: Linked pairs: ``source_a``, ``record_id_a``, ``source_b``, ``record_id_b``,
            ``probability``, ``rules``, ``kept`` (false if the link contradicted the rest
            of its customer and was cut) and ``bits_…`` of evidence, one per comparison.
        clusters: ``customer_id``, ``n_records``, ``n_sources``, ``probability`` (the lowest
            of its records), ``agreeing`` (share of all pairs of its records with evidence for
            one person), ``weakest_link`` (probability of the link whose removal splits it
            first), ``across`` (pairs with evidence for one person between the two parts of
            this split) and ``flag`` (why to review it, or empty).
        report: Rows of the lists kept and set aside, by reason.
        masked_values: One row per record and masked value that too many records share:
            ``column``, ``group`` (number of the value), ``shared_by``, ``source``,
            ``record_id``.
        oversized: Blocks too large to pair: ``rule``, ``n_records``.
        unused_decisions: Decisions that could not be used, with ``reason``.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.identity import stitch
        >>> records = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["1", None],
        ...                         "phone": ["090-1234-5678", "090-1234-5678"]})
        >>> found = stitch(records)
        >>> found.rejected["reason"].tolist()
        ['record_id: missing']
    """

    crosswalk: FrameT
    links: FrameT
    clusters: FrameT
    report: IntakeReport[FrameT]
    masked_values: FrameT
    oversized: FrameT
    unused_decisions: FrameT
    _summary: ResolutionSummary
    _state: LinkageState
    _customer: NDArray[np.object_]
    _order: NDArray[np.intp]
    _kind: FrameKind[FrameT]

    def __repr__(self) -> str:
        return f"Resolution({str(self._summary).splitlines()[0]})"

    @property
    def rejected(self) -> FrameT:
        """The rejected rows as given, with ``reason``."""
        return self.report.rejected

    @property
    def records(self) -> Records:
        """The normalised records, sorted by source and id; they hold personal values."""
        return self._state.records

    @property
    def compared(self) -> ScoredPairs:
        """The compared pairs of `records` with their evidence, without manual decisions."""
        return self._state.compared

    @property
    def model(self) -> LinkModel:
        """The model that scored the pairs; ``LinkSpec(model=…)`` scores other records with it."""
        return self._state.compared.model

    def summary(self) -> ResolutionSummary:
        """Return counts of records, customers and links, and the expected accuracy."""
        return self._summary

    def why(self, a: RecordKey, b: RecordKey) -> Evidence:
        """Return the evidence on whether two records are one person.

        Args:
            a: (source, record_id) of the first record.
            b: (source, record_id) of the second record.

        Raises:
            DataError: If a record is not in the crosswalk.
        """
        return self._linked.why(a, b)

    def review(self, n: Few) -> FrameT:
        """Return the pairs that are most useful to review, the most uncertain first.

        Add a column ``same`` by hand to make the table one of decisions. With
        ``LinkSpec(learn_from_decisions=True)`` the weights of evidence are learned from it.
        The pairs are a sample of all pairs; uncertain pairs are drawn more often.

        Args:
            n: Maximum number of pairs.

        Returns:
            ``source_a``, ``record_id_a``, ``source_b``, ``record_id_b``, ``probability``.

        Raises:
            ConfigError: If ``n`` is below 1.

        Examples:
            >>> from omniltv.data import simulate_retailer
            >>> from omniltv.identity import stitch
            >>> len(stitch(simulate_retailer(150, seed=1).records).review(10))
            10
        """
        return self._kind.build(self._linked.review(n), _NUMBERS)

    def households(self, *, threshold: Level = 0.5, previous: IntoFrame | None = None) -> FrameT:
        """Return the household of each customer, from shared phone, address and family name.

        The evidence that two customers share a household is the mean evidence that their
        compared records belong to one person or one family. Ids do not depend on the order
        of records.

        Args:
            threshold: Minimum probability that two customers share a household.
            previous: Households of the previous run, whose ids are kept.

        Returns:
            ``customer_id`` and ``household_id``, one row per customer, as in `clusters`.

        Raises:
            ConfigError: If the threshold is not between 0 and 1.
            DataError: If a column of ``previous`` is missing, ids in it are missing, or a
                customer is repeated.

        Examples:
            >>> from omniltv.data import simulate_retailer
            >>> from omniltv.identity import stitch
            >>> found = stitch(simulate_retailer(150, seed=1).records)
            >>> homes = found.households()
            >>> homes["household_id"].nunique() < homes["customer_id"].nunique()
            True
        """
        known = {} if previous is None else ids_of(previous, "previous", _HOUSEHOLD)
        return self._kind.build(self._linked.households(threshold=threshold, previous=known))

    def attach(
        self, transactions: IntoFrameT, *, tolerance: Tolerance | None = None
    ) -> Attached[IntoFrameT]:
        """Return transactions with ``customer_id``; rows of unknown records are rejected.

        Args:
            transactions: A frame with ``source`` and ``record_id``.
            tolerance: As in `omniltv.identity.attach`.

        Raises:
            DataError: If one of the two columns is missing.
            IntakeError: If more is rejected than ``tolerance`` allows.
        """
        found = attached(transactions, self._linked.customer_of)
        found.report.judge(tolerance)
        return found

    def draws(self, k: Few, *, seed: Seed) -> tuple[FrameT, ...]:
        """Return random crosswalks drawn from the match probabilities.

        Two records that are one person with probability 0.7 are one customer in about 70 of
        100 crosswalks. Results computed from each crosswalk and combined include identity
        uncertainty. Customers keep the ids of `crosswalk` where possible.

        Args:
            k: Number of crosswalks.
            seed: The same seed gives the same crosswalks.

        Returns:
            Frames with ``source``, ``record_id`` and ``customer_id``, rows as in `crosswalk`.

        Raises:
            ConfigError: If ``k`` is below 1.

        Examples:
            >>> from omniltv.data import simulate_retailer
            >>> from omniltv.identity import stitch
            >>> found = stitch(simulate_retailer(150, seed=1).records)
            >>> customers = {drawn["customer_id"].nunique() for drawn in found.draws(10, seed=1)}
            >>> len(customers) > 1  # the number of customers is uncertain
            True
        """
        from omniltv.identity.customers._imputation import (  # noqa: PLC0415 - takes a second to load
            draw_partitions,
        )

        judged, unique = self._state.judged, self._state.unique
        start = Column.of(self._customer).codes
        drawn = draw_partitions(judged, start, unique, k=k, seed=seed)
        keys, taken = (self.records.source, self.records.record_id), {*self._customer.tolist()}
        columns = dict(zip(("source", "record_id"), (k[self._order] for k in keys), strict=True))
        frames = []
        for labels in drawn:
            ids = customer_ids(keys, labels, self._customer, taken)
            shown = columns | {"customer_id": ids[self._order]}
            plain = {name: values.tolist() for name, values in shown.items()}
            frames.append(self._kind.build(plain))
        return tuple(frames)

    @cached_property
    def _linked(self) -> LinkedRecords:
        state = self._state
        return LinkedRecords(state.records, state.judged, self._customer, state.spec.clusterer)


def previous_of(records: Records, customer_of: Mapping[RecordKey, str]) -> NDArray[np.object_]:
    """Return the customer id of each record in a crosswalk, None if it has none.

    Examples:
        >>> records = Records(np.array(["ec", "ec"]), np.array(["1", "2"]), {})
        >>> previous_of(records, {("ec", "2"): "a"}).tolist()
        [None, 'a']
    """
    if not customer_of:
        return np.full(len(records), None, dtype=object)
    return objects(customer_of.get(key) for key in records.ids())
