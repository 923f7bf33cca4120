"""A quantile of a sum per customer."""

from dataclasses import dataclass

from omniltv._options import Level, checked
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.estimators import LiftEstimator, QuantileDifference
from omniltv.experiments.metrics.mean import Mean
from omniltv.experiments.metrics.protocol import Tables
from omniltv.experiments.tables import Outcome

__all__ = ["Quantile"]


@checked
@dataclass(frozen=True)
class Quantile:
    """A quantile over customers of a sum; customers without a row count as zero.

    Attributes:
        name: Name of the metric.
        quantile: The quantile, in (0, 1).
        column: Column that is added; None to count rows.
        table: Name of the table.
        unit: Unit of the metric.
        definition: What is measured.

    Examples:
        >>> Quantile("top spend", quantile=0.9, column="value").estimator.name
        'quantile'
    """

    name: str
    quantile: Level
    column: str | None = None
    table: str = "purchases"
    unit: str = "per customer"
    definition: str = "quantile of the sum over the window"

    @property
    def estimator(self) -> LiftEstimator:
        """The estimator of this metric."""
        return QuantileDifference(self.quantile)

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return the outcome of the assigned customers.

        Examples:
            >>> import pandas as pd
            >>> arms = Assignment.from_frame(pd.DataFrame({"customer_id": [1], "arm": ["a"]}))
            >>> spend = pd.DataFrame({"customer_id": [1], "value": [5.0]})
            >>> top = Quantile("top spend", quantile=0.9, column="value")
            >>> top.outcome({"purchases": spend}, arms).column
            'value'
        """
        return Mean(self.name, self.table, self.column).outcome(tables, assignment)
