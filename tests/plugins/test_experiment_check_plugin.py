"""A check of one's own: one class, public names only, run by every estimate."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import ConfigError, DataWarning
from omniltv.experiments import (
    CHECKS,
    Assignment,
    CheckFinding,
    Difference,
    ExperimentCheck,
    Persistence,
    StudyFacts,
    lift,
    ltv_lift,
)


@dataclass(frozen=True)
class SmallArms:
    """Stop if an arm has fewer customers than were agreed on."""

    least: int
    name: str = "small_arms"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        sizes = {arm: int((facts.arm == arm).sum()) for arm in facts.arms}
        small = [arm for arm, n in sizes.items() if n < self.least]
        if not small:
            return ()
        message = f"fewer than {self.least} customers in {', '.join(small)}"
        return (CheckFinding(self.name, "stop", message, len(small), hint="wait longer"),)


FRAME = pd.DataFrame({"customer_id": range(60), "arm": ["a", "b"] * 30, "value": np.arange(60.0)})
ARMS = Assignment.from_frame(FRAME)


def test_a_check_of_ones_own_stops_both_kinds_of_lift() -> None:
    checks = (*CHECKS, SmallArms(50))
    assert isinstance(SmallArms(50), ExperimentCheck)
    with pytest.warns(DataWarning, match="fewer than 50 customers in a, b. Hint: wait longer"):
        held = lift(FRAME, ARMS, estimator=Difference(), control="a", checks=checks)
    assert held.withheld == ("small_arms",)
    with pytest.warns(DataWarning, match="fewer than 50"):
        value = ltv_lift(
            ARMS, control="a", persistence=Persistence.none(), observed=FRAME, checks=checks,
            despite=("small_arms",),
        )  # fmt: skip
    assert value.overall().estimate == 1.0
    assert [str(finding.severity) for finding in value.findings] == ["stop"]


def test_a_check_that_finds_nothing_changes_nothing() -> None:
    checks = (*CHECKS, SmallArms(20))
    found = lift(FRAME, ARMS, estimator=Difference(), control="a", checks=checks)
    assert found.findings == ()
    assert found.rows == lift(FRAME, ARMS, estimator=Difference(), control="a").rows
    with pytest.raises(ConfigError, match="small_arms"):
        lift(FRAME, ARMS, estimator=Difference(), control="a", despite=("small_arms",))
