"""A stranger's estimator: written against the Protocol, held to the public laws."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from omniltv.experiments import (
    ArmMeans,
    ArmSample,
    Assignment,
    Cuped,
    Difference,
    LiftEstimator,
    lift,
)
from omniltv.testing.experiment_laws import laws


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


@pytest.mark.parametrize("estimator", [Difference(), Cuped(), CappedDifference()])
@pytest.mark.parametrize("law", laws(), ids=lambda law: law.__name__)
def test_laws(law: Callable[[LiftEstimator], None], estimator: LiftEstimator) -> None:
    assert isinstance(estimator, LiftEstimator)
    law(estimator)


def test_the_laws_catch_an_estimator_that_is_too_sure() -> None:
    with pytest.raises(AssertionError, match="cry wolf"):
        laws()[-1](TooSure())


def test_the_laws_catch_an_estimator_that_depends_on_order() -> None:
    with pytest.raises(AssertionError, match="after shuffling"):
        laws()[3](FirstThousand())


def test_a_strangers_estimator_does_the_whole_job() -> None:
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
        frame, assignment, estimator=CappedDifference(), outcome="spend", control="control"
    )
    assert result.estimator == "capped difference"
    assert result.overall().low < result.overall().estimate < result.overall().high
