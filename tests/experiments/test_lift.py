"""Lift on observed outcomes: equal to the textbook, honest about who is counted."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from tests._statistics import sigmas

from omniltv.data import Tolerance
from omniltv.errors import ConfigError, DataError, DataWarning, IntakeError, IntakeWarning
from omniltv.experiments import (
    ArmMeans,
    ArmSample,
    Assignment,
    Baseline,
    Cuped,
    Outcome,
    assign,
    cuped,
    difference,
    lift,
)

HALVES = {"control": 0.5, "treated": 0.5}


@pytest.fixture
def study() -> tuple[pd.DataFrame, Assignment]:
    rng = np.random.default_rng(8)
    n = 3000
    drawn = assign(range(n), arms=HALVES, salt="x")
    before = rng.gamma(2, 20, n)
    treated = drawn.arm == "treated"
    spend = rng.gamma(1, before) * (1 + 0.2 * treated)
    tier = np.where(before > 60, "high", "general")
    frame = pd.DataFrame(
        {"customer_id": np.arange(n), "spend": spend, "expected": before, "tier": tier}
    )
    return frame, drawn


def test_difference_is_welchs_test(study: tuple[pd.DataFrame, Assignment]) -> None:
    frame, drawn = study
    row = difference(Outcome(frame, "spend"), drawn, control="control").overall()
    one, other = (frame["spend"].to_numpy()[drawn.arm == arm] for arm in ("treated", "control"))
    welch = stats.ttest_ind(one, other, equal_var=False)
    interval = welch.confidence_interval(0.95)
    assert row.estimate == pytest.approx(one.mean() - other.mean())
    assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
    assert row.estimate / row.standard_error == pytest.approx(welch.statistic)
    assert row.relative == pytest.approx(one.mean() / other.mean() - 1)
    assert row.relative_low < row.relative < row.relative_high


def test_cuped_is_regression_on_the_arm_and_the_covariate(
    study: tuple[pd.DataFrame, Assignment],
) -> None:
    frame, drawn = study
    plain = difference(Outcome(frame, "spend"), drawn, control="control").overall()
    row = cuped(
        Outcome(frame, "spend"),
        drawn,
        control="control",
        baseline=Baseline(frame, covariates="expected"),
    ).overall()
    treated = (drawn.arm == "treated").astype(float)
    design = np.stack([np.ones(len(frame)), treated, frame["expected"]], axis=1)
    coefficients = np.linalg.lstsq(design, frame["spend"].to_numpy(), rcond=None)[0]
    assert row.estimate == pytest.approx(coefficients[1])
    y, x = (
        (frame[name] - frame[name].groupby(drawn.arm).transform("mean")).to_numpy()
        for name in ("spend", "expected")
    )
    kept = np.sqrt(1 - np.corrcoef(y, x)[0, 1] ** 2)  # near 0.87; equal up to 0.1 %
    assert row.standard_error / plain.standard_error == pytest.approx(kept, rel=0.01)
    assert abs(row.estimate - 0.2 * 40) < sigmas() * row.standard_error


def test_a_covariate_that_does_not_vary_changes_nothing(
    study: tuple[pd.DataFrame, Assignment],
) -> None:
    frame, drawn = study
    flat = frame.assign(flat=3.0)
    plain = difference(Outcome(frame, "spend"), drawn, control="control").overall()
    same = cuped(
        Outcome(flat, "spend"), drawn, control="control", baseline=Baseline(flat, covariates="flat")
    )
    assert same.overall()[3:7] == pytest.approx(plain[3:7])


def test_missing_covariates_count_as_the_mean(study: tuple[pd.DataFrame, Assignment]) -> None:
    frame, drawn = study
    holes = frame.assign(expected=frame["expected"].mask(frame["customer_id"] < 500))
    filled = holes.assign(expected=holes["expected"].fillna(holes["expected"].mean()))
    found, by_hand = (
        cuped(
            Outcome(frame, "spend"),
            drawn,
            control="control",
            baseline=Baseline(table, covariates=["expected"]),
        )
        for table in (holes.iloc[100:], filled)
    )
    assert found.overall()[3:7] == pytest.approx(by_hand.overall()[3:7])
    assert "500 customers without expected count as its mean" in found.notes


def test_groups_are_read_from_before_and_parts_add_up(
    study: tuple[pd.DataFrame, Assignment],
) -> None:
    frame, drawn = study
    rng = np.random.default_rng(4)
    visits = frame.assign(channel=rng.choice(["store", "ec"], len(frame))).sample(
        frac=0.7, random_state=1
    )
    found = difference(
        Outcome(visits, "spend", parts="channel", missing="zero"),
        drawn,
        control="control",
        baseline=Baseline(frame, by="tier"),
    )
    rows = {row.group: row for row in found.rows}
    added = rows["ec"].estimate + rows["store"].estimate
    assert added == pytest.approx(found.overall().estimate)
    assert rows["high"].n + rows["general"].n == found.overall().n
    assert rows["ec"].n == found.overall().n
    assert "900 assigned customers without an outcome count as zero" in found.notes
    assert any("5 comparisons" in note for note in found.notes)
    assert "Lift of spend per customer" in repr(found)


def test_any_frame_in_and_several_rows_are_added_up(
    study: tuple[pd.DataFrame, Assignment],
) -> None:
    frame, drawn = study
    halves = pd.concat([frame.assign(spend=frame["spend"] / 2)] * 2)
    once = difference(Outcome(frame, "spend"), drawn, control="control")
    twice = difference(Outcome(pl.from_pandas(halves).lazy(), "spend"), drawn, control="control")
    assert once.overall()[3:] == pytest.approx(twice.overall()[3:])
    assert once.to_frame("polars").height == 1


def test_a_tier_that_nobody_of_an_arm_is_in_has_no_estimate() -> None:
    arms = pd.DataFrame({"customer_id": range(6), "arm": ["a", "b"] * 3})
    frame = arms.assign(value=[1.0, 2, 3, 4, 5, 6], tier=["x", "x", "x", "x", "y", "x"])
    found = difference(
        frame, Assignment.from_frame(arms), control="a", baseline=Baseline(frame, by="tier")
    )
    rows = {row.group: row for row in found.rows}
    assert np.isnan(rows["y"].estimate)
    assert (rows["y"].n, rows["y"].control_n) == (0, 1)
    assert rows["x"].estimate == 2.0


def test_several_arms_against_one_control() -> None:
    drawn = assign(range(900), arms={"a": 0.3, "b": 0.3, "none": 0.4}, salt="x")
    frame = pd.DataFrame({"customer_id": range(900), "value": np.arange(900.0)})
    found = difference(frame, drawn, control="none")
    assert [row.arm for row in found.rows] == ["a", "b"]
    assert any("Bonferroni" in note for note in found.notes)
    with pytest.raises(ConfigError, match="name one of the arms"):
        found.overall()
    assert found.overall("b").arm == "b"
    with pytest.raises(ConfigError, match="no arm 'control'"):
        difference(frame, drawn, control="control")


def test_relative_lift_without_a_base_is_not_made_up() -> None:
    arms = pd.DataFrame({"customer_id": range(8), "arm": ["a", "b"] * 4})
    noisy = arms.assign(value=[-50.0, 1, 60, 2, -4, 3, 1, 4])
    row = difference(noisy, Assignment.from_frame(arms), control="a").overall()
    assert (row.relative_low, row.relative_high) == (-np.inf, np.inf)
    lossy = arms.assign(value=[-50.0, 1, -60, 2, -4, 3, 1, 4])
    row = difference(lossy, Assignment.from_frame(arms), control="a").overall()
    assert np.isnan(row.relative)


def test_a12_outcomes_of_other_ids_are_warned_of_and_stop() -> None:
    """Customers without purchases count as zero; nobody is told from ids that do not match."""
    arms = Assignment.from_frame(pd.DataFrame({"customer_id": range(100), "arm": ["a", "b"] * 50}))
    few = pd.DataFrame({"customer_id": range(20), "value": 5.0})
    others = pd.DataFrame({"customer_id": range(1_000, 1_030), "value": 2.0})
    table = pd.concat([few, others])
    with pytest.warns(IntakeWarning, match=r"30 of 50 rows set aside.*60 of 160"):
        difference(Outcome(table, missing="zero"), arms, control="a")
    everybody = pd.concat([few, others.loc[others.index.repeat(30)]])
    with pytest.raises(IntakeError, match="not assigned") as caught:
        difference(Outcome(everybody, missing="zero"), arms, control="a")
    assert caught.value.report.set_aside.value == 1_800.0
    told = Outcome(everybody, missing="zero", tolerance=Tolerance.anything())
    difference(told, arms, control="a")
    most = pd.concat([pd.DataFrame({"customer_id": range(60), "value": 5.0}), everybody])
    difference(Outcome(most, missing="zero"), arms, control="a")


def test_who_is_counted(study: tuple[pd.DataFrame, Assignment]) -> None:
    frame, drawn = study
    extra = pd.DataFrame({"customer_id": [9001, 9001, 9002], "spend": [1.0, 2.0, 3.0]})
    found = difference(Outcome(pd.concat([frame, extra]), "spend"), drawn, control="control")
    note = "2 customers who were not assigned are left out (3 rows, spend 6)"
    assert note in found.notes
    with pytest.raises(DataError, match="without an outcome") as caught:
        difference(Outcome(frame.iloc[2:], "spend"), drawn, control="control")
    assert caught.value.rows == (0, 1)
    named = frame.assign(customer_id=frame["customer_id"].astype(str))
    with pytest.raises(DataError, match="no assigned customer"):
        difference(Outcome(named, "spend", missing="zero"), drawn, control="control")


def test_bad_outcomes_and_groups(study: tuple[pd.DataFrame, Assignment]) -> None:
    frame, drawn = study
    broken = frame.assign(spend=frame["spend"].mask(frame["customer_id"].isin([5, 7])))
    with pytest.raises(DataError, match="missing or infinite") as caught:
        difference(Outcome(broken, "spend"), drawn, control="control")
    assert caught.value.rows == (5, 7)
    with pytest.raises(DataError, match="no such column"):
        difference(
            Outcome(frame, "spend"),
            drawn,
            control="control",
            baseline=Baseline(frame, by="nothing"),
        )
    with pytest.raises(DataError, match="without a group") as caught:
        difference(
            Outcome(frame, "spend"),
            drawn,
            control="control",
            baseline=Baseline(frame.iloc[1:], by="tier"),
        )
    assert caught.value.rows == (0,)
    with pytest.raises(DataError, match="several rows"):
        difference(
            Outcome(frame, "spend"),
            drawn,
            control="control",
            baseline=Baseline(pd.concat([frame] * 2), by="tier"),
        )
    with pytest.raises(ConfigError, match="level"):
        difference(Outcome(frame, "spend"), drawn, control="control", level=95)


def test_broken_experiments_are_warned_about(study: tuple[pd.DataFrame, Assignment]) -> None:
    frame, drawn = study
    keep = (drawn.arm == "control") | (np.arange(len(frame)) % 3 > 0)  # 10 errors: 3.3 are an alarm
    lost = Assignment(drawn.customer_id[keep], drawn.arm[keep], shares=HALVES)
    with pytest.warns(DataWarning, match="sample ratio mismatch"):
        difference(Outcome(frame, "spend"), lost, control="control")
    skewed = frame.assign(expected=frame["expected"] + 20 * (drawn.arm == "treated"))
    with pytest.warns(DataWarning, match="differed before the treatment in: expected"):
        cuped(
            Outcome(frame, "spend"),
            drawn,
            control="control",
            baseline=Baseline(skewed, covariates="expected"),
        )


@pytest.mark.slow
def test_intervals_of_spend_that_a_few_make_up_still_cover() -> None:
    """Two of a hundred buy, for lognormal sums: the shape of a campaign's outcome."""
    misses, arms = 0, np.repeat(["a", "b"], 2000)  # false-alarm probability 1e-5
    for seed in range(400):
        rng = np.random.default_rng(seed)
        spend = (rng.random(4000) < 0.02) * rng.lognormal(4, 1, 4000)
        frame = pd.DataFrame({"customer_id": range(4000), "value": spend})
        drawn = Assignment(frame["customer_id"].to_numpy(dtype=object), rng.permuted(arms))
        row = difference(frame, drawn, control="a").overall()
        misses += not row.low <= 0 <= row.high
    low, high = (stats.binom.ppf(p, 400, 0.05) for p in (5e-6, 1 - 5e-6))
    assert low <= misses <= high


