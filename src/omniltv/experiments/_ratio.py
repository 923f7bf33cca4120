"""Ratios of sums as means, by the delta method."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["linearised"]


def linearised(
    outcome: NDArray[np.float64], per: NDArray[np.float64], sides: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return outcomes whose mean in each arm is the ratio of sums, of shape (n_customers,).

    r + (y - r d) / mean(d) has the mean r = sum(y) / sum(d), and its standard error is that of
    the delta method (Deng, Knoblich and Lu, KDD 2018, eq. 3).

    Args:
        outcome: Shape (n_customers,).
        per: Shape (n_customers,).
        sides: Membership of the arms, of shape (n_customers, n_arms).

    Examples:
        >>> one = np.ones((2, 1), dtype=bool)
        >>> linearised(np.array([6.0, 0.0]), np.array([2.0, 0.0]), one).mean().item()
        3.0
    """
    linear = outcome.copy()
    for side in sides.T:
        ratio = outcome[side].sum() / per[side].sum()
        linear[side] = ratio + (outcome[side] - ratio * per[side]) / per[side].mean()
    return linear
