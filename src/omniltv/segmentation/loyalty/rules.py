"""Rules of a loyalty programme as documents: earning, validity, redemption and ranks."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._options import UpToACentury, checked
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.tiers.memory import Months, TierMemory
from omniltv.segmentation.tiers.scheme import TierScheme

__all__ = ["BENEFITS", "Cap", "EarningRule", "Ranks", "Redemption", "Validity"]

BENEFITS = ("joined", "birthday", "anniversary")
"""Occasions of a customer, as opposed to kinds of activities."""

_MOST = 10**9

type PointCount = Annotated[int, Field(ge=1, le=_MOST)]
type Money = Annotated[float, Field(gt=0, le=1e12)]


class Validity(Written):
    """How long points are valid; without months and days they do not expire.

    Attributes:
        months: Calendar months from the day on which the points were earned.
        days: Days from that day.
        until: The last valid day: the ``"day"`` so many months and days later, or the last day
            of its month (``"month_end"``).
        counted_from: Whether each point counts from its own ``"earning"``, or all from the
            customer's ``"last_earning"``, if that comes before they expire. An earning then
            changes the last day of older points, so the ledger needs the whole history each time.

    Examples:
        >>> Validity(months=6, until="month_end").months
        6
    """

    months: Months = 0
    days: UpToACentury = 0
    until: Literal["day", "month_end"] = "day"
    counted_from: Literal["earning", "last_earning"] = "earning"

    @property
    def expires(self) -> bool:
        """Whether the points expire at all."""
        return self != Validity()


class Cap(Written):
    """The most that one rule gives a customer in a period. The earliest activities count.

    Attributes:
        per: The period: calendar ``"day"``, ``"month"`` or ``"year"``, or ``"ever"``.
        points: Maximum number of points; None for no limit.
        times: Maximum number of activities that earn; None for no limit.

    Examples:
        >>> Cap(per="month", times=3).times
        3
    """

    per: Literal["day", "month", "year", "ever"]
    points: PointCount | None = None
    times: PointCount | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.points is None and self.times is None:
            raise ValueError("give points, times or both")
        return self


class EarningRule(Written):
    """Points for activities of one kind, on every channel.

    Attributes:
        name: Name of the rule, unique in the programme.
        activity: Kind of activity, such as ``purchase``, ``visit``, ``review`` or ``referral``;
            or an occasion of the customer: ``joined``, ``birthday``, ``anniversary`` (of joining).
        points: Points per activity, or per ``per_amount`` of its value.
        per_amount: Amount of money that earns the points; None for points per activity.
        rounding: How amounts are divided by ``per_amount``, and how products with a multiplier
            are rounded.
        when: Condition on the activity, on columns of the customer, and on ``rank``.
        times_rank: Whether the points are multiplied by the multiplier of the rank.
        cap: The most that the rule gives in a period.
        pending_days: Days from the activity until the points can be spent.
        validity: How long the points are valid; as the programme says if None.

    Examples:
        >>> EarningRule(name="basic", activity="purchase", points=1, per_amount=100).rounding
        'down'
    """

    name: Name
    activity: Name
    points: PointCount = 1
    per_amount: Money | None = None
    rounding: Literal["down", "nearest", "up"] = "down"
    when: Condition | None = None
    times_rank: bool = False
    cap: Cap | None = None
    pending_days: UpToACentury = 0
    validity: Validity | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.activity in BENEFITS and self.per_amount is not None:
            raise ValueError(f"{self.activity!r} has no value: leave out per_amount")
        if self.activity in {"return", "redeem"}:
            raise ValueError(f"activities of the kind {self.activity!r} earn no points")
        return self


class Redemption(Written):
    """How points may be spent.

    Attributes:
        minimum: The fewest points of one redemption.
        step: Points are spent in multiples of this number.
        value: Money that one point is worth.

    Examples:
        >>> Redemption(minimum=100, step=100, value=1).step
        100
    """

    minimum: PointCount = 1
    step: PointCount = 1
    value: Money = 1.0


@checked
class Ranks(Written):
    """Ranks of a programme: a tier scheme, its memory, and what a rank is good for.

    Attributes:
        scheme: Tiers on ``qualifying_value``, ``purchases`` and columns of the customers.
        memory: When ranks are reviewed, won, kept and lost, and the look-back window.
        qualify_by: Whether ``qualifying_value`` is the value of purchases, or the points earned;
            then ``purchases`` counts how often points were earned.
        multipliers: Multiplier of points by rank; 1 if a rank is not named.
        units: Words for progress by column: one word, or singular and plural.

    Examples:
        >>> ranks = Ranks.model_validate({
        ...     "scheme": {"value": "qualifying_value", "tiers": [
        ...         {"name": "gold", "value_at_least": {"amount": 50000}}, {"name": "member"}]},
        ...     "memory": {"tiers": ["gold", "member"]}, "multipliers": {"gold": 2}})
        >>> ranks.multiplier("gold"), ranks.multiplier("member")
        (2.0, 1.0)
    """

    scheme: TierScheme
    memory: TierMemory
    qualify_by: Literal["value", "points"] = "value"
    multipliers: dict[Name, Annotated[float, Field(gt=0, le=1000)]] = Field(default_factory=dict)
    units: dict[Name, str | tuple[str, str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.scheme.names != self.memory.tiers:
            raise ValueError("scheme and memory name different tiers, or in another order")
        unknown = sorted(set(self.multipliers) - set(self.memory.tiers))
        if unknown:
            raise ValueError(f"multipliers: {unknown[0]!r} is not a tier")
        return self

    def multiplier(self, rank: str) -> float:
        """Return the multiplier of a rank.

        Examples:
            >>> tiers = {"tiers": [{"name": "member"}], "value": "qualifying_value"}
            >>> Ranks(scheme=tiers, memory={"tiers": ["member"]}).multiplier("member")
            1.0
        """
        return self.multipliers.get(rank, 1.0)
