"""Offers, stock and alternatives, read from frames into arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from omniltv._arrays import Codes, Flags, Integers, Objects
from omniltv._columns import labels, numbers, optional_labels, read_ids, require
from omniltv._frames import Eager, Table, collect
from omniltv.errors import DataError

__all__ = ["Demand", "Shelves", "read_alternatives"]

_OFFERS, _STOCK = "the table of offers", "the table of stock"
_EVERY_DAY = "every day"


@dataclass(frozen=True, eq=False)
class Demand:
    """Offers as arrays of shape (n_offers,).

    Attributes:
        customer_id: The customer.
        item: The item; an empty text if the offer needs none.
        store: The store of the customer; an empty text for the EC site.
        day: The day, a text or a number; ``"every day"`` if offers have none.
        units: Units of the item.
        order: Rows in the order in which they are served.
    """

    customer_id: Objects
    item: list[str]
    store: list[str]
    day: list[Any]
    units: Integers
    order: Codes

    @property
    def needs(self) -> Flags:
        """Whether an offer needs stock."""
        return np.array([item != "" for item in self.item], dtype=np.bool_)

    @classmethod
    def read(cls, rows: Eager) -> "Demand":
        """Return the offers of a frame.

        Raises:
            DataError: If a column is absent, or has missing or wrong values.
        """
        require(rows.columns, ("customer_id", "item", "store"), _OFFERS, "None if there is none")
        ids = read_ids(rows, "customer_id", _OFFERS)
        item, store = (
            [text or "" for text in optional_labels(rows[column].to_list(), column, ids=ids)]
            for column in ("item", "store")
        )
        day = _days(rows, "day", _OFFERS, ids) or [_EVERY_DAY] * len(ids)
        units = _whole(rows, "units", ids, least=1)
        gains = [name for name in ("net_gain", "gain") if name in rows.columns]
        gain = numbers(rows, gains[0], _OFFERS, ids=ids) if gains else np.zeros(len(ids))
        names = [str(one) for one in ids]
        keys = (pd.factorize(np.array(text, object), sort=True)[0] for text in (item, names))
        order = np.lexsort((*keys, -gain))
        return cls(ids, item, store, day, units, order.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Shelves:
    """Units by location, item and day.

    Attributes:
        units: Units on hand, of shape (n_locations, n_items, n_days).
        locations: The locations, sorted.
        items: The items that offers may need, sorted.
        dates: The days on which offers are made or stock changes, sorted.
        item_code: Position of each item.
        warehouse: Position of the warehouse; -1 if it has no stock.
        stores: Location of the store of each offer; -1 for the EC site. A store without stock
            has a location of its own.
        days: Position of the day of each offer.
    """

    units: Integers
    locations: list[str]
    items: list[str]
    dates: list[Any]
    item_code: Mapping[str, int]
    warehouse: int
    stores: Codes
    days: Codes

    @classmethod
    def read(
        cls, rows: Eager, demand: Demand, wanted: list[list[str]], warehouse: str
    ) -> "Shelves":
        """Return the stock of the items that are wanted.

        Raises:
            DataError: If a column is absent, has missing or negative values, an item is given
                twice, or offers have days and the stock has none.
        """
        require(rows.columns, ("location", "item", "stock"), _STOCK)
        row_ids = np.arange(len(rows)).astype(object)
        places = labels(rows, "location", _STOCK, ids=row_ids).tolist()
        names = labels(rows, "item", _STOCK, ids=row_ids).tolist()
        days = _days(rows, "day", _STOCK, row_ids) or [_EVERY_DAY] * len(rows)
        _refuse_mixed(demand.day, days)
        amount = _whole(rows, "stock", row_ids, least=0)
        items = sorted({item for own in wanted for item in own})
        locations = sorted({*places, *filter(None, demand.store)})
        dates = sorted({*days, *demand.day})
        codes = [{name: k for k, name in enumerate(own)} for own in (locations, items, dates)]
        rows_at = [
            (codes[0][p], codes[1].get(i, -1), codes[2][d])
            for p, i, d in zip(places, names, days, strict=True)
        ]
        units = _grid(np.array(rows_at, np.int64).reshape(-1, 3), amount, [len(c) for c in codes])
        stores = np.array([codes[0].get(store, -1) for store in demand.store], dtype=np.int64)
        on = np.array([codes[2][day] for day in demand.day], dtype=np.int64)
        at = codes[0].get(warehouse, -1)
        return cls(units, locations, items, dates, codes[1], at, stores, on)

    def sends(self, transfers: Mapping[str, tuple[str, ...]]) -> Flags:
        """Return which location may send to which, of shape (n_locations + 1, n_locations).

        The last row belongs to offers of the EC site. The warehouse is no store.
        """
        n = len(self.locations)
        found = np.ones((n + 1, n), dtype=np.bool_)
        found[:n] &= ~np.eye(n, dtype=np.bool_)
        for store, sources in transfers.items():
            if store in self.locations:
                found[self.locations.index(store)] &= np.isin(self.locations, sources)
        if self.warehouse >= 0:
            found[:, self.warehouse] = False
        return found

    def reserved(self, free: Integers) -> Table:
        """Return units that are reserved, by location, item and first day, and what is left."""
        taken = self.units - free
        new = np.diff(taken, axis=2, prepend=0)
        place, item, day = np.nonzero(new)
        return Table(
            {
                "location": np.array(self.locations, dtype=object)[place],
                "item": np.array(self.items, dtype=object)[item],
                "day": np.array(self.dates, dtype=object)[day],
                "units": new[place, item, day],
                "left": free[place, item, day],
            }
        )


def read_alternatives(frame: IntoFrame) -> dict[tuple[object, str], list[str]]:
    """Return the next best items by customer (None for all) and item, best first.

    Raises:
        DataError: If a column is absent or has missing values.
    """
    what = "the table of alternatives"
    rows = collect(frame, what)
    ids = np.arange(len(rows)).astype(object)
    item = labels(rows, "item", what, ids=ids).tolist()
    other = labels(rows, "alternative", what, ids=ids).tolist()
    own = "customer_id" in rows.columns
    who = read_ids(rows, "customer_id", what).tolist() if own else [None] * len(rows)
    rank = numbers(rows, "rank", what, ids=ids) if "rank" in rows.columns else np.zeros(len(rows))
    found: dict[tuple[object, str], list[str]] = {}
    for row in np.argsort(rank, kind="stable").tolist():
        found.setdefault((who[row], item[row]), []).append(other[row])
    return found


def _days(rows: Eager, column: str, what: str, ids: Objects) -> list[Any] | None:
    """Return a column of days as values that sort by time; None if there is no such column."""
    if column not in rows.columns:
        return None
    series = rows[column]
    if isinstance(series.dtype, (nw.Date, nw.Datetime)):
        missing = np.flatnonzero(np.array(series.is_null().to_list(), dtype=bool))
        if len(missing):
            raise DataError("missing days", column=column, rows=list(ids[missing]))
        return [str(text) for text in series.dt.to_string("%Y-%m-%d").to_list()]
    if series.dtype.is_numeric():
        numbers(rows, column, what, ids=ids)  # refuses missing ones
        return series.to_list()
    return list(map(str, labels(rows, column, what, ids=ids)))


def _refuse_mixed(offers: list[Any], stock: list[Any]) -> None:
    if offers and stock and (_EVERY_DAY in offers) != (_EVERY_DAY in stock):
        hint = "a column day in the table of offers and in the table of stock, or in neither"
        raise DataError("only one of offers and stock has days", column="day", hint=hint)
    if len({isinstance(day, str) for day in (*offers, *stock)}) > 1:
        hint = "dates, numbers or texts in both tables"
        raise DataError("days of offers and of stock differ in type", column="day", hint=hint)


def _whole(rows: Eager, column: str, ids: Objects, *, least: int) -> Integers:
    """Return whole numbers; ones if there is no such column."""
    if column not in rows.columns:
        return np.ones(len(rows), dtype=np.int64)
    values = numbers(rows, column, _STOCK if column == "stock" else _OFFERS, ids=ids)
    wrong = (values < least) | (values % 1 != 0)
    if wrong.any():
        hint = f"whole numbers of at least {least}"
        raise DataError("not whole units", column=column, rows=list(ids[wrong]), hint=hint)
    return values.astype(np.int64)


def _grid(at: Integers, amount: Integers, shape: list[int]) -> Integers:
    """Return units by location, item and day; a day without a row has those of the last one."""
    known = np.flatnonzero(at[:, 1] >= 0)
    place, item, day = at[known].T
    cell = np.ravel_multi_index((place, item, day), shape) if len(known) else known
    twice = pd.Series(cell).duplicated().to_numpy()
    if twice.any():
        bad = known[twice].tolist()
        raise DataError("stock given twice", column="item", rows=bad, hint="one row per day")
    units = np.full(shape, -1, dtype=np.int64)
    units.ravel()[cell] = amount[known]
    for later in range(1, shape[2]):
        lacks = units[:, :, later] < 0
        units[:, :, later] = np.where(lacks, units[:, :, later - 1], units[:, :, later])
    return np.maximum(units, 0)
