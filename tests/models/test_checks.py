from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests._statistics import assert_plausible, assert_share, assert_shares, sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.data.log import CalibrationHoldout, PurchaseLog
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    GammaGamma,
    MbgNbd,
    Pooling,
    PurchaseFit,
    Sampling,
    ShiftedBetaGeometric,
    SpendFit,
    fit,
)
from omniltv.models.checks import (
    _log_score,
    compare,
    conditional_expectation,
    coverage,
    expected_purchases_matrix,
    frequency_histogram,
    holdout_log_score,
    loo,
    prob_alive_matrix,
    ranking,
    tracking,
)
from omniltv.models.checks._coverage import Futures, cover_of, simulate_futures
from omniltv.models.processes.protocols import PurchaseModel, PurchaseState, SpendState
from omniltv.units import days, weeks

TRUTH = {"r": 0.9, "alpha": 4.0, "a": 0.8, "b": 2.5}
VALUE = {"p": 5.0, "q": 4.0, "v": 12.0}
SIZE, SPAN = 900, 26.0
SHORT = Sampling("laplace", draws=150)


def split_of(
    model: PurchaseModel,
    parameters: Mapping[str, Any],
    T: NDArray[np.float64],
    *,
    span: float = SPAN,
    seed: int = 3,
    unit: str = "week",
) -> CalibrationHoldout:
    """A split whose truth is known: of purchases by a model, of spend by gamma-gamma."""
    rng = np.random.default_rng(seed)
    state = model.simulate(parameters, T, rng)
    x = np.asarray(state.frequency).astype(np.int64)
    spent = GammaGamma().simulate({k: np.array(v) for k, v in VALUE.items()}, x, rng)
    future = model.simulate_future(parameters, state, span, rng)
    each = {name: np.full(len(T), value) for name, value in VALUE.items()}
    value = GammaGamma().simulate_future(each, SpendState(x, spent), future.row, rng)
    n = len(T)
    history = PurchaseHistory(np.arange(n), x, state.recency, T, spent, unit)  # type: ignore[arg-type]
    return CalibrationHoldout(
        history,
        np.bincount(future.row, minlength=n),
        np.bincount(future.row, weights=value, minlength=n),
        weeks(span),
        0,
    )


@pytest.fixture(scope="module")
def split() -> CalibrationHoldout:
    T = np.random.default_rng(2).integers(20, 40, SIZE).astype(np.float64)
    found = split_of(BgNbd(), TRUTH, T)
    channel = np.where(np.arange(SIZE) % 3 == 0, "ec", "store")
    return replace(found, calibration=found.calibration.with_group("channel", channel))


@pytest.fixture(scope="module")
def found(split: CalibrationHoldout) -> PurchaseFit:
    return fit(BgNbd(), split.calibration, seed=1, method=Sampling("laplace", draws=250))


@pytest.fixture(scope="module")
def spend(split: CalibrationHoldout) -> SpendFit:
    return fit(GammaGamma(), split.calibration, seed=1, method=Sampling("laplace", draws=250))


def moved(found: PurchaseFit, name: str, by: float) -> PurchaseFit:
    """A fit with one coordinate moved: a wrong one."""
    theta = found.draws.coordinates.copy()
    theta[..., found.draws.names.index(name)] += by
    return replace(found, draws=replace(found.draws, coordinates=theta))


# ---------------------------------------------------------------------------------------
# Tracking


@pytest.fixture(scope="module")
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
    return PurchaseLog.from_frame(frame.assign(time=time, value=10.0))


@pytest.fixture(scope="module")
def dated(log: PurchaseLog[pd.DataFrame]) -> PurchaseHistory:
    return log.history(unit="week", by="acquisition_channel", end="2026-07-05")


@pytest.fixture(scope="module")
def dated_fit(dated: PurchaseHistory) -> PurchaseFit:
    pooling = Pooling.none("acquisition_channel")
    return fit(BgNbd(), dated, seed=1, method=Sampling("laplace", draws=300), pooling=pooling)


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


