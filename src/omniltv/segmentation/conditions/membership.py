"""Customers in a tier, and customers who moved between tiers."""

from functools import reduce
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import narwhals as nw
from pydantic import ConfigDict, Field, model_validator

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, Names, known, missing, plain
from omniltv.segmentation.conditions.kind import ConditionKind, Scope, condition_kind

__all__ = ["InTier", "Moved"]

_BETTER = {
    "if": {"properties": {"or_better": {"const": True}}, "required": ["or_better"]},
    "then": {"required": ["order"], "properties": {"order": {"type": ["array", "string"]}}},
}


@condition_kind
@checked
class InTier(ConditionKind):
    """True if the customer is in one of some tiers, or in a better one.

    Attributes:
        in_tier: The tier, or several.
        or_better: Whether better tiers count, too; needs ``order``.
        order: All tiers, best first.
        tier_column: Column with the tier.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition
        >>> frame = pd.DataFrame({"tier": ["gold", "silver", "bronze", None]})
        >>> Condition(InTier(in_tier="silver", or_better=True,
        ...     order=("gold", "silver", "bronze"))).mask(frame).tolist()
        [True, True, False, False]
    """

    model_config = ConfigDict(json_schema_extra=cast("Any", _BETTER))
    key: ClassVar[str] = "in_tier"

    in_tier: Names
    or_better: Annotated[bool, Field(strict=True)] = False
    order: Names | None = None
    tier_column: Name = "tier"

    @model_validator(mode="after")
    def _order_has_tiers(self) -> Self:
        if self.or_better and self.order is None:
            raise ValueError("or_better needs the order of the tiers, best first")
        _require_known(self.in_tier, self.order)
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The column with the tier."""
        return frozenset({self.tier_column})

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the tier is one of those, never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"tier": ["gold", "silver"]}))
            >>> len(frame.filter(InTier(in_tier="gold").compiled(Scope(frame.schema))))
            1
        """
        tiers = self.in_tier
        if self.or_better and self.order is not None:
            tiers = self.order[: 1 + max(map(self.order.index, tiers))]
        return _in(scope, self.tier_column, tiers)


@condition_kind
@checked
class Moved(ConditionKind):
    """True if the customer moved up, down or at all between two columns of tiers.

    A tier that is not in the order, and a missing one, is no place to move from or to.

    Attributes:
        moved: ``up``, ``down``, or ``any`` for both.
        order: All tiers, best first.
        from_tier: Only from these tiers.
        to_tier: Only to these tiers.
        tier_column: Column with the tier now.
        before_column: Column with the tier before.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition
        >>> frame = pd.DataFrame({"tier_before": ["low", "high"], "tier": ["high", "low"]})
        >>> Condition(Moved(moved="up", order=("high", "low"))).mask(frame).tolist()
        [True, False]
    """

    key: ClassVar[str] = "moved"

    moved: Literal["up", "down", "any"]
    order: Annotated[tuple[Name, ...], Field(min_length=2, max_length=100)]
    from_tier: Names | None = None
    to_tier: Names | None = None
    tier_column: Name = "tier"
    before_column: Name = "tier_before"

    @model_validator(mode="after")
    def _tiers_are_known(self) -> Self:
        if len(set(self.order)) < len(self.order):
            raise ValueError("two tiers of the order have the same name")
        for names in (self.from_tier, self.to_tier):
            _require_known(names or (), self.order)
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The two columns with tiers."""
        return frozenset({self.tier_column, self.before_column})

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return whether the customer moved so, never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"tier_before": ["b"], "tier": ["a"]}))
            >>> up = Moved(moved="up", order=("a", "b"))
            >>> len(frame.filter(up.compiled(Scope(frame.schema))))
            1
        """
        before = self.from_tier or self.order
        now = self.to_tier or self.order
        if self.moved == "any":
            holds = _in(scope, self.before_column, before) & _in(scope, self.tier_column, now)
            return holds & (
                self._name(scope, self.tier_column) != self._name(scope, self.before_column)
            )
        origins = {tier: self._origins(tier, before) for tier in now}
        holds = [
            _in(scope, self.tier_column, (tier,)) & _in(scope, self.before_column, names)
            for tier, names in origins.items()
            if names
        ]
        nobody = _in(scope, self.tier_column, ()) & _in(scope, self.before_column, ())
        return reduce(lambda x, y: x | y, holds) if holds else nobody

    def _origins(self, tier: str, before: tuple[str, ...]) -> tuple[str, ...]:
        """Return the worse tiers that customers rose from, or the better ones they fell from."""
        place = self.order.index(tier)
        other = self.order[place + 1 :] if self.moved == "up" else self.order[:place]
        return tuple(name for name in other if name in before)

    def _name(self, scope: Scope, column: str) -> nw.Expr:
        return plain(column, known(scope, column, ("text",))).fill_null("")


def _in(scope: Scope, column: str, tiers: tuple[str, ...]) -> nw.Expr:
    dtype = known(scope, column, ("text",))
    return ~missing(column, dtype) & plain(column, dtype).is_in(list(tiers))


def _require_known(names: tuple[str, ...], order: tuple[str, ...] | None) -> None:
    unknown = [name for name in names if order is not None and name not in order]
    if unknown:
        raise ValueError(f"the tier {unknown[0]!r} is not in the order")
