"""Accuracy of a crosswalk and of its probabilities, given the true people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array

from omniltv._arrays import Places
from omniltv._frames import Table, Tabular
from omniltv._options import Few, checked
from omniltv.errors import DataError
from omniltv.identity.customers.attachment import customers_of, ids_of
from omniltv.identity.stitching.resolution import Resolution

__all__ = ["LinkageQuality", "Reliability", "linkage_quality", "reliability"]


@checked
@dataclass(frozen=True, slots=True)
class LinkageQuality:
    """Pairwise and B-cubed scores of a crosswalk.

    Attributes:
        precision: Share of the linked pairs that are one person (1 if none is linked).
        recall: Share of the pairs of one person that are linked (1 if there is none).
        f1: Harmonic mean of the two.
        b_cubed_precision: Mean share of a record's customer that is its person
            (Bagga and Baldwin 1998).
        b_cubed_recall: Mean share of a record's person that is in its customer.
        records: Records in both tables.
        customers: Customers among them.
        people: People among them.
        by_source: Scores by pair of sources: ``source_a``, ``source_b``, ``linked`` and
            ``true`` (numbers of pairs), ``precision``, ``recall``, ``f1``.
        sizes: Number of customers and of people by number of records: ``records``,
            ``customers``, ``people``.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "store"], "record_id": ["1", "1"]}
        >>> found = pd.DataFrame(keys | {"customer_id": ["a", "a"]})
        >>> print(linkage_quality(found, pd.DataFrame(keys | {"person_id": ["p", "p"]})))
        2 records of 1 people as 1 customers: precision 1.000, recall 1.000, F1 1.000
    """

    precision: float
    recall: float
    f1: float
    b_cubed_precision: float
    b_cubed_recall: float
    records: int
    customers: int
    people: int
    by_source: Table = field(compare=False, repr=False)
    sizes: Table = field(compare=False, repr=False)

    def __str__(self) -> str:
        return (
            f"{self.records:,} records of {self.people:,} people as {self.customers:,} customers: "
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, F1 {self.f1:.3f}"
        )


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Reliability(Tabular):
    """Stated probabilities and observed frequencies, in bins of equal width.

    Its repr is the table of `to_frame`; bins without pairs are left out.

    Attributes:
        lower: Lower end of each bin, of shape (n_bins,).
        upper: Upper end.
        count: Pairs in it.
        stated: Their mean probability.
        seen: Share of them that are one person.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    count: NDArray[np.int64]
    stated: NDArray[np.float64]
    seen: NDArray[np.float64]

    @classmethod
    def of(cls, probability: ArrayLike, same: ArrayLike, *, bins: Few = 10) -> "Reliability":
        """Return the reliability of the probabilities of any pairs.

        Args:
            probability: Probability that a pair is one person, of shape (n_pairs,).
            same: Whether the pair is one person, of shape (n_pairs,).
            bins: Number of bins between 0 and 1.

        Raises:
            DataError: If there are no pairs, the shapes differ, or a probability is not in [0, 1].
            ConfigError: If ``bins`` is below 1.

        Examples:
            >>> Reliability.of([0.1, 0.8, 0.9, 0.9], [False, True, True, False], bins=2)
             lower  upper  count  stated   seen
                 0    0.5      1     0.1      0
               0.5      1      3  0.8667 0.6667
        """
        stated, true = np.asarray(probability, dtype=np.float64), np.asarray(same, dtype=np.bool_)
        if stated.ndim != 1 or stated.shape != true.shape or not len(stated):
            problem = f"{stated.shape} probabilities of {true.shape} pairs"
            raise DataError(problem, column="same", hint="one entry a pair, and at least one pair")
        if not ((stated >= 0) & (stated <= 1)).all():
            raise DataError("probabilities are between 0 and 1", column="probability")
        place, code = np.unique(
            np.minimum((stated * bins).astype(np.int64), bins - 1), return_inverse=True
        )
        count = np.bincount(code)
        return cls(
            lower=place / bins,
            upper=(place + 1) / bins,
            count=count.astype(np.int64),
            stated=np.bincount(code, weights=stated) / count,
            seen=np.bincount(code, weights=true) / count,
        )

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean difference of stated and observed over the pairs.

        Most candidate pairs are clear non-matches, which lower it, so look at the bins, too.
        """
        return float(np.abs(self.stated - self.seen) @ self.count / self.count.sum())

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return ``lower``, ``upper``, ``count``, ``stated`` and ``seen``, one row a bin."""
        names = ("lower", "upper", "count", "stated", "seen")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return repr(Table(self.columns()))


