"""Who is meant and who comes first: conditions and tiers over plain tables."""

from omniltv.segmentation.conditions import AllOf, AnyOf, Comparison, Condition, Not
from omniltv.segmentation.tiers import (
    Chance,
    Cut,
    ProbabilisticTiering,
    Tier,
    Tiering,
    TierScheme,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "Chance",
    "Comparison",
    "Condition",
    "Cut",
    "Not",
    "ProbabilisticTiering",
    "Tier",
    "TierScheme",
    "Tiering",
]
