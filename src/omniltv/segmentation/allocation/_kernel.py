"""Compiled loops over offers: the smoothed dual function, the greedy fill, exchanges."""

import numpy as np

from omniltv._arrays import Codes, Flags, Vector
from omniltv._compiled import compiled

__all__ = ["best_per_group", "exchange", "fill", "smooth_dual"]

_FAR = 30.0
"""Number of temperatures below the best offer from which a weight is taken as zero."""


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
                for k in range(indptr[offer], indptr[offer + 1]):
                    gradient[resource[k]] -= share * use[k]
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
        if not free[group[offer]]:
            continue
        fits = True
        for k in range(indptr[offer], indptr[offer + 1]):
            if use[k] > room[resource[k]]:
                fits = False
        if fits:
            chosen[offer] = True
            free[group[offer]] = False
            for k in range(indptr[offer], indptr[offer + 1]):
                room[resource[k]] -= use[k]


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
        gain = net[old] if old >= 0 else 0.0
        if old >= 0:
            for k in range(indptr[old], indptr[old + 1]):
                room[resource[k]] += use[k]
        new = old
        for offer in range(start[group], start[group + 1]):
            if possible[offer] and net[offer] > gain:
                fits = True
                for k in range(indptr[offer], indptr[offer + 1]):
                    if use[k] > room[resource[k]]:
                        fits = False
                if fits:
                    new, gain = offer, net[offer]
        if new >= 0:
            for k in range(indptr[new], indptr[new + 1]):
                room[resource[k]] -= use[k]
        if new != old:
            changed += 1
            chosen[new] = True
            if old >= 0:
                chosen[old] = False
    return changed
