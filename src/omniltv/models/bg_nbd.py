"""The BG/NBD model: buying at a gamma rate, dropping out by a beta coin after a purchase.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way: An Alternative
to the Pareto/NBD Model, Marketing Science 24(2), 275-284. Equation numbers are theirs.

A customer buys at rate lambda ~ Gamma(r, alpha) while alive, and after each repeat
purchase drops out with probability p ~ Beta(a, b).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from omniltv.models._numpy import NUMPY
from omniltv.models.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Future,
    Parameters,
    PurchaseState,
)

__all__ = ["BgNbd"]

_NEAR_POLE = 1e-4  # eq. 9 and 10 are 0/0 at a = 1 and at a + b + x = 1
_NODES = 256


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The BG/NBD model of repeat purchases, with reported parameters r, alpha, a, b.

    It is sampled in the log mean rate log(r/alpha), log r, the logit of the mean dropout
    probability a/(a+b) and the log concentration log(a+b): nearly independent a posteriori.

    The default priors are weak: they say that the mean rate is within a factor of 20 of
    one purchase per mean observation time, the mean dropout probability between 2 and 87
    percent (both with 95 % probability), and little of how customers differ.

    Examples:
        >>> parameters = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Table 2
        >>> customer = PurchaseState(np.array([2]), np.array([30.43]), np.array([38.86]))
        >>> BgNbd().expected_purchases(parameters, customer, np.array(39.0)).round(3)
        array([1.226])
    """

    name = "bg_nbd"
    version = 1
    discrete = False
    coordinates = (
        Coordinate("log_rate", mean=0.0, sd=1.5, scale="time"),
        Coordinate("log_shape", mean=-0.5, sd=1.0),
        Coordinate("logit_dropout", mean=-1.0, sd=1.5),
        Coordinate("log_concentration", mean=1.0, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return r, alpha, a and b from the sampled coordinates."""
        dropout = coordinates["logit_dropout"]
        concentration = xp.exp(coordinates["log_concentration"])
        return {
            "r": xp.exp(coordinates["log_shape"]),
            "alpha": xp.exp(coordinates["log_shape"] - coordinates["log_rate"]),
            "a": xp.sigmoid(dropout) * concentration,
            "b": xp.sigmoid(-dropout) * concentration,
        }

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state (eq. 6), of their broadcast shape."""
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        x, _, T = state
        if_alive = (
            xp.gammaln(r + x)
            - xp.gammaln(r)
            - r * xp.log1p(T / alpha)
            - x * xp.log(alpha + T)
            + xp.gammaln(b + x)
            - xp.gammaln(b)
            + xp.gammaln(a + b)
            - xp.gammaln(a + b + x)
        )
        odds_dead = self._log_odds_dead(xp, parameters, state)
        return if_alive + xp.where(x > 0, xp.logaddexp(0.0, odds_dead), 0.0)

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return P(alive) at the end of observation (eq. 4 of the note).

        Fader and Hardie (2008), Computing P(alive) Using the BG/NBD Model,
        http://www.brucehardie.com/notes/021/. It is 1 where x = 0: the coin is only
        tossed after a repeat purchase.
        """
        x = np.asarray(state.frequency)
        return np.where(x > 0, special.expit(-self._log_odds_dead(NUMPY, parameters, state)), 1.0)

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected purchases within ``horizon`` after T (eq. 10).

        Given that the customer is alive, lambda ~ Gamma(r + x, alpha + T) and
        p ~ Beta(a, b + x); eq. 10 is P(alive) times the mean over both.
        """
        x = np.asarray(state.frequency)
        if_alive = _mean_purchases(
            parameters["r"] + x,
            parameters["alpha"] + state.T,
            parameters["a"],
            parameters["b"] + x,
            horizon,
        )
        return self.prob_alive(parameters, state) * if_alive

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected repeat purchases of a new customer within ``horizon`` (eq. 9)."""
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        return _mean_purchases(r, alpha, a, b, horizon)

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers observed for ``T``, of the shape of ``T``.

        Of M arrivals, uniform over (0, T), the first min(M, N) are purchases where the
        coin ends the customer after N; the last of them is a scaled beta variate.
        """
        T = np.asarray(T, dtype=np.float64)
        rate = rng.gamma(np.broadcast_to(parameters["r"], T.shape)) / parameters["alpha"]
        arrivals = rng.poisson(rate * T)
        dropout = rng.beta(np.broadcast_to(parameters["a"], T.shape), parameters["b"])
        x = np.minimum(arrivals, _tosses(dropout, rng)).astype(np.int64)
        some = np.maximum(x, 1)
        recency = T * rng.beta(some, np.maximum(arrivals, 1) - some + 1)
        return PurchaseState(x, np.where(x > 0, recency, 0.0), T)

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return the purchases within ``horizon`` of one draw of each customer.

        Rate and dropout are drawn from the customer's own posterior, see
        `expected_purchases`.
        """
        x = np.asarray(state.frequency)
        shape = x.shape
        alive = rng.random(shape) < self.prob_alive(parameters, state)
        rate = rng.gamma(np.broadcast_to(parameters["r"] + x, shape))
        arrivals = rng.poisson(alive * rate * horizon / (parameters["alpha"] + state.T))
        dropout = rng.beta(np.broadcast_to(parameters["a"], shape), parameters["b"] + x)
        bought = np.minimum(arrivals, _tosses(dropout, rng)).astype(np.int64)
        # The first k of M uniform times are k uniform times below the (k + 1)-th.
        missed = arrivals - bought
        end = np.where(missed > 0, rng.beta(bought + 1, np.maximum(missed, 1)), 1.0) * horizon
        row = np.repeat(np.arange(x.size), bought)
        return Future(row, end[row] * rng.random(len(row)))

    def _log_odds_dead(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log odds that the customer dropped out at the last purchase, x > 0."""
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        x, recency, T = state
        before = xp.maximum(x, 1) - 1  # keeps the branch of x = 0 finite
        odds_of_coin = xp.log(a) - xp.log(b + before)
        return odds_of_coin + (r + x) * xp.log((alpha + T) / (alpha + recency))


def _tosses(dropout: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return at which purchase the coin ends the customer: geometric, infinite where p is 0."""
    waits = rng.exponential(size=dropout.shape)
    with np.errstate(over="ignore", divide="ignore"):  # who never drops out waits for ever
        return 1 + np.floor(-waits / np.log1p(-dropout))


def _mean_purchases(
    shape: ArrayLike, scale: ArrayLike, a: ArrayLike, b: ArrayLike, horizon: ArrayLike
) -> NDArray[np.float64]:
    """Return the mean purchases within a horizon of customers who are alive.

    That is E[(1 - exp(-lambda p t)) / p] with lambda ~ Gamma(shape, scale) and
    p ~ Beta(a, b). The hypergeometric function of eqs. 9 and 10 is used after Euler's
    transformation (Abramowitz and Stegun 15.3.3): as printed it overflows from about
    x = 400 on, transformed its arguments stay small however large x is.
    """
    shape, scale, a, b, horizon = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (shape, scale, a, b, horizon))
    )
    c = a + b - 1
    z = horizon / (scale + horizon)
    with np.errstate(all="ignore"):
        ratio = np.exp((a - 1) * np.log1p(-z)) * special.hyp2f1(c - shape, a - 1, c, z)
        mean = np.asarray(c / (a - 1) * (1 - ratio))
    hard = ~np.isfinite(mean) | (abs(a - 1) < _NEAR_POLE) | (abs(c) < _NEAR_POLE)
    if hard.any():
        mean[hard] = _by_quadrature(shape[hard], (horizon / scale)[hard], a[hard], b[hard])
    return mean


def _by_quadrature(
    shape: NDArray[np.float64],
    ratio: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return E[f(p)], f(p) = (1 - (1 + p ratio)^-shape) / p, p ~ Beta(a, b), shape (n,).

    The trapezoidal rule in logit p, which converges geometrically, on f less the line
    through its ends: what is left vanishes at both ends even where the density does not.
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
