"""Backtest: forecasts of totals from several past origins, and the error of the model itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omniltv._moments import read_moment
from omniltv._options import Level, Natural, Seed, checked
from omniltv.data.calendar_time import CalendarTime
from omniltv.data.checking import Moment
from omniltv.data.holdout import CalibrationHoldout
from omniltv.data.log import PurchaseLog
from omniltv.draws import Totals
from omniltv.errors import ConfigError
from omniltv.models.checks._coverage import cover_of, simulate_futures
from omniltv.models.checks._model_error import Misses, model_error_of
from omniltv.models.checks._shared import Floats, Shown
from omniltv.models.inference.fitting import fit
from omniltv.models.inference.sampling import Method, Sampling
from omniltv.models.posterior.model_error import ModelError
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.units import Span, TimeUnit

__all__ = ["Backtest", "BacktestWindow", "backtest"]

_DRAWS = 500
_DAY = np.timedelta64(1, "D")


@checked
@dataclass(frozen=True, eq=False)
class BacktestWindow:
    """The forecast of one origin over one horizon, and what happened.

    Attributes:
        origin: Last day that the fit has seen.
        horizon: Length of the forecast.
        predicted: Simulated totals by group of ``purchases`` and, with a spend model, ``value``.
        actual: Actual totals by group of the same quantities, of shape (n_groups,) each.

    Examples:
        >>> from omniltv.units import weeks
        >>> totals = Totals(("ec",), np.array([[8.0, 12.0]]), np.array([5.0]))
        >>> window = BacktestWindow(
        ...     np.datetime64("2026-01-31"), weeks(4), {"purchases": totals},
        ...     {"purchases": np.array([11.0])})
        >>> Backtest((window,)).columns()["predicted"].tolist()
        [10.0]
    """

    origin: np.datetime64
    horizon: Span
    predicted: Mapping[str, Totals]
    actual: Mapping[str, Floats]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Backtest(Shown):
    """Forecasts of totals from past origins beside what happened; made by `backtest`.

    Its repr is the table of `to_frame`.

    Attributes:
        windows: One forecast per origin and horizon.
        level: Level of the intervals, changed by `dataclasses.replace`.

    Examples:
        >>> from omniltv.units import days
        >>> sums = Totals(("store",), np.array([[4.0, 6.0, 8.0]]), np.ones(1))
        >>> window = BacktestWindow(np.datetime64("2026-03-01"), days(14),
        ...     predicted={"purchases": sums}, actual={"purchases": np.array([7.0])})
        >>> Backtest((window,)).columns()["inside"].tolist()
        [True]
    """

    windows: tuple[BacktestWindow, ...]
    level: Level = 0.9

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per origin, horizon, quantity and group.

        ``lower`` and ``upper`` are the predictive interval of the fit, without a model error;
        ``inside`` is whether it holds ``actual``; ``error`` is log(actual / predicted). If there
        are several groups, their sum is the group ``"(all)"``.
        """
        parts = [
            self._rows(window, name, predicted)
            for window in self.windows
            for name, predicted in window.predicted.items()
        ]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _rows(
        self, window: BacktestWindow, quantity: str, predicted: Totals
    ) -> Mapping[str, NDArray[np.generic]]:
        labels, values, actual = predicted.labels, predicted.values, window.actual[quantity]
        if len(labels) > 1:
            labels = (*labels, "(all)")
            values = np.vstack([values, values.sum(axis=0)])
            actual = np.append(actual, actual.sum())
        lower, upper = Totals(labels, values, np.ones(len(labels))).interval(self.level).T
        mean, n = values.mean(axis=1), len(labels)
        with np.errstate(divide="ignore", invalid="ignore"):  # nothing bought, or expected
            error = np.log(actual / mean)
        return {
            "origin": np.full(n, window.origin.astype("datetime64[s]")),
            "horizon": np.full(n, str(window.horizon)),
            "quantity": np.full(n, quantity),
            "group": np.array(labels),
            "actual": actual,
            "predicted": mean,
            "lower": lower,
            "upper": upper,
            "inside": (lower <= actual) & (actual <= upper),
            "error": error,
        }

    def model_error(self) -> ModelError:
        """Return the error of the model itself at each horizon, for `lifetime_value`.

        A miss is the logarithm of the actual total of a group less the mean simulated logarithm.
        The misses of one origin are Normal with covariance V + s^2 R. V is the covariance of the
        simulated logarithmic totals (parameters and scatter). R is 1 on the diagonal and c
        elsewhere. A share b of s^2 R is common to all origins, and to the next one: the bias of the
        model. The rest is new at each origin. Priors of b and c are uniform; that of s is half-t
        with 2 degrees of freedom.

        The next miss has a predictive distribution: a mixture of Normal distributions, around the
        bias. ``sd`` is that of the mean-one factor whose 90 % interval holds 90 % of it, on average
        over groups. So a bias that all origins repeat widens the interval until it is inside, and
        the mean of totals stays that of the model. Without origins, ``sd`` is that of
        `ModelError.default`. ``correlation`` is the posterior mean of that of two groups' misses,
        bias included. Windows that overlap count as many origins as fit into the time that they
        cover. With a spend model, the totals are of ``value``, else of ``purchases``. Half a
        purchase is added to all totals, since a total may be 0.

        Half-t priors of a standard deviation that few groups determine are those of Gelman
        (2006, Prior distributions for variance parameters in hierarchical models, Bayesian
        Analysis 1(3), 515-534).
        """
        spans = {str(window.horizon): window.horizon for window in self.windows}
        horizons = sorted(spans.values(), key=lambda span: span.to(TimeUnit.DAY))
        found = {
            str(span): [window for window in self.windows if str(window.horizon) == str(span)]
            for span in horizons
        }
        misses = [
            (span, [_misses(window) for window in found[str(span)]], _apart(found[str(span)]))
            for span in horizons
        ]
        return model_error_of(misses)


