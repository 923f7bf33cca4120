"""Plans of contacts: who gets what, who does not and why; files; bad input."""

import json
import math
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError, EvidenceWarning, StoreError
from omniltv.segmentation.planning import (
    ActingData,
    ContactPlan,
    plan_contacts,
    plan_schema,
    read_plan,
    write_plan,
)
from omniltv.segmentation.playbook import Playbook
from omniltv.segmentation.scenarios import ScenarioState
from omniltv.segmentation.stock import fulfil
from omniltv.segmentation.triggers import CustomerEvents
from omniltv.testing.plans import small_plan

DAY = date(2026, 3, 2)
PLAYBOOK = Playbook.from_yaml("""
tiers: [high, low]
resources: [{name: minutes, amount: 60, label: hour of staff}, {name: mails}]
campaigns: [{name: spring, first: 2026-03-01, last: 2026-03-10}]
treatments:
- {name: visit, channel: store, owner: sales, tiers: high, cost: 10, uses: {minutes: 30}}
- {name: mail, channel: ec, owner: digital, cost: 1, uses: {mails: 1}, trigger: {cart_left: 1}}
- {name: card, channel: store, owner: sales, campaign: spring, exclusion_group: gifts}
- {name: gift, channel: ec, owner: digital, campaign: spring, exclusion_group: gifts,
   when: {column: age, op: ge, value: 60}}
- {name: hello, channel: ec, owner: digital, uses: {mails: 1}}
scenarios:
- {name: welcome, trigger: {first_purchase: 0, within: 3}, steps: [{treatment: hello}]}
policy: {caps: [{contacts: 1, days: 2, channel: ec}], rest_days: 14}
""")
CUSTOMERS = pd.DataFrame({
    "customer_id": ["a", "b", "c", "d", "e"], "tier": ["high", "high", "low", "low", "low"],
    "place": "Ginza", "age": [30, 40, 70, 20, 20],
})  # fmt: skip
EFFECTS = pd.DataFrame({
    "treatment": ["visit", "mail", "card", "gift", "hello"],
    "tier": pd.Series(["high", None, None, None, None], dtype=object),
    "channel": ["store", "ec", "store", "ec", "ec"],
    "effect": [90.0, 20.0, 8.0, 12.0, 5.0], "sd": 1.0,
})  # fmt: skip
EVENTS = CustomerEvents.read(pd.DataFrame({
    "customer_id": ["d", "e"], "time": ["2026-03-01 10:00", "2026-02-28 10:00"],
    "event": ["purchase", "cart"], "channel": "ec",
}))  # fmt: skip
CONSENTS = pd.DataFrame(
    [(who, channel) for who in "abcde" for channel in ("store", "ec")],
    columns=["customer_id", "channel"],
)
ROOM: Any = {"minutes": {"Ginza": 45}, "mails": 10}


def planned(
    customers: Any = CUSTOMERS, effects: Any = EFFECTS, capacities: Any = ROOM, **data: Any
) -> ContactPlan[Any]:
    given: dict[str, Any] = {"consents": CONSENTS, "events": EVENTS, **data}
    return plan_contacts(
        PLAYBOOK, customers, effects, capacities, on=DAY, data=ActingData(**given)
    )  # fmt: skip


def chosen(plan: ContactPlan[Any]) -> Mapping[str, str]:
    frame = pd.DataFrame({name: list(plan.contacts[name]) for name in ("customer_id", "treatment")})
    return dict(zip(frame["customer_id"], frame["treatment"], strict=True))


def why(plan: ContactPlan[Any], customer: str) -> Mapping[str, str]:
    table = plan.explain(customer).to_frame()
    return dict(zip(table["treatment"], table["why"], strict=True))


def test_everybody_gets_what_is_worth_most_in_sum() -> None:
    plan = planned()
    assert chosen(plan) == {"a": "visit", "b": "card", "c": "gift", "d": "card", "e": "mail"}
    assert plan.net_gain == 80 + 8 + 12 + 8 + 19
    rows = plan.contacts.set_index("customer_id")
    assert rows.loc["e", "cause"] == "cart left on 2026-02-28 (ec)"
    assert set(plan.contacts["basis"]) == {"experiment"}


