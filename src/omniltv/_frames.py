"""Any frame that Narwhals reads: columns in, and frames of the same kind back."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, overload, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import DuplicateError
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import ArrayLike, NDArray

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
    "as_labels",
    "as_numbers",
    "check_ids",
    "collect",
    "first_rows",
    "is_missing",
    "labels",
    "missing_column",
    "none_if_missing",
    "numbers",
    "open_frame",
    "optional_labels",
    "positions",
    "read_frame",
    "read_ids",
    "refuse_unknown",
    "repeated",
    "require",
    "unused_name",
    "with_column",
]

type Backend = Literal["pandas", "polars", "pyarrow"]
"""The kinds of frame that a result can be turned into."""

_LONG = 2**63
_LONGEST = 256

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


def missing_column(name: str, columns: Sequence[str], what: str, hint: str) -> DataError:
    """Return the error that a column is missing, naming the columns that there are."""
    problem = f"{what} has no such column; it has: {', '.join(columns) or 'none'}"
    return DataError(problem, column=name, hint=hint)


def require(
    columns: Sequence[str],
    needed: Sequence[str],
    what: str,
    hint: str = "rename the column, or name it",
) -> None:
    """Raise DataError if a column is missing, naming the columns that there are."""
    missing = [name for name in needed if name not in columns]
    if missing:
        raise missing_column(missing[0], columns, what, hint)


def read_ids(frame: Eager, column: str, what: str) -> NDArray[np.object_]:
    """Return a column of ids unchanged, of shape (n_rows,).

    Raises:
        DataError: If the column is absent, ids are missing, or ids are floats (floats lose
            digits of long ids).
    """
    require(frame.columns, [column], what)
    return check_ids(frame[column].to_list(), column)


def check_ids(values: Sequence[object], column: str) -> NDArray[np.object_]:
    """Return ids as an array of objects, of shape (n,); see `read_ids`."""
    ids = np.fromiter(values, dtype=object, count=len(values))
    _refuse_kinds(ids, column, "ids")
    missing = np.flatnonzero(pd.isna(ids) | _blank(ids))
    if len(missing):
        hint = "remove or repair these rows (row positions shown)"
        raise DataError("missing ids", column=column, rows=missing.tolist(), hint=hint)
    floats = [row for row, value in enumerate(values) if isinstance(value, float)]
    if floats:
        hint = "read the column as text or as whole numbers"
        raise DataError("ids are floats", column=column, rows=floats, hint=hint)
    return _whole_ids(ids, column) if Decimal in set(map(type, ids)) else ids


def _blank(ids: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which ids are blank texts."""
    try:
        if all(map(str.strip, ids)):
            return np.zeros(len(ids), dtype=np.bool_)
    except TypeError:  # not only texts
        pass
    return np.array([isinstance(value, str) and not value.strip() for value in ids], dtype=np.bool_)


def _whole_ids(ids: NDArray[np.object_], column: str) -> NDArray[np.object_]:
    """Return ids with decimals as whole numbers: 1.00 and 1 are one id."""
    exact = [row for row, value in enumerate(ids) if isinstance(value, Decimal)]
    parts = [row for row in exact if ids[row] != ids[row].to_integral_value()]
    if parts:
        hint = "read the column as text or as whole numbers"
        raise DataError("ids are not whole numbers", column=column, rows=parts, hint=hint)
    ids[exact] = [int(ids[row]) for row in exact]
    return ids


_STRANGE = (bytes, complex, list, dict, set, timedelta, np.ndarray, pd.Period, pd.Interval)
"""Types that name nobody."""


def _refuse_kinds(values: NDArray[np.object_], column: str, what: str) -> None:
    """Raise DataError if values are of a type that is no name: lists, bytes, spans of time."""
    strange = {kind for kind in set(map(type, values)) if issubclass(kind, _STRANGE)}
    if strange - {type(pd.NaT)}:
        rows = [row for row, value in enumerate(values) if type(value) in strange]
        kind = type(values[rows[0]]).__name__
        hint = "convert the column to text"
        raise DataError(f"{what} are of type {kind}", column=column, rows=rows, hint=hint)


def repeated(ids: NDArray[np.object_]) -> list[object]:
    """Return the ids that more than one row has, each once."""
    index = pd.Index(ids, dtype=object)
    return list(index[index.duplicated()].unique())


