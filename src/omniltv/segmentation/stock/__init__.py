"""Stock: offers are made only if the item can be delivered, and units are reserved."""

from omniltv.segmentation.stock.fulfilment import Fulfilment, fulfil
from omniltv.segmentation.stock.rules import StockRules

__all__ = ["Fulfilment", "StockRules", "fulfil"]
