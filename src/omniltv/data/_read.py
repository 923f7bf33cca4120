"""Columns of ids, labels, times, numbers and personal fields: values read, faults by row."""

import math
import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import Any, SupportsFloat, cast

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes
from omniltv.data import text as as_text
from omniltv.data.spelling import Formats
from omniltv.data.spelling.amounts import NOT_A_NUMBER, Amounts, read_amounts
from omniltv.data.spelling.dates import NOT_A_TIME, Times, numbers_as_times, read_times
from omniltv.data.text import is_blank, maybe_blank

__all__ = [
    "Reading",
    "content_codes",
    "day_codes",
    "distinct_ids",
    "id_codes",
    "joint_codes",
    "missing_values",
    "product_of",
    "read",
]

type Mask = NDArray[np.bool_]
type _Objects = NDArray[np.object_]
type _Types = type | tuple[type, ...]
type _Column = nw.Series[Any]

_EXACT = 2.0**53
_LONG = 2**63
_NO_TIME = np.datetime64("NaT", "us")
_DECIMALS = 6  # of products
_NOT_WHOLE = "not an exact whole number"
_NOT_ONE = "not a single value"
_UNZONED = "without a time zone, among times that have one"
_AS_WRITTEN = Formats()


@dataclass(frozen=True, eq=False)
class Reading:
    """The values of a column, and the rows that could not be read.

    Attributes:
        missing: Rows without a value, of shape (n_rows,).
        faults: Rows that could not be read, by reason, each of shape (n_rows,).
        values: The values, if they differ from those given.
        view: Floats, or times without a time zone, for range checks; None for ids and labels.
        aware: Whether the values are times with a time zone.
        notes: What was assumed.
    """

    missing: Mask
    faults: Mapping[str, Mask] = field(default_factory=dict)
    values: pd.Series | None = None
    view: NDArray[Any] | None = None
    aware: bool = False
    notes: tuple[str, ...] = ()


def read(column: _Column, kind: str, formats: Formats | None = None) -> Reading:
    """Return the reading of a column of a kind: id, label, time, number or field.

    Args:
        column: The column.
        kind: Its kind.
        formats: How times and numbers are written, as far as the column leaves it open.
    """
    if kind in _FORMATTED:
        return _FORMATTED[kind](column, formats or _AS_WRITTEN)
    return _READERS[kind](column)


def product_of(factors: Sequence[Reading]) -> Reading:
    """Return the product of columns of numbers; the rows without one are missing.

    Examples:
        >>> pair = [read(nw.from_native(pd.Series(x), series_only=True), "number")
        ...         for x in (["3", "-1", "2"], ["£2.55", "1,000", "?"])]
        >>> product_of(pair).view
        array([    7.65, -1000.  ,      nan])
    """
    views = [factor.view for factor in factors if factor.view is not None]
    product = np.round(np.prod(views, axis=0), _DECIMALS)
    return Reading(np.isnan(product), values=pd.Series(product), view=product)


def missing_values(column: _Column) -> Mask:
    """Return which rows of a column have no value, or text for a missing value."""
    return _Values.of(column).missing()


def id_codes(column: _Column) -> Codes:
    """Return one number per distinct id, of shape (n_rows,); blanks around ids do not count.

    Args:
        column: Ids as `read` returns them, none missing.
    """
    if column.dtype.is_integer():
        return _codes(column.cast(nw.Int64).to_numpy())[0]
    codes, distinct = _codes(_objects(column))
    keys = list(map(_key_of(distinct.tolist()), distinct))
    return codes if all(map(operator.is_, keys, distinct)) else _codes(_array(keys))[0][codes]


def _key_of(ids: list[object]) -> Callable[[Any], str]:
    """Return the function that makes ids comparable; text without broken characters is fast."""
    if not set(map(type, ids)) <= {str}:
        return as_text.key
    joined = "".join(cast("list[str]", ids))
    whole = joined.isascii() or not as_text.BROKEN.search(joined)
    return str.strip if whole else as_text.key


def distinct_ids(column: _Column) -> bool:
    """Return whether no two ids of a column are equal, as `id_codes` compares them; fast."""
    if column.dtype.is_integer():
        return column.n_unique() == len(column)
    ids = column.to_list()
    try:
        same = _key_of(ids) is str.strip
        return same and len({*map(str.strip, ids)}) == len(ids)
    except TypeError:
        return False


