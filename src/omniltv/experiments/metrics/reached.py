"""The share of customers who are in a state at the end, such as a tier."""

from dataclasses import dataclass

import numpy as np

from omniltv._columns import labels, read_ids
from omniltv._frames import Table
from omniltv._options import checked
from omniltv.experiments.assignment import Assignment, refuse_repeated
from omniltv.experiments.metrics.protocol import Tables, table_of
from omniltv.experiments.tables import Outcome

__all__ = ["Reached"]


@checked
@dataclass(frozen=True)
class Reached:
    """The share of customers whose label at the end is a certain one.

    Attributes:
        name: Name of the metric.
        column: Column of the label.
        label: The label to reach.
        table: Name of a table with one row per customer, at the end of the window.
        unit: Unit of the metric.
        definition: What is measured.

    Examples:
        >>> Reached("nurtured", column="tier", label="high").table
        'tiers'
    """

    name: str
    column: str
    label: str
    table: str = "tiers"
    unit: str = "share of customers"
    definition: str = "customers with the label at the end of the window"

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return one outcome per customer: 1 with the label.

        Raises:
            DataError: If a customer has several rows.

        Examples:
            >>> import pandas as pd
            >>> arms = Assignment.from_frame(pd.DataFrame({"customer_id": [1], "arm": ["a"]}))
            >>> tiers = pd.DataFrame({"customer_id": [1], "tier": ["high"]})
            >>> nurtured = Reached("nurtured", column="tier", label="high")
            >>> nurtured.outcome({"tiers": tiers}, arms).collect()["value"].to_list()
            [1.0]
        """
        del assignment
        rows = table_of(tables, self.table)
        ids = read_ids(rows, "customer_id", self.table)
        refuse_repeated(ids, "customer_id")
        there = labels(rows, self.column, self.table, ids=ids) == self.label
        table = Table({"customer_id": ids, "value": there.astype(np.float64)})
        return Outcome(table, missing="zero")
