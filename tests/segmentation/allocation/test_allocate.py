"""From frames to a frame: results, limiting cases, order of rows, bad input."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.errors import DataError, DataWarning
from omniltv.segmentation.allocation import ExactAllocator, allocate

OFFERS = pd.DataFrame(
    {
        "customer_id": ["ann", "ann", "ben", "ben", "cem", "dan"],
        "treatment": ["tour", "mail", "tour", "mail", "tour", "mail"],
        "channel": ["store", "ec", "store", "ec", "store", "ec"],
        "store": ["Ginza", None, "Ginza", None, "Ueno", None],
        "gain": [90.0, 30.0, 80.0, 5.0, 40.0, 3.0],
        "cost": [10.0, 1.0, 10.0, 1.0, 10.0, 5.0],
        "staff_minutes": [30, 0, 30, 0, 20, 0],
        "messages": [0, 1, 0, 1, 0, 1],
        "reason": ["a", "b", "c", "d", "e", "f"],
    }
)
CAPACITIES: dict[str, Any] = {"staff_minutes": {"Ginza": 45, "Ueno": 0}, "messages": 5}
CAPACITY_FRAME = pd.DataFrame(
    {
        "resource": ["messages", "staff_minutes", "staff_minutes"],
        "place": [None, "Ueno", "Ginza"],
        "capacity": [5, 0, 45],
    }
)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
@pytest.mark.parametrize("capacities", [CAPACITIES, CAPACITY_FRAME], ids=["mapping", "frame"])
def test_the_offers_of_a_small_plan(make: Callable[[pd.DataFrame], Any], capacities: Any) -> None:
    found = allocate(make(OFFERS), capacities, place="store", allocator=ExactAllocator())
    chosen = pl.DataFrame(found.chosen)
    assert isinstance(found.chosen, type(make(OFFERS)))
    assert chosen["customer_id"].to_list() == ["ann", "ben"]  # 29 + 70 is more than 80 + 4
    assert chosen["treatment"].to_list() == ["mail", "tour"]
    assert chosen["net_gain"].to_list() == [29.0, 70.0]
    assert chosen["reason"].to_list() == ["b", "c"]
    assert (found.net_gain, found.gap) == (99.0, 0.0)


def test_who_was_not_reached_for_lack_of_what() -> None:
    found = allocate(OFFERS, CAPACITIES, place="store")
    missed = found.unreached()
    assert missed["customer_id"].tolist() == ["cem"]  # dan's mail costs more than it brings
    assert missed["lacks"].tolist() == ["staff_minutes of Ueno"]
    assert missed["price"].tolist() == [30.0 / 20]
    prices = found.prices.to_frame().set_index(["resource", "place"])["price"]
    assert prices["staff_minutes", "Ueno"] == 1.5
    assert prices["messages", ""] == pytest.approx(0.0, abs=0.01)
    assert prices["staff_minutes", "Ginza"] > 1


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    n = 300
    frame = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(n // 3), 3),
            "treatment": np.tile(["a", "b", "c"], n // 3),
            "channel": "ec",
            "gain": rng.integers(1, 6, n).astype(float),  # many ties
            "cost": 0.5,
            "messages": rng.integers(1, 3, n),
        }
    )
    ids = [
        allocate(frame.sample(frac=1, random_state=seed), {"messages": 40}).chosen
        for seed in (1, 2)
    ]
    assert ids[0].equals(ids[1])
    assert ids[0]["customer_id"].is_monotonic_increasing


def test_ties_go_to_the_lower_customer_id() -> None:
    frame = pd.DataFrame({"customer_id": [10, 9, 2], "treatment": "a", "channel": "ec"})
    frame = frame.assign(gain=5.0, cost=1.0, messages=1)
    assert allocate(frame, {"messages": 2}).chosen["customer_id"].tolist() == [2, 9]


def test_no_capacity_and_no_limit() -> None:
    none = allocate(OFFERS, {"staff_minutes": 0, "messages": 0}, place="store")
    assert len(none.chosen) == 0
    assert (none.net_gain, none.bound, none.gap) == (0.0, 0.0, 0.0)
    assert none.unreached()["customer_id"].tolist() == ["ann", "ben", "cem"]
    everything = allocate(OFFERS, {"staff_minutes": math.inf, "messages": math.inf}, place="store")
    assert everything.chosen["treatment"].tolist() == ["tour", "tour", "tour"]
    assert everything.gap == pytest.approx(0.0, abs=1e-9)
    assert (everything.prices.columns()["price"] == 0).all()


@pytest.mark.parametrize("frame", [OFFERS.assign(gain=0.0), OFFERS[:0]], ids=["zero", "empty"])
@pytest.mark.filterwarnings("ignore::omniltv.errors.DataWarning")
def test_nothing_is_chosen_without_a_gain(frame: pd.DataFrame) -> None:
    found = allocate(frame, {"staff_minutes": 10, "messages": 10}, place="store")
    assert len(found.chosen) == len(found.unreached()) == 0


def test_one_offer_per_exclusion_group_and_a_budget() -> None:
    frame = OFFERS.assign(group=["visit", "message"] * 3)
    plenty = {"staff_minutes": 100, "messages": 9}
    both = allocate(frame, plenty, place="store", exclusion_group="group")
    assert both.chosen["customer_id"].tolist() == ["ann", "ann", "ben", "ben", "cem"]
    budget = allocate(frame, {**plenty, "cost": 11}, place="store", exclusion_group="group")
    assert budget.chosen["cost"].sum() <= 11
    assert budget.net_gain == 109.0


BAD: list[tuple[pd.DataFrame, Any, str, str, int]] = [
    (OFFERS.assign(gain=[1.0, np.nan, 1, 1, np.nan, 1]), CAPACITIES, "gain", "missing", 2),
    (OFFERS.assign(cost=-1.0), CAPACITIES, "cost", "negative", 6),
    (OFFERS.assign(messages=[0, -1, 0, 1, 0, 1]), CAPACITIES, "messages", "negative", 1),
    (pd.concat([OFFERS, OFFERS[1:2]]), CAPACITIES, "treatment", "twice", 1),
    (OFFERS.assign(channel=None), CAPACITIES, "channel", "missing labels", 6),
    (OFFERS.drop(columns="gain"), CAPACITIES, "gain", "no such column", 0),
    (OFFERS, {"messages": 5}, "staff_minutes", "without capacity", 3),
    (OFFERS, {**CAPACITIES, "calls": 5}, "calls", "no such column", 0),
    (OFFERS, {**CAPACITIES, "messages": -5}, "capacity", "first ids: messages", 1),
    (OFFERS, {**CAPACITIES, "messages": math.nan}, "capacity", "missing", 1),
    (OFFERS, {**CAPACITIES, "staff_minutes": {"Ginza": 5}}, "store", "places without", 1),
    (OFFERS, pd.concat([CAPACITY_FRAME] * 2), "resource", "twice", 3),
    (OFFERS.drop(columns="store"), CAPACITIES, "store", "by place", 0),
]


@pytest.mark.parametrize(("offers", "capacities", "column", "words", "count"), BAD)
def test_bad_input_is_named(
    offers: pd.DataFrame, capacities: Any, column: str, words: str, count: int
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        allocate(offers, capacities, place="store")
    assert caught.value.column == column
    assert caught.value.count == count
    assert caught.value.hint


def test_capacities_that_nobody_uses_are_named() -> None:
    more = {**CAPACITIES, "staff_minutes": {"Ginza": 45, "Ueno": 9, "Shibuya": 60}}
    with pytest.warns(DataWarning, match="used by no offer: staff_minutes of Shibuya"):
        allocate(OFFERS, more, place="store")


def test_other_numeric_columns_are_kept() -> None:
    frame = OFFERS.assign(score=0.5)
    with pytest.raises(DataError, match="keep="):
        allocate(frame, CAPACITIES, place="store")
    found = allocate(frame, CAPACITIES, place="store", keep=["score"])
    assert found.chosen["score"].tolist() == [0.5, 0.5]
