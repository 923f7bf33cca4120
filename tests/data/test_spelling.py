# ruff: noqa: RUF001  # full-width characters are what people type
"""Dates and amounts as people write them (cases A3 and A4), read column by column."""

import math
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omniltv.data import Formats, PurchaseLog, Tolerance, check
from omniltv.data.spelling import LANGUAGES, Shapes, folded, month_names
from omniltv.data.spelling.amounts import read_amounts
from omniltv.data.spelling.dates import numbers_as_times, read_times
from omniltv.data.spelling.formats import DateOrder
from omniltv.errors import ConfigError, DataError


def times(*written: str, dates: DateOrder | None = None) -> list[str]:
    """Return times to the minute; those with an offset in UTC, with a Z."""
    found = read_times(np.array(written, dtype=object), dates)
    text = found.times.astype("datetime64[m]").astype(str)
    return [t + "Z" * z for t, z in zip(text.tolist(), found.zoned.tolist(), strict=True)]


def amounts(*written: str, **formats: str) -> list[float]:
    found = read_amounts(np.array(written, dtype=object), Formats.model_validate(formats))
    return [None if math.isnan(amount) else amount for amount in found.amounts.tolist()]  # type: ignore[misc]


MOMENTS = {
    "2025/1/5": "2025-01-05T00:00", "2025/1/5 9:05": "2025-01-05T09:05",
    "2025-1-5": "2025-01-05T00:00", "2025.01.05": "2025-01-05T00:00",
    "2025年1月5日 16時16分": "2025-01-05T16:16", "2025年1月5日16時16分05秒": "2025-01-05T16:16",
    "2025年1月5日(日) 午後3時05分": "2025-01-05T15:05", "2025/01/05(日) 09:05": "2025-01-05T09:05",
    "R7.1.5": "2025-01-05T00:00", "令和7年1月5日": "2025-01-05T00:00",
    "令和元年5月1日": "2019-05-01T00:00", "㋿7年1月5日": "2025-01-05T00:00",
    "H31/4/30": "2019-04-30T00:00", "R070105": "2025-01-05T00:00", "S64.1.7": "1989-01-07T00:00",
    "45662": "2025-01-05T00:00", "45662.378472222": "2025-01-05T09:05",
    "20250105": "2025-01-05T00:00", "202501050905": "2025-01-05T09:05",
    "20250105090512": "2025-01-05T09:05", "20250105 0905": "2025-01-05T09:05",
    "2025-01-05T09:05:00.000+0900": "2025-01-05T00:05Z", "2025-01-05T09:05Z": "2025-01-05T09:05Z",
    "2025-01-05 09:05:00 +0900": "2025-01-05T00:05Z", "2025-01-05 09:05 UTC": "2025-01-05T09:05Z",
    "2025-01-05 09:05 JST": "2025-01-05T00:05Z", "2025-01-05T09:05-05": "2025-01-05T14:05Z",
    "Sun, 05 Jan 2025 10:00:00 +0000": "2025-01-05T10:00Z",
    "Sun Jan 05 2025 09:05:00 GMT+0900 (Japan Standard Time)": "2025-01-05T00:05Z",
    "05/Jan/2025:09:05:12 +0000": "2025-01-05T09:05Z",
    "Jan 5, 2025, 9:05:12 AM": "2025-01-05T09:05", "Jan 5, 2025 12:05 PM": "2025-01-05T12:05",
    "Jan 5, 2025 12:05 a.m.": "2025-01-05T00:05", "5th Jan 2025 5pm": "2025-01-05T17:00",
    "5 January 2025": "2025-01-05T00:00", "05-Jan-25": "2025-01-05T00:00",
    "2025-Jan-05": "2025-01-05T00:00", "5. März 2025": "2025-03-05T00:00",
    "5 févr. 2025 09h05": "2025-02-05T09:05", "1er janvier 2025": "2025-01-01T00:00",
    "5 de enero de 2025": "2025-01-05T00:00", "5 maggio 2025": "2025-05-05T00:00",
    "午前9:05 2025/1/5": "NaT", "２０２５／１／５　９：０５": "2025-01-05T09:05",
    "2025-01-05 24:00": "2025-01-06T00:00", " 2025-01-05\n": "2025-01-05T00:00",
    "2024-02-29": "2024-02-29T00:00",
}  # fmt: skip


@pytest.mark.parametrize("written", MOMENTS)
def test_a3_a_time_is_read_by_itself(written: str) -> None:
    assert times(written) == [MOMENTS[written]]


def test_a3_many_spellings_are_read_in_one_column() -> None:
    assert times(*MOMENTS) == [*MOMENTS.values()]


