"""Posteriors on CDNOW agree with the estimates that Fader, Hardie and Lee have printed."""

import os
from pathlib import Path

import pytest

from omniltv.data.cdnow import load_cdnow
from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.models import BgNbd, GammaGamma, PurchaseFit, SpendFit, fit
from omniltv.testing.reference import BG_NBD_CDNOW, GAMMA_GAMMA_CDNOW, Published

pytestmark = [pytest.mark.reference, pytest.mark.sampling, pytest.mark.slow]


@pytest.fixture(scope="module")
def calibration() -> PurchaseHistory:
    """The 1/10 sample until the end of week 39."""
    folder = os.environ.get("OMNILTV_DATA")
    if folder is None or not (Path(folder) / "CDNOW_master.txt").exists():
        pytest.skip("CDNOW_master.txt is not there: set OMNILTV_DATA to its folder")
    return PurchaseLog.from_frame(load_cdnow()).split(at="1997-09-30", unit="week").calibration


def agrees(found: PurchaseFit | SpendFit, published: Published) -> None:
    """The printed estimates lie within two posterior sds, and these say something.

    Data are given, so that only chance in the draws differs: a mean of 200 effective draws, which
    `ok` asks for, is known to .07 sd, and none is more than half an sd off.
    """
    assert found.diagnostics.ok
    for name, estimate in published.parameters.items():
        draws = found.parameters[name][:, 0]
        assert abs(draws.mean() - estimate) < 2 * draws.std(), name
        assert draws.std() < estimate, name


def test_the_bg_nbd_posterior_agrees_with_the_published_estimates(
    calibration: PurchaseHistory,
) -> None:
    assert len(calibration) == BG_NBD_CDNOW.customers
    agrees(fit(BgNbd(), calibration, seed=1, progress=False), BG_NBD_CDNOW)


def test_the_gamma_gamma_posterior_agrees_with_the_published_estimates(
    calibration: PurchaseHistory,
) -> None:
    assert int((calibration.frequency > 0).sum()) == GAMMA_GAMMA_CDNOW.customers
    agrees(fit(GammaGamma(), calibration, seed=1, progress=False), GAMMA_GAMMA_CDNOW)
