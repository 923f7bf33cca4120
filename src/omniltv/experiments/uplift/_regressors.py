"""Regressions inside the learners: a default of scikit-learn, copies, and cross-fitting."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Flags, Matrix, Vector
from omniltv.errors import ConfigError
from omniltv.experiments.uplift.protocol import EffectPrediction, Regressor

__all__ = ["FittedSum", "cross_fitted", "fitted", "regressor_of"]

_FOLDS = 5


@dataclass(frozen=True, eq=False)
class FittedSum:
    """Effects that are a weighted sum of fitted regressions; their sd is not known.

    Attributes:
        parts: Weight and regression of each part.
    """

    parts: tuple[tuple[float, Regressor], ...]

    def predict(self, covariates: Matrix) -> EffectPrediction:
        """Return the effect for each row of covariates."""
        effect = np.zeros(len(covariates))
        for weight, part in self.parts:
            effect += weight * part.predict(covariates)
        return EffectPrediction(effect, np.full(len(effect), np.nan))


def regressor_of(given: Regressor | None, seed: int) -> Regressor:
    """Return a regression, or shallow boosted trees if none is given.

    Raises:
        ConfigError: If none is given and scikit-learn is not installed.
    """
    if given is not None:
        return given
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - an extra
    except ImportError as error:
        hint = "pip install 'omniltv[uplift]', or regressor=Ridge()"
        raise ConfigError(f"boosted trees need scikit-learn. Hint: {hint}") from error
    trees: Regressor = HistGradientBoostingRegressor(
        max_depth=3, learning_rate=0.05, random_state=seed % 2**32
    )
    return trees


def fitted(base: Regressor, x: Matrix, y: Vector, weight: Vector | None = None) -> Regressor:
    """Return a fitted copy of a regression."""
    own = deepcopy(base)
    if weight is None:
        own.fit(x, y)
    else:
        own.fit(x, y, sample_weight=weight)
    return own


def cross_fitted(base: Regressor, x: Matrix, y: Vector, among: Flags, *, seed: int) -> Vector:
    """Return predictions for all rows, each by a fit to other rows.

    Args:
        base: The regression.
        x: Covariates, of shape (n, n_columns).
        y: What is predicted, of shape (n,).
        among: Rows that may be learnt from, of shape (n,).
        seed: Seed of the folds.
    """
    fold = np.random.default_rng(seed).permutation(len(y)) % _FOLDS
    found = np.empty(len(y))
    for k in range(_FOLDS):
        here, rest = fold == k, (fold != k) & among
        found[here] = fitted(base, x[rest], y[rest]).predict(x[here])
    return found
