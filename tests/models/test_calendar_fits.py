"""Fits in calendar time: forecasts on the clock, draw by draw, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas
from tests.data._seasons import season_log
from tests.models.conftest import diagnostics, posterior

from omniltv.data import CalendarTime, PurchaseHistory, PurchaseLog
from omniltv.errors import ConfigError, UnitError
from omniltv.models import (
    BgBb,
    GammaGamma,
    LifetimeValue,
    MbgNbd,
    ModelError,
    Pooling,
    PurchaseFit,
    SpendFit,
    acquisition_value,
    fit,
    lifetime_value,
    load_fit,
)
from omniltv.models.checks import backtest, coverage, holdout_log_score, tracking
from omniltv.models.posterior.state_columns import purchase_state
from omniltv.testing.value_laws import check_own_answer
from omniltv.units import Discount, TimeUnit, days, weeks

type Log = PurchaseLog[pd.DataFrame]

LABELS = ("ec", "store")


@pytest.fixture(scope="module")
def log() -> Log:
    return season_log(300, weeks=90, seed=5)


@pytest.fixture(scope="module")
def calendar(log: Log) -> CalendarTime:
    return log.calendar_time(by="channel", seed=2)


@pytest.fixture(scope="module")
def history(log: Log, calendar: CalendarTime) -> PurchaseHistory:
    return log.history(unit="week", by="channel", calendar=calendar)


@pytest.fixture(scope="module")
def fits(calendar: CalendarTime) -> tuple[PurchaseFit, SpendFit]:
    pooling = Pooling.partial("channel")
    bought = PurchaseFit(
        MbgNbd(), pooling, posterior(MbgNbd(), LABELS), diagnostics(), TimeUnit.WEEK,
        clock=calendar.name,
    )  # fmt: skip
    return bought, SpendFit(GammaGamma(), pooling, posterior(GammaGamma(), LABELS), diagnostics())


def valued(
    fits: tuple[PurchaseFit, SpendFit], history: PurchaseHistory, per_year: float = 0.0
) -> LifetimeValue:
    return lifetime_value(
        *fits, history, horizon=weeks(26), discount=Discount(per_year=per_year), seed=1,
        model_error=ModelError.none(),
    )  # fmt: skip


def test_a_forecast_has_the_operational_length_of_its_draw_and_group(
    fits: tuple[PurchaseFit, SpendFit], history: PurchaseHistory
) -> None:
    bought, _ = fits
    clock = history.clock
    assert clock is not None
    lengths = clock.ahead(weeks(26), n_draws=bought.n_draws, unit=TimeUnit.WEEK)
    assert lengths.std(axis=1).min() > 0
    rows = np.arange(0, len(history), 20)
    some = history.take(rows)
    found = bought.expected_purchases(some, weeks(26)).to_array()
    parameters = bought.cells(some).parameters()
    length = lengths[clock.codes(some.groups, len(some))]
    by_hand = MbgNbd().expected_purchases(parameters, purchase_state(some, slice(None)), length)
    # The interpolation over draws is accurate to a hundredth of the spread of the draws.
    spread = by_hand.std(axis=1, keepdims=True)
    assert np.sqrt(((found - by_hand) ** 2).mean(axis=1)).max() < 0.02 * spread.max()


def test_value_follows_the_clock_and_futures_have_its_mean(
    fits: tuple[PurchaseFit, SpendFit], history: PurchaseHistory
) -> None:
    value = valued(fits, history)
    purchases = value.expected_purchases.to_array()
    direct = fits[0].expected_purchases(history, weeks(26)).to_array()
    np.testing.assert_allclose(purchases, direct, rtol=1e-6)
    gap = value.predictive.to_array() - value.draws.to_array()
    rows = gap.mean(axis=1)
    assert abs(rows.mean()) < sigmas() * rows.std() / np.sqrt(len(rows))
    # Discounted at 100 % a year, half a year is worth between all and 1 / sqrt(2) of it.
    ratio = valued(fits, history, 1.0).total().mean()[0] / value.total().mean()[0]
    assert 0.5**0.5 < ratio < 1.0


@pytest.mark.slow
def test_the_value_of_a_customer_does_not_depend_on_the_others(
    fits: tuple[PurchaseFit, SpendFit], history: PurchaseHistory
) -> None:
    some = history.take(np.arange(0, len(history), 12))
    check_own_answer(lambda rows: valued(fits, rows, 0.1), some, alone=4)


def test_a_fit_asks_for_the_calendar_of_its_history(
    fits: tuple[PurchaseFit, SpendFit], log: Log, history: PurchaseHistory, tmp_path: Path
) -> None:
    plain = log.history(unit="week", by="channel")
    other = log.calendar_time(by="channel", end="2024-06-30", seed=2)
    for wrong in (plain, log.history(unit="week", by="channel", calendar=other)):
        with pytest.raises(UnitError, match="calendar time"):
            valued(fits, wrong)
        with pytest.raises(UnitError, match="calendar time"):
            fits[0].prob_alive(wrong)
    fits[0].save(tmp_path / "fit.npz")
    loaded = load_fit(tmp_path / "fit.npz", model=MbgNbd())
    assert loaded.clock == fits[0].clock
    np.testing.assert_array_equal(
        loaded.prob_alive(history).mean(), fits[0].prob_alive(history).mean()
    )


def test_what_has_no_calendar_time_is_refused(
    fits: tuple[PurchaseFit, SpendFit], log: Log, history: PurchaseHistory
) -> None:
    with pytest.raises(ConfigError, match="opportunities"):
        fit(BgBb(), history, seed=1, method="map")
    with pytest.raises(ConfigError, match="cannot be tracked"):
        tracking(fits[0], history, log=log)
    with pytest.raises(ConfigError, match="new customers"):
        acquisition_value(
            *fits, horizon=weeks(26), discount=Discount(per_year=0.1), acquisition_cost=1.0
        )


def test_a_holdout_is_scored_on_the_clock(log: Log) -> None:
    at = "2024-06-30"
    calendar = log.calendar_time(end=at, seed=1)
    split = log.split(at=at, unit="week", calendar=calendar)
    found = fit(MbgNbd(), split.calibration, seed=1, method="map")
    assert found.clock == calendar.name
    scored = holdout_log_score(found, split, seed=1)
    assert scored.exact
    state = purchase_state(split.calibration, slice(None))
    clock = split.calibration.clock
    assert clock is not None
    span = clock.ahead(split.holdout_span, n_draws=1, unit=TimeUnit.WEEK)[0]
    model, parameters = MbgNbd(), found.cells(split.calibration).parameters()
    from omniltv.models.processes.numpy_namespace import NUMPY

    before = np.asarray(model.loglik(NUMPY, parameters, state))
    after = np.asarray(model.loglik(NUMPY, parameters, state._replace(T=state.T + span)))
    none = split.holdout_frequency == 0
    np.testing.assert_allclose(scored.values[none], (after - before)[none, 0], atol=1e-6)
    covered = coverage(found, split, seed=1, draws=200)
    assert 0.6 < covered.share(0.8) < 0.95


def test_a_backtest_learns_the_calendar_at_each_origin(log: Log) -> None:
    found = backtest(
        log, MbgNbd(), horizon=days(56), origins=2, method="map", calendar=True, seed=1
    )
    plain = backtest(log, MbgNbd(), horizon=days(56), origins=2, method="map", seed=1)
    assert found.to_frame()["actual"].tolist() == plain.to_frame()["actual"].tolist()
    assert found.to_frame()["predicted"].tolist() != plain.to_frame()["predicted"].tolist()