@dataclass(frozen=True)
class Found:
    """An estimator that has found these means, whatever the customers did."""

    treated: float
    control: float
    covariance: float = 0.0
    name: str = "found"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:  # noqa: ARG002 - the Protocol
        spread = np.array([[4.0, self.covariance], [self.covariance, 1.0]])
        return ArmMeans(self.treated, self.control, spread, 10.0)


EIGHT = pd.DataFrame({"customer_id": range(8), "arm": ["a", "b"] * 4, "value": np.arange(8.0)})


@pytest.mark.parametrize("covariance", [-0.5, 0.0, 1.5])
def test_intervals_follow_from_two_means_and_their_covariance(covariance: float) -> None:
    """Fieller: at a bound r, (treated - r control)^2 is t^2 times its variance."""
    estimator = Found(30.0, 20.0, covariance)
    arms = Assignment.from_frame(EIGHT)
    row = lift(EIGHT, arms, estimator=estimator, control="a", level=0.9).overall()
    t = stats.t.ppf(0.95, 10)
    error = np.sqrt(5 - 2 * covariance)
    assert row[3:7] == pytest.approx((10, error, 10 - t * error, 10 + t * error))
    assert row.relative == pytest.approx(0.5)
    assert row.relative_low < 0.5 < row.relative_high
    for bound in (row.relative_low, row.relative_high):
        ratio = 1 + bound
        variance = 4 - 2 * ratio * covariance + ratio**2
        assert (30 - 20 * ratio) ** 2 == pytest.approx(t**2 * variance)
    assert (row.mean, row.control_mean, row.n, row.control_n) == (30.0, 20.0, 4, 4)


