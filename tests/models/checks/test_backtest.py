"""Backtests: what an origin sees, what the table says, and how large the model error is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_mean, sigmas

from omniltv.data import PurchaseLog
from omniltv.draws import Totals
from omniltv.errors import ConfigError
from omniltv.models import BgBb, BgNbd, GammaGamma, MbgNbd, ModelError
from omniltv.models.checks import Backtest, BacktestWindow, backtest
from omniltv.units import Span, TimeUnit, days, weeks

START = pd.Timestamp("2025-01-06")
SPANS = [weeks(6), weeks(12)]
HALF = weeks(26)


def purchases(n: int = 150, *, seed: int = 1) -> pd.DataFrame:
    """Purchases of customers of two channels over 60 weeks, who stay with a probability of 0.9."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(n):
        day, channel = rng.uniform(0, 100), ("ec", "store")[customer % 2]
        while day < 420:
            rows.append((f"c{customer}", channel, START + pd.Timedelta(int(day), "D")))
            day += rng.exponential(20) + (rng.random() < 0.1) * 9999
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "time"])
    return frame.assign(value=rng.gamma(4.0, 5.0, len(frame)).round(2))


def log_of(frame: pd.DataFrame) -> PurchaseLog[pd.DataFrame]:
    return PurchaseLog.from_frame(frame)


