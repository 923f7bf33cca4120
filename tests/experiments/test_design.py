"""The design of an experiment: a document, its assignment, its analysis and its power."""

from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest
from tests._statistics import assert_shares, sigmas

from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments import Assignment, Baseline, Difference, assign, lift
from omniltv.experiments.design import (
    Design,
    Layer,
    Pilot,
    factorial_lift,
    minimal_lift,
    power,
)

HALVES = {"a": 0.5, "b": 0.5}
PEOPLE = pd.DataFrame({
    "customer_id": range(4000), "tier": ["high", "low", "low", "low"] * 1000,
    "household": np.arange(4000) // 2,
})  # fmt: skip


def by_hand(key: object, salt: str) -> float:
    """Return the place of a key, from the description in the guide."""
    digest = blake2b(salt.encode() + b"\x00" + str(key).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") // 2**11) / 2**53


def test_the_arm_follows_the_written_algorithm() -> None:
    arms = Design(name="spring", arms={"b": 0.25, "a": 0.75}, control="a").assign(PEOPLE)
    expected = ["a" if by_hand(key, "spring") < 0.75 else "b" for key in PEOPLE["customer_id"]]
    assert arms.arm.tolist() == expected


def test_a_design_is_the_same_after_yaml_and_a_wrong_one_is_refused() -> None:
    design = Design(
        name="s", factors={"mail": 0.5, "coupon": 0.3}, start="2026-04-01", days=56,
        metrics=("value", "visits"), hold_out=Layer(name="all", end=0.1), level=0.9,
    )  # fmt: skip
    assert Design.from_yaml(design.to_yaml()) == design
    assert design.shares == pytest.approx(
        {"coupon": 0.15, "mail": 0.35, "mail+coupon": 0.15, "neither": 0.35}
    )
    for wrong, said in (
        ({"arms": {"a": 0.5, "b": 0.4}}, "add up to 0.9"),
        ({"arms": HALVES, "control": "c"}, "control 'c' is not one of a, b"),
        ({"arms": HALVES, "factors": {"x": 0.5, "y": 0.5}}, "either arms or factors"),
        ({"factors": {"x": 0.5}}, "two treatments"),
        ({"arms": HALVES, "start": "in spring"}, "start"),
        ({"arms": HALVES, "by_stratum": {"high": HALVES}}, "estimator: stratified"),
        ({"arms": HALVES, "unit": "store", "strata": ("tier",)}, "cannot be kept"),
    ):
        with pytest.raises(ConfigError, match=said):
            Design.model_validate({"name": "s", "control": "neither", **wrong} | {
                "control": wrong.get("control", "a" if "arms" in wrong else "neither")
            })  # fmt: skip


def test_shares_by_stratum_are_assigned_checked_and_analysed() -> None:
    design = Design(
        name="s", arms=HALVES, control="a", strata=("tier",), estimator="stratified",
        by_stratum={"high": {"a": 0.1, "b": 0.9}},
    )  # fmt: skip
    arms = design.assign(PEOPLE)
    high = arms.stratum == "high"
    assert (arms.arm[high] == "b").mean() == pytest.approx(0.9, abs=0.001)
    assert (arms.arm[~high] == "b").mean() == pytest.approx(0.5, abs=0.001)
    assert arms.srm().ok
    assert not Assignment(arms.customer_id, arms.arm, arms.stratum, HALVES).srm().ok
    spend = PEOPLE.assign(value=np.where(PEOPLE["tier"] == "high", 200.0, 10.0))
    stored = Assignment.from_frame(
        arms.to_frame(), stratum="stratum", shares={"a": 0.1 + 0.4, "b": 0.3 + 0.2},
        by_stratum={"high": {"a": 1 - 0.9, "b": 0.9}},
    )  # fmt: skip
    assert design.lift(spend, stored).rows == design.lift(spend, arms).rows
    misspelt = design.model_copy(update={"by_stratum": {"hihg": {"a": 0.1, "b": 0.9}}})
    with pytest.raises(ConfigError, match="no such stratum: hihg"):
        misspelt.assign(PEOPLE)
    assert design.lift(spend, arms).overall().estimate == pytest.approx(0.0, abs=1e-9)


def test_an_analysis_of_another_assignment_is_refused() -> None:
    design = Design(name="s", arms=HALVES, control="a", start="2026-04-01")
    other = assign(PEOPLE, arms={"a": 0.4, "b": 0.6}, salt="s")
    with pytest.raises(ConfigError, match="differs from the design in: shares, start"):
        design.lift(PEOPLE.assign(value=1.0), other)


def test_the_analysis_is_the_declared_one() -> None:
    design = Design(name="s", arms=HALVES, control="a", estimator="cuped", level=0.8)
    rng = np.random.default_rng(5)
    x = rng.normal(size=4000)
    table = PEOPLE.assign(x=x, value=x + rng.normal(size=4000))
    found = design.lift(table, design.assign(table), baseline=Baseline(table, covariates="x"))
    assert (found.estimator, found.level) == ("cuped", 0.8)


def test_units_layers_and_the_hold_out_keep_experiments_apart() -> None:
    hold_out = Layer(name="2026", end=0.1)
    made = [
        Design(
            name=name, arms=HALVES, control="a", unit="household", hold_out=hold_out,
            layer=Layer(name="mail", start=start, end=end),
        ).assign(PEOPLE)
        for name, start, end in (("one", 0.0, 0.5), ("two", 0.5, 1.0))
    ]  # fmt: skip
    taken = [set(arms.customer_id.tolist()) for arms in made]
    assert taken[0].isdisjoint(taken[1])
    assert made[0].cluster is not None
    per_household = pd.Series(made[0].arm).groupby(made[0].cluster).nunique()
    assert per_household.max() == 1
    kept = set().union(*taken)
    held = {k for k in PEOPLE["household"] if by_hand(k, "2026") < 0.1}
    assert {k // 2 for k in kept} == set(PEOPLE["household"]) - held
    # 2,000 households; fails with a probability of 1e-6
    assert_shares(len(held) / 2000, 0.1, n=2000)


def test_two_treatments_and_their_interaction() -> None:
    """Effects 1, 2 and an interaction of 3 in 4,000 customers; fails with a probability 1e-6."""
    design = Design(name="s", factors={"mail": 0.5, "coupon": 0.5})
    arms = design.assign(PEOPLE)
    mail = np.char.find(arms.arm, "mail") >= 0
    coupon = np.char.find(arms.arm, "coupon") >= 0
    rng = np.random.default_rng(8)
    value = rng.normal(size=4000) + mail + 2 * coupon + 3 * (mail & coupon)
    found = factorial_lift(PEOPLE.assign(value=value), arms, design)
    assert [one.effect for one in found] == ["mail", "coupon", "mail x coupon"]
    for one, truth in zip(found, (2.5, 3.5, 3.0), strict=True):
        assert abs(one.estimate - truth) < sigmas(3) * one.standard_error
        assert one.low < one.estimate < one.high
    cells = pd.Series(value).groupby(arms.arm)
    error = np.sqrt((cells.var() / cells.size()).sum())
    assert found[2].standard_error == pytest.approx(error)
    lost = arms.among(np.flatnonzero((arms.arm != "mail") | (np.arange(4000) % 3 > 0)))
    with pytest.warns(DataWarning, match="mismatch|left out because"):
        withheld = factorial_lift(PEOPLE.assign(value=value), lost, design)
    assert np.isnan([one[1:] for one in withheld]).all()
    with pytest.raises(ConfigError, match="no factors"):
        factorial_lift(PEOPLE, arms, Design(name="s", arms=HALVES, control="a"))


def test_the_formula_is_that_of_the_t_test() -> None:
    """A pilot of 4,000 standard Normals around 10: n per arm for 80 % power is 16 / d^2."""
    design = Design(name="s", arms=HALVES, control="a")
    pilot = Pilot(np.random.default_rng(2).normal(10, 1, 4000))
    found = minimal_lift(pilot, design, customers=3200)
    assert found.lift == pytest.approx(2.8 * np.sqrt(4 / 3200) / 10, rel=0.03)
    assert found.power == pytest.approx(0.8, abs=0.005)
    again = power(pilot, design, lift=found.lift, customers=3200)
    assert again.power == pytest.approx(found.power)


def test_adjustment_clusters_and_ratios_change_the_power_as_they_should() -> None:
    rng = np.random.default_rng(3)
    x = rng.gamma(2, 10, 4000)
    y = x + rng.normal(0, 5, 4000)
    plain = Design(name="s", arms=HALVES, control="a")
    adjusted = Design(name="s", arms=HALVES, control="a", estimator="cuped")
    errors = {}
    for name, design, pilot in (
        ("plain", plain, Pilot(y, x[:, None])),
        ("adjusted", adjusted, Pilot(y, x[:, None])),
        ("clusters", plain, Pilot(np.sort(y), cluster=(np.arange(4000) // 100).astype(str))),
        ("ratio", plain, Pilot(y * 3, per=np.full(4000, 3.0))),
    ):
        errors[name] = power(pilot, design, lift=0.05, customers=4000).standard_error
    assert errors["adjusted"] < 0.5 * errors["plain"]
    assert errors["clusters"] > 3 * errors["plain"]
    assert errors["ratio"] == pytest.approx(errors["plain"])


def test_bad_pilots_and_arms_are_refused() -> None:
    design = Design(name="s", arms={"a": 0.4, "b": 0.3, "c": 0.3}, control="a")
    with pytest.raises(ConfigError, match="name one of the arms: b, c"):
        power(Pilot(np.ones(10)), design, lift=0.1, customers=100)
    stratified = Design(name="s", arms=HALVES, control="a", strata=("x",), estimator="stratified")
    with pytest.raises(ConfigError, match="a pilot has no strata"):
        power(Pilot(np.ones(10)), stratified, lift=0.1, customers=100)
    with pytest.raises(DataError, match="finite"):
        Pilot(np.array([1.0, np.nan]))
    with pytest.raises(DataError, match="too few"):
        power(Pilot(np.ones(3)), design, lift=0.1, customers=100, arm="b")
    with pytest.raises(ConfigError, match="positive mean"):
        power(Pilot(np.zeros(10)), design, lift=0.1, customers=100, arm="b")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["heavy", "adjusted", "ratio", "draws"])
def test_promised_power_is_reached(kind: str) -> None:
    """Formula and simulation agree to 3 points plus 4.9 Monte-Carlo errors of 400 runs."""
    rng = np.random.default_rng(6)
    x = rng.gamma(1, 20, 3000)
    orders = rng.poisson(x / 10)
    spend = rng.gamma(np.maximum(orders, 1e-9), 20)
    pilot = {
        "heavy": Pilot(rng.lognormal(2, 1.5, 3000)),
        "adjusted": Pilot(spend, x[:, None]),
        "ratio": Pilot(spend, per=orders.astype(np.float64)),
        "draws": Pilot(spend[:, None] * rng.gamma(5, 0.2, (3000, 5))),
    }[kind]
    design = Design(name="s", arms=HALVES, control="a")
    if kind == "adjusted":
        design = design.model_copy(update={"estimator": "cuped"})
    promised = minimal_lift(pilot, design, customers=4000)
    reached = power(
        pilot, design, lift=promised.lift, customers=4000, method="simulation", runs=400
    )
    assert abs(reached.power - promised.power) < 0.03 + sigmas(4) * reached.monte_carlo_error


def test_a_frame_and_an_assignment_agree_with_lift() -> None:
    design = Design(name="s", arms=HALVES, control="a")
    arms = design.assign(PEOPLE)
    spend = PEOPLE.assign(value=np.arange(4000.0))
    assert design.lift(spend, arms).rows == (
        lift(spend, arms, estimator=Difference(), control="a").rows
    )
