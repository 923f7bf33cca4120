"""Histories at which purchase models are tested, and their probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb, gammaln

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    Future,
    Parameters,
    PurchaseModel,
    PurchaseState,
)
from omniltv.testing.model_laws._shared import parameters_at, prior_points

__all__ = [
    "busy_histories",
    "cell_probabilities",
    "happens_within",
    "histories",
    "simulated_histories",
    "some_customers",
    "times",
    "total_probability",
]


@dataclass(frozen=True)
class _Times:
    """The times at which a purchase model is tested.

    Attributes:
        T: Observation time of simulated histories.
        ahead: Horizon of simulated futures.
        horizons: Horizons from 0 to very long, ascending.
    """

    T: float
    ahead: float
    horizons: tuple[float, ...]


_CONTINUOUS = _Times(0.7, 1.5, (0.0, 1e-6, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0))
_DISCRETE = _Times(6.0, 3.0, (0.0, 1.0, 2.0, 3.0, 10.0, 100.0))


def times(model: PurchaseModel) -> _Times:
    """Return the times at which a model is tested."""
    return _DISCRETE if model.discrete else _CONTINUOUS


def histories(model: PurchaseModel) -> PurchaseState:
    """Return short and long histories; in discrete time, histories that the model simulates."""
    if model.discrete:
        return simulated_histories(model, np.repeat([0.0, 1.0, 2.0, 5.0, 8.0], 10))
    x, part, T = np.meshgrid([0.0, 1.0, 2.0, 10.0, 200.0], [0.1, 0.6, 1.0], [0.3, 1.0, 2.0])
    recency = np.where(x > 0, part * T, 0.0)
    return PurchaseState(x.ravel(), recency.ravel(), T.ravel())


def busy_histories(model: PurchaseModel) -> PurchaseState:
    """Return histories with very many purchases, or with very many opportunities."""
    if model.discrete:
        return simulated_histories(model, np.full(5, 1_000.0))
    return PurchaseState(np.full(3, 10_000.0), np.array([0.1, 0.9, 1.0]), np.ones(3))


def some_customers(model: PurchaseModel) -> list[tuple[float, float, float]]:
    """Return a few histories (x, t_x, T); in discrete time, simulated by the model."""
    if model.discrete:
        some = simulated_histories(model, np.full(8, _DISCRETE.T))
        return list(zip(*(np.asarray(values).tolist() for values in some), strict=True))
    return [(0.0, 0.0, 1.0), (1.0, 0.2, 1.0), (4.0, 0.8, 1.0), (4.0, 1.0, 1.0)]


def simulated_histories(model: PurchaseModel, T: NDArray[np.float64]) -> PurchaseState:
    """Return the distinct histories of a few simulated customers, at the first point."""
    parameters = parameters_at(model, prior_points(model)[0])
    drawn = model.simulate(parameters, T, np.random.default_rng(7))
    rows = np.stack([np.asarray(values, dtype=np.float64) for values in drawn], axis=1)
    return PurchaseState(*np.unique(rows, axis=0).T)


def happens_within(model: PurchaseModel, future: Future, horizon: float) -> Array:
    """Return whether each purchase of a future is at a possible time within the horizon."""
    if model.discrete:
        return np.isin(future.time, np.arange(1.0, horizon + 1))
    return (future.time >= 0) & (future.time <= horizon)


def _log_density(
    model: PurchaseModel,
    parameters: Parameters,
    x: NDArray[np.float64],
    recency: NDArray[np.float64],
    T: float,
) -> NDArray[np.float64]:
    """Return the log density of (x, t_x); the earlier x - 1 purchases are integrated out."""
    state = PurchaseState(x + 0 * recency, recency, np.full(recency.shape, T))
    loglik = np.asarray(model.loglik(NUMPY, parameters, state), dtype=np.float64)
    return loglik + (x - 1) * np.log(recency) - gammaln(x)


def _prob_none(model: PurchaseModel, parameters: Parameters, T: float) -> float:
    state = PurchaseState(np.zeros(1), np.zeros(1), np.full(1, T))
    return float(np.exp(np.asarray(model.loglik(NUMPY, parameters, state)))[0])


def total_probability(model: PurchaseModel, parameters: Parameters) -> float:
    """Return the sum of the probability over all x, in continuous time up to 3,000.

    The integral over t_x uses the trapezoidal rule in v, where t_x = T exp(-exp(v)).
    """
    T = times(model).T
    if model.discrete:
        return float(_sequences(model, parameters, T)[1].sum())
    x = np.arange(1.0, 3_001.0)[:, None]
    v = np.arange(-30.0, 4.0, 0.2)
    recency = T * np.exp(-np.exp(v)) + 0 * x
    log_density = _log_density(model, parameters, x, recency, T) + np.log(recency) + v
    return _prob_none(model, parameters, T) + float(0.2 * np.exp(log_density).sum())


def _sequences(
    model: PurchaseModel, parameters: Parameters, T: float
) -> tuple[PurchaseState, NDArray[np.float64]]:
    """Return every (x, t_x) of ``T`` opportunities, and its probability."""
    x, recency = (grid.ravel() for grid in np.mgrid[: T + 1, : T + 1])
    held = ((x > 0) & (x <= recency)) | ((x == 0) & (recency == 0))
    x, recency = x[held], recency[held]
    state = PurchaseState(x, recency, np.full(x.shape, T))
    loglik = np.asarray(model.loglik(NUMPY, parameters, state), dtype=np.float64)
    ways = np.where(x > 0, comb(recency - 1, x - 1), 1.0)
    return state, ways * np.exp(loglik)


def cell_probabilities(
    model: PurchaseModel, parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return P(x, t_x <= T/2) and P(x, t_x > T/2) for x = 0, 1 … 4."""
    return (_discrete_cells if model.discrete else _continuous_cells)(model, parameters)


def _discrete_cells(
    model: PurchaseModel, parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    (x, recency, T), share = _sequences(model, parameters, _DISCRETE.T)
    early = recency <= T / 2
    per_x = [np.bincount(x.astype(int), weights=share * cell)[:5] for cell in (early, ~early)]
    return per_x[0], per_x[1]


def _continuous_cells(
    model: PurchaseModel, parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, T = np.arange(1.0, 5.0)[:, None], _CONTINUOUS.T
    nodes, weights = np.polynomial.legendre.leggauss(40)
    parts = []
    for low in (0.0, T / 2):
        recency = low + T / 4 * (nodes + 1) + 0 * x
        density = np.exp(_log_density(model, parameters, x, recency, T))
        parts.append(density @ weights * T / 4)
    none = _prob_none(model, parameters, T)
    return np.append(none, parts[0]), np.append(0.0, parts[1])
