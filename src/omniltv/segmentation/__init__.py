"""Conditions and tiers: which customers belong where, and whom to attend to first."""

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
from omniltv.segmentation.rules import CustomerValue, TierRule
from omniltv.segmentation.tiering import ProbabilisticTiering, Tiering
from omniltv.segmentation.tiers import Cut, ReachProbability, Tier, TierScheme

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
    "InTier",
    "Moved",
    "Not",
    "OnWeekday",
    "ProbabilisticTiering",
    "Ranked",
    "ReachProbability",
    "TextMatch",
    "Tier",
    "TierRule",
    "TierScheme",
    "Tiering",
    "Within",
    "condition_kind",
]
