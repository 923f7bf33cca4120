"""What is in a table: how each column will be read, and what will be lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._frames import Eager, Tabular, read_frame
from omniltv._options import checked
from omniltv.data._read import Reading, read
from omniltv.data.checking import examine
from omniltv.data.mapping import ColumnMap
from omniltv.data.report import IntakeReport, money
from omniltv.data.schemas import TableColumn, TableName, schema_of
from omniltv.data.spelling import Formats
from omniltv.errors import DataError

__all__ = ["ColumnProfile", "TableProfile", "profile"]

_WIDTH = 28


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What is in a column of a table.

    Attributes:
        name: Our name of the column.
        header: The header or headers it is read from.
        kind: What it is: id, label, time, number or field.
        missing: Rows without a value.
        unread: Rows whose value cannot be read.
        distinct: Number of distinct values.
        content: The range of times, or the sum of numbers; empty for other kinds, so that no
            personal data is shown.
        notes: What is assumed to read it, and why values cannot be read.

    Examples:
        >>> ColumnProfile("value", "金額", "number", 0, 1, 2, "sum 1,500").unread
        1
    """

    name: str
    header: str
    kind: str
    missing: int
    unread: int
    distinct: int
    content: str = ""
    notes: tuple[str, ...] = ()

    def line(self, n_rows: int) -> str:
        """Return the profile as a line for a table of so many rows."""
        known = f"{n_rows - self.missing - self.unread:,} known"
        lost = [f"{count:,} {word}" for count, word in self._lost() if count]
        parts = [known, *lost, f"{self.distinct:,} distinct", self.content, *self.notes]
        return f"  {self.name:<16} {self.header:<{_WIDTH}} {', '.join(filter(None, parts))}"

    def _lost(self) -> Sequence[tuple[int, str]]:
        return ((self.missing, "missing"), (self.unread, "not read"))


