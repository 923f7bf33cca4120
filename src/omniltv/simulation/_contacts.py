"""Contacts of a day: sent, delivered, opened, answered, and what they do to people."""

from typing import NamedTuple

import numpy as np
from scipy import special

from omniltv._arrays import Codes, Flags, Integers, Places, Vector
from omniltv.simulation._dice import Dice
from omniltv.simulation._people import People
from omniltv.simulation._state import EVENTS, WorldState
from omniltv.simulation.config import WorldConfig

__all__ = ["STAGES", "Contacts", "Planned", "contact", "open_chance", "within_limit"]

STAGES = ("no_consent", "no_capacity", "sent", "delivered", "opened", "answered")
"""How far a contact came."""

_SENT, _DELIVERED, _OPENED, _ANSWERED = range(2, 6)
_RECENT = 7  # days


class Planned(NamedTuple):
    """Planned contacts; arrays of shape (n_contacts,).

    Attributes:
        person: The person.
        treatment: Position of the treatment.
        channel: Position of the channel.
        day: Day within the period.
        hour: Hour of the day.
    """

    person: Places
    treatment: Places
    channel: Places
    day: Codes
    hour: Vector

    def take(self, rows: Places | slice) -> "Planned":
        """Return some of the contacts."""
        return Planned(
            self.person[rows],
            self.treatment[rows],
            self.channel[rows],
            self.day[rows],
            self.hour[rows],
        )


class Contacts(NamedTuple):
    """Contacts of a day; arrays of shape (n_contacts,).

    Attributes:
        planned: What was planned.
        number: Number of the contact.
        stage: Position in `STAGES`.
        opened: Seconds of the day at which it was opened.
        answered: The same for the answer.
        cost: Money.
        minutes: Minutes of staff.
    """

    planned: Planned
    number: Codes
    stage: Codes
    opened: Codes
    answered: Codes
    cost: Vector
    minutes: Vector


_NONE = np.empty(0, dtype=np.int64)
_NOTHING = Contacts(
    Planned(_NONE, _NONE, _NONE, _NONE, np.empty(0)),
    *(_NONE, _NONE, _NONE, _NONE),
    cost=np.empty(0),
    minutes=np.empty(0),
)


def contact(
    config: WorldConfig,
    people: People,
    state: WorldState,
    planned: Planned,
    used: Vector,
    dice: Dice,
) -> Contacts:
    """Return the contacts of a day; fatigue, consent, exposures and capacity are updated.

    Args:
        config: The world.
        people: The people.
        state: The state of the day.
        planned: The planned contacts of the day.
        used: Capacity used per location, of shape (n_stores + n_channels,), updated.
        dice: Random numbers.
    """
    person, channel, of = planned.person, planned.channel, people.channels
    if not len(person):
        return _NOTHING
    turn = _rank(person)  # contacts of a person on one day have numbers of their own
    stage = np.where(state.consent[channel, person], _SENT, 0)
    limited = _over_capacity(config, people, planned, stage == _SENT, used)
    stage = np.where(limited, 1, stage)
    for reached, chance, purpose in (
        (_DELIVERED, of["delivered"][channel], "delivered"),
        (_OPENED, open_chance(config, people, state, person, channel, planned.hour), "opened"),
        (_ANSWERED, of["answered"][channel], "answered"),
    ):
        lucky = dice.pick(purpose, state.day, person, turn) < chance
        stage = np.where((stage == reached - 1) & lucky, reached, stage)
    sent = stage >= _SENT
    extra = np.array([treatment.cost for treatment in config.treatments])[planned.treatment]
    opened, reply = _moments(planned, state.day, turn, dice)
    numbers = state.contacts + np.arange(len(person))
    state.contacts += len(person)
    _tire(config, state, planned, stage, dice.pick("opt out", state.day, person, turn))
    _expose(config, people, state, planned, stage)
    replied = np.flatnonzero(stage == _ANSWERED)
    state.answered[person[replied]] = state.day
    state.answered_contact[person[replied]] = numbers[replied]
    money = sent * of["cost"][channel] + (stage >= _DELIVERED) * extra
    minutes = sent * of["minutes"][channel]
    return Contacts(planned, numbers, stage, opened, reply, money, minutes)


def open_chance(
    config: WorldConfig,
    people: People,
    state: WorldState,
    person: Places,
    channel: Places,
    hour: Vector,
) -> Vector:
    """Return the probability that a delivered contact is opened, of the shape of ``person``."""
    rules = config.contacts
    away = (1 - np.cos(2 * np.pi * (hour - people.hour[person]) / 24)) / 2
    odds = people.liking[channel, person] - rules.hour * away
    chance: Vector = special.expit(odds - rules.fatigue * state.fatigue[person])
    return chance


def _rank(key: Integers) -> Integers:
    """Return how many earlier entries are equal, of the shape of ``key``."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(key) else order
    length = np.diff(np.r_[starts, len(key)])
    rank = np.empty(len(key), dtype=np.int64)
    rank[order] = np.arange(len(key)) - np.repeat(starts, length)
    return rank


def _over_capacity(
    config: WorldConfig, people: People, planned: Planned, wanted: Flags, used: Vector
) -> Flags:
    """Return which contacts find no staff, in the order of the plan; ``used`` is updated."""
    over = np.zeros(len(wanted), dtype=bool)
    for c, channel in enumerate(config.channels):
        rows = np.flatnonzero(wanted & (planned.channel == c))
        if channel.kind == "online" or not len(rows):
            continue
        store = channel.kind == "store"
        place = people.home[planned.person[rows]] if store else np.full(len(rows), config.stores)
        place = place if store else place + c
        size = channel.minutes if store else 1.0
        limit = config.staff.store_minutes if store else float(config.staff.calls)
        served = within_limit(place, size, limit, used)
        over[rows] = ~served
    return over


def within_limit(place: Places, size: float, limit: float, used: Vector) -> Flags:
    """Return which requests fit into what is left at their place; ``used`` is updated."""
    served: Flags = used[place] + size * (_rank(place) + 1) <= limit
    np.add.at(used, place[served], size)
    return served


def _moments(planned: Planned, day: int, turn: Integers, dice: Dice) -> tuple[Codes, Codes]:
    """Return the seconds of the day of opening and of answering."""
    sent = planned.hour * 3600
    wait = -np.log1p(-dice.pick("open delay", day, planned.person, turn)) * 5400
    reply = -np.log1p(-dice.pick("answer delay", day, planned.person, turn)) * 1800
    last = 86_399
    opened = np.minimum(sent + wait, last).astype(np.int64)
    return opened, np.minimum(opened + reply, last).astype(np.int64)


def _tire(
    config: WorldConfig, state: WorldState, planned: Planned, stage: Codes, dice: Vector
) -> None:
    """Add recent contacts, and withdraw consent of some who have many."""
    person, channel = planned.person, planned.channel
    reached = stage >= _DELIVERED
    np.add.at(state.fatigue, person[reached], 1.0)
    out = reached & (dice < config.contacts.opt_out * state.fatigue[person])
    state.consent[channel[out], person[out]] = False


def _expose(
    config: WorldConfig, people: People, state: WorldState, planned: Planned, stage: Codes
) -> None:
    for t, treatment in enumerate(config.treatments):
        needed = STAGES.index(treatment.acts_on)
        rows = planned.person[(planned.treatment == t) & (stage >= needed)]
        strength = people.strength[t, rows].copy()
        for event, factor in treatment.after_event.items():
            recent = state.day - state.last_event[EVENTS.index(event), rows] <= _RECENT
            strength[recent] *= factor
        state.exposures.expose(t, rows, strength, state.day)
