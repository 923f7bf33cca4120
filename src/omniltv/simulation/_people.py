"""The people of a world: all that does not change over time."""

from dataclasses import dataclass
from math import log1p, sqrt

import numpy as np
from scipy import special

from omniltv._arrays import Codes, Flags, Floats, Matrix, Places, Vector
from omniltv.simulation._channels import ChannelArrays
from omniltv.simulation._dice import Dice
from omniltv.simulation._scales import normal, standardised
from omniltv.simulation.config import WorldConfig
from omniltv.simulation.processes import PersonColumns
from omniltv.simulation.treatments import TIERS, Treatment

__all__ = ["People", "draw_people"]

_TIER_SHARES = (0.2, 0.5)


@dataclass(frozen=True, eq=False)
class People:
    """People; arrays of shape (n_people,) or with a row per channel or treatment.

    Attributes:
        main: Position of the main channel.
        mix: Share of each channel in a person's purchases, of shape (n_channels, n_people).
        holds: Whether a person has a record, same shape.
        home: The person's store.
        prospect: Whether the person has not bought and may never.
        birth: Day of the first purchase of the others.
        traits: Traits of the purchase process.
        push: Constant factor on the purchase rate.
        stay: Constant factor on dropout.
        basket: Mean value of a purchase.
        tier: Position in `TIERS`.
        liking: Log odds of opening by channel, (n_channels, n_people).
        hour: The hour at which the person likes to be contacted.
        consent: Consent at the start, (n_channels, n_people).
        strength: Strength of each treatment, (n_treatments, n_people).
        leaves_data: Day on which the person leaves the data, infinite if never.
        visits: Visits without a purchase, per purchase.
        enquiries: Enquiries per purchase.
        channels: Settings of the channels.
    """

    main: Places
    mix: Matrix
    holds: Flags
    home: Places
    prospect: Flags
    birth: Codes
    traits: PersonColumns
    push: Vector
    stay: Vector
    basket: Vector
    tier: Places
    liking: Matrix
    hour: Vector
    consent: Flags
    strength: Matrix
    leaves_data: Vector
    visits: Vector
    enquiries: Vector
    channels: ChannelArrays

    def take(self, rows: slice) -> "People":
        """Return some of the people; positions of channels stay."""
        parts: dict[str, object] = {
            name: value[..., rows]
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        traits = {name: value[rows] for name, value in self.traits.items()}
        return People(**parts, traits=traits, channels=self.channels)  # type: ignore[arg-type]  # its own fields


def draw_people(config: WorldConfig, dice: Dice) -> People:
    """Return the people of a world."""
    of = ChannelArrays.of(config)
    main = _main_channels(config, dice)
    holds = _records(config, main, dice)
    prospect = dice.roll("prospect") < config.prospects
    birth = np.where(prospect, 0, _births(config, main, dice))
    traits = {**config.process.traits(dice.roll), "arrival": birth.astype(np.float64)}
    home = np.floor(dice.roll("home") * config.stores).astype(np.intp)
    push = of["rate"][main] * _store_factors(config, dice)[home]
    basket = config.baskets.means(dice.roll, traits["rate"])
    value = np.log(traits["rate"] * push * basket)
    tier = _tiers(value)
    liking = [_normal(dice, "liking", c) * config.contacts.liking for c in range(len(holds))]
    consent = [dice.roll("consent", c) < share for c, share in enumerate(of["consent"])]
    mix = _mix(config, main, holds, dice)
    return People(
        main=main,
        mix=mix,
        holds=holds,
        home=home,
        prospect=prospect,
        birth=birth,
        traits=traits,
        push=push,
        stay=of["dropout"][main],
        basket=basket,
        tier=tier,
        liking=special.logit(of["opened"])[:, None] + np.stack(liking),
        hour=7 + 15 * dice.roll("hour"),
        consent=np.stack(consent) & holds,
        strength=_strengths(config, main, tier, value, dice),
        leaves_data=_leaving(config, traits["rate"], dice),
        visits=(mix * of["visits"][:, None]).sum(axis=0),
        enquiries=of["enquiries"][main],
        channels=of,
    )


def _normal(dice: Dice, purpose: str, number: int = 0) -> Vector:
    return normal(dice.roll(purpose, number))


def _main_channels(config: WorldConfig, dice: Dice) -> Places:
    share = ChannelArrays.of(config)["share"]
    bounds = np.cumsum(share / share.sum())[:-1]
    return np.searchsorted(bounds, dice.roll("main"), side="right")


def _records(config: WorldConfig, main: Places, dice: Dice) -> Flags:
    reached = [dice.roll("reach", c) < ch.reach for c, ch in enumerate(config.channels)]
    holds: Flags = np.stack(reached)
    holds[main, np.arange(len(main))] = True
    return holds


def _births(config: WorldConfig, main: Places, dice: Dice) -> Codes:
    """Return days of first purchases, which follow the calendar of the main channel."""
    rolled = dice.roll("birth")
    birth = np.zeros(len(main), dtype=np.int64)
    for c, channel in enumerate(config.channels):
        calendar = channel.calendar or config.calendar
        reach = np.cumsum(calendar.factors(config.start, 0, config.acquired_within))
        own = main == c
        birth[own] = np.searchsorted(reach, rolled[own] * reach[-1], side="right")
    return np.minimum(birth, config.acquired_within - 1)


def _mix(config: WorldConfig, main: Places, holds: Flags, dice: Dice) -> Matrix:
    """Return Dirichlet shares over the channels where a person has a record."""
    people = np.arange(len(main))
    weight = np.where(holds, ChannelArrays.of(config)["share"][:, None], 0.0)
    weight[main, people] = 0.0
    others = weight.sum(axis=0)
    mean = (1 - config.loyalty) * np.divide(weight, others, out=weight, where=others > 0)
    mean[main, people] = config.loyalty
    shape = mean * config.mix_concentration
    drawn = [special.gammaincinv(a, dice.roll("mix", c)) for c, a in enumerate(shape)]
    gamma = np.where(shape > 0, np.stack(drawn), 0.0)
    gamma[main, people] += 1e-9
    mix: Floats = gamma / gamma.sum(axis=0)
    return mix


def _store_factors(config: WorldConfig, dice: Dice) -> Vector:
    """Return the factor of each store on purchase rates, with mean about 1."""
    rows = np.arange(config.stores) % dice.people
    sd = config.store_spread
    drawn = [_normal(dice, "store", turn)[row] for turn, row in enumerate(rows.tolist())]
    return np.exp(sd * np.array(drawn) - sd**2 / 2)


def _tiers(value: Vector) -> Places:
    cuts = np.quantile(value, [1 - share for share in _TIER_SHARES])
    tier: Places = (value < cuts[0]).astype(np.intp) + (value < cuts[1])
    return tier


def _strengths(
    config: WorldConfig, main: Places, tier: Places, value: Vector, dice: Dice
) -> Matrix:
    z_value = standardised(value)
    rows = [
        _strength(treatment, z_value, _normal(dice, f"strength {treatment.name}"))
        * np.array([treatment.by_tier.get(name, 1.0) for name in TIERS])[tier]  # type: ignore[call-overload]  # tiers are literals
        * np.array([treatment.by_channel.get(c.name, 1.0) for c in config.channels])[main]
        for treatment in config.treatments
    ]
    return np.stack(rows) if rows else np.empty((0, len(main)))


def _strength(treatment: Treatment, z_value: Vector, own: Vector) -> Vector:
    rho, sd = treatment.with_value, treatment.spread
    return np.exp(sd * (rho * z_value + sqrt(1 - rho**2) * own) - sd**2 / 2)


def _leaving(config: WorldConfig, rate: Vector, dice: Dice) -> Vector:
    """Return the day on which a person leaves the data."""
    rules = config.attrition
    if rules.per_year == 0:
        return np.full(len(rate), np.inf)
    hazard = -log1p(-rules.per_year) / 365.25 * np.exp(rules.with_rate * standardised(np.log(rate)))
    day: Vector = np.ceil(-np.log1p(-dice.roll("leave data")) / hazard)
    return day
