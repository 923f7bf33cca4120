"""Rules that find the purchase of a refund, one file each, and the order in which they apply."""

from omniltv.data.refunds.by_reference import ByReference
from omniltv.data.refunds.equal_amount import EqualAmount
from omniltv.data.refunds.largest_earlier import LargestEarlier
from omniltv.data.refunds.protocol import Orders, RefundMatches, RefundRule

__all__ = [
    "REFUND_RULES",
    "ByReference",
    "EqualAmount",
    "LargestEarlier",
    "Orders",
    "RefundMatches",
    "RefundRule",
]

REFUND_RULES: tuple[RefundRule, ...] = (ByReference(), EqualAmount(), LargestEarlier())
"""The rules that a log applies if it is given none."""
