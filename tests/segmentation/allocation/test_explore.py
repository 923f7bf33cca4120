"""Exploration: drawn gains for a share of the customers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests._statistics import assert_share

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.allocation import allocate


def offers(customers: int, sd: float = 1.0) -> pd.DataFrame:
    """Return two offers per customer; the first has the larger expected gain."""
    return pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(customers), 2),
            "treatment": np.tile(["better", "worse"], customers),
            "channel": "ec",
            "gain": np.tile([10.5, 10.0], customers),
            "sd": sd,
            "cost": 0.0,
            "mails": 1,
        }
    )


def test_offers_are_made_as_often_as_they_may_be_best() -> None:
    """Thompson sampling: the probability that one draw exceeds the other."""
    found = allocate(offers(2_000), {"mails": np.inf}, explore=1.0, seed=1)
    best = float(stats.norm.cdf(0.5 / np.sqrt(2)))
    assert_share(found.chosen["treatment"] == "better", best, comparisons=2)
    half = allocate(offers(2_000), {"mails": np.inf}, explore=0.5, seed=2).chosen
    assert_share(half["explored"], 0.5, comparisons=2)
    assert (half.loc[~half["explored"], "treatment"] == "better").all()


def test_no_uncertainty_and_no_exploration_change_nothing() -> None:
    plain = allocate(offers(50), {"mails": 20})
    sure = allocate(offers(50, sd=0.0), {"mails": 20}, explore=1.0, seed=1)
    assert plain.chosen["customer_id"].tolist() == sure.chosen["customer_id"].tolist()
    assert plain.net_gain == sure.net_gain == sure.drawn_net_gain
    assert "explored" not in plain.chosen


def test_the_price_of_learning_is_at_posterior_means() -> None:
    plain = allocate(offers(300), {"mails": 100})
    found = allocate(offers(300), {"mails": 100}, explore=1.0, seed=3)
    assert found.net_gain <= plain.net_gain < found.drawn_net_gain <= found.bound
    assert 0 <= found.gap < 0.05
    assert found.net_gain == pytest.approx(found.chosen["net_gain"].sum())


def test_draws_do_not_depend_on_the_order_of_rows() -> None:
    table = offers(60)
    one = allocate(table, {"mails": 20}, explore=0.5, seed=4).chosen
    other = allocate(table.sample(frac=1, random_state=1), {"mails": 20}, explore=0.5, seed=4)
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.chosen.reset_index(drop=True))


def test_exploring_needs_a_seed_and_standard_deviations() -> None:
    with pytest.raises(ConfigError, match="exploring draws gains"):
        allocate(offers(3), {"mails": 1}, explore=0.1)
    with pytest.raises(DataError, match="column 'sd'"):
        allocate(offers(3).drop(columns="sd"), {"mails": 1}, explore=0.1, seed=1)
    with pytest.raises(DataError, match="column 'sd': negative amounts"):
        allocate(offers(3, sd=-1.0), {"mails": 1}, explore=0.1, seed=1)
