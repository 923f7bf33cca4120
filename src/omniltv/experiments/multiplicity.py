"""P-values adjusted for the number of tests of a declared family."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.errors import DataError

__all__ = ["Correction", "adjusted_p_values"]

type Correction = Literal["holm", "benjamini_hochberg", "none"]
"""Which error is controlled over a family of tests."""


@checked
def adjusted_p_values(
    p_values: NDArray[np.float64], *, correction: Correction
) -> NDArray[np.float64]:
    """Return adjusted p-values, of shape (n_tests,): compare them with the level.

    ``"holm"`` controls the probability of any false alarm (Holm, Scandinavian Journal of
    Statistics 1979, 65-70). ``"benjamini_hochberg"`` controls the expected share of false alarms
    among all alarms, for independent or positively dependent tests (JRSS B 1995, 289-300).

    Args:
        p_values: P-values of the family, of shape (n_tests,). NaN is not a test, and stays.
        correction: Which error is controlled.

    Raises:
        DataError: If a p-value is not in [0, 1].

    Examples:
        >>> p = np.array([0.01, 0.04, 0.03])
        >>> adjusted_p_values(p, correction="holm").round(3).tolist()
        [0.03, 0.06, 0.06]
        >>> adjusted_p_values(p, correction="benjamini_hochberg").round(3).tolist()
        [0.03, 0.04, 0.04]
    """
    known = ~np.isnan(p_values)
    given = p_values[known]
    if ((given < 0) | (given > 1)).any():
        hint = "probabilities in [0, 1]"
        raise DataError("not p-values", column="p_values", rows=[], hint=hint)
    if correction == "none" or not given.size:
        return p_values.copy()
    order = np.argsort(given, kind="stable")
    m = len(given)
    adjusted = np.empty(m)
    if correction == "holm":
        adjusted[order] = np.maximum.accumulate(given[order] * (m - np.arange(m)))
    else:
        scaled = given[order] * m / np.arange(1, m + 1)
        adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    result = p_values.copy()
    result[known] = np.minimum(adjusted, 1.0)
    return result
