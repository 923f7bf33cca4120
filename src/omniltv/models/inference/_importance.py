"""Draws of the posterior: proposals of the nested approximation with importance weights.

The weight of a draw is the exact posterior density divided by the density of the proposal. The
weights are smoothed (PSIS; Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25), and Pareto's
k-hat shows whether the result is reliable.
"""

from dataclasses import dataclass

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

__all__ = ["Weighted", "importance", "log_weights"]


_DEGREES_AGAIN = 5.0  # degrees of freedom of the t distribution of new proposals
_ROUNDS = 4
_GOOD = 0.6  # k-hat up to which a group needs no new proposals


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws of a posterior by importance resampling.

    Attributes:
        coefficients: Draws of the coefficients, of shape (n, d).
        log_spreads: Draws of the log spreads, of shape (n, terms x coordinates).
        khat: The largest Pareto k-hat; above 0.7 the draws are unreliable.
        ess: The smallest effective sample size.
    """

    coefficients: Matrix
    log_spreads: Matrix
    khat: float
    ess: float


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
        proposals: Number of proposals.
        workers: Number of threads.
    """
    rng = np.random.default_rng(seed)
    spreads = approximation.spreads(proposals, rng)
    draws, density = approximation.coefficients(spreads, rng, approximation.two_piece(workers))
    log_weight = log_weights(approximation, draws, spreads, density, workers)
    if not np.isfinite(log_weight).any(axis=0).all():
        return Weighted(draws[:n], spreads[:n], np.inf, 0.0)
    weight, khat = _smooth(log_weight)
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


def _columns(approximation: Approximation, block: int) -> slice:
    """Return the coefficients of a column of weights: those of a group, or all."""
    d = len(approximation.sites.mode)
    k = approximation.posterior.design.n_coordinates if approximation.factorises else d
    return slice(block * k, (block + 1) * k)


def _smooth(log_weight: Matrix) -> tuple[Matrix, Vector]:
    """Return Pareto-smoothed weights that sum to one, and k-hat, of each column."""
    from arviz_stats.base.array import array_stats  # noqa: PLC0415 - takes a second to import

    lowest = np.where(np.isfinite(log_weight), log_weight, np.inf).min(axis=0)
    floored = np.maximum(log_weight, lowest - 100.0)  # psislw does not accept infinities
    smooth, khat = array_stats.psislw(-floored.T)  # and it negates the weights
    weight = np.exp(np.asarray(smooth) - np.max(smooth, axis=1, keepdims=True)).T
    return weight / weight.sum(axis=0), np.atleast_1d(np.asarray(khat, dtype=np.float64))


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
    ess = float(1 / np.square(weight).sum(axis=0).max())
    return Weighted(picked, learned, float(khat.max()), min(ess, float(n)))


def log_weights(
    approximation: Approximation,
    draws: Matrix,
    log_spreads: Matrix,
    density: Matrix,
    workers: int,
) -> Matrix:
    """Return the log of posterior over proposal, per group if the groups share nothing."""
    posterior = approximation.posterior
    thetas = np.array([posterior.design.coordinates(draw) for draw in draws])
    exact = posterior.likelihood.values(thetas, workers=workers)
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
