"""The group of each row of a history under a pooling."""

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.errors import DataError
from omniltv.models.posterior.pooling import JOIN, Pooling, PoolingKind

__all__ = ["group_labels", "term_labels"]


def group_labels(history: PurchaseHistory, pooling: Pooling) -> NDArray[np.str_]:
    """Return the group label of each row: combined by ``|`` where there are several columns.

    Raises:
        DataError: If the history has no such group column.
    """
    if pooling.kind is PoolingKind.COMPLETE:
        return np.full(len(history), "")
    return term_labels(history, JOIN.join(pooling.columns))


def term_labels(history: PurchaseHistory, term: str) -> NDArray[np.str_]:
    """Return the label of each row in one term: a group column, or several joined by ``|``.

    Raises:
        DataError: If the history has no such group column.
    """
    labels: NDArray[np.str_] | None = None
    for name in term.split(JOIN):
        if name not in history.groups:
            has = ", ".join(history.groups) or "none"
            hint = f'log.history(by="{name}") or history.with_group("{name}", values)'
            problem = f"the history has no such group column; it has: {has}"
            raise DataError(problem, column=name, hint=hint)
        column = np.asarray(history.groups[name]).astype(str)
        labels = column if labels is None else np.char.add(np.char.add(labels, JOIN), column)
    assert labels is not None
    return labels
