"""Columns out of any frame that Narwhals reads, and frames out of columns."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast, overload, runtime_checkable

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoDataFrame, IntoFrame
from numpy.typing import NDArray

from omniltv.errors import DataError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = [
    "Backend",
    "Eager",
    "IntoTable",
    "SupportsToFrame",
    "Table",
    "Tabular",
    "check_ids",
    "collect",
    "first_rows",
    "labels",
    "numbers",
    "positions",
    "read_ids",
    "repeated",
    "require",
]

type Backend = Literal["pandas", "polars", "pyarrow"]
"""The kinds of frame that a result can be turned into."""

type Eager = nw.DataFrame[IntoDataFrame]
"""A frame in memory, whatever its kind."""


@runtime_checkable
class SupportsToFrame(Protocol):
    """A result of this package that can be written as a frame."""

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns by name, each of shape (n_rows,)."""
        ...

    def to_frame(self) -> pd.DataFrame:
        """Return the columns as a pandas frame."""
        ...


type IntoTable = IntoFrame | SupportsToFrame
"""Any frame, or a result that can be written as one."""


def collect(frame: IntoTable, what: str) -> Eager:
    """Return any frame in memory, under Narwhals' names.

    Raises:
        DataError: If it is neither a frame nor a result that can be written as one.
    """
    try:
        wrapped = nw.from_native(cast("IntoFrame", frame))
    except TypeError as error:
        if isinstance(frame, SupportsToFrame) and callable(frame.columns):
            return collect(frame.to_frame(), what)
        problem = f"{what} is a dataframe, got {type(frame).__name__}"
        raise DataError(problem, hint="pandas.DataFrame(...) or polars.DataFrame(...)") from error
    eager: Eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
    return eager


def require(columns: Sequence[str], needed: Sequence[str], what: str) -> None:
    """Raise DataError where a column is missing, naming those that are there."""
    missing = [name for name in needed if name not in columns]
    if missing:
        problem = f"{what} has no such column; it has: {', '.join(columns) or 'none'}"
        raise DataError(problem, column=missing[0], hint="rename the column, or name it")


def read_ids(frame: Eager, column: str, what: str) -> NDArray[np.object_]:
    """Return a column of ids as they are, of shape (n_rows,).

    Raises:
        DataError: If the column is absent, has missing ids, or holds floats (a float
            has lost digits of long ids and prints as another text).
    """
    require(frame.columns, [column], what)
    return check_ids(frame[column].to_list(), column)


def check_ids(values: Sequence[object], column: str) -> NDArray[np.object_]:
    """Return ids as an array of objects, of shape (n,); see `read_ids`."""
    ids = np.empty(len(values), dtype=object)
    ids[:] = values
    missing = np.flatnonzero(pd.isna(ids))
    if len(missing):
        hint = "leave out or repair these rows (row positions shown)"
        raise DataError("missing ids", column=column, rows=missing.tolist(), hint=hint)
    floats = [row for row, value in enumerate(values) if isinstance(value, float)]
    if floats:
        hint = "read the column as text or as whole numbers"
        raise DataError("ids are floats", column=column, rows=floats, hint=hint)
    return ids


def repeated(ids: NDArray[np.object_]) -> list[object]:
    """Return the ids that stand in more than one row, each once."""
    index = pd.Index(ids, dtype=object)
    return list(index[index.duplicated()].unique())


def first_rows(ids: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each row the first row of the same id, and the first rows themselves."""
    index = pd.Index(ids, dtype=object)
    first = np.flatnonzero(~index.duplicated())
    return first[positions(ids, ids[first])], first


def positions(ids: NDArray[np.object_], among: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return where each id stands among unique ids, -1 where it does not; shape of ``ids``."""
    index = pd.Index(among, dtype=object)
    return index.get_indexer(pd.Index(ids, dtype=object)).astype(np.intp)


def numbers(
    frame: Eager,
    column: str,
    what: str,
    *,
    ids: NDArray[np.object_],
    allow_missing: bool = False,
) -> NDArray[np.float64]:
    """Return a column of finite numbers, of shape (n_rows,); missing ones as NaN if allowed.

    Raises:
        DataError: If the column is absent or no number, or if rows are missing or infinite.
    """
    require(frame.columns, [column], what)
    series = frame[column]
    if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        hint = f"convert it first; {column!r} is {series.dtype}"
        raise DataError("not a column of numbers", column=column, hint=hint)
    values = np.array(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    bad = np.isinf(values) if allow_missing else ~np.isfinite(values)
    if bad.any():
        hint = "leave these rows out, or say what they are worth"
        raise DataError(
            "missing or infinite numbers", column=column, rows=list(ids[bad]), hint=hint
        )
    return values


def labels(frame: Eager, column: str, what: str, *, ids: NDArray[np.object_]) -> NDArray[np.str_]:
    """Return a column of labels as text, of shape (n_rows,).

    Raises:
        DataError: If the column is absent or a label is missing.
    """
    require(frame.columns, [column], what)
    values = np.empty(len(frame), dtype=object)
    values[:] = frame[column].to_list()
    missing = np.asarray(pd.isna(values), dtype=bool)
    if missing.any():
        hint = "fill it with a label of its own, such as 'unknown'"
        raise DataError("missing labels", column=column, rows=list(ids[missing]), hint=hint)
    return values.astype(np.str_)


class Tabular(ABC):
    """A result that can be written as a table of any kind."""

    @abstractmethod
    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the table's columns by name, each of shape (n_rows,)."""

    @overload
    def to_frame(self, backend: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    def to_frame(self, backend: Literal["polars"]) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["pyarrow"]) -> "pa.Table": ...
    def to_frame(self, backend: Backend = "pandas") -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return the result as a frame of the kind asked for."""
        data = {name: values.tolist() for name, values in self.columns().items()}
        return nw.from_dict(data, backend=backend).to_native()


@dataclass(frozen=True, eq=False)
class Table(Tabular):
    """A small table whose repr is the table.

    Attributes:
        data: Columns by name, each of shape (n_rows,).
    """

    data: Mapping[str, NDArray[np.generic]]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns by name."""
        return self.data

    def __len__(self) -> int:
        return len(next(iter(self.data.values()), ()))

    def __repr__(self) -> str:
        return self.to_frame().to_string(index=False, float_format=lambda value: f"{value:,.4g}")
