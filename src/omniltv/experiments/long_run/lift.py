"""Lift on discounted value over the long run, by one or several methods."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Flags, Integers, Matrix, Vector
from omniltv._columns import labels, numbers, positions, read_ids
from omniltv._frames import collect
from omniltv._log import logged
from omniltv._options import Level, Seed, checked
from omniltv.errors import ConfigError, DataError, EvidenceWarning
from omniltv.experiments._study import ComparedGroup, Findings, Study, empty_row
from omniltv.experiments.assignment import Assignment, refuse_repeated
from omniltv.experiments.checks import CHECKS
from omniltv.experiments.long_run.protocol import (
    ArmWeeks,
    CohortWeeks,
    LongRunDraws,
    LongRunMethod,
    LongRunSample,
)
from omniltv.experiments.long_run.result import LongRunLift, LongRunRow
from omniltv.experiments.long_run.weekly_decay import WeeklyDecay
from omniltv.experiments.long_run.weekly_purchases import EarlierCohort, WeeklyPurchases
from omniltv.experiments.persistence import Persistence
from omniltv.experiments.result import Lift, LiftRow
from omniltv.experiments.tables import Baseline
from omniltv.units import Discount, TimeUnit

__all__ = ["long_run_lift"]

_BEFORE = "the table of the earlier cohort"
_METHODS = (WeeklyDecay(),)
_DISTANCE = 1.96  # standard errors of the difference of two methods


@checked
def long_run_lift(
    purchases: WeeklyPurchases,
    assignment: Assignment,
    *,
    control: str,
    persistence: Persistence,
    discount: Discount,
    earlier: Sequence[EarlierCohort] = (),
    baseline: Baseline | None = None,
    methods: Sequence[LongRunMethod] = _METHODS,
    level: Level = 0.95,
    despite: Sequence[str] = (),
    seed: Seed = 0,
) -> LongRunLift:
    """Return the lift on discounted value per customer from the start over window and span.

    The value of week k is discounted by the middle of the week, to the start.

    Args:
        purchases: What every assigned customer bought in each week of the window.
        assignment: The arm of each customer.
        control: The arm to compare with.
        persistence: What the treatment does after the window, and how far beyond it to look.
        discount: The discount rate.
        earlier: Cohorts that were never treated, oldest first; they show how value comes in.
        baseline: Covariates and groups, known before the treatment.
        methods: The methods, to be shown side by side.
        level: Level of the intervals.
        despite: Names of the checks whose stop does not withhold the estimate.
        seed: Seed of the draws.

    Raises:
        ConfigError: If there is no such control arm or no method, two methods have one name,
            the span is shorter than a week, or a method lacks what it needs.
        DataError: If an assigned customer has no purchases, or a column is absent.

    Warns:
        DataWarning: For each stop and warning of a check.
        EvidenceWarning: If methods differ by more than 1.96 standard errors of their difference.
            The errors are taken for independent, so methods that err together may differ by
            less and still be wrong.

    Examples:
        >>> from omniltv.experiments import assign
        >>> from omniltv.units import weeks
        >>> rng = np.random.default_rng(1)
        >>> drawn = assign(range(4000), arms={"control": 0.5, "mail": 0.5}, salt="spring")
        >>> mailed = (drawn.arm == "mail")[:, None]
        >>> orders = rng.poisson(0.3 * np.where(mailed, 1.2, 1.0), (4000, 8)).astype(float)
        >>> leaves = rng.exponential(80, (4000, 1)) < np.arange(60)
        >>> past = rng.poisson(0.3 * ~leaves).astype(float)
        >>> found = long_run_lift(
        ...     WeeklyPurchases(drawn.customer_id, orders, 10 * orders), drawn,
        ...     control="control", persistence=Persistence.full(weeks(52)),
        ...     discount=Discount(per_year=0.1),
        ...     earlier=[
        ...         EarlierCohort("2024", WeeklyPurchases(drawn.customer_id, past, 10 * past))])
        >>> bool(found.lifts["weekly decay"].overall().low > 0.0)
        True
    """
    names = [method.name for method in methods]
    if not names or len({*names}) < len(names):
        raise ConfigError(f"methods={names}. Hint: at least one, each with a name of its own")
    study = Study.read(assignment, control, baseline, level)
    study = replace(study, facts=replace(study.facts, handles=_handled(methods)))
    findings = Findings.of(study.facts, CHECKS, despite)
    experiment = _Experiment.read(study, purchases, earlier, persistence, discount)
    compared = list(_rows(experiment, methods, seed, withheld=bool(findings.withheld)))
    rows = {name: tuple(own) for name, own in zip(names, zip(*compared, strict=True), strict=True)}
    findings.warn()
    said = tuple(_disagreements(rows))
    if said:
        hint = "look at the assumptions of the methods"
        problem = f"long-run methods disagree: {'; '.join(said)}"
        warn(f"{problem}. Hint: {hint}", EvidenceWarning, stacklevel=3)
    lifts = {name: _lift(experiment, name, own, findings) for name, own in rows.items()}
    return LongRunLift(lifts, rows, purchases.weeks, len(experiment.discount), said)


def _handled(methods: Sequence[LongRunMethod]) -> frozenset[str]:
    """Return what every method accounts for."""
    return frozenset.intersection(
        *(frozenset(getattr(method, "handles", ())) for method in methods)
    )


@dataclass(frozen=True, eq=False)
class _Experiment:
    """Everything a method may see, by assigned customer."""

    study: Study
    orders: Matrix
    value: Matrix
    covariates: Matrix
    cohorts: tuple["_Cohort", ...]
    persistence: Persistence
    discount: Vector
    strength: Vector

    @classmethod
    def read(
        cls,
        study: Study,
        purchases: WeeklyPurchases,
        earlier: Sequence[EarlierCohort],
        persistence: Persistence,
        discount: Discount,
    ) -> "_Experiment":
        assignment, window = study.assignment, purchases.weeks
        place = positions(assignment.customer_id, purchases.customer_id)
        if (place < 0).any():
            rows, hint = list(assignment.customer_id[place < 0]), "nothing bought counts as zero"
            raise DataError(
                "assigned customers without weekly purchases", column="customer_id",
                rows=rows, hint=hint,
            )  # fmt: skip
        horizon = window + _beyond(persistence)
        strength = persistence.strength(window=window, horizon=horizon, start=assignment.start)
        return cls(
            study,
            purchases.orders[place],
            purchases.value[place],
            study.facts.imputed,
            tuple(_Cohort.read(one, study) for one in earlier),
            persistence,
            discount.factor(np.arange(horizon) + 0.5, TimeUnit.WEEK),
            strength,
        )

    def sample(self, group: ComparedGroup, arm: str) -> LongRunSample:
        """Return one comparison."""
        treated, control = self.study.sides(group, arm).T
        both = treated | control
        return LongRunSample(
            self._arm(arm, treated, both),
            self._arm(self.study.control, control, both),
            tuple(cohort.of(group) for cohort in self.cohorts),
            self.discount,
            self.strength,
            self.persistence,
        )

    def _arm(self, name: str, side: Flags, both: Flags) -> ArmWeeks:
        cluster, stratum = self.study.codes
        weight = np.ones(int(side.sum()))
        if stratum is not None:
            shares = [np.bincount(stratum[s], minlength=stratum.max() + 1) for s in (both, side)]
            weight = (shares[0] / np.maximum(shares[1], 1))[stratum[side]]
        return ArmWeeks(
            name,
            self.study.assignment.customer_id[side],
            self.orders[side],
            self.value[side],
            self.covariates[side],
            weight / weight.mean(),
            None if cluster is None else cluster[side],
        )


@dataclass(frozen=True, eq=False)
class _Cohort:
    """An earlier cohort with the groups and covariates of the experiment, as far as known."""

    cohort: CohortWeeks
    groups: dict[str, NDArray[np.str_]]

    @classmethod
    def read(cls, earlier: EarlierCohort, study: Study) -> "_Cohort":
        weekly, names = earlier.purchases, list(study.facts.covariates)
        covariates = np.full((len(weekly.customer_id), len(names)), np.nan)
        groups = {}
        if earlier.known is not None:
            table = collect(earlier.known, _BEFORE)
            ids = read_ids(table, "customer_id", _BEFORE)
            refuse_repeated(ids, "customer_id")
            place = positions(weekly.customer_id, ids)
            if (place < 0).any():
                rows = list(weekly.customer_id[place < 0])
                raise DataError("customers without a row", column="customer_id", rows=rows)
            for k, name in enumerate(names):
                if name in table.columns:
                    covariates[:, k] = numbers(table, name, _BEFORE, ids=ids)[place]
            groups = {
                name: labels(table, name, _BEFORE, ids=ids)[place]
                for name in study.facts.groups
                if name in table.columns
            }
        return cls(CohortWeeks(earlier.name, weekly.orders, weekly.value, covariates), groups)

    def of(self, group: ComparedGroup) -> CohortWeeks:
        """Return the customers of a group; all if the cohort does not know the group."""
        if group.by not in self.groups:
            return self.cohort
        inside = self.groups[group.by] == group.group
        own = self.cohort
        return CohortWeeks(own.name, own.orders[inside], own.value[inside], own.covariates[inside])


def _beyond(persistence: Persistence) -> int:
    """Return the whole weeks beyond the window."""
    if persistence.span is None:
        return 0
    found = int(persistence.span.to(TimeUnit.WEEK) + 1e-9)
    if found < 1:
        raise ConfigError(f"{persistence.span} is shorter than a week. Hint: span=weeks(148)")
    return found


def _rows(
    experiment: _Experiment, methods: Sequence[LongRunMethod], seed: int, *, withheld: bool
) -> Iterator[list[LongRunRow]]:
    """Yield a row per method for each comparison: all customers first, then each group."""
    study = experiment.study
    for group in study.compared((), None):
        for arm in study.treated:
            sizes = study.sides(group, arm).sum(axis=0)
            sample = None if withheld else experiment.sample(group, arm)
            drawn = [_drawn(method, sample, seed) for method in methods]
            yield [_row(group, arm, draws, sizes, study.level) for draws in drawn]


@logged("long-run lift estimated")
def _drawn(method: LongRunMethod, sample: LongRunSample | None, seed: int) -> LongRunDraws | None:
    if sample is None or not sample.enough:
        return None
    return method.estimate(sample, seed=seed)


def _row(
    group: ComparedGroup, arm: str, draws: LongRunDraws | None, sizes: Integers, level: float
) -> LongRunRow:
    n, control_n = int(sizes[0]), int(sizes[1])
    if draws is None:
        row = empty_row(group.by, group.group, arm, n, control_n)
        return LongRunRow(row, np.nan, np.nan, None)
    total, control = draws.total, float(draws.control.mean())
    estimate, ends = float(total.mean()), [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(total, ends)
    relative, relative_low, relative_high = _relative(total, draws.control, ends)
    below = float((total <= 0).mean())
    row = LiftRow(
        by=group.by,
        group=group.group,
        arm=arm,
        estimate=estimate,
        standard_error=float(total.std(ddof=1)),
        low=float(low),
        high=float(high),
        relative=relative,
        relative_low=relative_low,
        relative_high=relative_high,
        mean=control + estimate,
        control_mean=control,
        n=n,
        control_n=control_n,
        p_value=max(2 * min(below, 1 - below), 1 / len(total)),
    )
    return LongRunRow(row, float(draws.window.mean()), float(draws.beyond.mean()), draws)


def _relative(total: Vector, control: Vector, ends: list[float]) -> tuple[float, float, float]:
    """Return the lift as a share of the control's value, with its interval."""
    if control.min() <= 0:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(total / control, ends)
    return float(total.mean() / control.mean()), float(low), float(high)


