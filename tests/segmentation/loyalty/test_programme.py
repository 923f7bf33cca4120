"""Programmes: rules, caps, occasions, returns, redemptions, ranks; and bad documents."""

from typing import Any

import pandas as pd
import polars as pl
import pytest
import yaml
from jsonschema import Draft202012Validator

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.loyalty import Programme, settle

SILVER = {"name": "silver", "value_at_least": {"amount": 5000}}
RANKS = {
    "scheme": {"value": "qualifying_value", "tiers": [SILVER, {"name": "member"}]},
    "memory": {"tiers": ["silver", "member"]},
    "multipliers": {"silver": 1.5},
}


def programme(*rules: dict[str, Any], **more: Any) -> Programme:
    numbered = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
    return Programme.model_validate({"name": "Card", "earning": numbered, **more})


def activities(*rows: tuple[object, ...], **more: Any) -> pd.DataFrame:
    names = ["activity_id", "time", "kind", "value"]
    return pd.DataFrame(rows, columns=names).assign(customer_id="ann", **more)


def points(document: Programme, rows: pd.DataFrame, people: Any = None, until: str = "2027-01-01"
           ) -> list[int]:  # fmt: skip
    made = document.events(rows, people, until=until).events
    return [int(number) for number in made.sort_values(["time", "event_id"])["points"]]


@pytest.mark.parametrize(("rounding", "earned"), [("down", 2), ("nearest", 3), ("up", 3)])
def test_amounts_are_rounded_as_the_rule_says(rounding: str, earned: int) -> None:
    rule = {"activity": "purchase", "per_amount": 100, "rounding": rounding}
    assert points(programme(rule), activities(("p", "2026-01-05", "purchase", 250.0))) == [earned]


def test_one_rule_set_holds_on_every_channel_unless_a_condition_says_otherwise() -> None:
    rows = activities(
        ("p1", "2026-01-05", "purchase", 1000.0), ("p2", "2026-01-06", "purchase", 1000.0),
        channel=["store", "ec"],
    )  # fmt: skip
    basic = {"activity": "purchase", "per_amount": 100}
    app = {"activity": "purchase", "points": 7,
           "when": {"column": "channel", "op": "eq", "value": "ec"}}  # fmt: skip
    assert points(programme(basic, app), rows) == [10, 10, 7]


def test_caps_count_in_calendar_periods_and_the_earliest_activities_first() -> None:
    rows = activities(*[
        (f"r{day}", f"2026-{month}-{day:02}", "review", None)
        for month, day in (("01", 30), ("01", 29), ("01", 31), ("02", 1))
    ])  # fmt: skip
    times = {"activity": "review", "points": 20, "cap": {"per": "month", "times": 2}}
    made = programme(times).events(rows, until="2027-01-01").events
    assert sorted(made["event_id"]) == ["r1/rule 0", "r29/rule 0", "r30/rule 0"]
    amount = {"activity": "review", "points": 20, "cap": {"per": "year", "points": 50}}
    assert points(programme(amount), rows) == [20, 20, 10]


def test_the_order_of_rows_and_replays_change_nothing() -> None:
    rows = activities(*[
        (f"r{day}", f"2026-01-{day:02}", "review", float(day)) for day in range(1, 20)
    ])  # fmt: skip
    rule = {"activity": "review", "points": 9, "cap": {"per": "month", "points": 50}}
    first = programme(rule).events(rows, until="2027-01-01").events
    mixed = pd.concat([rows.sample(frac=1, random_state=1), rows.head(5)])
    pd.testing.assert_frame_equal(first, programme(rule).events(mixed, until="2027-01-01").events)


def test_welcome_birthday_and_anniversary_come_once_a_year() -> None:
    people = pd.DataFrame({
        "customer_id": ["ann", "ben"], "joined": ["2024-03-01", "2026-06-01"],
        "birthday": ["1980-02-29", None]})  # fmt: skip
    document = programme(
        {"activity": "joined", "points": 500},
        {"activity": "birthday", "points": 100, "validity": {"days": 30}},
        {"activity": "anniversary", "points": 50},
    )
    rows = activities(("p", "2026-01-05", "purchase", 1.0))
    made = document.events(rows, people, until="2026-07-01").events
    told = made.sort_values("time")[["customer_id", "time", "points"]].astype(str)
    assert told.to_numpy().tolist() == [
        ["ann", "2024-03-01", "500"], ["ann", "2025-02-28", "100"], ["ann", "2025-03-01", "50"],
        ["ann", "2026-02-28", "100"], ["ann", "2026-03-01", "50"], ["ben", "2026-06-01", "500"],
    ]  # fmt: skip


