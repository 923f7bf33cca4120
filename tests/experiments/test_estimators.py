"""Estimators: against formulas written out here, and against known effects.

Tests on drawn data fail with a probability of at most 1e-6 each, as the bounds say.
"""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_share, sigmas

from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments import (
    AlwaysValid,
    ArmSample,
    Assignment,
    Baseline,
    Compliers,
    Cuped,
    Difference,
    DoublyRobust,
    LiftEstimator,
    Outcome,
    QuantileDifference,
    Regression,
    Stratified,
    adjusted_p_values,
    assign,
    difference,
    lift,
    robustness,
)

N = 4000


def split(
    y: NDArray[np.float64], treated: NDArray[np.bool_], x: NDArray[np.float64] | None = None
) -> tuple[ArmSample, ArmSample]:
    given = np.empty((len(y), 0)) if x is None else x
    one, other = (ArmSample(y[side], given[side]) for side in (treated, ~treated))
    return one, other


def test_regression_is_least_squares_with_interactions() -> None:
    rng = np.random.default_rng(1)
    x = rng.gamma(2, 1, (300, 2))
    treated = rng.random(300) < 0.3
    y = 1 + x @ [2.0, -1.0] + treated * (1 + x[:, 0]) + rng.normal(size=300)
    means = Regression().estimate(*split(y, treated, x))
    centred = x - x.mean(axis=0)
    design = np.column_stack([np.ones(300), treated, centred, treated[:, None] * centred])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    assert means.treated - means.control == pytest.approx(beta[1])
    assert means.control == pytest.approx(beta[0])


def test_regression_refuses_more_covariates_than_the_smaller_arm_bears() -> None:
    treated = np.arange(200) < 30
    with pytest.raises(ConfigError, match=r"2 covariates for 30 customers.*at most 1"):
        Regression().estimate(*split(np.arange(200.0), treated, np.ones((200, 2))))


def test_the_complier_effect_is_the_wald_ratio_and_recovers_the_effect() -> None:
    """An effect of 5 on those who take it; takers have 10 more without it."""
    rng = np.random.default_rng(2)
    kind = rng.choice(["complier", "never", "always"], N, p=[0.5, 0.3, 0.2])
    treated = rng.random(N) < 0.5
    got = (kind == "always") | (treated & (kind == "complier"))
    y = rng.normal(20, 4, N) + 10 * (kind != "never") + 5 * got
    one, other = (
        side._replace(received=got[inside])
        for side, inside in zip(split(y, treated), (treated, ~treated), strict=True)
    )
    means = Compliers().estimate(one, other)
    itt = y[treated].mean() - y[~treated].mean()
    assert means.treated - means.control == pytest.approx(
        itt / (got[treated].mean() - got[~treated].mean())
    )
    cov = means.covariance
    error = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    assert abs(means.treated - means.control - 5) < sigmas() * error
    assert abs(means.control - 30) < sigmas() * np.sqrt(cov[1, 1])


def test_compliance_is_noted_used_and_stopped_where_it_is_too_weak() -> None:
    row = np.arange(400)
    frame = pd.DataFrame({
        "customer_id": row, "arm": ["a", "b"] * 200, "value": row % 7, "opened": row % 4 == 1,
    })  # fmt: skip
    arms = Assignment.from_frame(frame)
    outcome = Outcome(frame, received="opened")
    itt = difference(outcome, arms, control="a")
    assert "received by a 0 %, b 50 %: the estimate is the effect of the assignment" in repr(itt)
    cace = lift(outcome, arms, estimator=Compliers(), control="a")
    assert cace.overall().estimate == pytest.approx(2 * itt.overall().estimate)
    with pytest.warns(DataWarning, match="not known who received"):
        held = lift(frame, arms, estimator=Compliers(), control="a")
    assert held.withheld == ("compliance",)
    nobody = Outcome(frame.assign(opened=0), received="opened")
    with pytest.warns(DataWarning, match="too small a difference"):
        assert lift(nobody, arms, estimator=Compliers(), control="a").withheld == ("compliance",)


