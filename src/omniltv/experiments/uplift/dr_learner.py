"""The DR-learner: a regression of doubly robust scores."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import Seed, checked
from omniltv.experiments.uplift._regressors import FittedSum, cross_fitted, fitted, regressor_of
from omniltv.experiments.uplift.protocol import FittedEffects, Regressor, UpliftSample

__all__ = ["DrLearner"]


@checked
@dataclass(frozen=True)
class DrLearner:
    """A regression of doubly robust scores (Kennedy 2023, Electronic J. of Statistics 17(2)).

    The score of a customer is the difference of two cross-fitted regressions, corrected by the
    residual of the outcome over the propensity. Its expectation is the effect, whatever the
    regressions are, if the propensities are right.

    Attributes:
        regressor: The regression; shallow boosted trees of scikit-learn if None.
        name: Name that results show.

    Examples:
        >>> from omniltv.experiments.uplift import Ridge
        >>> rng = np.random.default_rng(4)
        >>> x, treated = rng.normal(size=(1700, 1)), rng.random(1700) < 0.5
        >>> sample = UpliftSample(x, treated, x[:, 0] * treated + rng.normal(size=1700),
        ...                       np.full(1700, 0.5))
        >>> found = DrLearner(Ridge()).fit(sample, seed=1).predict(np.array([[-1.0], [1.0]]))
        >>> bool(found.effect[0] < 0 < found.effect[1])
        True
    """

    regressor: Regressor | None = None
    name: str = "DR-learner"

    def fit(self, sample: UpliftSample, *, seed: Seed = 0) -> FittedEffects:
        """Return the regression of the scores.

        Examples:
            >>> from omniltv.experiments.uplift import Ridge
            >>> treated = np.arange(50) % 2 == 0
            >>> sample = UpliftSample(np.zeros((50, 1)), treated, 3.0 * treated, np.full(50, 0.5))
            >>> found = DrLearner(Ridge()).fit(sample, seed=1).predict(np.zeros((1, 1)))
            >>> found.effect.round(6).tolist()
            [3.0]
        """
        base, side = regressor_of(self.regressor, seed), sample.treated
        x, y, chance = sample.covariates, sample.outcome, sample.propensity
        one, other = (cross_fitted(base, x, y, arm, seed=seed) for arm in (side, ~side))
        left = np.where(side, (y - one) / chance, -(y - other) / (1.0 - chance))
        return FittedSum(((1.0, fitted(base, x, one - other + left)),))