def _misses(window: BacktestWindow) -> Misses:
    """Return the misses of the logarithmic totals of one window."""
    name = "value" if "value" in window.predicted else "purchases"
    simulated, actual = window.predicted[name].values, window.actual[name]
    bought = max(float(window.predicted["purchases"].values.mean()), 1e-12)
    half = 0.5 * float(simulated.mean()) / bought or 0.5
    logs = np.log(simulated + half)
    spread = np.atleast_2d(np.cov(logs))
    return Misses(np.log(actual + half) - logs.mean(axis=1), spread)


def _apart(windows: Sequence[BacktestWindow]) -> float:
    """Return how much of the windows' total length is the time that they cover."""
    starts = np.sort([np.datetime64(window.origin, "D").astype(np.int64) for window in windows])
    length = windows[0].horizon.to(TimeUnit.DAY)
    covered = np.minimum(np.diff(starts), length).sum() + length
    return float(covered / (len(windows) * length))


@checked
def backtest(
    log: PurchaseLog[object],
    model: PurchaseModel,
    spend: SpendModel | None = None,
    *,
    horizon: Span | Sequence[Span],
    seed: Seed,
    origins: Natural | Sequence[Moment] = 3,
    by: Literal["channel", "acquisition_channel"] | None = None,
    method: Method | Sampling = "auto",
    calendar: bool = False,
) -> Backtest:
    """Return forecasts of totals from past origins beside what happened.

    At each origin, the models are fitted to the purchases until then, and forecast the purchases
    of the customers known by then. One future of each customer is simulated under each of 500
    posterior draws, as in `coverage`.

    Args:
        log: The purchases.
        model: A purchase model in continuous time.
        spend: A spend model; adds totals of ``value``.
        horizon: Length of the forecasts, or several lengths. Their unit is that of the fits.
        seed: Seed of the fits and of the simulated futures.
        origins: The last day of each fit, or a number of origins. The last of them is then one
            horizon (the longest) before the end of the log. The others are one horizon apart,
            or less, so that the first fit has at least one horizon of purchases.
        by: Group column of the totals. The fits pool its groups partially.
        method: As in `fit`.
        calendar: Whether each fit is in calendar time, learnt from the purchases until its
            origin by the same groups.

    Raises:
        ConfigError: If the log is too short, a forecast ends after the log, the model counts in
            opportunities, or an argument is out of range.
        DataError: If there is no purchase until an origin, or none after it.
        FitError: If the purchases until an origin are too few for a fit.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> from omniltv.units import weeks
        >>> rng = np.random.default_rng(1)
        >>> import pandas as pd
        >>> day = pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, 200, 300), "D")
        >>> table = {"customer_id": rng.integers(0, 60, 300), "channel": "ec", "time": day}
        >>> log = PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))
        >>> found = backtest(log, BgNbd(), horizon=weeks(6), origins=2, seed=1, method="map")
        >>> found.to_frame()[["origin", "predicted", "actual", "inside"]].shape
        (2, 4)
        >>> found.model_error().origins
        2
    """
    spans = (horizon,) if isinstance(horizon, Span) else tuple(horizon)
    _check(model, spans)
    days = _origins(log, max(span.to(TimeUnit.DAY) for span in spans), origins)
    windows: list[BacktestWindow] = []
    for day in days:
        of_day = log.calendar_time(by=by, end=day, seed=seed) if calendar else None
        splits = [_split(log, day, span, by, of_day) for span in spans]
        history = splits[0].calibration
        several = by is not None and len(set(history.groups[by].tolist())) > 1
        pooling = Pooling.partial(by) if several and by is not None else Pooling.complete()
        bought = fit(model, history, seed=seed, pooling=pooling, method=method, progress=False)
        spent = None
        if spend is not None:
            spent = fit(spend, history, seed=seed, pooling=pooling, method=method, progress=False)
        for span, split in zip(spans, splits, strict=True):
            futures = simulate_futures(bought, split, seed=seed, draws=_DRAWS, spend=spent, by=by)
            seen = cover_of(futures, (0.9,), seed)
            windows.append(BacktestWindow(day, span, seen.predicted, seen.actual))
    return Backtest(tuple(windows))


