"""Where to start sampling, and how much each group's own data say.

Modes and curvatures by the model's own log-likelihood on the states, in NumPy, with
finite differences.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.models._numpy import NUMPY
from omniltv.models.protocols import PurchaseModel, PurchaseState, SpendModel, SpendState

__all__ = ["centring", "loglik", "mode"]

type Vector = NDArray[np.float64]
type LogLik = Callable[[Vector], float]
"""The log-likelihood of all states at one point of the coordinates."""

_STEP = 1e-3
_FAR = 6.0  # prior standard deviations


def loglik(
    model: PurchaseModel | SpendModel, state: PurchaseState | SpendState, count: Vector
) -> LogLik:
    """Return the log-likelihood of states with counts as a function of the coordinates."""
    names = [coordinate.name for coordinate in model.coordinates]

    def evaluate(point: Vector) -> float:
        parameters = model.parameters(NUMPY, dict(zip(names, point, strict=True)))
        if isinstance(model, PurchaseModel):
            values = model.loglik(NUMPY, parameters, PurchaseState(*state))
        else:
            values = model.loglik(NUMPY, parameters, SpendState(*state))
        return float(count @ values)

    return evaluate


def mode(target: LogLik, mean: Vector, sd: Vector) -> Vector:
    """Return where log-likelihood plus the log of Normal(mean, sd) is largest, shape (k,)."""

    def minus_log_posterior(step: Vector) -> float:
        with np.errstate(all="ignore"):  # a line search may step where the density underflows
            value = float(0.5 * step @ step) - target(mean + sd * step)
        return value if np.isfinite(value) else 1e300

    bounds = [(-_FAR, _FAR)] * len(sd)
    found = minimize(minus_log_posterior, np.zeros(len(sd)), method="L-BFGS-B", bounds=bounds)
    step: Vector = np.asarray(found.x, dtype=np.float64)
    return mean + sd * step


def centring(target: LogLik, reference: Vector, spread: Vector) -> Vector:
    """Return how far a group's own data determine its coordinates: w, of shape (k,).

    That is 1 - v / tau^2, with v the posterior variance of the group's coordinate under
    Normal(reference, tau): near 1 where the data speak, near 0 where the prior does. For
    a single coordinate whose likelihood has standard error s it is tau^2 / (tau^2 + s^2).
    """
    own = mode(target, reference, spread)
    precision = _curvature(target, own) + np.diag(spread**-2)
    variance = np.diag(np.linalg.pinv(precision))
    return np.clip(1 - variance / spread**2, 0.0, 1.0)


def _curvature(target: LogLik, point: Vector) -> NDArray[np.float64]:
    """Return minus the Hessian of a log-likelihood, of shape (k, k), by central differences."""
    k = len(point)
    steps = _STEP * np.eye(k)
    hessian = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            plus, minus = steps[i] + steps[j], steps[i] - steps[j]
            second = (
                target(point + plus)
                - target(point + minus)
                - target(point - minus)
                + target(point - plus)
            )
            hessian[i, j] = hessian[j, i] = second / (4 * _STEP**2)
    return -hessian