def test_tracking_refuses_what_does_not_belong_together(
    log: PurchaseLog[pd.DataFrame], dated: PurchaseHistory, dated_fit: PurchaseFit
) -> None:
    with pytest.raises(DataError, match="does not say what the log says"):
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
    with pytest.raises(UnitError, match="in days"):
        tracking(dated_fit, log.history(by="acquisition_channel", end="2026-07-05"), log=log)


# ---------------------------------------------------------------------------------------
# Calibration and holdout


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
    with pytest.raises(ConfigError, match="at least 1"):
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
    with pytest.raises(ConfigError, match='"frequency" or "recency"'):
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


def test_intervals_of_the_right_model_cover(
    found: PurchaseFit, spend: SpendFit, split: CalibrationHoldout
) -> None:
    covered = coverage(found, split, seed=5, spend=spend, by="channel", draws=200)
    table = covered.to_frame()
    assert len(table) == 6
    assert (abs(table["share"] - table["level"]) < sigmas(20) * table["error"] + 0.002).all()
    fair = covered.uniformity().to_frame()
    assert_plausible(fair[["ks_p_value", "chi_square_p_value"]].to_numpy(), comparisons=20)
    totals = covered.totals(0.9).to_frame()
    sd = (totals["upper"] - totals["lower"]) / (2 * stats.norm.ppf(0.95))
    assert (abs(totals["actual"] - totals["predicted"]) < sigmas(20) * sd).all()
    assert totals["group"].tolist() == ["ec", "store"] * 2
    bought = totals[totals["quantity"] == "purchases"]
    assert bought["actual"].sum() == split.holdout_frequency.sum()
    expected = found.expected_purchases(split.calibration, split.holdout_span).total()
    error = sd[bought.index].sum() / np.sqrt(200)  # of 200 draws
    assert abs(bought["predicted"].sum() - expected.mean()[0]) < sigmas(20) * error


def test_totals_of_few_purchases_are_judged_by_chance_where_they_tie() -> None:
    rng = np.random.default_rng(1)
    n_groups, n = 4_000, 100
    rates = rng.gamma(2.0, 2.0, n_groups)
    happened = rng.poisson(rates).astype(float)
    futures = Futures(
        n=n,
        labels=tuple(f"g{k}" for k in range(n_groups)),
        size=np.ones(n_groups),
        actual={"purchases": happened},
        groups=np.arange(n_groups),
        below={"purchases": np.zeros(n_groups, dtype=np.int64)},
        equal={"purchases": np.zeros(n_groups, dtype=np.int64)},
        totals={"purchases": rng.poisson(rates[:, None], (n_groups, n)).astype(float)},
    )
    covered = cover_of(futures, (0.5,), 1)
    u = covered.pit_of_totals["purchases"]
    assert_plausible(stats.kstest(u, "uniform").pvalue, comparisons=2)
    table = covered.totals(0.5).to_frame()
    np.testing.assert_array_equal(table["pit"], u)
    held = covered.share_of_totals(0.5)
    assert held == ((u >= 0.25) & (u <= 0.75)).mean()
    assert_share((u >= 0.25) & (u <= 0.75), 0.5, comparisons=2)
    assert table["inside"].mean() > held + 0.05, "the ends of an interval are among what it holds"


@pytest.mark.parametrize(("name", "by"), [("logit_dropout", -2.0), ("logit_dropout", 2.0)])
def test_intervals_of_a_wrong_model_do_not_cover(
    found: PurchaseFit, split: CalibrationHoldout, name: str, by: float
) -> None:
    covered = coverage(moved(found, name, by), split, seed=5, draws=100)
    told = covered.uniformity().columns()
    assert np.asarray(told["ks_p_value"], dtype=float) < 1e-4
    assert np.asarray(told["chi_square_p_value"], dtype=float) < 1e-4
    assert not covered.totals(0.99).to_frame()["inside"].any()
    assert (np.mean(covered.pit["purchases"]) > 0.5) == (by > 0), "too low, so holdouts are high"


