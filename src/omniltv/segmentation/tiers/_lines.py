"""Shares of customers as amounts, and ties at the line of a share."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Eager
from omniltv.errors import DataWarning
from omniltv.segmentation.tiers.tier import Cut, Tier

__all__ = ["TiedLine", "TierLines", "warn_of_ties"]

_PACKAGE = str(Path(__file__).parents[2])
_EMPTY = 0.1  # share of the places that ties may leave empty without a warning


@dataclass(frozen=True)
class TierLines:
    """The lines of tiers on the columns of one table.

    Attributes:
        table: The table, for the conditions of shares.
        numbers: Returns a column of finite numbers, of shape (n_rows,).
        value: Column of the expected value.
        realised: Column of the realised value.
    """

    table: Eager
    numbers: Callable[[str], NDArray[np.float64]]
    value: str
    realised: str

    def fixed(self, tier: Tier) -> Tier:
        """Return a tier with every share replaced by an amount; a share of no rows stays."""
        self._warn_of_ties(tier)
        lines: Mapping[str, Cut | None] = {
            "value_at_least": self._amount(tier.value_at_least, self.value),
            "realised_below": self._amount(tier.realised_below, self.realised),
        }
        return tier.model_copy(update=lines)

    def _amount(self, cut: Cut | None, column: str) -> Cut | None:
        if cut is None or cut.share is None:
            return cut
        values = self._values(cut, column)
        return Cut(amount=cut.at(values)) if len(values) else cut

    def _values(self, cut: Cut, column: str) -> NDArray[np.float64]:
        """Return the values that a share is of."""
        values = self.numbers(column)
        return values if cut.among is None else values[cut.among.mask(self.table.to_native())]

    def _warn_of_ties(self, tier: Tier) -> None:
        """Warn if customers tied at the line leave more than a tenth of the share empty."""
        cut = tier.value_at_least
        if cut is None or cut.share is None or cut.ties == "in":
            return
        values = self._values(cut, self.value)
        places = cut.places(len(values))
        if not 0 < places < len(values):
            return
        border = float(np.partition(values, len(values) - 1 - places)[len(values) - 1 - places])
        inside, tied = int((values >= cut.at(values)).sum()), int((values == border).sum())
        warn_of_ties(tier.name, cut, TiedLine(len(values), inside, tied, border), self.value)


@dataclass(frozen=True)
class TiedLine:
    """Customers at the line of a share.

    Attributes:
        n: Customers that the share is of.
        inside: Customers above the border.
        tied: Customers at the border.
        border: The highest value outside.
    """

    n: int
    inside: int
    tied: int
    border: float


def warn_of_ties(name: str, cut: Cut, line: TiedLine, column: str) -> None:
    """Warn if customers tied at the line leave more than a tenth of the share empty."""
    places, inside, tied = cut.places(line.n), line.inside, line.tied
    if inside >= (1 - _EMPTY) * places:
        return
    warnings.warn(
        f"tier {name!r}: share {cut.share:g} is {places:,} of {line.n:,} customers, but {tied:,} "
        f"are tied at the line ({column!r} {line.border:g}), so only {inside:,} are in the share. "
        f'Hint: Cut(share={cut.share:g}, ties="in") lets in {inside + tied:,}; Cut(amount=...) '
        f"sets the line; or use a column that tells these customers apart",
        DataWarning,
        skip_file_prefixes=(_PACKAGE,),
    )
