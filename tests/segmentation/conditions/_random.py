"""Random conditions of every kind, and random tables with the values that break engines."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from tests.segmentation.conditions._engines import Tables

from omniltv.segmentation import Condition

TIERS = ("gold", "silver", "bronze")
NAMES = ("", "Aoki", "aoki", "Ito%", "I_o", "\u9752\u6728", "\u00c9lan", "a'b", "Aok")
KINDS = ("purchase", "visit", "mail")
# Around both changes of the clocks in Berlin, ends of months, and a leap day.
DAYS = tuple(
    date.fromisoformat(text)
    for text in (
        "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-30", "2024-03-31", "2024-04-01",
        "2024-10-26", "2024-10-27", "2024-10-28", "2024-12-31", "2025-01-01", "2025-02-28",
        "2025-03-01", "1980-02-29", "2023-05-31",
    )
)  # fmt: skip
_MINUTES = (0, 1, 59, 60, 119, 120, 121, 180, 720, 1319, 1320, 1380, 1439)
NUMBERS = st.sampled_from([-2.0, -1.0, 0.0, 0.1, 1.0, 1.5, 2.0, 3.0])
FLOATS = st.one_of(st.none(), st.just(float("nan")), NUMBERS)
DAY = st.sampled_from(DAYS)
MOMENTS = st.builds(
    lambda day, minute: (
        datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    ),
    DAY,
    st.sampled_from(_MINUTES),
)
AT = MOMENTS.map(lambda moment: moment.replace(tzinfo=None))
PRICES = st.sampled_from(["-1.00", "0.10", "0.30", "1.00", "1.50", "2.00"]).map(Decimal)
_MOMENT = pa.timestamp("us", "UTC")

CUSTOMER = {
    "n": (st.none() | st.integers(-2, 3), pa.int64()),
    "v": (FLOATS, pa.float64()),
    "w": (FLOATS, pa.float64()),
    "name": (st.none() | st.sampled_from(NAMES), pa.string()),
    "tier": (st.none() | st.sampled_from((*TIERS, "other")), "categories"),
    "tier_before": (st.none() | st.sampled_from(TIERS), pa.string()),
    "day": (st.none() | DAY, pa.date32()),
    "at": (st.none() | AT, pa.timestamp("us")),
    "moment": (st.none() | MOMENTS, _MOMENT),
    "price": (st.none() | PRICES, pa.decimal128(10, 2)),
    "flag": (st.none() | st.booleans(), pa.bool_()),
}


def _column(values: list[Any], kind: Any) -> pa.Array:
    if kind == "categories":
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, kind)


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """Draw a table of customers, one of events and one of draws."""
    n = draw(st.integers(1, 8))
    columns = {
        name: _column(draw(st.lists(values, min_size=n, max_size=n)), kind)
        for name, (values, kind) in CUSTOMER.items()
    }
    ids = pa.array([f"c{k}" for k in range(n)])
    customers = pa.table({"row": pa.array(range(n)), "customer_id": ids, **columns})
    customer = st.integers(0, 9).map(lambda k: f"c{k}")
    event = st.tuples(customer, st.sampled_from(KINDS), MOMENTS, NUMBERS)
    events = list(zip(*draw(st.lists(event, min_size=1, max_size=8)), strict=True))
    draws = list(zip(*draw(st.lists(st.tuples(customer, NUMBERS), min_size=1)), strict=True))
    names = ("customer_id", "kind", "time", "amount")
    types = (pa.string(), pa.string(), _MOMENT, pa.float64())
    return Tables(
        customers,
        pa.table({k: pa.array(v, t) for k, v, t in zip(names, events, types, strict=True)}),
        pa.table({"customer_id": pa.array(draws[0]), "value": pa.array(draws[1], pa.float64())}),
    )


ORDER = st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"])


def _compare(columns: Any, values: Any, ops: Any = ORDER) -> st.SearchStrategy[dict[str, Any]]:
    column = st.sampled_from(columns)
    one = st.fixed_dictionaries({"column": column, "op": ops, "value": values})
    several = st.fixed_dictionaries(
        {"column": column, "op": st.just("in"), "value": st.lists(values, min_size=1, max_size=3)}
    )
    between = st.fixed_dictionaries(
        {
            "column": column,
            "op": st.just("between"),
            "value": st.lists(values, min_size=2, max_size=2),
        }
    )
    return one | several if ops is not ORDER else one | several | between


_PAIRS = [
    ("v", "w"), ("n", "v"), ("price", "v"), ("name", "tier_before"), ("tier", "tier_before"),
    ("day", "day"), ("at", "day"), ("day", "moment"), ("at", "at"), ("moment", "moment"),
]  # fmt: skip
_COMPARISONS = st.one_of(
    _compare(["n", "v", "price"], NUMBERS | st.integers(-2, 3)),
    _compare(["name", "tier"], st.sampled_from((*NAMES, *TIERS))),
    _compare(["flag"], st.booleans(), st.sampled_from(["eq", "ne"])),
    _compare(["day", "at", "moment"], DAY),
    _compare(["at"], AT),
    _compare(["moment"], MOMENTS),
    st.builds(lambda column: {"column": column, "op": "is_missing"}, st.sampled_from([*CUSTOMER])),
    st.builds(
        lambda pair, op: {"column": pair[0], "op": op, "other": pair[1]},
        st.sampled_from(_PAIRS),
        ORDER,
    ),
)
_TEXTS = st.fixed_dictionaries(
    {
        "column": st.sampled_from(["name", "tier"]),
        "text": st.sampled_from(["contains", "starts", "ends"]),
        "part": st.sampled_from(["o", "A", "%", "_", "\u6728", "'", "ki", "gold"]),
    }
)
_LINE = st.one_of(
    st.fixed_dictionaries({"count": st.integers(1, 4)}),
    st.fixed_dictionaries({"share": st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.6, 1.0])}),
)
_RANKS = st.builds(
    lambda head, line: {**head, **line},
    st.fixed_dictionaries(
        {
            "column": st.sampled_from(["n", "v", "price"]),
            "rank": st.sampled_from(["top", "bottom"]),
            "by": st.sampled_from([(), ("tier_before",), ("flag",), ("tier", "flag"), ("day",)]),
            "ties": st.sampled_from(["in", "out"]),
        }
    ),
    _LINE,
)


def _spans(*columns: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "column": st.sampled_from(columns),
            "within": st.sampled_from(["last", "next"]),
            "count": st.sampled_from([1, 2, 7, 31, 366]),
            "unit": st.sampled_from(["days", "weeks", "months", "years"]),
            "anniversary": st.booleans(),
            "leap_day": st.sampled_from(["feb_28", "mar_1"]),
        }
    )


_WEEKDAYS = st.fixed_dictionaries(
    {
        "column": st.sampled_from(["day", "at", "moment"]),
        "weekday": st.sampled_from(["monday", "sunday", ("saturday", "thursday", "friday")]),
        "nth": st.sampled_from([None, -1, 1, 2, 4, 5]),
    }
)
_TIERS = st.fixed_dictionaries(
    {
        "in_tier": st.sampled_from(["gold", "silver", ("silver", "bronze")]),
        "or_better": st.booleans(),
        "order": st.just(TIERS),
    }
)
_MOVES = st.fixed_dictionaries(
    {
        "moved": st.sampled_from(["up", "down", "any"]),
        "order": st.just(TIERS),
        "from_tier": st.sampled_from([None, "silver", ("bronze", "gold")]),
        "to_tier": st.sampled_from([None, "gold", ("silver", "gold")]),
    }
)
_EVENTS = st.builds(
    lambda head, limits: {**head, **limits},
    st.fixed_dictionaries(
        {
            "happened": st.sampled_from(["purchase", ("visit", "mail")]),
            "where": st.none()
            | _compare(["amount"], NUMBERS)
            | _compare(["time"], DAY)
            | _spans("time"),
        }
    ),
    st.sampled_from([{}, {"at_least": 2}, {"at_most": 0}, {"at_least": 1, "at_most": 2}]),
)
_CHANCES = st.fixed_dictionaries(
    {
        "chance": st.sampled_from([0.1, 0.5, 0.9]),
        "draws_of": st.just("value"),
        "reaches": NUMBERS,
    }
)
LEAVES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "op": _COMPARISONS,
    "text": _TEXTS,
    "rank": _RANKS,
    "within": _spans("day", "at", "moment"),
    "weekday": _WEEKDAYS,
    "in_tier": _TIERS,
    "moved": _MOVES,
    "happened": _EVENTS,
    "chance": _CHANCES,
}
LOGIC = {"all_of", "any_of", "not_"}

DOCUMENTS = st.recursive(
    st.one_of(*LEAVES.values()),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not_": inner}),
        st.fixed_dictionaries({"all_of": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any_of": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=5,
)
CONDITIONS = DOCUMENTS.map(Condition.model_validate)
