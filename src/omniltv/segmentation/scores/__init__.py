"""Scores of customers, added to a table of any kind as columns."""

from omniltv.segmentation.scores.broad_value import BroadValue, ValuedAction
from omniltv.segmentation.scores.combined import CombinedValue
from omniltv.segmentation.scores.engagement import Engagement
from omniltv.segmentation.scores.omni_use import OmniUse
from omniltv.segmentation.scores.rfm import Rfm
from omniltv.segmentation.scores.score import CustomerScore, EventScore, scored
from omniltv.segmentation.scores.tier import SchemeTier

__all__ = [
    "BroadValue",
    "CombinedValue",
    "CustomerScore",
    "Engagement",
    "EventScore",
    "OmniUse",
    "Rfm",
    "SchemeTier",
    "ValuedAction",
    "scored",
]
