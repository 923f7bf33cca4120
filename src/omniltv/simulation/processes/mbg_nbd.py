"""Customers of MBG/NBD: they may leave after each purchase, the first one included."""

from typing import Literal

import numpy as np

from omniltv._arrays import Matrix
from omniltv.simulation.processes.bg_nbd import BgNbdCustomers
from omniltv.simulation.processes.protocol import Outlook, PersonColumns, Today, alive_chain

__all__ = ["MbgNbdCustomers"]


class MbgNbdCustomers(BgNbdCustomers):
    """MBG/NBD on a grid of days, with the parameters of `BgNbdCustomers`.

    Attributes:
        name: ``"mbg_nbd"``.

    Examples:
        >>> MbgNbdCustomers(r=0.5).name
        'mbg_nbd'
    """

    name: Literal["mbg_nbd"] = "mbg_nbd"  # type: ignore[assignment]  # a tag of its own

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return who is still active."""
        leaves = today.bought & (today.dice < traits["dropout"] * today.stay)
        return {"active": np.where(leaves, 0.0, state["active"])}

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day."""
        chance = self.chance(traits, state, outlook.push)
        lost = np.minimum(traits["dropout"] * outlook.stay, 1.0)
        alive = state["active"] * outlook.customer
        return alive_chain(outlook, alive, chance, chance * lost, lost)
