"""Laws that every `LiftEstimator` and every `LongRunMethod` must satisfy.

To test your own estimator or method::

    for law in laws():
        law(MyEstimator())
    for law in long_run_laws():
        law(MyMethod())

A law raises AssertionError with a description of the violation.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv.experiments import ArmMeans, ArmSample, LiftEstimator, Persistence
from omniltv.experiments.long_run import ArmWeeks, CohortWeeks, LongRunMethod, LongRunSample
from omniltv.units import weeks

__all__ = [
    "a_window_alone_has_nothing_beyond",
    "false_alarms_are_as_rare_as_stated",
    "laws",
    "long_run_laws",
    "no_effect_is_rarely_called_one",
    "order_of_customers_does_not_matter",
    "scaling_scales",
    "shifting_all_outcomes_changes_nothing",
    "swapping_arms_flips_the_sign",
    "the_same_seed_gives_the_same_draws",
    "value_in_another_currency_scales_the_lift",
]

_WORLDS = 1000
_LONG_WORLDS = 200
_WINDOW, _HORIZON = 6, 30  # weeks


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


def long_run_laws() -> tuple[Callable[[LongRunMethod], None], ...]:
    """Return the laws of long-run methods, the fastest first.

    Examples:
        >>> from omniltv.experiments.long_run import WeeklyDecay
        >>> for law in long_run_laws()[:-1]:
        ...     law(WeeklyDecay())
    """
    return (
        the_same_seed_gives_the_same_draws,
        value_in_another_currency_scales_the_lift,
        a_window_alone_has_nothing_beyond,
        no_effect_is_rarely_called_one,
    )


def the_same_seed_gives_the_same_draws(method: LongRunMethod) -> None:
    """Raise AssertionError if draws depend on more than the sample and the seed."""
    sample = _weeks_of(np.random.default_rng(21))
    one, other = (method.estimate(sample, seed=7) for _ in range(2))
    assert np.array_equal(one.total, other.total), "two calls with one seed differ"
    shapes = {one.window.shape, one.beyond.shape, one.control.shape}
    assert len(shapes) == 1, f"window, beyond and control have the shapes {shapes}"


def value_in_another_currency_scales_the_lift(method: LongRunMethod) -> None:
    """Raise AssertionError if the lift does not scale with the currency."""
    rng = np.random.default_rng(22)
    sample = _weeks_of(rng)
    priced = replace(
        sample,
        treated=sample.treated._replace(value=sample.treated.value * 150.0),
        control=sample.control._replace(value=sample.control.value * 150.0),
        earlier=tuple(one._replace(value=one.value * 150.0) for one in sample.earlier),
    )
    one, other = (method.estimate(given, seed=7).total for given in (sample, priced))
    error = 150.0 * float(one.std()) / np.sqrt(len(one))
    assert abs(150.0 * one.mean() - other.mean()) < 7 * error, "the lift after scaling"


def a_window_alone_has_nothing_beyond(method: LongRunMethod) -> None:
    """Raise AssertionError if a horizon that is the window has a lift beyond it."""
    sample = _weeks_of(np.random.default_rng(23), horizon=_WINDOW)
    beyond = method.estimate(replace(sample, persistence=Persistence.none()), seed=7).beyond
    assert np.all(beyond == 0.0), "a lift beyond the horizon"


def no_effect_is_rarely_called_one(method: LongRunMethod) -> None:
    """Raise AssertionError if more than 5 % of A/A tests are significant at 5 %.

    The bound adds five Monte Carlo standard errors, so a correct method fails with a probability
    below 1e-6. Shrinking priors make alarms rarer, so there is no lower bound.
    """
    seeds = np.random.SeedSequence(24).spawn(_LONG_WORLDS)
    drawn = [method.estimate(_weeks_of(np.random.default_rng(s)), seed=7).total for s in seeds]
    ends = np.array([np.quantile(total, [0.025, 0.975]) for total in drawn])
    alarms = float(((ends[:, 0] > 0) | (ends[:, 1] < 0)).mean())
    slack = 5 * np.sqrt(0.05 * 0.95 / _LONG_WORLDS)
    assert alarms < 0.05 + slack, f"{alarms:.1%} of A/A tests are significant, not 5 %"


def _weeks_of(rng: np.random.Generator, horizon: int = _HORIZON) -> LongRunSample:
    """Return an A/A test of customers with gamma rates who leave at gamma hazards."""

    def orders(rate: NDArray[np.float64], weeks: int) -> NDArray[np.float64]:
        life = rng.exponential(1.0, len(rate)) / rng.gamma(1.0, 0.02, len(rate))
        mean = rate[:, None] * (life[:, None] > np.arange(weeks))
        return rng.poisson(mean).astype(np.float64)

    def arm(name: str, n: int) -> ArmWeeks:
        rate = rng.gamma(1.0, 0.3, n)
        bought = orders(rate, _WINDOW)
        value = bought * rng.gamma(4.0, 5.0, (n, 1))
        ids = np.array([f"{name}{k}" for k in range(n)], dtype=object)
        return ArmWeeks(name, ids, bought, value, rng.poisson(9 * rate)[:, None] * 1.0, np.ones(n))

    def cohort(n: int) -> CohortWeeks:
        rate = rng.gamma(1.0, 0.3, n)
        bought = orders(rate, horizon)
        return CohortWeeks("earlier", bought, bought * rng.gamma(4.0, 5.0, (n, 1)),
                           rng.poisson(9 * rate)[:, None] * 1.0)  # fmt: skip

    return LongRunSample(
        arm("treated", 400), arm("control", 600), (cohort(800), cohort(800)),
        0.998 ** np.arange(horizon), np.ones(horizon), Persistence.full(weeks(horizon)),
    )  # fmt: skip