def test_occasions_are_days_of_the_time_zone_and_none_before_joining() -> None:
    joined = pd.to_datetime(["2026-01-05T20:00Z", "2029-01-05T20:00Z"])
    people = pd.DataFrame({"customer_id": ["ann", "ben"], "joined": joined})
    rows = activities(("p", "2026-01-05", "purchase", 1.0))
    document = programme({"activity": "anniversary"}, timezone="Asia/Tokyo")
    made = document.events(rows, people, until="2027-02-01").events
    assert made["time"].astype(str).tolist() == ["2027-01-06"]
    assert len(document.events(rows, people.tail(1), until="2027-02-01").events) == 0


def test_columns_that_customers_share_with_activities_are_those_of_the_activity() -> None:
    rows = activities(("p", "2026-01-05", "purchase", 500.0), channel="ec")
    people = pd.DataFrame({"customer_id": ["ann"], "value": [1.0], "channel": ["store"]})
    rule = {"activity": "purchase", "per_amount": 100,
            "when": {"column": "channel", "op": "eq", "value": "ec"}}  # fmt: skip
    assert points(programme(rule), rows, people) == [5]


def test_an_earning_prolongs_points_that_a_longer_rule_has_kept_valid() -> None:
    last = {"counted_from": "last_earning"}
    document = programme(
        {"activity": "purchase", "validity": {"months": 12, **last}},
        {"activity": "visit", "validity": {"months": 1, **last}},
    )
    rows = activities(
        ("p", "2026-01-01", "purchase", None), ("v", "2026-02-01", "visit", None),
        ("q", "2026-04-01", "purchase", None),
    )  # fmt: skip
    made = document.events(rows, until="2027-01-01").events
    assert made["valid_until"].astype(str).tolist() == ["2027-04-01"] * 3


def test_purchases_without_a_value_are_told() -> None:
    rows = activities(("p", "2026-01-05", "purchase", None), ("q", "2026-01-06", "purchase", 100.0))
    made = programme({"activity": "purchase", "per_amount": 100}).events(rows, until="2027-01-01")
    assert made.rejected.to_numpy().tolist() == [["p", "missing value"]]
    assert made.events["points"].tolist() == [1]


def test_a_table_of_ranks_without_a_column_or_a_time_is_refused() -> None:
    rows = activities(("p", "2026-01-05", "purchase", 1.0))
    document = programme({"activity": "purchase", "times_rank": True}, ranks=RANKS)
    ranks = pd.DataFrame({"customer_id": ["ann"], "rank": ["silver"], "from": ["soon"]})
    for table, column in ((ranks, "from"), (ranks.drop(columns="rank"), "rank")):
        with pytest.raises(DataError) as caught:
            document.events(rows, until="2027-01-01", ranks=table)
        assert caught.value.column == column


def test_returns_take_back_the_points_of_what_was_returned() -> None:
    rows = activities(
        ("p", "2026-01-05", "purchase", 250.0), ("b", "2026-01-06", "return", 60.0),
        ("c", "2026-01-07", "return", None), ("d", "2026-01-08", "return", 1.0),
        reference=[None, "p", "p", "?"],
    )  # fmt: skip
    document = programme(
        {"activity": "purchase", "per_amount": 100}, {"activity": "purchase", "points": 30}
    )
    made = document.events(rows, until="2027-01-01")
    assert made.rejected.to_numpy().tolist() == [["d", "the reference is not an activity"]]
    ledger = settle(made.events, at="2027-01-01")
    assert ledger.n_rejected == 0
    assert ledger.balances["balance"].tolist() == [0]
    partly = document.events(rows[rows["activity_id"] != "c"], until="2027-01-01").events
    assert settle(partly, at="2027-01-01").balances["balance"].tolist() == [31]


def test_redemptions_against_the_terms_are_set_aside() -> None:
    rows = activities(*[(f"r{k}", "2026-01-05", "redeem", None) for k in range(4)],
                      points=[50, 100, 150, None])  # fmt: skip
    document = programme({"activity": "visit"}, redemption={"minimum": 100, "step": 100})
    made = document.events(rows, until="2027-01-01")
    assert made.events["points"].tolist() == [100]
    assert made.rejected["reason"].tolist() == [
        "fewer than 100 points", "not a multiple of 100 points", "fewer than 100 points"
    ]  # fmt: skip


