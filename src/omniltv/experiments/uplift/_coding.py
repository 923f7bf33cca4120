"""Columns of numbers and labels as a matrix without missing values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Flags, Matrix, Objects, Vector
from omniltv._columns import is_missing, numbers, require
from omniltv._frames import Eager
from omniltv.errors import DataError

__all__ = ["Coding", "CovariateColumns", "read_columns"]

_FEWEST = 20  # customers with a label that has a column of its own
_TEXT = (nw.String, nw.Categorical, nw.Enum, nw.Object)

type CovariateColumns = Mapping[str, Vector | NDArray[np.str_]]
"""Columns of numbers (NaN if missing) and of labels ("" if missing) by name."""


def read_columns(
    table: Eager, names: Sequence[str], what: str, *, ids: Objects
) -> CovariateColumns:
    """Return columns of a table, each of shape (n_rows,).

    Raises:
        DataError: If a column is absent, infinite, or holds neither numbers nor labels.
    """
    require(table.columns, list(names), what)
    found: dict[str, Vector | NDArray[np.str_]] = {}
    for name in names:
        dtype = table.schema[name]
        if dtype.is_numeric() or dtype == nw.Boolean:
            found[name] = numbers(table, name, what, ids=ids, allow_missing=True)
        elif dtype in _TEXT:
            found[name] = _texts(table[name].to_list())
        else:
            hint = "numbers or labels; turn a time into a number of days"
            raise DataError(f"a covariate of type {dtype}", column=name, hint=hint)
    return found


def _texts(values: Sequence[object]) -> NDArray[np.str_]:
    texts = {value: "" if is_missing(value) else str(value) for value in set(values)}
    return np.array([texts[value] for value in values], dtype=np.str_)


@dataclass(frozen=True, eq=False)
class Coding:
    """How columns become a matrix, learnt from the customers of an experiment.

    A number is standardised; if it is missing it counts as the mean, and a column says so. A
    label that 20 customers have, other than the most frequent one, has a column of its own. Rare
    and unknown labels count as the most frequent one.

    Attributes:
        centre: Mean of each column of numbers.
        scale: Its standard deviation.
        gaps: Columns of numbers that had missing values.
        levels: Labels with a column of their own, by column of labels.
    """

    centre: Mapping[str, float]
    scale: Mapping[str, float]
    gaps: frozenset[str]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, columns: CovariateColumns) -> "Coding":
        """Return the coding of columns."""
        values = {name: own for name, own in columns.items() if own.dtype.kind == "f"}
        known = {name: own[~np.isnan(own)].astype(np.float64) for name, own in values.items()}
        levels = {
            name: _levels(own.astype(np.str_))
            for name, own in columns.items()
            if own.dtype.kind != "f"
        }
        return cls(
            {name: float(own.mean()) if len(own) else 0.0 for name, own in known.items()},
            {name: float(own.std()) if len(own) else 0.0 for name, own in known.items()},
            frozenset(name for name, own in values.items() if len(known[name]) < len(own)),
            levels,
        )

    def matrix(self, columns: CovariateColumns, n: int) -> Matrix:
        """Return the matrix, of shape (n, n_columns).

        Raises:
            DataError: If a column has labels instead of numbers, or the other way round.
        """
        for name in self.names:
            if (columns[name].dtype.kind == "f") != (name in self.centre):
                wanted = "numbers" if name in self.centre else "labels"
                hint = f"{wanted}, as in the experiment"
                raise DataError("a column of another type", column=name, hint=hint)
        parts: list[Vector | Flags] = []
        for name, centre in self.centre.items():
            own = columns[name].astype(np.float64)
            gone = np.isnan(own)
            parts.append(np.where(gone, 0.0, own - centre) / (self.scale[name] or 1.0))
            parts += [gone] if name in self.gaps else []
        for name, levels in self.levels.items():
            parts += [columns[name] == level for level in levels]
        return np.column_stack([np.empty((n, 0)), *parts]).astype(np.float64)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are read."""
        return (*self.centre, *self.levels)


def _levels(texts: NDArray[np.str_]) -> tuple[str, ...]:
    """Return the labels with a column of their own: frequent ones, but for the most frequent."""
    names, count = np.unique(texts, return_counts=True)
    order = np.argsort(-count, kind="stable")
    return tuple(sorted(str(names[k]) for k in order[1:] if count[k] >= _FEWEST))
