"""The events of each customer over all channels, in the order of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT

from omniltv._frames import Eager, FrameKind, read_frame
from omniltv._options import checked
from omniltv.data.checking import Checked, examine, readable_values
from omniltv.data.report import IntakeReport, Tolerance
from omniltv.data.schemas import TableName
from omniltv.errors import DataError
from omniltv.identity.customers.attachment import GUEST, customers_of, customers_of_rows
from omniltv.identity.records.columns import RecordKey

__all__ = ["Timeline", "timeline"]

type _Kind = Literal["purchase", "behaviour", "contact"]

_COLUMNS = (
    "customer_id", "time", "kind", "what", "channel", "source", "record_id", "value", "ref",
)  # fmt: skip
_TABLES: Mapping[Literal["transactions", "behaviour", "contacts"], tuple[_Kind, Mapping[str, str]]]
_TABLES = {
    "transactions": ("purchase", {"value": "value", "ref": "transaction_id"}),
    "behaviour": ("behaviour", {"what": "event"}),
    "contacts": ("contact", {"what": "kind", "ref": "staff_id"}),
}


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Timeline[FrameT]:
    """The events of customers, ordered by customer and time.

    Attributes:
        events: ``customer_id``, ``time``, ``kind`` (purchase, behaviour or contact), ``what``
            (the event or the kind of contact), ``channel``, ``source``, ``record_id``,
            ``value`` (of purchases, refunds below 0) and ``ref`` (id of the transaction, or
            of the staff).
        reports: By table, rows and money in the events and set aside, by reason.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec"], "record_id": ["E1"]}
        >>> crosswalk = pd.DataFrame(keys | {"customer_id": ["ann"]})
        >>> seen = pd.DataFrame(keys | {"time": ["2024-05-02"], "event": ["cart"]})
        >>> timeline(crosswalk, behaviour=seen)
        Timeline(1 events of 1 customers; 0 rejected)
    """

    events: FrameT
    reports: Mapping[str, IntakeReport[FrameT]]
    _rows: Mapping[str, tuple[int, int]]
    _customers: frozenset[str]
    _table: Eager
    _kind: FrameKind[FrameT]

    @property
    def rejected(self) -> dict[str, FrameT]:
        """By table, the rejected rows as given, with ``reason``."""
        return {name: report.rejected for name, report in self.reports.items()}

    def of(self, customer_id: str) -> FrameT:
        """Return the events of one customer, the earliest first.

        Raises:
            DataError: If there is no such customer.
        """
        if customer_id not in self._customers:
            hint = "use the ids of the crosswalk"
            raise DataError("no such customer", column="customer_id", rows=[customer_id], hint=hint)
        first, last = self._rows.get(customer_id, (0, 0))
        return self._kind.native(self._table[first:last])

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        aside = sum(report.set_aside.rows for report in self.reports.values())
        return (
            f"Timeline({len(self):,} events of {len(self._rows):,} customers; {aside:,} rejected)"
        )


@checked
def timeline(
    crosswalk: IntoFrame,
    *,
    transactions: IntoFrameT | None = None,
    behaviour: IntoFrameT | None = None,
    contacts: IntoFrameT | None = None,
    tolerance: Tolerance | None = None,
) -> Timeline[IntoFrameT]:
    """Return purchases, behaviour and contacts of each customer, ordered by time.

    Args:
        crosswalk: ``source``, ``record_id``, ``customer_id``.
        transactions: As `omniltv.data.check` takes them: ``transaction_id``, ``source``,
            ``record_id``, ``channel``, ``time``, ``value``.
        behaviour: ``source``, ``record_id``, ``channel``, ``time``, ``event``.
        contacts: ``source``, ``record_id``, ``channel``, ``time``, ``kind``.
        tolerance: How much of a table may be set aside before there is a warning or an error;
            ``Tolerance()`` if None. Rows without a record id do not count.

    Raises:
        IntakeError: If more is set aside than ``tolerance`` allows.
        DataError: If no table is given, a needed column is missing, the crosswalk has missing
            values or two rows for one record, or only some tables have times with a zone.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "store"], "record_id": ["E1", "S1"]}
        >>> crosswalk = pd.DataFrame(keys | {"customer_id": ["ann", "ann"]})
        >>> when = {"channel": ["ec", "store"], "time": ["2024-05-02", "2024-05-01"]}
        >>> seen = pd.DataFrame(keys | when | {"event": ["cart", "visit"]})
        >>> bought = pd.DataFrame(keys | when | {"transaction_id": ["1", "2"], "value": [300, 80]})
        >>> told = timeline(crosswalk, transactions=bought.iloc[:1], behaviour=seen)
        >>> told.of("ann")[["kind", "channel"]].values.tolist()
        [['behaviour', 'store'], ['behaviour', 'ec'], ['purchase', 'ec']]
    """
    given = {"transactions": transactions, "behaviour": behaviour, "contacts": contacts}
    customer_of = customers_of(crosswalk, "crosswalk")
    parts: dict[str, Eager] = {}
    reports: dict[str, IntakeReport[IntoFrameT]] = {}
    kinds: list[FrameKind[IntoFrameT]] = []
    for name, (label, columns) in _TABLES.items():
        frame = given[name]
        if frame is not None:
            table, reports[name], kind = _attached(frame, name, customer_of)
            reports[name].judge(tolerance)
            parts[name] = _part(table, label, columns)
            kinds.append(kind)
    if not kinds:
        raise DataError("no table is given", hint="timeline(crosswalk, transactions=…)")
    _check_zones(parts)
    events = nw.concat([*parts.values()], how="vertical").sort("customer_id", "time", "kind")
    customers = frozenset(customer_of.values())
    return Timeline(kinds[0].native(events), reports, _rows(events), customers, events, kinds[0])


def _attached(
    frame: IntoFrameT, name: TableName, customer_of: Mapping[RecordKey, str]
) -> tuple[Eager, IntakeReport[IntoFrameT], FrameKind[IntoFrameT]]:
    """Return the valid rows of a table with their customer, its report, and its kind."""
    rows, kind = read_frame(frame, name)
    checked: Checked[Any] = examine(rows.to_native(), name)
    valid, valid_kind = read_frame(checked.valid, name)
    customer, why = customers_of_rows(valid, name, customer_of)
    known: Any = valid_kind.extend(valid, "customer_id", customer, why == "")
    value = readable_values(valid)
    report = checked.without(rows, kind, why, value=value, expected=[GUEST])
    return read_frame(known, name)[0], report, kind


def _part(table: Eager, label: str, columns: Mapping[str, str]) -> Eager:
    """Return the rows of one table as events."""
    found = {
        name: nw.col(columns.get(name, name)).cast(nw.Float64 if name == "value" else nw.String)
        for name in _COLUMNS
        if name not in {"time", "kind"} and columns.get(name, name) in table.columns
    }
    if label == "purchase":
        found.pop("what", None)
    nothing = {
        name: nw.lit(None, nw.Float64 if name == "value" else nw.String)
        for name in _COLUMNS
        if name not in {*found, "time", "kind"}
    }
    events = table.select(
        nw.col("time").cast(nw.Datetime("us", getattr(table["time"].dtype, "time_zone", None))),
        **{**found, **nothing},
    )
    return events.with_columns(kind=nw.lit(label, nw.String)).select(*_COLUMNS)


def _check_zones(parts: Mapping[str, Eager]) -> None:
    aware = {
        name: getattr(table["time"].dtype, "time_zone", None) is not None
        for name, table in parts.items()
    }
    if len(set(aware.values())) > 1:
        without = ", ".join(name for name, zoned in aware.items() if not zoned)
        hint = "give all tables a zone: times.dt.tz_localize('Asia/Tokyo')"
        raise DataError(
            f"{without} without a time zone, the others with one", column="time", hint=hint
        )


def _rows(events: Eager) -> dict[str, tuple[int, int]]:
    """Return the first row of each customer, and the row after the last."""
    ids = np.array(events["customer_id"].to_list(), dtype=object)
    if not len(ids):
        return {}
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    ends = np.append(first[1:], len(ids))
    names = ids[first].tolist()
    return {n: (a, b) for n, a, b in zip(names, first.tolist(), ends.tolist(), strict=True)}
