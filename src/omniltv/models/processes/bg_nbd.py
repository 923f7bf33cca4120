"""The BG/NBD model: gamma purchase rates, beta dropout after a repeat purchase.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way: An Alternative
to the Pareto/NBD Model, Marketing Science 24(2), 275-284. Equation numbers are theirs.

A customer buys at rate lambda ~ Gamma(r, alpha) while alive, and after each repeat
purchase drops out with probability p ~ Beta(a, b).
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

__all__ = ["BgNbd"]


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The BG/NBD model of repeat purchases, with reported parameters r, alpha, a, b.

    The sampled coordinates are the log mean rate log(r/alpha), log r, the logit of the mean
    dropout probability a/(a+b) and the log concentration log(a+b). They are nearly
    independent in the posterior.

    The default priors are weak. With 95 % probability, the mean rate is within a factor of
    20 of one purchase per mean observation time, and the mean dropout probability is
    between 2 and 87 %. The priors of the variation between customers are vague.

    Examples:
        >>> parameters = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Table 2
        >>> customer = PurchaseState(np.array([2]), np.array([30.43]), np.array([38.86]))
        >>> BgNbd().expected_purchases(parameters, customer, np.array(39.0)).round(3)
        array([1.226])
    """

    name = "bg_nbd"
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
        """Return the log-likelihood of each state (eq. 6), of their broadcast shape."""
        x = state.frequency
        odds_dead = self._log_odds_dead(xp, parameters, state)
        if_alive = log_alive(xp, parameters, state, x)
        return if_alive + xp.where(x > 0, xp.logaddexp(0.0, odds_dead), 0.0)

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return P(alive) at the end of observation (eq. 4 of the note).

        Fader and Hardie (2008), Computing P(alive) Using the BG/NBD Model,
        http://www.brucehardie.com/notes/021/. It is 1 where x = 0: a
        customer can drop out only after a repeat purchase.
        """
        x = np.asarray(state.frequency)
        return np.where(x > 0, special.expit(-self._log_odds_dead(NUMPY, parameters, state)), 1.0)

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
        """Return the expected purchases within ``horizon`` after T (eq. 10).

        Given that the customer is alive, lambda ~ Gamma(r + x, alpha + T) and
        p ~ Beta(a, b + x); eq. 10 is P(alive) times the mean over both.
        """
        x = np.asarray(state.frequency)
        if_alive = mean_purchases(
            parameters["r"] + x,
            parameters["alpha"] + state.T,
            parameters["a"],
            parameters["b"] + x,
            horizon,
        )
        return self.prob_alive(parameters, state) * if_alive

    def prob_purchases(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: NDArray[np.float64],
        count: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the probability of exactly ``count`` purchases; eq. 8 if x = t_x = T = 0."""
        alive, passed = self.prob_alive(parameters, state), np.asarray(state.frequency)
        return prob_poisson_purchases(parameters, state, horizon, count, alive=alive, passed=passed)

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(alive) at ``after`` the end of observation."""
        alive, passed = self.prob_alive(parameters, state), np.asarray(state.frequency)
        return alive_after(parameters, state, after, alive=alive, passed=passed)

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected repeat purchases of a new customer within ``horizon`` (eq. 9)."""
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        return mean_purchases(r, alpha, a, b, horizon)

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers observed for ``T``, of the shape of ``T``."""
        return histories(parameters, T, rng, tossed_at_start=False)

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
        passed = np.asarray(state.frequency)
        return future(parameters, state, horizon, rng, alive=alive, passed=passed)

    def _log_odds_dead(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log odds of dropout at the last purchase, x > 0."""
        before = xp.maximum(state.frequency, 1) - 1  # keeps the branch of x = 0 finite
        return log_odds_dead(xp, parameters, state, before)
