"""One tier: lines on value, a probability to reach, a condition and rules."""

from collections.abc import Sequence
from math import floor, inf
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from omniltv._config import Written
from omniltv._options import Natural, checked
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.tiers.rules import TierRule

__all__ = ["Cut", "ReachProbability", "Tier"]


@checked
class Cut(Written):
    """A line on a column: an amount, or the amount that a share of customers reaches.

    Give exactly one of the two. Customers tied at the line of a share are treated equally. By
    default they all stay below it if together they would exceed the share, so a budget for
    20 % never serves more. With ``ties="in"`` they all reach it.

    Attributes:
        share: Share of customers at or above the line, in (0, 1].
        amount: The line itself, a finite number.
        ties: Whether customers tied at the line of a share are ``"in"`` or ``"out"``.
        among: The share is of the rows that satisfy this condition; of all rows if None.

    Examples:
        >>> Cut(share=0.5).at([1.0, 2.0, 3.0, 4.0]), Cut(share=0.5).at([1.0, 3.0, 3.0, 4.0])
        (3.0, 4.0)
        >>> Cut(share=0.5, ties="in").at([1.0, 3.0, 3.0, 4.0])
        3.0
    """

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    amount: float | None = None
    ties: Literal["in", "out"] = "out"
    among: Condition | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.share is None) == (self.amount is None):
            raise ValueError("give either share or amount")
        if self.share is None and (self.ties != "out" or self.among is not None):
            raise ValueError("ties and among belong to a share")
        return self

    def places(self, n: Natural) -> int:
        """Return how many of ``n`` customers the share is; all of them for an amount.

        Examples:
            >>> Cut(share=0.2).places(9)
            1
        """
        return n if self.share is None else floor(self.share * n + 1e-9)

    def at(self, values: Sequence[float] | NDArray[np.float64]) -> float:
        """Return the line as an amount, just above all values if no one may reach it.

        Without values, the line of a share is infinity.

        Examples:
            >>> Cut(amount=50_000).at([]), Cut(share=0.5).at([7.0, 7.0]) > 7.0
            (50000.0, True)
        """
        if self.amount is not None:
            return self.amount
        ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
        if not len(ordered):
            return inf
        places = self.places(len(ordered))
        kept = ordered[:places]
        if self.ties == "out" and 0 < places < len(ordered):
            kept = kept[kept > ordered[places]]
        above = np.nextafter(ordered[0], np.finfo(np.float64).max)
        return float(kept[-1] if len(kept) else above)


class ReachProbability(Written):
    """A minimum probability of reaching the line of another tier.

    Attributes:
        tier: The tier whose ``value_at_least`` is the line.
        at_least: The probability, in (0, 1).

    Examples:
        >>> upside = ReachProbability(tier="high", at_least=0.1)
        >>> print(Tier(name="potential", chance=upside).to_yaml())
        name: potential
        chance:
          tier: high
          at_least: 0.1
        <BLANKLINE>
    """

    tier: str
    at_least: Annotated[float, Field(gt=0, lt=1)]


class Tier(Written):
    """One tier; a customer must meet all its requirements.

    Attributes:
        name: Name of the tier.
        value_at_least: Expected value at or above this line.
        realised_below: Realised value (of past purchases) below this line.
        chance: Probability of reaching the line of another tier.
        when: Condition on the columns of the table.
        rules: Rules written in Python. They cannot be stored as YAML.

    Examples:
        >>> regular = Tier(name="regular", when=Condition.where("purchases", "ge", 12))
        >>> regular.is_rest, Tier(name="others").is_rest
        (False, True)
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    value_at_least: Cut | None = None
    realised_below: Cut | None = None
    chance: ReachProbability | None = None
    when: Condition | None = None
    rules: tuple[TierRule, ...] = ()

    @property
    def is_rest(self) -> bool:
        """Whether the tier has no requirements."""
        return self == Tier(name=self.name)
