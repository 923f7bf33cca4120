"""Any frame that Narwhals reads: columns in, and frames of the same kind back."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import DuplicateError
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv.errors import DataError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = [
    "Backend",
    "DataType",
    "Eager",
    "EagerOrLazy",
    "FrameKind",
    "IntoTable",
    "SupportsToFrame",
    "Table",
    "Tabular",
    "collect",
    "open_frame",
    "read_frame",
    "refuse_unknown",
    "unused_name",
    "with_column",
]

type Backend = Literal["pandas", "polars", "pyarrow"]
"""The kinds of frame that a result can be turned into."""

_LONG = 2**63

type Eager = nw.DataFrame[Any]
"""A frame in memory, whatever its kind."""

type EagerOrLazy = Eager | nw.LazyFrame[Any]
"""A frame of any kind, in memory or lazy."""

type DataType = type[nw.dtypes.DType] | nw.dtypes.DType
"""A type of column."""


_ARRAYS: Mapping[DataType, type] = {
    nw.String: object,
    nw.Float64: np.float64,
    nw.Int64: np.int64,
    nw.Boolean: np.bool_,
}


@dataclass(frozen=True)
class FrameKind[FrameT]:
    """The kind of frame that a caller uses; makes frames of this kind.

    `read_frame` returns one with every frame that it reads.

    Attributes:
        eager: Library that holds the frame in memory.
        lazy: Library of a lazy frame; None if the frame was in memory.
        session: Session of a lazy frame that has one (Spark).
        whole: Columns of ids that are whole numbers in the caller's frame. They are kept as
            text inside, and built as numbers again, also with the suffixes ``_a`` and ``_b``.

    Examples:
        >>> rows, kind = read_frame(pd.DataFrame({"a": [1, 2]}), "a table")
        >>> kind.build({"b": ["x", None]})
              b
        0     x
        1  None
    """

    eager: nw.Implementation
    lazy: nw.Implementation | None = None
    session: object = None
    whole: frozenset[str] = frozenset()

    def native(self, rows: Eager) -> FrameT:
        """Return a frame in memory as a frame of the caller's kind."""
        if self.lazy is None:
            return cast("FrameT", rows.to_native())
        lazy = rows.lazy(backend=cast("Any", self.lazy), session=self.session)
        return cast("FrameT", lazy.to_native())

    def build(
        self, data: Mapping[str, Sequence[object]], types: Mapping[str, DataType] | None = None
    ) -> FrameT:
        """Return plain columns as a frame of the caller's kind; text if no type is given."""
        numbers = self._numbers(data)
        columns = {**data, **numbers}
        known = {**(types or {}), **dict.fromkeys(numbers, nw.Int64)}
        schema: dict[str, DataType | None] = {
            name: known.get(name, self._text(values)) for name, values in columns.items()
        }
        if self.eager.is_pandas() and _ARRAYS.keys() >= set(filter(None, schema.values())):
            return self.native(nw.from_native(_pandas(columns, schema), eager_only=True))
        backend = cast("Any", self.eager)
        return self.native(nw.from_dict(columns, cast("Any", schema), backend=backend))

    def _numbers(self, data: Mapping[str, Sequence[object]]) -> dict[str, list[int]]:
        """Return the columns of ids that are whole numbers, as numbers."""
        ids = [name for name in data if name.removesuffix("_a").removesuffix("_b") in self.whole]
        found = {name: _whole(data[name]) for name in ids}
        return {name: numbers for name, numbers in found.items() if numbers is not None}

    def _text(self, values: Sequence[object]) -> DataType | None:
        """Return the type of a column of text; pandas would write a missing value as "None"."""
        return None if self.eager.is_pandas_like() and None in values else nw.String

    def extend(
        self, rows: Eager, name: str, values: NDArray[np.object_], keep: NDArray[np.bool_]
    ) -> FrameT:
        """Return the rows to keep, with one more column of text or of whole numbers.

        Args:
            rows: A frame in memory.
            name: Name of the column; a column of this name is replaced.
            values: One text per row, or None, of shape (n_rows,); or a whole number for each
                row to keep.
            keep: Which rows to keep, of shape (n_rows,).
        """
        chosen = np.flatnonzero(keep)
        part = rows[chosen, :]
        return self.native(part.with_columns(self._series(part, name, values[chosen])))

    def _series(self, part: Eager, name: str, values: NDArray[np.object_]) -> nw.Series[Any]:
        """Return a column that fits some rows, in pandas with the index of these."""
        whole = bool(len(values)) and set(map(type, values)) == {int}
        if self.eager.is_pandas():
            index = cast("pd.DataFrame", part.to_native()).index
            kind = np.int64 if whole else object
            series = pd.Series(values, index=index, name=name, dtype=kind)
            return nw.from_native(series, series_only=True)
        dtype = nw.Int64 if whole else nw.String
        return nw.new_series(name, values.tolist(), dtype, backend=cast("Any", self.eager))


