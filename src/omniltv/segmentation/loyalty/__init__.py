"""Loyalty programmes: the ledger of points."""

from omniltv.segmentation.loyalty.ledger import Settlement, settle

__all__ = ["Settlement", "settle"]
