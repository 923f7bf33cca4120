"""Coverage: how often holdouts lie within predictive intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from omniltv._frames import Table
from omniltv._options import Level, Many, Seed, checked
from omniltv.data.holdout import CalibrationHoldout
from omniltv.draws import Totals
from omniltv.errors import ConfigError
from omniltv.models.checks._shared import (
    LEVELS,
    Floats,
    Integers,
    Shown,
    check_unit,
    chunks,
    codes_of,
    tails,
)
from omniltv.models.posterior._ahead import AHEAD, with_ahead
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.rate import rated
from omniltv.models.processes.protocols import PurchaseModel, PurchaseState, SpendState

__all__ = ["Coverage", "Futures", "cover_of", "coverage", "crps_of", "simulate_futures"]

_PIT_BINS = 20


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Coverage(Shown):
    """How often holdouts lie within predictive intervals; made by `coverage`.

    Attributes:
        levels: Levels of the intervals.
        pit: Randomised probability integral transform of each row's ``purchases`` and, with a
            spend fit, ``value``; of shape (n_rows,) each. They are uniform if the model is
            correct.
        pit_of_totals: The same for the total of each group, of shape (n_groups,) each.
        predicted: Simulated totals by group, for the same quantities.
        actual: Actual totals by group, for the same quantities, of shape (n_groups,).

    Examples:
        >>> pit = {"purchases": np.linspace(0.025, 0.975, 20)}
        >>> found = Coverage((0.5, 0.8), pit, {}, {}, {})
        >>> found.share(0.8), found.columns()["share"].tolist()
        (0.8, [0.5, 0.8])
    """

    levels: tuple[float, ...]
    pit: Mapping[str, Floats]
    pit_of_totals: Mapping[str, Floats]
    predicted: Mapping[str, Totals]
    actual: Mapping[str, Floats]

    def share(self, level: Level, *, quantity: str = "purchases") -> float:
        """Return the share of rows within their central predictive interval of a level."""
        return _held(_quantity(self.pit, quantity), level)

    def share_of_totals(self, level: Level, *, quantity: str = "purchases") -> float:
        """Return the share of groups whose total is within its central predictive interval."""
        return _held(_quantity(self.pit_of_totals, quantity), level)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per quantity and level, with the standard error of the share."""
        pairs = [(name, level) for name in self.pit for level in self.levels]
        share = np.array([self.share(level, quantity=name) for name, level in pairs])
        rows = np.array([len(self.pit[name]) for name, _ in pairs])
        return {
            "quantity": np.array([name for name, _ in pairs]),
            "level": np.array([level for _, level in pairs]),
            "share": share,
            "error": np.sqrt(share * (1 - share) / rows),
        }

    def uniformity(self) -> Table:
        """Return Kolmogorov-Smirnov and chi-square tests (20 bins) of the uniformity of the PIT.

        The tests treat rows as independent, although they share the population parameters.
        With millions of rows, small errors of the parameters become significant.
        """
        tests = [_uniform(u) for u in self.pit.values()]
        names = ("ks", "ks_p_value", "chi_square", "chi_square_p_value")
        values = np.array(tests).T
        return Table(
            {"quantity": np.array(list(self.pit)), **dict(zip(names, values, strict=True))}
        )

    def totals(self, level: Level = 0.9) -> Table:
        """Return totals per group with their predictive intervals, and whether they are inside.

        The interval of a small count covers more than its level, because it includes its
        ends. To judge many totals, use ``pit``, see `coverage`.
        """
        parts = []
        for name, predicted in self.predicted.items():
            actual, (lower, upper) = self.actual[name], predicted.interval(level).T
            parts.append(
                {
                    "quantity": np.full(len(actual), name),
                    "group": np.array(predicted.labels),
                    "actual": actual,
                    "predicted": predicted.mean(),
                    "lower": lower,
                    "upper": upper,
                    "inside": (lower <= actual) & (actual <= upper),
                    "pit": self.pit_of_totals[name],
                }
            )
        return Table({key: np.concatenate([part[key] for part in parts]) for key in parts[0]})


