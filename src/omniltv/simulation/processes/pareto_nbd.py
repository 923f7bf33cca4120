"""Customers of Pareto/NBD: gamma rates and gamma dropout rates, whether they buy or not."""

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

__all__ = ["ParetoNbdCustomers"]


class ParetoNbdCustomers(Written):
    """Pareto/NBD on a grid of days: exponential lifetimes that do not depend on purchases.

    Attributes:
        name: ``"pareto_nbd"``.
        r: Shape of the gamma distribution of purchase rates.
        alpha: Its rate parameter, in weeks.
        s: Shape of the gamma distribution of dropout rates.
        beta: Its rate parameter, in weeks; the mean is s / beta a week.

    Examples:
        >>> traits = ParetoNbdCustomers().traits(lambda purpose: np.array([0.5]))
        >>> bool(traits["leaving"][0] < traits["rate"][0])
        True
    """

    name: Literal["pareto_nbd"] = "pareto_nbd"
    r: AboveZero = 0.9
    alpha: AboveZero = 9.0
    s: AboveZero = 0.7
    beta: AboveZero = 40.0

    def traits(self, uniform: Uniforms) -> PersonColumns:
        """Return purchase and dropout rates per day."""
        return {
            "rate": special.gammaincinv(self.r, uniform("rate")) / (7 * self.alpha),
            "leaving": special.gammaincinv(self.s, uniform("dropout")) / (7 * self.beta),
        }

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return that everybody is active."""
        return {"active": np.ones_like(traits["rate"])}

    def chance(
        self,
        traits: PersonColumns,
        state: PersonColumns,  # noqa: ARG002  # a rate without a memory
        push: Vector,
    ) -> Vector:
        """Return the probability of a purchase on a day."""
        return -np.expm1(-traits["rate"] * push)

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return who is still active at the end of the day."""
        leaves = today.customer & (today.dice < -np.expm1(-traits["leaving"] * today.stay))
        return {"active": np.where(leaves, 0.0, state["active"])}

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day."""
        lost = -np.expm1(-traits["leaving"] * outlook.stay)
        chance = self.chance(traits, state, outlook.push)
        return alive_chain(outlook, state["active"] * outlook.customer, chance, lost, lost)
