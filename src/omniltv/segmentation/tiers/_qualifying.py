"""What customers bought in the look-back window of a tier programme."""

from typing import TYPE_CHECKING

import numpy as np

from omniltv._columns import positions
from omniltv._frames import IntoTable, Table, collect
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError
from omniltv.segmentation.tiers._dates import Days, add_months, months
from omniltv.segmentation.tiers._state import ProgrammeState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from omniltv.segmentation.tiers.memory import TierMemory

__all__ = ["qualifying"]

_DAY = np.timedelta64(1, "D")


def qualifying(
    memory: "TierMemory", log: PurchaseLog[object], on: np.datetime64, state: IntoTable | None
) -> Table:
    """Return the purchases of each customer in the window; see `TierMemory.qualifying`."""
    known = _known(memory, state, on)
    fresh = log.customer_id[positions(log.customer_id, known.id) < 0]
    ids = np.concatenate([known.id, fresh])
    theirs = log.before(str(on)).of_customers(ids)
    first, last = _first_and_last(theirs)
    joined = np.concatenate([known.joined, first[len(known) :].astype("datetime64[D]")])
    start = _start(memory, np.where(np.isnat(joined), on, joined), on)
    inside = theirs.time >= start[theirs.customer]
    customer, n = theirs.customer[inside], len(ids)
    value = np.bincount(customer, weights=theirs.value[inside], minlength=n).astype(np.float64)
    counts = (known.as_of >= start[: len(known)]) & (known.as_of < on)
    value[: len(known)] += np.where(counts, known.carried, 0.0)
    columns: dict[str, NDArray[np.generic]] = {
        "customer_id": ids,
        "qualifying_value": value,
        "purchases": np.bincount(customer, minlength=n),
        "last_purchase": last,
    }
    return Table(columns)


def _known(memory: "TierMemory", state: IntoTable | None, on: np.datetime64) -> ProgrammeState:
    if state is None:
        nobody = np.array([], dtype=object)
        return ProgrammeState.new(nobody, np.array([], dtype=np.int64), on)
    return ProgrammeState.read(collect(state, "the state"), memory.tiers)


def _first_and_last(log: PurchaseLog[object]) -> tuple[Days, Days]:
    """Return the first and the last purchase of each customer; NaT if there is none."""
    first, last = (np.full(len(log.customer_id), np.datetime64("NaT", "us")) for _ in range(2))
    np.fmin.at(first, log.customer, log.time)
    np.fmax.at(last, log.customer, log.time)
    return first, last


def _start(memory: "TierMemory", joined: Days, on: np.datetime64) -> Days:
    """Return the first day of each customer's window."""
    today = np.full(len(joined), on)
    if memory.look_back_months is not None:
        return add_months(today, -memory.look_back_months)
    length, yesterday = memory.period_months, np.full(len(joined), on - _DAY)
    if memory.review == "period_end":
        first = memory.first_month - 1
        month = (months(yesterday) - first) // length * length + first
        return month.astype("datetime64[M]").astype("datetime64[D]")
    if memory.review == "anniversary":
        passed = (months(yesterday) - months(joined)) // length
        candidate = add_months(joined, passed * length)
        return np.where(candidate < today, candidate, add_months(joined, (passed - 1) * length))
    hint = "TierMemory(..., look_back_months=12)"
    raise ConfigError(f"reviews without periods need a look-back window. Hint: {hint}")