def targeted(seed: int, hidden: float = 0.0) -> tuple[pd.DataFrame, Baseline, Assignment]:
    """Return customers who were chosen by value, with an effect of 2."""
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(2, N))
    treated = rng.random(N) < 1 / (1 + np.exp(-x - hidden * u))
    value = 10 + 4 * x + 4 * hidden * u + 2 * treated + rng.normal(0, 2, N)
    frame = pd.DataFrame({
        "customer_id": range(N), "arm": np.where(treated, "b", "a"), "x": x, "value": value,
    })  # fmt: skip
    arms = Assignment.from_frame(frame, randomised=False)
    return frame, Baseline(frame, covariates="x"), arms


def test_targeted_customers_are_not_compared_as_if_drawn_at_random() -> None:
    frame, baseline, arms = targeted(3)
    with pytest.warns(DataWarning, match="not drawn at random, and the estimator assumes"):
        held = difference(frame, arms, control="a", baseline=baseline)
    assert held.withheld == ("randomisation",)
    with pytest.warns(DataWarning, match="so much that they were not drawn at random"):
        said = difference(frame, Assignment.from_frame(frame), control="a", baseline=baseline)
    assert said.withheld == ("balance",)
    with pytest.warns(DataWarning, match="there are no covariates"):
        bare = lift(frame, arms, estimator=DoublyRobust(), control="a")
    assert bare.withheld == ("randomisation",)


def test_doubly_robust_recovers_the_effect_and_says_what_would_overturn_it() -> None:
    frame, baseline, arms = targeted(4)
    found = lift(frame, arms, estimator=DoublyRobust(), control="a", baseline=baseline)
    row = found.overall()
    assert abs(row.estimate - 2) < sigmas() * row.standard_error
    value = robustness(row)
    assert 0 < value.interval < value.estimate < 1
    assert f"{value.interval:.1%} of what is left of both" in repr(found)
    f = row.estimate / row.standard_error / np.sqrt(N - 2)
    # at a cause that explains RV of both, the bias RV / sqrt(1 - RV) is the whole of f
    assert value.estimate / np.sqrt(1 - value.estimate) == pytest.approx(f)


def test_customers_without_counterparts_are_trimmed_and_counted() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=N)
    treated = rng.random(N) < 1 / (1 + np.exp(-4 * x))
    frame = pd.DataFrame({"customer_id": range(N), "arm": np.where(treated, "b", "a"), "x": x,
                          "value": np.where(np.abs(x) > 2, 100.0 * treated, x)})  # fmt: skip
    arms = Assignment.from_frame(frame, randomised=False)
    with pytest.warns(DataWarning, match=r"no counterparts.*DoublyRobust\(trim=0.05\) leaves them"):
        found = lift(frame, arms, estimator=DoublyRobust(), control="a",
                     baseline=Baseline(frame, covariates="x"))  # fmt: skip
    assert abs(found.overall().estimate) < 1


def test_observational_data_without_numbers_or_counterparts_say_so() -> None:
    row = np.arange(500)
    frame = pd.DataFrame({"customer_id": row, "arm": np.where(row % 5 == 0, "b", "a"),
                          "x": row % 7, "gone": np.nan, "value": row % 3})  # fmt: skip
    arms = Assignment.from_frame(frame, randomised=False)
    before = Baseline(frame, covariates=["x", "gone"])
    found = lift(frame, arms, estimator=DoublyRobust(), control="a", baseline=before)
    assert np.isfinite(found.overall().estimate)
    assert "500 customers without gone count as its mean" in found.notes
    nobody = lift(frame, arms, estimator=DoublyRobust(trim=0.4), control="a", baseline=before)
    assert np.isnan(nobody.overall().standard_error)
    assert "robustness" not in repr(nobody)
    for error in (0.0, np.nan):
        value = robustness(found.overall()._replace(standard_error=error))
        assert np.isnan(value).all()


def test_a_quantile_is_an_order_statistic_with_woodruffs_error() -> None:
    rng = np.random.default_rng(6)
    treated = np.arange(N) % 2 == 0
    means = QuantileDifference(0.5).estimate(*split(rng.normal(size=N), treated))
    expected = np.sqrt(np.pi / 2 / (N / 2))  # of the median of standard Normals
    assert np.sqrt(means.covariance[0, 0]) == pytest.approx(expected, rel=0.2)
    assert abs(means.treated) < sigmas() * expected


