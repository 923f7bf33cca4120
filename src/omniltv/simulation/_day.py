"""One day of a world: deliveries, purchases, behaviour, returns, contacts."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniltv._arrays import Codes, Flags, Integers, Places, Vector
from omniltv.simulation._behaviour import Events, behave, join
from omniltv.simulation._contacts import Contacts, Planned, contact, within_limit
from omniltv.simulation._demand import Sales, buy
from omniltv.simulation._dice import Dice
from omniltv.simulation._goods import Lines, deliver, pick
from omniltv.simulation._people import People
from omniltv.simulation._state import EVENTS, Pending, WorldState
from omniltv.simulation.config import WorldConfig

__all__ = ["Day", "Premise", "live_day", "only_purchases"]

_RETURN_DAYS = 14
_COLLECT_DAYS = 2


@dataclass(frozen=True, eq=False)
class Premise:
    """What a world has from the start.

    Attributes:
        config: The world.
        people: The people.
        targets: Stock of each location after a delivery.
        dice: Random numbers.
    """

    config: WorldConfig
    people: People
    targets: Integers
    dice: Dice


class Day(NamedTuple):
    """What happened on a day; arrays.

    Attributes:
        day: Number of the day.
        sales: The purchases; values are those served.
        number: Number of each purchase; -1 if nothing of it was in stock.
        second: Second of the day of each purchase.
        lines: Their lines.
        due: Returns and collections of the day.
        due_second: Second of the day of each.
        events: Behaviour events.
        answered: Whether an enquiry found staff, in the order of enquiries among the events.
        contacts: The contacts.
        credited: The contact to which a purchase is attributed; -1 if none.
        used: Capacity used by location.
        delivered: Items delivered, (n_locations, n_items).
        stock: Stock at the end, same shape.
    """

    day: int
    sales: Sales
    number: Codes
    second: Codes
    lines: Lines
    due: Pending
    due_second: Codes
    events: Events
    answered: Flags
    contacts: Contacts
    credited: Codes
    used: Vector
    delivered: Integers
    stock: Integers


def only_purchases(premise: Premise, state: WorldState, season: Vector) -> Sales:
    """Live a day without contacts, behaviour and goods; it has the same purchases."""
    sales, _ = buy(premise.config, premise.people, state, season, premise.dice)
    state.day += 1
    return sales


def live_day(
    premise: Premise, state: WorldState, season: Vector, month: int, planned: Planned
) -> Day:
    """Live a day, and return what happened; the state is updated."""
    config, people, dice = premise.config, premise.people, premise.dice
    day = state.day
    delivered = np.zeros_like(state.stock)
    if config.goods is not None and config.goods.cover is not None:
        delivered = deliver(config.goods, state, premise.targets)
    sales, factors = buy(config, people, state, season, dice)
    lines = pick(config, people, state, sales, month, dice)
    sales, number = _served(state, sales, lines)
    second = people.channels.moment(sales.channel, dice.pick("sale time", day, sales.person))
    events = behave(config, people, state, sales, second, factors, dice)
    due, due_second = _due(premise, state, sales, number, lines)
    collected = due.value == 0
    events = join([events, _collections(due.take(collected), due_second[collected])])
    used = np.zeros(config.stores + len(config.channels))
    answered = _enquiries(config, people, events, used)
    credited = _credit(config, state, sales, number)
    contacts = contact(config, people, state, planned, used, dice)
    state.fatigue = state.fatigue * np.exp(-1 / config.contacts.rest)
    sales = sales._replace(activity=np.empty(0))  # large, and needed no more
    money = np.where(sales.returned | (number < 0), 0.0, sales.value)
    np.add.at(state.money, sales.person, money)
    state.bought[sales.person[number >= 0]] = day
    state.day += 1
    stock = state.stock.copy()
    return Day(day, sales, number, second, lines, due, due_second, events, answered, contacts,
               credited, used, delivered, stock)  # fmt: skip


def _served(state: WorldState, sales: Sales, lines: Lines) -> tuple[Sales, Codes]:
    """Return the purchases with the value that was in stock, and their numbers."""
    n = len(sales.person)
    value = sales.value
    if len(lines.sale):
        value = np.bincount(lines.sale, lines.value * lines.served, n)
    sold = value > 0
    number = np.where(sold, state.sales + np.cumsum(sold) - 1, -1)
    state.sales += int(sold.sum())
    return sales._replace(value=value, returned=sales.returned & sold), number


def _due(
    premise: Premise, state: WorldState, sales: Sales, number: Codes, lines: Lines
) -> tuple[Pending, Codes]:
    """Return what is due today and at which second; what is new is put aside for later."""
    people, dice, day = premise.people, premise.dice, state.day
    back = _pending(sales, number, sales.returned, sales.value)
    wait = 1 + np.floor(dice.pick("return day", day, back.person) * _RETURN_DAYS)
    elsewhere = _return_channel(people, back, dice.pick("return channel", day, back.person))
    back = Pending(day + wait.astype(np.int64), back.person, elsewhere, back.sale, back.value)
    collected = _pending(sales, number, lines.collected & (number >= 0), np.zeros(len(number)))
    where = np.full(len(collected.person), int(people.channels.store.argmax()), dtype=np.intp)
    later = np.full(len(where), day + _COLLECT_DAYS)
    coming = Pending(later, collected.person, where, collected.sale, collected.value)
    waiting = state.pending.plus(back).plus(coming)
    now = waiting.due <= day
    state.pending = waiting.take(~now)
    due = waiting.take(now)
    return due, people.channels.moment(due.channel, dice.pick("due time", day, due.person))


def _pending(sales: Sales, number: Codes, rows: Flags, value: Vector) -> Pending:
    person, channel = sales.person[rows], sales.channel[rows]
    return Pending(number[rows], person, channel, number[rows], value[rows])


def _return_channel(people: People, back: Pending, dice: Vector) -> Places:
    """Return the channel of each return: another one for a share of them."""
    share = people.channels["returned_elsewhere"][back.channel]
    others = len(people.channels.store) - 1
    if others == 0:
        return back.channel
    step = 1 + np.floor(dice / np.maximum(share, 1e-12) * others).astype(np.intp)
    return np.where(dice < share, (back.channel + step) % (others + 1), back.channel)


def _collections(due: Pending, second: Codes) -> Events:
    kind = np.full(len(due.person), EVENTS.index("collect"))
    return Events(due.person, due.channel, kind, second)


def _enquiries(config: WorldConfig, people: People, events: Events, used: Vector) -> Flags:
    """Return which enquiries found staff; ``used`` is updated."""
    rows = np.flatnonzero(events.kind == EVENTS.index("enquiry"))
    answered = np.ones(len(rows), dtype=bool)
    for c, channel in enumerate(config.channels):
        own = np.flatnonzero(events.channel[rows] == c)
        if channel.kind == "online" or not len(own):
            continue
        store = channel.kind == "store"
        person = events.person[rows[own]]
        place = people.home[person] if store else np.full(len(own), config.stores + c)
        size = channel.minutes if store else 1.0
        limit = config.staff.store_minutes if store else float(config.staff.calls)
        answered[own] = within_limit(place, size, limit, used)
    return answered


def _credit(config: WorldConfig, state: WorldState, sales: Sales, number: Codes) -> Codes:
    """Return the answered contact that a purchase follows; each contact is credited once."""
    since = state.day - state.answered[sales.person]
    follows = (since >= 1) & (since <= config.contacts.attribution) & (number >= 0)
    credited = np.where(follows, state.answered_contact[sales.person], -1)
    state.answered[sales.person[follows]] = -1_000
    return credited