@checked
def coverage(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    seed: Seed,
    spend: SpendFit | None = None,
    levels: Sequence[Level] = LEVELS,
    by: str | None = None,
    draws: Many = 500,
) -> Coverage:
    """Return how often holdouts lie within predictive intervals.

    One future of each customer is simulated under each posterior draw. Counts are discrete,
    so an interval cannot contain exactly 80 % of them. Coverage therefore uses the randomised
    probability integral transform, u = (simulated below + v (simulated equal + 1)) /
    (simulated + 1) with v uniform (Czado, Gneiting and Held 2009, Predictive model assessment
    for count data, Biometrics 65(4), eq. 1, here by ranks). A holdout is within the interval
    of level l if u is between (1 - l)/2 and (1 + l)/2.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: The result of `PurchaseLog.split`.
        seed: Seed of the simulated futures and of v.
        spend: The posterior of a spend model with the same number of draws; adds ``value``.
        levels: Levels of the intervals.
        by: Name of a group column, for the totals.
        draws: Number of futures of each customer, under evenly spaced posterior draws.

    Raises:
        UnitError: If history and fit have different units of time.
        ConfigError: If a level is not between 0 and 1, or the fits differ in draws.
        DataError: If there is no such group column.

    Examples:
        >>> from omniltv.data import PurchaseHistory
        >>> from omniltv.models import BgNbd, fit
        >>> from omniltv.units import Span, TimeUnit
        >>> truth, rng = {"r": 0.9, "alpha": 5.0, "a": 0.7, "b": 2.5}, np.random.default_rng(5)
        >>> state = BgNbd().simulate(truth, np.full(200, 40.0), rng)
        >>> later = np.bincount(BgNbd().simulate_future(truth, state, 30.0, rng).row, minlength=200)
        >>> history = PurchaseHistory(np.arange(200), *state, np.full(200, np.nan), "week")
        >>> split = CalibrationHoldout(history, later, later * 9.0, Span(30, TimeUnit.WEEK), 0)
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> covered = coverage(found, split, seed=1)
        >>> 0.7 < covered.share(0.8) < 0.9
        True
    """
    for level in levels:
        tails(level)
    futures = simulate_futures(fit, holdout, seed=seed, spend=spend, by=by, draws=draws)
    return cover_of(futures, tuple(levels), seed)


@dataclass(frozen=True, eq=False)
class Futures:
    """Statistics of simulated futures.

    Attributes:
        n: Number of futures of each row.
        labels: The groups.
        size: Number of rows in each group.
        actual: Actual values by quantity, of shape (n_rows,) each.
        groups: Group of each row.
        below: Number of futures below the actual value, by quantity, of shape (n_rows,) each.
        equal: Number of futures equal to it, likewise.
        totals: Totals by quantity, of shape (n_groups, n) each.
        buying: Number of futures with a purchase, of shape (n_rows,).
        bought: Purchases in these futures, of shape (n_rows,).
        crps: Continuous ranked probability score of the purchases, of shape (n_rows,).
    """

    n: int
    labels: tuple[str, ...]
    size: Floats
    actual: Mapping[str, Floats]
    groups: NDArray[np.intp]
    below: dict[str, Integers] = field(default_factory=dict)
    equal: dict[str, Integers] = field(default_factory=dict)
    totals: dict[str, Floats] = field(default_factory=dict)
    buying: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    bought: Floats = field(default_factory=lambda: np.empty(0))
    crps: Floats = field(default_factory=lambda: np.empty(0))


def simulate_futures(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    *,
    seed: Seed,
    draws: int,
    spend: SpendFit | None = None,
    by: str | None = None,
) -> Futures:
    """Return statistics of simulated futures, accumulated chunk by chunk."""
    history = holdout.calibration
    check_unit(fit, history)
    if spend is not None and spend.n_draws != fit.n_draws:
        counts = f"{fit.n_draws:,} and {spend.n_draws:,}"
        message = f"purchases and spend are paired draw by draw, but have {counts} draws"
        raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")
    groups, labels = codes_of(history, by)
    actual = {"purchases": holdout.holdout_frequency.astype(np.float64)}
    if spend is not None:
        actual["value"] = holdout.holdout_value
    n = len(history)
    futures = Futures(
        n=draws,
        labels=labels,
        size=np.bincount(groups, minlength=len(labels)).astype(np.float64),
        actual=actual,
        groups=groups,
        below={name: np.zeros(n, dtype=np.int64) for name in actual},
        equal={name: np.zeros(n, dtype=np.int64) for name in actual},
        totals={name: np.zeros((len(labels), draws)) for name in actual},
        buying=np.zeros(n, dtype=np.int64),
        bought=np.zeros(n),
        crps=np.zeros(n),
    )
    for rows, found in _futures(fit, spend, holdout, seed=seed, draws=draws):
        _add(futures, rows, found)
    return futures


def _add(futures: Futures, rows: slice, found: Mapping[str, Floats]) -> None:
    """Add the futures of some rows, of shape (rows, draws) by quantity."""
    for name, values in found.items():
        actual = futures.actual[name][rows, None]
        futures.below[name][rows] = (values < actual).sum(axis=1)
        futures.equal[name][rows] = (values == actual).sum(axis=1)
        np.add.at(futures.totals[name], futures.groups[rows], values)
    counts = found["purchases"]
    futures.buying[rows] = (counts > 0).sum(axis=1)
    futures.bought[rows] = counts.sum(axis=1)
    futures.crps[rows] = crps_of(counts, futures.actual["purchases"][rows])


