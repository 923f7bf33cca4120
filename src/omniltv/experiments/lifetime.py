"""Lift on lifetime value: the observed window, and the forecast of the time beyond it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from omniltv._log import logged
from omniltv._options import Level, checked
from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments._joined import JoinedForecast, ObservedOutcomes
from omniltv.experiments._study import ComparedGroup, Findings, Study
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.checks import CHECKS, ExperimentCheck
from omniltv.experiments.estimators import ArmMeans, Cuped, LiftEstimator
from omniltv.experiments.estimators.protocol import handled
from omniltv.experiments.forecast import Forecast
from omniltv.experiments.persistence import Persistence
from omniltv.experiments.result import Lift
from omniltv.experiments.tables import Baseline, IntoOutcome, Outcome, as_outcome

__all__ = ["ltv_lift"]

_ADJUSTED = Cuped()


@checked
def ltv_lift(
    assignment: Assignment,
    *,
    control: str,
    persistence: Persistence,
    observed: IntoOutcome | None = None,
    forecast: Forecast | None = None,
    baseline: Baseline | None = None,
    estimator: LiftEstimator = _ADJUSTED,
    level: Level = 0.95,
    despite: Sequence[str] = (),
    checks: Sequence[ExperimentCheck] = CHECKS,
) -> Lift:
    """Return the lift on lifetime value per customer: observed in the window, forecast beyond.

    The outcome of a customer is the value in the window plus the posterior mean of the
    value beyond it, weighted by the share that `Persistence` leaves. The estimator compares
    the arms in this outcome.

    The variance is the sampling variance over customers. A different sample changes the
    result in two ways: the average is over different customers, and the fit has different
    parameters. The two errors are positively correlated. A posterior interval includes only
    the second, and an interval that treats the two as independent is too narrow. So the
    estimator gets pseudo-observations (Andersen, Klein and Rosthøj 2003, Biometrika 90,
    15-27): outcomes plus the centred influence of each customer on the forecasts through
    the fit. The influence is the posterior covariance, over the draws, of the mean forecast
    with the log-likelihood of the customer (the infinitesimal jackknife for posterior means:
    Giordano and Broderick 2023, "The Bayesian infinitesimal jackknife for variance", eq. 4).
    Without log-likelihoods, the standard deviations of the two errors are added. This is an
    upper bound for any correlation.

    Args:
        assignment: The arm of each customer.
        control: The arm to compare with.
        persistence: The assumption about the effect after the window. It has no default.
        observed: Value in the window: the history from `window_history`, a table with the
            column ``value``, or an `Outcome` with other options. None compares the forecast
            alone.
        forecast: Value beyond the window; not needed with ``Persistence.none()``.
        baseline: Covariates and groups, known before the treatment. The best covariate is
            the value expected before.
        estimator: Compares two arms.
        level: Level of the intervals.
        despite: Names of the checks whose stop does not withhold the estimate.
        checks: The checks of the experiment; ``(*CHECKS, Mine())`` adds one.

    Raises:
        ConfigError: If there is nothing to compare (no forecast although the effect
            persists, neither forecast nor observed value), if persistence and forecast have
            different spans, there is no such control arm, or the estimator is that of an effect
            on compliers and the outcome is not the window alone.
        DataError: As `lift`, or if draws are not finite.

    Warns:
        DataWarning: If the fits did not have the arms as groups, and as `lift`.

    Examples:
        >>> from omniltv.draws import Draws
        >>> from omniltv.experiments import assign
        >>> from omniltv.units import weeks
        >>> drawn = assign(range(1000), arms={"control": 0.5, "treated": 0.5}, salt="spring")
        >>> rng = np.random.default_rng(1)
        >>> mean = rng.gamma(2.0, 5.0, 1000) + 3.0 * (drawn.arm == "treated")
        >>> value = Draws.from_array(mean[:, None] + rng.normal(0, 0.5, (1000, 200)))
        >>> forecast = Forecast(customer_id=drawn.customer_id, value=value, span=weeks(52),
        ...                     arms=("control", "treated"))
        >>> lasting = Persistence.full(weeks(52))
        >>> ltv_lift(drawn, control="control", persistence=lasting, forecast=forecast)
        Lift of lifetime value per customer against 'control' (cuped)
          treated                  +2.404  95 % [1.483, 3.326]  relative +23.6%  n 528 / 472
          arms: as planned (p = 0.077)
          note: the effect is assumed to last undiminished for 52 weeks after the window
    """
    study = Study.read(assignment, control, baseline, level)
    beyond = _beyond(persistence, forecast)
    read = None if observed is None else as_outcome(observed)
    handles = handled(estimator)
    _refuse(read, beyond, handles)
    parts = _parts(read, beyond)
    window = None if read is None else ObservedOutcomes.read(read, assignment)
    rows = None if beyond is None else JoinedForecast.read(beyond, assignment, split=bool(parts))
    notes = [str(persistence), *_checked(window, assignment), *_checked(rows, assignment)]
    if beyond is not None:
        notes += _on_arms(beyond, assignment)
    value = _LifetimeOutcome.of(study, window, rows, persistence.share, parts)
    facts = replace(study.facts, handles=handles)
    if read is not None and window is not None:
        facts = window.facts(facts, read, handles)
    findings = Findings.of(facts, checks, despite)
    found = [
        study.row(group, arm, value.means(estimator, k, arm), estimator)
        for k, group in enumerate(value.groups)
        for arm in study.treated
    ]
    return study.result("lifetime value", estimator, found, notes, findings)


def _refuse(read: Outcome | None, beyond: Forecast | None, handles: frozenset[str]) -> None:
    """Raise ConfigError if there is nothing to compare, or the estimator cannot compare it."""
    if read is None and beyond is None:
        raise ConfigError("nothing to compare. Hint: observed=, or an effect that persists")
    if read is not None and read.per is not None:
        raise ConfigError("lifetime value is not a ratio. Hint: lift(Outcome(..., per=...))")
    if "compliance" in handles and (read is None or beyond is not None):
        hint = "observed=Outcome(..., received='column') and persistence=Persistence.none()"
        raise ConfigError(f"an effect on compliers is that of the window alone. Hint: {hint}")


def _beyond(persistence: Persistence, forecast: Forecast | None) -> Forecast | None:
    """Return the forecast if it counts."""
    if persistence.share == 0:
        return None
    if forecast is None:
        raise ConfigError("an effect that persists needs forecast=, or use Persistence.none()")
    persistence.require_span(forecast.span)
    return forecast


def _parts(observed: Outcome | None, forecast: Forecast | None) -> str | None:
    """Return the name of what the outcome is split by, if anything."""
    if observed is not None:
        return observed.parts
    return "part" if forecast is not None and forecast.part is not None else None


def _checked(table: ObservedOutcomes | JoinedForecast | None, assignment: Assignment) -> list[str]:
    """Return notes on missing and unassigned customers, or raise DataError."""
    if table is None:
        return []
    table.require_rows(assignment)
    return table.notes()


def _on_arms(forecast: Forecast, assignment: Assignment) -> list[str]:
    """Return the note, and warn, if the arms were not groups of the fit."""
    known = {name for label in forecast.arms for name in label.split("|")}
    unknown = [arm for arm in assignment.arms if arm not in known]
    if not unknown:
        return []
    said = (
        f"the fit has no group {', '.join(unknown)}, so the lift beyond the window is shrunk "
        "towards zero"
    )
    warn(f"{said}. Hint: fit with Pooling.none('arm')", DataWarning, stacklevel=3)
    return [said]


@dataclass(frozen=True, eq=False)
class _LifetimeOutcome:
    """Value per customer and part, and how the fit adds to its sampling error.

    Attributes:
        study: Assignment, groups and covariates.
        groups: The comparisons.
        value: Window plus the counted share of the forecast, of shape (n_customers, n_parts).
        future: The forecast, summed up; None without one.
        share: Share of the forecast that counts.
        received: Whether each customer received the treatment, of shape (n_customers,); None if
            not known.
    """

    study: Study
    groups: Sequence[ComparedGroup]
    value: NDArray[np.float64]
    future: "_Future | None"
    share: float
    received: NDArray[np.bool_] | None

    @classmethod
    def of(
        cls,
        study: Study,
        window: ObservedOutcomes | None,
        rows: JoinedForecast | None,
        share: float,
        parts: str | None,
    ) -> Self:
        tables = [table for table in (window, rows) if table is not None]
        names = sorted({name for table in tables for name in table.parts})
        groups = study.compared(names, parts)
        value = np.zeros((len(study.assignment), len(names)))
        if window is not None:
            value[:, np.searchsorted(names, window.parts)] += window.values
        future = None if rows is None else _Future.of(rows, study, groups, names)
        if future is not None:
            value += share * future.mean
        received = None if window is None else window.received
        return cls(study, groups, value, future, share, received)

    def means(self, estimator: LiftEstimator, k: int, arm: str) -> ArmMeans | None:
        """Return the means of an arm and the control in comparison ``k``."""
        group = self.groups[k]
        sides = self.study.sides(group, arm)
        if not self.study.enough(sides):
            return None
        outcome = self.value.sum(axis=1) if group.part is None else self.value[:, group.part]
        if self.future is None:
            return estimator.estimate(*self.study.samples(outcome, sides, self.received))
        pair = [self.future.arms.index(arm), self.future.arms.index(self.study.control)]
        if self.future.influence is None:
            found = estimator.estimate(*self.study.samples(outcome, sides, self.received))
            bound = (np.sqrt(np.diag(found.covariance)) + self.share * self.future.sd[k, pair]) ** 2
            return found._replace(covariance=np.diag(bound))
        influence = self.share * self.future.influence[:, k, pair]
        pseudo = _pseudo_observations(outcome, influence, sides)
        found = estimator.estimate(*self.study.samples(pseudo, sides, self.received))
        others = _by_cluster(influence, self.study.codes[0], ~sides.any(axis=1))
        return found._replace(covariance=found.covariance + others.T @ others)


def _by_cluster(
    influence: NDArray[np.float64], cluster: NDArray[np.intp] | None, chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the influences of the chosen customers, added by cluster if there are any."""
    if cluster is None:
        return influence[chosen]
    total = np.zeros((int(cluster.max()) + 1, influence.shape[1]))
    np.add.at(total, cluster[chosen], influence[chosen])
    return total


