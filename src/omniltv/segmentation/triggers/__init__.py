"""Triggers: what a customer did, or did not do, that starts a treatment."""

from omniltv.segmentation.triggers.back_in_stock import BackInStock
from omniltv.segmentation.triggers.birthday import Birthday
from omniltv.segmentation.triggers.cart_left import CartLeft
from omniltv.segmentation.triggers.enquired import Enquired
from omniltv.segmentation.triggers.events import CustomerEvents
from omniltv.segmentation.triggers.first_purchase import FirstPurchase
from omniltv.segmentation.triggers.kind import AnyTrigger, TriggerKind, trigger_kind, trigger_kinds
from omniltv.segmentation.triggers.purchase_due import PurchaseDue
from omniltv.segmentation.triggers.silent import Silent
from omniltv.segmentation.triggers.tier_moved import TierMoved
from omniltv.segmentation.triggers.visited import Visited

__all__ = [
    "AnyTrigger",
    "BackInStock",
    "Birthday",
    "CartLeft",
    "CustomerEvents",
    "Enquired",
    "FirstPurchase",
    "PurchaseDue",
    "Silent",
    "TierMoved",
    "TriggerKind",
    "Visited",
    "trigger_kind",
    "trigger_kinds",
]
