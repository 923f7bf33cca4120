"""Offers are made only if they can be delivered, and no unit is promised twice."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.stock import Fulfilment, StockRules, fulfil

STORES, ITEMS, DAYS = ("Ginza", "Ueno", "Umeda"), ("tea", "cup", "pot"), (0, 1, 2)


def stock(rows: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """Return a table of stock."""
    places, items = zip(*rows, strict=True)
    return pd.DataFrame({"location": places, "item": items, "stock": list(rows.values())})


def offers(*rows: tuple[str, str | None, str | None], **columns: Any) -> pd.DataFrame:
    """Return offers of customer, item and store."""
    return pd.DataFrame(rows, columns=["customer_id", "item", "store"]).assign(**columns)


type Case = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, StockRules]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return random offers, stock, alternatives and rules."""
    place = st.sampled_from([*STORES, "warehouse"])
    cells = draw(
        st.dictionaries(
            st.tuples(place, st.sampled_from(ITEMS), st.sampled_from(DAYS)),
            st.integers(0, 3), min_size=1, max_size=20,
        )
    )  # fmt: skip
    keys = pd.DataFrame([*cells], columns=["location", "item", "day"])
    row = st.tuples(
        st.sampled_from(ITEMS), st.sampled_from([*STORES, None]), st.sampled_from(DAYS),
        st.integers(1, 2), st.integers(0, 9),
    )  # fmt: skip
    rows = draw(st.lists(row, min_size=1, max_size=15))
    wanted = pd.DataFrame(rows, columns=["item", "store", "day", "units", "gain"])
    other = pd.DataFrame({"item": ["tea", "cup"], "alternative": ["cup", "pot"]})
    ways = draw(st.permutations(["in store", "click and collect", "transfer"]))
    rules = StockRules(ways=tuple(ways[: draw(st.integers(1, 3))]))  # type: ignore[arg-type]  # words
    wanted.insert(0, "customer_id", np.arange(len(wanted)))
    return wanted, keys.assign(stock=list(cells.values())), other, rules


def promised(case: Case, found: Fulfilment[pd.DataFrame]) -> Iterator[tuple[str, str, list[int]]]:
    """Yield location, item, and what is left on each day after the promised units."""
    on_hand = {(p, i, d): n for p, i, d, n in case[1].itertuples(index=False)}
    columns = ["location", "offered_item", "day", "units"]
    made = list(found.offers[columns].itertuples(index=False, name=None))
    for place, item in product((*STORES, "warehouse"), ITEMS):
        left, last = [], 0
        for day in DAYS:
            last = on_hand.get((place, item, day), last)
            used = [n for p, i, d, n in made if (p, i) == (place, item) and d <= day]
            left.append(last - sum(used))
        yield place, item, left


@settings(max_examples=20)
@given(cases())
def test_no_unit_is_promised_twice(case: Case) -> None:
    wanted, table, other, rules = case
    found = fulfil(wanted, table, rules=rules, alternatives=other)
    made = found.offers
    assert sorted([*made["customer_id"], *found.refused["customer_id"]]) == list(range(len(wanted)))
    assert all(min(left) >= 0 for _, _, left in promised(case, found))
    assert {*made["fulfilment"]} <= {*rules.ways, "delivery", "sent from store"}
    in_store = made[made["fulfilment"] == "in store"]
    assert in_store["location"].tolist() == in_store["store"].tolist()


@settings(max_examples=20)
@given(cases())
def test_what_is_refused_cannot_be_delivered_any_more(case: Case) -> None:
    """With every way open, a refused offer finds too few units at every location."""
    found = fulfil(case[0], case[1])
    places = list(promised(case, found))
    refused = found.refused
    for item, day, units in zip(refused["item"], refused["day"], refused["units"], strict=True):
        left = [min(days[int(day) :]) for _, kind, days in places if kind == item]
        assert max(left) < int(units)


def test_the_ways_are_tried_in_order() -> None:
    wanted = offers(*[(name, "tea", "Ginza") for name in "abcd"])
    table = stock({("Ginza", "tea"): 1, ("warehouse", "tea"): 1, ("Ueno", "tea"): 1})
    found = fulfil(wanted, table)
    assert found.offers["fulfilment"].tolist() == ["in store", "click and collect", "transfer"]
    assert found.offers["location"].tolist() == ["Ginza", "warehouse", "Ueno"]
    assert found.offers["wait_days"].tolist() == [0, 2, 3]
    assert found.refused["refusal"].tolist() == ["tea: no unit left for Ginza"]
    assert found.reserved.to_frame()["left"].tolist() == [0, 0, 0]
    assert "3 of 4 offers" in repr(found)


def test_the_highest_gain_is_served_first() -> None:
    wanted = offers(("a", "tea", "Ginza"), ("b", "tea", "Ginza"), gain=[1.0, 2.0])
    found = fulfil(wanted, stock({("Ginza", "tea"): 1}))
    assert found.offers["customer_id"].tolist() == ["b"]
    shuffled = fulfil(wanted.iloc[::-1], stock({("Ginza", "tea"): 1}))
    assert shuffled.offers["customer_id"].tolist() == ["b"]


def test_the_next_best_item_of_the_customer_comes_before_that_of_all() -> None:
    other = pd.DataFrame({"customer_id": ["a", "a"], "item": ["tea", "tea"],
                          "alternative": ["pot", "cup"], "rank": [2, 1]})  # fmt: skip
    table = stock({("Ginza", "cup"): 1, ("Ginza", "pot"): 9})
    wanted = offers(("a", "tea", "Ginza"), ("b", "tea", "Ginza"))
    found = fulfil(wanted, table, alternatives=other)
    assert found.offers["offered_item"].tolist() == ["cup"]
    for_all = other.drop(columns="customer_id")
    assert fulfil(wanted, table, alternatives=for_all).offers["offered_item"].tolist() == [
        "cup", "pot",
    ]  # fmt: skip
    never = StockRules(substitute=False)
    assert len(fulfil(wanted, table, rules=never, alternatives=other).offers) == 0


