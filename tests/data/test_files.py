"""Files as they are exported (cases A9 and A13): encodings, delimiters, Excel, Parquet, errors."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.data import read_table
from omniltv.errors import DataError

JAPANESE = "会員番号,氏名,金額\n007,山田花子,1200\n008,高橋一郎,\n"
read: Callable[..., Any] = read_table  # with a backend that a parameter names
GERMAN = "Kunde;Name;Betrag\n007;Jürgen Müller;1.200,50\n008;André Lefèvre;3,00\n"


@pytest.mark.parametrize(
    "encoding",
    ["cp932", "shift_jis", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "euc_jp",
     "iso2022_jp"],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_a9_japanese_encodings_are_found(tmp_path: Path, encoding: str, backend: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(JAPANESE.encode(encoding))
    table = read(path, backend=backend)
    assert list(table.columns) == ["会員番号", "氏名", "金額"]
    assert table["会員番号"].to_list() == ["007", "008"]
    assert table["氏名"].to_list() == ["山田花子", "高橋一郎"]
    assert table["金額"].is_null().to_list() == [False, True] if backend == "polars" else True


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8"])
def test_western_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(GERMAN.encode(encoding))
    assert read_table(path)["Name"].tolist() == ["Jürgen Müller", "André Lefèvre"]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_are_found(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "export.txt"
    rows = [["id", "amount"], ["007", '"1,200.50"'], ["008", '"1;5|6"']]
    path.write_text("\n".join(map(delimiter.join, rows)), "utf-8")
    assert read_table(path).values.tolist() == [["007", "1,200.50"], ["008", "1;5|6"]]


def test_columns_of_blanks_are_found_and_names_are_not_divided(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text(
        " id  date  dollar_value\n 00001 19970101   11.77\n 00002 19970112 2\n", "utf-8"
    )
    assert read_table(path).values.tolist() == [
        ["00001", "19970101", "11.77"], ["00002", "19970112", "2"],
    ]  # fmt: skip
    path.write_text("氏名\n山田 花子\n高橋 一郎\n", "utf-8")
    assert read_table(path).values.tolist() == [["山田 花子"], ["高橋 一郎"]]


def test_text_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text('# GA4\n# 2025\nid,name,code\n007,Null,="0012"\n1e5,NA,\n', "utf-8")
    table = read_table(path)
    assert table.astype(object).where(table.notna(), None).values.tolist() == [
        ["007", "Null", "0012"], ["1e5", "NA", None],
    ]  # fmt: skip


def test_whole_numbers_that_pandas_wrote_as_floats_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    written = {
        "id": [17850, None],
        "code": ["1.0", "1.50"],
        "loss": [-2.0, None],
        "k": ["1.0", "A"],
    }
    pd.DataFrame(written).to_csv(path, index=False)
    first, second = read_table(path).values.tolist()
    assert first == ["17850", "1.0", "-2", "1.0"]
    assert (pd.isna(second[0]), second[1], second[3]) == (True, "1.50", "A")


def test_workbooks_are_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "export.xlsx"
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="other", index=False)
        days = pd.Series([pd.Timestamp("2025-01-05 09:05"), pd.NaT])
        frame = pd.DataFrame({"id": ["007", "8"], "day": days, "amount": [1200, 1.5]})
        frame.to_excel(book, sheet_name="orders", index=False)
    table = read_table(path, sheet="orders")
    assert table["id"].tolist() == ["007", "8"]
    assert table["day"].tolist()[0] == "2025-01-05 09:05:00"
    assert table["amount"].tolist() == ["1200", "1.5"]
    assert read_table(path).values.tolist() == [["1"]]
    with pytest.raises(DataError, match="nothing") as caught:
        read_table(path, sheet="nothing")
    assert "export.xlsx" in str(caught.value)


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_parquet_keeps_types(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "export.parquet"
    pl.DataFrame({"id": [1, 2], "v": [0.5, 1.5]}).write_parquet(path)
    table = read(path, backend=backend)
    assert table["v"].to_list() == [0.5, 1.5]
    assert isinstance(table, pd.DataFrame) == (backend == "pandas")


BAD = {
    "empty": (b"", "is empty"),
    "blanks": (b" \n\n", "is empty"),
    "headers only": (b"a,b\n", "headers but no rows"),
    "ragged": (b"a,b\n1,2\n1,2,3\n", "cannot be divided"),
    "old Excel": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "Excel 97"),
    "gzip": (b"\x1f\x8b\x08abc", "compressed"),
    "not a workbook": (b"PK\x03\x04broken", "is damaged, or is not a workbook"),
    "a web page": (b"\n<!DOCTYPE html><p>Log in</p>", "is a web page"),
    "a table of HTML": (b"<HTML><table><tr><td>1</table>", "is a web page"),
    "XML": (b"\xef\xbb\xbf<?xml version='1.0'?>", "is an XML file"),
    "JSON": (b'[{"id": 1}]', "is a JSON file"),
    "PDF": (b"%PDF-1.7 ...", "is a PDF file"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "is a picture"),
    "SQLite": (b"SQLite format 3\0", "is a database"),
    "cut within a row": (b"id,day,value\n1,2025-01-05,100\n2,2025-", "ends within a row"),
    "cut within quotes": (b'id,name\n1,"Ann"\n2,"Be', "cannot be divided"),
    "damaged UTF-8": (b"id,name\n" + 20 * "1,山田\n".encode() + b"2,\xff\n", "is not utf-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a13_errors_name_the_file(tmp_path: Path, name: str) -> None:
    content, says = BAD[name]
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        read_table(path)
    assert "export.csv" in str(caught.value)


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_a13_parquet_without_rows_is_refused(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "export.parquet"
    pl.DataFrame({"id": pl.Series([], dtype=pl.Int64)}).write_parquet(path)
    with pytest.raises(DataError, match="headers but no rows"):
        read(path, backend=backend)


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "polars"])
def test_a13_damaged_files_are_our_error_or_are_read(tmp_path: Path, kind: str) -> None:
    """Cut files never open. A flipped byte may be in a part that no reader looks at."""
    path = tmp_path / f"export.{kind}"
    frame = pd.DataFrame({"id": [str(row) for row in range(200)], "value": range(200)})
    if kind == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path)
    whole = path.read_bytes()
    backend = "polars" if kind == "polars" else "pandas"
    rng = np.random.default_rng(1)
    for size in rng.integers(4, len(whole) - 1, 8):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="is damaged"):
            read(path, backend=backend)
    refused = 0
    for place in rng.integers(4, len(whole), 24):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read(path, backend=backend)
        except DataError:
            refused += 1
    assert refused > 0
    archive = tmp_path / "export.zip"
    with ZipFile(archive, "w") as packed:
        packed.writestr("export.csv", JAPANESE)
    with pytest.raises(DataError, match="without a workbook"):
        read_table(archive)


def test_a13_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*gone\.csv"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(str(tmp_path))


def test_large_files_and_wrong_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(JAPANESE.encode("cp932"))
    with pytest.raises(DataError, match="more than 10"):
        read_table(path, max_bytes=10)
    with pytest.raises(DataError, match="is not utf-8"):
        read_table(path, encoding="utf-8")
    with pytest.raises(DataError, match="is not klingon"):
        read_table(path, encoding="klingon")


def forged(path: Path, sheet: str, *, stated: int | None = None) -> Path:
    """Write a workbook with one sheet of some XML; state another size of the sheet, if given."""
    pd.DataFrame({"id": ["1"]}).to_excel(path, index=False)
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        if stated is not None:
            archive.getinfo("xl/worksheets/sheet1.xml").file_size = stated
    return path


def cells(*places: str) -> str:
    rows = "".join(
        f'<row r="{place.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{place}"><v>7</v></c></row>'
        for place in places
    )
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'


LAUGHS = "".join(f'<!ENTITY l{n} "{10 * f"&l{n - 1};"}">' for n in range(1, 10))
BOMBS: dict[str, Callable[[], tuple[str, int | None, str]]] = {
    "blanks": lambda: (" " * 50_000_000, None, "unpacks to 50,0"),
    "a size that is not stated": lambda: (cells("A1") + " " * 20_000_000, 500, "is damaged"),
    "a size that is stated": lambda: (cells("A1"), 2**33, "unpacks to 8,5.*, more than 4,29"),
    "values far to the right": lambda: (
        cells(*(f"{'XFD' if row == 9 else 'A'}{row}" for row in range(1, 600))),
        None,
        "nearly all of its cells are empty",
    ),
    "entities": lambda: (
        f'<!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]>' + cells("A1").replace("7", "&l9;"),
        None,
        "is damaged",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_in_workbooks_are_refused_within_little_memory(tmp_path: Path, name: str) -> None:
    sheet, stated, says = BOMBS[name]()
    path = forged(tmp_path / "export.xlsx", sheet, stated=stated)
    del sheet
    assert path.stat().st_size < 400_000
    with pytest.raises(DataError, match=says) as caught, traced(limit=64 * 2**20):
        read_table(path)
    assert caught.value.hint


@contextmanager
def traced(limit: int) -> Iterator[None]:
    """Fail if more bytes are allocated at a time."""
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < limit


def test_a_value_far_from_the_table_costs_nothing(tmp_path: Path) -> None:
    sheet = cells("A1", "A2", "B3", "C1048576")
    table = read_table(forged(tmp_path / "export.xlsx", sheet))
    assert table.fillna("").values.tolist() == [["7", "", ""], ["", "7", ""], ["", "", "7"]]
    assert list(table.columns) == ["7", "Unnamed: 1", "Unnamed: 2"]


def test_a_row_below_the_last_of_a_sheet_ends_the_reading(tmp_path: Path) -> None:
    path = forged(tmp_path / "export.xlsx", cells("A1", "A999999999999999"))
    with pytest.raises(DataError, match="more rows than a sheet can have"):
        read_table(path)


def test_short_rows_below_many_headers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(",".join(map(str, range(8_000))) + "\n1,2" * 8_000 + "\n", "utf-8")
    with pytest.raises(DataError, match="nearly all of its cells are empty"):
        read_table(path)


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_parquet_that_unpacks_to_more_than_allowed_is_refused(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "export.parquet"
    pl.DataFrame({"id": np.ones(1_000_000, dtype=np.int8)}).write_parquet(path)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="states 1,000,000 rows and 1 columns") as caught:
        read(path, backend=backend, max_bytes=7_999_999)
    assert "max_bytes=8000000" in str(caught.value)
    assert len(read(path, backend=backend)) == 1_000_000
