"""Assignment: stable, independent between salts, with the planned shares, and checked."""

from hashlib import blake2b

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests._statistics import FALSE_ALARM, assert_plausible, assert_share

from omniltv.errors import ConfigError, DataError
from omniltv.experiments import Assignment, assign
from omniltv.experiments.checks import SampleRatio

HALVES = {"control": 0.5, "treated": 0.5}


def test_arms_are_written_down_and_do_not_move() -> None:
    """Pins the hash: a change here would move customers of running experiments."""
    ids = list("abcdefghijkl")
    drawn = assign(ids, arms=HALVES, salt="spring")
    digests = [blake2b(f"spring\0{name}".encode(), digest_size=8).digest() for name in ids]
    upper = [digest[0] >= 128 for digest in digests]
    assert drawn.arm.tolist() == ["treated" if half else "control" for half in upper]
    assert 0 < sum(upper) < len(ids)


@given(
    ids=st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=60),
    seed=st.integers(0, 100),
)
def test_a_customers_arm_depends_on_nothing_else(ids: list[int], seed: int) -> None:
    whole = assign(ids, arms={"a": 0.2, "b": 0.3, "c": 0.5}, salt="x")
    order = np.random.default_rng(seed).permutation(len(ids))
    shuffled = assign(pd.DataFrame({"customer_id": np.array(ids)[order]}),
                      arms={"c": 0.5, "b": 0.3, "a": 0.2}, salt="x")  # fmt: skip
    assert shuffled.arm.tolist() == whole.arm[order].tolist()
    alone = assign([str(ids[0])], arms={"a": 0.2, "b": 0.3, "c": 0.5}, salt="x")
    assert alone.arm[0] == whole.arm[0]


def test_shares_are_kept_and_salts_are_independent() -> None:
    ids = np.arange(40_000)
    arms = {"a": 0.1, "b": 0.3, "c": 0.6}
    first, second = (assign(ids, arms=arms, salt=salt) for salt in ("one", "two"))
    table = pd.crosstab(first.arm, second.arm)
    assert_plausible([first.srm().p_value, stats.chi2_contingency(table).pvalue])


def test_a_million_customers() -> None:
    drawn = assign(range(1_000_000), arms=HALVES, salt="big")
    assert drawn.srm().ok


strata_sizes = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@given(sizes=strata_sizes, salt=st.text(min_size=1, max_size=5))
def test_strata_get_their_exact_shares(sizes: list[int], salt: str) -> None:
    stratum = np.repeat([f"s{k}" for k in range(len(sizes))], sizes)
    frame = pl.DataFrame({"customer_id": np.arange(len(stratum)), "tier": stratum})
    arms = {"a": 0.2, "b": 0.3, "c": 0.5}
    drawn = assign(frame, arms=arms, salt=salt, strata="tier")
    for k, size in enumerate(sizes):
        inside = drawn.arm[stratum == f"s{k}"]
        for arm, share in arms.items():
            assert abs((inside == arm).sum() - share * size) < 1


