from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas
from tests.models.checks._splits import SHORT, moved

from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models import (
    BgNbd,
    PurchaseFit,
    fit,
)
from omniltv.models.checks import compare, tracking
from omniltv.units import days, weeks


def test_tracking_adds_up_what_each_customer_is_expected_to_do(
    log: PurchaseLog[pd.DataFrame], dated: PurchaseHistory, dated_fit: PurchaseFit
) -> None:
    tracked = tracking(dated_fit, dated, log=log, by="acquisition_channel", draws=40)
    assert tracked.labels == ("ec", "store") == dated_fit.groups
    picked = np.arange(40) * dated_fit.n_draws // 40
    at_end = np.flatnonzero(tracked.calibration)[-1]
    for ahead in (0, 5):
        for place, label in enumerate(tracked.labels):
            T = dated.T[dated.groups["acquisition_channel"] == label] + ahead
            of_group = {k: v[picked, place] for k, v in dated_fit.parameters.items()}
            each = BgNbd().expected_purchases_new(of_group, T[:, None])
            np.testing.assert_allclose(
                tracked.expected[place, at_end + ahead], each.sum(axis=0), rtol=1e-10
            )


def test_tracking_counts_what_the_log_says(
    log: PurchaseLog[pd.DataFrame], dated: PurchaseHistory, dated_fit: PurchaseFit
) -> None:
    tracked = tracking(dated_fit, dated, log=log, by="acquisition_channel", draws=5)
    assert (tracked.end[tracked.calibration][-1]) == np.datetime64("2026-07-05")
    assert np.diff(tracked.end).min() == np.diff(tracked.end).max() == np.timedelta64(7, "D")
    short = tracking(
        dated_fit, dated, log=log, until="2026-05-03", draws=5, by="acquisition_channel"
    )
    np.testing.assert_array_equal(short.actual, tracked.actual[:, : len(short.end)])
    for step in (3, 12, 25, -1):
        until = log.history(end=pd.Timestamp(tracked.end[step]), by="acquisition_channel")
        for place, label in enumerate(tracked.labels):
            own = (until.groups["acquisition_channel"] == label) & (until.customer_id != "late")
            assert tracked.actual[place, step] == until.frequency[own].sum()


def test_tracking_of_the_right_model_is_near_the_truth(
    log: PurchaseLog[pd.DataFrame], dated: PurchaseHistory, dated_fit: PurchaseFit
) -> None:
    frame = tracking(dated_fit, dated, log=log).to_frame()
    last = frame[frame["calibration"]].iloc[-1]
    error = np.sqrt(len(dated)) * dated.frequency.std()  # and less, as the fit saw the same data
    assert abs(last["expected_cumulative"] - last["actual_cumulative"]) < sigmas() * error
    assert (frame["lower_cumulative"] <= frame["expected_cumulative"]).all()
    np.testing.assert_allclose(frame["expected"].cumsum(), frame["expected_cumulative"])
    np.testing.assert_array_equal(frame["actual"].cumsum(), frame["actual_cumulative"])
    wrong = tracking(moved(dated_fit, "log_rate", 0.7), dated, log=log).to_frame()
    assert wrong["lower_cumulative"].iloc[-1] > wrong["actual_cumulative"].iloc[-1]


def test_tracking_of_customers_and_channels_in_months(log: PurchaseLog[pd.DataFrame]) -> None:
    rows = log.history(by="channel", period="month", end="2026-06-15")
    known = fit(BgNbd(), rows, seed=1, method=SHORT)
    tracked = tracking(known, rows, log=log, by="channel", period="month", until="2026-10-01")
    assert tracked.end[-1] == np.datetime64("2026-10-31")
    assert tracked.actual[:, tracked.calibration][:, -1].sum() == rows.frequency.sum()


def test_tracking_with_covariates_is_that_of_each_customer(
    log: PurchaseLog[pd.DataFrame], dated: PurchaseHistory
) -> None:
    age = np.arange(len(dated)) % 5
    known = dated.with_covariate("age", age)
    moving = fit(
        BgNbd(),
        known,
        seed=1,
        method=SHORT,
        covariates={"log_rate": ["age"]},
    )
    tracked = tracking(moving, known, log=log, draws=50)
    parameters = moving.cells(known).parameters(np.arange(50) * moving.n_draws // 50)
    each = BgNbd().expected_purchases_new(parameters, known.T[:, None])
    at_end = np.flatnonzero(tracked.calibration)[-1]
    np.testing.assert_allclose(tracked.expected[0, at_end], each.sum(axis=0), rtol=1e-10)


def test_a16_a_history_in_another_unit_is_one_class_of_error(
    log: PurchaseLog[pd.DataFrame], dated_fit: PurchaseFit
) -> None:
    daily = log.history(by="acquisition_channel", end="2026-07-05")
    asked = (
        lambda: tracking(dated_fit, daily, log=log),
        lambda: compare({"a": dated_fit}, daily, seed=1),
        lambda: dated_fit.prob_alive(daily),
        lambda: dated_fit.expected_purchases(daily, horizon=weeks(1)),
    )
    for ask in asked:
        with pytest.raises(UnitError, match="in days"):
            ask()


def test_tracking_refuses_what_does_not_belong_together(
    log: PurchaseLog[pd.DataFrame], dated: PurchaseHistory, dated_fit: PurchaseFit
) -> None:
    with pytest.raises(DataError, match="differs from the log"):
        tracking(dated_fit, dated, log=log, period="week")
    strange = replace(dated, customer_id=np.arange(len(dated)).astype(object))
    with pytest.raises(DataError, match="the log does not have"):
        tracking(dated_fit, strange, log=log)
    with pytest.raises(DataError, match="no such group column"):
        tracking(dated_fit, dated, log=log, by="region")
    with pytest.raises(ConfigError, match="shorter than a day"):
        tracking(dated_fit, dated, log=log, step=days(0.5))
    with pytest.raises(ConfigError, match="nothing to track until 2025"):
        tracking(dated_fit, dated, log=log, until="2025-01-01")
    with pytest.raises(ConfigError, match="draws"):
        tracking(dated_fit, dated, log=log, draws=0)
