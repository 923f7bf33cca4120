"""Configuration of a world: channels, people, contacts, goods, staff and treatments."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, model_validator

from omniltv._config import Written
from omniltv.simulation._limits import AboveZero, Fraction, FromZero, WholeNumber
from omniltv.simulation.baskets import Baskets
from omniltv.simulation.calendar import Calendar
from omniltv.simulation.processes import BgNbdCustomers, PurchaseProcess, process_of
from omniltv.simulation.treatments import Interaction, Treatment

__all__ = [
    "Attrition",
    "ChannelSettings",
    "ContactRules",
    "Goods",
    "GoodsCategory",
    "StaffCapacity",
    "WorldConfig",
]


class ChannelSettings(Written):
    """One channel of a world.

    Attributes:
        name: Name of the channel.
        kind: Stores have locations and stock; online channels have browsing and carts and sell
            from the warehouse; call centres have agents.
        share: Share of the people whose main channel it is; shares are scaled to sum to 1.
        rate: Factor on the purchase rate of these people.
        dropout: Factor on their dropout.
        spend: Factor on the value of purchases made here.
        reach: Probability that another person has a record here.
        calendar: Calendar of the channel; that of the world if None.
        visits: Visits without a purchase per purchase.
        carts: Share of online visits without a purchase that leave a cart behind.
        enquiries: Enquiries per purchase.
        returns: Share of purchases that are returned within two weeks.
        returned_elsewhere: Share of returns that come back on another channel.
        consent: Share of its people who may be contacted here.
        delivered: Probability that a contact with consent is delivered.
        opened: Probability that a delivered contact is opened, for a typical person at the
            right hour without recent contacts.
        answered: Probability that an opened contact is answered.
        cost: Money per contact.
        minutes: Minutes of staff per contact or enquiry.
        hours: Opening and closing hour.

    Examples:
        >>> ChannelSettings(name="mail", kind="online", share=0.3, returns=0.2).opened
        0.2
    """

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["store", "online", "call"] = "online"
    share: AboveZero = 1.0
    rate: AboveZero = 1.0
    dropout: AboveZero = 1.0
    spend: AboveZero = 1.0
    reach: Fraction = 0.2
    calendar: Calendar | None = None
    visits: FromZero = 1.0
    carts: Fraction = 0.3
    enquiries: FromZero = 0.02
    returns: Fraction = 0.0
    returned_elsewhere: Fraction = 0.2
    consent: Fraction = 0.8
    delivered: Fraction = 0.97
    opened: Annotated[float, Field(gt=0, lt=1)] = 0.2
    answered: Fraction = 0.15
    cost: FromZero = 1.0
    minutes: FromZero = 0.0
    hours: tuple[int, int] = (10, 20)

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if not 0 <= self.hours[0] < self.hours[1] <= 24:
            raise ValueError(f"hours are (opening, closing) within 0 to 24, got {self.hours}")
        return self


class ContactRules(Written):
    """How people take contacts.

    Attributes:
        liking: Standard deviation between people of the log odds of opening, per channel.
        hour: Loss in the log odds of opening at the hour that a person likes least.
        fatigue: Loss in the log odds of opening per recent contact.
        rest: Mean days after which a contact is no longer recent.
        opt_out: Probability per delivered contact and recent contact that consent on that
            channel is withdrawn.
        attribution: Days after an answer within which a purchase counts as ``bought``.

    Examples:
        >>> ContactRules(fatigue=0.0).rest
        10.0
    """

    liking: FromZero = 0.8
    hour: FromZero = 1.0
    fatigue: FromZero = 0.25
    rest: AboveZero = 10.0
    opt_out: Fraction = 0.002
    attribution: WholeNumber = 7


class GoodsCategory(Written):
    """A category of goods.

    Attributes:
        name: Name of the category.
        share: Share of the lines of purchases, before season and repurchase times.
        repurchase: Mean days until a customer needs the category again.
        months: Factor on the share per calendar month, January first.

    Examples:
        >>> GoodsCategory(name="coats", months=(2, 1, 1, 1, 0, 0, 0, 0, 1, 2, 3, 3)).repurchase
        30.0
    """

    name: Annotated[str, Field(min_length=1)]
    share: AboveZero = 1.0
    repurchase: AboveZero = 30.0
    months: Annotated[tuple[FromZero, ...], Field(min_length=12, max_length=12)] = (1.0,) * 12


class Goods(Written):
    """Goods, and their stock by location and day.

    Attributes:
        categories: The categories.
        items: Items per category.
        lines: Mean lines of a purchase, at most 4.
        delivery: Days between deliveries to a location.
        cover: Stock after a delivery, in expected demand between deliveries; stock is unlimited
            if None.
        collect: Share of online purchases that are collected in the customer's store.

    Examples:
        >>> Goods(categories=(GoodsCategory(name="tea"),), cover=None).items
        12
    """

    categories: Annotated[tuple[GoodsCategory, ...], Field(min_length=1)]
    items: WholeNumber = 12
    lines: Annotated[float, Field(ge=1, le=4)] = 1.8
    delivery: WholeNumber = 7
    cover: AboveZero | None = 2.0
    collect: Fraction = 0.1


class StaffCapacity(Written):
    """Capacity of staff per day; enquiries come before contacts.

    Attributes:
        store_minutes: Minutes per store for contacts and enquiries.
        calls: Calls per call centre.

    Examples:
        >>> StaffCapacity(calls=40).store_minutes
        240.0
    """

    store_minutes: FromZero = 240.0
    calls: Annotated[int, Field(ge=0)] = 200


class Attrition(Written):
    """People who leave the data, though they go on buying.

    Attributes:
        per_year: Probability within a year, at mean purchase rate.
        with_rate: Slope of the log hazard in the standardised log rate: below 0, light buyers
            leave the data sooner.

    Examples:
        >>> Attrition(per_year=0.1, with_rate=-0.5).per_year
        0.1
    """

    per_year: Annotated[float, Field(ge=0, lt=1)] = 0.0
    with_rate: Annotated[float, Field(ge=-3, le=3)] = 0.0


def _written(process: PurchaseProcess) -> object:
    if not isinstance(process, BaseModel):
        return process.name
    return {"name": process.name, **process.model_dump(exclude_defaults=True)}


class WorldConfig(Written):
    """A retailer that answers back.

    Attributes:
        channels: The channels, with distinct names.
        process: How customers buy and leave: a name, a mapping with a name and parameters, or
            an object that implements `PurchaseProcess`.
        baskets: Values of purchases.
        calendar: Calendar of all channels without their own.
        start: First day.
        period: Days per step.
        prospects: Share of the people who have not bought yet and may never.
        conversion: Expected first purchases per prospect and year.
        prospect_visits: Expected visits per prospect and year.
        acquired_within: Days within which the others make their first purchase.
        loyalty: Mean share of a person's purchases made on the main channel.
        mix_concentration: Dirichlet concentration of people's channel mixes.
        stores: Number of stores; each person has one.
        store_spread: Standard deviation between stores of the log purchase rate of their people.
        contacts: How people take contacts.
        goods: Goods and stock; purchases have no lines if None.
        staff: Capacity of staff.
        social: Probability that a purchase is followed by a review, a referral and a social post.
        attrition: People who leave the data.
        treatments: The treatments, with distinct names.
        interactions: Pairs of treatments that go together well or badly.

    Examples:
        >>> config = WorldConfig(process="regimes", treatments=(Treatment(name="mail"),))
        >>> WorldConfig.from_yaml(config.to_yaml()) == config
        True
    """

    channels: Annotated[tuple[ChannelSettings, ...], Field(min_length=1)] = (
        ChannelSettings(name="store", kind="store", share=0.7, minutes=10.0, opened=0.6),
        ChannelSettings(name="ec", share=0.3, hours=(0, 24)),
    )
    process: Annotated[
        PurchaseProcess,
        PlainValidator(process_of),
        PlainSerializer(_written, return_type=object),
    ] = Field(default_factory=BgNbdCustomers)
    baskets: Baskets = Baskets()
    calendar: Calendar = Calendar()
    start: date = date(2024, 1, 1)
    period: WholeNumber = 7
    prospects: Annotated[float, Field(ge=0, lt=1)] = 0.0
    conversion: FromZero = 0.3
    prospect_visits: FromZero = 6.0
    acquired_within: WholeNumber = 364
    loyalty: Fraction = 0.75
    mix_concentration: AboveZero = 4.0
    stores: WholeNumber = 5
    store_spread: FromZero = 0.0
    contacts: ContactRules = ContactRules()
    goods: Goods | None = None
    staff: StaffCapacity = StaffCapacity()
    social: tuple[Fraction, Fraction, Fraction] = (0.03, 0.01, 0.01)
    attrition: Attrition = Attrition()
    treatments: tuple[Treatment, ...] = ()
    interactions: tuple[Interaction, ...] = ()

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        channels = [channel.name for channel in self.channels]
        treatments = [treatment.name for treatment in self.treatments]
        for names in (channels, treatments):
            if len(set(names)) < len(names):
                raise ValueError(f"names are distinct, got {names}")
        paired = [name for pair in self.interactions for name in (pair.first, pair.second)]
        used = [c for t in self.treatments for c in (*t.channel, *t.by_channel)]
        unknown = sorted({*paired} - {*treatments} | {*used} - {*channels})
        if unknown:
            raise ValueError(f"unknown names {unknown} of treatments or channels")
        return self
