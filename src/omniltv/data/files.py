"""Tables in files: delimited text in any usual encoding, Excel and Parquet."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, overload
from zipfile import BadZipFile

import narwhals as nw
import pandas as pd

from omniltv._options import Count, Natural, checked
from omniltv.data._encodings import delimiter_of, encoding_of
from omniltv.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_table"]

type FileBackend = Literal["pandas", "polars"]
"""The kinds of frame that a file can be read into."""

_MAX_BYTES = 4 * 2**30
_PARQUET, _ZIP, _OLD_EXCEL = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_PACKED = (b"\x1f\x8b", b"BZh", b"7z\xbc\xaf")


@overload
def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: int | str = 0,
    skip_rows: Natural | None = None,
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
    skip_rows: Natural | None = None,
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
    skip_rows: Natural | None = None,
    max_bytes: Count = _MAX_BYTES,
    backend: FileBackend = "pandas",
) -> "pd.DataFrame | pl.DataFrame":
    r"""Return the table in a file; text stays text, so that ids keep their zeros.

    The kind of file is found from its first bytes. All columns of delimited text and of Excel
    are text, with missing values for empty cells; `check` reads times and amounts. Columns of
    Parquet keep their types.

    Args:
        path: A CSV or TSV file, an Excel workbook (``.xlsx``), or a Parquet file.
        encoding: Encoding of text; found if None: UTF-8, UTF-16, Shift-JIS (CP932), EUC-JP,
            JIS or Windows-1252.
        delimiter: Delimiter of text; found if None: comma, tab, semicolon or vertical bar.
        sheet: Sheet of a workbook, by position or name.
        skip_rows: Rows above the headers. If None, lines that start with ``#`` are skipped.
        max_bytes: Larger files are refused: a table takes several times its size in memory.
        backend: The kind of frame.

    Raises:
        DataError: If the file does not exist, is empty, has headers but no rows, is too
            large, or its rows cannot be divided or decoded.
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
        return _parquet(file, backend)
    if start.startswith(_ZIP):
        frame = _excel(file, sheet, skip_rows or 0)
    else:
        _refuse_other_kinds(file, start)
        frame = _delimited(file, encoding, delimiter, skip_rows)
    if frame.empty:
        raise DataError(f"{file} has headers but no rows", hint="export the table again")
    return _as(frame, backend)


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
    if start.startswith(_OLD_EXCEL):
        raise DataError(f"{file} is a workbook of Excel 97-2003", hint="save it as .xlsx or .csv")
    if start.startswith(_PACKED):
        raise DataError(f"{file} is a compressed file", hint="unpack it first")


def _excel(file: Path, sheet: int | str, skip_rows: int) -> pd.DataFrame:
    if find_spec("openpyxl") is None:
        raise ConfigError('Excel files need openpyxl. Hint: pip install "omniltv[excel]"')
    try:
        frame = pd.read_excel(
            file,
            sheet_name=sheet,
            skiprows=skip_rows,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            engine="openpyxl",
        )
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        hint = "name a sheet of the workbook: sheet=0"
        raise DataError(f"{file} cannot be read: {error}", hint=hint) from error
    return frame.dropna(how="all").reset_index(drop=True)


def _parquet(file: Path, backend: FileBackend) -> "pd.DataFrame | pl.DataFrame":
    if backend == "polars":
        import polars as pl  # noqa: PLC0415 - an optional package

        return pl.read_parquet(file)
    if find_spec("pyarrow") is None:
        raise ConfigError('Parquet files need pyarrow. Hint: pip install "omniltv[store]"')
    return pd.read_parquet(file)


def _delimited(
    file: Path, encoding: str | None, delimiter: str | None, skip_rows: Natural | None
) -> pd.DataFrame:
    found = encoding or encoding_of(file)
    try:
        skipped = _remarks(file, found) if skip_rows is None else skip_rows
        frame = pd.read_csv(
            file,
            sep=delimiter or delimiter_of(file, found, skipped),
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
    return frame.apply(_without_formulas)


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


def _as(frame: pd.DataFrame, backend: FileBackend) -> "pd.DataFrame | pl.DataFrame":
    if backend == "pandas":
        return frame
    cells = frame.astype(object).where(frame.notna(), None)
    data = {str(name): cells[name].tolist() for name in cells}
    schema = dict.fromkeys(data, nw.String)
    return cast("pl.DataFrame", nw.from_dict(data, schema, backend=backend).to_native())
