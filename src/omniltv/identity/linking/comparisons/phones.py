"""Comparison of telephone numbers: people share fixed lines more than mobile phones."""

from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Levels
from omniltv._options import checked
from omniltv.identity.linking.comparisons._grading import Scores, first_level, slips
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.normalise import is_fixed_line

__all__ = ["PhoneComparison"]


@checked
@dataclass(frozen=True)
class PhoneComparison:
    """Grades telephone numbers: same, same fixed line, one slip apart, different.

    ``same fixed line`` holds if the numbering plan says that the number is not a mobile one. A
    number of unknown kind (hashed, or of a country such as the US) is ``same``.

    Args:
        name: Name of the comparison.
        column: The field.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> numbers = Column.of(["+819012345678", "+819012345678", "+81312345678", "+81312345678"])
        >>> PhoneComparison().grade(Pairs.of({"phone": numbers}, [0, 2, 0], [1, 3, 2])).tolist()
        [0, 1, 3]
    """

    name: str = "phone"
    column: str = "phone"
    shared = True
    coincidence = 0.0
    agreement = 2
    levels = ("same", "same fixed line", "one slip", "different")
    frequency = (None, None, None, None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        same = pairs.equal(self.column)
        mobile = same & ~(pairs.apply(self.column, _fixed, same) > 0)
        near = pairs.apply(self.column, slips, pairs.near(self.column, ~same)) <= 1
        return first_level([mobile, same, near, pairs.known(self.column)])


def _fixed(left: list[str], _right: list[str]) -> Scores:
    """Return 1 for fixed lines, else 0; both numbers are equal."""
    return np.array([is_fixed_line(number) for number in left], dtype=np.float32)
