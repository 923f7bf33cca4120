"""How many repeat purchases new customers make: counts by any model's own likelihood.

The likelihood of a purchase model is a density in the times of purchase. Its integral over
those times, with the number of purchases held, is the probability of that number, so that
no model needs a formula of its own for it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from omniltv.errors import OmniltvError
from omniltv.models._numpy import NUMPY
from omniltv.models.protocols import Parameters, PurchaseModel, PurchaseState

__all__ = ["prob_purchases"]

_FROM, _TO = -37.0, 4.0  # T - t_x is 1e-16 T at the one end, t_x is 1e-24 T at the other
_COARSEST, _HALVINGS = 0.25, 8
_EXACT = 1e-9


def prob_purchases(
    model: PurchaseModel, parameters: Parameters, n: NDArray[np.int64], T: float
) -> NDArray[np.float64]:
    """Return the probability that a new customer makes exactly n repeat purchases within T.

    Args:
        model: Any purchase model.
        parameters: Its reported parameters; scalars, or arrays that broadcast against ``n``
            (draws in rows, counts in columns).
        n: Counts of repeat purchases, at least 0.
        T: Time since the first purchase; whole opportunities where the model is discrete.

    Returns:
        Probabilities, of the shape that ``n`` and the parameters broadcast to, within 1e-9
        of what the model's likelihood integrates to.

    Raises:
        OmniltvError: If the integral over the time of the last purchase does not settle.

    Examples:
        >>> from omniltv.models.bg_nbd import BgNbd
        >>> parameters = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
        >>> prob_purchases(BgNbd(), parameters, np.array([0, 1, 2]), 39.0).round(4)
        array([0.5738, 0.1994, 0.0854])
    """
    shape = np.broadcast_shapes(np.shape(n), *(np.shape(value) for value in parameters.values()))
    counts = np.broadcast_to(np.asarray(n, dtype=np.float64), shape)
    inner = {name: np.asarray(value)[..., None] for name, value in parameters.items()}
    nothing = np.zeros(1)
    none = PurchaseState(nothing, nothing, np.full(1, float(T)))
    prob_none = np.exp(np.asarray(model.loglik(NUMPY, inner, none)))[..., 0]
    some = np.maximum(counts, 1)[..., None]
    if T <= 0:
        prob_some = np.zeros(shape)
    elif model.discrete:
        prob_some = _summed(model, inner, some, T)
    else:
        prob_some = _integrated(model, inner, some, T)
    return np.where(counts > 0, prob_some, prob_none)


def _summed(
    model: PurchaseModel, parameters: Parameters, x: NDArray[np.float64], T: float
) -> NDArray[np.float64]:
    """Return the sum over the last of x opportunities taken, of comb(t_x - 1, x - 1) sequences.

    Where t_x would lie before the x-th opportunity it is put there, and not counted.
    """
    recency = np.arange(1.0, T + 1)
    possible = np.minimum(x, recency)
    log_ways = gammaln(recency) - gammaln(possible) - gammaln(recency - possible + 1)
    state = PurchaseState(possible, recency + 0 * x, T + 0 * recency * x)
    loglik = np.asarray(model.loglik(NUMPY, parameters, state))
    return np.asarray(np.where(x <= recency, np.exp(loglik + log_ways), 0.0).sum(axis=-1))


def _integrated(
    model: PurchaseModel, parameters: Parameters, x: NDArray[np.float64], T: float
) -> NDArray[np.float64]:
    """Return the integral over the time of the last of x purchases.

    By the trapezoidal rule in v, t_x = T exp(-exp(v)), which takes both ends in its stride:
    the density may crowd against T or against 0. It is the narrower the more purchases there
    are: as 1/sqrt(x), where customers hardly differ. The step is halved until nothing moves,
    each time adding the nodes half-way; small probabilities may move by 1e-6 of themselves.
    """
    step = min(_COARSEST, 5 / np.sqrt(x.max()))
    total = step * _sum_at(model, parameters, x, T, np.arange(_FROM, _TO, step))
    for _ in range(_HALVINGS):
        between = np.arange(_FROM + step / 2, _TO, step)
        finer = (total + step * _sum_at(model, parameters, x, T, between)) / 2
        if np.all(abs(finer - total) <= _EXACT * np.minimum(1, 1e3 * finer)):
            return np.asarray(finer)
        step, total = step / 2, finer
    raise OmniltvError(
        f"the probability of up to {x.max():.0f} purchases by {model.name} does not settle. "
        "Hint: ask for fewer purchases, and look whether the parameters are plausible"
    )


def _sum_at(
    model: PurchaseModel,
    parameters: Parameters,
    x: NDArray[np.float64],
    T: float,
    nodes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the sum of the density of (x, v): the x - 1 purchases before fill a volume."""
    log_recency = np.log(T) - np.exp(nodes)
    recency = np.exp(log_recency)
    state = PurchaseState(x + 0 * recency, recency + 0 * x, T + 0 * recency * x)
    loglik = np.asarray(model.loglik(NUMPY, parameters, state))
    log_density = loglik + x * log_recency - gammaln(x) + nodes
    return np.asarray(np.exp(log_density).sum(axis=-1))
