"""Customers of MBG/CNBD-k: more regular than chance, as each k-th hidden event is a purchase."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from omniltv._arrays import Matrix, Vector
from omniltv.simulation.processes.bg_nbd import BgNbdCustomers
from omniltv.simulation.processes.protocol import Outlook, PersonColumns, Today

__all__ = ["CnbdCustomers"]


class CnbdCustomers(BgNbdCustomers):
    """MBG/CNBD-k on a grid of days: Erlang-k gaps, dropout after each purchase.

    Attributes:
        name: ``"mbg_cnbd_k"``.
        k: Number of hidden events per purchase; at most one a day.

    Examples:
        >>> CnbdCustomers(k=3).start({"rate": np.ones(2)})["phase"]
        array([0., 0.])
    """

    name: Literal["mbg_cnbd_k"] = "mbg_cnbd_k"  # type: ignore[assignment]  # a tag of its own
    k: Annotated[int, Field(ge=2, le=12)] = 2

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return that everybody is active, without a hidden event."""
        return {"active": np.ones_like(traits["rate"]), "phase": np.zeros_like(traits["rate"])}

    def chance(self, traits: PersonColumns, state: PersonColumns, push: Vector) -> Vector:
        """Return the probability of a purchase today: only after k - 1 hidden events."""
        return np.where(state["phase"] == self.k - 1, self._event(traits, push), 0.0)

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return who is still active, and the hidden events since the last purchase."""
        leaves = today.bought & (today.dice < traits["dropout"] * today.stay)
        hidden = (state["phase"] < self.k - 1) & (today.dice < self._event(traits, today.push))
        phase = np.where(today.bought, 0.0, state["phase"] + (hidden & today.customer))
        return {"active": np.where(leaves, 0.0, state["active"]), "phase": phase}

    def expected(self, traits: PersonColumns, state: PersonColumns, outlook: Outlook) -> Matrix:
        """Return the probability of a purchase on each day, from the chain of hidden events."""
        event = self._event(traits, outlook.push)
        kept = 1 - np.minimum(traits["dropout"] * outlook.stay, 1.0)
        here = (state["phase"] == np.arange(self.k)[:, None]) * state["active"] * outlook.customer
        buys = np.empty_like(event)
        for day, moved in enumerate(event):
            buys[day] = here[-1] * moved + outlook.entering[day]
            forward = here * moved
            here = here - forward
            here[1:] += forward[:-1]
            here[0] += buys[day] * kept[day]
        return buys

    def _event(self, traits: PersonColumns, push: Vector | Matrix) -> Matrix:
        return -np.expm1(-self.k * traits["rate"] * push)
