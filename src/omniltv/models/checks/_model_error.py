"""Estimate of the model error from the misses of a backtest, on a grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from omniltv.models.posterior.model_error import ASSUMED, HALF_YEAR, ModelError
from omniltv.units import Span, TimeUnit

__all__ = ["Misses", "model_error_of"]

type _Array = NDArray[np.float64]

_DEGREES = 2
"""Degrees of freedom of the half-t prior of s: the fewest whole number with which the error of one
origin is between the assumed error and its miss."""

_SCALE = 0.645 * ASSUMED
"""Scale of the prior over half a year: 90 % of its misses are within those of the assumed error."""

_SDS = np.concatenate([[0.0], np.geomspace(0.05, 200, 50)])
"""Standard deviations of the grid, in units of the prior's scale."""

_CORRELATIONS = np.linspace(0.05, 0.95, 7)
_LASTING = np.linspace(0.04, 0.96, 7)
_LEVEL = 0.9
_RARE, _TINY = 1e-5, 1e-12


@dataclass(frozen=True, eq=False)
class Misses:
    """The misses of the logarithmic totals of groups, forecast from one origin.

    Attributes:
        miss: Actual less mean predicted logarithm, of shape (n_groups,).
        spread: Covariance of the predicted logarithms, of shape (n_groups, n_groups).
    """

    miss: _Array
    spread: _Array


@dataclass(frozen=True, eq=False)
class _Points:
    """Combinations of the standard deviation s, the correlation c and the lasting share b.

    Attributes:
        s: Standard deviation, of shape (n_points,).
        c: Correlation between groups, likewise.
        lasting: Share of the variance that all origins have in common, likewise.
        prior: Logarithmic prior probability, likewise.
    """

    s: _Array
    c: _Array
    lasting: _Array
    prior: _Array

    @classmethod
    def over(cls, scale: float) -> "_Points":
        sds, c, lasting = (
            each.ravel() for each in np.meshgrid(_SDS, _CORRELATIONS, _LASTING, indexing="ij")
        )
        width = np.repeat(np.gradient(_SDS), len(c) // len(_SDS))
        return cls(scale * sds, c, lasting, np.log(width) - _tail(sds))

    def covariance(self, n_groups: int) -> _Array:
        """Return s^2 R, of shape (n_points, n_groups, n_groups)."""
        c = self.c[:, None, None]
        return np.asarray(self.s[:, None, None] ** 2 * (c + (1 - c) * np.eye(n_groups)))


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Distribution of the next miss at each point of a grid: a mixture of normal distributions.

    Attributes:
        weight: Posterior probability, of shape (n_points,).
        mean: Mean of the next miss, of shape (n_points, n_groups).
        lasting: Mean of the part that lasts, likewise.
        covariance: Covariance of the next miss, of shape (n_points, n_groups, n_groups).
    """

    weight: _Array
    mean: _Array
    lasting: _Array
    covariance: _Array

    def held(self, sds: _Array) -> _Array:
        """Return how much of the distribution the 90 % intervals of mean-one factors hold."""
        often = self.weight > _RARE * self.weight.max()
        spread = np.sqrt(np.diagonal(self.covariance[often], axis1=1, axis2=2)) + _TINY
        half, weight = special.ndtri((1 + _LEVEL) / 2) * sds, self.weight[often]
        below = [
            [
                weight @ special.ndtr((end - self.mean[often]) / spread).mean(axis=1)
                for end in sign * half - sds**2 / 2
            ]
            for sign in (1, -1)
        ]
        return np.asarray((np.array(below[0]) - np.array(below[1])) / weight.sum())

    def correlation(self) -> float:
        """Return the mean correlation between two groups, around zero."""
        both = self.covariance + self.lasting[:, :, None] * self.lasting[:, None, :]
        n = both.shape[1]
        own = np.trace(both, axis1=1, axis2=2)
        shared = (both.sum(axis=(1, 2)) - own) / max(n - 1, 1)
        found = self.weight @ np.divide(shared, own, out=np.zeros_like(own), where=own > 0)
        return float(np.clip(found / self.weight[own > 0].sum(), 0.0, 1.0))


def _tail(ratio: _Array) -> _Array:
    """Return minus the logarithm of the half-t density, up to a constant."""
    return np.asarray((_DEGREES + 1) / 2 * np.log1p(ratio**2 / _DEGREES))


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
    """Return the standard deviation of a factor whose interval holds 90 %, and the correlation."""
    scale = _SCALE * np.sqrt(span.to(TimeUnit.DAY) / HALF_YEAR.to(TimeUnit.DAY))
    grid = _Points.over(scale)
    found = _predict(grid, of_origins, weight)
    sds = scale * _SDS
    held = found.held(sds)
    best = int(np.argmax(held >= _LEVEL)) if held.max() >= _LEVEL else int(np.argmax(held))
    sd = np.interp(_LEVEL, held[best - 1 : best + 1], sds[best - 1 : best + 1])
    if len(of_origins[0].miss) == 1:
        return float(sd), float(found.weight @ grid.c)
    return float(sd), found.correlation()


def _predict(grid: _Points, of_origins: Sequence[Misses], weight: float) -> _Predicted:
    """Return the distribution of the next miss, given those of the origins."""
    n_groups = len(of_origins[0].miss)
    whole, unit = grid.covariance(n_groups), np.eye(n_groups)
    share = grid.lasting[:, None, None]
    lasting, passing = share * whole, (1 - share) * whole
    shift = grid.s[:, None] ** 2 / 2
    precision, pull = np.zeros_like(whole), np.zeros((len(grid.s), n_groups))
    logs = grid.prior.copy()
    for each in of_origins:
        cover = passing + each.spread + _TINY * unit
        inverse, size = np.linalg.inv(cover), np.linalg.slogdet(cover)[1]
        miss = each.miss + shift
        drawn = (inverse @ miss[:, :, None])[:, :, 0]
        precision += weight * inverse
        pull += weight * drawn
        logs -= weight / 2 * (size + (miss * drawn).sum(axis=1))
    shrunk = unit + lasting @ precision
    known = np.linalg.solve(shrunk, lasting)
    mean = (known @ pull[:, :, None])[:, :, 0]
    logs += ((pull * mean).sum(axis=1) - np.linalg.slogdet(shrunk)[1]) / 2
    probability = np.exp(logs - logs.max())
    return _Predicted(probability / probability.sum(), mean - shift, mean, known + passing)
