"""Comparison of sets, such as tags or favourite shops, by their overlap."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Levels
from omniltv._options import Natural, Share, checked
from omniltv.identity.linking.comparisons._grading import (
    Scores,
    check_order,
    graded,
    shared_tokens,
)
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records import normalise

__all__ = ["SetComparison"]

_BETWEEN = "\x1f"  # a control character, which normalised text does not contain
_SEPARATORS = re.compile(r"[,;|、\n]")


@checked
@dataclass(frozen=True)
class SetComparison:
    """Grades two sets by the Jaccard index: shared elements as a share of all elements.

    Args:
        name: Name of the comparison.
        column: The column: lists of values, or text with commas, semicolons or bars between.
        at: Smallest overlap of each level between same and different, decreasing.
        agreement: Number of levels, from the first, that count as agreement.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.

    Raises:
        ConfigError: If ``at`` is empty, not positive or does not decrease.

    Examples:
        >>> from omniltv.identity import Column
        >>> shops = SetComparison("shops", "shops", at=(0.5,))
        >>> values = ["Ginza; Ueno", "ueno, ginza", ["Ginza", "Ueno", "Kobe"], "Kobe", None]
        >>> column = Column.of([shops.normalise(value) for value in values])
        >>> shops.grade(Pairs.of({"shops": column}, [0, 0, 0, 0], [1, 2, 3, 4])).tolist()
        [0, 1, 2, -1]
    """

    name: str
    column: str
    at: tuple[float, ...] = (0.5,)
    agreement: Natural = 1
    shared: bool = False
    coincidence: Share = 0.01

    def __post_init__(self) -> None:
        check_order(self.name, self.at, increasing=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        return ("same", *(f"{least:g} shared" for least in self.at), "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def normalise(self, value: object) -> str | None:
        """Return the distinct elements of a list or of separated text, sorted."""
        known = {normalise.plain(part) for part in _parts(value)} - {None}
        return _BETWEEN.join(sorted(map(str, known))) or None

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        return graded(pairs, self.column, _jaccard, self.at)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return value
    return _SEPARATORS.split(unicodedata.normalize("NFKC", normalise.written(value)))


def _jaccard(left: list[str], right: list[str]) -> Scores:
    both, one, other = shared_tokens(left, right, lambda text: text.split(_BETWEEN))
    return np.asarray(both / (one + other - both), dtype=np.float32)