def first_rows(ids: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each row the first row of the same id, and the first rows themselves."""
    index = pd.Index(ids, dtype=object)
    first = np.flatnonzero(~index.duplicated())
    return first[positions(ids, ids[first])], first


def positions(ids: NDArray[np.object_], among: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return the position of each id among unique ids, -1 if it is not one; shape of ``ids``."""
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
        DataError: If the column is absent or not numeric, or if values are missing or infinite.
    """
    require(frame.columns, [column], what)
    series = frame[column]
    if series.dtype == nw.Object:  # such as Decimal
        given = np.fromiter(series.to_list(), dtype=object)
        known = as_numbers(given, column, ids=ids, hint="convert it to numbers")
        series = nw.new_series(column, known, nw.Float64, backend=frame.implementation)
    if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        hint = f"the type is {series.dtype}; convert it to numbers, or to 0/1 columns"
        raise DataError("not a column of numbers", column=column, hint=hint)
    values = np.array(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    bad = np.isinf(values) if allow_missing else ~np.isfinite(values)
    if bad.any():
        hint = "remove these rows, or fill in the values"
        raise DataError(
            "missing or infinite numbers", column=column, rows=list(ids[bad]), hint=hint
        )
    return values


def as_numbers(
    values: ArrayLike, column: str, *, ids: Sequence[object] | NDArray[np.object_], hint: str
) -> NDArray[np.float64]:
    """Return values as floats, missing ones as NaN, in their shape.

    Args:
        values: Numbers; text and times are refused, even text that looks like a number.
        column: Name of the column, for the error.
        ids: Id of each value; positions are reported if there are fewer or more.
        hint: What to do instead.

    Raises:
        DataError: If a value is not a number.

    Examples:
        >>> as_numbers([1, None, 2.5], "age", ids=["a", "b", "c"], hint="").tolist()
        [1.0, nan, 2.5]
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values.astype(np.float64)
    objects = np.asarray(values, dtype=object)
    flat = objects.ravel()
    known = np.array([isinstance(v, Real | Decimal | np.bool_) for v in flat], dtype=bool)
    bad = ~(known | np.array([v is None or v is pd.NA for v in flat], dtype=bool))
    if bad.any():
        named = ids if len(ids) == len(bad) else range(len(bad))
        rows = [named[row] for row in np.flatnonzero(bad).tolist()]
        raise DataError("not numbers", column=column, rows=rows, hint=hint)
    numeric = np.full(len(flat), np.nan)
    numeric[known] = flat[known].astype(np.float64)
    return numeric.reshape(objects.shape)


def labels(frame: Eager, column: str, what: str, *, ids: NDArray[np.object_]) -> NDArray[np.str_]:
    """Return a column of labels as text, of shape (n_rows,).

    Raises:
        DataError: If the column is absent or a label is missing.
    """
    require(frame.columns, [column], what)
    return as_labels(frame[column].to_list(), column, ids=ids)


def as_labels(
    values: ArrayLike, column: str, *, ids: Sequence[object] | NDArray[np.object_]
) -> NDArray[np.str_]:
    """Return labels as text, of shape (n_rows,).

    Raises:
        DataError: If a label is missing, or longer than 256 characters: an array of texts
            takes the space of the longest for every row.

    Examples:
        >>> as_labels(["a", 1], "group", ids=["x", "y"]).tolist()
        ['a', '1']
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        return values
    given = np.fromiter(cast("Sequence[object]", values), dtype=object)
    _refuse_kinds(given, column, "labels")
    texts = {value: _label(value) for value in dict.fromkeys(given.tolist())}
    empty = {value for value, text in texts.items() if not text.strip()}
    long = {value for value, text in texts.items() if len(text) > _LONGEST}
    problems = (
        ("missing labels", empty, "fill in a label, such as 'unknown'"),
        (f"labels longer than {_LONGEST} characters", long, "shorten the labels"),
    )
    for problem, bad, hint in problems:
        if bad:
            named = ids if len(ids) == len(given) else range(len(given))
            rows = [named[row] for row, value in enumerate(given) if value in bad]
            raise DataError(problem, column=column, rows=rows, hint=hint)
    return np.array([texts[value] for value in given], dtype=np.str_)


def optional_labels(
    values: Sequence[object], column: str, *, ids: NDArray[np.object_]
) -> NDArray[np.object_]:
    """Return labels as text, None if they are missing or empty, of shape (n_rows,).

    Raises:
        DataError: As `as_labels`, but for missing ones.

    Examples:
        >>> optional_labels([1.0, None, ""], "place", ids=np.array(["x", "y", "z"])).tolist()
        ['1', None, None]
    """
    given = np.fromiter(values, dtype=object, count=len(values))
    known = np.flatnonzero(~(pd.isna(given) | _blank(given)))
    texts = np.full(len(given), None, dtype=object)
    texts[known] = as_labels(given[known], column, ids=ids[known])
    return texts


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, NaT or NA.

    Examples:
        >>> is_missing(float("nan")), is_missing(pd.NaT), is_missing("")
        (True, True, False)
    """
    return bool(pd.api.types.is_scalar(value) and pd.isna(cast("Any", value)))


def none_if_missing(value: object) -> object:
    """Return a value, or None in place of NaN, NaT or NA.

    Examples:
        >>> none_if_missing(float("nan")) is None, none_if_missing(5)
        (True, 5)
    """
    return None if is_missing(value) else value


def _label(value: object) -> str:
    """Return a value as a label; empty if it is missing. 1, 1.0 and 1.00 are one label."""
    if is_missing(value):
        return ""
    if isinstance(value, (float, Decimal, np.floating)) and value == value // 1:
        return str(int(value))
    return str(value)


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
