"""Conditions and tiers: which customers belong where, and whom to attend to first."""

from omniltv.segmentation.conditions import AllOf, AnyOf, ColumnComparison, Condition, Not
from omniltv.segmentation.tiers.memory import Hysteresis, TierMemory
from omniltv.segmentation.tiers.moves import Moves
from omniltv.segmentation.tiers.rules import CustomerValue, TierRule
from omniltv.segmentation.tiers.scheme import TierScheme
from omniltv.segmentation.tiers.tier import Cut, ReachProbability, Tier
from omniltv.segmentation.tiers.tiering import ProbabilisticTiering, Tiering
from omniltv.segmentation.tiers.transitions import Passage, Transitions, transitions

__all__ = [
    "AllOf",
    "AnyOf",
    "ColumnComparison",
    "Condition",
    "CustomerValue",
    "Cut",
    "Hysteresis",
    "Moves",
    "Not",
    "Passage",
    "ProbabilisticTiering",
    "ReachProbability",
    "Tier",
    "TierMemory",
    "TierRule",
    "TierScheme",
    "Tiering",
    "Transitions",
    "transitions",
]
