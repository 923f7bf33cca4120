from dataclasses import replace

import numpy as np
import pytest
from tests._statistics import sigmas
from tests.models.checks._splits import SHORT, SIZE, TRUTH, moved, split_of

from omniltv.data import CalibrationHoldout
from omniltv.errors import ConfigError
from omniltv.models import (
    BgBb,
    BgNbd,
    Pooling,
    PurchaseFit,
    fit,
)
from omniltv.models.checks import (
    conditional_expectation,
    expected_purchases_matrix,
    frequency_histogram,
    prob_alive_matrix,
)
from omniltv.units import weeks


def test_the_right_model_predicts_the_histogram(
    found: PurchaseFit, split: CalibrationHoldout
) -> None:
    history = split.calibration
    shown = frequency_histogram(found, history, seed=1, most=5, draws=200)
    assert (shown.predicted.sum(axis=0) == SIZE).all()
    assert shown.actual.sum() == SIZE
    assert shown.actual[-1] == (history.frequency >= 5).sum()
    off = np.abs(shown.actual - shown.predicted.mean(axis=1))
    assert (off < sigmas(6) * shown.predicted.std(axis=1)).all()
    wrong = frequency_histogram(moved(found, "log_rate", 0.5), history, seed=1, draws=50)
    assert wrong.actual[0] > wrong.columns()["upper"][0]
    with pytest.raises(ConfigError, match="from 1 to 100,000"):
        frequency_histogram(found, history, seed=1, most=0)


def test_conditional_expectations_are_those_of_the_fit(
    found: PurchaseFit, split: CalibrationHoldout
) -> None:
    told = conditional_expectation(found, split, most=3)
    expected = found.expected_purchases(split.calibration, split.holdout_span).mean()
    for place in range(4):
        x = split.calibration.frequency
        rows = x == place if place < 3 else x >= 3
        assert told.size[place] == rows.sum()
        np.testing.assert_allclose(told.actual[place], split.holdout_frequency[rows].mean())
        np.testing.assert_allclose(told.expected[place].mean(), expected[rows].mean())
    assert next(iter(told.columns())) == "frequency"


def test_recency_has_classes_of_about_equal_size(
    found: PurchaseFit, split: CalibrationHoldout
) -> None:
    told = conditional_expectation(found, split, by="recency", most=4)
    assert told.labels[0] == "none"
    assert told.size[0] == (split.calibration.frequency == 0).sum()
    assert np.ptp(told.size[1:]) <= 1
    assert np.all(np.diff(told.expected.mean(axis=1)[1:]) > 0), "the later, the more alive"
    with pytest.raises(ConfigError, match="by is 'frequency' or 'recency'"):
        conditional_expectation(found, split, by="T")  # type: ignore[arg-type] # the mistake


def test_matrices_hold_the_forecasts_of_the_fit() -> None:
    split = split_of(BgNbd(), TRUTH, np.full(300, 30.0))
    history = split.calibration.with_group("channel", np.where(np.arange(300) % 2, "a", "b"))
    known = history.with_covariate("age", np.arange(300) % 7)
    found = fit(
        BgNbd(),
        known,
        seed=1,
        method=SHORT,
        pooling=Pooling.none("channel"),
        covariates={"log_rate": ["age"]},
    )
    alive = prob_alive_matrix(found, T=weeks(30), group="b", frequency=[0, 2], recency=[0, 15, 31])
    one = replace(
        known.take([1]),
        frequency=np.array([2]),
        recency=np.array([15.0]),
        groups={"channel": np.array(["b"])},
        covariates={"age": np.array([found.effects[0].centre])},
    )
    np.testing.assert_allclose(alive.mean[1, 1], found.prob_alive(one).mean()[0])
    assert np.isnan(alive.mean).tolist() == [[False, True, True], [True, False, True]]
    assert alive.mean[0, 0] == 1
    later = expected_purchases_matrix(
        found, weeks(9), T=weeks(30), group="b", frequency=[2], recency=[15.0]
    )
    np.testing.assert_allclose(later.mean[0, 0], found.expected_purchases(one, weeks(9)).mean()[0])
    assert later.lower[0, 0] < later.mean[0, 0] < later.upper[0, 0]
    assert len(later.to_frame()) == 1
    with pytest.raises(ConfigError, match="one of 'a', 'b'"):
        prob_alive_matrix(found, T=weeks(30))


def test_the_matrix_of_a_discrete_model_has_what_can_be() -> None:
    parameters = {"alpha": 1.2, "beta": 0.8, "gamma": 0.7, "delta": 2.8}
    split = split_of(BgBb(), parameters, np.full(300, 6.0), span=4.0)
    found = fit(BgBb(), split.calibration, seed=1, method=SHORT)
    alive = prob_alive_matrix(found, T=weeks(6), frequency=np.arange(7))
    assert alive.recency.tolist() == list(range(7))
    possible = np.tril(np.ones((7, 7), dtype=bool)).T
    possible[0, 1:] = False
    np.testing.assert_array_equal(~np.isnan(alive.mean), possible)
