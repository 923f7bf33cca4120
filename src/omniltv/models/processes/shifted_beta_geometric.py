"""The shifted beta-geometric model of subscription renewals.

Fader and Hardie (2007), How to Project Customer Retention, Journal of Interactive
Marketing 21(1), 76-90. Equation numbers are theirs.

At each opportunity to renew, a subscriber churns permanently with probability theta ~
Beta(alpha, beta). As a purchase model, x is the number of renewals, t_x = x, and T is the
number of opportunities. A subscriber is active if and only if x = T.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from omniltv.models.processes._beta_dropout import log_survived, tosses
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Future,
    Parameters,
    PurchaseState,
)

__all__ = ["ShiftedBetaGeometric", "expected_renewals", "simulate_renewals", "whole"]

_IMPOSSIBLE = -1e30
_NEAR_POLE = 0.25  # distance of alpha from 1, where the closed form of the mean is 0/0
_NODES = 4
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ShiftedBetaGeometric:
    """The shifted beta-geometric model of retention, with reported parameters alpha and beta.

    The sampled coordinates are the logit of the mean churn probability alpha/(alpha+beta)
    and the log concentration log(alpha+beta). The default priors are weak: with 95 %
    probability, the mean churn per opportunity is between 2 and 87 %. The prior of the
    variation between subscribers is vague.

    A history with t_x other than x, or with x above T, is impossible and has log-likelihood
    -1e30.

    Examples:
        >>> parameters = {"alpha": np.asarray(0.668), "beta": np.asarray(3.806)}
        >>> ShiftedBetaGeometric().survival(parameters, np.array([1, 7, 12])).round(3)
        array([0.851, 0.489, 0.378])
    """

    name = "shifted_beta_geometric"
    version = 1
    discrete = True
    coordinates = (
        Coordinate("logit_dropout", mean=-1.0, sd=1.5),
        Coordinate("log_concentration", mean=1.0, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return alpha and beta from the sampled coordinates."""
        churn = coordinates["logit_dropout"]
        concentration = xp.exp(coordinates["log_concentration"])
        return {
            "alpha": xp.sigmoid(churn) * concentration,
            "beta": xp.sigmoid(-churn) * concentration,
        }

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state (eqs. 5 and 6), of their broadcast shape."""
        alpha, beta = parameters["alpha"], parameters["beta"]
        x, recency, T = (np.asarray(values) for values in state)
        churned = xp.where(x < T, xp.log(alpha) - xp.log(alpha + beta + x), 0.0)
        possible = (recency == x) & (x <= T)
        return xp.where(possible, log_survived(xp, alpha, beta, x) + churned, _IMPOSSIBLE)

    def survival(self, parameters: Parameters, t: ArrayLike) -> NDArray[np.float64]:
        """Return the share of new subscribers who make their first ``t`` renewals (eq. 6)."""
        log = log_survived(NUMPY, parameters["alpha"], parameters["beta"], np.asarray(t))
        return np.asarray(np.exp(log))

    def retention_rate(self, parameters: Parameters, t: ArrayLike) -> NDArray[np.float64]:
        """Return the share of subscribers with ``t - 1`` renewals who renew again (eq. 8)."""
        alpha, beta = parameters["alpha"], parameters["beta"]
        before = np.asarray(t) - 1
        return np.asarray((beta + before) / (alpha + beta + before))

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return 1 if every renewal was made, else 0, of the broadcast shape."""
        alive = np.asarray(state.frequency) >= np.asarray(state.T)
        return alive + 0.0 * np.asarray(parameters["alpha"])

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected renewals at the next floor(``horizon``) opportunities.

        A subscriber with T renewals has theta ~ Beta(alpha, beta + T).
        """
        beta = parameters["beta"] + state.T
        alive = self.prob_alive(parameters, state)
        return alive * expected_renewals(parameters["alpha"], beta, horizon)

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return P(alive) after floor(``after``) more opportunities to renew."""
        beta = parameters["beta"] + state.T
        survived = np.exp(log_survived(NUMPY, parameters["alpha"], beta, whole(after)))
        return np.asarray(self.prob_alive(parameters, state) * survived)

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected renewals at the first floor(``horizon``) opportunities."""
        return expected_renewals(parameters["alpha"], parameters["beta"], horizon)

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new subscribers with ``T`` opportunities, of the shape of ``T``."""
        x = simulate_renewals(parameters["alpha"], parameters["beta"], T, rng)
        return PurchaseState(x, x.astype(np.float64), np.asarray(T, dtype=np.float64))

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return simulated renewals at the next 1, 2 ... floor(``horizon``) opportunities.

        Theta is drawn from the subscriber's posterior, see `expected_purchases`.
        """
        limit = self.prob_alive(parameters, state) * whole(horizon)
        made = simulate_renewals(parameters["alpha"], parameters["beta"] + state.T, limit, rng)
        row = np.repeat(np.arange(made.size), made)
        time = 1.0 + np.arange(len(row)) - (np.cumsum(made) - made)[row]
        return Future(row, np.asarray(time, dtype=np.float64))


def whole(horizon: ArrayLike) -> NDArray[np.float64]:
    """Return the number of opportunities within a horizon: its whole part.

    A horizon that is less than 1e-9 below a whole number counts as that number.

    Examples:
        >>> whole([0.5, 3.0, 0.1 + 0.7 + 0.2])
        array([0., 3., 1.])
    """
    return np.floor(np.asarray(horizon, dtype=np.float64) + _ROUNDING)


def simulate_renewals(
    alpha: ArrayLike, beta: ArrayLike, limit: ArrayLike, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return simulated numbers of renewals, at most ``limit``, in the shape of ``limit``.

    Args:
        alpha: First parameter of the beta distribution of churn.
        beta: Second parameter.
        limit: Number of opportunities.
        rng: Random generator.

    Examples:
        >>> rng = np.random.default_rng(1)
        >>> simulate_renewals(1.0, 9.0, np.full(20_000, 1.0), rng).mean().round(1).item()
        0.9
    """
    limit = whole(limit)
    churn = rng.beta(np.broadcast_to(alpha, limit.shape), np.broadcast_to(beta, limit.shape))
    return np.minimum(limit, tosses(churn, rng) - 1).astype(np.int64)


