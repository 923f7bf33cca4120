"""What every estimate of a lift shares: groups, covariates, checks and intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple
from warnings import warn

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from omniltv._columns import is_missing, labels, numbers, read_ids, require
from omniltv._frames import collect
from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments._moments import moments
from omniltv.experiments.assignment import BEFORE, Assignment
from omniltv.experiments.checks import (
    Balance,
    CheckFinding,
    ExperimentCheck,
    SampleRatio,
    StudyFacts,
)
from omniltv.experiments.estimators import (
    ArmMeans,
    ArmSample,
    LiftEstimator,
)
from omniltv.experiments.estimators.protocol import p_value_of, reach_of
from omniltv.experiments.result import Lift, LiftRow
from omniltv.experiments.sensitivity import robustness
from omniltv.experiments.tables import Baseline

__all__ = ["ComparedGroup", "Findings", "Study", "empty_row"]

_ORDER = ("stop", "warning", "note")
_LONGEST = 256  # characters of a label; longer texts are not groups
_MOST = 0.5  # share of customers with a label of their own, above which labels are not groups


@dataclass(frozen=True)
class Findings:
    """What the checks found, and what the caller asked for despite a stop."""

    found: tuple[CheckFinding, ...]
    despite: frozenset[str]

    @classmethod
    def of(
        cls, facts: StudyFacts, checks: Sequence[ExperimentCheck], despite: Sequence[str]
    ) -> "Findings":
        """Return the findings of all checks, stops first.

        Raises:
            ConfigError: If ``despite`` has a name that no check has.
        """
        names = [check.name for check in checks]
        unknown = [name for name in despite if name not in names]
        if isinstance(despite, str) or unknown:
            hint = f"a tuple of names out of {', '.join(names)}"
            raise ConfigError(f"despite={despite!r} has a name of no check. Hint: {hint}")
        found = [finding for check in checks for finding in check.look(facts)]
        found.sort(key=lambda finding: _ORDER.index(finding.severity))
        return cls(tuple(found), frozenset(despite))

    @property
    def withheld(self) -> tuple[str, ...]:
        """Names of the checks that stop the estimate."""
        stops = [f.check for f in self.found if f.severity == "stop"]
        return tuple(dict.fromkeys(name for name in stops if name not in self.despite))

    def warn(self) -> None:
        """Warn of every finding that is not a note."""
        for finding in self.found:
            if finding.severity != "note":
                warn(f"{finding}{self._consequence(finding)}", DataWarning, stacklevel=4)

    def _consequence(self, finding: CheckFinding) -> str:
        if finding.severity != "stop" or finding.check in self.despite:
            return ""
        return f". The estimate is withheld; despite=({finding.check!r},) shows it"


class ComparedGroup(NamedTuple):
    """One comparison: its customers, and the part of their outcome (None: the whole)."""

    by: str
    group: str
    members: NDArray[np.bool_]
    part: int | None


@dataclass(frozen=True, eq=False)
class Study:
    """An assignment with its groups and covariates, as every estimate needs them."""

    assignment: Assignment
    control: str
    level: float
    remarks: tuple[str, ...]
    facts: StudyFacts

    @classmethod
    def read(
        cls, assignment: Assignment, control: str, baseline: Baseline | None, level: float
    ) -> "Study":
        """Return the study, or raise what is wrong with its arguments."""
        assignment.known_arm(control)
        facts = _facts(assignment, control)
        if baseline is None:
            return cls(assignment, control, level, (), facts)
        known = _JoinedBaseline(assignment, baseline)
        facts = replace(
            facts,
            covariates=known.numbers(_names(baseline.covariates)),
            groups={name: known.labels(name) for name in _names(baseline.by)},
            labels=known.texts(),
            known_at=known.moments(baseline.known_at, assignment),
            household=known.optional(baseline.household),
        )
        absent = {name: int(np.isnan(values).sum()) for name, values in facts.covariates.items()}
        remarks = [
            f"{n:,} customers without {name} count as its mean" for name, n in absent.items() if n
        ]
        return cls(assignment, control, level, tuple(remarks), facts)

    @cached_property
    def balance(self) -> Balance | None:
        """The balance of the covariates; None without any."""
        if not self.facts.covariates:
            return None
        return Balance.of(
            self.facts.covariates, self.assignment.arm, self.assignment.arms, self.control
        )

    @cached_property
    def srm(self) -> SampleRatio | None:
        """The check of the sizes of the arms; None without planned shares."""
        return self.assignment.srm() if self.assignment.shares else None

    @cached_property
    def treated(self) -> tuple[str, ...]:
        """The arms other than the control."""
        return tuple(arm for arm in self.assignment.arms if arm != self.control)

    @cached_property
    def members(self) -> Mapping[str, NDArray[np.bool_]]:
        """Membership of each arm, of shape (n_customers,)."""
        return {arm: self.assignment.arm == arm for arm in (self.control, *self.treated)}

    def compared(self, parts: Sequence[str], column: str | None) -> list[ComparedGroup]:
        """Return the comparisons: all customers, each group, each part."""
        everybody = np.ones(len(self.assignment), dtype=np.bool_)
        grouped = [
            ComparedGroup(name, str(group), values == group, None)
            for name, values in self.facts.groups.items()
            for group in np.unique(values)
        ]
        split = [] if column is None else list(enumerate(parts))
        return [
            ComparedGroup("", "", everybody, None),
            *grouped,
            *(ComparedGroup(column or "", part, everybody, k) for k, part in split),
        ]

    def sides(self, group: ComparedGroup, arm: str) -> NDArray[np.bool_]:
        """Return membership of the arm and of the control, of shape (n_customers, 2)."""
        pair = (self.members[arm], self.members[self.control])
        return np.stack([side & group.members for side in pair], axis=1)

    def samples(
        self,
        outcome: NDArray[np.float64],
        sides: NDArray[np.bool_],
        received: NDArray[np.bool_] | None = None,
    ) -> tuple[ArmSample, ArmSample]:
        """Return what an estimator sees of the arm and of the control.

        Args:
            outcome: Of shape (n_customers,).
            sides: Membership of the two, as from `sides`.
            received: Who received the treatment, of shape (n_customers,).
        """
        cluster, stratum = self.codes

        def sample(side: NDArray[np.bool_]) -> ArmSample:
            return ArmSample(
                outcome[side],
                self.facts.imputed[side],
                None if cluster is None else cluster[side],
                None if stratum is None else stratum[side],
                None if received is None else received[side],
            )

        treated, control = (sample(side) for side in sides.T)
        return treated, control

    @cached_property
    def codes(self) -> tuple[NDArray[np.intp] | None, NDArray[np.intp] | None]:
        """Return the codes of clusters and of strata, each of shape (n_customers,)."""
        return _coded(self.assignment.cluster), _coded(self.assignment.stratum)

    def enough(self, sides: NDArray[np.bool_]) -> bool:
        """Return whether both sides have at least two customers, or two clusters."""
        cluster = self.codes[0]
        if cluster is None:
            return int(sides.sum(axis=0).min()) > 1
        return min(len(np.unique(cluster[side])) for side in sides.T) > 1

    def row(
        self, group: ComparedGroup, arm: str, means: ArmMeans | None, estimator: LiftEstimator
    ) -> LiftRow:
        """Return the row of one comparison; NaN if an arm has fewer than two customers."""
        n, control_n = (int(size) for size in self.sides(group, arm).sum(axis=0))
        if means is None:
            return empty_row(group.by, group.group, arm, n, control_n)
        estimate = means.treated - means.control
        error = means.standard_error
        reach = reach_of(estimator, self.level, means, n + control_n)
        gap = estimate / error if error > 0 else np.nan
        return LiftRow(
            group.by,
            group.group,
            arm,
            estimate,
            error,
            estimate - reach * error,
            estimate + reach * error,
            *_relative(means, reach),
            means.treated,
            means.control,
            n,
            control_n,
            p_value_of(estimator, gap, means, n + control_n),
        )

    def result(
        self,
        outcome: str,
        estimator: LiftEstimator,
        rows: Sequence[LiftRow],
        notes: Sequence[str],
        findings: Findings,
    ) -> Lift:
        """Return the lift with its findings; withhold the numbers if a check stops them."""
        findings.warn()
        said = [*self.remarks, *notes, *_multiplicity(len(rows), self.level)]
        shown = [_withheld(row) for row in rows] if findings.withheld else rows
        if not self.assignment.randomised:
            overall = [row for row in shown if not row.by and row.standard_error > 0]
            said += [_strength(row, self.level) for row in overall]
        return Lift(
            outcome,
            estimator.name,
            self.control,
            self.level,
            tuple(shown),
            self.srm,
            self.balance,
            tuple(said),
            findings.found,
            findings.withheld,
        )


def _facts(assignment: Assignment, control: str) -> StudyFacts:
    """Return what checks may know of an assignment."""
    return StudyFacts(
        customer_id=assignment.customer_id,
        arm=assignment.arm,
        control=control,
        shares=assignment.shares,
        by_stratum=assignment.by_stratum,
        randomised=assignment.randomised,
        stratum=assignment.stratum,
        cluster=assignment.cluster,
        start=assignment.start,
        left_out=assignment.left_out,
        entered=assignment.entered,
        two_arms=assignment.two_arms,
        n_ids=assignment.n_ids,
    )


def _coded(labels: NDArray[np.str_] | None) -> NDArray[np.intp] | None:
    return None if labels is None else np.unique(labels, return_inverse=True)[1]


def _withheld(row: LiftRow) -> LiftRow:
    return empty_row(row.by, row.group, row.arm, row.n, row.control_n)


def _strength(row: LiftRow, level: float) -> str:
    """Return how strong an unseen cause would overturn a result."""
    found = robustness(row, level=level)
    return (
        f"{row.arm}: an unseen cause of treatment and outcome that explains {found.interval:.1%} "
        f"of what is left of both makes the interval include zero; {found.estimate:.1%} reduces "
        "the estimate to zero (robustness values)"
    )


def empty_row(by: str, group: str, arm: str, n: int, control_n: int) -> LiftRow:
    """Return a row without numbers.

    Examples:
        >>> empty_row("", "", "mail", 3, 4).estimate
        nan
    """
    gap = np.nan
    return LiftRow(by, group, arm, gap, gap, gap, gap, gap, gap, gap, gap, gap, n, control_n)


class _JoinedBaseline:
    """The baseline joined to the assigned customers."""

    def __init__(self, assignment: Assignment, baseline: Baseline) -> None:
        self.table = collect(baseline.table, BEFORE)
        self.ids = read_ids(self.table, "customer_id", BEFORE)
        self.assigned = assignment.customer_id
        self.place = assignment.rows_of(self.ids)

    def labels(self, column: str) -> NDArray[np.str_]:
        absent = self.place < 0
        if absent.any():
            rows, hint = list(self.assigned[absent]), f"give every assigned customer a {column}"
            raise DataError(
                "assigned customers without a group", column=column, rows=rows, hint=hint
            )
        return labels(self.table, column, BEFORE, ids=self.ids)[self.place]

    def numbers(self, columns: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return the columns by customer, NaN if missing."""
        found = {}
        for name in columns:
            read = numbers(self.table, name, BEFORE, ids=self.ids, allow_missing=True)
            found[name] = np.where(self.place >= 0, read[self.place], np.nan)
        return found

    def texts(self) -> dict[str, NDArray[np.str_]]:
        """Return the columns of text that groups could be made of, "" if missing."""
        types = self.table.schema.items()
        names = [name for name, dtype in types if dtype in {nw.String, nw.Categorical, nw.Enum}]
        found = {}
        for name in (one for one in names if one != "customer_id"):
            column = self.table[name]
            if column.n_unique() > _MOST * len(column):
                continue
            texts = column.cast(nw.String).fill_null("").to_list()
            if max(map(len, texts), default=0) <= _LONGEST:
                found[name] = np.where(self.place >= 0, np.asarray(texts)[self.place], "")
        return found

    def optional(self, column: str | None) -> NDArray[np.str_] | None:
        """Return a column of labels by customer, "" if missing; None without a column."""
        if column is None:
            return None
        require(self.table.columns, [column], BEFORE)
        values = ["" if is_missing(v) else str(v) for v in self.table[column].to_list()]
        return np.where(self.place >= 0, np.asarray(values, dtype=np.str_)[self.place], "")

    def moments(self, column: str | None, assignment: Assignment) -> NDArray[np.datetime64] | None:
        """Return when the rows were measured, NaT for customers without a row."""
        if column is None:
            return None
        when = moments(self.table, column, BEFORE, ids=self.ids, start=assignment.start)
        return np.where(self.place >= 0, when[self.place], np.datetime64("NaT", "us"))


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _multiplicity(n: int, level: float) -> list[str]:
    if n <= 1:
        return []
    together = 1 - (1 - level) / n
    alone = f"{n} comparisons with a {100 * level:g} % interval each"
    return [f"{alone}; for a joint level use level={together:.4g} (Bonferroni)"]


def _relative(means: ArmMeans, reach: float) -> tuple[float, float, float]:
    """Return the relative lift with Fieller's interval.

    The ratios r of the means with (treated - r control)^2 <= t^2 var(treated - r control)
    (Fieller, JRSS B 1954, 175-185): a quadratic in r, unbounded if the interval of the
    control's mean includes zero.
    """
    if means.control <= 0:
        return np.nan, np.nan, np.nan
    cov, squared = means.covariance, reach**2
    a = means.control**2 - squared * cov[1, 1]
    b = means.treated * means.control - squared * cov[0, 1]
    c = means.treated**2 - squared * cov[0, 0]
    ratio = means.treated / means.control - 1
    if a <= 0:
        return ratio, -np.inf, np.inf
    root = np.sqrt(max(0.0, b * b - a * c))
    return ratio, float((b - root) / a - 1), float((b + root) / a - 1)
