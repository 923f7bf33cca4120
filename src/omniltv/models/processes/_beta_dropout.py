"""Beta dropout: the maths of models with gamma purchase rates and beta dropout probabilities.

These models differ in the times between purchases. They share the dropout after a purchase
and the sampled coordinates.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Future,
    Parameters,
    PurchaseState,
)

__all__ = [
    "COORDINATES",
    "alive_after",
    "entries",
    "future",
    "histories",
    "log_alive",
    "log_odds_dead",
    "log_survived",
    "mean_purchases",
    "parameters_of",
    "prob_bought",
    "prob_poisson_purchases",
    "tosses",
]

COORDINATES = (
    Coordinate("log_rate", mean=0.0, sd=1.5, scale="time"),
    Coordinate("log_shape", mean=-0.5, sd=1.0),
    Coordinate("logit_dropout", mean=-1.0, sd=1.5),
    Coordinate("log_concentration", mean=1.0, sd=1.0),
)

_NEAR_POLE = 1e-4  # the closed forms of the mean are 0/0 at a = 1 and at a + b = 1
_STEP, _PLACES = 1e-3, (-3, -1, 1, 3)  # values of a around 1
_SMALL = 0.02  # below, the second pole is among these values
_NODES = 256


def parameters_of(xp: ArrayNamespace, coordinates: Mapping[str, Array]) -> dict[str, Array]:
    """Return r, alpha, a and b from the sampled coordinates."""
    dropout = coordinates["logit_dropout"]
    concentration = xp.exp(coordinates["log_concentration"])
    return {
        "r": xp.exp(coordinates["log_shape"]),
        "alpha": xp.exp(coordinates["log_shape"] - coordinates["log_rate"]),
        "a": xp.sigmoid(dropout) * concentration,
        "b": xp.sigmoid(-dropout) * concentration,
    }


def log_survived(xp: ArrayNamespace, a: Array, b: Array, tosses: Array) -> Array:
    """Return log E[(1 - p)^tosses] with p ~ Beta(a, b)."""
    survived = xp.gammaln(b + tosses) - xp.gammaln(b)
    return survived + xp.gammaln(a + b) - xp.gammaln(a + b + tosses)


def log_alive(
    xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState, tosses: Array
) -> Array:
    """Return the log-likelihood of x Poisson purchases and of surviving ``tosses`` purchases."""
    r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
    x, _, T = state
    of_frequency = xp.gammaln(r + x) - xp.gammaln(r) + r * xp.log(alpha)
    return of_frequency + log_survived(xp, a, b, tosses) - (r + x) * xp.log(alpha + T)


def log_odds_dead(
    xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState, passed: Array
) -> Array:
    """Return the log odds of dropout at t_x, after surviving ``passed`` purchases before."""
    r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
    x, recency, T = state
    silence = xp.log(alpha + T) - xp.log(alpha + recency)
    return xp.log(a) - xp.log(b + passed) + (r + x) * silence


def histories(
    parameters: Parameters,
    T: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    tossed_at_start: bool,
) -> PurchaseState:
    """Return histories of new customers observed for ``T``, of the shape of ``T``.

    Of M arrivals, uniform over (0, T), the first min(M, N) are purchases if the customer
    drops out after N; the time of the last one is a scaled beta variate.
    """
    T = np.asarray(T, dtype=np.float64)
    rate = rng.gamma(np.broadcast_to(parameters["r"], T.shape)) / parameters["alpha"]
    arrivals = rng.poisson(rate * T)
    dropout = rng.beta(np.broadcast_to(parameters["a"], T.shape), parameters["b"])
    x = np.minimum(arrivals, tosses(dropout, rng) - tossed_at_start).astype(np.int64)
    some = np.maximum(x, 1)
    recency = T * rng.beta(some, np.maximum(arrivals, 1) - some + 1)
    return PurchaseState(x, np.where(x > 0, recency, 0.0), T)


def future(
    parameters: Parameters,
    state: PurchaseState,
    horizon: float,
    rng: np.random.Generator,
    *,
    alive: NDArray[np.float64],
    passed: NDArray[np.int64],
) -> Future:
    """Return simulated Poisson purchases of each customer within ``horizon``.

    Args:
        parameters: r, alpha, a and b; scalars or of shape (n,).
        state: The customers, of shape (n,).
        horizon: Time ahead, in the unit of the history.
        rng: Random generator.
        alive: P(alive) of each customer.
        passed: Number of purchases that an active customer has survived.
    """
    x = np.asarray(state.frequency)
    still = np.flatnonzero(rng.random(x.shape) < alive)  # nothing is drawn of the others
    shape, scale = (
        entries(parameters["r"] + x, still),
        entries(parameters["alpha"] + state.T, still),
    )
    arrivals = rng.poisson(rng.gamma(shape) * horizon / scale)
    still, arrivals = still[arrivals > 0], arrivals[arrivals > 0]
    a, b = entries(parameters["a"], still), entries(parameters["b"] + passed, still)
    bought = np.minimum(arrivals, tosses(rng.beta(a, b), rng)).astype(np.int64)
    # The first k of M uniform times are k uniform times below the (k + 1)-th.
    end, missed = np.full(len(still), float(horizon)), arrivals - bought
    cut = np.flatnonzero(missed)
    end[cut] *= rng.beta(bought[cut] + 1.0, missed[cut])
    row = np.repeat(still, bought)
    return Future(row, np.repeat(end, bought) * rng.random(len(row)))


def entries(values: ArrayLike, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return some entries of an array, or a scalar as often.

    Examples:
        >>> entries(np.array([1.0, 2.0, 3.0]), np.array([2, 0])).tolist()
        [3.0, 1.0]
        >>> entries(5.0, np.array([2, 0])).tolist()
        [5.0, 5.0]
    """
    array = np.asarray(values, dtype=np.float64)
    return array[places] if array.ndim else np.full(len(places), array)


