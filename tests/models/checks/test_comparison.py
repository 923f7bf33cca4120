from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests._statistics import sigmas
from tests.models.checks._splits import SHORT, SIZE, TRUTH, split_of

from omniltv.data import CalibrationHoldout
from omniltv.errors import ConfigError, DataError, FitWarning, UnitError
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    Pooling,
    PurchaseFit,
    Sampling,
    fit,
)
from omniltv.models.checks import (
    _comparison,
    compare,
    coverage,
    holdout_log_score,
    loo,
    ranking,
)


def error_of_log_mean(values: NDArray[np.float64], fit: PurchaseFit) -> float:
    """Return the standard error of the logarithm of a mean over draws."""
    effective = min(fit.diagnostics.ess_bulk.values())
    return float(values.std() / values.mean() / np.sqrt(effective))


def test_loo_is_what_refitting_without_the_customer_says() -> None:
    """Both are Monte Carlo estimates: the mean of p, and one over the mean of 1/p."""
    history = split_of(BgNbd(), TRUTH, np.full(60, 30.0)).calibration
    whole = fit(BgNbd(), history, seed=1, method=Sampling("laplace", draws=1000))
    found = loo(whole, history)
    every = whole.log_likelihood(history).to_array()
    busiest = np.argsort(history.frequency)[[0, 20, 40, 50, 59]]
    for row in busiest:
        rest = history.take(np.delete(np.arange(60), row))
        without = fit(BgNbd(), rest, seed=1, method=Sampling("laplace", draws=1000))
        drawn = without.log_likelihood(history.take([row])).to_array()[0]
        direct = np.log(np.mean(np.exp(drawn)))
        error = np.hypot(
            error_of_log_mean(np.exp(drawn), without), error_of_log_mean(np.exp(-every[row]), whole)
        )
        assert abs(found.values[row] - direct) < sigmas(5) * error
    pointwise = np.log(np.exp(every).mean(axis=1))
    np.testing.assert_allclose(found.effective, pointwise - found.values, atol=1e-8)
    np.testing.assert_allclose(found.elpd, found.values.sum())
    np.testing.assert_allclose(found.error, np.sqrt(60) * found.values.std())


def test_who_came_on_the_last_day_tells_nothing() -> None:
    history = split_of(BgNbd(), TRUTH, np.repeat([30.0, 0.0], [100, 9])).calibration
    found = loo(fit(BgNbd(), history, seed=1, method=SHORT), history)
    assert (found.values[100:] == 0).all()
    assert (found.effective[100:] == 0).all()
    assert (found.values[:100] < 0).all()
    assert found.bad == 0


@pytest.mark.slow
def test_the_model_that_the_data_come_from_is_best(
    found: PurchaseFit, split: CalibrationHoldout
) -> None:
    with pytest.warns(FitWarning, match="more or less often than expected"):
        regular = fit(CnbdK(3), split.calibration, seed=1, method=Sampling("laplace", draws=200))
    fits = {"regular": regular, "truth": found}
    told = compare(fits, split.calibration, seed=1)
    assert told.names == ("truth", "regular")
    assert told.best == "truth"
    table = told.to_frame().set_index("fit")
    assert table.loc["truth", "difference"] == 0
    row = table.loc["regular"]
    assert row["difference"] < -4 * row["difference_error"]
    np.testing.assert_allclose(row["elpd_loo"], loo(regular, split.calibration).elpd)
    assert list(table["model"]) == ["bg_nbd", regular.model.name]


def test_a_holdout_adds_what_it_says(found: PurchaseFit, split: CalibrationHoldout) -> None:
    pooled = fit(
        BgNbd(),
        split.calibration,
        seed=1,
        method=Sampling("laplace", draws=200),
        pooling=Pooling.none("channel"),
    )
    told = compare({"one": found, "two": pooled}, split, seed=5, draws=100, levels=(0.8,))
    table = told.to_frame().set_index("fit")
    assert table.loc["two", "pooling"] == "none by channel"
    row = table.loc["one"]
    expected = found.expected_purchases(split.calibration, split.holdout_span).mean()
    actual = split.holdout_frequency
    np.testing.assert_allclose(row["rmse"], np.sqrt(np.mean((expected - actual) ** 2)))
    np.testing.assert_allclose(row["correlation"], stats.pearsonr(expected, actual).statistic)
    np.testing.assert_allclose(row["gini"], ranking(expected, actual).gini)
    np.testing.assert_allclose(row["log_score"], holdout_log_score(found, split, seed=5).total)
    assert row["coverage_80"] == coverage(found, split, seed=5, draws=100).share(0.8)
    assert row["log_score_exact"]
    assert row["actual_total"] == actual.sum()
    assert str(told) == repr(told)


def test_what_cannot_be_compared_is_refused(found: PurchaseFit, split: CalibrationHoldout) -> None:
    history = split.calibration
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare({}, history, seed=1)
    daily = replace(history, unit="day")  # type: ignore[arg-type] # as text
    with pytest.raises(UnitError, match="in days"):
        compare({"a": found}, daily, seed=1)
    discrete = replace(found, model=BgBb())
    with pytest.raises(ConfigError, match="not comparable"):
        compare({"a": found, "b": discrete}, history, seed=1)
    by_channel = fit(
        BgNbd(),
        history,
        seed=1,
        method=SHORT,
        pooling=Pooling.none("channel"),
    )
    with pytest.raises(DataError, match="not the groups"):
        compare({"a": by_channel}, history.take(history.groups["channel"] == "ec"), seed=1)
    mode = fit(BgNbd(), history, seed=1, method="map")
    with pytest.raises(ConfigError, match="100 posterior draws, got 1"):
        loo(mode, history)


def test_another_history_shows_by_its_covariates(split: CalibrationHoldout) -> None:
    known = split.calibration.with_covariate("age", np.arange(SIZE) % 9)
    found = fit(
        BgNbd(),
        known,
        seed=1,
        method=SHORT,
        covariates={"log_rate": ["age"]},
    )
    assert loo(found, known).bad == 0
    with pytest.raises(DataError, match="not the values"):
        loo(found, known.with_covariate("age", np.arange(SIZE) % 8))


def test_one_estimator_scores_all_fits(
    found: PurchaseFit, split: CalibrationHoldout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose score must be simulated makes the scores of the others simulated, too."""
    other = replace(found)
    fits = {"exact": found, "simulated": other}
    alone = compare({"exact": found}, split, seed=5, draws=200).to_frame()
    assert alone["log_score_exact"].all()
    monkeypatch.setattr(_comparison, "is_exact", lambda fit, _: fit is found)
    both = compare(fits, split, seed=5, draws=200).to_frame()
    assert not both["log_score_exact"].any()
    assert both["log_score"].nunique() == 1
    assert (both["log_score"] < alone["log_score"][0]).all()
