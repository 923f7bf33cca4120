"""Faults of the rows of a table, by reason: unread values, and rows that contradict others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._frames import Eager
from omniltv.data._lines import OrderLines, RowRule, repeated_rows
from omniltv.data._read import (
    Reading,
    content_codes,
    distinct_ids,
    id_codes,
    joint_codes,
    missing_values,
)
from omniltv.data.schemas import (
    TableColumn,
    TableSchema,
)
from omniltv.errors import DataError

__all__ = ["COPY", "HINTS", "Faults", "note_across_rows", "note_unread", "row_ids"]

_ROW = "__row__"
COPY = "copy of an earlier row"
"""Why a copy is set aside."""

HINTS = {
    "id": "read the column as text or as whole numbers",
    "label": "fill it with text, such as 'store'",
    "number": 'write amounts as 1200 or "1,200"; formats=Formats(decimal=",") says more',
    "time": 'write 2025-01-31 10:30; formats=Formats(dates="dmy"), "mdy" or "seconds" says more',
    "field": "give one value per field",
}
"""How to write the values of each kind of column."""


@dataclass(eq=False)
class Faults:
    """Rows with a fault, by reason."""

    n_rows: int
    found: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, column: str, text: str, rows: NDArray[np.bool_]) -> None:
        if rows.any():
            self.found[f"{column}: {text}"] = rows

    def add_rows(self, column: str, text: str, rows: NDArray[np.integer]) -> None:
        mask = np.zeros(self.n_rows, dtype=bool)
        mask[rows] = True
        self.add(column, text, mask)

    def any(self) -> NDArray[np.bool_]:
        """Return which rows have a fault."""
        masks = [*self.found.values(), np.zeros(self.n_rows, dtype=bool)]
        return np.asarray(np.logical_or.reduce(masks), dtype=bool)

    def reasons(self) -> NDArray[np.object_]:
        """Return all reasons of each row as one text, ``""`` for rows without one."""
        reason = np.full(self.n_rows, "", dtype=object)
        if not self.found:
            return reason
        rows = np.flatnonzero(self.any())
        marks = np.zeros(len(rows), dtype=np.int64)
        for place, mask in enumerate(self.found.values()):
            marks |= mask[rows].astype(np.int64) << place
        which, sets = pd.factorize(marks)
        names = list(self.found)
        texts = np.empty(len(sets), dtype=object)
        texts[:] = ["; ".join(n for i, n in enumerate(names) if s >> i & 1) for s in sets.tolist()]
        reason[rows] = texts[which]
        return reason


def note_unread(faults: Faults, column: TableColumn, reading: Reading, rows: Eager) -> None:
    """Add the values of a column that could not be read.

    Raises:
        DataError: If no row could be read.
    """
    found = {} if column.may_miss else {"missing": reading.missing}
    found |= reading.faults
    if len(rows) and sum(found.values(), np.zeros(len(rows), dtype=bool)).all():
        problem = max(found, key=lambda text: int(found[text].sum()))
        raise DataError(
            f"no value can be read: {problem}",
            column=column.name,
            rows=row_ids(rows, np.arange(len(rows))),
            hint=HINTS[column.kind],
        )
    for text, mask in found.items():
        faults.add(column.name, text, mask)


def note_across_rows(
    faults: Faults, clean: Eager, schema: TableSchema, table: str, rule: RowRule
) -> OrderLines | None:
    """Add the faults between rows that have no fault themselves; return the lines of orders."""
    names = {column.name for column in schema.columns} & set(clean.columns)
    if names >= {"transaction_id", "refund_of"}:
        _note_self_refunds(faults, _good(clean, ["transaction_id", "refund_of"], faults))
    if table == "assignment":
        _note_two_arms(faults, _good(clean, ["customer_id", "arm"], faults))
    if not (schema.key and set(schema.key) <= names):
        return None
    fields = [column.name for column in schema.columns if column.name in names]
    return _note_repeats(faults, clean, schema, [f for f in fields if f not in schema.key], rule)


def _good(clean: Eager, names: Sequence[str], faults: Faults) -> Eager:
    """Return some columns of the rows without a fault, with the position of each row."""
    numbered = clean.select(names).with_row_index(_ROW)
    return numbered[np.flatnonzero(~faults.any()), :] if faults.found else numbered


def _note_self_refunds(faults: Faults, good: Eager) -> None:
    same = nw.col("transaction_id").cast(nw.String) == nw.col("refund_of").cast(nw.String)
    known = ~nw.col("refund_of").is_null() & ~nw.col("transaction_id").is_null()
    faults.add_rows(
        "refund_of", "refers to itself", good.filter(known).filter(same)[_ROW].to_numpy()
    )


def _note_two_arms(faults: Faults, good: Eager) -> None:
    pairs = good.select("customer_id", "arm").unique()
    torn = pairs["customer_id"].filter(pairs["customer_id"].is_duplicated())
    rows = good.filter(nw.col("customer_id").is_in(torn))
    faults.add_rows("customer_id", "in two arms", rows[_ROW].to_numpy())


def _note_repeats(
    faults: Faults, clean: Eager, schema: TableSchema, fields: Sequence[str], rule: RowRule
) -> OrderLines | None:
    """Add rows of one id: copies, and those whose contents differ, unless they are lines."""
    null = np.logical_or.reduce([clean[name].is_null().to_numpy() for name in schema.key])
    rows = np.flatnonzero(~(faults.any() | null))
    keys = [clean[name] if len(rows) == len(clean) else clean[name][rows] for name in schema.key]
    if distinct_ids(keys[-1]):
        return None
    key = joint_codes(map(id_codes, reversed(keys)))
    repeated = np.flatnonzero(pd.Series(key).duplicated(keep=False))
    if not len(repeated):
        return None
    rows, key = rows[repeated], pd.factorize(key[repeated])[0]  # numbered without gaps
    if schema.repeats == "first":
        mine = rule if schema.key == ("transaction_id",) else RowRule(rows="tickets")
        return _note_lines(faults, repeated_rows(clean, rows, key, fields, mine), schema.key[-1])
    content = joint_codes(chain([key], (content_codes(clean[name][rows]) for name in fields)))
    copy = pd.Series(content).duplicated().to_numpy()
    other = pd.Series(content).groupby(key).transform("nunique").to_numpy() > 1
    for reason, mask in (("rows of one id differ", other), (COPY, copy & ~other)):
        faults.add_rows(schema.key[-1], reason, rows[mask])
    return None


def _note_lines(faults: Faults, found: OrderLines, column: str) -> OrderLines:
    faults.add_rows(column, COPY, found.copies)
    faults.add_rows(column, "same id as an earlier row", found.others)
    if found.drop_identical:
        faults.add_rows(column, "identical line of an order", found.identical)
    return found


def row_ids(rows: Eager, which: NDArray[np.intp]) -> tuple[object, ...]:
    """Return the transaction ids of some rows; positions of rows without one.

    Examples:
        >>> table = nw.from_native(pd.DataFrame({"transaction_id": ["t1", None]}))
        >>> row_ids(table, np.array([0, 1]))
        ('t1', 1)
    """
    if "transaction_id" not in rows.columns:
        return tuple(which.tolist())
    ids = rows["transaction_id"][which]
    named = zip(ids.to_list(), which.tolist(), missing_values(ids), strict=True)
    return tuple(row if missing else name for name, row, missing in named)
