"""Values on a standard scale."""

import numpy as np
from scipy import special

from omniltv._arrays import Vector

__all__ = ["normal", "standardised"]


def standardised(values: Vector) -> Vector:
    """Return values less their mean, divided by their standard deviation (0 if it is 0)."""
    scaled: Vector = (values - values.mean()) / max(float(values.std()), 1e-12)
    return scaled


def normal(uniform: Vector) -> Vector:
    """Return standard normal values from uniform numbers."""
    drawn: Vector = special.ndtri(np.maximum(uniform, 2.0**-60)).astype(np.float64)
    return drawn
