"""Discounted purchases as a weighted sum of expected purchases until a few times."""

from itertools import pairwise

import numpy as np
from numpy.polynomial.legendre import Legendre
from numpy.typing import NDArray

__all__ = ["discounting", "lobatto"]

_LOBATTO = ((0.12, 4), (0.3, 5), (1.0, 7), (np.inf, 24))  # nodes up to rate times horizon
_LOG_TIMES = np.arange(-12.0, 2.9, 0.5)  # of rate times t, where the horizon is infinite
_SINGLY, _PER_BLOCK = 32, 8  # opportunities that are single nodes, and nodes per later block
_NOTHING = 1e-6  # largest share of an infinite sum that is omitted


def discounting(
    horizon: float, rate: float, *, discrete: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times t_k and weights w_k: discounted purchases are the sum of w_k E[X(t_k)].

    The integral of exp(-rate t) dE[X(t)] by parts is exp(-rate h) E[X(h)] plus the
    integral of rate exp(-rate t) E[X(t)], see `lobatto`. Over an infinite horizon only the
    integral remains. It is computed by the trapezoidal rule in log t, which converges
    geometrically on any time scale of E[X(t)], because the integrand is analytic up to an
    angle of 90 degrees, where exp(-rate t) stops decreasing.

    In discrete time, E[X(t)] has steps at whole opportunities, and the integral is a sum
    over them, see `_opportunities`.

    Args:
        horizon: Length in units of time; may be infinite if the rate is above 0.
        rate: Continuous discount rate per unit.
        discrete: Whether time is a number of whole opportunities.

    Examples:
        >>> times, weights = discounting(52.0, 0.002)
        >>> by_hand = (1 - np.exp(-0.002 * 52)) / 0.002  # of E[X(t)] = t
        >>> round(float(weights @ times / by_hand), 5)
        1.0
        >>> times, weights = discounting(np.inf, 0.002)
        >>> round(float(weights @ times * 0.002), 5)
        1.0
    """
    if discrete and rate:
        return _opportunities(horizon, rate)
    if np.isinf(horizon):
        scaled = np.exp(_LOG_TIMES)
        return scaled / rate, (_LOG_TIMES[1] - _LOG_TIMES[0]) * scaled * np.exp(-scaled)
    n = next(n for limit, n in _LOBATTO if abs(rate) * horizon <= limit)
    times, weights = lobatto(np.asarray(horizon), rate, n)
    needed = weights != 0  # without a discount, only E[X(h)] is needed
    return times[needed], weights[needed]


def lobatto(
    horizon: NDArray[np.float64], rate: float, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and weights for each of many horizons, of shape (n - 1, *horizon.shape).

    Gauss-Lobatto quadrature in the square root of t, because E[X(t)] is most curved at the
    start. Its two end points are free: E[X(0)] is 0, and E[X(h)] is needed anyway.

    Examples:
        >>> times, weights = lobatto(np.array([26.0, 52.0]), 0.002, 6)
        >>> (weights * times).sum(axis=0).round(3)  # of E[X(t)] = t
        array([25.336, 49.387])
    """
    basis = Legendre.basis(n - 1)
    nodes = np.append(basis.deriv().roots().real, 1.0)
    root = ((nodes + 1) / 2).reshape(-1, *(1,) * horizon.ndim)
    share = 2 / (n * (n - 1) * basis(nodes) ** 2)
    times = horizon * root**2
    length = horizon * root * share.reshape(root.shape)
    weights = np.asarray(rate * np.exp(-rate * times) * length)
    weights[-1] += np.exp(-rate * horizon)
    return times, weights


def _opportunities(horizon: float, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return opportunities and weights: discounted purchases are the sum of w_n E[X(n)].

    Summed by parts, the weight of E[X(n)] is exp(-rate n) - exp(-rate (n + 1)); the weight of
    the last one is exp(-rate n). Each of the first opportunities is a node. Later ones form
    blocks, each twice as long as the previous one. In a block, E[X(n)] is interpolated by a
    polynomial through a few opportunities, because it becomes smoother with n.
    """
    endless = np.ceil(-np.log(_NOTHING) / rate) if np.isinf(horizon) else horizon
    last = int(np.floor(endless + 1e-9))
    edges = [*range(min(_SINGLY, last) + 1)]
    while edges[-1] < last:
        edges.append(min(2 * edges[-1], last))
    times, weights = [], []
    for low, high in pairwise(edges):
        n = np.arange(low + 1.0, high + 1)
        count = np.exp(-rate * n) * np.where(n < last, -np.expm1(-rate), 1.0)
        nodes = n[_spread(len(n))]
        times.append(nodes)
        weights.append(_lagrange(nodes, n) @ count)
    return np.concatenate([[], *times]), np.concatenate([[], *weights])


def _spread(n: int) -> NDArray[np.intp]:
    """Return a few of n positions, denser towards both ends (Chebyshev nodes)."""
    angle = np.pi * np.arange(_PER_BLOCK) / (_PER_BLOCK - 1)
    return np.unique(np.round((n - 1) * (1 - np.cos(angle)) / 2).astype(np.intp))


def _lagrange(nodes: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Lagrange polynomials of the nodes at some points, of shape (nodes, at)."""
    rows = []
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)[:, None]
        rows.append(np.prod((at - others) / (node - others), axis=0))
    return np.array(rows)
