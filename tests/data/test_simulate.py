"""The retailer: its tables, its truth and what its people do."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike
from scipy.special import hyp2f1
from tests._statistics import sigmas

from omniltv.data.simulate import (
    ChannelConfig,
    Retailer,
    RetailerConfig,
    TreatmentEffect,
    simulate_retailer,
)
from omniltv.errors import ConfigError, DataError
from omniltv.units import Discount, Span, TimeUnit, days, weeks, years

KEY = ["source", "record_id"]
HALF = weeks(26)


@pytest.fixture(scope="module")
def retailer() -> Retailer:
    return simulate_retailer(5_000, seed=11)


@pytest.fixture(scope="module")
def big() -> Retailer:
    return simulate_retailer(20_000, seed=12)


def _frames(retailer: Retailer) -> list[pd.DataFrame]:
    truth = retailer.truth
    return [
        retailer.records,
        retailer.transactions,
        retailer.behaviour,
        retailer.contacts,
        truth.people,
        truth.records,
        truth.transactions,
        truth.channels,
    ]


def _within(sample: ArrayLike, expected: float) -> bool:
    """Say whether a sample's mean is as expected but for chance, of 100 that are compared here."""
    values = np.asarray(sample, dtype=np.float64)
    return bool(abs(values.mean() - expected) < sigmas(100) * values.std() / np.sqrt(len(values)))


def _parameters(retailer: Retailer, channel: str) -> dict[str, float]:
    table = retailer.truth.channels
    row = table[table["channel"] == channel].drop(columns="channel")
    return {str(name): float(values[0]) for name, values in row.to_dict("list").items()}


def test_the_same_seed_gives_the_same_retailer_and_another_seed_another() -> None:
    one, two, other = (simulate_retailer(300, seed=seed) for seed in (5, 5, 6))
    for left, right in zip(_frames(one), _frames(two), strict=True):
        pd.testing.assert_frame_equal(left, right)
    assert not one.transactions.equals(other.transactions)


