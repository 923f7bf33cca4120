"""Calendar time: a known season and sale are found, and the clock counts their days."""

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas
from tests.data._seasons import SALE, START, intensity, season_log

from omniltv.data import CalendarTime, PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.units import TimeUnit, days, weeks

type Log = PurchaseLog[pd.DataFrame]


@pytest.fixture(scope="module")
def log() -> Log:
    return season_log(1000, weeks=104, seed=7, sale=4.0)


@pytest.fixture(scope="module")
def calendar(log: Log) -> CalendarTime:
    return log.calendar_time(by="channel", events={"sale": SALE}, seed=1)


def test_a_season_is_recovered(calendar: CalendarTime) -> None:
    table = calendar.to_frame()
    day = intensity(7 * 104, sale=4.0)
    month = (START + np.arange(len(day)).astype("timedelta64[D]")).astype("datetime64[M]")
    truth = np.tile(pd.Series(day / day.mean()).groupby(month).mean().to_numpy(), 2)
    off = (table["factor"] - truth) / ((table["upper"] - table["lower"]) / 3.29)
    # The posterior is nearly Normal; smoothing adds a bias, hence one and a half times as much.
    assert np.abs(off).max() < 1.5 * sigmas(len(off))
    assert np.log(table["factor"] / truth).std() < 0.5 * np.log(truth).std()


def test_days_of_an_event_have_their_factor(calendar: CalendarTime) -> None:
    sale = np.array(SALE[:2], "datetime64[D]").astype(np.int64)
    for group in range(2):
        before = calendar.intensity.mean(group, sale - 7).mean()
        assert 2.5 < calendar.intensity.mean(group, sale).mean() / before < 6.0
    assert calendar.labels == ("ec", "store")


def test_a_log_without_a_season_leaves_the_clock_as_it_is() -> None:
    flat = season_log(700, weeks=80, seed=4, flat=True).calendar_time(seed=1)
    end = flat.intensity.last
    length = flat.intensity.ahead(0, end, np.array([91.0, 182.0]), 500)
    assert np.all(np.abs(length.mean(axis=1) / [91, 182] - 1) < 3 * length.std(axis=1) / [91, 182])
    assert length[1].std() / 182 < 0.2


def test_operational_times_are_between_the_ends_of_days(log: Log, calendar: CalendarTime) -> None:
    plain = log.history(unit="week", by="channel")
    history = log.history(unit="week", by="channel", calendar=calendar)
    assert len(history.distinct().count) == len(plain.distinct().count)
    assert history.frequency.tolist() == plain.frequency.tolist()
    again = plain.frequency > 0
    assert (history.recency[again] > 0).all()
    assert (history.recency <= history.T + 1e-9).all()
    observed = np.arange(calendar.intensity.first, calendar.intensity.last + 1)
    for group, label in enumerate(calendar.labels):
        s = calendar.intensity.mean(group, observed)
        row = np.flatnonzero(history.groups["channel"] == label)[0]
        born = len(s) - 1 - round(plain.T[row] * 7)
        by_hand = (s / s.mean())[born + 1 :].sum() / 7
        assert history.T[row] == pytest.approx(by_hand, abs=1e-5)


def test_the_future_is_the_season_and_less_certain_the_farther(calendar: CalendarTime) -> None:
    clock = np.array([0.0, 90.0, 270.0, 365.0, 731.0, 1096.0])
    ahead = calendar.intensity.ahead(1, calendar.intensity.last, clock, 300)
    assert (ahead[0] == 0).all()
    assert (np.diff(ahead, axis=0) > 0).all()
    per_day = np.diff(ahead, axis=0) / np.diff(clock)[:, None]
    assert per_day[1].mean() < 0.8 * per_day[2].mean()  # April to September are quiet
    assert per_day[3].std() > per_day[0].std() / 2
    same = calendar.intensity.ahead(1, calendar.intensity.last, clock, 300)
    np.testing.assert_array_equal(ahead, same)


def test_the_clock_of_a_history_goes_on_after_the_calendar_was_learnt(log: Log) -> None:
    early = log.calendar_time(end="2024-06-30", seed=1)
    history = log.history(unit="week", calendar=early)
    assert history.clock is not None
    assert history.clock.ahead(weeks(4), n_draws=3, unit=TimeUnit.WEEK).shape == (1, 3)
    assert early.name != log.calendar_time(seed=1).name
    assert early.name == log.calendar_time(end="2024-06-30", seed=2).name


def test_a_calendar_of_other_groups_or_periods_is_refused(log: Log, calendar: CalendarTime) -> None:
    with pytest.raises(ConfigError, match="calendar time by channel"):
        log.history(calendar=calendar)
    with pytest.raises(ConfigError, match="periods of a week"):
        log.history(period="week", by="channel", calendar=calendar)
    with pytest.raises(ConfigError, match="has no days"):
        log.calendar_time(events={"sale": []}, seed=1)


def test_a_log_that_tells_nothing_is_refused(log: Log) -> None:
    with pytest.raises(DataError, match="have no calendar time"):
        log.calendar_time(end="2023-02-01", seed=1)
    once = log.to_frame().drop_duplicates("customer_id")
    with pytest.raises(DataError, match="0 repeat purchases"):
        PurchaseLog.from_frame(once).calendar_time(seed=1)


def test_a_group_that_the_calendar_does_not_have_is_named(log: Log, calendar: CalendarTime) -> None:
    history = log.history(unit="week", by="channel", calendar=calendar).take([0, 1])
    assert history.clock is not None
    with pytest.raises(DataError, match="groups without calendar time"):
        history.clock.codes({"channel": np.array(["app", "ec"])}, 2)
    with pytest.raises(DataError, match="missing group column"):
        history.clock.codes({}, 2)
    assert days(3).unit is TimeUnit.DAY
