"""Laws of purchases and P(alive) after the end of observation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from omniltv.models.posterior._later import LaterCounts, later_alive
from omniltv.models.processes.protocols import (
    CountModel,
    LifetimeModel,
    Parameters,
    PurchaseModel,
    PurchaseState,
)
from omniltv.testing.model_laws._histories import some_customers, times
from omniltv.testing.model_laws._shared import (
    TAIL,
    parameters_at,
    prior_points,
    require,
    require_equal,
    require_zero_mean,
)

__all__ = ["LATER_LAWS", "check_later_alive", "check_later_purchases"]

_MOST = 80  # purchases
_SHOWN = 5
_POINTS = 2
_EXACT = 1e-9


def check_later_purchases(model: PurchaseModel) -> None:
    """P(N = n) of future purchases sums to 1, has their mean, and is their simulated share.

    The probabilities are those of `CountModel.prob_purchases`, else they follow from the
    likelihood. If it is not the density of all purchase times, there are none.
    """
    n, ahead = 20_000, times(model).ahead
    for seed, point in enumerate(prior_points(model)[:_POINTS]):
        parameters = parameters_at(model, point)
        for x, recency, T in some_customers(model)[:: len(some_customers(model)) - 1 or 1]:
            one = PurchaseState(*(np.full((1, 1), value) for value in (x, recency, T)))
            shares = _shares(model, parameters, one, ahead)
            if shares is None:
                return
            expected = float(model.expected_purchases(parameters, one, np.asarray(ahead))[0, 0])
            mean = float(shares @ np.arange(len(shares)))
            require("P(N) sums to one", abs(shares.sum() - 1) < 1e-4)
            require("the mean of P(N)", abs(mean - expected) <= 1e-4 * max(expected, 1.0))
            state = PurchaseState(*(np.repeat(values.ravel(), n) for values in one))
            future = model.simulate_future(parameters, state, ahead, np.random.default_rng(seed))
            bought = np.bincount(future.row, minlength=n)
            for k, share in enumerate(np.clip(shares[:_SHOWN], 0.0, 1.0)):
                low, high = (float(binom.ppf(tail, n, share)) for tail in (TAIL, 1 - TAIL))
                require(f"P(N = {k})", low <= np.sum(bought == k) <= high)


def check_later_alive(model: PurchaseModel) -> None:
    """P(alive) falls in time and in silence, and is the mean of P(alive) over futures.

    The last part concerns `LifetimeModel.prob_alive_after`.
    """
    n, ahead = 20_000, times(model).ahead
    state = PurchaseState(*np.array(some_customers(model)).T)
    later = np.array(times(model).horizons[:4])
    silent = PurchaseState(state.frequency, state.recency, np.asarray(state.T) + ahead)
    for seed, point in enumerate(prior_points(model)[:_POINTS]):
        parameters = parameters_at(model, point)
        now = model.prob_alive(parameters, state)
        fell = model.prob_alive(parameters, silent) <= now + _EXACT
        require("P(alive) falls in silence", fell)
        if not isinstance(model, LifetimeModel):
            continue
        path = model.prob_alive_after(parameters, state, later[:, None])
        require_equal("P(alive) at once", path[0], now)
        require("P(alive) falls in time", np.diff(path, axis=0) <= _EXACT)
        x, recency, T = some_customers(model)[-1]
        one = PurchaseState(*(np.full(n, value) for value in (x, recency, T)))
        future = model.simulate_future(parameters, one, ahead, np.random.default_rng(seed))
        last = np.full(n, recency)
        np.maximum.at(last, future.row, T + future.time)
        bought = x + np.bincount(future.row, minlength=n)
        end = PurchaseState(bought, last, one.T + ahead)
        first = PurchaseState(*(values[:1] for values in one))
        said = later_alive(model, parameters, first, np.asarray(ahead))
        difference = model.prob_alive(parameters, end) - said
        require_zero_mean("P(alive) is its mean over futures", difference)


LATER_LAWS: tuple[Callable[[PurchaseModel], None], ...] = (
    check_later_purchases,
    check_later_alive,
)
"""The laws of what follows the observation; they are among the laws of purchase models."""


def _shares(
    model: PurchaseModel, parameters: Parameters, one: PurchaseState, ahead: float
) -> NDArray[np.float64] | None:
    """Return P(N = n) of one history for n = 0, 1, ... ; None if the model does not tell."""
    span, counts = np.full((1, 1), ahead), np.arange(_MOST + 1)
    many = PurchaseState(*(np.repeat(values, _MOST + 1, axis=0) for values in one))
    if isinstance(model, CountModel):
        return model.prob_purchases(parameters, many, span, counts[:, None])[:, 0]
    nodes = LaterCounts.of(model, ahead, _MOST)
    if not nodes.always_density(parameters, ahead):
        return None
    some = PurchaseState(*(values[1:] for values in many))
    none = nodes.probability(parameters, one, span, counts[:1])
    return np.concatenate([none, nodes.probability(parameters, some, span, counts[1:])])[:, 0]
