"""Conditions and tiers: which customers belong where, and whom to attend to first."""

<<<<<<< HEAD
from omniltv.segmentation.conditions import (
    AllOf,
    AnyOf,
    Chance,
    ColumnComparison,
    Condition,
    ConditionKind,
    Context,
    Happened,
    InTier,
    Moved,
    Not,
    OnWeekday,
    Ranked,
    TextMatch,
    Within,
    condition_kind,
)
from omniltv.segmentation.tiers import (
    CustomerValue,
    Cut,
    Hysteresis,
    Moves,
    Passage,
    ProbabilisticTiering,
    ReachProbability,
    Tier,
    Tiering,
    TierMemory,
    TierRule,
    TierScheme,
    Transitions,
    transitions,
)
=======
from omniltv.segmentation.conditions import AllOf, AnyOf, ColumnComparison, Condition, Not
from omniltv.segmentation.tiers.memory import Hysteresis, TierMemory
from omniltv.segmentation.tiers.moves import Moves
from omniltv.segmentation.tiers.rules import CustomerValue, TierRule
from omniltv.segmentation.tiers.scheme import TierScheme
from omniltv.segmentation.tiers.tier import Cut, ReachProbability, Tier
from omniltv.segmentation.tiers.tiering import ProbabilisticTiering, Tiering
from omniltv.segmentation.tiers.transitions import Passage, Transitions, transitions
>>>>>>> h/tiers

__all__ = [
    "AllOf",
    "AnyOf",
    "Chance",
    "ColumnComparison",
    "Condition",
    "ConditionKind",
    "Context",
    "CustomerValue",
    "Cut",
    "Happened",
    "Hysteresis",
    "InTier",
    "Moved",
    "Moves",
    "Not",
    "OnWeekday",
    "Passage",
    "ProbabilisticTiering",
    "Ranked",
    "ReachProbability",
    "TextMatch",
    "Tier",
    "TierMemory",
    "TierRule",
    "TierScheme",
    "Tiering",
    "Transitions",
    "Within",
    "condition_kind",
    "transitions",
]
