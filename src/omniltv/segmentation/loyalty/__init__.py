"""Loyalty programmes: rules for points, stamps and ranks, and the ledger of points."""

from omniltv.segmentation.loyalty.ledger import Settlement, settle, settle_parts

__all__ = ["Settlement", "settle", "settle_parts"]
