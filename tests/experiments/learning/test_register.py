"""The register of measurements."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import DataError
from omniltv.experiments import Assignment, Baseline, difference
from omniltv.experiments.learning import Register


def rows(n: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "measurement": [f"m{k}" for k in range(n)],
            "treatment": [f"t{k}" for k in range(n)],
            "tier": "high",
            "channel": "ec",
            "estimate": np.linspace(0.0, 20.0, n),
            "standard_error": 8.0,
            "control_mean": 100.0,
        }
    )


def test_the_best_measurement_is_believed_least() -> None:
    found = Register.read(rows(20)).learnings(seed=1)
    shrunk = np.abs(found.effect - rows(20)["estimate"].to_numpy())
    assert found.effect[-1] < 20.0
    assert found.effect[0] > 0.0
    assert shrunk[-1] > shrunk[10]


def test_repetitions_make_more_certain() -> None:
    once = Register.read(rows(1)).learnings(seed=1)
    often = rows(6).assign(treatment="t0", estimate=0.0)
    assert Register.read(often).learnings(seed=1).sd[0] < once.sd[0]


def test_repetitions_that_disagree_make_less_certain() -> None:
    agreeing = rows(6).assign(treatment="t0", estimate=10.0, standard_error=1.0)
    apart = agreeing.assign(estimate=[-20.0, 40.0, -10.0, 30.0, 0.0, 20.0])
    one, other = (Register.read(own).learnings(seed=1).sd[0] for own in (agreeing, apart))
    assert other > 3 * one


def test_another_channel_of_the_treatment_is_informed() -> None:
    table = rows(2).assign(
        treatment="t0",
        channel=["ec", "store"],
        estimate=[30.0, 0.0],
        standard_error=[1.0, 50.0],
    )
    found = Register.read(table).learnings(seed=1)
    assert found.cells["channel"].tolist() == ["ec", "store"]
    assert found.effect[1] > 5.0


def test_an_experiment_is_added_by_tier_and_keeps_its_figures() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "customer_id": range(80),
            "arm": ["a", "b"] * 40,
            "tier": ["high"] * 40 + ["general"] * 40,
            "value": rng.gamma(2.0, 5.0, 80),
        }
    )
    arms = Assignment.from_frame(table)
    lift = difference(table, arms, control="a", baseline=Baseline(table, by="tier"))
    register = Register.empty().add(
        lift, measurement="spring", end=date(2026, 4, 30), decision="go on", channel="ec"
    )
    assert register.rows["tier"].tolist() == ["general", "high"]
    assert register.rows["estimate"].tolist() == [row.estimate for row in lift.rows[1:]]
    again = Register.read(register.to_frame("polars"))
    assert again.rows["decision"].tolist() == ["go on"] * 2
    with pytest.raises(DataError, match="repeated rows"):
        register.add(lift, measurement="spring", end=date(2026, 4, 30), decision="", channel="ec")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"estimate": [1.0, None, 2.0], "standard_error": [1.0, None, 1.0]}, "not measured"),
        ({"standard_error": -1.0}, "not positive"),
        ({"measurement": "m", "treatment": "t"}, "repeated rows"),
        ({"tier": ""}, "missing labels"),
    ],
)
def test_bad_registers_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Register.read(rows().assign(**changed))


def test_an_empty_register_teaches_nothing() -> None:
    with pytest.raises(DataError, match="empty register"):
        Register.empty().learnings()


def test_other_columns_stay_in_the_register() -> None:
    kept = Register.read(rows().assign(owner=["ann", "ben", "ann"]))
    table = pd.DataFrame({"customer_id": range(6), "arm": ["a", "b"] * 3,
                          "value": [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]})  # fmt: skip
    found = difference(table, Assignment.from_frame(table), control="a")
    more = kept.add(found, measurement="next", end=date(2026, 4, 30), decision="go on")
    assert more.to_frame()["owner"].tolist()[:3] == ["ann", "ben", "ann"]
