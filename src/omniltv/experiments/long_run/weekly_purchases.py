"""Orders and value of each customer by week since a start."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike

from omniltv._arrays import Matrix, Objects
from omniltv._columns import check_ids, positions, repeated
from omniltv._frames import IntoTable
from omniltv._options import Few, checked
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.experiments._moments import instant

__all__ = ["EarlierCohort", "WeeklyPurchases"]

_WEEK = np.timedelta64(7, "D")


@checked
@dataclass(frozen=True, eq=False)
class WeeklyPurchases:
    """Orders and value of customers by week since a start.

    Create one with `of`, or from arrays.

    Attributes:
        customer_id: The customers, of shape (n_customers,).
        orders: Orders by week, of shape (n_customers, n_weeks).
        value: Value by week, same shape.

    Raises:
        DataError: If the shapes differ, a number is negative or not finite, or a customer is
            there twice.

    Examples:
        >>> WeeklyPurchases(np.array(["a", "b"], dtype=object), np.ones((2, 8)), np.ones((2, 8)))
        WeeklyPurchases(2 customers, 8 weeks)
    """

    customer_id: Objects
    orders: Matrix
    value: Matrix

    def __post_init__(self) -> None:
        again = repeated(self.customer_id)
        if again:
            raise DataError("customers with several rows", column="customer_id", rows=again)
        for name in ("orders", "value"):
            table = getattr(self, name)
            if table.shape != (len(self.customer_id), self.orders.shape[-1]) or not table.size:
                hint = "shape (n_customers, n_weeks)"
                raise DataError(f"an array of shape {table.shape}", column=name, hint=hint)
            bad = ~(np.isfinite(table) & (table >= 0)).all(axis=1)
            if bad.any():
                rows = list(self.customer_id[bad])
                raise DataError("negative numbers, or not finite", column=name, rows=rows)

    def __repr__(self) -> str:
        return f"WeeklyPurchases({len(self.customer_id):,} customers, {self.weeks} weeks)"

    @property
    def weeks(self) -> int:
        """Number of weeks."""
        return int(self.orders.shape[1])

    @classmethod
    def of[FrameT](
        cls, log: PurchaseLog[FrameT], customers: ArrayLike, *, start: datetime, weeks: Few
    ) -> "WeeklyPurchases":
        """Return what customers bought in each week since a start; nothing counts as zero.

        Args:
            log: The purchases; those of other customers and other weeks are left out.
            customers: Ids of the customers.
            start: Start of the first week; a local time, or one with a time zone.
            weeks: Number of weeks.

        Raises:
            ConfigError: If the start has a time zone and the log has none.
            DataError: If the log ends before the last week, or an id is missing or repeated.

        Examples:
            >>> import pandas as pd
            >>> start = datetime(2026, 1, 1)
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "a", "b"], "channel": "ec", "value": [5.0, 7.0, 1.0],
            ...     "time": ["2026-01-03", "2026-01-09", "2026-01-20"]}))
            >>> WeeklyPurchases.of(log, ["a", "b"], start=start, weeks=3).value.tolist()
            [[5.0, 7.0, 0.0], [0.0, 0.0, 1.0]]
        """
        ids = check_ids(np.asarray(customers, dtype=object).tolist(), "customer_id")
        opens = _local(start, log.timezone)
        last = opens + (weeks - 1) * _WEEK
        if not len(log) or log.time.max() < last:
            ends = "has no purchases" if not len(log) else f"ends on {log.time.max():.10}"
            hint = "fewer weeks, or an earlier start"
            raise DataError(f"the log {ends}, before the last week", column="time", hint=hint)
        place = positions(check_ids(log.customer_id.tolist(), "customer_id"), ids)[log.customer]
        week = np.floor((log.time - opens) / _WEEK).astype(np.int64)
        kept = (place >= 0) & (week >= 0) & (week < weeks)
        cell = place[kept] * weeks + week[kept]
        size, shape = len(ids) * weeks, (len(ids), weeks)
        orders = np.bincount(cell, minlength=size).astype(np.float64)
        value = np.bincount(cell, weights=log.value[kept], minlength=size)
        return cls(ids, orders.reshape(shape), value.reshape(shape))


def _local(start: datetime, zone: str | None) -> np.datetime64:
    """Return a moment in the local time of a log."""
    if start.tzinfo is None:
        return instant(start)
    if zone is None:
        hint = 'PurchaseLog.from_frame(..., timezone="Asia/Tokyo")'
        raise ConfigError(f"the start has a time zone, and the log has none. Hint: {hint}")
    return instant(start.astimezone(ZoneInfo(zone)))


@checked
@dataclass(frozen=True, eq=False)
class EarlierCohort:
    """Customers of an earlier time who were chosen by the same rule and never treated.

    Take a cohort that starts on the same day of an earlier year, so that the season is the same.

    Attributes:
        name: Name of the cohort.
        purchases: What they bought in each week; at least as many weeks as the horizon.
        known: One row per customer with what was known of them at the start of the cohort: the
            groups and covariates of the experiment's baseline. None if nothing was; all groups
            then share one forecast.

    Examples:
        >>> weekly = WeeklyPurchases(np.array(["a"], dtype=object), np.ones((1, 156)),
        ...                          np.ones((1, 156)))
        >>> EarlierCohort("2022", weekly).purchases.weeks
        156
    """

    name: str
    purchases: WeeklyPurchases
    known: IntoTable | None = None
