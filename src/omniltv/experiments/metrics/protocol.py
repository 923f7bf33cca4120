"""What a metric is: a name, a definition, a unit, and an outcome of tables."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from omniltv._frames import Eager, IntoTable, collect
from omniltv.errors import DataError
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.tables import Outcome

__all__ = ["Metric", "Tables", "source_of", "table_of"]

type Tables = Mapping[str, IntoTable]
"""Tables by name, such as "purchases"; each with ``customer_id``, any number of rows each."""


@runtime_checkable
class Metric(Protocol):
    """The plug-in point for a metric.

    A metric that needs an estimator of its own has an attribute ``estimator``.

    Examples:
        >>> class Reviews:
        ...     name, unit = "reviews", "reviews per customer"
        ...     definition = "number of reviews in the window"
        ...     def outcome(self, tables, assignment):
        ...         return Outcome(tables["reviews"], column="n", missing="zero")
        >>> isinstance(Reviews(), Metric)
        True
    """

    @property
    def name(self) -> str:
        """Name of the metric."""
        ...

    @property
    def definition(self) -> str:
        """What is measured, as one phrase."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the metric."""
        ...

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return the outcome of the assigned customers."""
        ...


def source_of(tables: Tables, name: str) -> IntoTable:
    """Return a table as it was given.

    Raises:
        DataError: If there is no such table.

    Examples:
        >>> import pandas as pd
        >>> visits = pd.DataFrame({"customer_id": [1]})
        >>> source_of({"visits": visits}, "visits") is visits
        True
    """
    if name not in tables:
        hint = f"tables={{{name!r}: frame}}"
        raise DataError(f"no table {name!r}", column="customer_id", hint=hint)
    return tables[name]


def table_of(tables: Tables, name: str) -> Eager:
    """Return a table in memory.

    Raises:
        DataError: If there is no such table.

    Examples:
        >>> import pandas as pd
        >>> table_of({"visits": pd.DataFrame({"customer_id": [1]})}, "visits").columns
        ['customer_id']
    """
    return collect(source_of(tables, name), f"the table {name!r}")