def content_codes(column: _Column) -> Codes:
    """Return one number from 0 per distinct value, compared as text of one width."""
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        return pd.factorize(column.to_numpy())[0].astype(np.int64) + 1
    values = _objects(column)
    try:
        codes, distinct = _codes(values)
    except TypeError:  # lists, which cannot be hashed
        return _codes(_array(map(as_text.text, values)))[0]
    texts = [*map(as_text.text, distinct), ""]  # the last one is that of missing values
    return _codes(_array(texts))[0][codes]


def day_codes(column: _Column) -> Codes:
    """Return one number from 0 per distinct day of a column of times; 0 for missing ones."""
    view = _read_time(column).view
    assert view is not None
    return pd.factorize(view.astype("datetime64[D]"))[0].astype(np.int64) + 1


def joint_codes(columns: Iterable[Codes]) -> Codes:
    """Return one number per distinct row of some columns of codes, of shape (n_rows,).

    The first column is numbered from 0 without gaps. Columns after the ones that tell all
    rows apart are not used.
    """
    rest = iter(columns)
    joint = next(rest)
    while joint.max(initial=-1) + 1 < len(joint) and (codes := next(rest, None)) is not None:
        joint = _codes(joint * (codes.max(initial=0) + 1) + codes)[0]
    return joint


def _codes(values: NDArray[Any]) -> tuple[Codes, NDArray[Any]]:
    """Return one number per distinct value, in order of appearance, and the distinct values."""
    # Among texts only, pandas compares up to the first NUL; None among them prevents this.
    if values.dtype == object:
        ended = np.empty(len(values) + 1, dtype=object)
        ended[:-1] = values
        codes, distinct = pd.factorize(ended)
        return codes[:-1].astype(np.int64), distinct
    codes, distinct = pd.factorize(values)
    return codes.astype(np.int64), distinct


def _array(texts: Iterable[str]) -> _Objects:
    return np.fromiter(texts, dtype=object)


def _read_id(column: _Column) -> Reading:
    if column.dtype.is_integer():
        return Reading(_null(column))
    if column.dtype.is_float():
        return _whole(_floats(column))
    return _read_text(column) if _is_text(column) else _mixed_ids(_Values.of(column, decode=True))


def _read_label(column: _Column) -> Reading:
    if _is_text(column):
        return _read_text(column, few=True)
    values = _Values.of(column, decode=True)
    missing = values.missing()
    text, whole = values.are(str), values.are((int, np.integer), but=bool)
    known = _where(values.raw, text & ~missing)
    known[whole] = [str(value) for value in values.raw[whole]]
    faults = {"not text": ~(missing | text | whole)}
    return Reading(missing, faults, pd.Series(known, dtype=object))


def _read_number(column: _Column, formats: Formats = _AS_WRITTEN) -> Reading:
    if column.dtype.is_numeric():
        numbers = _floats(column)
        same = column.dtype == nw.Float64
        return Reading(np.isnan(numbers), {}, None if same else pd.Series(numbers), numbers)
    if _is_text(column):
        return _valued(read_amounts(_texts(column), formats))
    values = _Values.of(column)
    text, missing = values.are(str), values.missing()
    number = values.are((Real, Decimal), but=(bool, np.bool_)) & ~missing
    written = read_amounts(values.raw[text], formats)
    amounts = np.full(len(text), np.nan)
    amounts[number], amounts[text] = _numbers(values.raw[number]), written.amounts
    faults = {reason: _among(text, rows) for reason, rows in written.faults.items()}
    faults[NOT_A_NUMBER] |= ~(missing | text | number)
    return _valued(Amounts(amounts, missing, faults, written.notes))


def _valued(found: Amounts) -> Reading:
    amounts = found.amounts
    return Reading(found.missing, found.faults, pd.Series(amounts), amounts, notes=found.notes)


def _among(rows: Mask, flags: Mask) -> Mask:
    """Return flags of some rows as flags of all rows."""
    spread = np.zeros(len(rows), dtype=bool)
    spread[rows] = flags
    return spread


