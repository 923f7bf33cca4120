"""How good a crosswalk is where the truth is known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv.errors import DataError
from omniltv.identity import normalise
from omniltv.identity._frames import read

__all__ = ["LinkageQuality", "linkage_quality"]


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
    """

    precision: float
    recall: float
    f1: float
    b_cubed_precision: float
    b_cubed_recall: float
    records: int
    customers: int
    people: int

    def __str__(self) -> str:
        return (
            f"{self.records:,} records of {self.people:,} people as {self.customers:,} customers: "
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, F1 {self.f1:.3f}"
        )


def linkage_quality(
    crosswalk: IntoFrame, truth: IntoFrame, *, id_column: str = "person_id"
) -> LinkageQuality:
    """Return how well a crosswalk recovers the true people.

    Args:
        crosswalk: Columns ``source``, ``record_id``, ``customer_id``.
        truth: Columns ``source``, ``record_id`` and ``id_column``.
        id_column: The person's id in ``truth``.

    Raises:
        DataError: If a column is missing, a key stands twice, or no record is in both.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "ec", "store"], "record_id": ["1", "2", "1"]}
        >>> found = pd.DataFrame(keys | {"customer_id": ["a", "a", "b"]})
        >>> truth = pd.DataFrame(keys | {"person_id": ["p", "q", "p"]})
        >>> quality = linkage_quality(found, truth)
        >>> quality.precision, quality.recall, quality.f1
        (0.0, 0.0, 0.0)
    """
    found = _labels(crosswalk, "customer_id", "crosswalk")
    true = _labels(truth, id_column, "truth")
    both = sorted(found.keys() & true.keys())
    if not both:
        hint = "source and record_id must be spelt alike in both tables"
        raise DataError("no record is in both tables", column="record_id", hint=hint)
    return _quality(
        np.unique([found[key] for key in both], return_inverse=True)[1],
        np.unique([true[key] for key in both], return_inverse=True)[1],
    )


def _quality(found: NDArray[np.intp], true: NDArray[np.intp]) -> LinkageQuality:
    cell = found * (true.max() + 1) + true
    _, back, size = np.unique(cell, return_inverse=True, return_counts=True)
    customer, person = np.bincount(found), np.bincount(true)
    hits = _pairs(size)
    precision = _share(hits, _pairs(customer))
    recall = _share(hits, _pairs(person))
    total = precision + recall
    return LinkageQuality(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / total if total else 0.0,
        b_cubed_precision=float(np.mean(size[back] / customer[found])),
        b_cubed_recall=float(np.mean(size[back] / person[true])),
        records=len(found),
        customers=len(customer),
        people=len(person),
    )


def _pairs(size: NDArray[np.intp]) -> int:
    return int(np.sum(size * (size - 1) // 2))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _labels(frame: IntoFrame, column: str, what: str) -> dict[tuple[str, str], str]:
    table, _ = read(frame, what)
    for name in ("source", "record_id", column):
        if name not in table.columns:
            hint = f"the {what} needs source, record_id and {column}"
            raise DataError("the column is missing", column=name, hint=hint)
    keys = list(
        zip(_texts(table["source"].to_list()), _texts(table["record_id"].to_list()), strict=True)
    )
    labels = dict(zip(keys, _texts(table[column].to_list()), strict=True))
    if len(labels) < len(keys):
        twice = [key for key, count in Counter(keys).items() if count > 1]
        raise DataError(f"a record stands twice in the {what}", column="record_id", rows=twice)
    return labels


def _texts(values: Sequence[object]) -> list[str]:
    return [normalise.key(value) for value in values]
