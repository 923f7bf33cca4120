"""Comparison of free text by the words or the character sequences that two texts share."""

from dataclasses import dataclass
from typing import Literal

from omniltv._arrays import Levels
from omniltv._options import Count, Natural, Share, checked
from omniltv.identity.linking.comparisons._grading import Scores, check_order, cosine, graded
from omniltv.identity.linking.values import Pairs

__all__ = ["TextComparison"]


@checked
@dataclass(frozen=True)
class TextComparison:
    """Grades two texts by the cosine similarity of their words, or of their q-grams.

    Word order does not matter. Q-grams, the sequences of ``q`` characters, also fit texts
    without spaces between words, such as Japanese, and misspelt words.

    Args:
        name: Name of the comparison.
        column: The column.
        at: Smallest similarity of each level between same and different, decreasing.
        tokens: Whether words or q-grams are counted.
        q: Length of a q-gram.
        agreement: Number of levels that count as agreement, from the first.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.

    Raises:
        ConfigError: If ``at`` is empty, not positive or does not decrease, or ``q`` is below 1.

    Examples:
        >>> from omniltv.identity import Column
        >>> notes = Column.of(["red coat size m", "size m red coat", "red coat", "umbrella"])
        >>> pairs = Pairs.of({"note": notes}, [0, 0, 0, 0], [0, 1, 2, 3])
        >>> TextComparison("note", "note", at=(0.9, 0.5), tokens="words").grade(pairs).tolist()
        [0, 1, 2, 3]
    """

    name: str
    column: str
    at: tuple[float, ...] = (0.8, 0.5)
    tokens: Literal["words", "qgrams"] = "qgrams"
    agreement: Natural = 1
    shared: bool = False
    coincidence: Share = 0.01
    q: Count = 3

    def __post_init__(self) -> None:
        check_order(self.name, self.at, increasing=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        return ("same", *(f"{least:g} similar" for least in self.at), "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        return graded(pairs, self.column, self._likeness, self.at)

    def _likeness(self, left: list[str], right: list[str]) -> Scores:
        return cosine(left, right, self._parts)

    def _parts(self, text: str) -> list[str]:
        if self.tokens == "words":
            return text.split()
        return [text[k : k + self.q] for k in range(max(len(text) - self.q + 1, 1))]
