"""Customers with little spend who are not in the data: a sample selected by value."""

from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import SpendEvidence, nobody, prob_of_none

__all__ = ["SmallValues"]

_LEAST_PRICE = 0.01  # share of customers with the smallest value: it is a price
_SEVERE, _NOTICE = 0.02, 0.005  # shares of customers below the smallest value


@dataclass(frozen=True, slots=True)
class SmallValues:
    """Compares the smallest mean and total value with those that the model expects.

    The statistic is the number of customers below the smallest one in the data, so the actual
    one is 0. The expected number is simulated, and taken at its lower end. If more than 1 % of
    customers have exactly the smallest value, it is a price, and the check does not apply.

    Examples:
        >>> SmallValues().name, SmallValues().false_alarms
        ('small values', 1e-06)
    """

    name = "small values"
    false_alarms = 1e-6

    def find(self, evidence: SpendEvidence) -> Finding | None:
        """Return whether customers with little spend are missing; None if many spend the least."""
        count, mean = evidence.some.spending()
        if (mean == mean.min()).mean() > _LEAST_PRICE:
            return None
        drawn, times = evidence.simulated, evidence.times
        by_mean = _below(drawn, mean)
        by_total = _below(drawn * count[:, None], mean * count)
        what, values, below = (
            ("mean", mean, by_mean)
            if by_mean.sum() >= by_total.sum()
            else ("total", mean * count, by_total)
        )
        smallest, expected = float(values.min()), float(times * below.mean())
        share = expected / (times * len(count))
        found = nobody(f"has a {what} value below {smallest:,.4g}", expected)
        return finding_of(
            self.name,
            0,
            expected,
            prob_of_none(below, times),
            matters=(share > _SEVERE, share > _NOTICE),
            found=found,
            meaning="customers look selected by their value, or nothing costs less",
            hint="add those who were left out; if nothing costs less, compare LogNormalSpend()",
        )


def _below(drawn: Matrix, values: Vector) -> Vector:
    """Return how many simulated customers are below the smallest value, per draw."""
    return np.asarray((drawn < values.min()).sum(axis=0), dtype=np.float64)