def test_chance_in_a_stratum_of_one_is_still_the_share() -> None:
    frame = pd.DataFrame({"customer_id": np.arange(5000), "tier": np.arange(5000)})
    drawn = assign(frame, arms={"a": 0.2, "b": 0.8}, salt="alone", strata=["tier"])
    assert_share(drawn.arm == "a", 0.2)


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"a": 0.5, "b": 0.4}, "add up to 0.9"),
        ({"a": 1.0}, "at least two arms"),
        ({"a": 1.0, "b": 0.0}, "share above 0"),
        ({"a": 1.5, "b": -0.5}, "share above 0"),
        ({"a": float("nan"), "b": 0.5}, "finite number"),
    ],
)
def test_bad_shares(arms: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign([1, 2], arms=arms, salt="x")


def test_bad_customers() -> None:
    with pytest.raises(DataError, match="several rows") as caught:
        assign([1, 2, 2, 3, 3], arms=HALVES, salt="x")
    assert caught.value.rows == (2, 3)
    with pytest.raises(DataError, match="missing ids") as caught:
        assign(["a", None], arms=HALVES, salt="x")
    assert caught.value.rows == (1,)
    with pytest.raises(DataError, match="ids are floats"):
        assign(pd.DataFrame({"customer_id": [1.0, 2.0]}), arms=HALVES, salt="x")
    with pytest.raises(DataError, match="no such column"):
        assign(pd.DataFrame({"id": [1]}), arms=HALVES, salt="x")
    with pytest.raises(DataError, match="a frame or a list of ids, got str"):
        assign("abc", arms=HALVES, salt="x")
    with pytest.raises(ConfigError, match="strata are columns of a frame"):
        assign([1, 2], arms=HALVES, salt="x", strata="tier")
    with pytest.raises(ConfigError, match="empty salt"):
        assign([1, 2], arms=HALVES, salt="")
    frame = pd.DataFrame({"customer_id": [1, 2], "tier": ["a", None]})
    with pytest.raises(DataError, match="missing labels"):
        assign(frame, arms=HALVES, salt="x", strata="tier")


def test_nobody_to_assign() -> None:
    drawn = assign([], arms=HALVES, salt="x")
    assert len(drawn) == 0
    assert drawn.srm().ok
    assert list(drawn.to_frame().columns) == ["customer_id", "arm"]


def test_there_and_back_again() -> None:
    frame = pl.DataFrame({"customer_id": ["a", "b", "c"], "tier": ["x", "x", "y"]})
    drawn = assign(frame, arms=HALVES, salt="s", strata="tier")
    again = Assignment.from_frame(drawn.to_frame("polars"), shares=HALVES, stratum="stratum")
    assert again.arm.tolist() == drawn.arm.tolist()
    assert again.stratum is not None
    assert again.stratum.tolist() == ["x", "x", "y"]
    assert again.arm_of("b") == drawn.arm[1]
    with pytest.raises(DataError, match="not assigned"):
        again.arm_of("z")


def test_a_customer_in_two_arms_is_refused_with_the_rows() -> None:
    frame = pd.DataFrame({"customer_id": [1, 2, 1, 3, 3], "arm": ["a", "b", "b", "a", "a"]})
    with pytest.raises(DataError, match="more than one arm") as caught:
        Assignment.from_frame(frame)
    assert caught.value.rows == (1,)
    agreed = Assignment.from_frame(frame[frame["customer_id"] != 1])
    assert agreed.customer_id.tolist() == [2, 3]
    assert agreed.arm.tolist() == ["b", "a"]


def test_arms_that_nobody_planned_are_refused() -> None:
    frame = pd.DataFrame({"customer_id": [1, 2], "arm": ["control", "treatd"]})
    with pytest.raises(DataError, match="arms not planned") as caught:
        Assignment.from_frame(frame, shares=HALVES)
    assert caught.value.rows == (2,)


def test_srm_is_pearsons_chi_square() -> None:
    arm = ["control"] * 4700 + ["treated"] * 5300
    frame = pd.DataFrame({"customer_id": np.arange(10_000), "arm": arm})
    check = Assignment.from_frame(frame, shares=HALVES).srm()
    assert check.p_value == pytest.approx(stats.chisquare([4700, 5300]).pvalue)
    assert not check.ok
    assert "do not use the estimates" in check.verdict
    with pytest.raises(ConfigError, match="planned shares are not known"):
        Assignment.from_frame(frame).srm()


def test_srm_of_few_clusters_is_exact() -> None:
    arm, stores = np.repeat(["a", "b"], [50, 50]), np.arange(100) // 10
    found = SampleRatio.of(arm, {"a": 0.9, "b": 0.1}, cluster=stores.astype(str))
    assert found.p_value == pytest.approx(stats.binomtest(5, 10, 0.1).pvalue)
    assert found.ok  # chi-square says 2.5e-5


def test_srm_hidden_in_one_stratum_is_found() -> None:
    arm = ["control"] * 600 + ["treated"] * 400 + ["control"] * 400 + ["treated"] * 600
    frame = pd.DataFrame(
        {"customer_id": np.arange(2000), "arm": arm, "shop": np.repeat(["x", "y"], 1000)}
    )
    check = Assignment.from_frame(frame, shares=HALVES, stratum="shop").srm()
    assert check.p_value == 1
    assert check.mismatches == ("x", "y")
    assert not check.ok


def test_srm_false_alarms_are_rare() -> None:
    """The check alarms in one of a thousand experiments; more alarms are binomial."""
    alarms = [not assign(range(500), arms=HALVES, salt=f"s{k}").srm().ok for k in range(300)]
    assert sum(alarms) <= stats.binom.isf(FALSE_ALARM, 300, 0.001)


def test_balance_finds_the_column_that_differs() -> None:
    rng = np.random.default_rng(3)
    drawn = assign(range(2000), arms=HALVES, salt="x")
    treated = drawn.arm == "treated"
    fair = rng.normal(size=2000)
    fair -= np.where(treated, fair[treated].mean(), fair[~treated].mean())  # p = 1
    unfair = rng.normal(size=2000) + 0.5 * treated  # 11 errors, and 3.5 are an alarm
    unfair[:100] = np.nan
    before = pl.DataFrame({"customer_id": np.arange(2000), "fair": fair, "unfair": unfair})
    balance = drawn.balance(before, ["fair", "unfair"], control="control")
    assert balance.suspicious == ("unfair",)
    one, other = (unfair[100:][drawn.arm[100:] == arm] for arm in ("treated", "control"))
    spread = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    assert balance.difference[1] == pytest.approx((one.mean() - other.mean()) / spread)
    with pytest.raises(ConfigError, match="no arm 'nobody'"):
        drawn.balance(before, ["fair"], control="nobody")
    with pytest.raises(DataError, match="several rows"):
        drawn.balance(pl.concat([before, before]), ["fair"])
    with pytest.raises(DataError, match="no assigned customer"):
        drawn.balance(pl.DataFrame({"customer_id": ["0", "1"], "fair": [1.0, 2.0]}), ["fair"])


@given(
    ids=st.lists(st.integers(0, 10**6), unique=True, min_size=2, max_size=60),
    seed=st.integers(0, 100),
)
def test_without_strata_subsets_and_batches_get_the_same_arms(ids: list[int], seed: int) -> None:
    arms = {"a": 0.2, "b": 0.3, "c": 0.5}
    whole = assign(ids, arms=arms, salt="x")
    keep = np.random.default_rng(seed).random(len(ids)) < 0.5
    part = assign(np.array(ids)[keep], arms=arms, salt="x")
    assert part.arm.tolist() == whole.arm[keep].tolist()
    batches = [assign(ids[k::3], arms=arms, salt="x").arm.tolist() for k in range(3)]
    assert batches == [whole.arm[k::3].tolist() for k in range(3)]


def test_the_assignment_among_some_customers_keeps_its_plan() -> None:
    frame = pl.DataFrame({"customer_id": ["a", "b", "c"], "tier": ["x", "x", "y"]})
    drawn = assign(frame, arms=HALVES, salt="s", strata="tier")
    some = drawn.among(["c", "z", "a"])
    assert some.customer_id.tolist() == ["a", "c"]
    assert some.arm.tolist() == [drawn.arm_of("a"), drawn.arm_of("c")]
    assert some.stratum is not None
    assert some.stratum.tolist() == ["x", "y"]
    assert some.shares == drawn.shares


def test_an_assignment_from_elsewhere_says_what_is_wrong_with_it() -> None:
    frame = pd.DataFrame(
        {"customer_id": [1, 2, 2, 2, 3], "arm": ["b", "a", "a", "a", "b"], "shop": list("xyzzx")}
    )
    with pytest.raises(DataError, match=r"more than one shop.*\n?.*leave these") as caught:
        Assignment.from_frame(frame, stratum="shop")
    assert (caught.value.column, caught.value.rows) == ("shop", (2,))
    drawn = Assignment.from_frame(frame, shares={"b": 0.5, "a": 0.3, "c": 0.2})
    assert drawn.arms == ("a", "b", "c")
    assert drawn.sizes() == {"a": 1, "b": 2, "c": 0}
    assert (drawn.stratum, drawn.start) == (None, None)
    assert repr(drawn) == "Assignment(3 customers: a 1, b 2, c 0)"
    assert list(drawn.columns()) == ["customer_id", "arm"]
    with pytest.raises(DataError, match=r"^column 'arm'.*arms not planned.*\n?.*of a, c") as caught:
        Assignment.from_frame(frame, shares={"a": 0.5, "c": 0.5})
    assert (caught.value.column, caught.value.rows) == ("arm", (1, 3))
    with pytest.raises(
        ConfigError, match=r"not known. Hint: Assignment.from_frame\(frame, shares="
    ):
        Assignment.from_frame(frame).srm()
    with pytest.raises(DataError, match="7 is not '7'") as caught:
        drawn.arm_of("1")
    assert (caught.value.column, caught.value.rows) == ("customer_id", ("1",))
    with pytest.raises(ConfigError, match="the arms are a, b, c"):
        drawn.known_arm("d")


def test_customers_are_named_in_the_column_they_came_in() -> None:
    frame = pl.DataFrame({"id": [1, 1], "tier": ["x", "x"]})
    with pytest.raises(DataError, match="one row per customer") as caught:
        assign(frame, arms=HALVES, salt="x", customer_id="id")
    assert caught.value.column == "id"
    with pytest.raises(DataError, match="got int") as caught:
        assign(7, arms=HALVES, salt="x", customer_id="id")  # type: ignore[arg-type]  # on purpose
    assert caught.value.column == "id"


def test_strata_of_two_columns_are_their_combinations() -> None:
    frame = pl.DataFrame(
        {"id": range(80), "tier": ["x", "y"] * 40, "shop": ["s"] * 40 + ["t"] * 40}
    )
    drawn = assign(frame, arms=HALVES, salt="x", strata=["tier", "shop"], customer_id="id")
    assert drawn.stratum is not None
    assert sorted(set(drawn.stratum)) == ["x / s", "x / t", "y / s", "y / t"]
    assert pd.crosstab(drawn.stratum, drawn.arm).to_numpy().tolist() == [[10, 10]] * 4


def test_arms_in_strata_are_written_down_and_do_not_move() -> None:
    """Customers of a stratum stand in the order of their hashes, from a hashed offset."""
    ids = list("abcdefghijkl")
    frame = pl.DataFrame({"customer_id": ids, "tier": ["x"] * 5 + ["y"] * 7})

    def place(key: str, salt: str) -> float:
        digest = blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) / 2**53

    shares = {"a": 0.3, "b": 0.7}
    drawn = assign(frame, arms=shares, salt="spring", strata="tier")
    wanted = {}
    for tier, members in (("x", ids[:5]), ("y", ids[5:])):
        offset = place(tier, "spring/offset")
        for rank, name in enumerate(sorted(members, key=lambda name: place(name, "spring"))):
            wanted[name] = "a" if (rank + offset) / len(members) < 0.3 else "b"
    assert drawn.arm.tolist() == [wanted[name] for name in ids]


