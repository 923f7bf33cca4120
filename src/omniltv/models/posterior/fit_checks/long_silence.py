"""Customers with a long silence who are not in the data: a sample selected by recency."""

from dataclasses import dataclass

from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence, nobody, prob_of_none

__all__ = ["LongSilence"]


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
        times = simulated.times / simulated.seen.mean(axis=0).clip(1e-9)
        expected = float((times * silent.sum(axis=0)).mean())
        span = f"{longest:,.3g} {evidence.fit.unit}s"
        found = nobody(f"has been silent for longer than {span}", expected)
        return finding_of(
            self.name,
            0,
            expected,
            prob_of_none(silent.sum(axis=0), times),
            matters=(True, False),
            found=found,
            meaning="the customers look selected by their last purchase",
            hint="add those who were left out",
        )
