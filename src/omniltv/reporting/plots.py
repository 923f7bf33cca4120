"""Plots of intervals: an estimate per group, its interval, and the true value if known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from omniltv._options import Level, checked
from omniltv.draws import Totals
from omniltv.errors import ConfigError, DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_intervals", "plot_totals"]


@checked
def plot_intervals(
    labels: Sequence[str],
    mean: ArrayLike,
    interval: ArrayLike,
    *,
    truth: ArrayLike | None = None,
    title: str = "",
    xlabel: str = "",
    zero: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Return axes with a dot and a bar per label: the estimate and its interval.

    Args:
        labels: Labels of the rows, of length n, drawn from top to bottom.
        mean: Point estimates of shape (n,).
        interval: Lower and upper ends of shape (n, 2).
        truth: Known true values of shape (n,), drawn as crosses.
        title: Title of the plot.
        xlabel: Label of the x axis, with the unit.
        zero: Whether to draw a line at zero, as for a lift.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If the shapes do not match.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> ax = plot_intervals(["ec", "store"], [1.0, 2.0], [[0.5, 1.5], [1.0, 3.0]])
        >>> [tick.get_text() for tick in ax.get_yticklabels()]
        ['ec', 'store']
    """
    middle = np.asarray(mean, dtype=np.float64)
    ends = np.asarray(interval, dtype=np.float64)
    if middle.shape != (len(labels),) or ends.shape != (len(labels), 2):
        raise DataError(f"{len(labels)} labels, means {middle.shape}, intervals {ends.shape}")
    axes = _new_axes(len(labels)) if ax is None else ax
    place = np.arange(len(labels))
    axes.hlines(place, ends[:, 0], ends[:, 1], color="#3b6ea5", linewidth=3, alpha=0.6)
    axes.plot(middle, place, "o", color="#1f3d5c", label="estimate")
    if truth is not None:
        axes.plot(np.asarray(truth), place, "x", color="#c0392b", markersize=9, label="truth")
        axes.legend(loc="best", frameon=False)
    if zero:
        axes.axvline(0.0, color="0.6", linewidth=1)
    axes.set_yticks(place, labels=list(labels))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set(title=title, xlabel=xlabel)
    axes.xaxis.set_major_formatter("{x:,.6g}")
    return axes


@checked
def plot_totals(
    totals: Totals,
    *,
    level: Level = 0.9,
    truth: ArrayLike | None = None,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Return axes with the total of each group and its interval from the joint draws.

    Args:
        totals: Totals by group, for example from `Draws.total`.
        level: Level of the equal-tailed interval.
        truth: Known totals in the order of ``totals.labels``.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Examples:
        >>> from omniltv.draws import Draws
        >>> totals = Draws.from_array([[1.0, 3.0], [2.0, 4.0]]).total(by=["ec", "store"])
        >>> plot_totals(totals).get_xlabel()
        'value'
    """
    return plot_intervals(
        totals.labels,
        totals.mean(),
        totals.interval(level),
        truth=truth,
        title=title,
        xlabel=totals.name,
        ax=ax,
    )


def _new_axes(rows: int) -> "Axes":
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, an extra
    except ImportError as error:
        message = "pictures need Matplotlib. Hint: pip install 'omniltv[plot]'"
        raise ConfigError(message) from error
    return Figure(figsize=(7, 1.2 + 0.45 * rows), layout="constrained").subplots()
