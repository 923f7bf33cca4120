"""The sequential check for a sample ratio mismatch: it fires, and its false alarms are rare."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import binom
from tests._statistics import FALSE_ALARM

from omniltv.errors import DataWarning
from omniltv.experiments import Assignment, SequentialRatio, difference

HALVES = {"a": 0.5, "b": 0.5}
START = np.datetime64("2026-04-01", "us")
DAY = np.timedelta64(1, "D")


def days(n: int, per_day: int) -> NDArray[np.datetime64]:
    return (START + np.arange(n) // per_day * DAY).astype("M8[us]")


def test_the_evidence_of_two_arms_is_a_beta_mixture() -> None:
    """After one customer of each arm: B(501, 501) / B(500, 500) / 0.25 = 1000 / 1001."""
    found = SequentialRatio.of(np.array(["a", "b"]), HALVES, days(2, 2))
    assert found.p_value == pytest.approx(1.0)
    many = SequentialRatio.of(np.repeat("a", 400), HALVES, days(400, 400))
    terms = [np.log((500 + k) / (1000 + k) / 0.5) for k in range(400)]
    assert np.log(many.p_value[-1]) == pytest.approx(-np.sum(terms))


def test_a_mismatch_that_was_repaired_is_still_found() -> None:
    broken = np.repeat(["a", "b"], [900, 300])
    after = np.concatenate([np.repeat("b", 600), np.resize(["a", "b"], 2400)])
    arm = np.concatenate([broken, after])
    assert (arm == "a").mean() == 0.5
    entered = np.concatenate([days(1200, 1200), days(3000, 100) + DAY])
    table = pd.DataFrame({"customer_id": range(len(arm)), "arm": arm, "value": 1.0 * (arm == "b"),
                          "entered": entered})  # fmt: skip
    arms = Assignment.from_frame(table, shares=HALVES, entered="entered")
    with pytest.warns(DataWarning, match="clear since 2026-04-01") as caught:
        held = difference(table, arms, control="a")
    assert held.withheld == ("sequential_srm",)
    assert len(caught) == 1
    plain = Assignment.from_frame(table, shares=HALVES)
    assert difference(table, plain, control="a").findings == ()


def test_the_order_of_rows_and_of_customers_of_one_day_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    arm, when = np.where(rng.random(500) < 0.5, "a", "b"), days(500, 50)
    order = rng.permutation(500)
    one = SequentialRatio.of(arm, HALVES, when)
    other = SequentialRatio.of(arm[order], HALVES, when[order])
    assert one.p_value.tolist() == other.p_value.tolist()
    assert one.to_frame().columns.tolist() == ["time", "p_value"]
    assert (np.diff(one.p_value) <= 0).all()


def test_strata_with_shares_of_their_own_and_clusters_are_no_mismatch() -> None:
    tier = np.repeat(["high", "low"], 1000)
    arm = np.concatenate([np.resize(["a", "b", "b", "b"], 1000), np.resize(["a", "b"], 1000)])
    table = pd.DataFrame({"customer_id": range(2000), "arm": arm, "tier": tier,
                          "entered": days(2000, 100), "value": 1.0})  # fmt: skip
    table["value"] += np.arange(2000) % 3
    special = {"high": {"a": 0.25, "b": 0.75}}
    arms = Assignment.from_frame(
        table, shares=HALVES, stratum="tier", by_stratum=special, entered="entered"
    )
    with pytest.warns(DataWarning, match="strata"):
        found = difference(table, arms, control="a")
    assert "sequential_srm" not in found.withheld
    store = np.repeat([f"s{k}" for k in range(40)], 50)
    uneven = np.where(np.arange(40) % 8 < 5, "a", "b")  # 25 stores to 15, p = 0.11
    by_store = table.assign(store=store, arm=np.repeat(uneven, 50))
    clustered = Assignment.from_frame(by_store, shares=HALVES, cluster="store", entered="entered")
    assert difference(by_store, clustered, control="a").withheld == ()


def test_entries_stay_with_their_customers() -> None:
    table = pd.DataFrame({"customer_id": [1, 2, 2], "arm": ["a", "b", "b"],
                          "entered": ["2026-04-03", "2026-04-01", "2026-04-02"]})  # fmt: skip
    start = datetime(2026, 4, 1)  # noqa: DTZ001 - a local time
    arms = Assignment.from_frame(table, entered="entered", start=start)
    kept = arms.among([2]).entered
    assert kept is not None
    assert kept.tolist() == [datetime(2026, 4, 1)]  # noqa: DTZ001 - a local time


def test_false_alarms_at_any_time_are_as_rare_as_stated() -> None:
    """At most 5 % of right experiments fall below 0.05 at any of 100 looks.

    The number of alarms in 150 runs exceeds the bound with a probability below 1e-6 (binomial).
    """
    rng = np.random.default_rng(7)
    when, shares = days(1000, 10), {"a": 0.2, "b": 0.3, "c": 0.5}
    names, edges = np.array(list(shares)), np.cumsum(list(shares.values()))[:-1]
    alarms = 0
    for _ in range(150):
        arm = names[np.searchsorted(edges, rng.random(1000))]
        alarms += SequentialRatio.of(arm, shares, when).first_below(0.05) is not None
    assert alarms <= binom.ppf(1 - FALSE_ALARM, 150, 0.05)


def test_a_share_that_is_off_by_three_points_is_found_within_ten_thousand() -> None:
    """Found in all of 5 runs; each misses with a probability below 1e-7 (Normal: 6 - 3.7 sd)."""
    rng = np.random.default_rng(8)
    for _ in range(5):
        arm = np.where(rng.random(20_000) < 0.53, "a", "b")
        found = SequentialRatio.of(arm, HALVES, days(20_000, 500))
        assert found.first_below(0.001) is not None
