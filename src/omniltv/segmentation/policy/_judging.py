"""Which candidates the contact policy does not allow, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Objects, Places
from omniltv._columns import positions, read_ids, require
from omniltv._frames import IntoTable, collect
from omniltv.errors import DataError
from omniltv.segmentation.policy._tables import ConsentTable, ContactLog
from omniltv.segmentation.policy.contact_policy import ContactPolicy, FrequencyCap

__all__ = ["HELD_OUT", "JudgedTreatment", "PolicyJudge", "held_out", "read_reserved"]

HELD_OUT = "held out"
"""The reason of customers who never get a treatment, so that its effect can be measured."""

_RESERVED = "the table of exclusion groups"


@dataclass(frozen=True)
class JudgedTreatment:
    """What the policy needs to know of a treatment.

    Attributes:
        name: Name of the treatment.
        channel: Its channel.
        family: Names of the treatments that count as the same: of its campaign, or itself.
        excludes: Names of the treatments of its exclusion group.
        group: The exclusion group; None if there is none.
        rest_days: Days before it may be repeated.
    """

    name: str
    channel: str
    family: frozenset[str]
    excludes: frozenset[str]
    group: str | None
    rest_days: int


class _Contacts(NamedTuple):
    """Contacts that were made: the customer's position, days ago, treatment and channel."""

    place: Places
    age: Codes
    treatment: Objects
    channel: Objects


@dataclass(frozen=True, eq=False)
class PolicyJudge:
    """The policy on one day.

    Attributes:
        policy: The policy.
        on: The day.
        ids: The customers.
        consents: Who may be contacted.
        log: Contacts that were made.
        reserved: Exclusion group that each customer is reserved for; None if none.
    """

    policy: ContactPolicy
    on: date
    ids: Objects
    consents: ConsentTable
    log: ContactLog
    reserved: Objects

    def refusals(self, treatment: JudgedTreatment, rows: Places) -> Objects:
        """Return why each customer may not get a treatment, None if allowed; shape of ``rows``."""
        reasons = np.full(len(rows), None, dtype=object)
        checks = (
            (~self.consents.on(treatment.channel), f"no consent on {treatment.channel}"),
            (self._reserved(treatment), "reserved for another exclusion group"),
            (self._resting(treatment.family, treatment.rest_days), "had it within the rest days"),
            (self._resting(treatment.excludes, treatment.rest_days),
             f"had another treatment of {treatment.group}"),
            *((self._capped(cap, treatment.channel), _said(cap)) for cap in self.policy.caps),
        )  # fmt: skip
        for refused, reason in checks:
            bad = refused[rows] & pd.isna(reasons)
            reasons[bad] = reason
        return reasons

    @cached_property
    def made(self) -> pd.DataFrame:
        """The rows of the log until the day, the day included."""
        return self.log.rows[self.log.rows["day"] <= np.datetime64(self.on, "us")]

    @cached_property
    def _contacts(self) -> _Contacts:
        """The contacts of the customers, as arrays."""
        rows = self.made
        place = positions(rows["customer_id"].to_numpy(dtype=object), self.ids)
        age = (np.datetime64(self.on, "D") - rows["day"].to_numpy().astype("datetime64[D]")).astype(
            np.int64
        )
        names = (rows[name].to_numpy(dtype=object)[place >= 0] for name in ("treatment", "channel"))
        return _Contacts(place[place >= 0], age[place >= 0], *names)

    def _reserved(self, treatment: JudgedTreatment) -> Flags:
        if treatment.group is None:
            return np.zeros(len(self.ids), dtype=np.bool_)
        other = self.reserved != treatment.group
        return np.asarray(other & ~pd.isna(self.reserved), dtype=np.bool_)

    def _resting(self, names: frozenset[str], days: int) -> Flags:
        """Return who got one of some treatments within the days."""
        flags = np.zeros(len(self.ids), dtype=np.bool_)
        log = self._contacts
        flags[log.place[(log.age < days) & np.isin(log.treatment, list(names))]] = True
        return flags

    def _capped(self, cap: FrequencyCap, channel: str) -> Flags:
        """Return who has no contact left."""
        if cap.channel is not None and cap.channel != channel:
            return np.zeros(len(self.ids), dtype=np.bool_)
        log = self._contacts
        counted = log.age < cap.days
        if cap.channel is not None:
            counted = counted & (log.channel == cap.channel)
        number = np.bincount(log.place[counted], minlength=len(self.ids))
        return np.asarray(number >= cap.contacts, dtype=np.bool_)


def _said(cap: FrequencyCap) -> str:
    where = "" if cap.channel is None else f" on {cap.channel}"
    return f"cap of {cap.contacts} in {cap.days} days{where}"


def held_out(ids: Objects, treatment: str, share: float) -> Flags:
    """Return who never gets a treatment: a share of the customers, by a hash of their ids."""
    if share == 0:
        return np.zeros(len(ids), dtype=np.bool_)
    start = blake2b(treatment.encode() + b"\x00", digest_size=8)
    places = np.empty(len(ids))
    for number, customer in enumerate(ids):
        own = start.copy()
        own.update(str(customer).encode())
        places[number] = int.from_bytes(own.digest()) / 2**64
    return places < share


def read_reserved(reserved: IntoTable | None, ids: Objects, groups: Sequence[str]) -> Objects:
    """Return the exclusion group that each customer is reserved for, None if none.

    Raises:
        DataError: If a customer is in two groups, or a group is unknown.
    """
    found = np.full(len(ids), None, dtype=object)
    if reserved is None:
        return found
    table = collect(reserved, _RESERVED)
    require(table.columns, ["customer_id", "exclusion_group"], _RESERVED)
    customers = read_ids(table, "customer_id", _RESERVED)
    group = np.array([str(name) for name in table["exclusion_group"].to_list()], dtype=object)
    unknown = ~np.isin(group, list(groups))
    if unknown.any():
        hint = f"the playbook has {', '.join(groups) or 'none'}"
        rows = list(customers[unknown])
        raise DataError("unknown exclusion groups", column="exclusion_group", rows=rows, hint=hint)
    pairs = pd.DataFrame({"customer_id": customers, "group": group}, dtype=object).drop_duplicates()
    twice = pairs["customer_id"][pairs["customer_id"].duplicated()].tolist()
    if twice:
        problem = "customers in two exclusion groups"
        hint = "one row per customer"
        raise DataError(problem, column="exclusion_group", rows=twice, hint=hint)
    place = positions(customers, ids)
    found[place[place >= 0]] = group[place >= 0]
    return found
