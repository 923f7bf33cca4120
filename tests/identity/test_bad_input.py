"""Whatever customer lists look like, every record comes back with an id or a reason."""

# ruff: noqa: RUF001 - the look-alike characters are what this file is about

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.errors import DataError, OmniltvError
from omniltv.identity import IdentityStore, Resolution, pseudonymise, stitch

type Columns = dict[str, Any]
type Make = Callable[[Columns], Any]

GOOD: Columns = {
    "source": ["ec", "pos", "app"],
    "record_id": ["1", "2", "3"],
    "family_name": ["高橋", "佐藤", "高橋"],
    "given_name": ["花子", "健", "花子"],
    "phone": ["090-1234-5678", "03-9999-1111", "090-1234-5678"],
    "birth_date": ["1980-01-02", "1990-05-05", "1980-01-02"],
}
EVERYWHERE: dict[str, Make] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
SOURCE, KEY, NESTED = "source: missing", "record_id: missing", "{}: not a single value"
TWICE = "record_id: rows of one id differ"


@dataclass(frozen=True)
class Odd:
    """Three records of which some values are odd; the first and the third are one person.

    Attributes:
        name: What is odd.
        columns: The odd columns.
        reasons: Why each record is set aside, "" where it is not.
        one: Whether the first and the third are still found to be one person.
        libraries: Where such a column can be.
    """

    name: str
    columns: Columns
    reasons: tuple[str, str, str] = ("", "", "")
    one: bool = True
    libraries: tuple[str, ...] = field(default=tuple(EVERYWHERE))


def binary(*values: bytes) -> Columns:
    return {"family_name": list(values)}


