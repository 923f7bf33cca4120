"""Conditions on customers, in Python or YAML, compiled to dataframe expressions."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray
from pydantic import ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from omniltv._config import Written, YamlMixin, root_init, validate
from omniltv._frames import collect, open_frame, read_frame, refuse_unknown, require
from omniltv._options import checked
from omniltv.errors import DataError

__all__ = ["AllOf", "AnyOf", "ColumnComparison", "Condition", "Not", "Operator"]

type Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "between", "is_missing"]
"""Comparisons of a column; ``between`` includes both ends."""

type Scalar = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str | datetime | date
type Schema = Mapping[str, nw.dtypes.DType]

_COMPARE: dict[str, Callable[[nw.Expr, Scalar], nw.Expr]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
}
_PAIR = 2


@checked
class ColumnComparison(Written):
    """Compares a column with a value, a list of values (``in``) or two ends (``between``).

    Attributes:
        column: Name of the column.
        op: The comparison.
        value: The value or values; none for ``is_missing``.

    Examples:
        >>> Condition(ColumnComparison(column="age", op="between", value=(30, 39)))
        Condition(root=ColumnComparison(column='age', op='between', value=(30, 39)))
    """

    column: str
    op: Operator
    value: Scalar | tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _value_suits_op(self) -> Self:
        several = isinstance(self.value, tuple)
        if self.op == "is_missing":
            wanted, right = "no value", self.value is None
        elif self.op == "in":
            wanted, right = "a list of values", several and self.value != ()
        elif self.op == "between":
            wanted = "a list of two ends, low then high"
            right = isinstance(self.value, tuple) and len(self.value) == _PAIR
        else:
            wanted, right = "one value", self.value is not None and not several
        if not right:
            raise ValueError(f"op {self.op!r} takes {wanted}, got {self.value!r}")
        return self

    def compiled(self, schema: Schema) -> nw.Expr:
        """Return the comparison as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35]}))
            >>> adult = ColumnComparison(column="age", op="ge", value=30)
            >>> frame.filter(adult.compiled(frame.schema))["age"].to_list()
            [35]
        """
        require(list(schema), [self.column], "the frame")
        dtype = schema[self.column]
        missing = _missing(self.column, dtype)
        if dtype == nw.Unknown:  # satisfies no comparison
            return missing if self.op == "is_missing" else missing & ~missing
        if self.op == "is_missing":
            return missing
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        literals = [_literal(self.column, dtype, self.op, value) for value in values]
        column = _comparable(self.column, dtype)
        if self.op == "in":
            return ~missing & _is_in(column, dtype, literals)
        return ~missing & self._compared(column, literals)

    def _compared(self, column: nw.Expr, values: list[Scalar]) -> nw.Expr:
        if self.op == "between":
            return (column >= values[0]) & (column <= values[1])
        return _COMPARE[self.op](column, values[0])


@checked
class AllOf(Written):
    """True if all its conditions are.

    Examples:
        >>> both = Condition.where("age", "ge", 30) & Condition.where("age", "lt", 40)
        >>> isinstance(both.root, AllOf)
        True
    """

    all_of: Annotated[tuple["Condition", ...], Field(min_length=1)]

    def compiled(self, schema: Schema) -> nw.Expr:
        """Return the conjunction as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35, 45]}))
            >>> both = Condition.where("age", "ge", 30) & Condition.where("age", "lt", 40)
            >>> frame.filter(both.root.compiled(frame.schema))["age"].to_list()
            [35]
        """
        return reduce(lambda x, y: x & y, [part.expr(schema) for part in self.all_of])


@checked
class AnyOf(Written):
    """True if at least one of its conditions is.

    Examples:
        >>> either = Condition.where("age", "lt", 30) | Condition.where("age", "ge", 40)
        >>> isinstance(either.root, AnyOf)
        True
    """

    any_of: Annotated[tuple["Condition", ...], Field(min_length=1)]

    def compiled(self, schema: Schema) -> nw.Expr:
        """Return the disjunction as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35, 45]}))
            >>> either = Condition.where("age", "lt", 30) | Condition.where("age", "ge", 40)
            >>> frame.filter(either.root.compiled(frame.schema))["age"].to_list()
            [25, 45]
        """
        return reduce(lambda x, y: x | y, [part.expr(schema) for part in self.any_of])


@checked
class Not(Written):
    """True exactly if its condition is not.

    Examples:
        >>> isinstance((~Condition.where("age", "lt", 30)).root, Not)
        True
    """

    not_: "Condition"

    def compiled(self, schema: Schema) -> nw.Expr:
        """Return the negation as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, None]}))
            >>> other = ~Condition.where("age", "lt", 30)
            >>> len(frame.filter(other.root.compiled(frame.schema)))
            1
        """
        return ~self.not_.expr(schema)


def _shape(data: object) -> str:
    if not isinstance(data, Mapping):
        return type(data).__name__
    shapes = {"all_of": "AllOf", "any_of": "AnyOf", "not_": "Not"}
    return next((shapes[key] for key in shapes if key in data), "ColumnComparison")


type _Node = Annotated[
    Annotated[ColumnComparison, Tag("ColumnComparison")]
    | Annotated[AllOf, Tag("AllOf")]
    | Annotated[AnyOf, Tag("AnyOf")]
    | Annotated[Not, Tag("Not")],
    Discriminator(
        _shape,
        custom_error_type="condition",
        custom_error_message="a condition has column, op and value, or all_of, any_of or not_",
    ),
]


@checked
class Condition(RootModel[_Node], YamlMixin):
    """A condition on customers, as data that can be stored, compared and compiled.

    It is written as ``{column, op, value}``, ``{all_of: [...]}``, ``{any_of: [...]}`` or
    ``{not_: ...}`` in Python, YAML and JSON, and combined with ``&``, ``|`` and ``~``.

    A missing value (null or NaN) satisfies no comparison, not even ``ne``, on every kind of
    frame; test for it with ``is_missing``. ``~condition`` holds exactly if ``condition``
    does not, so every customer satisfies one of the two.

    Dates may be ISO 8601 text, because JSON has no dates.

    Examples:
        >>> big = Condition.where("value", "ge", 100)
        >>> omni = Condition.where("channels", "in", ["store+ec", "all"])
        >>> print((big & ~omni).to_yaml())
        all_of:
        - column: value
          op: ge
          value: 100
        - not_:
            column: channels
            op: in
            value:
            - store+ec
            - all
        <BLANKLINE>
        >>> import pandas as pd
        >>> big.mask(pd.DataFrame({"value": [50.0, 120.0, None]})).tolist()
        [False, True, False]
    """

    model_config = ConfigDict(frozen=True)

    if not TYPE_CHECKING:  # pydantic's own signature is what a type checker should see
        __init__ = root_init

    @classmethod
    def where(
        cls,
        column: str,
        op: Operator,
        value: Scalar | list[Scalar] | tuple[Scalar, ...] | None = None,
    ) -> "Condition":
        """Return the condition on one column.

        Raises:
            ConfigError: If the value does not suit the operator.

        Examples:
            >>> Condition.where("channel", "in", ["store", "app"]).root.value
            ('store', 'app')
        """
        return validate(cls, {"column": column, "op": op, "value": value})

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(AllOf(all_of=(self, other)))

    def __or__(self, other: "Condition") -> "Condition":
        return Condition(AnyOf(any_of=(self, other)))

    def __invert__(self) -> "Condition":
        return Condition(Not(not_=self))

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns that the condition reads."""
        return frozenset(_columns(self))

    def expr(self, schema: Schema) -> nw.Expr:
        """Return the condition as a Narwhals expression, true or false and never null.

        Args:
            schema: Columns and types of the frame (``narwhals_frame.schema``).

        Raises:
            DataError: If a column is absent, or its type does not support the comparison.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35]}))
            >>> old = Condition.where("age", "ge", 30).expr(frame.schema)
            >>> frame.select(old=old)["old"].to_list()
            [False, True]
        """
        return self.root.compiled(schema)

    def mask(self, frame: IntoFrame) -> NDArray[np.bool_]:
        """Return for each row whether the condition holds, of shape (n_rows,).

        Raises:
            DataError: As `expr`.

        Examples:
            >>> import pandas as pd
            >>> Condition.where("age", "ge", 30).mask(pd.DataFrame({"age": [25, 35]})).tolist()
            [False, True]
        """
        table = collect(frame, "the frame")
        refuse_unknown(table, self.columns, "the frame")
        answer = table.select(holds=self.expr(table.schema))["holds"]
        return np.asarray(answer.to_list(), dtype=np.bool_)

    def filter(self, frame: IntoFrameT) -> IntoFrameT:
        """Return the rows for which the condition holds, as a frame of the same kind.

        Raises:
            DataError: As `expr`.

        Examples:
            >>> import pandas as pd
            >>> Condition.where("age", "ge", 30).filter(pd.DataFrame({"age": [25, 35]}))
               age
            1   35
        """
        opened = open_frame(frame, "the frame")
        if isinstance(opened, nw.LazyFrame):
            kept = opened.filter(self.expr(opened.collect_schema()))
            return cast("IntoFrameT", kept.to_native())
        table, kind = read_frame(frame, "the frame")
        refuse_unknown(table, self.columns, "the frame")
        return kind.native(table.filter(self.expr(table.schema)))