def test_reasons() -> None:
    log = pd.DataFrame({"customer_id": ["a", "c", "e"], "time": "2026-03-01",
                        "treatment": ["visit", "card", "mail"],
                        "channel": ["store", "store", "ec"]})  # fmt: skip
    plan = planned(
        contacts=log,
        consents=CONSENTS[CONSENTS["customer_id"] != "b"],
        reserved=pd.DataFrame({"customer_id": ["d"], "exclusion_group": ["gifts"]}),
    )
    assert why(plan, "a")["visit"] == "had it within the rest days"
    assert why(plan, "b")["visit"] == "no consent on store"
    assert why(plan, "c")["visit"] == "not for this tier"
    assert why(plan, "c")["gift"] == "had it within the rest days"
    assert why(plan, "c")["mail"] == "the trigger has not fired"
    assert why(plan, "a")["gift"] == "the condition does not hold"
    assert why(plan, "a")["hello"] == "no step of a scenario is due"
    assert why(plan, "e")["mail"] == "had it within the rest days"
    assert why(plan, "d")["hello"] == "card on store is worth more to the plan"
    assert why(planned(contacts=log.assign(time="2026-02-20")), "c")["gift"] != "no consent on ec"


def test_caps_count_contacts_of_the_channel() -> None:
    log = pd.DataFrame({"customer_id": ["c"], "time": "2026-03-01", "treatment": "other",
                        "channel": "ec"})  # fmt: skip
    assert why(planned(contacts=log), "c")["gift"] == "cap of 1 in 2 days on ec"
    assert chosen(planned(contacts=log))["c"] == "card"
    assert chosen(planned(contacts=log.assign(time="2026-02-28")))["c"] == "gift"


def test_scarce_resources_have_a_price_and_name_who_was_not_reached() -> None:
    plan = planned(customers=CUSTOMERS.assign(tier="high"), consents=CONSENTS[::2])
    assert plan.prices.to_frame().query("price > 0")["resource"].tolist() == ["minutes"]
    (text,) = plan.worth()
    assert text.startswith("one more hour of staff in Ginza is worth ")
    none = planned(capacities={"minutes": {"Ginza": 0}, "mails": 0},
                   consents=CONSENTS[CONSENTS["channel"] == "ec"])  # fmt: skip
    assert none.unreached[["customer_id", "lacks"]].values.tolist() == [
        ["d", "mails"],
        ["e", "mails"],
    ]
    assert why(none, "e")["mail"] == "lacks mails, price 19"


def test_the_order_of_rows_and_the_kind_of_frame_do_not_matter() -> None:
    first = planned()
    again = planned(
        customers=pl.from_pandas(CUSTOMERS[::-1].reset_index(drop=True)),
        effects=pl.from_pandas(EFFECTS[::-1].reset_index(drop=True)),
        consents=CONSENTS[::-1],
    )
    assert isinstance(again.contacts, pl.DataFrame)
    assert again.contacts.to_dicts() == first.contacts.to_dict("records")


def test_held_out_customers_get_nothing_and_are_named() -> None:
    many = pd.DataFrame({"customer_id": range(2_000), "tier": "low"})
    playbook = Playbook.from_yaml("""
tiers: [low]
treatments: [{name: mail, channel: ec, owner: digital, hold_out: 0.2}]
""")
    effects = pd.DataFrame({"treatment": ["mail"], "tier": ["low"], "channel": "ec",
                            "effect": 3.0, "sd": 1.0})  # fmt: skip
    data = ActingData(consents=many[["customer_id"]].assign(channel="ec"))
    plan = plan_contacts(playbook, many, effects, {}, on=DAY, data=data)
    out = set(plan.held_out["customer_id"])
    # Six standard deviations of a binomial count: a false alarm has a probability below 1e-8.
    assert abs(len(out) - 400) < 6 * math.sqrt(2_000 * 0.2 * 0.8)
    assert out | set(plan.contacts["customer_id"]) == set(many["customer_id"])
    later = plan_contacts(playbook, many, effects, {}, on=DAY + timedelta(days=40), data=data)
    assert set(later.held_out["customer_id"]) == out