def test_simulating_does_not_touch_the_global_generator() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the legacy state is what is tested
    simulate_retailer(50, seed=1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002  # as above


def test_every_record_belongs_to_one_person(retailer: Retailer) -> None:
    truth = retailer.truth
    assert not retailer.records[KEY].duplicated().any()
    pd.testing.assert_frame_equal(retailer.records[KEY], truth.records[KEY])
    assert truth.records["person_id"].isin(truth.people["person_id"]).all()


def test_everybody_has_a_record_where_they_were_acquired(retailer: Retailer) -> None:
    truth = retailer.truth
    held = set(zip(truth.records["person_id"], truth.records["source"], strict=True))
    wanted = zip(truth.people["person_id"], truth.people["acquisition_channel"], strict=True)
    assert set(wanted) <= held


def test_only_lists_with_duplicates_have_a_person_twice(retailer: Retailer) -> None:
    most = retailer.truth.records.value_counts(["source", "person_id"]).groupby("source").max()
    assert most.to_dict() == {"store": 2, "ec": 1, "app": 1, "call": 1}


def test_shares_of_the_channels_are_exact() -> None:
    sizes = {"store": 2_000, "ec": 500, "app": 50, "call": 3}
    channels = tuple(ChannelConfig(name=name, share=size) for name, size in sizes.items())
    config = RetailerConfig(channels=channels)
    people = simulate_retailer(2_553, seed=1, config=config).truth.people
    assert people["acquisition_channel"].value_counts().to_dict() == sizes


def test_purchases_of_each_person_agree_with_the_truth(retailer: Retailer) -> None:
    truth = retailer.truth
    rows = retailer.transactions.merge(truth.transactions, on="transaction_id", validate="1:1")
    rows = rows[rows["refund_of"].isna()]
    occasion = rows["transaction_id"].str.rsplit("-", n=1).str[0]
    counted = occasion.groupby(rows["person_id"]).nunique().reindex(truth.people["person_id"])
    assert counted.tolist() == truth.people["purchases"].tolist()


def test_net_value_of_each_person_agrees_with_the_truth(retailer: Retailer) -> None:
    truth = retailer.truth
    rows = retailer.transactions.merge(truth.transactions, on="transaction_id")
    net = rows.groupby("person_id")["value"].sum()
    np.testing.assert_allclose(net.reindex(truth.people["person_id"]), truth.people["value"])


def test_a_record_on_a_ticket_is_the_buyers(retailer: Retailer) -> None:
    rows = retailer.transactions.merge(retailer.truth.transactions, on="transaction_id")
    known = rows[rows["record_id"].notna()].merge(retailer.truth.records, on=KEY, how="left")
    assert (known["person_id_x"] == known["person_id_y"]).all()
    assert _within(rows["record_id"].isna(), retailer.truth.config.guest)


def test_refunds_give_back_a_purchase_afterwards(retailer: Retailer) -> None:
    rows = retailer.transactions.set_index("transaction_id")
    refunds = rows[rows["refund_of"].notna()]
    bought = rows.loc[refunds["refund_of"]]
    assert len(refunds) > 100
    assert refunds["refund_of"].is_unique
    assert (refunds["value"].to_numpy() == -bought["value"].to_numpy()).all()
    assert (refunds["time"].to_numpy() >= bought["time"].to_numpy()).all()
    assert (rows.loc[rows["refund_of"].isna(), "value"] > 0).all()


def test_times_lie_in_the_window_and_know_their_zone(retailer: Retailer) -> None:
    for frame in (retailer.transactions, retailer.behaviour, retailer.contacts):
        assert str(frame["time"].dt.tz) == "Asia/Tokyo"
        assert frame["time"].is_monotonic_increasing
        assert frame["time"].between(retailer.start, retailer.end, inclusive="left").all()


def test_tickets_are_rung_up_while_the_channel_is_open(retailer: Retailer) -> None:
    rows = retailer.transactions
    tickets = rows[(rows["channel"] == "call") & rows["refund_of"].isna()]
    first = tickets[tickets["transaction_id"].str.endswith("-1")]
    assert first["time"].dt.hour.between(9, 17).all()


def test_the_first_purchase_opens_the_acquisition_channel(retailer: Retailer) -> None:
    truth = retailer.truth
    rows = retailer.transactions.merge(truth.transactions, on="transaction_id")
    rows = rows.merge(truth.people[["person_id", "first_purchase", "acquisition_channel"]])
    opening = rows[rows["time"].dt.date == rows["first_purchase"].dt.date]
    assert opening["person_id"].nunique() == len(truth.people)
    assert (rows["time"].dt.date >= rows["first_purchase"].dt.date).all()


def test_who_never_bought_again_is_alive(big: Retailer) -> None:
    people = big.truth.people
    assert people.loc[people["purchases"] == 1, "alive"].all()
    assert (people["alive"] == people["dropped_out"].isna()).all()
    assert (~people["alive"]).mean() > 0.1


def test_nobody_buys_after_dropping_out(retailer: Retailer) -> None:
    truth = retailer.truth
    rows = retailer.transactions.merge(truth.transactions, on="transaction_id")
    rows = rows[rows["refund_of"].isna()].merge(truth.people[["person_id", "dropped_out"]])
    gone = rows[rows["dropped_out"].notna()]
    assert (gone["time"].dt.date <= gone["dropped_out"].dt.date).all()


@pytest.mark.parametrize("channel", ["store", "ec", "app"])
def test_repeat_purchases_agree_with_bg_nbd(big: Retailer, channel: str) -> None:
    """Against Fader, Hardie & Lee (2005), equation (9), averaged over observation lengths."""
    people = big.truth.people
    people = people[people["acquisition_channel"] == channel]
    row = _parameters(big, channel)
    r, alpha, a, b = (row[name] for name in ("r", "alpha", "a", "b"))
    seconds = (big.end - people["first_purchase"]).dt.total_seconds().to_numpy()
    t = seconds / (7 * 86_400)
    tail = (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t))
    expected = (a + b - 1) / (a - 1) * (1 - tail)
    repeats = people["purchases"].to_numpy() - 1
    assert _within(repeats - expected, 0.0)


def test_latent_draws_agree_with_their_distributions(big: Retailer) -> None:
    people = big.truth.people[big.truth.people["acquisition_channel"] == "store"]
    row = _parameters(big, "store")
    assert _within(people["rate"].to_numpy(), row["r"] / row["alpha"])
    assert _within(people["dropout"].to_numpy(), row["a"] / (row["a"] + row["b"]))
    mean_value = row["p"] * row["v"] / (row["q"] - 1)
    assert _within(people["mean_value"].to_numpy(), mean_value)


def test_repeat_purchases_are_loyal_to_the_acquisition_channel() -> None:
    config = RetailerConfig(loyalty=0.6, guest=0.0, channels=_two(reach=1.0))
    retailer = simulate_retailer(5_000, seed=3, config=config)
    truth = retailer.truth
    rows = retailer.transactions.merge(truth.transactions, on="transaction_id")
    rows = rows.merge(truth.people[["person_id", "acquisition_channel", "first_purchase"]])
    repeats = rows[rows["time"].dt.date > rows["first_purchase"].dt.date]
    own = (repeats["channel"] == repeats["acquisition_channel"]).groupby(repeats["person_id"])
    assert _within(own.mean(), 0.6)


