"""Customers with few repeat purchases who are not in the data: a sample selected by purchases."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Matrix, Vector
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence, some_rows
from omniltv.models.posterior.fits import PurchaseFit
from omniltv.models.processes._selection import prob_fewer
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters

__all__ = ["FewPurchases"]

_COUNTED = 2_000  # customers for whom the model is evaluated
_MOST_COUNTS = 10  # numbers of purchases whose probabilities are added up
_TIMES = 10  # one in so many of the expected customers


@dataclass(frozen=True, slots=True)
class FewPurchases:
    """Compares customers with fewer purchases than almost all others with those expected.

    If there are customers without repeat purchases, it is these. The p-value is that of a
    Poisson count, averaged over draws. A severe finding also needs fewer than a tenth of the
    expected customers, so that a model that fits badly is not taken for a selected sample.

    Examples:
        >>> FewPurchases().name, FewPurchases().false_alarms
        ('few purchases', 1e-06)
    """

    name = "few purchases"
    false_alarms = 1e-6

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether customers with few repeat purchases are missing."""
        history = evidence.history
        low, x = history.at_least, history.frequency
        most = low + _MOST_COUNTS
        count = int(np.clip(x.min(initial=most), low + 1, most))
        rows, times = some_rows(np.arange(len(history)), _COUNTED, evidence.rng)
        parameters = evidence.cells.take(rows).parameters(evidence.picked)
        T = history.T[rows]
        below = _share_below(evidence.fit, parameters, T, low)
        share = (_share_below(evidence.fit, parameters, T, count) - below) / (1 - below)
        expected = times * share.sum(axis=0)
        actual, mean = int((x < count).sum()), float(expected.mean())
        few = actual < mean / _TIMES
        who = "no repeat purchase" if count == 1 else f"fewer than {count} repeat purchases"
        found = f"{actual:,} of {len(x):,} customers have {who}, and the model expects {mean:,.0f}"
        return finding_of(
            self.name,
            actual,
            mean,
            float(np.mean(special.pdtr(actual, expected))),
            matters=(few, few),
            found=found,
            meaning="the customers look selected by their purchases",
            hint=f"add those who were left out, or fit history.selected(at_least={count})",
        )


def _share_below(fit: PurchaseFit, parameters: Parameters, T: Vector, count: int) -> Matrix:
    """Return the probability of fewer than so many purchases, (n_rows, n_draws)."""
    if not count:
        return np.zeros(next(iter(parameters.values())).shape)
    return np.asarray(prob_fewer(NUMPY, fit.model, parameters, T[:, None], count))
