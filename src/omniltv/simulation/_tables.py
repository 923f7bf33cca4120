"""The tables of some days, as the channels would deliver them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Objects, Places, Vector
from omniltv._options import checked
from omniltv.simulation._contacts import STAGES
from omniltv.simulation._day import Day, Premise
from omniltv.simulation._state import EVENTS

__all__ = ["Names", "WorldStep"]

_ZONE = "Asia/Tokyo"
_DIGITS = 8


@dataclass(frozen=True, eq=False)
class Names:
    """Names of the people, records, stores and items of a world.

    Attributes:
        premise: The world.
    """

    premise: Premise

    @cached_property
    def customers(self) -> Objects:
        """Id of each person, of shape (n_people,)."""
        return _texts("P", np.arange(self.premise.dice.people))

    @cached_property
    def records(self) -> Objects:
        """Record id of each person by channel, of shape (n_channels, n_people); None if none."""
        people, dice = self.premise.people, self.premise.dice
        rows = []
        for c, channel in enumerate(self.premise.config.channels):
            order = np.argsort(np.argsort(dice.roll("record number", c)))
            ids = _texts(f"{channel.name}-", order)
            rows.append(_hidden(ids, ~people.holds[c]))
        return np.stack(rows)

    @cached_property
    def index(self) -> pd.Index:
        """The ids of people, for looking them up."""
        return pd.Index(self.customers)

    @cached_property
    def channels(self) -> Objects:
        """Name of each channel, of shape (n_channels,)."""
        return np.array([own.name for own in self.premise.config.channels], dtype=object)

    @cached_property
    def locations(self) -> Objects:
        """Name of each location of stock, of shape (n_stores + 1,)."""
        stores = [f"store {number + 1}" for number in range(self.premise.config.stores)]
        return np.array([*stores, "warehouse"], dtype=object)

    @cached_property
    def items(self) -> tuple[Objects, Objects]:
        """Name and category of each item, each of shape (n_items,)."""
        goods = self.premise.config.goods
        if goods is None:
            return np.empty(0, dtype=object), np.empty(0, dtype=object)
        names = [f"{own.name} {k + 1}" for own in goods.categories for k in range(goods.items)]
        kinds = [own.name for own in goods.categories for _ in range(goods.items)]
        return np.array(names, dtype=object), np.array(kinds, dtype=object)


def _texts(prefix: str, numbers: Places) -> Objects:
    """Return texts such as T00000017: a prefix and eight digits."""
    letters = np.empty((len(numbers), len(prefix) + _DIGITS), dtype=np.uint32)
    letters[:, : len(prefix)] = [ord(letter) for letter in prefix]
    powers = 10 ** np.arange(_DIGITS - 1, -1, -1)
    letters[:, len(prefix) :] = np.maximum(numbers, 0)[:, None] // powers % 10 + ord("0")
    return letters.view(f"U{len(prefix) + _DIGITS}")[:, 0].astype(object)


@checked
@dataclass(frozen=True, eq=False)
class WorldStep:
    """What the channels report of some days. Tables are pandas frames, ordered by time.

    People who have left the data have neither ``record_id`` nor ``customer_id``.

    Attributes:
        days: Number of days.
        lived: What happened on each day, as arrays.

    Examples:
        >>> from omniltv.simulation import World
        >>> step = World(people=200, seed=1).step()
        >>> step.transactions.columns[:5].tolist()
        ['source', 'record_id', 'customer_id', 'channel', 'time']
    """

    days: int
    _names: Names = field(repr=False)
    lived: Sequence[Day] = field(repr=False)

    def __repr__(self) -> str:
        sales = sum(int((day.number >= 0).sum()) for day in self.lived)
        sent = sum(int((day.contacts.stage >= STAGES.index("sent")).sum()) for day in self.lived)
        return f"WorldStep({self.days} days, {sales:,} purchases, {sent:,} contacts sent)"

    def and_then(self, *later: "WorldStep") -> "WorldStep":
        """Return these days and later ones of the same world as one.

        Args:
            later: Steps that follow each other.
        """
        lived = [day for step in (self, *later) for day in step.lived]
        return WorldStep(len(lived), self._names, lived)

    def per_person(self) -> pd.DataFrame:
        """Return every person's net ``value``, ``purchases`` and ``cost`` of contacts."""
        n = self._names.premise.dice.people
        bought = _joined([day.sales.person[day.number >= 0] for day in self.lived])
        asked = _joined([day.contacts.planned.person for day in self.lived])
        cost = _joined([day.contacts.cost for day in self.lived])
        value = _joined(
            [(day.sales.value * ~day.sales.returned)[day.number >= 0] for day in self.lived]
        )
        return pd.DataFrame(
            {
                "customer_id": self._names.customers,
                "value": np.bincount(bought, value, n),
                "purchases": np.bincount(bought, minlength=n),
                "cost": np.bincount(asked, cost, n),
            }
        )

    @cached_property
    def transactions(self) -> pd.DataFrame:
        """Purchases and refunds: the table that `PurchaseLog.from_frame` reads."""
        sold = [day.sales.person[day.number >= 0] for day in self.lived]
        person = _joined(sold)
        channel = _joined([day.sales.channel[day.number >= 0] for day in self.lived])
        ids = _texts("T", _joined([day.number[day.number >= 0] for day in self.lived]))
        refunds = [day.due.take(day.due.value > 0) for day in self.lived]
        back = _joined([part.person for part in refunds])
        to = _joined([part.channel for part in refunds])
        of = _texts("T", _joined([part.sale for part in refunds]))
        when = _joined([day.second[day.number >= 0] for day in self.lived])
        later = _joined([day.due_second[day.due.value > 0] for day in self.lived])
        counts = np.array([len(part) for part in sold])
        returned = np.array([len(part.person) for part in refunds])
        bought = self._rows(person, channel, counts, when)
        refunded = self._rows(back, to, returned, later)
        bought = bought.assign(value=self._sold(), refund_of=None, transaction_id=ids)
        value = -_joined([part.value for part in refunds])
        refunded = refunded.assign(value=value, refund_of=of, transaction_id=[f"R{t}" for t in of])
        frame = _stacked([bought, refunded])
        frame["refund_of"] = frame["refund_of"].astype(object)
        return _ordered(frame, ["time", "transaction_id"])

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Lines of purchases: ``transaction_id``, item, category, location and value."""
        frame = self._all_lines()
        return frame[frame["served"]].drop(columns="served").reset_index(drop=True)

    @cached_property
    def lost(self) -> pd.DataFrame:
        """Lines that were not in stock; ``transaction_id`` is missing if nothing was sold."""
        frame = self._all_lines()
        return frame[~frame["served"]].drop(columns="served").reset_index(drop=True)

    @cached_property
    def behaviour(self) -> pd.DataFrame:
        """Behaviour: ``event`` is visit, browse, cart, cart_abandoned, review and others."""
        events = [day.events for day in self.lived]
        frame = self._rows(
            _joined([part.person for part in events]),
            _joined([part.channel for part in events]),
            np.array([len(part.person) for part in events]),
            _joined([part.second for part in events]),
        )
        kind = _joined([part.kind for part in events])
        frame["event"] = np.array(EVENTS, dtype=object)[kind]
        return _ordered(frame, ["time"])

    @cached_property
    def contacts(self) -> pd.DataFrame:
        """Planned contacts: ``kind`` is the treatment, ``stage`` how far the contact came."""
        made = [day.contacts for day in self.lived]
        frame = self._rows(
            _joined([part.planned.person for part in made]),
            _joined([part.planned.channel for part in made]),
            np.array([len(part.number) for part in made]),
            (_joined([part.planned.hour for part in made]) * 3600).astype(np.int64),
        )
        treatments = [own.name for own in self._names.premise.config.treatments]
        kind = np.array([*treatments, ""], dtype=object)
        frame["kind"] = kind[_joined([part.planned.treatment for part in made])]
        frame["contact_id"] = _texts("C", _joined([part.number for part in made]))
        frame["stage"] = np.array(STAGES, dtype=object)[_joined([part.stage for part in made])]
        frame["cost"] = _joined([part.cost for part in made])
        frame["minutes"] = _joined([part.minutes for part in made])
        return _ordered(frame, ["time", "contact_id"])

    @cached_property
    def responses(self) -> pd.DataFrame:
        """Responses to contacts: delivered, opened, answered, and bought within some days."""
        contacts = self.contacts
        stage = contacts["stage"].map({name: k for k, name in enumerate(STAGES)}).to_numpy()
        parts = [contacts[["contact_id", "customer_id", "time"]][:0].assign(response="")]
        times = self._response_times()
        for name in ("delivered", "opened", "answered"):
            reached = contacts[stage >= STAGES.index(name)]
            when = reached["contact_id"].map(times[name]) if name in times else reached["time"]
            chosen = reached[["contact_id", "customer_id"]].assign(time=when, response=name)
            parts.append(chosen)
        parts.append(self._credited())
        return _ordered(_stacked(parts), ["time", "contact_id"])

    @cached_property
    def stock(self) -> pd.DataFrame:
        """Stock at the end of each day: ``day``, location, item, delivered and stock."""
        shape = self._names.premise.targets.shape
        n = len(self.lived)
        delivered = np.array([day.delivered for day in self.lived]).reshape(n, *shape)
        left = np.array([day.stock for day in self.lived]).reshape(n, *shape)
        day, place, item = (axis.ravel() for axis in np.indices((n, *shape)))
        return pd.DataFrame(
            {
                "day": self._dates()[day],
                "location": self._names.locations[place],
                "item": self._names.items[0][item],
                "delivered": delivered.ravel(),
                "stock": left.ravel(),
            }
        )

    @cached_property
    def staff(self) -> pd.DataFrame:
        """Staff used per day: minutes of each store, calls of each call centre."""
        config = self._names.premise.config
        calls = [c for c, own in enumerate(config.channels) if own.kind == "call"]
        columns = [*range(config.stores), *(config.stores + c for c in calls)]
        names = [*self._names.locations[:-1], *self._names.channels[calls]]
        limit = [config.staff.store_minutes] * config.stores + [config.staff.calls] * len(calls)
        used = np.array([day.used[columns] for day in self.lived])
        return pd.DataFrame(
            {
                "day": np.repeat(self._dates(), len(columns)),
                "location": np.tile(np.array(names, dtype=object), len(self.lived)),
                "used": used.ravel(),
                "capacity": np.tile(np.array(limit, dtype=np.float64), len(self.lived)),
            }
        )

    def _dates(self) -> pd.DatetimeIndex:
        number = np.array([day.day for day in self.lived], dtype="timedelta64[D]")
        zero = np.datetime64(self._names.premise.config.start, "D")
        return pd.DatetimeIndex((zero + number).astype("datetime64[ns]"))

    def _sold(self) -> Vector:
        return _joined([day.sales.value[day.number >= 0] for day in self.lived])

    def _rows(self, person: Places, channel: Places, counts: Codes, second: Codes) -> pd.DataFrame:
        """Return who, where and when, given the number of rows of each day."""
        names, people = self._names, self._names.premise.people
        day = np.repeat([one.day for one in self.lived], counts)
        gone = day >= people.leaves_data[person]
        source = np.where(people.holds[channel, person], channel, people.main[person])
        return pd.DataFrame(
            {
                "source": names.channels[source],
                "record_id": _hidden(names.records[source, person], gone),
                "customer_id": _hidden(names.customers[person], gone),
                "channel": names.channels[channel],
                "time": self._times(day, second),
            }
        )

    def _times(self, day: Codes, second: Codes) -> pd.DatetimeIndex:
        zero = np.datetime64(self._names.premise.config.start, "ns")
        whole = day.astype(np.int64) * 86_400 + second
        return pd.DatetimeIndex(zero + whole.astype("timedelta64[s]")).tz_localize(_ZONE)

    def _all_lines(self) -> pd.DataFrame:
        item, category = self._names.items
        code = _joined([day.lines.item for day in self.lived])
        number = _joined([day.number[day.lines.sale] for day in self.lived])
        ids = _hidden(_texts("T", number), number < 0)
        place = _joined([day.lines.location for day in self.lived])
        return pd.DataFrame(
            {
                "transaction_id": ids,
                "item": item[code],
                "category": category[code],
                "location": self._names.locations[place],
                "value": _joined([day.lines.value for day in self.lived]),
                "served": _joined([day.lines.served for day in self.lived]),
            }
        )

    def _response_times(self) -> dict[str, pd.Series]:
        made = [day.contacts for day in self.lived]
        ids = _texts("C", _joined([part.number for part in made]))
        day = np.repeat([one.day for one in self.lived], [len(part.number) for part in made])
        seconds = {"opened": [p.opened for p in made], "answered": [p.answered for p in made]}
        return {
            name: pd.Series(self._times(day, _joined(parts)), index=ids)
            for name, parts in seconds.items()
        }

    def _credited(self) -> pd.DataFrame:
        rows = [np.flatnonzero(day.credited >= 0) for day in self.lived]
        pairs = list(zip(self.lived, rows, strict=True))
        frame = self._rows(
            _joined([day.sales.person[own] for day, own in pairs]),
            _joined([day.sales.channel[own] for day, own in pairs]),
            np.array([len(own) for own in rows]),
            _joined([day.second[own] for day, own in pairs]),
        )
        numbers = _joined([day.credited[own] for day, own in pairs])
        ids = _texts("C", numbers)
        return frame[["customer_id", "time"]].assign(contact_id=ids, response="bought")


def _joined[Part: np.generic](parts: Sequence[NDArray[Part]]) -> NDArray[Part]:
    return np.concatenate(parts)


def _hidden(ids: Objects, gone: Flags) -> Objects:
    shown = ids.copy()
    shown[gone] = None
    return shown


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled or [parts[0]], ignore_index=True)


def _ordered(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return frame.sort_values(by, kind="stable", ignore_index=True)
