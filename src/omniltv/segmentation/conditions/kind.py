"""What a kind of condition is, how kinds are registered, and what they are compiled in."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from omniltv._frames import EagerOrLazy
from omniltv._options import checked
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation._registry import KeyedKind, KindRegistry
from omniltv.segmentation.conditions.context import Context

if TYPE_CHECKING:
    from omniltv.segmentation.conditions.condition import Condition

__all__ = ["ConditionKind", "Part", "Scope", "condition_kind", "kinds", "walk"]

type Schema = Mapping[str, nw.dtypes.DType]
type AmountPerCustomer = NDArray[np.float64] | EagerOrLazy
"""One number per row, or a table with the customer id and ``amount``."""

KINDS: KindRegistry["ConditionKind"] = KindRegistry("omniltv.conditions")
"""The kinds of condition."""


class Part(NamedTuple):
    """A condition inside another one, and the step that leads to it.

    Attributes:
        step: Such as ``all_of[0]``.
        condition: The inner condition.

    Examples:
        >>> from omniltv.segmentation import Condition
        >>> Part("not_", Condition.where("age", "ge", 30)).step
        'not_'
    """

    step: str
    condition: "Condition"


@checked
@dataclass(frozen=True)
class Scope:
    """What a condition is compiled in.

    Attributes:
        schema: Columns and types of the table.
        context: The day, time zone, events and draws.
        path: Where the condition is in the document; empty at the top.
        prepared: Columns that were added to the table for kinds, by path.
        in_pandas: Whether the table is a pandas frame.
        table: The table itself, for what depends on other rows; None if it is not known.
    """

    schema: Schema
    context: Context = field(default_factory=Context)
    path: str = ""
    prepared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_pandas: bool = False
    table: EagerOrLazy | None = None

    def at(self, step: str) -> "Scope":
        """Return the scope of an inner condition.

        Examples:
            >>> Scope({}).at("all_of[0]").at("not_").path
            'all_of[0].not_'
        """
        return replace(self, path=f"{self.path}.{step}".lstrip("."))

    def holds(self, part: Part) -> nw.Expr:
        """Return an inner condition as an expression.

        Raises:
            DataError: If a column is absent or of the wrong type, with the path.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.segmentation import Condition
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35]}))
            >>> part = Part("not_", Condition.where("age", "ge", 30))
            >>> frame.filter(Scope(frame.schema).holds(part))["age"].to_list()
            [35]
        """
        return self.at(part.step).compiled(part.condition.root)

    def compiled(self, kind: "ConditionKind") -> nw.Expr:
        """Return a kind as an expression; errors name the path.

        Raises:
            DataError: If a column is absent or of the wrong type, with the path.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.segmentation import ColumnComparison
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35]}))
            >>> adult = ColumnComparison(column="age", op="ge", value=30)
            >>> frame.filter(Scope(frame.schema).compiled(adult))["age"].to_list()
            [35]
        """
        if kind.parts():
            return kind.compiled(self)
        empty = self.empty_column(kind)
        if empty is not None:
            null = nw.col(empty).is_null()
            return null & ~null
        try:
            return kind.compiled(self)
        except DataError as error:
            raise self.placed(error) from error

    def empty_column(self, kind: "ConditionKind") -> str | None:
        """Return a column without any value, whose type is unknown, that a kind needs.

        Examples:
            >>> from omniltv.segmentation import Condition
            >>> adult = Condition.where("age", "ge", 30).root
            >>> Scope({"age": nw.Unknown()}).empty_column(adult)
            'age'
        """
        needed = sorted(kind.needed)
        return next((name for name in needed if self.schema.get(name) == nw.Unknown), None)

    def placed(self, error: DataError) -> DataError:
        """Return an error with the path of the condition.

        Examples:
            >>> print(Scope({}, path="not_").placed(DataError("absent", column="age")))
            column 'age': absent, in the condition at not_
        """
        if not self.path:
            return error
        problem = f"{error.problem}, in the condition at {self.path}"
        return DataError(problem, column=error.column, rows=error.rows, hint=error.hint)

    def ready(self) -> tuple[str, ...]:
        """Return the columns that were prepared for the condition at this path.

        Examples:
            >>> Scope({}, path="not_", prepared={"not_": ("_1",)}).ready()
            ('_1',)
        """
        return self.prepared.get(self.path, ())


@checked
class ConditionKind(KeyedKind):
    """Base of a kind of condition: its fields are the document, one method the meaning.

    A kind is a frozen pydantic model. Its `key` is the field by which a document is
    recognised as this kind; no other kind has a field of this name. Register a kind with
    `condition_kind`.

    Attributes:
        key: Name of the field that only this kind has.
        windowed: Whether the answer for a row depends on other rows.
        needs_tables: Whether the kind reads a table besides the customers; see `amounts`.

    Examples:
        >>> class Even(ConditionKind):
        ...     key = "even"
        ...     even: str
        ...     @property
        ...     def columns(self):
        ...         return frozenset({self.even})
        ...     def compiled(self, scope):
        ...         return (nw.col(self.even) % 2 == 0).fill_null(False)
        >>> Even(even="visits").columns
        frozenset({'visits'})
    """

    key: ClassVar[str]
    windowed: ClassVar[bool] = False
    needs_tables: ClassVar[bool] = False

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the table that the kind itself reads, without those of inner conditions."""
        return frozenset()

    @property
    def needed(self) -> frozenset[str]:
        """Columns in which a missing value makes the condition false."""
        return self.columns

    def parts(self) -> tuple[Part, ...]:
        """Return the inner conditions on the same table.

        Examples:
            >>> from omniltv.segmentation import Condition
            >>> [part.step for part in (~Condition.where("age", "lt", 30)).root.parts()]
            ['not_']
        """
        return ()

    @abstractmethod
    def compiled(self, scope: Scope) -> nw.Expr:
        """Return the condition as an expression that is true or false and never null.

        Raises:
            DataError: If a column is absent or of the wrong type.
        """

    def helpers(self, scope: Scope) -> tuple[nw.Expr, ...]:
        """Return columns to add to the table before the kind is compiled.

        Examples:
            >>> from omniltv.segmentation import Condition
            >>> Condition.where("age", "lt", 30).root.helpers(Scope({}))
            ()
        """
        del scope
        return ()

    def amounts(self, context: Context) -> AmountPerCustomer | None:
        """Return a number per customer from another table, or None if none is needed.

        Examples:
            >>> from omniltv.segmentation import Condition
            >>> Condition.where("age", "lt", 30).root.amounts(Context()) is None
            True
        """
        del context
        return None


