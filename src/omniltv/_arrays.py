"""Names for array types that several packages use."""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Codes",
    "Flags",
    "Floats",
    "Integers",
    "Levels",
    "Matrix",
    "Objects",
    "Places",
    "Vector",
]

type Codes = NDArray[np.int64]
"""Integer codes of labels, values or records, of shape (n,)."""

type Flags = NDArray[np.bool_]
"""Booleans of any shape."""

type Floats = NDArray[np.float64]
"""Floating-point numbers of any shape."""

type Integers = NDArray[np.int64]
"""Integers of any shape."""

type Levels = NDArray[np.int8]
"""Comparison levels, small integers of any shape."""

type Matrix = NDArray[np.float64]
"""Floating-point numbers of shape (n_rows, n_columns)."""

type Objects = NDArray[np.object_]
"""Python objects of shape (n,)."""

type Places = NDArray[np.intp]
"""Positions of rows or customers in an array, of shape (n,)."""

type Vector = NDArray[np.float64]
"""Floating-point numbers of shape (n,)."""
