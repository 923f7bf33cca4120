"""A table of purchases on its way into a log: checked, local, summed, refunds subtracted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Eager, FrameKind, collect, read_frame
from omniltv._log import logged
from omniltv.data._calendar import local_times
from omniltv.data._lines import RowRule
from omniltv.data._read import content_codes, id_codes, joint_codes
from omniltv.data.checking import Checked, Moment, examine
from omniltv.data.items import OrderItems
from omniltv.data.refunds._settling import NOT_WANTED, Settled, settle
from omniltv.data.refunds.protocol import CENT, Orders, RefundRule
from omniltv.data.report import IntakeEntry, IntakeReport, entry_of
from omniltv.data.spelling import Formats

__all__ = ["Entered", "enter"]

_LABELS = ("item", "category")


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of labels by position.

    Attributes:
        code: Position of the label of each row, of shape (n_rows,).
        labels: The distinct labels, of shape (n_labels,).
    """

    code: NDArray[np.intp]
    labels: NDArray[np.object_]

    @classmethod
    def of(cls, table: Eager, column: str, rows: NDArray[np.intp]) -> "Coded":
        """Return a column of some rows; ``"all"`` if the table does not have it."""
        if column not in table.columns:
            every = np.array(["all"] * min(len(rows), 1), dtype=object)
            return cls(np.zeros(len(rows), dtype=np.intp), every)
        given = table[column].to_list()
        chosen = np.array([*given, None], dtype=object)[np.append(rows, -1)]
        if isinstance(table.schema[column], nw.String) and "\0" not in "".join(filter(None, given)):
            chosen = chosen[:-1]  # among texts only, pandas compares up to the first NUL
        code, labels = pd.factorize(chosen)
        return cls(code[: len(rows)].astype(np.intp), np.asarray(labels, dtype=object))

    def sorted(self) -> "Coded":
        """Return the column with its labels in order of their text."""
        order = np.argsort(self.labels.astype(str), kind="stable")
        return Coded(np.argsort(order)[self.code], self.labels[order])


@dataclass(frozen=True, eq=False)
class Entered[FrameT]:
    """The columns of a log, and the report on the table they come from."""

    customers: Coded
    channels: Coded
    time: NDArray[np.datetime64]
    value: NDArray[np.float64]
    report: IntakeReport[FrameT]
    items: OrderItems | None


@logged("purchases read")
def enter(
    frame: IntoFrameT,
    *,
    timezone: str | None,
    refunds: Sequence[RefundRule],
    now: Moment | None,
    rule: RowRule,
    formats: Formats | None,
) -> Entered[IntoFrameT]:
    """Return the purchases of a table; see `PurchaseLog.from_frame`."""
    given, kind = read_frame(frame, "purchases")
    checked = examine(given.to_native(), "purchases", now=now, rule=rule, formats=formats)
    table = local_times(collect(checked.valid, "purchases"), timezone)
    tickets = _Tickets.of(table, lines=checked.lines, told=rule.rows == "lines")
    settled = settle(tickets.value, _orders(table, tickets), refunds)
    bought = settled.bought & ~tickets.cancelled
    first = tickets.first[bought]
    customers = Coded.of(table, "customer_id", first)
    result = f"{len(first):,} purchases of {len(customers.labels):,} customers"
    report = _Reporting(given, kind, checked).of(tickets, settled, settled.value[bought])
    return Entered(
        customers=customers,
        channels=Coded.of(table, "channel", first).sorted(),
        time=tickets.time[bought],
        value=settled.value[bought],
        report=replace(report, result=result),
        items=_items(table, tickets, bought),
    )


