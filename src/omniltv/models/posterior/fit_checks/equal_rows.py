"""Customers who equal another one in everything: duplicates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior.findings import Finding, finding_of
from omniltv.models.posterior.fit_checks.protocol import PurchaseEvidence

__all__ = ["EqualRows"]

_LARGEST_COLLISION = 0.01  # chance that two customers have one mean value, by fixed prices
_TIMES, _SHARE = 10, 0.01  # as many equal rows as expected, and share of all rows
_ROWS = 15_000  # customers who are compared; of more, those with some of the values of T


@dataclass(frozen=True, slots=True)
class EqualRows:
    """Compares customers who equal another one with those expected by chance.

    They agree in groups, covariates, frequency, recency, T and mean value. The expected number
    is that of independent mean values, given the frequency. A severe finding also needs ten
    times as many as expected.

    Examples:
        >>> EqualRows().name, EqualRows().false_alarms
        ('equal rows', 1e-06)
    """

    name = "equal rows"
    false_alarms = 1e-6

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        """Return whether customers look duplicated; None without mean values."""
        history = evidence.history
        valued = (history.frequency > 0) & ~np.isnan(history.monetary_value)
        rows = _comparable(history.T, np.flatnonzero(valued), evidence.rng)
        if not len(rows):
            return None
        actual, expected = _equal(history.take(rows))
        p_value = float(special.pdtrc((actual + 1) // 2 - 1, expected / 2)) if actual else 1.0
        many = actual > max(_TIMES * expected, _SHARE * len(rows))
        found = (
            f"{actual:,} customers equal another in frequency, recency, T and mean value, and "
            f"{expected:,.0f} are expected by chance"
        )
        return finding_of(
            self.name,
            actual,
            expected,
            p_value,
            matters=(many, many),
            found=found,
            meaning="they may be duplicates",
            hint="stitch(records) finds the records of one customer",
        )


def _comparable(T: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of some values of T: equal customers are both among them, or neither."""
    if len(rows) <= _ROWS:
        return rows
    lengths, code = np.unique(T[rows], return_inverse=True)
    kept = rng.random(len(lengths)) < _ROWS / len(rows)
    return rows[kept[code]]


def _equal(some: PurchaseHistory) -> tuple[int, float]:
    """Return the number of customers who equal another one, and that expected by chance."""
    keys = pd.DataFrame(
        {"x": some.frequency, "value": some.monetary_value, "state": some.distinct().index}
    )
    in_state, in_value, alike, of_x = (
        keys.groupby(by)["x"].transform("size").to_numpy(dtype=np.float64)
        for by in (["state"], ["x", "value"], ["state", "value"], ["x"])
    )
    collision = (in_value - 1) / np.maximum(of_x - 1, 1)
    fixed = keys.assign(hit=collision).groupby("x")["hit"].transform("mean").to_numpy()
    told = fixed < _LARGEST_COLLISION
    elsewhere = (in_value - alike) / np.maximum(of_x - in_state, 1)
    expected = float(np.minimum((in_state - 1) * elsewhere, 1.0)[told].sum())
    return int((alike > 1)[told].sum()), expected
