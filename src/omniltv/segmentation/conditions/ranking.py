"""The highest or lowest customers by a column, overall or within groups."""

from math import floor, isnan
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import narwhals as nw
from pydantic import ConfigDict, Field, model_validator

from omniltv._options import checked
from omniltv.segmentation.conditions._order import PlacedValues, ordered
from omniltv.segmentation.conditions._values import (
    COMPARE,
    Name,
    Names,
    known,
    missing,
    number,
    plain,
)
from omniltv.segmentation.conditions.kind import ConditionKind, Scope, condition_kind

__all__ = ["RankLine"]

_EXACT = 1e-9
_MOST_GROUPS = 64
_OPERATORS = {
    ("top", "in"): "ge",
    ("top", "out"): "gt",
    ("bottom", "in"): "le",
    ("bottom", "out"): "lt",
}
_ONE_OF_TWO = {
    "oneOf": [
        {"required": ["count"], "properties": {"count": {"type": "integer"}}},
        {"required": ["share"], "properties": {"share": {"type": "number"}}},
    ]
}


@condition_kind
@checked
class RankLine(ConditionKind):
    """True for the highest or lowest customers by a column, overall or within groups.

    Customers with a missing value have no rank and are not counted. Customers who are tied
    at the line are all in, or with ``ties: out`` all out, so that the order of rows decides
    nothing. The top tenth is ``share: 0.1``: the values above the 90 % quantile.

    Attributes:
        column: Name of a column of numbers.
        rank: ``top`` for the highest values, ``bottom`` for the lowest.
        count: Number of customers in each group.
        share: Share of the customers in each group, in (0, 1].
        by: Columns whose values make the groups; missing values are a group, too.
        ties: Whether customers who are tied at the line are in.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition
        >>> best = Condition(RankLine(column="spend", rank="top", count=1, by=("store",)))
        >>> frame = pd.DataFrame({"store": ["a", "a", "b"], "spend": [5.0, 7.0, 1.0]})
        >>> best.mask(frame).tolist()
        [False, True, True]
    """

    model_config = ConfigDict(json_schema_extra=cast("Any", _ONE_OF_TWO))
    key: ClassVar[str] = "rank"
    windowed: ClassVar[bool] = True

    column: Name
    rank: Literal["top", "bottom"]
    count: Annotated[int, Field(ge=1, strict=True)] | None = None
    share: Annotated[float, Field(gt=0, le=1, strict=True)] | None = None
    by: Names | tuple[()] = ()
    ties: Literal["in", "out"] = "in"

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.count is None) == (self.share is None):
            raise ValueError("give either count or share")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The column and those of the groups."""
        return frozenset({self.column, *self.by})

    @property
    def needed(self) -> frozenset[str]:
        """The column to rank; missing values of the others are groups."""
        return frozenset({self.column})

    def helpers(self, scope: Scope) -> tuple[nw.Expr, ...]:
        """Return the values to rank, missing ones as null, and in pandas the labels of the groups.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"spend": [5, 7]}))
            >>> best = RankLine(column="spend", rank="top", count=1)
            >>> frame.select(*best.helpers(Scope(frame.schema)))["spend"].to_list()
            [5.0, 7.0]
        """
        # Missing labels of several columns together are more than pandas can group by.
        labels = [
            nw.concat_str(nw.lit("x"), nw.col(name).cast(nw.String)).fill_null("")
            for name in self.by
            if scope.in_pandas
        ]
        return (self._values(scope), *labels)

    def _values(self, scope: Scope) -> nw.Expr:
        dtype = known(scope, self.column, ("number",))
        for name in self.by:
            known(scope, name, ("text", "number", "truth", "day"))
        return number(self.column, dtype)

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the rank is within the line, never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"spend": [5, 7]}))
            >>> best = RankLine(column="spend", rank="top", count=1)
            >>> frame.filter(best.compiled(Scope(frame.schema)))["spend"].to_list()
            [7]
        """
        present = ~missing(self.column, scope.schema[self.column])
        lines = self._lines(scope)
        return present & (self._ranked(scope) if lines is None else lines)

    def _ranked(self, scope: Scope) -> nw.Expr:
        """Return whether the rank is within the line, from the ranks of all rows."""
        inline, ready = self._values(scope), scope.ready()
        values = nw.col(ready[0]) if ready else inline
        by = ready[1:] or self.by
        method: Literal["min", "max"] = "min" if self.ties == "in" else "max"
        rank, n = values.rank(method, descending=self.rank == "top"), values.count()
        if by:
            rank, n = rank.over(*by), n.over(*by)
        within = rank <= (self.count if self.share is None else n * self.share + _EXACT)
        return within.fill_null(value=False)

    def _lines(self, scope: Scope) -> nw.Expr | None:
        """Return whether a value reaches the line of its group; None if ranks are needed.

        In a lazy table a few values by their places are cheaper than the ranks of all rows.
        """
        values, table = self._values(scope), scope.table
        labels = [plain(name, scope.schema[name]) for name in self.by]
        if not isinstance(table, nw.LazyFrame) or _many_groups(table, labels):
            return None
        dtype = nw.Float64()
        found = ordered(table, values, dtype, lambda n: [self._place(n)], labels)
        holds = nw.lit(value=False)
        for key, order in found.items():
            inside = self._inside(values, order).fill_null(value=False)
            for name, label in zip(self.by, key, strict=True):
                inside = inside & _is(plain(name, scope.schema[name]), label)
            holds = inside if not self.by else holds | inside
        return holds

    def _within(self, n: int) -> int:
        """Return how many of n customers are within the line."""
        share = 0.0 if self.share is None else self.share
        return floor(n * share + _EXACT) if self.count is None else self.count

    def _place(self, n: int) -> int:
        """Return the place, from the lowest value, of the last customer in or the first one out."""
        last = self._within(n) + (self.ties == "out")
        return last if self.rank == "bottom" else n + 1 - last

    def _inside(self, values: nw.Expr, order: PlacedValues) -> nw.Expr:
        within = self._within(order.n)
        if within == 0 or within >= order.n:
            return values.is_null() if within == 0 else ~values.is_null()
        return COMPARE[_OPERATORS[self.rank, self.ties]](values, order.at[self._place(order.n)])


def _many_groups(table: "nw.LazyFrame[Any]", labels: list[nw.Expr]) -> bool:
    if not labels:
        return False
    keys = table.select(**{f"key{k}": label for k, label in enumerate(labels)})
    return len(keys.unique().head(_MOST_GROUPS + 1).collect()) > _MOST_GROUPS


def _is(column: nw.Expr, label: object) -> nw.Expr:
    """Return whether a label is a value; a missing one is a label, too."""
    if label is None:
        return column.is_null()
    if isinstance(label, float) and isnan(label):
        return column.is_nan().fill_null(value=False)
    return (column == label).fill_null(value=False)
