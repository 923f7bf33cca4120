"""Purchases of a day: who buys, on which channel, and for how much."""

from typing import NamedTuple

import numpy as np

from omniltv._arrays import Flags, Matrix, Places, Vector
from omniltv.simulation._dice import Dice
from omniltv.simulation._effects import Factors, effects_today
from omniltv.simulation._people import People
from omniltv.simulation._state import WorldState
from omniltv.simulation.config import WorldConfig
from omniltv.simulation.processes import Today

__all__ = ["Sales", "buy", "entering", "seasons", "weights"]


class Sales(NamedTuple):
    """Purchases of a day; arrays of shape (n_sales,) unless stated.

    Attributes:
        person: The person.
        channel: The channel.
        value: The value.
        returned: Whether it will be returned.
        first: Whether it is the person's first one.
        activity: Purchase rate of every person today, of shape (n_people,); 0 if the person is
            neither a customer nor a prospect.
    """

    person: Places
    channel: Places
    value: Vector
    returned: Flags
    first: Flags
    activity: Vector


def seasons(config: WorldConfig, first: int, days: int) -> Matrix:
    """Return the calendar factor of each day and channel, of shape (days, n_channels)."""
    calendars = [channel.calendar or config.calendar for channel in config.channels]
    return np.stack([own.factors(config.start, first, days) for own in calendars], axis=1)


def weights(people: People, season: Vector) -> tuple[list[Vector], Vector]:
    """Return each person's purchase rate by channel relative to the base, and their sum."""
    parts = [mix * factor for mix, factor in zip(people.mix, season.tolist(), strict=True)]
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return parts, total


def entering(
    config: WorldConfig, people: People, rows: Places | slice, push: Vector, day: int
) -> Vector:
    """Return the probability that people who have not bought make the first purchase today.

    Args:
        config: The world.
        people: The people.
        rows: Those who have not bought.
        push: Their factor on the rate by calendar and treatments.
        day: The day.
    """
    hazard = config.conversion / 365.25 * push
    come = (day >= people.birth[rows]) & (push > 0)
    return np.where(people.prospect[rows], -np.expm1(-hazard), come.astype(np.float64))


def buy(
    config: WorldConfig, people: People, state: WorldState, season: Vector, dice: Dice
) -> tuple[Sales, Factors]:
    """Return the purchases of a day and the factors; who is a customer and active is updated."""
    day, process = state.day, config.process
    factors = effects_today(config, state.exposures, day)
    parts, total = weights(people, season)
    total *= factors.rate
    push = total * people.push
    active = state.process["active"] > 0
    chance = process.chance(people.traits, state.process, push)
    waiting = np.flatnonzero(~state.customer)
    chance[waiting] = entering(config, people, waiting, total[waiting], day)
    bought = active & (dice.roll("purchase", day) < chance)
    first = bought & ~state.customer
    state.customer = state.customer | first
    today = Today(
        bought=bought,
        first=first,
        customer=state.customer & active,
        push=push,
        stay=people.stay * factors.stay,
        dice=dice.roll("dropout", day),
    )
    known = state.customer & active
    rate = np.where(known, people.traits["rate"] * push, 0.0)
    state.process = process.after(people.traits, state.process, today)
    rows = np.flatnonzero(bought)
    drawn = _details(config, people, rows, parts, factors, day, dice)
    return Sales(rows, *drawn, first=first[rows], activity=rate), factors


def _details(
    config: WorldConfig,
    people: People,
    rows: Places,
    parts: list[Vector],
    factors: Factors,
    day: int,
    dice: Dice,
) -> tuple[Places, Vector, Flags]:
    """Return channel, value and whether it will be returned, of the purchases of some people."""
    weight = np.stack([part[rows] for part in parts])
    if factors.channel is not None:
        weight = weight * factors.channel[:, rows]
    reach = np.cumsum(weight, axis=0)
    drawn = dice.pick("channel", day, rows) * reach[-1]
    channel = (drawn >= reach[:-1]).sum(axis=0).astype(np.intp)
    spend = people.channels["spend"][channel]
    noise = config.baskets.noise(dice.pick("value", day, rows))
    value = people.basket[rows] * noise * spend * factors.spend[rows]
    returned = dice.pick("return", day, rows) < people.channels["returns"][channel]
    return channel, np.maximum(np.rint(value), 1.0), returned
