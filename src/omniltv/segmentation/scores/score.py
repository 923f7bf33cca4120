"""What a score is, and how it is added to a table."""

import warnings
from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable

import narwhals as nw
from narwhals.typing import IntoFrameT

from omniltv._columns import require
from omniltv._frames import EagerOrLazy
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.conditions._tables import as_floats, opened, schema_of
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import Scope
from omniltv.segmentation.scores._sums import TableWithSums, with_sums

__all__ = ["CustomerScore", "EventScore", "scored"]

_WHAT = "the table of customers"


@runtime_checkable
class CustomerScore(Protocol):
    """A score of customers: columns computed from columns, in any engine.

    Its laws are in `omniltv.testing.check_score`.

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

        A column whose name starts with an underscore is intermediate: the others may read it,
        and it is not in the result.

        Args:
            scope: Types of the columns, the day, the time zone and the table.
        """
        ...


@runtime_checkable
class EventScore(CustomerScore, Protocol):
    """A score from events: numbers per event are added up per customer, then scored.

    The events are ``Context.events``. `expressions` reads the sums as columns; they are 0 for
    customers without events, and are not in the result.

    Examples:
        >>> class Visits:
        ...     columns = frozenset()
        ...     event_columns = frozenset({"kind"})
        ...     def sums(self, scope):
        ...         return {"_visits": (nw.col("kind") == "visit").cast(nw.Float64)}
        ...     def expressions(self, scope):
        ...         return {"visits": nw.col("_visits")}
        >>> isinstance(Visits(), EventScore)
        True
    """

    @property
    def event_columns(self) -> frozenset[str]:
        """Columns of the table of events that the score reads, without the customer id."""
        ...

    def sums(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return a number per event, never missing, by the name of its sum.

        Args:
            scope: Types of the columns of events, the day and the time zone.
        """
        ...


@checked
def scored(
    customers: IntoFrameT, score: CustomerScore, context: Context | None = None
) -> IntoFrameT:
    """Return a table with the columns of a score, as a frame of the same kind.

    A lazy frame stays lazy. What depends on all customers, such as a quantile, is counted at
    the call.

    Args:
        customers: One row per customer.
        score: The score.
        context: The day and the time zone of the retailer, and the events.

    Raises:
        DataError: If a column is absent or of the wrong type, or the table has a column with
            the name of a score already.
        ConfigError: If the score needs the day or events, and the context lacks them.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation.scores import Rfm
        >>> frame = pd.DataFrame({
        ...     "last_purchase": pd.to_datetime(["2026-01-05", "2026-03-01"]),
        ...     "purchases": [1, 7], "realised_value": [10.0, 80.0]})
        >>> scored(frame, Rfm(levels=2))["rfm"].tolist()
        [3, 6]
    """
    known = context or Context()
    table = opened(customers, _WHAT)
    schema = schema_of(table)
    require(list(schema), sorted(score.columns), _WHAT)
    found = TableWithSums(table, {})
    if isinstance(score, EventScore):
        found = with_sums(table, score.sums, score.event_columns, known)
    scope = Scope({**schema, **found.types}, known, table=found.table)
    new = score.expressions(scope)
    taken = sorted(set(new) & set(scope.schema))
    if taken:
        problem = "the table has a column with the name of a score"
        raise DataError(problem, column=taken[0], hint="rename or drop the column")
    return cast("IntoFrameT", _with_columns(found.table, score.columns, new, list(schema)))


def _with_columns(
    table: EagerOrLazy, columns: frozenset[str], new: Mapping[str, nw.Expr], names: list[str]
) -> object:
    """Return the native table with new columns, without the sums and the intermediate columns."""
    inner = {name: each for name, each in new.items() if name.startswith("_")}
    outer = {name: each for name, each in new.items() if name not in inner}
    with warnings.catch_warnings():
        # pandas ranks columns in PyArrow by an option that PyArrow renames.
        warnings.filterwarnings("ignore", "Specifying null_placement", FutureWarning)
        if isinstance(table, nw.LazyFrame) or not table.implementation.is_pandas():
            whole = (table.with_columns(**inner) if inner else table).with_columns(**outer)
            return whole.select(*names, *outer).to_native()
        values = as_floats(table, columns)
        values = (values.with_columns(**inner) if inner else values).select(**outer)
        return table.select(*names).with_columns(*values.iter_columns()).to_native()
