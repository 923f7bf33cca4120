"""What a fit says at its end: nothing in the model's own world, and the fault in others."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.models.test_selection import WORLDS, at_least, everybody, quiet

from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.errors import FitWarning
from omniltv.models import (
    BgBb,
    BgNbd,
    GammaGamma,
    MbgNbd,
    Pooling,
    SpendFit,
    fit,
    load_fit,
    with_purchase_rate,
)
from omniltv.models.checks import (
    PURCHASE_CHECKS,
    SPEND_CHECKS,
    FitCheck,
    FitFindings,
    examine,
)
from omniltv.models.processes.protocols import PurchaseModel

if TYPE_CHECKING:
    from collections.abc import Mapping

made: Any = PurchaseHistory  # it converts lists, other numbers and names of units

NAMES = [check.name for check in PURCHASE_CHECKS]
SPEND = {"p": 4.0, "q": 4.0, "v": 8.0}


def active(history: PurchaseHistory) -> PurchaseHistory:
    return history.take(history.T - history.recency <= 52)


def seasonal_log(*, customers: int, season: float, seed: int = 1) -> PurchaseLog[pd.DataFrame]:
    """Two years of MBG/NBD customers; every second quarter has more purchases by this factor."""
    rng = np.random.default_rng(seed)
    day = np.arange(730)
    quarter = pd.DatetimeIndex(np.datetime64("2024-01-01") + day).quarter.to_numpy()
    clock = np.cumsum(np.where(quarter % 2, 1.0, season))
    rows: list[tuple[int, int]] = []
    for customer in range(customers):
        at, rate, p = clock[rng.integers(0, 600)], rng.gamma(0.9, 1 / 40), rng.beta(0.6, 2.5)
        while at < clock[-1]:
            rows.append((customer, int(np.searchsorted(clock, at))))
            at += rng.exponential(1 / rate) if rng.random() > p else np.inf
    table = pd.DataFrame(rows, columns=["customer_id", "day"])
    table["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table.pop("day"), "D")
    return PurchaseLog.from_frame(table.assign(channel="ec", value=10.0))


def spenders(*, n: int = 1_500, power: float = 0.0, seed: int = 1) -> PurchaseHistory:
    """Customers whose spend grows with a power of their number of purchases."""
    history, rng = everybody(*WORLDS[1], n=n, seed=seed), np.random.default_rng(seed)
    x = history.frequency
    mean = GammaGamma().simulate({k: np.asarray(v) for k, v in SPEND.items()}, x, rng)
    first = GammaGamma().simulate({k: np.asarray(v) for k, v in SPEND.items()}, x * 0 + 1, rng)
    grown = (1.0 + x) ** power
    return replace(history, monetary_value=mean * grown, first_value=first * grown)


def quiet_spend(history: PurchaseHistory) -> SpendFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return fit(GammaGamma(), history, seed=1, method="map")


def named(findings: FitFindings) -> set[str]:
    """The checks with a severe finding."""
    return {one.check for one in findings.each if one.verdict == "severe"}


# ---------------------------------------------------------------------------------------
# No alarm where the model is right


@pytest.mark.parametrize(("model", "truth"), WORLDS, ids=[m.name for m, _ in WORLDS])
def test_all_customers_raise_no_alarm(model: PurchaseModel, truth: dict[str, float]) -> None:
    """All checks together raise a false alarm with a probability below 1e-4 per fit; the p-values
    of severe findings are below 1e-7, so the six fits fail in fewer than 1e-5 of all runs."""
    history = everybody(model, truth)
    found = fit(model, history, seed=1, method="map")
    assert found.findings.severe == ()
    few = found.findings.of("few purchases")
    assert few is not None
    assert few.actual == (history.frequency == 0).sum()
    assert few.p_value > 1e-6
    kept = at_least(history, 1).selected(at_least=1)
    assert fit(model, kept, seed=1, method="map").findings.severe == ()


def test_every_check_states_its_false_alarms() -> None:
    checks: tuple[FitCheck[Any], ...] = (*PURCHASE_CHECKS, *SPEND_CHECKS)
    assert all(0 < check.false_alarms <= 1e-5 for check in checks)
    assert len({check.name for check in checks}) == len(checks)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "truth"), WORLDS, ids=[m.name for m, _ in WORLDS])
def test_a_hundred_worlds_of_the_model_raise_no_alarm(
    model: PurchaseModel, truth: dict[str, float]
) -> None:
    """The stated bounds add up to less than 4e-5 per fit; p-values are computed, so that this
    test sees bounds that are wrong by a factor of a thousand (100 worlds, 7 checks)."""
    worst: dict[str, float] = dict.fromkeys(NAMES, 1.0)
    for seed in range(100):
        history = everybody(model, truth, n=600, seed=seed)
        for one in fit(model, history, seed=1, method="map").findings.each:
            worst[one.check] = min(worst[one.check], one.p_value)
            assert one.verdict != "severe", one.sentence
    assert min(worst.values()) > 1e-7


def test_spend_of_the_model_raises_no_alarm() -> None:
    """As above; there are three fits of two checks."""
    history = spenders()
    assert fit(GammaGamma(), history, seed=1, method="map").findings.severe == ()
    repeaters = fit(GammaGamma(), at_least(history, 1), seed=1, method="map")
    assert repeaters.findings.severe == (), "spend fits are of repeat buyers anyway"
    counted = fit(GammaGamma(), history.counting_first(), seed=1, method="map")
    assert counted.findings.severe == ()
    assert [one.check for one in counted.findings.each] == [c.name for c in SPEND_CHECKS]


# ---------------------------------------------------------------------------------------
# What is wrong is named


@pytest.mark.parametrize(("model", "truth"), WORLDS, ids=[m.name for m, _ in WORLDS])
def test_a11_two_orders_or_more_within_the_last_year(
    model: PurchaseModel, truth: dict[str, float]
) -> None:
    """The expected numbers are in the hundreds, and no customer is among them."""
    history = active(at_least(everybody(model, truth), 1))
    with pytest.warns(FitWarning, match="look selected by their purchases") as given:
        found = fit(model, history, seed=1, method="map")
    assert len(given) == 1, "one warning for all"
    few, silent = (found.findings.of(name) for name in ("few purchases", "long silence"))
    assert few is not None
    assert silent is not None
    assert "have no repeat purchase, and the model expects" in few.sentence
    assert "history.selected(at_least=1)" in few.sentence
    assert "silent for longer than 51.5 weeks" in silent.sentence
    assert {few.sentence, silent.sentence} <= set(found.diagnostics.problems)
    assert few.sentence in str(found.diagnostics)
    assert not found.diagnostics.ok
    assert few.actual == silent.actual == 0
    assert min(few.expected, silent.expected) > 50


def test_three_orders_or_more_are_noticed() -> None:
    history = at_least(everybody(*WORLDS[1]), 2)
    found = quiet(MbgNbd(), history).findings
    told = f"0 of {len(history):,} customers have fewer than 2 repeat purchases"
    assert any(told in sentence for sentence in found.severe)


def test_most_one_time_buyers_left_out_are_noticed() -> None:
    every = everybody(*WORLDS[1])
    kept = (every.frequency > 0) | (np.arange(len(every)) % 200 == 0)
    assert {"few purchases", "one-time buyers"} <= named(quiet(MbgNbd(), every.take(kept)).findings)


def twice(history: PurchaseHistory, rows: NDArray[np.intp]) -> PurchaseHistory:
    again = history.take(np.concatenate([np.arange(len(history)), rows]))
    return replace(again, customer_id=np.arange(len(again)).astype(object))


def test_customers_who_are_there_twice_are_noticed() -> None:
    history = everybody(*WORLDS[0])
    buyers = np.flatnonzero(history.frequency > 0)[:200]
    found = quiet(BgNbd(), twice(history, buyers))
    assert named(found.findings) == {"equal rows"}
    equal = examine(found, history, seed=1).of("equal rows")
    assert equal is not None
    assert equal.actual == equal.expected == 0, "each of them is there once"


def test_duplicates_of_many_customers_are_found_among_some_of_them() -> None:
    history = everybody(*WORLDS[0], n=30_000)
    every = twice(history, np.flatnonzero(history.frequency > 0)[::8])
    equal = examine(quiet(BgNbd(), history), every, seed=1).of("equal rows")
    assert equal is not None
    assert equal.verdict == "severe"


@pytest.mark.parametrize("prices", [1, 3, 40])
def test_fixed_prices_are_no_duplicates(prices: int) -> None:
    """Many customers have equal rows; given the frequency, values are independent of times."""
    history = everybody(*WORLDS[0])
    price = 500.0 + np.random.default_rng(5).integers(0, prices, len(history))
    priced = replace(history, monetary_value=np.where(history.frequency > 0, price, np.nan))
    assert "equal rows" not in named(quiet(BgNbd(), priced).findings)


def test_equal_customers_of_two_channels_are_not_duplicates() -> None:
    history = everybody(*WORLDS[0], n=500)
    rows = np.arange(len(history))
    both = twice(history, rows).with_group("channel", np.repeat(["ec", "store"], len(history)))
    equal = examine(quiet(BgNbd(), both), both, seed=1).of("equal rows")
    assert equal is not None
    assert equal.actual == 0


def test_c2_a_season_is_said_at_the_fit_with_its_ratios() -> None:
    log = seasonal_log(customers=1_000, season=2.0)
    history = log.history(unit="week")
    with pytest.warns(FitWarning, match="log.calendar_time"):
        found = fit(MbgNbd(), history, seed=1, method="map")
    quarters = found.findings.of("calendar quarters")
    assert quarters is not None
    assert quarters.verdict == "severe"
    assert "2024Q3" in quarters.sentence
    in_time = log.history(unit="week", calendar=log.calendar_time(seed=1))
    learnt = fit(MbgNbd(), in_time, seed=1, method="map")
    assert learnt.findings.severe == ()
    assert learnt.findings.of("calendar quarters") is None


def test_a_steady_log_has_no_quarter_that_is_off() -> None:
    """The p-value of a severe finding is below 1e-7."""
    history = seasonal_log(customers=700, season=1.0).history(unit="week")
    found = fit(MbgNbd(), history, seed=1, method="map")
    assert found.findings.severe == ()
    finding = found.findings.of("calendar quarters")
    assert finding is not None
    quarters = history.quarters
    assert quarters is not None
    before = replace(
        quarters,
        labels=("2023Q4", *quarters.labels),
        back=np.append(quarters.back[0] + 13, quarters.back),
        counts=np.append(0, quarters.counts),
        squares=np.append(0, quarters.squares),
    )
    later = examine(found, replace(history, quarters=before), seed=1)
    assert later.of("calendar quarters") == finding, "an empty quarter tells nothing"


def test_cohorts_that_buy_less_are_named() -> None:
    history = everybody(*WORLDS[1], n=4_000)
    rng = np.random.default_rng(3)
    late = (history.T < 60) & (history.frequency > 0) & (rng.random(len(history)) < 0.7)
    x = np.where(late, 0, history.frequency)
    changed = replace(
        history,
        frequency=x,
        recency=np.where(late, 0.0, history.recency),
        monetary_value=np.where(x > 0, history.monetary_value, np.nan),
    )
    finding = quiet(MbgNbd(), changed).findings.of("cohorts")
    assert finding is not None
    assert finding.verdict == "severe"
    assert "latest cohort" in finding.sentence


def test_cohorts_of_few_lengths_are_compared_too() -> None:
    """Half of the customers came at once, half later: most quantiles of T are equal."""
    history = everybody(*WORLDS[1], n=1_000)
    T = np.where(history.recency < 30, 30.0, 200.0)
    x = np.where(T < 100, 0, history.frequency)
    changed = replace(history, T=T, frequency=x, recency=np.where(x > 0, history.recency, 0.0))
    finding = quiet(MbgNbd(), changed).findings.of("cohorts")
    assert finding is not None
    assert "the latest cohort" in finding.sentence or "the earliest cohort" in finding.sentence


def test_one_time_buyers_who_never_leave_are_noticed() -> None:
    history = everybody(*WORLDS[1], n=1_000)
    never = quiet(BgNbd(), history).findings.of("one-time buyers")
    may = quiet(MbgNbd(), history).findings.of("one-time buyers")
    assert never is not None
    assert may is not None
    assert (never.verdict, may.verdict) == ("notice", "fine")
    assert "P(alive) is 1 under bg_nbd" in never.sentence
    assert "MbgNbd()" in never.sentence


def test_a_wrong_frequency_table_is_severe_and_names_other_models() -> None:
    """Half of the customers never buy again, and half buy exactly three times."""
    n = 1_500
    x = np.where(np.arange(n) % 2, 0, 3)
    history = made(
        np.arange(n), x, np.where(x > 0, 39.0, 0.0), np.full(n, 40.0), x * np.nan, "week"
    )
    found = quiet(MbgNbd(), history).findings
    table = found.of("repeat purchases")
    assert table is not None
    assert table.verdict == "severe"
    assert "ParetoNbd() and CnbdK(2)" in table.sentence


def test_spend_that_grows_with_frequency_is_severe_until_the_rate_is_known() -> None:
    history = spenders(power=0.5)
    with pytest.warns(FitWarning, match="with_purchase_rate"):
        found = fit(GammaGamma(), history, seed=1, method="map")
    assert named(found.findings) == {"spend and frequency"}
    known = with_purchase_rate(history.counting_first(), quiet(MbgNbd(), history))
    rates = {"log_mean": ["purchase_rate"]}
    allowed = fit(GammaGamma(), known, seed=1, method="map", covariates=rates)
    assert allowed.findings.severe == ()


def test_customers_chosen_by_their_spend_are_noticed() -> None:
    every = spenders(n=4_000)
    total = every.monetary_value * every.frequency
    for least in (every.monetary_value >= 10, total >= 30):
        assert "small values" in named(quiet_spend(every.take(least)).findings)


# ---------------------------------------------------------------------------------------
# The values


def test_findings_are_saved_with_the_fit(tmp_path: Path) -> None:
    found = quiet(BgNbd(), at_least(everybody(*WORLDS[0]), 1))
    found.save(tmp_path / "fit.npz")
    again = load_fit(tmp_path / "fit.npz")
    assert again.diagnostics.findings == found.diagnostics.findings
    assert repr(again.findings) == repr(found.findings)
    assert found.findings.severe


def test_findings_are_a_table_with_a_line_each() -> None:
    found = quiet(BgNbd(), everybody(*WORLDS[0], n=300)).findings
    assert found.to_frame()["check"].tolist() == [one.check for one in found.each]
    assert len(repr(found).splitlines()) == len(found)
    assert repr(FitFindings(())) == "no check applies"


def test_groups_covariates_and_opportunities_are_checked_too() -> None:
    history = everybody(*WORLDS[1], n=800)
    history = history.with_group("channel", np.where(np.arange(800) % 3, "ec", "store"))
    history = history.with_covariate("age", np.arange(800) % 50)
    pooled = fit(
        MbgNbd(),
        history,
        seed=1,
        method="map",
        pooling=Pooling.none("channel"),
        covariates={"log_rate": ["age"]},
    )
    assert pooled.findings.severe == ()
    truth: Mapping[str, NDArray[np.float64]] = {
        name: np.asarray(value)
        for name, value in {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.8}.items()
    }
    x, recency, T = BgBb().simulate(truth, np.full(500, 8.0), np.random.default_rng(1))
    yearly = made(np.arange(500), x, recency, T, x * np.nan, "year")
    assert fit(BgBb(), yearly, seed=1, method="map").findings.severe == ()


def test_one_finding_does_not_depend_on_the_others() -> None:
    history = everybody(*WORLDS[0], n=2_500)
    found = quiet(BgNbd(), history)
    every = examine(found, history, seed=1)
    for check in PURCHASE_CHECKS:
        alone = examine(found, history, seed=1, checks=[check])
        assert alone.of(check.name) == every.of(check.name)
    spend = quiet_spend(spenders(n=400))
    assert len(examine(spend, spenders(n=400), seed=1, checks=SPEND_CHECKS[:1])) == 1
