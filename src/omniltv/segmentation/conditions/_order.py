"""Order statistics of a column of any table, without sorting its rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np

from omniltv._frames import EagerOrLazy
from omniltv.segmentation.conditions._tables import collected

__all__ = ["PlacedValues", "can_order", "ordered"]

_BUCKETS = 2.0**16
_LARGE = 1e300
_V = nw.col("value")

type Key = tuple[object, ...]
type PlacesOf = Callable[[int], Sequence[int]]
"""From the number of values of a group, the places of interest, counted from 1."""


@dataclass(frozen=True)
class PlacedValues:
    """Values of one group by their places, in ascending order.

    Attributes:
        n: Number of values.
        at: The value at each place that was asked for and exists.
    """

    n: int
    at: Mapping[int, Any]


@dataclass(frozen=True)
class _Cell:
    """Neighbouring values: how many there are, the lowest and the highest."""

    n: int
    low: Any
    high: Any


def can_order(dtype: nw.dtypes.DType) -> bool:
    """Return whether `ordered` reads a type exactly: numbers, days, and moments without zone.

    Examples:
        >>> can_order(nw.Date()), can_order(nw.Datetime("ns")), can_order(nw.String())
        (True, False, False)
    """
    if isinstance(dtype, nw.Datetime):
        return dtype.time_zone is None and dtype.time_unit != "ns"
    return dtype.is_numeric() or isinstance(dtype, nw.Date)


def ordered(
    table: EagerOrLazy,
    values: nw.Expr,
    dtype: nw.dtypes.DType,
    places: PlacesOf,
    by: Sequence[nw.Expr] = (),
) -> Mapping[Key, PlacedValues]:
    """Return the values at some places of each group, in ascending order.

    The values are counted in buckets first. Only the buckets of the places are then counted
    value by value, so no engine sorts the table.

    Args:
        table: The table.
        values: The values, missing ones as null; numbers in double precision.
        dtype: Type of the column: `can_order` holds.
        places: The places of a group.
        by: The labels of the groups.

    Examples:
        >>> import pandas as pd
        >>> table = nw.from_native(pd.DataFrame({"v": [5.0, 7.0, None]}), eager_only=True)
        >>> ordered(table, nw.col("v"), nw.Float64(), lambda n: [n])
        {(): PlacedValues(n=2, at={2: 7.0})}
    """
    keys = [f"key{k}" for k in range(len(by))]
    labels = [label.alias(key) for key, label in zip(keys, by, strict=True)]
    rows = table.select(*labels, values.alias("value")).filter(~_V.is_null())
    cells = _cells(rows, keys, _bucket(rows, dtype))
    found = {key: _places(group, places) for key, group in cells.items()}
    wide = {
        (cell.low, cell.high)
        for group in found.values()
        for cell, _ in group.values()
        if cell.low != cell.high
    }
    exact = _cells(_between(rows, wide), keys, _V) if wide else {}
    return {
        key: PlacedValues(
            sum(cell.n for cell in cells[key]),
            {k: _value(exact.get(key, []), cell, k - n) for k, (cell, n) in group.items()},
        )
        for key, group in found.items()
    }


def _bucket(rows: EagerOrLazy, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a column that never falls as the value rises, and has few values."""
    if isinstance(dtype, nw.Datetime):
        return _V.cast(nw.Date)
    if not dtype.is_numeric():
        return _V
    finite = _V.clip(-_LARGE, _LARGE)
    ends = rows.select(n=nw.len(), low=finite.min(), high=finite.max())
    ((n, low, high),) = collected(ends.select("n", "low", "high")).rows()
    if not n or high == low:
        return finite * 0.0
    per_unit: float = min(_BUCKETS / (high - low), _LARGE)
    return ((finite - float(low)) * per_unit).round(0)


def _cells(rows: EagerOrLazy, keys: list[str], bucket: nw.Expr) -> dict[Key, list[_Cell]]:
    """Return the cells of each group in ascending order."""
    table: Any = rows.with_columns(bucket=bucket)
    counts = table.group_by(*keys, "bucket").agg(
        nw.len().alias("n"), _V.min().alias("low"), _V.max().alias("high")
    )
    cells: dict[Key, list[_Cell]] = {}
    for *key, n, low, high in collected(counts.select(*keys, "n", "low", "high")).rows():
        cells.setdefault(tuple(map(_label, key)), []).append(_Cell(n, low, high))
    return {key: sorted(group, key=lambda cell: cell.low) for key, group in cells.items()}


def _label(value: object) -> object:
    """Return a label; every NaN is the same one."""
    return np.nan if isinstance(value, float) and np.isnan(value) else value


def _places(cells: list[_Cell], places: PlacesOf) -> dict[int, tuple[_Cell, int]]:
    """Return the cell of each place, and how many values are in the cells before it."""
    upto = np.cumsum([cell.n for cell in cells])
    n = int(upto[-1])
    wanted = [place for place in places(n) if 1 <= place <= n]
    at = [int(np.searchsorted(upto, place)) for place in wanted]
    return {
        place: (cells[k], int(upto[k]) - cells[k].n) for place, k in zip(wanted, at, strict=True)
    }


def _between(rows: EagerOrLazy, ranges: set[tuple[Any, Any]]) -> EagerOrLazy:
    """Return the rows whose value is in one of some ranges."""
    inside = None
    for low, high in _merged(ranges):
        one = (low <= _V) & (high >= _V)
        inside = one if inside is None else inside | one
    return rows if inside is None else rows.filter(inside)


def _merged(ranges: set[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Yield ranges that do not overlap and together cover the given ones."""
    several = sorted(ranges)
    start, end = several[0]
    for _, (low, high) in pairwise([several[0], *several]):
        if low > end:
            yield start, end
            start, end = low, high
        end = max(end, high)
    yield start, end


def _value(exact: list[_Cell], cell: _Cell, place: int) -> object:
    """Return the value at a place within a cell."""
    if cell.low == cell.high:
        return cell.low
    inside = [one for one in exact if cell.low <= one.low <= cell.high]
    upto = np.cumsum([one.n for one in inside])
    return inside[int(np.searchsorted(upto, place))].low
