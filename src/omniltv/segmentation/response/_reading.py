"""Contacts read from frames, with the recent contacts of each customer."""

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Objects, Vector
from omniltv._columns import labels, numbers, positions, read_ids, require
from omniltv._frames import Eager
from omniltv.errors import DataError
from omniltv.segmentation.response.contacts import ContactHistory, ContactTable

__all__ = ["Pressure", "read_contacts", "read_history"]

_NO_TIER = "unknown"
_HOUR = 3_600_000_000_000  # nanoseconds


@dataclass(frozen=True, eq=False)
class Pressure:
    """How many recent contacts each customer has after the last one.

    Attributes:
        customer_id: The customers, of shape (n_customers,).
        days: Day of the last contact, of shape (n_customers,).
        recent: Recent contacts just after it, of shape (n_customers,).
        rest: Days after which a contact counts 1/e.
    """

    customer_id: Objects
    days: Vector
    recent: Vector
    rest: float

    @property
    def end(self) -> float:
        """Day of the last contact of all."""
        return float(self.days.max(initial=0.0))

    def at(self, ids: Objects, days: Vector) -> Vector:
        """Return the recent contacts of customers on given days, of shape (n,)."""
        place = positions(ids, self.customer_id)
        known = place >= 0
        recent = np.zeros(len(ids))
        age = np.maximum(days[known] - self.days[place[known]], 0.0)
        recent[known] = self.recent[place[known]] * np.exp(-age / self.rest)
        return recent


def read_history(rows: Eager, *, rest: float) -> tuple[ContactHistory, Pressure]:
    """Return the contacts of a frame with their responses, and the pressure at their end.

    Args:
        rows: The frame.
        rest: Days after which a contact counts 1/e.

    Raises:
        DataError: If a column is absent or has missing or wrong values.
    """
    what = "the contact history"
    require(rows.columns, ("customer_id", "channel", "time", "responded"), what)
    ids = read_ids(rows, "customer_id", what)
    if not len(ids):
        raise DataError(f"{what} has no rows", hint="one row per delivered contact")
    responded = numbers(rows, "responded", what, ids=ids)
    wrong = (responded != 0) & (responded != 1)
    if wrong.any():
        hint = "True if the customer responded to the contact, else False"
        raise DataError("not true or false", column="responded", rows=list(ids[wrong]), hint=hint)
    days, hour, weekday = _clock(rows, ids)
    channel = labels(rows, "channel", what, ids=ids)
    recent, pressure = _recent(ids, channel, days, rest)
    contacts = _contacts(rows, what, ids, (hour, weekday, recent))
    return ContactHistory(contacts, responded == 1), pressure


def read_contacts(rows: Eager, pressure: Pressure) -> ContactTable:
    """Return planned contacts of a frame: with a time, or with hour and weekday.

    Without times, the recent contacts are those just after the last contact of the history.

    Raises:
        DataError: If a column is absent or has missing or wrong values.
    """
    what = "the table of planned contacts"
    require(rows.columns, ("customer_id", "channel"), what)
    ids = read_ids(rows, "customer_id", what)
    if "time" in rows.columns:
        days, hour, weekday = _clock(rows, ids)
    else:
        hint = "hour (0 to 24) and weekday (Monday is 0), or time"
        require(rows.columns, ("hour", "weekday"), what, hint)
        hour = _within(rows, "hour", ids, 24.0)
        weekday = np.floor(_within(rows, "weekday", ids, 7.0)).astype(np.int64)
        days = np.full(len(ids), pressure.end)
    return _contacts(rows, what, ids, (hour, weekday, pressure.at(ids, days)))


def _clock(rows: Eager, ids: Objects) -> tuple[Vector, Vector, Codes]:
    """Return days since 1970, hour and weekday of the column ``time``, in its own time zone.

    Raises:
        DataError: If the column has no times, or some are missing.
    """
    column = rows["time"]
    if not isinstance(column.dtype, nw.Datetime):
        hint = "convert it to times in the zone of the customers"
        raise DataError("not a column of times", column="time", hint=hint)
    local = column.dt.replace_time_zone(None)
    nanoseconds = local.cast(nw.Datetime("ns")).to_numpy().astype("datetime64[ns]")
    missing = np.isnat(nanoseconds)
    if missing.any():
        hint = "remove these rows"
        raise DataError("missing times", column="time", rows=list(ids[missing]), hint=hint)
    whole, rest = np.divmod(nanoseconds.astype(np.int64), 24 * _HOUR)
    hour = rest / _HOUR
    return whole + hour / 24, hour, (whole + 3) % 7  # 1970 began on a Thursday


def _contacts(
    rows: Eager, what: str, ids: Objects, when: tuple[Vector, Codes, Vector]
) -> ContactTable:
    known = "tier" in rows.columns
    tier = labels(rows, "tier", what, ids=ids) if known else np.full(len(ids), _NO_TIER)
    propensity = np.full(len(ids), np.nan)
    if "propensity" in rows.columns:
        propensity = numbers(rows, "propensity", what, ids=ids)
        wrong = (propensity < 0) | (propensity > 1)
        if wrong.any():
            hint = "the probability of being contacted, such as of contact_propensity"
            bad = list(ids[wrong])
            raise DataError("not probabilities", column="propensity", rows=bad, hint=hint)
    return ContactTable(ids, labels(rows, "channel", what, ids=ids), tier, *when, propensity)


def _within(rows: Eager, column: str, ids: Objects, end: float) -> Vector:
    values = numbers(rows, column, "the table of planned contacts", ids=ids)
    wrong = (values < 0) | (values >= end)
    if wrong.any():
        hint = f"from 0 to below {end:.0f}"
        raise DataError("out of range", column=column, rows=list(ids[wrong]), hint=hint)
    return values


def _recent(
    ids: Objects, channel: NDArray[np.str_], days: Vector, rest: float
) -> tuple[Vector, Pressure]:
    """Return the recent contacts before each contact, and those after the last of each customer."""
    code, customers = pd.factorize(ids)
    order = np.lexsort((channel, days, code))
    own, when = code[order], days[order]
    start = np.flatnonzero(np.r_[True, own[1:] != own[:-1]])
    size = np.diff(np.r_[start, len(own)])
    before = np.zeros(len(own))
    for turn in range(1, int(size.max())):  # the n-th contacts of all customers at once
        now = start[size > turn] + turn
        before[now] = (before[now - 1] + 1) * np.exp((when[now - 1] - when[now]) / rest)
    recent = np.empty(len(own))
    recent[order] = before
    last = start + size - 1
    return recent, Pressure(np.asarray(customers, object), when[last], before[last] + 1, rest)