def _two(*, reach: float) -> tuple[ChannelConfig, ChannelConfig]:
    return tuple(  # type: ignore[return-value]  # two of them
        ChannelConfig(name=name, share=1, reach=reach) for name in ("market", "web")
    )


@pytest.mark.slow
def test_the_number_of_first_purchases_can_grow() -> None:
    config = RetailerConfig(growth=1.0, observed=weeks(100), acquired_within=0.5)
    retailer = simulate_retailer(20_000, seed=3, config=config)
    first = retailer.truth.people["first_purchase"]
    share = (first - retailer.start).dt.total_seconds().to_numpy() / (700 * 86_400)
    assert share.max() <= 0.5
    assert _within(share, 0.5 * 2 / 3)


def test_seasons_move_purchases_between_months() -> None:
    factor = (*[0.5] * 6, *[1.5] * 6)
    config = RetailerConfig(seasonality=factor, observed=years(1), acquired_within=0.01)
    retailer = simulate_retailer(5_000, seed=3, config=config)
    even = simulate_retailer(5_000, seed=3, config=config.model_copy(update={"seasonality": None}))

    def late(one: Retailer) -> float:
        return float((one.transactions["time"].dt.month > 6).mean())

    assert late(retailer) > late(even) + 0.15


def test_behaviour_and_contacts_are_of_records_that_exist(retailer: Retailer) -> None:
    for frame, column in ((retailer.behaviour, "event"), (retailer.contacts, "kind")):
        assert len(frame.merge(retailer.records[KEY], on=KEY)) == len(frame)
        assert frame[column].notna().all()
    assert set(retailer.behaviour["event"]) == {"visit", "browse", "cart", "app_open"}
    assert set(retailer.contacts["kind"]) == {"staff", "chat", "call"}
    assert retailer.contacts["staff_id"].notna().all()


def test_people_who_buy_more_visit_more(retailer: Retailer) -> None:
    truth = retailer.truth
    visits = retailer.behaviour.merge(truth.records, on=KEY).groupby("person_id").size()
    people = truth.people.set_index("person_id")
    visits = visits.reindex(people.index, fill_value=0)
    assert np.corrcoef(visits, people["purchases"])[0, 1] > 0.5


def test_true_value_is_nothing_for_who_dropped_out(retailer: Retailer) -> None:
    alive = retailer.truth.people["alive"].to_numpy()
    value = retailer.truth.true_value(weeks(52))
    assert (value[~alive] == 0).all()
    assert (value[alive] > 0).all()


def test_true_value_knows_margin_discount_and_horizon(retailer: Retailer) -> None:
    truth = retailer.truth
    plain = truth.true_value(weeks(52))
    np.testing.assert_allclose(truth.true_value(weeks(52), margin=0.3), 0.3 * plain)
    discounted = truth.true_value(weeks(52), discount=Discount(per_year=0.1))
    alive = plain > 0
    assert (discounted[alive] < plain[alive]).all()
    assert (discounted[alive] > plain[alive] / 1.1).all()
    assert (truth.true_value(years(50))[alive] > plain[alive]).all()


def test_true_value_agrees_with_the_closed_form(retailer: Retailer) -> None:
    people = retailer.truth.people[retailer.truth.people["alive"]]
    rate, dropout = people["rate"].to_numpy(), people["dropout"].to_numpy()
    purchases = -np.expm1(-rate * dropout * 26) / dropout
    expected = 0.99 * purchases * people["mean_value"].to_numpy()
    value = retailer.truth.true_value(HALF)[retailer.truth.people["alive"]]
    np.testing.assert_allclose(value, expected)


def test_seasons_enter_the_true_value() -> None:
    doubled = RetailerConfig(seasonality=(2.0,) * 12)
    truth = simulate_retailer(300, seed=3, config=doubled).truth
    people = truth.people
    rate, dropout = people["rate"].to_numpy() * 2, people["dropout"].to_numpy()
    purchases = -np.expm1(-rate * dropout * 26) / dropout
    expected = np.where(people["alive"], 0.99 * purchases * people["mean_value"], 0)
    np.testing.assert_allclose(truth.true_value(HALF), expected)


def test_realised_value_agrees_with_the_true_value(big: Retailer) -> None:
    follow = big.follow_up(span=HALF, seed=1)
    realised = follow.people["value"].to_numpy()
    assert _within(realised - big.truth.true_value(HALF), 0.0)


