"""Customers who are tied at the line of a share (case D1): said, with the ways out."""

import warnings

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import ConfigError, DataWarning
from omniltv.segmentation import Condition, Cut, Tier, TierScheme


def scheme(cut: Cut) -> TierScheme:
    return TierScheme(tiers=(Tier(name="gold", value_at_least=cut), Tier(name="rest")))


def table(tied: int, above: int = 0, n: int = 1000) -> pd.DataFrame:
    value = np.linspace(0, 5, n)
    value[:tied] = 12.0
    value[tied : tied + above] = 20.0
    return pd.DataFrame({"customer_id": np.arange(n), "value": value})


def test_a_share_that_ties_leave_empty_is_said_with_the_ways_out() -> None:
    with pytest.warns(DataWarning) as caught:
        tiering = scheme(Cut(share=0.05)).assign(table(tied=100))
    assert (tiering.tier == "gold").sum() == 0
    assert [str(warning.message) for warning in caught] == [
        (
            "tier 'gold': share 0.05 is 50 of 1,000 customers, but 100 are tied at the line "
            "('value' 12), so only 0 are in the share. Hint: Cut(share=0.05, ties=\"in\") lets in "
            "100; Cut(amount=...) sets the line; or use a column that tells these customers apart"
        )
    ]
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("above", "warns"), [(44, True), (45, False), (50, False)])
def test_a_few_ties_are_not_worth_a_warning(above: int, warns: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tiering = scheme(Cut(share=0.05)).assign(table(tied=100, above=above))
    assert (tiering.tier == "gold").sum() == above
    assert bool(caught) == warns


def test_the_ways_out_let_the_tied_in_without_a_warning() -> None:
    frame = table(tied=100)
    for cut in (Cut(share=0.05, ties="in"), Cut(amount=12.0)):
        assert (scheme(cut).assign(frame).tier == "gold").sum() == 100


def test_the_line_of_a_share_that_nobody_reaches_is_finite() -> None:
    with pytest.warns(DataWarning, match="tied at the line"):
        fixed = scheme(Cut(share=0.05)).with_amounts(table(tied=100))
    line = fixed.tiers[0].value_at_least
    assert line is not None
    assert line.amount == np.nextafter(12.0, 13.0)
    assert TierScheme.from_yaml(fixed.to_yaml()) == fixed


@pytest.mark.parametrize("amount", [".inf", "-.inf", ".nan"])
def test_an_infinite_line_is_refused(amount: str) -> None:
    with pytest.raises(ConfigError, match="finite number"):
        Cut.from_yaml(f"amount: {amount}")
    with pytest.raises(ConfigError, match="finite number"):
        Cut(amount=float(amount.replace(".", "")))


def test_a_share_among_some_customers() -> None:
    frame = table(tied=0).assign(purchases=lambda rows: (rows["value"] < 1).astype(int))
    bought = Condition.where("purchases", "ge", 1)
    gold = Tier(name="gold", value_at_least=Cut(share=0.1, among=bought), when=bought)
    tiering = TierScheme(tiers=(gold, Tier(name="rest"))).assign(frame)
    assert (tiering.tier == "gold").sum() == frame["purchases"].sum() // 10
    nobody = frame.assign(purchases=0)
    assert set(TierScheme(tiers=(gold, Tier(name="rest"))).assign(nobody).tier) == {"rest"}
    with pytest.raises(ConfigError, match="belong to a share"):
        Cut(amount=1.0, ties="in")