def tosses(dropout: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the number of the purchase after which a customer drops out; infinite if p is 0."""
    waits = rng.exponential(size=dropout.shape)
    with np.errstate(over="ignore", divide="ignore"):  # customers with p = 0 never drop out
        return 1 + np.floor(-waits / np.log1p(-dropout))


def mean_purchases(
    shape: ArrayLike, scale: ArrayLike, a: ArrayLike, b: ArrayLike, horizon: ArrayLike
) -> NDArray[np.float64]:
    """Return the mean purchases of active customers within a horizon.

    It is E[(1 - exp(-lambda p t)) / p] with lambda ~ Gamma(shape, scale) and
    p ~ Beta(a, b). The hypergeometric function of Fader, Hardie and Lee (2005), eqs. 9 and
    10, is used after Euler's transformation (Abramowitz and Stegun 15.3.3). As printed, it
    overflows for x above about 400; after the transformation its arguments stay small.

    The result does not depend on recency, so many consecutive states share it. Rows like the
    one before are not computed again.
    """
    given = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (shape, scale, a, b, horizon))
    )
    if given[0].ndim < 2:
        return _mean_purchases(*given)
    new = _unlike_before(given)
    found = _mean_purchases(*(values[..., new, :] for values in given))
    return found if new.all() else found[..., np.cumsum(new) - 1, :]


def alive_after(
    parameters: Parameters,
    state: PurchaseState,
    after: NDArray[np.float64],
    *,
    alive: NDArray[np.float64],
    passed: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return P(alive) at a future moment, of customers with Poisson purchases.

    An active customer is still active with probability 1 - E[p N], where N are the purchases
    until then: each ends the lifetime with probability p. Weighting by p ~ Beta(a, b) turns a
    into a + 1.

    Args:
        parameters: r, alpha, a and b.
        state: The customers.
        after: Time from the end of observation to the moment.
        alive: P(alive) of each customer at the end of observation.
        passed: Number of purchases that an active customer has survived.
    """
    shape, scale = parameters["r"] + np.asarray(state.frequency), parameters["alpha"] + state.T
    a, b = parameters["a"], parameters["b"] + passed
    ended = a / (a + b) * mean_purchases(shape, scale, a + 1, b, after)
    return alive * np.clip(1 - ended, 0.0, 1.0)


def prob_poisson_purchases(
    parameters: Parameters,
    state: PurchaseState,
    horizon: NDArray[np.float64],
    count: NDArray[np.int64],
    *,
    alive: NDArray[np.float64],
    passed: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the probability of ``count`` Poisson purchases of each customer within a horizon.

    Args:
        parameters: r, alpha, a and b.
        state: The customers.
        horizon: Time after the end of observation.
        count: Numbers of purchases.
        alive: P(alive) of each customer.
        passed: Number of purchases that an active customer has survived.
    """
    shape, scale = parameters["r"] + np.asarray(state.frequency), parameters["alpha"] + state.T
    arrived = _prob_arrivals(shape, scale, horizon, count)
    return prob_bought(alive, parameters["a"], parameters["b"] + passed, arrived, count)


def _prob_arrivals(
    shape: ArrayLike, scale: ArrayLike, horizon: ArrayLike, count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return P(M = count) and P(M > count) of M Poisson arrivals at rates Gamma(shape, scale)."""
    shape, scale = np.asarray(shape), np.asarray(scale)
    q = np.asarray(np.asarray(horizon) / (scale + horizon), dtype=np.float64)
    ways = special.gammaln(shape + count) - special.gammaln(shape) - special.gammaln(count + 1.0)
    log = ways + special.xlogy(count, q) - shape * np.log1p(np.asarray(horizon) / scale)
    return np.exp(log), np.asarray(special.betainc(count + 1.0, shape, q))


def prob_bought(
    alive: NDArray[np.float64],
    a: ArrayLike,
    b: ArrayLike,
    arrived: tuple[NDArray[np.float64], NDArray[np.float64]],
    count: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the probability of ``count`` purchases, given that of as many arrivals.

    An active customer buys n > 0 times if n purchases would arrive, or if more would and the
    n-th ends the lifetime; the n - 1 before it did not.

    Args:
        alive: P(alive) at the end of observation.
        a: First parameter of the beta posterior of the dropout probability.
        b: Its second parameter.
        arrived: Probability of exactly ``count`` arrivals, and of more.
        count: Numbers of purchases.
    """
    equal, more = arrived
    passed = np.maximum(count - 1, 0)
    survived = np.exp(log_survived(NUMPY, a, b, passed))
    ended = np.asarray(a) / (np.asarray(a) + b + passed)
    some = alive * survived * (equal + more * ended)
    return np.where(count > 0, some, 1 - alive + alive * equal)


def _unlike_before(given: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return which rows, the last axis but one, differ from the row before in some array."""
    new = np.zeros(given[0].shape[-2], dtype=bool)
    new[:1] = True
    for values in given:
        moved = values[..., 1:, :] != values[..., :-1, :]
        new[1:] |= moved.any(axis=(*range(values.ndim - 2), -1))
    return new


def _mean_purchases(
    shape: NDArray[np.float64],
    scale: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    horizon: NDArray[np.float64],
) -> NDArray[np.float64]:
    z = horizon / (scale + horizon)
    mean = _closed_form(shape, z, a, b)
    near, at_pole = abs(a - 1) < _NEAR_POLE, b < _SMALL
    between = near & ~at_pole
    if between.any():
        mean[between] = _around_one(shape[between], z[between], a[between], b[between])
    hard = ~np.isfinite(mean) | (near & at_pole) | (abs(a + b - 1) < _NEAR_POLE)
    if hard.any():
        mean[hard] = _by_quadrature(shape[hard], (horizon / scale)[hard], a[hard], b[hard])
    return mean


def _closed_form(
    shape: NDArray[np.float64],
    z: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean purchases with z = horizon / (scale + horizon); not finite at poles."""
    c = a + b - 1
    with np.errstate(all="ignore"):
        ratio = np.exp((a - 1) * np.log1p(-z)) * special.hyp2f1(c - shape, a - 1, c, z)
        return np.asarray(c / (a - 1) * (1 - ratio))


def _around_one(
    shape: NDArray[np.float64],
    z: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the closed form near a = 1, where it is 0/0: the cubic through four values of a."""
    place, mean = (a - 1) / _STEP, np.zeros(a.shape)
    for node in _PLACES:
        others = [other for other in _PLACES if other != node]
        weight = np.prod([(place - other) / (node - other) for other in others], axis=0)
        mean += weight * _closed_form(shape, z, np.full(a.shape, 1 + node * _STEP), b)
    return mean


def _by_quadrature(
    shape: NDArray[np.float64],
    ratio: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return E[f(p)], f(p) = (1 - (1 + p ratio)^-shape) / p, p ~ Beta(a, b), shape (n,).

    It uses the trapezoidal rule in logit p, which converges geometrically, on f minus the
    line through its ends. The difference is 0 at both ends even if the density is not.
    """
    at_0 = shape * ratio
    at_1 = -np.expm1(-shape * np.log1p(ratio))
    width = 8 * np.sqrt(1 / (1 + a) + 1 / (1 + b))
    left = width + 30 / (1 + a)
    step = (left + width + 30 / (1 + b)) / _NODES
    start = np.log((a + 0.5) / (b + 0.5)) - left
    mean = (at_0 * b + at_1 * a) / (a + b)
    for node in range(_NODES + 1):
        logit = start + node * step
        p, q = special.expit(logit), special.expit(-logit)
        line = at_0 * q + at_1 * p
        log_density = a * special.log_expit(logit) + b * special.log_expit(-logit)
        bend = -np.expm1(-shape * np.log1p(p * ratio)) / p - line
        mean += step * bend * np.exp(log_density - special.betaln(a, b))
    return mean
