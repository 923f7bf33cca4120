"""The expected logarithm of a customer's purchase rate given the history.

A customer who is alive was exposed until T; one who has left was exposed at least until the last
purchase. Models whose customers leave at a purchase are exact. For others, the exposure of a
customer who has left lies between the two times, and its geometric mean is used.

The expectation over future purchases weights rates by themselves, so a gamma or beta posterior
has one purchase more; only customers who are alive have future purchases.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from omniltv.models.processes.protocols import PurchaseState

__all__ = ["beta_log_rate", "gamma_log_rate"]

type _Rates = NDArray[np.float64]


def gamma_log_rate(
    shape: _Rates,
    scale: _Rates,
    state: PurchaseState,
    alive: _Rates | None,
    *,
    left_late: bool = False,
) -> _Rates:
    """Return E[log lambda] of a gamma rate.

    Args:
        shape: Shape of the posterior of the rate.
        scale: Rate parameter alpha of the prior.
        state: The history.
        alive: P(alive); None for the expectation over future purchases.
        left_late: Whether customers may leave between purchases.
    """
    until = np.log(scale + state.T)
    if alive is None:
        return np.asarray(special.digamma(shape + 1) - until)
    left = np.log(scale + state.recency)
    left = (left + until) / 2 if left_late else left
    return np.asarray(special.digamma(shape) - alive * until - (1 - alive) * left)


def beta_log_rate(
    shape: _Rates, both: _Rates, state: PurchaseState, alive: _Rates | None
) -> _Rates:
    """Return E[log p] of a beta purchase probability, see `gamma_log_rate`.

    Args:
        shape: First parameter of the posterior of the probability.
        both: Sum of the parameters of the prior.
        state: The history.
        alive: As in `gamma_log_rate`.
    """
    if alive is None:
        return np.asarray(special.digamma(shape + 1) - special.digamma(both + state.T + 1))
    until, left = (special.digamma(both + each) for each in (state.T, state.recency))
    return np.asarray(special.digamma(shape) - alive * until - (1 - alive) * left)
