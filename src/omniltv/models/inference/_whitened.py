"""The sampled density: the posterior partially centred and whitened.

Under partial pooling, random effects are partially centred with a weight w, which is 1 if an
effect is determined by its own data and 0 if it is not (Papaspiliopoulos, Roberts and Sköld
2007; Gorinova, Moore and Hoffman 2020). The result is whitened by the covariance of the nested
Laplace approximation, so that the sampled density is close to a standard normal.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._laplace import Approximation
from omniltv.models.inference._log_density import LogDensity

__all__ = ["UnderflowsError", "Whitened", "whiten"]

_TAILS = 4.0  # median absolute deviations
_WIDE = 600  # coefficients; above, only the scales of the approximation are used


@dataclass(frozen=True, eq=False)
class Whitened:
    """The log density in whitened coordinates, computed in Python.

    `_compiled_density` has the same density as a C function; this one is for priors that the
    C function does not know.

    Before whitening, the coordinates are z of each random effect, y of the mean of each
    coordinate, and the log spreads: mean = anchor + spread^v y, where v is the average w of
    the first term, and effect = spread^(1-w) z, minus w (mean - anchor) in the first term.
    If the data determine all levels of the first term, z are the coordinates of the levels
    and y is the mean in units of the spread, and no funnel is left.
    """

    posterior: LogDensity
    weight: Vector  # w of each random effect
    anchor: Vector  # of the mean of each coordinate
    centre: Vector
    root: Matrix
    workers: int

    @cached_property
    def means(self) -> NDArray[np.intp]:
        """Positions of the means of coordinates under partial pooling."""
        learned = len(self.posterior.design.terms) > 0
        return np.arange(self.posterior.design.n_coordinates if learned else 0)

    @cached_property
    def first_term(self) -> NDArray[np.intp]:
        """Positions of the random effects of the first term."""
        k = len(self.means)
        return np.arange(self.posterior.design.sizes[1] * k if k else 0)

    @cached_property
    def shift(self) -> Vector:
        """Share of the distance of the mean from its anchor in each random effect: w or 0."""
        shift = np.zeros_like(self.weight)
        shift[self.first_term] = self.weight[self.first_term]
        return shift

    @cached_property
    def power(self) -> Vector:
        """Return v of the mean of each coordinate."""
        own = self.weight[self.first_term].reshape(-1, max(1, len(self.means)))
        return own.mean(axis=0) if len(self.means) else np.empty(0)

    @cached_property
    def mean_of(self) -> NDArray[np.intp]:
        """Position of the coordinate of each random effect."""
        return self.posterior.spread_of % max(1, len(self.means))

    def raw(self, coefficients: Matrix, log_spreads: Matrix) -> Matrix:
        """Return the coordinates before whitening, point by point."""
        raw = np.concatenate([coefficients, log_spreads], axis=1)
        at, means = self.posterior.learned_at, self.means
        distance = coefficients[:, means] - self.anchor
        effect = coefficients[:, at] + self.shift * distance[:, self.mean_of]
        log_tau = log_spreads[:, self.posterior.spread_of]
        raw[:, at] = effect * np.exp(-(1 - self.weight) * log_tau)
        raw[:, means] = distance * np.exp(-self.power * log_spreads[:, : len(means)])
        return raw

    def split(self, point: Vector) -> tuple[Vector, Vector]:
        """Return coefficients and log spreads from the sampler's coordinates."""
        raw = self.centre + self.root @ point
        d = self.posterior.design.n_coefficients
        coefficients, log_spread = raw[:d].copy(), raw[d:]
        at, means = self.posterior.learned_at, self.means
        distance = raw[means] * np.exp(self.power * log_spread[: len(means)])
        log_tau = log_spread[self.posterior.spread_of]
        z = raw[at] * np.exp((1 - self.weight) * log_tau)
        coefficients[at] = z - self.shift * distance[self.mean_of]
        coefficients[means] += self.anchor + distance - raw[means]
        return coefficients, log_spread

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        with np.errstate(all="ignore"):  # far from the mode, where the sampler turns back
            value, slope = self._evaluate(point)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            raise UnderflowsError
        return value, slope

    def _evaluate(self, point: Vector) -> tuple[float, Vector]:
        posterior = self.posterior
        coefficients, log_spread = self.split(point)
        coordinates = posterior.design.coordinates(coefficients)
        cells, slopes = posterior.likelihood.gradient(coordinates, workers=self.workers)
        gradient = posterior.design.pull(slopes)
        gradient += posterior.prior_score(coefficients, log_spread)
        value = cells.sum() + posterior.log_prior(coefficients, log_spread)
        hyper = np.zeros(len(log_spread))
        if len(log_spread):
            value += self._to_raw(coefficients, log_spread, gradient, hyper)
        return float(value), self.root.T @ np.concatenate([gradient, hyper])

    def _to_raw(
        self, coefficients: Vector, log_spread: Vector, gradient: Vector, hyper: Vector
    ) -> float:
        """Change gradients to those of the raw coordinates; return the log of the Jacobian."""
        posterior, at, means = self.posterior, self.posterior.learned_at, self.means
        k, of = len(means), posterior.spread_of
        log_tau, free = log_spread[of], 1 - self.weight
        distance = coefficients[means] - self.anchor
        effect = coefficients[at]
        scaled = effect + self.shift * distance[self.mean_of]
        own = np.square(effect * np.exp(-log_tau)) - 1 + free + free * scaled * gradient[at]
        hyper += np.bincount(of, weights=own, minlength=len(hyper))
        spread = np.exp(log_spread)
        hyper += 1 + spread * posterior.spreads.score(spread)
        lost = np.bincount(self.mean_of, weights=self.shift * gradient[at], minlength=k)
        of_mean = gradient[means] - lost
        hyper[:k] += self.power * (distance * of_mean + 1)
        gradient[means] = of_mean * np.exp(self.power * log_spread[:k])
        gradient[at] *= np.exp(free * log_tau)
        return float((free * log_tau).sum() + self.power @ log_spread[:k])


