"""Purchases and P(alive) after the end of observation, for any purchase model.

Three ways, the first that a model allows: its own formula; the likelihood, if it is the density
of all purchase times; simulated futures. Numbers of simulated futures depend on the state alone,
so a result does not depend on other rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Floats, Integers
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    CountModel,
    LifetimeModel,
    Parameters,
    PurchaseModel,
    PurchaseState,
)
from omniltv.models.processes.shifted_beta_geometric import whole

__all__ = ["FUTURES", "LaterCounts", "later_alive", "prob_count", "simulated"]

FUTURES = 500
"""Simulated futures of a state under a posterior draw."""

_NODES = 24  # of integrals over the horizon, plus one for every eight purchases
_SHORTEST = 1e-300  # keeps the logarithm of a length finite
_CLOSE = 1e-4  # largest error of the integral over the time of the next purchase

type _Of = Callable[[Parameters, PurchaseState, Integers], Floats]
"""Returns numbers of futures from their parameters, states at the end and purchases."""


@dataclass(frozen=True, eq=False)
class LaterCounts:
    """Quadrature over the time of the last purchase of a forecast.

    Attributes:
        model: The purchase model.
        share: Nodes, from the start of the forecast, as shares of its length, of shape
            (n_nodes,).
        log_weight: Log weights of the nodes, same shape.
    """

    model: PurchaseModel
    share: Floats
    log_weight: Floats

    @classmethod
    def of(cls, model: PurchaseModel, length: float, most: int) -> "LaterCounts":
        """Return every opportunity, or Gauss-Legendre nodes that are dense at the start.

        Args:
            model: The purchase model.
            length: Length of the forecast, in the unit of the fit.
            most: Largest number of purchases.
        """
        if model.discrete:
            length = float(whole(length))
            share = np.arange(1.0, length + 1) / max(length, 1.0)
            return cls(model, share, np.full(len(share), -np.log(max(length, 1.0))))
        points, weights = np.polynomial.legendre.leggauss(_NODES + most // 8)
        root = (points + 1) / 2
        return cls(model, root**2, np.log(weights * root))

    def probability(
        self, parameters: Parameters, state: PurchaseState, span: Floats, later: Integers
    ) -> Floats:
        """Return the probability of later purchases given parameters, of shape (rows, draws).

        Args:
            parameters: Parameters that broadcast to it.
            state: The histories, of shape (rows, 1).
            span: Length of the forecast; it broadcasts like parameters.
            later: Number of purchases of each row, of shape (rows,); all are 0, or none is.
        """
        before = self._loglik(parameters, state)
        x, recency, T = state
        span = self._length(span)
        if not later.any():
            after = self._loglik(parameters, PurchaseState(x, recency, T + span))
            return np.exp(np.minimum(after - before, 0.0))
        n, total = later[:, None].astype(np.float64), np.zeros(before.shape)
        for share, log_weight in zip(self.share, self.log_weight, strict=True):
            offset = self._times(share, span)
            possible = np.minimum(n, offset) if self.model.discrete else n
            loglik = self._loglik(parameters, PurchaseState(x + possible, T + offset, T + span))
            ways = self._log_ways(offset, n) + np.log(span)
            total += np.exp(loglik - before + ways + log_weight)
        return total

    def always_density(self, parameters: Parameters, length: float) -> bool:
        """Return whether the likelihood is the density of all purchase times, for any history.

        It is tried on three histories as long as the forecast, so that the answer does not
        depend on the rows.

        Args:
            parameters: Parameters of a few draws, of shape (draws,) each.
            length: Length of the forecast, in the unit of the fit.
        """
        T = max(np.floor(length), 2.0) if self.model.discrete else max(length, _SHORTEST)
        recency = (0.0, 1.0, 2.0) if self.model.discrete else (0.0, T / 2, T / 2)
        rows = zip((0.0, 1.0, 2.0), recency, (T, T, T), strict=True)
        state = PurchaseState(*np.array(list(rows)).T[:, :, None])
        return self.is_density(parameters, state, np.full((1, 1), length))

    def is_density(self, parameters: Parameters, state: PurchaseState, span: Floats) -> bool:
        """Return whether the likelihood is the density of all purchase times.

        If so, the probabilities of two events sum to one: no purchase until the end of the
        forecast, and a next purchase at some time.
        """
        x, _, T = state
        span = self._length(span)
        before = self._loglik(parameters, state)
        total = self.probability(parameters, state, span, np.zeros(len(x), dtype=np.int64))
        for share, log_weight in zip(self.share, self.log_weight, strict=True):
            offset = self._times(share, span)
            next_one = PurchaseState(x + 1, T + offset, T + offset)
            density = self._loglik(parameters, next_one) - before
            total = total + np.exp(density + np.log(span) + log_weight)
        return bool(np.abs(total - 1).max(initial=0.0) < _CLOSE)

    def _length(self, span: Floats) -> Floats:
        """Return the length of a forecast, whole opportunities in discrete time."""
        return np.maximum(whole(span) if self.model.discrete else span, _SHORTEST)

    def _times(self, share: float, span: Floats) -> Floats:
        """Return the times of a node, whole opportunities in discrete time."""
        return np.asarray(np.rint(share * span) if self.model.discrete else share * span)

    def _log_ways(self, offset: Floats, n: Floats) -> Floats:
        """Return the log of the volume, or number, of the possible times of n - 1 purchases."""
        if not self.model.discrete:
            return np.asarray((n - 1) * np.log(offset) - special.gammaln(n))
        possible = np.minimum(n, offset)
        ways = special.gammaln(possible) + special.gammaln(offset - possible + 1)
        return np.asarray(np.where(n <= offset, special.gammaln(offset) - ways, -np.inf))

    def _loglik(self, parameters: Parameters, state: PurchaseState) -> Floats:
        return np.asarray(self.model.loglik(NUMPY, parameters, state), dtype=np.float64)


def prob_count(
    nodes: LaterCounts,
    parameters: Parameters,
    state: PurchaseState,
    span: Floats,
    count: int,
    *,
    density: bool,
) -> Floats:
    """Return the probability of ``count`` purchases within the span, of shape (rows, draws).

    Args:
        nodes: The quadrature of the forecast.
        parameters: Parameters that broadcast to the shape.
        state: The histories, of shape (rows, 1).
        span: Length of the forecast; it broadcasts like parameters.
        count: Number of purchases.
        density: Whether the likelihood is the density of all purchase times.
    """
    counts = np.full(len(state.frequency), count)
    if isinstance(nodes.model, CountModel):
        return nodes.model.prob_purchases(parameters, state, span, counts[:, None])
    if density or not count:
        return nodes.probability(parameters, state, span, counts)

    def kinds(_: Parameters, _end: PurchaseState, bought: Integers) -> Floats:
        return np.stack([bought > 0, bought == count]).astype(np.float64)

    none = nodes.probability(parameters, state, span, 0 * counts)
    some, equal = simulated(nodes.model, parameters, state, span, kinds)
    return np.asarray((1 - none) * equal / np.maximum(some, 1 / FUTURES))


def later_alive(
    model: PurchaseModel, parameters: Parameters, state: PurchaseState, after: Floats
) -> Floats:
    """Return P(alive) at ``after`` the end of observation, of shape (rows, draws).

    Without a formula of the model, it is the mean of P(alive) given each of `FUTURES` simulated
    futures until then.
    """
    if isinstance(model, LifetimeModel):
        return model.prob_alive_after(parameters, state, after)

    def alive(own: Parameters, end: PurchaseState, _: Integers) -> Floats:
        return model.prob_alive(own, end)

    return simulated(model, parameters, state, after, alive)


def simulated(
    model: PurchaseModel, parameters: Parameters, state: PurchaseState, span: Floats, of: _Of
) -> Floats:
    """Return the means of numbers over `FUTURES` simulated futures, (..., rows, draws).

    Args:
        model: The purchase model.
        parameters: Parameters that broadcast to (rows, draws).
        state: The histories, of shape (rows, 1).
        span: Length of the futures; it broadcasts like parameters.
        of: Numbers of futures, of shape (..., n), from their parameters, their states at the
            end and their purchases.
    """
    shapes = [np.shape(values) for values in (span, state.T, *parameters.values())]
    shape = np.broadcast_shapes(*shapes)
    wide = {name: np.broadcast_to(values, shape) for name, values in parameters.items()}
    length = np.broadcast_to(span, shape)
    rows = []
    for k, row in enumerate(zip(*(np.ravel(column) for column in state), strict=True)):
        own = {name: np.repeat(values[k], FUTURES) for name, values in wide.items()}
        values = of(own, *_ends(model, own, row, np.repeat(length[k], FUTURES)))
        rows.append(values.reshape(*values.shape[:-1], shape[1], FUTURES).mean(axis=-1))
    return np.stack(rows, axis=-2)


def _ends(
    model: PurchaseModel, own: Parameters, row: tuple[float, ...], length: Floats
) -> tuple[PurchaseState, Integers]:
    """Return states at the end of simulated futures of one history, and their purchases."""
    x, recency, T = (np.full(len(length), value, dtype=np.float64) for value in row)
    rng = np.random.default_rng(np.frombuffer(np.array(row, dtype=np.float64).tobytes(), np.uint32))
    seen = PurchaseState(x, recency, T)
    future = model.simulate_future(own, seen, float(length.max(initial=0.0)), rng)
    within = future.time <= length[future.row]
    bought = np.bincount(future.row[within], minlength=len(length))
    last = recency.copy()
    np.maximum.at(last, future.row[within], T[future.row[within]] + future.time[within])
    return PurchaseState(x + bought, last, T + length), bought