def _columns(condition: Condition) -> Iterator[str]:
    node = condition.root
    if isinstance(node, ColumnComparison):
        yield node.column
        return
    for part in _parts(node):
        yield from _columns(part)


def _parts(node: AllOf | AnyOf | Not) -> tuple[Condition, ...]:
    if isinstance(node, Not):
        return (node.not_,)
    return node.all_of if isinstance(node, AllOf) else node.any_of


def _missing(column: str, dtype: nw.dtypes.DType) -> nw.Expr:
    null = nw.col(column).is_null()
    return null | nw.col(column).is_nan().fill_null(value=False) if dtype.is_float() else null


def _comparable(column: str, dtype: nw.dtypes.DType) -> nw.Expr:
    categories = isinstance(dtype, (nw.Categorical, nw.Enum))
    return nw.col(column).cast(nw.String) if categories else nw.col(column)


def _is_in(column: nw.Expr, dtype: nw.dtypes.DType, values: list[Scalar]) -> nw.Expr:
    whole = dtype.is_integer() and all(isinstance(value, int) for value in values)
    if whole or not dtype.is_numeric():
        return column.is_in(values)
    return column.cast(nw.Float64).is_in([float(cast("float", value)) for value in values])


def _literal(column: str, dtype: nw.dtypes.DType, op: str, value: Scalar | None) -> Scalar:
    """Return the value in the type of the column, or raise DataError."""
    suited = _as_dtype(dtype, op, value)
    if suited is None:
        problem = f"{value!r} ({type(value).__name__}) cannot be compared by {op!r} with {dtype}"
        raise DataError(problem, column=column, hint="convert the column, or correct the value")
    return suited


def _as_dtype(dtype: nw.dtypes.DType, op: str, value: Scalar | None) -> Scalar | None:
    if dtype.is_numeric():
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if isinstance(dtype, nw.Boolean):
        return value if isinstance(value, bool) and op in {"eq", "ne", "in"} else None
    if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        return value if isinstance(value, str) else None
    if isinstance(dtype, nw.Date):
        return _as_date(value)
    return _as_datetime(dtype, value) if isinstance(dtype, nw.Datetime) else None


def _as_date(value: Scalar | None) -> date | None:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _as_datetime(dtype: nw.Datetime, value: Scalar | None) -> datetime | None:
    zone = ZoneInfo(dtype.time_zone) if dtype.time_zone else None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        same_kind = (value.tzinfo is None) == (zone is None)
        return (value.astimezone(zone) if zone else value) if same_kind else None
    return datetime.combine(value, time(), tzinfo=zone) if isinstance(value, date) else None