def test_points_are_multiplied_by_the_rank_of_the_day() -> None:
    rows = activities(
        ("p1", "2026-01-05", "purchase", 6000.0), ("p2", "2026-01-05 18:00", "purchase", 300.0),
        ("p3", "2026-01-06", "purchase", 300.0), ("p4", "2028-02-01", "purchase", 300.0),
    )  # fmt: skip
    rule = {"activity": "purchase", "per_amount": 100, "times_rank": True}
    document = programme(rule, ranks=RANKS)
    assert points(document, rows, until="2028-03-01") == [60, 3, 4, 3]
    history = document.rank_history(rows, until="2028-03-01")
    assert history["rank"].tolist() == ["member", "silver", "member"]
    given = document.events(rows, until="2028-03-01", ranks=history).events
    assert sorted(given["points"]) == [3, 3, 4, 60]


def test_a_condition_may_ask_for_the_rank() -> None:
    rows = activities(("p1", "2026-01-05", "purchase", 6000.0), ("v", "2026-01-09", "visit", None))
    rule = {"activity": "visit", "when": {"column": "rank", "op": "eq", "value": "silver"}}
    assert points(programme(rule, ranks=RANKS), rows) == [1]


def test_progress_is_told_in_figures_and_words() -> None:
    either = {"any_of": [{"column": "purchases", "op": "ge", "value": 3},
                         {"column": "qualifying_value", "op": "ge", "value": 5000}]}  # fmt: skip
    tiers = [{"name": "silver", "when": either}, {"name": "member"}]
    units = {"purchases": ["visit", "visits"], "qualifying_value": "yen"}
    ranks = {**RANKS, "units": units, "scheme": {"value": "qualifying_value", "tiers": tiers}}
    document = programme({"activity": "visit"}, ranks=ranks)
    told = document.progress(activities(("p", "2026-01-05", "purchase", 1800.0)), on="2026-01-06")
    assert told["progress"].tolist() == ["2 visits or 3,200 yen to silver"]
    assert told[["rank", "next_rank"]].to_numpy().tolist() == [["member", "silver"]]
    reached = activities(("p", "2026-01-05", "purchase", 5000.0))
    assert document.progress(reached, on="2026-01-06")["progress"].tolist() == [""]


def test_frames_come_back_in_the_kind_given() -> None:
    rows = activities(("p1", "2026-01-05", "purchase", 6000.0)).assign(customer_id=7)
    document = programme({"activity": "purchase", "per_amount": 100}, ranks=RANKS)
    given = pl.from_pandas(rows)
    made = document.events(given, until="2026-02-01")
    assert isinstance(made.events, pl.DataFrame)
    assert made.events["customer_id"].to_list() == [7]
    assert settle(made.events, at="2026-02-01").balances["balance"].to_list() == [60]
    assert isinstance(document.progress(given, on="2026-02-01"), pl.DataFrame)


def test_faulty_activities_are_set_aside_and_contradictions_refused() -> None:
    rows = activities(
        ("p1", "soon", "visit", None), (None, "2026-01-05", "visit", None),
        ("p3", "2026-01-05", "visit", None),
    )  # fmt: skip
    made = programme({"activity": "visit"}).events(rows, until="2026-02-01")
    assert made.rejected["reason"].tolist() == ["not a time", "missing activity_id"]
    assert len(made.events) == 1
    twice = activities(("p1", "2026-01-05", "visit", None), ("p1", "2026-01-06", "visit", None))
    with pytest.raises(DataError, match=r"several contents for one id.*p1"):
        programme({"activity": "visit"}).events(twice, until="2026-02-01")
    with pytest.raises(DataError, match="joined"):
        programme({"activity": "joined"}).events(rows, until="2026-02-01")


