"""The contact policy: quiet hours, caps, rests; overlap and omission."""

from datetime import date

import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.policy import ContactPolicy, QuietHours, contact_overlap

DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("hour", "own", "at"),
    [
        (10, None, "2026-03-01T10:00:00+09:00"),
        (10, "Asia/Tokyo", "2026-03-01T10:00:00+09:00"),
        (10, "Europe/Paris", "2026-03-01T08:00:00+01:00"),
        (23, "Asia/Tokyo", "2026-03-01T20:00:00+09:00"),
        (10, "America/New_York", "2026-02-28T20:00:00-05:00"),
    ],
)
def test_nobody_is_contacted_in_quiet_hours(hour: int, own: str | None, at: str) -> None:
    policy = ContactPolicy(quiet=QuietHours(start=21, end=8))
    assert policy.moment(DAY, hour, own=own, zone="Asia/Tokyo").isoformat() == at


def test_hours_that_clocks_skip_do_not_happen() -> None:
    policy = ContactPolicy(quiet=QuietHours(start=22, end=2))
    moment = policy.moment(date(2026, 3, 8), 1, own="America/New_York", zone="America/New_York")
    assert moment.isoformat() == "2026-03-08T03:00:00-04:00"


def test_a_time_zone_that_does_not_exist() -> None:
    with pytest.raises(DataError, match="no time zone"):
        ContactPolicy().moment(DAY, 10, own="Asia/Toyko", zone="Asia/Tokyo")


def test_quiet_hours_leave_time() -> None:
    with pytest.raises(ConfigError, match="leave no time"):
        QuietHours(start=8, end=8)


def test_overlap_and_omission() -> None:
    customers = pl.DataFrame({"customer_id": [1, 2, 3], "tier": ["high", "high", "low"]})
    contacts = pl.DataFrame({
        "customer_id": [1, 1, 1, 3, 3],
        "time": ["2026-02-20", "2026-02-27", "2025-01-01", "2026-02-20", "2026-02-21"],
        "treatment": ["coupon", "coupon", "coupon", "a", "b"],
        "channel": ["ec", "store", "ec", "ec", "ec"],
    })  # fmt: skip
    found = contact_overlap(customers, contacts, on="2026-03-01", tiers=["high"])
    assert found.repeated.rows() == [(1, "coupon", 2, "ec, store")]
    assert found.unreached.rows() == [(2, "high")]
    assert found.contacted == 2
    same = contact_overlap(
        customers, contacts, on="2026-03-01", tiers=["high"], campaigns={"a": "x", "b": "x"}
    )
    assert same.repeated["what"].to_list() == ["coupon", "x"]


def test_contacts_at_the_ends_of_the_window() -> None:
    customers = pd.DataFrame({"customer_id": ["a"], "tier": ["high"]})
    contacts = pd.DataFrame({"customer_id": ["a", "a"], "treatment": "t", "channel": "ec",
                             "time": ["2026-02-22", "2026-03-01"]})  # fmt: skip
    ends = contact_overlap(customers, contacts, on="2026-03-01", days=7, tiers=["high"])
    assert ends.contacted == 1
    assert not len(ends.repeated)
