"""Conditions and tiers: which customers belong where, and whom to attend to first."""

from omniltv.segmentation.conditions import AllOf, AnyOf, ColumnComparison, Condition, Not
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
