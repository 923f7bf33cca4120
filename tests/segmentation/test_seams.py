"""From value to tier without glue: a value and a log go into a scheme whole."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from omniltv.data import PurchaseLog
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import (
    Condition,
    CustomerValue,
    Cut,
    ProbabilisticTiering,
    ReachProbability,
    Tier,
    TierScheme,
)

LOG = PurchaseLog.from_frame(
    pd.DataFrame(
        {
            "customer_id": ["ann", "ben", "ann", "cem", "ann"],
            "channel": ["store", "ec", "ec", "ec", "ec"],
            "time": [f"2026-01-{day}T10:00" for day in ("05", "06", "07", "20", "07")],
            "value": [10.0, 200.0, 5.0, 30.0, 1.0],
        }
    )
)


@dataclass(frozen=True)
class Value:
    """A value of customers, as a stranger would write it."""

    ids: list[str]
    predictive: RowDraws

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        mean = self.predictive.mean()
        ids = np.array(self.ids, dtype=object)
        alive = np.full(len(mean), 0.5)
        return {
            "customer_id": ids,
            "value": mean,
            "prob_alive": alive,
            "predictive_upper": 2 * mean,
        }


VALUE = Value(["cem", "ann", "ben"], RowDraws.from_array([[1.0, 3.0], [8.0, 9.0], [0.0, 20.0]]))
SCHEME = TierScheme.high_potential_general(
    high=Cut(amount=8.5), low_realised=Cut(amount=100), chance=0.4
)


def test_a_value_and_a_log_are_all_that_a_scheme_needs() -> None:
    assert isinstance(VALUE, CustomerValue)
    tiering = SCHEME.assign(VALUE, LOG)
    assert isinstance(tiering, ProbabilisticTiering)
    assert tiering.customer_id.tolist() == ["cem", "ann", "ben"]
    assert tiering.tier.tolist() == ["general", "high", "high"]
    assert tiering.details["realised_value"].tolist() == [30.0, 16.0, 200.0]
    by_hand = pd.DataFrame(
        {"customer_id": VALUE.ids, "value": [2.0, 8.5, 10.0], "realised_value": [30.0, 16.0, 200.0]}
    )
    same = SCHEME.assign(by_hand, draws=VALUE.predictive)
    assert same.tier.tolist() == tiering.tier.tolist()
    assert same.probabilities.tolist() == tiering.probabilities.tolist()


def test_the_columns_of_value_and_log_are_in_the_result() -> None:
    tiering = SCHEME.assign(VALUE, LOG)
    frame = tiering.to_frame("polars")
    assert {"prob_alive", "acquisition_channel", "purchases_ec", "last_purchase"} <= {
        *frame.columns
    }
    assert frame["acquisition_channel"].to_list() == ["ec", "store", "ec"]
    assert frame["purchases"].to_list() == [1, 2, 1]
    first = tiering.first(2).to_frame()
    assert first["customer_id"].tolist() == ["ben", "ann"]
    assert list(first.columns) == [
        "place",
        "customer_id",
        "tier",
        "value",
        "acquisition_channel",
        "predictive_upper",
        "prob_alive",
        "realised_value",
        "last_purchase",
    ]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_frame_may_take_its_past_from_the_log(make: type[pd.DataFrame]) -> None:
    frame = make({"customer_id": ["cem", "ann", "ben"], "value": [2.0, 8.5, 10.0]})
    if isinstance(frame, pd.DataFrame):
        frame = frame.set_index(pd.Index([7, 8, 9]))
    online = Tier(name="online", when=Condition.where("purchases_ec", "ge", 1))
    recent = Tier(name="recent", when=Condition.where("last_purchase", "ge", "2026-01-10"))
    tiers = TierScheme(tiers=(recent, online, Tier(name="rest"))).assign(frame, LOG)
    assert tiers.tier.tolist() == ["recent", "online", "online"]
    assert tiers.details["realised_value"].tolist() == [30.0, 16.0, 200.0]


def test_customers_without_purchases_have_realised_nothing() -> None:
    frame = pd.DataFrame({"customer_id": ["dan", "ann"], "value": [1.0, 2.0]})
    scheme = TierScheme(tiers=(Tier(name="new", realised_below=Cut(amount=1)), Tier(name="old")))
    tiering = scheme.assign(frame, LOG)
    assert tiering.tier.tolist() == ["new", "old"]
    assert tiering.details["acquisition_channel"].tolist() == ["", "store"]
    assert pd.isna(tiering.to_frame()["first_purchase"]).tolist() == [True, False]


def test_what_cannot_be_joined_is_refused() -> None:
    frame = pd.DataFrame({"customer_id": [1, 2], "value": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"purchase log.*\n?.*the log that the value") as caught:
        SCHEME.assign(frame, LOG)
    assert caught.value.column == "customer_id"
    with pytest.raises(DataError, match=r"Hint: scheme.assign\(value, log\)"):
        SCHEME.assign(VALUE)
    twice = Value(["ann", "ann"], RowDraws.from_array([[1.0], [2.0]]))
    with pytest.raises(DataError, match=r"value.per_customer\(\)") as caught:
        SCHEME.assign(twice, LOG)
    assert caught.value.rows == ("ann",)


def test_margins_reach_the_realised_value() -> None:
    margins = LOG.with_margin({"store": 0.5, "ec": 0.1})
    tiering = SCHEME.assign(VALUE, margins)
    assert tiering.details["realised_value"] == pytest.approx([3.0, 5.6, 20.0])
    with pytest.raises(DataError, match="no margin for: store"):
        LOG.with_margin({"ec": 0.1})
    for bad in (-0.1, float("nan")):
        with pytest.raises(ConfigError, match="margin is"):
            LOG.with_margin(bad)


BY_AMOUNT = TierScheme(
    tiers=(
        Tier(name="high", value_at_least=Cut(amount=30.0)),
        Tier(
            name="potential",
            realised_below=Cut(amount=25.0),
            chance=ReachProbability(tier="high", at_least=0.2),
        ),
        Tier(name="others"),
    )
)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_with_lines_as_amounts_a_tier_depends_on_the_customer_alone(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "value": rng.lognormal(3, 1, n),
            "realised_value": rng.lognormal(3, 1, n),
        }
    )
    draws = RowDraws.from_array(frame["value"].to_numpy()[:, None] * rng.gamma(1.5, 0.7, (n, 50)))
    whole = BY_AMOUNT.assign(frame, draws=draws)
    for rows in (
        rng.integers(n, size=1),
        rng.permutation(n),
        np.arange(n)[::-1],
        np.arange(n)[::2],
    ):
        part = BY_AMOUNT.assign(frame.iloc[rows], draws=draws.take(rows))
        assert part.tier.tolist() == whole.tier[rows].tolist()
        assert part.probabilities.tobytes() == whole.probabilities[rows].tobytes()


def test_a_scheme_fixed_once_gives_the_same_tier_to_one_as_to_all() -> None:
    fixed = TierScheme.high_potential_general(chance=0.4).with_amounts(VALUE, LOG)
    whole = fixed.assign(VALUE, LOG)
    for row, name in enumerate(VALUE.ids):
        alone = fixed.assign(Value([name], VALUE.predictive.take([row])), LOG)
        assert alone.tier.tolist() == [whole.tier[row]]
        assert alone.probabilities.tolist() == [whole.probabilities[row].tolist()]
