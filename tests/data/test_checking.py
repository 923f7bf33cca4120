# ruff: noqa: RUF001  # full-width characters are what people type
"""Checked tables: valid and rejected rows are all rows, and the kind of frame is kept."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.data.checking import Checked, check
from omniltv.data.report import Tolerance
from omniltv.data.schemas import SCHEMAS, TableName
from omniltv.errors import ConfigError, DataError

type Build = Callable[[Mapping[str, list[Any]]], Any]


def _polars(data: Mapping[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame(dict(data), strict=False)


def _duckdb(data: Mapping[str, list[Any]]) -> duckdb.DuckDBPyRelation:
    return duckdb.from_arrow(pa.table(dict(data)))


EAGER: dict[str, Build] = {"pandas": pd.DataFrame, "polars": _polars, "pyarrow": pa.table}
LAZY: dict[str, Build] = {"polars lazy": lambda data: _polars(data).lazy(), "duckdb": _duckdb}


@pytest.fixture(params=[*EAGER, *LAZY])
def build(request: pytest.FixtureRequest) -> Build:
    return {**EAGER, **LAZY}[request.param]


def purchases(n: int = 3, **columns: list[Any]) -> dict[str, list[Any]]:
    """Return columns of good purchases, with some of them replaced."""
    good: dict[str, list[Any]] = {
        "transaction_id": [f"t{row}" for row in range(n)],
        "customer_id": [f"c{row}" for row in range(n)],
        "channel": ["store"] * n,
        "time": [datetime(2024, 5, 1 + row) for row in range(n)],  # noqa: DTZ001 - local times
        "value": [100.0 + row for row in range(n)],
    }
    return {**good, **columns}


def table(frame: Any) -> dict[str, list[Any]]:
    """Return any frame's columns as lists, missing values as None."""
    wrapped = nw.from_native(frame)
    eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
    return {
        name: [None if value is pd.NaT or pd.isna(value) else value for value in column]
        for name, column in eager.to_dict(as_series=False).items()
    }


def test_the_same_kind_of_frame_comes_back(build: Build) -> None:
    frame = build(purchases(value=["1,200", "x", "3"]))
    checked = check(frame, "purchases")
    for part in (checked.valid, checked.rejected):
        assert type(part) is type(frame)


def test_valid_is_converted_and_rejected_is_as_it_came(build: Build) -> None:
    given = purchases(value=["1,200", "x", "３００"], time=["2024-05-01", "2024-05-02T10:00", "z"])
    checked = check(build(given), "purchases")
    valid, rejected = table(checked.valid), table(checked.rejected)
    assert valid["value"] == [1200.0]
    assert valid["time"] == [datetime(2024, 5, 1)]  # noqa: DTZ001 - local times
    assert rejected["value"] == ["x", "３００"]
    assert rejected["time"] == ["2024-05-02T10:00", "z"]
    assert rejected["reason"] == ["value: not a number", "time: not a time"]


def test_types_of_the_valid_rows(build: Build) -> None:
    given = purchases(value=["1", "2", "3"], time=["2024-05-01T09:00+09:00"] * 3, channel=[1, 2, 3])
    schema = nw.from_native(check(build(given), "purchases").valid).collect_schema()
    assert schema["value"] == nw.Float64
    assert schema["channel"] == nw.String
    time = schema["time"]
    assert isinstance(time, nw.Datetime)
    assert time.time_zone is not None


def test_a_row_tells_all_its_reasons(build: Build) -> None:
    given = purchases(value=["1", "x", "2"], customer_id=["a", None, "b"])
    checked = check(build(given), "purchases")
    assert table(checked.rejected)["reason"] == ["customer_id: missing; value: not a number"]


def test_an_empty_table_is_all_valid(build: Build) -> None:
    frame = build(purchases())
    empty = nw.from_native(frame).head(0).to_native()
    checked = check(empty, "purchases")
    assert (checked.n_valid, checked.rows) == (0, ())
    assert checked.report.asides == ()
    assert "reason" in nw.from_native(checked.rejected).collect_schema()


def test_columns_that_are_not_known_are_let_through(build: Build) -> None:
    given = purchases(note=["a", None, "b"], value=[1.0, 2.0, np.inf])
    checked = check(build(given), "purchases")
    assert table(checked.valid)["note"] == ["a", None]
    assert table(checked.rejected)["note"] == ["b"]


def test_reasons_and_repr_count_by_reason() -> None:
    given = purchases(4, value=[1.0, np.inf, np.inf, 2.0], customer_id=["a", "b", "c", None])
    checked = check(pd.DataFrame(given), "purchases")
    assert checked.reasons == {"value: infinite": 2, "customer_id: missing": 1}
    assert repr(checked) == (
        "purchases: 1 of 4 rows kept, value 1 of 3; "
        "set aside: 2 value: infinite, 1 customer_id: missing"
    )


