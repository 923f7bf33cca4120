"""Lift on lifetime value: what was observed in the window, and what a fit says comes after."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Self
from warnings import warn

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray
from scipy import sparse

from omniltv._frames import check_ids, positions
from omniltv.draws import Draws, RowDraws
from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments._study import Attendance, Cell, Missing, Outcomes, Study
from omniltv.experiments.assignment import Assignment, refuse_strangers
from omniltv.experiments.estimators import ArmMeans, adjusted_means
from omniltv.experiments.result import Lift
from omniltv.units import Span, TimeUnit

__all__ = ["Forecast", "Persistence", "ltv_lift"]


@dataclass(frozen=True)
class Persistence:
    """What is assumed of the effect after the observed window; no data can tell.

    Make one with `none`, `full` or `half_life`.

    Attributes:
        span: How far beyond the window the forecast looks; None where it does not.
        halves_every: Time in which the effect halves; None where it does not.

    Examples:
        >>> from omniltv.units import weeks
        >>> Persistence.half_life(weeks(13), span=weeks(52))
        Persistence: the effect halves every 13 weeks after the window, over 52 weeks: 34 % of
        the undiminished lift counts
    """

    span: Span | None = None
    halves_every: Span | None = None

    @classmethod
    def none(cls) -> Self:
        """Return: the effect ends with the window and leaves nothing behind.

        The lift is then what was observed, and needs no forecast.
        """
        return cls()

    @classmethod
    def full(cls, span: Span) -> Self:
        """Return: the treatment goes on, or its effect does, over ``span``, undiminished."""
        return cls(span)

    @classmethod
    def half_life(cls, halves_every: Span, *, span: Span) -> Self:
        """Return: the effect halves again and again after the window, over ``span``.

        The undiminished lift is taken to come evenly over the span, so the share of it
        that counts is the mean of 2^(-t / half-life) over the span.

        Raises:
            ConfigError: If a span is zero.
        """
        if min(halves_every.amount, span.amount) <= 0:
            raise ConfigError("a half-life and its span are above zero. Hint: weeks(13)")
        return cls(span, halves_every)

    @property
    def share(self) -> float:
        """The share of the undiminished lift beyond the window that counts."""
        if self.span is None:
            return 0.0
        if self.halves_every is None:
            return 1.0
        lives = self.span.to(TimeUnit.DAY) / self.halves_every.to(TimeUnit.DAY)
        return float(-np.expm1(-lives * log(2)) / (lives * log(2)))

    def __str__(self) -> str:
        if self.span is None:
            return "the effect ends with the window and leaves nothing behind"
        if self.halves_every is None:
            return f"the effect lasts undiminished for {self.span} after the window"
        return (
            f"the effect halves every {self.halves_every} after the window, over {self.span}: "
            f"{self.share:.0%} of the undiminished lift counts".replace("%", " %")
        )

    def __repr__(self) -> str:
        return f"Persistence: {self}"


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a fit says of the time beyond the window, and what it knew.

    All rows are in one order, and all draws in one order (draw 7 of each belongs to the
    same parameters).

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,); several rows add up.
        value: Expected value beyond the window, each row under its own arm's parameters.
        arms: The arms that were groups of the fit (``fit.groups``; of groups combined
            with ``|`` each part counts). A fit that did not know the arms gives all the
            same parameters and so hides part of the effect.
        log_likelihood: Log-likelihood of each row's history in each draw, one for each
            fit the value is made of (purchases, spend). It tells how the posterior would
            have moved with other customers, and makes the interval neither too narrow
            nor too wide; without it the interval is a safe but wide bound.
        part: Label of each row, of shape (n_rows,), to split by (its channel); optional.
    """

    customer_id: NDArray[np.object_]
    value: Draws
    arms: tuple[str, ...]
    log_likelihood: tuple[RowDraws, ...] = ()
    part: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        n = len(self.value)
        sizes = [("customer_id", len(self.customer_id))]
        sizes += [("log_likelihood", len(rows)) for rows in self.log_likelihood]
        sizes += [] if self.part is None else [("part", len(self.part))]
        for name, size in sizes:
            if size != n:
                raise DataError(f"{size:,} rows for {n:,} rows of value", column=name)
        if any(rows.n_draws != self.value.n_draws for rows in self.log_likelihood):
            raise DataError("not the same draws as value", column="log_likelihood")


