"""Tables in files: delimited text in any usual encoding, Excel and Parquet."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, overload

import narwhals as nw
import pandas as pd

from omniltv._options import Count, Header, checked
from omniltv.data._encodings import contains, delimiter_of, encoding_of, lines_of
from omniltv.data._extents import check_cells, check_size
from omniltv.data._workbooks import check_archive, read_workbook
from omniltv.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_table"]

type FileBackend = Literal["pandas", "polars"]
"""The kinds of frame that a file can be read into."""

_MAX_BYTES = 4 * 2**30
_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"
_OTHER_KINDS = (
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel 97-2003, or one with a password"),
    (b"\x1f\x8b", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed file"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
    (b"{", "a JSON file"),
    (b"[", "a JSON file"),
    (b"%pdf", "a PDF file"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"sqlite format 3", "a database"),
)
_CELLS_PER_BYTE = 4  # complete rows have at most one
_TAIL = 1 << 14  # bytes: the longest last row that is looked at


@overload
def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: int | str = 0,
    skip_rows: Header | None = None,
    max_bytes: Count = _MAX_BYTES,
    backend: Literal["pandas"] = "pandas",
) -> pd.DataFrame: ...
@overload
def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: int | str = 0,
    skip_rows: Header | None = None,
    max_bytes: Count = _MAX_BYTES,
    backend: Literal["polars"],
) -> "pl.DataFrame": ...
@checked
def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: int | str = 0,
    skip_rows: Header | None = None,
    max_bytes: Count = _MAX_BYTES,
    backend: FileBackend = "pandas",
) -> "pd.DataFrame | pl.DataFrame":
    r"""Return the table in a file; text stays text, so that ids keep their zeros.

    The kind of file is found from its first bytes. All columns of delimited text and of Excel
    are text, with missing values for empty cells; `check` reads times and amounts. In a column
    of whole numbers that all end in ``.0``, as ids with gaps are written by pandas, it is left
    out. Columns of Parquet keep their types.

    Args:
        path: A CSV or TSV file, an Excel workbook (``.xlsx``), or a Parquet file.
        encoding: Encoding of text; found if None: UTF-8, UTF-16, Shift-JIS (CP932), EUC-JP,
            JIS or Windows-1252.
        delimiter: Delimiter of text; found if None: comma, tab, semicolon, vertical bar, or
            blanks (``r"\s+"``).
        sheet: Sheet of a workbook, by position or name.
        skip_rows: Rows above the headers. If None, lines that start with ``#`` are skipped.
        max_bytes: Larger files are refused, and files that unpack to more: the parts of a
            workbook, or 8 bytes for each cell of Parquet. A table takes several times its size
            in memory.
        backend: The kind of frame.

    Raises:
        DataError: If the file does not exist, is empty, has headers but no rows, is too
            large, unpacks to far more than a table does, is damaged or of another kind, ends
            within a row, or its rows cannot be divided or decoded.
        ConfigError: If a package that reads this kind of file is not installed.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     export = Path(folder, "export.csv")
        ...     _ = export.write_bytes("会員番号;金額\n007;1.200,50\n".encode("cp932"))
        ...     table = read_table(export)
        >>> table.to_dict("records")
        [{'会員番号': '007', '金額': '1.200,50'}]
    """
    file = Path(path)
    start = _start_of(file, max_bytes)
    if start.startswith(_PARQUET):
        table = _parquet(file, backend, max_bytes)
    elif start.startswith(_ZIP):
        table = _as(_excel(file, sheet, skip_rows or 0, max_bytes), backend)
    else:
        _refuse_other_kinds(file, start)
        table = _as(_delimited(file, encoding, delimiter, skip_rows), backend)
    if not len(table):
        raise DataError(f"{file} has headers but no rows", hint="export the table again")
    return table


def _start_of(file: Path, max_bytes: Count) -> bytes:
    """Return the first bytes of a file that exists, is not empty and not too large."""
    if not file.exists():
        raise DataError(f"there is no file {file}", hint=f"the folder is {file.resolve().parent}")
    if file.is_dir():
        raise DataError(f"{file} is a folder", hint="name a file in it")
    size = file.stat().st_size
    if size > max_bytes:
        problem = f"{file} has {size:,} bytes, more than {max_bytes:,}"
        raise DataError(problem, hint=f"divide it by month, or read_table(path, max_bytes={size})")
    with file.open("rb") as opened:
        start = opened.read(1_000)
    if not start.strip():
        raise DataError(f"{file} is empty", hint="export the table again")
    return start


def _refuse_other_kinds(file: Path, start: bytes) -> None:
    begin = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, kind in _OTHER_KINDS:
        if begin.startswith(mark):
            hint = "save it as .xlsx or .csv, or unpack it first"
            raise DataError(f"{file} is {kind}", hint=hint)


@contextmanager
def _damage_named(file: Path, kind: str, *errors: type[BaseException]) -> Iterator[None]:
    """Turn what a reader raises at a damaged file, which may be anything, into our error."""
    caught: tuple[type[BaseException], ...] = (Exception, *errors)
    try:
        yield
    except DataError:
        raise
    except caught as error:
        problem = f"{file} is damaged, or is not {kind}: {type(error).__name__}: {error}"
        raise DataError(problem, hint="export the table again") from error


def _excel(file: Path, sheet: int | str, skip_rows: int, max_bytes: int) -> pd.DataFrame:
    if find_spec("openpyxl") is None:
        raise ConfigError('Excel files need openpyxl. Hint: pip install "omniltv[excel]"')
    with _damage_named(file, "a workbook"):
        check_archive(file, max_bytes)
        return read_workbook(file, sheet, skip_rows)


def _parquet(file: Path, backend: FileBackend, max_bytes: int) -> "pd.DataFrame | pl.DataFrame":
    if backend == "polars":
        import polars as pl  # noqa: PLC0415 - an optional package

        with _damage_named(file, "a Parquet file", pl.exceptions.PanicException):
            stated = pl.scan_parquet(file)
            rows = stated.select(pl.len()).collect().item()
            check_size(file, rows, len(stated.collect_schema()), max_bytes)
            return pl.read_parquet(file)
    if find_spec("pyarrow") is None:
        raise ConfigError('Parquet files need pyarrow. Hint: pip install "omniltv[store]"')
    from pyarrow.parquet import read_metadata  # noqa: PLC0415 - an optional package

    with _damage_named(file, "a Parquet file"):
        found = read_metadata(file)
        check_size(file, found.num_rows, found.num_columns, max_bytes)
        return pd.read_parquet(file)


def _delimited(
    file: Path, encoding: str | None, delimiter: str | None, skip_rows: Header | None
) -> pd.DataFrame:
    found = encoding or encoding_of(file)
    try:
        skipped = _remarks(file, found) if skip_rows is None else skip_rows
        mark = delimiter or delimiter_of(file, found, skipped)
        width = _fields(_header(file, found, skipped), mark)
        check_cells(file, lines_of(file), width, _CELLS_PER_BYTE * file.stat().st_size)
        frame = pd.read_csv(
            file,
            sep=mark,
            encoding=found,
            skiprows=skipped,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            index_col=False,
        )
    except (UnicodeError, LookupError) as error:
        hint = 'name the encoding: encoding="cp932", "utf-8" or "utf-16"'
        raise DataError(f"{file} is not {found}: {error}", hint=hint) from error
    except pd.errors.ParserError as error:
        hint = 'name the delimiter: delimiter=","; or rows above the headers: skip_rows=1'
        raise DataError(f"{file} cannot be divided into columns: {error}", hint=hint) from error
    _refuse_cut(file, found, mark, len(frame.columns))
    if contains(file, found, '="'):
        frame = frame.apply(_without_formulas)
    return frame.apply(_whole_numbers)


def _refuse_cut(file: Path, encoding: str, delimiter: str, width: int) -> None:
    """Raise DataError if the file ends within a row."""
    with file.open("rb") as opened:
        opened.seek(max(file.stat().st_size - _TAIL, 0))
        tail = opened.read().decode(encoding, "replace")
    last = tail.rpartition("\n")[2].rpartition("\r")[2]
    if last.strip() and '"' not in last and _fields(last, delimiter) < width:
        raise DataError(f"{file} ends within a row", hint="export the table again")


def _fields(line: str, delimiter: str) -> int:
    """Return the number of fields of a line without quotes."""
    return line.count(delimiter) + 1 if len(delimiter) == 1 else len(line.split())


def _header(file: Path, encoding: str, skipped: int) -> str:
    """Return the line with the headers."""
    with file.open(encoding=encoding) as opened:
        return next(islice(opened, skipped, None), "")


def _remarks(file: Path, encoding: str) -> int:
    """Return the number of lines before the headers that start with ``#``."""
    with file.open(encoding=encoding) as opened:
        for row, line in enumerate(opened):
            if line.strip() and not line.startswith("#"):
                return row
    return 0


def _without_formulas(column: pd.Series) -> pd.Series:
    """Return a column without the formula that keeps text as text in Excel: ``="007"``."""
    return column.str.replace(r'^="(.*)"$', r"\1", regex=True)


def _whole_numbers(column: pd.Series) -> pd.Series:
    """Return whole numbers without the ``.0`` that pandas writes if some of them are missing."""
    known = column.dropna()
    if not len(known) or not known.iloc[0].endswith(".0"):
        return column
    return column.str[:-2] if known.str.fullmatch(r"-?\d+\.0").all() else column


def _as(frame: pd.DataFrame, backend: FileBackend) -> "pd.DataFrame | pl.DataFrame":
    if backend == "pandas":
        return frame
    cells = frame.astype(object).where(frame.notna(), None)
    data = {str(name): cells[name].tolist() for name in cells}
    schema = dict.fromkeys(data, nw.String)
    return cast("pl.DataFrame", nw.from_dict(data, schema, backend=backend).to_native())