@pytest.mark.parametrize(
    "written",
    ["2025-02-30", "2023-02-29", "2025-13-01", "2025-00-10", "2025-01-00", "2025-01-05 25:00",
     "2025-01-05 24:01", "2025-01-05 10:60", "2025-01-05 13:00 PM", "5 Foo 2025", "2025-1",
     "9:05", "tomorrow", "2025年", "R7", "X7.1.5", "2025-01-05 09:05 EST", "2025/1-5", "1/2"],
)  # fmt: skip
def test_a3_what_is_no_time_is_not_one(written: str) -> None:
    found = read_times(np.array([written], dtype=object))
    assert np.isnat(found.times[0])
    assert found.faults["not a time"].tolist() == [True]


@pytest.mark.parametrize("written", ["1735689600", "1735689600000", "2025", "20093", "99999"])
def test_a3_numbers_that_may_count_anything_are_refused(written: str) -> None:
    found = read_times(np.array([written], dtype=object))
    assert found.faults["a number, not a time"].tolist() == [True]


@pytest.mark.parametrize(
    ("dates", "number"),
    [("seconds", 1_736_067_900), ("milliseconds", 1_736_067_900_000),
     ("microseconds", 1_736_067_900_000_000), ("excel", 45662.378472222),
     ("excel_1904", 44200.378472222)],
)  # fmt: skip
def test_a3_numbers_are_read_as_told(dates: DateOrder, number: float) -> None:
    expected = "2025-01-05T09:05" + "Z" * dates.endswith("seconds")
    assert times(str(number), dates=dates) == [expected]
    found = numbers_as_times(np.array([number, np.nan]), dates)
    assert found.times.astype("datetime64[m]").astype(str).tolist() == [expected[:16], "NaT"]
    assert found.missing.tolist() == [False, True]


def test_a3_numbers_in_columns_of_numbers_are_read_if_they_have_one_meaning() -> None:
    found = numbers_as_times(np.array([45662.5, 20250105.0, 1.7e9, 20250230.0, -1.0, 20093.0]))
    assert found.times.astype("datetime64[h]").astype(str).tolist() == [
        "2025-01-05T12", "2025-01-05T00", *["NaT"] * 4,
    ]  # fmt: skip
    assert found.notes == ("Excel days in 1 row",)


def test_a3_one_day_above_twelve_settles_the_column() -> None:
    assert times("05/01/2025", "25/01/2025") == ["2025-01-05T00:00", "2025-01-25T00:00"]
    assert times("05/01/2025", "01/25/2025") == ["2025-05-01T00:00", "2025-01-25T00:00"]
    assert times("1/5/25 9:05 PM", "1/25/25 12:00 AM") == ["2025-01-05T21:05", "2025-01-25T00:00"]
    assert times("99.12.31", "98.01.05") == ["1999-12-31T00:00", "1998-01-05T00:00"]
    assert times("31.12.24", "05.01.25") == ["NaT", "NaT"]  # the 31 could be a year


@pytest.mark.parametrize("column", [["05/01/2025"], ["01-02-03"], ["25/01/2025", "01/25/2025"]])
def test_a3_an_open_order_is_refused_with_the_option(column: list[str]) -> None:
    frame = pd.DataFrame({"customer_id": range(len(column)), "time": column})
    with pytest.raises(DataError, match=r'Formats\(dates="dmy"\) or "mdy"') as caught:
        check(frame, "purchases")
    assert caught.value.column == "time"


def test_a3_the_order_is_as_told() -> None:
    assert times("05/01/2025", "13/01/2025", dates="dmy")[0] == "2025-01-05T00:00"
    assert times("05/01/2025", dates="mdy") == ["2025-05-01T00:00"]
    assert times("01-02-03", dates="ymd") == ["2001-02-03T00:00"]
    assert times("01-02-03", "05-06-70", dates="dmy") == ["2003-02-01T00:00", "1970-06-05T00:00"]
    assert times("25/01/2025", dates="mdy") == ["NaT"]


def test_a3_separators_are_settled_apart() -> None:
    """A column of two systems may have two orders, each with its own separator."""
    assert times("25/01/2025", "01-25-2025", "02/03/2025", "02-03-2025") == [
        "2025-01-25T00:00", "2025-01-25T00:00", "2025-03-02T00:00", "2025-02-03T00:00",
    ]  # fmt: skip


def test_a3_what_was_assumed_is_said() -> None:
    column = ["25/12/2025", "01/02/2025", "2025-03-04", "45662"]
    frame = pd.DataFrame({"customer_id": range(4), "time": column})
    report = check(frame, "purchases", now="2026-06-01").report
    note = "day first (25 % of rows show it, 25 % of rows could be either); Excel days in 1 row"
    assert report.read_as == {"time": note}
    assert note in repr(report)
    log = PurchaseLog.from_frame(frame, now="2026-06-01")
    assert log.report.read_as == {"time": note}


