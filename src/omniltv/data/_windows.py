"""The report on a history: the purchases it counts, and those left out by time or customer."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._columns import positions
from omniltv.data._counting import Purchases
from omniltv.data.report import IntakeReport, entries_of, entry_of

__all__ = ["window_report"]

_REASONS = ("", "after the end", "before the start", "not one of the customers")


def window_report(
    log: Purchases,
    late: NDArray[np.bool_],
    *,
    start: np.datetime64 | None = None,
    customers: NDArray[np.object_] | None = None,
) -> IntakeReport[pd.DataFrame]:
    """Return which purchases of a log a history counts; all others are left out on purpose.

    Args:
        log: The purchases.
        late: Which of them are after the end, of shape (n_purchases,).
        start: When all accounts open.
        customers: The customers who are counted.
    """
    code = np.zeros(len(log), dtype=np.intp)
    if customers is not None:
        code[(positions(log.customer_id, customers) < 0)[log.customer]] = 3
    if start is not None:
        code[log.time < start] = 2
    code[late] = 1
    reasons = np.array(_REASONS, dtype=object)[code]
    aside, kept = np.flatnonzero(code), np.flatnonzero(code == 0)
    return IntakeReport(
        table="purchases",
        given=entry_of("", len(log), log.value),
        kept=entry_of("", len(kept), log.value[kept]),
        rejected=_rows(log, aside).assign(reason=reasons[aside]),
        asides=entries_of(reasons, log.value, expected=_REASONS),
        ids=tuple(aside.tolist()),
    )


def _rows(log: Purchases, rows: NDArray[np.intp]) -> pd.DataFrame:
    channels = np.array(log.channels, dtype=object)
    return pd.DataFrame(
        {
            "customer_id": log.customer_id[log.customer[rows]],
            "channel": channels[log.channel[rows]],
            "time": log.time[rows],
            "value": log.value[rows],
        }
    )
