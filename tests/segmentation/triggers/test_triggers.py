"""Triggers: who fires, when, and what a document or a table must have."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.playbook import TreatmentRule
from omniltv.segmentation.triggers import (
    BackInStock,
    Birthday,
    CartLeft,
    CustomerEvents,
    Enquired,
    FirstPurchase,
    PurchaseDue,
    Silent,
    TierMoved,
    TriggerKind,
    Visited,
    trigger_kinds,
)
from omniltv.testing import check_trigger
from omniltv.testing.trigger_laws import random_events

EVERY = (
    BackInStock(back_in_stock=("any",), within=9),
    Birthday(birthday=0, within=20),
    CartLeft(cart_left=2, within=3),
    Enquired(enquired=("call",), within=2),
    FirstPurchase(first_purchase=30, within=5),
    PurchaseDue(purchase_due=3, within=4),
    Silent(silent=1, within=7),
    TierMoved(tier_moved="any", within=6),
    Visited(visited=("store", "ec")),
)


def events_of(*rows: tuple[str, str, str]) -> CustomerEvents:
    frame = pd.DataFrame(rows, columns=["customer_id", "time", "event"])
    return CustomerEvents.read(frame.assign(channel="ec"))


def fired(trigger: TriggerKind, events: CustomerEvents, now: str) -> list[object]:
    return trigger.fires(events, now)["customer_id"].tolist()


@pytest.mark.parametrize("trigger", EVERY, ids=lambda trigger: trigger.key)
def test_every_kind_keeps_the_laws_and_fires(trigger: TriggerKind) -> None:
    check_trigger(trigger)
    assert len(trigger.fires(random_events(1), "2026-03-02 06:00"))


def test_every_kind_is_tried() -> None:
    own = {key for key, kind in trigger_kinds().items() if kind.__module__.startswith("omniltv")}
    assert own == {trigger.key for trigger in EVERY}


@pytest.mark.parametrize(
    ("now", "who"),
    [("2026-03-03", []), ("2026-03-04", ["a"]), ("2026-03-05", []), ("2026-03-03 10:00", ["a"])],
)
def test_a_cart_fires_once_after_its_days(now: str, who: Sequence[str]) -> None:
    events = events_of(
        ("a", "2026-03-01 10:00", "cart"),
        ("b", "2026-03-01 10:00", "cart"),
        ("b", "2026-03-01 10:00", "purchase"),
    )
    assert fired(CartLeft(cart_left=2), events, now) == who


def test_a_later_cart_starts_the_days_again() -> None:
    events = events_of(("a", "2026-03-01 10:00", "cart"), ("a", "2026-03-02 10:00", "cart"))
    assert fired(CartLeft(cart_left=2), events, "2026-03-04") == []
    assert fired(CartLeft(cart_left=2), events, "2026-03-05") == ["a"]


@pytest.mark.parametrize(
    ("born", "now", "ahead", "fires"),
    [
        ("1990-01-03", "2026-01-01", 2, True),
        ("1990-01-03", "2025-12-31", 3, True),
        ("1990-12-30", "2026-01-01", 0, False),
        ("1992-02-29", "2026-02-28", 0, True),
        ("1992-02-29", "2028-02-29", 0, True),
        ("1992-02-29", "2028-02-28", 0, False),
    ],
)
def test_birthdays(born: str, now: str, ahead: int, fires: bool) -> None:
    people = pd.DataFrame({"customer_id": ["a", "b"], "born": [born, None]})
    events = events_of(("a", "2025-01-01", "visit")).with_table("customers", people)
    assert fired(Birthday(birthday=ahead), events, now) == (["a"] if fires else [])


def test_a_purchase_that_came_already_is_not_due() -> None:
    due = pd.DataFrame({"customer_id": ["a", "b"], "expected": "2026-03-05", "since": "2026-01-01"})
    events = events_of(("a", "2026-02-20", "purchase")).with_table("next_purchases", due)
    assert fired(PurchaseDue(purchase_due=3), events, "2026-03-02") == ["b"]


def test_stock_has_to_arrive_at_the_place_where_it_was_wanted() -> None:
    wanted = pd.DataFrame({"customer_id": ["a", "b"], "item": "coat", "place": ["x", "y"],
                           "time": "2026-02-01"})  # fmt: skip
    arrivals = pd.DataFrame({"item": ["coat"], "place": ["y"], "time": ["2026-03-01 09:00"]})
    events = CustomerEvents.read(
        events_of(("a", "2026-01-01", "visit")).events,
        tables={"wanted": wanted, "arrivals": arrivals},
    )
    assert fired(BackInStock(back_in_stock=("any",)), events, "2026-03-02") == ["b"]
    assert fired(BackInStock(back_in_stock=("hat",)), events, "2026-03-02") == []


def test_articles_and_places_that_are_numbers_are_read_as_texts() -> None:
    wanted = pd.DataFrame({"customer_id": ["a", "b"], "item": [7, 8], "place": [1.0, None],
                           "time": "2026-02-01"})  # fmt: skip
    arrivals = pd.DataFrame({"item": ["7", "8"], "place": "1", "time": "2026-03-01"})
    events = events_of(("a", "2026-01-01", "visit")).with_table("wanted", wanted)
    found = BackInStock(back_in_stock=("7",)).fires(
        events.with_table("arrivals", arrivals), "2026-03-01"
    )
    assert found["cause"].tolist() == ["7 arrived on 2026-03-01"]


def test_times_in_a_zone_are_those_of_the_retailer() -> None:
    frame = pl.DataFrame(
        {"customer_id": [7], "event": ["visit"], "channel": ["store"],
         "time": pd.to_datetime(["2026-03-01T16:30Z"]).tolist()},
    )  # fmt: skip
    events = CustomerEvents.read(frame, time_zone="Asia/Tokyo")
    assert events.events["time"].tolist() == [pd.Timestamp("2026-03-02 01:30")]
    assert fired(Visited(visited=("store",)), events, "2026-03-02") == []
    assert fired(Visited(visited=("store",)), events, "2026-03-03") == [7]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", None])
def test_texts_with_an_offset_are_read_like_times_in_a_zone(zone: str | None) -> None:
    events = CustomerEvents.read(
        pd.DataFrame({"customer_id": ["a", "a"], "event": "visit", "channel": "ec",
                      "time": ["2026-03-01T16:30Z", "2026-03-01T16:30:00.5Z"]}),
        time_zone=zone,
    )  # fmt: skip
    first = pd.Timestamp("2026-03-01 16:30" if zone is None else "2026-03-02 01:30")
    assert events.events["time"].tolist() == [first, first + timedelta(milliseconds=500)]


def test_events_without_a_customer_are_counted() -> None:
    frame = pd.DataFrame({"customer_id": ["a", None], "time": "2026-03-01", "event": "visit",
                          "channel": "store"})  # fmt: skip
    assert CustomerEvents.read(frame).anonymous == 1


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"visited": "store", "silent": 3}, "has exactly one of"),
        ({"vsited": "store"}, "this has vsited"),
        ("visited", "this has str"),
        ({"cart_left": -1}, r"trigger\.cart_left"),
        ({"visited": "store", "within": 0}, r"trigger\.within"),
    ],
)
def test_documents_that_are_no_triggers_are_named_with_their_path(
    document: object, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        TreatmentRule.model_validate(
            {"name": "a", "channel": "ec", "owner": "o", "trigger": document}
        )
    assert str(caught.value.parameter).startswith("trigger")


def test_a_table_that_is_absent_is_named() -> None:
    events = events_of(("a", "2026-03-01", "visit"))
    with pytest.raises(DataError, match="needs the table 'moves'"):
        TierMoved(tier_moved="up").fires(events, "2026-03-02")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("time", None, "missing times"),
        ("time", 5, "no times"),
        ("time", ["2026-03-01T16:30+01:00", "2026-03-01T16:30+02:00"], "no times.*one time zone"),
        ("channel", ..., "channel"),
    ],
)
def test_events_that_cannot_be_read(column: str, value: Any, words: str) -> None:
    values = value if isinstance(value, list) else [value]
    frame = pd.DataFrame({"customer_id": ["a"] * len(values), "time": "2026-03-01",
                          "event": "visit", "channel": "store"})  # fmt: skip
    changed: dict[str, Any] = {column: values}
    frame = frame.drop(columns=column) if value is ... else frame.assign(**changed)
    with pytest.raises(DataError, match=words):
        CustomerEvents.read(frame)
