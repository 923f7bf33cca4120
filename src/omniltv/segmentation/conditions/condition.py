"""A condition as a document: recognised, validated, limited, combined and run."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self, cast

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray
from pydantic import ConfigDict, GetCoreSchemaHandler, RootModel, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from omniltv._config import YamlMixin, root_init, validate
from omniltv._frames import open_frame, read_frame
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.conditions._tables import answers, kept
from omniltv.segmentation.conditions._values import Operator, Scalar
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import ConditionKind, Schema, Scope, kinds, walk

__all__ = ["MOST_CONDITIONS", "MOST_DEPTH", "Condition", "linked"]


MOST_DEPTH = 16
"""Levels of conditions inside conditions. Every allowed condition can be read back from YAML."""

MOST_CONDITIONS = 1_000
"""Conditions in one document, the inner ones included."""

_LEVELS = 2 * MOST_DEPTH + 4


class _AnyKind:
    """Reads a document as the kind whose key it has."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(_read)


def _read(data: object) -> ConditionKind:
    if isinstance(data, ConditionKind):
        return data
    if isinstance(data, Condition):
        return data.root
    if not isinstance(data, Mapping):
        raise _not_a_condition(f"got {type(data).__name__}")
    _refuse_deep(data)
    known = kinds()
    keys = [key for key in data if isinstance(key, str) and key in known]
    if not keys:
        raise _not_a_condition(f"this has {', '.join(sorted(map(str, data)))[:80] or 'nothing'}")
    if len(keys) > 1:
        problem = f"{keys[0]} and {keys[1]} are two conditions; combine them with all_of"
        raise PydanticCustomError("condition", cast("Any", problem))
    # Pydantic's own error keeps its path when it passes through a validator; ours would not.
    read = known[keys[0]].__pydantic_validator__.validate_python
    return cast("ConditionKind", read(dict(data)))


def _not_a_condition(what: str) -> PydanticCustomError:
    message = "a condition has column, op and value, or one of {keys}; {what}"
    keys = ", ".join(key for key in kinds() if key != "op")
    return PydanticCustomError("condition", message, {"keys": keys, "what": what})


def _refuse_deep(data: object) -> None:
    """Refuse a document with too many levels or values, without recursion."""
    waiting: list[tuple[object, int]] = [(data, 0)]
    seen = 0
    while waiting:
        value, level = waiting.pop()
        seen += 1
        if level > _LEVELS:
            raise _limit(f"more than {MOST_DEPTH} levels of conditions; write it flatter")
        if seen > 100 * MOST_CONDITIONS:
            raise _limit(f"more than {MOST_CONDITIONS:,} conditions or their values")
        inner = value.values() if isinstance(value, Mapping) else value
        if isinstance(value, (Mapping, list, tuple)):
            waiting += [(item, level + 1) for item in cast("Any", inner)]


def _limit(problem: str) -> PydanticCustomError:
    return PydanticCustomError("limit", cast("Any", problem))


