"""Configuration of a simulated retailer: channels, dirt, treatment."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from omniltv._config import Config
from omniltv._options import NotNegative, Positive, Share, checked
from omniltv.errors import ConfigError
from omniltv.units import Span, TimeUnit, weeks

__all__ = ["FIELDS", "ChannelConfig", "Dirt", "RetailerConfig", "TreatmentEffect"]

FIELDS = (
    "family_name",
    "given_name",
    "family_name_kana",
    "given_name_kana",
    "email",
    "phone",
    "postcode",
    "address",
    "birth_date",
    "gender",
    "card_number",
)


# Probability that each list has each field.
_STORE = {
    "family_name": 0.55,
    "given_name": 0.55,
    "family_name_kana": 0.95,
    "given_name_kana": 0.95,
    "email": 0.15,
    "phone": 0.85,
    "postcode": 0.5,
    "address": 0.3,
    "birth_date": 0.6,
    "gender": 0.9,
    "card_number": 0.9,
}
_EC = {
    "family_name": 1.0,
    "given_name": 1.0,
    "family_name_kana": 0.7,
    "given_name_kana": 0.7,
    "email": 1.0,
    "phone": 0.85,
    "postcode": 1.0,
    "address": 1.0,
    "birth_date": 0.4,
    "gender": 0.5,
    "card_number": 0.25,
}
_APP = {
    "family_name": 0.7,
    "given_name": 0.75,
    "email": 0.75,
    "phone": 0.55,
    "postcode": 0.3,
    "birth_date": 0.7,
    "gender": 0.8,
    "card_number": 0.4,
}
_CALL = {
    "family_name": 0.3,
    "given_name": 0.25,
    "family_name_kana": 1.0,
    "given_name_kana": 0.85,
    "phone": 1.0,
    "email": 0.1,
    "postcode": 0.4,
    "address": 0.5,
    "gender": 0.6,
    "card_number": 0.1,
}


class ChannelConfig(Config):
    """One channel: the purchases of its people, and its customer list.

    Attributes:
        name: Name of the channel and of its customer list.
        share: Share of the people who buy first in this channel; shares are scaled to sum to 1.
        r: Shape of the gamma distribution of purchase rates (BG/NBD).
        alpha: Rate parameter of that distribution, in `RetailerConfig.unit`; the mean purchase
            rate is r / alpha.
        a: First parameter of the beta distribution of dropout probabilities.
        b: Second parameter; the mean dropout probability is a / (a + b).
        p: Shape of a purchase's value given the person (gamma-gamma).
        q: Shape of the gamma distribution of the scales of persons.
        v: Rate parameter of that distribution; the mean value of a purchase is
            p v / (q - 1), q > 1.
        reach: Probability that a person acquired in another channel also has a record here.
        duplicates: Probability that a person with a record here has a second one.
        coverage: Probability that a field is filled in, by field name; other fields are empty.
        hours: Opening and closing hour.
        events: Behaviour events per purchase, by kind, until the person drops out.
        contacts: Service contacts per purchase, by kind, until the person drops out.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> store = ChannelConfig(name="store", share=0.8)
        >>> ec = ChannelConfig(name="ec", share=0.2, events={"browse": 2.0})
        >>> config = RetailerConfig(channels=(store, ec))
        >>> simulate_retailer(100, seed=1, config=config).behaviour["event"].unique().tolist()
        ['browse']
    """

    name: Annotated[str, Field(min_length=1)]
    share: Positive
    r: Positive = 0.8
    alpha: Positive = 9.0
    a: Positive = 0.8
    b: Positive = 4.0
    p: Positive = 4.0
    q: Annotated[float, Field(gt=1)] = 4.0
    v: Positive = 4500.0
    reach: Share = 0.2
    duplicates: Share = 0.0
    coverage: Mapping[str, Share] = Field(default_factory=lambda: dict(_EC))
    hours: tuple[int, int] = (10, 20)
    events: Mapping[str, NotNegative] = Field(default_factory=dict)
    contacts: Mapping[str, NotNegative] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        unknown = sorted(set(self.coverage) - set(FIELDS))
        if unknown:
            message = f"unknown fields {unknown} in coverage; a record has {list(FIELDS)}"
            raise ValueError(message)
        if not 0 <= self.hours[0] < self.hours[1] <= 24:
            message = f"hours are (opening, closing) within 0 to 24, got {self.hours}"
            raise ValueError(message)
        return self


@checked
class Dirt(Config):
    """Errors in the customer lists: probabilities per record at `level` 1.

    Attributes:
        level: Factor on all probabilities below: 0 is clean, 2 is bad. At 0.15, Splink with
            careful settings links as well as on real retail lists (pairwise F1 .82); at 1 it
            reaches .72.
        writing: Probability that a field is written in a non-standard way (half-width kana,
            full-width digits, capitals, +81, no prefecture …).
        typo: Probability that a name or an e-mail address has a typo.
        missing: Probability that a field that the list has is empty.
        placeholder: Probability that a phone number is a default value or that of the shop.
        other_contact: Probability that the record has the person's second e-mail address, or
            the phone number of the household.
        unsplit: Probability that the full name is in the field of the family name.
        outdated: Probability that a record has the old address or number of a person who
            changed it.
        maiden: Probability that a record has the former family name of a person who changed it
            on marriage.

    Examples:
        >>> Dirt(level=0.5).rate("typo")
        0.015
    """

    level: Annotated[float, Field(ge=0, le=2)] = 1.0
    writing: Share = 0.35
    typo: Share = 0.03
    missing: Share = 0.06
    placeholder: Share = 0.015
    other_contact: Share = 0.25
    unsplit: Share = 0.03
    outdated: Share = 0.5
    maiden: Share = 0.4

    def rate(self, name: str) -> float:
        """Return the probability of one kind of error at this level, at most 0.95."""
        if name not in type(self).model_fields:
            raise ConfigError(
                f"no such error: {name!r}. Hint: one of {', '.join(self.model_dump())}"
            )
        rate: float = getattr(self, name)
        return min(rate * self.level, 0.95)


class TreatmentEffect(Config):
    """The effect of a treatment on the latent parameters of treated people.

    Attributes:
        rate: Factor on the purchase rate.
        dropout: Factor on the dropout probability after each purchase.
        lasting: How long the effect lasts from the start of the treatment; permanent if None.

    Examples:
        >>> effect = TreatmentEffect(rate=1.2, lasting=weeks(12))
        >>> effect.rate, effect.dropout
        (1.2, 1.0)
    """

    rate: Positive = 1.25
    dropout: NotNegative = 1.0
    lasting: Span | None = None


_CHANNELS = (
    ChannelConfig(
        name="store",
        share=0.74,
        r=0.9,
        alpha=9.0,
        a=0.8,
        b=4.0,
        v=4500.0,
        reach=0.35,
        duplicates=0.08,
        coverage=_STORE,
        events={"visit": 0.8},
        contacts={"staff": 0.2},
    ),
    ChannelConfig(
        name="ec",
        share=0.2,
        r=0.7,
        alpha=8.0,
        a=0.9,
        b=3.0,
        v=6400.0,
        reach=0.3,
        coverage=_EC,
        hours=(0, 24),
        events={"browse": 1.5, "cart": 0.6},
        contacts={"chat": 0.05},
    ),
    ChannelConfig(
        name="app",
        share=0.05,
        r=1.2,
        alpha=9.0,
        a=0.6,
        b=4.0,
        v=3800.0,
        reach=0.2,
        coverage=_APP,
        hours=(6, 24),
        events={"app_open": 2.0, "browse": 0.5},
    ),
    ChannelConfig(
        name="call",
        share=0.01,
        r=0.6,
        alpha=12.0,
        a=1.2,
        b=3.5,
        v=9000.0,
        reach=0.05,
        coverage=_CALL,
        hours=(9, 18),
        contacts={"call": 0.5},
    ),
)


class RetailerConfig(Config):
    """A retailer: channels, window, people and dirt.

    Attributes:
        channels: The channels, with distinct names.
        start: First day of the observation window.
        observed: Length of the window, rounded down to whole days.
        unit: The unit of time of `ChannelConfig.alpha`.
        growth: Trend of first purchases over the window. 0 is constant; 1 rises from none at
            the start to twice the mean at the end.
        acquired_within: Share of the window, from its start, in which people first buy.
        loyalty: Mean share of a person's repeat purchases made on the acquisition channel.
        mix_concentration: Dirichlet concentration of people's channel mixes.
        guest: Probability that a purchase has no record id.
        second_ticket: Probability that a purchase is split into two tickets on the same day.
        refund: Probability that a ticket is refunded in full, within the window.
        seasonality: Factor on the purchase rate per calendar month, January first; no
            seasonality if None.
        latin: Share of people with a Latin name.
        card: Share of people with a membership card.
        dirt: Errors in the customer lists.

    Examples:
        >>> RetailerConfig(dirt=Dirt(level=0.5)).channels[0].name
        'store'
    """

    channels: tuple[ChannelConfig, ...] = Field(default=_CHANNELS, min_length=1)
    start: date = date(2024, 1, 1)
    observed: Span = weeks(78)
    unit: TimeUnit = TimeUnit.WEEK
    growth: Share = 0.0
    acquired_within: Annotated[float, Field(gt=0, le=1)] = 1.0
    loyalty: Share = 0.75
    mix_concentration: Positive = 4.0
    guest: Share = 0.03
    second_ticket: Share = 0.03
    refund: Share = 0.01
    seasonality: Annotated[tuple[Positive, ...], Field(min_length=12, max_length=12)] | None = None
    latin: Share = 0.04
    card: Share = 0.75
    dirt: Dirt = Dirt()

    @model_validator(mode="after")
    def _usable(self) -> Self:
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names):
            message = f"channels have distinct names, got {names}"
            raise ValueError(message)
        if self.observed.to(TimeUnit.DAY) < 1:
            message = f"the window is a day or longer, got {self.observed}"
            raise ValueError(message)
        return self
