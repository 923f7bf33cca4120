"""Offers and stock in; how each offer is fulfilled, and which are refused and why, out."""

from dataclasses import dataclass

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT

from omniltv._arrays import Codes, Integers, Objects, Vector
from omniltv._frames import Eager, Table, collect, read_frame, with_column
from omniltv._options import checked
from omniltv.segmentation.stock._kernel import COLLECT, IN_STORE, TRANSFER, reserve
from omniltv.segmentation.stock._tables import Demand, Shelves, read_alternatives
from omniltv.segmentation.stock.rules import StockRules

__all__ = ["Fulfilment", "fulfil"]

_CODES = {"in store": IN_STORE, "click and collect": COLLECT, "transfer": TRANSFER}
_NAMES = ("in store", "click and collect", "transfer")
_ONLINE = ("delivery", "delivery", "sent from store")
_NOTHING = "no stock needed"


@checked
@dataclass(frozen=True, eq=False)
class Fulfilment[FrameT]:
    """Which offers can be delivered, and how; created by `fulfil`.

    Attributes:
        offers: The offers that can be delivered, in the order of the input, with the columns
            ``fulfilment`` (``"in store"``, ``"click and collect"``, ``"transfer"``,
            ``"delivery"``, ``"sent from store"`` or ``"no stock needed"``), ``location`` (where
            the units are), ``offered_item`` and ``wait_days``.
        refused: The others, with the column ``refusal``.
        reserved: One row per location, item and day with reserved units: ``location``, ``item``,
            ``day``, ``units`` and ``left``, the units that are left on that day.
        counts: Number of offers by fulfilment, and of those refused.

    Examples:
        >>> import pandas as pd
        >>> offers = pd.DataFrame({"customer_id": ["ann", "ben"], "item": "tea", "store": "Ginza"})
        >>> stock = pd.DataFrame({"location": ["Ginza"], "item": ["tea"], "stock": [1]})
        >>> fulfil(offers, stock)
        Fulfilment(1 of 2 offers: 1 in store; 1 refused)
    """

    offers: FrameT
    refused: FrameT
    reserved: Table
    counts: dict[str, int]

    def __repr__(self) -> str:
        parts = [f"{n:,} {name}" for name, n in self.counts.items() if n and name != "refused"]
        bad = self.counts["refused"]
        made = sum(self.counts.values()) - bad
        return f"Fulfilment({made:,} of {made + bad:,} offers: {', '.join(parts)}; {bad:,} refused)"


@checked
def fulfil(
    offers: IntoFrameT,
    stock: IntoFrame,
    *,
    rules: StockRules | None = None,
    alternatives: IntoFrame | None = None,
    reserve_units: bool = True,
) -> Fulfilment[IntoFrameT]:
    """Return how each offer can be delivered, and reserve its units.

    Offers are served by ``net_gain`` (or ``gain``), highest first, then in the order of the
    customer id and the item. A unit that is reserved on a day is missing on this day and on all
    later ones. So the units that are reserved up to a day never exceed the stock of that day, at
    any location and for any item.

    Args:
        offers: One row per offer: ``customer_id``, ``item`` (missing if the offer needs no
            stock), ``store`` (missing for offers of the EC site), and if wanted ``day``,
            ``units`` (1 by default), ``net_gain`` or ``gain``.
        stock: Units on hand: ``location``, ``item``, ``stock`` and, if offers have a day,
            ``day``. On a day without a row, an item has the stock of its last earlier row.
        rules: Which ways are tried; all by default.
        alternatives: Next best items: ``item``, ``alternative`` and, if wanted,
            ``customer_id`` (for this customer only) and ``rank`` (best first).
        reserve_units: Whether units are reserved. If not, each offer is judged by itself: use
            this before an allocation, and reserve for the offers that it has chosen.

    Raises:
        DataError: If a column is absent or has missing or negative values, or the stock of an
            item is given twice.

    Examples:
        >>> import pandas as pd
        >>> offers = pd.DataFrame({
        ...     "customer_id": ["ann", "ben", "cem"], "item": "tea", "gain": [9.0, 8.0, 7.0],
        ...     "store": ["Ginza", "Ginza", None]})
        >>> stock = pd.DataFrame({
        ...     "location": ["Ginza", "warehouse"], "item": "tea", "stock": [1, 1]})
        >>> found = fulfil(offers, stock)
        >>> found.offers["fulfilment"].tolist()
        ['in store', 'click and collect']
        >>> found.refused["refusal"].tolist()
        ['tea: no unit left for the EC site']
    """
    chosen = StockRules() if rules is None else rules
    rows, kind = read_frame(offers, "the table of offers")
    demand = Demand.read(rows)
    others = read_alternatives(alternatives) if alternatives is not None else {}
    wanted = _wanted(demand, others if chosen.substitute else {})
    shelves = Shelves.read(collect(stock, "the table of stock"), demand, wanted, chosen.warehouse)
    found = _solved(demand, shelves, wanted, chosen, keep=reserve_units)
    good = np.flatnonzero((found.way >= 0) | ~demand.needs)
    bad = np.flatnonzero((found.way < 0) & demand.needs)
    named = _columns(demand, shelves, found, chosen)
    return Fulfilment(
        offers=kind.native(_with(rows[good, :], {k: v[good] for k, v in named.items()})),
        refused=kind.native(_with(rows[bad, :], {"refusal": _refusals(demand, wanted)[bad]})),
        reserved=shelves.reserved(found.free) if reserve_units else shelves.reserved(shelves.units),
        counts=_counts(named["fulfilment"][good], len(bad)),
    )


