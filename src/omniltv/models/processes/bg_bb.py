"""The BG/BB model: beta purchase and dropout probabilities at discrete opportunities.

Fader, Hardie and Shang (2010), Customer-Base Analysis in a Discrete-Time
Noncontractual Setting, Marketing Science 29(6), 1086-1108. Equation numbers are theirs.

At the start of each opportunity a customer drops out with probability theta ~ Beta(gamma,
delta). An active customer buys with probability p ~ Beta(alpha, beta). The lifetime is that
of the shifted beta-geometric model; x and T count opportunities after the first purchase.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.models.processes._beta_dropout import log_survived, tosses
from omniltv.models.processes._rates import beta_log_rate
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Future,
    Parameters,
    PurchaseState,
)
from omniltv.models.processes.shifted_beta_geometric import (
    expected_renewals,
    simulate_renewals,
    whole,
)

__all__ = ["BgBb"]


@dataclass(frozen=True, slots=True)
class BgBb:
    """The BG/BB model, with reported parameters alpha, beta, gamma, delta.

    The sampled coordinates are the logits of the mean purchase probability alpha/(alpha+beta)
    and of the mean dropout probability gamma/(gamma+delta), and the logs of the
    concentrations alpha+beta and gamma+delta.

    The default priors are weak. With 95 % probability, the mean purchase probability per
    opportunity is between 5 and 95 %, and the mean dropout probability between 2 and 87 %.
    The priors of the variation between customers are vague.

    Examples:
        >>> names = ("alpha", "beta", "gamma", "delta")
        >>> parameters = dict(zip(names, np.array([1.204, 0.750, 0.657, 2.783]), strict=True))
        >>> customer = PurchaseState(np.array([6]), np.array([6]), np.array([6]))
        >>> BgBb().expected_purchases(parameters, customer, np.array(5.0)).round(2)
        array([3.75])
    """

    name = "bg_bb"
    version = 1
    discrete = True
    coordinates = (
        Coordinate("logit_purchase", mean=0.0, sd=1.5),
        Coordinate("log_purchase_concentration", mean=1.0, sd=1.0),
        Coordinate("logit_dropout", mean=-1.0, sd=1.5),
        Coordinate("log_dropout_concentration", mean=1.0, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return alpha, beta, gamma and delta from the sampled coordinates."""
        purchase, dropout = coordinates["logit_purchase"], coordinates["logit_dropout"]
        of_purchase = xp.exp(coordinates["log_purchase_concentration"])
        of_dropout = xp.exp(coordinates["log_dropout_concentration"])
        return {
            "alpha": xp.sigmoid(purchase) * of_purchase,
            "beta": xp.sigmoid(-purchase) * of_purchase,
            "gamma": xp.sigmoid(dropout) * of_dropout,
            "delta": xp.sigmoid(-dropout) * of_dropout,
        }

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log probability of one sequence of purchases of each state (eq. 5).

        It is the probability of the sequence up to t_x, times that of no purchase after it
        (`_silent`).
        """
        alpha, beta, gamma, delta = (parameters[key] for key in ("alpha", "beta", "gamma", "delta"))
        x, recency, _ = (np.asarray(values) for values in state)
        bought = xp.gammaln(alpha + x) - xp.gammaln(alpha)
        missed = xp.gammaln(beta + (recency - x)) - xp.gammaln(beta)
        seen = xp.gammaln(alpha + beta) - xp.gammaln(alpha + beta + recency)
        alive = log_survived(xp, gamma, delta, recency)
        return bought + missed + seen + alive + xp.log(_silent(xp, parameters, state))

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return P(alive) at the end of observation: the share of the first term of eq. 5.

        The paper reports P(alive) at the next opportunity, before which the customer may drop
        out. It is (delta + T)/(gamma + delta + T) times this one.
        """
        beta = parameters["beta"] + np.asarray(state.recency) - state.frequency
        silence = np.asarray(state.T) - state.recency
        missed = log_survived(NUMPY, parameters["alpha"] + state.frequency, beta, silence)
        delta = parameters["delta"] + state.recency
        survived = log_survived(NUMPY, parameters["gamma"], delta, silence)
        silent = _silent(NUMPY, parameters, state)
        return np.asarray(np.minimum(np.exp(missed + survived) / silent, 1.0))

    def log_rate(
        self, parameters: Parameters, state: PurchaseState, *, ahead: bool = False
    ) -> NDArray[np.float64]:
        """Return the expected log of each customer's purchase probability, see `RateModel`."""
        alive = None if ahead else self.prob_alive(parameters, state)
        shape = parameters["alpha"] + np.asarray(state.frequency)
        every = parameters["alpha"] + parameters["beta"]
        return beta_log_rate(shape, every, state, alive)

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected purchases at the next floor(``horizon``) opportunities (eq. 13).

        Given that the customer is alive, p ~ Beta(alpha + x, beta + T - x) and
        theta ~ Beta(gamma, delta + T).
        """
        alpha, beta = parameters["alpha"], parameters["beta"]
        p = (alpha + state.frequency) / (alpha + beta + state.T)
        ahead = expected_renewals(parameters["gamma"], parameters["delta"] + state.T, horizon)
        return np.asarray(self.prob_alive(parameters, state) * p * ahead)

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(alive) after floor(``after``) more opportunities."""
        delta = parameters["delta"] + state.T
        survived = np.exp(log_survived(NUMPY, parameters["gamma"], delta, whole(after)))
        return np.asarray(self.prob_alive(parameters, state) * survived)

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return a new customer's expected purchases at the first floor(``horizon``) opportunities.

        It equals `expected_purchases` with x = T = 0.
        """
        alpha, beta = parameters["alpha"], parameters["beta"]
        ahead = expected_renewals(parameters["gamma"], parameters["delta"], horizon)
        return alpha / (alpha + beta) * ahead

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers with ``T`` opportunities, of the shape of ``T``.

        Counting backwards from the last opportunity while active, the last purchase is the
        first success; before it, purchases are binomial.
        """
        lived = simulate_renewals(parameters["gamma"], parameters["delta"], T, rng)
        p = rng.beta(np.broadcast_to(parameters["alpha"], lived.shape), parameters["beta"])
        recency = np.maximum(lived + 1 - tosses(p, rng), 0.0)
        before = np.maximum(recency - 1, 0.0).astype(np.int64)
        x = np.where(recency > 0, 1 + rng.binomial(before, p), 0)
        return PurchaseState(x, recency, np.asarray(T, dtype=np.float64))

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return simulated purchases of each customer, at 1, 2 ... floor(``horizon``).

        p and theta are drawn from the customer's posterior, see `expected_purchases`.
        """
        x, T = np.asarray(state.frequency), np.asarray(state.T)
        alive = rng.random(x.shape) < self.prob_alive(parameters, state)
        p = rng.beta(parameters["alpha"] + x, parameters["beta"] + (T - x))
        limit = alive * whole(horizon)
        lived = simulate_renewals(parameters["gamma"], parameters["delta"] + T, limit, rng)
        row = np.repeat(np.arange(lived.size), lived)
        time = 1.0 + np.arange(len(row)) - (np.cumsum(lived) - lived)[row]
        bought = rng.random(len(row)) < p[row]
        return Future(row[bought], np.asarray(time[bought], dtype=np.float64))


def _silent(xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState) -> Array:
    """Return the probability of no purchase after t_x given the history up to t_x.

    It is eq. 5 divided by its first factor, as a backward recurrence from the last
    opportunity: at each one, the customer drops out, or is active, does not buy and does
    not buy later. All terms are positive and at most 1, so nothing overflows or cancels.
    """
    alpha, beta, gamma, delta = (parameters[key] for key in ("alpha", "beta", "gamma", "delta"))
    recency = np.asarray(state.recency)
    silence = np.asarray(state.T) - recency
    missed = beta + (recency - np.asarray(state.frequency))
    seen = alpha + beta + recency
    survived = delta + recency
    at_risk = gamma + delta + recency
    silent: Array = 1.0
    for i in reversed(range(int(silence.max(initial=0)))):
        unsold = (missed + i) / (seen + i) * silent
        silent = xp.where(i < silence, (gamma + (survived + i) * unsold) / (at_risk + i), 1.0)
    return silent
