"""A check of fits as a stranger would write it: one class, public names only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from omniltv import PurchaseHistory, fit
from omniltv.models import BgNbd
from omniltv.models.checks import (
    PURCHASE_CHECKS,
    Finding,
    FitCheck,
    PurchaseEvidence,
    examine,
)

made: Any = PurchaseHistory  # it converts lists, other numbers and names of units


@dataclass(frozen=True)
class LongestHistory:
    """Notices customers who have been observed for longer than the log is trusted."""

    most: float
    name: str = "long histories"
    false_alarms: float = 0.0

    def find(self, evidence: PurchaseEvidence) -> Finding | None:
        old = int((self.most < evidence.history.T).sum())
        if not old:
            return None
        found = f"{old} customers have been observed for longer than {self.most:g}"
        return Finding(self.name, old, 0.0, 0.0, "severe", f"{found}. Hint: a later start")


@pytest.fixture
def history() -> PurchaseHistory:
    x = np.arange(60) % 4
    T = np.where(np.arange(60) < 7, 90.0, 40.0)
    history: PurchaseHistory = made(np.arange(60), x, np.where(x, 20.0, 0.0), T, x * np.nan, "week")
    return history


def test_a_check_of_ones_own_runs_beside_the_others(history: PurchaseHistory) -> None:
    mine: FitCheck[PurchaseEvidence] = LongestHistory(52.0)
    found = fit(BgNbd(), history, seed=1, method="map")
    findings = examine(found, history, seed=1, checks=(*PURCHASE_CHECKS, mine))
    assert findings.severe == (
        "7 customers have been observed for longer than 52. Hint: a later start",
    )
    assert repr(findings).splitlines()[-1].startswith("severe  long histories: 7 customers")
    assert not examine(found, history, seed=1, checks=[LongestHistory(99.0)])
