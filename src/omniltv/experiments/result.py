"""The result of an experiment: a value whose repr is what a reader wants to see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv.errors import ConfigError
from omniltv.experiments.checks import Balance, SampleRatio

__all__ = ["Lift", "LiftRow"]


class LiftRow(NamedTuple):
    """The effect of one arm, on everybody or on one group, per customer.

    Attributes:
        by: What the customers are grouped by (or the outcome is split by); "" for all.
        group: The group.
        arm: The arm that is compared with the control.
        estimate: Mean outcome in the arm less that in the control arm, per customer.
        standard_error: Of the estimate.
        low: Lower end of the interval.
        high: Upper end.
        relative: The estimate as a share of the control's mean; NaN where that is not positive.
        relative_low: Lower end of its interval (Fieller 1954).
        relative_high: Upper end; infinite where the control's mean may be zero.
        mean: Mean outcome in the arm.
        control_mean: Mean outcome in the control arm.
        n: Customers in the arm.
        control_n: Customers in the control arm.
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


@dataclass(frozen=True, eq=False)
class Lift(Tabular):
    """What a treatment changed, with the checks it stands on.

    Attributes:
        outcome: What was compared.
        estimator: How.
        control: The arm that the others are compared with.
        level: Level of the intervals, each for itself.
        rows: One per arm and group, everybody first.
        srm: Whether the arms have the planned sizes; None where no shares were planned.
        balance: How alike the arms were before in the covariates; None where there are none.
        notes: What the reader has to know: assumptions, customers left out, multiplicity.
    """

    outcome: str
    estimator: str
    control: str
    level: float
    rows: tuple[LiftRow, ...]
    srm: SampleRatio | None = None
    balance: Balance | None = None
    notes: tuple[str, ...] = ()

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per arm and group."""
        turned = zip(*self.rows, strict=True)
        return {
            name: np.asarray(values) for name, values in zip(LiftRow._fields, turned, strict=True)
        }

    def overall(self, arm: str | None = None) -> LiftRow:
        """Return the effect on everybody, of the only treated arm or of the one named.

        Raises:
            ConfigError: If there is no such arm, or several and none is named.
        """
        found = [row for row in self.rows if not row.by and arm in {None, row.arm}]
        if len(found) == 1:
            return found[0]
        arms = ", ".join(row.arm for row in self.rows if not row.by)
        raise ConfigError(f"name one of the arms. Hint: overall(arm=...), of {arms}")

    def __repr__(self) -> str:
        head = f"Lift of {self.outcome} per customer against {self.control!r} ({self.estimator})"
        percent = f"{100 * self.level:g} %"
        lines = [
            f"  {_where(row):<24} {row.estimate:+,.4g}  {percent} [{row.low:,.4g}, {row.high:,.4g}]"
            f"  relative {row.relative:+.1%}  n {row.n:,} / {row.control_n:,}"
            for row in self.rows
        ]
        checks = [] if self.srm is None else [f"  arms: {self.srm.verdict}"]
        return "\n".join([head, *lines, *checks, *(f"  note: {note}" for note in self.notes)])


def _where(row: LiftRow) -> str:
    return f"{row.arm}, {row.by} {row.group}" if row.by else row.arm
