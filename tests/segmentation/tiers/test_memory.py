"""The memory of a tier programme: when customers rise, stay and fall, and the reasons given."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import Cut, Hysteresis, Moves, Tier, TierMemory, TierScheme

TIERS = ("gold", "silver", "member")


def memory(**options: Any) -> TierMemory:
    return TierMemory(tiers=TIERS, **options)


def judged(tier: str | list[str], **columns: object) -> pd.DataFrame:
    tiers = [tier] if isinstance(tier, str) else tier
    ids = [f"c{k}" for k in range(len(tiers))]
    return pd.DataFrame({"customer_id": ids, "tier": tiers, **columns})


def path(rule: TierMemory, *nights: tuple[str, pd.DataFrame]) -> list[str]:
    """Return the tier of the only customer after each night."""
    state, tiers = None, []
    for on, now in nights:
        state = rule.move(state, now, on=on).state
        tiers.append(state["tier"].item())
    return tiers


def last(rule: TierMemory, *nights: tuple[str, pd.DataFrame]) -> Moves[pd.DataFrame]:
    """Return the moves of the last night."""
    state = None
    for on, now in nights:
        moves = rule.move(state, now, on=on)
        state = moves.state
    return moves


def reason(frame: pd.DataFrame) -> str:
    return str(frame["reason"].item())


G, S, M = judged("gold"), judged("silver"), judged("member")


def test_a_rise_counts_at_once_and_a_fall_waits_for_the_end_of_the_period() -> None:
    nights = [("2026-03-10", M), ("2026-05-02", G), ("2026-12-31", M), ("2027-01-01", M)]
    assert path(memory(), *nights) == ["member", "gold", "gold", "member"]
    assert reason(last(memory(), *nights[:2]).moves) == "reached gold"
    held = last(memory(), *nights[:3]).held
    assert held[["tier", "judged"]].values.tolist() == [["gold", "member"]]
    assert reason(held) == "kept until the review of 2027-01-01"
    assert reason(last(memory(), *nights).moves) == "gold not reached at the review of 2027-01-01"


@pytest.mark.parametrize(
    ("options", "review"),
    [
        ({"period_months": 1}, "2026-04-01"),
        ({"period_months": 3}, "2026-04-01"),
        ({"period_months": 6, "first_month": 4}, "2026-04-01"),
        ({"first_month": 4}, "2026-04-01"),
        ({}, "2027-01-01"),
        ({"review": "anniversary"}, "2027-03-10"),
        ({"review": "anniversary", "period_months": 6}, "2026-09-10"),
        ({"review": "run"}, "2026-03-11"),
    ],
)
def test_dates_of_reviews(options: dict[str, Any], review: str) -> None:
    eve = str(np.datetime64(review) - np.timedelta64(1, "D"))
    nights = [("2026-03-10", G), (eve, G if eve == "2026-03-10" else M)]
    assert path(memory(**options), *nights, (review, M)) == ["gold", "gold", "member"]


def test_anniversaries_of_a_leap_day_and_of_a_given_day() -> None:
    rule = memory(review="anniversary")
    joined = G.assign(joined=["2024-02-29"])
    assert rule.review_dates(rule.move(None, joined, on="2026-01-05").state, "2028-03-01") == (
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
        "2028-03-01",
    )


def test_a_review_after_a_purchase_only() -> None:
    rule = memory(review="purchase")
    may, june = (
        M.assign(last_purchase=[pd.Timestamp(day)]) for day in ("2026-05-01", "2026-06-01")
    )
    first = G.assign(last_purchase=may["last_purchase"])
    nights = [("2026-05-02", first), ("2026-05-20", may), ("2026-06-02", june)]
    assert path(rule, *nights) == ["gold", "gold", "member"]
    assert reason(last(rule, *nights[:2]).held) == "kept until the next purchase"
    with pytest.raises(DataError, match="no such column"):
        rule.move(None, G, on="2026-05-01")


def test_a_rise_that_counts_from_the_next_period_is_remembered() -> None:
    rule = memory(up="next_period", period_months=1)
    nights = [("2026-01-05", M), ("2026-01-10", S), ("2026-01-20", M), ("2026-02-01", M)]
    assert path(rule, *nights, ("2026-03-01", M)) == [
        *["member"] * 3, "silver", "member"
    ]  # fmt: skip
    assert reason(last(rule, *nights[:2]).held) == "counts from the review of 2026-02-01"
    assert reason(last(rule, *nights).moves) == "reached silver before the review of 2026-02-01"


def test_down_one_step_and_never() -> None:
    nights = [("2026-01-05", G), ("2026-02-01", M), ("2026-03-01", M), ("2026-04-01", M)]
    step = memory(down="one_step", period_months=1)
    assert path(step, *nights) == ["gold", "silver", "member", "member"]
    assert reason(last(step, *nights[:2]).moves).endswith("; one step down")
    never = memory(down="never", period_months=1)
    assert path(never, *nights) == ["gold"] * 4
    assert reason(last(never, *nights).held) == "tiers are never lost"


def test_minimum_stay_and_grace() -> None:
    nights = [("2026-01-31", G), *((f"2026-{month:02}-01", M) for month in range(2, 7))]
    stay = memory(min_stay_months=3, period_months=1)
    assert path(stay, *nights) == [*["gold"] * 4, "member", "member"]
    assert reason(last(stay, *nights[:3]).held) == "minimum stay until 2026-04-30"
    grace = memory(grace_months=2, period_months=1)
    assert path(grace, *nights) == [*["gold"] * 3, "member", "member", "member"]
    assert reason(last(grace, *nights[:3]).held) == "grace period until 2026-04-01"
    interrupted = [nights[0], nights[1], ("2026-03-01", G), ("2026-04-01", M), ("2026-05-01", M)]
    assert path(grace, *interrupted) == ["gold"] * 5


def test_a_grant_is_a_floor_until_its_last_day() -> None:
    rule = memory()
    grants = pd.DataFrame({"customer_id": ["c0"], "tier": ["gold"], "until": ["2026-03-31"]})
    state = rule.move(None, M, on="2026-01-05").state
    granted = rule.move(state, M, on="2026-01-06", grants=grants)
    assert reason(granted.moves) == "granted until 2026-03-31"
    assert reason(granted.held) == "granted until 2026-03-31"
    kept = rule.move(granted.state, S, on="2026-03-31")
    assert kept.state[["tier", "earned"]].values.tolist() == [["gold", "silver"]]
    ended = rule.move(kept.state, S, on="2026-04-01")
    assert ended.moves[["from_tier", "to_tier"]].values.tolist() == [["gold", "silver"]]
    assert reason(ended.moves) == "the grant until 2026-03-31 has ended"
    absent = rule.move(kept.state, judged([]).astype(object), on="2026-04-01")
    assert absent.state["tier"].tolist() == ["silver"]


def test_a_returned_order_takes_back_the_rise_but_no_earlier_tier() -> None:
    rise = [("2026-01-05", S), ("2026-02-01", G)]
    returned = M.assign(returned=[True])
    rule = memory(min_stay_months=12)
    assert path(rule, *rise, ("2026-02-10", returned)) == ["silver", "gold", "silver"]
    moves = last(rule, *rise, ("2026-02-10", returned)).moves
    assert reason(moves) == "gold was reached with an order that was returned"
    assert path(memory(returns="keep"), *rise, ("2026-02-10", returned))[-1] == "gold"
    confirmed = [*rise, ("2027-01-01", G), ("2027-02-01", returned)]
    assert path(rule, *confirmed)[-1] == "gold"
    waiting = memory(up="next_period")
    assert (
        path(waiting, *rise, ("2026-02-10", S.assign(returned=[True])), ("2027-01-01", S))
        == ["silver"] * 4
    )


def test_hysteresis_keeps_noise_from_moving_anybody() -> None:
    rule = memory(review="run", hysteresis=Hysteresis(enter=0.6, leave=0.3))

    def chances(gold: float, tier: str) -> pd.DataFrame:
        rest = {"probability_silver": [0.0], "probability_member": [1 - gold]}
        return judged(tier, probability_gold=[gold], **rest)

    nights = [
        ("2026-01-01", chances(0.5, "gold")),
        ("2026-01-02", chances(0.7, "gold")),
        ("2026-01-03", chances(0.4, "member")),
        ("2026-01-04", chances(0.2, "member")),
    ]
    assert path(rule, *nights) == ["member", "gold", "gold", "member"]
    assert reason(last(rule, *nights[:1]).held) == "probability 0.50 of gold or better is below 0.6"
    held = last(rule, *nights[:3]).held
    assert reason(held) == "probability 0.40 of gold or better is at least 0.3"
    with pytest.raises(DataError, match="no such column"):
        rule.move(None, G, on="2026-01-01")
    with pytest.raises(DataError, match="add up to 1"):
        rule.move(None, chances(0.5, "gold").assign(probability_member=0.1), on="2026-01-01")


def test_missed_nights_are_made_up_by_their_dates() -> None:
    rule = memory(period_months=1, down="one_step")
    state = rule.move(None, G, on="2026-01-20").state
    at_once = rule.move(state, M, on="2026-03-05").state
    for on in rule.review_dates(state, "2026-03-05"):
        state = rule.move(state, M, on=on).state
    assert state["tier"].item() == at_once["tier"].item() == "member"
    assert state["since"].item() == at_once["since"].item() == pd.Timestamp("2026-03-01")


def test_what_is_carried_over_counts_in_the_next_period() -> None:
    times = ["2025-03-01", "2026-02-01", "2027-01-02"]
    log = PurchaseLog.from_frame(
        pd.DataFrame({"customer_id": "a", "time": times, "value": [150.0, 70.0, 1.0]}),
        now="2030-01-01",
    )
    scheme = TierScheme(
        tiers=(Tier(name="gold", value_at_least=Cut(amount=100)), Tier(name="member")),
        value="qualifying_value",
    )
    rule = TierMemory(tiers=scheme.names, carry_over=1.0, carry_over_at_most=40.0)
    state, seen = None, []
    for on in ("2025-06-01", "2026-01-01", "2027-01-01", "2028-01-01"):
        table = rule.qualifying(log, on, state=state).to_frame()
        tiering = scheme.assign(table)
        now = tiering.to_frame().assign(surplus=tiering.surplus)
        state = rule.move(state, now, on=on).state
        seen.append((table["qualifying_value"].item(), state["tier"].item()))
    assert seen == [(150.0, "gold"), (150.0, "gold"), (110.0, "gold"), (11.0, "member")]


def test_windows_of_qualifying_purchases() -> None:
    times = ["2025-01-15", "2025-12-31 23:59", "2026-01-01", "2026-02-01"]
    log = PurchaseLog.from_frame(
        pd.DataFrame({"customer_id": ["a", "a", "a", "b"], "time": times, "value": 1.0})
    )

    def value(rule: TierMemory, on: str, state: pd.DataFrame | None = None) -> list[float]:
        return rule.qualifying(log, on, state=state).to_frame()["qualifying_value"].tolist()

    assert value(memory(), "2026-01-01") == [2.0, 0.0]
    assert value(memory(), "2026-01-02") == [1.0, 0.0]
    assert value(memory(look_back_months=12), "2026-01-16") == [2.0, 0.0]
    assert value(memory(review="run", look_back_months=1), "2026-02-02") == [0.0, 1.0]
    yearly = memory(review="anniversary")
    assert value(yearly, "2026-01-15") == [3.0, 0.0]
    assert value(yearly, "2026-01-16") == [0.0, 0.0]
    known = judged("member").assign(customer_id=["a"], joined=["2024-12-31"])
    state = yearly.move(None, known, on="2025-12-31").state
    assert value(yearly, "2025-12-31", state) == [1.0, 0.0]
    assert value(yearly, "2026-01-02", state) == [2.0, 0.0]
    with pytest.raises(ConfigError, match="look-back window"):
        memory(review="run").qualifying(log, "2026-01-01")


def test_frames_are_of_the_kind_of_the_judgements() -> None:
    rule = memory(period_months=1)
    grants = {"customer_id": [8], "tier": ["silver"], "until": [None]}
    for build in (pl.DataFrame, pa.table):
        first = build({"customer_id": [7, 8], "tier": ["gold", "member"]})
        moves = rule.move(None, first, on="2026-01-20")
        again = rule.move(moves.state, first, on="2026-02-20")
        assert [type(frame) for frame in (again.state, again.moves, again.held)] == [
            type(first)
        ] * 3
        assert repr(again) == "Moves(2026-02-20: 2 customers; 0 up, 0 down, 0 new, 0 held)"
        with pytest.raises(DataError, match="without a last day"):
            rule.move(moves.state, first, on="2026-02-20", grants=build(grants))
    lazy = rule.move(None, pl.LazyFrame({"customer_id": ["a"], "tier": ["gold"]}), on="2026-01-20")
    assert isinstance(lazy.state, pl.LazyFrame)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tiers": ("a", "a")}, "different names"),
        ({"tiers": ()}, "tiers"),
        ({"tiers": ("a",), "period_months": 5}, "calendar periods have"),
        ({"tiers": ("a",), "review": "run", "carry_over": 0.5}, "needs qualification periods"),
        ({"tiers": ("a",), "version": 2}, "version"),
        ({"tiers": ("a",), "minimum": 2}, "minimum"),
        ({"tiers": ("a",), "hysteresis": {"enter": 0.2, "leave": 0.3}}, "must not exceed"),
        ({"tiers": ("a",), "grace_months": -1}, "grace_months"),
    ],
)
def test_documents_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TierMemory(**options)


def test_the_document_is_kept_as_yaml_with_its_version() -> None:
    rule = memory(hysteresis=Hysteresis(enter=0.6, leave=0.3), carry_over=0.5)
    assert rule.to_yaml().startswith("version: 1\n")
    assert TierMemory.from_yaml(rule.to_yaml()) == rule


def test_bad_tables_are_named_with_their_rows() -> None:
    rule = memory()
    state = rule.move(None, G, on="2026-01-20").state
    with pytest.raises(DataError, match="tiers that the programme does not have") as caught:
        rule.move(None, judged(["gold", "bronze"]), on="2026-01-20")
    assert (caught.value.column, caught.value.rows) == ("tier", ("c1",))
    with pytest.raises(DataError, match="later date") as caught:
        rule.move(state, G, on="2026-01-19")
    assert caught.value.rows == ("c0",)
    with pytest.raises(DataError, match="several rows"):
        rule.move(None, pd.concat([G, G]), on="2026-01-20")
    with pytest.raises(DataError, match="ids are text in one"):
        rule.move(state, G.assign(customer_id=[1]), on="2026-01-20")
    with pytest.raises(DataError, match="no booleans"):
        rule.move(state, G.assign(returned=["no"]), on="2026-01-20")
    with pytest.raises(DataError, match="no dates"):
        rule.move(None, G.assign(joined=["soon"]), on="2026-01-20")
    with pytest.raises(DataError, match="no dates"):
        rule.move(None, G.assign(joined=[20260101]), on="2026-01-20")
    stranger = pd.DataFrame({"customer_id": ["z"], "tier": ["gold"], "until": ["2026-03-31"]})
    with pytest.raises(DataError, match="unknown customers"):
        rule.move(state, G, on="2026-01-20", grants=stranger)
    with pytest.raises(DataError, match="missing dates"):
        rule.move(state.assign(since=np.array(["NaT"], dtype="datetime64[us]")), G, on="2026-01-20")
    with pytest.raises(ConfigError, match="not a moment"):
        rule.move(state, G, on="tomorrow")
