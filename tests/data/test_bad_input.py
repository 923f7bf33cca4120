"""Bad input of every kind: our own error with column and rows, or rows set aside with reasons."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import PurchaseHistory, PurchaseLog, check
from omniltv.data.schemas import TableName
from omniltv.errors import DataError
from omniltv.models import BgNbd, Diagnostics, Pooling, PosteriorDraws, PurchaseFit
from omniltv.units import TimeUnit


def transactions(**columns: object) -> pd.DataFrame:
    """Return three good transactions, with some of their columns replaced."""
    good: dict[str, object] = {
        "transaction_id": ["t1", "t2", "t3"],
        "source": ["pos", "shop", "shop"],
        "record_id": ["r1", "r2", "r3"],
        "channel": ["store", "ec", "ec"],
        "time": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"]),
        "value": [100.0, 200.0, 300.0],
    }
    return pd.DataFrame({**good, **columns})


def purchases(**columns: object) -> pd.DataFrame:
    """Return three good purchases, with some of their columns replaced."""
    customers = {"customer_id": ["ann", "ben", "ann"], **columns}
    return transactions(**customers).drop(columns=["source", "record_id"])


def assignment(customers: list[object], arms: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": customers, "arm": arms})


def records(sources: list[object], ids: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"source": sources, "record_id": ids, "phone": ["1"] * len(ids)})


@dataclass(frozen=True)
class Refused:
    """Input that is refused as a whole.

    Attributes:
        name: What is wrong with it.
        use: Takes it.
        column: The column that the error names.
        rows: The rows that the error names.
        says: A part of the message.
    """

    name: str
    use: Callable[[], object]
    column: str | None
    rows: tuple[object, ...]
    says: str


@dataclass(frozen=True)
class SetAside:
    """Input of which some rows are set aside.

    Attributes:
        name: What is wrong with it.
        frame: The input.
        rows: Positions of the rows that are set aside.
        reason: Why.
        table: Which table it is.
    """

    name: str
    frame: Callable[[], Any]
    rows: tuple[int, ...]
    reason: str
    table: TableName = "transactions"


def history(**columns: object) -> PurchaseHistory:
    good = {
        "customer_id": ["ann", "ben"], "frequency": [0, 2], "recency": [0.0, 5.0],
        "T": [9.0, 9.0], "monetary_value": [np.nan, 10.0], "channel": ["ec", "store"],
    }  # fmt: skip
    frame = pd.DataFrame({**good, **columns})
    return PurchaseHistory.from_frame(frame, unit="week", groups=["channel"])


def fitted_to_store_and_ec() -> PurchaseFit:
    """A made-up posterior of two channels."""
    names = tuple(coordinate.name for coordinate in BgNbd().coordinates)
    theta = np.full((1, 4, 2, len(names)), 0.5)
    draws = PosteriorDraws(names=names, groups=("ec", "store"), coordinates=theta)
    fine = Diagnostics(rhat={"x": 1.0}, ess_bulk={"x": 900.0}, ess_tail={"x": 900.0},
                       divergences=0, draws=4, bfmi=1.0, steps=7.0, seconds=1.0)  # fmt: skip
    return PurchaseFit(BgNbd(), Pooling.none("channel"), draws, fine, TimeUnit.WEEK)


_AWARE = datetime(2024, 5, 1, tzinfo=UTC)
_NO_FRAME: Any = [1, 2]
_SERIES: Any = pd.Series([1, 2])
_ALL = ("t1", "t2", "t3")
_TWICE = pd.DataFrame([["ann", "store", "x", 1.0, 2.0]],
                      columns=["customer_id", "channel", "time", "value", "value"])  # fmt: skip
_TOKYO = pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"]).tz_localize("Asia/Tokyo")

REFUSED = [
    Refused("no frame", lambda: check(_NO_FRAME), None, (), "dataframe"),
    Refused("a series", lambda: check(_SERIES), None, (), "dataframe"),
    Refused("no columns", lambda: check(pd.DataFrame()), "source", (), "it has: none"),
    Refused(
        "a column missing", lambda: check(transactions().drop(columns="time")),
        "time", (), "add the column",
    ),
    Refused(
        "a column misspelt", lambda: check(transactions().rename(columns={"value": "Valeu"})),
        "value", (), "Valeu",
    ),
    Refused(
        "two columns of one name", lambda: check(_TWICE, "purchases"), "value", (), "two columns"
    ),
    Refused(
        "columns without names", lambda: check(pd.DataFrame([[1, 2]])),
        "0", (), "is not text",
    ),
    Refused(
        "two columns of one name, pyarrow",
        lambda: check(pa.table([[1], [2]], names=["value", "value"]), "purchases"),
        "value", (), "two columns",
    ),
    Refused(
        "times that are no times", lambda: check(transactions(time=["yesterday", "x", "?"])),
        "time", _ALL, "not a time",
    ),
    Refused(
        "times in seconds since 1970", lambda: check(transactions(time=[1.7e9, 1.7e9, 1.7e9])),
        "time", _ALL, "a number, not a time",
    ),
    Refused(
        "amounts that are no amounts", lambda: check(transactions(value=["a", "b", "c"])),
        "value", _ALL, "not a number",
    ),
    Refused(
        "amounts that are booleans", lambda: check(transactions(value=[True, False, True])),
        "value", _ALL, "not a number",
    ),
    Refused(
        "ids with fractions", lambda: check(purchases(customer_id=[1.5, 2.5, 3.5]), "purchases"),
        "customer_id", _ALL, "whole number",
    ),
    Refused(
        "no ids at all", lambda: check(purchases(customer_id=[None] * 3), "purchases"),
        "customer_id", _ALL, "missing",
    ),
    Refused(
        "one row without an amount", lambda: check(transactions(value=None).head(1)),
        "value", ("t1",), "missing",
    ),
    Refused(
        "rows that may not be left out",
        lambda: check(transactions(value=[1.0, np.inf, 2.0])).require_all(),
        "value", ("t2",), "infinite",
    ),
    Refused(
        "times with an offset and no time zone given",
        lambda: PurchaseLog.from_frame(purchases(time=_TOKYO)), "time", (), "no time zone",
    ),
    Refused(
        "a log that begins later",
        lambda: PurchaseLog.from_frame(purchases()).history(end="2020-01-01"),
        "time", (), "no purchase until",
    ),
    Refused(
        "a log without purchases",
        lambda: PurchaseLog.from_frame(purchases().head(0)).history(), "time", (), "no purchases",
    ),
    Refused(
        "nothing to hold out",
        lambda: PurchaseLog.from_frame(purchases()).split(at="2024-05-03"),
        "time", (), "no purchase after 2024-05-03",
    ),
    Refused("negative times", lambda: history(recency=[0, -5]), "recency", ("ben",), "negative"),
    Refused("negative lengths", lambda: history(T=[-1.0, 9.0]), "T", ("ann",), "negative"),
    Refused("recency beyond T", lambda: history(recency=[0.0, 10.0]), "recency", ("ben",), "later"),
    Refused(
        "negative counts", lambda: history(frequency=[0, -2]), "frequency", ("ben",), "negative"
    ),
    Refused(
        "counts with fractions", lambda: history(frequency=[0, 1.5]), "frequency", ("ben",), "whole"
    ),
    Refused(
        "a recency without a repeat", lambda: history(recency=[3.0, 5.0]),
        "recency", ("ann",), "without a repeat",
    ),
    Refused("an infinite T", lambda: history(T=[np.inf, 9.0]), "T", ("ann",), "infinite"),
    Refused("text for a T", lambda: history(T=["9", "9"]), "T", (), "not a column of numbers"),
    Refused(
        "a customer twice in a history",
        lambda: history(customer_id=["ann", "ann"], channel=["ec", "ec"]),
        "customer_id", ("ann",), "repeated customers",
    ),
    Refused(
        "missing groups", lambda: history(channel=["ec", None]), "channel", ("ben",), "missing"
    ),
    Refused(
        "a channel never seen",
        lambda: fitted_to_store_and_ec().cells(history(channel=["ec", "kiosk"])),
        "channel", ("ben",), "kiosk",
    ),
]  # fmt: skip

SET_ASIDE = [
    SetAside("an empty frame", lambda: transactions().head(0), (), ""),
    SetAside("one good row", lambda: transactions().head(1), (), ""),
    SetAside(
        "a missing id", lambda: transactions(transaction_id=["t1", None, "t3"]),
        (1,), "transaction_id: missing",
    ),
    SetAside(
        "ids that are NaN", lambda: purchases(customer_id=[1.0, np.nan, 3.0]),
        (1,), "customer_id: missing", "purchases",
    ),
    SetAside(
        "a blank id", lambda: purchases(customer_id=["a", " ", "b"]),
        (1,), "customer_id: missing", "purchases",
    ),
    SetAside(
        "missing ids turned into text", lambda: purchases(customer_id=["nan", "a", "None"]),
        (0, 2), "customer_id: missing", "purchases",
    ),
    SetAside(
        "an id with a fraction", lambda: purchases(customer_id=[1.0, 2.5, 3.0]),
        (1,), "customer_id: not an exact whole number", "purchases",
    ),
    SetAside(
        "numbers among text ids", lambda: purchases(customer_id=["1", 1, "2"]),
        (1,), "customer_id: a number among ids that are text", "purchases",
    ),
    SetAside(
        "an id that is a list", lambda: purchases(customer_id=["1", [1], "2"]),
        (1,), "customer_id: neither text nor a whole number", "purchases",
    ),
    SetAside(
        "a time that cannot be read", lambda: transactions(time=["2024-05-01", "x", "2024-05-02"]),
        (1,), "time: not a time",
    ),
    SetAside(
        "a day that is not in the calendar",
        lambda: transactions(time=["2024-02-30", "2024-02-28", "2023-02-29"]),
        (0, 2), "time: not a time",
    ),
    SetAside(
        "a number among times",
        lambda: transactions(time=["2024-05-01", 1_700_000_000, "2024-05-02"]),
        (1,), "time: a number, not a time",
    ),
    SetAside(
        "times with and without a zone",
        lambda: transactions(time=["2024-05-01T10:00Z", "2024-05-02", "2024-05-03T10:00+09:00"]),
        (1,), "time: without a time zone, among times that have one",
    ),
    SetAside(
        "datetimes with and without a zone",
        lambda: transactions(
            time=pd.Series(
                [_AWARE, _AWARE.replace(tzinfo=None), _AWARE.replace(tzinfo=None)], dtype=object
            )
        ),
        (1, 2), "time: without a time zone, among times that have one",
    ),
    SetAside("a missing time", lambda: transactions(time=[None, "2024-05-01", "2024-05-01"]),
             (0,), "time: missing"),
    SetAside("a future date", lambda: transactions(time=["2024-05-01", "2190-01-01", "2024-05-02"]),
             (1,), "time: in the future"),
    SetAside("a time before 1900",
             lambda: transactions(time=["2024-05-01", "1899-12-31", "2024-05-02"]),
             (1,), "time: before 1900"),
    SetAside("an infinite value", lambda: transactions(value=[1.0, -np.inf, np.inf]),
             (1, 2), "value: infinite"),
    SetAside("a value that is NaN", lambda: transactions(value=[1.0, np.nan, 2.0]),
             (1,), "value: missing"),
    SetAside("text in amounts", lambda: transactions(value=["1,200", "abc", "¥300"]),
             (1,), "value: not a number"),
    SetAside("another currency", lambda: transactions(value=["¥1,200", "$12", "300円"]),
             (1,), "value: in another currency"),
    SetAside("several currencies", lambda: transactions(value=["100", "$12", "€3"]),
             (1, 2), 'value: one of several currencies; give Formats(currency="...")'),
    SetAside("tax included and excluded",
             lambda: transactions(value=["100円(税込)", "100円(税抜)", "100円(税込)"]),
             (1,), "value: tax included or not, unlike most rows"),
    SetAside("points that could be decimal or thousands marks",
             lambda: transactions(value=["100", "1.200", "2.500"]),
             (1, 2), 'value: decimal or thousands mark? give Formats(decimal=".") or ","'),
    SetAside("days and months in an open order",
             lambda: transactions(time=["2024-05-01", "01/05/2024", "02-03-04"]),
             (1, 2), 'time: day or month first? give Formats(dates="dmy") or "mdy"'),
    SetAside("a percentage", lambda: transactions(value=["12", "12 %", "3"]),
             (1,), "value: not a number"),
    SetAside("thousands as k", lambda: transactions(value=["1.2k", "12", "3"]),
             (0,), "value: not a number"),
    SetAside("a year, not a day", lambda: transactions(time=["2024", "2024-05-01", "2024-05-02"]),
             (0,), "time: a number, not a time"),
    SetAside("a blank channel", lambda: transactions(channel=["ec", "", None]),
             (1, 2), "channel: missing"),
    SetAside("a channel that is a fraction", lambda: transactions(channel=["ec", 1.5, "store"]),
             (1,), "channel: not text"),
    SetAside("a transaction id used again", lambda: transactions(transaction_id=["t1", "t1", "t3"]),
             (1,), "transaction_id: same id as an earlier row"),
    SetAside("a row twice", lambda: pd.concat([transactions(), transactions().tail(1)]),
             (3,), "transaction_id: copy of an earlier row"),
    SetAside("a refund of itself", lambda: transactions(refund_of=[None, "t2", "t1"]),
             (1,), "refund_of: refers to itself"),
    SetAside("a customer in two arms",
             lambda: assignment(["a", "b", "a", "c"], ["new", "new", "old", "old"]),
             (0, 2), "customer_id: in two arms", "assignment"),
    SetAside("a customer assigned twice",
             lambda: assignment(["a", "b", "a"], ["new", "old", "new"]),
             (2,), "customer_id: copy of an earlier row", "assignment"),
    SetAside("a customer without an arm", lambda: assignment(["a", "b"], ["new", None]),
             (1,), "arm: missing", "assignment"),
    SetAside("a record twice", lambda: records(["pos", "shop", "pos"], ["1", "1", "1"]),
             (2,), "record_id: copy of an earlier row", "records"),
    SetAside("a record without its source", lambda: records(["pos", None], ["1", "2"]),
             (1,), "source: missing", "records"),
]  # fmt: skip

ONE_ORDER: dict[str, Any] = {
    "transaction_id": ["t1"] * 3, "customer_id": ["ann"] * 3, "time": ["2024-05-01"] * 3,
}  # fmt: skip

LOGGED = [
    SetAside("a refund of more than all purchases of the customer",
             lambda: purchases(value=[100.0, 200.0, -101.0]), (2,), "refund without its purchase"),
    SetAside("a refund in front of all purchases of the customer",
             lambda: purchases(value=[-100.0, 200.0, 100.0]), (0,), "refund without its purchase"),
    SetAside("a refund of a customer without a purchase",
             lambda: purchases(customer_id=["ann", "ben", "cy"], value=[100.0, 200.0, -5.0]),
             (2,), "refund without its purchase"),
    SetAside("a line of another customer in an order",
             lambda: purchases(**{**ONE_ORDER, "customer_id": ["ann", "ben", "ann"]}),
             (1,), "transaction_id: same id as an earlier row"),
    SetAside("an order that is there twice",
             lambda: pd.concat([purchases(**ONE_ORDER)] * 2, ignore_index=True),
             (3, 4, 5), "transaction_id: copy of an earlier row"),
    SetAside("a line whose value cannot be read",
             lambda: purchases(**ONE_ORDER, value=["1", "2", "three"]),
             (2,), "value: not a number"),
    SetAside("a line whose time cannot be read",
             lambda: purchases(**{**ONE_ORDER, "time": ["2024-05-01", "2024-05-01", "soon"]}),
             (2,), "time: not a time"),
    SetAside("lines of several orders, one without a customer",
             lambda: purchases(**{**ONE_ORDER, "customer_id": ["ann", "ann", None]}),
             (2,), "customer_id: missing"),
    SetAside("a refund without its purchase",
             lambda: purchases(value=[10.0, -5.0, 3.0], refund_of=[None, "gone", None]),
             (1,), "refund without its purchase"),
    SetAside("a refund of another customer's purchase",
             lambda: purchases(value=[10.0, -5.0, 3.0], refund_of=[None, "t1", None]),
             (1,), "refund without its purchase"),
    SetAside("a refund of more than the purchase",
             lambda: purchases(value=[10.0, 5.0, -30.0], refund_of=[None, None, "t1"]),
             (2,), "refunds of more than the purchase"),
    SetAside("a purchase that cannot be read", lambda: purchases(value=["10", "abc", "3"]),
             (1,), "value: not a number"),
    SetAside("a refund of a purchase that cannot be read",
             lambda: purchases(value=["abc", "5", "-3"], refund_of=[None, None, "t1"]),
             (0, 2), "value: not a number; refund without its purchase"),
]  # fmt: skip


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_what_cannot_be_used_is_refused_with_column_and_rows(bad: Refused) -> None:
    with pytest.raises(DataError) as caught:
        bad.use()
    assert caught.value.column == bad.column
    assert caught.value.rows == bad.rows
    assert bad.says in str(caught.value)


@pytest.mark.parametrize("bad", SET_ASIDE, ids=lambda bad: bad.name)
def test_rows_that_cannot_be_used_are_set_aside_with_the_reason(bad: SetAside) -> None:
    frame = bad.frame().reset_index(drop=True)
    checked = check(frame, bad.table)
    assert tuple(checked.rejected.index) == bad.rows
    assert set(checked.rejected["reason"]) == ({bad.reason} if bad.rows else set())
    assert tuple(checked.valid.index) == tuple(frame.index.difference(bad.rows))
    as_it_came = checked.rejected.drop(columns="reason")
    pd.testing.assert_frame_equal(as_it_came, frame.loc[list(bad.rows)])


@pytest.mark.parametrize("bad", LOGGED, ids=lambda bad: bad.name)
def test_the_log_sets_rows_aside_with_the_reason(bad: SetAside) -> None:
    log = PurchaseLog.from_frame(bad.frame())
    assert tuple(log.rejected.index) == bad.rows
    assert set(log.rejected["reason"]) == set(bad.reason.split("; "))


def test_there_are_more_than_seventy_kinds_each_with_a_name_of_its_own() -> None:
    names = [bad.name for bad in REFUSED] + [bad.name for bad in SET_ASIDE + LOGGED]
    assert len(set(names)) == len(names) > 70


@pytest.mark.slow
def test_ten_million_rows_of_one_customer() -> None:
    n = 10_000_000
    day = np.datetime64("2020-01-01", "us") + np.arange(n, dtype="timedelta64[s]") * 15
    value = np.ones(n)
    value[[3, n - 1]] = np.inf, np.nan
    frame = pl.DataFrame({
        "customer_id": np.zeros(n, dtype=np.int64), "transaction_id": np.arange(n),
        "channel": pl.repeat("store", n, eager=True), "time": day, "value": value,
    })  # fmt: skip
    checked = check(frame, "purchases")
    assert (checked.n_valid, checked.rows) == (n - 2, (3, n - 1))
    assert checked.reasons == {"value: infinite": 1, "value: missing": 1}
