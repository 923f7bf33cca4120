"""A learner of effects of one's own: one class, public names only, held to the public laws."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.experiments import Assignment, Baseline
from omniltv.experiments.uplift import (
    EffectLearner,
    EffectPrediction,
    UpliftSample,
    customer_effects,
)
from omniltv.testing.uplift_laws import laws

type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """An effect on a line of the covariates."""

    slope: NDArray[np.float64]

    def predict(self, covariates: Matrix) -> EffectPrediction:
        effect = np.column_stack([np.ones(len(covariates)), covariates]) @ self.slope
        return EffectPrediction(effect, np.full(len(covariates), np.nan))


class LeastSquares:
    """A regression of the outcome on covariates, the treatment and products."""

    name = "least squares"

    def fit(self, sample: UpliftSample, *, seed: int) -> Line:
        del seed
        side = sample.treated.astype(float)[:, None]
        x = np.column_stack([np.ones(len(side)), sample.covariates])
        beta = np.linalg.lstsq(np.hstack([x, side * x]), sample.outcome, rcond=None)[0]
        return Line(beta[x.shape[1] :])


class Blind:
    """A learner that returns the mean effect with the wrong sign."""

    name = "blind"

    def fit(self, sample: UpliftSample, *, seed: int) -> Line:
        del seed
        one, other = (sample.outcome[side].mean() for side in (sample.treated, ~sample.treated))
        return Line(np.append(other - one, np.zeros(sample.covariates.shape[1])))


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.__name__)
def test_a_learner_of_ones_own_keeps_the_laws(law: Callable[[EffectLearner], None]) -> None:
    assert isinstance(LeastSquares(), EffectLearner)
    law(LeastSquares())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_laws_find_a_learner_that_is_wrong() -> None:
    with pytest.raises(AssertionError, match="correlation"):
        laws()[-1](Blind())


def test_it_is_used_as_the_built_in_ones_are() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"customer_id": range(400), "arm": ["a", "b"] * 200,
                          "age": rng.normal(size=400)})  # fmt: skip
    table["value"] = rng.normal(size=400) + 3 * table["age"] * (table["arm"] == "b")
    found = customer_effects(table, Assignment.from_frame(table), control="a",
                             baseline=Baseline(table, covariates="age"),
                             learner=LeastSquares())  # fmt: skip
    assert found.qini().area > 0
    assert repr(found).endswith("by least squares)")
