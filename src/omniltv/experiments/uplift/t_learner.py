"""The T-learner: one regression per arm."""

from dataclasses import dataclass

from omniltv._options import Seed, checked
from omniltv.experiments.uplift._regressors import FittedSum, fitted, regressor_of
from omniltv.experiments.uplift.protocol import FittedEffects, Regressor, UpliftSample

__all__ = ["TLearner"]


@checked
@dataclass(frozen=True)
class TLearner:
    """The difference of two regressions, one per arm (Künzel et al. 2019, PNAS 116(10), 4156-4165).

    Each arm is fitted alone, so the noise of both is in the effects.

    Attributes:
        regressor: The regression; shallow boosted trees of scikit-learn if None.
        name: Name that results show.

    Examples:
        >>> import numpy as np
        >>> from omniltv.experiments.uplift import Ridge
        >>> rng = np.random.default_rng(1)
        >>> x, treated = rng.normal(size=(2000, 1)), rng.random(2000) < 0.5
        >>> sample = UpliftSample(x, treated, x[:, 0] * treated + rng.normal(size=2000),
        ...                       np.full(2000, 0.5))
        >>> found = TLearner(Ridge()).fit(sample, seed=1).predict(np.array([[-1.0], [1.0]]))
        >>> bool(found.effect[0] < 0 < found.effect[1])
        True
    """

    regressor: Regressor | None = None
    name: str = "T-learner"

    def fit(self, sample: UpliftSample, *, seed: Seed = 0) -> FittedEffects:
        """Return the regressions of both arms.

        Examples:
            >>> import numpy as np
            >>> from omniltv.experiments.uplift import Ridge
            >>> treated = np.arange(40) % 2 == 0
            >>> sample = UpliftSample(np.zeros((40, 1)), treated, 3.0 * treated, np.full(40, 0.5))
            >>> TLearner(Ridge()).fit(sample, seed=1).predict(np.zeros((1, 1))).effect
            array([3.])
        """
        base, side = regressor_of(self.regressor, seed), sample.treated
        x, y = sample.covariates, sample.outcome
        one, other = (fitted(base, x[arm], y[arm]) for arm in (side, ~side))
        return FittedSum(((1.0, one), (-1.0, other)))
