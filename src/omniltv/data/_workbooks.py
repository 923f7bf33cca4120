"""Excel workbooks as tables of text, within bounds on what a small file unpacks to."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd

from omniltv.data._extents import check_cells
from omniltv.errors import DataError

__all__ = ["check_archive", "read_workbook"]

_SPARSE = 50  # cells for each that is not empty
_RATIO = 100  # workbooks are compressed 10 to 20 times
_SMALL = 16 * 2**20  # bytes: unpacked in any case
_MOST_ROWS = 2**20  # of a sheet
_ERRORS = {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"}
_NOTHING = {"", *_ERRORS}


def check_archive(file: Path, max_bytes: int) -> None:
    """Raise DataError if an archive unpacks to far more bytes than a workbook does.

    The reader takes no more bytes from a member than the archive states.

    Raises:
        BadZipFile: If it is no workbook.
    """
    with ZipFile(file) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            raise BadZipFile("an archive without a workbook of Excel (.xlsx)")
        size = sum(member.file_size for member in archive.infolist())
    if size > max_bytes:
        problem = f"{file} unpacks to {size:,} bytes, more than {max_bytes:,}"
        raise DataError(problem, hint=f"save it as .csv, or read_table(path, max_bytes={size})")
    packed = file.stat().st_size
    if size > max(_SMALL, _RATIO * packed):
        problem = f"{file} has {packed:,} bytes and unpacks to {size:,}, which no table does"
        raise DataError(problem, hint="do not open it; export the table again")


def read_workbook(file: Path, sheet: int | str, skip_rows: int) -> pd.DataFrame:
    """Return a sheet as text, with missing values for empty cells and without empty rows."""
    from openpyxl import load_workbook  # noqa: PLC0415 - an optional package

    with file.open("rb") as opened:
        book = load_workbook(opened, read_only=True, data_only=True, keep_links=False)
        sheets: dict[str, Any] = {one.title: one for one in book.worksheets}
        chosen = _chosen(file, list(sheets), sheet)
        sheets[chosen].reset_dimensions()  # those that are stated may be wrong
        return _frame(*_texts(file, sheets[chosen].values, skip_rows))


def _chosen(file: Path, names: Sequence[str], sheet: int | str) -> str:
    """Return the name of a sheet that is given by position or name."""
    if isinstance(sheet, str) and sheet in names:
        return sheet
    if isinstance(sheet, int) and 0 <= sheet < len(names):
        return names[sheet]
    hint = f"sheet= is a position from 0 or one of: {', '.join(names)}"
    raise DataError(f"{file} has no sheet {sheet!r}", hint=hint)


def _texts(
    file: Path, rows: Iterator[Sequence[object]], skip_rows: int
) -> tuple[list[str | None], list[list[str | None]]]:
    """Return the headers and the rows that are not empty, each up to its last value."""
    headers: list[str | None] = []
    table: list[list[str | None]] = []
    width = filled = 0
    for place, cells in enumerate(rows):
        if place >= _MOST_ROWS:
            hint = "export the table again"
            raise DataError(f"{file} has more rows than a sheet can have", hint=hint)
        if place < skip_rows or not cells:
            continue
        values = _trimmed(list(map(_text, cells)))
        if place == skip_rows:
            headers = values
        elif values:
            table.append(values)
        width, filled = max(width, len(values)), filled + len(values) - values.count(None)
        check_cells(file, len(table), width, _SPARSE * filled)
    return headers, table


def _text(value: object) -> str | None:
    """Return the value of a cell as text; None if it is empty or an error."""
    if value is None or value in _NOTHING:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _trimmed(values: list[str | None]) -> list[str | None]:
    """Return values without the missing ones at the end."""
    while values and values[-1] is None:
        values.pop()
    return values


def _frame(headers: Sequence[str | None], rows: Sequence[Sequence[str | None]]) -> pd.DataFrame:
    """Return rows as a frame of text; names that are missing or repeated get a number."""
    text = pd.Series(["text"]).dtype
    columns = list(zip_longest(headers, *rows, fillvalue=None))
    cells = [[np.nan if value is None else value for value in column] for _, *column in columns]
    names = _names([header for header, *_ in columns])
    series = [pd.Series(column, dtype=object).astype(text) for column in cells]
    return pd.DataFrame(dict(zip(names, series, strict=True)))


def _names(headers: Sequence[str | None]) -> list[str]:
    """Return headers as pandas names columns of files: each once, and none missing.

    Examples:
        >>> _names(["id", "id", None])
        ['id', 'id.1', 'Unnamed: 2']
    """
    given = [f"Unnamed: {place}" if h is None else h for place, h in enumerate(headers)]
    names: dict[str, None] = {}
    last: dict[str, int] = {}
    for wanted in given:
        name = wanted
        while name in names:
            last[wanted] = last.get(wanted, 0) + 1
            name = f"{wanted}.{last[wanted]}"
        names[name] = None
    return list(names)