def test_the_follow_ups_rows_add_up_to_its_value(retailer: Retailer) -> None:
    everybody_known = simulate_retailer(2_000, seed=3, config=RetailerConfig(guest=0.0))
    follow = everybody_known.follow_up(everybody_known.records[KEY][:1_000], span=HALF, seed=1)
    rows = follow.transactions.merge(everybody_known.truth.records, on=KEY)
    net = rows.groupby("person_id")["value"].sum()
    people = follow.people.set_index("person_id")["value"]
    np.testing.assert_allclose(net.reindex(people.index, fill_value=0.0), people)
    assert rows["time"].between(follow.start, follow.end, inclusive="left").all()
    assert follow.start == everybody_known.end
    assert list(follow.transactions.columns) == list(everybody_known.transactions.columns)


def test_the_untreated_do_not_depend_on_who_is_treated(retailer: Retailer) -> None:
    strong = TreatmentEffect(rate=3.0, dropout=0.5)
    some = retailer.follow_up(retailer.records[KEY][:2_000], span=HALF, seed=9, effect=strong)
    nobody = retailer.follow_up(span=HALF, seed=9)
    untreated = set(some.people.loc[~some.people["treated"], "person_id"])
    records = retailer.truth.records
    ids = records[records["person_id"].isin(untreated)][KEY]
    columns = ["transaction_id"]
    left = some.transactions.merge(ids, on=KEY).sort_values(columns, ignore_index=True)
    right = nobody.transactions.merge(ids, on=KEY).sort_values(columns, ignore_index=True)
    assert len(left) > 1_000
    pd.testing.assert_frame_equal(left, right)
    pd.testing.assert_series_equal(
        some.people["value_untreated"], nobody.people["value"], check_names=False
    )


def test_a_treatment_without_effect_changes_nothing(retailer: Retailer) -> None:
    none = TreatmentEffect(rate=1.0, dropout=1.0)
    follow = retailer.follow_up(retailer.records[KEY], span=HALF, seed=9, effect=none)
    nobody = retailer.follow_up(span=HALF, seed=9)
    pd.testing.assert_frame_equal(follow.transactions, nobody.transactions)
    assert (follow.true_lift(HALF)["lift"] == 0).all()


@pytest.mark.parametrize(
    "effect",
    [
        TreatmentEffect(rate=1.5),
        TreatmentEffect(rate=0.5),
        TreatmentEffect(rate=1.0, dropout=0.3),
        TreatmentEffect(rate=2.0, dropout=1.2, lasting=weeks(8)),
    ],
)
def test_realised_lift_agrees_with_the_true_lift(big: Retailer, effect: TreatmentEffect) -> None:
    follow = big.follow_up(span=HALF, seed=2, effect=effect)
    gain = (follow.people["value_treated"] - follow.people["value_untreated"]).to_numpy()
    assert _within(gain, float(follow.true_lift(HALF)["lift"].iloc[0]))


def test_randomised_arms_differ_by_the_true_lift(big: Retailer) -> None:
    people = big.truth.people["person_id"]
    chosen = people[np.random.default_rng(0).random(len(people)) < 0.5]
    records = big.truth.records[big.truth.records["person_id"].isin(chosen)][KEY]
    follow = big.follow_up(records, span=HALF, seed=2, effect=TreatmentEffect(rate=2.0))
    treated = follow.people["treated"].to_numpy()
    assert (treated == people.isin(chosen)).all()
    value = follow.people["value"].to_numpy()
    arms = [value[treated], value[~treated]]
    error = np.sqrt(sum(arm.var() / len(arm) for arm in arms))
    lift = float(follow.true_lift(HALF)["lift"].iloc[0])
    assert abs(arms[0].mean() - arms[1].mean() - lift) < sigmas() * error
    assert lift > sigmas() * error


def test_one_treated_record_treats_its_person(retailer: Retailer) -> None:
    truth = retailer.truth.records
    twice = truth[truth["person_id"].duplicated(keep=False)]
    one = twice.iloc[[0]]
    follow = retailer.follow_up(one[KEY], seed=1)
    assert follow.people.loc[follow.people["treated"], "person_id"].tolist() == [
        one["person_id"].iloc[0]
    ]
    assert follow.contacts[[*KEY, "kind"]].to_dict("list") == {
        "source": one["source"].tolist(),
        "record_id": one["record_id"].tolist(),
        "kind": ["treatment"],
    }
    assert (follow.contacts["time"] >= follow.start).all()


def test_true_lift_by_group_averages_to_the_whole(retailer: Retailer) -> None:
    follow = retailer.follow_up(seed=1)
    whole = float(follow.true_lift(weeks(52))["lift"].iloc[0])
    tier = np.where(retailer.truth.people["purchases"] > 3, "high", "general")
    for by in ("channel", tier):
        table = follow.true_lift(weeks(52), by=by)
        assert np.average(table["lift"], weights=table["people"]) == pytest.approx(whole)
    assert follow.true_lift(weeks(52), by=tier)["group"].tolist() == ["general", "high"]


