"""Value per purchase against frequency, which spend models take for independent."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Vector
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import SpendEvidence
from omniltv.models.posterior.rate import depends_on_rate

__all__ = ["SpendAndFrequency"]

_FEWEST = 50  # customers
_SEVERE, _NOTICE = 0.15, 0.07  # rank correlations above the expected one


@dataclass(frozen=True, slots=True)
class SpendAndFrequency:
    """Compares the rank correlation of mean value and frequency with that of simulated values.

    The mean of many purchases varies less than that of few, so the correlation of independent
    values is not exactly 0. Under independence it is nearly Normal with variance 1 / n.

    Examples:
        >>> SpendAndFrequency().name, SpendAndFrequency().false_alarms
        ('spend and frequency', 1e-06)
    """

    name = "spend and frequency"
    false_alarms = 1e-6

    def find(self, evidence: SpendEvidence) -> Finding | None:
        """Return whether frequent buyers spend more or less; None if all buy equally often."""
        count, mean = evidence.some.spending()
        if len(count) < _FEWEST or count.min() == count.max():
            return None
        x = _ranks(count.astype(np.float64))
        actual = _correlation(x, _ranks(mean))
        drawn = evidence.simulated
        of_draws = [_correlation(x, _ranks(drawn[:, k])) for k in range(drawn.shape[1])]
        expected, off = float(np.mean(of_draws)), actual - float(np.mean(of_draws))
        z = abs(off) / np.sqrt((1 + 1 / len(of_draws)) / len(count))
        if depends_on_rate(evidence.fit):
            hint = "another purchase model, whose rates tell frequent buyers apart better"
        else:
            hint = (
                "fit spend to with_purchase_rate(history.counting_first(), purchases), with "
                'covariates={"log_mean": ["purchase_rate"]}'
            )
        rises = "more" if actual > expected else "less"
        return finding_of(
            self.name,
            actual,
            expected,
            float(2 * special.ndtr(-z)),
            matters=(abs(off) > _SEVERE, abs(off) > _NOTICE),
            found=f"rank correlation of frequency and value {actual:.2f}, expected {expected:.2f}",
            meaning=f"frequent buyers spend {rises} per purchase",
            hint=hint,
        )


def _ranks(values: Vector) -> Vector:
    """Return mid-ranks, standardised; zeros if all values are equal."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - (times - 1) / 2)[place]
    spread = float(ranks.std())
    return np.asarray((ranks - ranks.mean()) / spread if spread else np.zeros(len(ranks)))


def _correlation(a: Vector, b: Vector) -> float:
    return float(np.mean(a * b))
