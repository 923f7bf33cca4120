"""Lift on discounted value over the long run, by one or several methods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Flags, Matrix, Vector
from omniltv._columns import labels, numbers, positions, read_ids
from omniltv._frames import collect
from omniltv._log import logged
from omniltv._options import Level, Seed, checked
from omniltv.errors import ConfigError, DataError, EvidenceWarning
from omniltv.experiments._study import ComparedGroup, Findings, Study, empty_row
from omniltv.experiments.assignment import Assignment, refuse_repeated
from omniltv.experiments.checks import CHECKS, StudyFacts
from omniltv.experiments.long_run.protocol import (
    ArmWeeks,
    CohortWeeks,
    JointLongRunMethod,
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
_PAIR = 2
_ANY_DAY = "2000-01-01"  # arms are compared with each other only
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
    treatments: Mapping[str, Sequence[str]] | None = None,
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
        treatments: For a factorial experiment, the one or two treatments of each arm, such as
            ``design.treatments``. The arms are then estimated together by the methods that can,
            and the interaction of two treatments has a row: the lift of both less the sum of
            the lifts of each alone.
        methods: The methods, to be shown side by side.
        level: Level of the intervals.
        despite: Names of the checks whose stop does not withhold the estimate.
        seed: Seed of the draws.

    Raises:
        ConfigError: If there is no such control arm or no method, two methods have one name,
            the span is shorter than a week, ``treatments`` does not fit the arms, or a method
            lacks what it needs.
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
    given = _treatments(treatments, study)
    experiment = _Experiment.read(study, purchases, earlier, persistence, discount, given)
    findings = Findings.of(_timed(study, experiment.orders), CHECKS, despite)
    rows, pairs = _rows(experiment, methods, seed, withheld=bool(findings.withheld))
    findings.warn()
    said = tuple(_disagreements(rows))
    if said:
        hint = "look at the assumptions of the methods"
        problem = f"long-run methods disagree: {'; '.join(said)}"
        warn(f"{problem}. Hint: {hint}", EvidenceWarning, stacklevel=3)
    lifts = {name: _lift(experiment, name, own, findings) for name, own in rows.items()}
    return LongRunLift(lifts, rows, purchases.weeks, len(experiment.discount), said, pairs)


def _timed(study: Study, orders: Matrix) -> StudyFacts:
    """Return the facts of a study with the weeks of the first and last order of each customer."""
    bought, n_weeks = orders > 0, orders.shape[1]
    ends = np.stack([bought.argmax(axis=1), n_weeks - 1 - bought[:, ::-1].argmax(axis=1)])
    start = study.assignment.start
    day = np.datetime64(_ANY_DAY if start is None else start.date(), "D")
    when = np.where(bought.any(axis=1), day + 7 * ends, np.datetime64("NaT", "D"))
    first, last = when.astype("datetime64[us]")
    return replace(study.facts, first=first, last=last)


def _treatments(
    treatments: Mapping[str, Sequence[str]] | None, study: Study
) -> dict[str, tuple[str, ...]]:
    """Return the treatments of each arm; empty if the experiment is not factorial."""
    if treatments is None:
        return {}
    given = {arm: tuple(own) for arm, own in treatments.items() if arm != study.control or own}
    if given.keys() != {*study.treated}:
        hint = f"a key for each of {', '.join(study.treated)}"
        raise ConfigError(f"treatments= has the arms {', '.join(given)}. Hint: {hint}")
    for arm, own in given.items():
        if isinstance(treatments[arm], str) or not 1 <= len({*own}) == len(own) <= _PAIR:
            hint = "one treatment, or two different ones, such as ('mail', 'coupon')"
            raise ConfigError(f"treatments[{arm!r}] is {treatments[arm]!r}. Hint: {hint}")
    if len({frozenset(own) for own in given.values()}) < len(given):
        raise ConfigError("two arms have the same treatments. Hint: give them one name")
    return given


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
    treatments: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(
        cls,
        study: Study,
        purchases: WeeklyPurchases,
        earlier: Sequence[EarlierCohort],
        persistence: Persistence,
        discount: Discount,
        treatments: Mapping[str, tuple[str, ...]],
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
            treatments,
        )

    @property
    def together(self) -> list[tuple[str, ...]]:
        """The arms that are estimated together: all of a factorial, else each by itself."""
        treated = self.study.treated
        return [treated] if self.treatments else [(arm,) for arm in treated]

    def samples(self, group: ComparedGroup, arms: Sequence[str]) -> list[LongRunSample]:
        """Return the comparisons of arms with one control; only those with enough customers."""
        found = [one for one in self._samples(group, arms) if one.enough]
        if not group.by:
            return found
        beside = self._samples(group, arms, outside=True)
        rest = {one.treated.name: one for one in beside if one.enough}
        return [replace(one, rest=rest.get(one.treated.name)) for one in found]

    def _samples(
        self, group: ComparedGroup, arms: Sequence[str], *, outside: bool = False
    ) -> list[LongRunSample]:
        inside = group.members ^ outside
        sides = [self.study.members[arm] & inside for arm in (self.study.control, *arms)]
        everybody = np.logical_or.reduce(sides)
        control, *treated = (
            self._arm(name, side, everybody)
            for name, side in zip((self.study.control, *arms), sides, strict=True)
        )
        cohorts = tuple(cohort.of(group, outside=outside) for cohort in self.cohorts)
        return [
            LongRunSample(arm, control, cohorts, self.discount, self.strength, self.persistence)
            for arm in treated
        ]

    def _arm(self, name: str, side: Flags, everybody: Flags) -> ArmWeeks:
        cluster, stratum = self.study.codes
        weight = np.ones(int(side.sum()))
        if stratum is not None:
            shares = [
                np.bincount(stratum[s], minlength=stratum.max() + 1) for s in (everybody, side)
            ]
            weight = (shares[0] / np.maximum(shares[1], 1))[stratum[side]]
        return ArmWeeks(
            name,
            self.study.assignment.customer_id[side],
            self.orders[side],
            self.value[side],
            self.covariates[side],
            weight / weight.mean() if len(weight) else weight,
            None if cluster is None else cluster[side],
            self.treatments.get(name, ()),
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

    def of(self, group: ComparedGroup, *, outside: bool) -> CohortWeeks:
        """Return the customers in or outside a group; all if the cohort does not know it."""
        if group.by not in self.groups:
            return self.cohort
        inside = (self.groups[group.by] == group.group) ^ outside
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


type _RowsOf = dict[str, tuple[LongRunRow, ...]]
type _Drawn = Mapping[str, LongRunDraws]


def _rows(
    experiment: _Experiment, methods: Sequence[LongRunMethod], seed: int, *, withheld: bool
) -> tuple[_RowsOf, _RowsOf]:
    """Return rows of arms and of interactions by method: all customers first, then each group."""
    rows: dict[str, list[LongRunRow]] = {method.name: [] for method in methods}
    pairs: dict[str, list[LongRunRow]] = {method.name: [] for method in methods}
    for group, arms in product(experiment.study.compared((), None), experiment.together):
        samples = [] if withheld else experiment.samples(group, arms)
        for method in methods:
            drawn = _drawn(method, samples, seed)
            rows[method.name] += [_row(experiment, group, arm, drawn) for arm in arms]
            if isinstance(method, JointLongRunMethod):
                pairs[method.name] += _interactions(experiment, group, drawn)
    return _fixed(rows), _fixed(pairs)


def _fixed(rows: Mapping[str, list[LongRunRow]]) -> _RowsOf:
    return {name: tuple(own) for name, own in rows.items()}


@logged("long-run lift estimated")
def _drawn(method: LongRunMethod, samples: Sequence[LongRunSample], seed: int) -> _Drawn:
    """Return the draws of each arm that has enough customers."""
    names = [sample.treated.name for sample in samples]
    if len(samples) > 1 and isinstance(method, JointLongRunMethod):
        return dict(zip(names, method.estimate_jointly(samples, seed=seed), strict=True))
    drawn = [method.estimate(sample, seed=seed) for sample in samples]
    return dict(zip(names, drawn, strict=True))


def _interactions(
    experiment: _Experiment, group: ComparedGroup, drawn: _Drawn
) -> Iterator[LongRunRow]:
    """Yield a row for each arm with two treatments of which each has an arm of its own."""
    arm_of = {own: arm for arm, own in experiment.treatments.items()}
    for own, both in arm_of.items():
        alone = [arm_of[(name,)] for name in own if (name,) in arm_of]
        if len(own) < _PAIR or len(alone) < _PAIR:
            continue
        known = {both, *alone} <= drawn.keys()
        found = {both: _contrast(drawn[both], *(drawn[arm] for arm in alone))} if known else {}
        one = _row(experiment, group, both, found)
        yield replace(one, row=one.row._replace(arm=" x ".join(own), mean=np.nan))


def _contrast(both: LongRunDraws, one: LongRunDraws, other: LongRunDraws) -> LongRunDraws:
    """Return draws of the lift of both less the lifts of each alone."""
    window, beyond = (
        getattr(both, part) - getattr(one, part) - getattr(other, part)
        for part in ("window", "beyond")
    )
    return LongRunDraws(window, beyond, both.control, both.notes)


def _row(experiment: _Experiment, group: ComparedGroup, arm: str, drawn: _Drawn) -> LongRunRow:
    n, control_n = (int(size) for size in experiment.study.sides(group, arm).sum(axis=0))
    if arm not in drawn:
        row = empty_row(group.by, group.group, arm, n, control_n)
        return LongRunRow(row, np.nan, np.nan, None)
    draws, level = drawn[arm], experiment.study.level
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


def _disagreements(rows: _RowsOf) -> Iterator[str]:
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
