"""Offers and capacities in, the chosen offers with shadow prices and a gap out."""

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrameT

from omniltv._arrays import Codes, Vector
from omniltv._frames import Eager, FrameKind, Table, read_frame, unused_name, with_column
from omniltv._options import Seed, Share, checked
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.allocation._capacities import (
    Capacities,
    IntoCapacities,
    read_capacities,
)
from omniltv.segmentation.allocation._offers import OfferTable
from omniltv.segmentation.allocation.dual_ascent import DualAscent
from omniltv.segmentation.allocation.problem import AllocationProblem, Allocator, Choice

__all__ = ["Allocation", "allocate"]


@checked
@dataclass(frozen=True, eq=False)
class Allocation[FrameT]:
    """The chosen offers; created by `allocate`.

    Attributes:
        chosen: The chosen offers, sorted by customer: the rows of the input with a column
            ``net_gain``, and ``explored`` if gains were drawn.
        prices: One row per capacity: ``resource``, ``place``, ``capacity``, ``used``, and
            ``price``, the shadow price: the net gain of one more unit.
        net_gain: Gain less cost of the chosen offers.
        bound: Upper bound of the net gain of any choice, at drawn gains if gains were drawn.
        offers: The offers as an allocator sees them.
        kind: Kind of the input frame.
        choice: What the allocator has returned.
        capacities: The capacities, in the order of ``prices``.

    Examples:
        >>> import pandas as pd
        >>> offers = pd.DataFrame({
        ...     "customer_id": ["ann", "ben"], "treatment": "call", "channel": "call",
        ...     "gain": [90.0, 70.0], "cost": [10.0, 10.0], "minutes": [15, 15]})
        >>> found = allocate(offers, {"minutes": 20})
        >>> found
        Allocation(1 of 2 offers: net gain 80, bound 100, gap 20%)
        >>> found.chosen[["customer_id", "net_gain"]]
          customer_id  net_gain
        0         ann      80.0
    """

    chosen: FrameT
    prices: Table
    net_gain: float
    bound: float
    offers: OfferTable
    kind: FrameKind[FrameT]
    choice: Choice
    capacities: Capacities

    @property
    def gap(self) -> float:
        """Upper bound of the share of the optimum that is missed, from 0 to 1."""
        return max(0.0, 1.0 - self.drawn_net_gain / self.bound) if self.bound > 0 else 0.0

    @property
    def drawn_net_gain(self) -> float:
        """Net gain at the gains that the allocator saw: drawn ones for customers to explore."""
        return float(self.offers.problem.net[self.choice.chosen].sum())

    def __repr__(self) -> str:
        count, total = int(self.choice.chosen.sum()), len(self.choice.chosen)
        sums = f"net gain {self.net_gain:,.6g}, bound {self.bound:,.6g}, gap {100 * self.gap:.3g}%"
        return f"Allocation({count:,} of {total:,} offers: {sums})"

    def unreached(self) -> FrameT:
        """Return the best offer of each group that gets none for lack of a resource.

        A group is a customer, or a customer and an exclusion group. The best offer is the one
        with the largest net gain, which is positive. The frame has the rows of the input, and
        the columns ``net_gain``, ``lacks`` (the resource, with its place) and ``price`` (its
        shadow price). If several resources are lacking, the one is named that costs most.

        Examples:
            >>> import polars as pl
            >>> mails = pl.DataFrame({
            ...     "customer_id": [1, 2, 3], "treatment": "news", "channel": "mail",
            ...     "gain": [9.0, 7.0, 0.1], "cost": 0.5, "mails": 1})
            >>> allocate(mails, {"mails": 1}).unreached()["customer_id", "lacks"].rows()
            [(2, 'mails')]
        """
        problem = self.offers.problem
        places = _best_unreached(problem, self.choice)
        lacking = _lacking(problem, self.choice, places)
        names = np.array([self.capacities.label(n) for n in range(len(problem.capacity))], object)
        rows = _rows(self.offers, places)
        rows = with_column(rows, "lacks", names[lacking], nw.String)
        rows = with_column(rows, "price", self.choice.prices[lacking], nw.Float64)
        return self.kind.native(rows)