def test_small_arms_of_unequal_spread_have_welchs_degrees_of_freedom() -> None:
    sides = ([1.0, 5.0, 12.0], [0.0, 1.0, 1.0, 3.0, 2.0])
    arm = ["b"] * 3 + ["a"] * 5
    frame = pd.DataFrame({"customer_id": range(8), "arm": arm, "value": [*sides[0], *sides[1]]})
    row = difference(frame, Assignment.from_frame(frame), control="a").overall()
    wanted = stats.ttest_ind(*sides, equal_var=False).confidence_interval(0.95)
    assert (row.low, row.high) == pytest.approx((wanted.low, wanted.high))


def test_a_relative_lift_needs_a_control_mean_above_zero() -> None:
    arms = Assignment.from_frame(EIGHT)
    rows = [
        lift(EIGHT, arms, estimator=Found(3.0, base), control="a").overall()
        for base in (0.0, -1.0, 0.5, stats.t.ppf(0.975, 10) + 0.01)
    ]
    assert np.isnan([row[7:10] for row in rows[:2]]).all()
    assert (rows[2].relative, rows[2].relative_low) == (5.0, -np.inf)
    assert np.isfinite(rows[3].relative_high)


def test_a_covariate_that_explains_everything_leaves_no_error() -> None:
    before = EIGHT.assign(half=EIGHT["value"] / 2)
    arms = Assignment.from_frame(EIGHT)
    row = cuped(EIGHT, arms, control="a", baseline=Baseline(before, covariates="half")).overall()
    assert row[3:7] == pytest.approx((0, 0, 0, 0), abs=1e-12)
    assert (row.mean, row.control_mean) == pytest.approx((3.5, 3.5))
    samples = [
        ArmSample(part["value"].to_numpy(), part[["half"]].to_numpy())
        for part in (before[before["arm"] == "b"], before[before["arm"] == "a"])
    ]
    found = Cuped().estimate(*samples)
    # Both means move with the mean of the covariate, in arms of four customers.
    shared = EIGHT["value"].var(ddof=0) / 8 * (4 / 3)
    assert found.covariance == pytest.approx(np.full((2, 2), shared))