OK = "{name: a, activity: visit}"
HEAD = f"name: Card, earning: [{OK}]"
TIERS = "tiers: [{name: gold}]"
MEMORY = "memory: {tiers: [gold]}"
FAULTS: list[tuple[str, str]] = [
    ("17", "top level"), ("[]", "top level"), ("{}", "name"), ("{name: Card}", "earning"),
    ("{name: Card, earning: []}", "earning"), (f"{{{HEAD}, version: 2}}", "version"),
    (f"{{{HEAD}, version: '1'}}", "version"), (f"{{{HEAD}, more: 1}}", "more"),
    (f"{{name: '', earning: [{OK}]}}", "name"), (f"{{name: [x], earning: [{OK}]}}", "name"),
    ("{name: C, earning: {a: 1}}", "earning"), ("{name: C, earning: [1]}", "earning[0]"),
    ("{name: C, earning: [{name: a}]}", "earning[0].activity"),
    ("{name: C, earning: [{activity: visit}]}", "earning[0].name"),
    (f"{{name: C, earning: [{OK}, {{name: b, activity: 1}}]}}", "earning[1].activity"),
    ("{name: C, earning: [{name: a, activity: v, points: 0}]}", "earning[0].points"),
    ("{name: C, earning: [{name: a, activity: v, points: 1.5}]}", "earning[0].points"),
    ("{name: C, earning: [{name: a, activity: v, points: '1'}]}", "earning[0].points"),
    ("{name: C, earning: [{name: a, activity: v, points: 10000000000}]}", "earning[0].points"),
    ("{name: C, earning: [{name: a, activity: v, per_amount: 0}]}", "earning[0].per_amount"),
    ("{name: C, earning: [{name: a, activity: v, per_amount: -5}]}", "earning[0].per_amount"),
    ("{name: C, earning: [{name: a, activity: v, rounding: floor}]}", "earning[0].rounding"),
    ("{name: C, earning: [{name: a, activity: v, pending_days: -1}]}", "earning[0].pending_days"),
    ("{name: C, earning: [{name: a, activity: v, cap: 5}]}", "earning[0].cap"),
    ("{name: C, earning: [{name: a, activity: v, cap: {points: 5}}]}", "earning[0].cap.per"),
    ("{name: C, earning: [{name: a, activity: v, cap: {per: week, points: 5}}]}",
     "earning[0].cap.per"),
    ("{name: C, earning: [{name: a, activity: v, when: {column: a}}]}", "earning[0].when"),
    ("{name: C, earning: [{name: a, activity: v, when: {column: a, op: like, value: 1}}]}",
     "earning[0].when.op"),
    ("{name: C, earning: [{name: a, activity: v, when: 'x > 1; import os'}]}", "earning[0].when"),
    ("{name: C, earning: [{name: a, activity: v, sql: '1=1'}]}", "earning[0].sql"),
    (f"{{{HEAD}, validity: {{months: -1}}}}", "validity.months"),
    (f"{{{HEAD}, validity: {{years: 1}}}}", "validity.years"),
    (f"{{{HEAD}, validity: {{until: year_end}}}}", "validity.until"),
    (f"{{{HEAD}, redemption: {{minimum: 0}}}}", "redemption.minimum"),
    (f"{{{HEAD}, redemption: {{value: 0}}}}", "redemption.value"),
    (f"{{{HEAD}, ranks: {{{MEMORY}}}}}", "ranks.scheme"),
    (f"{{{HEAD}, ranks: {{scheme: {{{TIERS}}}}}}}", "ranks.memory"),
    (f"{{{HEAD}, ranks: {{scheme: {{{TIERS}}}, {MEMORY}, qualify_by: days}}}}", "ranks.qualify_by"),
    (f"{{{HEAD}, ranks: {{scheme: {{{TIERS}}}, {MEMORY}, multipliers: {{gold: 0}}}}}}",
     "ranks.multipliers.gold"),
]  # fmt: skip
BEYOND_THE_SCHEMA: list[tuple[str, str]] = [
    (f"{{name: C, earning: [{OK}, {OK}]}}", "top level"),
    (f"{{{HEAD}, timezone: Mars}}", "top level"),
    ("{name: C, earning: [{name: a, activity: v, times_rank: true}]}", "top level"),
    ("{name: C, earning: [{name: a, activity: joined, per_amount: 5}]}", "earning[0]"),
    ("{name: C, earning: [{name: a, activity: redeem}]}", "earning[0]"),
    ("{name: C, earning: [{name: a, activity: v, cap: {per: day}}]}", "earning[0].cap"),
    (f"{{{HEAD}, ranks: {{scheme: {{{TIERS}}}, memory: {{tiers: [silver]}}}}}}", "ranks"),
    (f"{{{HEAD}, ranks: {{scheme: {{{TIERS}}}, {MEMORY}, multipliers: {{x: 2}}}}}}", "ranks"),
    ("{name: &a C, earning: *b}", ""), ("name: !!python/object:os.system C", ""),
    (f"{{{HEAD}, name: D}}", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path"), [*FAULTS, *BEYOND_THE_SCHEMA])
def test_a_bad_document_is_an_error_with_its_path(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Programme.from_yaml(text)
    if path:
        assert (caught.value.parameter or "").startswith(path)


def test_the_json_schema_refuses_what_the_library_refuses() -> None:
    schema: Any = Programme.json_schema()
    validator = Draft202012Validator(schema)
    accepted = [text for text, _ in FAULTS if validator.is_valid(yaml.safe_load(text))]
    assert accepted == []
    assert validator.is_valid(
        yaml.safe_load(f"{{{HEAD}, ranks: {{scheme: {{{TIERS}}}, {MEMORY}}}}}")
    )
