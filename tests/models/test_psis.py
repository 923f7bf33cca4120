"""Smoothed importance weights, against ArviZ."""

import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.models.posterior import psis


@pytest.mark.parametrize("n", [40, 1_000, 8_000])
@pytest.mark.parametrize("shape", [0.1, 0.5, 1.5])
def test_weights_and_khat_are_those_of_arviz(n: int, shape: float) -> None:
    from arviz_stats.base.array import array_stats  # here: collection would wait for it

    log_weight = np.random.default_rng(n).exponential(shape, n) + 3.0
    smooth, khat = psis.smoothed(log_weight)
    theirs, their_khat = array_stats.psislw(-log_weight)
    assert khat == pytest.approx(float(their_khat), rel=1e-9)
    np.testing.assert_allclose(smooth - smooth.max(), theirs - theirs.max(), atol=1e-9)


@pytest.mark.parametrize(
    ("log_weight", "khat"),
    [
        (np.zeros(100), -np.inf),  # all the same
        (np.repeat([0.0, 1.0], [70, 30]), -np.inf),  # all of the tail the same
        (np.repeat([0.0, 1.0, 2.0], [85, 14, 1]), np.inf),  # a step
    ],
)
def test_weights_without_a_pareto_tail_are_left_alone(
    log_weight: NDArray[np.float64], khat: float
) -> None:
    smooth, found = psis.smoothed(log_weight)
    assert found == khat
    np.testing.assert_array_equal(smooth, log_weight - log_weight.max())
