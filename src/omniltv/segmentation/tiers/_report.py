"""The report of an assignment: which customers of table and log got a tier, with their money."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._columns import positions
from omniltv.data.log import PurchaseLog
from omniltv.data.report import IntakeEntry, IntakeReport, entry_of

__all__ = ["report_of"]

_NO_TIER = "customer_id: not in the table of customers"
_NO_PURCHASE = "customer_id: without a purchase in the log"


def report_of(
    ids: NDArray[np.object_], log: PurchaseLog[object] | None
) -> IntakeReport[pd.DataFrame]:
    """Return the report on the customers of a table and of a log; a row is a customer.

    The value of a customer is the realised value in the log. Customers of the table are kept;
    customers of the log who are not in the table are set aside, since they get no tier.

    Args:
        ids: The customers of the table, of shape (n_customers,).
        log: The log; None if there is none, so that there is no value either.

    Examples:
        >>> log = PurchaseLog.from_frame(pd.DataFrame({
        ...     "customer_id": ["a", "b"], "channel": ["ec", "store"],
        ...     "time": ["2026-01-01", "2026-01-15"], "value": [10.0, 20.0]}))
        >>> report_of(np.array(["c", "b"], dtype=object), log)
        customers: 3 rows in, value 30
          kept       2 rows (66.7 %), value 20 (66.7 %) -> 2 customers with a tier
            1 row: customer_id: without a purchase in the log
          set aside  1 row (33.3 %), value 10 (33.3 %)
            1 row, value 10: customer_id: not in the table of customers
          no row left of: ec
    """
    if log is None:
        every = entry_of("", len(ids))
        nobody = _rejected(ids[:0], np.zeros(0))
        return IntakeReport("customers", every, every, nobody, result=_said(len(ids)))
    place = positions(ids, log.customer_id)
    known = np.zeros(len(log.customer_id), dtype=np.bool_)
    known[place[place >= 0]] = True
    realised = np.bincount(log.customer, weights=log.value, minlength=len(known))
    bought = np.append(np.bincount(log.customer, minlength=len(known)) > 0, np.False_)
    without = int((~bought[place]).sum())  # place is -1 for customers who are not in the log
    strangers = log.customer_id[~known]
    aside = entry_of(_NO_TIER, len(strangers), realised[~known])
    return IntakeReport(
        table="customers",
        given=entry_of("", len(ids) + len(strangers), realised),
        kept=entry_of("", len(ids), realised[known]),
        rejected=_rejected(strangers, realised[~known]),
        asides=_if_any(aside),
        changes=_if_any(IntakeEntry(_NO_PURCHASE, without)),
        result=_said(len(ids)),
        lost=_lost(log, known),
        ids=tuple(strangers.tolist()),
    )


def _lost(log: PurchaseLog[object], known: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return the channels that no customer with a tier has bought on."""
    kept = known[log.customer]
    lost = {*np.unique(log.channel).tolist()} - {*np.unique(log.channel[kept]).tolist()}
    return tuple(sorted(log.channels[code] for code in lost))


def _rejected(ids: NDArray[np.object_], realised: NDArray[np.float64]) -> pd.DataFrame:
    """Return the customers set aside, with their realised value and the reason."""
    return pd.DataFrame({"customer_id": ids, "realised_value": realised, "reason": _NO_TIER})


def _if_any(entry: IntakeEntry) -> tuple[IntakeEntry, ...]:
    return (entry,) if entry.rows else ()


def _said(n_customers: int) -> str:
    return f"{n_customers:,} {'customer' if n_customers == 1 else 'customers'} with a tier"
