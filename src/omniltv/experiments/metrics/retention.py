"""The share of customers who still buy some time after the start."""

from dataclasses import dataclass

import numpy as np

from omniltv._frames import Table
from omniltv._options import NotNegative, Positive, checked
from omniltv.errors import ConfigError
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.metrics._days import days_of
from omniltv.experiments.metrics.protocol import Tables, table_of
from omniltv.experiments.tables import Outcome

__all__ = ["Retention"]


@checked
@dataclass(frozen=True)
class Retention:
    """The share of customers with a row between two days after the start.

    Attributes:
        after: First day, counted from the start of the assignment.
        until: Day at which the interval ends.
        table: Name of the table.
        time: Column of the time of a row.
        name: Name of the metric.
        unit: Unit of the metric.
        definition: What is measured.

    Raises:
        ConfigError: If the interval is empty.

    Examples:
        >>> Retention(after=28, until=56).unit
        'share of customers'
    """

    after: NotNegative
    until: Positive
    table: str = "purchases"
    time: str = "time"
    name: str = "retention"
    unit: str = "share of customers"
    definition: str = "customers with a purchase in the interval"

    def __post_init__(self) -> None:
        if self.until <= self.after:
            raise ConfigError("an empty interval. Hint: Retention(after=28, until=56)")

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return one outcome per customer: 1 with a row in the interval.

        Raises:
            ConfigError: If the start of the assignment is not known.

        Examples:
            >>> import pandas as pd
            >>> from datetime import datetime
            >>> people = pd.DataFrame({"customer_id": [1, 2], "arm": ["a", "b"]})
            >>> arms = Assignment.from_frame(people, start=datetime(2026, 4, 1))
            >>> bought = pd.DataFrame({"customer_id": [1, 2], "time": ["2026-04-03", "2026-05-03"]})
            >>> found = Retention(after=28, until=56).outcome({"purchases": bought}, arms)
            >>> found.collect()["customer_id"].to_list()
            [2]
        """
        rows = table_of(tables, self.table)
        ids, day = days_of(rows, self.time, self.table, assignment)
        kept = list(dict.fromkeys(ids[(day >= self.after) & (day < self.until)].tolist()))
        here = np.asarray(kept, dtype=object)
        table = Table({"customer_id": here, "value": np.ones(len(kept))})
        return Outcome(table, missing="zero")
