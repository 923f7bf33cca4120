"""Points of parameters and comparisons that the laws of all models use."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Model,
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)

__all__ = [
    "POINTS",
    "SIGMAS",
    "TAIL",
    "parameters_at",
    "prior_points",
    "require",
    "require_equal",
    "require_same_bytes",
    "require_same_in_kernel",
    "require_same_in_pytensor",
    "require_zero_mean",
    "shifted",
    "stacked_parameters",
]

SIGMAS = 5.5
"""Number of Monte Carlo standard errors that a law allows."""

TAIL = float(ndtr(-SIGMAS))
"""Probability of one tail beyond `SIGMAS` standard errors."""

POINTS = 4
"""Number of points at which parameters are tested."""


def prior_points(model: Model) -> list[dict[str, float]]:
    """Return points around the centre of the prior: coordinates by name."""
    rng = np.random.default_rng(5)
    return [
        {c.name: c.mean + c.sd / 2 * rng.uniform(-1, 1) for c in model.coordinates}
        for _ in range(POINTS)
    ]


def parameters_at(model: PurchaseModel | SpendModel, point: Mapping[str, float]) -> Parameters:
    """Return the reported parameters at a point."""
    given = {name: np.asarray(value, dtype=np.float64) for name, value in point.items()}
    return model.parameters(NUMPY, given)


def stacked_parameters(model: PurchaseModel | SpendModel) -> Parameters:
    """Return the reported parameters at all points, of shape (1, POINTS) each."""
    points = prior_points(model)
    return model.parameters(
        NUMPY, {c.name: np.array([[point[c.name] for point in points]]) for c in model.coordinates}
    )


def shifted(
    model: PurchaseModel | SpendModel, point: Mapping[str, float], scale: str, by: float
) -> dict[str, float]:
    """Return a point with the coordinates of one scale shifted."""

    def moved(coordinate: Coordinate) -> float:
        return point[coordinate.name] + (by if coordinate.scale == scale else 0.0)

    return {coordinate.name: moved(coordinate) for coordinate in model.coordinates}


def require(law: str, holds: Array) -> None:
    """Raise AssertionError with the name of a law if it does not hold."""
    if not np.all(holds):
        raise AssertionError(f"law broken: {law}")


def require_equal(law: str, left: Array, right: Array) -> None:
    """Raise AssertionError with the name of a law if two arrays are not nearly equal."""
    if not np.allclose(left, right, rtol=1e-7, atol=1e-7):
        worst = float(np.max(np.abs(np.asarray(left) - np.asarray(right))))
        raise AssertionError(f"law broken: {law} (largest difference {worst:.3g})")


def require_same_bytes(
    law: str, forecasts: Callable[[NDArray[np.intp]], tuple[NDArray[np.float64], ...]], n: int
) -> None:
    """Require identical forecasts of n states whole, reversed, in thirds and one by one."""
    every = np.arange(n)
    whole = forecasts(every)
    for rows in (every[::-1], *(every[k::3] for k in range(min(n, 3))), *every[:, None]):
        for found, among in zip(forecasts(rows), whole, strict=True):
            require(law, found.tobytes() == np.ascontiguousarray(among[rows]).tobytes())


def require_zero_mean(law: str, differences: NDArray[np.float64]) -> None:
    """Require that simulated differences have mean zero, up to `SIGMAS` standard errors."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    sigmas = float(abs(differences.mean()) / max(error, 1e-12))
    if sigmas > SIGMAS:
        raise AssertionError(f"law broken: {law} ({sigmas:.1f} standard errors off)")


def require_same_in_pytensor(
    model: Model,
    frequency: NDArray[np.float64],
    loglik: Callable[[ArrayNamespace, Mapping[str, Array]], Array],
) -> None:
    """Require the same values in PyTensor and NumPy, at every point for every state."""
    from omniltv.models.inference._pymc import PytensorNamespace  # noqa: PLC0415 - imports PyMC: slow

    group = np.repeat(np.arange(POINTS), len(frequency) // POINTS)
    points = prior_points(model)
    given = {
        c.name: np.array([point[c.name] for point in points])[group] for c in model.coordinates
    }
    xp = PytensorNamespace()
    symbolic = loglik(xp, model.parameters(xp, given)).eval(mode="FAST_COMPILE")
    require_equal("PyTensor equals NumPy", symbolic, loglik(NUMPY, model.parameters(NUMPY, given)))


def require_same_in_kernel(model: Model, state: PurchaseState | SpendState) -> None:
    """Require the same value and gradient from the kernel, with counts and row by row."""
    from omniltv.models.inference._likelihood import Likelihood  # noqa: PLC0415 - compiled, slow to import

    n, k = len(state.frequency), len(model.coordinates)
    count = np.arange(1.0, n + 1)
    cell = np.arange(n) % POINTS
    coordinates = np.array([list(point.values()) for point in prior_points(model)])
    value, gradient = Likelihood(model, state, count, cell).gradient(coordinates)
    rows = np.repeat(np.arange(n), count.astype(int))
    full = type(state)(*(np.asarray(values)[rows] for values in state))
    one_by_one = Likelihood(model, full, np.ones(len(rows)), cell[rows]).gradient(coordinates)
    require_equal("distinct states are all rows (value)", value, one_by_one[0])
    require_equal("distinct states are all rows (gradient)", gradient, one_by_one[1])

    def plain(at: NDArray[np.float64]) -> NDArray[np.float64]:
        named = dict(zip([item.name for item in model.coordinates], at[cell].T, strict=True))
        parameters = model.parameters(NUMPY, named)
        each = model.loglik(NUMPY, parameters, state)
        return np.bincount(cell, weights=count * each, minlength=POINTS)

    require_equal(
        "the kernel equals NumPy", value / np.abs(value), plain(coordinates) / np.abs(value)
    )
    for j in range(k):
        step = 1e-5 * np.eye(k)[j]
        slope = (plain(coordinates + step) - plain(coordinates - step)) / 2e-5
        allowed = 1e-6 * np.abs(value) + 1e-4 * np.abs(slope)
        require("the kernel's gradient", np.abs(gradient[:, j] - slope) <= allowed)