def _whole(texts: Sequence[object]) -> list[int] | None:
    """Return texts as whole numbers, None if one of them is no number that fits 64 bits."""
    try:
        numbers = list(map(int, cast("Sequence[str]", texts)))
    except (TypeError, ValueError):
        return None
    fits = all(-_LONG <= number < _LONG for number in numbers)
    return numbers if fits and list(map(str, numbers)) == list(texts) else None


def _pandas(
    data: Mapping[str, Sequence[object]], schema: Mapping[str, DataType | None]
) -> pd.DataFrame:
    """Return columns of known type as a pandas frame, which is faster than by Narwhals."""
    arrays: dict[str, Any] = {}
    for name, values in data.items():
        dtype = _ARRAYS.get(cast("Any", schema[name]))
        arrays[name] = values if dtype is None else np.array(values, dtype=dtype)
    frame = pd.DataFrame(arrays)
    texts = [name for name, dtype in schema.items() if dtype == nw.String]
    other = [name for name in texts if not _is_text(frame[name].dtype, arrays[name])]
    return frame.astype(dict.fromkeys(other, str)) if other else frame


def _is_text(dtype: object, values: NDArray[np.object_]) -> bool:
    """Return whether a column has the type that pandas gives to text, and only text."""
    return dtype == _text_type() and set(map(type, values)) <= {str}


@cache
def _text_type() -> object:
    return pd.Series(["text"]).dtype


def read_frame(frame: IntoFrameT, what: str) -> tuple[Eager, FrameKind[IntoFrameT]]:
    """Return any frame in memory, and its kind.

    Args:
        frame: A frame of any library that Narwhals supports; a lazy frame is collected.
        what: What the frame is, for error messages.

    Raises:
        DataError: If it is not a frame, two columns have the same name, or the name of a
            column is not text.

    Examples:
        >>> rows, kind = read_frame(pd.DataFrame({"a": [1, 2]}), "a table")
        >>> rows["a"].to_list()
        [1, 2]
        >>> type(kind.native(rows))
        <class 'pandas.core.frame.DataFrame'>
    """
    wrapped = open_frame(frame, what)
    lazy = wrapped if isinstance(wrapped, nw.LazyFrame) else None
    eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
    names: Sequence[object] = eager.columns
    unnamed = [name for name in names if not isinstance(name, str)]
    if unnamed:
        hint = "frame.columns = [str(name) for name in frame.columns]"
        problem = f"the name of a column of {what} is not text"
        raise DataError(problem, column=str(unnamed[0]), hint=hint)
    eager = _known_types(eager)
    if lazy is None:
        return eager, FrameKind(eager.implementation)
    session = getattr(lazy.to_native(), "sparkSession", None)
    return eager, FrameKind(eager.implementation, lazy.implementation, session)


def _known_types(rows: Eager) -> Eager:
    """Return a pandas frame with the columns that Narwhals misreads in a type that it knows.

    Times in a zone that it does not know are in UTC, the same instants. Sparse columns are
    dense, and numbers have the byte order of the machine.
    """
    if not rows.implementation.is_pandas():
        return rows
    frame = cast("pd.DataFrame", rows.to_native())
    odd = [name for name, dtype in zip(frame.columns, frame.dtypes, strict=True) if _odd(dtype)]
    known = {name: _known_type(frame[name]) for name in odd}
    return nw.from_native(frame.assign(**known), eager_only=True) if known else rows


