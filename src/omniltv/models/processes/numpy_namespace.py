"""NumPy as the array namespace of models, used by forecasts and laws."""

import numpy as np
from scipy import special

from omniltv.models.processes.protocols import Array

__all__ = ["NUMPY", "NumpyNamespace"]


class NumpyNamespace:
    """The functions of `ArrayNamespace` on NumPy arrays.

    Examples:
        >>> NUMPY.gammaln(5.0).round(4).item()
        3.1781
    """

    def exp(self, x: Array) -> Array:
        """Return e to the x."""
        return np.exp(x)

    def log(self, x: Array) -> Array:
        """Return the natural logarithm."""
        return np.log(x)

    def log1p(self, x: Array) -> Array:
        """Return log(1 + x), exact for small x."""
        return np.log1p(x)

    def gammaln(self, x: Array) -> Array:
        """Return log of the gamma function."""
        return special.gammaln(x)

    def sigmoid(self, x: Array) -> Array:
        """Return 1 / (1 + exp(-x))."""
        return special.expit(x)

    def logaddexp(self, x: Array, y: Array) -> Array:
        """Return log(exp(x) + exp(y)) without overflow."""
        return np.logaddexp(x, y)

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """Return x where the condition holds and y elsewhere."""
        return np.where(condition, x, y)

    def maximum(self, x: Array, y: Array) -> Array:
        """Return the elementwise maximum."""
        return np.maximum(x, y)


NUMPY = NumpyNamespace()
