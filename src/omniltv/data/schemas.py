"""The tables that omniltv reads: their columns, and the values that are allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import pandas as pd

from omniltv._columns import missing_column
from omniltv.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FIELDS",
    "NORMAL_COLUMNS",
    "SCHEMAS",
    "TableColumn",
    "TableName",
    "TableSchema",
    "out_of_range",
    "schema_of",
]

type TableName = Literal[
    "transactions", "purchases", "summaries", "records", "assignment", "behaviour", "contacts"
]
"""The tables that can be checked."""

EARLIEST = "1900-01-01"
"""Times before this day are errors or placeholders."""

FIELDS = (
    "family_name",
    "given_name",
    "family_name_kana",
    "given_name_kana",
    "email",
    "phone",
    "postcode",
    "address",
    "birth_date",
    "gender",
    "card_number",
)
"""The personal columns of customer records; all of them are optional."""

NORMAL_COLUMNS = (
    "family_written",
    "given_written",
    "family_reading",
    "given_reading",
    "family_sound",
    "given_sound",
    "full_sound",
    "house",
    "mailbox",
    "phone_tail",
    *FIELDS[4:],
)
"""The columns that normalising makes of the personal columns."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    Attributes:
        name: Name of the column.
        kind: An id (text or whole number), a label (text), a time, a number, or a personal
            field (any single value).
        needed: Whether the table must have the column.
        may_miss: Whether a row may lack a value.

    Examples:
        >>> TableColumn("channel", "label", needed=False).may_miss
        False
    """

    name: str
    kind: Literal["id", "label", "time", "number", "field"]
    needed: bool = True
    may_miss: bool = False


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns of a table that are checked; other columns are left as they are.

    If several valid rows have the same id and the same contents, the first is valid and the
    others are copies. If the contents differ, ``repeats`` decides.

    Attributes:
        columns: The columns, in the order in which faults are reported.
        key: The columns that identify a row; empty if there are none.
        repeats: Which rows of one id are valid if their contents differ: the first, or none.
        factors: Columns whose product is the value of tables that have no ``value``.

    Examples:
        >>> SCHEMAS["records"].key, SCHEMAS["records"].repeats
        (('source', 'record_id'), 'none')
    """

    columns: tuple[TableColumn, ...]
    key: tuple[str, ...] = ()
    repeats: Literal["first", "none"] = "first"
    factors: tuple[TableColumn, ...] = ()

    def known(self, names: Sequence[str]) -> tuple[TableColumn, ...]:
        """Return the columns that are read in a frame with these columns.

        Examples:
            >>> found = SCHEMAS["purchases"].known(["customer_id", "unit_price", "quantity"])
            >>> [column.name for column in found]
            ['customer_id', 'quantity', 'unit_price']
        """
        product = "value" not in names and all(factor.name in names for factor in self.factors)
        found = (*self.columns, *(self.factors if product else ()))
        return tuple(column for column in found if column.name in names)

    def present(self, names: Sequence[str], table: str) -> tuple[TableColumn, ...]:
        """Return the columns that are read in a frame, as `known` does.

        Raises:
            DataError: If a needed column is missing, or the name of an optional one seems
                to be misspelt.
        """
        known = {column.name for column in self.columns}
        others = {name.strip().lower(): name for name in names if name not in known}
        for column in self.columns:
            if column.name not in names and (column.needed or _misspelt(column, [*others])):
                raise _missing(column.name, names, others, table)
        return self.known(names)


def schema_of(table: str) -> TableSchema:
    """Return the schema of a table.

    Raises:
        ConfigError: If there is no such table.

    Examples:
        >>> [column.name for column in schema_of("behaviour").columns if column.needed]
        ['source', 'record_id', 'time', 'event']
    """
    if table not in SCHEMAS:
        known = ", ".join(SCHEMAS)
        raise ConfigError(f"no table is called {table!r}. Hint: one of {known}")
    return SCHEMAS[table]


def _misspelt(column: TableColumn, others: Sequence[str]) -> bool:
    """Return whether an unknown column seems to be an optional column of the table."""
    if column.kind == "field":
        return column.name in others
    alike = [other for other in others if other.count("_") == column.name.count("_")]
    return bool(get_close_matches(column.name, alike, cutoff=0.8))


def _missing(name: str, names: Sequence[str], others: Mapping[str, str], table: str) -> DataError:
    """Return the error that a column is missing; the hint renames none that a table needs."""
    free = {low: other for low, other in others.items() if low not in _every_column()}
    near = get_close_matches(name, free, n=1, cutoff=0.5)
    hint = f"add the column {name!r}"
    if name == "customer_id" and {"source", "record_id"} <= {*names}:
        hint = "add the customer of each record: resolution.attach(transactions).valid"
    elif near:
        hint = f'rename it: frame.rename(columns={{"{free[near[0]]}": "{name}"}})'
    elif name == "time" and {"first_purchase", "last_purchase"} & {*names}:
        hint = "PurchaseHistory.from_summaries(...) reads customer summaries"
    return missing_column(name, names, table, hint)


def _every_column() -> set[str]:
    """Return the columns that any table needs."""
    every = (column for schema in SCHEMAS.values() for column in schema.columns)
    return {column.name for column in every if column.needed}


def out_of_range(
    view: pd.DataFrame, latest: datetime
) -> list[tuple[str, str, "NDArray[np.bool_]"]]:
    """Return column, reason and rows of numbers and times outside the allowed range.

    Args:
        view: The values read: floats, and times without a time zone; missing where a value
            could not be read.
        latest: The last time that is not in the future.

    Examples:
        >>> found = out_of_range(pd.DataFrame({"value": [1.0, np.inf]}), datetime(2026, 1, 1))
        >>> [(column, reason, rows.tolist()) for column, reason, rows in found]
        [('value', 'infinite', [False, True])]
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
_WHERE_WHEN = (TableColumn("channel", "label", needed=False), TableColumn("time", "time"))
_VALUE = TableColumn("value", "number", needed=False)
_REFUND = TableColumn("refund_of", "id", needed=False, may_miss=True)
_FACTORS = (TableColumn("quantity", "number"), TableColumn("unit_price", "number"))

SCHEMAS: dict[str, TableSchema] = {
    "transactions": TableSchema(
        (
            TableColumn("transaction_id", "id", needed=False),
            *_PERSON,
            TableColumn("customer_id", "id", needed=False, may_miss=True),
            *_WHERE_WHEN,
            _VALUE,
            _REFUND,
        ),
        key=("transaction_id",),
        factors=_FACTORS,
    ),
    "purchases": TableSchema(
        (
            TableColumn("transaction_id", "id", needed=False, may_miss=True),
            TableColumn("customer_id", "id"),
            *_WHERE_WHEN,
            _VALUE,
            _REFUND,
        ),
        key=("transaction_id",),
        factors=_FACTORS,
    ),
    "summaries": TableSchema(
        (
            TableColumn("customer_id", "id"),
            TableColumn("channel", "label", needed=False),
            TableColumn("first_purchase", "time"),
            TableColumn("last_purchase", "time"),
            TableColumn("orders", "number"),
            TableColumn("value", "number", needed=False, may_miss=True),
            TableColumn("first_value", "number", needed=False, may_miss=True),
        )
    ),
    "records": TableSchema(
        (
            TableColumn("source", "label"),
            TableColumn("record_id", "id"),
            *(
                TableColumn(name, "field", needed=False, may_miss=True)
                for name in dict.fromkeys((*FIELDS, *NORMAL_COLUMNS))
            ),
        ),
        key=("source", "record_id"),
        repeats="none",
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
"""The schema of each table, by name."""