def _pseudo_observations(
    outcome: NDArray[np.float64], influence: NDArray[np.float64], sides: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return outcomes whose spread includes the influence of each customer on the fit.

    A customer moves the difference of the arms by the gap of its influences on the two
    means. An outcome that is higher by n gap, in an arm of n, moves it as much. Gaps are
    centred within the arm, so the means stay as they are.
    """
    gap = influence[:, 0] - influence[:, 1]
    pseudo = outcome.copy()
    for side, sign in zip(sides.T, (1.0, -1.0), strict=True):
        pseudo[side] += sign * side.sum() * (gap[side] - gap[side].mean())
    return pseudo


@dataclass(frozen=True, eq=False)
class _Future:
    """The forecast, summed up for the comparisons.

    Attributes:
        mean: Posterior mean per customer and part, of shape (n_customers, n_parts).
        sd: Posterior standard deviation of the mean of each arm, of shape (n_groups, n_arms).
        influence: Influence of each customer on the mean of each arm through the fit, of
            shape (n_customers, n_groups, n_arms); None without log-likelihoods.
        arms: The arms, in that order.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    influence: NDArray[np.float64] | None
    arms: tuple[str, ...]

    @classmethod
    def of(
        cls,
        rows: JoinedForecast,
        study: Study,
        groups: Sequence[ComparedGroup],
        names: Sequence[str],
    ) -> Self:
        arms = study.assignment.arms
        value = rows.forecast.value
        part = np.searchsorted(np.asarray(names), rows.part)
        weights = _weights(rows, study, groups, part)
        expected, draws = _one_pass(rows, weights)
        mean = np.zeros((len(study.assignment), len(names)))
        np.add.at(mean, (rows.place, part), expected[value.index[rows.used]])
        shape = (len(groups), len(arms))
        influence = None
        if rows.forecast.log_likelihood:
            influence = _through_the_fit(rows, draws, len(study.assignment))
            influence = influence.reshape(-1, *shape)
        return cls(mean, draws.std(axis=1, ddof=1).reshape(shape), influence, arms)


def _weights(
    rows: JoinedForecast,
    study: Study,
    groups: Sequence[ComparedGroup],
    part: NDArray[np.intp],
) -> sparse.csr_array:
    """Return the weight of each state in each mean, of shape (n_states, n_groups x n_arms)."""
    value = rows.forecast.value
    blocks = []
    for group in groups:
        inside = group.members[rows.place] & (group.part is None or part == group.part)
        for arm in study.assignment.arms:
            of_arm = study.assignment.arm == arm
            size = max(1, int((of_arm & group.members).sum()))
            chosen = inside & of_arm[rows.place]
            count = np.bincount(value.index[rows.used[chosen]], minlength=value.n_states)
            blocks.append(sparse.csc_array(count[:, None] / size))
    return sparse.csr_array(sparse.hstack(blocks))


@logged("forecasts averaged")
def _one_pass(
    rows: JoinedForecast, weights: sparse.csr_array
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each state and the draws of the mean of each arm."""
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


@logged("uncertainty of the fit")
def _through_the_fit(
    rows: JoinedForecast, draws: NDArray[np.float64], n_customers: int
) -> NDArray[np.float64]:
    """Return the posterior covariance of each mean with the log-likelihood of each customer."""
    centred = (draws - draws.mean(axis=1, keepdims=True)) / (draws.shape[1] - 1)
    answer = np.zeros((n_customers, len(draws)))
    for logs in rows.forecast.log_likelihood:
        per_state = np.empty((logs.n_states, len(draws)))
        for states, block in logs.blocks():
            per_state[states] = block @ centred.T
        np.add.at(answer, rows.place, per_state[logs.index[rows.used]])
    return answer
