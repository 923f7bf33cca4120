"""The window as a history of its own."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.errors import ConfigError, DataError
from omniltv.experiments import Assignment, window_history

START = datetime.fromisoformat("2025-03-01T00:00")
END = START + timedelta(days=28)
ARMS = Assignment.from_frame(pd.DataFrame({"customer_id": [1, 2, 3], "arm": ["a", "b", "a"]}))

purchase = st.tuples(
    st.integers(1, 4), st.integers(-10, 40), st.integers(0, 23), st.sampled_from(["ec", "store"])
)


def table(rows: list[tuple[int, int, int, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": [row[0] for row in rows],
            "time": [START + timedelta(days=row[1], hours=row[2]) for row in rows],
            "channel": [row[3] for row in rows],
            "value": [1.0 + row[1] % 5 for row in rows],
        }
    )


@given(rows=st.lists(purchase, min_size=1, max_size=40))
def test_every_assigned_customer_is_in_and_every_occasion_counted(
    rows: list[tuple[int, int, int, str]],
) -> None:
    frame = table(rows)
    history = window_history(frame, ARMS, start=START, end=END)
    for k, customer in enumerate([1, 2, 3]):
        days = {row[1] for row in rows if row[0] == customer and 0 <= row[1] < 28}
        assert history.frequency[k] == len(days)
        assert history.recency[k] == (max(days) + 1 if days else 0)
        spent = sum(1.0 + r[1] % 5 for r in rows if r[0] == customer and 0 <= r[1] < 28)
        assert np.nan_to_num(history.monetary_value[k]) * len(days) == pytest.approx(spent)
    assert history.groups["arm"].tolist() == ["a", "b", "a"]
    assert set(history.T) == {28.0}
    in_pandas = window_history(frame.to_pandas(), ARMS, start=START, end=END)
    assert in_pandas.recency.tolist() == history.recency.tolist()


@given(rows=st.lists(purchase, min_size=1, max_size=40))
def test_split_by_channel_everybody_has_a_row_in_each(
    rows: list[tuple[int, int, int, str]],
) -> None:
    history = window_history(table(rows), ARMS, start=START, end=END, unit="week", by="channel")
    n_channels = len(set(history.groups["channel"].tolist()))
    assert len(history.frequency) == 3 * n_channels
    assert (history.recency <= history.T).all()
    assert (history.T == 4).all()


def test_bad_windows() -> None:
    frame = table([(1, 1, 0, "ec")])
    with pytest.raises(ConfigError, match="no whole week"):
        window_history(frame, ARMS, start=START, end=START + timedelta(days=3), unit="week")
    with pytest.raises(DataError, match="worth less than nothing") as caught:
        window_history(frame.with_columns(value=-1.0), ARMS, start=START, end=END)
    assert caught.value.rows == (1,)
    with pytest.raises(DataError, match="not a column of times"):
        window_history(frame.with_columns(time=pl.lit("now")), ARMS, start=START, end=END)
    aware = frame.with_columns(pl.col("time").dt.replace_time_zone("Asia/Tokyo"))
    with pytest.raises(DataError, match="different kinds"):
        window_history(aware, ARMS, start=START, end=END)