@dataclass(frozen=True, eq=False)
class _Tickets:
    """The rows of a table summed to orders.

    Attributes:
        written: Value of each row, of shape (n_rows,); NaN in a table without values.
        order: Order of each row, by position, same shape.
        first: First row of each order, of shape (n_orders,).
        value: Sum of the values of its rows, same shape.
        time: Time of its earliest row, same shape.
        cancelled: Which orders are worth nothing because of negative rows, same shape.
    """

    written: NDArray[np.float64]
    order: NDArray[np.intp]
    first: NDArray[np.intp]
    value: NDArray[np.float64]
    time: NDArray[np.datetime64]
    cancelled: NDArray[np.bool_]

    @classmethod
    def of(cls, table: Eager, *, lines: bool, told: bool) -> "_Tickets":
        """Return the orders of a table: its rows, or the rows of one id if they are lines."""
        written, rows = _values(table), np.arange(len(table))
        time = table["time"].to_numpy().astype("datetime64[us]")
        if not (lines or told) or not len(table):
            return cls(written, rows, rows, written, time, np.zeros(len(table), dtype=bool))
        order = pd.factorize(_order_keys(table, told=told))[0].astype(np.intp)
        first = np.flatnonzero(~pd.Series(order).duplicated().to_numpy())
        total = np.bincount(order, weights=written)
        size = np.bincount(order, weights=np.abs(written))
        value = np.where(np.abs(total) <= CENT * size, 0.0, total)
        earliest = time[first]
        np.minimum.at(earliest, order, time)
        return cls(written, order, first, value, earliest, (value == 0) & (size > 0))

    def rows_in(self, orders: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the rows of some orders."""
        return np.flatnonzero(orders[self.order])

    def entry(self, reason: str, rows: NDArray[np.intp]) -> IntakeEntry:
        """Return an entry of the report on some rows."""
        return entry_of(reason, len(rows), self.written[rows])

    def netted(self) -> NDArray[np.intp]:
        """Return the negative rows of orders that are not refunds themselves."""
        return np.flatnonzero((self.value >= 0)[self.order] & (self.written < 0))


def _order_keys(table: Eager, *, told: bool) -> NDArray[np.int64]:
    """Return the number of each row's id and refund; without an id, of customer and moment."""
    key = np.zeros(len(table), dtype=np.int64)
    known = np.zeros(len(table), dtype=bool)
    if "transaction_id" in table.columns:
        known = ~table["transaction_id"].is_null().to_numpy().astype(bool)
        rows = np.flatnonzero(known)
        key[rows] = id_codes(table["transaction_id"][rows])
    if "refund_of" in table.columns:
        key = joint_codes([pd.factorize(key)[0], content_codes(table["refund_of"])])
    alone = np.flatnonzero(~known)
    base = key.max(initial=-1) + 1
    if told:
        names = [name for name in ("customer_id", "channel", "time") if name in table.columns]
        codes = [content_codes(table[name][alone]) for name in names]
        key[alone] = base + joint_codes([pd.factorize(codes[0])[0], *codes[1:]])
    else:
        key[alone] = base + np.arange(len(alone))
    return key


def _orders(table: Eager, tickets: _Tickets) -> Orders:
    customer = Coded.of(table, "customer_id", tickets.first).code
    value = tickets.value
    named, names = _named(table, tickets, customer)
    return Orders(
        customer=customer,
        time=tickets.time,
        left=np.maximum(value, 0.0),
        refund=np.maximum(-np.nan_to_num(value), 0.0),
        named=named,
        names=names,
    )


def _named(
    table: Eager, tickets: _Tickets, customer: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the purchase of the customer that each refund names, and whether it names one."""
    place = np.full(len(customer), -1, dtype=np.intp)
    names, refund = np.zeros(len(customer), dtype=bool), tickets.value < 0
    if "refund_of" not in table.columns or not refund.any():
        return place, names
    named = np.array(table["refund_of"].to_list(), dtype=object)[tickets.first]
    names = refund & ~np.asarray(pd.isna(named), dtype=bool)
    if "transaction_id" not in table.columns:
        return place, names
    ids = np.array(table["transaction_id"].to_list(), dtype=object)[tickets.first]
    bought = np.flatnonzero(~refund & ~np.asarray(pd.isna(ids), dtype=bool))
    bought = bought[~pd.Series(ids[bought]).duplicated().to_numpy()]
    found = pd.Index(ids[bought]).get_indexer(pd.Index(named[names]))
    target = np.where(found >= 0, bought[found] if len(bought) else -1, -1)
    same = (target >= 0) & (customer[target] == customer[names])
    place[names] = np.where(same, target, -1)
    return place, names


def _items(table: Eager, tickets: _Tickets, bought: NDArray[np.bool_]) -> OrderItems | None:
    labels = {}
    for name in [name for name in _LABELS if name in table.columns]:
        labels[name] = np.array([*table[name].to_list(), None], dtype=object)[:-1]
    if not labels:
        return None
    return OrderItems(tickets.order, tickets.written, labels).of_purchases(bought)


@dataclass(frozen=True, eq=False)
class _Reporting[FrameT]:
    """The report on a table, before and after its rows became purchases."""

    given: Eager
    kind: FrameKind[FrameT]
    checked: Checked[FrameT]

    def of(
        self, tickets: _Tickets, settled: Settled, value: NDArray[np.float64]
    ) -> IntakeReport[FrameT]:
        """Return the report on orders after refunds, and the value of the purchases."""
        reason = settled.reason[tickets.order]
        report = self.checked.without(
            self.given, self.kind, reason, value=tickets.written, expected=[NOT_WANTED]
        )
        return replace(
            report,
            kept=entry_of("", report.kept.rows, value),
            changes=(*report.changes, *_changes(tickets, settled)),
        )


def _changes(tickets: _Tickets, settled: Settled) -> list[IntakeEntry]:
    """Return what was done to the rows kept: netted, subtracted, and removed as undone."""
    found = [tickets.entry("negative lines, subtracted from their order", tickets.netted())]
    names = dict.fromkeys(settled.rule[settled.rule != ""].tolist())
    for name in names:
        rows = tickets.rows_in(settled.rule == name)
        found.append(tickets.entry(f"refunds, subtracted: {name}", rows))
    undone = tickets.rows_in(settled.undone | tickets.cancelled)
    found.append(tickets.entry("purchases refunded in full, removed", undone))
    return [entry for entry in found if entry.rows]


def _values(table: Eager) -> NDArray[np.float64]:
    """Return the value of each row, NaN in a table without values."""
    if "value" not in table.columns:
        return np.full(len(table), np.nan)
    return table["value"].to_numpy().astype(np.float64)
