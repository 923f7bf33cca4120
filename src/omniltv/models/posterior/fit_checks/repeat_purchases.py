"""The numbers of customers with 0, 1, 2 … repeat purchases against those expected."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Vector
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks._advice import other_models
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence

__all__ = ["RepeatPurchases"]

_CLASSES = 8  # the last one has so many purchases or more
_FEWEST = 10.0  # expected customers of the last class, else it is joined with the one before
_SEVERE, _NOTICE = 0.08, 0.03  # shares of customers in other classes than expected


@dataclass(frozen=True, slots=True)
class RepeatPurchases:
    """Compares the table of repeat purchases with that of simulated customers.

    The p-value is that of Pearson's chi-squared statistic of two samples. Parameters are
    fitted to the same data, so the statistic is smaller than that of two independent samples.

    Examples:
        >>> RepeatPurchases().name, RepeatPurchases().false_alarms
        ('repeat purchases', 1e-05)
    """

    name = "repeat purchases"
    false_alarms = 1e-5

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether as many customers as expected bought so often."""
        low, drawn = evidence.history.at_least, evidence.simulated
        actual = _table(evidence.history.frequency, low)
        others = _table(drawn.x[drawn.seen], low)
        n, m = actual.sum(), others.sum()
        if not m:
            return None
        expected = others * n / m
        actual, expected = _joined(actual, expected)
        statistic = float(np.sum((actual - expected) ** 2 / (expected * (1 + n / m))))
        p_value = float(special.chdtrc(max(len(actual) - 1, 1), statistic))
        moved = float(np.abs(actual - expected).sum() / 2)
        worst = int(np.argmax(np.abs(actual - expected)))
        last = "+" if worst == len(actual) - 1 else ""
        found = (
            f"{moved / n:.1%} of customers bought more or less often than expected; most off: "
            f"{low + worst}{last} repeat purchases, {actual[worst]:,.0f} customers, "
            f"{expected[worst]:,.0f} expected"
        )
        return finding_of(
            self.name,
            moved,
            0.0,
            p_value,
            matters=(bool(moved > _SEVERE * n), bool(moved > _NOTICE * n)),
            found=found,
            hint=other_models(evidence.fit.model),
        )


def _table(x: np.ndarray, low: int) -> Vector:
    """Return the number of customers in each class, of shape (n_classes,)."""
    places = np.minimum(np.asarray(x) - low, _CLASSES - 1)
    return np.bincount(places, minlength=_CLASSES).astype(np.float64)


def _joined(actual: Vector, expected: Vector) -> tuple[Vector, Vector]:
    """Return both tables with the last classes joined, as long as they are small."""
    while len(expected) > 1 and expected[-1] < _FEWEST:
        actual, expected = (
            np.append(each[:-2], each[-2] + each[-1]) for each in (actual, expected)
        )
    return actual, np.maximum(expected, 1e-9)
