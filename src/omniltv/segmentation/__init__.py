"""Conditions and tiers: which customers belong where, and whom to attend to first."""

from omniltv.segmentation.conditions import AllOf, AnyOf, ColumnComparison, Condition, Not
from omniltv.segmentation.tiers import (
    CustomerValue,
    Cut,
    Hysteresis,
    Moves,
    ProbabilisticTiering,
    ReachProbability,
    Tier,
    Tiering,
    TierMemory,
    TierRule,
    TierScheme,
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
    "ProbabilisticTiering",
    "ReachProbability",
    "Tier",
    "TierMemory",
    "TierRule",
    "TierScheme",
    "Tiering",
]