def ltv_lift(
    assignment: Assignment,
    *,
    control: str,
    persistence: Persistence,
    observed: IntoFrame | None = None,
    outcome: str = "value",
    forecast: Forecast | None = None,
    before: IntoFrame | None = None,
    covariates: str | Sequence[str] = (),
    by: str | Sequence[str] = (),
    parts: str | None = None,
    missing: Missing = "error",
    level: float = 0.95,
) -> Lift:
    """Return the lift on lifetime value per customer: window observed, beyond it forecast.

    The estimate is the difference of the arms' mean value in the window, plus the share
    that `Persistence` lets count of the difference of their mean forecasts (posterior
    means), adjusted by the covariates as in `cuped`.

    Its variance is that of drawing other customers from the same population. Other
    customers would change the states that are averaged and, through the fit, the
    parameters too, and both in the same direction: the posterior's own interval leaves
    out the first, and adding the two as if independent is still too narrow. So each
    customer's influence is the direct one plus the posterior covariance, over the draws,
    of the mean forecast with that customer's log-likelihood (the infinitesimal jackknife
    for posterior means: Giordano and Broderick 2023, "The Bayesian infinitesimal
    jackknife for variance", eq. 4). Without log-likelihoods the standard
    deviations of the two parts are added up, which no correlation can exceed.

    Args:
        assignment: Who is in which arm.
        control: The arm to compare with.
        persistence: What is assumed of the effect after the window. There is no default.
        observed: Value in the window, any number of rows per customer; None where the
            forecast is to stand alone.
        outcome: Column of the value in ``observed``.
        forecast: Value beyond the window; not needed under ``Persistence.none()``.
        before: One row per customer, of things known before the treatment.
        covariates: Columns of ``before`` to adjust by; the value expected before is best.
        by: Columns of ``before`` to group by.
        parts: Column of ``observed`` that splits the value; ``forecast.part`` splits the
            forecast by the same labels.
        missing: What an assigned customer is who has no row in ``observed``, or none in
            the forecast.
        level: Level of the intervals.

    Raises:
        ConfigError: If there is nothing to compare: no forecast though the effect is said
            to persist, neither forecast nor observed value, or no such control arm.
        DataError: As `lift`; or if draws are not finite.

    Warns:
        DataWarning: If the fit did not know the arms, and as `lift`.

    Examples:
        >>> from omniltv.experiments import assign
        >>> from omniltv.units import weeks
        >>> drawn = assign(range(1000), arms={"control": 0.5, "treated": 0.5}, salt="spring")
        >>> treated = drawn.arm == "treated"
        >>> rng = np.random.default_rng(1)
        >>> mean = rng.gamma(2.0, 5.0, 1000) + 3.0 * treated
        >>> value = Draws.from_array(mean[:, None] + rng.normal(0, 0.5, (1000, 200)))
        >>> forecast = Forecast(drawn.customer_id, value, ("control", "treated"))
        >>> lasting = Persistence.full(weeks(52))
        >>> ltv_lift(drawn, control="control", persistence=lasting, forecast=forecast)
        Lift of lifetime value per customer against 'control' (ltv_lift)
          treated                  +2.404  95 % [1.483, 3.326]  relative +23.6%  n 528 / 472
          arms: as planned (p = 0.077)
          note: the effect lasts undiminished for 52 weeks after the window
    """
    share = persistence.share
    _something_to_compare(share, observed, forecast)
    study = Study.read(assignment, control, before, by, covariates, level)
    window = None if observed is None else Outcomes.read(observed, assignment, outcome, parts)
    beyond = forecast if share > 0 else None
    rows = None if beyond is None else _ForecastRows.read(beyond, assignment, split=bool(parts))
    notes = [str(persistence), *_settle(window, rows, assignment, missing)]
    if beyond is not None:
        notes += _on_arms(beyond, assignment)
    names = _part_names(window, rows)
    cells = study.cells(names, parts)
    value = np.zeros((len(assignment), len(names)))
    if window is not None:
        value[:, np.searchsorted(names, window.parts)] += window.values
    future = None if rows is None else _Future.of(rows, study, cells, names)
    if future is not None:
        value += share * future.mean
    found = [
        study.row(cell, arm, _means(study, cell, k, arm, value, future, share))
        for k, cell in enumerate(cells)
        for arm in study.treated
    ]
    return study.result("lifetime value", "ltv_lift", found, notes)


