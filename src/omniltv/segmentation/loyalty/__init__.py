"""Loyalty programmes as documents, and the ledger of their points."""

from omniltv.segmentation.loyalty.ledger import Settlement, settle
from omniltv.segmentation.loyalty.liability import BreakEven, Liability, break_even, liability
from omniltv.segmentation.loyalty.programme import Programme, ProgrammeEvents
from omniltv.segmentation.loyalty.redemption import RedemptionModel, learn_redemption
from omniltv.segmentation.loyalty.rules import Cap, EarningRule, Ranks, Redemption, Validity
from omniltv.segmentation.loyalty.state import LedgerState

__all__ = [
    "BreakEven",
    "Cap",
    "EarningRule",
    "LedgerState",
    "Liability",
    "Programme",
    "ProgrammeEvents",
    "Ranks",
    "Redemption",
    "RedemptionModel",
    "Settlement",
    "Validity",
    "break_even",
    "learn_redemption",
    "liability",
    "settle",
]