def _odd(dtype: object) -> bool:
    """Return whether Narwhals misreads a pandas type."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return not _is_zone(str(dtype.tz)) or _misread(dtype)
    if isinstance(dtype, np.dtype):
        return not dtype.isnative
    return isinstance(dtype, pd.SparseDtype)


@cache
def _misread(dtype: pd.DatetimeTZDtype) -> bool:
    empty = pd.Series([], dtype=dtype)
    return bool(nw.from_native(empty, series_only=True).dtype == nw.Unknown)


def _known_type(column: Any) -> "pd.Series[Any]":  # noqa: ANN401 - pandas' types lack .sparse
    if isinstance(column.dtype, pd.SparseDtype):
        return cast("pd.Series[Any]", column.sparse.to_dense())
    if isinstance(column.dtype, np.dtype):
        return cast("pd.Series[Any]", column.astype(column.dtype.newbyteorder("=")))
    return cast("pd.Series[Any]", column.dt.tz_convert("UTC"))


@cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False
    return True


def refuse_unknown(rows: Eager, columns: Iterable[str], what: str) -> None:
    """Raise DataError if a column has values of a type that cannot be compared.

    A column without any value has no type, and is not refused.
    """
    for name in columns:
        if name in rows.columns and rows.schema[name] == nw.Unknown:
            column = rows[name]
            bad = np.flatnonzero(~np.asarray(column.is_null().to_list(), dtype=bool))
            if len(bad):
                problem = f"{what} has values of a type that cannot be compared"
                hint = "convert the column to numbers, text or times"
                raise DataError(problem, column=name, rows=bad.tolist(), hint=hint)


def open_frame(frame: object, what: str) -> EagerOrLazy:
    """Return any frame as Narwhals sees it; a lazy frame stays lazy; see `read_frame`."""
    try:
        return cast("Eager | nw.LazyFrame[Any]", nw.from_native(cast("Any", frame)))
    except TypeError as error:
        problem = f"{what} must be a dataframe, got {type(frame).__name__}"
        raise DataError(problem, hint="pandas.DataFrame(...) or polars.DataFrame(...)") from error
    except DuplicateError as error:
        names = getattr(frame, "column_names", getattr(frame, "columns", ()))
        twice = next((str(name) for name, n in Counter(names).items() if n > 1), None)
        problem = f"{what} has two columns of the same name"
        raise DataError(problem, column=twice, hint="rename one of them") from error


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
    """Return any frame, or a result that can be written as one, in memory; see `read_frame`."""
    if isinstance(frame, SupportsToFrame) and callable(frame.columns):
        return read_frame(frame.to_frame(), what)[0]
    return read_frame(cast("Any", frame), what)[0]


def unused_name(names: Collection[str], wanted: str) -> str:
    """Return a name that no column has: the wanted one, or this with a number.

    Examples:
        >>> unused_name(["reason", "value"], "reason")
        'reason_1'
    """
    numbered = (f"{wanted}_{number}" for number in count(1))
    return wanted if wanted not in names else next(n for n in numbered if n not in names)


def with_column(
    rows: Eager,
    name: str,
    values: NDArray[Any],
    dtype: type[nw.String | nw.Float64 | nw.Int64 | nw.Boolean],
) -> Eager:
    """Return rows with one more column; if its name is taken, it gets a number.

    Args:
        rows: A frame in memory.
        name: Name of the column.
        values: Of shape (n_rows,).
        dtype: Type of the column.

    Examples:
        >>> rows, _ = read_frame(pd.DataFrame({"a": [1, 2]}), "a table")
        >>> with_column(rows, "a", np.array([0.5, 1.5]), nw.Float64).columns
        ['a', 'a_1']
    """
    free, backend = unused_name(rows.columns, name), rows.implementation
    return rows.with_columns(nw.new_series(free, values.tolist(), dtype, backend=backend))


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
        """Return the result as a frame of the given kind."""
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
