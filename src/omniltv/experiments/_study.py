"""What every estimate of a lift shares: groups, covariates, checks and intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv._frames import collect, labels, numbers, read_ids
from omniltv.errors import DataError, DataWarning
from omniltv.experiments.assignment import BEFORE, Assignment
from omniltv.experiments.checks import Balance
from omniltv.experiments.estimators import ArmMeans, ArmSample
from omniltv.experiments.result import Lift, LiftRow
from omniltv.experiments.tables import Baseline

__all__ = ["ComparedGroup", "Study"]


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
    groups: Mapping[str, NDArray[np.str_]]
    covariates: NDArray[np.float64]
    balance: Balance | None
    remarks: tuple[str, ...]

    @classmethod
    def read(
        cls, assignment: Assignment, control: str, baseline: Baseline | None, level: float
    ) -> "Study":
        """Return the study, or raise what is wrong with its arguments."""
        assignment.known_arm(control)
        if baseline is None:
            nothing = np.empty((len(assignment), 0))
            return cls(assignment, control, level, {}, nothing, None, ())
        known, numeric = _JoinedBaseline(assignment, baseline), _names(baseline.covariates)
        matrix, absent = known.covariates(numeric)
        return cls(
            assignment,
            control,
            level,
            {name: known.labels(name) for name in _names(baseline.by)},
            matrix,
            assignment.balance(baseline.table, numeric, control=control) if numeric else None,
            tuple(f"{n:,} customers without {name} count as its mean" for name, n in absent),
        )

    @property
    def treated(self) -> tuple[str, ...]:
        """The arms other than the control."""
        return tuple(arm for arm in self.assignment.arms if arm != self.control)

    def compared(self, parts: Sequence[str], column: str | None) -> list[ComparedGroup]:
        """Return the comparisons: all customers, each group, each part."""
        everybody = np.ones(len(self.assignment), dtype=np.bool_)
        grouped = [
            ComparedGroup(name, str(group), values == group, None)
            for name, values in self.groups.items()
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
        arms = np.stack([self.assignment.arm == arm, self.assignment.arm == self.control], axis=1)
        return arms & group.members[:, None]

    def samples(
        self, outcome: NDArray[np.float64], sides: NDArray[np.bool_]
    ) -> tuple[ArmSample, ArmSample]:
        """Return what an estimator sees of the arm and of the control.

        Args:
            outcome: Of shape (n_customers,).
            sides: Membership of the two, as from `sides`.
        """
        treated, control = (ArmSample(outcome[side], self.covariates[side]) for side in sides.T)
        return treated, control

    def row(self, group: ComparedGroup, arm: str, means: ArmMeans | None) -> LiftRow:
        """Return the row of one comparison; NaN if an arm has fewer than two customers."""
        n, control_n = (int(size) for size in self.sides(group, arm).sum(axis=0))
        if means is None:
            return _undetermined(group, arm, n, control_n)
        estimate = means.treated - means.control
        cov = means.covariance
        error = float(np.sqrt(max(0.0, cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])))
        reach = float(stats.t.ppf((1 + self.level) / 2, means.df))
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
        )

    def result(
        self, outcome: str, estimator: str, rows: Sequence[LiftRow], notes: Sequence[str]
    ) -> Lift:
        """Return the lift with its checks, and warn if a check fails."""
        srm = self.assignment.srm() if self.assignment.shares else None
        if srm is not None and not srm.ok:
            warn(srm.verdict, DataWarning, stacklevel=3)
        if self.balance is not None and not self.balance.ok:
            differing = ", ".join(self.balance.suspicious)
            warn(
                f"the arms differed before the treatment in: {differing}", DataWarning, stacklevel=3
            )
        said = [*self.remarks, *notes, *_multiplicity(len(rows), self.level)]
        return Lift(
            outcome,
            estimator,
            self.control,
            self.level,
            tuple(rows),
            srm,
            self.balance,
            tuple(said),
        )


class _JoinedBaseline:
    """The baseline joined to the assigned customers."""

    def __init__(self, assignment: Assignment, baseline: Baseline) -> None:
        self.table = collect(baseline.table, BEFORE)
        self.ids = read_ids(self.table, "customer_id", BEFORE)
        self.assigned = assignment.customer_id
        self.place = assignment.rows_in(self.table)

    def labels(self, column: str) -> NDArray[np.str_]:
        absent = self.place < 0
        if absent.any():
            rows, hint = list(self.assigned[absent]), f"give every assigned customer a {column}"
            raise DataError(
                "assigned customers without a group", column=column, rows=rows, hint=hint
            )
        return labels(self.table, column, BEFORE, ids=self.ids)[self.place]

    def covariates(
        self, columns: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[tuple[str, int]]]:
        """Return the columns, missing values at the mean, and the number missing by column."""
        matrix = np.empty((len(self.place), len(columns)))
        absent = []
        for k, name in enumerate(columns):
            read = numbers(self.table, name, BEFORE, ids=self.ids, allow_missing=True)
            values = np.where(self.place >= 0, read[self.place], np.nan)
            gone = np.isnan(values)
            matrix[:, k] = np.where(gone, values[~gone].mean() if (~gone).any() else 0.0, values)
            if gone.any():
                absent.append((name, int(gone.sum())))
        return matrix, absent


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _multiplicity(n: int, level: float) -> list[str]:
    if n <= 1:
        return []
    together = 1 - (1 - level) / n
    alone = f"{n} comparisons with a {100 * level:g} % interval each"
    return [f"{alone}; for a joint level use level={together:.4g} (Bonferroni)"]


def _undetermined(group: ComparedGroup, arm: str, n: int, control_n: int) -> LiftRow:
    gap = np.nan
    return LiftRow(
        group.by, group.group, arm, gap, gap, gap, gap, gap, gap, gap, gap, gap, n, control_n
    )


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
