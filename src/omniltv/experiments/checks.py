"""Checks of an experiment: the sizes of the arms, and their balance before the treatment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv._frames import Tabular
from omniltv._options import checked

__all__ = ["Balance", "SampleRatio"]

_ALARM = 0.001
_MIN_EXPECTED = 5.0


@checked
@dataclass(frozen=True)
class SampleRatio:
    """Check for a sample ratio mismatch (SRM): whether the arms have the planned sizes.

    Attributes:
        observed: Customers by arm.
        expected: Customers by arm under the planned shares.
        p_value: P-value of Pearson's chi-square goodness-of-fit test.
        strata: The same check for each stratum that is large enough to test.

    Examples:
        >>> arm = np.array(["control"] * 5000 + ["treated"] * 5300)
        >>> SampleRatio.of(arm, {"control": 0.5, "treated": 0.5}).verdict
        'as planned (p = 0.003)'
    """

    observed: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    strata: Mapping[str, "SampleRatio"] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        arm: NDArray[np.str_],
        shares: Mapping[str, float],
        stratum: NDArray[np.str_] | None = None,
    ) -> Self:
        """Return the check of arms, of shape (n_customers,), against planned shares.

        A stratum is left out if the expected size of an arm is below 5, where the
        chi-square distribution is a poor approximation.

        Examples:
            >>> arm = np.array(["control"] * 480 + ["treated"] * 520)
            >>> round(SampleRatio.of(arm, {"control": 0.5, "treated": 0.5}).p_value, 3)
            0.206
        """
        observed = {name: int((arm == name).sum()) for name in shares}
        expected = {name: share * len(arm) for name, share in shares.items()}
        parts = {}
        for name in () if stratum is None else np.unique(stratum).tolist():
            part = cls.of(arm[stratum == name], shares)
            if min(part.expected.values()) >= _MIN_EXPECTED:
                parts[str(name)] = part
        return cls(observed, expected, _goodness_of_fit(observed, expected), parts)

    @property
    def mismatches(self) -> tuple[str, ...]:
        """Strata that fail the check at 0.001 divided by the number of strata."""
        limit = _ALARM / max(1, len(self.strata))
        return tuple(name for name, part in self.strata.items() if part.p_value < limit)

    @property
    def ok(self) -> bool:
        """Whether there is no sign of a mismatch: p of at least 0.001, also in the strata."""
        return self.p_value >= _ALARM and not self.mismatches

    @property
    def verdict(self) -> str:
        """Verdict in words."""
        if self.ok:
            return f"as planned (p = {self.p_value:.3f})"
        where = f" in {', '.join(self.mismatches)}" if self.mismatches else ""
        return f"sample ratio mismatch{where} (p = {self.p_value:.2g}): do not use the estimates"


def _goodness_of_fit(observed: Mapping[str, int], expected: Mapping[str, float]) -> float:
    if not sum(observed.values()):
        return 1.0
    test = stats.chisquare(list(observed.values()), list(expected.values()))
    return float(test.pvalue)


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
        limit = _ALARM / max(1, len(self.column))
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