def expected_renewals(alpha: ArrayLike, beta: ArrayLike, horizon: ArrayLike) -> NDArray[np.float64]:
    """Return the expected renewals at the next floor(``horizon``) opportunities.

    It is the sum of the survival function (eq. 6) over them, which telescopes to
    beta/(alpha-1) (1 - G(horizon)/G(0)) with G(t) = Gamma(beta+1+t)/Gamma(alpha+beta+t),
    as in eq. 13 of Fader, Hardie and Shang (2010), Marketing Science 29(6). Near
    alpha = 1, relative to beta, this cancels; there the log of the ratio is integrated from
    digamma functions.

    Args:
        alpha: First parameter of the beta distribution of churn.
        beta: Second parameter.
        horizon: Opportunities ahead; arrays of all three broadcast.

    Examples:
        >>> expected_renewals(2.0, 3.0, [1, 2]).round(4)  # 3/5 and 3/5 + 3/5 * 4/6
        array([0.6, 1. ])
    """
    alpha, beta, horizon = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (alpha, beta, whole(horizon)))
    )
    above = np.asarray(alpha - 1)
    far = special.gammaln(alpha + beta + horizon) - special.gammaln(beta + 1 + horizon)
    near = special.gammaln(alpha + beta) - special.gammaln(beta + 1)
    close = abs(above) < _NEAR_POLE * (beta + np.minimum(alpha, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.asarray(-beta * np.expm1(near - far) / above)
    if close.any():
        mean[close] = _near_pole(above[close], beta[close], horizon[close])
    return mean


def _near_pole(
    above: NDArray[np.float64], beta: NDArray[np.float64], horizon: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean for alpha = 1 + above: beta (1 - exp(-above q)) / above, shape (n,).

    q is the mean of digamma(c + horizon) - digamma(c) over c from beta + 1 to beta + alpha,
    by Gauss-Legendre quadrature: the pole at c = 0 is far from that interval.
    """
    q = np.zeros(above.shape)
    for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
        c = beta + 1 + above * (node + 1) / 2
        q += weight / 2 * (special.digamma(c + horizon) - special.digamma(c))
    return beta * q * special.exprel(-above * q)
