"""Scores of customers, added to a table of any kind as columns."""

from omniltv.segmentation.scores.rfm import Rfm
from omniltv.segmentation.scores.score import CustomerScore, scored
from omniltv.segmentation.scores.tier import SchemeTier

__all__ = ["CustomerScore", "Rfm", "SchemeTier", "scored"]
