"""A treatment of a playbook: for whom, on which channel, by whom, and what it uses."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv.segmentation.conditions._values import Name, Names
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.triggers.kind import AnyTrigger

__all__ = ["Campaign", "EffectPrior", "ScarceResource", "TreatmentRule"]

type Amount = Annotated[float, Field(ge=0, le=1e15)]
type HourOfDay = Annotated[int, Field(ge=0, le=23, strict=True)]


class EffectPrior(Written):
    """What is assumed of an effect that no experiment has measured.

    Attributes:
        effect: Expected value per contact. At 0, the treatment is not worth its cost, so
            nobody gets it before it was tried.
        sd: Standard deviation of the expectation.

    Examples:
        >>> EffectPrior(effect=50, sd=100).sd
        100.0
    """

    effect: Annotated[float, Field(ge=-1e15, le=1e15)] = 0.0
    sd: Amount = 0.0


class ScarceResource(Written):
    """A resource that treatments use, and how a price of it is told.

    Attributes:
        name: Name, such as ``staff_minutes``.
        amount: Amount that a price is told for, such as 60.
        label: What this amount is called, such as ``hour of staff``; the name if None.

    Examples:
        >>> ScarceResource(name="staff_minutes", amount=60, label="hour of staff").amount
        60.0
    """

    name: Name
    amount: Annotated[float, Field(gt=0, le=1e15)] = 1.0
    label: Name | None = None


class Campaign(Written):
    """A campaign: the same days on every channel, and each person once within the rest days.

    Attributes:
        name: Name of the campaign.
        first: First day.
        last: Last day.

    Examples:
        >>> Campaign(name="spring", first="2026-03-01", last="2026-03-14").name
        'spring'
    """

    name: Name
    first: date
    last: date

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.last < self.first:
            raise ValueError("the last day is before the first")
        return self


class TreatmentRule(Written):
    """A treatment on one channel. A treatment on two channels has two rules of one name.

    Attributes:
        name: Name of the treatment.
        channel: Channel of the contact.
        owner: Who makes the contact, such as ``sales``, ``marketing`` or ``digital marketing``.
        tiers: Tiers of customers who may get it; all if None.
        classes: Customer classes who may get it; all if None.
        form: Personal (``one_to_one``), or the same for a segment (``quasi_one_to_one``).
        cost: Cost of a contact, in the unit of value.
        uses: Amount of each resource that a contact uses, such as staff minutes.
        content: Key of the content in the system that makes the contact; the name if None.
        when: Condition on the customer.
        trigger: What has to happen first; nothing if None.
        needs_stock: Whether only customers get it to whom an article can be delivered.
        exclusion_group: Treatments of one group exclude each other: a customer gets one of
            them within the rest days.
        hold_out: Share of the customers who never get it, so that its effect can be measured.
        campaign: Campaign whose days apply.
        hour: Hour of the day, unless the best hour of the customer is known.
        rest_days: Days before a customer gets it again; those of the policy if None.
        prior: What is assumed of its effect until it is measured; that of the playbook if None.

    Examples:
        >>> rule = TreatmentRule(name="fitting", channel="store", owner="sales", tiers="high",
        ...                      uses={"staff_minutes": 30}, form="one_to_one")
        >>> rule.tiers, rule.hold_out
        (('high',), 0.0)
    """

    name: Name
    channel: Name
    owner: Name
    tiers: Names | None = None
    classes: Names | None = None
    form: Literal["one_to_one", "quasi_one_to_one"] = "quasi_one_to_one"
    cost: Amount = 0.0
    uses: Mapping[Name, Amount] = Field(default_factory=dict)
    content: Name | None = None
    when: Condition | None = None
    trigger: AnyTrigger | None = None
    needs_stock: Annotated[bool, Field(strict=True)] = False
    exclusion_group: Name | None = None
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    campaign: Name | None = None
    hour: HourOfDay = 10
    rest_days: Annotated[int, Field(ge=0, le=3_650, strict=True)] | None = None
    prior: EffectPrior | None = None

    @property
    def key(self) -> str:
        """Key of the content."""
        return self.name if self.content is None else self.content
