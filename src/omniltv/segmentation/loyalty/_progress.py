"""Progress to the next rank, in figures and in words."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from omniltv._arrays import Floats, Objects
from omniltv.segmentation.conditions.comparison import ColumnComparison
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.logic import AllOf, AnyOf
from omniltv.segmentation.tiers.scheme import TierScheme

__all__ = ["progress_words"]

type Units = Mapping[str, str | tuple[str, str]]


def progress_words(
    scheme: TierScheme, table: pd.DataFrame, rank: Objects, units: Units, context: Context
) -> Objects:
    """Return what each customer lacks for the next better rank, "" for the best rank."""
    places = {name: place for place, name in enumerate(scheme.names)}
    words = np.full(len(table), "", dtype=object)
    own = np.array([places[name] for name in rank], dtype=np.int64)
    for place in np.unique(own[own > 0]):
        tier = scheme.tiers[place - 1]
        rows = np.flatnonzero(own == place)
        part = table.iloc[rows].reset_index(drop=True)
        lacks = np.full(len(part), "", dtype=object)
        if tier.value_at_least is not None and tier.value_at_least.amount is not None:
            lacks = _shortfall(part, scheme.value, tier.value_at_least.amount, units)
        if tier.when is not None:
            lacks = _joined(" and ", [lacks, _lacking(tier.when, part, units, context)])
        reached = f"{tier.name} is reached; it counts from the next review"
        words[rows] = np.where(lacks == "", reached, lacks + f" to {tier.name}")
    return words


def _lacking(when: Condition, table: pd.DataFrame, units: Units, context: Context) -> Objects:
    """Return what each row lacks for a condition; "" if it holds."""
    kind = when.root
    if isinstance(kind, (AllOf, AnyOf)):
        parts = [_lacking(part.condition, table, units, context) for part in kind.parts()]
        if isinstance(kind, AllOf):
            return _joined(" and ", parts)
        some = np.any(np.stack([part == "" for part in parts]), axis=0)
        return np.where(some, "", _joined(" or ", parts))
    held = when.mask(table, context)
    if isinstance(kind, ColumnComparison) and kind.op == "ge" and _is_number(kind.value):
        return _shortfall(table, kind.column, float(str(kind.value)), units)
    named = sorted(when.columns)
    words = " and ".join(_plural(units.get(name, name), 1) for name in named)
    return np.where(held, "", words or "another condition")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shortfall(table: pd.DataFrame, column: str, line: float, units: Units) -> Objects:
    short: Floats = line - table[column].fillna(0).to_numpy(dtype=np.float64)
    unit = units.get(column, column)
    words = [f"{amount:,.10g} {_plural(unit, amount)}" if amount > 0 else "" for amount in short]
    return np.array(words, dtype=object)


def _plural(unit: str | tuple[str, str], amount: float) -> str:
    if isinstance(unit, str):
        return unit
    return unit[0] if amount == 1 else unit[1]


def _joined(word: str, parts: list[Objects]) -> Objects:
    rows = zip(*parts, strict=True)
    return np.array([word.join(filter(None, row)) for row in rows], dtype=object)
