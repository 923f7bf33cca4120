"""The R-learner: residuals of the outcome on residuals of the treatment."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import Seed, checked
from omniltv.experiments.uplift._regressors import FittedSum, cross_fitted, fitted, regressor_of
from omniltv.experiments.uplift.protocol import FittedEffects, Regressor, UpliftSample

__all__ = ["RLearner"]


@checked
@dataclass(frozen=True)
class RLearner:
    """A weighted regression of residuals (Nie and Wager 2021, Biometrika 108(2), 299-319).

    What is left of the outcome, after its cross-fitted expectation, is divided by what is left
    of the treatment, and weighted by its square.

    Attributes:
        regressor: The regression, which takes weights; shallow boosted trees of scikit-learn
            if None.
        name: Name that results show.

    Examples:
        >>> from omniltv.experiments.uplift import Ridge
        >>> rng = np.random.default_rng(3)
        >>> x, treated = rng.normal(size=(1600, 1)), rng.random(1600) < 0.5
        >>> sample = UpliftSample(x, treated, x[:, 0] * treated + rng.normal(size=1600),
        ...                       np.full(1600, 0.5))
        >>> found = RLearner(Ridge()).fit(sample, seed=1).predict(np.array([[-1.0], [1.0]]))
        >>> bool(found.effect[0] < 0 < found.effect[1])
        True
    """

    regressor: Regressor | None = None
    name: str = "R-learner"

    def fit(self, sample: UpliftSample, *, seed: Seed = 0) -> FittedEffects:
        """Return the regression of the residuals.

        Examples:
            >>> from omniltv.experiments.uplift import Ridge
            >>> treated = np.arange(60) % 2 == 0
            >>> sample = UpliftSample(np.zeros((60, 1)), treated, 3.0 * treated, np.full(60, 0.5))
            >>> found = RLearner(Ridge()).fit(sample, seed=1).predict(np.zeros((1, 1)))
            >>> bool(abs(found.effect[0] - 3.0) < 0.2)
            True
        """
        base = regressor_of(self.regressor, seed)
        x, y = sample.covariates, sample.outcome
        every = np.ones(len(y), dtype=np.bool_)
        rest = y - cross_fitted(base, x, y, every, seed=seed)
        surprise = sample.treated - sample.propensity
        return FittedSum(((1.0, fitted(base, x, rest / surprise, surprise**2)),))