@checked
def allocate(
    offers: IntoFrameT,
    capacities: IntoCapacities,
    *,
    allocator: Allocator | None = None,
    place: str = "place",
    exclusion_group: str | None = None,
    keep: Sequence[str] = (),
    explore: Share = 0.0,
    seed: Seed | None = None,
) -> Allocation[IntoFrameT]:
    """Return the offers to make: the largest net gain that the capacities allow.

    At most one offer per customer is made, or one per customer and exclusion group. The result
    does not depend on the order of rows. Ties are broken by customer id, treatment and channel.
    Gains are expected effects: pass posterior means, never the value of the customer.

    Args:
        offers: One row per possible offer: ``customer_id``, ``treatment``, ``channel``,
            ``gain`` (expected effect in value), ``cost`` (in the same unit), and one column per
            resource with the amount that the offer uses. Columns that are not numeric are kept.
        capacities: Amount by resource, such as ``{"calls": 500, "staff_minutes": {"store 1":
            480, "store 2": 960}}``; or a frame with ``resource``, ``capacity`` and, for amounts
            by place, ``place``. ``math.inf`` is no limit. A budget is a capacity of ``cost``.
        allocator: How to choose; `DualAscent` by default.
        place: Column of the place of an offer, such as a store. Offers that use no resource by
            place need none.
        exclusion_group: Column of the exclusion group; one offer per customer if None.
        keep: Numeric columns that are not resources.
        explore: Share of the customers (and exclusion groups) from whom to learn. Each of their
            gains is drawn from a normal distribution with mean ``gain`` and standard deviation
            ``sd``, a column of the offers (Thompson sampling). So an offer is made as often as
            it may be the best one.
        seed: Seed of the draws; required if ``explore`` is above 0.

    Raises:
        ConfigError: If there is no seed for exploring.
        DataError: If a number is missing, a use, a cost or a capacity is negative, an offer is
            given twice, a resource has no capacity, a capacity has no column, or the allocator
            breaks a constraint.

    Warns:
        DataWarning: If no offer uses a capacity.

    Examples:
        >>> import pandas as pd
        >>> offers = pd.DataFrame({
        ...     "customer_id": ["ann", "ann", "ben"], "treatment": ["tour", "mail", "tour"],
        ...     "channel": ["store", "ec", "store"], "place": ["Ginza", None, "Ginza"],
        ...     "gain": [90.0, 20.0, 70.0], "cost": [10.0, 1.0, 10.0],
        ...     "staff_minutes": [30, 0, 30]})
        >>> found = allocate(offers, {"staff_minutes": {"Ginza": 45}, "cost": 100})
        >>> found.chosen["treatment"].tolist(), found.net_gain
        (['tour'], 80.0)
    """
    rows, kind = read_frame(offers, "the table of offers")
    limits = read_capacities(capacities)
    table = OfferTable.read(rows, limits, place=place, exclusion_group=exclusion_group, keep=keep)
    method = DualAscent() if allocator is None else allocator
    gains = table.problem.net
    if explore > 0:
        table = table.drawn(explore, _needed(seed))
    choice = _solved(method, table.problem)
    solved = float(table.problem.net[choice.chosen].sum())
    return Allocation(
        chosen=kind.native(_explored(table, np.flatnonzero(choice.chosen))),
        prices=_price_table(table.problem, choice, limits),
        net_gain=float(gains[choice.chosen].sum()),
        bound=max(choice.bound, solved),
        offers=table,
        kind=kind,
        choice=choice,
        capacities=limits,
    )


