"""The long-run lift: what it reads, what it refuses, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.data import PurchaseLog
from omniltv.draws import Draws
from omniltv.errors import ConfigError, DataError, DataWarning, EvidenceWarning
from omniltv.experiments import Assignment, Baseline, Forecast, Persistence, ltv_lift
from omniltv.experiments.design import Design
from omniltv.experiments.long_run import (
    DecayPrior,
    EarlierCohort,
    FitPerArm,
    LongRunLift,
    LongRunMethod,
    SurrogateIndex,
    WeeklyDecay,
    WeeklyPurchases,
    long_run_lift,
)
from omniltv.units import Discount, weeks

START = datetime(2026, 4, 1)  # noqa: DTZ001 - a local time
N, WINDOW, HORIZON = 1_000, 8, 40
YEARLY = Discount(per_year=0.1)
LASTING = Persistence.full(weeks(HORIZON - WINDOW))

type Array = NDArray[np.float64]


def bought(rng: np.random.Generator, weeks_: int, factor: Array | float = 1.0) -> Array:
    stays = rng.exponential(60.0, (N, 1)) > np.arange(weeks_)
    mean = 0.4 * stays * np.broadcast_to(factor, (N, weeks_))
    orders: Array = rng.poisson(mean).astype(np.float64)
    return orders


def weekly(orders: Array) -> WeeklyPurchases:
    return WeeklyPurchases(np.arange(len(orders)).astype(object), orders, 10.0 * orders)


RNG = np.random.default_rng(5)
PEOPLE = pd.DataFrame({"customer_id": range(N), "arm": ["control", "mail"] * (N // 2),
                       "tier": np.where(np.arange(N) % 4 < 2, "high", "general"),
                       "before": RNG.gamma(2, 1, N)})  # fmt: skip
ARMS = Assignment.from_frame(PEOPLE, start=START)
TREATED = (PEOPLE["arm"] == "mail").to_numpy()[:, None]
ORDERS = bought(RNG, WINDOW, np.where(TREATED, 1.4, 1.0))
EARLIER = [EarlierCohort(f"{2020 + k}", weekly(bought(RNG, HORIZON)), PEOPLE) for k in range(2)]


def found(
    orders: Array = ORDERS,
    assignment: Assignment = ARMS,
    *,
    persistence: Persistence = LASTING,
    methods: Sequence[LongRunMethod] = (WeeklyDecay(),),
    earlier: Sequence[EarlierCohort] = EARLIER,
    baseline: Baseline | None = None,
    despite: Sequence[str] = (),
    treatments: Mapping[str, Sequence[str]] | None = None,
) -> LongRunLift:
    return long_run_lift(
        weekly(orders), assignment, control="control", persistence=persistence, discount=YEARLY,
        earlier=earlier, baseline=baseline, methods=methods, despite=despite,
        treatments=treatments,
    )  # fmt: skip


def test_rows_are_of_all_customers_and_of_each_group_and_say_what_was_observed() -> None:
    baseline = Baseline(PEOPLE, covariates="before", by="tier")
    with pytest.warns(EvidenceWarning):  # the treatment goes on, and the index does not know it
        lift = found(baseline=baseline, methods=(WeeklyDecay(), SurrogateIndex()))
    table = lift.to_frame()
    assert table[["method", "group"]].drop_duplicates().shape[0] == 6
    assert np.allclose(table["observed"] + table["extrapolated"], table["estimate"])
    assert (lift.window, lift.horizon) == (WINDOW, HORIZON)
    drawn = lift.draws("weekly decay", group="high")
    assert drawn.mean() == pytest.approx(table["estimate"][2])
    assert "observed" in repr(lift)
    said = "back-test of the baseline in earlier cohorts: realised / forecast"
    (decay,), (index,) = ([note for note in lift.lifts[name].notes if note.startswith(said)]
                          for name in lift.lifts)  # fmt: skip
    assert "; corrected by" in decay
    assert "corrected" not in index
    assert decay in repr(lift)


def test_only_the_window_is_nothing_beyond_it() -> None:
    row = found(persistence=Persistence.none()).rows["weekly decay"][0]
    assert row.extrapolated == 0.0
    assert row.observed == pytest.approx(row.row.estimate)
    assert row.row.control_mean < found().rows["weekly decay"][0].row.control_mean


def test_a_treatment_that_goes_on_is_worth_more_than_one_that_halves_or_ended() -> None:
    span = weeks(HORIZON - WINDOW)
    kinds = (LASTING, Persistence.half_life(weeks(6), span=span),
             Persistence.ended(date(2026, 5, 26), span=span))  # fmt: skip
    extrapolated = [found(persistence=kind).rows["weekly decay"][0].extrapolated for kind in kinds]
    assert extrapolated == sorted(extrapolated, reverse=True)
    assert len(set(extrapolated)) == 3


def test_strength_of_each_kind_of_persistence() -> None:
    given = {"window": 2, "horizon": 5, "start": START}
    ended = Persistence.ended(date(2026, 4, 10), span=weeks(3))
    assert ended.strength(**given) == pytest.approx([1.0, 3 / 7, 0.0, 0.0, 0.0])  # type: ignore[arg-type]
    assert LASTING.strength(window=2, horizon=5).tolist() == [1.0] * 5
    with pytest.raises(ConfigError, match="before its start"):
        Persistence.ended(date(2026, 3, 10), span=weeks(3)).strength(**given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="start of the treatment is not known"):
        ended.strength(window=2, horizon=5)


def test_a_fit_per_arm_refuses_an_ended_treatment() -> None:
    ended = Persistence.ended(date(2026, 4, 20), span=weeks(HORIZON - WINDOW))
    with pytest.raises(ConfigError, match=r"Hint: long_run_lift\(.*WeeklyDecay"):
        found(persistence=ended, methods=(FitPerArm(forecast()),))


def forecast(gain: float = 0.0) -> Forecast:
    mean = 50.0 + gain * TREATED[:, 0]
    return Forecast(
        customer_id=ARMS.customer_id,
        value=Draws.from_array(mean[:, None] + np.linspace(-1, 1, 9)),
        span=weeks(HORIZON - WINDOW),
        arms=("control", "mail"),
    )


def test_a_fit_per_arm_is_ltv_lift_discounted_to_the_start() -> None:
    one = found(methods=(FitPerArm(forecast(gain=3.0)),)).rows["fit per arm"][0]
    factor = YEARLY.factor(np.arange(WINDOW) + 0.5, "week")  # type: ignore[arg-type]
    table = PEOPLE.assign(value=10.0 * ORDERS @ (factor / factor[-1]))
    whole = ltv_lift(
        ARMS, control="control", observed=table, forecast=forecast(gain=3.0), persistence=LASTING
    ).overall()
    error = one.row.standard_error / factor[-1]
    assert one.row.estimate / factor[-1] == pytest.approx(whole.estimate, abs=0.1 * error)
    assert error == pytest.approx(whole.standard_error, rel=0.1)


def test_methods_that_disagree_are_warned_of() -> None:
    methods = (WeeklyDecay(), FitPerArm(forecast(gain=-400.0)))
    with pytest.warns(EvidenceWarning, match="weekly decay and fit per arm for mail"):
        lift = found(methods=methods)
    assert len(lift.disagreements) == 1
    assert "disagreement: weekly decay and fit per arm" in repr(lift)


def test_order_of_customers_and_labels_of_groups_change_nothing() -> None:
    order = np.random.default_rng(1).permutation(N)
    shuffled = WeeklyPurchases(order.astype(object), ORDERS[order], 10.0 * ORDERS[order])
    mixed = long_run_lift(shuffled, ARMS, control="control", persistence=LASTING, discount=YEARLY,
                          earlier=EARLIER)  # fmt: skip
    assert mixed.to_frame()["estimate"].tolist() == found().to_frame()["estimate"].tolist()


def test_strata_with_unequal_shares_are_weighted() -> None:
    high = np.arange(N) % 2 == 0
    treated = np.random.default_rng(2).random(N) < np.where(high, 0.8, 0.2)
    people = pd.DataFrame({"customer_id": range(N), "arm": np.where(treated, "mail", "control"),
                           "stratum": np.where(high, "high", "low")})  # fmt: skip
    orders = np.random.default_rng(3).poisson(np.where(high, 1.0, 0.1)[:, None] * np.ones(WINDOW))
    drawn = Assignment.from_frame(people, stratum="stratum")
    row = found(orders.astype(float), drawn).rows["weekly decay"][0].row
    assert abs(row.estimate) < 5 * row.standard_error  # by chance in fewer than 1e-6 of seeds
    assert abs(row.relative) < 0.3  # unweighted, the treated buy 2.6 times as much


def test_clusters_widen_the_interval() -> None:
    store = np.repeat(np.arange(40), N // 40)
    rng = np.random.default_rng(4)
    pace = rng.lognormal(0, 0.6, 40)[store]
    orders = rng.poisson(0.4 * pace[:, None] * np.ones(WINDOW)).astype(float)
    people = pd.DataFrame({"customer_id": range(N), "store": np.char.add("s", store.astype(str)),
                           "arm": np.where(store % 2 == 0, "control", "mail")})  # fmt: skip
    declared = Assignment.from_frame(people, cluster="store")
    plain = Assignment.from_frame(people)
    wide, narrow = (found(orders, one, persistence=Persistence.none()).rows["weekly decay"][0].row
                    for one in (declared, plain))  # fmt: skip
    assert wide.standard_error > 1.5 * narrow.standard_error


@pytest.mark.parametrize("weeks_", [slice(4, None), slice(None, 4)], ids=["end", "begin"])
def test_d3_an_arm_observed_for_fewer_weeks_stops_the_estimate(weeks_: slice) -> None:
    cut = ORDERS.copy()
    cut[~TREATED[:, 0], weeks_] = 0.0
    zoned = Assignment.from_frame(PEOPLE, start=START.replace(tzinfo=UTC))
    with pytest.warns(DataWarning, match="outcomes of the arm 'control'"):
        held = found(cut, zoned, methods=(WeeklyDecay(), SurrogateIndex()))
    assert held.lifts["weekly decay"].withheld == ("windows",)
    assert held.to_frame()["estimate"].isna().all()


def test_d3_customers_who_stop_buying_in_one_arm_are_no_unequal_window() -> None:
    fewer = ORDERS.copy()
    fewer[TREATED[:, 0] & (np.arange(N) % 20 > 1), 4:] = 0.0
    assert not found(fewer).lifts["weekly decay"].withheld


def test_d5_value_per_order_is_sum_over_sum_with_the_customers_who_bought_nothing() -> None:
    """Three in four buy nothing. Prices are 1.2 times; the mean of ratios has no value at all."""
    people = PEOPLE.iloc[np.repeat(np.arange(N), 4)].reset_index(drop=True)
    people["customer_id"] = range(4 * N)
    orders = ORDERS[np.repeat(np.arange(N), 4)]
    orders[np.arange(4 * N) % 4 > 0] = 0.0
    price = 10.0 * np.where(people["arm"] == "mail", 1.2, 1.0)[:, None]
    same = np.where((people["arm"] == "mail").to_numpy()[:, None], np.roll(orders, -4, 0), orders)
    lift = long_run_lift(
        WeeklyPurchases(np.arange(4 * N).astype(object), same, price * same),
        Assignment.from_frame(people, start=START), control="control", discount=YEARLY,
        persistence=Persistence.none(), earlier=EARLIER,
    )  # fmt: skip
    row = lift.lifts["weekly decay"].overall()
    assert (row.n, row.control_n) == (2 * N, 2 * N)
    assert row.relative == pytest.approx(0.2, abs=0.03)  # the orders of both arms are the same


def test_d4_d10_a_stop_withholds_all_methods_unless_asked_for() -> None:
    skewed = Assignment.from_frame(PEOPLE, shares={"control": 0.3, "mail": 0.7})
    with pytest.warns(DataWarning, match="withheld"):
        held = found(assignment=skewed, methods=(WeeklyDecay(), SurrogateIndex()))
    assert held.to_frame()["estimate"].isna().all()
    assert "withheld (srm)" in repr(held)
    with pytest.raises(ConfigError, match="rows with draws"):
        held.draws("weekly decay")
    with pytest.warns(DataWarning):
        shown = found(assignment=skewed, despite=("srm",))
    assert np.isfinite(shown.to_frame()["estimate"]).all()


def test_d2_purchases_before_the_start_do_not_count_and_the_log_covers_the_window() -> None:
    rows = pd.DataFrame({"customer_id": ["a", "a", "b"], "channel": "ec", "value": [9.0, 5.0, 1.0],
                         "time": ["2026-03-31", "2026-04-02", "2026-04-20"]})  # fmt: skip
    log = PurchaseLog.from_frame(rows)
    read = WeeklyPurchases.of(log, ["a", "b"], start=START, weeks=3)
    assert read.value.sum(axis=1).tolist() == [5.0, 1.0]
    with pytest.raises(DataError, match="the log ends on 2026-04-20, before the last week"):
        WeeklyPurchases.of(log, ["a", "b"], start=START, weeks=8)
    zoned = START.replace(tzinfo=UTC)
    with pytest.raises(ConfigError, match="the log has none"):
        WeeklyPurchases.of(log, ["a", "b"], start=zoned, weeks=3)
    local = PurchaseLog.from_frame(rows, timezone="Asia/Tokyo")  # nine hours before the start
    shifted = WeeklyPurchases.of(local, ["a", "b"], start=zoned - timedelta(hours=9), weeks=3)
    assert shifted.value.tolist() == read.value.tolist()


def test_d6_a_covariate_from_after_the_start_stops_the_estimate() -> None:
    late = Baseline(PEOPLE.assign(at="2026-04-20"), covariates="before", known_at="at")
    with pytest.warns(DataWarning, match="after the start"):
        held = found(baseline=late)
    assert held.lifts["weekly decay"].withheld == ("covariate_time",)


def test_d7_the_earlier_cohorts_are_as_long_as_window_and_span() -> None:
    with pytest.raises(ConfigError, match="the cohort '2020' has 40 weeks, and the horizon is 60"):
        found(persistence=Persistence.full(weeks(52)))
    short = EarlierCohort("2025", weekly(ORDERS))
    with pytest.raises(ConfigError, match="the cohort '2025' has 8 weeks, and the horizon is 40"):
        found(earlier=[short])
    long = Forecast(
        customer_id=ARMS.customer_id,
        value=forecast().value,
        span=weeks(99),
        arms=("control", "mail"),
    )
    with pytest.raises(ConfigError, match="persistence is over 32 weeks"):
        found(methods=(FitPerArm(long),))


def test_d8_arms_that_differ_by_blanks_are_warned_of() -> None:
    arm = PEOPLE["arm"].where(PEOPLE["customer_id"] > 40, PEOPLE["arm"] + " ")
    with pytest.warns(DataWarning, match="differ by case or blanks"):
        found(assignment=Assignment.from_frame(PEOPLE.assign(arm=arm)))


def test_what_is_missing_is_an_error_of_ours() -> None:
    with pytest.raises(ConfigError, match="needs an earlier cohort"):
        found(earlier=())
    with pytest.raises(ConfigError, match="each with a name of its own"):
        found(methods=(WeeklyDecay(), WeeklyDecay()))
    with pytest.raises(DataError, match="assigned customers without weekly purchases"):
        found(ORDERS[:-3])
    with pytest.raises(DataError, match="negative numbers"):
        weekly(-ORDERS)
    twice = replace(EARLIER[0], known=pd.concat([PEOPLE, PEOPLE.head(1)]))
    with pytest.raises(DataError, match="several rows"):
        found(earlier=[twice], baseline=Baseline(PEOPLE, by="tier"))
    with pytest.raises(ConfigError, match="shorter than a week"):
        found(persistence=Persistence.full(weeks(0.5)))
    with pytest.raises(ConfigError, match="level has a probability for each scale"):
        DecayPrior(level=(0.5, 0.5))
    with pytest.raises(ConfigError, match="interaction and group have other lengths"):
        DecayPrior(interaction=(1.0,))


def test_a_group_in_which_nobody_bought_has_no_estimate() -> None:
    orders = ORDERS * (PEOPLE["tier"] == "high").to_numpy()[:, None]
    table = found(orders, baseline=Baseline(PEOPLE, by="tier")).to_frame()
    assert table["estimate"].isna().tolist() == [False, True, False]
    assert table["n"].tolist() == [500, 250, 250]


FOUR = PEOPLE.assign(arm=np.array(["control", "mail", "coupon", "both"])[np.arange(N) // 4 % 4])
FACTORIAL = {"mail": ["mail"], "coupon": ["coupon"], "both": ["mail", "coupon"]}


def test_a_factorial_has_rows_of_arms_and_of_the_interaction() -> None:
    baseline = Baseline(FOUR, by="tier")
    four = Assignment.from_frame(FOUR, start=START)
    lift = found(assignment=four, baseline=baseline, treatments=FACTORIAL,
                 methods=(WeeklyDecay(), SurrogateIndex()))  # fmt: skip
    table = lift.to_frame()
    decay = table[table["method"] == "weekly decay"]
    assert decay["arm"].tolist() == 3 * ["both", "coupon", "mail"] + 3 * ["mail x coupon"]
    assert decay["group"].tolist()[-3:] == ["", "general", "high"]
    assert "mail x coupon" not in set(table[table["method"] == "surrogate index"]["arm"])
    both, coupon, mail, pair = (
        lift.draws("weekly decay", arm=arm) for arm in ("both", "coupon", "mail", "mail x coupon")
    )
    assert pair == pytest.approx(both - coupon - mail)
    (row, *_) = lift.interactions["weekly decay"]
    assert row.row.low == pytest.approx(np.quantile(pair, 0.025))
    assert "weekly decay: mail x coupon" in repr(lift)
    assert [one.arm for one in lift.lifts["weekly decay"].rows][:3] == ["both", "coupon", "mail"]


def test_the_treatments_of_a_design_are_those_of_its_arms() -> None:
    design = Design(name="s", factors={"mail": 0.5, "coupon": 0.5}, start=START.isoformat())
    assert design.treatments == {
        "coupon": ("coupon",), "mail": ("mail",), "mail+coupon": ("mail", "coupon"),
    }  # fmt: skip
    plain = Design(name="s", arms={"a": 0.5, "b+c": 0.5}, control="a")
    assert plain.treatments == {"b+c": ("b+c",)}
    lift = long_run_lift(
        weekly(ORDERS), design.assign(PEOPLE), control=design.control, persistence=LASTING,
        discount=YEARLY, earlier=EARLIER, treatments=design.treatments,
    )  # fmt: skip
    assert [one.row.arm for one in lift.interactions["weekly decay"]] == ["mail x coupon"]


def test_an_arm_without_buyers_leaves_the_others_of_a_factorial() -> None:
    orders = ORDERS * (FOUR["arm"] != "both").to_numpy()[:, None]
    four = Assignment.from_frame(FOUR, start=START)
    table = found(orders, four, treatments=FACTORIAL, despite=("windows",)).to_frame()
    known = dict(zip(table["arm"], table["estimate"].notna(), strict=True))
    assert known == {"both": False, "coupon": True, "mail": True, "mail x coupon": False}


@pytest.mark.parametrize(
    ("treatments", "said"),
    [
        ({"mail": ["mail"]}, "a key for each of both, coupon, mail"),
        (FACTORIAL | {"both": ["a", "b", "c"]}, "one treatment, or two different ones"),
        (FACTORIAL | {"both": ["mail", "mail"]}, "one treatment, or two different ones"),
        (FACTORIAL | {"both": []}, "one treatment, or two different ones"),
        (FACTORIAL | {"both": ["coupon"]}, "two arms have the same treatments"),
    ],
)
def test_treatments_fit_the_arms(treatments: Mapping[str, Sequence[str]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        found(assignment=Assignment.from_frame(FOUR, start=START), treatments=treatments)
