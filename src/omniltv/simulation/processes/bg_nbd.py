"""Customers of BG/NBD: they may leave after each repeat purchase."""

from typing import Literal

import numpy as np
from scipy import special

from omniltv._arrays import Matrix, Vector
from omniltv._config import Written
from omniltv.simulation._limits import AboveZero
from omniltv.simulation.processes.protocol import (
    Outlook,
    PersonColumns,
    Today,
    Uniforms,
    alive_chain,
)

__all__ = ["BgNbdCustomers"]


class BgNbdCustomers(Written):
    """BG/NBD on a grid of days: gamma rates, beta dropout after a repeat purchase.

    Attributes:
        name: ``"bg_nbd"``.
        r: Shape of the gamma distribution of purchase rates.
        alpha: Its rate parameter, in weeks; the mean is r / alpha purchases a week.
        a: First parameter of the beta distribution of dropout probabilities.
        b: Second parameter.

    Examples:
        >>> BgNbdCustomers().traits(lambda purpose: np.array([0.5]))["dropout"].round(3)
        array([0.12])
    """

    name: Literal["bg_nbd"] = "bg_nbd"
    r: AboveZero = 0.9
    alpha: AboveZero = 9.0
    a: AboveZero = 0.8
    b: AboveZero = 4.0

    def traits(self, uniform: Uniforms) -> PersonColumns:
        """Return the rate per day and the dropout probability of each person."""
        return {
            "rate": special.gammaincinv(self.r, uniform("rate")) / (7 * self.alpha),
            "dropout": special.betaincinv(self.a, self.b, uniform("dropout")),
        }

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return that everybody is active."""
        return {"active": np.ones(len(traits["rate"]))}

    def chance(
        self,
        traits: PersonColumns,
        state: PersonColumns,  # noqa: ARG002  # a rate without a memory
        push: Vector,
    ) -> Vector:
        """Return the probability of a purchase today."""
        return -np.expm1(-traits["rate"] * push)

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return who is still active."""
        tossed = today.bought & ~today.first
        leaves = tossed & (today.dice < traits["dropout"] * today.stay)
        return {"active": np.where(leaves, 0.0, state["active"])}

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day."""
        chance = self.chance(traits, state, outlook.push)
        lost = np.minimum(traits["dropout"] * outlook.stay, 1.0)
        alive = state["active"] * outlook.customer
        return alive_chain(outlook, alive, chance, chance * lost, np.zeros_like(lost))