def test_names_of_months_mean_one_month() -> None:
    assert {month_names()[name] for name in ("january", "januar", "janvier", "enero")} == {1}
    assert set(month_names().values()) == set(range(1, 13))
    assert len(LANGUAGES) >= 10


AMOUNTS = {
    "1200": 1200, " 1200.50 ": 1200.5, "1,200": 1200, "1,234,567.8": 1234567.8, "１，２００": 1200,
    "¥1,200": 1200, "￥１２００": 1200, "\\1,200": 1200, "1,200円": 1200, "1200円(税込)": 1200,
    "1200円（税抜）": 1200, "税込 1,200円": 1200, "$3": 3, "£3.50": 3.5, "€12": 12, "US$ 12.00": 12,
    "3 EUR": 3, "CHF 1'200.50": 1200.5, "1’200.50": 1200.5, "CHF 12.-": 12, "JPY 1,200": 1200,
    "12.50 zł": 12.5, "Rs. 12,34,567.00": 1234567, "-1,200": -1200, "▲1,200": -1200,
    "△ 300": -300, "−5": -5, "(1,200)": -1200, "（1,200）": -1200, "($3.00)": -3, "1,200-": -1200,
    "-¥1,200": -1200, "¥-1,200": -1200, "+5": 5, "1e3": 1000, "1.5E-3": 0.0015, ".5": 0.5,
    "1200.": 1200, "12345678901234567890.5": 12345678901234567890.5, "0": 0, "-0": 0,
}  # fmt: skip
COMMA = {
    "12,50": 12.5, "1.200,50": 1200.5, "1 200,50": 1200.5, "1\u00a0200,50": 1200.5,
    "1\u202f200,50 €": 1200.5, "0,125": 0.125, "-3,5": -3.5, "1.234.567": 1234567,
    "kr 1.200,50": 1200.5, "12,-": 12,
}  # fmt: skip


@pytest.mark.parametrize("written", [*AMOUNTS, *COMMA])
def test_a4_an_amount_is_read_by_itself(written: str) -> None:
    assert amounts(written) == [{**AMOUNTS, **COMMA}[written]]


@pytest.mark.parametrize(
    "written",
    ["abc", "1,2,3", "1.2.3", "1,20,00", "1 2", "1 2 a", "--5", "(5", "5)", "(-5)", "-5-", "¥", "-",
     "0x10", "12%", "12 ％", "1.2k", "12 pcs", "2025/1/5", "03-1234-5678", "€5 $", "1,200円/個",
     "5 XYZ", "1,2345"],
)  # fmt: skip
def test_a4_what_is_no_amount_is_not_one(written: str) -> None:
    found = read_amounts(np.array([written, "7", "1,000"], dtype=object))
    assert math.isnan(found.amounts[0])
    assert found.amounts[1] == 7


def test_a4_the_column_settles_the_decimal_mark() -> None:
    assert amounts("1.200", "12,50") == [1200, 12.5]
    assert amounts("1.200", "12.5", "0.125") == [1.2, 12.5, 0.125]
    assert amounts("1.200", "1.234.567") == [1200, 1234567]
    assert amounts("1,200", "0.99") == [1200, 0.99]
    assert amounts("1.200", "3.450") == [None, None]
    assert amounts("1.200", "3.450", decimal=",") == [1200, 3450]
    assert amounts("1.200", "3.450", decimal=".") == [1.2, 3.45]
    assert amounts("12,50", decimal=".") == [None]


def test_a4_one_slip_does_not_change_the_column() -> None:
    """``1,20`` among a thousand ``1,200`` is a slip, and no reason to divide all by 1,000."""
    read = amounts(*["1,200"] * 1000, "1,20")
    assert read == [*[1200] * 1000, None]
    assert amounts("1,200", "12,50") == [None, None]


def test_a4_both_marks_are_refused() -> None:
    found = read_amounts(np.array(["1,200.50", "1.200,50", "7"], dtype=object))
    assert found.amounts[2] == 7
    (fault,) = [reason for reason, rows in found.faults.items() if rows.any()]
    assert 'Formats(decimal=".")' in fault
    assert "decimal mark not known" in found.notes[0]


def test_a4_currencies_do_not_mix() -> None:
    assert amounts("¥100", "200円", "JPY 300", "$4", "5") == [100, 200, 300, None, 5]
    assert amounts("$1", "€1") == [None, None]
    assert amounts("$1", "€1", "5", currency="USD") == [1, None, 5]
    assert amounts("$1", "AUD 2", currency="AUD") == [1, 2]
    assert amounts("$1", "¥2", currency="EUR") == [None, None]


