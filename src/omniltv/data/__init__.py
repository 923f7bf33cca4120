"""Tables: checking, the purchase log, the history, simulators and sample data."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniltv.data.calendar_time import CalendarTime
    from omniltv.data.cdnow import load_cdnow
    from omniltv.data.checking import Checked, check
    from omniltv.data.files import read_table
    from omniltv.data.history import DistinctStates, PurchaseHistory
    from omniltv.data.holdout import CalibrationHoldout
    from omniltv.data.items import OrderItems
    from omniltv.data.log import PurchaseLog
    from omniltv.data.mapping import ColumnMap
    from omniltv.data.profiling import TableProfile, profile
    from omniltv.data.quarters import QuarterCounts
    from omniltv.data.refunds import ByReference, EqualAmount, LargestEarlier, RefundRule
    from omniltv.data.report import IntakeReport, Tolerance
    from omniltv.data.simulate import Retailer, simulate_retailer
    from omniltv.data.spelling import Formats

__all__ = [
    "ByReference",
    "CalendarTime",
    "CalibrationHoldout",
    "Checked",
    "ColumnMap",
    "DistinctStates",
    "EqualAmount",
    "Formats",
    "IntakeReport",
    "LargestEarlier",
    "OrderItems",
    "PurchaseHistory",
    "PurchaseLog",
    "QuarterCounts",
    "RefundRule",
    "Retailer",
    "TableProfile",
    "Tolerance",
    "check",
    "load_cdnow",
    "profile",
    "read_table",
    "simulate_retailer",
]

_HOME = {
    "ByReference": "refunds",
    "CalendarTime": "calendar_time",
    "CalibrationHoldout": "holdout",
    "Checked": "checking",
    "ColumnMap": "mapping",
    "DistinctStates": "history",
    "EqualAmount": "refunds",
    "Formats": "spelling",
    "IntakeReport": "report",
    "LargestEarlier": "refunds",
    "OrderItems": "items",
    "PurchaseHistory": "history",
    "PurchaseLog": "log",
    "QuarterCounts": "quarters",
    "RefundRule": "refunds",
    "Retailer": "simulate",
    "TableProfile": "profiling",
    "Tolerance": "report",
    "check": "checking",
    "load_cdnow": "cdnow",
    "profile": "profiling",
    "read_table": "files",
    "simulate_retailer": "simulate",
}


def __getattr__(name: str) -> object:
    """Return a public name, loaded when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'omniltv.data' has no attribute {name!r}")
    value: object = getattr(import_module(f"omniltv.data.{_HOME[name]}"), name)
    globals()[name] = value
    return value
