"""A simulated retailer that reacts to what is done, with the truth beside it.

Examples:
    >>> from omniltv.units import weeks
    >>> world = World(people=300, seed=1)
    >>> world.run(weeks(4)).days
    28
"""

from omniltv.simulation.baskets import Baskets
from omniltv.simulation.calendar import Calendar, SingleEvent
from omniltv.simulation.config import (
    Attrition,
    ChannelSettings,
    ContactRules,
    Goods,
    GoodsCategory,
    StaffCapacity,
    WorldConfig,
)
from omniltv.simulation.presets import PRESETS, preset
from omniltv.simulation.processes import PROCESSES, PurchaseProcess
from omniltv.simulation.targeting import TargetingRule
from omniltv.simulation.treatments import Interaction, Treatment
from omniltv.simulation.truth import WorldTruth
from omniltv.simulation.world import Counterfactual, World, WorldStep

__all__ = [
    "PRESETS",
    "PROCESSES",
    "Attrition",
    "Baskets",
    "Calendar",
    "ChannelSettings",
    "ContactRules",
    "Counterfactual",
    "Goods",
    "GoodsCategory",
    "Interaction",
    "PurchaseProcess",
    "SingleEvent",
    "StaffCapacity",
    "TargetingRule",
    "Treatment",
    "World",
    "WorldConfig",
    "WorldStep",
    "WorldTruth",
    "preset",
]
