"""Forecasts of states at all draws or at a few, and draws of the number of future purchases."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.data.history import DistinctStates
from omniltv.draws import Evaluate, RowDraws
from omniltv.models.posterior._ahead import AHEAD
from omniltv.models.posterior._interpolate import ByRows, Cells, over_draws
from omniltv.models.posterior._later import LaterCounts, prob_count
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.state_columns import purchase_state
from omniltv.models.processes.protocols import CountModel, Parameters, PurchaseState

__all__ = ["CountDraws", "OfState", "at_draws", "by_slice", "few_draws"]

type OfState = Callable[[Parameters, PurchaseState], Floats]
"""Returns a forecast of shape (states, draws) from parameters and states that broadcast to it."""

_SIMULATED_DRAWS = 200
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class CountDraws:
    """Draws of the probability of any number of purchases.

    Attributes:
        distinct: The distinct states of the rows.
        cells: The cell of each state, with the length of the forecast.
        nodes: The quadrature of the forecast, with the purchase model.
        density: Whether the likelihood is the density of all purchase times.
    """

    distinct: DistinctStates
    cells: Cells
    nodes: LaterCounts
    density: bool

    @property
    def picked(self) -> NDArray[np.intp] | None:
        """The draws under which futures are simulated; None if they are not needed."""
        if self.density or isinstance(self.nodes.model, CountModel):
            return None
        return few_draws(len(self.cells.by_group))

    def exactly(self, count: int) -> RowDraws:
        """Return draws of the probability of a number of purchases."""
        size, picked, name = len(self.distinct.count), self.picked, f"P({count} purchases)"

        def probability(parameters: Parameters, state: PurchaseState) -> Floats:
            span = parameters[AHEAD]
            return prob_count(self.nodes, parameters, state, span, count, density=self.density)

        def logs(parameters: Parameters, rows: NDArray[np.intp]) -> Floats:
            found = probability(parameters, purchase_state(self.distinct.states, rows))
            return np.log(np.clip(found, _TINY, 1.0))

        if picked is not None:
            shares = at_draws(probability, self.distinct, self.cells, picked)
            return RowDraws(shares, self.distinct.index, size, len(picked), name)
        n_draws = len(self.cells.by_group)
        of_logs = by_slice(over_draws(logs, self.cells, n_draws, within=(-np.inf, 0.0)), size)

        def evaluate(states: slice, draws: slice) -> Floats:
            return np.exp(of_logs(states, draws))

        return RowDraws(evaluate, self.distinct.index, size, n_draws, name)


def few_draws(n_draws: int) -> NDArray[np.intp]:
    """Return the posterior draws under which futures are simulated, evenly spaced.

    Examples:
        >>> len(few_draws(2_000)), len(few_draws(40))
        (200, 40)
    """
    return np.unique(evenly(_SIMULATED_DRAWS, n_draws))


def at_draws(
    exact: OfState, distinct: DistinctStates, cells: Cells, picked: NDArray[np.intp]
) -> Evaluate:
    """Return a forecast of states at some draws, computed at each of them."""

    def evaluate(states: slice, draws: slice) -> Floats:
        parameters = cells.take(states).parameters(picked[draws])
        return exact(parameters, purchase_state(distinct.states, states))

    return evaluate


def by_slice(values: ByRows, n: int) -> Evaluate:
    """Return a forecast of n states as a function of slices."""
    return lambda rows, draws: values(np.arange(n)[rows], draws)