@checked
class Condition(RootModel[Annotated[ConditionKind, _AnyKind()]], YamlMixin):
    """A condition on customers, as data that can be stored, compared and compiled.

    It is written as ``{column, op, value}``, ``{all_of: [...]}``, ``{any_of: [...]}``,
    ``{not_: ...}`` or as one of the other kinds, in Python, YAML and JSON, and combined with
    ``&``, ``|`` and ``~``.

    A missing value (null or NaN) satisfies no comparison, not even ``ne``, on every kind of
    frame; test for it with ``is_missing``. ``~condition`` holds exactly if ``condition``
    does not, so every customer satisfies one of the two.

    Dates may be ISO 8601 text, because JSON has no dates. A day that is compared with a
    column of moments means the whole day.

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

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        depth, size = _measured(self)
        if depth > MOST_DEPTH:
            raise _limit(f"more than {MOST_DEPTH} levels of conditions; write it flatter")
        if size > MOST_CONDITIONS:
            raise _limit(f"more than {MOST_CONDITIONS:,} conditions; divide the document")
        return self

    @classmethod
    def where(
        cls,
        column: str,
        op: Operator,
        value: Scalar | list[Scalar] | tuple[Scalar, ...] | None = None,
        *,
        other: str | None = None,
    ) -> "Condition":
        """Return the condition on one column.

        Args:
            column: Name of the column.
            op: The comparison, an `Operator`.
            value: The value or values; none for ``is_missing``.
            other: A column to compare with, instead of a value.

        Raises:
            ConfigError: If there is no such operator, or the value does not suit it.

        Examples:
            >>> Condition.where("channel", "in", ["store", "app"]).root.value
            ('store', 'app')
            >>> Condition.where("spend", "gt", other="spend_before").root.other
            'spend_before'
        """
        given = {"value": value, "other": other}
        known = {name: thing for name, thing in given.items() if thing is not None}
        return validate(cls, {"column": column, "op": op, **known})

    def __and__(self, other: "Condition") -> "Condition":
        return validate(Condition, {"all_of": (*_members(self, "all_of"), other)})

    def __or__(self, other: "Condition") -> "Condition":
        return validate(Condition, {"any_of": (*_members(self, "any_of"), other)})

    def __invert__(self) -> "Condition":
        return validate(Condition, {"not_": self})

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns of the customers' table that the condition reads."""
        return frozenset().union(*(kind.columns for _, kind in walk(self.root)))

    def check(self, schema: Schema, context: Context | None = None) -> None:
        """Find every error of names and types against a schema, before anything runs.

        Args:
            schema: Columns and types of the customers (``narwhals_frame.schema``).
            context: As in `mask`. The condition on events is checked if it has events.

        Raises:
            DataError: If columns are absent or of the wrong type, with the path of each.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35], "city": ["a", "b"]}))
            >>> wrong = Condition.where("age", "ge", 30) & Condition.where("city", "ge", 5)
            >>> try:
            ...     wrong.check(frame.schema)
            ... except DataError as error:
            ...     print(error.column, "|", error.problem)
            city | 5 (int) cannot be compared by 'ge' with String, in the condition at all_of[1]
        """
        found = list(_problems(self, Scope(schema, context or Context())))
        if len(found) == 1:
            raise found[0]
        if found:
            each = "; ".join(f"column {error.column!r}: {error.problem}" for error in found[:5])
            problem = f"{len(found)} errors: {each}"
            raise DataError(problem, column=found[0].column, hint=found[0].hint)

    def expr(self, schema: Schema, context: Context | None = None) -> nw.Expr:
        """Return the condition as a Narwhals expression, true or false and never null.

        Args:
            schema: Columns and types of the frame (``narwhals_frame.schema``).
            context: As in `mask`.

        Raises:
            DataError: If a column is absent, or its type does not support the comparison.
            ConfigError: If the condition needs another table: use `mask` or `filter`.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"age": [25, 35]}))
            >>> old = Condition.where("age", "ge", 30).expr(frame.schema)
            >>> frame.select(old=old)["old"].to_list()
            [False, True]
        """
        return Scope(schema, context or Context()).compiled(self.root)

    def mask(self, frame: IntoFrame, context: Context | None = None) -> NDArray[np.bool_]:
        """Return for each row whether the condition holds, of shape (n_rows,).

        Args:
            frame: One row per customer.
            context: The day, time zone, events and draws that kinds need.

        Raises:
            DataError: As `expr`.
            ConfigError: If the context lacks something that a kind needs.

        Examples:
            >>> import pandas as pd
            >>> Condition.where("age", "ge", 30).mask(pd.DataFrame({"age": [25, 35]})).tolist()
            [False, True]
        """
        return answers(frame, self.root, context or Context())

    def filter(self, frame: IntoFrameT, context: Context | None = None) -> IntoFrameT:
        """Return the rows for which the condition holds, as a frame of the same kind.

        A lazy frame stays lazy.

        Args:
            frame: One row per customer.
            context: As in `mask`.

        Raises:
            DataError: As `expr`.
            ConfigError: As `mask`.

        Examples:
            >>> import pandas as pd
            >>> Condition.where("age", "ge", 30).filter(pd.DataFrame({"age": [25, 35]}))
               age
            1   35
        """
        opened = open_frame(frame, "the frame")
        if isinstance(opened, nw.LazyFrame):
            rows = kept(opened, self.root, context or Context())
            return cast("IntoFrameT", rows.to_native())
        table, kind = read_frame(frame, "the frame")
        chosen = np.flatnonzero(self.mask(frame, context))
        return kind.native(table[chosen, :])

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> JsonSchemaValue:
        del schema, handler
        return {"title": "Condition", "type": "object"}

    @classmethod
    def json_schema(cls) -> dict[str, object]:
        """Return the JSON Schema of conditions, with every registered kind.

        A document that the schema refuses is refused here, too. The limits on depth and
        size cannot be said in JSON Schema.

        Examples:
            >>> schema = Condition.json_schema()
            >>> schema["$ref"], "ColumnComparison" in schema["$defs"]
            ('#/$defs/Condition', True)
        """
        known = sorted(kinds().values(), key=lambda kind: kind.__name__)
        definitions: dict[str, Any] = {}
        for kind in known:
            own = kind.model_json_schema()
            definitions |= own.pop("$defs", {})
            definitions[kind.__name__] = {**own, "required": sorted({kind.key, *own["required"]})}
        one_of = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in known]
        definitions["Condition"] = {"title": "Condition", "oneOf": one_of}
        dialect = "https://json-schema.org/draft/2020-12/schema"
        return {
            "$schema": dialect,
            "$ref": "#/$defs/Condition",
            "$defs": linked(definitions, "Condition"),
        }


def linked(value: object, title: str) -> object:
    """Return a JSON Schema with references in place of inner documents of a title.

    Examples:
        >>> linked({"a": {"title": "Condition", "type": "object"}}, "Condition")
        {'a': {'$ref': '#/$defs/Condition'}}
    """
    if isinstance(value, dict):
        if value.get("title") == title and value.get("type") == "object":
            return {"$ref": f"#/$defs/{title}"}
        return {key: linked(item, title) for key, item in value.items()}
    return [linked(item, title) for item in value] if isinstance(value, list) else value


def _members(condition: Condition, key: str) -> tuple[Condition, ...]:
    """Return the members of a condition that is a conjunction already, or itself."""
    root = condition.root
    return tuple(part.condition for part in root.parts()) if root.key == key else (condition,)


def _measured(condition: Condition) -> tuple[int, int]:
    """Return the levels and the number of conditions; the inner ones are within the limits."""
    root = condition.root
    fields = [getattr(root, name) for name in type(root).model_fields if not root.parts()]
    inner = [part.condition for part in root.parts()]
    inner += [value for value in fields if isinstance(value, Condition)]
    measured = [_measured(each) for each in inner]
    depth = 1 + max((depth for depth, _ in measured), default=0)
    return depth, 1 + sum(size for _, size in measured)


def _problems(condition: Condition, scope: Scope) -> Iterator[DataError]:
    for path, kind in walk(condition.root):
        if not kind.parts():
            prepared = {path: ("amount",)} if kind.needs_tables else {}
            try:
                Scope(scope.schema, scope.context, path, prepared).compiled(kind)
            except DataError as error:
                yield error
