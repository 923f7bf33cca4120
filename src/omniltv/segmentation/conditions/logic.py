"""Conditions of conditions: all of them, any of them, not."""

from collections.abc import Callable
from functools import reduce
from typing import Annotated, ClassVar

import narwhals as nw
from pydantic import Field

from omniltv._options import checked
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.kind import ConditionKind, Part, Scope, condition_kind

__all__ = ["AllOf", "AnyOf", "Not"]


@condition_kind
@checked
class AllOf(ConditionKind):
    """True if all its conditions are.

    Examples:
        >>> both = Condition.where("age", "ge", 30) & Condition.where("age", "lt", 40)
        >>> isinstance(both.root, AllOf)
        True
    """

    key: ClassVar[str] = "all_of"

    all_of: Annotated[tuple[Condition, ...], Field(min_length=1)]

    def parts(self) -> tuple[Part, ...]:
        """Return the conditions.

        Examples:
            >>> both = Condition.where("age", "ge", 30) & Condition.where("age", "lt", 40)
            >>> [part.step for part in both.root.parts()]
            ['all_of[0]', 'all_of[1]']
        """
        return tuple(Part(f"all_of[{k}]", part) for k, part in enumerate(self.all_of))

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return the conjunction as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35, 45]}))
            >>> both = Condition.where("age", "ge", 30) & Condition.where("age", "lt", 40)
            >>> frame.filter(both.root.compiled(Scope(frame.schema)))["age"].to_list()
            [35]
        """
        return _joined(lambda x, y: x & y, [scope.holds(part) for part in self.parts()])


@condition_kind
@checked
class AnyOf(ConditionKind):
    """True if at least one of its conditions is.

    Examples:
        >>> either = Condition.where("age", "lt", 30) | Condition.where("age", "ge", 40)
        >>> isinstance(either.root, AnyOf)
        True
    """

    key: ClassVar[str] = "any_of"

    any_of: Annotated[tuple[Condition, ...], Field(min_length=1)]

    def parts(self) -> tuple[Part, ...]:
        """Return the conditions.

        Examples:
            >>> either = Condition.where("age", "lt", 30) | Condition.where("age", "ge", 40)
            >>> [part.step for part in either.root.parts()]
            ['any_of[0]', 'any_of[1]']
        """
        return tuple(Part(f"any_of[{k}]", part) for k, part in enumerate(self.any_of))

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return the disjunction as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35, 45]}))
            >>> either = Condition.where("age", "lt", 30) | Condition.where("age", "ge", 40)
            >>> frame.filter(either.root.compiled(Scope(frame.schema)))["age"].to_list()
            [25, 45]
        """
        return _joined(lambda x, y: x | y, [scope.holds(part) for part in self.parts()])


@condition_kind
@checked
class Not(ConditionKind):
    """True exactly if its condition is not.

    Examples:
        >>> isinstance((~Condition.where("age", "lt", 30)).root, Not)
        True
    """

    key: ClassVar[str] = "not_"

    not_: Condition

    def parts(self) -> tuple[Part, ...]:
        """Return the condition.

        Examples:
            >>> [part.step for part in (~Condition.where("age", "lt", 30)).root.parts()]
            ['not_']
        """
        return (Part("not_", self.not_),)

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return the negation as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, None]}))
            >>> other = ~Condition.where("age", "lt", 30)
            >>> len(frame.filter(other.root.compiled(Scope(frame.schema))))
            1
        """
        return ~scope.holds(self.parts()[0])


def _joined(join: Callable[[nw.Expr, nw.Expr], nw.Expr], parts: list[nw.Expr]) -> nw.Expr:
    """Return expressions joined in pairs: a thousand of them are ten levels, not a thousand."""
    while len(parts) > 1:
        parts = [reduce(join, parts[k : k + 2]) for k in range(0, len(parts), 2)]
    return parts[0]