PANDAS = ("pandas",)
_DAY = datetime(1980, 1, 2)  # noqa: DTZ001 - as databases give it
ODD = [
    Odd("nothing odd", {}),
    # What is missing
    Odd("a field that is all missing", {"phone": [None] * 3}),
    Odd("a field that is all NaN", {"phone": [float("nan")] * 3}),
    Odd("a field of empty text", {"given_name": ["", " ", "\t\n"]}),
    Odd(
        "all fields missing of one record",
        {n: [v[0], None, v[2]] for n, v in GOOD.items() if n not in {"source", "record_id"}},
    ),
    Odd("nobody has anything", {n: [None] * 3 for n in list(GOOD)[2:]}, one=False),
    Odd("placeholders everywhere", {n: ["不明", "-", "N/A"] for n in list(GOOD)[2:]}, one=False),
    Odd("missing values turned into text", {"family_name": ["nan", "None", "<NA>"]}),
    # Keys
    Odd("ids that collide across sources", {"record_id": ["1", "1", "1"]}),
    Odd("an id without its source", {"source": ["ec", None, "app"]}, ("", SOURCE, "")),
    Odd("a blank id", {"record_id": ["1", " ", "3"]}, ("", KEY, "")),
    Odd(
        "an id twice with two contents",
        {"source": ["ec"] * 3, "record_id": ["1", "2", "2"]},
        ("", TWICE, TWICE),
        one=False,
    ),
    Odd(
        "a row again",
        {n: [v[0], v[1], v[0]] for n, v in GOOD.items()},
        ("", "", "record_id: copy of an earlier row"),
        one=False,
    ),
    Odd("ids that are floats", {"record_id": [1.0, 2.0, 3.0]}),
    Odd("ids of which one is NaN", {"record_id": [1.0, float("nan"), 3.0]}, ("", KEY, "")),
    Odd("ids that are bytes", {"record_id": [b"1", b"2", b"3"]}),
    Odd("ids in odd characters", {"record_id": ["１\u200f", "😀", "\u0000"]}),
    Odd(
        "an id with half a character",
        {"record_id": pd.Series(["\ud83d", "2", "3"], dtype=object)},
        libraries=PANDAS,
    ),
    Odd(
        "an id that is a list",
        {"record_id": [["1"], "2", "3"]},
        ("record_id: neither text nor a whole number", "", ""),
        one=False,
        libraries=PANDAS,
    ),
    # Encodings
    Odd(
        "Shift-JIS bytes",
        binary("高橋".encode("cp932"), "佐藤".encode("cp932"), "高橋".encode("cp932")),
    ),
    Odd(
        "UTF-8 bytes beside Shift-JIS",
        binary("高橋".encode(), "佐藤".encode(), "高橋".encode("cp932")),
    ),
    Odd("bytes that are no text", binary(b"\xff\xfe\x00", b"\x80", b"\xff\xfe\x00")),
    Odd("mojibake", {"family_name": ["高橋".encode().decode("latin-1"), "\ufffd\ufffd", "高橋"]}),
    Odd(
        "half a character",
        {"family_name": pd.Series(["高橋\udcff", "\ud83d", "高橋"], dtype=object)},
        libraries=PANDAS,
    ),
    Odd("NUL in text", {"family_name": ["高\u0000橋", "\u0000", "高橋"]}),
    Odd("direction marks", {"family_name": ["\u200f高橋\u200e", "\u202e佐藤\u202c", "高橋"]}),
    Odd("zero-width characters", {"given_name": ["\ufeff花子", "健\u200d", "花\u200b子"]}),
    Odd("full-width digits", {"phone": ["０９０－１２３４－５６７８", "０３", "09012345678"]}),
    Odd("combining kana", {"given_name_kana": ["カ\u3099イト", "ケン", "ｶﾞｲﾄ"]}),
    Odd("ideographic spaces", {"family_name": ["　高橋　", "佐 藤", "高橋"]}),
    Odd("emoji", {"family_name": ["高橋🌸", "🌸", "高橋"]}, one=True),
    Odd("very long text", {"address": ["千" * 50_000, "x" * 50_000, "1" * 50_000]}),
    Odd("quotes and SQL", {"family_name": ["'; drop table records; --", '"', "高橋"]}),
    # Numbers and times
    Odd("phones that are floats", {"phone": [9012345678.0, float("nan"), 9012345678.0]}),
    Odd("phones that are whole numbers", {"phone": [9012345678, 399991111, 9012345678]}),
    Odd(
        "phones that are decimals",
        {"phone": [Decimal(9012345678), Decimal(1), Decimal(9012345678)]},
    ),
    Odd("infinite phones", {"phone": [float("inf"), float("-inf"), 0.0]}),
    Odd("numbers among text", {"phone": [9012345678, "x", "09012345678"]}, libraries=PANDAS),
    Odd("truth values", {"gender": [True, False, None]}),
    Odd("dates", {"birth_date": [date(1980, 1, 2), None, date(1980, 1, 2)]}),
    Odd("datetimes", {"birth_date": [datetime(1980, 1, 2, 3, 4, tzinfo=UTC)] * 3}),
    Odd(
        "datetimes, timestamps and NaT",
        {"birth_date": [_DAY, pd.NaT, pd.Timestamp("1980-01-02")]},
        libraries=PANDAS,
    ),
    Odd(
        "dates that are not in the calendar",
        {"birth_date": ["1980-13-45", "0000-00-00", "9999-99-99"]},
    ),
    Odd("dates in other digits", {"birth_date": ["昭和５５年１月２日", "٣/٣/١٩٨٠", "S55.1.2"]}),
    # Types
    Odd("categories", {n: pd.Categorical(v) for n, v in GOOD.items()}, libraries=PANDAS),
    Odd(
        "nullable integers",
        {"phone": pd.array([9012345678, None, 9012345678], dtype="Int64")},
        libraries=PANDAS,
    ),
    Odd(
        "dictionary-encoded columns",
        {n: pa.array(v).dictionary_encode() for n, v in GOOD.items()},
        libraries=("pyarrow",),
    ),
    Odd(
        "polars categories",
        {n: pl.Series(v, dtype=pl.Categorical) for n, v in GOOD.items()},
        libraries=("polars",),
    ),
    Odd(
        "lists",
        {"phone": [["09012345678"], None, ["1", "2"]]},
        (NESTED.format("phone"), "", NESTED.format("phone")),
        one=False,
    ),
    Odd(
        "structs",
        {"phone": [{"a": "1"}, None, {"a": "2"}]},
        (NESTED.format("phone"), "", NESTED.format("phone")),
        one=False,
    ),
    Odd(
        "an array among text",
        {"phone": ["09012345678", np.zeros(2), "09012345678"]},
        ("", NESTED.format("phone"), ""),
        libraries=PANDAS,
    ),
    Odd(
        "a tuple among text",
        {"phone": ["09012345678", ("1",), "09012345678"]},
        ("", NESTED.format("phone"), ""),
        libraries=PANDAS,
    ),
    Odd("objects", {"phone": [object(), 1j, "09012345678"]}, libraries=PANDAS),
]


def cases() -> list[Any]:
    """Return every case with one library; the store takes it from the next."""
    return [
        pytest.param(odd, library, id=f"{odd.name}, {library}")
        for place, odd in enumerate(ODD)
        for library in odd.libraries[place % len(odd.libraries) :][:1]
    ]


def rows(frame: Any) -> list[dict[str, Any]]:
    """Return any frame as plain rows."""
    if isinstance(frame, pa.Table):
        return list(frame.to_pylist())
    return list(frame.to_dicts() if isinstance(frame, pl.DataFrame) else frame.to_dict("records"))


