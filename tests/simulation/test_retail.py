"""Calendars, goods, behaviour and presets."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests._statistics import assert_same_law, sigmas
from tests.simulation._worlds import CHANNELS, config

from omniltv.errors import ConfigError
from omniltv.simulation import PRESETS, Baskets, Calendar, SingleEvent, World, WorldConfig, preset
from omniltv.units import weeks


def test_nobody_buys_in_a_closed_week_and_more_in_a_sale() -> None:
    events = (
        SingleEvent(name="closed", first=date(2024, 2, 5), days=7, factor=0.0),
        SingleEvent(name="sale", first=date(2024, 2, 19), days=7, factor=4.0),
    )
    world = World(WorldConfig(calendar=Calendar(events=events)), people=1_000, seed=1)
    table = world.run(weeks(9)).transactions
    week = (table["time"].dt.tz_localize(None) - pd.Timestamp("2024-01-01")).dt.days // 7
    count = np.bincount(week, minlength=9)
    assert count[5] == 0
    assert count[7] > 2 * count[[4, 6, 8]].max()


def test_a_calendar_of_a_channel_is_its_own() -> None:
    closed = Calendar(weekdays=(1, 1, 1, 1, 1, 1, 0))
    channels = (CHANNELS[0].model_copy(update={"calendar": closed}), *CHANNELS[1:])
    world = World(config().model_copy(update={"channels": channels}), people=1_000, seed=1)
    table = world.run(weeks(10)).transactions
    bought = table[table["refund_of"].isna()]
    sunday = bought["time"].dt.weekday == 6
    assert set(bought.loc[sunday, "channel"]) == {"ec", "call"}


def test_a_trend_is_a_factor_per_year() -> None:
    factors = Calendar(trend=1.5).factors(date(2024, 1, 1), 0, 1_462)
    np.testing.assert_allclose(factors[[0, 731, 1_461]], [1, 1.5 ** (731 / 365.25), 1.5**4])


def test_categories_have_seasons_and_repurchase_times() -> None:
    lines = World(config(), people=400, seed=1).run(weeks(26))
    month = lines.transactions.set_index("transaction_id")["time"].dt.month
    sold = lines.lines.assign(month=month.loc[lines.lines["transaction_id"]].to_numpy())
    cups = sold["category"] == "cups"
    assert not cups[sold["month"] <= 3].any()
    assert cups[sold["month"] >= 5].mean() > 0.1


def test_behaviour_goes_with_purchases() -> None:
    step = World(config(), people=400, seed=2).run(weeks(20))
    bought = step.transactions[step.transactions["refund_of"].isna()]
    events = step.behaviour
    carts = events[events["event"] == "cart"]
    online = (bought["channel"] == "ec").sum()
    lost = (step.lost["transaction_id"].isna()).sum()  # carts of what was not in stock
    left = (events["event"] == "cart_abandoned").sum()
    assert online + left <= len(carts) <= online + left + lost
    assert set(events["event"]) >= {"visit", "browse", "cart_abandoned", "enquiry", "collect"}
    seen = bought[bought["channel"] != "call"]
    visitors, buyers = set(events["customer_id"]), set(seen["customer_id"])
    assert buyers < visitors  # prospects visit, too


def test_heavy_baskets_have_means_spreads_and_a_correlation() -> None:
    baskets = Baskets(kind="heavy", mean=100.0, between=0.5, within=0.8, with_rate=0.6)
    for own in (baskets, Baskets(mean=100.0, between=0.5, within=0.8)):
        rng = np.random.default_rng(3)
        rate = rng.lognormal(size=40_000)
        means = own.means(lambda _: rng.random(40_000), rate)  # noqa: B023 - called at once
        noise = own.noise(rng.random(40_000))
        for values, mean, sd in ((means, 100, 50), (noise, 1, 0.8)):
            z = (values.mean() - mean) / (sd / 200)
            assert abs(z) < sigmas(4)
            assert values.std() == pytest.approx(sd, rel=0.25)
    again = baskets.means(lambda _: np.random.default_rng(4).random(40_000), rate)
    found = np.corrcoef(np.log(again), np.log(rate))[0, 1]
    assert found == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_run_and_are_written(name: str) -> None:
    settings = preset(name)
    assert WorldConfig.from_yaml(settings.to_yaml()) == settings
    world = World(settings, people=150, seed=1)
    step = world.run(weeks(3))
    assert len(step.transactions) > 0
    assert set(step.transactions["channel"]) <= {own.name for own in settings.channels}


def test_there_is_no_other_preset() -> None:
    with pytest.raises(ConfigError, match="apparel"):
        preset("bank")


@pytest.mark.slow
def test_a_process_of_a_model_is_that_model_by_day() -> None:
    """Purchase days of BG/NBD customers follow the model, up to the grid of days."""
    from omniltv.models import BgNbd

    plain = WorldConfig(acquired_within=1, loyalty=1.0)
    bought = World(plain, people=6_000, seed=1).run(weeks(40)).transactions
    process = plain.process.model_dump()  # type: ignore[attr-defined]
    parameters = {key: np.array(process[key]) for key in ("r", "alpha", "a", "b")}
    repeats = bought["customer_id"].value_counts().to_numpy() - 1
    wanted = BgNbd().simulate(parameters, np.full(60_000, 40.0), np.random.default_rng(5))
    assert_same_law(
        np.minimum(repeats, 15), np.minimum(wanted.frequency, 15), sizes=(6_000, 60_000)
    )
