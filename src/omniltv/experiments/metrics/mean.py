"""A sum or a number of rows per customer."""

from dataclasses import dataclass

import narwhals as nw

from omniltv._frames import unused_name
from omniltv._options import checked
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.metrics.protocol import Tables, source_of, table_of
from omniltv.experiments.tables import Outcome

__all__ = ["Mean"]


@checked
@dataclass(frozen=True)
class Mean:
    """The mean over customers of a sum; customers without a row count as zero.

    Attributes:
        name: Name of the metric.
        table: Name of the table.
        column: Column that is added; None to count rows.
        unit: Unit of the metric.
        definition: What is measured.
        parts: Column that splits the metric, such as the channel.
        time: Column of the time of a row; rows before the start are left out.

    Examples:
        >>> import pandas as pd
        >>> arms = Assignment.from_frame(pd.DataFrame({"customer_id": [1, 2], "arm": ["a", "b"]}))
        >>> visits = pd.DataFrame({"customer_id": [1, 1]})
        >>> Mean("visits", table="visits").outcome({"visits": visits}, arms).column
        'visits'
    """

    name: str
    table: str = "purchases"
    column: str | None = None
    unit: str = "per customer"
    definition: str = "sum over the window"
    parts: str | None = None
    time: str | None = None

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return the outcome of the assigned customers.

        Examples:
            >>> import pandas as pd
            >>> arms = Assignment.from_frame(pd.DataFrame({"customer_id": [1], "arm": ["a"]}))
            >>> spend = pd.DataFrame({"customer_id": [1], "value": [5.0]})
            >>> Mean("spend", column="value").outcome({"purchases": spend}, arms).missing
            'zero'
        """
        del assignment
        source, column = source_of(tables, self.table), self.column
        if column is None:
            rows = table_of(tables, self.table)
            column = unused_name(rows.columns, self.name)
            source = rows.with_columns(nw.lit(1.0).alias(column)).to_native()
        return Outcome(source, column=column, parts=self.parts, missing="zero", time=self.time)
