"""Transitions between two dates: customers, value, and the two rates of S7."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import TierMemory, TierScheme, transitions

TIERS = TierScheme.high_potential_general().names


def table(tiers: dict[str, str], value: float = 1.0) -> pd.DataFrame:
    ids, names = list(tiers), list(tiers.values())
    return pd.DataFrame({"customer_id": ids, "tier": names, "value": value * np.arange(len(ids))})


BEFORE = {"a": "high", "b": "high", "c": "potential", "d": "potential", "e": "general", "f": "high"}
AFTER = {"c": "high", "a": "high", "b": "general", "e": "potential", "d": "potential", "z": "high"}


def test_customers_and_values_by_pair_of_tiers() -> None:
    found = transitions(table(BEFORE), table(AFTER, 10.0), tiers=TIERS)
    assert found.to_frame().values.tolist() == [
        ["high", "high", 1, 1 / 3, 0.0, 10.0],
        ["high", "general", 1, 1 / 3, 1.0, 20.0],
        ["high", "(gone)", 1, 1 / 3, 5.0, 0.0],
        ["potential", "high", 1, 0.5, 2.0, 0.0],
        ["potential", "potential", 1, 0.5, 3.0, 40.0],
        ["general", "potential", 1, 1.0, 4.0, 30.0],
        ["(new)", "high", 1, 1.0, 0.0, 50.0],
    ]
    nurtured = found.nurtured("potential", "high")
    assert (nurtured.customers, nurtured.of, nurtured.value) == (1, 2, 0.0)
    assert found.kept("high").share == 1 / 3
    assert found.kept("potential").share == 1.0


def test_tables_of_any_kind_and_without_values() -> None:
    before = table(BEFORE).drop(columns="value")
    found = transitions(pl.from_pandas(before), table(AFTER), tiers=TIERS)
    assert "value_before" not in found.columns()
    assert found.to_frame("polars")["value_after"].sum() == table(AFTER)["value"].sum()
    nobody = transitions(before[:0], before[:0], tiers=TIERS)
    assert len(nobody.to_frame()) == 0
    assert np.isnan(nobody.kept("high").share)
    assert transitions(before, before[:0], tiers=TIERS).kept("high").customers == 0


def test_states_of_a_memory_can_be_compared() -> None:
    memory = TierMemory(tiers=TIERS, period_months=1)
    first = memory.move(None, table(BEFORE), on="2026-01-10").state
    second = memory.move(first, table(AFTER), on="2026-02-01").state
    found = transitions(first, second, tiers=TIERS)
    assert found.nurtured("potential", "high").customers == 1
    assert found.kept("high").customers == 2  # f was not judged again and stays


def test_what_cannot_be_compared_is_refused() -> None:
    good = table(BEFORE)
    with pytest.raises(DataError, match="tiers that the programme does not have"):
        transitions(good, good.assign(tier="gold"), tiers=TIERS)
    with pytest.raises(DataError, match="several rows"):
        transitions(pd.concat([good, good]), good, tiers=TIERS)
    with pytest.raises(ConfigError, match="no such tier"):
        transitions(good, good, tiers=TIERS).kept("gold")
