from typing import Any

import numpy as np
import pytest

from omniltv.errors import DataError
from omniltv.models.checks import (
    ranking,
)


def test_gini_by_hand() -> None:
    assert ranking([4, 3, 2, 1], [8, 4, 2, 1]).gini == 1
    assert ranking([1, 2, 3, 4], [8, 4, 2, 1]).gini == -1
    order = np.array([6.0, 0.0, 3.0, 1.0])
    by_hand = ranking([4.0, 3.0, 2.0, 1.0], order)
    curve, best = (np.cumsum([0, *values]) / 10 for values in (order, np.sort(order)[::-1]))
    area, perfect = (np.trapezoid(values, dx=0.25) - 0.5 for values in (curve, best))
    np.testing.assert_allclose(by_hand.gini, area / perfect)
    np.testing.assert_allclose(by_hand.captured[[25, 50, 75]], curve[1:4])
    np.testing.assert_allclose(by_hand.perfect[[25, 50, 75]], best[1:4])


def test_ties_have_no_order() -> None:
    actual = np.random.default_rng(1).poisson(2.0, 101)
    values = np.repeat([1.0, 2.0], [50, 51])
    shuffled = np.random.default_rng(2).permutation(101)
    one, other = ranking(values, actual), ranking(values[shuffled], actual[shuffled])
    np.testing.assert_allclose(one.captured, other.captured)
    lift = one.to_frame()["lift"]
    np.testing.assert_allclose(lift[:5].mean(), actual[50:].mean() / actual.mean(), rtol=0.02)
    np.testing.assert_allclose(lift.sum(), 10)


@pytest.mark.parametrize(
    ("values", "actual", "why"),
    [
        ([1.0, 2.0], [1.0], "2,"),
        ([1.0, np.nan], [1, 2], "missing values"),
        ([1.0, 2.0], [1, -2], "below 0"),
        ([1.0, 2.0], [0, 0], "no order"),
    ],
)
def test_what_has_no_order_is_refused(values: Any, actual: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        ranking(values, actual)