class UnderflowsError(ArithmeticError):
    """The density underflows to 0: the sampler turns back and continues."""

    is_recoverable = True


def whiten(approximation: Approximation, seed: int, workers: int) -> Whitened:
    posterior = approximation.posterior
    n = max(1000, 4 * len(approximation.sites.mode))
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    spreads = approximation.spreads(n, rng)
    coefficients, _ = approximation.coefficients(spreads, rng)
    learned = posterior.design.n_coordinates if posterior.design.terms else 0
    d = coefficients.shape[1] + spreads.shape[1]
    plain = Whitened(
        posterior=posterior,
        weight=_centring(approximation),
        anchor=approximation.sites.mode[:learned],
        centre=np.zeros(d),
        root=np.eye(d),
        workers=workers,
    )
    centre = plain.raw(approximation.sites.mode[None], approximation.log_spread[None])[0]
    raw = plain.raw(coefficients, spreads)
    middle = np.median(raw, axis=0)
    width = _TAILS * np.median(np.abs(raw - middle), axis=0)
    raw = np.clip(raw, middle - width, middle + width)  # outliers do not count for the scale
    if d > _WIDE:
        return replace(plain, centre=centre, root=np.diag(raw.std(axis=0)))
    covariance = np.atleast_2d(np.cov(raw, rowvar=False))
    covariance[np.diag_indices_from(covariance)] *= 1 + 1e-6
    return replace(plain, centre=centre, root=np.linalg.cholesky(covariance))


def _centring(approximation: Approximation) -> Vector:
    """Return how far the data determine each random effect: w of the partial centring.

    It is 1 - v / spread^2, where v is the variance of the effect given all shared
    quantities: near 1 if the data dominate, near 0 if the prior dominates.
    """
    posterior, sites = approximation.posterior, approximation.sites
    at = posterior.learned_at
    k = posterior.design.n_coordinates
    precision = np.exp(-2 * approximation.log_spread[posterior.spread_of])
    variance = np.empty(len(at))
    for start in range(0, len(at), k):
        rows = slice(start, start + k)
        own = sites.precision[np.ix_(at[rows], at[rows])] + np.diag(precision[rows])
        variance[rows] = np.diag(np.linalg.inv(own))
    return np.clip(1 - variance * precision, 0.0, 1.0)
