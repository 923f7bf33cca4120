"""Expected purchases and values of people, by formula."""

from typing import Literal, NamedTuple

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv.simulation._demand import entering, seasons, weights
from omniltv.simulation._effects import Exposures, Factors, effects_today
from omniltv.simulation._people import People
from omniltv.simulation._state import WorldState
from omniltv.simulation.config import WorldConfig
from omniltv.simulation.processes import Outlook

__all__ = ["Measure", "expected_outcome"]

type Measure = Literal["value", "purchases"]
"""What is counted: net value (returned purchases are nothing), or purchases."""

_CELLS = 1_500_000  # person-days at once


class _Day(NamedTuple):
    push: Vector
    stay: Vector
    entering: Vector
    worth: Vector


def expected_outcome(
    config: WorldConfig,
    people: People,
    state: WorldState,
    exposures: Exposures,
    days: int,
    measure: Measure,
) -> Vector:
    """Return each person's expected outcome within ``days``, of shape (n_people,).

    Args:
        config: The world.
        people: The people.
        state: The state before the first of these days.
        exposures: Who is exposed to which treatment; it is not changed.
        days: Number of days.
        measure: What is counted.
    """
    n, at_once = len(people.main), max(_CELLS // max(days, 1), 1)
    blocks = [slice(k, min(k + at_once, n)) for k in range(0, n, at_once)]
    parts = [
        _of_block(config, people.take(rows), state, rows, exposures.take(rows), days)
        for rows in blocks
    ]
    column = 0 if measure == "value" else 1
    return np.concatenate([part[column] for part in parts])


def _of_block(
    config: WorldConfig,
    people: People,
    state: WorldState,
    rows: slice,
    exposures: Exposures,
    days: int,
) -> tuple[Vector, Vector]:
    """Return expected value and purchases of some people."""
    customer = state.customer[rows]
    found = []
    waiting = (~customer).astype(np.float64)
    for day, season in enumerate(seasons(config, state.day, days), start=state.day):
        factors = effects_today(config, exposures, day)
        parts, total = weights(people, season)
        enters = waiting * entering(config, people, slice(None), total * factors.rate, day)
        waiting = waiting - enters
        worth = _worth(config, parts, factors) * people.basket * factors.spend
        push = total * people.push * factors.rate
        found.append(_Day(push, people.stay * factors.stay, enters, worth))
    if not found:
        return np.zeros(len(waiting)), np.zeros(len(waiting))
    push, stay, enter, worths = (np.stack(column) for column in zip(*found, strict=True))
    process = {name: values[rows] for name, values in state.process.items()}
    outlook = Outlook(push, stay, enter, customer)
    buys: Matrix = config.process.expected(people.traits, process, outlook)
    return (buys * worths).sum(axis=0), buys.sum(axis=0)


def _worth(config: WorldConfig, parts: list[Vector], factors: Factors) -> Vector:
    """Return the expected net value of a purchase relative to the person's mean."""
    weight = parts if factors.channel is None else [*(np.stack(parts) * factors.channel)]
    total = np.zeros_like(parts[0])
    kept = np.zeros_like(parts[0])
    for own, channel in zip(weight, config.channels, strict=True):
        total += own
        kept += own * (channel.spend * (1 - channel.returns))
    return np.divide(kept, total, out=kept, where=total > 0)
