"""Spend of customers who always pay the same: one price for all, or a plan each.

The model is the limit of `LogNormalSpend` for purchases that do not vary within a customer: the
price of a customer is log-normal over customers, and each purchase costs that price. One price
for all is the limit of no variation between customers, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Parameters,
    SpendState,
)

__all__ = ["FixedPrice"]

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_ROUNDING = 1e-3  # least standard deviation of log prices: keeps the density of one price finite


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """The model of customers who always pay their price, with reported parameters mu, omega.

    Use it for subscriptions, fees and any offer with one price or a few plans. The log prices
    of customers are Normal(mu, omega). A customer's expected value is the price that was paid,
    and without a purchase it is the mean price. The sampled coordinates are the log of the mean
    price and the log of omega. Omega is at least 0.001, so that one price for all has a
    posterior.

    The default priors are weak. With 95 % probability, the mean price is within a factor of 7
    of that in the data, and omega is between 0.005 and 1.9.

    Examples:
        >>> parameters = {"mu": 6.9, "omega": 0.001}
        >>> subscribers = SpendState(np.array([0, 10]), np.array([np.nan, 980.0]))
        >>> FixedPrice().expected_value(parameters, subscribers).round()
        array([992., 980.])
    """

    name = "fixed_price"
    version = 1
    coordinates = (
        Coordinate("log_mean", mean=0.0, sd=1.0, scale="value"),
        Coordinate("log_spread", mean=-2.3, sd=1.5),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return mu and omega from the sampled coordinates."""
        spread = xp.exp(coordinates["log_spread"])
        variance = spread * spread + _ROUNDING**2
        return {"mu": coordinates["log_mean"] - variance / 2, "omega": xp.exp(xp.log(variance) / 2)}

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: SpendState
    ) -> Array:
        """Return the log-likelihood of each state with frequency above 0."""
        omega = parameters["omega"]
        off = (np.log(state.monetary_value) - parameters["mu"]) / omega
        return -off * off / 2 - xp.log(omega) - np.log(state.monetary_value) - _HALF_LOG_2PI

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        """Return the price of each customer: the one paid, or the mean price."""
        mean = np.exp(parameters["mu"] + np.square(parameters["omega"]) / 2)
        bought = np.asarray(state.frequency) > 0
        return np.asarray(np.where(bought, state.monetary_value, mean))

    def simulate(
        self, parameters: Parameters, frequency: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the price of new customers with ``frequency`` purchases; NaN where 0."""
        x = np.asarray(frequency)
        price = np.exp(parameters["mu"] + parameters["omega"] * rng.standard_normal(x.shape))
        return np.where(x > 0, price, np.nan)

    def simulate_future(
        self,
        parameters: Parameters,
        state: SpendState,
        row: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return the price of each future purchase of customer ``row``, shape of ``row``."""
        x = np.asarray(state.frequency)
        price = self.simulate(parameters, np.ones(x.shape, dtype=np.int64), rng)
        return np.asarray(np.where(x > 0, state.monetary_value, price)[row])