def test_attrition_that_depends_on_the_arm_stops_without_planned_shares() -> None:
    frame = pd.DataFrame({"customer_id": range(N), "arm": ["a", "b"] * (N // 2), "value": 1.0})
    arms = Assignment.from_frame(frame)
    stayed = frame["customer_id"][(frame["arm"] == "a") | (np.arange(N) % 8 != 1)]
    with pytest.warns(DataWarning, match="left out because of their arm: a 0 %, b 25 %"):
        held = difference(frame, arms.among(stayed), control="a")
    assert held.withheld == ("attrition",)
    evenly = difference(frame, arms.among(range(0, N - N % 4, 1)[: N // 2]), control="a")
    assert evenly.withheld == ()


def test_always_valid_intervals_are_those_of_the_paper() -> None:
    rng = np.random.default_rng(7)
    arms = assign(range(N), arms={"a": 0.5, "b": 0.5}, salt="s")
    value = rng.normal(size=N) + 0.15 * (arms.arm == "b")
    frame = pd.DataFrame({"customer_id": range(N), "value": value})
    plain = difference(frame, arms, control="a").overall()
    valid = lift(frame, arms, estimator=AlwaysValid(Difference(), planned=N), control="a")
    row = valid.overall()
    rho = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / N  # equation 9, squared
    t = N * rho
    width = np.sqrt(2 * (t + 1) / t * np.log(np.sqrt(t + 1) / 0.05))
    assert row.high - row.estimate == pytest.approx(width * plain.standard_error)
    assert row.p_value > plain.p_value
    edge = lift(frame, arms, estimator=AlwaysValid(Difference(), planned=N), control="a",
                level=1 - row.p_value)  # fmt: skip
    assert edge.overall().low == pytest.approx(0, abs=1e-6)
    assert valid.estimator == "difference, always valid"


def test_p_values_agree_with_intervals() -> None:
    frame = pd.DataFrame({"customer_id": range(40), "arm": ["a", "b"] * 20,
                          "value": np.arange(40) % 5 + np.arange(40) % 2})  # fmt: skip
    arms = Assignment.from_frame(frame)
    row = difference(frame, arms, control="a").overall()
    edge = difference(frame, arms, control="a", level=1 - row.p_value).overall()
    assert edge.low == pytest.approx(0, abs=1e-9)


def test_holm_and_benjamini_hochberg_on_a_worked_example() -> None:
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, np.nan, 0.0278, 0.0298, 0.0344, 0.0459,
                  0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0])  # fmt: skip
    bh = adjusted_p_values(p, correction="benjamini_hochberg")
    assert (bh <= 0.05).sum() == 4  # Benjamini and Hochberg (1995, section 4.1)
    assert (adjusted_p_values(p, correction="holm") <= 0.05).sum() == 3
    assert np.isnan(bh[5])
    with pytest.raises(DataError, match="not p-values"):
        adjusted_p_values(np.array([1.2]), correction="holm")


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [Difference(), Cuped(), Regression(), Stratified(), Compliers(), DoublyRobust()],
    ids=lambda estimator: estimator.name,
)
def test_intervals_cover_a_known_effect(estimator: LiftEstimator) -> None:
    """Coverage of 95 % intervals over 200 worlds with an effect of 2 on everybody."""
    covered = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.gamma(2, 1, 600)
        treated = rng.random(600) < 0.4
        y = 3 * x + 2 * treated + rng.normal(size=600)
        one, other = (
            side._replace(received=treated[inside], stratum=(x[inside] > 2).astype(np.intp))
            for side, inside in zip(split(y, treated, x[:, None]), (treated, ~treated), strict=True)
        )
        means = estimator.estimate(one, other)
        cov = means.covariance
        error = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
        covered.append(abs(means.treated - means.control - 2) < 1.966 * error)
    assert_share(covered, 0.95, comparisons=6)
