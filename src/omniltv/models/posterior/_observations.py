"""What a likelihood is computed from: distinct states, their counts, groups and covariates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Vector
from omniltv.data.history import DistinctStates, PurchaseHistory
from omniltv.errors import DataError, DataWarning, FitError
from omniltv.models.posterior._choices import Choices
from omniltv.models.processes.protocols import ChannelState, PurchaseState, SpendState
from omniltv.units import Span

__all__ = [
    "Observations",
    "State",
    "channels_observed",
    "purchases_observed",
    "spend_observed",
]

type State = Any
"""A named tuple of statistics of equal shape, the discrete one first."""

_FEW = 10


@dataclass(frozen=True, eq=False)
class Observations:
    """The data of a fit, in the form that every kind of model shares.

    Attributes:
        state: Statistics of the distinct states, each of shape (n_states,).
        count: Number of rows with each state, of shape (n_states,).
        purchases: Repeat purchases of each state, of shape (n_states,); states with more
            of them are more likely to be in a subsample.
        groups: Group columns by name, each of shape (n_states,).
        covariates: Covariates by name, each of shape (n_states,).
        shift: Shift of the prior means of coordinates, by `Coordinate.scale`.
    """

    state: State
    count: Vector
    purchases: Vector
    groups: Mapping[str, NDArray[np.str_]]
    covariates: Mapping[str, Vector]
    shift: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.count)


def purchases_observed(history: PurchaseHistory) -> Observations:
    """Return the observations of a purchase model: all rows of a history.

    Raises:
        FitError: If the history has no rows.
    """
    if not len(history):
        raise FitError("the history has no rows. Hint: PurchaseLog.from_frame(...).history()")
    _warn_if_few(history.frequency, "repeat purchase")
    distinct = history.distinct()
    states = distinct.states
    state = PurchaseState(states.frequency.astype(np.float64), states.recency, states.T)
    return _observed(distinct, state, {"time": -_log_mean(states.T, distinct.count)})


def spend_observed(history: PurchaseHistory) -> Observations:
    """Return the observations of a spend model: the rows with paid purchases that count.

    Raises:
        DataError: If a mean value is missing or negative.
        FitError: If no row has a paid purchase that counts.
    """
    rows = _spenders(history)
    _warn_if_few(rows.spending()[0], _counted(rows))
    distinct = rows.distinct(spend=True)
    count, mean = distinct.states.spending()
    state = SpendState(count.astype(np.float64), mean)
    return _observed(distinct, state, {"value": _log_mean(mean, distinct.count * count)})


def channels_observed(choices: Choices, half_life: Span | None) -> Observations:
    """Return the observations of a channel model: each purchase after a customer's first."""
    state = choices.states(half_life)
    order = np.lexsort(state)  # sums do not depend on the order of customers
    n = len(order)
    return Observations(
        state=ChannelState(*(values[order] for values in state)),
        count=np.ones(n),
        purchases=np.zeros(n),
        groups={name: values[order] for name, values in choices.groups_of_purchases.items()},
        covariates={},
        shift={"none": 0.0},
    )


def _observed(distinct: DistinctStates, state: State, shift: Mapping[str, float]) -> Observations:
    return Observations(
        state=state,
        count=distinct.count.astype(np.float64),
        purchases=distinct.states.frequency.astype(np.float64),
        groups=distinct.states.groups,
        covariates=distinct.states.covariates,
        shift={"none": 0.0, **shift},
    )


def _log_mean(values: Vector, weight: NDArray[np.int64]) -> float:
    total = float(values @ weight)
    return float(np.log(total / weight.sum())) if total > 0 else 0.0


def _warn_if_few(count: NDArray[np.int64], kind: str) -> None:
    purchases = int(count.sum())
    if purchases < _FEW:
        message = f"only {purchases} {kind}s: the posterior is mostly the prior"
        hint = "more customers, or a longer observation"
        warn(f"{message}. Hint: {hint}", DataWarning, stacklevel=5)


def _spenders(history: PurchaseHistory) -> PurchaseHistory:
    """Return the rows with paid purchases that count: only these inform a spend model."""
    repeat, mean = history.frequency > 0, history.spending()[1]
    bad = repeat & ~(history.monetary_value >= 0)
    if bad.any():
        rows = history.customer_id[bad].tolist()
        hint = "net refunds against their purchases"
        problem = "mean value missing or below 0"
        raise DataError(problem, column="monetary_value", rows=rows, hint=hint)
    paid = mean > 0
    if not paid.any():
        message = f"no row has a paid {_counted(history)}, so spend cannot be estimated"
        raise FitError(f"{message}. Hint: a longer observation, or a coarser grouping")
    free = int((mean == 0).sum())
    if free:
        message = f"{free:,} rows whose {_counted(history)}s were all free"
        warn(f"{message} are left out of the fit of spend", DataWarning, stacklevel=5)
    return history.take(paid)


def _counted(history: PurchaseHistory) -> str:
    """Return what a purchase that counts for spend is called."""
    return "purchase" if history.counts_first else "repeat purchase"
