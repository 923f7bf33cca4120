"""The experiment's window as a history of its own, started anew for every assigned customer."""

from datetime import datetime

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._frames import Eager, collect, labels, numbers, positions, read_ids, require
from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.experiments.assignment import Assignment
from omniltv.units import TimeUnit

__all__ = ["window_history"]

_WHAT = "the table of purchases"
_SECONDS_PER_DAY = 86_400.0


def window_history(
    purchases: IntoFrame,
    assignment: Assignment,
    *,
    start: datetime,
    end: datetime,
    unit: TimeUnit | str = TimeUnit.DAY,
    by: str | None = None,
) -> PurchaseHistory:
    """Return what the assigned customers bought in the window, with their arm as a group.

    A history that reaches back before the treatment mixes time with and without it, and a
    fit per arm then hides most of the effect. So the assignment itself opens everybody's
    account here: every assigned customer is in, with the purchases since ``start`` as
    repeat purchases (none, for many) and the whole window as observation time. What a
    customer was like before is not lost: it goes in as a covariate of `ltv_lift`.

    Purchases of one period of ``unit`` are one purchase occasion, their values added up.
    An occasion is dated at the end of its period. Purchases outside the window, or of
    customers who were not assigned, are not counted.

    Args:
        purchases: Columns ``customer_id``, ``time``, ``value``, refunds netted.
        assignment: Who is in which arm.
        start: When the treatment started.
        end: End of the window; what is left after the last whole period is not counted.
        unit: The unit of recency and T.
        by: Column that splits purchases (``channel``): one row per customer and label.

    Raises:
        DataError: If a column is absent, times are no times or their time zone does not go
            with that of ``start``, or an occasion is worth less than nothing.
        ConfigError: If the window is shorter than one period.

    Examples:
        >>> import pandas as pd
        >>> arms = pd.DataFrame({"customer_id": ["a", "b"], "arm": ["control", "treated"]})
        >>> bought = pd.DataFrame({"customer_id": ["a", "a", "b"], "value": [5.0, 7.0, 1.0],
        ...     "time": pd.to_datetime(["2025-01-03", "2025-01-20", "2024-12-31"])})
        >>> window = window_history(bought, Assignment.from_frame(arms), unit="week",
        ...     start=datetime(2025, 1, 1), end=datetime(2025, 1, 29))
        >>> window.frequency.tolist(), window.recency.tolist(), window.T.tolist()
        ([2, 0], [3.0, 0.0], [4.0, 4.0])
    """
    table = collect(purchases, _WHAT)
    ids = read_ids(table, "customer_id", _WHAT)
    length = TimeUnit(unit).in_days * _SECONDS_PER_DAY
    periods = int((end - start).total_seconds() // length)
    if periods < 1:
        raise ConfigError(f"a window from {start} to {end} has no whole {unit}")
    value = numbers(table, "value", _WHAT, ids=ids)
    when = np.floor(_seconds_since(table, start) / length).astype(np.int64)
    label = np.full(len(ids), "") if by is None else labels(table, by, _WHAT, ids=ids)
    place = positions(ids, assignment.customer_id)
    counted = (place >= 0) & (when >= 0) & (when < periods)
    names = np.unique(label[counted]) if by is not None else np.array([""])
    row = place[counted] * len(names) + np.searchsorted(names, label[counted])
    n = len(assignment) * len(names)
    customer = np.repeat(assignment.customer_id, len(names))
    frequency, recency, mean = _summed_up(row, when[counted], value[counted], customer, periods)
    groups = {"arm": np.repeat(assignment.arm, len(names))}
    groups |= {} if by is None else {by: np.tile(names, len(assignment))}
    spans = np.full(n, float(periods))
    return PurchaseHistory(customer, frequency, recency, spans, mean, TimeUnit(unit), groups)


def _seconds_since(table: Eager, start: datetime) -> NDArray[np.float64]:
    require(table.columns, ["time"], _WHAT)
    dtype = table.schema["time"]
    if not isinstance(dtype, nw.Datetime):
        raise DataError(f"not a column of times but of {dtype}", column="time", hint="convert it")
    if (dtype.time_zone is None) != (start.tzinfo is None):
        hint = "give both a time zone, or neither"
        raise DataError("start and times are of different kinds", column="time", hint=hint)
    elapsed = (table["time"] - start).dt.total_seconds()
    return np.asarray(elapsed.to_numpy(), dtype=np.float64)


def _summed_up(
    row: NDArray[np.intp],
    when: NDArray[np.int64],
    value: NDArray[np.float64],
    customer: NDArray[np.object_],
    periods: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return frequency, recency and mean value of every row, of shape (n_rows,) each."""
    n = len(customer)
    occasion, code = np.unique(row * periods + when, return_inverse=True)
    worth = np.bincount(code, weights=value, minlength=len(occasion))
    owner = occasion // periods
    bad = worth < 0
    if bad.any():
        hint = "PurchaseLog nets refunds against their purchases"
        rows = list(dict.fromkeys(customer[owner[bad]]))
        raise DataError("occasions worth less than nothing", column="value", rows=rows, hint=hint)
    frequency = np.bincount(owner, minlength=n)
    recency = np.zeros(n)
    np.maximum.at(recency, owner, occasion % periods + 1.0)
    total = np.bincount(owner, weights=worth, minlength=n)
    mean = np.divide(total, frequency, out=np.full(n, np.nan), where=frequency > 0)
    return frequency.astype(np.int64), recency, mean
