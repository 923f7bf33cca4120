"""Conditions and tiers: which customers belong where, and whom to attend to first."""

from omniltv.segmentation.conditions import AllOf, AnyOf, ColumnComparison, Condition, Not
from omniltv.segmentation.tiers import (
    CustomerValue,
    Cut,
    ProbabilisticTiering,
    ReachProbability,
    Tier,
    Tiering,
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
    "Not",
    "ProbabilisticTiering",
    "ReachProbability",
    "Tier",
    "TierRule",
    "TierScheme",
    "Tiering",
]
