"""Laws that every `LongRunMethod` must satisfy.

To test your own method::

    for law in laws():
        law(MyMethod())

A law raises AssertionError with a description of the violation.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv.experiments import Persistence
from omniltv.experiments.long_run import (
    ArmWeeks,
    CohortWeeks,
    JointLongRunMethod,
    LongRunMethod,
    LongRunSample,
)
from omniltv.units import weeks

__all__ = [
    "a_window_alone_has_nothing_beyond",
    "laws",
    "no_effect_is_rarely_called_one",
    "the_order_of_arms_changes_nothing",
    "the_same_seed_gives_the_same_draws",
    "value_in_another_currency_scales_the_lift",
]

_WORLDS = 200
_WINDOW, _HORIZON = 6, 30  # weeks


def laws() -> tuple[Callable[[LongRunMethod], None], ...]:
    """Return the laws of long-run methods, the fastest first.

    Examples:
        >>> from omniltv.experiments.long_run import WeeklyDecay
        >>> for law in laws()[:-1]:
        ...     law(WeeklyDecay())
    """
    return (
        the_same_seed_gives_the_same_draws,
        value_in_another_currency_scales_the_lift,
        a_window_alone_has_nothing_beyond,
        the_order_of_arms_changes_nothing,
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


def the_order_of_arms_changes_nothing(method: LongRunMethod) -> None:
    """Raise AssertionError if a joint estimate depends on which arm comes first.

    A method that is no `JointLongRunMethod` passes.
    """
    if not isinstance(method, JointLongRunMethod):
        return
    samples = [_weeks_of(np.random.default_rng(seed)) for seed in (25, 26, 27)]
    given = (("mail",), ("coupon",), ("mail", "coupon"))
    arms = [
        replace(samples[0], treated=one.treated._replace(name="+".join(own), treatments=own))
        for one, own in zip(samples, given, strict=True)
    ]
    found = method.estimate_jointly(arms, seed=7)
    assert len(found) == len(arms), f"{len(found)} draws for {len(arms)} arms"
    for one, other in zip(found, method.estimate_jointly(arms[::-1], seed=7)[::-1], strict=True):
        error = float(np.hypot(one.total.std(), other.total.std())) / np.sqrt(len(one.total))
        assert abs(one.total.mean() - other.total.mean()) < 7 * error, "the lift in another order"


def no_effect_is_rarely_called_one(method: LongRunMethod) -> None:
    """Raise AssertionError if more than 5 % of A/A tests are significant at 5 %.

    The bound adds five Monte Carlo standard errors, so a correct method fails with a probability
    below 1e-6. Shrinking priors make alarms rarer, so there is no lower bound.
    """
    seeds = np.random.SeedSequence(24).spawn(_WORLDS)
    drawn = [method.estimate(_weeks_of(np.random.default_rng(s)), seed=7).total for s in seeds]
    ends = np.array([np.quantile(total, [0.025, 0.975]) for total in drawn])
    alarms = float(((ends[:, 0] > 0) | (ends[:, 1] < 0)).mean())
    slack = 5 * np.sqrt(0.05 * 0.95 / _WORLDS)
    assert alarms < 0.05 + slack, f"{alarms:.1%} of A/A tests are significant, not 5 %"


def _weeks_of(rng: np.random.Generator, horizon: int = _HORIZON) -> LongRunSample:
    """Return an A/A test of customers with gamma rates who leave at gamma hazards."""

    def orders(rate: Vector, weeks: int) -> Matrix:
        life = rng.exponential(1.0, len(rate)) / rng.gamma(1.0, 0.02, len(rate))
        mean = rate[:, None] * (life[:, None] > np.arange(weeks))
        return rng.poisson(mean).astype(np.float64)

    def before(rate: Vector) -> Matrix:
        return rng.poisson(9 * rate).astype(np.float64)[:, None]

    def arm(name: str, n: int) -> ArmWeeks:
        rate = rng.gamma(1.0, 0.3, n)
        bought = orders(rate, _WINDOW)
        value = bought * rng.gamma(4.0, 5.0, (n, 1))
        ids = np.array([f"{name}{k}" for k in range(n)], dtype=object)
        return ArmWeeks(name, ids, bought, value, before(rate), np.ones(n))

    def cohort(n: int) -> CohortWeeks:
        rate = rng.gamma(1.0, 0.3, n)
        bought = orders(rate, horizon)
        return CohortWeeks("earlier", bought, bought * rng.gamma(4.0, 5.0, (n, 1)), before(rate))

    return LongRunSample(
        arm("treated", 400), arm("control", 600), (cohort(800), cohort(800)),
        np.exp(-0.002 * np.arange(horizon)), np.ones(horizon), Persistence.full(weeks(horizon)),
    )  # fmt: skip
