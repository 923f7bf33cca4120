"""Questions to linked records: why two are one customer, what to review, who lives together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.identity.customers._households import households_of
from omniltv.identity.customers._ids import customer_ids
from omniltv.identity.linking._refinement import informative
from omniltv.identity.linking.protocols import Clusterer
from omniltv.identity.linking.values import ScoredPairs
from omniltv.identity.records import normalise
from omniltv.identity.records._codes import distinct_rows, objects
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records

__all__ = ["Evidence", "LinkedRecords", "link_columns", "rules_of"]

_REVIEWED = ("source_a", "record_id_a", "source_b", "record_id_b", "probability")


@checked
@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence on whether two records are one customer. Holds no personal values.

    Attributes:
        first: (source, record_id) of the first record.
        second: (source, record_id) of the second record.
        same_customer: Whether they belong to one customer.
        probability: Probability that they are one person, by their own evidence; NaN if no
            rule proposed the pair.
        rules: The rules that proposed the pair.
        levels: The level of each comparison.
        bits: Evidence in bits by name; the sum is the log2 odds.

    Examples:
        >>> evidence = Evidence(("ec", "1"), ("store", "7"), False, float("nan"), (), {}, {})
        >>> print(evidence)
        ec/1 and store/7: two customers; not compared, because no rule proposed the pair
    """

    first: RecordKey
    second: RecordKey
    same_customer: bool
    probability: float
    rules: tuple[str, ...]
    levels: Mapping[str, str]
    bits: Mapping[str, float]

    def __str__(self) -> str:
        verdict = "one customer" if self.same_customer else "two customers"
        head = f"{'/'.join(self.first)} and {'/'.join(self.second)}: {verdict}"
        if not self.rules:
            others = "; other records connect them" if self.same_customer else ""
            return f"{head}; not compared, because no rule proposed the pair{others}"
        lines = [f"{head}, probability {self.probability:.4f}, proposed by {', '.join(self.rules)}"]
        for name, bits in self.bits.items():
            lines.append(f"  {name:<14}{self.levels.get(name, ''):<18}{bits:+8.2f} bits")
        lines.append(f"  {'sum':<32}{sum(self.bits.values()):+8.2f} bits")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False, repr=False)
class LinkedRecords:
    """Records with their customers and the evidence, as a resolution or a store has them.

    Attributes:
        records: The normalised records.
        judged: The compared pairs, with manual decisions.
        customer: Customer id of each record, of shape (n_records,).
        clusterer: Clusters pairs of customers into households.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.identity import LinkSpec, stitch
        >>> lists = pd.DataFrame({"source": ["ec", "pos"], "record_id": ["1", "2"],
        ...                       "phone": ["03-1234-5678", "03-8765-4321"]})
        >>> found = stitch(lists)
        >>> linked = LinkedRecords(
        ...     found.records, found.compared, np.array(["a", "b"], dtype=object),
        ...     LinkSpec().clusterer,
        ... )
        >>> linked.customer_of[("pos", "2")]
        'b'
    """

    records: Records
    judged: ScoredPairs
    customer: NDArray[np.object_]
    clusterer: Clusterer

    @cached_property
    def customer_of(self) -> Mapping[RecordKey, str]:
        """Customer id by (source, record_id)."""
        return dict(zip(self.records.ids(), self.customer.tolist(), strict=True))

    def why(self, a: RecordKey, b: RecordKey) -> Evidence:
        """Return the evidence on two records.

        Args:
            a: Key of the first record.
            b: Key of the second record.

        Raises:
            DataError: If a record is unknown.
        """
        first, second = (self._find(key) for key in (a, b))
        low, high = sorted(self.records.position[key] for key in (first, second))
        same = self.customer[low] == self.customer[high]
        pairs = self.judged
        found = np.flatnonzero((pairs.candidates.left == low) & (pairs.candidates.right == high))
        if not len(found):
            return Evidence(first, second, same, float("nan"), (), {}, {})
        row = int(found[0])
        return Evidence(
            first=first,
            second=second,
            same_customer=same,
            probability=float(pairs.probability[row]),
            rules=rules_of(pairs, row),
            levels={name: _level(pairs, name, row) for name in pairs.grades},
            bits={name: float(bits[row]) for name, bits in pairs.bits.items()},
        )

    def review(self, n: int) -> dict[str, Sequence[object]]:
        """Return the columns of the pairs that are most useful to review.

        Args:
            n: Maximum number of pairs.

        Raises:
            ConfigError: If ``n`` is below 1.
        """
        rows = informative(self.judged, n)
        every = np.ones(len(rows), dtype=np.bool_)
        columns = link_columns(self.records, self.judged, rows, every)
        return {name: columns[name] for name in _REVIEWED}

    def households(
        self, *, threshold: float, previous: Mapping[tuple[str, ...], str]
    ) -> dict[str, Sequence[object]]:
        """Return ``customer_id`` and ``household_id`` of each customer, as columns.

        Args:
            threshold: Minimum probability that two customers share a household.
            previous: Households of the previous run by customer, whose ids are kept.

        Raises:
            ConfigError: If the threshold is not between 0 and 1.
        """
        customer = Column.of(self.customer)
        labels = households_of(
            self.judged, customer.codes, clusterer=self.clusterer, threshold=threshold
        )
        names = customer.values
        before = objects(previous.get((name,)) for name in names.tolist())
        ids = customer_ids((names,), labels, before, {*previous.values()}, prefix="h")
        return {"customer_id": names.tolist(), "household_id": ids.tolist()}

    def _find(self, key: RecordKey) -> RecordKey:
        known = (normalise.key(key[0]), normalise.key(key[1]))
        if known not in self.records.position:
            hint = "give (source, record_id) as in the crosswalk"
            raise DataError("no such record", column="record_id", rows=[key], hint=hint)
        return known


