"""Scores of customers, added to a table of any kind as columns."""

from omniltv.segmentation.scores.rfm import Rfm
from omniltv.segmentation.scores.score import CustomerScore, scored

__all__ = ["CustomerScore", "Rfm", "scored"]
