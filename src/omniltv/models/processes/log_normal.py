"""The log-normal model of the value of a purchase, with heavier tails than a gamma.

The mean value zeta of a customer is log-normal over customers, and the value of a purchase
is log-normal with mean zeta: a normal hierarchy on the log scale (Gelman et al. 2013,
Bayesian Data Analysis, section 5.4). The statistic of a customer is the mean of x
purchases. It is approximated by a log-normal distribution with the same mean and variance
(Fenton 1960, IRE Transactions on Communications Systems 8(1)):
log m ~ Normal(log zeta - s^2/2, s^2), with s^2 = log(1 + (exp(sigma^2) - 1) / x). The
approximation is exact for x = 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Parameters,
    SpendState,
)

__all__ = ["LogNormalSpend"]

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, slots=True)
class LogNormalSpend:
    """The log-normal model of value per purchase, with reported parameters mu, omega, sigma.

    The log mean values of customers are Normal(mu, omega). The log values of a customer's
    purchases have standard deviation sigma. The sampled coordinates are the log of the
    population mean, mu + omega^2 / 2; the log of the standard deviation of the log of a
    purchase, sqrt(omega^2 + sigma^2); and the logit of the share of omega^2 in that
    variance. Single purchases inform the second; only repeated purchases inform the third.

    The default priors are weak. With 95 % probability each, the mean is within a factor of
    7 of the mean value in the data, the standard deviation is between 0.3 and 2.2, and the
    share of the variance between customers is between 5 and 95 %.

    Examples:
        >>> parameters = {"mu": 3.4, "omega": 0.5, "sigma": 0.6}
        >>> buyers = SpendState(np.array([0, 10]), np.array([np.nan, 80.0]))
        >>> LogNormalSpend().expected_value(parameters, buyers).round(1)
        array([34. , 71.9])
    """

    name = "log_normal"
    version = 1
    coordinates = (
        Coordinate("log_mean", mean=0.0, sd=1.0, scale="value"),
        Coordinate("log_deviation", mean=-0.2, sd=0.5),
        Coordinate("logit_between", mean=0.0, sd=1.5),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return mu, omega and sigma from the sampled coordinates."""
        deviation, between = xp.exp(coordinates["log_deviation"]), coordinates["logit_between"]
        omega = deviation * xp.exp(xp.log(xp.sigmoid(between)) / 2)
        return {
            "mu": coordinates["log_mean"] - omega * omega / 2,
            "omega": omega,
            "sigma": deviation * xp.exp(xp.log(xp.sigmoid(-between)) / 2),
        }

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: SpendState
    ) -> Array:
        """Return the log-likelihood of each state with frequency above 0."""
        own = _variance_of_mean(xp, parameters["sigma"], state.frequency)
        variance = parameters["omega"] * parameters["omega"] + own
        log_value = np.log(state.monetary_value)
        off = log_value - parameters["mu"] + own / 2
        return -(off * off / variance + xp.log(variance)) / 2 - log_value - _HALF_LOG_2PI

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        """Return the customer's expected value per purchase given the history.

        Without repeat purchases it is the population mean, exp(mu + omega^2 / 2).
        """
        mean, variance = self._posterior(parameters, state)
        return np.exp(mean + variance / 2)

    def simulate(
        self, parameters: Parameters, frequency: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the mean value of ``frequency`` purchases of new customers; NaN where 0."""
        x = np.asarray(frequency)
        own = _variance_of_mean(NUMPY, parameters["sigma"], np.maximum(x, 1))
        log_mean = parameters["mu"] + parameters["omega"] * rng.standard_normal(x.shape)
        log_value = log_mean - own / 2 + np.sqrt(own) * rng.standard_normal(x.shape)
        return np.where(x > 0, np.exp(log_value), np.nan)

    def simulate_future(
        self,
        parameters: Parameters,
        state: SpendState,
        row: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return the value of each future purchase of customer ``row``, shape of ``row``."""
        mean, variance = self._posterior(parameters, state)
        log_mean = mean + np.sqrt(variance) * rng.standard_normal(mean.shape)
        sigma = np.broadcast_to(parameters["sigma"], mean.shape)[row]
        return np.exp(log_mean[row] - sigma**2 / 2 + sigma * rng.standard_normal(row.shape))

    def _posterior(
        self, parameters: Parameters, state: SpendState
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and variance of the normal posterior of the log of the customer's mean."""
        x = np.asarray(state.frequency)
        own = _variance_of_mean(NUMPY, parameters["sigma"], np.maximum(x, 1))
        seen = np.log(np.where(x > 0, state.monetary_value, 1.0)) + own / 2
        before = np.square(parameters["omega"])
        weight = np.where(x > 0, before / (before + own), 0.0)
        mean = parameters["mu"] + weight * (seen - parameters["mu"])
        return mean, np.asarray(before * (1 - weight))


def _variance_of_mean(xp: ArrayNamespace, sigma: Array, x: NDArray[np.float64]) -> Array:
    """Return s^2 of the log of the mean of x purchases."""
    return xp.log1p((xp.exp(sigma * sigma) - 1) / x)
