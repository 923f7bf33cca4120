"""A purchase process as a stranger writes it: one file, public names only."""

import numpy as np
from numpy.typing import NDArray
from tests._statistics import assert_mean

from omniltv.simulation import PurchaseProcess, Treatment, World, WorldConfig
from omniltv.simulation.processes import Outlook, PersonColumns, Today, Uniforms, alive_chain
from omniltv.units import weeks


class Subscribers:
    """Everybody buys at one rate, and one in fifty leaves every day."""

    name = "subscribers"

    def traits(self, uniform: Uniforms) -> PersonColumns:
        """Return the rate, and the probability of leaving."""
        n = len(uniform("rate"))
        return {"rate": np.full(n, 0.1), "loss": np.full(n, 0.02)}

    def start(self, traits: PersonColumns) -> PersonColumns:
        """Return that everybody is active."""
        return {"active": np.ones_like(traits["rate"])}

    def chance(
        self, traits: PersonColumns, state: PersonColumns, push: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the probability of a purchase."""
        return np.minimum(traits["rate"] * push * state["active"], 1.0)

    def after(self, traits: PersonColumns, state: PersonColumns, today: Today) -> PersonColumns:
        """Return who stays."""
        leaves = today.customer & (today.dice < traits["loss"] * today.stay)
        return {"active": np.where(leaves, 0.0, state["active"])}

    def expected(
        self, traits: PersonColumns, state: PersonColumns, outlook: Outlook
    ) -> NDArray[np.float64]:
        """Return the probability of a purchase on each day."""
        chance = np.minimum(traits["rate"] * outlook.push, 1.0)
        lost = traits["loss"] * outlook.stay
        return alive_chain(outlook, state["active"] * outlook.customer, chance, lost, lost)


def test_a_process_of_ones_own() -> None:
    process: PurchaseProcess = Subscribers()
    config = WorldConfig(
        process=process, treatments=(Treatment(name="t", dropout=0.2),), acquired_within=30
    )
    world = World(config, people=500, seed=1)
    assert world.process is process
    world.run(weeks(3))
    truth = world.truth
    expected = truth.outcomes(weeks(8), of="purchases")
    realised = world.fork(seed=9).truth.outcomes(weeks(8), of="purchases", kind="realised")
    for column in ("none", "t"):
        assert_mean(realised[column] - expected[column], 0.0, comparisons=2)
    assert (expected["t"] >= expected["none"]).all()
