"""Qini and uplift curves against sums by hand."""

import numpy as np
import pytest
from tests._statistics import sigmas

from omniltv.errors import DataError
from omniltv.experiments.uplift import qini_curve, uplift_curve

OUTCOME = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
TREATED = np.array([True, False, True, True, False, False])
EFFECT = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])


def test_the_gain_is_what_radcliffe_defines() -> None:
    curve = qini_curve(OUTCOME, TREATED, EFFECT)
    by_hand = [0, 1, 1, 2, 2, 2, 2 - 1]  # R_t - R_c N_t / N_c after each customer
    assert curve.gain == pytest.approx(np.array(by_hand) / 3)
    assert curve.share == pytest.approx(np.arange(7) / 6)
    area = (0.5 + 1 + 1.5 + 2 + 2 + 1.5) / 3 / 6 - 1 / 3 / 2
    assert curve.area == pytest.approx(area)


def test_the_best_order_has_treated_successes_first_and_control_successes_last() -> None:
    best = qini_curve(OUTCOME, TREATED, OUTCOME * np.where(TREATED, 1, -1))
    assert best.coefficient == pytest.approx(1.0)
    assert qini_curve(OUTCOME, TREATED, -OUTCOME * np.where(TREATED, 1, -1)).coefficient < -0.4
    assert np.isnan(qini_curve(np.zeros(6), TREATED, EFFECT).coefficient)


def test_equal_effects_enter_together_so_that_the_order_of_rows_does_not_matter() -> None:
    effect = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    order = np.array([2, 0, 1, 5, 3, 4])
    one, other = (qini_curve(OUTCOME[k], TREATED[k], effect[k]) for k in (np.arange(6), order))
    assert one.share.tolist() == other.share.tolist() == [0, 0.5, 1]
    assert one.gain.tolist() == other.gain.tolist()
    assert qini_curve(OUTCOME, TREATED, np.zeros(6)).area == 0


def test_the_uplift_curve_is_the_difference_of_means_so_far() -> None:
    curve = uplift_curve(OUTCOME, TREATED, EFFECT)
    by_hand = [0, 0, 1 - 0, 1 - 0, 2 / 3, 2 / 3, 2 / 3 - 1 / 3]
    assert curve.gain == pytest.approx(np.array(by_hand) * np.arange(7) / 6)
    assert curve.to_frame().columns.tolist() == ["share", "gain"]


def test_constant_propensities_change_nothing_and_true_ones_mend_targeting() -> None:
    even = qini_curve(OUTCOME, TREATED, EFFECT, propensity=np.full(6, 0.5))
    assert even.gain == pytest.approx(qini_curve(OUTCOME, TREATED, EFFECT).gain)
    rng = np.random.default_rng(1)
    x = rng.random(20_000)
    chance = 0.2 + 0.6 * x
    treated = rng.random(20_000) < chance
    outcome = 10 * x + treated + rng.normal(size=20_000)
    weighted = uplift_curve(outcome, treated, x, propensity=chance).gain[-1]
    error = np.sqrt(((outcome / chance) ** 2 / 20_000).mean() * 2)
    assert abs(weighted - 1) < sigmas() * error  # false alarm 1e-6
    assert uplift_curve(outcome, treated, x).gain[-1] > 2


@pytest.mark.parametrize(
    ("outcome", "treated", "effect", "said"),
    [
        ([1.0], [1, 0], [0.0, 0.0], "1 outcomes, 2 arms"),
        ([], [], [], "not two arms"),
        ([1.0, 2.0], [1, 1], [0.0, 0.0], "not two arms"),
        ([1.0, 2.0], [2, 0], [0.0, 0.0], "not two arms"),
        ([1.0, np.nan], [1, 0], [0.0, 0.0], "not a finite number"),
        ([1.0, 2.0], [1, 0], ["x", "y"], "not numbers"),
    ],
)
def test_bad_arrays_are_refused(
    outcome: list[float], treated: list[int], effect: list[float], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        qini_curve(outcome, treated, effect)


@pytest.mark.parametrize(
    ("propensity", "said"), [([0.0, 0.5], "propensity"), ([0.5] * 3, "2 effects, 3 propensities")]
)
def test_bad_propensities_are_refused(propensity: list[float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        uplift_curve([1.0, 2.0], [1, 0], [0.0, 0.0], propensity=propensity)
