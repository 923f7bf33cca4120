"""Comparison of short texts, such as names and codes, by a string similarity."""

from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import OSA, JaroWinkler

from omniltv._arrays import Levels
from omniltv._options import Natural, Share, checked
from omniltv.identity.linking import _sql
from omniltv.identity.linking.comparisons._grading import (
    Scores,
    check_order,
    first_level,
    pairwise,
    steps,
)
from omniltv.identity.linking.values import Pairs

__all__ = ["StringComparison"]


@checked
@dataclass(frozen=True)
class StringComparison:
    """Grades two texts: same, similar by Jaro-Winkler or by edits, or different.

    Args:
        name: Name of the comparison.
        column: The column.
        at: Threshold of each level between same and different: the smallest similarity,
            decreasing; or the largest number of edits, increasing.
        method: The Jaro-Winkler similarity (0 to 1), or the number of wrong, lost, added or
            swapped characters (Damerau-Levenshtein, each character edited once).
        agreement: Number of levels, from the first, that count as agreement.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.

    Raises:
        ConfigError: If ``at`` is empty, not positive or not in order.

    Examples:
        >>> from omniltv.identity import Column
        >>> codes = Column.of(["ab1234", "ab1243", "ab9999", None])
        >>> pairs = Pairs.of({"code": codes}, [0, 0, 0, 0], [0, 1, 2, 3])
        >>> edits = StringComparison("code", "code", at=(1,), method="damerau_levenshtein")
        >>> edits.grade(pairs).tolist()
        [0, 1, 2, -1]
        >>> StringComparison("code", "code", at=(0.95, 0.5)).grade(pairs).tolist()
        [0, 1, 2, -1]
    """

    name: str
    column: str
    at: tuple[float, ...] = (0.95, 0.88)
    method: Literal["jaro_winkler", "damerau_levenshtein"] = "jaro_winkler"
    agreement: Natural = 1
    shared: bool = False
    coincidence: Share = 0.01

    def __post_init__(self) -> None:
        check_order(self.name, self.at, increasing=self._by_edits)

    @property
    def _by_edits(self) -> bool:
        return self.method == "damerau_levenshtein"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        unit = "edits or fewer" if self._by_edits else "similar"
        return ("same", *(f"{each:g} {unit}" for each in self.at), "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        same = pairs.equal(self.column)
        score = pairs.apply(self.column, self._score, ~same)
        near = [score <= most for most in self.at] if self._by_edits else steps(score, self.at)
        return first_level([same, *near, pairs.known(self.column)])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        values = f"{_sql.left(self.column)}, {_sql.right(self.column)}"
        near = [
            f"damerau_levenshtein({values}) <= {each:g}"
            if self._by_edits
            else _sql.alike(self.column, each)
            for each in self.at
        ]
        return (_sql.same(self.column), *near, _sql.known(self.column))

    def _score(self, left: list[str], right: list[str]) -> Scores:
        if self._by_edits:
            return pairwise(left, right, OSA.distance)
        return pairwise(left, right, JaroWinkler.normalized_similarity)
