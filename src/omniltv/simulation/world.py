"""A retailer that answers back: step by step, with plans of contacts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Integers, Vector
from omniltv._options import Many, Seed, checked
from omniltv.errors import ConfigError
from omniltv.simulation._contacts import Planned
from omniltv.simulation._day import Premise, live_day
from omniltv.simulation._demand import seasons
from omniltv.simulation._dice import Dice
from omniltv.simulation._goods import stock_targets
from omniltv.simulation._people import draw_people
from omniltv.simulation._plans import read_plan
from omniltv.simulation._state import first_state
from omniltv.simulation._tables import Names, WorldStep
from omniltv.simulation.config import WorldConfig
from omniltv.simulation.processes import PurchaseProcess
from omniltv.simulation.targeting import TargetingRule
from omniltv.simulation.truth import WorldTruth, whole_days
from omniltv.units import Span

__all__ = ["Counterfactual", "Policy", "World", "WorldStep"]

type Policy = pd.DataFrame | Callable[["World"], pd.DataFrame | None] | None
"""A plan for the first period, a function that returns the plan of each, or no contacts."""


@checked
class World:
    """A simulated retailer that reacts to contacts, one period at a time.

    Random numbers belong to a person, a day and a purpose. Two plans in copies of one world
    therefore differ only by what the plans did, and a world does not depend on how many
    periods are simulated per call.

    Args:
        config: The world; two channels without treatments by default.
        people: Number of people, prospects included.
        seed: The same seed, configuration, people and plans give the same tables.

    Raises:
        ConfigError: If ``people`` is below 1.

    Examples:
        >>> from omniltv.simulation import Treatment
        >>> from omniltv.units import weeks
        >>> config = WorldConfig(treatments=(Treatment(name="mail", rate=1.5, lasting=28),))
        >>> world = World(config, people=500, seed=1)
        >>> year = world.run(weeks(52))
        >>> plan = world.records[world.records["source"] == "ec"].assign(treatment="mail")
        >>> step = world.step(plan[["customer_id", "treatment"]].assign(channel="ec"))
        >>> len(step.contacts) == len(plan), step.days
        (True, 7)
    """

    def __init__(
        self, config: WorldConfig | None = None, *, people: Many = 2_000, seed: Seed
    ) -> None:
        config = WorldConfig() if config is None else config
        dice = Dice(seed, people)
        drawn = draw_people(config, dice)
        targets = stock_targets(config, drawn)
        self._premise = Premise(config, drawn, targets, dice)
        self._names = Names(self._premise)
        self._state = first_state(config, drawn, targets.copy())

    def __repr__(self) -> str:
        return (
            f"World({self._premise.dice.people:,} people, {int(self._state.customer.sum()):,} "
            f"have bought, {self.process.name}, {self.today})"
        )

    @property
    def config(self) -> WorldConfig:
        """The configuration."""
        return self._premise.config

    @property
    def process(self) -> PurchaseProcess:
        """The process by which customers buy and leave."""
        return self.config.process

    @property
    def today(self) -> date:
        """The next day to be simulated."""
        return self.config.start + timedelta(days=self._state.day)

    @property
    def truth(self) -> WorldTruth:
        """The truth as of today."""
        return WorldTruth.of(self._premise, self._state, self._names)

    @property
    def records(self) -> pd.DataFrame:
        """Customer lists: ``source``, ``record_id``, ``customer_id``, ``store``, ``consent``.

        People who have left the data are not listed.
        """
        people, names = self._premise.people, self._names
        known = people.holds & (people.leaves_data > self._state.day)
        channel, person = np.nonzero(known)
        return pd.DataFrame(
            {
                "source": names.channels[channel],
                "record_id": names.records[channel, person],
                "customer_id": names.customers[person],
                "store": names.locations[people.home[person]],
                "consent": self._state.consent[channel, person],
            }
        )

    def step(self, plan: pd.DataFrame | None = None) -> WorldStep:
        """Simulate a period and return its tables.

        Args:
            plan: Planned contacts: ``customer_id`` (or ``source`` and ``record_id``),
                ``treatment``, ``channel``, and if wanted ``day`` (within the period, from 0) and
                ``hour`` (10 by default). The order of the rows of a day decides who gets scarce
                staff. No contacts if None.

        Raises:
            DataError: If the plan names something that the world does not have.
        """
        return self._live(self.config.period, read_plan(plan, self._names))

    def run(self, span: Span) -> WorldStep:
        """Simulate a span without contacts and return its tables.

        Args:
            span: Length of time, rounded down to whole days.

        Raises:
            ConfigError: If the span is shorter than a day.
        """
        return self._live(whole_days(span), read_plan(None, self._names))

    def fork(self, *, seed: Seed | None = None) -> "World":
        """Return an independent copy, which has the same future unless it gets another seed.

        Args:
            seed: Seed of another future of the same people; the same future if None.
        """
        copy = object.__new__(World)
        copy._premise = self._premise
        if seed is not None:
            copy._premise = replace(self._premise, dice=Dice(seed, self._premise.dice.people))
        copy._names = self._names
        copy._state = self._state.copy()
        return copy

    def targeted(self, rule: TargetingRule) -> pd.DataFrame:
        """Return the plan that a rule makes today, with deviations from the rule.

        Args:
            rule: The rule.

        Raises:
            ConfigError: If the rule names a treatment or channel that the world does not have.
        """
        dice, day = self._premise.dice, self._state.day
        purpose = f"targeted {rule.treatment}"
        chosen = dice.roll(purpose, day) < self.propensity(rule)
        deviates = dice.roll(f"{purpose} deviates", day)
        given = np.where(chosen, deviates >= rule.never, deviates < rule.always)
        ids = self._names.customers[given & self._listed()]
        return pd.DataFrame(
            {"customer_id": ids, "treatment": rule.treatment, "channel": rule.channel}
        )

    def propensity(self, rule: TargetingRule) -> Vector:
        """Return the probability that a rule chooses each person, of shape (n_people,).

        Args:
            rule: The rule.

        Raises:
            ConfigError: If the rule names a treatment or channel that the world does not have.
        """
        people = self._premise.people
        channels = [own.name for own in self.config.channels]
        known = [*channels, *(own.name for own in self.config.treatments)]
        unknown = sorted({rule.treatment, rule.channel, *rule.main_channel} - {*known})
        if unknown:
            raise ConfigError(f"the world has no {unknown}. Hint: one of {known}")
        main = np.array([rule.main_channel.get(name, 0.0) for name in channels])[people.main]
        return rule.propensity(people, self._state, main, self._premise.dice)

    def counterfactual(self, plan_a: Policy, plan_b: Policy, span: Span) -> "Counterfactual":
        """Return what two plans would bring from today on, with common random numbers.

        The world itself is not changed.

        Args:
            plan_a: A plan for the first period, or a function that is given the world before
                each period and returns its plan.
            plan_b: The other.
            span: Length of time, rounded down to whole periods.

        Raises:
            ConfigError: If the span is shorter than a period.
            DataError: If a plan names something that the world does not have.
        """
        periods = whole_days(span) // self.config.period
        if periods < 1:
            raise ConfigError(f"{span} is shorter than a period of {self.config.period} days")
        columns: dict[str, object] = {"customer_id": self._names.customers}
        steps = []
        for name, plan in (("a", plan_a), ("b", plan_b)):
            world = self.fork()
            steps.append(_follow(world, plan, periods))
            table = steps[-1].per_person()
            columns[f"value_{name}"] = table["value"].to_numpy()
            columns[f"purchases_{name}"] = table["purchases"].to_numpy()
            columns[f"cost_{name}"] = table["cost"].to_numpy()
        return Counterfactual(pd.DataFrame(columns), *steps)

    def _listed(self) -> Flags:
        return self._premise.people.leaves_data > self._state.day

    def _live(self, days: int, planned: Planned) -> WorldStep:
        premise, state = self._premise, self._state
        lived = []
        months = _months(premise.config.start, state.day, days)
        bounds = np.searchsorted(planned.day, np.arange(days + 1))
        for k, season in enumerate(seasons(premise.config, state.day, days)):
            own = planned.take(slice(bounds[k], bounds[k + 1]))
            lived.append(live_day(premise, state, season, int(months[k]), own))
        return WorldStep(days, self._names, lived)


@checked
@dataclass(frozen=True, eq=False)
class Counterfactual:
    """What two plans bring in one world.

    Attributes:
        people: One row per person: ``customer_id``, and by plan (``_a``, ``_b``) the net
            ``value``, ``purchases`` and ``cost`` of contacts.
        a: The tables under the first plan.
        b: The tables under the second.

    Examples:
        >>> from omniltv.simulation import Treatment
        >>> from omniltv.units import weeks
        >>> config = WorldConfig(treatments=(Treatment(name="mail", rate=2.0),))
        >>> world = World(config, people=200, seed=1)
        >>> nothing = world.counterfactual(None, None, weeks(4))
        >>> float(nothing.people["value_a"].sub(nothing.people["value_b"]).abs().max())
        0.0
    """

    people: pd.DataFrame
    a: WorldStep
    b: WorldStep


def _follow(world: World, policy: Policy, periods: int) -> WorldStep:
    steps = []
    for period in range(periods):
        given = policy(world) if callable(policy) else policy
        steps.append(world.step(given if callable(policy) or period == 0 else None))
    return steps[0].and_then(*steps[1:])


def _months(start: date, first: int, days: int) -> Integers:
    day = np.datetime64(start, "D") + np.arange(first, first + days).astype("timedelta64[D]")
    return day.astype("datetime64[M]").astype(np.int64) % 12
