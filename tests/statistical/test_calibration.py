"""Posteriors are calibrated, and the check would see it if they were not."""

from dataclasses import replace

import numpy as np
import pytest

from omniltv.models import BgNbd, GammaGamma, Pooling, fit
from omniltv.models.pooling import PoolingKind
from omniltv.models.protocols import PurchaseModel, SpendModel
from omniltv.testing import calibration
from omniltv.testing.calibration import Calibration, band, simulation_based_calibration

pytestmark = [pytest.mark.slow, pytest.mark.sampling]


@pytest.mark.parametrize("model", [BgNbd(), GammaGamma()], ids=lambda model: model.name)
def test_partial_pooling_is_calibrated(model: PurchaseModel | SpendModel) -> None:
    found = simulation_based_calibration(
        model, pooling=PoolingKind.PARTIAL, fits=40, seed=3, customers=60
    )
    assert len(found.ranks) == 3 * len(model.coordinates)
    frame = found.to_frame()
    assert frame["p"].min() * len(frame) > 0.01
    assert frame["outside"].sum() <= 1


def test_draws_that_are_too_narrow_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """With draws at half their distance from the mean, the truth is too often outermost."""

    def narrow(*arguments: object, pooling: Pooling, **options: object) -> object:
        found = fit(*arguments, pooling=pooling, **options)  # type: ignore[call-overload]
        theta = found.draws.theta
        middle = theta.mean(axis=(0, 1))
        return replace(found, draws=replace(found.draws, theta=middle + (theta - middle) / 2))

    monkeypatch.setattr(calibration, "fit", narrow)
    found = simulation_based_calibration(
        BgNbd(), pooling=PoolingKind.COMPLETE, fits=60, seed=3, customers=60
    )
    assert min(found.p_values().values()) < 0.001
    assert any(found.outside().values())


def test_the_band_holds_uniform_ranks_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    lower, upper = band(200, 0.9)
    inside = 0
    for _ in range(400):
        seen = np.cumsum(np.bincount(rng.integers(0, 100, 200), minlength=100))[:-1]
        inside += bool(((seen >= lower) & (seen <= upper)).all())
    assert 0.85 < inside / 400 < 0.96


def test_uniform_ranks_pass_and_crowded_ranks_do_not() -> None:
    rng = np.random.default_rng(1)
    ranks = {"good": rng.integers(0, 100, 300), "bad": rng.integers(20, 80, 300)}
    found = Calibration("model", PoolingKind.NONE, ranks, 0)
    assert found.p_values()["good"] > 0.01 > found.p_values()["bad"]
    assert found.outside() == {"good": False, "bad": True}
