"""States of a history as columns, which broadcast against draws."""

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.models.processes.protocols import PurchaseState, SpendState

__all__ = ["purchase_state", "spend_state"]


def purchase_state(states: PurchaseHistory, rows: slice | NDArray[np.intp]) -> PurchaseState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [2, 0], [5.0, 0.0], [9.0, 9.0], [7.0, None], "week")
        >>> purchase_state(history, slice(0, 1)).recency
        array([[5.]])
    """
    return PurchaseState(
        *(
            column[rows, None].astype(np.float64)
            for column in (states.frequency, states.recency, states.T)
        )
    )


def spend_state(states: PurchaseHistory, rows: slice | NDArray[np.intp]) -> SpendState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [2, 1], [5.0, 3.0], [9.0, 9.0], [7.0, 4.0], "week")
        >>> spend_state(history, slice(0, 2)).monetary_value.tolist()
        [[7.0], [4.0]]
    """
    count, mean = states.spending()
    return SpendState(count[rows, None].astype(np.float64), mean[rows, None])
