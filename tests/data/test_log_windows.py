"""Parts of a purchase log, and histories with a start, an end and given customers."""

from datetime import datetime, timedelta

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from tests.data._purchases import DAY0, VISITS, by_customer, frame_of, purchases

from omniltv.data import PurchaseLog


@given(rows=purchases, at=st.integers(-5, 90))
def test_a_moment_parts_a_log(rows: list[tuple[str, str, int, int]], at: int) -> None:
    log, moment = PurchaseLog.from_frame(frame_of(rows)), str(DAY0 + timedelta(days=at))
    early, late = log.before(moment), log.since(moment)
    assert sorted([*early.value, *late.value]) == sorted(log.value)
    assert set(early.customer_id) == {row[0] for row in rows if row[2] < at}
    assert set(late.customer_id) == {row[0] for row in rows if row[2] >= at}
    both = sorted(set(log.customer_id))
    total = early.realised_value(both) + late.realised_value(both)
    assert total.tolist() == log.realised_value(both).tolist()


def test_a_history_with_a_start_knows_it() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    window = log.history(start="2026-01-06", end="2026-02-28", period="month", customers=["bob"])
    assert window.start == datetime(2026, 1, 6)  # noqa: DTZ001 - local
    assert log.history().start is None
    assert window.take([0]).start == window.start
    assert by_customer(window, "frequency", "recency", "T") == {"bob": (2, 2.0, 2.0)}
    everybody = log.history(start="2026-01-06")
    assert by_customer(everybody, "frequency", "monetary_value")["ann"] == (2, 40.0)