@dataclass(frozen=True, eq=False)
class _Served:
    """What was found for each offer, in the order of the rows; -1 if nothing."""

    way: Codes
    place: Codes
    item: Codes
    free: Integers


def _wanted(demand: Demand, others: dict[tuple[object, str], list[str]]) -> list[list[str]]:
    """Return the items that are tried for each offer, the wanted one first."""
    found = []
    for who, item, needs in zip(demand.customer_id, demand.item, demand.needs, strict=True):
        own = others.get((who, item), []) + others.get((None, item), [])
        found.append(list(dict.fromkeys([item, *own])) if needs else [])
    return found


def _solved(
    demand: Demand, shelves: Shelves, wanted: list[list[str]], rules: StockRules, *, keep: bool
) -> _Served:
    order, n = demand.order, len(demand.item)
    lists = [[shelves.item_code[item] for item in wanted[row]] for row in order.tolist()]
    start = np.concatenate(([0], np.cumsum([len(own) for own in lists]))).astype(np.int64)
    items = np.array([code for own in lists for code in own], dtype=np.int64)
    ways = np.array([_CODES[way] for way in rules.ways], dtype=np.int64)
    free = shelves.units.copy()
    way, place, item = (np.full(n, -1, dtype=np.int64) for _ in range(3))
    asked = (shelves.stores[order], shelves.days[order], demand.units[order], start, items)
    sends = shelves.sends(rules.transfers)
    reserve(free, sends, ways, shelves.warehouse, asked, keep, (way, place, item))
    back = np.argsort(order)
    return _Served(way[back], place[back], item[back], free)


def _columns(
    demand: Demand, shelves: Shelves, found: _Served, rules: StockRules
) -> dict[str, Objects | Vector]:
    """Return the columns of fulfilled offers, for all rows."""
    online = shelves.stores < 0
    way = np.maximum(found.way, 0)
    names = np.where(online, np.array(_ONLINE, object)[way], np.array(_NAMES, object)[way])
    wait = np.array([0, rules.collect_days, rules.transfer_days])[way]
    places = np.array([*shelves.locations, None], dtype=object)
    items = np.array([*shelves.items, None], dtype=object)
    none = ~demand.needs
    return {
        "fulfilment": np.where(none, _NOTHING, names),
        "location": places[found.place],
        "offered_item": items[found.item],
        "wait_days": np.where(none | (online & (way == COLLECT)), 0, wait),
    }


def _refusals(demand: Demand, wanted: list[list[str]]) -> Objects:
    """Return why each offer would be refused, in words."""
    texts = [
        f"{', '.join(items)}: no unit left for {store or 'the EC site'}"
        if units == 1
        else f"{', '.join(items)}: no {units} units left for {store or 'the EC site'}"
        for items, store, units in zip(wanted, demand.store, demand.units.tolist(), strict=True)
    ]
    return np.array([*texts, ""], dtype=object)[:-1]


def _with(rows: Eager, columns: dict[str, Objects | Vector]) -> Eager:
    """Return rows with more columns; text if they are objects."""
    for name, values in columns.items():
        rows = with_column(rows, name, values, nw.String if values.dtype == object else nw.Int64)
    return rows


def _counts(names: Objects | Vector, refused: int) -> dict[str, int]:
    found: dict[str, int] = dict.fromkeys(map(str, (*_NAMES, *_ONLINE[1:], _NOTHING)), 0)
    for name in names.tolist():
        found[str(name)] += 1
    return found | {"refused": refused}
