"""Thompson sampling and off-policy values."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.experiments.learning import Thompson, policy_value

BANDIT = Thompson(treatments=("none", "mail", "tour"), by=("tier",), floor=0.1)


def history(n: int = 300, **changed: Any) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    treatment = np.resize(["none", "mail", "tour"], n)
    better = pd.Series(treatment).map({"none": 10.0, "mail": 30.0, "tour": 10.0}).to_numpy()
    table = pd.DataFrame(
        {"tier": np.resize(["high", "high", "high", "low", "low", "low"], n),
         "treatment": treatment, "value": rng.gamma(2.0, better / 2.0)}
    )  # fmt: skip
    return table.assign(**changed)


def test_the_best_treatment_gets_all_but_the_floor() -> None:
    shares = BANDIT.shares(history(), seed=1)
    assert shares.share.sum(axis=1) == pytest.approx(1.0)
    assert shares.share_of("mail") == pytest.approx(0.8, abs=0.01)
    assert shares.share_of("none") == pytest.approx(0.1, abs=0.01)


def test_cells_of_other_levels_are_compared_as_shares() -> None:
    """The same outcomes in units a hundred times as large: no difference, and no warning."""
    rng = np.random.default_rng(1)
    treatment = np.repeat(["none", "mail"], 500)
    value = rng.normal(np.where(treatment == "mail", 1.25, 1.0), 1.0)
    parts = [
        pd.DataFrame({"tier": tier, "treatment": treatment, "value": level * value})
        for tier, level in (("high", 1_000.0), ("low", 10.0))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Thompson(treatments=("none", "mail"), by=("tier",)).shares(pd.concat(parts), seed=1)
    high, low = found.share_of("mail")
    assert high == pytest.approx(low, abs=0.03)
    assert high > 0.9  # decided by this one sample


def test_a_cell_without_outcomes_learns_from_the_others() -> None:
    new = pd.DataFrame({"tier": ["new"]})
    shares = BANDIT.shares(history(), cells=new, seed=1).to_frame()
    own = shares[shares["tier"] == "new"].set_index("treatment")["share"]
    assert 0.4 < own["mail"] < 0.81


def test_pending_outcomes_are_counted_and_change_nothing() -> None:
    late = pd.concat([history(), history().assign(value=np.nan)])
    shares = BANDIT.shares(late, seed=1)
    assert shares.pending == 300
    assert (shares.share == BANDIT.shares(history(), seed=1).share).all()


def test_a_floor_of_an_equal_split_is_an_equal_split() -> None:
    equal = Thompson(treatments=("none", "mail"), by=("tier",), floor=0.5)
    known = history().query("treatment != 'tour'")
    assert (equal.shares(known).share == 0.5).all()


def test_draws_follow_the_shares_and_the_salt() -> None:
    people = pd.DataFrame({"customer_id": range(4_000), "tier": "high"})
    shares = BANDIT.shares(history(), seed=1)
    one, again, other = (shares.assign(people, salt=salt) for salt in ("a", "a", "b"))
    assert one.equals(again)
    assert not one["treatment"].equals(other["treatment"])
    seen = float((one["treatment"] == "mail").mean())
    chance = float(shares.share_of("mail")[0])
    assert abs(seen - chance) <= 4.9 * np.sqrt(chance * (1 - chance) / 4_000)  # false alarm 1e-6
    assert set(one["propensity"].round(6)) <= set(np.round(shares.share, 6).ravel())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"treatments": ("mail",)}, "two different"),
        ({"treatments": ("mail", "mail")}, "two different"),
        ({"treatments": ("a", "b"), "floor": 0.6}, "at most 0.5"),
        ({"treatments": ("a", "b"), "by": ()}, "columns of the cells"),
    ],
)
def test_impossible_bandits_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Thompson(**options)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"treatment": "fax"}, "unknown treatments"),
        ({"value": 0.0}, "not positive"),
        ({"tier": None}, "missing labels"),
    ],
)
def test_bad_outcomes_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        BANDIT.shares(history(**changed))


def test_customers_of_unknown_cells_are_named() -> None:
    people = pd.DataFrame({"customer_id": ["ann"], "tier": ["new"]})
    with pytest.raises(DataError, match="ann"):
        BANDIT.shares(history()).assign(people, salt="a")
    with pytest.raises(ConfigError, match="salt"):
        BANDIT.shares(history()).assign(people, salt="")


def log(n: int = 200) -> pd.DataFrame:
    return history(n).assign(propensity=1 / 3, round=np.arange(n) // 100)


def always(treatment: str, **changed: Any) -> pd.DataFrame:
    return pd.DataFrame({"tier": ["high", "low"], "treatment": treatment, "share": 1.0}).assign(
        **changed
    )


def test_the_policy_in_use_has_the_mean_of_its_outcomes() -> None:
    seen = log().assign(round=0)
    every = pd.concat([always(name, share=1 / 3) for name in ("none", "mail", "tour")])
    found = policy_value(seen, every)
    assert found.estimate == pytest.approx(seen["value"].mean())
    assert found.effective == pytest.approx(200)


def test_the_mean_of_a_treatment_that_was_drawn_at_random() -> None:
    found = policy_value(log(), always("mail"))
    drawn = log().query("treatment == 'mail'")["value"]
    assert abs(found.estimate - drawn.mean()) < 3 * found.standard_error
    assert found.low < drawn.mean() < found.high


@pytest.mark.parametrize(
    ("seen", "policy", "said"),
    [
        (log().assign(propensity=0.0), always("mail"), r"not in \(0, 1\]"),
        (log(), always("fax"), "never tried"),
        (log(), always("mail", share=0.5), "do not add up to 1"),
        (log(), always("mail").head(1), "do not add up to 1"),
        (log(), always("mail", share=-1.0), "negative shares"),
        (log().assign(value=np.nan), always("mail"), "no outcome"),
    ],
)
def test_bad_logs_and_policies_are_refused(
    seen: pd.DataFrame, policy: pd.DataFrame, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        policy_value(seen, policy)


def test_a_customer_is_assigned_once() -> None:
    shares = BANDIT.shares(history(), seed=1)
    with pytest.raises(DataError, match="several rows"):
        shares.assign(pd.DataFrame({"customer_id": [1, 1], "tier": ["high", "low"]}), salt="x")