def test_who_cannot_be_delivered_to_is_not_held_out() -> None:
    playbook = Playbook.from_yaml("""
tiers: [high, low]
treatments:
- {name: gift, channel: ec, owner: digital, needs_stock: true, hold_out: 0.999999}
""")
    stock = pd.DataFrame({"customer_id": ["a"], "item": "coat"})
    plan = plan_contacts(playbook, CUSTOMERS, EFFECTS, {}, on=DAY,
                         data=ActingData(consents=CONSENTS, stock=stock))  # fmt: skip
    assert plan.held_out["customer_id"].tolist() == ["a"]
    assert why(plan, "b")["gift"] == "nothing can be delivered"


def test_a_missing_consent_or_channel_is_no_consent_in_any_type() -> None:
    gaps = pd.DataFrame(
        {"customer_id": ["a", "b"], "channel": ["ec", None], "consent": [None, True]}
    )
    known = pd.concat([CONSENTS.assign(consent=True), gaps], ignore_index=True)
    nullable = known.astype({"channel": "string", "consent": "boolean"})
    refused = CONSENTS[(CONSENTS["customer_id"] != "a") | (CONSENTS["channel"] != "ec")]
    assert chosen(planned(consents=nullable)) == chosen(planned(consents=refused))


def test_places_that_are_numbers_with_gaps_are_those_of_the_capacities() -> None:
    people = CUSTOMERS.assign(place=[1.0, 1.0, 1.0, 1.0, math.nan])
    plan = planned(people, capacities={"minutes": {"1": 45}, "mails": 10})
    assert chosen(plan) == chosen(planned())


def test_contacts_of_later_days_do_not_count() -> None:
    log = pd.DataFrame({"customer_id": ["a", "c", "e"], "time": "2026-03-03 10:00",
                        "treatment": ["visit", "other", "mail"],
                        "channel": ["store", "ec", "ec"]})  # fmt: skip
    assert chosen(planned(contacts=log)) == chosen(planned())
    today = planned(contacts=log.assign(time="2026-03-02 10:00"))
    assert why(today, "a")["visit"] == "had it within the rest days"
    assert why(today, "e")["mail"] == "the trigger has not fired"


def test_a_table_of_customers_that_is_given_is_read() -> None:
    playbook = Playbook.from_yaml("""
tiers: [high, low]
treatments: [{name: gift, channel: ec, owner: digital, trigger: {birthday: 0, column: wed}}]
""")
    wed = pd.DataFrame({"customer_id": ["b"], "wed": "2020-03-02"})
    data = ActingData(consents=CONSENTS, events=EVENTS.with_table("customers", wed))
    plan = plan_contacts(playbook, CUSTOMERS, EFFECTS, {}, on=DAY, data=data)
    assert chosen(plan) == {"b": "gift"}


def test_effects_that_were_not_measured_are_the_prior_with_a_warning() -> None:
    with pytest.warns(EvidenceWarning, match="1 effects are assumed.*mail for low"):
        plan = planned(effects=EFFECTS[EFFECTS["treatment"] != "mail"])
    assert "mail" not in set(plan.contacts["treatment"])
    assert why(plan, "e")["mail"] == "the gain does not exceed the cost"


def test_customers_without_a_treatment_are_reported() -> None:
    playbook = Playbook.from_yaml("""
tiers: [high, low]
treatments: [{name: visit, channel: store, owner: sales, tiers: high}]
""")
    effects = EFFECTS[:1]
    data = ActingData(consents=CONSENTS)
    plan = plan_contacts(playbook, CUSTOMERS, effects, {}, on=DAY, data=data)
    assert plan.uncovered["customer_id"].tolist() == ["c", "d", "e"]


def test_stock_and_best_hours() -> None:
    playbook = Playbook.from_yaml("""
tiers: [high, low]
treatments: [{name: gift, channel: ec, owner: digital, needs_stock: true}]
""")
    stock = pd.DataFrame({"customer_id": ["a", "a", "b"], "item": ["coat", "hat", "hat"],
                          "way": ["store", "store", "collect"]})  # fmt: skip
    hours = pd.DataFrame({"customer_id": ["a"], "channel": "ec", "hour": 18, "factor": 2.0})
    effects = EFFECTS[EFFECTS["treatment"] == "gift"]
    data = ActingData(consents=CONSENTS, stock=stock, responses=hours)
    plan = plan_contacts(playbook, CUSTOMERS, effects, {}, on=DAY, data=data)
    names = ["customer_id", "item", "way", "at", "expected_gain"]
    assert plan.contacts[names].values.tolist() == [
        ["b", "hat", "collect", "2026-03-02T10:00:00", 12.0],
        ["a", "coat", "store", "2026-03-02T18:00:00", 24.0],
    ]
    assert why(plan, "c")["gift"] == "nothing can be delivered"
    numbers = ActingData(consents=CONSENTS, stock=stock.assign(item=[7, 8, 8]))
    plan = plan_contacts(playbook, CUSTOMERS, effects, {}, on=DAY, data=numbers)
    assert sorted(plan.contacts["item"]) == ["7", "8"]
    with pytest.raises(ConfigError, match="'gift' needs stock"):
        plan_contacts(playbook, CUSTOMERS, effects, {}, on=DAY, data=ActingData(consents=CONSENTS))


