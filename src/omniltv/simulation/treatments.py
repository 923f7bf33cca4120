"""Treatments: what they change, when, for whom, and how two of them go together."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from omniltv._arrays import Integers, Vector
from omniltv._config import Written
from omniltv._options import checked
from omniltv.simulation._limits import AboveZero, FromZero, WholeNumber

__all__ = ["TIERS", "Interaction", "Treatment"]


TIERS = ("high", "potential", "general")
"""Latent tiers: the best 20 %, the next 30 % and the rest by purchase rate times mean value."""


@checked
class Treatment(Written):
    """A treatment and its effect on a person, which begins the day after the exposure.

    A person's strength s multiplies the logarithm of every factor: at strength s, on a day with
    profile p, the purchase rate is multiplied by ``rate ** (s * p)``. A second exposure starts
    the effect again; the effects of two exposures do not add up.

    Attributes:
        name: Name of the treatment.
        rate: Factor on the purchase rate.
        dropout: Factor on dropout.
        spend: Factor on the value of a purchase.
        channel: Factor on the odds of buying on a channel, by channel.
        onset: Days from the exposure to the effect, less one.
        half_life: Days after which the effect has faded to half of its logarithm; it does not
            fade if None.
        lasting: Days until the effect ends; it never ends if None. What a lower dropout has
            kept stays.
        pull_forward: Share of the additional purchases that are only brought forward. The rate
            is lower after the end, until they are paid back.
        payback: Mean days of paying back.
        spread: Standard deviation of the logarithm of people's strength; its mean is 1.
        with_value: Correlation of that logarithm with a person's log value (normal scales).
        by_tier: Factor on strength by latent tier (`TIERS`).
        by_channel: Factor on strength by a person's main channel.
        after_event: Factor on strength by behaviour event, if the person had that event within
            seven days before the exposure.
        acts_on: The step of a contact that exposes the person.
        cost: Money per delivered contact, in addition to the channel's.

    Examples:
        >>> coupon = Treatment(name="coupon", rate=1.5, half_life=7, lasting=28)
        >>> coupon.profile(np.array([0, 1, 8, 28, 29])).round(3).tolist()
        [0.0, 1.0, 0.5, 0.069, 0.0]
    """

    name: Annotated[str, Field(min_length=1)]
    rate: AboveZero = 1.0
    dropout: AboveZero = 1.0
    spend: AboveZero = 1.0
    channel: Mapping[str, AboveZero] = Field(default_factory=dict)
    onset: Annotated[int, Field(ge=0)] = 0
    half_life: AboveZero | None = None
    lasting: WholeNumber | None = None
    pull_forward: Annotated[float, Field(ge=0, le=1)] = 0.0
    payback: AboveZero = 28.0
    spread: Annotated[float, Field(ge=0, le=2)] = 0.0
    with_value: Annotated[float, Field(ge=-1, le=1)] = 0.0
    by_tier: Mapping[Literal["high", "potential", "general"], FromZero] = Field(
        default_factory=dict
    )
    by_channel: Mapping[str, FromZero] = Field(default_factory=dict)
    after_event: Mapping[str, FromZero] = Field(default_factory=dict)
    acts_on: Literal["delivered", "opened", "answered"] = "opened"
    cost: FromZero = 0.0

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.pull_forward > 0 and self.lasting is None:
            raise ValueError("purchases are paid back after the end: pull_forward needs lasting")
        return self

    def profile(self, age: Integers) -> Vector:
        """Return the share of the full effect, given days since the exposure, same shape."""
        running = age - 1 - self.onset
        on = running >= 0
        if self.lasting is not None:
            on &= running < self.lasting
        if self.half_life is None:
            return on.astype(np.float64)
        return np.where(on, 0.5 ** (np.maximum(running, 0) / self.half_life), 0.0)


class Interaction(Written):
    """Two treatments that reinforce or dull each other while both act on a person.

    Attributes:
        first: Name of a treatment.
        second: Name of the other.
        factor: Factor on the strength of both: above 1 they reinforce, below 1 they dull each
            other.

    Examples:
        >>> Interaction(first="coupon", second="event", factor=0.5).factor
        0.5
    """

    first: str
    second: str
    factor: FromZero
