"""Inference: from a model and its data to a posterior."""

from omniltv.models.inference.fitting import (
    fit,
    to_pymc,
)
from omniltv.models.inference.sampling import (
    METHODS,
    Method,
    Sampling,
)

__all__ = ["METHODS", "Method", "Sampling", "fit", "to_pymc"]
