"""The gamma-gamma model of the value of a purchase.

Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value,
http://www.brucehardie.com/notes/025/. Equation numbers are theirs.

The value of a purchase is z ~ Gamma(p, nu), with the customer's rate nu ~ Gamma(q, v), and
independent of the purchase frequency. (The note calls v gamma.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from omniltv.models.processes._beta_dropout import entries
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Parameters,
    SpendState,
)

__all__ = ["GammaGamma"]


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The gamma-gamma model of value per purchase, with reported parameters p, q, v.

    The sampled coordinates are the log of the population mean p v / (q - 1), log p and
    log(q - 1), so the mean exists for every draw. The default priors are weak: with 95 %
    probability, the mean is within a factor of 7 of the mean value in the data.

    Examples:
        >>> parameters = {"p": 6.25, "q": 3.74, "v": 15.44}
        >>> buyers = SpendState(np.array([0, 10]), np.array([np.nan, 80.0]))
        >>> GammaGamma().expected_value(parameters, buyers).round(1)
        array([35.2, 78.1])
    """

    name = "gamma_gamma"
    version = 1
    coordinates = (
        Coordinate("log_mean", mean=0.0, sd=1.0, scale="value"),
        Coordinate("log_shape", mean=1.0, sd=1.0),
        Coordinate("log_tail", mean=1.0, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return p, q and v from the sampled coordinates."""
        p = xp.exp(coordinates["log_shape"])
        tail = xp.exp(coordinates["log_tail"])
        return {"p": p, "q": 1 + tail, "v": xp.exp(coordinates["log_mean"]) * tail / p}

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: SpendState
    ) -> Array:
        """Return the log-likelihood of each state with frequency above 0 (eq. 1a)."""
        p, q, v = (parameters[key] for key in ("p", "q", "v"))
        x, mean = state
        purchases = p * x
        total = x * mean
        return (
            xp.gammaln(purchases + q)
            - xp.gammaln(purchases)
            - xp.gammaln(q)
            - q * xp.log1p(total / v)
            - purchases * xp.log1p(v / total)
            - xp.log(mean)
        )

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        """Return the customer's expected value per purchase given the history (eq. 5).

        It is a weighted mean of the customer's mean and the population mean; without repeat
        purchases it is the population mean p v / (q - 1).
        """
        p, q, v = (parameters[name] for name in ("p", "q", "v"))
        x, total = self._seen(state)
        value = np.asarray(v + total)  # most of the time of a lifetime value is spent here
        _divide(value, x, np.asarray((q - 1) / p))
        return value

    def simulate(
        self, parameters: Parameters, frequency: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the mean value of ``frequency`` purchases of new customers; NaN where 0."""
        x = np.asarray(frequency)
        some = np.maximum(x, 1)
        rate = rng.gamma(np.broadcast_to(parameters["q"], x.shape)) / parameters["v"]
        mean = rng.gamma(parameters["p"] * some) / (rate * some)
        return np.where(x > 0, mean, np.nan)

    def simulate_future(
        self,
        parameters: Parameters,
        state: SpendState,
        row: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return the value of each future purchase of customer ``row``, shape of ``row``."""
        shape, rate = self._posterior(parameters, state)
        buyers = np.flatnonzero(np.bincount(row, minlength=len(shape)))  # nobody else needs one
        own_rate = np.full(shape.shape, np.nan)
        own_rate[buyers] = rng.gamma(shape[buyers]) / rate[buyers]
        return np.asarray(rng.gamma(entries(parameters["p"], row)) / own_rate[row])

    def _posterior(
        self, parameters: Parameters, state: SpendState
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return shape and rate of the gamma posterior of the customer's nu (eq. 4)."""
        x, total = self._seen(state)
        return parameters["q"] + parameters["p"] * x, parameters["v"] + total

    @staticmethod
    def _seen(state: SpendState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the number of observed values and their sum."""
        x = np.asarray(state.frequency, dtype=np.float64)
        return x, np.where(x > 0, x * np.asarray(state.monetary_value), 0.0)


def _divide(value: NDArray[np.float64], x: NDArray[np.float64], rest: NDArray[np.float64]) -> None:
    """Divide values by x + rest in place, one run of equal x after the other.

    Consecutive states have mostly the same x, so no array of divisors is needed.
    """
    if not x.size or x.ndim != 2 or x.shape[1] > 1 or rest.shape[:1] != (1,):
        value /= x + rest
        return
    ends = np.flatnonzero(np.diff(x[:, 0])) + 1
    for start, end in pairwise([0, *ends.tolist(), len(x)]):
        value[start:end] /= x[start] + rest[0]