def test_transfers_can_be_limited() -> None:
    rules = StockRules(ways=("in store", "transfer"), transfers={"Ginza": ("Umeda",)})
    table = stock({("Ueno", "tea"): 5})
    assert len(fulfil(offers(("a", "tea", "Ginza")), table, rules=rules).offers) == 0
    assert len(fulfil(offers(("a", "tea", "Umeda")), table, rules=rules).offers) == 1


def test_offers_without_item_or_store() -> None:
    wanted = offers(("a", None, "Ginza"), ("b", "tea", None), ("c", "tea", None))
    found = fulfil(wanted, stock({("warehouse", "tea"): 1, ("Ueno", "tea"): 1}))
    assert found.offers["fulfilment"].tolist() == ["no stock needed", "delivery", "sent from store"]


def test_numbers_are_labels_as_in_the_stock() -> None:
    wanted = offers(("a", 1.0, "Ginza"), ("b", None, "Ginza"))  # type: ignore[arg-type]  # number
    table = stock({("Ginza", 1): 1})  # type: ignore[dict-item]  # a number
    found = fulfil(wanted, table)
    assert found.offers["fulfilment"].tolist() == ["in store", "no stock needed"]


@pytest.mark.parametrize("kind", ["string", object])
def test_offers_may_lack_item_and_store_in_any_type_of_text(kind: Any) -> None:
    wanted = offers(("a", "tea", "Ginza"), ("b", None, None)).astype({"item": kind, "store": kind})
    found = fulfil(wanted, stock({("Ginza", "tea"): 1}))
    assert found.offers["fulfilment"].tolist() == ["in store", "no stock needed"]


def test_days_may_be_negative_and_stay_as_they_are() -> None:
    wanted = offers(("a", "tea", "Ginza"), ("b", "tea", "Ginza"), day=[-2, 5])
    table = pd.DataFrame({"location": "Ginza", "item": "tea", "day": [-3, 4], "stock": [1, 2]})
    found = fulfil(wanted, table)
    assert found.refused.empty
    assert found.reserved.to_frame()["day"].tolist() == [-2, 5]
    early = fulfil(wanted.assign(day=[-12, 5]), table)
    assert early.refused["customer_id"].tolist() == ["a"]


def test_units_are_kept_for_later_days() -> None:
    wanted = offers(("a", "tea", "Ginza"), ("b", "tea", "Ginza"), gain=[2, 1], day=[1, 0])
    table = pd.DataFrame({"location": "Ginza", "item": "tea", "day": [0, 1], "stock": [1, 1]})
    found = fulfil(wanted, table)
    assert found.offers["customer_id"].tolist() == ["a"]
    more = table.assign(stock=[1, 2])
    assert found.refused["customer_id"].tolist() == ["b"]
    assert len(fulfil(wanted, more).offers) == 2


def test_without_reservation_each_offer_is_judged_by_itself() -> None:
    wanted = offers(("a", "tea", "Ginza"), ("b", "tea", "Ginza"))
    found = fulfil(wanted, stock({("Ginza", "tea"): 1}), reserve_units=False)
    assert len(found.offers) == 2
    assert len(found.reserved) == 0


def test_polars_frames_and_dates() -> None:
    day = pd.to_datetime(["2026-01-05", "2026-01-06"])
    wanted = offers(("a", "tea", "Ginza"), ("b", "tea", "Ginza"), day=day)
    table = pd.DataFrame({"location": "Ginza", "item": "tea", "day": day, "stock": [0, 1]})
    found = fulfil(pl.from_pandas(wanted), pl.from_pandas(table))
    assert isinstance(found.offers, pl.DataFrame)
    assert found.offers["customer_id"].to_list() == ["b"]
    assert found.reserved.to_frame()["day"].tolist() == ["2026-01-06"]


@pytest.mark.parametrize(
    ("wanted", "table", "words"),
    [
        ({}, {"stock": -1}, "column 'stock': not whole units"),
        ({}, {"stock": 0.5}, "column 'stock': not whole units"),
        ({"units": 0}, {}, "column 'units': not whole units"),
        ({"day": 1}, {}, "column 'day': only one of offers and stock has days"),
        ({}, {"location": None}, "column 'location': missing labels"),
        ({"customer_id": None}, {}, "column 'customer_id': missing ids"),
        ({"day": 1}, {"day": "1"}, "column 'day': days of offers and of stock differ in type"),
        ({"day": pd.Timedelta(1, "D")}, {"day": 1}, "column 'day': labels are of type"),
    ],
)
def test_bad_tables_are_named(wanted: dict[str, Any], table: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        fulfil(
            offers(("a", "tea", "Ginza")).assign(**wanted),
            stock({("Ginza", "tea"): 1}).assign(**table),
        )


def test_stock_given_twice_is_refused() -> None:
    table = pd.concat([stock({("Ginza", "tea"): 1})] * 2, ignore_index=True)
    with pytest.raises(DataError, match="stock given twice"):
        fulfil(offers(("a", "tea", "Ginza")), table)


def test_bad_rules_are_named() -> None:
    with pytest.raises(ConfigError, match="a way is named twice"):
        StockRules(ways=("transfer", "transfer"))
    with pytest.raises(ConfigError, match="ways"):
        StockRules.from_yaml("ways: [by drone]")
