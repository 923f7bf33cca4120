"""Contamination: a control that was treated, too. Counted, so there are no false alarms."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import DataWarning
from omniltv.experiments import (
    Assignment,
    Baseline,
    Compliers,
    Difference,
    LiftEstimator,
    Outcome,
    lift,
)

N = 400
ARM = np.array(["a", "b"] * (N // 2))
TABLE = pd.DataFrame({"customer_id": range(N), "arm": ARM, "value": np.arange(N) // 2 % 9.0})


def found(
    received: np.ndarray, estimator: LiftEstimator, **known: Any
) -> list[tuple[str, str, int]]:
    table = TABLE.assign(received=received, **known)
    column = "received" if received.any() else None
    before = Baseline(table, household="home") if "home" in known else None
    seen = lift(Outcome(table, received=column), Assignment.from_frame(table), estimator=estimator,
                control="a", baseline=before)  # fmt: skip
    return [(one.check, one.severity, one.count) for one in seen.findings]


def test_a_control_that_received_the_treatment_is_warned_of() -> None:
    leaked = (ARM == "b") | (np.arange(N) < 40)
    with pytest.warns(DataWarning, match=r"20 customers of the control received .* \(10 %\)"):
        seen = found(leaked, Difference())
    assert ("contamination", "warning", 20) in seen
    assert "contamination" not in {name for name, *_ in found(leaked, Compliers())}


def test_a_right_experiment_and_a_stray_customer_are_not_warned_of() -> None:
    assert found(ARM == "b", Difference()) == []
    stray = (ARM == "b") | (np.arange(N) == 0)
    assert [name for name, *_ in found(stray, Difference())] == ["compliance"]


def test_households_with_both_arms_are_warned_of() -> None:
    nobody = np.zeros(N, dtype=bool)
    couples = np.where(np.arange(N) < 100, np.arange(N) // 2, np.arange(N) + 1000)
    with pytest.warns(DataWarning, match="50 customers of the control live in a household"):
        assert found(nobody, Difference(), home=couples) == [("contamination", "warning", 50)]
    of_one_arm = np.arange(N) // 4 * 2 + np.arange(N) % 2
    assert found(nobody, Difference(), home=of_one_arm) == []
    unknown = pd.Series(couples).astype("object").where(np.arange(N) >= 100, None)
    assert found(nobody, Difference(), home=unknown.to_numpy()) == []
