"""Tiers: rules for one moment, and a memory that turns judgements into moves."""

from omniltv.segmentation.tiers.memory import TierMemory
from omniltv.segmentation.tiers.scheme import TierScheme

__all__ = ["TierMemory", "TierScheme"]
