"""Estimate of the model error from the misses of a backtest, on a grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.models.posterior.model_error import ASSUMED, HALF_YEAR, ModelError
from omniltv.units import Span, TimeUnit

__all__ = ["Misses", "model_error_of"]

_SCALES = np.concatenate([np.linspace(0, 4, 81), np.geomspace(4.1, 40, 40)])
"""Standard deviations of the grid, in units of the prior's scale."""

_DEGREES = 4
"""Degrees of freedom of the half-t prior, which yields to large misses of few origins."""

_SCALE = ASSUMED * np.sqrt((_DEGREES - 2) / _DEGREES)
"""Scale of the prior over half a year; its root mean square is the assumed error."""

_CORRELATIONS = np.linspace(0.025, 0.975, 20)
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Misses:
    """The misses of the logarithmic totals of groups, forecast from one origin.

    Attributes:
        miss: Actual less mean predicted logarithm, of shape (n_groups,).
        spread: Covariance of the predicted logarithms, of shape (n_groups, n_groups).
    """

    miss: NDArray[np.float64]
    spread: NDArray[np.float64]

    def log_likelihood(self, sds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log density of the misses given mean-one factors, by sd and correlation."""
        unit, c = np.eye(len(self.miss)), _CORRELATIONS[:, None, None]
        variance = sds[:, None, None, None] ** 2
        lower = np.linalg.cholesky(self.spread + variance * (c + (1 - c) * unit) + _TINY * unit)
        z = np.linalg.solve(lower, self.miss[:, None] + variance / 2)
        scale = np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(axis=-1)
        return np.asarray(-0.5 * (z**2).sum(axis=(-2, -1)) - scale)


def model_error_of(misses: Sequence[tuple[Span, Sequence[Misses], float]]) -> ModelError:
    """Return the model error; see `omniltv.models.checks.Backtest.model_error`.

    Args:
        misses: For each horizon, in order: the horizon, the misses of each origin, and how
            much an origin counts (below 1 if windows overlap).
    """
    found = [_moments(span, of_origins, weight) for span, of_origins, weight in misses]
    return ModelError(
        horizons=tuple(span for span, _, _ in misses),
        sd=tuple(sd for sd, _ in found),
        correlation=float(np.mean([correlation for _, correlation in found])),
        origins=max(len(of_origins) for _, of_origins, _ in misses),
    )


def _moments(span: Span, of_origins: Sequence[Misses], weight: float) -> tuple[float, float]:
    """Return the posterior root mean square of the sd, and the mean correlation."""
    time = span.to(TimeUnit.DAY) / HALF_YEAR.to(TimeUnit.DAY)
    sds = _SCALE * np.sqrt(time) * _SCALES
    logs = weight * np.sum([each.log_likelihood(sds) for each in of_origins], axis=0)
    logs -= (_DEGREES + 1) / 2 * np.log1p(_SCALES[:, None] ** 2 / _DEGREES)
    density = np.exp(logs - logs.max()) * np.gradient(_SCALES)[:, None]
    density /= density.sum()
    square = density.sum(axis=1) @ sds**2
    return float(np.sqrt(square)), float(density.sum(axis=0) @ _CORRELATIONS)
