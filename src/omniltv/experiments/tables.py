"""The tables that an estimate reads: the outcome, and what was known before the treatment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from omniltv._frames import Eager, IntoTable, Table, collect
from omniltv._options import checked
from omniltv.data.history import PurchaseHistory
from omniltv.data.report import Tolerance
from omniltv.errors import ConfigError

__all__ = ["Baseline", "IntoOutcome", "Missing", "Outcome", "as_outcome"]

type Missing = Literal["error", "zero"]
"""How to treat an assigned customer without an outcome: as an error, or as an outcome of zero."""

type IntoOutcome = IntoTable | PurchaseHistory | Outcome
"""An outcome, or a table that is one with the default options."""


@checked
@dataclass(frozen=True, eq=False)
class Outcome:
    """The column of a table that the arms are compared in.

    Wherever an outcome is expected, a table alone is an outcome with the default options.

    Attributes:
        table: A frame with ``customer_id`` and any number of rows per customer, which are
            added, or a history from `window_history`, which has the columns ``value`` and
            ``purchases`` and its group columns.
        column: Column of the outcome.
        parts: Column that splits the outcome, such as the channel of a purchase. Each part
            is averaged over all customers of an arm, so the parts add up to the whole.
        missing: How to treat an assigned customer without a row.
        time: Column of the time of each row. Rows before the start of the assignment are
            left out, and the result says so.
        per: Column that the outcome is divided by, for a ratio such as value per order: the
            sum of ``column`` over the sum of ``per`` in each arm. Customers for whom ``per``
            is zero stay in. The standard error is that of the delta method. With ``parts``,
            each part is divided by the whole of ``per``.
        exposure: Column with how long each customer was observed, the same in all rows of a
            customer; T of a history if None.
        received: Column that says whether the customer received the treatment: a number above
            0, or True, in any row. Customers without a row did not.
        tolerance: How many rows, and how much of the column, may be of customers who were not
            assigned if most of those assigned have no row, as ids that do not match would
            cause; a warning above one half and an error above 95 % if None.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.experiments import Assignment, difference
        >>> arms = Assignment.from_frame(
        ...     pd.DataFrame({"customer_id": [1, 2, 3, 4], "arm": ["a", "b"] * 2}))
        >>> visits = pd.DataFrame({"customer_id": [2, 2, 4], "visits": [1, 2, 5]})
        >>> outcome = Outcome(visits, column="visits", missing="zero")
        >>> difference(outcome, arms, control="a").overall().estimate
        4.0
    """

    table: IntoTable | PurchaseHistory
    column: str = "value"
    parts: str | None = None
    missing: Missing = "error"
    tolerance: Tolerance | None = None
    time: str | None = None
    per: str | None = None
    exposure: str | None = None
    received: str | None = None

    @property
    def exposure_column(self) -> str | None:
        """Column with how long each customer was observed; T of a history."""
        if self.exposure is None and isinstance(self.table, PurchaseHistory):
            return "T"
        return self.exposure

    def collect(self) -> Eager:
        """Return the table in memory.

        Raises:
            DataError: If the table is not a frame.
            ConfigError: If it is a history that leaves out each customer's first purchase.

        Examples:
            >>> import pandas as pd
            >>> Outcome(pd.DataFrame({"customer_id": [1], "value": [2.0]})).collect().columns
            ['customer_id', 'value']
        """
        if isinstance(self.table, PurchaseHistory):
            return _table_of(self.table)
        return collect(self.table, "the table of outcomes")


def as_outcome(outcome: IntoOutcome) -> Outcome:
    """Return an outcome, made from a table if it is not one already.

    Examples:
        >>> import pandas as pd
        >>> as_outcome(pd.DataFrame({"customer_id": [1], "value": [2.0]})).column
        'value'
    """
    return outcome if isinstance(outcome, Outcome) else Outcome(outcome)


@checked
@dataclass(frozen=True, eq=False)
class Baseline:
    """What was known of the customers before the treatment.

    Covariates and groups are read from here and nowhere else. A group that the treatment
    itself can change (bought in store, became a high tier) makes a comparison meaningless.

    Attributes:
        table: One row per customer with ``customer_id``: a frame, or a result such as a
            `Tiering` or a `LifetimeValue`.
        covariates: Columns to adjust by; the expected value is the best one. Missing values
            are replaced by the mean.
        by: Columns to group the customers by, such as the tier.
        known_at: Column of the time at which the row was measured.
        propensity: Column of the probability with which a customer got the treatment instead of
            the control, if it differs between customers; `customer_effects` uses it.
        household: Column of the household. Members of a household share what they receive, so
            the contamination check looks for households with both arms.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.experiments import Assignment, difference
        >>> table = pd.DataFrame({"customer_id": range(8), "arm": ["a", "b"] * 4,
        ...                       "tier": ["high"] * 4 + ["general"] * 4, "value": range(8)})
        >>> arms = Assignment.from_frame(table)
        >>> found = difference(table, arms, control="a", baseline=Baseline(table, by="tier"))
        >>> [row.group for row in found.rows]
        ['', 'general', 'high']
    """

    table: IntoTable
    covariates: str | Sequence[str] = ()
    by: str | Sequence[str] = ()
    known_at: str | None = None
    propensity: str | None = None
    household: str | None = None


def _table_of(history: PurchaseHistory) -> Eager:
    """Return the purchases and the value of each row of a window."""
    if history.start is None:
        message = "this history leaves out the first purchase of each customer"
        raise ConfigError(f"{message}. Hint: window_history(log, assignment, start=...)")
    bought = history.frequency
    columns = {
        "customer_id": history.customer_id,
        **history.groups,
        "purchases": bought,
        "T": history.T,
        "value": np.where(bought > 0, bought * history.monetary_value, 0.0),
    }
    return collect(Table(columns), "the history of the window")
