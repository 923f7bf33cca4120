from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.errors import ConfigError, DataError
from omniltv.reporting.model_plots import (
    plot_conditional_expectation,
    plot_frequency_histogram,
    plot_matrix,
    plot_pit,
    plot_ranking,
    plot_reliability,
    plot_tracking,
)


@dataclass(frozen=True)
class Table:
    """What a plot reads of a result: its columns."""

    data: Mapping[str, NDArray[np.generic]]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        return self.data


def made(columns: Mapping[str, Any]) -> Any:
    return Table({name: np.asarray(values) for name, values in columns.items()})


def tracked() -> Any:
    """Two groups, three steps; what is until then is the running sum of what is in each step."""
    end = np.array(["2026-01-11", "2026-01-18", "2026-01-25"], dtype="datetime64[s]")
    actual = np.array([[3.0, 4.0, 2.0], [1.0, 0.0, 5.0]])
    expected = np.array([[3.5, 3.0, 2.5], [0.5, 1.5, 2.5]])
    table = {
        "group": np.repeat(["ec", "store"], 3),
        "end": np.tile(end, 2),
        "calibration": np.tile([True, True, False], 2),
    }
    numbers = {}
    for name, values in {"": expected, "_cumulative": expected.cumsum(axis=1)}.items():
        numbers[f"expected{name}"] = values.ravel()
        numbers[f"lower{name}"], numbers[f"upper{name}"] = values.ravel() - 1, values.ravel() + 2
    numbers |= {"actual": actual.ravel(), "actual_cumulative": actual.cumsum(axis=1).ravel()}
    return Table({**table, **numbers})


def bars() -> Any:
    columns = {
        "frequency": np.array(["0", "1", "2+"]),
        "actual": np.array([50, 30, 20]),
        "predicted": np.array([52.0, 29.0, 19.0]),
        "expected": np.array([0.2, 0.6, 2.0]),
        "lower": np.array([45.0, 24.0, 15.0]),
        "upper": np.array([58.0, 34.0, 23.0]),
    }
    return Table(columns)


def grid() -> Any:
    frequency, recency = np.repeat([0, 1, 2], 2), np.tile([0.0, 9.0], 3)
    mean = np.array([1.0, np.nan, np.nan, 0.8, np.nan, 0.9])
    return Table({"frequency": frequency, "recency": recency, "mean": mean})


def without(table: Any, column: str) -> Any:
    return Table({name: values for name, values in table.data.items() if name != column})


@pytest.mark.parametrize(("cumulative", "actual"), [(True, [1, 1, 6]), (False, [1, 0, 5])])
def test_lines_and_band_are_those_of_the_group(cumulative: bool, actual: list[int]) -> None:
    ax = plot_tracking(tracked(), group="store", cumulative=cumulative)
    expected, happened, split = ax.get_lines()
    np.testing.assert_array_equal(happened.get_ydata(), actual)
    drawn = np.asarray(expected.get_ydata(), dtype=float)
    (band,) = ax.collections
    height = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (height.min(), height.max()) == (drawn.min() - 1, drawn.max() + 2)
    assert np.asarray(split.get_xdata())[0] == np.datetime64("2026-01-18")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["expected", "actual"]  # type: ignore[union-attr]


def test_a_group_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="there is: ec, store"):
        plot_tracking(tracked())


def test_bars_stand_beside_each_other_with_their_interval() -> None:
    ax = plot_frequency_histogram(bars(), title="calibration")
    actual, predicted = ax.containers
    assert [bar.get_height() for bar in actual] == [50, 30, 20]
    assert [bar.get_height() for bar in predicted] == [52, 29, 19]
    (ends,) = ax.collections
    segments = np.array([np.asarray(path.vertices)[:, 1] for path in ends.get_paths()])
    np.testing.assert_array_equal(segments, [[45, 58], [24, 34], [15, 23]])
    assert ax.get_title() == "calibration"


def test_the_first_column_says_by_what() -> None:
    ax = plot_conditional_expectation(bars())
    expected, actual = ax.get_lines()
    np.testing.assert_array_equal(expected.get_ydata(), [0.2, 0.6, 2.0])
    np.testing.assert_array_equal(actual.get_ydata(), [50, 30, 20])
    assert ax.get_xlabel() == "frequency in calibration"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2+"]


