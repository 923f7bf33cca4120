"""Conditions: the same answer on every kind of frame, the same text in YAML and Python."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import AllOf, AnyOf, ColumnComparison, Condition, Not

type Build = Callable[[dict[str, list[object]]], object]

DATA: dict[str, list[object]] = {
    "value": [10.0, None, 30.0, -1.0],
    "channel": ["store", "ec", None, "app"],
    "visits": [1, 2, 3, 4],
    "member": [True, False, True, False],
}
BUILDS: dict[str, Build] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "pyarrow": pa.table,
}


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> Build:
    return BUILDS[str(request.param)]


CASES = [
    (("value", "ge", 10), [True, False, True, False]),
    (("value", "gt", 10), [False, False, True, False]),
    (("value", "lt", 10), [False, False, False, True]),
    (("value", "le", 10.0), [True, False, False, True]),
    (("value", "eq", 10), [True, False, False, False]),
    (("value", "ne", 10), [False, False, True, True]),
    (("value", "between", [-1, 10]), [True, False, False, True]),
    (("value", "in", [10, 30]), [True, False, True, False]),
    (("value", "is_missing", None), [False, True, False, False]),
    (("channel", "ne", "store"), [False, True, False, True]),
    (("channel", "in", ["store", "app"]), [True, False, False, True]),
    (("channel", "is_missing", None), [False, False, True, False]),
    (("channel", "ge", "ec"), [True, True, False, False]),
    (("visits", "between", [2, 3]), [False, True, True, False]),
    (("member", "eq", True), [True, False, True, False]),
    (("member", "ne", True), [False, True, False, True]),
    (("member", "in", [False]), [False, True, False, True]),
]


@pytest.mark.parametrize(("written", "expected"), CASES, ids=str)
def test_every_operator_on_every_kind_of_frame(
    build: Build, written: tuple[str, str, object], expected: list[bool]
) -> None:
    column, op, value = written
    condition = Condition.model_validate({"column": column, "op": op, "value": value})
    frame = build(DATA)
    assert condition.mask(frame).tolist() == expected  # type: ignore[arg-type]  # any kind
    kept = condition.filter(frame)  # type: ignore[type-var]  # any kind
    assert type(kept) is type(frame)


def test_nan_is_missing_in_polars_and_pyarrow_as_in_pandas() -> None:
    values = [float("nan"), 5.0]
    for frame in (
        pd.DataFrame({"v": values}),
        pl.DataFrame({"v": values}),
        pa.table({"v": values}),
    ):
        assert Condition.where("v", "ge", 1).mask(frame).tolist() == [False, True]
        assert Condition.where("v", "ne", 5).mask(frame).tolist() == [False, False]
        assert Condition.where("v", "is_missing").mask(frame).tolist() == [True, False]


def test_duckdb_relation_is_filtered_lazily() -> None:
    relation = duckdb.sql("select * from (values (1, 'a'), (2, 'b'), (null, 'c')) t(n, name)")
    assert relation is not None
    kept = Condition.where("n", "ge", 2).filter(relation)
    assert isinstance(kept, duckdb.DuckDBPyRelation)
    assert kept.fetchall() == [(2, "b")]


def test_pandas_nullable_and_categorical_columns() -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "c": pd.Categorical(["x", "y", None]),
        }
    )
    assert Condition.where("n", "gt", 1).mask(frame).tolist() == [False, False, True]
    assert Condition.where("c", "ne", "x").mask(frame).tolist() == [False, True, False]


def test_a_column_of_nothing_but_nulls() -> None:
    for frame in (pl.DataFrame({"n": [None, None]}), pd.DataFrame({"n": [np.nan, np.nan]})):
        assert not Condition.where("n", "eq", 1).mask(frame).any()
        assert Condition.where("n", "is_missing").mask(frame).all()


def test_dates_and_times() -> None:
    stamps = [datetime.fromisoformat(f"2025-0{month}-01T09:00") for month in (1, 6)]
    for frame in (pd.DataFrame({"t": stamps}), pl.DataFrame({"t": stamps})):
        for value in (date(2025, 3, 1), "2025-03-01", datetime.fromisoformat("2025-03-01")):
            assert Condition.where("t", "ge", value).mask(frame).tolist() == [False, True]
    aware = pl.DataFrame({"t": stamps}).with_columns(pl.col("t").dt.replace_time_zone("Asia/Tokyo"))
    limit = datetime(2025, 1, 1, 1, tzinfo=UTC)
    assert Condition.where("t", "lt", limit).mask(aware).tolist() == [True, False]
    assert Condition.where("t", "ge", date(2025, 3, 1)).mask(aware).tolist() == [False, True]
    days = pl.DataFrame({"d": [date(2025, 1, 1), date(2025, 6, 1)]})
    assert Condition.where("d", "lt", "2025-02-01").mask(days).tolist() == [True, False]


@pytest.mark.parametrize(
    ("column", "op", "value"),
    [
        ("value", "ge", "10"),
        ("channel", "eq", 3),
        ("member", "gt", True),
        ("value", "eq", True),
        ("member", "eq", 1),
    ],
)
def test_types_that_cannot_be_compared_are_refused(
    build: Build, column: str, op: str, value: object
) -> None:
    condition = Condition.model_validate({"column": column, "op": op, "value": value})
    with pytest.raises(DataError, match="cannot be compared") as caught:
        condition.mask(build(DATA))  # type: ignore[arg-type]  # any kind
    assert caught.value.column == column


def test_naive_and_aware_times_are_not_compared() -> None:
    frame = pl.DataFrame({"t": [datetime.fromisoformat("2025-01-01")]})
    with pytest.raises(DataError, match="cannot be compared"):
        Condition.where("t", "ge", datetime(2025, 1, 1, tzinfo=UTC)).mask(frame)
    for value in ("soon", 20250101):
        with pytest.raises(DataError, match="cannot be compared"):
            Condition.where("t", "ge", value).mask(frame)


@pytest.mark.parametrize("value", [datetime.fromisoformat("2025-01-01"), "2025-01-32", 20250101])
def test_a_column_of_days_is_compared_with_days_alone(value: Any) -> None:
    frame = pl.DataFrame({"d": [date(2025, 1, 1), date(2025, 6, 1)]})
    assert Condition.where("d", "le", date(2025, 1, 1)).mask(frame).tolist() == [True, False]
    with pytest.raises(DataError, match="convert the column, or correct the value") as caught:
        Condition.where("d", "le", value).mask(frame)
    assert caught.value.column == "d"


def test_a_column_of_mixed_objects_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be compared"):
        Condition.where("c", "eq", 1).mask(pd.DataFrame({"c": [1, "x"]}))


def test_a_missing_column_names_those_that_are_there(build: Build) -> None:
    condition = ~(Condition.where("value", "ge", 1) & Condition.where("valeu", "lt", 1))
    with pytest.raises(DataError, match="value, channel, visits, member") as caught:
        condition.mask(build(DATA))  # type: ignore[arg-type]  # any kind
    assert caught.value.column == "valeu"


def test_an_object_that_is_no_frame_is_refused() -> None:
    with pytest.raises(DataError, match="must be a dataframe, got dict"):
        Condition.where("a", "eq", 1).mask({"a": [1]})  # type: ignore[arg-type]  # on purpose


WRITTEN = """
all_of:
- column: value
  op: ge
  value: 100
