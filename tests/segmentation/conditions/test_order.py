"""Quantiles and ranks of lazy tables, without sorting: the same as those of a sorted list."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.segmentation import Condition
from omniltv.segmentation.scores import Rfm, scored

NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 1e-300, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
    st.floats(-100, 100),
    st.integers(0, 9).map(float),
)


def levels_of(values: list[Any], levels: int) -> list[int]:
    """Return the levels by RFM of a lazy table."""
    frame = pl.LazyFrame({"v": values, "zero": [0.0] * len(values)}, strict=False)
    score = Rfm(levels=levels, recency="zero", frequency="zero", monetary="v")
    return scored(frame, score).collect()["rfm_monetary"].to_list()


def levels_meant(values: list[Any], levels: int) -> list[int]:
    known = [value for value in values if value is not None]
    return [
        0 if value is None else 1 + sum(v < value for v in known) * levels // len(known)
        for value in values
    ]


@settings(max_examples=20)
@given(values=st.lists(NUMBERS, min_size=1, max_size=60), levels=st.integers(2, 9))
def test_lines_are_those_of_a_sorted_list(values: list[Any], levels: int) -> None:
    typed = pl.Series(values, dtype=pl.Float64).to_list()
    if any(value is not None for value in typed):
        assert levels_of(typed, levels) == levels_meant(typed, levels)


def test_one_far_value_leaves_the_others_exact() -> None:
    values = [*(k / 7 for k in range(1_000)), 1e12]
    assert levels_of(values, 7) == levels_meant(values, 7)


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_moments_are_in_the_levels_of_their_order(unit: Any, zone: str | None) -> None:
    start = datetime(2026, 3, 29, tzinfo=UTC)
    moments = [start + timedelta(hours=k * 17 % 40, microseconds=k) for k in range(40)]
    known = [None if k % 9 == 0 else moment for k, moment in enumerate(moments)]
    series = pl.Series("t", known).dt.cast_time_unit(unit).dt.replace_time_zone(zone)
    frame = pl.LazyFrame({"t": series, "zero": [0.0] * 40})
    score = Rfm(levels=4, recency="t", frequency="zero", monetary="zero")
    assert scored(frame, score).collect()["rfm_recency"].to_list() == levels_meant(known, 4)


def engines(table: pa.Table) -> list[Any]:
    connection = duckdb.connect(config={"threads": 1})
    connection.register("arrow_table", table)
    connection.execute("create table given as from arrow_table")
    return [pl.from_arrow(table).lazy(), connection.table("given")]  # type: ignore[union-attr]  # a frame


def test_ranks_of_all_rows_and_lines_of_groups_agree() -> None:
    n = 300
    for groups in (3, 100):  # more groups than lines are looked up for
        table = pa.table(
            {
                "row": range(n),
                "v": [float(k * 7919 % 23) if k % 11 else None for k in range(n)],
                "g": [k % groups if k % 13 else None for k in range(n)],
            }
        )
        for text in ("rank: top, share: 0.3", "rank: bottom, count: 2, ties: out"):
            condition = Condition.from_yaml(f"{{column: v, by: [g], {text}}}")
            expected = set(condition.filter(table)["row"].to_pylist())
            assert 0 < len(expected) < n
            for frame in engines(table):
                lazy = nw.from_native(frame)
                ranks = lazy.filter(condition.expr(lazy.collect_schema())).collect()
                lines = nw.from_native(condition.filter(frame)).collect()
                assert set(ranks["row"].to_list()) == expected
                assert set(lines["row"].to_list()) == expected
