import numpy as np
import pytest

from omniltv.draws import Draws
from omniltv.errors import DataError
from omniltv.reporting import plot_intervals, plot_totals


def test_dots_bars_and_truth_are_where_the_numbers_say() -> None:
    ax = plot_intervals(
        ["a", "b"], [1.0, 2.0], [[0.0, 2.0], [1.5, 2.5]], truth=[1.1, 1.9], zero=True
    )
    dots, crosses, line = ax.get_lines()
    np.testing.assert_array_equal(dots.get_xdata(), [1.0, 2.0])
    np.testing.assert_array_equal(crosses.get_xdata(), [1.1, 1.9])
    np.testing.assert_array_equal(line.get_xdata(), [0.0, 0.0])
    assert ax.yaxis_inverted(), "the first label is on top"


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="2 labels"):
        plot_intervals(["a", "b"], [1.0], [[0.0, 2.0]])


def test_totals_are_drawn_with_their_joint_interval() -> None:
    values = np.random.default_rng(5).normal(10, 1, size=(4, 500))
    totals = Draws.from_array(values, name="yen").total(by=["ec", "store", "ec", "store"])
    ax = plot_totals(totals, level=0.8)
    (bars,) = ax.collections
    segments = np.array([np.asarray(path.vertices)[:, 0] for path in bars.get_paths()])
    np.testing.assert_allclose(segments, totals.interval(0.8))
    assert ax.get_xlabel() == "yen"
