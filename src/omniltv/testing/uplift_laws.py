"""Laws that every `EffectLearner` must satisfy.

To test your own learner::

    for law in laws():
        law(MyLearner())

A law raises AssertionError with a description of the violation.
"""

from collections.abc import Callable

import numpy as np

from omniltv._arrays import Vector
from omniltv.experiments.uplift import EffectLearner, UpliftSample

__all__ = [
    "finds_whom_the_treatment_helps",
    "laws",
    "same_seed_same_effects",
    "scaling_scales",
    "swapping_arms_flips_the_sign",
]

_SIZE = 2_000
_CLOSE = 0.1


def laws() -> tuple[Callable[[EffectLearner], None], ...]:
    """Return the laws.

    Examples:
        >>> from omniltv.experiments.uplift import Interactions
        >>> for law in laws():
        ...     law(Interactions())
    """
    return (
        same_seed_same_effects,
        scaling_scales,
        swapping_arms_flips_the_sign,
        finds_whom_the_treatment_helps,
    )


def same_seed_same_effects(learner: EffectLearner) -> None:
    """Raise AssertionError if two fits to one sample differ, or the shapes are not as promised."""
    sample = _world(np.random.default_rng(21))
    one, other = (learner.fit(sample, seed=3).predict(sample.covariates) for _ in range(2))
    assert one.effect.shape == one.sd.shape == (_SIZE,), "an effect and an sd per customer"
    assert np.isfinite(one.effect).all(), "every effect is a number"
    assert np.isnan(one.sd).all() or (one.sd > 0).all(), "sds are positive, or all unknown"
    assert (one.effect == other.effect).all(), "the same seed gives the same effects"


def scaling_scales(learner: EffectLearner) -> None:
    """Raise AssertionError if effects do not scale with the currency."""
    sample = _world(np.random.default_rng(22))
    one = _effects(learner, sample)
    other = _effects(learner, sample._replace(outcome=150.0 * sample.outcome))
    gap = np.abs(other / 150.0 - one).max() / one.std()
    assert gap < _CLOSE, f"effects after scaling are off by {gap:.2g} standard deviations"


def swapping_arms_flips_the_sign(learner: EffectLearner) -> None:
    """Raise AssertionError if effects after swapping the arms are not the negative ones."""
    sample = _world(np.random.default_rng(23))
    swapped = sample._replace(treated=~sample.treated, propensity=1.0 - sample.propensity)
    one, other = _effects(learner, sample), _effects(learner, swapped)
    gap = np.abs(one + other).mean() / one.std()
    assert gap < _CLOSE, f"effects after swapping arms are off by {gap:.2g} standard deviations"


def finds_whom_the_treatment_helps(learner: EffectLearner) -> None:
    """Raise AssertionError if effects of new customers do not follow the true ones.

    The standard deviation of the true effects is 2, that of the noise 1.
    """
    sample, new = (_world(np.random.default_rng(seed)) for seed in (24, 25))
    found = learner.fit(sample, seed=3).predict(new.covariates).effect
    true = 1.0 + 2.0 * new.covariates[:, 0]
    follows = float(np.corrcoef(found, true)[0, 1])
    assert follows > 0.9, f"the correlation with true effects is {follows:.2f}"
    off = float(abs(found.mean() - true.mean()))
    assert off < 0.25, f"the mean effect is off by {off:.2f}; its standard error is 0.06"


def _world(rng: np.random.Generator) -> UpliftSample:
    """Return customers whose effect is 1 + 2 x, with two more covariates that do not matter."""
    x = rng.normal(size=(_SIZE, 3))
    chance = np.full(_SIZE, 0.4)
    treated = rng.random(_SIZE) < chance
    outcome = x[:, 1] + (1.0 + 2.0 * x[:, 0]) * treated + rng.normal(size=_SIZE)
    return UpliftSample(x, treated, outcome, chance)


def _effects(learner: EffectLearner, sample: UpliftSample) -> Vector:
    return np.asarray(learner.fit(sample, seed=3).predict(sample.covariates).effect)
