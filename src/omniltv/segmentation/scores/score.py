"""What a score is, and how it is added to a table."""

import warnings
from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable

import narwhals as nw
from narwhals.typing import IntoFrameT

from omniltv._frames import require
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.conditions._tables import as_floats, opened, schema_of
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import Scope

__all__ = ["CustomerScore", "scored"]


@runtime_checkable
class CustomerScore(Protocol):
    """A score of customers: columns computed from columns, in any engine.

    Examples:
        >>> class Doubled:
        ...     columns = frozenset({"spend"})
        ...     def expressions(self, scope):
        ...         return {"doubled": nw.col("spend") * 2}
        >>> isinstance(Doubled(), CustomerScore)
        True
    """

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the table that the score reads."""
        ...

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return the columns of the score by name.

        Args:
            scope: Types of the columns, the day and the time zone.
        """
        ...


@checked
def scored(
    customers: IntoFrameT, score: CustomerScore, context: Context | None = None
) -> IntoFrameT:
    """Return a table with the columns of a score, as a frame of the same kind.

    A lazy frame stays lazy.

    Args:
        customers: One row per customer.
        score: The score.
        context: The day and the time zone of the retailer.

    Raises:
        DataError: If a column is absent or of the wrong type, or the table has a column with
            the name of a score already.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation.scores import Rfm
        >>> frame = pd.DataFrame({
        ...     "last_purchase": pd.to_datetime(["2026-01-05", "2026-03-01"]),
        ...     "purchases": [1, 7], "realised_value": [10.0, 80.0]})
        >>> scored(frame, Rfm(levels=2))["rfm"].tolist()
        [3, 6]
    """
    table = opened(customers, "the table of customers")
    schema = schema_of(table)
    require(list(schema), sorted(score.columns), "the table of customers")
    new = score.expressions(Scope(schema, context or Context()))
    taken = sorted(set(new) & set(schema))
    if taken:
        problem = "the table has a column with the name of a score"
        raise DataError(problem, column=taken[0], hint="rename or drop the column")
    with warnings.catch_warnings():
        # pandas ranks columns in PyArrow by an option that PyArrow renames.
        warnings.filterwarnings("ignore", "Specifying null_placement", FutureWarning)
        if isinstance(table, nw.LazyFrame) or not table.implementation.is_pandas():
            return cast("IntoFrameT", table.with_columns(**new).to_native())
        levels = as_floats(table, score.columns).select(**new)
        return cast("IntoFrameT", table.with_columns(*levels.iter_columns()).to_native())