def _check(model: PurchaseModel, spans: Sequence[Span]) -> None:
    if model.discrete:
        hint = "log.split(...) and coverage(...) with period= of an opportunity"
        raise ConfigError(f"{model.name} counts in opportunities. Hint: {hint}", parameter="model")
    if len({span.unit for span in spans}) != 1 or min(span.to(TimeUnit.DAY) for span in spans) < 1:
        problem = "horizons have one unit and at least a day"
        raise ConfigError(f"{problem}. Hint: [weeks(13), weeks(26)]", parameter="horizon")


def _split(
    log: PurchaseLog[object],
    day: np.datetime64,
    span: Span,
    by: Literal["channel", "acquisition_channel"] | None,
    calendar: CalendarTime | None,
) -> CalibrationHoldout:
    """Return the history until a day, and the purchases of so many days after it."""
    length = round(span.to(TimeUnit.DAY))
    return log.split(at=day, end=day + length * _DAY, unit=span.unit, by=by, calendar=calendar)


def _origins(
    log: PurchaseLog[object], length: float, origins: int | Sequence[Moment]
) -> list[np.datetime64]:
    """Return the origins, in order, as days."""
    if not len(log):
        log.history()  # raises the error that the log is empty
    ahead = int(np.ceil(length)) * _DAY
    first, last = log.time.min().astype("datetime64[D]"), log.time.max().astype("datetime64[D]")
    if not isinstance(origins, Sequence):
        return _evenly(first + ahead, last - ahead, ahead, origins)
    days = sorted({_day(moment) for moment in origins})
    late = [str(day) for day in days if day + ahead > last]
    if late or not days:
        problem = (
            f"forecasts end after the log ({last}): {', '.join(late)}" if late else "no origin"
        )
        hint = f'origins=["{last - ahead}"]'
        raise ConfigError(f"{problem}. Hint: {hint}", parameter="origins")
    return days


def _evenly(
    first: np.datetime64, last: np.datetime64, ahead: np.timedelta64, n: int
) -> list[np.datetime64]:
    """Return n days until the last one, up to a horizon apart."""
    room = int((last - first) / _DAY)
    step = min(int(ahead / _DAY), room // max(n - 1, 1))
    if n < 1 or room < 0 or (n > 1 and step < 1):
        problem = f"the log is too short for {n:,} origins with a horizon before and after each"
        hint = "fewer origins, or a shorter horizon"
        raise ConfigError(f"{problem}. Hint: {hint}", parameter="origins")
    return [last - k * step * _DAY for k in reversed(range(n))]


def _day(moment: Moment) -> np.datetime64:
    problem = f"an origin is not a local day, got {moment!r}"
    wrong = ConfigError(f'{problem}. Hint: "2026-01-31"', parameter="origins")
    try:
        stamp = read_moment(moment, 'a day such as "2026-01-31"')
    except ConfigError as error:
        raise wrong from error
    if stamp.tzinfo is not None:
        raise wrong
    return np.datetime64(stamp.date(), "D")