def _something_to_compare(
    share: float, observed: IntoFrame | None, forecast: Forecast | None
) -> None:
    if share > 0 and forecast is None:
        raise ConfigError("an effect that persists needs forecast=, or use Persistence.none()")
    if share == 0 and observed is None:
        raise ConfigError("nothing to compare. Hint: observed=, or an effect that persists")


def _settle(
    window: Outcomes | None,
    rows: "_ForecastRows | None",
    assignment: Assignment,
    missing: Missing,
) -> list[str]:
    """Return notes on customers without window or forecast, or raise DataError for them."""
    notes = []
    for table in (window, rows):
        if table is not None:
            table.settle_missing(assignment, missing)
            notes += table.notes(missing)
    return notes


def _part_names(window: Outcomes | None, rows: "_ForecastRows | None") -> list[str]:
    return sorted({name for table in (window, rows) if table is not None for name in table.parts})


def _on_arms(forecast: Forecast, assignment: Assignment) -> list[str]:
    """Return the note, and warn, where the fit did not know the arms."""
    known = {name for label in forecast.arms for name in label.split("|")}
    unknown = [arm for arm in assignment.arms if arm not in known]
    if not unknown:
        return []
    said = (
        f"the fit did not know the arm {', '.join(unknown)}: the lift beyond the window is drawn "
        "towards zero"
    )
    warn(f"{said}. Hint: fit with Pooling.none('arm')", DataWarning, stacklevel=3)
    return [said]


@dataclass(frozen=True, eq=False)
class _ForecastRows(Attendance):
    """Rows of a forecast joined to the assigned customers.

    ``used`` are the rows of assigned customers; ``place`` their customers, ``part`` their
    labels and ``state`` the state of a quantity, all in the order of ``used``.
    """

    forecast: Forecast
    used: NDArray[np.intp]
    place: NDArray[np.intp]
    part: NDArray[np.str_]

    @classmethod
    def read(cls, forecast: Forecast, assignment: Assignment, *, split: bool) -> Self:
        if split and forecast.part is None:
            raise ConfigError("parts= splits the forecast too. Hint: Forecast(..., part=labels)")
        ids = check_ids(forecast.customer_id.tolist(), "customer_id")
        place = positions(ids, assignment.customer_id)
        refuse_strangers(place, "customer_id")
        used = np.flatnonzero(place >= 0)
        labels = np.full(len(ids), "") if not split or forecast.part is None else forecast.part
        has_row = np.zeros(len(assignment), dtype=np.bool_)
        has_row[place[used]] = True
        return cls(
            parts=tuple(map(str, np.unique(labels[used]))),
            has_row=has_row,
            strangers=len(set(ids[place < 0].tolist())),
            what="expected value",
            forecast=forecast,
            used=used,
            place=place[used],
            part=labels[used].astype(np.str_),
        )


