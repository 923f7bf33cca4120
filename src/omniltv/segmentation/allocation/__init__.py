"""Allocation: which offer each customer gets, within staff, budget and message capacities."""

from omniltv.segmentation.allocation.allocation import Allocation, allocate
from omniltv.segmentation.allocation.dual_ascent import DualAscent
from omniltv.segmentation.allocation.exact import ExactAllocator
from omniltv.segmentation.allocation.problem import AllocationProblem, Allocator, Choice

__all__ = [
    "Allocation",
    "AllocationProblem",
    "Allocator",
    "Choice",
    "DualAscent",
    "ExactAllocator",
    "allocate",
]
