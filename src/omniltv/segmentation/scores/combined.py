"""Money value and broad value in one number, by a stated rate."""

from collections.abc import Mapping
from typing import Annotated, Literal

import narwhals as nw
from pydantic import Field

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, known, number
from omniltv.segmentation.conditions.kind import Scope

__all__ = ["CombinedValue"]


@checked
class CombinedValue(Written):
    """Money value plus points times a rate: ``value + money_per_point * broad_value``.

    No other function of the package adds points to money. The rate has no default: it says
    what a point is worth to the retailer. If one of the two is missing, so is the sum.

    Attributes:
        version: Version of the form of this document.
        money_per_point: Money that a point is worth, at least 0.
        money: Column of the money value.
        points: Column of the points.
        name: Name of the new column.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation.scores import scored
        >>> frame = pd.DataFrame({"value": [500.0, 0.0], "broad_value": [2.0, 6.0]})
        >>> scored(frame, CombinedValue(money_per_point=100))["combined_value"].tolist()
        [700.0, 600.0]
    """

    version: Literal[1] = 1
    money_per_point: Annotated[float, Field(ge=0, strict=True)]
    money: Name = "value"
    points: Name = "broad_value"
    name: Name = "combined_value"

    @property
    def columns(self) -> frozenset[str]:
        """The two columns."""
        return frozenset({self.money, self.points})

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return the combined value.

        Raises:
            DataError: If a column is not of numbers.

        Examples:
            >>> scope = Scope({"value": nw.Float64(), "broad_value": nw.Float64()})
            >>> list(CombinedValue(money_per_point=100).expressions(scope))
            ['combined_value']
        """
        money, points = (
            number(column, known(scope, column, ("number",)))
            for column in (self.money, self.points)
        )
        return {self.name: money + points * self.money_per_point}