def test_one_customer_in_an_arm_is_no_sample_and_two_are() -> None:
    frame = EIGHT.assign(tier=["x", "x", "x", "x", "y", "y", "z", "y"])
    arms = Assignment.from_frame(frame)
    baseline = Baseline(frame, by="tier")
    rows = difference(frame, arms, control="a", baseline=baseline).rows
    assert [(row.by, row.group, row.n, row.control_n) for row in rows] == [
        ("", "", 4, 4),
        ("tier", "x", 2, 2),
        ("tier", "y", 2, 1),
        ("tier", "z", 0, 1),
    ]
    assert np.isnan([row.estimate for row in rows]).tolist() == [False, False, True, True]
    assert np.isnan(rows[2][3:12]).all()
    assert rows[1].standard_error > 0


def test_the_report_shows_rows_checks_and_notes() -> None:
    frame = EIGHT.assign(tier=["x", "x", "x", "x", "y", "y", "y", "y"])
    arms = Assignment.from_frame(frame, shares={"a": 0.5, "b": 0.5})
    found = lift(
        Outcome(frame.iloc[1:], missing="zero"), arms, estimator=Found(1230.0, 1000.0), control="a",
        baseline=Baseline(frame, by=["tier"]),
    )  # fmt: skip
    text = repr(found).splitlines()
    assert text[0] == "Lift of value per customer against 'a' (found)"
    assert text[1].split() == (
        ["b", "+230", "95", "%", "[225,", "235]", "relative", "+23.0%", "n", "4", "/", "4"]
    )
    assert text[2].startswith("  b, tier x ")
    many = "3 comparisons with a 95 % interval each; for a joint level use level=0.9833"
    assert text[4:] == [
        "  arms: as planned (p = 1.000)",
        "  note: 1 assigned customers without an outcome count as zero",
        f"  note: {many} (Bonferroni)",
    ]


