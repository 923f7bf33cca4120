"""Purchases made up for tests of the log: tables, a strategy, and histories by customer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from omniltv.data import PurchaseHistory

type Columns = Mapping[str, Sequence[Any]]
type Constructor = Callable[[Columns], Any]
type Contents = Callable[[Any], dict[str, list[Any]]]


def table(rows: Sequence[tuple[object, str, str, float]]) -> dict[str, list[Any]]:
    names = ("customer_id", "channel", "time", "value")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def by_customer(history: PurchaseHistory, *names: str) -> dict[object, tuple[Any, ...]]:
    frame = history.to_frame()
    picked = frame[list(names)].itertuples(index=False, name=None)
    return dict(zip(frame["customer_id"], picked, strict=True))


VISITS = table(
    [
        ("ann", "store", "2026-01-05T10:00", 10.0),  # a Monday
        ("ann", "ec", "2026-01-05T21:00", 2.0),
        ("ann", "ec", "2026-01-11T09:00", 30.0),  # the Sunday of the same week
        ("ann", "store", "2026-02-02T09:00", 50.0),
        ("bob", "ec", "2026-01-31T23:59", 8.0),
        ("bob", "ec", "2026-02-01T00:01", 6.0),
    ]
)

DAY0 = date(2026, 1, 1)

purchases = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["ec", "store"]),
        st.integers(0, 80),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=25,
)


def frame_of(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [row[0] for row in rows],
            "channel": [row[1] for row in rows],
            "time": [str(DAY0 + timedelta(days=row[2])) for row in rows],
            "value": [float(row[3]) for row in rows],
        }
    )
