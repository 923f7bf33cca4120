"""Laws that every `LiftEstimator` must satisfy.

To test your own estimator::

    for law in laws():
        law(MyEstimator())

A law raises AssertionError with a description of the violation.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats

from omniltv.experiments import ArmMeans, ArmSample, LiftEstimator

__all__ = [
    "false_alarms_are_as_rare_as_stated",
    "laws",
    "order_of_customers_does_not_matter",
    "scaling_scales",
    "shifting_all_outcomes_changes_nothing",
    "swapping_arms_flips_the_sign",
]

_WORLDS = 1000


def laws() -> tuple[Callable[[LiftEstimator], None], ...]:
    """Return the laws, the fastest first.

    Examples:
        >>> from omniltv.experiments import Difference
        >>> for law in laws()[:-1]:
        ...     law(Difference())
    """
    return (
        swapping_arms_flips_the_sign,
        shifting_all_outcomes_changes_nothing,
        scaling_scales,
        order_of_customers_does_not_matter,
        false_alarms_are_as_rare_as_stated,
    )


def swapping_arms_flips_the_sign(estimator: LiftEstimator) -> None:
    """Raise AssertionError if swapping the arms does more than change the sign of the effect."""
    treated, control = _world(np.random.default_rng(11))
    one, other = estimator.estimate(treated, control), estimator.estimate(control, treated)
    _same(_effect(one), -_effect(other), "the effect after swapping arms")
    _same(_error(one), _error(other), "the standard error after swapping arms")


def shifting_all_outcomes_changes_nothing(estimator: LiftEstimator) -> None:
    """Raise AssertionError if adding a constant to all outcomes changes the effect or its error."""
    treated, control = _world(np.random.default_rng(12))
    one = estimator.estimate(treated, control)
    other = estimator.estimate(
        *(side._replace(outcome=side.outcome + 7.0) for side in (treated, control))
    )
    _same(_effect(one), _effect(other), "the effect after a shift")
    _same(_error(one), _error(other), "the standard error after a shift")
    _same(one.control + 7.0, other.control, "the control's mean after a shift")


def scaling_scales(estimator: LiftEstimator) -> None:
    """Raise AssertionError if the effect does not scale with the currency."""
    treated, control = _world(np.random.default_rng(13))
    one = estimator.estimate(treated, control)
    other = estimator.estimate(
        *(side._replace(outcome=side.outcome * 150.0) for side in (treated, control))
    )
    _same(150.0 * _effect(one), _effect(other), "the effect after scaling")
    _same(150.0 * _error(one), _error(other), "the standard error after scaling")
    _same(one.df, other.df, "the degrees of freedom after scaling")


def order_of_customers_does_not_matter(estimator: LiftEstimator) -> None:
    """Raise AssertionError if the order of rows matters, or the covariance is invalid."""
    rng = np.random.default_rng(14)
    treated, control = _world(rng)
    one = estimator.estimate(treated, control)
    other = estimator.estimate(*(_shuffled(side, rng) for side in (treated, control)))
    _same(_effect(one), _effect(other), "the effect after shuffling rows")
    _same(_error(one), _error(other), "the standard error after shuffling rows")
    assert one.covariance.shape == (2, 2), "the covariance has shape (2, 2)"
    assert np.linalg.eigvalsh(one.covariance).min() > 0, "the covariance is positive definite"
    assert one.df > 0, "the degrees of freedom are positive"


def false_alarms_are_as_rare_as_stated(estimator: LiftEstimator) -> None:
    """Raise AssertionError if 95 % intervals of a zero effect on skewed spend do not cover 95 %.

    The bounds are five Monte Carlo standard errors around 5 %, so a correct estimator fails with
    a probability below 1e-6.
    """
    seeds = np.random.SeedSequence(15).spawn(_WORLDS)
    means = [estimator.estimate(*_world(np.random.default_rng(seed))) for seed in seeds]
    reach = stats.t.ppf(0.975, [found.df for found in means])
    gaps = np.array([abs(_effect(found)) / _error(found) for found in means])
    misses = float((gaps > reach).mean())
    slack = 5 * np.sqrt(0.05 * 0.95 / _WORLDS)
    assert abs(misses - 0.05) < slack, f"{misses:.1%} of A/A tests are significant, not 5 %"


def _world(rng: np.random.Generator) -> tuple[ArmSample, ArmSample]:
    """Return two arms of unequal size with skewed spend that does not depend on the arm."""

    def side(n: int) -> ArmSample:
        before = rng.gamma(2.0, 10.0, n)
        outcome = rng.gamma(1.0, before) * (rng.random(n) < 0.6)
        return ArmSample(outcome, np.stack([before, rng.normal(size=n)], axis=1))

    return side(400), side(600)


def _shuffled(side: ArmSample, rng: np.random.Generator) -> ArmSample:
    order = rng.permutation(len(side.outcome))
    return ArmSample(side.outcome[order], side.covariates[order])


def _effect(means: ArmMeans) -> float:
    return means.treated - means.control


def _error(means: ArmMeans) -> float:
    cov = means.covariance
    return float(np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]))


def _same(one: float, other: float, what: str) -> None:
    assert np.isclose(one, other, rtol=1e-8, atol=1e-10), f"{what} is {other}, not {one}"
