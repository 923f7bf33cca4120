"""A tier rule of one's own: one class, public names only, held to the public laws."""

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import Cut, Tier, TierRule, TierScheme
from omniltv.testing import check_tier_rule

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": np.arange(200),
        "value": np.random.default_rng(1).gamma(2.0, 50.0, 200),
        "realised_value": np.random.default_rng(2).gamma(2.0, 80.0, 200),
        "prob_alive": np.random.default_rng(3).random(200),
    }
)


@dataclass(frozen=True)
class Slipping:
    """Customers who were worth more than they promise, and may have left."""

    at_most: float = 0.5
    name: str = "slipping"

    def holds(self, customers: nw.DataFrame[Any]) -> NDArray[np.bool_]:
        ahead, past = (customers[c].to_numpy() for c in ("value", "realised_value"))
        return (ahead < past) & (customers["prob_alive"].to_numpy() <= self.at_most)


class AboveMedian:
    """A rule that looks at the other customers."""

    name = "above the median"

    def holds(self, customers: nw.DataFrame[Any]) -> NDArray[np.bool_]:
        value = customers["value"].to_numpy()
        return np.asarray(value > np.median(value))


class FirstHundred:
    """A rule that looks at the order of rows."""

    name = "first hundred"

    def holds(self, customers: nw.DataFrame[Any]) -> NDArray[np.bool_]:
        return np.arange(len(customers)) < 100


class Scores:
    """A rule that returns numbers."""

    name = "scores"

    def holds(self, customers: nw.DataFrame[Any]) -> NDArray[np.bool_]:
        return customers["value"].to_numpy()


SCHEME = TierScheme(
    tiers=(
        Tier(name="save", rules=(Slipping(),), value_at_least=Cut(share=0.5)),
        Tier(name="others"),
    )
)


def test_a_rule_of_ones_own_keeps_the_laws() -> None:
    assert isinstance(Slipping(), TierRule)
    check_tier_rule(Slipping(), CUSTOMERS)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (AboveMedian(), "alone"),
        (FirstHundred(), "order of rows"),
        (Scores(), "one boolean per row"),
    ],
)
def test_the_laws_catch_rules_that_break_them(rule: TierRule, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_tier_rule(rule, CUSTOMERS)


@pytest.mark.parametrize("frame", [CUSTOMERS, pl.from_pandas(CUSTOMERS)], ids=["pandas", "polars"])
def test_a_rule_of_ones_own_decides_a_tier(frame: pd.DataFrame) -> None:
    tiering = SCHEME.assign(frame)
    value, past = CUSTOMERS["value"], CUSTOMERS["realised_value"]
    high = value >= np.sort(value)[-100]
    expected = high & (value < past) & (CUSTOMERS["prob_alive"] <= 0.5)
    assert (tiering.tier == "save").tolist() == expected.tolist()
    assert 5 < expected.sum() < 95


def test_a_rule_cannot_be_stored_and_must_answer_for_every_row() -> None:
    with pytest.raises(ConfigError, match="tier 'save' has rules written in Python"):
        SCHEME.to_yaml()
    bad = TierScheme(tiers=(Tier(name="bad", rules=(Scores(),)), Tier(name="others")))
    with pytest.raises(DataError, match="the rule 'scores' returned float64"):
        bad.assign(CUSTOMERS)
    with pytest.raises(ConfigError, match="rules"):
        TierScheme.from_yaml("tiers: [{name: a, rules: [big]}, {name: b}]")
