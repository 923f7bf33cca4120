"""What a learner of effects sees of customers, and what it returns."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Flags, Matrix, Vector
from omniltv._options import Seed

__all__ = ["EffectLearner", "EffectPrediction", "FittedEffects", "Regressor", "UpliftSample"]


class UpliftSample(NamedTuple):
    """What a learner sees: customers of two arms, and what was known of them before.

    Attributes:
        covariates: Of shape (n_customers, n_columns); no value is missing.
        treated: Whether each customer was assigned to the treatment, of shape (n_customers,).
        outcome: Same shape.
        propensity: Probability of the treatment, same shape, inside (0, 1).

    Examples:
        >>> UpliftSample(np.zeros((2, 1)), np.array([True, False]), np.array([3.0, 1.0]),
        ...              np.array([0.5, 0.5])).outcome.sum()
        np.float64(4.0)
    """

    covariates: Matrix
    treated: Flags
    outcome: Vector
    propensity: Vector


class EffectPrediction(NamedTuple):
    """Effects of customers.

    Attributes:
        effect: Expected outcome with the treatment minus that without, of shape (n_customers,).
        sd: Its standard deviation; NaN if the learner has none.

    Examples:
        >>> EffectPrediction(np.array([2.0]), np.array([0.5])).effect.tolist()
        [2.0]
    """

    effect: Vector
    sd: Vector


@runtime_checkable
class FittedEffects(Protocol):
    """A learner after its fit.

    Examples:
        >>> class Same:
        ...     def predict(self, covariates):
        ...         return EffectPrediction(np.ones(len(covariates)), np.zeros(len(covariates)))
        >>> isinstance(Same(), FittedEffects)
        True
    """

    def predict(self, covariates: Matrix) -> EffectPrediction:
        """Return the effect for each row of covariates."""
        ...


@runtime_checkable
class EffectLearner(Protocol):
    """The plug-in point for a learner of effects: a name and one method.

    Examples:
        >>> class Everybody(NamedTuple):
        ...     gap: float
        ...     def predict(self, covariates):
        ...         effect = np.full(len(covariates), self.gap)
        ...         return EffectPrediction(effect, np.full(len(covariates), np.nan))
        >>> class MeanEffect:
        ...     name = "mean effect"
        ...     def fit(self, sample, *, seed):
        ...         sides = (sample.treated, ~sample.treated)
        ...         one, other = (sample.outcome[side].mean() for side in sides)
        ...         return Everybody(one - other)
        >>> isinstance(MeanEffect(), EffectLearner)
        True
        >>> sample = UpliftSample(np.zeros((2, 1)), np.array([True, False]), np.array([3.0, 1.0]),
        ...                       np.array([0.5, 0.5]))
        >>> MeanEffect().fit(sample, seed=1).predict(np.zeros((1, 1))).effect.tolist()
        [2.0]
    """

    @property
    def name(self) -> str:
        """Name that results show."""
        ...

    def fit(self, sample: UpliftSample, *, seed: Seed) -> FittedEffects:
        """Return what was learnt from a sample.

        Args:
            sample: The customers.
            seed: Seed of what the learner draws at random.
        """
        ...


@runtime_checkable
class Regressor(Protocol):
    """A regression with the two methods of scikit-learn's.

    Examples:
        >>> class Zero:
        ...     def fit(self, X, y, sample_weight=None):
        ...         return self
        ...     def predict(self, X):
        ...         return np.zeros(len(X))
        >>> isinstance(Zero(), Regressor)
        True
    """

    def fit(self, X: Matrix, y: Vector, sample_weight: Vector | None = None) -> object:
        """Learn from rows, with a weight each."""
        ...

    def predict(self, X: Matrix) -> NDArray[np.float64]:
        """Return the expected value of each row."""
        ...
