"""What every estimate of a lift shares: outcomes joined to arms, groups, checks, intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self
from warnings import warn

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray
from scipy import stats

from omniltv._frames import collect, labels, numbers, positions, read_ids
from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments.assignment import BEFORE, Assignment, refuse_strangers
from omniltv.experiments.checks import Balance
from omniltv.experiments.estimators import ArmMeans
from omniltv.experiments.result import Lift, LiftRow

__all__ = ["Attendance", "Cell", "Missing", "Outcomes", "Study"]

type Missing = Literal["error", "zero"]
"""What an assigned customer without an outcome is: an error, or an outcome of zero."""

_WHAT = "the table of outcomes"


class Cell(NamedTuple):
    """One comparison: which customers, and which part of their outcome (None: the whole)."""

    by: str
    group: str
    members: NDArray[np.bool_]
    part: int | None


@dataclass(frozen=True, eq=False)
class Attendance:
    """Which assigned customers a table has rows of.

    Attributes:
        parts: Labels by which the table splits, sorted; ("",) where it does not.
        has_row: Whether each assigned customer has a row, of shape (n_customers,).
        strangers: How many customers of the table were not assigned.
        what: What a row holds.
    """

    parts: tuple[str, ...]
    has_row: NDArray[np.bool_]
    strangers: int
    what: str

    def settle_missing(self, assignment: Assignment, missing: Missing) -> None:
        """Raise DataError where customers have no row and were not to count as zero."""
        if missing == "error" and not self.has_row.all():
            problem = f"assigned customers without an {self.what}"
            hint = "missing='zero' where no row means zero"
            rows = list(assignment.customer_id[~self.has_row])
            raise DataError(problem, column="customer_id", rows=rows, hint=hint)

    def notes(self, missing: Missing) -> list[str]:
        """Return what the reader has to know of the customers."""
        found = []
        absent = int((~self.has_row).sum())
        if absent and missing == "zero":
            found.append(f"{absent:,} assigned customers without an {self.what} count as zero")
        if self.strangers:
            found.append(f"{self.strangers:,} customers who were not assigned are left out")
        return found


@dataclass(frozen=True, eq=False)
class Outcomes(Attendance):
    """Outcome of each assigned customer and part, of shape (n_customers, n_parts)."""

    values: NDArray[np.float64]

    @classmethod
    def read(
        cls, frame: IntoFrame, assignment: Assignment, outcome: str, parts: str | None
    ) -> Self:
        """Return outcomes added up per assigned customer and part."""
        table = collect(frame, _WHAT)
        ids = read_ids(table, "customer_id", _WHAT)
        amount = numbers(table, outcome, _WHAT, ids=ids)
        part = np.full(len(ids), "") if parts is None else labels(table, parts, _WHAT, ids=ids)
        place = positions(ids, assignment.customer_id)
        refuse_strangers(place, "customer_id")
        names, code = np.unique(part, return_inverse=True)
        known = place >= 0
        values = np.zeros((len(assignment), len(names)))
        np.add.at(values, (place[known], code[known]), amount[known])
        has_row = np.zeros(len(assignment), dtype=np.bool_)
        has_row[place[known]] = True
        strangers = len(set(ids[~known].tolist()))
        return cls(tuple(map(str, names)), has_row, strangers, "outcome", values)


@dataclass(frozen=True, eq=False)
class Study:
    """An assignment with its groups and covariates: what every estimate shares."""

    assignment: Assignment
    control: str
    level: float
    groups: Mapping[str, NDArray[np.str_]]
    covariates: NDArray[np.float64]
    balance: Balance | None
    remarks: tuple[str, ...]

    @classmethod
    def read(
        cls,
        assignment: Assignment,
        control: str,
        before: IntoFrame | None,
        by: str | Sequence[str],
        covariates: str | Sequence[str],
        level: float,
    ) -> "Study":
        """Return the study, or raise what is wrong with its arguments."""
        assignment.known_arm(control)
        if not 0 < level < 1:
            raise ConfigError(f"the level of an interval is between 0 and 1, got {level}")
        groups, numeric = _several(by), _several(covariates)
        if before is None:
            if groups or numeric:
                hint = "before=a frame with one row per customer"
                raise ConfigError(f"groups and covariates need a table. Hint: {hint}")
            nothing = np.empty((len(assignment), 0))
            return cls(assignment, control, level, {}, nothing, None, ())
        known = _Before(assignment, before)
        matrix, absent = known.covariates(numeric)
        balance = assignment.balance(before, numeric, control=control) if numeric else None
        remarks = [
            f"{n:,} customers without {name} count as its mean" for name, n in absent.items()
        ]
        return cls(
            assignment,
            control,
            level,
            {name: known.labels(name) for name in groups},
            matrix,
            balance,
            tuple(remarks),
        )

    @property
    def treated(self) -> tuple[str, ...]:
        """The arms other than the control."""
        return tuple(arm for arm in self.assignment.arms if arm != self.control)

    def cells(self, parts: Sequence[str], column: str | None) -> list[Cell]:
        """Return the comparisons to make: everybody, each group, each part."""
        everybody = np.ones(len(self.assignment), dtype=np.bool_)
        grouped = [
            Cell(name, str(group), values == group, None)
            for name, values in self.groups.items()
            for group in np.unique(values)
        ]
        split = [] if column is None else list(enumerate(parts))
        return [
            Cell("", "", everybody, None),
            *grouped,
            *(Cell(column or "", part, everybody, k) for k, part in split),
        ]

    def sides(self, cell: Cell, arm: str) -> NDArray[np.bool_]:
        """Return who is in the arm and who in the control, of shape (n_customers, 2)."""
        arms = np.stack([self.assignment.arm == arm, self.assignment.arm == self.control], axis=1)
        return arms & cell.members[:, None]

    def row(self, cell: Cell, arm: str, means: ArmMeans | None) -> LiftRow:
        """Return the row of one comparison; NaN where an arm has fewer than two customers."""
        n, control_n = (int(size) for size in self.sides(cell, arm).sum(axis=0))
        if means is None:
            return _undetermined(cell, arm, n, control_n)
        estimate = means.treated - means.control
        cov = means.covariance
        error = float(np.sqrt(max(0.0, cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])))
        reach = float(stats.t.ppf((1 + self.level) / 2, means.df))
        return LiftRow(
            cell.by,
            cell.group,
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
        """Return the lift with its checks, and warn where a check fails."""
        srm = self.assignment.srm() if self.assignment.shares else None
        if srm is not None and not srm.ok:
            warn(srm.verdict, DataWarning, stacklevel=3)
        if self.balance is not None and not self.balance.ok:
            unlike = ", ".join(self.balance.suspicious)
            warn(
                f"the arms were unlike before the treatment in: {unlike}", DataWarning, stacklevel=3
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


class _Before:
    """What was known of the assigned customers before the treatment."""

    def __init__(self, assignment: Assignment, frame: IntoFrame) -> None:
        self.table = collect(frame, BEFORE)
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

    def covariates(self, columns: Sequence[str]) -> tuple[NDArray[np.float64], dict[str, int]]:
        """Return the columns, missing values at the mean, and how many were missing."""
        matrix = np.empty((len(self.place), len(columns)))
        absent = {}
        for k, name in enumerate(columns):
            read = numbers(self.table, name, BEFORE, ids=self.ids, allow_missing=True)
            values = np.where(self.place >= 0, read[self.place], np.nan)
            gone = np.isnan(values)
            matrix[:, k] = np.where(gone, values[~gone].mean() if (~gone).any() else 0.0, values)
            if gone.any():
                absent[name] = int(gone.sum())
        return matrix, absent


def _several(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _multiplicity(n: int, level: float) -> list[str]:
    if n <= 1:
        return []
    together = 1 - (1 - level) / n
    alone = f"{n} comparisons, each with its own {100 * level:g} % interval"
    return [f"{alone}; for all to hold together use level={together:.4g} (Bonferroni)"]


def _undetermined(cell: Cell, arm: str, n: int, control_n: int) -> LiftRow:
    gap = np.nan
    return LiftRow(
        cell.by, cell.group, arm, gap, gap, gap, gap, gap, gap, gap, gap, gap, n, control_n
    )


def _relative(means: ArmMeans, reach: float) -> tuple[float, float, float]:
    """Return the relative lift with Fieller's interval.

    The ratio r of the means with (treated - r control)^2 <= t^2 var(treated - r control)
    (Fieller, JRSS B 1954, 175-185): a quadratic in r, unbounded where the control's mean
    is not distinct from zero.
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