def test_require_all_gives_the_rows_or_says_which_stop_it() -> None:
    good = check(pd.DataFrame(purchases()), "purchases")
    assert len(good.require_all()) == 3
    bad = check(pd.DataFrame(purchases(value=[1.0, np.inf, np.inf])), "purchases")
    with pytest.raises(DataError, match="infinite") as caught:
        bad.require_all()
    assert caught.value.column == "value"
    assert caught.value.rows == ("t1", "t2")


def test_row_positions_stand_in_for_ids_that_are_missing() -> None:
    given = purchases(transaction_id=["t0", None, "t2"], value=[1.0, np.inf, np.inf])
    assert check(pd.DataFrame(given), "purchases").rows == (1, "t2")
    del given["transaction_id"]
    assert check(pd.DataFrame(given), "purchases").rows == (1, 2)


def test_the_callers_frame_is_not_changed_nor_shared() -> None:
    frame = pd.DataFrame(purchases(value=["1,200", "x", "3"]), index=[7, 7, 9])
    before = frame.copy(deep=True)
    checked = check(frame, "purchases")
    checked.valid["customer_id"] = "changed"
    checked.rejected["customer_id"] = "changed"
    pd.testing.assert_frame_equal(frame, before)
    assert list(checked.valid.index) == [7, 9]


def test_pandas_types_of_other_columns_stay() -> None:
    frame = pd.DataFrame(purchases(value=[1, np.inf, 3])).assign(
        channel=pd.Categorical(["store", "ec", "ec"]), points=pd.array([1, None, 3], dtype="Int8")
    )
    checked = check(frame, "purchases")
    assert checked.valid.dtypes["channel"] == "category"
    assert checked.valid.dtypes["points"] == "Int8"
    assert checked.rejected.dtypes["points"] == "Int8"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1200", 1200.0), (" 1200.50 ", 1200.5), ("1,200", 1200.0), ("1,234,567.8", 1234567.8),
        ("１，２００", 1200.0), ("¥1,200", 1200.0), ("￥１２００", 1200.0), ("\\1,200", 1200.0),
        ("1,200円", 1200.0), ("-1,200", -1200.0), ("▲1,200", -1200.0), ("-¥1,200", -1200.0),
        ("¥-1,200", -1200.0), ("1e3", 1000.0), (Decimal("1.5"), 1.5), (7, 7.0),
    ],
)  # fmt: skip
def test_amounts_that_can_be_read(written: object, amount: float) -> None:
    frame = pd.DataFrame(purchases(2, value=[written, "5"]))
    assert check(frame, "purchases").valid["value"].tolist() == [amount, 5.0]


@pytest.mark.parametrize(
    "written",
    ["abc", "1,2,3", "1.2.3", "1,2345,678", "12 %", "1.2k", "12 pcs",
     "1 2 a", "--5", "¥", "0x10", True, [1], b"1",
     datetime(2024, 1, 1)],  # noqa: DTZ001 - no time at all is wanted
)  # fmt: skip
def test_amounts_that_cannot_be_read(written: object) -> None:
    frame = pd.DataFrame(purchases(2, value=[written, "5"]))
    assert check(frame, "purchases").rejected["reason"].tolist() == ["value: not a number"]


@pytest.mark.parametrize(
    "written",
    ["2024-05-01", "2024/05/01", "20240501", "2024-05-01 00:00", "2024-05-01T00:00:00.000",
     date(2024, 5, 1), np.datetime64("2024-05-01"), pd.Timestamp("2024-05-01")],
)  # fmt: skip
def test_times_that_can_be_read(written: object) -> None:
    frame = pd.DataFrame(purchases(2, time=[written, "2024-06-01"]))
    times = check(frame, "purchases").valid["time"]
    assert times.iloc[0] == pd.Timestamp("2024-05-01")


@pytest.mark.parametrize(
    "written", ["now", "today", "2024-05", "9:05", "2024-13-01", "2024-02-30", "32/13/2024", [1]]
)
def test_times_that_cannot_be_read(written: object) -> None:
    frame = pd.DataFrame(purchases(2, time=[written, "2024-06-01"]))
    assert check(frame, "purchases").rejected["reason"].tolist() == ["time: not a time"]