def _read_time(column: _Column, formats: Formats = _AS_WRITTEN) -> Reading:
    if column.dtype.is_numeric():
        return _timed(numbers_as_times(_floats(column), formats.dates))
    day = column.dtype == nw.Date
    moment = column.cast(nw.Datetime("us")) if day else column
    if not isinstance(moment.dtype, nw.Datetime):
        return _timed(_written_times(column, formats))
    aware = moment.dtype.time_zone is not None
    plain = moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if aware else moment
    view = plain.to_numpy().astype("datetime64[us]")
    return Reading(np.isnat(view), {}, pd.Series(view) if day else None, view, aware)


def _read_field(column: _Column) -> Reading:
    """Return the reading of a personal field: any single value; it stays as it is."""
    nothing = np.zeros(len(column), dtype=bool)
    if isinstance(column.dtype, nw.List | nw.Array | nw.Struct):
        return Reading(nothing, {_NOT_ONE: ~_null(column)})
    mixed = isinstance(column.dtype, nw.String | nw.Object | nw.Unknown) and not _is_text(column)
    if not mixed:
        return Reading(nothing)
    values = _Values.of(column)
    return Reading(nothing, {_NOT_ONE: values.are(tuple(filter(_is_nested, values.types)))})


def _is_nested(kind: type) -> bool:
    return issubclass(kind, tuple) or not issubclass(kind, Hashable)


_READERS: dict[str, Callable[[_Column], Reading]] = {
    "id": _read_id,
    "label": _read_label,
    "field": _read_field,
}
_FORMATTED: dict[str, Callable[[_Column, Formats], Reading]] = {
    "number": _read_number,
    "time": _read_time,
}


@dataclass(frozen=True, eq=False)
class _Values:
    """A column as objects, with the distinct types of its values.

    Attributes:
        raw: The values, of shape (n_rows,).
        kind: Position of each value's type in ``types``, same shape.
        types: The distinct types.
    """

    raw: _Objects
    kind: NDArray[np.intp]
    types: tuple[type, ...]

    @classmethod
    def of(cls, column: _Column, *, decode: bool = False) -> "_Values":
        raw = _objects(column)
        types = np.empty(len(raw), dtype=object)
        types[:] = list(map(type, raw))
        for row in [row for row, kind in enumerate(types) if decode and kind is bytes]:
            raw[row], types[row] = as_text.written(raw[row]), str
        kind, distinct = pd.factorize(types)
        return cls(raw, kind.astype(np.intp), tuple(distinct))

    def are(self, kinds: _Types, *, but: _Types = ()) -> Mask:
        """Return which values are of these types and not of those."""
        found = [issubclass(kind, kinds) and not issubclass(kind, but) for kind in self.types]
        return np.array([*found, False])[self.kind]

    def missing(self) -> Mask:
        """Return which values are missing, or text for a missing value."""
        is_text, exact = self.are(str), self.are(Decimal)
        missing = np.array(pd.isna(_where(self.raw, ~exact)), dtype=bool)
        missing[exact] = [value.is_nan() for value in self.raw[exact]]
        codes, texts = _codes(self.raw[is_text])
        missing[is_text] = np.array([*map(is_blank, texts), False])[codes]
        return missing


def _texts(column: _Column) -> _Objects:
    """Return a column of text as objects, with empty text for missing values."""
    texts = column if column.dtype == nw.String else column.cast(nw.String)
    null, values = _null(texts), _objects(texts)
    return _filled(values, null) if null.any() else values


def _read_text(column: _Column, *, few: bool = False) -> Reading:
    """Return the reading of a column of text; ``few`` if most values repeat."""
    texts = column if column.dtype == nw.String else column.cast(nw.String)
    null = _null(texts)
    if few and not _blank(_objects(texts.unique().drop_nulls())).any():
        return Reading(null)
    values = _objects(texts)
    missing = _blank(_filled(values, null) if null.any() else values)
    if not (missing & ~null).any():
        return Reading(null)
    return Reading(missing, values=pd.Series(_where(values, ~missing), dtype=object))


def _blank(texts: _Objects) -> Mask:
    blank = np.fromiter(maybe_blank(texts), dtype=bool, count=len(texts))
    blank[blank] = [is_blank(value) for value in texts[blank]]
    return blank


def _filled(texts: _Objects, null: Mask) -> _Objects:
    filled = texts.copy()
    filled[null] = ""
    return filled


