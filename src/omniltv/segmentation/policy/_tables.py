"""The tables that acting reads: customers, consents and the log of contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

import narwhals as nw
import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Objects
from omniltv._columns import is_missing, optional_labels, positions, read_ids, repeated, require
from omniltv._frames import Eager, FrameKind, IntoTable, collect, read_frame
from omniltv.errors import DataError
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.triggers.events import local_times

__all__ = ["AddressedCustomers", "ConsentTable", "ContactLog"]

_CUSTOMERS = "the table of customers"
_CONSENTS = "the table of consents"
_CONTACTS = "the log of contacts"


@dataclass(frozen=True, eq=False)
class AddressedCustomers[FrameT]:
    """The customers of a plan; every array has shape (n_customers,).

    Attributes:
        table: The table.
        kind: Kind of the caller's frame.
        id: Ids.
        tier: Tier of each customer.
        customer_class: Class of each customer; empty without classes.
        context: What conditions need.
    """

    table: Eager
    kind: FrameKind[FrameT]
    id: Objects
    tier: Objects
    customer_class: Objects
    context: Context

    @classmethod
    def read(
        cls,
        customers: FrameT,
        *,
        tiers: Sequence[str],
        classes: Sequence[str],
        context: Context,
    ) -> Self:
        """Return the customers of a frame with one row each.

        Raises:
            DataError: If a customer has two rows, or a tier or class is unknown or missing.
        """
        table, kind = read_frame(cast("pd.DataFrame", customers), _CUSTOMERS)
        ids = read_ids(table, "customer_id", _CUSTOMERS)
        twice = repeated(ids)
        if twice:
            problem = f"{_CUSTOMERS} has several rows of a customer"
            raise DataError(problem, column="customer_id", rows=twice, hint="one row per customer")
        tier = _known(table, "tier", tiers, ids)
        group = _known(table, "customer_class", classes, ids) if classes else np.full(len(ids), "")
        return cls(table, cast("FrameKind[FrameT]", kind), ids, tier, group.astype(object), context)

    def __len__(self) -> int:
        return len(self.id)

    def in_groups(self, tiers: Sequence[str] | None, classes: Sequence[str] | None) -> Flags:
        """Return who is in one of some tiers and one of some classes; all if None."""
        holds: Flags = np.ones(len(self), dtype=np.bool_)
        for values, names in ((self.tier, tiers), (self.customer_class, classes)):
            if names is not None:
                holds &= np.isin(values, list(names))
        return holds

    def satisfy(self, condition: Condition | None) -> Flags:
        """Return for whom a condition holds; everyone if None."""
        if condition is None:
            return np.ones(len(self), dtype=np.bool_)
        return condition.mask(self.table.to_native(), self.context)

    def texts(self, column: str) -> Objects:
        """Return a column as texts, None where it is missing or absent."""
        if column not in self.table.columns:
            return np.full(len(self), None, dtype=object)
        return optional_labels(self.table[column].to_list(), column, ids=self.id)


def _known(table: Eager, column: str, names: Sequence[str], ids: Objects) -> Objects:
    require(table.columns, [column], _CUSTOMERS)
    values = np.fromiter(table[column].to_list(), dtype=object, count=len(ids))
    bad = ~pd.Series(values, dtype=object).isin(list(names)).to_numpy()
    if bad.any():
        problem = f"{_CUSTOMERS} has a {column} that the playbook does not have"
        hint = f"the playbook has {', '.join(names)}"
        raise DataError(problem, column=column, rows=list(ids[bad]), hint=hint)
    return values


@dataclass(frozen=True, eq=False)
class ConsentTable:
    """Who may be contacted, and can be, on each channel.

    Attributes:
        by_channel: Flags of shape (n_customers,) by channel.
        size: Number of customers.
    """

    by_channel: Mapping[str, Flags]
    size: int

    @classmethod
    def read(cls, consents: IntoTable, ids: Objects) -> Self:
        """Return the consents of customers.

        A row is a consent if its columns ``consent`` and ``reachable``, as far as there are
        any, are true. If there are several rows, each of them must be.
        """
        table = collect(consents, _CONSENTS)
        require(table.columns, ["customer_id", "channel"], _CONSENTS)
        place = positions(read_ids(table, "customer_id", _CONSENTS), ids)
        code, names = pd.factorize(_plain(table["channel"].to_list()))
        may = _flag(table, "consent") & _flag(table, "reachable")
        found: dict[str, Flags] = {}
        for number, name in enumerate(names):
            own = (code == number) & (place >= 0)
            flags = np.zeros(len(ids), dtype=np.bool_)
            flags[place[own]] = True
            flags[place[own & ~may]] = False
            found[str(name)] = flags
        return cls(found, len(ids))

    def on(self, channel: str) -> Flags:
        """Return who may be contacted on a channel."""
        return self.by_channel.get(channel, np.zeros(self.size, dtype=np.bool_))

    def on_any(self, channels: Sequence[str]) -> Flags:
        """Return who may be contacted on one of some channels."""
        flags: Flags = np.zeros(self.size, dtype=np.bool_)
        for channel in channels:
            flags = flags | self.on(channel)
        return flags


def _flag(table: Eager, column: str) -> Flags:
    """Return a column of booleans; true if it is absent, false where it is missing."""
    if column not in table.columns:
        return np.ones(len(table), dtype=np.bool_)
    series = table[column]
    if series.dtype not in (nw.Boolean, nw.Object):
        raise DataError("not a column of booleans", column=column, hint="convert it to booleans")
    given = [not is_missing(value) and value == True for value in series.to_list()]  # noqa: E712 - no texts
    return np.array(given, dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class ContactLog:
    """Contacts that were made.

    Attributes:
        rows: ``customer_id``, ``time`` (local), ``day``, ``treatment``, ``channel`` and ``key``.
    """

    rows: pd.DataFrame

    @classmethod
    def read(cls, contacts: IntoTable | None, zone: str | None) -> Self:
        """Return the contacts of a frame; none if None.

        Raises:
            DataError: If a column is absent, or a time is missing.
        """
        if contacts is None:
            names = ("customer_id", "treatment", "channel", "key")
            none = pd.DataFrame({name: np.empty(0, dtype=object) for name in names})
            times = np.empty(0, dtype="datetime64[us]")
            return cls(none.assign(time=times, day=times))
        table = collect(contacts, _CONTACTS)
        require(table.columns, ["customer_id", "time", "treatment", "channel"], _CONTACTS)
        time = local_times(table, "time", _CONTACTS, zone)
        keys = (
            table["contact_key"].to_list() if "contact_key" in table.columns else [None] * len(time)
        )
        rows = {
            "customer_id": read_ids(table, "customer_id", _CONTACTS),
            **{name: _plain(table[name].to_list()) for name in ("treatment", "channel")},
            "key": _plain(keys),
        }
        frame = pd.DataFrame(rows, dtype=object)
        day = time.astype("datetime64[D]").astype("datetime64[us]")
        return cls(frame.assign(time=time, day=day).sort_values("time", kind="stable"))

    @property
    def keys(self) -> frozenset[object]:
        """Keys of the contacts."""
        return frozenset(self.rows["key"].dropna())


def _plain(values: Sequence[object]) -> Objects:
    return np.fromiter(values, dtype=object, count=len(values))
