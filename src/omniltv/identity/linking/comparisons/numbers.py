"""Comparison of numbers by their absolute or relative difference."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pandas as pd

from omniltv._arrays import Levels
from omniltv._options import Natural, Share, checked
from omniltv.identity.linking import _sql
from omniltv.identity.linking.comparisons._grading import (
    ROUNDING,
    check_order,
    first_level,
    numbers,
)
from omniltv.identity.linking.values import Pairs

__all__ = ["NumberComparison", "as_number"]

_SEPARATED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


@checked
@dataclass(frozen=True)
class NumberComparison:
    """Grades two numbers: same, within each of some differences, or different.

    Args:
        name: Name of the comparison.
        column: The column.
        within: Largest difference of each level between same and different, increasing.
        relative: Whether differences are shares of the larger absolute value.
        agreement: Number of levels, from the first, that count as agreement.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.

    Raises:
        ConfigError: If ``within`` is empty, not positive or does not increase.

    Examples:
        >>> from omniltv.identity import Column
        >>> points = Column.of(["1200.0", "1205.0", "90.0", None])
        >>> pairs = Pairs.of({"points": points}, [0, 0, 0, 0], [0, 1, 2, 3])
        >>> NumberComparison("points", "points", within=(10.0,)).grade(pairs).tolist()
        [0, 1, 2, -1]
        >>> close = NumberComparison("points", "points", within=(0.01, 0.99), relative=True)
        >>> close.grade(pairs).tolist()
        [0, 1, 2, -1]
    """

    name: str
    column: str
    within: tuple[float, ...]
    relative: bool = False
    agreement: Natural = 1
    shared: bool = False
    coincidence: Share = 0.01

    def __post_init__(self) -> None:
        check_order(self.name, self.within, increasing=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        unit = " of the larger" if self.relative else ""
        return ("same", *(f"within {most:g}{unit}" for most in self.within), "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def normalise(self, value: object) -> str | None:
        """Return a number as text, see `as_number`."""
        return as_number(value)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        left, right = numbers(pairs, self.column, _numeric)
        larger = np.maximum(np.abs(left), np.abs(right)) if self.relative else 1.0
        near = [np.abs(left - right) <= most * (1 + ROUNDING) * larger for most in self.within]
        return first_level([left == right, *near, ~np.isnan(left - right)])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        left, right = (
            f"TRY_CAST({side(self.column)} AS DOUBLE)" for side in (_sql.left, _sql.right)
        )
        larger = f"greatest(abs({left}), abs({right}))" if self.relative else "1.0"
        near = [
            f"abs({left} - {right}) <= {most * (1 + ROUNDING)!r} * {larger}" for most in self.within
        ]
        known = f"({left} IS NOT NULL AND {right} IS NOT NULL)"
        return (f"{left} = {right}", *near, known)


def as_number(value: object) -> str | None:
    """Return a number, or text that is one, as text; None for anything else.

    Commas separate thousands. For other spellings, declare the column with a normaliser.

    Examples:
        >>> as_number("1,200"), as_number(1200), as_number("12,5"), as_number("nan")
        ('1200.0', '1200.0', None, None)
    """
    if isinstance(value, bool):
        return None
    text = unicodedata.normalize("NFKC", str(value)).strip().replace("\u2212", "-")
    if _SEPARATED.fullmatch(text):
        text = text.replace(",", "")
    try:
        number = float(text)
    except ValueError:
        return None
    return repr(number + 0.0) if np.isfinite(number) else None  # -0.0 is 0.0


def _numeric(texts: "pd.Series[str]") -> "pd.Series[float]":
    return pd.to_numeric(texts, errors="coerce").astype(np.float64)