def _solved(allocator: Allocator, problem: AllocationProblem) -> Choice:
    """Return what an allocator chooses, with prices of resources that are not there.

    Raises:
        DataError: If it breaks a constraint.
    """
    found = allocator.solve(problem)
    chosen = np.asarray(found.chosen)
    if chosen.shape != problem.net.shape or chosen.dtype != np.bool_:
        problem_text = f"{allocator.name} does not return one boolean per offer"
        raise DataError(problem_text, hint="Choice(chosen, prices, bound)")
    twice = (np.bincount(problem.group[chosen], minlength=1) > 1).any()
    over = problem.used(chosen) > problem.allowed
    if twice or over.any():
        what = "makes two offers to a group" if twice else "exceeds a capacity"
        raise DataError(f"{allocator.name} {what}", hint="chosen = problem.fill(order)")
    return Choice(chosen, _with_empty(problem, found.prices), found.bound)


def _with_empty(problem: AllocationProblem, prices: Vector) -> Vector:
    """Return prices in which a resource of capacity 0 has the price of its best offer.

    An allocator does not see offers that can never be made. The price of one unit of a resource
    that is not there is the largest gain per unit over the best offer that can be made.
    """
    if (problem.capacity > 0).all():
        return prices
    empty = problem.capacity == 0
    open_room = np.where(empty, np.inf, problem.allowed)
    blocked = (problem.net > 0) & ~problem.possible & problem.fits(open_room)
    reduced = problem.reduced(np.where(empty, 0.0, prices))
    best = np.zeros(len(problem.start) - 1)
    np.maximum.at(best, problem.group, np.where(problem.possible, reduced, 0.0))
    part = problem.use[np.flatnonzero(blocked)].tocoo()
    gain = (reduced - best[problem.group])[np.flatnonzero(blocked)]
    at = empty[part.col]
    priced = prices.copy()
    np.maximum.at(priced, part.col[at], gain[part.row[at]] / part.data[at])
    return priced


def _price_table(problem: AllocationProblem, choice: Choice, limits: Capacities) -> Table:
    return Table(
        {
            "resource": np.array(limits.resource, dtype=object),
            "place": np.array(limits.place, dtype=object),
            "capacity": limits.amount,
            "used": problem.used(choice.chosen),
            "price": choice.prices,
        }
    )


def _rows(offers: OfferTable, places: Codes) -> Eager:
    """Return rows of the input with their net gain, in the order of the offers."""
    rows = offers.rows[offers.order[places], :]
    name = unused_name(rows.columns, "net_gain")
    return rows.with_columns((nw.col("gain") - nw.col("cost")).alias(name))


def _needed(seed: int | None) -> int:
    if seed is None:
        raise ConfigError("exploring draws gains. Hint: seed=1", parameter="seed")
    return seed


def _explored(offers: OfferTable, places: Codes) -> Eager:
    """Return chosen rows, and whether their gains were drawn if some were."""
    rows = _rows(offers, places)
    if offers.explored is None:
        return rows
    drawn = offers.explored[offers.problem.group[places]]
    return with_column(rows, "explored", drawn, nw.Boolean)


def _best_unreached(problem: AllocationProblem, choice: Choice) -> Codes:
    """Return the best offer of each group without an offer, if its net gain is positive."""
    reached = problem.reached(choice.chosen)
    open_offers = np.flatnonzero((problem.net > 0) & ~reached[problem.group])
    group = problem.group[open_offers]
    order = np.lexsort((open_offers, -problem.net[open_offers], group))
    first = np.unique(group[order], return_index=True)[1]
    return np.asarray(open_offers[order[first]], dtype=np.int64)


def _lacking(problem: AllocationProblem, choice: Choice, offers: Codes) -> Codes:
    """Return the resource that each offer lacks, of shape (n,)."""
    part = problem.use[offers].tocoo()
    room = problem.room(choice.chosen)
    lacks = part.data > room[part.col]
    paid = part.data * choice.prices[part.col]
    order = np.lexsort((part.col, -paid, ~lacks, part.row))
    first = np.unique(part.row[order], return_index=True)[1]
    return np.asarray(part.col[order[first]], dtype=np.int64)
