"""Purchases and dropout in continuous time, and how they are rung up as tickets.

The process is that of BG/NBD (Fader, Hardie & Lee 2005, Marketing Science 24(2)):
while alive a person buys as a Poisson process of rate lambda; after each *repeat*
purchase the person drops out with probability p, so that nobody drops out at the
first one. Values are gamma-gamma (Fader & Hardie 2013, "The Gamma-Gamma model of
monetary value"): a person has a scale nu ~ gamma(q, v), each purchase is
gamma(p, nu).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats

__all__ = [
    "MARKS",
    "Latent",
    "PurchaseCandidates",
    "PurchaseEvents",
    "Schedule",
    "draw_candidates",
    "expected_purchases",
    "mark",
    "merge",
    "play",
]


MARKS = 8


class Latent(NamedTuple):
    """What drives each person; arrays of shape (n_people,).

    Attributes:
        rate: Purchases per day while alive.
        dropout: Probability of dropping out after a repeat purchase.
        scale: Gamma-gamma scale nu, so that a purchase is worth shape / scale on average.
        shape: Gamma-gamma shape p of the person's acquisition channel.
    """

    rate: Floats
    dropout: Floats
    scale: Floats
    shape: Floats


@dataclass(frozen=True, eq=False)
class Schedule:
    """Factors on rate and dropout that are constant between `edges` (days from zero).

    Attributes:
        edges: Shape (n_segments + 1,), rising from 0.
        rate: Factor on the purchase rate, shape (n_segments,).
        dropout: Factor on the dropout probability, shape (n_segments,).
    """

    edges: Floats
    rate: Floats
    dropout: Floats

    @property
    def clock(self) -> Floats:
        """The integral of the rate's factor up to each edge, shape (n_segments + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.rate * np.diff(self.edges))])


class PurchaseCandidates(NamedTuple):
    """Purchases that would happen to who never dropped out; arrays of shape (n,).

    Attributes:
        person: Who would buy; sorted.
        clock: When, on the clock of `Schedule.clock`; sorted within a person.
        dice: Uniform; below the dropout probability the person drops out afterwards.
        amount: Standard gamma of the person's shape: the value times the person's scale.
        marks: Uniforms for what else there is to know of a purchase, shape (n, `MARKS`).
        number: The purchase's own number.
    """

    person: NDArray[np.intp]
    clock: Floats
    dice: Floats
    amount: Floats
    marks: Floats
    number: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp]) -> "PurchaseCandidates":
        """Return the candidates of some rows."""
        return PurchaseCandidates(
            person=self.person[rows],
            clock=self.clock[rows],
            dice=self.dice[rows],
            amount=self.amount[rows],
            marks=self.marks[rows],
            number=self.number[rows],
        )


class PurchaseEvents(NamedTuple):
    """Purchases that happen, in order of person and time.

    Attributes:
        candidates: The purchases, shape (n,).
        time: When, in days from zero, shape (n,).
        ended: When each person dropped out, infinity if not, shape (n_people,).
    """

    candidates: PurchaseCandidates
    time: Floats
    ended: Floats


def draw_candidates(
    latent: Latent, begin: Floats, end: float, rng: np.random.Generator, *, number: int = 0
) -> PurchaseCandidates:
    """Return a Poisson process of candidates between two times of the clock.

    Args:
        latent: Who they are; nobody buys at rate 0.
        begin: From when, shape (n_people,).
        end: Until when.
        rng: Source of chance.
        number: Number of the first candidate.
    """
    length = np.maximum(end - begin, 0.0)
    count = rng.poisson(latent.rate * length)
    person = np.repeat(np.arange(len(count)), count)
    place = np.sort(person + rng.random(len(person))) - person
    return mark(latent, person, begin[person] + place * length[person], rng, number=number)


def mark(
    latent: Latent,
    person: NDArray[np.intp],
    clock: Floats,
    rng: np.random.Generator,
    *,
    number: int = 0,
) -> PurchaseCandidates:
    """Return candidates at given times, each with its dice, amount and marks."""
    n = len(person)
    return PurchaseCandidates(
        person=person,
        clock=clock,
        dice=rng.random(n),
        amount=rng.standard_gamma(latent.shape[person]),
        marks=rng.random((n, MARKS)),
        number=np.arange(number, number + n),
    )


def merge(first: PurchaseCandidates, second: PurchaseCandidates) -> PurchaseCandidates:
    """Return both, in order of person and time."""
    both = PurchaseCandidates(
        person=np.concatenate([first.person, second.person]),
        clock=np.concatenate([first.clock, second.clock]),
        dice=np.concatenate([first.dice, second.dice]),
        amount=np.concatenate([first.amount, second.amount]),
        marks=np.concatenate([first.marks, second.marks]),
        number=np.concatenate([first.number, second.number]),
    )
    return both.take(np.lexsort((both.clock, both.person)))


def play(latent: Latent, candidates: PurchaseCandidates, schedule: Schedule) -> PurchaseEvents:
    """Return what happens under a schedule: each person's candidates up to the dropout."""
    clock = schedule.clock
    here = candidates.take(np.flatnonzero(candidates.clock < clock[-1]))
    time = np.interp(here.clock, clock, schedule.edges)
    segment = np.searchsorted(schedule.edges[1:-1], time, side="right")
    drops = here.dice < latent.dropout[here.person] * schedule.dropout[segment]
    n_people = len(latent.rate)
    order = np.arange(len(time))
    last = np.full(n_people, len(time))
    np.minimum.at(last, here.person[drops], order[drops])
    ended = np.full(n_people, np.inf)
    out = last < len(time)
    ended[out] = time[last[out]]
    kept = np.flatnonzero(order <= last[here.person])
    return PurchaseEvents(here.take(kept), time[kept], ended)


def expected_purchases(latent: Latent, schedule: Schedule, rate_of_discount: float = 0.0) -> Floats:
    """Return the expected discounted purchases over a schedule of who is alive at its start.

    Given rate lambda and dropout p, the chance to be alive falls as exp(-lambda p t),
    so purchases come at the rate lambda exp(-lambda p t); integrated over a segment
    this is Fader, Hardie & Lee (2005), equation (9) before its expectation over
    lambda and p, with a discount rate added.

    Args:
        latent: Who they are.
        schedule: Factors on rate and dropout, up to the horizon.
        rate_of_discount: Continuous discount rate per day.

    Returns:
        Shape (n_people,).
    """
    total = np.zeros(len(latent.rate))
    log_alive = np.zeros(len(latent.rate))
    edges = schedule.edges
    for k, (begin, end) in enumerate(pairwise(edges.tolist())):
        rate = latent.rate * schedule.rate[k]
        hazard = rate * np.minimum(latent.dropout * schedule.dropout[k], 1.0)
        decay = hazard + rate_of_discount
        length = end - begin
        area = np.where(
            decay > 0, -np.expm1(-decay * length) / np.where(decay > 0, decay, 1), length
        )
        total += rate * np.exp(log_alive - rate_of_discount * begin) * area
        log_alive -= hazard * length
    return total