def test_scenarios_go_on_from_plan_to_plan() -> None:
    ec = CONSENTS[CONSENTS["channel"] == "ec"]
    first = planned(consents=ec, customers=CUSTOMERS.assign(age=20))
    row = first.contacts.set_index("customer_id").loc["d"]
    assert (row["treatment"], row["scenario"], row["step"]) == ("hello", "welcome", "hello")
    assert first.state.of("d")["status"].tolist() == ["sent"]
    later = plan_contacts(
        PLAYBOOK, CUSTOMERS, EFFECTS, ROOM, on=DAY + timedelta(days=1),
        data=ActingData(consents=ec, events=EVENTS), state=first.state,
    )  # fmt: skip
    assert "d" not in chosen(later) or chosen(later)["d"] != "hello"
    full = planned(consents=ec, customers=CUSTOMERS.assign(age=20), capacities={**ROOM, "mails": 1})
    assert full.state.of("d")["status"].tolist() == ["waiting"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_plans_in_files(tmp_path: Path, suffix: str) -> None:
    plan, path = planned(), tmp_path / f"plan{suffix}"
    write_plan(plan.contacts, path)
    back = read_plan(path)
    assert back.to_dict("records") == plan.contacts.to_dict("records")
    assert not len(plan.compared_with(back))
    if suffix == ".jsonl":
        for line in path.read_text().splitlines():
            jsonschema.validate(json.loads(line), plan_schema())


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    plan = small_plan()
    with pytest.raises(StoreError, match="no known format"):
        write_plan(plan.contacts, tmp_path / "plan.xml")
    (tmp_path / "plan.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StoreError, match="other columns"):
        read_plan(tmp_path / "plan.csv")
    for text in ("{", "{}", "[1]", '{"contact_key": "a"}'):
        (tmp_path / "plan.jsonl").write_text(text)
        with pytest.raises(StoreError, match="not a plan"):
            read_plan(tmp_path / "plan.jsonl")
    with pytest.raises(StoreError, match="no known format"):
        read_plan((tmp_path / "plan.csv").rename(tmp_path / "plan.xml"))
    with pytest.raises(StoreError, match="cannot write"):
        write_plan(plan.contacts, tmp_path / "absent" / "plan.csv")


@pytest.mark.parametrize(("ids", "back"), [(["007", "8"], ["007", "8"]), (["7", "8"], [7, 8])])
def test_ids_from_csv_are_numbers_only_if_all_of_them_are(
    tmp_path: Path, ids: list[str], back: list[object]
) -> None:
    contacts = small_plan().contacts.assign(customer_id=ids)
    write_plan(contacts, tmp_path / "plan.csv")
    assert read_plan(tmp_path / "plan.csv")["customer_id"].tolist() == back


def test_rare_line_ends_stay_in_json_lines(tmp_path: Path) -> None:
    contacts = small_plan().contacts.assign(cause="a\u2028b\x85c")
    write_plan(contacts, tmp_path / "plan.jsonl")
    assert read_plan(tmp_path / "plan.jsonl")["cause"].tolist() == ["a\u2028b\x85c"] * 2


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, path = small_plan(), tmp_path / "plan.parquet"
    write_plan(plan.contacts, path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (lambda: read_plan(path), lambda: write_plan(plan.contacts, path)):
        with pytest.raises(StoreError, match="needs PyArrow"):
            act()


def test_reminders_and_changes() -> None:
    plan = planned()
    assert plan.reminders()["owner"].tolist() == ["digital", "digital", "sales", "sales", "sales"]
    old = plan.contacts.assign(day="2026-02-27", contact_key=["1", "2", "3", "4", "5"])
    late = plan.reminders(plan.contacts, earlier=[old])
    assert set(late["days_late"]) == {3}
    fewer = planned(consents=CONSENTS[CONSENTS["channel"] == "store"])
    changes = fewer.compared_with(plan)
    assert changes.query("change == 'gone'")["customer_id"].tolist() == ["c", "e"]
    assert changes.query("change == 'new'")["customer_id"].tolist() == ["c", "e"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"capacities": {**ROOM, "cals": 3}}, r"capacities\.cals: no treatment"),
        ({"capacities": {"minutes": 3}}, r"treatments\[1\]\.uses\.mails: there is no capacity"),
        ({"capacities": {**ROOM, "mails": -3}}, "negative"),
        ({"customers": CUSTOMERS.assign(tier="gold")}, "column 'tier'.*does not have"),
        ({"customers": pd.concat([CUSTOMERS, CUSTOMERS[:1]])}, "several rows of a customer"),
        ({"effects": pd.concat([EFFECTS, EFFECTS[:1]])}, "effects given twice"),
        ({"effects": EFFECTS.assign(sd=-1.0)}, "negative standard deviations"),
        ({"effects": EFFECTS.drop(columns="sd")}, "'sd'"),
        ({"reserved": pd.DataFrame({"customer_id": ["a", "a"], "exclusion_group": ["gifts", "x"]})},
         "unknown exclusion groups"),
        ({"responses": pd.DataFrame({"customer_id": ["a"], "channel": "ec", "hour": 24})},
         "outside the allowed range"),
        ({"responses": pd.DataFrame({"customer_id": ["a", "a"], "channel": "ec", "hour": [9, 10]})},
         "responses given twice"),
        ({"consents": CONSENTS.assign(consent="yes")}, "not a column of booleans"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        planned(**change)


def test_a_customer_in_two_exclusion_groups_is_named() -> None:
    playbook = Playbook.from_yaml("""
tiers: [all]
treatments:
- {name: a, channel: ec, owner: o, exclusion_group: one}
- {name: b, channel: ec, owner: o, exclusion_group: two}
""")
    people = pd.DataFrame({"customer_id": ["x", "y"], "tier": "all"})
    effects = pd.DataFrame({"treatment": ["a", "b"], "tier": None, "channel": "ec",
                            "effect": 1.0, "sd": 1.0})  # fmt: skip
    groups = pd.DataFrame(
        {"customer_id": ["x", "y", "x"], "exclusion_group": ["one", "one", "two"]}
    )
    data = ActingData(consents=people[["customer_id"]].assign(channel="ec"), reserved=groups)
    with pytest.raises(DataError, match="two exclusion groups") as caught:
        plan_contacts(playbook, people, effects, {}, on=DAY, data=data)
    assert caught.value.rows == ("x",)
    assert caught.value.column == "exclusion_group"


def test_triggers_without_events() -> None:
    with pytest.raises(ConfigError, match="need events"):
        planned(events=None)


def test_an_empty_state_says_so() -> None:
    assert repr(ScenarioState.empty()) == "ScenarioState(before the first run: 0 entries)"


def test_a_plan_never_promises_more_units_than_there_are() -> None:
    playbook = Playbook.from_yaml("""
tiers: [high]
treatments: [{name: gift, channel: store, owner: sales, needs_stock: true}]
""")
    people = pd.DataFrame({"customer_id": range(20), "tier": "high"})
    wishes = people[["customer_id"]].assign(
        item=["coat", "hat"] * 10, store="Ginza", gain=range(20)
    )
    shelves = pd.DataFrame({"location": "Ginza", "item": ["coat", "hat"], "stock": [3, 4]})
    found = fulfil(wishes, shelves).offers
    stock = found.drop(columns="item").rename(columns={"offered_item": "item"})
    effects = pd.DataFrame({"treatment": ["gift"], "tier": "high", "channel": "store",
                            "effect": 9.0, "sd": 1.0})  # fmt: skip
    data = ActingData(consents=people[["customer_id"]].assign(channel="store"), stock=stock)
    plan = plan_contacts(playbook, people, effects, {}, on=DAY, data=data)
    assert plan.contacts["item"].value_counts().to_dict() == {"coat": 3, "hat": 4}