def crps_of(values: Floats, actual: Floats) -> Floats:
    """Return the continuous ranked probability score of simulated values, of shape (n_rows,).

    It is E|X - y| - E|X - X'| / 2 with X and X' independent (Gneiting and Raftery 2007, Strictly
    Proper Scoring Rules, Prediction, and Estimation, JASA 102(477), eq. 21), without bias for any
    number of simulations. The lower the better.

    Args:
        values: Simulated values, of shape (n_rows, n).
        actual: What happened, of shape (n_rows,).

    Examples:
        >>> crps_of(np.array([[0.0, 2.0]]), np.array([1.0]))
        array([0.])
        >>> crps_of(np.array([[3.0, 3.0]]), np.array([1.0]))
        array([2.])
    """
    n = values.shape[1]
    places = 2 * np.arange(1, n + 1) - n - 1
    apart = (np.sort(values, axis=1) * places).sum(axis=1) / max(n * (n - 1), 1)
    return np.asarray(np.abs(values - actual[:, None]).mean(axis=1) - apart)


def _futures(
    fit: PurchaseFit, spend: SpendFit | None, holdout: CalibrationHoldout, *, seed: Seed, draws: int
) -> Iterator[tuple[slice, Mapping[str, Floats]]]:
    """Yield rows and their futures by quantity, of shape (rows, draws)."""
    history, picked = holdout.calibration, evenly(draws, fit.n_draws)
    cells = with_ahead(fit.cells(history), history, holdout.holdout_span, fit.unit)
    of_spend = None if spend is None else spend.cells(rated(history, fit, spend, "error"))
    for rows, rng in chunks(len(history), seed):
        each = np.repeat(np.arange(len(history))[rows], draws)
        state = PurchaseState(
            history.frequency[each].astype(np.float64), history.recency[each], history.T[each]
        )
        own = cells.take(rows).flat_parameters(picked)
        row = simulated_rows(fit.model, own, state, rng)
        counts = np.bincount(row, minlength=len(each)).astype(np.float64)
        found = {"purchases": counts.reshape(-1, draws)}
        if spend is not None and of_spend is not None:
            known = SpendState(*(values[each] for values in history.spending()))
            parameters = of_spend.take(rows).flat_parameters(picked)
            value = spend.model.simulate_future(parameters, known, row, rng)
            total = np.bincount(row, weights=value, minlength=len(each))
            found["value"] = total.reshape(-1, draws)
        yield rows, found


def simulated_rows(
    model: PurchaseModel, parameters: Mapping[str, Floats], state: PurchaseState, rng: Generator
) -> NDArray[np.intp]:
    """Return the row of each simulated purchase within the length of the row's forecast."""
    length = parameters[AHEAD]
    future = model.simulate_future(parameters, state, float(length.max()), rng)
    return future.row[future.time <= length[future.row]]


def cover_of(futures: Futures, levels: tuple[float, ...], seed: Seed) -> Coverage:
    """Return the position of the actual values among simulated futures, by row and group."""
    of_rows, of_groups = (
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, part))) for part in (0, 1)
    )
    pit, pit_of_totals, predicted, actual = {}, {}, {}, {}
    for name, happened in futures.actual.items():
        pit[name] = _pit(futures.below[name], futures.equal[name], futures.n, of_rows)
        totals, groups = futures.totals[name], len(futures.labels)
        total = np.bincount(futures.groups, weights=happened, minlength=groups).astype(np.float64)
        less, same = totals < total[:, None], totals == total[:, None]
        pit_of_totals[name] = _pit(less.sum(axis=1), same.sum(axis=1), futures.n, of_groups)
        predicted[name] = Totals(futures.labels, totals, futures.size, name)
        actual[name] = total
    return Coverage(levels, pit, pit_of_totals, predicted, actual)


def _quantity(pits: Mapping[str, Floats], name: str) -> Floats:
    if name not in pits:
        have = ", ".join(pits)
        problem = f"nothing is called {name!r}"
        raise ConfigError(f"{problem}. Hint: one of {have}", parameter="quantity", allowed=have)
    return pits[name]


def _held(u: Floats, level: Level) -> float:
    """Return the share of transforms within the central interval of a level."""
    low, high = tails(level)
    return float(np.mean((u >= low) & (u <= high)))


def _pit(below: Integers, equal: Integers, n: int, rng: np.random.Generator) -> Floats:
    """Return the randomised PIT, given how many of n simulations are below and equal."""
    return np.asarray((below + rng.random(len(below)) * (equal + 1)) / (n + 1))


def _uniform(u: Floats) -> tuple[float, float, float, float]:
    """Return the KS distance and p-value, and the chi-square statistic and p-value."""
    from scipy import stats  # noqa: PLC0415 - takes a second to import

    ks = stats.kstest(u, "uniform")
    counts = np.histogram(u, bins=_PIT_BINS, range=(0.0, 1.0))[0]
    chi = stats.chisquare(counts)
    return float(ks.statistic), float(ks.pvalue), float(chi.statistic), float(chi.pvalue)
