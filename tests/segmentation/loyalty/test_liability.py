"""Liability: intervals cover in simulated programmes; rules of the simulation; break-even."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from tests._statistics import FALSE_ALARM
from tests.segmentation.loyalty._worlds import predicted, programme

from omniltv.errors import DataError
from omniltv.segmentation.loyalty import (
    Programme,
    Redemption,
    RedemptionModel,
    Settlement,
    break_even,
    learn_redemption,
    liability,
    settle,
)

ALWAYS = np.array([50.0, 0.0, 0.0, 0.0])


def model(share: float = 1.0, **terms: int) -> RedemptionModel:
    fixed = Redemption.model_validate(terms)
    return RedemptionModel(ALWAYS, np.zeros((4, 4)), np.array([share]), fixed, 0.0, 0)


def ledger(*lots: tuple[int, str, str | None]) -> Settlement[pd.DataFrame]:
    return settle(
        pd.DataFrame({
            "event_id": [f"e{k}" for k in range(len(lots))], "customer_id": "ann",
            "kind": "earn", "time": "2026-01-05", "points": [lot[0] for lot in lots],
            "valid_from": [lot[1] for lot in lots], "valid_until": [lot[2] for lot in lots],
        }),
        at="2026-02-01",
    )  # fmt: skip


def futures(*times: str) -> pd.DataFrame:
    return pd.DataFrame({"draw": 0, "customer_id": "ann", "time": list(times)})


@pytest.mark.parametrize(
    ("lots", "times", "share", "redeemed"),
    [
        ([(100, "2026-01-05", "2026-05-31")], ["2026-05-31"], 1.0, 100),
        ([(100, "2026-01-05", "2026-05-31")], ["2026-06-01"], 1.0, 0),  # expired
        ([(100, "2026-03-01", None)], ["2026-02-20"], 1.0, 0),  # pending
        ([(100, "2026-01-05", None)], ["2026-03-01", "2026-04-01"], 0.5, 75),
        ([(60, "2026-01-05", "2026-03-31"), (40, "2026-01-05", None)],
         ["2026-03-01", "2026-04-01"], 0.5, 75),  # 50 of the first, then (10 expire) 20 of 40
    ],
)  # fmt: skip
def test_each_future_follows_the_rules_of_the_ledger(
    lots: list[tuple[int, str, str | None]], times: list[str], share: float, redeemed: int
) -> None:
    found = liability(ledger(*lots), futures(*times), model(share), seed=1)
    expected = 70 if len(lots) == 2 else redeemed
    assert found.redeemed.tolist() == [expected]


def test_fewer_points_than_the_minimum_are_not_redeemed() -> None:
    lots = ledger((99, "2026-01-05", None))
    assert liability(lots, futures("2026-03-01"), model(minimum=100), seed=1).mean == 0


def test_too_short_a_history_is_refused() -> None:
    bought = pd.DataFrame({"customer_id": ["ann"], "time": ["2026-01-05"]})
    with pytest.raises(DataError, match="too little to learn from"):
        learn_redemption(ledger((5, "2026-01-05", None)), bought)


@pytest.mark.parametrize(
    ("column", "values"),
    [("draw", [-1, 0]), ("draw", [1, 2]), ("time", ["2026-06-01", "soon"])],
)
def test_futures_that_would_be_lost_are_refused(column: str, values: list[Any]) -> None:
    now = Programme.model_validate(
        {"name": "C", "earning": [{"name": "a", "activity": "purchase"}]}
    )
    bought = futures("2026-06-01", "2026-06-02").assign(value=1.0, **{column: values})
    for call in (
        lambda: liability(ledger((5, "2026-01-05", None)), bought, model(), seed=1),
        lambda: break_even(now, now, bought, margin=0.2, share=0.5),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert caught.value.column == column


def test_times_with_an_offset_fall_on_days_of_the_ledger() -> None:
    rows = pd.DataFrame({
        "event_id": ["e"], "customer_id": "ann", "kind": "earn", "time": ["2026-01-05"],
        "points": [100], "valid_until": ["2026-03-31"]})  # fmt: skip
    lots = settle(rows, at="2026-02-01", timezone="Asia/Tokyo")
    found = liability(lots, futures("2026-03-31T14:59Z"), model(), seed=1)
    late = liability(lots, futures("2026-03-31T15:00Z"), model(), seed=1)
    assert (found.mean, late.mean) == (100, 0)


def test_the_balance_learnt_from_is_that_of_the_account_without_pending_points() -> None:
    """Ann and Ben earn 4 each at purchases; Ben has 100 more that are pending; Ann spends 3."""
    days = pd.date_range("2026-01-01", periods=30).as_unit("us")
    rows: list[dict[str, Any]] = [
        {"event_id": f"{who}{k}", "customer_id": who, "kind": "earn", "time": day, "points": 4}
        for k, day in enumerate(days) for who in ("ann", "ben")
    ]  # fmt: skip
    first = {"customer_id": "ben", "time": days[0]}
    rows += [
        {**first, "event_id": "p", "kind": "earn", "points": 100, "valid_from": "2027-01-01"},
        {"event_id": "m", "customer_id": "ann", "kind": "merge", "time": days[0],
         "other_id": "ben", "points": 0},
        {"event_id": "s", "customer_id": "ann", "kind": "spend", "time": days[29], "points": 60},
    ]  # fmt: skip
    events = pd.DataFrame(rows)
    bought = pd.DataFrame({"customer_id": "ben", "time": days})
    found = learn_redemption(settle(events, at="2026-03-01"), bought)
    assert found.n_occasions == 29
    assert found.shares == pytest.approx(60 / (8 * 29))


def test_break_even_is_the_rise_in_purchases_that_pays_for_the_points() -> None:
    now = Programme.model_validate(
        {"name": "C", "earning": [{"name": "a", "activity": "purchase", "per_amount": 100}]}
    )
    more = now.model_copy(update={"earning": [
        {"name": "a", "activity": "purchase", "per_amount": 100, "points": 3}]})  # fmt: skip
    bought = pd.DataFrame({"draw": [0, 0, 1], "customer_id": "ann", "time": "2026-06-01",
                           "value": [1000.0, 1000.0, 5000.0]})  # fmt: skip
    found = break_even(now, more, bought, margin=0.2, share=0.5)
    assert found.cost.tolist() == [20.0, 50.0]
    rise = found.uplift
    gain = 0.2 * 2000 * (1 + rise[0]) - 30 * (1 + rise[0])
    assert gain == pytest.approx(0.2 * 2000 - 10)


@pytest.mark.slow
def test_the_interval_covers_in_programmes_within_and_outside_the_model() -> None:
    """Twelve programmes of each world, 90 % intervals.

    The number of intervals that cover is binomial; a test of a right program fails with a
    probability of `FALSE_ALARM`. Two of the worlds are not what the model assumes.
    """
    rng = np.random.default_rng(20_260_101)
    hits = []
    for world in ("model", "savers", "reminded"):
        for seed in range(4):
            data = programme(world, 120, rng)
            low, high = predicted(data, 60, seed).interval(0.9)
            hits.append(low <= data.redeemed <= high)
    assert sum(hits) >= binom.ppf(FALSE_ALARM, len(hits), 0.9)
