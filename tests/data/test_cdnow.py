"""CDNOW: the published facts decide whether histories are counted right."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln, gammaln

from omniltv.data import PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.errors import ConfigError, DataError
from omniltv.units import days

pytestmark = pytest.mark.reference
needs_data = pytest.mark.skipif(
    "OMNILTV_DATA" not in os.environ, reason="OMNILTV_DATA does not name a folder with CDNOW"
)
CALIBRATION_END = "1997-09-30"


@pytest.fixture(scope="module")
def log() -> PurchaseLog[pd.DataFrame]:
    return PurchaseLog.from_frame(load_cdnow())


def bg_nbd_loglik(history: PurchaseHistory, r: float, alpha: float, a: float, b: float) -> float:
    """Return the log-likelihood of Fader, Hardie and Lee (2005), equation 6."""
    x, t_x, T = history.frequency, history.recency, history.T
    constant = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    alive = betaln(a, b + x) - (r + x) * np.log(alpha + T)
    dropped = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    either = np.logaddexp(alive, np.where(x > 0, dropped, -np.inf))
    return float((constant + either).sum())


@needs_data
def test_the_sample_has_2357_customers_and_6919_purchases(log: PurchaseLog[pd.DataFrame]) -> None:
    assert (len(log.customer_id), len(log), log.n_rejected) == (2_357, 6_919, 0)
    assert log.channels == ("ec",)


@needs_data
def test_the_whole_cohort_has_23570_customers_and_69659_purchases() -> None:
    cohort = load_cdnow(sample=False)
    assert (cohort["customer_id"].nunique(), len(cohort)) == (23_570, 69_659)
    assert cohort["time"].min() == pd.Timestamp("1997-01-01")
    assert cohort["time"].max() == pd.Timestamp("1998-06-30")


@needs_data
def test_loglik_at_the_estimates_of_fader_hardie_lee_2005(log: PurchaseLog[pd.DataFrame]) -> None:
    history = log.history(unit="week", end=CALIBRATION_END)
    loglik = bg_nbd_loglik(history, r=0.243, alpha=4.414, a=0.793, b=2.426)
    assert f"{loglik:.1f}" == "-9582.4"


@needs_data
def test_calibration_has_2457_repeat_purchases_in_1016_states(
    log: PurchaseLog[pd.DataFrame],
) -> None:
    history = log.history(unit="week", end=CALIBRATION_END)
    assert (len(history), int(history.frequency.sum())) == (2_357, 2_457)
    assert len(history.distinct().states) == 1_016
    assert (history.T.min(), history.T.max()) == (27.0, 272 / 7)


@needs_data
def test_weeks_40_to_78_have_1882_purchases(log: PurchaseLog[pd.DataFrame]) -> None:
    split = log.split(at=CALIBRATION_END, unit="week")
    assert split.holdout_frequency.sum() == 1_882
    assert (split.holdout_span, split.newcomers) == (days(273), 0)


def test_a_folder_without_the_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNILTV_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=r"CDNOW_master\.txt"):
        load_cdnow()


def test_another_file_of_that_name_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "CDNOW_master.txt").write_text("1 19970101 1 11.77\n")
    monkeypatch.setenv("OMNILTV_DATA", str(tmp_path))
    with pytest.raises(DataError, match="SHA-256"):
        load_cdnow()