@dataclass(frozen=True, eq=False)
class _Future:
    """The forecast, summed up for the comparisons that are made.

    Attributes:
        mean: Posterior mean per customer and part, of shape (n_customers, n_parts).
        sd: Posterior standard deviation of each arm's mean, of shape (n_cells, n_arms).
        influence: How each customer moves an arm's mean through the fit, of shape
            (n_customers, n_cells, n_arms); None without log-likelihoods.
        arms: The arms, in that order.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    influence: NDArray[np.float64] | None
    arms: tuple[str, ...]

    @classmethod
    def of(
        cls, rows: _ForecastRows, study: Study, cells: Sequence[Cell], names: Sequence[str]
    ) -> Self:
        arms = study.assignment.arms
        value = rows.forecast.value
        part = np.searchsorted(np.asarray(names), rows.part)
        weights = _weights(rows, study, cells, part)
        expected, draws = _one_pass(rows, weights)
        mean = np.zeros((len(study.assignment), len(names)))
        np.add.at(mean, (rows.place, part), expected[value.index[rows.used]])
        shape = (len(cells), len(arms))
        influence = None
        if rows.forecast.log_likelihood:
            influence = _through_the_fit(rows, draws, len(study.assignment))
            influence = influence.reshape(-1, *shape)
        return cls(mean, draws.std(axis=1, ddof=1).reshape(shape), influence, arms)


def _weights(
    rows: _ForecastRows, study: Study, cells: Sequence[Cell], part: NDArray[np.intp]
) -> sparse.csr_array:
    """Return what each state counts in each arm's mean, of shape (n_states, n_cells x n_arms)."""
    value = rows.forecast.value
    arms = study.assignment.arms
    blocks = []
    for cell in cells:
        inside = cell.members[rows.place] & (cell.part is None or part == cell.part)
        for arm in arms:
            of_arm = study.assignment.arm == arm
            size = max(1, int((of_arm & cell.members).sum()))
            chosen = inside & of_arm[rows.place]
            count = np.bincount(value.index[rows.used[chosen]], minlength=value.n_states)
            blocks.append(sparse.csc_array(count[:, None] / size))
    return sparse.csr_array(sparse.hstack(blocks))


def _one_pass(
    rows: _ForecastRows, weights: sparse.csr_array
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each state and the draws of each arm's mean."""
    value = rows.forecast.value
    expected = np.empty(value.n_states)
    draws = np.zeros((weights.shape[1], value.n_draws))
    for states, block in value.blocks():
        expected[states] = block.mean(axis=1)
        draws += weights[states].T @ block
    bad = ~np.isfinite(expected[value.index[rows.used]])
    if bad.any():
        who = list(rows.forecast.customer_id[rows.used[bad]])
        raise DataError("forecasts that are not finite", column=value.name, rows=who)
    return expected, draws


def _through_the_fit(
    rows: _ForecastRows, draws: NDArray[np.float64], n_customers: int
) -> NDArray[np.float64]:
    """Return the posterior covariance of each arm's mean with each customer's log-likelihood."""
    centred = (draws - draws.mean(axis=1, keepdims=True)) / (draws.shape[1] - 1)
    answer = np.zeros((n_customers, len(draws)))
    for logs in rows.forecast.log_likelihood:
        per_state = np.empty((logs.n_states, len(draws)))
        for states, block in logs.blocks():
            per_state[states] = block @ centred.T
        np.add.at(answer, rows.place, per_state[logs.index[rows.used]])
    return answer


def _means(
    study: Study,
    cell: Cell,
    k: int,
    arm: str,
    value: NDArray[np.float64],
    future: _Future | None,
    share: float,
) -> ArmMeans | None:
    """Return the means of an arm and the control in cell number ``k``."""
    sides = study.sides(cell, arm)
    if sides.sum(axis=0).min() <= 1:
        return None
    amount = value.sum(axis=1) if cell.part is None else value[:, cell.part]
    means = np.array([amount[side].mean() for side in sides.T])
    influence = np.where(sides, amount[:, None] - means, 0.0) / sides.sum(axis=0)
    if future is None:
        return adjusted_means(means, influence, sides, study.covariates)
    pair = [future.arms.index(arm), future.arms.index(study.control)]
    if future.influence is not None:
        influence = influence + share * future.influence[:, k, pair]
        return adjusted_means(means, influence, sides, study.covariates)
    found = adjusted_means(means, influence, sides, study.covariates)
    bound = (np.sqrt(np.diag(found.covariance)) + share * future.sd[k, pair]) ** 2
    return found._replace(covariance=np.diag(bound))
