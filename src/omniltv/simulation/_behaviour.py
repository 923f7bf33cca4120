"""Behaviour of a day: visits, browsing, carts, reviews, referrals, posts and enquiries."""

from typing import NamedTuple

import numpy as np

from omniltv._arrays import Codes, Places, Vector
from omniltv.simulation._demand import Sales
from omniltv.simulation._dice import Dice
from omniltv.simulation._effects import Factors
from omniltv.simulation._people import People
from omniltv.simulation._state import WorldState
from omniltv.simulation.config import WorldConfig

__all__ = ["Events", "behave", "join"]

_VISIT, _BROWSE, _CART, _ABANDONED, _REVIEW, _REFERRAL, _POST, _ENQUIRY = range(8)
_OFTEN = 0.9  # largest probability of a visit without a purchase on a day


class Events(NamedTuple):
    """Behaviour events of a day; arrays of shape (n_events,).

    Attributes:
        person: The person.
        channel: Position of the channel.
        kind: Position in `EVENTS`.
        second: Second of the day.
    """

    person: Places
    channel: Places
    kind: Codes
    second: Codes


def behave(
    config: WorldConfig,
    people: People,
    state: WorldState,
    sales: Sales,
    moment: Codes,
    factors: Factors,
    dice: Dice,
) -> Events:
    """Return the events of a day, and note them in the state.

    Args:
        config: The world.
        people: The people.
        state: The state of the day.
        sales: The purchases of the day.
        moment: Second of the day of each purchase.
        factors: Effects of treatments; they act on visits as on purchases.
        dice: Random numbers.
    """
    events = join(
        [
            *_around_sales(people, sales, moment),
            *_visits(config, people, state, sales, factors, dice),
            _social(config, people, state, sales, dice),
        ]
    )
    state.last_event[events.kind, events.person] = state.day
    return events


def join(parts: list[Events]) -> Events:
    """Return events of several kinds as one."""
    return Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _events(person: Places, channel: Places, kind: int, second: Vector | Codes) -> Events:
    whole = np.minimum(np.maximum(second, 0), 86_399).astype(np.int64)
    return Events(person, channel, np.full(len(person), kind), whole)


def _around_sales(people: People, sales: Sales, moment: Codes) -> list[Events]:
    """Return the visit, or the browsing and the cart, that led to each purchase."""
    store = people.channels.store[sales.channel]
    online = people.channels.online[sales.channel]
    at_store = (sales.person[store], sales.channel[store])
    at_shop = (sales.person[online], sales.channel[online])
    return [
        _events(*at_store, _VISIT, moment[store] - 600),
        _events(*at_shop, _BROWSE, moment[online] - 900),
        _events(*at_shop, _CART, moment[online] - 300),
    ]


def _visits(
    config: WorldConfig,
    people: People,
    state: WorldState,
    sales: Sales,
    factors: Factors,
    dice: Dice,
) -> list[Events]:
    """Return visits without a purchase, carts left behind, and enquiries."""
    day = state.day
    waiting = np.flatnonzero(people.prospect & ~state.customer & (state.process["active"] > 0))
    chance = sales.activity * people.visits
    chance[waiting] = config.prospect_visits / 365.25 * factors.rate[waiting]
    np.minimum(chance, _OFTEN, out=chance)
    rolled = dice.roll("visit", day)
    rows = np.flatnonzero(rolled < chance)
    asking = chance + sales.activity * people.enquiries
    asks = np.flatnonzero((rolled >= chance) & (rolled < asking))
    channel = _where(people, rows, dice.pick("visit channel", day, rows))
    second = people.channels.moment(channel, dice.pick("visit time", day, rows))
    online = people.channels.online[channel]
    store = people.channels.store[channel]
    left = online & (dice.pick("cart", day, rows) < people.channels["carts"][channel])
    asked = people.channels.moment(people.main[asks], dice.pick("enquiry time", day, asks))
    return [
        _events(rows[store], channel[store], _VISIT, second[store]),
        _events(rows[online], channel[online], _BROWSE, second[online]),
        _events(rows[left], channel[left], _CART, second[left] + 200),
        _events(rows[left], channel[left], _ABANDONED, second[left] + 1_800),
        _events(asks, people.main[asks], _ENQUIRY, asked),
    ]


def _where(people: People, rows: Places, dice: Vector) -> Places:
    factor = people.channels["visits"] + 1e-9
    reach = np.cumsum(people.mix[:, rows] * factor[:, None], axis=0)
    channel: Places = (dice * reach[-1] >= reach[:-1]).sum(axis=0).astype(np.intp)
    return channel


def _social(
    config: WorldConfig, people: People, state: WorldState, sales: Sales, dice: Dice
) -> Events:
    """Return at most one review, referral or post after each purchase."""
    rolled = dice.pick("social", state.day, sales.person)
    reach = np.cumsum(config.social)
    kind = np.searchsorted(reach, rolled, side="right")
    rows = np.flatnonzero(kind < len(reach))
    second = people.channels.moment(
        sales.channel[rows], rolled[rows] / max(float(reach[-1]), 1e-12)
    )
    events = _events(sales.person[rows], sales.channel[rows], _REVIEW, second)
    return events._replace(kind=kind[rows] + _REVIEW)
