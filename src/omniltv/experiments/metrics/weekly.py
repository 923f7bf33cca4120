"""Purchases or spend by week since the start."""

from dataclasses import dataclass

import numpy as np

from omniltv._columns import numbers
from omniltv._frames import Table
from omniltv._options import Few, checked
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.metrics._days import days_of
from omniltv.experiments.metrics.protocol import Tables, table_of
from omniltv.experiments.tables import Outcome

__all__ = ["Weekly"]


@checked
@dataclass(frozen=True)
class Weekly:
    """A sum or a number of rows per customer, in total and by week since the start.

    Attributes:
        name: Name of the metric.
        column: Column that is added; None to count rows.
        weeks: Number of weeks; later rows are left out.
        table: Name of the table.
        time: Column of the time of a row.
        unit: Unit of the metric.
        definition: What is measured.

    Examples:
        >>> Weekly("spend by week", column="value", weeks=8).weeks
        8
    """

    name: str
    column: str | None = None
    weeks: Few = 8
    table: str = "purchases"
    time: str = "time"
    unit: str = "per customer"
    definition: str = "sum over the window, and over each week since the start"

    def outcome(self, tables: Tables, assignment: Assignment) -> Outcome:
        """Return the outcome of the assigned customers, with the week as parts.

        Raises:
            ConfigError: If the start of the assignment is not known.

        Examples:
            >>> import pandas as pd
            >>> from datetime import datetime
            >>> one = pd.DataFrame({"customer_id": [7], "arm": "a"})
            >>> arms = Assignment.from_frame(one, start=datetime(2026, 4, 1))
            >>> twice = pd.DataFrame({"customer_id": 7, "time": ["2026-04-03", "2026-04-11"]})
            >>> found = Weekly("purchases by week").outcome({"purchases": twice}, arms)
            >>> found.collect()["week"].to_list()
            ['week 01', 'week 02']
        """
        rows = table_of(tables, self.table)
        ids, day = days_of(rows, self.time, self.table, assignment)
        value = np.ones(len(ids))
        if self.column is not None:
            value = numbers(rows, self.column, self.table, ids=ids)
        week = np.floor(day / 7).astype(np.int64) + 1
        kept = (week >= 1) & (week <= self.weeks)
        names = np.array([f"week {k:02d}" for k in range(self.weeks + 1)])
        table = {"customer_id": ids[kept], "week": names[week[kept]], "value": value[kept]}
        return Outcome(Table(table), parts="week", missing="zero")
