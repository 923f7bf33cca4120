"""A ratio of two sums, such as the value per order."""

from dataclasses import dataclass

from omniltv._options import checked
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.metrics.protocol import Tables, source_of
from omniltv.experiments.tables import Outcome

__all__ = ["Ratio"]


@checked
@dataclass(frozen=True)
class Ratio:
    """The sum of a column over the sum of another, in each arm.

    Customers for whom the denominator is zero stay in.

    Attributes:
        name: Name of the metric.
        column: Column of the numerator.
        per: Column of the denominator.
        table: Name of the table.
        unit: Unit of the metric.
        definition: What is measured.
        time: Column of the time of a row; rows before the start are left out.

    Examples:
        >>> Ratio("conversion", column="orders", per="sessions", table="sessions").per
        'sessions'
    """

    name: str
    column: str
    per: str
    table: str = "purchases"
    unit: str = "ratio"
    definition: str = "sum over sum"
    time: str | None = None

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return the outcome of the assigned customers.

        Examples:
            >>> import pandas as pd
            >>> arms = Assignment.from_frame(pd.DataFrame({"customer_id": [1], "arm": ["a"]}))
            >>> visits = pd.DataFrame({"customer_id": [1], "orders": [1], "sessions": [4]})
            >>> metric = Ratio("conversion", column="orders", per="sessions", table="sessions")
            >>> metric.outcome({"sessions": visits}, arms).per
            'sessions'
        """
        del assignment
        rows = source_of(tables, self.table)
        return Outcome(rows, column=self.column, per=self.per, missing="zero", time=self.time)