def rules_of(pairs: ScoredPairs, row: int) -> tuple[str, ...]:
    """Return the names of the rules that proposed a pair.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.identity import stitch
        >>> pairs = stitch(simulate_retailer(50, seed=1).records).compared
        >>> set(rules_of(pairs, 0)) <= set(pairs.candidates.rules)
        True
    """
    proposed = pairs.candidates.proposed[row]
    return tuple(name for name, yes in zip(pairs.candidates.rules, proposed, strict=True) if yes)


def _rule_names(pairs: ScoredPairs, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return the names of the rules that proposed some pairs, as one text each."""
    number, first = distinct_rows(pairs.candidates.proposed[rows])
    return objects(", ".join(rules_of(pairs, int(row))) for row in rows[first])[number]


def _level(pairs: ScoredPairs, name: str, row: int) -> str:
    grade = int(pairs.grades[name][row])
    return "missing" if grade == MISSING else pairs.levels[name][grade]


def link_columns(
    records: Records, pairs: ScoredPairs, rows: NDArray[np.intp], kept: NDArray[np.bool_]
) -> dict[str, Sequence[object]]:
    """Return the columns of the links table.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.identity import stitch
        >>> keys = {"source": ["ec", "store"], "record_id": ["1", "7"]}
        >>> contacts = {"given_name": "Ann", "phone": ["090-1234-5678", "09012345678"]}
        >>> found = stitch(pd.DataFrame(keys | contacts))
        >>> columns = link_columns(found.records, found.compared, np.array([0]), np.array([True]))
        >>> columns["record_id_a"], columns["record_id_b"], columns["rules"]
        (['1'], ['7'], ['phone, phone tail+given'])
    """
    left, right = pairs.candidates.left[rows], pairs.candidates.right[rows]
    return {
        "source_a": records.source[left].tolist(),
        "record_id_a": records.record_id[left].tolist(),
        "source_b": records.source[right].tolist(),
        "record_id_b": records.record_id[right].tolist(),
        "probability": pairs.probability[rows].tolist(),
        "rules": _rule_names(pairs, rows).tolist(),
        "kept": kept.tolist(),
        **{f"bits_{name}": bits[rows].tolist() for name, bits in pairs.bits.items()},
    }
