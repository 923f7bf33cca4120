"""The learners: laws, and what each is for."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from omniltv.errors import ConfigError
from omniltv.experiments.uplift import (
    DrLearner,
    EffectLearner,
    Interactions,
    Ridge,
    RLearner,
    TLearner,
    UpliftSample,
    XLearner,
)
from omniltv.testing.uplift_laws import laws

RIDGE = Ridge()
LEARNERS = [
    Interactions(), TLearner(RIDGE), XLearner(RIDGE), RLearner(RIDGE), DrLearner(RIDGE),
]  # fmt: skip


@pytest.mark.parametrize("law", laws(), ids=lambda law: law.__name__)
@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_every_learner_keeps_the_laws(
    learner: EffectLearner, law: Callable[[EffectLearner], None]
) -> None:
    law(learner)


@pytest.mark.slow
@pytest.mark.parametrize("learner", [XLearner(), RLearner()])
def test_boosted_trees_find_a_step_that_a_line_does_not(learner: EffectLearner) -> None:
    """The effect is 2 in the middle and 0 outside: a line has no slope, trees find it.

    The correlation with the truth is about 0.9; chance gives 0.7 in no run (50 standard errors).
    """
    rng = np.random.default_rng(4)
    x, treated = rng.normal(size=(4000, 2)), rng.random(4000) < 0.5
    true = 2.0 * (np.abs(x[:, 0]) < 0.7)
    sample = UpliftSample(x, treated, true * treated + rng.normal(size=4000), np.full(4000, 0.5))
    found = learner.fit(sample, seed=1).predict(x).effect
    assert np.corrcoef(found, true)[0, 1] > 0.7


def test_trees_without_scikit_learn_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    sample = UpliftSample(np.zeros((4, 1)), np.arange(4) < 2, np.zeros(4), np.full(4, 0.5))
    with pytest.raises(ConfigError, match=r"omniltv\[uplift\]"):
        TLearner().fit(sample)


def _binary(rng: np.random.Generator, n: int, slope: float) -> tuple[UpliftSample, np.ndarray]:
    """Return outcomes of 0 and 1 whose log odds rise with covariates, and the true effects."""
    x, treated = rng.normal(size=(n, 4)), rng.random(n) < 0.5

    def chance(side: float) -> np.ndarray:
        return 1 / (1 + np.exp(2 - 0.5 * x[:, 0] - side * (0.4 + slope * x[:, 1])))

    outcome = rng.random(n) < np.where(treated, chance(1), chance(0))
    sample = UpliftSample(x, treated, outcome.astype(np.float64), np.full(n, 0.5))
    return sample, chance(1) - chance(0)


def test_without_heterogeneity_effects_follow_the_risk_alone() -> None:
    """With no slopes, the error is far below that of the unshrunk regression."""
    sample, true = _binary(np.random.default_rng(5), 8000, 0.0)
    shrunk = Interactions().fit(sample).predict(sample.covariates).effect
    free = Interactions(spread=1e4).fit(sample).predict(sample.covariates).effect
    one, other = (np.std(found - true) for found in (shrunk, free))
    assert one < 0.8 * other


def test_strong_heterogeneity_is_not_shrunk_away() -> None:
    sample, true = _binary(np.random.default_rng(6), 8000, 0.5)
    found = Interactions().fit(sample).predict(sample.covariates).effect
    assert np.polyfit(true, found, 1)[0] == pytest.approx(1, abs=0.25)


def test_a_family_is_chosen_by_the_outcome() -> None:
    treated, x = np.arange(40) % 2 == 0, np.zeros((40, 1))
    for outcome, family in (
        (treated * 1.0, "logistic"),
        (treated * 2.0, "log"),
        (treated * 2.0 - 1.5, "linear"),
    ):
        sample = UpliftSample(x, treated, outcome, np.full(40, 0.5))
        assert Interactions().fit(sample).family == family


@pytest.mark.slow
def test_posterior_intervals_of_customers_hold_the_truth() -> None:
    """The slopes are drawn from the prior; the mean share held is compared with 95 %.

    Shares of one data set depend on each other, so data sets are the unit: 40 of them, and a
    t interval with a false-alarm probability of 1e-6.
    """
    held = []
    for seed in range(40):
        rng = np.random.default_rng((seed, 9))
        sample, true = _binary(rng, 3000, float(rng.normal(0, abs(rng.normal(0, 0.2)))))
        found = Interactions().fit(sample).predict(sample.covariates)
        held.append(np.mean(np.abs(found.effect - true) < 1.96 * found.sd))
    reach = stats.t.ppf(1 - 5e-7, 39) * np.std(held, ddof=1) / np.sqrt(40)
    assert abs(np.mean(held) - 0.95) < max(reach, 0.03)


def test_a_ridge_without_penalty_is_least_squares_and_takes_weights() -> None:
    rng = np.random.default_rng(7)
    x, weight = rng.normal(size=(50, 2)), rng.integers(1, 4, 50)
    y = x @ [2.0, -1.0] + rng.normal(size=50)
    design = np.column_stack([np.ones(150), np.repeat(x, 3, axis=0)])
    plain = np.linalg.lstsq(design, np.repeat(y, 3), rcond=None)[0]
    assert Ridge(penalty=0).fit(x, y).predict(x) == pytest.approx(design[::3] @ plain)
    twice = Ridge(penalty=0).fit(np.repeat(x, weight, axis=0), np.repeat(y, weight))
    weighted = Ridge(penalty=0).fit(x, y, sample_weight=weight.astype(np.float64))
    assert weighted.predict(x) == pytest.approx(twice.predict(x))
    assert np.abs(Ridge(penalty=1e9).fit(x, y).predict(x) - y.mean()).max() < 1e-5


def test_posterior_of_a_linear_outcome_is_that_of_conjugate_regression() -> None:
    """Known spread: the mode is the ridge solution, the sd that of its covariance."""
    rng = np.random.default_rng(8)
    treated = np.arange(400) % 2 == 0
    y = 5.0 + 2.0 * treated + rng.normal(size=400)
    sample = UpliftSample(np.zeros((400, 1)), treated, y, np.full(400, 0.5))
    found = Interactions("linear").fit(sample).predict(np.zeros((1, 1)))
    gap = y[treated].mean() - y[~treated].mean()
    assert found.effect[0] == pytest.approx(gap, rel=0.02)
    assert found.sd[0] == pytest.approx(2 * y[treated].std() / np.sqrt(400), rel=0.1)
