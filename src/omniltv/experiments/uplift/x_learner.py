"""The X-learner: effects imputed by the regression of the other arm."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import Seed, checked
from omniltv.experiments.uplift._regressors import FittedSum, fitted, regressor_of
from omniltv.experiments.uplift.protocol import FittedEffects, Regressor, UpliftSample

__all__ = ["XLearner"]


@checked
@dataclass(frozen=True)
class XLearner:
    """Regressions of imputed effects, one per arm (Künzel et al. 2019, PNAS 116(10), 4156-4165).

    The effect on a treated customer is the outcome minus what the control's regression expects,
    and the other way round. The regressions of these effects are averaged with the mean
    propensity as weight. Good if one arm is much larger than the other.

    Attributes:
        regressor: The regression; shallow boosted trees of scikit-learn if None.
        name: Name that results show.

    Examples:
        >>> from omniltv.experiments.uplift import Ridge
        >>> rng = np.random.default_rng(2)
        >>> x, treated = rng.normal(size=(1500, 1)), rng.random(1500) < 0.5
        >>> sample = UpliftSample(x, treated, x[:, 0] * treated + rng.normal(size=1500),
        ...                       np.full(1500, 0.5))
        >>> found = XLearner(Ridge()).fit(sample, seed=1).predict(np.array([[-1.0], [1.0]]))
        >>> bool(found.effect[0] < 0 < found.effect[1])
        True
    """

    regressor: Regressor | None = None
    name: str = "X-learner"

    def fit(self, sample: UpliftSample, *, seed: Seed = 0) -> FittedEffects:
        """Return the regressions of the imputed effects.

        Examples:
            >>> from omniltv.experiments.uplift import Ridge
            >>> treated = np.arange(30) % 2 == 0
            >>> sample = UpliftSample(np.zeros((30, 1)), treated, 3.0 * treated, np.full(30, 0.5))
            >>> XLearner(Ridge()).fit(sample, seed=1).predict(np.zeros((1, 1))).effect
            array([3.])
        """
        base, side = regressor_of(self.regressor, seed), sample.treated
        x, y = sample.covariates, sample.outcome
        one, other = (fitted(base, x[arm], y[arm]) for arm in (side, ~side))
        of_treated = fitted(base, x[side], y[side] - other.predict(x[side]))
        of_control = fitted(base, x[~side], one.predict(x[~side]) - y[~side])
        share = float(np.mean(sample.propensity))
        return FittedSum(((1.0 - share, of_treated), (share, of_control)))