def test_true_lift_takes_groups_by_person(retailer: Retailer) -> None:
    after = retailer.follow_up(seed=1)
    people = after.people["person_id"].tolist()
    by = {person: "ab"[k % 2] for k, person in enumerate(people) if k % 3}
    in_order = np.array([by.get(person) for person in people], dtype=object)
    assert after.true_lift(weeks(10), by=by).equals(after.true_lift(weeks(10), by=in_order))


def test_true_lift_leaves_out_people_without_a_group(retailer: Retailer) -> None:
    frequent = retailer.truth.people["purchases"] > 3
    some = np.array(["high" if often else None for often in frequent], dtype=object)
    table = retailer.follow_up(seed=1).true_lift(weeks(52), by=some)
    assert table["group"].tolist() == ["high"]
    assert table["people"].sum() == frequent.sum()


def test_an_effect_for_a_while_is_worth_less_than_for_good(retailer: Retailer) -> None:
    def lift(lasting: Span | None) -> float:
        effect = TreatmentEffect(rate=1.5, lasting=lasting)
        return float(retailer.follow_up(seed=1, effect=effect).true_lift(years(1))["lift"].iloc[0])

    assert 0 < lift(weeks(4)) < lift(weeks(26)) < lift(None)
    assert lift(years(2)) == pytest.approx(lift(None))


def test_unknown_treated_records_are_named(retailer: Retailer) -> None:
    treated = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["E999", "E998"]})
    with pytest.raises(DataError, match="no such record") as caught:
        retailer.follow_up(treated, seed=1)
    assert (caught.value.column, caught.value.rows) == ("record_id", ("E999", "E998"))
    with pytest.raises(DataError, match="no column 'source'"):
        retailer.follow_up(treated[["record_id"]], seed=1)


def test_a_group_per_person_is_wanted(retailer: Retailer) -> None:
    with pytest.raises(DataError, match="groups of shape"):
        retailer.follow_up(seed=1).true_lift(HALF, by=["a", "b"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: simulate_retailer(0, seed=1), "n_people is"),
        (lambda: simulate_retailer(9, seed=1).follow_up(span=days(0), seed=1), "a day or longer"),
    ],
)
def test_impossible_sizes_are_refused(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"chanels": ()}, "Extra inputs"),
        ({"channels": ()}, "at least 1"),
        ({"channels": _two(reach=0.1)[:1] * 2}, "distinct names"),
        ({"observed": days(0.5)}, "a day or longer"),
        ({"guest": 1.5}, "less than or equal to 1"),
        ({"seasonality": (1.0, 2.0)}, "at least 12"),
    ],
)
def test_a_wrong_config_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RetailerConfig.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coverage": {"fax": 0.5}}, "unknown fields"),
        ({"hours": (20, 10)}, "opening, closing"),
        ({"q": 1.0}, "greater than 1"),
    ],
)
def test_a_wrong_channel_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ChannelConfig.model_validate({"name": "ec", "share": 1, **fields})


def test_a_config_comes_back_from_json() -> None:
    config = RetailerConfig(observed=Span(2, TimeUnit.YEAR))
    assert RetailerConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("n_people", [1, 2, 7])
def test_very_small_retailers_work(n_people: int) -> None:
    retailer = simulate_retailer(n_people, seed=1)
    follow = retailer.follow_up(retailer.records[KEY], seed=1)
    assert len(retailer.truth.people) == len(follow.people) == n_people


def test_a_retailer_without_behaviour_has_empty_tables() -> None:
    config = RetailerConfig(channels=_two(reach=0.5))
    retailer = simulate_retailer(50, seed=1, config=config)
    assert retailer.behaviour.empty
    assert list(retailer.contacts.columns) == [*KEY, "channel", "time", "kind", "staff_id"]


def test_reprs_show_sizes_and_no_person(retailer: Retailer) -> None:
    follow = retailer.follow_up(seed=1)
    for value in (retailer, retailer.truth, follow):
        text = repr(value)
        assert "5,000 people" in text or "0 people treated" in text
        assert len(text) < 150


def test_the_simulator_needs_no_sampler() -> None:
    program = (
        "import sys, omniltv.data.simulate; "
        "print([m for m in ('pymc', 'arviz', 'recordlinkage', 'matplotlib') if m in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=True)  # our own words
    assert done.stdout.decode().strip() == "[]"
