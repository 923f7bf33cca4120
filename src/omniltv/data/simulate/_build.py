"""Construction of a retailer: acquisition, records and purchases of each person."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.data.simulate._config import RetailerConfig
from omniltv.data.simulate._dirt import write_records
from omniltv.data.simulate._persons import Population, draw_population
from omniltv.data.simulate._purchases import (
    Latent,
    PurchaseEvents,
    draw_candidates,
    mark,
    merge,
    play,
)
from omniltv.data.simulate._tickets import Premises, RecordIndex
from omniltv.data.simulate._truth import schedule_of
from omniltv.units import Span, TimeUnit

__all__ = [
    "Life",
    "draw_acquisition",
    "draw_latent",
    "draw_mix",
    "draw_records",
    "live",
    "whole_days",
]


def draw_acquisition(
    config: RetailerConfig, n_people: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the acquisition channel of each person: exact shares, in random order."""
    share = np.array([channel.share for channel in config.channels])
    bounds = np.rint(np.cumsum(share / share.sum()) * n_people).astype(np.int64)
    sizes = np.diff(bounds, prepend=0)
    return rng.permutation(np.repeat(np.arange(len(share)), sizes)).astype(np.intp)


def draw_latent(
    config: RetailerConfig, acquisition: NDArray[np.intp], rng: np.random.Generator
) -> Latent:
    """Return the latent parameters of each person, drawn per acquisition channel."""

    def of(name: str) -> Floats:
        values = np.array([getattr(channel, name) for channel in config.channels])
        return values[acquisition].astype(np.float64)

    return Latent(
        rate=rng.gamma(of("r")) / (of("alpha") * config.unit.in_days),
        dropout=rng.beta(of("a"), of("b")),
        scale=rng.gamma(of("q")) / of("v"),
        shape=of("p"),
    )


def draw_mix(
    config: RetailerConfig,
    acquisition: NDArray[np.intp],
    holds: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    """Return each person's cumulative shares of the channels in repeat purchases.

    Args:
        config: The retailer.
        acquisition: Acquisition channel of each person.
        holds: Whether a person has a record in a channel, of shape (n_people, n_channels).
        rng: Random generator.
    """
    share = np.array([channel.share for channel in config.channels])
    weight = np.where(holds, share, 0.0)
    rows = np.arange(len(acquisition))
    weight[rows, acquisition] = 0.0
    others = weight.sum(axis=1, keepdims=True)
    mean = (1 - config.loyalty) * np.divide(weight, others, out=weight, where=others > 0)
    mean[rows, acquisition] = config.loyalty
    drawn = rng.standard_gamma(mean * config.mix_concentration)
    drawn[rows, acquisition] += 1e-12
    mix: Floats = np.cumsum(drawn / drawn.sum(axis=1, keepdims=True), axis=1)
    return mix


def draw_records(
    config: RetailerConfig, acquisition: NDArray[np.intp], rng: np.random.Generator
) -> tuple[pd.DataFrame, NDArray[np.intp], RecordIndex, Population]:
    """Return the customer lists, the person of each row, an index of the rows, and the people."""
    n = len(acquisition)
    people = draw_population(n, latin=config.latin, card=config.card, rng=rng)
    lists, owners, counts = [], [], []
    for code, channel in enumerate(config.channels):
        count = ((acquisition == code) | (rng.random(n) < channel.reach)).astype(np.int64)
        count += (count > 0) & (rng.random(n) < channel.duplicates)
        owners.append(np.repeat(np.arange(n), count))
        lists.append(write_records(people, owners[-1], channel, config.dirt, rng))
        counts.append(count)
    count = np.stack(counts)
    first = np.concatenate([[0], np.cumsum(count.ravel())[:-1]]).reshape(count.shape)
    records = pd.concat(lists, ignore_index=True)
    index = RecordIndex(records["record_id"].to_numpy(dtype=object), first, count)
    return records, np.concatenate(owners), index, people


class Life(NamedTuple):
    """The purchases of all people in the window.

    Attributes:
        start: Time of each person's first purchase, in days, of shape (n_people,).
        occasions: All purchases.
        first: Whether a purchase is a first one, of shape (n_occasions,).
    """

    start: Floats
    occasions: PurchaseEvents
    first: NDArray[np.bool_]


def live(world: Premises, days: int, rng: np.random.Generator) -> Life:
    """Return the purchases in a window of ``days`` days."""
    config, latent = world.config, world.latent
    schedule = schedule_of(config, 0.0, Span(days, TimeUnit.DAY))
    n = len(latent.rate)
    start = _first_times(config, n, rng) * days
    begin = np.interp(start, schedule.edges, schedule.clock)
    opening = mark(latent, np.arange(n), begin, rng)._replace(dice=np.full(n, np.inf))
    repeats = draw_candidates(latent, begin, float(schedule.clock[-1]), rng, number=n)
    occasions = play(latent, merge(opening, repeats), schedule)
    return Life(start, occasions, occasions.candidates.number < n)


def whole_days(span: Span) -> int:
    """Return the number of whole days in a span."""
    return int(span.to(TimeUnit.DAY) + 1e-9)


def _first_times(config: RetailerConfig, n: int, rng: np.random.Generator) -> Floats:
    """Return the times of first purchases as shares of the window.

    They are drawn by inverting the distribution function (1 - g) x + g x^2.
    """
    uniform, growth = rng.random(n), config.growth
    if growth > 0:
        root = np.sqrt((1 - growth) ** 2 + 4 * growth * uniform)
        uniform = (root - (1 - growth)) / (2 * growth)
    return uniform * config.acquired_within
