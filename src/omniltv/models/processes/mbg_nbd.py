"""The MBG/NBD model: the BG/NBD model with possible dropout at the first purchase.

Batislam, Denizel and Filiztekin (2007), Empirical validation and comparison of models
for customer base analysis, International Journal of Research in Marketing 24(3),
201-209; Hoppe and Wagner (2007), Customer base analysis: the case for a central variant
of the betageometric/NBD model, Marketing JRM 3(2), 75-90.

A customer buys at rate lambda ~ Gamma(r, alpha) while alive, and drops out with
probability p ~ Beta(a, b) at the first purchase, at time 0, and after every later one.
A customer without repeat purchases may be inactive, who is always active under the BG/NBD
model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from omniltv.models.processes._beta_dropout import (
    COORDINATES,
    alive_after,
    future,
    histories,
    log_alive,
    log_odds_dead,
    mean_purchases,
    parameters_of,
    prob_poisson_purchases,
)
from omniltv.models.processes._rates import gamma_log_rate
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Future,
    Parameters,
    PurchaseState,
)

__all__ = ["MbgNbd"]


@dataclass(frozen=True, slots=True)
class MbgNbd:
    """The MBG/NBD model of repeat purchases, with reported parameters r, alpha, a, b.

    Coordinates and default priors are those of `BgNbd`. Here a/(a+b) is also the mean
    probability of dropout at the first purchase.

    Examples:
        >>> parameters = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}
        >>> customer = PurchaseState(np.array([0, 2]), np.array([0, 30.43]), np.array([38.86]))
        >>> MbgNbd().prob_alive(parameters, customer).round(3)
        array([0.39 , 0.706])
    """

    name = "mbg_nbd"
    version = 1
    discrete = False
    coordinates = COORDINATES

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return r, alpha, a and b from the sampled coordinates."""
        return parameters_of(xp, coordinates)

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state, of their broadcast shape.

        The customer survived x + 1 purchases, or survived x and dropped out at the last.
        """
        if_alive = log_alive(xp, parameters, state, state.frequency + 1)
        odds_dead = log_odds_dead(xp, parameters, state, state.frequency)
        return if_alive + xp.logaddexp(0.0, odds_dead)

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return P(alive) at the end of observation, below 1 also where x = 0."""
        odds_dead = log_odds_dead(NUMPY, parameters, state, np.asarray(state.frequency))
        return np.asarray(special.expit(-odds_dead))

    def log_rate(
        self, parameters: Parameters, state: PurchaseState, *, ahead: bool = False
    ) -> NDArray[np.float64]:
        """Return the expected log of each customer's purchase rate, see `RateModel`."""
        alive = None if ahead else self.prob_alive(parameters, state)
        shape = parameters["r"] + np.asarray(state.frequency)
        return gamma_log_rate(shape, parameters["alpha"], state, alive)

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected purchases within ``horizon`` after T.

        Given that the customer is alive, lambda ~ Gamma(r + x, alpha + T) and
        p ~ Beta(a, b + x + 1): the customer survived one purchase more than in the BG/NBD model.
        """
        shape = parameters["r"] + state.frequency
        scale = parameters["alpha"] + state.T
        survived = parameters["b"] + state.frequency + 1
        if_alive = mean_purchases(shape, scale, parameters["a"], survived, horizon)
        return self.prob_alive(parameters, state) * if_alive

    def prob_purchases(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: NDArray[np.float64],
        count: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the probability of exactly ``count`` purchases within ``horizon`` after T."""
        alive, passed = self.prob_alive(parameters, state), np.asarray(state.frequency) + 1
        return prob_poisson_purchases(parameters, state, horizon, count, alive=alive, passed=passed)

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(alive) at ``after`` the end of observation."""
        alive, passed = self.prob_alive(parameters, state), np.asarray(state.frequency) + 1
        return alive_after(parameters, state, after, alive=alive, passed=passed)

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected repeat purchases of a new customer within ``horizon``.

        The customer survives the first purchase with probability b / (a + b).
        """
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        return np.asarray(b / (a + b) * mean_purchases(r, alpha, a, b + 1, horizon))

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers observed for ``T``, of the shape of ``T``."""
        return histories(parameters, T, rng, tossed_at_start=True)

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return simulated purchases of each customer within ``horizon``.

        Rate and dropout are drawn from the customer's posterior, see `expected_purchases`.
        """
        alive = self.prob_alive(parameters, state)
        survived = np.asarray(state.frequency) + 1
        return future(parameters, state, horizon, rng, alive=alive, passed=survived)
