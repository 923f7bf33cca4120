"""Three published programmes as documents, and the examples of their public pages."""

from pathlib import Path

import pandas as pd
import pytest

from omniltv.segmentation.loyalty import Programme, settle

FOLDER = Path(__file__).parents[3] / "examples" / "programmes"


def programme(name: str) -> Programme:
    return Programme.from_yaml(FOLDER / f"{name}.yaml")


def purchases(*rows: tuple[str, float], **more: object) -> pd.DataFrame:
    times, values = zip(*rows, strict=True)
    ids = [f"p{number}" for number in range(len(rows))]
    table = {"activity_id": ids, "customer_id": "ann", "kind": "purchase", "time": times}
    return pd.DataFrame({**table, "value": values, **more})


@pytest.mark.parametrize("name", ["rakuten", "starbucks", "waterstones"])
def test_a_published_programme_is_a_document_of_at_most_sixty_lines(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert "https://" in text
    assert Programme.from_yaml(programme(name).to_yaml()) == programme(name)


def test_rakuten_100_points_in_january_and_100_in_june_make_a_silver_member_in_july() -> None:
    """https://point.rakuten.co.jp/guidance/rankkeep/"""
    bought = purchases(("2026-01-20", 10_000.0), ("2026-06-10", 10_000.0))
    people = pd.DataFrame({"customer_id": ["ann"], "has_card": [False]})
    ranks = programme("rakuten").rank_history(bought, people, until="2026-07-31")
    assert ranks[["rank", "from"]].to_numpy().tolist() == [
        ["regular", pd.Timestamp("2026-01-20")],
        ["silver", pd.Timestamp("2026-07-01")],
    ]


def test_rakuten_the_second_earning_must_come_within_six_months() -> None:
    bought = purchases(("2026-01-20", 10_000.0), ("2026-07-10", 10_000.0))
    people = pd.DataFrame({"customer_id": ["ann"], "has_card": [False]})
    told = programme("rakuten").progress(bought, people, on="2026-08-01")
    assert told["rank"].tolist() == ["regular"]
    assert told["progress"].tolist() == ["100 points and 1 earning to silver"]


def test_rakuten_diamond_members_have_a_card() -> None:
    days = pd.date_range("2026-02-01", periods=30).strftime("%Y-%m-%d")
    bought = purchases(*[(day, 14_000.0) for day in days])
    for card, rank in ((True, "diamond"), (False, "platinum")):
        people = pd.DataFrame({"customer_id": ["ann"], "has_card": [card]})
        told = programme("rakuten").progress(bought, people, on="2026-04-01")
        assert told["rank"].tolist() == [rank]
    assert told["progress"].tolist() == ["a Rakuten Card to diamond"]


def test_rakuten_points_live_on_while_points_are_earned() -> None:
    """https://4yuuu.com/articles/view/30013446: a year with the month of the last earning."""
    bought = purchases(("2026-01-20", 10_000.0), ("2026-12-30", 99.0), ("2026-11-30", 100.0))
    people = pd.DataFrame({"customer_id": ["ann"], "has_card": [False]})
    events = programme("rakuten").events(bought, people, until="2027-01-10").events
    assert events["valid_until"].unique().tolist() == [pd.Timestamp("2027-10-31")]
    assert settle(events, at="2027-01-10").balances["balance"].tolist() == [101]
    assert settle(events, at="2026-12-01").balances["pending"].tolist() == [1]


def test_starbucks_stars_of_15_december_2020_expire_on_1_july_2021() -> None:
    """https://www.tastingtable.com/1794066/do-starbucks-stars-expire/"""
    bought = purchases(("2020-12-15", 40.0), payment="cash", category="coffee")
    events = programme("starbucks").events(bought, until="2021-07-02").events
    for moment, left in (("2021-06-30 23:59", 40), ("2021-07-01", 0)):
        ledger = settle(events, at=moment, timezone="America/Los_Angeles")
        assert ledger.lots["left"].tolist() == [left]


def test_starbucks_one_or_two_stars_per_dollar_none_for_alcohol_spent_from_25() -> None:
    bought = purchases(
        ("2026-01-05", 12.0), ("2026-01-06", 13.0), ("2026-01-07", 30.0),
        payment=["cash", "registered card", "cash"],
        category=["coffee", "coffee", "alcohol"],
    )  # fmt: skip
    spent = pd.DataFrame({
        "activity_id": ["r1", "r2"], "customer_id": "ann", "kind": "redeem",
        "time": "2026-01-08", "points": [24, 25]})  # fmt: skip
    made = programme("starbucks").events(pd.concat([bought, spent]), until="2026-02-01")
    assert made.events["points"].tolist() == [12, 26, 25]
    assert made.rejected["reason"].tolist() == ["fewer than 25 points"]


@pytest.mark.parametrize(
    ("value", "stamps"), [(4.99, 0), (5.0, 0.5), (9.99, 0.5), (10.0, 1), (19.99, 1), (20.0, 2)]
)
def test_waterstones_stamps_and_half_stamps(value: float, stamps: float) -> None:
    """https://www.waterstones.com/help/waterstones-plus-faq/1479"""
    events = programme("waterstones").events(purchases(("2026-01-05", value)), until="2026-02-01")
    assert events.events["points"].sum() / 2 == stamps


def test_waterstones_ten_stamps_are_ten_pounds() -> None:
    document = programme("waterstones")
    spent = pd.DataFrame({"activity_id": ["r"], "customer_id": "ann", "kind": "redeem",
                          "time": "2026-01-06", "points": [20]})  # fmt: skip
    rows = pd.concat([purchases(("2026-01-05", 100.0)), spent])
    ledger = settle(document.events(rows, until="2026-02-01").events, at="2026-02-01")
    assert ledger.n_rejected == 0
    assert ledger.lots["spent"].sum() * document.redemption.value == 10.0