def backtested(frame: pd.DataFrame, origins: object = 2) -> Backtest:
    return backtest(
        log_of(frame), MbgNbd(), GammaGamma(), horizon=SPANS, origins=origins,  # type: ignore[arg-type] # wrong ones, too
        by="channel", method="map", seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Backtest:
    return backtested(purchases())


def test_the_table_has_every_total_beside_what_happened(found: Backtest) -> None:
    frame = found.to_frame()
    assert len(frame) == 2 * 2 * 2 * 3  # origins, horizons, quantities, groups and their sum
    parts = frame[frame["group"] != "(all)"]
    keys = ["origin", "horizon", "quantity"]
    summed = parts.groupby(keys)[["actual", "predicted"]].sum()
    whole = frame[frame["group"] == "(all)"].set_index(keys)[["actual", "predicted"]].sort_index()
    np.testing.assert_allclose(summed, whole)
    inside = (frame["lower"] <= frame["actual"]) & (frame["actual"] <= frame["upper"])
    assert (frame["inside"] == inside).all()
    np.testing.assert_allclose(frame["error"], np.log(frame["actual"] / frame["predicted"]))
    narrow = replace(found, level=0.2).to_frame()
    assert (narrow["upper"] - narrow["lower"] < frame["upper"] - frame["lower"]).all()


def test_actual_totals_are_those_of_known_customers_in_the_window(found: Backtest) -> None:
    frame = purchases()
    for window in found.windows:
        after = pd.Timestamp(window.origin) + pd.Timedelta(1, "D")
        end = after + pd.Timedelta(int(window.horizon.amount) * 7, "D")
        row = frame["customer_id"] + frame["channel"]
        known = row.isin(row[frame["time"] < after])
        bought = frame[known & (frame["time"] >= after) & (frame["time"] < end)]
        by_channel = bought.groupby("channel")
        np.testing.assert_allclose(window.actual["value"], by_channel["value"].sum())
        occasions = bought.drop_duplicates(["customer_id", "channel", "time"])
        assert window.actual["purchases"].tolist() == occasions["channel"].value_counts()[
            ["ec", "store"]
        ].tolist()  # fmt: skip


def test_origins_are_a_horizon_apart_before_the_end_of_the_log(found: Backtest) -> None:
    last = purchases()["time"].max().to_datetime64().astype("datetime64[D]")
    origins = [window.origin for window in found.windows]
    assert origins[-1] == last - np.timedelta64(84, "D")
    assert origins[-1] - origins[0] == np.timedelta64(84, "D")


def test_a_forecast_does_not_see_what_comes_after_its_origin(found: Backtest) -> None:
    frame, origin = purchases(), found.windows[0].origin
    later = frame["time"] > pd.Timestamp(origin)
    changed = frame.assign(value=frame["value"].where(~later, 999.0))
    changed = changed[~later | (frame["customer_id"].str.len() > 2)]  # nine customers less
    other = backtested(changed, [str(origin)])
    for before, after in zip(found.windows[:2], other.windows, strict=True):
        for name, totals in before.predicted.items():
            np.testing.assert_array_equal(after.predicted[name].values, totals.values)
        assert (after.actual["value"] != before.actual["value"]).all()


def test_an_origin_that_is_given_twice_counts_once() -> None:
    found = backtested(purchases(40), ["2025-10-01", "2025-10-01"])
    assert len(found.windows) == len(SPANS)


@pytest.mark.parametrize(
    ("origins", "match"),
    [
        (0, "too short"),
        (10**18, "too short"),
        ([], "no origin"),
        (["2026-02-20"], "end after the log"),
        (["soon"], "not a local day"),
        (["2025-10-01T00:00+09:00"], "not a local day"),
    ],
)
def test_origins_that_the_log_does_not_have_are_refused(origins: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        backtested(purchases(20), origins)
    assert "Hint" in str(caught.value)


def test_horizons_and_models_that_cannot_be_tested_are_refused() -> None:
    log = log_of(purchases(20))
    with pytest.raises(ConfigError, match="too short"):
        backtest(log, BgNbd(), horizon=weeks(40), seed=1)
    for wrong in ([], [weeks(4), days(70)], weeks(0)):
        with pytest.raises(ConfigError, match="horizons have one unit"):
            backtest(log, BgNbd(), horizon=wrong, seed=1)
    with pytest.raises(ConfigError, match="opportunities"):
        backtest(log, BgBb(), horizon=weeks(4), seed=1)


def missed(
    misses: NDArray[np.float64], *, spread: float = 0.05, span: Span = HALF, step: float = 1.0
) -> ModelError:
    """Return the model error of misses of shape (n_origins, n_groups), a step of spans apart."""
    labels = tuple(f"channel {k}" for k in range(misses.shape[1]))
    ones, rng = np.ones(len(labels)), np.random.default_rng(6)
    windows = []
    for k, miss in enumerate(misses):
        noise = rng.standard_normal((len(labels), 400))
        noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, keepdims=True)
        simulated = Totals(labels, 1e6 * np.exp(spread * noise), ones, "purchases")
        day = np.datetime64("2000-01-01") + np.timedelta64(
            round(k * step * span.to(TimeUnit.DAY)), "D"
        )
        actual = {"purchases": 1e6 * np.exp(miss)}
        windows.append(BacktestWindow(day, span, {"purchases": simulated}, actual))
    return Backtest(tuple(windows)).model_error()


def drawn(sd: float, correlation: float, *, origins: int) -> NDArray[np.float64]:
    """Misses of four groups: a model error on top of a spread of predictions of 5 %."""
    alike = correlation + (1 - correlation) * np.eye(4)
    cover = 0.05**2 * np.eye(4) + sd**2 * alike
    rng = np.random.default_rng(5)
    return rng.multivariate_normal(np.full(4, -(sd**2) / 2), cover, origins)


def test_many_origins_give_the_true_error() -> None:
    n, sd, c = 100, 0.3, 0.6
    error = missed(drawn(sd, c, origins=n))
    # An origin has at least the information of one group: the sd of log sd is at most
    # sqrt(1 / 2n). The correlation of two of four groups has an sd below sqrt(2 / n) 0.6.
    assert abs(np.log(error.sd[0] / sd)) < sigmas(2) / np.sqrt(2 * n)
    assert abs(error.correlation - c) < sigmas(2) * np.sqrt(2 / n) * 0.6
    assert error.origins == n


def test_no_more_than_the_spread_leaves_a_small_error() -> None:
    sizes = [missed(drawn(0.0, 0.5, origins=n)).sd[0] for n in (1, 10, 50)]
    assert 0.15 > sizes[0] > sizes[1] > sizes[2] > 0
    assert sizes[2] < 0.04


def test_a_single_origin_is_between_its_miss_and_the_prior() -> None:
    assumed = ModelError.default().at(HALF)
    small, large = (missed(np.array([[size]]), spread=0.02).sd[0] for size in (0.01, 0.6))
    assert 0.01 < small < assumed < large < 0.6


def test_without_a_word_from_the_data_the_error_is_the_default() -> None:
    for span in (weeks(13), weeks(52)):
        error = missed(np.array([[0.1]]), spread=20.0, span=span)
        assert error.at(span) == pytest.approx(ModelError.default().at(span), rel=0.03)
        assert error.correlation == pytest.approx(0.5, abs=1e-2)


def test_origins_that_overlap_say_less_than_if_they_were_apart_and_more_than_one() -> None:
    misses = np.full((4, 1), 0.6)
    apart, half, one = missed(misses), missed(misses, step=0.5), missed(misses[:1])
    assert 0.15 < apart.sd[0] < half.sd[0] < one.sd[0]


@pytest.mark.parametrize("bias", [-0.4, 0.4])
def test_a_miss_that_all_origins_repeat_is_within_the_interval_and_near_its_end(
    bias: float,
) -> None:
    error = missed(np.full((3, 4), bias), spread=0.03, step=0.5)
    reached = sigmas_of_90(error.sd[0], np.sign(bias))
    assert 1.05 < reached / bias < 1.8
    assert error.correlation > 0.8


def test_misses_of_both_signs_are_no_bias() -> None:
    turns = np.array([[0.3], [-0.3], [0.3], [-0.3]])
    swings, lasts = missed(turns).sd[0], missed(np.abs(turns)).sd[0]
    assert swings > 1.1 * lasts  # the next miss may be larger than 0.3


@pytest.mark.slow
def test_the_next_miss_is_inside_as_often_as_stated_if_the_prior_is_true() -> None:
    rng, n = np.random.default_rng(11), 300
    scale = 0.645 * ModelError.default().at(HALF)
    held = []
    for _ in range(n):
        sd, (c, lasting) = scale * abs(rng.standard_t(2)), rng.random(2)
        alike = sd**2 * (c + (1 - c) * np.eye(2))
        bias = rng.multivariate_normal(np.full(2, -(sd**2) / 2), lasting * alike)
        misses = rng.multivariate_normal(bias, (1 - lasting) * alike, 4)
        seen = misses[:3] + 0.05 * rng.standard_normal((3, 2))
        found = missed(seen).sd[0]
        lower, upper = (sigmas_of_90(found, sign) for sign in (-1, 1))
        held.append(((lower <= misses[3]) & (misses[3] <= upper)).mean())
    assert_mean(np.array(held), 0.9)


def sigmas_of_90(sd: float, sign: float) -> float:
    """Return the end of the 90 % interval of the logarithm of a mean-one factor."""
    return float(sign * 1.6449 * sd - sd**2 / 2)


def window(day: str, actual: NDArray[np.float64]) -> BacktestWindow:
    values = np.random.default_rng(2).lognormal(5, 0.02, (2, 200))
    totals = Totals(("ec", "store"), values, np.ones(2), "purchases")
    return BacktestWindow(
        np.datetime64(day), weeks(10), {"purchases": totals}, {"purchases": actual}
    )


def test_windows_that_overlap_count_as_the_time_that_they_cover() -> None:
    missed = np.array([300.0, 300.0])
    apart = Backtest((window("2026-01-01", missed), window("2026-06-01", missed)))
    alike = Backtest((window("2026-01-01", missed), window("2026-01-01", missed)))
    once = Backtest((window("2026-01-01", missed),))
    assert alike.model_error().sd == pytest.approx(once.model_error().sd)
    assert apart.model_error().sd != pytest.approx(once.model_error().sd, rel=0.01)


def test_a_channel_that_bought_nothing_is_a_miss_of_finite_size() -> None:
    error = Backtest((window("2026-01-01", np.array([0.0, 150.0])),)).model_error()
    assert 0.15 < error.sd[0] < 10
