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
from omniltv.segmentation.conditions.sets import ConditionSet
from omniltv.segmentation.conditions.text import TextMatch
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
    "Chance",
    "ColumnComparison",
    "Condition",
    "ConditionKind",
    "ConditionSet",
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
    "RankLine",
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
