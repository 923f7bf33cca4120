"""The purchase log: building, ids, values, and the errors of its methods."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data._purchases import VISITS, Constructor, by_customer, table

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError, DataError


def test_a_purchase_of_value_zero_is_an_occasion() -> None:
    rows = [("a", "ec", "2026-01-01", 5.0), ("a", "ec", "2026-01-03", 0.0)]
    log = PurchaseLog.from_frame(pd.DataFrame(table(rows)))
    history = log.history()
    assert (log.n_rejected, history.frequency.tolist()) == (0, [1])
    assert history.monetary_value.tolist() == [0.0]


@pytest.mark.parametrize("ids", [[3, 10], ["3", "10"], [2**60 + 1, 2**60 + 3]])
def test_ids_stay_what_they_are(ids: list[object], constructor: Constructor) -> None:
    rows = [(name, "ec", "2026-01-01", 1.0) for name in ids]
    history = PurchaseLog.from_frame(constructor(table(rows))).history()
    assert sorted(history.customer_id.tolist(), key=str) == sorted(ids, key=str)
    assert {type(name) for name in history.customer_id.tolist()} == {type(ids[0])}


@pytest.mark.parametrize("now", ["2026-01-20", datetime(2026, 1, 20), np.datetime64("2026-01-20")])  # noqa: DTZ001 - local
def test_what_is_later_than_now_is_set_aside(now: Any) -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS), now=now)
    assert log.rejected["reason"].tolist() == ["time: in the future"] * 3


def test_a_log_without_channels_and_values_is_one_channel_without_values() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["b", "a", "b"], "time": ["2026-01-01"] * 2 + ["2026-01-09"]}
    )
    log = PurchaseLog.from_frame(frame)
    assert log.channels == ("all",)
    history = log.history(by="channel")
    assert by_customer(history, "channel", "frequency") == {"b": ("all", 1), "a": ("all", 0)}
    assert np.isnan(history.monetary_value).all()
    assert np.isnan(log.to_frame("polars")["value"].to_numpy()).all()


def test_an_empty_log_says_so_and_where_its_rows_are() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS), now="2025-01-01")
    assert repr(log) == "PurchaseLog(no purchases; 6 rejected rows worth 106)"
    assert (log.channels, log.columns()["channel"].tolist()) == ((), [])
    with pytest.raises(DataError, match=r"no purchases.*\n?.*look at log.report") as caught:
        log.history()
    assert caught.value.column == "time"


def test_purchases_come_out_as_they_went_in() -> None:
    frame = PurchaseLog.from_frame(pd.DataFrame(VISITS)).to_frame("polars")
    assert frame.columns == ["customer_id", "channel", "time", "value"]
    assert frame["customer_id"].to_list() == VISITS["customer_id"]
    assert frame["channel"].to_list() == VISITS["channel"]
    assert frame["time"].to_list() == [datetime.fromisoformat(at) for at in VISITS["time"]]
    assert frame["value"].to_list() == VISITS["value"]


def test_the_log_is_a_frame_again() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    again = PurchaseLog.from_frame(log.to_frame())
    assert by_customer(again.history(), "frequency", "T") == by_customer(
        log.history(), "frequency", "T"
    )
    assert repr(log) == (
        "PurchaseLog(6 purchases of 2 customers, 2026-01-05 to 2026-02-02; 0 rejected rows)"
    )


def test_margins_are_of_channels() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    margins = {"store": 0.5, "ec": 0.1, "app": 0.9}
    by_channel = log.with_margin(margins)
    assert by_channel.value.tolist() == pytest.approx([5.0, 0.2, 3.0, 25.0, 0.8, 0.6])
    assert log.with_margin(0.3).value.tolist() == pytest.approx((0.3 * log.value).tolist())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"timezone": "Asia/Tokio"}, "Asia/Tokio"), ({"refunds": "ignore"}, "refunds is")],
)
def test_an_unknown_zone_or_rule_is_an_error(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PurchaseLog.from_frame(pd.DataFrame(VISITS), **arguments)


def test_errors_of_logs_carry_the_column_and_what_to_do() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    with pytest.raises(
        DataError, match=r'no margin for: ec, store.*\n?.*margin=\{"ec": 0.3'
    ) as caught:
        log.with_margin({})
    assert caught.value.column == "channel"
    with pytest.raises(ConfigError, match=r"margin is a number from 0 to 1"):
        log.with_margin({"ec": 0.0, "store": -1})
    assert log.with_margin(0).value.tolist() == [0.0] * 6
    with pytest.raises(DataError, match="give every customer once") as caught:
        log.of_customers(["ann", "ann"])
    assert caught.value.column == "customer_id"
    zoned = table([("a", "ec", "2026-01-31T16:00:00Z", 1.0)])
    with pytest.raises(DataError, match="no time zone is given") as caught:
        PurchaseLog.from_frame(pd.DataFrame(zoned))
    assert caught.value.column == "time"
    with pytest.raises(ConfigError, match="give end=, not earlier than start"):
        log.history(start="2026-02-03")
    with pytest.raises(ConfigError, match='Hint: a local moment such as "2026-01-31"'):
        log.before("soon")
