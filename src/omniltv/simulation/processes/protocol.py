"""The protocol of a purchase process: who buys on which day, and who stops for good."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from omniltv._arrays import Flags, Matrix, Vector
from omniltv._options import checked

__all__ = ["Outlook", "PersonColumns", "PurchaseProcess", "Today", "Uniforms", "alive_chain"]

type PersonColumns = Mapping[str, Vector]
"""Numbers per person by name, each of shape (n_people,)."""

type Uniforms = Callable[[str], Vector]
"""Returns a uniform number per person for a purpose, of shape (n_people,)."""


class Today(NamedTuple):
    """What a process learns about one day; arrays of shape (n_people,).

    Attributes:
        bought: Who made a purchase, the first one included.
        first: Who made the first purchase.
        customer: Who is a customer at the end of the day: made the first purchase, and active.
        push: Factor on the purchase rate of the day.
        stay: Factor on dropout of the day.
        dice: A uniform number.

    Examples:
        >>> one, yes = np.ones(1), np.ones(1, dtype=bool)
        >>> Today(yes, yes, yes, push=one, stay=one, dice=one / 2).dice
        array([0.5])
    """

    bought: Flags
    first: Flags
    customer: Flags
    push: Vector
    stay: Vector
    dice: Vector


class Outlook(NamedTuple):
    """The days of a forecast; arrays of shape (n_days, n_people).

    Attributes:
        push: Factor on the purchase rate.
        stay: Factor on dropout.
        entering: Probability that the first purchase is on that day.
        customer: Who is a customer now, of shape (n_people,).

    Examples:
        >>> day = np.ones((1, 2))
        >>> Outlook(day, day, 0 * day, np.array([True, False])).push.shape
        (1, 2)
    """

    push: Matrix
    stay: Matrix
    entering: Matrix
    customer: Flags


@runtime_checkable
class PurchaseProcess(Protocol):
    """How customers buy and leave, day by day. A process of your own implements it in one file.

    `traits` never change. `start` is the state after the first purchase; it contains
    ``active``, 1.0 until the customer has left. A person buys at most once a day. The world
    draws the first purchase; the process has a say in all later ones.

    Examples:
        >>> from omniltv.simulation.processes import BgNbdCustomers
        >>> isinstance(BgNbdCustomers(), PurchaseProcess)
        True
    """

    @property
    def name(self) -> str:
        """Name of the process."""
        ...

    def traits(self, uniform: Uniforms) -> PersonColumns:
        """Return what does not change; ``rate``, purchases per day while active, is needed.

        The world adds ``arrival``: the day from which a person can buy.
        """
        ...

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return the state on the day of the first purchase, which has not been counted yet."""
        ...

    def chance(self, traits: PersonColumns, state: PersonColumns, push: Vector) -> Vector:
        """Return the probability that an active customer buys today."""
        ...

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return the state of the next day."""
        ...

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day, first purchases included.

        It is exact given the traits, today's state and the outlook.
        """
        ...


@checked
def alive_chain(
    outlook: Outlook, alive: Vector, chance: Matrix, lost: Matrix, lost_at_first: Matrix
) -> Matrix:
    """Return the probability of a purchase on each day if the only state is to be active.

    Args:
        outlook: The days.
        alive: Probability of being an active customer before the first of them.
        chance: Probability that an active customer buys, of shape (n_days, n_people).
        lost: Probability that an active customer leaves at the end of the day, same shape.
        lost_at_first: The same for the day of the first purchase.

    Examples:
        >>> day = np.ones((2, 1))
        >>> outlook = Outlook(day, day, 0 * day, np.array([True]))
        >>> alive_chain(outlook, np.ones(1), day / 2, day / 4, 0 * day).ravel().tolist()
        [0.5, 0.375]
    """
    buys = np.empty_like(chance)
    for day in range(len(chance)):
        buys[day] = alive * chance[day] + outlook.entering[day]
        alive = alive * (1 - lost[day]) + outlook.entering[day] * (1 - lost_at_first[day])
    return buys
