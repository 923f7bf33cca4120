"""Where to start sampling, and how much each group's own data say.

The mode under complete pooling, and the curvature of each group's log-posterior
there: both by finite differences of the model's own log-likelihood, on the states.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.models._numpy import NUMPY
from omniltv.models.protocols import (
    Coordinate,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)

__all__ = ["centring", "mode"]

type Vector = NDArray[np.float64]
type GroupLogLik = Callable[[Vector], Vector]
"""Log-likelihood of each group, of shape (n_groups,), at one point of the coordinates."""

_STEP = 1e-3


def group_loglik(
    model: PurchaseModel | SpendModel,
    state: PurchaseState | SpendState,
    count: Vector,
    group: NDArray[np.int64],
) -> GroupLogLik:
    """Return the log-likelihood of each group as a function of the coordinates."""
    names = [coordinate.name for coordinate in model.coordinates]

    def evaluate(point: Vector) -> Vector:
        named = dict(zip(names, point, strict=True))
        parameters = model.parameters(NUMPY, named)
        if isinstance(model, PurchaseModel):
            values = model.loglik(NUMPY, parameters, PurchaseState(*state))
        else:
            values = model.loglik(NUMPY, parameters, SpendState(*state))
        return np.bincount(group, weights=count * values)

    return evaluate


def mode(loglik: GroupLogLik, coordinates: tuple[Coordinate, ...], location: Vector) -> Vector:
    """Return the posterior mode under complete pooling, of shape (n_coordinates,)."""
    sd = np.array([coordinate.sd for coordinate in coordinates])

    def minus_log_posterior(step: Vector) -> float:
        with np.errstate(all="ignore"):  # a line search may step where the density underflows
            value = float(0.5 * step @ step - loglik(location + sd * step).sum())
        return value if np.isfinite(value) else 1e300

    found = minimize(
        minus_log_posterior, np.zeros(len(sd)), method="L-BFGS-B", bounds=[(-6, 6)] * len(sd)
    )
    step: Vector = np.asarray(found.x, dtype=np.float64)
    return location + sd * step


def centring(
    loglik: GroupLogLik, coordinates: tuple[Coordinate, ...], point: Vector, n_groups: int
) -> NDArray[np.float64]:
    """Return w of each group and coordinate, of shape (n_groups, n_coordinates).

    w = tau^2 / (tau^2 + s^2), with tau the prior median of the spread between groups and
    s the posterior standard deviation that the group's own data leave.
    """
    spread = np.array([coordinate.group_sd for coordinate in coordinates])
    sd = np.array([coordinate.sd for coordinate in coordinates])
    precision = _curvature(loglik, point, n_groups) + np.diag(sd**-2.0)
    own = np.array([_variances(matrix, sd) for matrix in precision])
    weights: NDArray[np.float64] = spread**2 / (spread**2 + own)
    return weights


def _variances(precision: NDArray[np.float64], sd: Vector) -> Vector:
    """Return marginal variances; the prior's where the data say nothing or curve upwards."""
    values, vectors = np.linalg.eigh(precision)
    variances = (vectors**2) @ (1 / np.maximum(values, sd.max() ** -2.0))
    capped: Vector = np.minimum(variances, sd**2)
    return capped


def _curvature(loglik: GroupLogLik, point: Vector, n_groups: int) -> NDArray[np.float64]:
    """Return minus the Hessian of each group's log-likelihood, by central differences."""
    k = len(point)
    steps = _STEP * np.eye(k)
    hessian = np.empty((n_groups, k, k))
    for i in range(k):
        for j in range(i + 1):
            plus, minus = steps[i] + steps[j], steps[i] - steps[j]
            second = (
                loglik(point + plus)
                - loglik(point + minus)
                - loglik(point - minus)
                + loglik(point - plus)
            )
            hessian[:, i, j] = hessian[:, j, i] = second / (4 * _STEP**2)
    return -hessian
