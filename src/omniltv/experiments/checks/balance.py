"""Whether the arms were alike before the treatment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv._frames import Tabular
from omniltv._options import checked
from omniltv.experiments.checks.protocol import ALARM, MIN_EXPECTED, CheckFinding, StudyFacts

__all__ = ["Balance", "BalanceCheck", "dependence"]

_NEVER = 1e-9


@checked
@dataclass(frozen=True, eq=False)
class Balance(Tabular):
    """Differences between the arms before the treatment.

    Attributes:
        control: The arm that the others are compared with.
        column: Column compared, of shape (n_rows,).
        arm: Arm compared, of shape (n_rows,).
        difference: Standardised mean difference (in standard deviations), shape (n_rows,).
        p_value: P-value of the difference (Welch), of shape (n_rows,).

    Examples:
        >>> arm = np.array(["control", "treated"] * 50)
        >>> values = {"age": np.where(arm == "treated", 50.0, 30.0) + np.arange(100) % 7}
        >>> Balance.of(values, arm, ("control", "treated"), "control").suspicious
        ('age',)
    """

    control: str
    column: NDArray[np.str_]
    arm: NDArray[np.str_]
    difference: NDArray[np.float64]
    p_value: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        values: Mapping[str, NDArray[np.float64]],
        arm: NDArray[np.str_],
        arms: tuple[str, ...],
        control: str,
    ) -> Self:
        """Return the balance of columns of shape (n_customers,); NaN is left out.

        Examples:
            >>> arm = np.array(["control", "treated"] * 50)
            >>> Balance.of({"age": np.arange(100.0)}, arm, ("control", "treated"), "control").ok
            True
        """
        keys = [(column, other) for column in values for other in arms if other != control]
        found = [
            _standardised(values[column][arm == other], values[column][arm == control])
            for column, other in keys
        ]
        table = np.array(found, dtype=np.float64).reshape(-1, 2)
        names = np.array(keys, dtype=np.str_).reshape(-1, 2)
        return cls(control, names[:, 0], names[:, 1], table[:, 0], table[:, 1])

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns column, arm, standardised_difference, p_value.

        Examples:
            >>> arm = np.array(["control", "treated"] * 50)
            >>> both = ("control", "treated")
            >>> list(Balance.of({"age": np.arange(100.0)}, arm, both, "control").columns())
            ['column', 'arm', 'standardised_difference', 'p_value']
        """
        return {
            "column": self.column,
            "arm": self.arm,
            "standardised_difference": self.difference,
            "p_value": self.p_value,
        }

    @property
    def suspicious(self) -> tuple[str, ...]:
        """Columns that differ at 0.001 divided by the number of rows."""
        limit = ALARM / max(1, len(self.column))
        return tuple(dict.fromkeys(self.column[self.p_value < limit].tolist()))

    @property
    def ok(self) -> bool:
        """Whether no column is suspicious."""
        return not self.suspicious


def _standardised(side: NDArray[np.float64], base: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean difference in standard deviations and its p-value (Welch)."""
    side, base = side[~np.isnan(side)], base[~np.isnan(base)]
    if min(len(side), len(base)) <= 1:
        return np.nan, np.nan
    gap = float(side.mean() - base.mean())
    spread = np.sqrt((side.var(ddof=1) + base.var(ddof=1)) / 2)
    if spread == 0:
        return (0.0, 1.0) if gap == 0 else (np.copysign(np.inf, gap), 0.0)
    error = np.sqrt(side.var(ddof=1) / len(side) + base.var(ddof=1) / len(base))
    return float(gap / spread), float(2 * stats.norm.sf(abs(gap / error)))


@checked
@dataclass(frozen=True)
class BalanceCheck:
    """Warn if covariates or groups of the arms differed before the treatment.

    Each covariate of each arm is tested against the control at 0.001 divided by the number of
    these tests, and each group column at 0.001 divided by the number of group columns. A
    covariate with a p-value below 1e-9 is a stop: the arms were not drawn at random. With
    clusters, the means of the clusters are compared, and groups are not tested. Observational
    data are not tested.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(80).astype(object),
        ...     arm=np.array(["a", "b"] * 40), control="a",
        ...     covariates={"age": np.array([30.0, 50.0] * 40) + np.arange(80) % 7})
        >>> print(BalanceCheck().look(facts)[0].message)
        the arms differed before the treatment in: age, so much that they were not drawn at random
    """

    name: str = "balance"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a warning that names the columns that differ."""
        if not facts.randomised:
            return ()
        values, arm = _by_cluster(facts)
        numeric = Balance.of(values, arm, facts.arms, facts.control)
        limit = ALARM / max(1, len(facts.groups))
        groups = {} if facts.cluster is not None else facts.groups
        unequal = [name for name, labels in groups.items() if dependence(labels, arm) < limit]
        names = (*numeric.suspicious, *unequal)
        if not names:
            return ()
        message = f"the arms differed before the treatment in: {', '.join(names)}"
        hint = (
            "make the column a stratum and use Stratified(), if the shares were unequal on purpose"
        )
        if (numeric.p_value < _NEVER).any():
            message = f"{message}, so much that they were not drawn at random"
            hint = "Assignment.from_frame(..., randomised=False) and estimator=DoublyRobust()"
            return (CheckFinding(self.name, "stop", message, count=len(names), hint=hint),)
        return (CheckFinding(self.name, "warning", message, count=len(names), hint=hint),)


def _by_cluster(
    facts: StudyFacts,
) -> tuple[Mapping[str, NDArray[np.float64]], NDArray[np.str_]]:
    """Return covariates and arms, of the clusters if clusters were assigned."""
    if facts.cluster is None:
        return facts.covariates, facts.arm
    _, first, code = np.unique(facts.cluster, return_index=True, return_inverse=True)
    means = {}
    for name, values in facts.covariates.items():
        known = ~np.isnan(values)
        n = np.bincount(code, weights=known)
        total = np.bincount(code, weights=np.where(known, values, 0.0))
        means[name] = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return means, facts.arm[first]


def dependence(labels: NDArray[np.str_], arm: NDArray[np.str_]) -> float:
    """Return the p-value of a chi-square test that arms do not depend on labels.

    Labels for which an arm has an expected size below 5 are left out.

    Examples:
        >>> dependence(np.array(["x", "y"] * 50), np.array(["a", "b"] * 50)) < 0.001
        True
    """
    rows, row = np.unique(labels, return_inverse=True)
    columns, column = np.unique(arm, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    np.add.at(table, (row, column), 1.0)
    share = table.sum(axis=0) / max(1.0, table.sum())
    table = table[(table.sum(axis=1)[:, None] * share >= MIN_EXPECTED).all(axis=1)]
    if min(table.shape) <= 1:
        return 1.0
    return float(stats.chi2_contingency(table, correction=False).pvalue)
