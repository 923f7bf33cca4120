"""The compiled loop that reserves units for offers, one after the other."""

from omniltv._arrays import Codes, Flags, Integers
from omniltv._compiled import compiled

__all__ = ["COLLECT", "IN_STORE", "TRANSFER", "reserve"]

IN_STORE, COLLECT, TRANSFER = 0, 1, 2


@compiled(nogil=True)
def _left(free: Integers, place: int, item: int, day: int) -> int:
    """Return the units that can be promised from a day on: the least of all later days."""
    least: int = free[place, item, day]
    for later in range(day + 1, free.shape[2]):
        least = min(least, free[place, item, later])
    return least


@compiled(nogil=True)
def _fullest(free: Integers, sends: Flags, store: int, item: int, day: int, units: int) -> int:
    """Return the store that has most units to send, -1 if none has enough."""
    best, most = -1, units - 1
    for place in range(free.shape[0]):
        if sends[store, place]:
            left = _left(free, place, item, day)
            if left > most:
                best, most = place, left
    return best


@compiled(nogil=True)
def _source(
    free: Integers, sends: Flags, way: int, store: int, warehouse: int, item: int, day: int,
    units: int,
) -> int:  # fmt: skip
    """Return the location from which an item comes by one way, -1 if it cannot."""
    if way == TRANSFER:
        fullest: int = _fullest(free, sends, store, item, day, units)
        return fullest
    place = warehouse if way == COLLECT else store
    enough = place >= 0 and _left(free, place, item, day) >= units
    return place if enough else -1


@compiled(nogil=True)
def _best(
    free: Integers, sends: Flags, ways: Codes, warehouse: int, store: int, day: int, units: int,
    items: Codes,
) -> tuple[int, int, int]:  # fmt: skip
    """Return the way, the location and the item of one offer, all -1 if there is none."""
    for item in items:
        for way in ways:
            place = _source(free, sends, way, store, warehouse, item, day, units)
            if place >= 0:
                return way, place, item
    return -1, -1, -1


@compiled(nogil=True)
def reserve(
    free: Integers, sends: Flags, ways: Codes, warehouse: int,
    asked: tuple[Codes, Codes, Codes, Codes, Codes], keep: bool,
    found: tuple[Codes, Codes, Codes],
) -> None:  # fmt: skip
    """Find a way for each offer, in order; ``free`` and ``found`` are written.

    Asked are the store, the day and the units of each offer, and the items: those of offer k are
    ``items[start[k]:start[k + 1]]``, the wanted one first. Found are way, location and item. The
    last row of ``sends`` belongs to offers without a store (-1).
    """
    store, day, units, start, items = asked
    way_of, place_of, item_of = found
    for k in range(len(store)):
        own = items[start[k] : start[k + 1]]
        way_of[k], place_of[k], item_of[k] = _best(
            free, sends, ways, warehouse, store[k], day[k], units[k], own
        )
        if way_of[k] >= 0 and keep:
            for later in range(day[k], free.shape[2]):
                free[place_of[k], item_of[k], later] -= units[k]
