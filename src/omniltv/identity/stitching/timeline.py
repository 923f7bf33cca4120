"""Everything a person did, over all channels, in the order of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT

from omniltv.data.checking import check
from omniltv.errors import DataError
from omniltv.identity._frames import Kind, Table, read
from omniltv.identity.customers.attachment import attach, customers_of

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


@dataclass(frozen=True, eq=False, repr=False)
class Timeline[FrameT]:
    """What customers did, ordered by customer and time.

    Attributes:
        events: ``customer_id``, ``time``, ``kind`` (purchase, behaviour or contact), ``what``
            (the event or the kind of contact), ``channel``, ``source``, ``record_id``,
            ``value`` (of purchases, refunds below 0) and ``ref`` (id of the transaction, or
            of the staff).
        rejected: By table, the rows that could not be used, as they came, with ``reason``.
    """

    events: FrameT
    rejected: Mapping[str, FrameT]
    _rows: Mapping[str, tuple[int, int]]
    _customers: frozenset[str]
    _table: Table
    _kind: Kind[FrameT]

    def of(self, customer_id: str) -> FrameT:
        """Return the events of one customer, the earliest first; it takes microseconds.

        Raises:
            DataError: If there is no such customer.
        """
        if customer_id not in self._customers:
            hint = "ids are those of the crosswalk"
            raise DataError("no such customer", column="customer_id", rows=[customer_id], hint=hint)
        first, last = self._rows.get(customer_id, (0, 0))
        return self._kind.native(self._table[first:last])

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        aside = sum(
            len(nw.from_native(cast("Any", f)).lazy().collect()) for f in self.rejected.values()
        )
        return (
            f"Timeline({len(self):,} events of {len(self._rows):,} customers; {aside:,} set aside)"
        )


def timeline(
    crosswalk: IntoFrame,
    *,
    transactions: IntoFrameT | None = None,
    behaviour: IntoFrameT | None = None,
    contacts: IntoFrameT | None = None,
) -> Timeline[IntoFrameT]:
    """Return what customers bought, looked at and asked, over all channels, in one order.

    Args:
        crosswalk: ``source``, ``record_id``, ``customer_id``.
        transactions: As `omniltv.data.check` takes them: ``transaction_id``, ``source``,
            ``record_id``, ``channel``, ``time``, ``value``.
        behaviour: ``source``, ``record_id``, ``channel``, ``time``, ``event``.
        contacts: ``source``, ``record_id``, ``channel``, ``time``, ``kind``.

    Raises:
        DataError: If no table is given, a needed column is missing, or some tables have times
            with a zone and others without.

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
    parts: dict[str, Table] = {}
    rejected: dict[str, IntoFrameT] = {}
    kind: Kind[IntoFrameT] | None = None
    for name, (label, columns) in _TABLES.items():
        frame = given[name]
        if frame is None:
            continue
        kind = kind or read(frame, name)[1]
        checked = check(frame, name)
        attached = attach(checked.valid, crosswalk)
        parts[name] = _part(read(attached.valid, name)[0], label, columns)
        rejected[name] = _both(checked.rejected, attached.rejected, kind)
    if kind is None:
        raise DataError(
            "no table of what customers did", hint="timeline(crosswalk, transactions=…)"
        )
    _check_zones(parts)
    events = nw.concat([*parts.values()], how="vertical").sort("customer_id", "time", "kind")
    customers = frozenset(customers_of(crosswalk, "crosswalk").values())
    return Timeline(kind.native(events), rejected, _rows(events), customers, events, kind)


def _part(table: Table, label: str, columns: Mapping[str, str]) -> Table:
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


def _both[FrameT](first: FrameT, second: FrameT, kind: Kind[FrameT]) -> FrameT:
    """Return the rows that were set aside, by whatever they were."""
    tables = [read(cast("Any", frame), "rejected")[0] for frame in (first, second)]
    texts = [table.select(nw.all().cast(nw.String)) for table in tables]
    return kind.native(nw.concat(texts, how="vertical"))


def _check_zones(parts: Mapping[str, Table]) -> None:
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


def _rows(events: Table) -> dict[str, tuple[int, int]]:
    """Return the first row of each customer, and that after the last."""
    ids = np.array(events["customer_id"].to_list(), dtype=object)
    if not len(ids):
        return {}
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    ends = np.append(first[1:], len(ids))
    names = ids[first].tolist()
    return {n: (a, b) for n, a, b in zip(names, first.tolist(), ends.tolist(), strict=True)}
