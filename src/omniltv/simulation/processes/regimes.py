"""Customers with regimes of activity: busy, quiet or gone. No built-in model has them."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import special

from omniltv._arrays import Matrix, Vector
from omniltv._config import Written
from omniltv.simulation._limits import AboveZero, Fraction
from omniltv.simulation.processes.protocol import Outlook, PersonColumns, Today, Uniforms

__all__ = ["RegimeCustomers"]


class RegimeCustomers(Written):
    """A customer is busy, quiet or gone; regimes change from day to day (a Markov chain).

    The first purchase starts a busy regime. A quiet customer buys rarely and may become busy
    again, so a long silence is no proof that the customer has left.

    Attributes:
        name: ``"regimes"``.
        rate: Median purchase rate of a busy customer, per week.
        spread: Standard deviation of its logarithm between people.
        quiet: Rate of a quiet customer as a share of that of a busy one.
        busy_weeks: Mean length of a busy regime.
        quiet_weeks: Mean length of a quiet regime, if the customer stays.
        gone: Probability that a busy regime ends with leaving for good.
        gone_quiet: Probability that a quiet regime does.
        pace: Standard deviation between people of the logarithm of how fast regimes change.

    Examples:
        >>> RegimeCustomers(quiet=0.0).start({"rate": np.ones(2)})["quiet"]
        array([0., 0.])
    """

    name: Literal["regimes"] = "regimes"
    rate: AboveZero = 0.8
    spread: Annotated[float, Field(ge=0, le=3)] = 0.5
    quiet: Fraction = 0.02
    busy_weeks: AboveZero = 5.0
    quiet_weeks: AboveZero = 30.0
    gone: Fraction = 0.02
    gone_quiet: Fraction = 0.05
    pace: Annotated[float, Field(ge=0, le=2)] = 0.2

    def traits(self, uniform: Uniforms) -> PersonColumns:
        """Return the rate per busy day, and the pace of regimes."""
        return {
            "rate": self.rate / 7 * np.exp(self.spread * special.ndtri(uniform("rate"))),
            "pace": np.exp(self.pace * special.ndtri(uniform("pace"))),
        }

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return that everybody is active and busy."""
        rate = traits["rate"]
        return {"active": np.ones_like(rate), "quiet": np.zeros_like(rate)}

    def chance(self, traits: PersonColumns, state: PersonColumns, push: Vector) -> Vector:
        """Return the probability of a purchase today."""
        factor = np.where(state["quiet"] > 0, self.quiet, 1.0)
        return -np.expm1(-traits["rate"] * factor * push)

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return the regime of the next day."""
        quiet = state["quiet"] > 0
        leave, change = self._moves(traits, today.stay)
        gone = np.where(quiet, leave[1], leave[0])
        moved = gone + np.where(quiet, change[1], change[0])
        leaves = today.customer & (today.dice < gone)
        changes = today.customer & ~leaves & (today.dice < moved)
        return {
            "active": np.where(leaves, 0.0, state["active"]),
            "quiet": np.where(changes, 1.0 - quiet, state["quiet"]),
        }

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day, from the chain of regimes."""
        alive = state["active"] * outlook.customer
        busy, quiet = alive * (1 - state["quiet"]), alive * state["quiet"]
        buys = np.empty_like(outlook.push)
        for day, push in enumerate(outlook.push):
            often = -np.expm1(-traits["rate"] * push)
            seldom = -np.expm1(-traits["rate"] * self.quiet * push)
            buys[day] = busy * often + quiet * seldom + outlook.entering[day]
            leave, change = self._moves(traits, outlook.stay[day])
            busy = busy + outlook.entering[day]
            busy, quiet = (
                busy * (1 - leave[0] - change[0]) + quiet * change[1],
                quiet * (1 - leave[1] - change[1]) + busy * change[0],
            )
        return buys

    def _moves(
        self, traits: PersonColumns, stay: Vector
    ) -> tuple[tuple[Vector, Vector], tuple[Vector, Vector]]:
        """Return the daily probabilities of leaving and of changing, if busy and if quiet."""
        ends = [-np.expm1(-traits["pace"] / (7 * w)) for w in (self.busy_weeks, self.quiet_weeks)]
        gone = [np.minimum(p * stay, 1.0) for p in (self.gone, self.gone_quiet)]
        leave = (ends[0] * gone[0], ends[1] * gone[1])
        return leave, (ends[0] - leave[0], ends[1] - leave[1])
