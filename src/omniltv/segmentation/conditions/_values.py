"""Values and columns by family: what can be compared with what, missing values, whole days."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from numbers import Integral, Real
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

import narwhals as nw
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from omniltv._columns import require
from omniltv.errors import DataError
from omniltv.segmentation.conditions.kind import Scope

__all__ = [
    "COMPARE",
    "Family",
    "Name",
    "Names",
    "Operator",
    "Order",
    "Scalar",
    "Value",
    "compared",
    "day_of_year",
    "family",
    "in_zone",
    "known",
    "local_day",
    "missing",
    "number",
    "plain",
    "readable",
]

type Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "between", "is_missing"]
"""Comparisons of a column; ``between`` includes both ends."""

type Order = Literal["eq", "ne", "lt", "le", "gt", "ge"]
type Family = Literal["number", "truth", "text", "day", "moment", "other"]
type Scalar = bool | int | float | str | datetime | date

COMPARE: dict[str, Callable[[nw.Expr, Any], nw.Expr]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
}
_LONG = 2**63
_MOST_VALUES = 10_000


def _scalar(value: object) -> Scalar:
    if isinstance(value, (bool, date)):  # a datetime is a date
        return value
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    what = "NaN or infinity" if isinstance(value, float) else type(value).__name__
    raise PydanticCustomError(
        "value", "a value is a number, text, true, false, a day or a moment, got {what}",
        {"what": what},
    )  # fmt: skip


def _scalars(value: object) -> Scalar | tuple[Scalar, ...] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        return _scalar(value)
    if len(value) > _MOST_VALUES:
        raise PydanticCustomError("limit", cast("Any", f"more than {_MOST_VALUES:,} values"))
    return tuple(map(_scalar, value))


def readable(text: object) -> str:
    """Return a text that every engine can hold.

    Raises:
        PydanticCustomError: If it is not a text, or half of a surrogate pair.

    Examples:
        >>> readable("store")
        'store'
    """
    if not isinstance(text, str):
        what = {"what": type(text).__name__}
        raise PydanticCustomError("text", "this is a text, got {what}", what)
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise PydanticCustomError("text", "the text has half of a surrogate pair")
    return text


def _name(value: object) -> str:
    if not readable(value):
        raise PydanticCustomError("text", "the name is empty")
    return cast("str", value)


def _names(value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names:
        raise PydanticCustomError("names", "this is a name, or a list of names")
    if len(set(map(_name, names))) < len(names):
        raise PydanticCustomError("names", "a name is repeated")
    return tuple(cast("Any", names))


_ONE = {"type": ["boolean", "number", "string"]}
_NAME = {"type": "string", "minLength": 1}
_LIST = {"type": "array", "items": _NAME, "minItems": 1, "uniqueItems": True}

Value = Annotated[
    Scalar | tuple[Scalar, ...] | None,
    PlainValidator(_scalars),
    PlainSerializer(lambda value: value, return_type=Any),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE}, {"type": "null"}]}),
]
"""One value, several values or none."""

Name = Annotated[str, PlainValidator(_name), WithJsonSchema(_NAME)]
"""Name of a column, a tier or a kind of event."""

Names = Annotated[
    tuple[str, ...],
    PlainValidator(_names),
    PlainSerializer(lambda names: names, return_type=Any),
    WithJsonSchema({"anyOf": [_NAME, _LIST]}),
]
"""One name, or several different ones."""


def family(dtype: nw.dtypes.DType) -> Family:
    """Return the family of a type of column; values of one family can be compared.

    Examples:
        >>> family(nw.Int64()), family(nw.Categorical()), family(nw.List(nw.Int64))
        ('number', 'text', 'other')
    """
    if dtype.is_numeric():
        return "number"
    kinds: Mapping[Family, tuple[Any, ...]] = {
        "truth": (nw.Boolean,),
        "text": (nw.String, nw.Categorical, nw.Enum),
        "day": (nw.Date,),
        "moment": (nw.Datetime,),
    }
    for name, types in kinds.items():
        if isinstance(dtype, types):
            return name
    return "other"


def missing(column: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return whether a value is null or NaN, never null.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"v": [1.0, None]}))
        >>> frame.select(missing("v", nw.Float64()))["v"].to_list()
        [False, True]
    """
    null = nw.col(column).is_null()
    return null | nw.col(column).is_nan().fill_null(value=False) if dtype.is_float() else null