def test_a_covariate_known_of_no_assigned_customer_counts_as_zero() -> None:
    arms = Assignment.from_frame(EIGHT)
    before = EIGHT.assign(age=np.nan, size=np.arange(8.0) % 3)
    plain, adjusted = (
        cuped(EIGHT, arms, control="a", baseline=Baseline(before, covariates=names))
        for names in ("size", ("age", "size"))
    )
    assert adjusted.overall()[3:7] == pytest.approx(plain.overall()[3:7])
    assert adjusted.notes == ("8 customers without age count as its mean",)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5])
def test_levels_lie_between_zero_and_one(level: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1, got"):
        difference(EIGHT, Assignment.from_frame(EIGHT), control="a", level=level)


def test_errors_of_an_experiment_carry_the_column() -> None:
    arms = Assignment.from_frame(EIGHT)
    late = pd.DataFrame({"customer_id": [0, 1], "value": 1.0, "tier": "x"})
    with pytest.raises(DataError, match="missing='zero' if no row means zero") as caught:
        difference(late, arms, control="a")
    assert (caught.value.column, caught.value.rows) == ("customer_id", (2, 3, 4, 5, 6, 7))
    with pytest.raises(DataError, match="give every assigned customer a tier") as caught:
        difference(EIGHT, arms, control="a", baseline=Baseline(late, by="tier"))
    assert caught.value.column == "tier"
    with pytest.raises(DataError, match="use the same ids, of the same type") as caught:
        difference(late.assign(customer_id=["0", "1"]), arms, control="a")
    assert caught.value.column == "customer_id"


@pytest.mark.reference
def test_hillstroms_email_experiment() -> None:
    """Hillstrom 2008: arms 21,307 / 21,306 / 21,387; both e-mails raise visits."""
    folder = os.environ.get("OMNILTV_DATA", "")
    if not (folder and (Path(folder) / "hillstrom.csv").exists()):
        pytest.skip("OMNILTV_DATA has no hillstrom.csv")
    frame = pd.read_csv(Path(folder) / "hillstrom.csv")
    frame["customer_id"] = np.arange(len(frame))
    thirds = dict.fromkeys(frame["segment"].unique(), 1 / 3)
    arms = Assignment.from_frame(frame, arm="segment", shares=thirds)
    assert sorted(arms.sizes().values()) == [21_306, 21_307, 21_387]
    assert arms.srm().ok
    assert arms.balance(frame, ["recency", "history", "newbie"]).ok
    assert frame["visit"].mean() == pytest.approx(0.14678, abs=5e-6)
    found = cuped(
        Outcome(frame, "visit"),
        arms,
        control="No E-Mail",
        baseline=Baseline(frame, covariates=["recency", "history"], by="channel"),
    )
    for name in ("Mens E-Mail", "Womens E-Mail"):
        sides = [frame["visit"][frame["segment"] == arm] for arm in (name, "No E-Mail")]
        welch = stats.ttest_ind(*sides, equal_var=False)
        row = found.overall(name)
        assert row.low > 0
        assert row.estimate == pytest.approx(sides[0].mean() - sides[1].mean(), abs=0.001)
        assert row.estimate / row.standard_error == pytest.approx(welch.statistic, rel=0.05)
    assert len(found.rows) == 2 + 2 * 3
