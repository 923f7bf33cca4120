"""Ranges of the numbers in the configuration of a world."""

from typing import Annotated

from annotated_types import Interval
from pydantic import Field

__all__ = ["AboveZero", "DayNumber", "Fraction", "FromZero", "Hour", "Spread", "WholeNumber"]

type AboveZero = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A finite number above 0."""

type FromZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A finite number of at least 0."""

type Fraction = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

type Spread = Annotated[float, Field(ge=0, le=3)]
"""A standard deviation of a logarithm."""

type WholeNumber = Annotated[int, Field(ge=1)]
"""A whole number of at least 1."""

type DayNumber = Annotated[int, Interval(ge=0, le=10_000_000)]
"""Days since the first day of a world."""

type Hour = Annotated[float, Interval(ge=0, lt=24)]
"""An hour of the day."""
