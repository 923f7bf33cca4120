"""Conditions and tiers: which customers belong where, and whom to attend to first."""

from omniltv.segmentation.conditions import AllOf, AnyOf, ColumnComparison, Condition, Not
from omniltv.segmentation.rules import CustomerValue, TierRule
from omniltv.segmentation.tiering import ProbabilisticTiering, Tiering
from omniltv.segmentation.tiers import Cut, ReachProbability, Tier, TierScheme

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