@checked
def reliability[FrameT](
    found: Resolution[FrameT],
    truth: IntoFrame,
    *,
    id_column: str = "person_id",
    bins: Few = 10,
) -> Reliability:
    """Return how well the match probabilities of compared pairs are calibrated.

    Manual decisions are ignored. The probabilities are estimated from the records without the
    truth. To assess a model on records that it was not estimated from, pass
    ``LinkSpec(model=resolution.model)`` to `stitch`, with the model of another resolution.

    Args:
        found: The result of stitching.
        truth: Columns ``source``, ``record_id`` and ``id_column``; pairs with a record
            that is not in it are left out.
        id_column: The person's id in ``truth``.
        bins: Number of bins.

    Raises:
        DataError: If a column or an id is missing, a record is repeated, or no pair is in the
            truth.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.identity import LinkSpec, stitch
        >>> learnt = stitch(simulate_retailer(300, seed=1).records)
        >>> others = simulate_retailer(300, seed=2)
        >>> found = stitch(others.records, spec=LinkSpec(model=learnt.model))
        >>> reliability(found, others.truth.records).expected_error < 0.1
        True
    """
    person = ids_of(truth, "truth", ("source", "record_id", id_column))
    who = [person.get(key) for key in found.records.ids()]
    code = np.unique([name or "" for name in who], return_inverse=True)[1]
    known = np.array([name is not None for name in who], dtype=np.bool_)
    pairs = found.compared
    left, right = pairs.candidates.left, pairs.candidates.right
    both = known[left] & known[right]
    return Reliability.of(pairs.probability[both], (code[left] == code[right])[both], bins=bins)


@checked
def linkage_quality(
    crosswalk: IntoFrame, truth: IntoFrame, *, id_column: str = "person_id"
) -> LinkageQuality:
    """Return how well a crosswalk recovers the true people.

    Args:
        crosswalk: Columns ``source``, ``record_id``, ``customer_id``.
        truth: Columns ``source``, ``record_id`` and ``id_column``.
        id_column: The person's id in ``truth``.

    Raises:
        DataError: If a column or an id is missing, a record is repeated, or no record is in
            both.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "ec", "store"], "record_id": ["1", "2", "1"]}
        >>> found = pd.DataFrame(keys | {"customer_id": ["a", "a", "b"]})
        >>> truth = pd.DataFrame(keys | {"person_id": ["p", "q", "p"]})
        >>> quality = linkage_quality(found, truth)
        >>> quality.precision, quality.recall, quality.f1
        (0.0, 0.0, 0.0)
        >>> quality.by_source.to_frame()[["source_a", "source_b", "linked", "true"]]
          source_a source_b  linked  true
        0       ec       ec       1     0
        1       ec    store       0     1
    """
    found = customers_of(crosswalk, "crosswalk")
    true = ids_of(truth, "truth", ("source", "record_id", id_column))
    both = sorted(found.keys() & true.keys())
    if not both:
        hint = "source and record_id must be spelt alike in both tables"
        raise DataError("no record is in both tables", column="record_id", hint=hint)
    sources, source = np.unique([key[0] for key in both], return_inverse=True)
    return _quality(
        np.unique([found[key] for key in both], return_inverse=True)[1],
        np.unique([true[key] for key in both], return_inverse=True)[1],
        source,
        sources.astype(object),
    )


def _quality(
    found: Places, true: Places, source: Places, sources: NDArray[np.object_]
) -> LinkageQuality:
    cell = found * (true.max() + 1) + true
    _, back, size = np.unique(cell, return_inverse=True, return_counts=True)
    customer, person = np.bincount(found), np.bincount(true)
    hits = _pairs(size)
    precision = _share(hits, _pairs(customer))
    recall = _share(hits, _pairs(person))
    counts = [_source_pairs(group, source) for group in (back, found, true)]
    return LinkageQuality(
        precision=precision,
        recall=recall,
        f1=float(_f1(precision, recall)),
        b_cubed_precision=float(np.mean(size[back] / customer[found])),
        b_cubed_recall=float(np.mean(size[back] / person[true])),
        records=len(found),
        customers=len(customer),
        people=len(person),
        by_source=_by_source(sources, *counts),
        sizes=_sizes(customer, person),
    )


def _source_pairs(group: Places, source: Places) -> Places:
    """Return how many pairs within groups are of each two sources, upper triangle."""
    shape = int(group.max()) + 1, int(source.max()) + 1
    having = coo_array((np.ones(len(group), dtype=np.int64), (group, source)), shape=shape).tocsr()
    pairs = (having.T @ having).toarray()
    np.fill_diagonal(pairs, (np.diag(pairs) - np.bincount(source)) // 2)
    return np.triu(pairs)


def _by_source(sources: NDArray[np.object_], hits: Places, linked: Places, true: Places) -> Table:
    a, b = np.nonzero(linked + true)
    hit, found, there = hits[a, b], linked[a, b], true[a, b]
    precision = np.where(found > 0, hit / np.maximum(found, 1), 1.0)
    recall = np.where(there > 0, hit / np.maximum(there, 1), 1.0)
    return Table(
        {
            "source_a": sources[a],
            "source_b": sources[b],
            "linked": found,
            "true": there,
            "precision": precision,
            "recall": recall,
            "f1": _f1(precision, recall),
        }
    )


def _sizes(customer: Places, person: Places) -> Table:
    longest = int(max(customer.max(), person.max())) + 1
    counts = [np.bincount(size, minlength=longest) for size in (customer, person)]
    records = np.flatnonzero(counts[0] + counts[1])
    return Table(
        {"records": records, "customers": counts[0][records], "people": counts[1][records]}
    )


def _f1(
    precision: float | NDArray[np.float64], recall: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    total = np.asarray(precision) + recall
    return np.asarray(2 * np.asarray(precision) * recall / np.where(total > 0, total, 1.0))


def _pairs(size: NDArray[np.intp]) -> int:
    return int(np.sum(size * (size - 1) // 2))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
