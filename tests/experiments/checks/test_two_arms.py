"""People in two arms: ids that were merged after the assignment."""

from typing import Literal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binom
from tests._statistics import FALSE_ALARM

from omniltv.errors import DataError, DataWarning
from omniltv.experiments import Assignment, assign, difference, follow_identities
from omniltv.experiments.checks import StudyFacts, TwoArmsCheck
from omniltv.identity.customers import crosswalk_changes

TABLE = pd.DataFrame({"customer_id": list("abcdef"), "arm": ["x", "y", "x", "x", "y", "y"]})
HALVES = {"x": 0.5, "y": 0.5}


def changes(*rows: tuple[object, object, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["before", "after", "change"])


def test_a_merged_customer_keeps_the_arm_that_all_ids_had() -> None:
    arms = Assignment.from_frame(TABLE)
    found = follow_identities(arms, changes(("d", "c", "merged"), ("d", "c", "merged")))
    assert found.customer_id.tolist() == ["a", "b", "c", "e", "f"]
    assert found.arm_of("c") == "x"
    assert found.n_ids is not None
    assert found.n_ids.tolist() == [1, 1, 2, 1, 1]
    assert found.two_arms == ()


def test_a_person_in_two_arms_is_left_out_and_named() -> None:
    arms = Assignment.from_frame(TABLE.assign(store=list("ssttuu")), stratum="store")
    found = follow_identities(arms, changes(("b", "a", "merged"), ("f", "e", "merged")))
    assert found.customer_id.tolist() == ["c", "d", "e"]
    assert found.two_arms == ("a",)
    assert found.stratum is not None
    assert found.stratum.tolist() == ["t", "t", "u"]
    none = follow_identities(arms, changes(("f", "e", "merged")), several="none")
    assert none.customer_id.tolist() == ["a", "b", "c", "d"]


def test_a_split_passes_the_arm_on_and_new_or_gone_records_change_nothing() -> None:
    arms = Assignment.from_frame(TABLE)
    moved = changes(("a", "n", "split"), (None, "z", "new record"), ("b", None, "record gone"))
    found = follow_identities(arms, pl.from_pandas(moved))
    assert dict(zip(found.customer_id.tolist(), found.arm.tolist(), strict=True)) == {
        "a": "x", "n": "x", "b": "y", "c": "x", "d": "x", "e": "y", "f": "y",
    }  # fmt: skip
    with pytest.raises(DataError, match="change"):
        follow_identities(arms, moved.drop(columns="change"))


def test_former_ids_are_counted_over_all_runs() -> None:
    once = follow_identities(Assignment.from_frame(TABLE), changes(("d", "c", "merged")))
    twice = follow_identities(once, changes(("c", "a", "merged"), ("f", "e", "merged")))
    assert twice.customer_id.tolist() == ["a", "b", "e"]
    assert twice.n_ids is not None
    assert twice.n_ids.tolist() == [3, 1, 2]


def test_the_changes_of_two_runs_of_the_linkage_are_read_as_they_are() -> None:
    keys = {"source": "ec", "record_id": list("123456")}
    monday = pd.DataFrame(keys | {"customer_id": list("abcdef")})
    friday = pd.DataFrame(keys | {"customer_id": list("aacdef")})
    moved = crosswalk_changes(monday, friday)
    assert follow_identities(Assignment.from_frame(TABLE), moved).two_arms == ("a",)


def _merged(
    n: int, shares: dict[str, float], seed: int, several: Literal["agreeing", "none"]
) -> Assignment:
    """Return an assignment of ids of whom every tenth has a second id."""
    arms = assign(range(n), arms=shares, salt=f"{seed}")
    old = range(0, n, 10)
    moved = changes(*((k, k + 1, "merged") for k in old))
    return follow_identities(arms, moved, several=several)


def _facts(arms: Assignment) -> StudyFacts:
    return StudyFacts(customer_id=arms.customer_id, arm=arms.arm, control="x",
                      two_arms=arms.two_arms, n_ids=arms.n_ids)  # fmt: skip


def test_unequal_shares_make_agreement_a_reason_to_stop() -> None:
    """Ids agree by chance in 0.81 and 0.01: no draw of 400 pairs hides that (no chance)."""
    uneven = {"x": 0.9, "y": 0.1}
    kept = TwoArmsCheck().look(_facts(_merged(4_000, uneven, 1, "agreeing")))
    assert [found.severity for found in kept] == ["warning", "stop"]
    assert "not as frequent in all arms: x " in kept[1].message
    none = TwoArmsCheck().look(_facts(_merged(4_000, uneven, 1, "none")))
    assert [found.severity for found in none] == ["warning"]


def test_an_estimate_says_who_was_in_two_arms() -> None:
    arms = _merged(4_000, HALVES, 3, "agreeing")
    spend = pd.DataFrame({"customer_id": arms.customer_id, "value": np.arange(len(arms)) % 7.0})
    with pytest.warns(DataWarning, match="were in two arms under different ids"):
        found = difference(spend, arms, control="x")
    assert found.withheld == ()
    assert found.findings[0].count == len(arms.two_arms)
    assert np.isfinite(found.overall().estimate)


@pytest.mark.slow
def test_merges_that_do_not_depend_on_the_arm_are_not_stopped() -> None:
    """A stop has a probability of 0.001; more than 4 in 100 runs, one below 1e-6 (binomial)."""
    rng = np.random.default_rng(5)
    several = np.arange(500) % 10 == 0
    stops = 0
    for _ in range(100):
        arm = np.where(rng.random(500) < 0.5, "x", "y")
        seen = StudyFacts(customer_id=np.arange(500).astype(object), arm=arm, control="x",
                          n_ids=1 + several)  # fmt: skip
        stops += len(TwoArmsCheck().look(seen))
    assert stops <= binom.ppf(1 - FALSE_ALARM, 100, 0.001)


def test_merges_that_depend_on_the_arm_are_stopped() -> None:
    arms = assign(range(4_000), arms=HALVES, salt="signed in")
    treated = np.flatnonzero(arms.arm == "y").tolist()
    pairs = [(treated[k], treated[k + 1], "merged") for k in range(0, 400, 2)]
    found = TwoArmsCheck().look(_facts(follow_identities(arms, changes(*pairs))))
    assert [one.severity for one in found] == ["stop"]