_MIDDLE_MISSING = [date(2024, 5, 1), None, date(2024, 5, 3)]
_TYPED: dict[str, tuple[str, Any]] = {
    "polars categorical": ("channel", pl.Series(["a", None, "b"], dtype=pl.Categorical)),
    "polars enum": ("channel", pl.Series(["a", None, "b"], dtype=pl.Enum(["a", "b"]))),
    "polars decimal": ("value", pl.Series(["1", None, "2"]).cast(pl.Decimal(10, 2))),
    "polars date": ("time", pl.Series(_MIDDLE_MISSING)),
    "polars object": ("customer_id", pl.Series(["a", None, "b"], dtype=pl.Object)),
    "polars small integer": ("customer_id", pl.Series([1, None, 2], dtype=pl.UInt8)),
    "pandas nullable float": ("value", pd.array([1, None, 2], dtype="Float64")),
    "pandas nullable integer": ("customer_id", pd.array([1, None, 2], dtype="Int64")),
    "pandas string": ("customer_id", pd.array(["a", None, "b"], dtype="string")),
    "pandas category": ("channel", pd.Categorical(["a", None, "b"])),
    "pandas arrow date": ("time", pd.Series(_MIDDLE_MISSING, dtype="date32[pyarrow]")),
    "pandas aware": ("time", pd.Series(_MIDDLE_MISSING, dtype="datetime64[ns, Asia/Tokyo]")),
    "pyarrow dictionary": ("channel", pa.array(["a", None, "b"]).dictionary_encode()),
    "pyarrow date": ("time", pa.array(_MIDDLE_MISSING)),
    "pyarrow decimal": ("value", pa.array([Decimal("1.5"), None, Decimal(2)])),
    "pyarrow large string": ("customer_id", pa.array(["a", None, "b"], pa.large_string())),
}


@pytest.mark.parametrize("name", _TYPED)
def test_any_type_that_fits_the_column_is_read(name: str) -> None:
    column, values = _TYPED[name]
    kind: Build = EAGER[name.partition(" ")[0]]
    checked = check(kind(purchases(**{column: values})), "purchases")
    assert checked.reasons == {f"{column}: missing": 1}
    assert checked.rows == ("t1",)
    assert check(checked.valid, "purchases").n_valid == 2


def test_times_of_several_offsets_become_utc() -> None:
    frame = pd.DataFrame(purchases(2, time=["2024-05-01T09:00+09:00", "2024-05-01T00:00Z"]))
    times = check(frame, "purchases").valid["time"]
    assert times.iloc[0] == times.iloc[1]
    assert str(times.dt.tz) == "UTC"


def test_ids_are_kept_as_given_and_whole_floats_become_whole_numbers(build: Build) -> None:
    given = purchases(transaction_id=[1, 2, 3], customer_id=[11.0, 12.5, None])
    checked = check(build(given), "purchases")
    assert table(checked.valid)["customer_id"] == [11]
    assert nw.from_native(checked.valid).collect_schema()["customer_id"] == nw.Int64
    assert table(checked.rejected)["reason"] == [
        "customer_id: not an exact whole number", "customer_id: missing",
    ]  # fmt: skip
    assert table(checked.valid)["transaction_id"] == [1]


def test_guests_have_no_record_id(build: Build) -> None:
    given = purchases(source=["store"] * 3, record_id=["r1", None, " "])
    del given["customer_id"]
    checked = check(build(given))
    assert table(checked.valid)["record_id"] == ["r1", None, None]


def test_long_ids_keep_their_digits() -> None:
    long = 9_007_199_254_740_993
    frame = pd.DataFrame(purchases(2, customer_id=[long, long + 2]))
    assert check(frame, "purchases").valid["customer_id"].tolist() == [long, long + 2]
    mixed = frame.assign(customer_id=pd.Series([long, None], dtype=object))
    checked = check(mixed, "purchases")
    assert checked.valid["customer_id"].tolist() == [long]


def test_the_first_good_row_of_a_repeated_id_is_kept(build: Build) -> None:
    given = purchases(4, transaction_id=["a", "a", "a", "b"], value=["x", "1", "2", "3"])
    checked = check(build(given), "purchases")
    assert table(checked.valid)["value"] == [1.0, 3.0]
    assert table(checked.rejected)["reason"] == [
        "value: not a number", "transaction_id: same id as an earlier row",
    ]  # fmt: skip


def test_missing_transaction_ids_of_purchases_are_no_repeats(build: Build) -> None:
    checked = check(build(purchases(transaction_id=[None, None, "a"])), "purchases")
    assert checked.n_valid == 3


def test_the_clock_decides_what_is_in_the_future() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    aware = pd.DataFrame(
        purchases(2, time=[datetime(2024, 5, 1, 8, tzinfo=tokyo), datetime(2024, 5, 1, tzinfo=UTC)])
    )
    assert check(aware, "purchases", now=datetime(2024, 4, 30, 23, tzinfo=UTC)).rows == ("t1",)
    naive = pd.DataFrame(purchases(2))
    assert check(naive, "purchases", now="2024-05-01").rows == ("t1",)
    assert check(naive, "purchases", now=datetime(2024, 5, 1, 1, tzinfo=tokyo)).rows == ("t1",)
    with pytest.raises(ConfigError, match="time zone"):
        check(aware, "purchases", now="2024-05-01")


