"""Time zones of a purchase log: the local day of a purchase."""

from datetime import date, datetime

import pandas as pd
from tests.data._purchases import Constructor, table

from omniltv.data import PurchaseLog


def test_the_stated_zone_says_whose_day_it_is(constructor: Constructor) -> None:
    late = table([("a", "ec", "2026-01-31T16:00:00Z", 1.0), ("a", "ec", "2026-02-01T01:00Z", 1.0)])
    tokyo = PurchaseLog.from_frame(constructor(late), timezone="Asia/Tokyo")
    london = PurchaseLog.from_frame(constructor(late), timezone="Europe/London")
    assert tokyo.history().frequency.tolist() == [0]
    assert london.history().frequency.tolist() == [1]


def test_zoned_moments_are_as_good_as_text(constructor: Constructor) -> None:
    moments = [datetime.fromisoformat(f"2026-01-{day}T23:30:00+00:00") for day in ("01", "02")]
    rows = {**table([("a", "ec", "", 1.0)] * 2), "time": moments}
    log = PurchaseLog.from_frame(constructor(rows), timezone="Asia/Tokyo")
    days = log.time.astype("datetime64[D]").astype(str).tolist()
    assert days == ["2026-01-02", "2026-01-03"]


def test_times_without_zone_are_local_already(constructor: Constructor) -> None:
    rows = {**table([("a", "ec", "", 1.0)] * 2), "time": [date(2026, 3, 29), date(2026, 3, 30)]}
    for timezone in (None, "Europe/Berlin"):
        log = PurchaseLog.from_frame(constructor(rows), timezone=timezone)
        assert log.history().recency.tolist() == [1.0]


def test_an_hour_that_clocks_skip_or_repeat_counts_on_its_day(constructor: Constructor) -> None:
    skipped, repeated = "2026-03-29T02:30", "2026-10-25T02:30"
    rows = table([("a", "ec", skipped, 1.0), ("a", "ec", repeated, 1.0)])
    now = "2027-01-01"
    log = PurchaseLog.from_frame(constructor(rows), timezone="Europe/Berlin", now=now)
    assert (log.n_rejected, log.history().recency.tolist()) == (0, [210.0])


def test_a_moment_with_an_offset_is_one_of_the_logs_zone() -> None:
    rows = table([("a", "ec", "2026-01-31T16:00:00Z", 1.0), ("a", "ec", "2026-02-03T01:00Z", 1.0)])
    log = PurchaseLog.from_frame(pd.DataFrame(rows), timezone="Asia/Tokyo")
    assert log.timezone == "Asia/Tokyo"
    for end in ("2026-02-02", "2026-02-01T15:30Z", "2026-02-02T00:30+09:00"):
        assert log.history(end=end).T.tolist() == [1.0]
    assert len(log.before("2026-01-31T16:00Z")) == 0
    assert len(log.since("2026-02-01T01:00:00")) == 2
