"""A stranger's estimator: written against the Protocol, held to the public laws."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import omniltv as ltv
from omniltv.draws import Draws, RowDraws
from omniltv.experiments import (
    ArmMeans,
    ArmSample,
    Assignment,
    Compliers,
    Cuped,
    Difference,
    DoublyRobust,
    Forecast,
    LiftEstimator,
    Outcome,
    Persistence,
    Regression,
    Stratified,
    lift,
    ltv_lift,
    window_history,
)
from omniltv.testing.experiment_laws import laws
from omniltv.units import weeks


class CappedDifference:
    """Difference of means with each arm's top outcomes cut to the pooled 99th percentile."""

    name = "capped difference"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        cap = np.quantile(np.concatenate([treated.outcome, control.outcome]), 0.99)
        one, other = (np.minimum(side.outcome, cap) for side in (treated, control))
        variances = np.diag([one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)])
        return ArmMeans(one.mean(), other.mean(), variances, len(one) + len(other) - 2.0)


class TooSure:
    """An estimator that halves its standard error."""

    name = "too sure"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        honest = Difference().estimate(treated, control)
        return honest._replace(covariance=honest.covariance / 4)


class FirstThousand:
    """An estimator that looks at the first customers only."""

    name = "first"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        def head(side: ArmSample) -> ArmSample:
            return ArmSample(side.outcome[:100], side.covariates[:100])

        return Difference().estimate(head(treated), head(control))


OTHERS = [Regression(), Stratified(), Compliers(), DoublyRobust()]


@pytest.mark.parametrize("estimator", OTHERS, ids=lambda estimator: estimator.name)
@pytest.mark.parametrize("law", laws()[:-1], ids=lambda law: law.__name__)
def test_formal_laws(law: Callable[[LiftEstimator], None], estimator: LiftEstimator) -> None:
    law(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", OTHERS[:2], ids=lambda estimator: estimator.name)
def test_false_alarms(estimator: LiftEstimator) -> None:
    laws()[-1](estimator)


@pytest.mark.parametrize("estimator", [Difference(), Cuped(), CappedDifference()])
@pytest.mark.parametrize("law", laws(), ids=lambda law: law.__name__)
def test_laws(law: Callable[[LiftEstimator], None], estimator: LiftEstimator) -> None:
    assert isinstance(estimator, LiftEstimator)
    law(estimator)


def test_the_laws_catch_an_estimator_that_is_too_sure() -> None:
    with pytest.raises(AssertionError, match="are significant"):
        laws()[-1](TooSure())


def test_the_laws_catch_an_estimator_that_depends_on_order() -> None:
    with pytest.raises(AssertionError, match="after shuffling"):
        laws()[3](FirstThousand())


def test_an_estimator_of_ones_own_compares_an_outcome() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(500),
            "arm": rng.choice(["control", "treated"], 500),
            "spend": rng.gamma(1, 10, 500),
        }
    )
    assignment = Assignment.from_frame(frame)
    result = lift(
        Outcome(frame, "spend"), assignment, estimator=CappedDifference(), control="control"
    )
    assert result.estimator == "capped difference"
    assert result.overall().low < result.overall().estimate < result.overall().high


def test_an_estimator_of_ones_own_serves_the_lift_on_lifetime_value() -> None:
    """One customer with an absurd forecast moves the plain estimate and not the capped one."""
    rng = np.random.default_rng(5)
    arms = ltv.assign(range(600), arms={"control": 0.5, "treated": 0.5}, salt="x")
    mean = rng.gamma(2.0, 5.0, 600)
    mean[np.flatnonzero(arms.arm == "treated")[0]] = 1e6
    noise = rng.normal(0, 0.3, 300)
    forecast = Forecast(
        customer_id=arms.customer_id,
        value=Draws.from_array(mean[:, None] + noise),
        span=weeks(52),
        arms=("control", "treated"),
        log_likelihood=(RowDraws.from_array(np.outer(mean / 1e6, noise)),),
    )
    plain, capped = (
        ltv_lift(
            arms,
            control="control",
            persistence=Persistence.full(weeks(52)),
            forecast=forecast,
            estimator=estimator,
        )
        for estimator in (Difference(), CappedDifference())
    )
    assert (plain.estimator, capped.estimator) == ("difference", "capped difference")
    assert plain.overall().estimate > 1000
    assert abs(capped.overall().estimate) < 5
    assert capped.overall().low < capped.overall().estimate < capped.overall().high


@pytest.mark.sampling
@pytest.mark.slow
def test_from_log_to_lift_by_public_names_alone() -> None:
    """The whole seam: a log, an assignment, two fits per arm, one forecast, one estimator."""
    rng = np.random.default_rng(7)
    ids = np.arange(400)
    arms = ltv.assign(ids, arms={"control": 0.5, "treated": 0.5}, salt="spring")
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 180, 1200), unit="D")
    bought = pd.DataFrame(
        {
            "customer_id": rng.choice(ids, 1200),
            "channel": "ec",
            "time": days,
            "value": rng.gamma(5, 10, 1200),
        }
    )
    log = ltv.PurchaseLog.from_frame(bought, now="2027-01-01")
    window = window_history(log, arms, start="2026-01-01", end="2026-06-30", unit="week")
    by_arm = ltv.Pooling.none("arm")
    purchases = ltv.fit(ltv.MbgNbd(), window, pooling=by_arm, method="laplace", seed=1)
    spend = ltv.fit(ltv.GammaGamma(), window, pooling=by_arm, method="laplace", seed=1)
    undiscounted = ltv.Discount(per_year=0)
    value = ltv.lifetime_value(
        purchases, spend, window, horizon=weeks(26), discount=undiscounted, seed=1
    )
    found, by_hand = (
        ltv_lift(
            arms,
            control="control",
            persistence=Persistence.full(weeks(26)),
            observed=window,
            forecast=forecast,
            estimator=CappedDifference(),
        ).overall()
        for forecast in (
            Forecast.of(value),
            Forecast(
                customer_id=window.customer_id,
                value=value.draws,
                span=weeks(26),
                arms=("control", "treated"),
                log_likelihood=(purchases.log_likelihood(window), spend.log_likelihood(window)),
            ),
        )
    )
    assert found == by_hand
    per_customer = ltv.lifetime_value(
        purchases, spend, window.take(window.groups["arm"] == "control"), horizon=weeks(26),
        discount=undiscounted, seed=1,
    ).per_customer()  # fmt: skip
    assert len(Forecast.of(per_customer).customer_id) == len(per_customer)
    purchases_only = Forecast.of_purchases(purchases, window, span=weeks(26))
    assert ltv_lift(
        arms,
        control="control",
        persistence=Persistence.full(weeks(26)),
        observed=Outcome(window, "purchases"),
        forecast=purchases_only,
    ).rows