@checked
def condition_kind[KindT: ConditionKind](kind: type[KindT]) -> type[KindT]:
    """Register a kind of condition, so that documents may use it; use it as a decorator.

    A package registers its kinds without an import if it declares the module as an entry
    point of the group ``omniltv.conditions``.

    Raises:
        ConfigError: If the key is not a field of the kind, or another kind has such a field.

    Examples:
        >>> from omniltv.segmentation import AllOf
        >>> condition_kind(AllOf) is AllOf
        True
    """
    for other in KINDS.others(kind):
        if kind.key in other.model_fields or other.key in kind.model_fields:
            message = f"{kind.__name__}: {other.__name__} has a field that is a key of one of both"
            raise ConfigError(f"{message}. Hint: rename the key, {kind.key!r}, or the field")
    KINDS.add(kind)
    return kind


def kinds() -> Mapping[str, type[ConditionKind]]:
    """Return the registered kinds by key, with those of installed packages.

    Examples:
        >>> "all_of" in kinds()
        True
    """
    return KINDS.known()


def walk(kind: ConditionKind, path: str = "") -> Iterator[tuple[str, ConditionKind]]:
    """Yield a condition and all conditions inside it on the same table, with their paths.

    Examples:
        >>> from omniltv.segmentation import Condition
        >>> [path for path, kind in walk((~Condition.where("age", "lt", 30)).root)]
        ['', 'not_']
    """
    yield path, kind
    for part in kind.parts():
        yield from walk(part.condition.root, f"{path}.{part.step}".lstrip("."))
