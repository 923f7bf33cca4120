"""Draws of the posterior: proposals of the nested approximation with importance weights.

The weight of a draw is the exact posterior density divided by the density of the proposal. The
weights are smoothed (PSIS; Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25), and Pareto's
k-hat shows whether the result is reliable.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._laplace import (
    Approximation,
    gaussians,
    log_spread_prior,
    log_t,
    systematic,
)
from omniltv.models.inference._log_density import LogDensity
from omniltv.models.posterior.psis import smoothed

__all__ = ["Weighted", "importance", "log_weights"]


_DEGREES_AGAIN = 5.0  # degrees of freedom of the t distribution of new proposals
_ROUNDS = 4
_GOOD = 0.6  # k-hat up to which a group needs no new proposals
_ENOUGH = 0.5  # effective draws for each draw wanted, as NUTS has them
_FEWEST = 1_000  # proposals; k-hat is estimated from the largest of them
_COORDINATES = 4_000_000  # values at once


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws of a posterior by importance resampling.

    Attributes:
        coefficients: Draws of the coefficients, of shape (n, d).
        log_spreads: Draws of the log spreads, of shape (n, terms x coordinates).
        khat: The largest Pareto k-hat; above 0.7 the draws are unreliable.
        ess: The smallest effective sample size.
        proposals: Number of proposals that were weighed.
    """

    coefficients: Matrix
    log_spreads: Matrix
    khat: float
    ess: float
    proposals: int


def importance(
    approximation: Approximation, n: int, *, seed: int, proposals: int, workers: int
) -> Weighted:
    """Return n draws of the posterior, by importance weights and resampling.

    If the groups share nothing, each group has its own weights. A group with bad weights gets new
    proposals from its weighted mean and covariance (adaptive importance sampling; Bugallo et al.
    2017, IEEE Signal Processing Magazine 34(4)).

    Args:
        approximation: The approximation that draws are proposed from.
        n: Number of draws.
        seed: The same seed gives the same draws.
        proposals: Largest number of proposals. Fewer are weighed if they are worth enough draws.
        workers: Number of threads.
    """
    rng = np.random.default_rng(seed)
    found = _proposed(approximation, n, rng, proposals, workers)
    if found is None:
        d, k = len(approximation.sites.mode), len(approximation.log_spread)
        return Weighted(np.full((n, d), np.nan), np.full((n, k), np.nan), np.inf, 0.0, n)
    draws, spreads, weight, khat = found
    for _ in range(_ROUNDS if approximation.factorises else 0):
        bad = np.flatnonzero(khat > _GOOD)
        if not len(bad):
            break
        fresh, log_weight = _again(approximation, draws, weight, bad, rng, workers)
        again, own = _smooth(log_weight)
        for block in bad[own[bad] < khat[bad]]:
            at = _columns(approximation, block)
            draws[:, at], weight[:, block], khat[block] = fresh[:, at], again[:, block], own[block]
    return _resampled(approximation, n, draws, spreads, weight, khat, rng)


class _Proposals(NamedTuple):
    """Proposals with smoothed weights, and the k-hat of each column of weights."""

    draws: Matrix
    spreads: Matrix
    weight: Matrix
    khat: Vector


def _proposed(
    approximation: Approximation, n: int, rng: np.random.Generator, most: int, workers: int
) -> _Proposals | None:
    """Return weighted proposals, in parts until the effective sample size suffices.

    None if all weights of a column are 0.
    """
    scales, size = approximation.scales, min(max(n, _FEWEST), most)
    parts: list[tuple[Matrix, Matrix, Matrix]] = []
    while True:
        spreads = approximation.spreads(size, rng)
        draws, density = approximation.coefficients(spreads, rng, scales)
        log_weight = log_weights(approximation, draws, spreads, density, workers)
        parts.append((draws, spreads, log_weight))
        draws, spreads, log_weight = (np.concatenate(each) for each in zip(*parts, strict=True))
        if not np.isfinite(log_weight).any(axis=0).all():
            return None
        weight, khat = _smooth(log_weight)
        enough = _size(weight) >= _ENOUGH * n and khat.max() < _GOOD
        if enough or len(draws) + size > most:
            return _Proposals(draws, spreads, weight, khat)


