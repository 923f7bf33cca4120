"""Counter view: all that a touchpoint needs about one customer, in one fast call."""

from omniltv.segmentation.counter.desk import CounterDesk
from omniltv.segmentation.counter.view import CounterView
from omniltv.segmentation.counter.writing import write_counter

__all__ = ["CounterDesk", "CounterView", "write_counter"]