def test_small_strata_are_not_tested_and_limits_are_shared() -> None:
    sizes = {"big": (5, 5), "small": (5, 4), "far": (60, 25)}  # p of the last: 0.00015
    arm = np.concatenate([np.repeat(["control", "treated"], n) for n in sizes.values()])
    shop = np.repeat(list(sizes), [sum(n) for n in sizes.values()])
    frame = pd.DataFrame({"customer_id": np.arange(len(arm)), "arm": arm, "shop": shop})
    check = Assignment.from_frame(frame, shares=HALVES, stratum="shop").srm()
    assert sorted(check.strata) == ["big", "far"]
    assert check.mismatches == ("far",)
    assert check.verdict.startswith("sample ratio mismatch in far (p = ")
    near = frame[frame["shop"] != "far"]
    more = pd.DataFrame({"customer_id": np.arange(100, 185), "shop": "near",
                         "arm": ["control"] * 58 + ["treated"] * 27})  # fmt: skip
    found = Assignment.from_frame(pd.concat([near, more]), shares=HALVES, stratum="shop").srm()
    assert 0.0005 < found.strata["near"].p_value < 0.001  # two strata: the limit is 0.0005
    assert found.mismatches == ()


def test_balance_of_columns_without_spread_or_customers() -> None:
    drawn = Assignment.from_frame(
        pd.DataFrame({"customer_id": range(6), "arm": ["a", "b", "a", "b", "c", "a"]})
    )
    before = pl.DataFrame(
        {
            "customer_id": [0, 1, 2, 3, 4, 9],
            "same": [1.0] * 6,
            "apart": [1.0, 2.0, 1.0, 2.0, 5.0, 7.0],
            "plain": [1.0, 4.0, 3.0, 8.0, 0.0, 9.0],
        }
    )
    balance = drawn.balance(before, ["same", "apart", "plain"])
    assert balance.control == "a"
    assert balance.column.tolist() == ["same", "same", "apart", "apart", "plain", "plain"]
    assert balance.arm.tolist() == ["b", "c"] * 3
    assert balance.difference[::2] == pytest.approx([0.0, np.inf, 4 / np.sqrt(5)])
    wanted = 2 * stats.norm.sf(4 / np.sqrt(5))
    assert balance.p_value[::2] == pytest.approx([1.0, 0.0, wanted])
    assert np.isnan(balance.difference[1::2]).all()
    assert np.isnan(balance.p_value[1::2]).all()
    assert balance.suspicious == ("apart",)
    assert not balance.ok
    swapped = drawn.balance(before, ["apart"], control="b")
    assert swapped.difference[0] == -np.inf
    assert list(balance.columns()) == ["column", "arm", "standardised_difference", "p_value"]


def test_an_assignment_says_what_it_left_out() -> None:
    table = pd.DataFrame({"customer_id": ["a", "b", "a"], "arm": ["new", "old", "new"]})
    made = Assignment.from_frame(table)
    assert made.report is not None
    assert (made.report.kept.rows, made.report.set_aside.rows) == (2, 1)
    known = made.among(["b", "c"])
    assert known.report is not None
    assert known.report.rejected.to_dict("records") == [
        {"customer_id": "a", "arm": "new", "reason": "customer_id: not one of the customers"}
    ]
    assert known.report.verdict() == "ok"