@pytest.mark.parametrize(("odd", "library"), cases())
def test_every_record_comes_back_with_an_id_or_a_reason(odd: Odd, library: str) -> None:
    frame = EVERYWHERE[library](GOOD | odd.columns)
    found: Resolution[Any] = stitch(frame)
    linked, aside = rows(found.crosswalk), rows(found.rejected)
    assert [row["reason"] for row in aside] == [reason for reason in odd.reasons if reason]
    assert len(linked) + len(aside) == 3
    assert all(row["customer_id"] for row in linked)
    if not odd.reasons[0] and not odd.reasons[2]:
        assert (linked[0]["customer_id"] == linked[-1]["customer_id"]) is odd.one
    assert type(found.crosswalk) is type(frame)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store without records."""
    folder = tmp_path_factory.mktemp("empty") / "ids"
    IdentityStore.create(folder, stitch(pd.DataFrame(GOOD).iloc[:0]))
    return folder


@pytest.mark.parametrize("place", range(len(ODD)), ids=[odd.name for odd in ODD])
def test_a_store_takes_it_too(place: int, empty: Path, tmp_path: Path) -> None:
    odd = ODD[place]
    library = odd.libraries[(place + 1) % len(odd.libraries)]
    folder = shutil.copytree(empty, tmp_path / "ids")
    found = IdentityStore(folder).update(EVERYWHERE[library](GOOD | odd.columns))
    assert len(rows(found.crosswalk)) + len(rows(found.rejected)) >= 3
    again = IdentityStore(folder)
    assert len(again) == sum(not reason for reason in odd.reasons)


_TWO_PHONES = pd.DataFrame(
    [["ec", "1", "090", "080"]], columns=["source", "record_id", "phone", "phone"]
)
REFUSED: dict[str, tuple[Any, str | None, str]] = {
    "nothing": (None, None, "dataframe"),
    "a dictionary": (GOOD, None, "dataframe"),
    "a series": (pd.Series(["a"]), None, "dataframe"),
    "no columns": (pd.DataFrame(), "source", "no such column"),
    "no key": (pd.DataFrame(GOOD).drop(columns="record_id"), "record_id", "no such column"),
    "two columns of one name": (_TWO_PHONES, "phone", "two columns"),
    "two columns of one name, pyarrow": (
        pa.table([["ec"], ["1"], ["a"], ["b"]], names=["source", "record_id", "phone", "phone"]),
        "phone",
        "two columns",
    ),
    "columns of several levels": (
        pd.DataFrame(GOOD).set_axis(pd.MultiIndex.from_product([["a"], list(GOOD)]), axis=1),
        "('a', 'source')",
        "is not text",
    ),
    "a column whose name is a number": (
        pd.DataFrame([["ec", "1", 2]], columns=["source", "record_id", 3]),
        "3",
        "is not text",
    ),
    "a field of lists only": (
        pd.DataFrame(GOOD | {"phone": [["1"], ["2"], ["3"]]}),
        "phone",
        "not a single value",
    ),
    "a field of structs only": (
        pa.table(GOOD | {"phone": [{"a": "1"}] * 3}),
        "phone",
        "not a single value",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_customer_list_is_refused(name: str) -> None:
    frame, column, says = REFUSED[name]
    with pytest.raises(DataError, match=says) as caught:
        stitch(frame)
    assert caught.value.column == column
    assert "090" not in str(caught.value)


@pytest.mark.parametrize("make", EVERYWHERE.values(), ids=EVERYWHERE)
def test_an_empty_list_and_one_record(make: Make) -> None:
    empty = stitch(make({name: [] for name in GOOD}))
    assert (len(rows(empty.crosswalk)), empty.summary().customers) == (0, 0)
    alone = stitch(make({name: values[:1] for name, values in GOOD.items()}))
    assert (len(rows(alone.crosswalk)), alone.summary().customers) == (1, 1)


def test_thousands_of_identical_records() -> None:
    n = 5_000
    same = pd.DataFrame({name: values[:1] * n for name, values in GOOD.items()})
    again = stitch(same)
    assert (len(again.crosswalk), len(again.rejected)) == (1, n - 1)
    found = stitch(same.assign(record_id=range(n)))
    assert len(found.crosswalk) == n
    assert found.summary().customers == 1
    assert len(found.oversized) == 0


def test_an_unseen_source_in_an_update(tmp_path: Path) -> None:
    known = pd.DataFrame(GOOD)
    store = IdentityStore.create(tmp_path / "ids", stitch(known))
    found = store.update(known.iloc[:1].assign(source="kiosk", record_id="1"))
    assert found.changes["reason"].item().startswith("linked by")
    assert len(store) == 4


def test_pseudonyms_of_odd_lists_and_none_of_lists_in_fields() -> None:
    for odd in ODD:
        frame = EVERYWHERE[odd.libraries[0]](GOOD | odd.columns)
        if any("single value" in reason or "neither text" in reason for reason in odd.reasons):
            with pytest.raises(DataError, match="not a single value"):
                pseudonymise(frame, key=bytes(16))
        else:
            assert len(rows(pseudonymise(frame, key=bytes(16)))) == 3


def test_errors_show_no_personal_value() -> None:
    private = "takahashi-hanako-09012345678"
    strange = [
        pd.DataFrame(GOOD | {"source": [None] * 3, "phone": [private] * 3}).drop(
            columns="record_id"
        ),
        pd.DataFrame([[private, private]], columns=["phone", "phone"]),
        pd.DataFrame({"note": [private]}),
    ]
    for frame in strange:
        with pytest.raises(OmniltvError) as caught:
            stitch(frame)
        assert private not in str(caught.value) + repr(caught.value)


def test_there_are_more_than_fifty_kinds_each_with_a_name_of_its_own() -> None:
    names = [odd.name for odd in ODD] + list(REFUSED)
    assert len(set(names)) == len(names) > 50
