from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.models.checks._splits import SIZE, TRUTH, split_of

from omniltv.data import CalibrationHoldout, PurchaseLog
from omniltv.data.history import PurchaseHistory
from omniltv.models import (
    BgNbd,
    GammaGamma,
    Pooling,
    PurchaseFit,
    Sampling,
    SpendFit,
    fit,
)


@pytest.fixture(scope="session")
def split() -> CalibrationHoldout:
    T = np.random.default_rng(2).integers(20, 40, SIZE).astype(np.float64)
    found = split_of(BgNbd(), TRUTH, T)
    channel = np.where(np.arange(SIZE) % 3 == 0, "ec", "store")
    return replace(found, calibration=found.calibration.with_group("channel", channel))


@pytest.fixture(scope="session")
def found(split: CalibrationHoldout) -> PurchaseFit:
    return fit(BgNbd(), split.calibration, seed=1, method=Sampling("laplace", draws=250))


@pytest.fixture(scope="session")
def spend(split: CalibrationHoldout) -> SpendFit:
    return fit(GammaGamma(), split.calibration, seed=1, method=Sampling("laplace", draws=250))


@pytest.fixture(scope="session")
def log() -> PurchaseLog[pd.DataFrame]:
    """Purchases on days, of BG/NBD customers who came within twelve weeks, and two latecomers."""
    rng, rows = np.random.default_rng(11), []
    for customer in range(400):
        birth, rate, p = rng.uniform(0, 84), rng.gamma(0.9) / 28, rng.beta(0.8, 2.5)
        when = [birth]
        while when[-1] < 364:
            when.append(when[-1] + rng.exponential(1 / rate))
            if rng.random() < p:
                break
        channel = "ec" if customer % 4 == 0 else "store"
        rows += [(f"c{customer}", channel, day) for day in when if day < 364]
    rows += [("late", "ec", 300.0), ("late", "store", 310.0)]
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "day"])
    time = pd.Timestamp("2026-01-05") + pd.to_timedelta(np.floor(frame.pop("day")), "D")
    return PurchaseLog.from_frame(frame.assign(time=time, value=10.0), now="2027-02-01")


@pytest.fixture(scope="session")
def dated(log: PurchaseLog[pd.DataFrame]) -> PurchaseHistory:
    return log.history(unit="week", by="acquisition_channel", end="2026-07-05")


@pytest.fixture(scope="session")
def dated_fit(dated: PurchaseHistory) -> PurchaseFit:
    pooling = Pooling.none("acquisition_channel")
    return fit(BgNbd(), dated, seed=1, method=Sampling("laplace", draws=300), pooling=pooling)