@checked
@dataclass(frozen=True, eq=False, repr=False)
class TableProfile(Tabular):
    """What is in a table, before anything is done with it; print it.

    Attributes:
        table: The table.
        n_rows: Number of rows.
        found: The columns of the table that it has.
        columns_map: Which headers are read as which columns; None if none is known.
        unknown: Headers that are not used.
        lacking: Columns that the table must have and does not.
        problems: Why the table cannot be read; empty if it can.
        report: What reading would keep and set aside; None if the table cannot be read.

    Examples:
        >>> import pandas as pd
        >>> found = profile(pd.DataFrame({"customer_id": ["1", "2"], "till": [3, 3]}), "purchases")
        >>> found.lacking, found.unknown
        (('time',), ('till',))
        >>> found.columns()["distinct"].tolist()
        [2]
    """

    table: TableName
    n_rows: int
    found: tuple[ColumnProfile, ...] = ()
    columns_map: ColumnMap | None = None
    unknown: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    report: IntakeReport[object] | None = field(default=None)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per column: name, header, kind, missing, unread, distinct, content."""
        names = ("name", "header", "kind", "missing", "unread", "distinct", "content")
        return {
            name: np.array([getattr(column, name) for column in self.found], dtype=object)
            for name in names
        }

    def __repr__(self) -> str:
        rows = f"{self.n_rows:,} {'row' if self.n_rows == 1 else 'rows'}"
        lines = [f"{self.table}: {rows}", *(column.line(self.n_rows) for column in self.found)]
        if self.unknown:
            lines.append(f"  not used: {', '.join(self.unknown)}")
        if self.lacking:
            lines.append(f"  needed, but not there: {', '.join(self.lacking)}")
        lines += [f"  problem: {problem}" for problem in self.problems]
        return "\n".join([*lines, *([repr(self.report)] if self.report else [])])


@checked
def profile(
    frame: IntoFrame,
    table: TableName = "transactions",
    *,
    columns: ColumnMap | None = None,
    formats: Formats | None = None,
) -> TableProfile:
    """Return what is in a table, how it will be read, and what will be lost.

    Args:
        frame: The table, as any frame.
        table: The table that it is to become (see `check`).
        columns: Which headers are which columns; those with known names if None.
        formats: How dates and amounts are written, as far as the values do not say it.

    Raises:
        DataError: If this is not a frame, or two columns have the same name.
        ConfigError: If there is no such table.

    Examples:
        >>> import pandas as pd
        >>> export = pd.DataFrame({"会員番号": ["1", "2"], "購入日": ["25/01/2025", "02/03/2025"],
        ...                        "金額": ["1,200", "-"], "レジ": ["1", "1"]})
        >>> print(profile(export, "purchases"))
        purchases: 2 rows
          customer_id      会員番号                         2 known, 2 distinct
          time             購入日                          2 known, 2 distinct, 2025-01-25 to
          2025-03-02, day first (50 % of rows show it, 50 % of rows could be either)
          value            金額                           1 known, 1 not read, 1 distinct,
          sum 1,200, 1 not a number
          not used: レジ
        purchases: 2 rows in, value 1,200
          kept       1 row (50.0 %), value 1,200 (100.0 %)
          set aside  1 row (50.0 %), value 0 (0.0 %)
            1 row: value: not a number
          time: day first (50 % of rows show it, 50 % of rows could be either)
    """
    rows, _ = read_frame(frame, table)
    schema = schema_of(table)
    try:
        known = columns or ColumnMap.recognise(rows.to_native(), table)
        mapped, _ = read_frame(known.apply(rows.to_native()), table)
    except DataError as error:
        return TableProfile(table, len(rows), unknown=tuple(rows.columns), problems=(str(error),))
    lacking = [c.name for c in schema.columns if c.needed and c.name not in mapped.columns]
    report, problems = _tried(mapped, table, formats) if not lacking else (None, ())
    return TableProfile(
        table=table,
        n_rows=len(rows),
        found=tuple(
            _profiled(column, mapped, known, formats) for column in schema.known(mapped.columns)
        ),
        columns_map=known,
        unknown=known.unknown(rows.to_native()),
        lacking=tuple(lacking),
        problems=problems,
        report=report,
    )


def _tried(
    mapped: Eager, table: TableName, formats: Formats | None
) -> tuple[IntakeReport[object] | None, tuple[str, ...]]:
    """Return the report on a table, or why it cannot be read."""
    try:
        return examine(mapped.to_native(), table, formats=formats).report, ()
    except DataError as error:
        return None, (str(error),)


def _profiled(
    column: TableColumn, mapped: Eager, known: ColumnMap, formats: Formats | None
) -> ColumnProfile:
    series = mapped[column.name]
    reading = read(series, column.kind, formats)
    unread = np.zeros(len(series), dtype=bool)
    notes = [*reading.notes]
    for reason, rows in reading.faults.items():
        unread |= rows
        notes += [f"{int(rows.sum()):,} {reason}"] if rows.any() else []
    missing = reading.missing | np.asarray(series.is_null().to_numpy(), dtype=bool)
    values = pd.Series(series.to_list() if reading.view is None else reading.view)
    usable = values[~(missing | unread)]
    return ColumnProfile(
        name=column.name,
        header=_header(column.name, known),
        kind=column.kind,
        missing=int(missing.sum()),
        unread=int((unread & ~missing).sum()),
        distinct=int(usable.nunique()),
        content=_content(column.kind, reading, usable),
        notes=tuple(notes),
    )


def _header(name: str, known: ColumnMap) -> str:
    if name in known.constants:
        return f"always {known.constants[name]}"
    mine = known.columns.get(name, "part of a full name")
    return mine if isinstance(mine, str) else " + ".join(mine)


def _content(kind: str, reading: Reading, usable: pd.Series) -> str:
    """Return the range of times or the sum of numbers."""
    if reading.view is None or not len(usable):
        return ""
    if kind == "number":
        return f"sum {money(float(usable.sum()))}"
    return f"{usable.min():%Y-%m-%d} to {usable.max():%Y-%m-%d}"
