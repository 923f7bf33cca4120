"""Values by their place, without sorting: the same as those of a sorted list."""

import math
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.segmentation import Condition
from omniltv.segmentation.conditions._order import can_order, ordered

NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 1e-300, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
    st.floats(-100, 100),
    st.integers(0, 9).map(float),
)


@settings(max_examples=30)
@given(values=st.lists(NUMBERS, min_size=1, max_size=60), groups=st.booleans())
def test_values_by_place_are_those_of_a_sorted_list(values: list[Any], groups: bool) -> None:
    labels = ["ab"[k % 2] if k % 3 else None for k in range(len(values))]
    frame = pl.LazyFrame({"v": pl.Series(values, dtype=pl.Float64), "g": labels})
    by = [nw.col("g")] if groups else []
    found = ordered(nw.from_native(frame), nw.col("v"), nw.Float64(), lambda n: range(n + 2), by)
    expected: dict[Any, list[float]] = {}
    for value, label in zip(values, labels, strict=True):
        if value is not None:
            expected.setdefault((label,) if groups else (), []).append(value)
    assert found.keys() == expected.keys()
    for key, order in found.items():
        assert order.n == len(expected[key])
        assert [order.at[k + 1] for k in range(order.n)] == sorted(expected[key])
        assert set(order.at) == set(range(1, order.n + 1))


def test_one_far_value_leaves_the_others_exact() -> None:
    values = [*(k / 7 for k in range(1_000)), 1e12]
    table = nw.from_native(pl.LazyFrame({"v": values}))
    found = ordered(table, nw.col("v"), nw.Float64(), lambda n: [n // 2, n])
    assert found[()].at == {500: 499 / 7, 1_001: 1e12}


def test_types_that_lose_digits_are_not_ordered() -> None:
    assert can_order(nw.Datetime("us"))
    assert not can_order(nw.Datetime("us", "Asia/Tokyo"))
    assert not can_order(nw.Datetime("ns"))


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
