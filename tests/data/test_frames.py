"""Frames of every kind in and out, and cases of tables from practice."""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import PurchaseHistory, PurchaseLog, check
from omniltv.errors import DataError
from omniltv.identity import stitch

type Make = Callable[[Mapping[str, Any]], Any]

MAKERS: dict[str, Make] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "polars lazy": pl.LazyFrame,
    "duckdb": lambda data: duckdb.from_arrow(pa.table(data)),
}
BOUGHT: dict[str, Any] = {
    "customer_id": ["a", "a", "b"],
    "channel": ["ec", "store", "ec"],
    "time": ["2025-01-01", "2025-01-15", "2025-01-20"],
    "value": [10.0, 20.0, 5.0],
}
HISTORY: dict[str, Any] = {
    "customer_id": ["a", "b"],
    "frequency": [1, 0],
    "recency": [2.0, 0.0],
    "T": [9.0, 9.0],
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def columns(frame: Any) -> dict[str, list[Any]]:
    """Return any frame as lists by column."""
    wrapped: Any = nw.from_native(frame)
    eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
    return dict(eager.to_dict(as_series=False))


def without(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values for name, values in data.items() if name not in names}


def history() -> PurchaseHistory:
    return PurchaseHistory.from_frame(pd.DataFrame(HISTORY), unit="week")


def test_every_frame_of_a_result_is_of_the_kind_given(make: Make) -> None:
    frame = make(BOUGHT | {"value": [10.0, None, 5.0]})
    records = make({"source": ["ec", "ec"], "record_id": ["1", None], "phone": ["1", "2"]})
    checked, found = check(frame, "purchases"), stitch(records)
    log = PurchaseLog.from_frame(frame)
    parts = (checked.valid, checked.rejected, log.rejected, found.crosswalk,
             found.rejected, found.links)  # fmt: skip
    assert {type(part) for part in parts} == {type(frame)}
    assert columns(log.rejected)["reason"] == ["value: missing"]


@pytest.mark.parametrize(
    ("frame", "column", "says"),
    [
        (pd.DataFrame([["a", "b"]], columns=["x", "x"]), "x", "two columns of the same name"),
        (pa.table([["a"], ["b"]], names=["x", "x"]), "x", "two columns of the same name"),
        (pd.DataFrame([["a", "b"]], columns=["x", 7]), "7", "is not text"),
        ({"x": [1]}, None, "must be a dataframe, got dict"),
        (None, None, "must be a dataframe, got NoneType"),
        (pd.Series([1]), None, "must be a dataframe, got Series"),
    ],
)
def test_what_is_no_usable_frame_is_refused_alike_everywhere(
    frame: Any, column: str | None, says: str
) -> None:
    for use in (
        lambda: check(frame, "purchases"),
        lambda: stitch(frame),
        lambda: PurchaseLog.from_frame(frame),
        lambda: PurchaseHistory.from_frame(frame, unit="day"),
    ):
        with pytest.raises(DataError, match=rf"{says}.*Hint: ") as caught:
            use()
        assert caught.value.column == column


@pytest.mark.parametrize("name", ["_row", "__row__", "row", "index", "reason"])
def test_no_column_of_the_users_is_overwritten(name: str, make: Make) -> None:
    frame = make(BOUGHT | {name: ["x", "y", "z"], "value": [10.0, None, 5.0]})
    assert columns(check(frame, "purchases").valid)[name] == ["x", "z"]
    for rejected in (check(frame, "purchases").rejected, PurchaseLog.from_frame(frame).rejected):
        assert columns(rejected)[name] == ["y"]
        ours = "reason_1" if name == "reason" else "reason"
        assert columns(rejected)[ours] == ["value: missing"]


def test_c4_a_covariate_of_text_is_refused_with_column_and_rows() -> None:
    with pytest.raises(DataError, match=r"not numbers.*Hint: .*0/1") as caught:
        history().with_covariate("region", ["north", "south"])
    assert (caught.value.column, caught.value.rows) == ("region", ("a", "b"))


@pytest.mark.parametrize(
    "values",
    [["1", "2"], [1.0, "x"], np.array(["1", "2"]), np.array(["2024-01-01"] * 2, dtype="M8[D]"),
     pd.Series(["x", "y"], dtype="category")],
)  # fmt: skip
def test_c4_text_and_times_are_no_covariates(values: Any) -> None:
    with pytest.raises(DataError, match="not numbers"):
        history().with_covariate("x", values)


def test_c4_numbers_and_truth_values_are_covariates_and_gaps_are_not() -> None:
    known = history().with_covariate("member", [True, False]).with_covariate("age", [30, 41.5])
    assert known.covariates["member"].tolist() == [1.0, 0.0]
    with pytest.raises(DataError, match="missing or infinite") as caught:
        known.with_covariate("size", np.array([None, 1], dtype=object))
    assert (caught.value.column, caught.value.rows) == ("size", ("a",))


def test_c4_a_covariate_of_text_in_a_frame_is_refused(make: Make) -> None:
    frame = make(HISTORY | {"region": ["north", "south"]})
    with pytest.raises(DataError, match=r"not a column of numbers.*Hint: .*0/1") as caught:
        PurchaseHistory.from_frame(frame, unit="week", covariates=["region"])
    assert caught.value.column == "region"


def test_c4_statistics_of_text_are_refused() -> None:
    with pytest.raises(DataError, match="not numbers") as caught:
        PurchaseHistory(["a"], ["x"], [0.0], [1.0], [float("nan")], "week")  # type: ignore[arg-type]
    assert caught.value.column == "frequency"


def test_c5_a_log_needs_neither_channel_nor_value(make: Make) -> None:
    log = PurchaseLog.from_frame(make(without(BOUGHT, "channel", "value")))
    assert log.history(unit="day").frequency.tolist() == [1, 0]
    assert log.channels == ("all",)
    assert np.isnan(log.value).all()


def test_c5_missing_values_of_a_channel_that_is_there_are_still_rejected(make: Make) -> None:
    log = PurchaseLog.from_frame(make(BOUGHT | {"channel": ["ec", None, "ec"]}))
    assert columns(log.rejected)["reason"] == ["channel: missing"]


def test_c5_us_dates_are_refused_with_the_format_to_give(make: Make) -> None:
    frame = make(without(BOUGHT, "channel", "value") | {"time": ["01/05/2025"] * 3})
    with pytest.raises(DataError, match=r"day or month first.*Hint: .*formats=Formats") as caught:
        PurchaseLog.from_frame(frame)
    assert caught.value.column == "time"


@pytest.mark.parametrize("missing", ["customer_id", "time"])
def test_c5_a_missing_column_is_named_and_no_internal_one(missing: str, make: Make) -> None:
    with pytest.raises(DataError, match="no such column") as caught:
        PurchaseLog.from_frame(make(without(BOUGHT, missing)))
    assert caught.value.column == missing
    assert "row" not in str(caught.value)


@pytest.mark.parametrize("spelt", ["Value", "valeu", " value"])
def test_c5_an_optional_column_that_is_misspelt_is_refused(spelt: str) -> None:
    frame = pd.DataFrame(BOUGHT).rename(columns={"value": spelt})
    with pytest.raises(DataError, match="rename it") as caught:
        PurchaseLog.from_frame(frame)
    assert caught.value.column == "value"


def test_c5_no_hint_renames_a_column_that_the_table_needs() -> None:
    frame = pd.DataFrame({"source": ["ec"], "record_id": ["1"], "kind": ["2025-01-01"]})
    with pytest.raises(DataError, match="add the column 'time'"):
        check(frame, "transactions")


def test_types_beyond_the_first_hundred_rows_count() -> None:
    ids = pd.Series([f"r{row}" for row in range(150)] + [7], dtype=object)
    checked = check(pd.DataFrame({"source": "ec", "record_id": ids}), "records")
    assert checked.rejected["reason"].tolist() == ["record_id: a number among ids that are text"]
