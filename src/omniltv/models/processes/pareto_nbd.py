"""The Pareto/NBD model: gamma purchase rates during exponential lifetimes.

Schmittlein, Morrison and Colombo (1987), Counting Your Customers: Who Are They and What
Will They Do Next? Management Science 33(1), 1-24; Fader and Hardie (2005), A Note on
Deriving the Pareto/NBD Model and Related Expressions,
http://www.brucehardie.com/notes/009/. Equation numbers are those of the note as of
2005-11-05.

A customer buys at rate lambda ~ Gamma(r, alpha) while active, and drops out, unobserved and
at any time, at rate mu ~ Gamma(s, beta).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from omniltv.models.processes._beta_dropout import entries
from omniltv.models.processes._rates import gamma_log_rate
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Future,
    Parameters,
    PurchaseState,
)

__all__ = ["ParetoNbd"]

_FOLDS = 20.0
_NODES = [
    (1 / node, weight / node**2)
    for node, weight in zip(*(v.tolist() for v in special.roots_sh_legendre(12)), strict=True)
]
"""Inverse nodes, and weights over squared nodes, of Gauss-Legendre quadrature on (0, 1)."""


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """The Pareto/NBD model of repeat purchases, with reported parameters r, alpha, s, beta.

    The sampled coordinates are the log mean purchase rate log(r/alpha), log r, the log mean
    dropout rate log(s/beta) and log s. They are nearly independent in the posterior.

    The default priors are weak. With 95 % probability, both mean rates are within a factor of
    20 of one per mean observation time. The priors of the variation between customers are
    vague.

    Examples:
        >>> parameters = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
        >>> customer = PurchaseState(np.array([26]), np.array([30.86]), np.array([31.0]))
        >>> ParetoNbd().prob_alive(parameters, customer).round(4)
        array([0.9979])
        >>> ParetoNbd().expected_purchases(parameters, customer, np.array(52.0)).round(2)
        array([25.46])
    """

    name = "pareto_nbd"
    version = 1
    discrete = False
    coordinates = (
        Coordinate("log_rate", mean=0.0, sd=1.5, scale="time"),
        Coordinate("log_shape", mean=-0.5, sd=1.0),
        Coordinate("log_dropout", mean=0.0, sd=1.5, scale="time"),
        Coordinate("log_dropout_shape", mean=-0.5, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return r, alpha, s and beta from the sampled coordinates."""
        shape, dropout_shape = coordinates["log_shape"], coordinates["log_dropout_shape"]
        return {
            "r": xp.exp(shape),
            "alpha": xp.exp(shape - coordinates["log_rate"]),
            "s": xp.exp(dropout_shape),
            "beta": xp.exp(dropout_shape - coordinates["log_dropout"]),
        }

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state, of their broadcast shape.

        The hypergeometric functions of the note are an integral over the time of dropout. The
        integral itself is computed, so nothing overflows. For r and s from 0.05 to 20 and up
        to 10,000 purchases, the error of its logarithm is below 1e-8 if alpha and beta are at
        least T/20, and below 2e-5 if they are at least T/1,000.
        """
        r, alpha, s, beta = (parameters[key] for key in ("r", "alpha", "s", "beta"))
        x, recency, _ = state
        alive, dead = _alive_and_dead(xp, parameters, state)
        before = r * xp.log(alpha) + s * xp.log(beta) - xp.gammaln(r)
        bought = xp.gammaln(r + x) - (r + x) * xp.log(alpha + recency)
        return before + bought - s * xp.log(beta + recency) + xp.log(alive + dead)

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return P(alive) at the end of observation (section 5.1)."""
        alive, dead = _alive_and_dead(NUMPY, parameters, state)
        return np.asarray(alive / (alive + dead))

    def log_rate(
        self, parameters: Parameters, state: PurchaseState, *, ahead: bool = False
    ) -> NDArray[np.float64]:
        """Return the expected log of each customer's purchase rate, see `RateModel`."""
        alive = None if ahead else self.prob_alive(parameters, state)
        shape = parameters["r"] + np.asarray(state.frequency)
        return gamma_log_rate(shape, parameters["alpha"], state, alive, left_late=True)

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected purchases within ``horizon`` after T (eq. 41).

        Given that the customer is alive, lambda ~ Gamma(r + x, alpha + T) and
        mu ~ Gamma(s, beta + T), independent of each other.
        """
        rate = (parameters["r"] + np.asarray(state.frequency)) / (parameters["alpha"] + state.T)
        lived = _mean_lived(parameters["s"], parameters["beta"] + state.T, horizon)
        return np.asarray(self.prob_alive(parameters, state) * rate * lived)

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(alive) at ``after`` the end of observation: mu ~ Gamma(s, beta + T) if alive."""
        survived = np.exp(-parameters["s"] * np.log1p(after / (parameters["beta"] + state.T)))
        return np.asarray(self.prob_alive(parameters, state) * survived)

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected repeat purchases of a new customer within ``horizon`` (eq. 27)."""
        lived = _mean_lived(parameters["s"], parameters["beta"], horizon)
        return lived * parameters["r"] / parameters["alpha"]

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers observed for ``T``, of the shape of ``T``.

        The x purchases are uniform over the lifetime within T; the time of the last one is a
        scaled beta variate.
        """
        T = np.asarray(T, dtype=np.float64)
        lived = np.minimum(T, _lifetimes(parameters["s"], parameters["beta"], T.shape, rng))
        rate = rng.gamma(np.broadcast_to(parameters["r"], T.shape)) / parameters["alpha"]
        x = rng.poisson(rate * lived).astype(np.int64)
        last = lived * rng.beta(np.maximum(x, 1), 1.0)
        return PurchaseState(x, np.where(x > 0, last, 0.0), T)

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return simulated purchases of each customer within ``horizon``.

        Purchase and dropout rates are drawn from the customer's posterior, see
        `expected_purchases`.
        """
        x = np.asarray(state.frequency)
        alive = np.flatnonzero(rng.random(x.shape) < self.prob_alive(parameters, state))
        s, beta = entries(parameters["s"], alive), entries(parameters["beta"] + state.T, alive)
        lived = np.minimum(horizon, _lifetimes(s, beta, alive.shape, rng))
        shape = entries(parameters["r"] + x, alive)
        scale = entries(parameters["alpha"] + state.T, alive)
        bought = rng.poisson(rng.gamma(shape) / scale * lived)
        row = np.repeat(alive, bought)
        return Future(row, np.repeat(lived, bought) * rng.random(len(row)))


def _alive_and_dead(
    xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
) -> tuple[Array, Array]:
    """Return the likelihoods of being active at T, and of dropout after t_x.

    Both are divided by f(t_x), where f(t) = (alpha + t)^-(r + x) (beta + t)^-s, so that
    neither overflows. They are f(T), and the integral of s f(t) / (beta + t) from t_x to T.

    The integral is transformed to u in (0, 1) by log(1 + per_time (t - t_x)) =
    stretch u / (1 - bend u). The logarithm handles long tails. The bend is set from the
    decay of the integrand, so a few nodes are enough for any number of purchases.
    """
    r, alpha, s, beta = (parameters[key] for key in ("r", "alpha", "s", "beta"))
    x, recency, T = state
    rest = T - recency
    per_alpha, per_beta = 1 / (alpha + recency), 1 / (beta + recency)
    by_alpha, by_beta = (r + x) * per_alpha, (s + 1) * per_beta
    fall = by_alpha + by_beta
    per_time = (by_alpha * per_alpha + by_beta * per_beta) / fall
    ratio_alpha, ratio_beta = per_alpha / per_time, per_beta / per_time
    whole = xp.log1p(per_time * rest)
    pace = xp.maximum(fall / per_time - 1, 0.0) / _FOLDS
    stretch = whole / (1 + pace * whole)
    bend = pace * stretch
    total = 0.0
    for inverse, weight in _NODES:
        step = 1 / (inverse - bend)
        folds = stretch * step
        grown = xp.exp(folds) - 1
        lost = (r + x) * xp.log1p(ratio_alpha * grown) + (s + 1) * xp.log1p(ratio_beta * grown)
        total = total + weight * (step * step) * xp.exp(folds - lost)
    alive = xp.exp(-(r + x) * xp.log1p(per_alpha * rest) - s * xp.log1p(per_beta * rest))
    return alive, s * ratio_beta * stretch * total


def _mean_lived(shape: ArrayLike, scale: ArrayLike, horizon: ArrayLike) -> NDArray[np.float64]:
    """Return the mean lifetime within a horizon, E[(1 - exp(-mu h)) / mu].

    With mu ~ Gamma(shape, scale) it is (scale - scale (scale / (scale + h))^(shape - 1)) /
    (shape - 1), computed here without the pole at shape = 1.
    """
    shape, scale = np.asarray(shape), np.asarray(scale)
    folds = np.log1p(np.asarray(horizon) / scale)
    return np.asarray(scale * folds * special.exprel((1 - shape) * folds), dtype=np.float64)


def _lifetimes(
    shape: ArrayLike, scale: ArrayLike, size: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return exponential lifetimes, rates from Gamma(shape, scale); infinite if a rate is 0."""
    dropout = rng.gamma(np.broadcast_to(shape, size))
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(rng.exponential(size=size) * np.asarray(scale) / dropout)
