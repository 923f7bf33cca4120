"""At least or at most some number of events of a kind, from a table of events."""

from typing import Annotated, Any, ClassVar, Self, cast

import narwhals as nw
from pydantic import Field, model_validator

from omniltv._columns import require
from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.segmentation.conditions._tables import kept, opened
from omniltv.segmentation.conditions._values import Name, Names
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import (
    AmountPerCustomer,
    ConditionKind,
    Part,
    Scope,
    condition_kind,
)

__all__ = ["Happened"]

_WHAT = "the table of events"


@condition_kind
@checked
class Happened(ConditionKind):
    """True if events of a kind happened often enough, or not too often.

    The events are ``Context.events``, one row per event, such as `Timeline.events`. A span
    is a condition on the time of the event:
    ``where: {column: time, within: last, count: 30}``.

    Attributes:
        happened: The kind of event, or several.
        at_least: Minimum number of events; 1 if neither limit is given.
        at_most: Maximum number of events. ``at_most: 0`` holds if nothing happened.
        where: Condition on the columns of the events.
        kind_column: Column with the kind of event.

    Examples:
        >>> import pandas as pd
        >>> customers = pd.DataFrame({"customer_id": ["a", "b"]})
        >>> events = pd.DataFrame({
        ...     "customer_id": ["a", "a", "b"], "kind": ["visit", "visit", "visit"]})
        >>> twice = Condition(Happened(happened="visit", at_least=2))
        >>> twice.mask(customers, Context(events=events)).tolist()
        [True, False]
    """

    key: ClassVar[str] = "happened"
    needs_tables: ClassVar[bool] = True

    happened: Names
    at_least: Annotated[int, Field(ge=1, strict=True)] | None = None
    at_most: Annotated[int, Field(ge=0, strict=True)] | None = None
    where: Condition | None = None
    kind_column: Name = "kind"

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        if self.at_most is not None and (self.at_least or 0) > self.at_most:
            raise ValueError("at_least is above at_most")
        return self

    def amounts(self, context: Context) -> AmountPerCustomer:
        """Return the number of events of each customer who has one.

        Examples:
            >>> import pandas as pd
            >>> events = pd.DataFrame({"customer_id": ["a", "a"], "kind": ["visit", "mail"]})
            >>> Happened(happened="visit").amounts(Context(events=events))["amount"].to_list()
            [1.0]
        """
        events = opened(context.table_of_events(), _WHAT)
        require(list(events.collect_schema()), [context.customer_id, self.kind_column], _WHAT)
        chosen = kept(events, self._condition().root, _without_tables(context))
        rows = chosen.select(nw.col(context.customer_id), nw.lit(1.0).alias("amount"))
        number = cast("Any", rows).group_by(context.customer_id).agg(nw.col("amount").sum())
        return cast("AmountPerCustomer", number)

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the number of events is within the limits.

        Raises:
            ConfigError: If the table was not prepared with the events.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"n": [0.0, 3.0]}))
            >>> scope = Scope(frame.schema, prepared={"": ("n",)})
            >>> frame.filter(Happened(happened="visit").compiled(scope))["n"].to_list()
            [3.0]
        """
        ready = scope.ready()
        if not ready:
            hint = "condition.mask(frame, Context(events=...)) or condition.filter"
            raise ConfigError(f"a condition on events needs a table of events. Hint: {hint}")
        if self.where is not None and scope.context.events is not None:
            self._check_events(scope, self.where)
        number = nw.col(ready[0])
        least = 1 if self.at_least is None and self.at_most is None else self.at_least or 0
        enough = number >= least
        return enough if self.at_most is None else enough & (number <= self.at_most)

    def _check_events(self, scope: Scope, where: Condition) -> None:
        schema = opened(scope.context.table_of_events(), _WHAT).collect_schema()
        inner = Scope(schema, _without_tables(scope.context), scope.path)
        inner.holds(Part("where", where))

    def _condition(self) -> Condition:
        """Return the condition on an event."""
        kinds = Condition.where(self.kind_column, "in", self.happened)
        return kinds if self.where is None else kinds & self.where


def _without_tables(context: Context) -> Context:
    """Return the context of the condition on an event, which reads no other table."""
    return Context(
        today=context.today, time_zone=context.time_zone, customer_id=context.customer_id
    )
