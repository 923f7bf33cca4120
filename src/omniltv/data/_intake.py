"""A table of purchases on its way into a log: checked, in local time, refunds subtracted."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Eager, collect, read_frame, unused_name
from omniltv.data._calendar import local_times
from omniltv.data._refunds import SET_ASIDE, Refunds, settle, written_value
from omniltv.data.checking import Moment, examine, row_ids
from omniltv.data.report import IntakeReport, by_size, entries_of, entry_of
from omniltv.data.spelling import Formats
from omniltv.errors import ConfigError

__all__ = ["Entered", "enter"]


@dataclass(frozen=True, eq=False)
class Entered[FrameT]:
    """The columns of a log, by position, and the report on the table they come from."""

    customer_id: NDArray[np.object_]
    channels: tuple[str, ...]
    customer: NDArray[np.intp]
    channel: NDArray[np.intp]
    time: NDArray[np.datetime64]
    value: NDArray[np.float64]
    report: IntakeReport[FrameT]


def enter(
    frame: IntoFrameT,
    *,
    timezone: str | None,
    refunds: Refunds,
    now: Moment | None,
    formats: Formats | None,
) -> Entered[IntoFrameT]:
    """Return the purchases of a table; see `PurchaseLog.from_frame`."""
    if refunds not in ("net", "set_aside"):
        raise ConfigError(f'unknown rule for refunds: {refunds!r}. Hint: refunds="net"')
    given, kind = read_frame(frame, "purchases")
    checked = examine(given.to_native(), "purchases", now=now, formats=formats)
    table = local_times(collect(checked.valid, "purchases"), timezone)
    value, bought, reason = settle(table, refunds)
    customer, ids = _codes(table, "customer_id", bought)
    channel, names = _codes(table, "channel", bought)
    order = np.argsort(names.astype(str), kind="stable")
    why = checked.row_reasons.copy()
    why[why == ""] = reason
    refused = entries_of(reason, written_value(table), expected=[SET_ASIDE])
    result = f"{len(customer):,} purchases of {len(ids):,} customers"
    report = replace(
        checked.report,
        kept=entry_of("", int((reason == "").sum()), value[bought]),
        asides=by_size([*checked.report.asides, *refused]),
        rejected=kind.extend(given, unused_name(given.columns, "reason"), why, why != ""),
        ids=row_ids(given, np.flatnonzero(why != "")),
        result=result,
    )
    return Entered(
        customer_id=ids,
        channels=tuple(str(names[place]) for place in order),
        customer=customer,
        channel=np.argsort(order)[channel],
        time=table["time"].to_numpy().astype("datetime64[us]")[bought],
        value=value[bought],
        report=report,
    )


def _codes(
    table: Eager, column: str, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    everything = ["all"] * len(table)  # of a table without channels
    given = table[column].to_list() if column in table.columns else everything
    values = np.array(given, dtype=object)[rows]
    codes, labels = pd.factorize(values)
    return codes.astype(np.intp), np.asarray(labels, dtype=object)
