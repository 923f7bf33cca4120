"""Columns of every type in every function that reads frames: the right answer, or our own error.

Each column of the table of `FUNCTIONS` is given in each form of `FORMS`: three whole numbers,
numbers or times, as pandas, NumPy, Polars and Arrow may hold them. The answer must be that of the
plain form. A foreign error, or another answer without a word, fails the law.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import PurchaseHistory, PurchaseLog, check
from omniltv.errors import DataError, OmniltvError
from omniltv.experiments import Assignment, Outcome, assign, difference
from omniltv.identity import attach, stitch
from omniltv.segmentation import Condition, Cut, Tier, TierScheme

NUMBERS = [1, 2, 3]
DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]

type Columns = dict[str, Any]
type Answer = Callable[[Any], object]
type Form = Callable[[list[int]], Any]


def times(zone: str | None = None) -> "pd.Series[pd.Timestamp]":
    return pd.Series(pd.to_datetime(DAYS)).dt.tz_localize(zone)


def read_only(values: list[int]) -> object:
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


NUMBER_FORMS: Mapping[str, Form] = {
    "int64": np.array,
    "int8": lambda v: np.array(v, dtype=np.int8),
    "uint64": lambda v: np.array(v, dtype=np.uint64),
    "float64": lambda v: np.array(v, dtype=np.float64),
    "float16": lambda v: np.array(v, dtype=np.float16),
    "big-endian int": lambda v: np.array(v, dtype=">i4"),
    "big-endian float": lambda v: np.array(v, dtype=">f8"),
    "read-only": read_only,
    "non-contiguous": lambda v: np.repeat(v, 2)[::2],
    "nullable": lambda v: pd.array(v, dtype="Int64"),
    "nullable float": lambda v: pd.array(v, dtype="Float64"),
    "arrow": lambda v: pd.Series(v, dtype=pd.ArrowDtype(pa.int64())).array,
    "arrow decimal": lambda v: (
        pd.Series([Decimal(x) for x in v], dtype=pd.ArrowDtype(pa.decimal128(10, 2))).array
    ),
    "Decimal": lambda v: [Decimal(x) for x in v],
    "object": lambda v: np.array(v, dtype=object),
    "text": lambda v: [str(x) for x in v],
    "string": lambda v: pd.array([str(x) for x in v], dtype="string"),
    "arrow text": lambda v: pd.Series([str(x) for x in v], dtype=pd.ArrowDtype(pa.string())).array,
    "categorical": lambda v: pd.Categorical([str(x) for x in v]),
    "categorical numbers": pd.Categorical,
    "bytes": lambda v: [str(x).encode() for x in v],
    "sparse": lambda v: pd.arrays.SparseArray(v, fill_value=0),
    "complex": lambda v: np.array(v, dtype=complex),
    "period": lambda v: pd.period_range("2026-01", periods=len(v), freq="M"),
    "interval": lambda v: pd.interval_range(0, len(v)),
    "timedelta": lambda v: pd.to_timedelta(v, unit="D"),
    "lists": lambda v: [[x] for x in v],
    "None": lambda v: [None] * len(v),
    "NaN": lambda v: [float("nan")] * len(v),
    "NaT": lambda v: [pd.NaT] * len(v),
    "NA": lambda v: [pd.NA] * len(v),
    "blank": lambda v: [" "] * len(v),
    "polars int": pl.Series,
    "polars decimal": lambda v: pl.Series([Decimal(x) for x in v]),
    "polars categorical": lambda v: pl.Series([str(x) for x in v], dtype=pl.Categorical),
    "polars null": lambda v: pl.Series([None] * len(v)),
    "polars object": lambda v: pl.Series(v, dtype=pl.Object),
    "arrow table": pa.array,
    "arrow null": lambda v: pa.nulls(len(v)),
    "arrow dictionary": lambda v: pa.array([str(x) for x in v]).dictionary_encode(),
}

TIME_FORMS: Mapping[str, Form] = {
    "text": lambda _: DAYS,
    "datetime64[ns]": lambda _: times(),
    "datetime64[s]": lambda _: times().astype("datetime64[s]"),
    "big-endian": lambda _: np.array(DAYS, dtype=">M8[s]"),
    "date": lambda _: [date.fromisoformat(day) for day in DAYS],
    "Tokyo": lambda _: times("Asia/Tokyo"),
    "a zone of three names": lambda _: times("Asia/Tokyo").dt.tz_convert(
        "America/Argentina/Buenos_Aires"
    ),
    "an offset": lambda _: times("+09:00"),
    "UTC": lambda _: times("Asia/Tokyo").dt.tz_convert("UTC"),
    "Etc": lambda _: times("Etc/GMT-9"),
    "arrow": lambda _: times().astype(pd.ArrowDtype(pa.timestamp("us"))),
    "arrow date": lambda _: pa.array([date.fromisoformat(day) for day in DAYS]),
    "polars": lambda _: pl.Series(DAYS).str.to_datetime(),
    "polars date": lambda _: pl.Series(DAYS).str.to_date(),
    "period": lambda _: pd.period_range(DAYS[0], periods=3, freq="D"),
    "complex": lambda v: np.array(v, dtype=complex),
    "NaT": lambda _: [pd.NaT] * 3,
}


# A missing value satisfies no comparison.
MISSING = {
    key: [False, False, False] for key in ("None", "NaN", "NaT", "NA", "polars null", "arrow null")
}


def framed(columns: Columns) -> Any:
    """Return columns as a frame of the kind that the odd one has."""
    for value in columns.values():
        if isinstance(value, pl.Series):
            return pl.DataFrame(columns)
        if isinstance(value, pa.Array):
            plain = {k: v if isinstance(v, pa.Array) else pa.array(v) for k, v in columns.items()}
            return pa.table(plain)
    return pd.DataFrame(columns)


ORDERS = {"customer_id": ["1", "2", "3"], "channel": ["ec"] * 3, "time": DAYS, "value": NUMBERS}
TICKETS = {**ORDERS, "source": ["ec"] * 3, "record_id": ["1", "2", "3"]}
HISTORY = {"customer_id": ["1", "2", "3"], "frequency": NUMBERS, "recency": NUMBERS,
           "T": [9, 9, 9], "group": ["1", "2", "3"], "size": NUMBERS}  # fmt: skip
LIST = {"source": ["ec"] * 3, "record_id": ["1", "2", "3"],
        "phone": ["0312345671", "0312345672", "0312345673"]}  # fmt: skip
CROSSWALK = pd.DataFrame({"source": "ec", "record_id": ["1", "2", "3"], "customer_id": list("abc")})
ARMS = {"customer_id": ["1", "2", "3"], "arm": ["1", "2", "3"], "value": NUMBERS}
ASSIGNED = Assignment.from_frame(pd.DataFrame(ARMS))
SCHEME = TierScheme(tiers=(Tier(name="top", value_at_least=Cut(amount=2)), Tier(name="rest")))


def texts(values: Any) -> list[str]:
    return [str(value) for value in values]


def log_of(frame: Any) -> object:
    log = PurchaseLog.from_frame(frame, timezone="Asia/Tokyo")
    return texts(log.customer_id), log.time.astype(str).tolist(), log.value.tolist()


def history_of(frame: Any) -> object:
    found = PurchaseHistory.from_frame(frame, unit="week", groups=["group"], covariates=["size"])
    columns = {name: values.tolist() for name, values in found.columns().items()}
    del columns["monetary_value"]  # NaN
    return {**columns, "customer_id": texts(columns["customer_id"])}


def stitched(frame: Any) -> object:
    found = stitch(frame)
    crosswalk = pd.DataFrame(
        {name: found.crosswalk[name].to_numpy() for name in ("record_id", "customer_id")}
        if isinstance(found.crosswalk, (pd.DataFrame, pl.DataFrame))
        else found.crosswalk.to_pandas()
    )
    return sorted(zip(texts(crosswalk["record_id"]), texts(crosswalk["customer_id"]), strict=True))


def attached(frame: Any) -> object:
    found = attach(frame, CROSSWALK)
    if found.report.set_aside.rows:  # said in the report, with the reason
        raise DataError("rows were set aside", hint="look at the report")
    return texts(found.valid["customer_id"].to_numpy())


def arms_of(assignment: Assignment) -> object:
    return sorted(zip(texts(assignment.customer_id), texts(assignment.arm), strict=True))


def kept(frame: Any) -> object:
    return len(check(frame, "transactions", rows="tickets").valid)


FUNCTIONS: Mapping[str, tuple[Columns, tuple[str, ...], Answer]] = {
    "check": (TICKETS, ("customer_id", "value", "time"), kept),
    "PurchaseLog.from_frame": (ORDERS, ("customer_id", "value", "time"), log_of),
    "PurchaseHistory.from_frame": (
        HISTORY, ("customer_id", "frequency", "recency", "group", "size"), history_of,
    ),
    "stitch": (LIST, ("record_id",), stitched),
    "attach": (
        TICKETS, ("record_id",),
        attached,
    ),
    "assign": (
        ARMS, ("customer_id",),
        lambda frame: arms_of(assign(frame, arms={"1": 0.5, "2": 0.5}, salt="s")),
    ),
    "Assignment.from_frame": (
        ARMS, ("customer_id", "arm"), lambda frame: arms_of(Assignment.from_frame(frame)),
    ),
    "difference": (
        ARMS, ("value", "customer_id"),
        lambda frame: difference(Outcome(frame), ASSIGNED, control="1").overall("2").estimate,
    ),
    "Condition.mask": (
        ARMS, ("value",),
        lambda frame: Condition.where("value", "ge", 2).mask(frame).tolist(),
    ),
    "TierScheme.assign": (
        ARMS, ("customer_id", "value"),
        lambda frame: SCHEME.assign(frame).columns()["tier"].tolist(),
    ),
}  # fmt: skip


def outcome(answer: Answer, columns: Columns, right: object, form: str) -> str:
    """Return how a function takes a table: right, own error, foreign or silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = framed(columns)
            return "right" if answer(frame) in (right, MISSING.get(form)) else "silent"
        except OmniltvError as error:
            return "own error" if str(error) else "foreign"
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            return f"foreign: {error!r}"


