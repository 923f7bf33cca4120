"""Conditions on customers, in Python or YAML, compiled to dataframe expressions."""

from omniltv.segmentation.conditions.chance import Chance
from omniltv.segmentation.conditions.comparison import ColumnComparison
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.happened import Happened
from omniltv.segmentation.conditions.kind import (
    ConditionKind,
    Part,
    Scope,
    condition_kind,
    kinds,
)
from omniltv.segmentation.conditions.logic import AllOf, AnyOf, Not
from omniltv.segmentation.conditions.membership import InTier, Moved
from omniltv.segmentation.conditions.ranking import Ranked
from omniltv.segmentation.conditions.relative import OnWeekday, Within
from omniltv.segmentation.conditions.text import TextMatch

__all__ = [
    "AllOf",
    "AnyOf",
    "Chance",
    "ColumnComparison",
    "Condition",
    "ConditionKind",
    "Context",
    "Happened",
    "InTier",
    "Moved",
    "Not",
    "OnWeekday",
    "Part",
    "Ranked",
    "Scope",
    "TextMatch",
    "Within",
    "condition_kind",
    "kinds",
]
