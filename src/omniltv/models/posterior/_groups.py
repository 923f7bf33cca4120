"""The group of each row under a pooling."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from omniltv.data.cohorts import COHORT
from omniltv.errors import DataError
from omniltv.models.posterior.pooling import JOIN, Pooling, PoolingKind

__all__ = ["Grouped", "group_labels", "term_labels"]


class Grouped(Protocol):
    """Rows with group columns and covariates: a history, or the observations of a fit."""

    @property
    def groups(self) -> Mapping[str, NDArray[np.str_]]:
        """Group columns by name, each of shape (n_rows,)."""
        ...

    @property
    def covariates(self) -> Mapping[str, NDArray[np.float64]]:
        """Covariates by name, each of shape (n_rows,)."""
        ...

    def __len__(self) -> int: ...


def group_labels(rows: Grouped, pooling: Pooling) -> NDArray[np.str_]:
    """Return the group label of each row; labels of several columns are joined by ``|``.

    Raises:
        DataError: If the rows have no such group column.
    """
    if pooling.kind is PoolingKind.COMPLETE:
        return np.full(len(rows), "")
    return term_labels(rows, JOIN.join(pooling.columns))


def term_labels(rows: Grouped, term: str) -> NDArray[np.str_]:
    """Return the label of each row in one term: a group column, or several joined by ``|``.

    Raises:
        DataError: If the rows have no such group column.
    """
    labels: NDArray[np.str_] | None = None
    for name in term.split(JOIN):
        if name not in rows.groups:
            has = ", ".join(rows.groups) or "none"
            how = 'cohort="month"' if name == COHORT else f'by="{name}"'
            hint = f'log.history({how}) or history.with_group("{name}", values)'
            problem = f"the history has no such group column; it has: {has}"
            raise DataError(problem, column=name, hint=hint)
        column = np.asarray(rows.groups[name]).astype(str)
        labels = column if labels is None else np.char.add(np.char.add(labels, JOIN), column)
    assert labels is not None
    return labels
