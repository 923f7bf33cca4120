"""Columns of frames: ids, numbers and labels, read with errors that name column and rows."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from omniltv._frames import Eager
from omniltv.errors import DataError

__all__ = [
    "as_labels",
    "as_numbers",
    "check_ids",
    "first_rows",
    "is_missing",
    "labels",
    "missing_column",
    "none_if_missing",
    "numbers",
    "optional_labels",
    "positions",
    "read_ids",
    "repeated",
    "require",
]

_LONGEST = 256
_STRANGE = (bytes, complex, list, dict, set, timedelta, np.ndarray, pd.Period, pd.Interval)
"""Types that name nobody."""


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
