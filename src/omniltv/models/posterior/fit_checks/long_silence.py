"""Customers with a long silence who are not in the data: a sample selected by recency."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence

__all__ = ["LongSilence"]

_DOUBT = 1e-8  # tail in which a simulated count is doubted


@dataclass(frozen=True, slots=True)
class LongSilence:
    """Compares the longest silence with those that the model expects.

    The statistic is the number of customers who are silent for longer than anybody in the
    data, so the actual one is 0. The expected number is simulated, and taken at its lower end.

    Examples:
        >>> LongSilence().name, LongSilence().false_alarms
        ('long silence', 1e-06)
    """

    name = "long silence"
    false_alarms = 1e-6

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether customers with a long silence are missing."""
        history, simulated = evidence.history, evidence.simulated
        longest = float((history.T - history.recency).max(initial=0.0))
        T = history.T[simulated.row]
        could = longest < T
        silent = (T[:, None] - simulated.recency > longest) & simulated.seen & could[:, None]
        per_draw = silent.sum(axis=0) / simulated.seen.mean(axis=0).clip(1e-9)
        sure = [
            simulated.times * one * stats.gamma.ppf(_DOUBT, n) / n if n else 0.0
            for one, n in zip(per_draw, silent.sum(axis=0), strict=True)
        ]
        expected = float(simulated.times * per_draw.mean())
        span = f"{longest:,.3g} {evidence.fit.unit}s"
        found = (
            f"no customer has been silent for longer than {span}, and the model expects "
            f"{expected:,.0f}"
        )
        p_value = float(np.exp(-np.array(sure)).mean())
        looks = f"{found}: the customers look selected by their last purchase"
        return finding_of(
            self.name,
            0,
            expected,
            p_value,
            matters=(True, False),
            found=looks if p_value < 1e-3 else found,
            hint="add those who were left out",
        )
