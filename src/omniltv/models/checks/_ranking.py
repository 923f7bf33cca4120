"""How well predictions rank customers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.models.checks._shared import Floats, Shown

__all__ = ["Ranking", "ranking"]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Shown):
    """How well values rank customers; made by `ranking`.

    Attributes:
        gini: Gini coefficient of the actual values in the order of the predictions, relative
            to that of the perfect order: 1 is perfect, 0 is random.
        captured: Share of the actual total held by the top k % of customers, for k = 0, 1,
            …, 100.
        perfect: The same for the perfect order.

    Examples:
        >>> ranking([3.0, 2.0, 1.0], [9, 5, 0]).captured[[0, 100]]
        array([0., 1.])
    """

    gini: float
    captured: Floats
    perfect: Floats

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per decile of customers, the best first.

        The lift is the mean of a decile divided by the overall mean; in a random order it is 1.
        """
        return {
            "decile": np.arange(1, 11),
            "lift": 10 * np.diff(self.captured[::10]),
            "lift_perfect": 10 * np.diff(self.perfect[::10]),
            "captured": self.captured[10::10],
            "captured_perfect": self.perfect[10::10],
            "captured_random": np.arange(1, 11) / 10,
        }


@checked
def ranking(values: ArrayLike, actual: ArrayLike) -> Ranking:
    """Return how well predicted values rank customers by their actual values.

    Ties are averaged: the order of customers with equal predictions does not matter.

    Args:
        values: Predicted value of each customer, of shape (n,).
        actual: Actual value of each customer, of shape (n,), not negative.

    Raises:
        DataError: If shapes differ, values are missing, or all actual values are equal.

    Examples:
        >>> ranking([3.0, 2.0, 1.0], [9, 5, 0]).gini
        1.0
        >>> ranking([1.0, 1.0, 1.0], [9, 5, 0]).gini
        0.0
    """
    predicted, happened = (np.asarray(part, dtype=np.float64) for part in (values, actual))
    if predicted.ndim != 1 or predicted.shape != happened.shape:
        raise DataError(f"{predicted.shape} values for {happened.shape} customers")
    bad = ~np.isfinite(predicted) | ~(happened >= 0)
    if bad.any():
        rows = np.flatnonzero(bad).tolist()
        raise DataError("missing values, or values below 0", column="actual", rows=rows)
    if not happened.sum() > 0 or happened.min() == happened.max():
        raise DataError("all customers have the same value, so they have no order", column="actual")
    curve, best = _captured(predicted, happened), _captured(happened, happened)
    gini = (curve.mean() - 0.5) / (best.mean() - 0.5)
    share = np.linspace(0, 1, 101)
    at = np.linspace(0, 1, len(curve))
    return Ranking(round(float(gini), 12), np.interp(share, at, curve), np.interp(share, at, best))


def _captured(predicted: Floats, actual: Floats) -> Floats:
    """Return the share of the total held by the top 0, 1, …, n customers, of shape (n + 1,)."""
    _, place, size = np.unique(-predicted, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=actual) / size
    held = np.concatenate([[0.0], np.cumsum(np.repeat(mean, size))])
    return np.asarray(held / held[-1])
