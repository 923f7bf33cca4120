"""A purchase log split into calibration and holdout."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data._purchases import DAY0, VISITS, Constructor, frame_of, purchases

from omniltv.data import PurchaseHistory, PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.units import TimeUnit


@given(rows=purchases, by=st.sampled_from([None, "channel", "acquisition_channel"]))
def test_a_split_loses_no_purchase(rows: list[tuple[str, str, int, int]], by: Any) -> None:
    first, last = min(row[2] for row in rows), max(row[2] for row in rows)
    if first == last:
        return
    at = DAY0 + timedelta(days=(first + last) // 2)
    log = PurchaseLog.from_frame(frame_of(rows))
    split, whole = log.split(at=str(at), by=by), log.history(by=by)
    later = [row for row in rows if DAY0 + timedelta(days=row[2]) > at]
    known = {key[0] if by != "channel" else key for key in _counted_keys(split.calibration, by)}
    kept = [row for row in later if (row[:2] if by == "channel" else row[0]) in known]
    days = {(row[:2] if by == "channel" else row[0], row[2]) for row in kept}
    assert split.holdout_frequency.sum() == len(days)
    assert split.holdout_value.sum() == pytest.approx(sum(row[3] for row in kept))
    assert len(split.calibration) + split.newcomers == len(whole)
    assert split.holdout_span.amount == last - (first + last) // 2


def _counted_keys(history: PurchaseHistory, by: str | None) -> list[tuple[str, ...]]:
    groups = [history.groups["channel"]] if by == "channel" else []
    parts = zip(history.customer_id.tolist(), *groups, strict=True)
    return [tuple(str(part) for part in key) for key in parts]


def test_a_split_is_the_same_for_every_kind_of_frame(constructor: Constructor) -> None:
    split = PurchaseLog.from_frame(constructor(VISITS)).split(at="2026-01-20", unit="week")
    assert split.calibration.customer_id.tolist() == ["ann"]
    assert split.holdout_frequency.tolist() == [1]
    assert split.holdout_value.tolist() == [50.0]
    assert split.newcomers == 1
    assert (split.holdout_span.amount, split.holdout_span.unit) == (13.0, TimeUnit.DAY)


def test_a_split_at_the_end_is_refused_with_the_day() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    cases: tuple[dict[str, Any], ...] = (
        {"at": "2026-02-02"},
        {"at": "2026-02-01", "period": "month"},
    )
    for arguments in cases:
        with pytest.raises(
            DataError, match=r"no purchase after.*\n?.*ends on 2026-02-02"
        ) as caught:
            log.split(**arguments)
        assert caught.value.column == "time"
    with pytest.raises(DataError, match="no purchase until 2026-01-04") as caught:
        log.history(end="2026-01-04T23:00")
    assert caught.value.column == "time"
    assert len(log.history(end="2026-01-05T00:00")) == 1


@pytest.mark.parametrize(
    ("by", "frequency", "value", "newcomers"),
    [
        (None, [1, 2], [50.0, 14.0], 0),
        ("channel", [0, 1, 2], [0.0, 50.0, 14.0], 0),
        ("acquisition_channel", [1, 2], [50.0, 14.0], 0),
    ],
)
def test_a_split_counts_per_row_of_the_history(
    by: Any, frequency: list[int], value: list[float], newcomers: int
) -> None:
    rows = {name: [*values, new] for (name, values), new in zip(
        VISITS.items(), ("bob", "ec", "2026-01-08T08:00", 1.0), strict=True)}  # fmt: skip
    split = PurchaseLog.from_frame(pd.DataFrame(rows)).split(at="2026-01-20", by=by)
    channel = split.calibration.groups.get("channel", np.full(len(frequency), ""))
    order = np.lexsort((channel.astype(str), split.calibration.customer_id.astype(str)))
    assert split.holdout_frequency[order].tolist() == frequency
    assert split.holdout_value[order].tolist() == value
    assert split.newcomers == newcomers


def test_a_holdout_may_end_before_the_log() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    split = log.split(at="2026-01-20", end="2026-01-31", unit="week")
    until = log.before("2026-02-01").split(at="2026-01-20", unit="week")
    assert split.holdout_frequency.tolist() == until.holdout_frequency.tolist()
    assert split.holdout_value.tolist() == until.holdout_value.tolist()
    assert split.newcomers == until.newcomers
    assert (split.holdout_span.amount, split.holdout_span.unit) == (11.0, TimeUnit.DAY)
    assert split.calibration.T.tolist() == until.calibration.T.tolist()
    whole = log.split(at="2026-01-20", end="2026-02-02", unit="week")
    assert whole.holdout_span == log.split(at="2026-01-20", unit="week").holdout_span


def test_a_holdout_after_the_last_purchase_is_quiet() -> None:
    split = PurchaseLog.from_frame(pd.DataFrame(VISITS)).split(at="2026-01-20", end="2026-03-31")
    assert split.holdout_span.amount == 70.0


@pytest.mark.parametrize("end", ["2026-01-20", "2026-01-05"])
def test_an_empty_holdout_is_refused(end: str) -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    with pytest.raises(ConfigError, match="the holdout from 2026-01-20") as caught:
        log.split(at="2026-01-20", end=end)
    assert caught.value.parameter == "end"
