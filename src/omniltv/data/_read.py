"""Columns of ids, labels, times and numbers, read as far as they can be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Reading", "read"]

type Mask = NDArray[np.bool_]
type _Objects = NDArray[np.object_]
type _Types = type | tuple[type, ...]
type _Column = nw.Series[Any]

_NOTHING = ("", "nan", "none", "null", "<na>", "nat")
_EXACT = 2.0**53
_DAY_FIRST = r"\d{4}([-/.]?)\d{2}\1\d{2}(?:[T ]|$)"
_ZONE = r"[T ].*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
_SIGN = "[-+\u2212\u25b2\u25b3]"
_AMOUNT = (
    rf"(?:[¥\\]?(?P<before>{_SIGN}?)|(?P<after>{_SIGN})[¥\\])"
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<part>\.\d*)?円?"
)


@dataclass(frozen=True, eq=False)
class Reading:
    """What a column says.

    Attributes:
        faults: Rows that could not be read, by reason, each of shape (n_rows,).
        missing: Rows without a value, shape (n_rows,).
        values: What the column reads as, where that differs from what it is.
        view: Floats or times without zone, for range checks; ids and labels have none.
        aware: Whether these are times with a zone.
    """

    missing: Mask
    faults: Mapping[str, Mask] = field(default_factory=dict)
    values: pd.Series | None = None
    view: NDArray[Any] | None = None
    aware: bool = False


def read(column: _Column, kind: str) -> Reading:
    """Return what a column of a kind (id, label, time, number) says."""
    return _READERS[kind](column)


def _read_id(column: _Column) -> Reading:
    if column.dtype.is_integer():
        return Reading(_null(column))
    if column.dtype.is_float():
        return _whole(_floats(column))
    if _is_text(column):
        return _read_text(column)
    return _mixed_ids(_objects(column))


def _read_label(column: _Column) -> Reading:
    if _is_text(column):
        return _read_text(column)
    values = _objects(column)
    missing = _missing(values)
    text, whole = _instances(values, str), _instances(values, (int, np.integer), but=bool)
    known = _where(values, text | whole)
    known[whole] = [str(value) for value in values[whole]]
    faults = {"not text": ~(missing | text | whole)}
    return Reading(missing, faults, pd.Series(known, dtype=object))


def _read_number(column: _Column) -> Reading:
    if column.dtype.is_numeric():
        numbers = _floats(column)
        same = column.dtype == nw.Float64
        return Reading(np.isnan(numbers), {}, None if same else pd.Series(numbers), numbers)
    values = _objects(column)
    missing = _missing(values)
    numbers = _amounts(values)
    faults = {"not a number": np.isnan(numbers) & ~missing}
    return Reading(missing, faults, pd.Series(numbers), numbers)


def _read_time(column: _Column) -> Reading:
    if isinstance(column.dtype, nw.Date):
        column, was = column.cast(nw.Datetime("us")), "date"
    else:
        was = "time"
    if not isinstance(column.dtype, nw.Datetime):
        return _mixed_times(_objects(column))
    aware = column.dtype.time_zone is not None
    plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if aware else column
    view = plain.to_numpy().astype("datetime64[us]")
    values = pd.Series(view) if was == "date" else None
    return Reading(np.isnat(view), {}, values, view, aware)


_READERS: dict[str, Callable[[_Column], Reading]] = {
    "id": _read_id,
    "label": _read_label,
    "number": _read_number,
    "time": _read_time,
}


def _read_text(column: _Column) -> Reading:
    text = column.cast(nw.String) if column.dtype != nw.String else column
    blank = text.str.strip_chars().str.to_lowercase().is_in(_NOTHING)
    null = _null(text)
    empty = np.asarray(blank.to_list() if null.any() else blank.to_numpy(), dtype=object)
    missing: Mask = null | (empty == True)  # noqa: E712  # null is neither
    if not (missing & ~null).any():
        return Reading(missing)
    return Reading(missing, values=pd.Series(_where(_objects(text), ~missing), dtype=object))


def _mixed_ids(values: _Objects) -> Reading:
    missing, text = _missing(values), _instances(values, str)
    number = _instances(values, (int, float, np.number), but=bool)
    faults = {"neither text nor a whole number": ~(missing | text | number)}
    if (text & ~missing).any():
        faults["a number among ids that are text"] = number & ~missing
        known = _where(values, text & ~missing)
        return Reading(missing, faults, pd.Series(known, dtype=object))
    numbers = np.full(len(values), np.nan)
    numbers[number] = values[number].astype(np.float64)
    whole = _whole(numbers, exact=_instances(values, (int, np.integer), but=bool), ids=values)
    return Reading(missing, faults | dict(whole.faults), whole.values)


def _whole(
    numbers: NDArray[np.float64], *, exact: Mask | None = None, ids: _Objects | None = None
) -> Reading:
    missing = np.isnan(numbers)
    fit = ~missing & (np.abs(numbers) < _EXACT)
    fit[fit] = numbers[fit] == np.floor(numbers[fit])
    values = pd.Series(pd.array(np.where(fit, numbers, 0).astype(np.int64), dtype="Int64"))
    if exact is not None and ids is not None:
        large = exact & ~fit & (np.abs(numbers) < 2.0**63)
        values[large] = ids[large].astype(np.int64)
        fit |= large
    return Reading(missing, {"not a whole number": ~(missing | fit)}, values.where(fit))


def _amounts(values: _Objects) -> NDArray[np.float64]:
    text = _instances(values, str)
    plain = _where(values, text | _instances(values, (Real, Decimal), but=(bool, np.bool_)))
    numbers = np.array(pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce"), dtype=float)
    left = np.flatnonzero(text & np.isnan(numbers))
    codes, written = pd.factorize(values[left])
    numbers[left] = _written_amounts(pd.Series(written, dtype=object))[codes]
    return numbers


def _written_amounts(written: pd.Series) -> NDArray[np.float64]:
    if written.empty:
        return np.empty(0)
    plain = written.str.normalize("NFKC").str.replace(r"\s", "", regex=True)
    parts = plain.str.extract(rf"^{_AMOUNT}$").fillna("")
    sign = (parts["before"] + parts["after"]).isin(["", "+"])
    digits = parts["whole"].str.replace(",", "") + parts["part"]
    numbers = np.array(pd.to_numeric(digits, errors="coerce"), dtype=np.float64)
    return np.where(sign, numbers, -numbers)


def _mixed_times(values: _Objects) -> Reading:
    missing, text = _missing(values), _instances(values, str)
    number = _instances(values, (Real, Decimal)) & ~missing
    moment = _instances(values, (date, np.datetime64)) & ~missing
    written = pd.Series(_where(values, text), dtype=object).astype("str")
    usable = text & written.str.match(_DAY_FIRST).to_numpy(dtype=bool)
    times = _parse(_where(values, usable | moment))
    unread = times.isna().to_numpy() & ~missing
    zone = usable & written.str.contains(_ZONE, regex=True).to_numpy(dtype=bool)
    zone |= [getattr(value, "tzinfo", None) is not None for value in values]
    aware = bool((zone & ~unread).any())
    faults = {"a number, not a time": number, "not a time": unread & ~number}
    faults["without a time zone, among times that have one"] = (
        ~(zone | unread | missing) if aware else np.zeros(len(values), dtype=bool)
    )
    view = times.dt.tz_localize(None)
    return Reading(missing, faults, times if aware else view, view.to_numpy(), aware)


def _parse(values: _Objects) -> pd.Series:
    """Return times in UTC, missing where there is none; those without a zone as if in UTC."""
    written = _instances(values, str)
    text = pd.to_datetime(
        pd.Series(_where(values, written), dtype=object),
        format="ISO8601", errors="coerce", utc=True,
    ).astype("datetime64[us, UTC]")  # fmt: skip
    if written.sum() == len(values):
        return text
    moments = pd.Series(_where(values, ~written), dtype=object)
    other = pd.to_datetime(moments, errors="coerce", utc=True).astype("datetime64[us, UTC]")
    return text.fillna(other)


def _is_text(column: _Column) -> bool:
    return isinstance(column.dtype, nw.String | nw.Categorical | nw.Enum)


def _floats(column: _Column) -> NDArray[np.float64]:
    return np.array(column.cast(nw.Float64).to_numpy(), dtype=np.float64)


def _null(column: _Column) -> Mask:
    return np.array(column.is_null().to_numpy(), dtype=bool)


def _objects(column: _Column) -> _Objects:
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_list()
    return values


def _where(values: _Objects, keep: Mask) -> _Objects:
    known = values.copy()
    known[~keep] = None
    return known


def _instances(values: _Objects, kinds: _Types, *, but: _Types = ()) -> Mask:
    found = (isinstance(value, kinds) and not isinstance(value, but) for value in values)
    return np.fromiter(found, dtype=bool, count=len(values))


def _missing(values: _Objects) -> Mask:
    """Return which values are missing, or text that says so."""
    text = _instances(values, str)
    codes, written = pd.factorize(values[text])
    blank = np.array([value.strip().lower() in _NOTHING for value in written], dtype=bool)
    missing = np.array(pd.isna(values), dtype=bool)
    missing[text] = blank[codes] if len(blank) else False
    return missing