def cells() -> list[tuple[str, str, str]]:
    return [
        (name, column, form)
        for name, (_, columns, _) in FUNCTIONS.items()
        for column in columns
        for form in (TIME_FORMS if column == "time" else NUMBER_FORMS)
    ]


@cache
def right(name: str) -> object:
    columns, _, answer = FUNCTIONS[name]
    return answer(framed(columns))


def tried(name: str, column: str, form: str) -> str:
    columns, _, answer = FUNCTIONS[name]
    made = (TIME_FORMS if column == "time" else NUMBER_FORMS)[form](NUMBERS)
    return outcome(answer, {**columns, column: made}, right(name), form)


def checked(names: Collection[str]) -> Counter[str]:
    """Return how often each outcome occurs; foreign and silent ones fail."""
    found = {cell: tried(*cell) for cell in cells() if cell[0] in names}
    wrong = {cell: what for cell, what in found.items() if what not in {"right", "own error"}}
    assert wrong == {}
    return Counter(found.values())


QUICK = ("PurchaseHistory.from_frame", "Assignment.from_frame", "Condition.mask")


def test_common_types_are_right_or_our_own_error() -> None:
    count = checked(QUICK)
    assert count["right"] >= 150
    assert count["own error"] >= 80


@pytest.mark.slow
def test_every_type_in_every_function_is_right_or_our_own_error() -> None:
    count = checked(FUNCTIONS)
    assert count["right"] >= 450
    assert count["own error"] >= 300
