"""A table of estimates per cell, read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._columns import labels, numbers, require
from omniltv._frames import Eager
from omniltv.errors import DataError

__all__ = ["CellTable"]


@dataclass(frozen=True, eq=False)
class CellTable:
    """A table of estimates, read.

    Attributes:
        cells: Labels by column, each of shape (n,).
        estimate: The estimates; NaN if not measured.
        error: Their standard errors; NaN if not measured.
        baseline: What a relative effect of 1 is worth.
    """

    cells: Mapping[str, NDArray[np.str_]]
    estimate: NDArray[np.float64]
    error: NDArray[np.float64]
    baseline: NDArray[np.float64]

    @classmethod
    def read(cls, table: Eager, by: Sequence[str], *, what: str) -> "CellTable":
        """Return a table with the columns ``estimate``, ``standard_error``, ``control_mean``.

        Raises:
            DataError: If a column is absent, a label is missing, a standard error is not
                positive, a control mean is not positive, or an estimate has no standard error.
        """
        require(table.columns, [*by, "estimate", "standard_error", "control_mean"], what)
        row = np.arange(len(table)).astype(object)
        cells = {name: labels(table, name, what, ids=row) for name in by}
        estimate = numbers(table, "estimate", what, ids=row, allow_missing=True)
        error = numbers(table, "standard_error", what, ids=row, allow_missing=True)
        baseline = numbers(table, "control_mean", what, ids=row)
        _refuse(error <= 0, "standard_error", "standard errors that are not positive", row)
        _refuse(baseline <= 0, "control_mean", "control means that are not positive", row)
        alone = np.isnan(estimate) != np.isnan(error)
        _refuse(alone, "standard_error", "estimates or standard errors alone", row)
        return cls(cells, estimate, error, baseline)


def _refuse(bad: NDArray[np.bool_], column: str, problem: str, row: NDArray[np.object_]) -> None:
    if bad.any():
        hint = "a cell that was not measured has neither estimate nor standard error"
        raise DataError(problem, column=column, rows=list(row[bad]), hint=hint)
