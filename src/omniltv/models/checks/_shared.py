"""Functions that several checks use."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats, Integers
from omniltv._frames import Table, Tabular
from omniltv.data.history import PurchaseHistory
from omniltv.errors import DataError
from omniltv.models.posterior.fits import PurchaseFit

__all__ = [
    "LEVELS",
    "Floats",
    "Integers",
    "Shown",
    "check_unit",
    "chunks",
    "codes_of",
    "error_of_sum",
    "slices",
    "tails",
]


LEVELS = (0.5, 0.8, 0.95)
_BLOCK_VALUES = 1_000_000
_ROWS_PER_SEED = 256  # a change would change the futures of a seed


class Shown(Tabular):
    """A table whose repr is the table."""

    def __repr__(self) -> str:
        return repr(Table(self.columns()))


def check_unit(fit: PurchaseFit, history: PurchaseHistory) -> None:
    """Raise an error if history and fit have different units of time, or calendar times."""
    fit.require_time(history)


def codes_of(history: PurchaseHistory, by: str | None) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return the group of each row, and the labels of groups."""
    if by is None:
        return np.zeros(len(history), dtype=np.intp), ("all",)
    if by not in history.groups:
        has = ", ".join(history.groups) or "none"
        raise DataError(f"no such group column; there is: {has}", column=by)
    labels, codes = np.unique(history.groups[by], return_inverse=True)
    return codes.astype(np.intp), tuple(str(label) for label in labels)


def tails(level: float) -> tuple[float, float]:
    """Return the probabilities at the ends of a central interval."""
    return (1 - level) / 2, (1 + level) / 2


def slices(n: int, n_draws: int) -> Iterator[slice]:
    """Yield slices of rows that take constant memory with all draws."""
    step = max(1, _BLOCK_VALUES // max(n_draws, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def chunks(n: int, seed: int) -> Iterator[tuple[slice, np.random.Generator]]:
    """Yield rows and their own generator, so that results do not depend on later rows."""
    for number, start in enumerate(range(0, n, _ROWS_PER_SEED)):
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        yield slice(start, min(start + _ROWS_PER_SEED, n)), np.random.default_rng(sequence)


def error_of_sum(values: Floats) -> float:
    """Return the standard error of the sum of independent values."""
    return float(np.sqrt(len(values) * values.var()))