def test_what_cannot_be_stays_blank() -> None:
    ax = plot_matrix(grid())
    (mesh,) = ax.collections
    shown = np.ma.asarray(mesh.get_array())
    np.testing.assert_array_equal(np.ma.filled(shown, -1), [[1, -1], [-1, 0.8], [-1, 0.9]])
    with pytest.raises(DataError, match="not one row for each"):
        plot_matrix(made({name: values[:-1] for name, values in grid().data.items()}))


def test_the_limit_holds_a_uniform_pit_and_not_another() -> None:
    u = np.random.default_rng(3).random(2000)
    for values, inside in ((u, True), (u**1.3, False)):
        ax = plot_pit(values, bins=10)
        curve, lower, upper = ax.figure.axes[1].get_lines()
        drawn = np.asarray(curve.get_ydata(), dtype=float)
        low, high = (float(np.asarray(line.get_ydata())[0]) for line in (lower, upper))
        assert bool((drawn > low).all() and (drawn < high).all()) is inside
        heights = [bar.get_height() for bar in ax.containers[0]]
        np.testing.assert_allclose(np.mean(heights), 1.0)


@pytest.mark.parametrize("bad", [[], [0.5, 1.2], [np.nan]])
def test_what_is_no_pit_is_refused(bad: list[float]) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        plot_pit(bad)


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="bins"):
        plot_pit([0.5], bins=0)
    with pytest.raises(ConfigError, match="level"):
        plot_pit([0.5], level=1.0)
    with pytest.raises(DataError, match="at least two"):
        plot_ranking([1.0])


def test_curves_run_from_the_best_customer_to_all() -> None:
    ax = plot_ranking([0.0, 0.6, 0.9, 1.0])
    chance, model = ax.get_lines()
    np.testing.assert_allclose(np.asarray(model.get_xdata(), dtype=float), np.linspace(0, 1, 4))
    np.testing.assert_array_equal(model.get_ydata(), [0.0, 0.6, 0.9, 1.0])
    np.testing.assert_array_equal(chance.get_ydata(), [0, 1])


@pytest.mark.parametrize(
    ("plot", "table", "column"),
    [
        (plot_conditional_expectation, bars(), "expected"),
        (plot_frequency_histogram, bars(), "predicted"),
        (plot_matrix, grid(), "recency"),
        (plot_tracking, tracked(), "upper_cumulative"),
    ],
)
def test_a_missing_column_is_named(plot: Callable[[Any], object], table: Any, column: str) -> None:
    with pytest.raises(DataError, match=column):
        plot(without(table, column))


def test_pictures_are_drawn_on_the_axes_given() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots(2, 3).ravel()
    drawn = [
        plot_tracking(tracked(), group="ec", ax=axes[0]),
        plot_frequency_histogram(bars(), ax=axes[1]),
        plot_conditional_expectation(bars(), ax=axes[2]),
        plot_matrix(grid(), ax=axes[3]),
        plot_pit([0.2, 0.7], ax=axes[4]),
        plot_ranking([0.0, 1.0], perfect=[0.0, 1.0], ax=axes[5]),
    ]
    assert drawn == list(axes)


def test_reliability_stands_on_the_diagonal_where_stated_is_seen() -> None:
    columns = {"stated": [0.1, 0.9], "seen": [0.1, 0.7], "count": [400, 100]}
    ax = plot_reliability(made(columns))
    diagonal, seen = ax.get_lines()
    np.testing.assert_array_equal(diagonal.get_ydata(), [0, 1])
    np.testing.assert_array_equal(seen.get_ydata(), [0.1, 0.7])
    (bars,) = ax.collections
    ends = np.array([np.asarray(path.vertices)[:, 1] for path in bars.get_paths()])
    # Wilson's interval of 40 of 400 and of 70 of 100
    np.testing.assert_allclose(ends, [[0.0743, 0.1333], [0.6042, 0.7811]], atol=5e-4)
