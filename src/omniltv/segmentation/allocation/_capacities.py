"""Capacities, read from a mapping or a frame, in one order."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import pandas as pd

from omniltv._arrays import Vector
from omniltv._columns import as_labels, as_numbers, require
from omniltv._frames import IntoTable, collect
from omniltv.errors import DataError

__all__ = ["Capacities", "IntoCapacities", "read_capacities"]

_WHAT = "the table of capacities"
_AMOUNT = "an amount per resource, or a mapping of place to amount"

type IntoCapacities = Mapping[str, float | Mapping[object, float]] | IntoTable
"""An amount by resource, or by resource and place; or a frame of resource, place, capacity."""


@dataclass(frozen=True, eq=False)
class Capacities:
    """Capacities in the order of resource and place.

    Attributes:
        resource: Column of the offers, per capacity.
        place: Place, per capacity; empty if the capacity is shared by all places.
        amount: Shape (n_resources,).
    """

    resource: tuple[str, ...]
    place: tuple[str, ...]
    amount: Vector

    def label(self, number: int) -> str:
        """Return the resource and its place as a text."""
        place = self.place[number]
        return f"{self.resource[number]} of {place}" if place else self.resource[number]


def read_capacities(given: object) -> Capacities:
    """Return capacities, sorted.

    Raises:
        DataError: If a capacity is negative or missing, or given twice, or a resource has a
            capacity shared by all places and another one of a place.
    """
    rows = _of_mapping(given) if isinstance(given, Mapping) else _of_frame(cast("IntoTable", given))
    resource, place, amount = rows
    names = [f"{r} of {p}" if p else r for r, p in zip(resource, place, strict=True)]
    bad = [name for name, one in zip(names, amount, strict=True) if not one >= 0]
    if bad:
        hint = "an amount of at least 0; math.inf is no limit"
        raise DataError("negative or missing capacities", column="capacity", rows=bad, hint=hint)
    order = sorted(range(len(names)), key=lambda one: (resource[one], place[one]))
    twice = [names[b] for a, b in pairwise(order) if _clash(rows, a, b)]
    if twice:
        hint = "one amount per resource, or one per place"
        raise DataError("capacities given twice", column="resource", rows=twice, hint=hint)
    sorted_places = tuple(place[one] for one in order)
    return Capacities(tuple(resource[one] for one in order), sorted_places, amount[order])


def _clash(rows: tuple[list[str], list[str], Vector], a: int, b: int) -> bool:
    """Return whether two neighbours are the same capacity, or a shared one and one of a place."""
    resource, place, _ = rows
    return resource[a] == resource[b] and (place[a] == place[b] or not place[a])


def _of_mapping(given: Mapping[object, object]) -> tuple[list[str], list[str], Vector]:
    resource: list[str] = []
    places: list[str] = []
    amounts: list[object] = []
    for name, amount in given.items():
        by_place = amount if isinstance(amount, Mapping) else {None: amount}
        keys = [key for key in by_place if key is not None]
        labels = as_labels(keys, "place", ids=keys).tolist() if keys else [""]
        resource += [str(name)] * len(labels)
        places += labels
        amounts += [by_place[key] for key in (keys or [None])]
    values = np.fromiter(amounts, dtype=object, count=len(amounts))
    return resource, places, as_numbers(values, "capacity", ids=resource, hint=_AMOUNT)


def _of_frame(given: IntoTable) -> tuple[list[str], list[str], Vector]:
    frame = collect(given, _WHAT)
    require(frame.columns, ["resource", "capacity"], _WHAT)
    rows = np.fromiter(range(len(frame)), dtype=object, count=len(frame))
    resource = as_labels(frame["resource"].to_list(), "resource", ids=rows).tolist()
    place = _places(frame["place"].to_list()) if "place" in frame.columns else [""] * len(frame)
    amounts = as_numbers(frame["capacity"].to_list(), "capacity", ids=rows, hint=_AMOUNT)
    return resource, place, amounts


def _places(values: list[object]) -> list[str]:
    """Return places as text; empty if missing."""
    known = [row for row, missing in enumerate(pd.isna(np.array(values, object))) if not missing]
    labels = as_labels(np.array(values, dtype=object)[known], "place", ids=known)
    places = [""] * len(values)
    for row, label in zip(known, labels.tolist(), strict=True):
        places[row] = label
    return places
