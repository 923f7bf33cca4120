"""Observational worlds: treatment given by rules, not by chance alone."""

from collections.abc import Mapping

import numpy as np
from pydantic import Field
from scipy import special

from omniltv._arrays import Vector
from omniltv._config import Written
from omniltv._options import checked
from omniltv.simulation._dice import Dice
from omniltv.simulation._limits import Fraction
from omniltv.simulation._people import People
from omniltv.simulation._scales import standardised
from omniltv.simulation._state import WorldState

__all__ = ["TargetingRule"]


_MONTH = 30.0


@checked
class TargetingRule(Written):
    """Who gets a treatment: a logistic rule, or whole stores.

    Attributes:
        treatment: Name of the treatment.
        channel: Channel of the contact.
        base: Log odds at mean value, recency and hidden trait.
        value: Slope in the standardised log value so far (seen in the tables).
        recency: Slope in months since the last purchase, at most 12 (seen).
        main_channel: Addition to the log odds by main channel (seen through purchases).
        hidden: Slope in the standardised log purchase rate, which no table shows.
        stores: Share of the stores whose customers are all treated, instead of the logistic
            rule; people of a store share its factor (`WorldConfig.store_spread`).
        never: Share of the chosen who are not contacted all the same.
        always: Share of the others who are contacted all the same.

    Examples:
        >>> from omniltv.simulation import Treatment, World, WorldConfig
        >>> config = WorldConfig(treatments=(Treatment(name="call"),), acquired_within=7)
        >>> world = World(config, people=500, seed=1)
        >>> _ = world.step()
        >>> rule = TargetingRule(treatment="call", channel="store", hidden=2.0)
        >>> plan = world.targeted(rule)
        >>> plan.columns.tolist(), 0 < len(plan) < 500
        (['customer_id', 'treatment', 'channel'], True)
    """

    treatment: str
    channel: str
    base: float = 0.0
    value: float = 0.0
    recency: float = 0.0
    main_channel: Mapping[str, float] = Field(default_factory=dict)
    hidden: float = 0.0
    stores: Fraction | None = None
    never: Fraction = 0.0
    always: Fraction = 0.0

    def propensity(self, people: People, state: WorldState, main: Vector, dice: Dice) -> Vector:
        """Return the probability that the rule chooses a person, of shape (n_people,).

        Args:
            people: The people.
            state: The state of the world.
            main: Addition to the log odds by person.
            dice: Random numbers, which choose the stores.
        """
        if self.stores is not None:
            n_stores = int(people.home.max()) + 1
            drawn = np.array([dice.roll("treated store", k)[0] for k in range(n_stores)])
            chosen = np.argsort(drawn)[: round(self.stores * n_stores)]
            return np.isin(people.home, chosen).astype(np.float64)
        months = np.minimum((state.day - state.bought) / _MONTH, 12.0)
        odds = (
            self.base
            + main
            + self.value * standardised(np.log1p(state.money))
            + self.recency * (months - months.mean())
            + self.hidden * standardised(np.log(people.traits["rate"]))
        )
        chance: Vector = special.expit(odds)
        return chance