def test_a_currency_is_written_as_three_capitals() -> None:
    with pytest.raises(ValueError, match="currency"):
        Formats(currency="euro")
    with pytest.raises(ConfigError, match="not a valid Formats"):
        Formats.from_yaml("dates: yearly")


def test_shapes_ignore_width_case_and_digits() -> None:
    texts = ["2025/1/5", "１９９９／９／９", "JAN 5", "jan 7", "", "a\x1fb", "\ud800"]
    shapes = Shapes.of(np.array(texts, dtype=object))
    assert shapes.codes.tolist() == [0, 0, 1, 1, 2, 3, 4]
    assert shapes.texts == tuple(map(folded, ["0000/0/0", "jan 0", "", "a b", "\ud800"]))
    assert Shapes.of(np.zeros(0, dtype=object)).texts == ()


SPELT = [
    lambda t: f"{t:%Y-%m-%d %H:%M:%S}", lambda t: f"{t.year}/{t.month}/{t.day} {t:%H:%M:%S}",
    lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}時{t.minute}分{t.second}秒",
    lambda t: f"R{t.year - 2018}.{t.month}.{t.day} {t:%H:%M:%S}",
    lambda t: f"{t.day} {t:%b} {t.year} {t:%I:%M:%S %p}", lambda t: f"{t:%Y%m%d%H%M%S}",
    lambda t: str((t - datetime(1899, 12, 30)) / timedelta(days=1)),  # noqa: DTZ001 - Excel days have no zone
]  # fmt: skip
MOMENT = st.datetimes(datetime(2020, 1, 1), datetime(2049, 12, 31)).map(  # noqa: DTZ001 - local
    lambda t: t.replace(microsecond=0)
)


@given(st.lists(st.tuples(MOMENT, st.integers(0, len(SPELT) - 1)), min_size=1, max_size=30))
def test_moments_come_back_from_any_spelling(rows: list[tuple[datetime, int]]) -> None:
    written = np.array([SPELT[spelling](moment) for moment, spelling in rows], dtype=object)
    found = read_times(written).times
    assert found.astype("datetime64[s]").tolist() == [moment for moment, _ in rows]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30))
@example([0, -100, 120050])
def test_amounts_come_back_from_a_continental_spelling(cents: list[int]) -> None:
    numbers = [cent / 100 for cent in cents]
    english = [f"{number:,.2f}" for number in numbers]
    continental = [text.translate(str.maketrans(",.", ".,")) for text in english]
    assert amounts(*english) == numbers
    assert amounts(*continental) == numbers
    assert amounts(*(f"({text.lstrip('-')})" for text in english)) == [-abs(n) for n in numbers]


TEXTS = st.one_of(
    st.sampled_from([*MOMENTS, *AMOUNTS, *COMMA, "05/01/2025", "25/01/2025", "", "n/a", "null"]),
    st.text(max_size=12),
)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20), st.sampled_from(["dmy", None]))
def test_rows_in_are_rows_kept_and_set_aside(
    rows: list[tuple[str, str]], dates: DateOrder | None
) -> None:
    moments, values = ([row[column] for row in rows] for column in (0, 1))
    good = {"customer_id": [*range(len(rows)), 99], "time": [*moments, "2025-01-01"]}
    frame = pd.DataFrame({**good, "value": [*values, "7"]})
    formats = Formats(dates=dates)
    try:
        checked = check(
            frame,
            "purchases",
            now="2050-01-01T00:00Z",
            formats=formats,
            tolerance=Tolerance.anything(),
        )
    except DataError as error:
        assert "time zone" in str(error) or "no value" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert checked.report.given.rows == len(frame)
    assert checked.report.kept.rows + checked.report.set_aside.rows == len(frame)
    assert len(checked.valid) + len(checked.rejected) == len(frame)
    assert all(checked.rejected["reason"])
    assert checked.valid["value"].notna().all()


@pytest.mark.parametrize("odd", ["", "2025-01-05\0x"])
def test_texts_that_repeat_are_read_as_each_by_itself(odd: str) -> None:
    """A NUL, up to which pandas compares, does not make two texts one."""
    few = ["05/01/2025", "25/01/2025", "5 Jan 2025 9:05 PM", "R7.1.5", "45662", "?", "2025-01-05"]
    once = read_times(np.array([*few, odd], dtype=object))
    often = read_times(np.array([*few, odd] * 3_000, dtype=object))
    assert often.times.astype(str).tolist() == once.times.astype(str).tolist() * 3_000
    assert often.missing.tolist() == once.missing.tolist() * 3_000
    assert {why: rows.sum() for why, rows in often.faults.items()} == {
        why: rows.sum() * 3_000 for why, rows in once.faults.items()
    }
    assert often.notes[0] == once.notes[0]
    assert (once.notes[1], often.notes[1]) == ("Excel days in 1 row", "Excel days in 3,000 rows")