@pytest.mark.parametrize("now", ["soon", "NaT"])
def test_now_must_be_a_time(now: str) -> None:
    with pytest.raises(ConfigError, match="now is not a time"):
        check(pd.DataFrame(purchases()), "purchases", now=now)


def test_without_a_clock_times_beyond_tomorrow_are_in_the_future() -> None:
    moment = datetime.now(UTC).replace(tzinfo=None)
    times = [moment + timedelta(hours=14), moment + timedelta(days=2)]
    assert check(pd.DataFrame(purchases(2, time=times)), "purchases").rows == ("t1",)


def test_all_tables_have_a_schema_that_their_own_columns_pass(build: Build) -> None:
    for name, schema in SCHEMAS.items():
        example: dict[str, list[Any]] = {
            "id": ["a", "b"],
            "label": ["x", "x"],
            "number": [1.0, 2.0],
            "field": ["y", None],
            "time": ["2024-05-01", "2024-05-02"],
        }
        given: dict[str, list[Any]] = {c.name: list(example[c.kind]) for c in schema.columns}
        known: TableName = name  # type: ignore[assignment]  # the names of SCHEMAS
        if "refund_of" in given:
            given["refund_of"] = ["b", "a"]
        assert check(build(given), known).n_valid == 2


_ANY_ID = st.one_of(st.none(), st.sampled_from(["a", "b", "", "nan", "c"]))
_ANY_AMOUNT = st.one_of(st.none(), st.sampled_from(["1,200", "x", "inf", "-5", "nan", "１"]))
_ANY_TIME = st.sampled_from(
    [None, "2024-05-01", "2024-05-01T10:00Z", "2024-05-02T10:00+09:00", "x", "1800-01-01",
     "2200-01-01", "now"]
)  # fmt: skip
_ROW = st.tuples(_ANY_ID, _ANY_ID, st.sampled_from(["store", " ", None]), _ANY_TIME, _ANY_AMOUNT)
_NAMES = ("transaction_id", "customer_id", "channel", "time", "value")


def _columns(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    given = {name: [row[place] for row in rows] for place, name in enumerate(_NAMES)}
    return {**given, "position": list(range(len(rows)))}


@pytest.mark.parametrize("kind", [*EAGER, "polars lazy"])
@settings(max_examples=25)
@given(rows=st.lists(_ROW, max_size=12))
def test_valid_and_rejected_are_all_rows_once_and_in_order(
    kind: str, rows: list[tuple[Any, ...]]
) -> None:
    anchor = ("good", "good", "ec", "2024-05-01T09:00Z", "1")
    columns = _columns([*rows, anchor])
    checked = check({**EAGER, **LAZY}[kind](columns), "purchases", tolerance=Tolerance.anything())
    valid, rejected = table(checked.valid), table(checked.rejected)
    assert sorted(valid["position"] + rejected["position"]) == columns["position"]
    assert valid["position"] == sorted(valid["position"])
    assert rejected["position"] == sorted(rejected["position"])
    assert all(rejected["reason"])
    for name in _NAMES:
        assert rejected[name] == [columns[name][row] for row in rejected["position"]]
    assert sum(checked.reasons.values()) == len(rejected["position"]) == len(checked.rows)


_OBJECT = st.one_of(
    st.none(),
    st.one_of(st.booleans(), st.integers(), st.just(10**400), st.floats(), st.decimals()),
    st.one_of(st.text(max_size=3), st.binary(max_size=2), st.datetimes(), st.dates()),
    st.one_of(st.tuples(st.integers()), st.lists(st.integers())),
)


@given(rows=st.lists(st.tuples(*[_OBJECT] * 5), max_size=6))
def test_whatever_pandas_objects_hold_every_row_is_told_or_our_own_error_is_raised(
    rows: list[tuple[Any, ...]],
) -> None:
    columns = {n: pd.Series(v, dtype=object) for n, v in _columns(rows).items()}
    checked = _checked(pd.DataFrame(columns))
    if isinstance(checked, DataError):
        assert checked.column in _NAMES
        assert len(checked.rows) == len(rows)
        return
    together = [*checked.valid["position"], *checked.rejected["position"]]
    assert sorted(together) == list(range(len(rows)))


def _checked(frame: pd.DataFrame) -> Checked[pd.DataFrame] | DataError:
    try:
        return check(frame, "purchases")
    except DataError as error:
        return error


def test_checking_is_loaded_without_pandera() -> None:
    code = "import json, sys, omniltv.data.checking; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pandera" not in json.loads(done.stdout)
