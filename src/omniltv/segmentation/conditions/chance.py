"""A minimum probability that an amount reaches a line, from draws."""

from typing import Annotated, ClassVar

import narwhals as nw
from pydantic import Field

from omniltv._columns import require
from omniltv._options import checked
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError
from omniltv.segmentation.conditions._tables import opened
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import (
    AmountPerCustomer,
    ConditionKind,
    Scope,
    condition_kind,
)

__all__ = ["Chance"]


@condition_kind
@checked
class Chance(ConditionKind):
    """True if an amount reaches a line with at least some probability, P(draw >= line).

    The probability is the share of the draws in ``Context.draws`` that reach the line. If
    you have a quantile instead of draws, compare it: the probability is at least 0.1 if the
    90 % quantile reaches the line. A customer without draws has no chance.

    Attributes:
        chance: The probability, in (0, 1).
        draws_of: Name of the amount in ``Context.draws``.
        reaches: The line.

    Examples:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition
        >>> upside = Condition(Chance(draws_of="value", reaches=50, chance=0.5))
        >>> draws = RowDraws.from_array(np.array([[10.0, 90.0], [10.0, 20.0]]))
        >>> frame = pd.DataFrame({"customer_id": ["a", "b"]})
        >>> upside.mask(frame, Context(draws={"value": draws})).tolist()
        [True, False]
    """

    key: ClassVar[str] = "chance"
    needs_tables: ClassVar[bool] = True

    chance: Annotated[float, Field(gt=0, lt=1, strict=True)]
    draws_of: Name
    reaches: Annotated[float, Field(strict=True)]

    def amounts(self, context: Context) -> AmountPerCustomer:
        """Return the probability for each customer.

        Examples:
            >>> import numpy as np
            >>> draws = RowDraws.from_array(np.array([[10.0, 90.0], [10.0, 20.0]]))
            >>> upside = Chance(draws_of="value", reaches=50, chance=0.5)
            >>> upside.amounts(Context(draws={"value": draws})).tolist()
            [0.5, 0.0]
        """
        draws = context.amounts(self.draws_of)
        if isinstance(draws, RowDraws):
            return draws.prob_at_least(self.reaches)
        what = f"the draws of {self.draws_of!r}"
        table = opened(draws, what)
        require(list(table.collect_schema()), [context.customer_id, self.draws_of], what)
        reached = (nw.col(self.draws_of) >= self.reaches).cast(nw.Float64)
        rows = table.select(nw.col(context.customer_id), reached.alias("amount"))
        return rows.group_by(context.customer_id).agg(nw.col("amount").mean())

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the probability is high enough.

        Raises:
            ConfigError: If the table was not prepared with the draws.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"p": [0.4, 0.6]}))
            >>> scope = Scope(frame.schema, prepared={"": ("p",)})
            >>> upside = Chance(draws_of="value", reaches=50, chance=0.5)
            >>> frame.filter(upside.compiled(scope))["p"].to_list()
            [0.6]
        """
        ready = scope.ready()
        if not ready:
            hint = "condition.mask(frame, Context(draws=...)) or condition.filter"
            raise ConfigError(f"a chance needs draws, not an expression alone. Hint: {hint}")
        return nw.col(ready[0]) >= self.chance
