"""Samples selected by purchase counts: the likelihood of a model given at least k purchases.

Sometimes only customers with at least k repeat purchases are in the data. The likelihood of
such a history is that of the model over P(X >= k | T): a truncated likelihood. P(X < k | T)
follows from the likelihood of the model itself, because the likelihood of a state with x
purchases is the density of their times (`omniltv.testing.check_loglik_sums_to_one`):
P(X = 0) is the likelihood of no purchase, and P(X = x) is an integral over the time of the
last purchase, or a sum in discrete time. No model needs code for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Model,
    PurchaseModel,
    PurchaseState,
)

__all__ = ["Selected", "Truncation", "prob_fewer", "selected"]

_EARLIEST = 1e-300  # the shortest observation: keeps the logarithm of a time finite
_RAREST = 1e-12  # P(X >= k) is no smaller: rounding would decide
_POINTS, _WEIGHTS = (np.asarray(values) for values in special.roots_sh_legendre(24))
_SHARES = _POINTS**2 * (3 - 2 * _POINTS)  # of the observation; dense at both ends
_LOG_WEIGHTS = np.log(_WEIGHTS * 6 * _POINTS * (1 - _POINTS))


def selected(model: PurchaseModel, at_least: int) -> Model:
    """Return the model of customers with at least so many repeat purchases.

    Args:
        model: The model of all customers.
        at_least: Repeat purchases of a customer in the data; 0 returns the model itself.
    """
    return Selected(model, at_least) if at_least else model


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """A model with the name and the parameters of another.

    Attributes:
        model: The model of all customers.
        at_least: Repeat purchases of a customer in the data.
    """

    model: PurchaseModel
    at_least: int

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.model.name

    @property
    def version(self) -> int:
        """The version of the model."""
        return self.model.version

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The coordinates of the model."""
        return self.model.coordinates

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return the parameters of the model."""
        return self.model.parameters(xp, coordinates)


@dataclass(frozen=True, slots=True)
class Truncation(_Wrapped):
    """The part of a truncated log-likelihood that depends on T only: -log P(X >= k | T)."""

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return minus the log probability of at least so many purchases within T."""
        fewer = prob_fewer(xp, self.model, parameters, state.T, self.at_least)
        return -xp.log(xp.maximum(1 - fewer, _RAREST))


@dataclass(frozen=True, slots=True)
class Selected(_Wrapped):
    """A model whose log-likelihood is that given at least so many purchases.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> from omniltv.models.processes.numpy_namespace import NUMPY
        >>> parameters = {"r": 0.5, "alpha": 4.0, "a": 0.8, "b": 2.5}
        >>> state = PurchaseState(np.array([1.0]), np.array([5.0]), np.array([39.0]))
        >>> every = BgNbd().loglik(NUMPY, parameters, state)
        >>> given = Selected(BgNbd(), 1).loglik(NUMPY, parameters, state)
        >>> share = prob_fewer(NUMPY, BgNbd(), parameters, state.T, 1)
        >>> np.allclose(given, every - np.log(1 - share))
        True
    """

    @property
    def truncation(self) -> Truncation:
        """The part that depends on T only."""
        return Truncation(self.model, self.at_least)

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state given at least so many purchases."""
        given = self.truncation.loglik(xp, parameters, state)
        return self.model.loglik(xp, parameters, state) + given


def prob_fewer(
    xp: ArrayNamespace,
    model: PurchaseModel,
    parameters: Mapping[str, Array],
    T: NDArray[np.float64],
    count: int,
) -> Array:
    """Return the probability of fewer than ``count`` repeat purchases within T.

    It is exact for ``count`` = 1 and in discrete time. Otherwise, the integral over the time
    of the last purchase is computed at 24 Gauss-Legendre nodes per count.

    Args:
        xp: The namespace of the parameters.
        model: The model.
        parameters: Its parameters; they broadcast against T.
        T: Observation time of each state.
        count: Number of purchases, at least 1.
    """
    nothing = np.zeros(np.shape(T))
    total = xp.exp(model.loglik(xp, parameters, PurchaseState(nothing, nothing, T)))
    for x in range(1, count):
        for recency, log_weight in _last_purchases(np.asarray(T), x, discrete=model.discrete):
            state = PurchaseState(nothing + x, recency, T)
            total = total + xp.exp(model.loglik(xp, parameters, state) + log_weight)
    return total


def _last_purchases(
    T: NDArray[np.float64], x: int, *, discrete: bool
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return times of the last of x purchases, with the log volume of the others' times."""
    if discrete:
        return [_opportunity(T, x, t) for t in range(x, int(T.max(initial=0)) + 1)]
    span = np.log(np.maximum(T, _EARLIEST))
    log_shares = zip(np.log(_SHARES), _LOG_WEIGHTS, strict=True)
    return [
        (share * T, x * span + (x - 1) * log_share + log_weight - special.gammaln(x))
        for share, (log_share, log_weight) in zip(_SHARES, log_shares, strict=True)
    ]


def _opportunity(
    T: NDArray[np.float64], x: int, t: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the t-th opportunity, and the log number of sequences; -inf beyond T."""
    ways = np.log(special.comb(t - 1, x - 1))
    return np.minimum(T, t), np.where(t <= T, ways, -1e30)
