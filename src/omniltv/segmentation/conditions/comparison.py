"""Compares a column with a value, several values, two ends, or another column."""

from typing import Any, ClassVar, Self, cast

import narwhals as nw
from pydantic import ConfigDict, model_validator

from omniltv._columns import require
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.conditions._values import (
    COMPARE,
    Name,
    Operator,
    Value,
    compared,
    family,
    local_day,
    missing,
    number,
    plain,
)
from omniltv.segmentation.conditions.kind import ConditionKind, Scope, condition_kind

__all__ = ["ColumnComparison"]

_PAIR = 2
_ONE = {"type": ["boolean", "number", "string"]}
_ORDER = {"enum": ["eq", "ne", "lt", "le", "gt", "ge"]}


def _rule(op: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"op": op}, "required": ["op"]}, "then": then}


def _value(schema: dict[str, Any], *required: str) -> dict[str, Any]:
    null = {"other": {"type": "null"}}
    return {"properties": {"value": schema, **null}, "required": list(required)}


_EITHER = {
    "oneOf": [
        _value(_ONE, "value"),
        {
            "properties": {"value": {"type": "null"}, "other": {"type": "string"}},
            "required": ["other"],
        },
    ]
}
_RULES = [
    _rule(_ORDER, _EITHER),
    _rule({"const": "in"}, _value({"type": "array", "minItems": 1}, "value")),
    _rule({"const": "between"}, _value({"type": "array", "minItems": 2, "maxItems": 2}, "value")),
    _rule({"const": "is_missing"}, _value({"type": "null"})),
]


@condition_kind
@checked
class ColumnComparison(ConditionKind):
    """Compares a column with a value, a list of values (``in``) or two ends (``between``).

    A day that is compared with a column of moments means the whole day, in the time zone of
    the context: ``eq`` and ``in`` hold during the day, ``le`` until its end, ``gt`` after
    its end, and ``between`` from the start of the first day to the end of the last.

    Attributes:
        column: Name of the column.
        op: The comparison.
        value: The value or values; none for ``is_missing``.
        other: Another column to compare with, instead of a value.

    Examples:
        >>> from omniltv.segmentation import Condition
        >>> Condition(ColumnComparison(column="age", op="between", value=(30, 39)))
        Condition(root=ColumnComparison(column='age', op='between', value=(30, 39), other=None))
    """

    model_config = ConfigDict(json_schema_extra={"allOf": cast("Any", _RULES)})
    key: ClassVar[str] = "op"

    column: Name
    op: Operator
    value: Value = None
    other: Name | None = None

    @model_validator(mode="after")
    def _value_suits_op(self) -> Self:
        several = isinstance(self.value, tuple)
        if self.op == "is_missing":
            wanted, right = "no value", self.value is None and self.other is None
        elif self.op == "in":
            wanted = "a list of values"
            right = several and self.value != () and self.other is None
        elif self.op == "between":
            wanted = "a list of two ends, low then high"
            two = isinstance(self.value, tuple) and len(self.value) == _PAIR
            right = two and self.other is None
        else:
            wanted = "one value, or another column"
            right = (self.value is None) != (self.other is None) and not several
        if not right:
            got = self.value if self.other is None else f"the column {self.other}"
            raise ValueError(f"op {self.op!r} takes {wanted}, got {got!r}")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The column, and the other one if there is one."""
        return frozenset({self.column} | ({self.other} if self.other else set()))

    @property
    def needed(self) -> frozenset[str]:
        """The columns, but none to test for missing values."""
        return frozenset() if self.op == "is_missing" else self.columns

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return the comparison as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35]}))
            >>> adult = ColumnComparison(column="age", op="ge", value=30)
            >>> frame.filter(adult.compiled(Scope(frame.schema)))["age"].to_list()
            [35]
        """
        require(list(scope.schema), sorted(self.columns), "the frame")
        dtype = scope.schema[self.column]
        absent = missing(self.column, dtype)
        if self.op == "is_missing":
            return absent
        if self.other is not None:
            return ~absent & ~missing(self.other, scope.schema[self.other]) & self._pair(scope)
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return ~absent & compared(scope, self.column, self.op, cast("Any", values))

    def _pair(self, scope: Scope) -> nw.Expr:
        """Return the comparison with the other column."""
        other = cast("str", self.other)
        types = scope.schema[self.column], scope.schema[other]
        kinds = {family(types[0]), family(types[1])}
        compare = COMPARE[self.op]
        if kinds == {"number"}:
            return compare(number(self.column, types[0]), number(other, types[1]))
        if kinds == {"day", "moment"}:
            return compare(local_day(scope, self.column), local_day(scope, other))
        if not _alike(types, kinds) or (kinds == {"truth"} and self.op not in {"eq", "ne"}):
            problem = f"{types[0]} cannot be compared by {self.op!r} with {other!r}, {types[1]}"
            raise DataError(problem, column=self.column, hint="convert one of the two columns")
        return compare(plain(self.column, types[0]), plain(other, types[1]))


def _alike(types: tuple[nw.dtypes.DType, nw.dtypes.DType], kinds: set[Any]) -> bool:
    if kinds == {"moment"}:
        zones = [getattr(dtype, "time_zone", None) is None for dtype in types]
        return zones[0] == zones[1]
    return len(kinds) == 1 and kinds != {"other"}
