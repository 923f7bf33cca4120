"""Arrays that a C function reads through one pointer, without a copy."""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, no-any-return, untyped-decorator"

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from omniltv._arrays import Integers, Matrix, Vector
from omniltv._compiled import carray, compiled, integers

__all__ = [
    "DATA",
    "NUMBERS",
    "PackedArrays",
    "Pointers",
    "matrix",
    "places",
    "shapes",
    "table",
    "vector",
]

type Pointers = Sequence[Vector]
"""What the pointer is in Python."""

NUMBERS = types.CPointer(types.double)
"""The type of a pointer to an array of numbers in C."""

DATA = types.CPointer(NUMBERS)
"""The type of the pointer in C: pointers to arrays, which are numbered from 1."""


class PackedArrays:
    """Arrays of numbers and of integers, with a table of their shapes as array 0.

    The first row of the table is the address of the pointers and the number of arrays; other
    rows are rows and columns of an array.

    Args:
        arrays: Arrays of one or two dimensions.

    Examples:
        >>> packed = PackedArrays([np.ones(3), np.zeros((2, 2), dtype=int)])
        >>> packed.address > 0
        True
    """

    def __init__(self, arrays: Iterable[NDArray[Any]]) -> None:
        self.arrays = [
            np.ascontiguousarray(array, dtype=np.int64 if array.dtype.kind == "i" else np.float64)
            for array in arrays
        ]
        sizes = [array.shape if array.ndim > 1 else (1, array.size) for array in self.arrays]
        self._shapes = np.array([(0, len(sizes)), *sizes], dtype=np.int64)
        kept = (self._shapes, *self.arrays)
        self.pointers = np.array([array.ctypes.data for array in kept], dtype=np.uintp)
        self._shapes[0, 0] = self.address

    @property
    def address(self) -> int:
        """The address of the pointers, valid while this object exists."""
        return int(self.pointers.ctypes.data)


@compiled(inside=True)
def shapes(data: Pointers) -> Integers:
    """Return the table of shapes."""
    table = integers(data[0])
    return carray(table, (carray(table, (2,))[1] + 1, 2))


@compiled(inside=True)
def vector(data: Pointers, sizes: Integers, array: int) -> Vector:
    """Return an array of numbers as a vector."""
    return carray(data[array], (sizes[array, 0] * sizes[array, 1],))


@compiled(inside=True)
def matrix(data: Pointers, sizes: Integers, array: int) -> Matrix:
    """Return an array of numbers as a matrix."""
    return carray(data[array], (sizes[array, 0], sizes[array, 1]))


@compiled(inside=True)
def places(data: Pointers, sizes: Integers, array: int) -> Integers:
    """Return an array of integers as a vector."""
    return carray(integers(data[array]), (sizes[array, 0] * sizes[array, 1],))


@compiled(inside=True)
def table(data: Pointers, sizes: Integers, array: int) -> Integers:
    """Return an array of integers as a matrix."""
    return carray(integers(data[array]), (sizes[array, 0], sizes[array, 1]))
