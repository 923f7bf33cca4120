"""One tier: lines on value, a probability to reach, a condition and rules."""

from collections.abc import Sequence
from math import floor, inf, isnan
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions import Condition
from omniltv.segmentation.tiers.rules import TierRule

__all__ = ["Cut", "ReachProbability", "Tier"]


def _no_nan(amount: float) -> float:
    """Return an amount that may be infinite: a line that no one reaches."""
    if isnan(amount):
        raise ValueError("the amount is not a number")
    return amount


@checked
class Cut(Written):
    """A line on a column: an amount, or the amount that at most a share of customers reaches.

    Give exactly one of the two. Customers tied at the line all stay below it if together
    they would exceed the share, so equal customers are treated equally and a budget for 20 %
    never serves more. If all customers are equal, no one reaches the line.

    Attributes:
        share: Share of customers at or above the line, in (0, 1].
        amount: The line itself.

    Examples:
        >>> Cut(share=0.5).at([1.0, 2.0, 3.0, 4.0]), Cut(share=0.5).at([1.0, 3.0, 3.0, 4.0])
        (3.0, 4.0)
    """

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    amount: Annotated[float, Field(allow_inf_nan=True), AfterValidator(_no_nan)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.share is None) == (self.amount is None):
            raise ValueError("give either share or amount")
        return self

    def at(self, values: Sequence[float] | NDArray[np.float64]) -> float:
        """Return the line as an amount; infinity if no one may reach it.

        Examples:
            >>> Cut(amount=50_000).at([]), Cut(share=0.5).at([7.0, 7.0])
            (50000.0, inf)
        """
        if self.share is None:
            return inf if self.amount is None else self.amount
        ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
        places = floor(self.share * len(ordered) + 1e-9)
        kept = ordered[:places]
        if 0 < places < len(ordered):
            kept = kept[kept > ordered[places]]
        return float(kept[-1]) if len(kept) else inf


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
