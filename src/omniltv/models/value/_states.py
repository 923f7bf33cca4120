"""The distinct states of rows whose value is computed, in an order that is fast to compute."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._log import logged
from omniltv.data.distinct import distinct_rows
from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior._ahead import with_ahead
from omniltv.models.posterior._interpolate import Cells
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.fitted import Unseen
from omniltv.units import Span

__all__ = ["States"]


@dataclass(frozen=True, eq=False)
class States:
    """The distinct states of rows, sorted by group and then by purchase state.

    A block of states therefore rarely contains several groups, which are computed one by one.

    Attributes:
        states: Distinct groups, frequency, recency, T and monetary value.
        index: State of each row, of shape (n_rows,).
        buying: The purchase state (all but the monetary value) of each state.
        first: The first state of each purchase state.
        buying_cells: Cell of each state in the purchase fit, with the length of the forecast.
        spending_cells: Cell of each state in the spend fit.
    """

    states: PurchaseHistory
    index: NDArray[np.intp]
    buying: NDArray[np.intp]
    first: NDArray[np.intp]
    buying_cells: Cells
    spending_cells: Cells

    @classmethod
    @logged("states found")
    def of(
        cls,
        history: PurchaseHistory,
        purchases: PurchaseFit,
        spend: SpendFit,
        unseen: Unseen,
        horizon: Span,
    ) -> "States":
        """Return the states of a history, each with its groups in both fits."""
        buying_cells, spending_cells = (
            fit.cells(history, unseen=unseen) for fit in (purchases, spend)
        )
        buying_cells = with_ahead(buying_cells, history, horizon, purchases.unit)
        fine = history.distinct(spend=True)
        state = _purchase_states(fine.states)
        row = np.empty(len(state), dtype=np.intp)  # a row of each state
        row[fine.index] = np.arange(len(fine.index))
        order = np.lexsort([state, buying_cells.group[row]])
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        index, row = place[fine.index], row[order]
        buying = state[order]
        return cls(
            states=fine.states.take(order),
            index=index,
            buying=buying,
            first=np.unique(buying, return_index=True)[1],
            buying_cells=buying_cells.take(row),
            spending_cells=spending_cells.take(row),
        )


def _purchase_states(states: PurchaseHistory) -> NDArray[np.intp]:
    """Return the number of the purchase state of each state, by frequency, then T, then recency.

    Expected purchases of an active customer do not depend on recency in most models. States
    that share them follow each other, and are computed once.
    """
    others = [*states.groups.values(), *states.covariates.values()]
    columns = [*others, states.recency, states.T, states.frequency]
    return distinct_rows(columns, len(states))[0]
