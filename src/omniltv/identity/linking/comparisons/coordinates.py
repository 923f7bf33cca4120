"""Comparison of places by the great-circle distance between their coordinates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from omniltv._arrays import Floats, Levels
from omniltv._options import Natural, Share, checked
from omniltv.identity.linking.comparisons._grading import check_order, first_level, numbers
from omniltv.identity.linking.comparisons.numbers import as_number
from omniltv.identity.linking.values import Pairs

__all__ = ["CoordinateComparison"]

_EARTH_KM = 6371.0088  # mean radius (IUGG)


@checked
@dataclass(frozen=True)
class CoordinateComparison:
    """Grades two places by their distance over the surface of the earth, by the haversine formula.

    Args:
        name: Name of the comparison.
        latitude: Column of the latitude in degrees.
        longitude: Column of the longitude in degrees.
        within_km: Largest distance of each level but the last, increasing.
        agreement: Number of levels, from the first, that count as agreement.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.

    Raises:
        ConfigError: If ``within_km`` is empty, not positive or does not increase.

    Examples:
        >>> from omniltv.identity import Column
        >>> columns = {
        ...     "latitude": Column.of(["35.6812", "35.6813", "34.7025"]),
        ...     "longitude": Column.of(["139.7671", "139.7671", "135.4959"]),
        ... }
        >>> home = CoordinateComparison(within_km=(0.1, 500.0))
        >>> home.grade(Pairs.of(columns, [0, 0], [1, 2])).tolist()
        [0, 1]
    """

    name: str = "place"
    latitude: str = "latitude"
    longitude: str = "longitude"
    within_km: tuple[float, ...] = (0.1, 1.0, 10.0)
    agreement: Natural = 1
    shared: bool = True
    coincidence: Share = 1e-4

    def __post_init__(self) -> None:
        check_order(self.name, self.within_km, increasing=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.latitude, self.longitude)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        return (*(f"within {most:g} km" for most in self.within_km), "elsewhere")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def normalise(self, value: object) -> str | None:
        """Return a coordinate in degrees as text, see `as_number`."""
        return as_number(value)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        north = [_within(side, 90.0) for side in numbers(pairs, self.latitude, _degrees)]
        east = [_within(side, 180.0) for side in numbers(pairs, self.longitude, _degrees)]
        km = _distance(north[0], east[0], north[1], east[1])
        return first_level([*(km <= most for most in self.within_km), ~np.isnan(km)])


def _degrees(texts: "pd.Series[str]") -> "pd.Series[float]":
    return pd.to_numeric(texts, errors="coerce").astype(np.float64)


def _within(degrees: Floats, most: float) -> Floats:
    """Return degrees in radians, NaN if there is no such coordinate."""
    return np.where(np.abs(degrees) <= most, np.radians(degrees), np.nan)


def _distance(north: Floats, east: Floats, other_north: Floats, other_east: Floats) -> Floats:
    """Return the distance of places in kilometres."""
    up, along = np.sin((other_north - north) / 2) ** 2, np.sin((other_east - east) / 2) ** 2
    chord = up + np.cos(north) * np.cos(other_north) * along
    return np.asarray(2 * _EARTH_KM * np.arcsin(np.sqrt(np.minimum(chord, 1.0))), dtype=np.float64)
