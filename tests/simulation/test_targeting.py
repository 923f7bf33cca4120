"""Rules that choose whom to treat: true propensities, deviations, stores and what is hidden."""

import numpy as np
import pytest
from tests._statistics import assert_mean, assert_share
from tests.simulation._worlds import config, started

from omniltv.errors import ConfigError
from omniltv.simulation import TargetingRule, Treatment
from omniltv.units import weeks

WORLD = started(config(Treatment(name="t")), 3_000)
PEOPLE = WORLD.truth.people
TESTS = 4  # numbers that are compared in this file


def test_the_rule_chooses_with_its_propensity() -> None:
    rule = TargetingRule(
        treatment="t", channel="ec", base=-0.5, value=0.8, recency=-0.3,
        main_channel={"call": 1.0}, hidden=0.7,
    )  # fmt: skip
    chance = WORLD.propensity(rule)
    chosen = PEOPLE["customer_id"].isin(WORLD.targeted(rule)["customer_id"])
    assert_mean(chosen - chance, 0.0, comparisons=TESTS)
    by_call = chance[PEOPLE["main_channel"] == "call"].mean()
    assert by_call > chance[PEOPLE["main_channel"] != "call"].mean()
    assert np.corrcoef(chance, np.log(PEOPLE["rate"]))[0, 1] > 0.15


def test_some_are_left_out_and_some_added() -> None:
    rule = TargetingRule(treatment="t", channel="ec", base=100.0, never=0.2)
    none = TargetingRule(treatment="t", channel="ec", base=-100.0, always=0.1)
    for made, share in ((rule, 0.8), (none, 0.1)):
        chosen = PEOPLE["customer_id"].isin(WORLD.targeted(made)["customer_id"])
        assert_share(chosen, share, comparisons=TESTS)


def test_whole_stores_are_treated() -> None:
    rule = TargetingRule(treatment="t", channel="ec", stores=0.34)
    chosen = PEOPLE["customer_id"].isin(WORLD.targeted(rule)["customer_id"])
    by_store = chosen.groupby(PEOPLE["store"]).mean()
    assert sorted(by_store) == [0.0, 0.0, 1.0]


def test_a_hidden_cause_misleads_a_comparison() -> None:
    """Without an effect, people chosen by their hidden rate bring more than the others."""
    plan = WORLD.targeted(TargetingRule(treatment="t", channel="ec", hidden=2.0))
    after = WORLD.truth.outcomes(weeks(8), of="purchases")
    chosen = after["customer_id"].isin(plan["customer_id"])
    assert (after["t"] == after["none"]).all()
    assert after.loc[chosen, "none"].mean() > 1.5 * after.loc[~chosen, "none"].mean()


def test_a_rule_names_only_what_there_is() -> None:
    with pytest.raises(ConfigError, match="fax"):
        WORLD.targeted(TargetingRule(treatment="t", channel="fax"))
