"""The allocation problem in arrays, what an allocator returns, and the plug-in point."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.sparse import csr_array

from omniltv._arrays import Codes, Flags, Vector
from omniltv._options import checked
from omniltv.segmentation.allocation._kernel import best_per_group, fill

__all__ = ["AllocationProblem", "Allocator", "Choice"]

_TOLERANCE = 1e-9
_ROUNDING = 1e-12


@checked
@dataclass(frozen=True, eq=False)
class AllocationProblem:
    """Choose offers with the largest sum of net gains, within capacities.

    At most one offer per group is chosen. A group is a customer, or a customer and an exclusion
    group. Offers are sorted by group. Within a group they are sorted by treatment, channel and
    place, so the order of rows in the frame does not matter.

    Attributes:
        net: Gain less cost of each offer, of shape (n_offers,).
        start: First offer of each group, and n_offers; of shape (n_groups + 1,).
        use: What each offer uses of each resource, of shape (n_offers, n_resources), at least 0.
        capacity: Capacity of each resource, of shape (n_resources,); may be infinite.

    Examples:
        >>> problem = AllocationProblem(
        ...     net=np.array([5.0, 9.0, 4.0]), start=np.array([0, 2, 3]),
        ...     use=csr_array(np.array([[1.0], [2.0], [1.0]])), capacity=np.array([2.0]))
        >>> problem.group.tolist(), problem.possible.tolist()
        ([0, 0, 1], [True, True, True])
        >>> problem.fill(np.array([0, 1, 2])).tolist()
        [True, False, True]
        >>> round(problem.bound(np.array([4.0])), 6)
        9.0
    """

    net: Vector
    start: Codes
    use: csr_array
    capacity: Vector

    @cached_property
    def group(self) -> Codes:
        """Group of each offer, of shape (n_offers,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    @cached_property
    def allowed(self) -> Vector:
        """Use up to which a capacity is kept: the capacity and a relative 1e-9 for rounding."""
        return self.capacity * (1 + _TOLERANCE)

    @cached_property
    def possible(self) -> Flags:
        """Whether an offer has a positive net gain and fits alone, of shape (n_offers,)."""
        return (self.net > 0) & self.fits(self.allowed)

    @cached_property
    def limit(self) -> Vector:
        """Capacity, or the use of all possible offers together if that is less; finite."""
        return np.minimum(self.capacity, self.used(self.possible))

    def fits(self, room: Vector) -> Flags:
        """Return whether each offer alone fits into the room left, of shape (n_offers,)."""
        over = self.use.data > room[self.use.indices]
        before = np.concatenate(([0], np.cumsum(over)))
        return np.asarray(np.diff(before[self.use.indptr]) == 0, dtype=np.bool_)

    def used(self, chosen: Flags) -> Vector:
        """Return what the chosen offers use of each resource, of shape (n_resources,)."""
        return np.asarray(self.use.T @ chosen.astype(np.float64), dtype=np.float64)

    def room(self, chosen: Flags) -> Vector:
        """Return what the chosen offers leave of each resource, of shape (n_resources,)."""
        return np.asarray(self.allowed - self.used(chosen), dtype=np.float64)

    def reached(self, chosen: Flags) -> Flags:
        """Return whether each group has a chosen offer, of shape (n_groups,)."""
        count = np.bincount(self.group[chosen], minlength=len(self.start) - 1)
        return np.asarray(count > 0, dtype=np.bool_)

    def falling(self, values: Vector, offers: Flags) -> Codes:
        """Return the positions of some offers, highest value first; ties by position."""
        places = np.flatnonzero(offers)
        return np.asarray(places[np.argsort(-values[places], kind="stable")], dtype=np.int64)

    def reduced(self, prices: Vector) -> Vector:
        """Return the net gain less the priced use of each offer, of shape (n_offers,)."""
        return np.asarray(self.net - self.use @ prices, dtype=np.float64)

    def bound(self, prices: Vector) -> float:
        """Return an upper bound of the net gain, valid for any prices of at least 0.

        It is the Lagrangian dual function: every group takes its best offer at these prices, and
        the capacities are sold. Rounding errors are added.
        """
        best = np.zeros(len(self.start) - 1)
        reduced = np.where(self.possible, self.reduced(prices), -1.0)
        best_per_group(reduced, self.start, best)
        priced = np.abs(self.use @ prices)[self.possible].max(initial=0.0)
        largest = priced + self.net[self.possible].max(initial=0.0)
        total = float(best.sum() + self.limit @ prices)
        return total + _ROUNDING * (total + float(largest))

    def fill(self, order: Codes, chosen: Flags | None = None) -> Flags:
        """Return offers chosen one after the other, if their group is free and there is room.

        Args:
            order: Positions of offers, in the order in which they are tried.
            chosen: Offers that are chosen already; none if None.

        Returns:
            Whether each offer is chosen, of shape (n_offers,).
        """
        now = np.zeros(len(self.net), dtype=np.bool_) if chosen is None else chosen.copy()
        free, room = ~self.reached(now), self.room(now)
        use = self.use
        fill(order, self.group, use.indptr, use.indices, use.data, room, free, now)
        return now

    def selected(self, offers: Flags, groups: Flags, capacity: Vector) -> "AllocationProblem":
        """Return the problem of some offers of some groups, with other capacities.

        Args:
            offers: Which offers remain, of shape (n_offers,).
            groups: Which groups remain, of shape (n_groups,).
            capacity: New capacities, of shape (n_resources,).
        """
        keep = offers & groups[self.group]
        sizes = np.bincount(self.group[keep], minlength=len(groups))[groups]
        start = np.concatenate(([0], np.cumsum(sizes)))
        return AllocationProblem(self.net[keep], start, self.use[np.flatnonzero(keep)], capacity)


@checked
@dataclass(frozen=True, eq=False)
class Choice:
    """What an allocator returns.

    Attributes:
        chosen: Whether each offer is chosen, of shape (n_offers,).
        prices: Shadow price of each resource: net gain per unit, of shape (n_resources,).
        bound: Upper bound of the net gain of any choice.

    Examples:
        >>> Choice(np.array([True, False]), np.array([3.0]), bound=8.0).bound
        8.0
    """

    chosen: Flags
    prices: Vector
    bound: float


@runtime_checkable
class Allocator(Protocol):
    """Chooses offers; its laws are in `omniltv.testing.check_allocator`.

    Examples:
        >>> class HighestGainFirst:
        ...     name = "highest gain first"
        ...     def solve(self, problem):
        ...         order = np.argsort(-problem.net, kind="stable")
        ...         free = np.zeros(len(problem.capacity))
        ...         chosen = problem.fill(order[problem.net[order] > 0])
        ...         return Choice(chosen, free, problem.bound(free))
        >>> isinstance(HighestGainFirst(), Allocator)
        True
    """

    @property
    def name(self) -> str:
        """Name that errors and results show."""
        ...

    def solve(self, problem: AllocationProblem) -> Choice:
        """Return the chosen offers, shadow prices and an upper bound of the net gain."""
        ...