def known(scope: Scope, column: str, families: tuple[Family, ...]) -> nw.dtypes.DType:
    """Return the type of a column of one of some families, or without any value.

    Raises:
        DataError: If the column is absent, or its type is of another family.

    Examples:
        >>> known(Scope({"v": nw.Float64()}), "v", ("number",))
        Float64
    """
    require(list(scope.schema), [column], "the frame")
    dtype = scope.schema[column]
    if dtype != nw.Unknown and family(dtype) not in families:
        problem = f"a column of type {dtype}, and the condition needs {' or '.join(families)}s"
        raise DataError(problem, column=column, hint="convert the column, or name another")
    return dtype


def plain(column: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a column as a type that every engine compares alike.

    Categories are text. Decimals are double-precision numbers.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"c": pd.Categorical(["b", "a"])}))
        >>> frame.select(plain("c", nw.Categorical()) < "b")["c"].to_list()
        [False, True]
    """
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        return nw.col(column).cast(nw.String)
    return number(column, dtype) if isinstance(dtype, nw.Decimal) else nw.col(column)


def number(column: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a numeric column in double precision, missing values as null.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"v": [1, 2]}))
        >>> frame.select(number("v", nw.Int64()))["v"].to_list()
        [1.0, 2.0]
    """
    wide = nw.col(column) if dtype == nw.Float64 else nw.col(column).cast(nw.Float64)
    return nw.when(~missing(column, dtype)).then(wide) if dtype.is_float() else wide


@dataclass(frozen=True)
class _WholeDay:
    """The moments from the start of a day to before the start of the next one."""

    start: datetime
    end: datetime


def compared(scope: Scope, column: str, op: str, values: tuple[Scalar, ...]) -> nw.Expr:
    """Return the comparison of a column with values; null where the column is.

    Raises:
        DataError: If a value cannot be compared with the type of the column.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"v": [1, 2]}))
        >>> frame.filter(compared(Scope(frame.schema), "v", "in", (2, 3)))["v"].to_list()
        [2]
    """
    dtype = scope.schema[column]
    suited = [_literal(scope, column, op, value) for value in values]
    if isinstance(dtype, nw.Datetime):
        return _moments(nw.col(column), op, suited)
    expression = plain(column, dtype)
    if op == "in":
        return _is_in(expression, dtype, suited)
    if op == "between":
        return (expression >= suited[0]) & (expression <= suited[1])
    return COMPARE[op](expression, suited[0])


def _is_in(column: nw.Expr, dtype: nw.dtypes.DType, values: list[Any]) -> nw.Expr:
    whole = dtype.is_integer() and all(isinstance(value, int) for value in values)
    if whole or not dtype.is_numeric():
        return column.is_in(values)
    return column.cast(nw.Float64).is_in([float(value) for value in values])


def _moments(column: nw.Expr, op: str, values: list[Any]) -> nw.Expr:
    if op == "between":
        return _moment(column, "ge", values[0]) & _moment(column, "le", values[1])
    if op == "in":
        holds = _moment(column, "eq", values[0])
        for value in values[1:]:
            holds = holds | _moment(column, "eq", value)
        return holds
    return _moment(column, op, values[0])


def _moment(column: nw.Expr, op: str, value: datetime | _WholeDay) -> nw.Expr:
    """Compare moments with a moment, or with a whole day."""
    if not isinstance(value, _WholeDay):
        return COMPARE[op](column, value)
    if op == "eq":
        return (column >= value.start) & (column < value.end)
    if op == "ne":
        return (column < value.start) | (column >= value.end)
    return column < _edge(op, value) if op in {"lt", "le"} else column >= _edge(op, value)


def _edge(op: str, day: _WholeDay) -> datetime:
    return day.start if op in {"lt", "ge"} else day.end


def _literal(scope: Scope, column: str, op: str, value: Scalar) -> object:
    """Return the value in the type of the column, or raise DataError."""
    dtype = scope.schema[column]
    suited = _as_dtype(scope, dtype, op, value)
    if suited is None:
        problem = f"{value!r} ({type(value).__name__}) cannot be compared by {op!r} with {dtype}"
        raise DataError(problem, column=column, hint="convert the column, or correct the value")
    return suited


