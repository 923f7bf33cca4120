"""The result of an experiment: effects with intervals, checks and notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv._options import Level, checked
from omniltv.errors import ConfigError
from omniltv.experiments.checks.balance import Balance
from omniltv.experiments.checks.protocol import CheckFinding
from omniltv.experiments.checks.sample_ratio import SampleRatio

__all__ = ["Lift", "LiftRow"]


class LiftRow(NamedTuple):
    """The effect of one arm per customer, over all customers or one group.

    Attributes:
        by: Column that the customers are grouped by or the outcome is split by; "" for all.
        group: The group.
        arm: The arm that is compared with the control.
        estimate: Difference between the mean outcomes of the arm and of the control.
        standard_error: Standard error of the estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
        relative: The estimate as a share of the mean of the control; NaN if that is not
            positive.
        relative_low: Lower end of its interval (Fieller 1954).
        relative_high: Upper end; infinite if the mean of the control may be zero.
        mean: Mean outcome in the arm.
        control_mean: Mean outcome in the control arm.
        n: Customers in the arm.
        control_n: Customers in the control arm.
        p_value: One minus the highest level at which the interval excludes zero; NaN if the
            estimate is withheld.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.experiments import Assignment, difference
        >>> table = pd.DataFrame({"customer_id": range(4), "arm": ["a", "b"] * 2,
        ...                       "value": [1.0, 4.0, 2.0, 5.0]})
        >>> row = difference(table, Assignment.from_frame(table), control="a").overall()
        >>> row.mean, row.control_mean, row.estimate
        (4.5, 1.5, 3.0)
    """

    by: str
    group: str
    arm: str
    estimate: float
    standard_error: float
    low: float
    high: float
    relative: float
    relative_low: float
    relative_high: float
    mean: float
    control_mean: float
    n: int
    control_n: int
    p_value: float = float("nan")


@checked
@dataclass(frozen=True, eq=False)
class Lift(Tabular):
    """The effects of a treatment, with checks and notes.

    Attributes:
        outcome: Name of the outcome.
        estimator: Name of the estimator.
        control: The arm that the others are compared with.
        level: Level of each interval.
        rows: One row per arm and group, all customers first.
        srm: Check of the sizes of the arms; None without planned shares.
        balance: Differences in the covariates before the treatment; None without covariates.
        notes: Assumptions, customers left out, and the number of comparisons.
        findings: What the checks found.
        withheld: Names of the checks that stopped the estimate; the numbers of all rows are
            then NaN. Empty if nothing did, or the caller passed ``despite=``.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.experiments import Assignment, difference
        >>> table = pd.DataFrame({"customer_id": range(6), "arm": ["a", "b"] * 3,
        ...                       "value": [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]})
        >>> difference(table, Assignment.from_frame(table), control="a")
        Lift of value per customer against 'a' (difference)
          b                        +3  95 % [0.733, 5.267]  relative +150.0%  n 3 / 3
    """

    outcome: str
    estimator: str
    control: str
    level: Level
    rows: tuple[LiftRow, ...]
    srm: SampleRatio | None = None
    balance: Balance | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[CheckFinding, ...] = ()
    withheld: tuple[str, ...] = ()

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per arm and group.

        Examples:
            >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 3, 3)
            >>> list(Lift("value", "difference", "a", 0.95, (row,)).columns())[:5]
            ['by', 'group', 'arm', 'estimate', 'standard_error']
        """
        turned = zip(*self.rows, strict=True)
        return {
            name: np.asarray(values) for name, values in zip(LiftRow._fields, turned, strict=True)
        }

    def overall(self, arm: str | None = None) -> LiftRow:
        """Return the effect over all customers, of the only treated arm or of the one named.

        Raises:
            ConfigError: If the arm is unknown, or there are several and none is named.

        Examples:
            >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 3, 3)
            >>> Lift("value", "difference", "a", 0.95, (row,)).overall("b").estimate
            3.0
        """
        found = [row for row in self.rows if not row.by and arm in {None, row.arm}]
        if len(found) == 1:
            return found[0]
        arms = ", ".join(row.arm for row in self.rows if not row.by)
        raise ConfigError(f"name one of the arms: {arms}. Hint: overall(arm=...)")

    def __repr__(self) -> str:
        head = f"Lift of {self.outcome} per customer against {self.control!r} ({self.estimator})"
        lines = [f"  {_where(row):<24} {self._numbers(row)}" for row in self.rows]
        checks = [] if self.srm is None else [f"  arms: {self.srm.verdict}"]
        found = [f"  {finding}" for finding in self.findings]
        notes = [f"  note: {note}" for note in self.notes]
        return "\n".join([head, *lines, *checks, *found, *notes])

    def _numbers(self, row: LiftRow) -> str:
        sizes = f"n {row.n:,} / {row.control_n:,}"
        if self.withheld:
            return f"withheld ({', '.join(self.withheld)})  {sizes}"
        interval = f"{100 * self.level:g} % [{row.low:,.4g}, {row.high:,.4g}]"
        return f"{row.estimate:+,.4g}  {interval}  relative {row.relative:+.1%}  {sizes}"


def _where(row: LiftRow) -> str:
    return f"{row.arm}, {row.by} {row.group}" if row.by else row.arm
