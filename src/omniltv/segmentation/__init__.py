"""Conditions and tiers: which customers belong where, and whom to attend to first."""

from omniltv.segmentation.conditions.chance import Chance
from omniltv.segmentation.conditions.comparison import ColumnComparison
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.happened import Happened
from omniltv.segmentation.conditions.kind import ConditionKind, condition_kind
from omniltv.segmentation.conditions.logic import AllOf, AnyOf, Not
from omniltv.segmentation.conditions.membership import InTier, Moved
from omniltv.segmentation.conditions.ranking import RankLine
from omniltv.segmentation.conditions.relative import OnWeekday, Within
from omniltv.segmentation.conditions.text import TextMatch
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
    "RankLine",
    "ReachProbability",
    "TextMatch",
    "Tier",
    "TierRule",
    "TierScheme",
    "Tiering",
    "Within",
    "condition_kind",
]
