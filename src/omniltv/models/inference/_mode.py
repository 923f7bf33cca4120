"""The mode of the coefficients given the spreads, and quadratic log-likelihoods around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.errors import FitError
from omniltv.models.inference._log_density import LogDensity

__all__ = ["Sites", "below_mode", "find_sites"]


_NEWTON = 100
_CLOSE = 1e-9  # expected gain of the log posterior at which the search ends
_FLATTEST = 1e-8  # smallest curvature of a Newton step, relative to the largest
_FAR = 2.0  # longest step of a coordinate


@dataclass(frozen=True, eq=False)
class Sites:
    """Quadratic log-likelihoods around the mode of the coefficients given the spreads.

    Attributes:
        mode: The coefficients at the mode, of shape (d,).
        precision: Curvature of data and fixed priors, of shape (d, d).
        linear: Their linear term; the quadratic is linear c - c precision c / 2.
        theta: Coordinates of the cells at the mode, of shape (n_cells, k).
        value: Log-likelihood of each cell there, of shape (n_cells,).
        gradient: Its gradient, of shape (n_cells, k).
        curvature: Minus its Hessian, positive semi-definite, of shape (n_cells, k, k).
    """

    mode: Vector
    precision: Matrix
    linear: Vector
    theta: Matrix
    value: Vector
    gradient: Matrix
    curvature: NDArray[np.float64]


def find_sites(posterior: LogDensity, start: Vector, log_spread: Vector, *, workers: int) -> Sites:
    """Return the quadratics at the mode of the coefficients given the spreads, by Newton steps.

    Args:
        posterior: The log density.
        start: Coefficients to start at, of shape (d,).
        log_spread: The log spreads.
        workers: Number of threads.

    Raises:
        FitError: If no mode is found.
    """
    here = start
    value, slopes, score = _evaluate(posterior, here, log_spread, workers)
    for _ in range(_NEWTON):
        curvature, hessian = _curvatures(posterior, here, log_spread, workers)
        step = _step(hessian, score)
        if score @ step < _CLOSE:
            return _sites(posterior, here, value, slopes, curvature)
        for _ in range(30):
            there = _evaluate(posterior, here + step, log_spread, workers)
            if _total(posterior, there[0], here + step, log_spread) > _total(
                posterior, value, here, log_spread
            ):
                break
            step = step / 2
        else:  # only rounding errors are left: this is the mode
            return _sites(posterior, here, value, slopes, curvature)
        here = here + step
        value, slopes, score = there
    raise FitError(
        'no mode of the posterior was found. Hint: use priors that are not flat, or method="nuts"'
    )


def below_mode(posterior: LogDensity, sites: Sites, log_spread: Vector, *, workers: int) -> float:
    """Return by how much a log posterior at the mode of another is below its own mode.

    It is estimated by one Newton step.

    Args:
        posterior: The log density.
        sites: The quadratics at the mode of the other log density.
        log_spread: The log spreads.
        workers: Number of threads.
    """
    score = _evaluate(posterior, sites.mode, log_spread, workers)[2]
    precision, at = sites.precision.copy(), posterior.learned_at
    precision[at, at] += np.exp(-2 * log_spread[posterior.spread_of])
    return float(score @ np.linalg.solve(precision, score) / 2)


def _step(hessian: Matrix, score: Vector) -> Vector:
    """Return the Newton step, damped until no coordinate moves too far (Levenberg, Marquardt).

    Damping shortens the step in nearly flat directions and hardly changes it in steep ones.
    Scaling the whole step would shorten it in steep directions as well, and the search would
    follow a flat ridge for ever.
    """
    step = np.linalg.solve(hessian, score)
    damping = _FLATTEST * float(hessian.diagonal().max()) * np.eye(len(score))
    while np.abs(step).max() > _FAR:
        damping *= 8.0
        step = np.linalg.solve(hessian + damping, score)
    return np.asarray(step)


def _evaluate(
    posterior: LogDensity, coefficients: Vector, log_spread: Vector, workers: int
) -> tuple[Vector, Matrix, Vector]:
    """Return log-likelihood and gradient of the cells, and the score of the coefficients."""
    theta = posterior.design.coordinates(coefficients)
    value, slopes = posterior.likelihood.gradient(theta, workers=workers)
    score = posterior.design.pull(slopes) + posterior.prior_score(coefficients, log_spread)
    return value, slopes, score


def _total(posterior: LogDensity, value: Vector, coefficients: Vector, log_spread: Vector) -> float:
    total = float(value.sum() + posterior.log_prior(coefficients, log_spread))
    return total if np.isfinite(total) else -np.inf


def _curvatures(
    posterior: LogDensity, coefficients: Vector, log_spread: Vector, workers: int
) -> tuple[NDArray[np.float64], Matrix]:
    """Return the curvature of the cells, and that of the log posterior in the coefficients.

    Negative directions of the cells' curvature are set to zero. The sum of their exact curvature
    and that of the prior may still be positive definite. It is then used for the step, because
    the search converges much faster with it.
    """
    theta = posterior.design.coordinates(coefficients)
    real = posterior.likelihood.curvature(theta, workers=workers)
    raised = _semidefinite(real)
    precision = posterior.prior_precision(coefficients, log_spread)
    if not np.allclose(real, raised, rtol=1e-9, atol=1e-12):
        hessian = _added(posterior.design.pull_curvature(real), precision)
        if _is_positive(hessian):
            return raised, hessian
    return raised, _added(posterior.design.pull_curvature(raised), precision)


def _is_positive(hessian: Matrix) -> bool:
    floor = _FLATTEST * hessian.diagonal().max() * np.eye(len(hessian))
    try:
        np.linalg.cholesky(hessian - floor)
    except np.linalg.LinAlgError:
        return False
    return True


def _added(hessian: Matrix, precision: Vector) -> Matrix:
    diagonal = np.diag_indices_from(hessian)
    hessian[diagonal] += precision
    hessian[diagonal] += 1e-10 * (1 + hessian[diagonal])
    return hessian


def _semidefinite(curvature: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(curvature)
    raised = vectors * np.maximum(values, 0.0)[:, None, :]
    return np.asarray(raised @ vectors.transpose(0, 2, 1))


def _sites(
    posterior: LogDensity,
    mode: Vector,
    value: Vector,
    slopes: Matrix,
    curvature: NDArray[np.float64],
) -> Sites:
    design, at = posterior.design, posterior.fixed_at
    theta = design.coordinates(mode)
    precision = design.pull_curvature(curvature)
    linear = design.pull(slopes + np.einsum("cij,cj->ci", curvature, theta))
    own = posterior.fixed.precision(mode[at])
    precision[at, at] += own
    linear[at] += posterior.fixed.score(mode[at]) + own * mode[at]
    precision[np.diag_indices_from(precision)] += 1e-10
    return Sites(mode, precision, linear, theta, value, slopes, curvature)
