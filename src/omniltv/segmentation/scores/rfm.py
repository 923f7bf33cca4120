"""Recency, frequency and monetary value in levels, by quantiles or by fixed cuts."""

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any, Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions._order import can_order, ordered
from omniltv.segmentation.conditions._values import (
    Name,
    family,
    known,
    missing,
    number,
)
from omniltv.segmentation.conditions.kind import Scope

__all__ = ["Rfm"]

type Cuts = Annotated[tuple[Annotated[float, Field(strict=True)], ...], Field(min_length=1)]


@checked
class Rfm(Written):
    """Recency, frequency and monetary value, each in levels from 1 (worst) to ``levels``.

    By default the levels are quantiles: of n customers with a value, a customer with k lower
    ones is in level 1 + floor(k * levels / n). Tied customers are in one level, the lower one
    of those that they would be spread over, so levels may have unequal sizes. With fixed cuts,
    the level of a customer is 1 + the number of cuts that the value reaches. It does not depend
    on the other customers.

    A missing value is in level 0: the customer has not bought.

    Attributes:
        version: Version of the form of this document.
        levels: Number of levels by quantiles.
        recency: Column of the last purchase: days, moments, or numbers of which high ones
            are recent.
        frequency: Column of the number of purchases.
        monetary: Column of the value.
        frequency_cuts: Fixed cuts instead of quantiles, in ascending order.
        monetary_cuts: Fixed cuts instead of quantiles, in ascending order.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation.scores import scored
        >>> frame = pd.DataFrame({
        ...     "last_purchase": pd.to_datetime(["2026-01-05", "2026-03-01", None]),
        ...     "purchases": [1, 7, 0], "realised_value": [10.0, 80.0, None]})
        >>> levels = scored(frame, Rfm(levels=2, frequency_cuts=(1, 5)))
        >>> levels[["rfm_recency", "rfm_frequency", "rfm_monetary"]].values.tolist()
        [[1, 2, 1], [2, 3, 2], [0, 1, 0]]
    """

    version: Literal[1] = 1
    levels: Annotated[int, Field(ge=2, le=100, strict=True)] = 5
    recency: Name = "last_purchase"
    frequency: Name = "purchases"
    monetary: Name = "realised_value"
    frequency_cuts: Cuts | None = None
    monetary_cuts: Cuts | None = None

    @model_validator(mode="after")
    def _cuts_ascend(self) -> Self:
        for cuts in (self.frequency_cuts, self.monetary_cuts):
            if cuts is not None and list(cuts) != sorted(set(cuts)):
                raise ValueError("cuts are in ascending order, each once")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The three columns."""
        return frozenset({self.recency, self.frequency, self.monetary})

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return ``rfm_recency``, ``rfm_frequency``, ``rfm_monetary`` and their sum ``rfm``.

        Raises:
            DataError: If a column is of the wrong type.

        Examples:
            >>> scope = Scope({"last_purchase": nw.Date(), "purchases": nw.Int64(),
            ...     "realised_value": nw.Float64()})
            >>> list(Rfm().expressions(scope))
            ['rfm_recency', 'rfm_frequency', 'rfm_monetary', 'rfm']
        """
        levels = {
            "rfm_recency": self._level(scope, self.recency, None),
            "rfm_frequency": self._level(scope, self.frequency, self.frequency_cuts),
            "rfm_monetary": self._level(scope, self.monetary, self.monetary_cuts),
        }
        return {**levels, "rfm": reduce(lambda x, y: x + y, levels.values())}

    def _level(self, scope: Scope, column: str, cuts: tuple[float, ...] | None) -> nw.Expr:
        dates = column == self.recency
        dtype = known(scope, column, ("number", "day", "moment") if dates else ("number",))
        if dtype == nw.Unknown:  # no customer has a value
            return nw.col(column).is_null().cast(nw.Int64) * 0
        numeric = family(dtype) == "number"
        values = number(column, dtype) if numeric else nw.col(column)
        if cuts is None:
            reached = self._reached(scope, values, dtype)
        else:
            reached = [values >= cut for cut in cuts]
        steps = [step.fill_null(value=False).cast(nw.Int64) for step in reached]
        return reduce(lambda x, y: x + y, steps, (~missing(column, dtype)).cast(nw.Int64))

    def _reached(self, scope: Scope, values: nw.Expr, dtype: nw.dtypes.DType) -> list[nw.Expr]:
        """Return for each line between two levels whether a value is above it."""
        if isinstance(scope.table, nw.LazyFrame) and can_order(dtype):
            return _above(scope.table, values, dtype, self.levels)
        # A rank is compared with each line: a division would be rounded.
        lower, n = (values.rank("min") - 1) * self.levels, values.count()
        return [lower >= n * k for k in range(1, self.levels)]


def _above(
    table: "nw.LazyFrame[Any]", values: nw.Expr, dtype: nw.dtypes.DType, levels: int
) -> list[nw.Expr]:
    """Return for each line whether a value is above it; the lines are values by their place."""

    def places(n: int) -> list[int]:
        return [-(-n * k // levels) for k in range(1, levels)]

    found = ordered(table, values, dtype, places)
    if not found:
        return [values.is_null() & ~values.is_null()] * (levels - 1)
    return [values > found[()].at[place] for place in places(found[()].n)]
