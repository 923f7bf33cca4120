"""Repeat purchases of early and late cohorts against those expected."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Vector
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence

__all__ = ["Cohorts"]

_NAMES = ("latest", "second latest", "second earliest", "earliest")
_FEWEST = 50  # customers of a cohort
_SEVERE, _NOTICE = 0.2, 0.1  # relative difference from the expected repeat purchases


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Compares the repeat purchases of four cohorts by first purchase with those simulated.

    The overall level is taken out. The variance of a cohort is the larger of the actual and the
    simulated one; the p-value is that of the largest standardised difference.

    Examples:
        >>> Cohorts().name, Cohorts().false_alarms
        ('cohorts', 1e-05)
    """

    name = "cohorts"
    false_alarms = 1e-5

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether cohorts buy alike; None if there are no cohorts."""
        history, drawn = evidence.history, evidence.simulated
        edges = np.unique(np.quantile(history.T, (0.25, 0.5, 0.75), method="lower"))
        edges = edges[edges < history.T.max()]  # many customers may have the same T
        cohort = np.searchsorted(edges, history.T)
        size = np.bincount(cohort, minlength=len(edges) + 1)
        if len(size) < 2 or size.min() < _FEWEST or history.start is not None:
            return None
        actual, spread = _moments(cohort, history.frequency.astype(np.float64), len(size))
        shown = np.repeat(cohort[drawn.row], drawn.x.shape[1])[drawn.seen.ravel()]
        mean, other = _moments(shown, drawn.x.ravel()[drawn.seen.ravel()], len(size))
        per_customer = np.bincount(shown, minlength=len(size)).clip(1)
        expected = size * mean / per_customer
        expected *= actual.sum() / max(expected.sum(), 1e-9)
        variance = size * np.maximum(spread / size, other / per_customer)
        error = np.sqrt(np.maximum(variance * (1 + size / per_customer), 1e-9))
        off = np.abs(actual / np.maximum(expected, 1e-9) - 1)
        worst = int(np.argmax(np.abs(actual - expected) / error))
        z = abs(actual[worst] - expected[worst]) / error[worst]
        which = _NAMES[worst - len(size) if 2 * worst >= len(size) else worst]
        found = (
            f"the {which} cohort made {actual[worst]:,.0f} repeat purchases, and "
            f"{expected[worst]:,.0f} are expected"
        )
        return finding_of(
            self.name,
            actual[worst],
            expected[worst],
            min(1.0, float(len(size) * 2 * special.ndtr(-z))),
            matters=(off[worst] > _SEVERE, off[worst] > _NOTICE),
            found=found,
            hint='give each cohort its parameters: log.history(cohort="quarter"), and '
            'pooling=Pooling.partial("cohort"), or fit the late cohorts only',
        )


def _moments(code: np.ndarray, x: np.ndarray, n: int) -> tuple[Vector, Vector]:
    """Return sum and sum of squared deviations of each group, each of shape (n_groups,)."""
    size = np.bincount(code, minlength=n).clip(1)
    total, square = (np.bincount(code, weights=each, minlength=n) for each in (x, x * x))
    return total, square - total**2 / size
