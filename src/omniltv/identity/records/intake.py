"""Customer lists to normalised records: read, checked and normalised."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._arrays import Objects
from omniltv._frames import Eager, FrameKind, read_frame
from omniltv._log import logged
from omniltv.data.checking import Checked, examine
from omniltv.data.report import IntakeReport, Tolerance, entry_of
from omniltv.data.schemas import FIELDS, NORMAL_COLUMNS
from omniltv.errors import DataError
from omniltv.identity.records import normalise
from omniltv.identity.records._codes import in_order, mapped, objects
from omniltv.identity.records._names import Known, names_of, read_names
from omniltv.identity.records.columns import RecordKey, Records, columns_of
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.own_columns import (
    OwnColumn,
    own_values,
    warn_of_columns,
    with_own_columns,
)
from omniltv.identity.records.reading import counted, read_fields, read_values, reader_of

__all__ = [
    "Intake",
    "Rows",
    "normal_values",
    "normalise_records",
    "read_records",
    "rows_of",
]

_NOBODY = "no personal column, so every record is a customer of its own"


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Rows of customer lists, in the given order.

    Attributes:
        source: Source of each row, of shape (n_rows,).
        record_id: Id of each row within its source.
        raw: The personal columns that the list has, as given.

    Examples:
        >>> rows = Rows(np.array(["store", "ec"]), np.array(["1", "7"]), {})
        >>> rows.keys(), rows.order.tolist()
        ([('store', '1'), ('ec', '7')], [1, 0])
    """

    source: Objects
    record_id: Objects
    raw: Mapping[str, Objects]

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Positions of the rows in the order of (source, record_id)."""
        return in_order(self.source, self.record_id)

    def keys(self) -> list[RecordKey]:
        """Return (source, record_id) of each row."""
        return list(zip(self.source.tolist(), self.record_id.tolist(), strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class Intake[FrameT]:
    """A customer list: its valid rows, and the rejected rows with the reason.

    Attributes:
        rows: The valid rows.
        report: Rows kept and set aside, by reason.
        unread: Number of values that could not be read, by ``field: reason``.
        kind: Kind of frame that the list was.

    Examples:
        >>> table = pd.DataFrame({"source": "ec", "record_id": ["1", None], "phone": ["1", "2"]})
        >>> intake, _ = read_records(table, normalised=False, spelling=Spelling())
        >>> intake.n_rows, dict(intake.reasons)
        (2, {'record_id: missing': 1})
    """

    rows: Rows
    report: IntakeReport[FrameT]
    unread: Mapping[str, int]
    kind: FrameKind[FrameT]

    @property
    def rejected(self) -> FrameT:
        """The rejected rows as given, with ``reason``."""
        return self.report.rejected

    @property
    def reasons(self) -> Mapping[str, int]:
        """Number of rejected rows by reason."""
        return {entry.reason: entry.rows for entry in self.report.asides}

    @property
    def n_rows(self) -> int:
        """Number of rows given."""
        return self.report.given.rows


@logged("records read")
def read_records(
    records: IntoFrameT,
    *,
    normalised: bool,
    spelling: Spelling,
    known: Known | None = None,
    tolerance: Tolerance | None = None,
    own: Sequence[OwnColumn] = (),
) -> tuple[Intake[IntoFrameT], Records]:
    """Return a customer list as checked rows, and its valid rows as normalised records.

    Args:
        records: The list, as any frame.
        normalised: Whether the list has `NORMAL_COLUMNS`, which stay as they are.
        spelling: How values are read if the list is not normalised.
        known: Names of other records; only those of the list are used if None.
        tolerance: How much may be rejected; ``Tolerance()`` if None.
        own: Columns of the caller's own; those that the list lacks are left out.

    Raises:
        IntakeError: If more is rejected than ``tolerance`` allows.
        DataError: As `omniltv.data.check`; also if the list is normalised and ``normalised``
            is false, or the reverse.

    Warns:
        ColumnWarning: If no column is personal, or an unknown one looks like a field.

    Examples:
        >>> table = pd.DataFrame({"source": ["ec"], "record_id": ["1"], "phone": ["090-1234-5678"]})
        >>> intake, records = read_records(table, normalised=False, spelling=Spelling())
        >>> records.columns["phone"].values.tolist()
        ['+819012345678']
    """
    table, kind = read_frame(records, "records")
    kind = replace(kind, whole=_numbered(table))
    names = _personal(table.columns, normalised=normalised)
    checked: Checked[Any] = examine(table.to_native(), "records")
    warn_of_columns(table.columns, [*names, *(column.name for column in own)])
    rejected, _ = read_frame(checked.rejected, "records")
    valid, _ = read_frame(checked.valid, "records")
    rows = rows_of(valid, names)
    report = replace(checked.report, rejected=kind.native(rejected))
    if not names and not own:
        report = replace(report, changes=(entry_of(_NOBODY, len(rows.source)),))
    report.judge(tolerance)
    found, unread = _as_given(rows) if normalised else normalise_records(rows, spelling, known)
    records_of_all = with_own_columns(found, own_values(valid, own), rows.order)
    return Intake(rows, report, unread, kind), records_of_all


def rows_of(table: Eager, names: Iterable[str]) -> Rows:
    """Return the rows of a list with some of its personal columns.

    Examples:
        >>> table = pd.DataFrame({"source": ["ec"], "record_id": [1.0], "phone": ["090-1234-5678"]})
        >>> rows = rows_of(read_frame(table, "records")[0], ["phone"])
        >>> rows.keys(), rows.raw["phone"].tolist()
        ([('ec', '1')], ['090-1234-5678'])
    """
    source, record_id = (
        mapped(normalise.key, objects(table[name].to_list()), "")
        for name in ("source", "record_id")
    )
    return Rows(source, record_id, {name: objects(table[name].to_list()) for name in names})


@logged("records normalised")
def normalise_records(
    rows: Rows, spelling: Spelling, known: Known | None = None
) -> tuple[Records, Mapping[str, int]]:
    """Return rows as normalised records, sorted by (source, record_id), and what was not read.

    The second value is the number of values that could not be read, by ``field: reason``.

    Args:
        rows: Valid rows.
        spelling: How values are read.
        known: Names of other records; only those of these rows are used if None.

    Examples:
        >>> email = {"email": np.array(["Ann@Example.JP", "n/a"], dtype=object)}
        >>> rows = Rows(np.array(["ec", "ec"]), np.array(["2", "1"]), email)
        >>> records, unread = normalise_records(rows, Spelling())
        >>> records.ids(), records.columns["email"].codes.tolist(), dict(unread)
        ([('ec', '1'), ('ec', '2')], [-1, 0], {'email: placeholder': 1})
    """
    n, raw = len(rows.order), {name: values[rows.order] for name, values in rows.raw.items()}
    cells = read_fields(raw, rows.source[rows.order], spelling)
    fields = {name: column.values for name, column in cells.items()}
    someone = np.any([np.zeros(n, np.bool_), *map(pd.notna, fields.values())], axis=0)
    names = read_names(raw, someone)
    found = fields | names_of(names, n, known or Known())
    return _records(rows, found), counted(cells | names)


def normal_values(name: str, values: Iterable[object], spelling: Spelling) -> Objects:
    """Return values of a personal field in their one spelling, None for placeholders.

    Examples:
        >>> normal_values("phone", ["090-1234-5678", "n/a"], Spelling()).tolist()
        ['+819012345678', None]
    """
    return read_values(reader_of(name, spelling), values).values


def _numbered(table: Eager) -> frozenset[str]:
    """Return the key columns that are numbers."""
    keys = {"source", "record_id"} & {*table.columns}
    return frozenset(name for name in keys if table[name].dtype.is_numeric())


def _personal(columns: Sequence[str], *, normalised: bool) -> list[str]:
    """Return the personal columns of a list, or refuse to normalise it twice or not at all."""
    raw, normal = set(FIELDS), set(NORMAL_COLUMNS)
    wrong = sorted({*columns} & (raw - normal if normalised else normal - raw))
    if wrong:
        state = "not normalised" if normalised else "already normalised"
        hint = f"LinkSpec(normalised={not normalised})"
        raise DataError(f"the list is {state}", column=wrong[0], hint=hint)
    return [name for name in (NORMAL_COLUMNS if normalised else FIELDS) if name in columns]


def _as_given(rows: Rows) -> tuple[Records, Mapping[str, int]]:
    """Return rows of normalised values as records."""
    nothing = np.full(len(rows.order), None, dtype=object)
    fields: dict[str, Objects] = dict.fromkeys(NORMAL_COLUMNS, nothing)
    for name, values in rows.raw.items():
        fields[name] = mapped(lambda value: normalise.written(value) or None, values[rows.order])
    return _records(rows, fields), {}


def _records(rows: Rows, fields: Mapping[str, Objects]) -> Records:
    source, record_id = rows.source[rows.order], rows.record_id[rows.order]
    return Records(source, record_id, columns_of(fields))
