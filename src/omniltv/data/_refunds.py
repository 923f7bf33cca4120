"""Refunds subtracted from the purchases that they name."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._frames import Eager

__all__ = ["SET_ASIDE", "Refunds", "settle", "written_value"]

type Refunds = Literal["net", "set_aside"]
"""The rule for refunds: subtracted from their purchases, or rejected."""

SET_ASIDE = "refund, rejected by refunds='set_aside'"
"""The reason of refunds that the caller sets aside."""

_CENT = 1e-9


def settle(
    table: Eager, refunds: Refunds
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.object_]]:
    """Return value after refunds, whether a row is a purchase, and why it is rejected."""
    value = written_value(table)
    reason = np.full(len(value), "", dtype=object)
    refund = value < 0
    if refunds == "set_aside":
        reason[refund] = SET_ASIDE
    if refunds == "set_aside" or not refund.any():
        return value, ~refund, reason
    target = _refunded(table, refund)
    reason[refund & (target < 0)] = "refund without its purchase"
    matched = refund & (target >= 0)
    back = np.bincount(target[matched], weights=-value[matched], minlength=len(value))
    too_much = back > np.maximum(value, 0) * (1 + _CENT) + _CENT
    over = matched & too_much[target]
    reason[over] = "refunds of more than the purchase"
    net = np.where(too_much, value, value - back)
    net[np.abs(net) <= _CENT * np.abs(value)] = 0.0
    undone = (net == 0) & (back > 0)
    return net, ~refund & ~undone, reason


def written_value(table: Eager) -> NDArray[np.float64]:
    """Return the value of each row as written, NaN in a table without values."""
    if "value" not in table.columns:
        return np.full(len(table), np.nan)
    return table["value"].to_numpy().astype(np.float64)


def _refunded(table: Eager, refund: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the row of the purchase that each refund names; -1 if there is none."""
    target = np.full(len(refund), -1, dtype=np.intp)
    if not {"transaction_id", "refund_of"} <= set(table.columns):
        return target
    ids = np.array(table["transaction_id"].to_list(), dtype=object)
    bought = np.flatnonzero(~refund & ~pd.isna(ids))
    if not len(bought):
        return target
    named = np.array(table["refund_of"].to_list(), dtype=object)[refund]
    found = pd.Index(ids[bought]).get_indexer(pd.Index(named))
    customer = pd.factorize(np.array(table["customer_id"].to_list(), dtype=object))[0]
    place = np.where(found >= 0, bought[found], -1)
    same = (place >= 0) & (customer[place] == customer[refund])
    target[refund] = np.where(same, place, -1)
    return target