def test_the_seed_decides_and_nothing_else(found: PurchaseFit, split: CalibrationHoldout) -> None:
    one, same, other = (
        coverage(found, split, seed=s, draws=20).pit["purchases"] for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    part = replace(
        split,
        calibration=split.calibration.take(np.arange(512)),
        holdout_frequency=split.holdout_frequency[:512],
        holdout_value=split.holdout_value[:512],
    )
    fewer, whole = (simulate_futures(found, rows, seed=1, draws=20) for rows in (part, split))
    np.testing.assert_array_equal(fewer.below["purchases"], whole.below["purchases"][:512])
    np.testing.assert_array_equal(fewer.bought, whole.bought[:512])


def test_coverage_refuses_what_it_cannot_use(
    found: PurchaseFit, spend: SpendFit, split: CalibrationHoldout
) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        coverage(found, split, seed=1, levels=(0.5, 1.0))
    fewer = fit(GammaGamma(), split.calibration, seed=1, method=SHORT)
    with pytest.raises(ConfigError, match="500 and 300"):
        coverage(found, split, seed=1, spend=fewer)


# ---------------------------------------------------------------------------------------
# Ranking


def test_gini_by_hand() -> None:
    assert ranking([4, 3, 2, 1], [8, 4, 2, 1]).gini == 1
    assert ranking([1, 2, 3, 4], [8, 4, 2, 1]).gini == -1
    order = np.array([6.0, 0.0, 3.0, 1.0])
    by_hand = ranking([4.0, 3.0, 2.0, 1.0], order)
    curve, best = (np.cumsum([0, *values]) / 10 for values in (order, np.sort(order)[::-1]))
    area, perfect = (np.trapezoid(values, dx=0.25) - 0.5 for values in (curve, best))
    np.testing.assert_allclose(by_hand.gini, area / perfect)
    np.testing.assert_allclose(by_hand.captured[[25, 50, 75]], curve[1:4])
    np.testing.assert_allclose(by_hand.perfect[[25, 50, 75]], best[1:4])


def test_ties_have_no_order() -> None:
    actual = np.random.default_rng(1).poisson(2.0, 101)
    values = np.repeat([1.0, 2.0], [50, 51])
    shuffled = np.random.default_rng(2).permutation(101)
    one, other = ranking(values, actual), ranking(values[shuffled], actual[shuffled])
    np.testing.assert_allclose(one.captured, other.captured)
    lift = one.to_frame()["lift"]
    np.testing.assert_allclose(lift[:5].mean(), actual[50:].mean() / actual.mean(), rtol=0.02)
    np.testing.assert_allclose(lift.sum(), 10)


@pytest.mark.parametrize(
    ("values", "actual", "why"),
    [
        ([1.0, 2.0], [1.0], "2,"),
        ([1.0, np.nan], [1, 2], "missing values"),
        ([1.0, 2.0], [1, -2], "below 0"),
        ([1.0, 2.0], [0, 0], "no order"),
    ],
)
def test_what_has_no_order_is_refused(values: Any, actual: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        ranking(values, actual)


# ---------------------------------------------------------------------------------------
# Scores

DISCRETE = {"alpha": 1.2, "beta": 0.8, "gamma": 0.7, "delta": 2.8}
PROCESSES = [
    (BgNbd(), TRUTH, 30.0, 20.0),
    (MbgNbd(), TRUTH, 30.0, 20.0),
    (BgBb(), DISCRETE, 6.0, 5.0),
]


@pytest.mark.parametrize(
    ("model", "truth", "T", "span"), PROCESSES, ids=lambda v: getattr(v, "name", "")
)
def test_probabilities_of_holdouts_are_those_of_simulated_futures(
    model: PurchaseModel, truth: Mapping[str, float], T: float, span: float
) -> None:
    split = split_of(model, truth, np.full(300, T), span=span)
    found = fit(model, split.calibration, seed=1, method=SHORT)
    busiest = int(np.argmax(split.calibration.frequency))
    state = split.calibration.take(np.full(6, busiest))
    alike = replace(state, customer_id=np.arange(6).astype(object))
    counts = np.array([0, 1, 2, 3, 4, 5])
    scored = holdout_log_score(
        found, CalibrationHoldout(alike, counts, counts * 1.0, weeks(span), 0), seed=1
    )
    n, m = 400, found.n_draws
    parameters = {k: np.tile(v[:, 0], n) for k, v in found.parameters.items()}
    many = PurchaseState(
        *(np.full(n * m, c[0], dtype=float) for c in (state.frequency, state.recency, state.T))
    )
    future = model.simulate_future(parameters, many, span, np.random.default_rng(4))
    seen = np.bincount(np.bincount(future.row, minlength=n * m), minlength=6)[:6] / (n * m)
    prob = np.exp(scored.values)
    assert_shares(seen, prob, n=n * m, comparisons=18)


def test_whether_a_likelihood_is_a_density_of_times_is_seen() -> None:
    T = np.full(200, 30.0)
    split = split_of(BgNbd(), TRUTH, T)
    for model, exact in ((BgNbd(), True), (CnbdK(1), True), (CnbdK(3), False)):
        found = fit(model, split.calibration, seed=1, method=SHORT)
        assert _log_score._Nodes.of(found, split).exact() is exact
    renewed = split_of(
        ShiftedBetaGeometric(), {"alpha": 0.7, "beta": 1.8}, np.full(200, 5.0), span=4
    )
    found = fit(ShiftedBetaGeometric(), renewed.calibration, seed=1, method=SHORT)
    assert _log_score._Nodes.of(found, renewed).exact()


def test_the_simulated_score_is_near_the_exact_one(
    found: PurchaseFit, split: CalibrationHoldout, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = holdout_log_score(found, split, seed=1)
    monkeypatch.setattr(_log_score._Nodes, "exact", lambda _: False)
    by_simulation = holdout_log_score(found, split, seed=1, draws=1000)
    assert (exact.exact, by_simulation.exact) == (True, False)
    assert "simulated" in repr(by_simulation)
    none = split.holdout_frequency == 0
    np.testing.assert_array_equal(exact.values[none], by_simulation.values[none])
    p = np.maximum(np.exp(exact.values), 1e-3)  # rarer ones are smoothed
    error = np.sqrt((1 / p - 1).sum() / 1000)
    assert abs(exact.total - by_simulation.total) < sigmas() * error + 0.005 * abs(exact.total)


def test_the_smoothed_share_is_a_probability() -> None:
    mean, later = 3.0, np.arange(1, 200_001, dtype=np.float64)
    nothing = np.zeros(len(later))
    futures = SimpleNamespace(
        actual={"purchases": later},
        equal={"purchases": nothing},
        buying=nothing + 1,
        bought=nothing + 2 * mean - 1,
    )
    prior = 2 * _log_score._share(futures)  # type: ignore[arg-type] # as much as it looks at
    np.testing.assert_allclose(prior.sum(), 1.0, atol=1e-4)


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


def test_the_log_score_prefers_the_truth(found: PurchaseFit, split: CalibrationHoldout) -> None:
    right = holdout_log_score(found, split, seed=1)
    for by in (-2.0, 2.0):
        wrong = holdout_log_score(moved(found, "logit_dropout", by), split, seed=1)
        gain = right.values - wrong.values
        assert gain.sum() > sigmas(2) * np.sqrt(len(gain)) * gain.std()
    assert right.error > 0


# ---------------------------------------------------------------------------------------
# Comparison


def test_the_model_that_the_data_come_from_is_best(
    found: PurchaseFit, split: CalibrationHoldout
) -> None:
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
