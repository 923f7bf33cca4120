"""The history as a value: frames, groups, rows, and distinct states with the way back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.data import PurchaseHistory
from omniltv.errors import DataError
from omniltv.units import TimeUnit

type Constructor = Callable[[Mapping[str, Sequence[Any]]], Any]
type Contents = Callable[[Any], dict[str, list[Any]]]
type State = tuple[str, int, int, int, int]

STATISTICS: dict[str, list[Any]] = {
    "customer_id": [1, 2, 3],
    "channel": ["ec", "store", "ec"],
    "frequency": [2, 0, 1],
    "recency": [5.0, 0.0, 3.0],
    "T": [9.0, 9.0, 4.0],
    "monetary_value": [7.0, float("nan"), 6.0],
}

states = st.lists(
    st.builds(
        lambda group, x, recency, extra, value: (
            group, x, recency if x else 0, (recency if x else 0) + extra, value,
        ),
        st.sampled_from(["ec", "store"]), st.integers(0, 2), st.integers(1, 3),
        st.integers(0, 2), st.integers(1, 2),
    ),
    max_size=30,
)  # fmt: skip


def history(rows: Sequence[State]) -> PurchaseHistory:
    group, x, recency, T, value = (
        np.array([row[place] for row in rows], dtype=object) for place in range(5)
    )
    frequency = x.astype(np.int64)
    return PurchaseHistory(
        customer_id=np.arange(len(rows)).astype(object),
        frequency=frequency,
        recency=recency.astype(np.float64),
        T=T.astype(np.float64),
        monetary_value=np.where(frequency > 0, value.astype(np.float64), np.nan),
        unit=TimeUnit.WEEK,
        groups={"channel": group.astype(np.str_)},
    )


def test_frames_in_and_out(constructor: Constructor, contents: Contents) -> None:
    read = PurchaseHistory.from_frame(constructor(STATISTICS), unit="week", groups=["channel"])
    backends: tuple[Literal["pandas", "polars", "pyarrow"], ...] = ("pandas", "polars", "pyarrow")
    for backend in backends:
        frame = read.to_frame(backend=backend)
        assert type(frame).__module__.split(".")[0] == backend
        columns = contents(frame)
        value = columns.pop("monetary_value")
        assert columns == {name: STATISTICS[name] for name in columns}
        assert list(columns) == [name for name in STATISTICS if name != "monetary_value"]
        np.testing.assert_array_equal(np.array(value, dtype=float), read.monetary_value)


def test_a_history_without_values_has_none(constructor: Constructor) -> None:
    columns = {name: STATISTICS[name] for name in ("customer_id", "frequency", "recency", "T")}
    read = PurchaseHistory.from_frame(constructor(columns), unit="day")
    assert np.isnan(read.monetary_value).all()
    assert read.groups == {}


@pytest.mark.parametrize("column", ["customer_id", "frequency", "recency", "T", "channel"])
def test_a_missing_column_is_an_error(column: str) -> None:
    frame = pd.DataFrame(STATISTICS).drop(columns=column)
    with pytest.raises(DataError, match="no such column") as caught:
        PurchaseHistory.from_frame(frame, unit="week", groups=["channel"])
    assert caught.value.column == column


def test_the_same_customer_may_stand_once_per_group() -> None:
    twice = {**STATISTICS, "customer_id": [1, 1, 3]}
    read = PurchaseHistory.from_frame(pd.DataFrame(twice), unit="week", groups=["channel"])
    assert read.customer_id.tolist() == [1, 1, 3]
    with pytest.raises(DataError, match="repeated customers"):
        PurchaseHistory.from_frame(pd.DataFrame(twice), unit="week")


def test_a_group_more_and_some_rows() -> None:
    read = PurchaseHistory.from_frame(pd.DataFrame(STATISTICS), unit="week", groups=["channel"])
    split = read.with_group("arm", ["x", "y", "x"])
    assert list(split.groups) == ["channel", "arm"]
    assert list(read.groups) == ["channel"]
    for rows in ([2, 0], np.array([True, False, True])):
        some = split.take(rows)
        assert sorted(some.customer_id.tolist()) == [1, 3]
        assert some.groups["arm"].tolist() == ["x", "x"]
    assert repr(split.take([2])) == (
        "PurchaseHistory(1 rows by channel, arm, 1 repeat purchases, in weeks)"
    )


@given(rows=states)
def test_distinct_states_are_exact_and_lead_back(rows: list[State]) -> None:
    for spend in (False, True):
        whole = history(rows)
        distinct = whole.distinct(spend=spend)
        expected = [
            (group, x, t, T, (value if x else None) if spend else None)
            for group, x, t, T, value in rows
        ]
        assert len(distinct.states) == len(set(expected))
        assert distinct.count.sum() == len(rows)
        assert (distinct.count > 0).all()
        for name in ("frequency", "recency", "T"):
            per_state = getattr(distinct.states, name)
            np.testing.assert_array_equal(distinct.expand(per_state), getattr(whole, name))
        np.testing.assert_array_equal(
            distinct.expand(distinct.states.groups["channel"]), whole.groups["channel"]
        )
        if spend:
            value = distinct.expand(distinct.states.monetary_value)
            np.testing.assert_array_equal(value, whole.monetary_value)


def test_expand_keeps_the_other_axes() -> None:
    whole = history([("ec", 1, 2, 4, 1), ("ec", 0, 0, 4, 1), ("ec", 1, 2, 4, 1)])
    distinct = whole.distinct()
    per_state = np.arange(2 * 5).reshape(2, 5)
    expanded = distinct.expand(per_state)
    assert expanded.shape == (3, 5)
    np.testing.assert_array_equal(expanded[0], expanded[2])


def test_times_that_differ_in_the_last_bit_are_different_states() -> None:
    near = np.nextafter(9.0, 10.0)
    pair = PurchaseHistory.from_frame(
        pd.DataFrame({"customer_id": [1, 2], "frequency": 0, "recency": 0.0, "T": [9.0, near]}),
        unit="week",
    )
    assert len(pair.distinct().states) == 2


def test_a_million_rows_have_their_states_within_seconds() -> None:
    rng = np.random.default_rng(8)
    n = 1_000_000
    x = rng.integers(0, 4, n)
    recency = np.where(x > 0, rng.integers(1, 26, n), 0).astype(float)
    many = PurchaseHistory(
        customer_id=np.arange(n).astype(object),
        frequency=x,
        recency=recency,
        T=np.full(n, 26.0),
        monetary_value=np.full(n, np.nan),
        unit=TimeUnit.WEEK,
    )
    distinct = many.distinct()
    assert len(distinct.states) == 1 + 3 * 25
    np.testing.assert_array_equal(distinct.expand(distinct.states.recency), recency)