- any_of:
  - {column: channel, op: in, value: [store, ec]}
  - not_: {column: last, op: lt, value: 2025-01-01}
"""


def test_yaml_and_python_are_the_same_condition() -> None:
    big = Condition.where("value", "ge", 100)
    where = Condition.where("channel", "in", ["store", "ec"])
    late = Condition.where("last", "lt", date(2025, 1, 1))
    assert Condition.from_yaml(WRITTEN) == big & (where | ~late)
    assert Condition.model_validate_json(big.model_dump_json()) == big
    assert isinstance((big & where).root, AllOf)
    assert isinstance((big | where).root, AnyOf)
    assert isinstance((~big).root, Not)
    assert isinstance(big.root, ColumnComparison)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{all_of: [{column: a, op: like, value: 1}]}", r"all_of\[0\]\.op"),
        ("{column: a, op: ge, value: 1, vaule: 2}", "vaule"),
        ("{column: a, op: between, value: [1]}", "two ends"),
        ("{column: a, op: in, value: 3}", "a list of values"),
        ("{column: a, op: in, value: []}", "a list of values"),
        ("{column: a, op: ge}", "one value"),
        ("{column: a, op: is_missing, value: 3}", "no value"),
        ("{column: a, op: ge, value: .nan}", "value"),
        ("{all_of: []}", "all_of"),
        ("{not_: [1]}", "not_"),
        ("17", "a condition has column, op and value"),
        ("{all_of: [", "not YAML"),
        ("!!python/object/apply:os.getcwd []", "line 1: the tag .* not allowed"),
    ],
)
def test_errors_in_yaml_say_where(text: str, path: str) -> None:
    with pytest.raises(ConfigError, match=path):
        Condition.from_yaml(text)


def test_an_absent_file_is_our_error(tmp_path: "pytest.TempPathFactory") -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml: No such file"):
        Condition.from_yaml(tmp_path / "none.yaml")  # type: ignore[operator]  # a Path


values = st.one_of(st.none(), st.integers(-3, 3).map(float))
comparisons = st.builds(
    lambda op, value: Condition.where("v", op, value),
    st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
    st.integers(-3, 3),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        inner.map(lambda x: ~x),
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
    ),
    max_leaves=6,
)


@given(condition=conditions, column=st.lists(values, max_size=12))
def test_laws_of_logic_hold_on_pandas_and_polars_alike(
    condition: Condition, column: list[float | None]
) -> None:
    in_pandas = pd.DataFrame({"v": pd.Series(column, dtype="float64")})
    in_polars = pl.DataFrame({"v": pl.Series(column, dtype=pl.Float64)})
    mask = condition.mask(in_pandas)
    assert np.array_equal(mask, condition.mask(in_polars))
    assert np.array_equal(~mask, (~condition).mask(in_polars))
    assert Condition.from_yaml(condition.to_yaml()) == condition
    assert len(condition.filter(in_polars)) == mask.sum()
