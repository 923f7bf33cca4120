"""Repeat purchases by calendar quarter against those expected: season, trend and breaks."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Vector
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence

__all__ = ["CalendarQuarters"]

_FEWEST = 50.0  # expected purchases of a quarter
_SEVERE, _NOTICE = 0.1, 0.05  # relative difference from the expected repeat purchases


@dataclass(frozen=True, slots=True)
class CalendarQuarters:
    """Compares the repeat purchases of each calendar quarter with the expected ones.

    As in `omniltv.models.checks.tracking`, the expectation is that of new customers, from their
    first purchase. The variance of a quarter is the sum of squared purchases of customers, a
    bound that holds for any process; the p-value is that of the largest difference.

    Examples:
        >>> CalendarQuarters().name, CalendarQuarters().false_alarms
        ('calendar quarters', 1e-05)
    """

    name = "calendar quarters"
    false_alarms = 1e-5

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether quarters are as expected; None if the history does not know them."""
        quarters = evidence.history.quarters
        if quarters is None or evidence.history.at_least:
            return None
        every = _expected(evidence, quarters.back)
        told = np.flatnonzero(every >= _FEWEST)
        if len(told) < 2:
            return None
        expected, actual = every[told], quarters.counts[told]
        ratio = actual / expected
        z = np.abs(actual - expected) / np.sqrt(np.maximum(quarters.squares[told], expected))
        worst = int(np.argmax(z))
        off = abs(ratio[worst] - 1)
        listed = ", ".join(
            f"{quarters.labels[k]} {each:.2f}" for k, each in zip(told, ratio, strict=True)
        )
        return finding_of(
            self.name,
            float(actual[worst]),
            float(expected[worst]),
            min(1.0, float(len(told) * 2 * special.ndtr(-z[worst]))),
            matters=(off > _SEVERE, off > _NOTICE),
            found=f"actual / expected repeat purchases: {listed}",
            hint="log.history(calendar=log.calendar_time(seed=1)) learns season and trend; "
            "checks.backtest tells the error of totals",
        )


def _expected(evidence: PurchaseEvidence, back: Vector) -> Vector:
    """Return the expected repeat purchases in each quarter, of shape (n_quarters,)."""
    rows, times = evidence.typical
    parameters = evidence.cells.take(rows).parameters(evidence.picked[:2])
    ages = np.maximum(evidence.history.T[rows] - back[:, None], 0.0)
    until = evidence.fit.model.expected_purchases_new(parameters, ages[:, :, None])
    return np.asarray(np.diff(times * np.asarray(until).sum(axis=1).mean(axis=1)))
