"""One-time buyers: as many as expected, and whether the model can say that they have left."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks._advice import other_models
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence
from omniltv.models.processes.protocols import PurchaseState

__all__ = ["OneTimeBuyers"]

_SEVERE, _NOTICE = 0.15, 0.05  # relative difference from the expected number
_MANY = 0.1  # share of one-time buyers whose P(alive) matters


@dataclass(frozen=True, slots=True)
class OneTimeBuyers:
    """Compares the one-time buyers with those of simulated customers.

    It also notices models under which a one-time buyer never leaves, such as BG/NBD: their
    P(alive) is 1 forever, so their value is too high.

    Examples:
        >>> OneTimeBuyers().name, OneTimeBuyers().false_alarms
        ('one-time buyers', 1e-06)
    """

    name = "one-time buyers"
    false_alarms = 1e-6

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether there are as many as expected; None if a selected sample has none."""
        once = evidence.history.frequency == 0
        n, actual = len(once), int(once.sum())
        if not actual or evidence.history.at_least:
            return None
        drawn = evidence.simulated.x
        share = float((drawn == 0).mean())
        expected = n * share
        scale = np.sqrt(expected * (1 - share) * (1 + n / drawn.size)) or 1.0
        off = abs(actual / expected - 1) if expected else np.inf
        found = f"{actual:,} of {n:,} customers bought once, and the model expects {expected:,.0f}"
        finding = finding_of(
            self.name,
            actual,
            expected,
            float(2 * special.ndtr(-abs(actual - expected) / scale)),
            matters=(off > _SEVERE, off > _NOTICE),
            found=found,
            hint=other_models(evidence.fit.model),
        )
        if finding.verdict == "fine" and actual > _MANY * n and _never_leave(evidence):
            said = f"{found}. Their P(alive) is 1 under {evidence.fit.model.name}, however long ago"
            hint = f"{other_models(evidence.fit.model)}, which can say that they have left"
            return replace(finding, verdict="notice", sentence=f"{said}. Hint: {hint}")
        return finding


def _never_leave(evidence: PurchaseEvidence) -> bool:
    """Return whether the oldest one-time buyer is alive with certainty."""
    history = evidence.history
    oldest = np.array([int(np.argmax(np.where(history.frequency == 0, history.T, -1.0)))])
    nothing = np.zeros((1, 1))
    state = PurchaseState(nothing, nothing, history.T[oldest, None])
    parameters = evidence.cells.take(oldest).parameters(evidence.picked)
    return bool((evidence.fit.model.prob_alive(parameters, state) == 1).all())
