"""Compiled loops over offers: the smoothed dual function, the greedy fill, exchanges."""

import numpy as np

from omniltv._arrays import Codes, Flags, Vector
from omniltv._compiled import compiled

__all__ = ["best_per_group", "exchange", "fill", "smooth_dual"]

_FAR = 30.0
"""Number of temperatures below the best offer from which a weight is taken as zero."""


@compiled(nogil=True)
def _fits(offer: int, indptr: Codes, resource: Codes, use: Vector, room: Vector) -> bool:
    """Return whether there is room for an offer."""
    for k in range(indptr[offer], indptr[offer + 1]):  # noqa: SIM110 - Numba has no all()
        if use[k] > room[resource[k]]:
            return False
    return True


@compiled(nogil=True)
def _add(
    offer: int, sign: float, indptr: Codes, resource: Codes, use: Vector, room: Vector
) -> None:
    """Add what an offer uses to the room, with a sign; nothing if the offer is -1."""
    if offer >= 0:
        for k in range(indptr[offer], indptr[offer + 1]):
            room[resource[k]] += sign * use[k]


@compiled(nogil=True)
def smooth_dual(
    reduced: Vector, start: Codes, indptr: Codes, resource: Codes, use: Vector,
    temperature: float, gradient: Vector,
) -> float:  # fmt: skip
    """Return the sum of soft maxima of groups and zero; subtract their use from a gradient."""
    total = 0.0
    for group in range(len(start) - 1):
        first, end = start[group], start[group + 1]
        top = 0.0
        for offer in range(first, end):
            top = max(top, reduced[offer])
        weight = np.exp(-top / temperature) if top < _FAR * temperature else 0.0
        for offer in range(first, end):
            below = (top - reduced[offer]) / temperature
            if below < _FAR:
                weight += np.exp(-below)
        total += top + temperature * np.log(weight)
        for offer in range(first, end):
            below = (top - reduced[offer]) / temperature
            if below < _FAR:
                share = np.exp(-below) / weight
                _add(offer, -share, indptr, resource, use, gradient)
    return total


@compiled(nogil=True)
def best_per_group(reduced: Vector, start: Codes, best: Vector) -> None:
    """Write the largest reduced gain of each group into ``best``; at least 0."""
    for group in range(len(start) - 1):
        top = 0.0
        for offer in range(start[group], start[group + 1]):
            top = max(top, reduced[offer])
        best[group] = top


@compiled(nogil=True)
def fill(
    order: Codes, group: Codes, indptr: Codes, resource: Codes, use: Vector,
    room: Vector, free: Flags, chosen: Flags,
) -> None:  # fmt: skip
    """Choose offers in this order if their group is free and there is room for them."""
    for offer in order:
        if free[group[offer]] and _fits(offer, indptr, resource, use, room):
            chosen[offer] = True
            free[group[offer]] = False
            _add(offer, -1.0, indptr, resource, use, room)


@compiled(nogil=True)
def exchange(
    net: Vector, start: Codes, possible: Flags, indptr: Codes, resource: Codes, use: Vector,
    room: Vector, chosen: Flags,
) -> int:  # fmt: skip
    """Give each group a better offer if there is room for it; return how many have changed."""
    changed = 0
    for group in range(len(start) - 1):
        old = -1
        for offer in range(start[group], start[group + 1]):
            if chosen[offer]:
                old = offer
        new, gain = old, (net[old] if old >= 0 else 0.0)
        _add(old, 1.0, indptr, resource, use, room)
        for offer in range(start[group], start[group + 1]):
            better = possible[offer] and net[offer] > gain
            if better and _fits(offer, indptr, resource, use, room):
                new, gain = offer, net[offer]
        _add(new, -1.0, indptr, resource, use, room)
        if new != old:
            changed += 1
            chosen[start[group] : start[group + 1]] = False
            chosen[new] = True
    return changed
