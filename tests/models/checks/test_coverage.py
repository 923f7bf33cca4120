from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tests._statistics import assert_plausible, assert_share, sigmas
from tests.models.checks._splits import SHORT, moved

from omniltv.data import CalibrationHoldout
from omniltv.errors import ConfigError
from omniltv.models import (
    GammaGamma,
    PurchaseFit,
    SpendFit,
    fit,
)
from omniltv.models.checks import (
    coverage,
)
from omniltv.models.checks._coverage import Futures, cover_of, crps_of, simulate_futures


def test_intervals_of_the_right_model_cover(
    found: PurchaseFit, spend: SpendFit, split: CalibrationHoldout
) -> None:
    covered = coverage(found, split, seed=5, spend=spend, by="channel", draws=200)
    table = covered.to_frame()
    assert len(table) == 6
    assert (abs(table["share"] - table["level"]) < sigmas(20) * table["error"] + 0.002).all()
    fair = covered.uniformity().to_frame()
    assert_plausible(fair[["ks_p_value", "chi_square_p_value"]].to_numpy(), comparisons=20)
    totals = covered.totals(0.9).to_frame()
    sd = (totals["upper"] - totals["lower"]) / (2 * stats.norm.ppf(0.95))
    assert (abs(totals["actual"] - totals["predicted"]) < sigmas(20) * sd).all()
    assert totals["group"].tolist() == ["ec", "store"] * 2
    bought = totals[totals["quantity"] == "purchases"]
    assert bought["actual"].sum() == split.holdout_frequency.sum()
    expected = found.expected_purchases(split.calibration, split.holdout_span).total()
    error = sd[bought.index].sum() / np.sqrt(200)  # of 200 draws
    assert abs(bought["predicted"].sum() - expected.mean()[0]) < sigmas(20) * error


def test_totals_of_few_purchases_are_judged_by_chance_where_they_tie() -> None:
    rng = np.random.default_rng(1)
    n_groups, n = 4_000, 100
    rates = rng.gamma(2.0, 2.0, n_groups)
    happened = rng.poisson(rates).astype(float)
    futures = Futures(
        n=n,
        labels=tuple(f"g{k}" for k in range(n_groups)),
        size=np.ones(n_groups),
        actual={"purchases": happened},
        groups=np.arange(n_groups),
        below={"purchases": np.zeros(n_groups, dtype=np.int64)},
        equal={"purchases": np.zeros(n_groups, dtype=np.int64)},
        totals={"purchases": rng.poisson(rates[:, None], (n_groups, n)).astype(float)},
    )
    covered = cover_of(futures, (0.5,), 1)
    u = covered.pit_of_totals["purchases"]
    assert_plausible(stats.kstest(u, "uniform").pvalue, comparisons=2)
    table = covered.totals(0.5).to_frame()
    np.testing.assert_array_equal(table["pit"], u)
    held = covered.share_of_totals(0.5)
    assert held == ((u >= 0.25) & (u <= 0.75)).mean()
    assert_share((u >= 0.25) & (u <= 0.75), 0.5, comparisons=2)
    assert table["inside"].mean() > held + 0.05, "the ends of an interval are among what it holds"


@pytest.mark.parametrize(("name", "by"), [("logit_dropout", -2.0), ("logit_dropout", 2.0)])
def test_intervals_of_a_wrong_model_do_not_cover(
    found: PurchaseFit, split: CalibrationHoldout, name: str, by: float
) -> None:
    covered = coverage(moved(found, name, by), split, seed=5, draws=100)
    told = covered.uniformity().columns()
    assert np.asarray(told["ks_p_value"], dtype=float) < 1e-4
    assert np.asarray(told["chi_square_p_value"], dtype=float) < 1e-4
    assert not covered.totals(0.99).to_frame()["inside"].any()
    assert (np.mean(covered.pit["purchases"]) > 0.5) == (by > 0), "too low, so holdouts are high"


def test_the_seed_decides_and_nothing_else(found: PurchaseFit, split: CalibrationHoldout) -> None:
    one, same, other = (
        coverage(found, split, seed=s, draws=20).pit["purchases"] for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    part = replace(
        split,
        calibration=split.calibration.take(np.arange(512)),
        holdout_frequency=split.holdout_frequency[:512],
        holdout_value=split.holdout_value[:512],
    )
    fewer, whole = (simulate_futures(found, rows, seed=1, draws=20) for rows in (part, split))
    np.testing.assert_array_equal(fewer.below["purchases"], whole.below["purchases"][:512])
    np.testing.assert_array_equal(fewer.bought, whole.bought[:512])


def test_coverage_refuses_what_it_cannot_use(
    found: PurchaseFit, spend: SpendFit, split: CalibrationHoldout
) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        coverage(found, split, seed=1, levels=(0.5, 1.0))
    fewer = fit(GammaGamma(), split.calibration, seed=1, method=SHORT)
    with pytest.raises(ConfigError, match="500 and 300"):
        coverage(found, split, seed=1, spend=fewer)


def test_the_crps_is_the_mean_distance_of_distributions() -> None:
    """CRPS by its definition: the integral of the squared distance of distribution functions."""
    rng = np.random.default_rng(2)
    values, actual = rng.poisson(2.0, (5, 400)).astype(float), np.array([0.0, 1.0, 2.0, 5.0, 9.0])
    below = (values[:, :, None] <= np.arange(40)).mean(axis=1)
    biased = np.square(below - (actual[:, None] <= np.arange(40))).sum(axis=1)
    apart = np.abs(values[:, :, None] - values[:, None]).mean(axis=(1, 2))
    unbiased = biased + apart / 2 - apart * 400 / 399 / 2
    np.testing.assert_allclose(crps_of(values, actual), unbiased, atol=1e-9)