def _disagreements(rows: dict[str, tuple[LongRunRow, ...]]) -> Iterator[str]:
    """Yield where two methods differ by more than their errors explain, by pair of methods."""
    for one, other in combinations(rows, 2):
        pairs = zip(rows[one], rows[other], strict=True)
        far = [text for a, b in pairs if (text := _apart(a.row, b.row))]
        if far:
            yield f"{one} and {other} for {', '.join(far)}"


def _apart(a: LiftRow, b: LiftRow) -> str:
    """Return which row differs and by how much; "" if it does not."""
    error = float(np.hypot(a.standard_error, b.standard_error))
    if not abs(a.estimate - b.estimate) > _DISTANCE * error:
        return ""
    where = f"{a.arm} ({a.by} {a.group})" if a.by else a.arm
    return f"{where} {a.estimate:+,.4g} and {b.estimate:+,.4g}"


def _lift(
    experiment: _Experiment, method: str, rows: tuple[LongRunRow, ...], findings: Findings
) -> Lift:
    study = experiment.study
    own = next((one.draws.notes for one in rows if one.draws is not None), ())
    return Lift(
        "discounted value",
        method,
        study.control,
        study.level,
        tuple(one.row for one in rows),
        study.srm,
        study.balance,
        (str(experiment.persistence), *study.remarks, *own),
        findings.found,
        findings.withheld,
    )
