"""From a model and a history to a posterior."""

from omniltv.models.inference.fitting import (
    METHODS,
    Method,
    fit,
    to_pymc,
)

__all__ = ["METHODS", "Method", "fit", "to_pymc"]
