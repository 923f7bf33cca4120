"""The truth behind a world: people, potential outcomes, responses, propensities."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from omniltv._arrays import Objects, Vector
from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.simulation._contacts import open_chance
from omniltv.simulation._day import Premise, only_purchases
from omniltv.simulation._demand import seasons
from omniltv.simulation._forecast import Measure, expected_outcome
from omniltv.simulation._limits import Hour
from omniltv.simulation._state import WorldState
from omniltv.simulation._tables import Names
from omniltv.simulation.treatments import TIERS
from omniltv.units import Span, TimeUnit

__all__ = ["Measure", "WorldTruth", "whole_days"]


@checked
@dataclass(frozen=True, eq=False)
class WorldTruth:
    """What no table of a world shows, as of its present day.

    Attributes:
        people: One row per person: ``customer_id``, ``main_channel``, ``store``, ``tier``,
            ``prospect``, ``first_day``, ``rate`` (purchases per week while active, on a day
            with factor 1), ``mean_value``, ``customer`` (has bought), ``active``, and
            ``strength`` of each treatment.

    Examples:
        >>> from omniltv.simulation import Treatment, World, WorldConfig
        >>> from omniltv.units import weeks
        >>> config = WorldConfig(treatments=(Treatment(name="mail", rate=1.5),))
        >>> truth = World(config, people=300, seed=1).truth
        >>> table = truth.outcomes(weeks(26))
        >>> table.columns.tolist(), bool((table["mail"] >= table["none"]).all())
        (['customer_id', 'none', 'mail'], True)
    """

    people: pd.DataFrame
    _premise: Premise
    _state: WorldState
    _ids: Objects

    @classmethod
    def of(cls, premise: Premise, state: WorldState, names: Names) -> "WorldTruth":
        """Return the truth of a world in a state."""
        own, config = premise.people, premise.config
        table = {
            "customer_id": names.customers,
            "main_channel": names.channels[own.main],
            "store": names.locations[own.home],
            "tier": np.array(TIERS, dtype=object)[own.tier],
            "prospect": own.prospect,
            "first_day": np.where(own.prospect, -1, own.birth),
            "rate": own.traits["rate"] * own.push * 7,
            "mean_value": own.basket,
            "customer": state.customer,
            "active": state.process["active"] > 0,
        }
        strength = {f"strength {t.name}": own.strength[k] for k, t in enumerate(config.treatments)}
        return cls(pd.DataFrame(table | strength), premise, state.copy(), names.customers)

    def outcomes(
        self,
        horizon: Span,
        *,
        kind: Literal["expected", "realised"] = "expected",
        of: Measure = "value",
    ) -> pd.DataFrame:
        """Return each person's potential outcomes from now on.

        Column ``none`` is the outcome without further contacts; effects of earlier ones go on.
        The column of a treatment is the outcome if the person was exposed to it yesterday
        evening, so the effect begins today. Outcomes are before sales that are lost for want of
        stock, as these depend on other people.

        Args:
            horizon: Length of time from now on, rounded down to whole days.
            kind: The expectation given the state, or what really happens in this world.
            of: Net value, or number of purchases.

        Raises:
            ConfigError: If the horizon is shorter than a day.
        """
        days = whole_days(horizon)
        premise = self._premise
        columns = {"customer_id": self._ids, "none": self._outcome(None, days, kind, of)}
        for k, treatment in enumerate(premise.config.treatments):
            columns[treatment.name] = self._outcome(k, days, kind, of)
        return pd.DataFrame(columns)

    def responses(self, channel: str, *, hour: Hour = 10.0) -> pd.DataFrame:
        """Return each person's chance of delivery, opening and answer of a contact today.

        Args:
            channel: Channel of the contact.
            hour: Hour of the day.

        Raises:
            ConfigError: If the world has no such channel.
        """
        config, people = self._premise.config, self._premise.people
        names = [own.name for own in config.channels]
        if channel not in names:
            raise ConfigError(f"no channel {channel!r}. Hint: one of {', '.join(names)}")
        c, n = names.index(channel), len(people.main)
        everybody, place = np.arange(n), np.full(n, names.index(channel))
        opened = open_chance(config, people, self._state, everybody, place, np.full(n, hour))
        delivered = np.where(self._state.consent[c], config.channels[c].delivered, 0.0)
        return pd.DataFrame(
            {
                "customer_id": self._ids,
                "delivered": delivered,
                "opened": delivered * opened,
                "answered": delivered * opened * config.channels[c].answered,
            }
        )

    def _outcome(self, treatment: int | None, days: int, kind: str, of: Measure) -> Vector:
        premise, state = self._premise, self._state.copy()
        if treatment is not None:
            strength = premise.people.strength[treatment]
            state.exposures.expose(treatment, slice(None), strength, state.day - 1)
        if kind == "expected":
            return expected_outcome(
                premise.config, premise.people, state, state.exposures, days, of
            )
        return _realised(premise, state, days, of)


def _realised(premise: Premise, state: WorldState, days: int, of: Measure) -> Vector:
    total = np.zeros(premise.dice.people)
    for season in seasons(premise.config, state.day, days):
        sales = only_purchases(premise, state, season)
        worth = np.where(sales.returned, 0.0, sales.value) if of == "value" else 1.0
        np.add.at(total, sales.person, worth)
    return total


def whole_days(span: Span) -> int:
    """Return the number of whole days in a span.

    Raises:
        ConfigError: If it is shorter than a day.

    Examples:
        >>> from omniltv.units import weeks
        >>> whole_days(weeks(2))
        14
    """
    days = int(span.to(TimeUnit.DAY) + 1e-9)
    if days < 1:
        raise ConfigError(f"a span of a day or longer is needed, got {span}. Hint: weeks(26)")
    return days