def _mixed_ids(values: _Values) -> Reading:
    missing, text = values.missing(), values.are(str)
    whole, broken = values.are((int, np.integer), but=bool), values.are((float, np.floating))
    faults = {"neither text nor a whole number": ~(missing | text | whole | broken)}
    if (text & ~missing).any():
        faults["a number among ids that are text"] = (whole | broken) & ~missing
        known = _where(values.raw, text & ~missing)
        return Reading(missing, faults, pd.Series(known, dtype=object))
    numbers = np.full(len(text), np.nan)
    numbers[broken] = values.raw[broken].astype(np.float64)
    reading = _whole(numbers)
    assert reading.values is not None
    small = whole.copy()
    small[whole] = [-_LONG <= value < _LONG for value in values.raw[whole]]
    reading.values[small] = values.raw[small].astype(np.int64)
    faults[_NOT_WHOLE] = reading.faults[_NOT_WHOLE] | (whole & ~small)
    return Reading(missing, faults, reading.values)


def _whole(numbers: NDArray[np.float64]) -> Reading:
    missing = np.isnan(numbers)
    whole = ~missing & (np.abs(numbers) < _EXACT)
    whole[whole] = numbers[whole] == np.floor(numbers[whole])
    integers = np.where(whole, numbers, 0).astype(np.int64)
    values = pd.Series(pd.array(integers, dtype="Int64")).where(whole)
    return Reading(missing, {_NOT_WHOLE: ~(missing | whole)}, values)


def _numbers(values: _Objects) -> NDArray[np.float64]:
    return np.array([_float(value) for value in values], dtype=np.float64)


def _float(value: SupportsFloat) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _timed(found: Times) -> Reading:
    """Return a reading of times, in UTC if some of them have an offset."""
    aware = bool(found.zoned.any())
    unzoned = ~(np.isnat(found.times) | found.zoned) & aware
    faults = {**found.faults, _UNZONED: unzoned}
    read = pd.Series(found.times)
    values = read.dt.tz_localize("UTC") if aware else read
    return Reading(found.missing, faults, values, found.times, aware, found.notes)


def _written_times(column: _Column, formats: Formats) -> Times:
    """Return the times of a column of text, or of a column of values of several types."""
    if _is_text(column):
        return read_times(_texts(column), formats.dates)
    values = _Values.of(column)
    text, missing = values.are(str), values.missing()
    number = values.are((Real, Decimal), but=(bool, np.bool_)) & ~missing
    moment = values.are((date, np.datetime64)) & ~missing
    parts = [
        (text, read_times(values.raw[text], formats.dates)),
        (number, numbers_as_times(_numbers(values.raw[number]), formats.dates)),
        (moment, _moments(values.raw[moment])),
    ]
    return _joined(parts, missing)


def _moments(moments: _Objects) -> Times:
    times = pd.to_datetime(pd.Series(moments, dtype=object), errors="coerce", utc=True)
    zoned = [getattr(moment, "tzinfo", None) is not None for moment in moments]
    view = np.array(times.dt.tz_localize(None), dtype="datetime64[us]")
    return Times(view, np.array(zoned, dtype=bool), np.zeros(len(view), dtype=bool))


def _joined(parts: Iterable[tuple[Mask, Times]], missing: Mask) -> Times:
    """Return the times of a column from those of its parts, in UTC."""
    times, zoned = np.full(len(missing), _NO_TIME), np.zeros(len(missing), dtype=bool)
    faults: dict[str, Mask] = {}
    notes: list[str] = []
    for rows, found in parts:
        times[rows], zoned[rows], missing[rows] = found.times, found.zoned, found.missing
        notes += found.notes
        for reason, flags in found.faults.items():
            faults[reason] = faults.get(reason, np.zeros(len(missing), bool)) | _among(rows, flags)
    told = np.logical_or.reduce([missing, *faults.values()])
    faults[NOT_A_TIME] |= np.isnat(times) & ~told
    return Times(times, zoned, missing, faults, tuple(notes))


def _is_text(column: _Column) -> bool:
    if not isinstance(column.dtype, nw.String | nw.Categorical | nw.Enum):
        return False
    # Narwhals judges a pandas column of objects by its first hundred values.
    native = column.to_native()
    plain = not isinstance(native, pd.Series) or native.dtype != object
    return plain or pd.api.types.infer_dtype(native, skipna=True) in ("string", "empty")


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