def _as_dtype(scope: Scope, dtype: nw.dtypes.DType, op: str, value: Scalar) -> object:
    wanted = family(dtype)
    if wanted == "number":
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        return _fitting(cast("float", value)) if numeric else None
    if wanted == "truth":
        return value if isinstance(value, bool) and op in {"eq", "ne", "in"} else None
    if wanted == "text":
        return value if isinstance(value, str) else None
    if wanted == "day":
        day = _from_text(value)
        return day if isinstance(day, date) and not isinstance(day, datetime) else None
    return _as_moment(scope, dtype, _from_text(value)) if isinstance(dtype, nw.Datetime) else None


def _fitting(value: float) -> float:
    """Return a number that every engine can hold: whole ones beyond 64 bits as floats."""
    if -_LONG <= value < _LONG:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _from_text(value: Scalar) -> Scalar | None:
    """Return ISO 8601 text as a day or a moment; None if it is neither."""
    if not isinstance(value, str):
        return value
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(value)
        except ValueError:
            continue
    return None


def _as_moment(
    scope: Scope, dtype: nw.Datetime, value: Scalar | None
) -> datetime | _WholeDay | None:
    zone = ZoneInfo(dtype.time_zone) if dtype.time_zone else None
    try:
        if isinstance(value, datetime):
            same_kind = (value.tzinfo is None) == (zone is None)
            return (value.astimezone(zone) if zone else value) if same_kind else None
        return _whole_day(scope, zone, value) if isinstance(value, date) else None
    except OverflowError:
        return None


def _whole_day(scope: Scope, zone: ZoneInfo | None, day: date) -> _WholeDay:
    """Return a day of the retailer; a midnight that clocks skip is the moment they skip it."""
    local = ZoneInfo(scope.context.time_zone) if zone and scope.context.time_zone else zone
    ends = [datetime.combine(each, time(), tzinfo=local) for each in (day, day + timedelta(days=1))]
    # By way of UTC: a midnight that does not exist has to become the instant that it stands for.
    start, end = (
        each.astimezone(ZoneInfo("UTC")).astimezone(zone) if zone else each for each in ends
    )
    return _WholeDay(start, end)


def local_day(scope: Scope, column: str) -> nw.Expr:
    """Return the local day of a column of days or moments as year * 10000 + month * 100 + day.

    Raises:
        DataError: If the engine cannot convert moments into the time zone of the retailer.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Context
        >>> frame = nw.from_native(pd.DataFrame({"t": pd.to_datetime(["2026-02-28T23:30Z"])}))
        >>> scope = Scope(frame.schema, Context(time_zone="Asia/Tokyo"))
        >>> frame.select(local_day(scope, "t"))["t"].to_list()
        [20260301.0]
    """
    local = in_zone(scope, column)
    return _wide(local.dt.year()) * 10_000 + day_of_year(local)


def day_of_year(local: nw.Expr) -> nw.Expr:
    """Return month * 100 + day of local days or moments.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"t": pd.to_datetime(["2026-02-28"])}))
        >>> frame.select(day_of_year(nw.col("t")))["t"].to_list()
        [228.0]
    """
    return _wide(local.dt.month()) * 100 + _wide(local.dt.day())


def _wide(part: nw.Expr) -> nw.Expr:
    """Return a part of a date as a number that cannot overflow, and may be missing."""
    return part.cast(nw.Float64)


def in_zone(scope: Scope, column: str) -> nw.Expr:
    """Return a column of days as it is, and one of moments in the time zone of the retailer.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Context
        >>> frame = nw.from_native(pd.DataFrame({"t": pd.to_datetime(["2026-02-28T23:30Z"])}))
        >>> scope = Scope(frame.schema, Context(time_zone="Asia/Tokyo"))
        >>> frame.select(in_zone(scope, "t").dt.hour())["t"].to_list()
        [8]
    """
    dtype = scope.schema[column]
    own = dtype.time_zone if isinstance(dtype, nw.Datetime) else None
    zone = scope.context.time_zone
    same = own is None or zone is None or own == zone
    return nw.col(column) if same else nw.col(column).dt.convert_time_zone(cast("str", zone))
