"""Plots of model checks: predictions compared with actual values.

The functions take the tables of `omniltv.models.checks` and `omniltv.identity` by the names of
their columns, so any table with the same columns can be drawn.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from omniltv._columns import require
from omniltv._options import Few, Level, checked
from omniltv.errors import ConfigError, DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "plot_conditional_expectation",
    "plot_frequency_histogram",
    "plot_matrix",
    "plot_pit",
    "plot_ranking",
    "plot_reliability",
    "plot_tracking",
]


class _Charted(Protocol):
    """What a plot reads: a table's columns by name."""

    def columns(self) -> Mapping[str, NDArray[np.generic]]: ...


_MODEL, _BAND, _ACTUAL = "#1f3d5c", "#3b6ea5", "#c0392b"


@checked
def plot_tracking(
    tracking: _Charted,
    *,
    cumulative: bool = True,
    group: str = "all",
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Return axes with expected and actual repeat purchases by calendar time.

    The band is the interval of the expectation; the dashed line is the end of calibration.

    Args:
        tracking: As `omniltv.models.checks.tracking` returns: columns ``group``, ``end``,
            ``calibration``, ``actual``, ``expected``, ``lower`` and ``upper``, the last four
            also with the suffix ``_cumulative``.
        cumulative: Whether to draw purchases until the end of each step, or within it.
        group: The group to draw.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If a column is missing, or there is no such group.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> from omniltv._frames import Table
        >>> end = np.array(["2026-01-11", "2026-01-18"], dtype="datetime64[s]")
        >>> table = Table({"group": np.array(["all"] * 2), "end": end,
        ...                "calibration": np.array([True, False]), "actual": np.array([3, 4]),
        ...                "expected": np.array([3.2, 3.9]), "lower": np.array([3.0, 3.5]),
        ...                "upper": np.array([3.4, 4.3])})
        >>> plot_tracking(table, cumulative=False).get_ylabel()
        'repeat purchases in each step'
    """
    suffix = "_cumulative" if cumulative else ""
    names = [f"{name}{suffix}" for name in ("actual", "expected", "lower", "upper")]
    columns = _columns(tracking, ["group", "end", "calibration", *names])
    rows = columns["group"] == group
    if not rows.any():
        known = ", ".join(sorted({str(label) for label in columns["group"]}))
        raise DataError(f"no group {group!r}; there is: {known}", column="group")
    end = columns["end"][rows]
    actual, expected, lower, upper = (columns[name][rows] for name in names)
    axes = _new_axes() if ax is None else ax
    axes.fill_between(end, lower, upper, color=_BAND, alpha=0.3, linewidth=0)
    axes.plot(end, expected, color=_MODEL, label="expected")
    axes.plot(end, actual, color=_ACTUAL, label="actual")
    calibration = columns["calibration"][rows].astype(bool)
    if calibration.any() and not calibration.all():
        axes.axvline(np.sort(end[calibration])[-1], color="0.5", linestyle="--", linewidth=1)
    when = "until then" if cumulative else "in each step"
    axes.set(title=title, ylabel=f"repeat purchases {when}")
    axes.tick_params(axis="x", rotation=30)
    return _with_legend(axes)


@checked
def plot_frequency_histogram(
    histogram: _Charted, *, title: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Return axes with actual and predicted customers by number of repeat purchases.

    Args:
        histogram: As `omniltv.models.checks.frequency_histogram` returns: columns
            ``frequency``, ``actual``, ``predicted``, ``lower`` and ``upper``.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If a column is missing.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> from omniltv._frames import Table
        >>> table = Table({"frequency": np.array(["0", "1+"]), "actual": np.array([60, 40]),
        ...                "predicted": np.array([58.0, 42.0]), "lower": np.array([50.0, 34.0]),
        ...                "upper": np.array([66.0, 50.0])})
        >>> [tick.get_text() for tick in plot_frequency_histogram(table).get_xticklabels()]
        ['0', '1+']
    """
    columns = _columns(histogram, ["frequency", "actual", "predicted", "lower", "upper"])
    place = np.arange(len(columns["frequency"]))
    axes = _new_axes() if ax is None else ax
    axes.bar(place - 0.2, columns["actual"], width=0.4, color=_ACTUAL, alpha=0.7, label="actual")
    axes.bar(place + 0.2, columns["predicted"], width=0.4, color=_BAND, label="predicted")
    axes.vlines(place + 0.2, columns["lower"], columns["upper"], color=_MODEL, linewidth=2)
    axes.set_xticks(place, labels=[str(label) for label in columns["frequency"]])
    axes.set(title=title, xlabel="repeat purchases", ylabel="customers")
    return _with_legend(axes)


@checked
def plot_conditional_expectation(
    table: _Charted, *, title: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Return axes with expected and actual mean holdout purchases by calibration group.

    Args:
        table: As `omniltv.models.checks.conditional_expectation` returns: a first column of
            labels, then ``actual``, ``expected``, ``lower`` and ``upper``.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If one of these columns is missing.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> from omniltv._frames import Table
        >>> table = Table({"recency": np.array(["none", "0 to 9"]), "actual": np.array([0.2, 0.9]),
        ...                "expected": np.array([0.3, 0.8]), "lower": np.array([0.2, 0.7]),
        ...                "upper": np.array([0.4, 0.9])})
        >>> plot_conditional_expectation(table).get_xlabel()
        'recency in calibration'
    """
    columns = _columns(table, ["actual", "expected", "lower", "upper"])
    by = next(iter(columns))
    place = np.arange(len(columns[by]))
    axes = _new_axes() if ax is None else ax
    axes.fill_between(
        place, columns["lower"], columns["upper"], color=_BAND, alpha=0.3, linewidth=0
    )
    axes.plot(place, columns["expected"], "o-", color=_MODEL, label="expected")
    axes.plot(place, columns["actual"], "x-", color=_ACTUAL, label="actual")
    labels = [str(label) for label in columns[by]]
    axes.set_xticks(place, labels=labels, rotation=30 if max(map(len, labels)) > 4 else 0)
    axes.set(title=title, xlabel=f"{by} in calibration", ylabel="mean holdout purchases")
    return _with_legend(axes)


@checked
def plot_matrix(
    matrix: _Charted, *, column: str = "mean", title: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Return axes with a heat map over frequency and recency; impossible pairs are blank.

    Args:
        matrix: As `omniltv.models.checks.prob_alive_matrix` returns: one row for each pair of
            ``frequency`` and ``recency``, both ascending.
        column: The column that is shown as colour.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If a column or a pair is missing.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> from omniltv._frames import Table
        >>> table = Table({"frequency": np.array([1, 1, 2, 2]), "recency": np.array([5, 9, 5, 9]),
        ...                "mean": np.array([0.6, 0.8, 0.3, 0.9])})
        >>> plot_matrix(table).get_ylabel()
        'repeat purchases'
    """
    columns = _columns(matrix, ["frequency", "recency", column])
    frequency, row = np.unique(columns["frequency"], return_inverse=True)
    recency, place = np.unique(columns["recency"], return_inverse=True)
    if len(frequency) * len(recency) != len(np.unique(row * len(recency) + place)):
        raise DataError("not one row for each frequency and recency", column=column)
    values = np.full((len(frequency), len(recency)), np.nan)
    values[row, place] = columns[column]
    axes = _new_axes() if ax is None else ax
    mesh = axes.pcolormesh(recency, frequency, values, shading="nearest", cmap="viridis")
    axes.figure.colorbar(mesh, ax=axes)
    axes.set(title=title, xlabel="recency (time of the last one)", ylabel="repeat purchases")
    return axes


@checked
def plot_pit(
    pit: ArrayLike,
    *,
    bins: Few = 20,
    level: Level = 0.95,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Return axes with the histogram of a PIT, and the distance from the uniform distribution.

    A hump means that intervals are too wide, and a bowl that they are too narrow. A higher
    right side means that forecasts are too low, and a higher left side that they are too high.
    A share of ``level`` of the bars should end in the grey band. The line, on its own axis, is
    the share of values below u minus u. If it leaves the dashed lines, the PIT is not uniform
    (Kolmogorov's limit of the same level).

    Args:
        pit: Values between 0 and 1 of shape (n,), such as ``Coverage.pit["purchases"]``.
        bins: Bars of the histogram.
        level: Level of the band and of the limit.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If there are no values, or some are not between 0 and 1.
        ConfigError: If Matplotlib is not installed, or an argument is out of range.

    Examples:
        >>> ax = plot_pit(np.linspace(0.01, 0.99, 200), bins=10)
        >>> len(ax.containers[0]), len(ax.figure.axes)
        (10, 2)
    """
    u = np.sort(np.asarray(pit, dtype=np.float64).ravel())
    if not len(u) or not ((u >= 0) & (u <= 1)).all():
        raise DataError("a PIT has values, all between 0 and 1", column="pit")
    n = len(u)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = np.asarray(stats.binom.ppf(tails, n, 1 / bins)) * bins / n
    axes = _new_axes() if ax is None else ax
    axes.axhspan(low, high, color="0.85")
    axes.hist(u, bins=bins, range=(0.0, 1.0), density=True, color=_BAND, alpha=0.6)
    axes.set(title=title, xlabel="PIT of the holdout", ylabel="density", xlim=(0, 1))
    other = axes.twinx()
    other.plot(u, np.arange(1, n + 1) / n - u, color=_MODEL, linewidth=1)
    limit = float(stats.kstwo.ppf(level, n))
    for end in (-limit, limit):
        other.axhline(end, color=_MODEL, linestyle="--", linewidth=1)
    other.set(ylabel="share below, less u", ylim=(-3 * limit, 3 * limit))
    return axes


@checked
def plot_ranking(
    captured: ArrayLike,
    *,
    perfect: ArrayLike | None = None,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Return axes with the share of the total held by the best customers.

    Args:
        captured: Shares held by the best 0 %, …, 100 %, evenly spaced, of shape (n,), such as
            ``Ranking.captured``.
        perfect: The same for the perfect order, such as ``Ranking.perfect``.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If there are fewer than two shares.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> ax = plot_ranking([0.0, 0.7, 1.0], perfect=[0.0, 0.9, 1.0])
        >>> [line.get_label() for line in ax.get_lines()]
        ['chance', 'perfect', 'model']
    """
    axes = _new_axes() if ax is None else ax
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="chance")
    curves = {"perfect": (perfect, _ACTUAL), "model": (captured, _MODEL)}
    for label, (curve, colour) in curves.items():
        if curve is None:
            continue
        shares = np.asarray(curve, dtype=np.float64)
        if shares.ndim != 1 or len(shares) < 2:
            raise DataError(f"a curve has at least two shares, got {shares.shape}", column=label)
        axes.plot(np.linspace(0, 1, len(shares)), shares, color=colour, label=label)
    axes.set(title=title, xlabel="share of customers, the best first", ylabel="share of the total")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    return _with_legend(axes)


@checked
def plot_reliability(table: _Charted, *, title: str = "", ax: "Axes | None" = None) -> "Axes":
    """Return axes with stated probabilities and observed frequencies.

    On the dashed line, both are equal. The bars are 95 % intervals of each share (Wilson
    1927). Pairs that share records are dependent, so the bars are rather too short.

    Args:
        table: As `omniltv.identity.reliability` returns: columns ``stated``, ``seen`` and
            ``count``.
        title: Title of the plot.
        ax: Axes to draw on; new ones if None.

    Raises:
        DataError: If ``stated``, ``seen`` or ``count`` is missing.
        ConfigError: If Matplotlib is not installed.

    Examples:
        >>> from omniltv._frames import Table
        >>> table = Table({"stated": np.array([0.1, 0.9]), "seen": np.array([0.2, 0.8]),
        ...                "count": np.array([50, 40])})
        >>> plot_reliability(table).get_xlabel()
        'stated probability'
    """
    columns = _columns(table, ["stated", "seen", "count"])
    stated, seen, count = (columns[name].astype(float) for name in ("stated", "seen", "count"))
    z = float(stats.norm.ppf(0.975))
    middle = (seen + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(seen * (1 - seen) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    axes = _new_axes() if ax is None else ax
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as stated")
    axes.vlines(stated, middle - half, middle + half, color=_BAND, linewidth=3, alpha=0.6)
    axes.plot(stated, seen, "o-", color=_MODEL, label="seen")
    axes.set(title=title, xlabel="stated probability", ylabel="share that was so")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return _with_legend(axes)


def _columns(table: _Charted, needed: list[str]) -> Mapping[str, NDArray[np.generic]]:
    columns = table.columns()
    require(list(columns), needed, "what is to be drawn")
    return columns


def _with_legend(axes: "Axes") -> "Axes":
    axes.legend(loc="best", frameon=False)
    return axes


def _new_axes() -> "Axes":
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, an extra
    except ImportError as error:
        hint = "Hint: pip install 'omniltv[plot]'"
        raise ConfigError(f"Matplotlib draws the pictures, and is not here. {hint}") from error
    return Figure(figsize=(7, 4.5), layout="constrained").subplots()