def _size(weight: Matrix) -> float:
    """Return the smallest effective sample size of the columns of weights."""
    return float(1 / np.square(weight).sum(axis=0).max())


def _columns(approximation: Approximation, block: int) -> slice:
    """Return the coefficients of a column of weights: those of a group, or all."""
    d = len(approximation.sites.mode)
    k = approximation.posterior.design.n_coordinates if approximation.factorises else d
    return slice(block * k, (block + 1) * k)


def _smooth(log_weight: Matrix) -> tuple[Matrix, Vector]:
    """Return Pareto-smoothed weights that sum to one, and k-hat, of each column."""
    lowest = np.where(np.isfinite(log_weight), log_weight, np.inf).min(axis=0)
    found = [smoothed(column) for column in np.maximum(log_weight, lowest - 100.0).T]
    weight = np.exp([smooth - smooth.max() for smooth, _ in found]).T
    return weight / weight.sum(axis=0), np.array([khat for _, khat in found])


def _again(
    approximation: Approximation,
    draws: Matrix,
    weight: Matrix,
    bad: NDArray[np.intp],
    rng: np.random.Generator,
    workers: int,
) -> tuple[Matrix, Matrix]:
    """Return new draws of some groups from their weighted moments, and their log weights."""
    fresh, density = draws.copy(), np.zeros_like(weight)
    for block in bad:
        at = _columns(approximation, block)
        mean = weight[:, block] @ draws[:, at]
        centred = draws[:, at] - mean
        covariance = (centred * weight[:, block, None]).T @ centred
        covariance[np.diag_indices_from(covariance)] *= 1 + 1e-6
        z = rng.standard_normal(centred.shape)
        z /= np.sqrt(rng.chisquare(_DEGREES_AGAIN, (len(z), 1)) / _DEGREES_AGAIN)
        fresh[:, at] = mean + z @ np.linalg.cholesky(covariance).T
        density[:, block] = log_t(z, _DEGREES_AGAIN)
    nothing = np.empty((len(fresh), 0))
    return fresh, log_weights(approximation, fresh, nothing, density, workers)


def _resampled(
    approximation: Approximation,
    n: int,
    draws: Matrix,
    spreads: Matrix,
    weight: Matrix,
    khat: Vector,
    rng: np.random.Generator,
) -> Weighted:
    """Return n equally weighted draws; groups with their own weights are resampled separately."""
    picked = np.empty((n, draws.shape[1]))
    learned = spreads[:n]
    for block in range(weight.shape[1]):
        order = rng.permutation(systematic(weight[:, block], n, rng))
        at = _columns(approximation, block)
        picked[:, at] = draws[order, at]
        learned = spreads[order]
    ess = min(_size(weight), float(n))
    return Weighted(picked, learned, float(khat.max()), ess, len(draws))


def log_weights(
    approximation: Approximation,
    draws: Matrix,
    log_spreads: Matrix,
    density: Matrix,
    workers: int,
) -> Matrix:
    """Return the log of posterior over proposal, per group if the groups share nothing."""
    posterior = approximation.posterior
    exact = _log_likelihoods(posterior, draws, workers)
    if approximation.factorises:
        prior = posterior.fixed.entries(draws).reshape(*density.shape, -1).sum(axis=2)
        weight = exact + prior - density
    else:
        prior = posterior.log_prior(draws, log_spreads)
        sites = approximation.sites
        exponent, log_root = gaussians(posterior, sites, log_spreads)
        proposed = density.sum(axis=1)
        if posterior.design.terms:  # the marginal of the spreads is divided by the root
            proposed += log_spread_prior(posterior, log_spreads) + exponent
        else:
            proposed += log_root
        weight = (exact.sum(axis=1) + prior - proposed)[:, None]
    return np.where(np.isfinite(weight), weight, -np.inf)


def _log_likelihoods(posterior: LogDensity, draws: Matrix, workers: int) -> Matrix:
    """Return the log-likelihood of each cell under some draws, in parts that fit in memory."""
    design = posterior.design
    step = max(1, _COORDINATES // max(1, len(design.base) * design.n_coordinates))
    values = [
        posterior.likelihood.values(design.coordinates(draws[k : k + step]), workers=workers)
        for k in range(0, len(draws), step)
    ]
    return np.concatenate(values)
