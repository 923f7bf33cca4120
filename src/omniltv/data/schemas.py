"""The tables that omniltv takes in: their columns, and what a value may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import pandas as pd

from omniltv.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SCHEMAS", "TableColumn", "TableName", "TableSchema", "out_of_range", "schema_of"]

type TableName = Literal[
    "transactions", "purchases", "records", "assignment", "behaviour", "contacts"
]
"""The tables that can be checked."""

EARLIEST = "1900-01-01"
"""Times before this day are slips or fillers."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    Attributes:
        name: Its name.
        kind: An id (text or whole number), a label (text), a time or a number.
        needed: Whether the table must have it.
        may_miss: Whether a row may go without a value.
    """

    name: str
    kind: Literal["id", "label", "time", "number"]
    needed: bool = True
    may_miss: bool = False


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns that are checked in a table; any other column is let through.

    Attributes:
        columns: The columns, in the order in which their faults are told.
        key: The columns that tell one row from another, if there are such.
    """

    columns: tuple[TableColumn, ...]
    key: tuple[str, ...] = ()

    def present(self, names: Sequence[str], table: str) -> tuple[TableColumn, ...]:
        """Return the columns of the schema that a frame has.

        Raises:
            DataError: If a needed column is missing.
        """
        for column in self.columns:
            if column.needed and column.name not in names:
                raise _missing(column.name, names, table)
        return tuple(column for column in self.columns if column.name in names)


def schema_of(table: str) -> TableSchema:
    """Return the schema of a table.

    Raises:
        ConfigError: If there is no such table.
    """
    if table not in SCHEMAS:
        known = ", ".join(SCHEMAS)
        raise ConfigError(f"no table is called {table!r}. Hint: one of {known}")
    return SCHEMAS[table]


def _missing(name: str, names: Sequence[str], table: str) -> DataError:
    spelt = {str(known).lower(): str(known) for known in names}
    near = get_close_matches(name.lower(), spelt, n=1, cutoff=0.5)
    rename = f'rename it: frame.rename(columns={{"{spelt[near[0]]}": "{name}"}})' if near else ""
    problem = f"{table} has no such column; it has: {', '.join(spelt.values()) or 'none'}"
    return DataError(problem, column=name, hint=rename or "add it")


def out_of_range(
    view: pd.DataFrame, latest: datetime
) -> list[tuple[str, str, "NDArray[np.bool_]"]]:
    """Return column, reason and rows of numbers and times that cannot be.

    Args:
        view: What the columns read as: floats, and times without a zone; missing where
            they could not be read.
        latest: The last time that is not in the future.
    """
    import pandera.pandas as pa  # noqa: PLC0415  # takes a second, and few need it

    checks = {"f": _number_checks, "M": _time_checks}
    columns = {
        name: pa.Column(checks=checks[view[name].dtype.kind](latest), nullable=True)
        for name in view.columns
    }
    try:
        pa.DataFrameSchema(columns).validate(view, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return _rows_at_fault(errors.failure_cases, len(view))
    return []


def _rows_at_fault(cases: pd.DataFrame, n_rows: int) -> list[tuple[str, str, "NDArray[np.bool_]"]]:
    found = []
    for key, part in cases.groupby(["column", "check"], sort=False):
        column, reason = cast("tuple[str, str]", key)
        rows = np.zeros(n_rows, dtype=bool)
        rows[part["index"].to_numpy(dtype=np.intp)] = True
        found.append((column, reason, rows))
    return found


def _number_checks(_: datetime) -> list[object]:
    import pandera.pandas as pa  # noqa: PLC0415  # takes a second, and few need it

    return [pa.Check(np.isfinite, error="infinite")]


def _time_checks(latest: datetime) -> list[object]:
    import pandera.pandas as pa  # noqa: PLC0415  # takes a second, and few need it

    return [
        pa.Check.ge(pd.Timestamp(EARLIEST), error="before 1900"),
        pa.Check.le(pd.Timestamp(latest), error="in the future"),
    ]


_PERSON = (TableColumn("source", "label"), TableColumn("record_id", "id", may_miss=True))
_WHERE_WHEN = (TableColumn("channel", "label"), TableColumn("time", "time"))
_REFUND = TableColumn("refund_of", "id", needed=False, may_miss=True)

SCHEMAS: dict[str, TableSchema] = {
    "transactions": TableSchema(
        (
            TableColumn("transaction_id", "id"),
            *_PERSON,
            TableColumn("customer_id", "id", needed=False, may_miss=True),
            *_WHERE_WHEN,
            TableColumn("value", "number"),
            _REFUND,
        ),
        key=("transaction_id",),
    ),
    "purchases": TableSchema(
        (
            TableColumn("transaction_id", "id", needed=False, may_miss=True),
            TableColumn("customer_id", "id"),
            *_WHERE_WHEN,
            TableColumn("value", "number"),
            _REFUND,
        ),
        key=("transaction_id",),
    ),
    "records": TableSchema(
        (TableColumn("source", "label"), TableColumn("record_id", "id")),
        key=("source", "record_id"),
    ),
    "assignment": TableSchema(
        (
            TableColumn("customer_id", "id"),
            TableColumn("arm", "label"),
            TableColumn("stratum", "label", needed=False, may_miss=True),
            TableColumn("time", "time", needed=False, may_miss=True),
        ),
        key=("customer_id",),
    ),
    "behaviour": TableSchema((*_PERSON, *_WHERE_WHEN, TableColumn("event", "label"))),
    "contacts": TableSchema(
        (
            *_PERSON,
            *_WHERE_WHEN,
            TableColumn("kind", "label"),
            TableColumn("staff_id", "id", needed=False, may_miss=True),
        )
    ),
}
"""What is known of each table, by name."""
