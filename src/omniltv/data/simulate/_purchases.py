"""Purchases and dropout in continuous time.

The process is that of the BG/NBD model (Fader, Hardie and Lee 2005, Marketing Science 24(2)).
While active, a person buys as a Poisson process with rate lambda. After each *repeat* purchase,
the person drops out with probability p, so nobody drops out at the first purchase. Values are
gamma-gamma (Fader and Hardie 2013, The Gamma-Gamma Model of Monetary Value): a person has a
scale nu ~ gamma(q, v), and each purchase is gamma(p, nu).
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
    """The latent parameters of people; arrays of shape (n_people,).

    Attributes:
        rate: Purchases per day while active.
        dropout: Probability of dropout after a repeat purchase.
        scale: Gamma-gamma scale nu; the mean value of a purchase is shape / scale.
        shape: Gamma-gamma shape p of the person's acquisition channel.
    """

    rate: Floats
    dropout: Floats
    scale: Floats
    shape: Floats


@dataclass(frozen=True, eq=False)
class Schedule:
    """Factors on rate and dropout, constant between `edges` (days from zero).

    Attributes:
        edges: Ends of the segments, of shape (n_segments + 1,), ascending from 0.
        rate: Factor on the purchase rate, of shape (n_segments,).
        dropout: Factor on the dropout probability, of shape (n_segments,).
    """

    edges: Floats
    rate: Floats
    dropout: Floats

    @property
    def clock(self) -> Floats:
        """The integral of the factor on the rate up to each edge, of shape (n_segments + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.rate * np.diff(self.edges))])


class PurchaseCandidates(NamedTuple):
    """Purchases of people if they never dropped out; arrays of shape (n,).

    Attributes:
        person: The person, sorted.
        clock: Time on the clock of `Schedule.clock`, sorted within a person.
        dice: Uniform number; the person drops out afterwards if it is below the dropout
            probability.
        amount: Standard gamma variate with the person's shape: value times scale.
        marks: Uniform numbers for the other properties of a purchase, of shape (n, `MARKS`).
        number: Number of the purchase.
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
    """Purchases until dropout, in order of person and time.

    Attributes:
        candidates: The purchases, of shape (n,).
        time: Time of each purchase, in days from zero, of shape (n,).
        ended: Time of each person's dropout, infinite if there is none, of shape (n_people,).
    """

    candidates: PurchaseCandidates
    time: Floats
    ended: Floats


def draw_candidates(
    latent: Latent, begin: Floats, end: float, rng: np.random.Generator, *, number: int = 0
) -> PurchaseCandidates:
    """Return a Poisson process of candidates between two times of the clock.

    Args:
        latent: The latent parameters; people with rate 0 do not buy.
        begin: Start for each person, of shape (n_people,).
        end: End for all.
        rng: Random generator.
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
    """Return candidates at given times, with dice, amount and marks."""
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
    """Return the candidates of both, in order of person and time."""
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
    """Return the purchases under a schedule: the candidates of each person until dropout."""
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
    """Return the expected discounted purchases over a schedule, given that people are active.

    Given rate lambda and dropout p, the probability of being active decreases as
    exp(-lambda p t), so the expected purchase rate is lambda exp(-lambda p t). Its integral over
    a segment is eq. 9 of Fader, Hardie and Lee (2005) before the expectation over lambda and p,
    with a discount rate.

    Args:
        latent: The latent parameters.
        schedule: Factors on rate and dropout, up to the horizon.
        rate_of_discount: Continuous discount rate per day.

    Returns:
        Expected purchases, of shape (n_people,).
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
