"""Named conditions as one document with a version, marked in one pass over a table."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from narwhals.typing import IntoFrameT
from pydantic import Field

from omniltv._columns import require
from omniltv._config import Written
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.conditions._tables import marked, opened
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.context import Context

__all__ = ["ConditionSet"]

_WHAT = "the frame"


@checked
class ConditionSet(Written):
    """Named conditions as a document that is stored and run as one.

    Attributes:
        version: Version of the form of this document.
        conditions: The conditions by name.

    Examples:
        >>> rules = ConditionSet.from_yaml('''
        ... version: 1
        ... conditions:
        ...   regular: {column: purchases, op: ge, value: 3}
        ...   online: {column: channel, op: eq, value: ec}
        ... ''')
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"purchases": [5, 1], "channel": ["store", "ec"]})
        >>> rules.marks(frame)[["regular", "online"]].values.tolist()
        [[True, False], [False, True]]
    """

    version: Literal[1] = 1
    conditions: Annotated[Mapping[Name, Condition], Field(min_length=1, max_length=1_000)]

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns of the customers' table that the conditions read."""
        return frozenset().union(*(each.columns for each in self.conditions.values()))

    def marks(self, frame: IntoFrameT, context: Context | None = None) -> IntoFrameT:
        """Return the frame with a column per condition: whether it holds.

        A lazy frame stays lazy. Lines of ranks are counted at the call.

        Args:
            frame: One row per customer.
            context: The day, time zone, events and draws that kinds need.

        Raises:
            DataError: If a column is absent or of the wrong type, or the frame has a column
                with the name of a condition.
            ConfigError: If the context lacks something that a kind needs.

        Examples:
            >>> import polars as pl
            >>> rules = ConditionSet(conditions={"old": Condition.where("age", "ge", 30)})
            >>> rules.marks(pl.LazyFrame({"age": [25, 35]})).collect()["old"].to_list()
            [False, True]
        """
        table = opened(frame, _WHAT)
        names = list(table.collect_schema())
        require(names, sorted(self.columns), _WHAT)
        taken = sorted(set(self.conditions) & set(names))
        if taken:
            problem = "the frame has a column with the name of a condition"
            raise DataError(problem, column=taken[0], hint="rename the condition")
        kinds = {name: each.root for name, each in self.conditions.items()}
        return cast("IntoFrameT", marked(table, kinds, context or Context()).to_native())

    @classmethod
    def json_schema(cls) -> dict[str, object]:
        """Return the JSON Schema of sets of conditions, with every registered kind.

        Examples:
            >>> sorted(ConditionSet.json_schema()["properties"])
            ['conditions', 'version']
        """
        inner: dict[str, Any] = dict(Condition.json_schema())
        reference = inner.pop("$ref")
        conditions = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1_000,
            "propertyNames": {"minLength": 1},
            "additionalProperties": {"$ref": reference},
        }
        return {
            **inner,
            "title": cls.__name__,
            "type": "object",
            "properties": {"version": {"const": 1}, "conditions": conditions},
            "required": ["conditions"],
            "additionalProperties": False,
        }
