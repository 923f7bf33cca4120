"""Case B15: birth dates from practice, and what is right."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from tests.identity.values._lists import lists, values

from omniltv.identity import LinkSpec, Spelling, normalise, stitch
from omniltv.identity.records.intake import read_records
from omniltv.identity.records.reading import reader_of


@pytest.mark.parametrize(
    "written",
    [
        "02-Jan-1980",
        "2 January 1980",
        "2nd Jan 1980",
        "January 2, 1980",
        "Jan. 2 1980",
        "Wed, 2 Jan 1980",
        "Wednesday, January 2nd, 1980",
        "1980-Jan-02",
        "02JAN1980",
        "2. Januar 1980",
        "2 janv. 1980",
        "2-ene-1980",
        "2-Jan-80",
        "29222",
        29222,
        29222.0,
        "29222.5",
        np.int64(29222),
        "80/1/2",
        "80-01-02",
        "80年1月2日",
        "800102",
        "S55.1.2",
        "昭和55年1月2日",
        "昭55.1.2",
        "s55/01/02",
        "S550102",
        "㍼55年1月2日",
        "昭和五十五年一月二日",
        "一九八〇年一月二日",
        "2.1.1980",
        "02.01.1980",
        "1980/1/2 00:00:00",
        "1980-01-02T00:00:00Z",
        "19800102000000",
        "1980年1月2日生",
        "1980年1月2日（水）",
        date(1980, 1, 2),
        datetime(1980, 1, 2, 5, tzinfo=UTC),
        np.datetime64("1980-01-02"),
        pd.Timestamp("1980-01-02", tz="Asia/Tokyo"),
        Decimal(19800102),
        "１９８０．１．２",
        "1980 / 01 / 02",
    ],
)
def test_b15_a_birth_date_is_read_where_it_is_certain(written: object) -> None:
    assert normalise.birth_date(written) == "1980-01-02"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("01/02/1980", "day and month in unclear order"),
        ("1-2-1980", "day and month in unclear order"),
        ("55/1/2", "year of two digits, century or era unclear"),
        ("1/2/80", "year of two digits, century or era unclear"),
        ("2-Jan-20", "year of two digits, century or era unclear"),
        ("550102", "year of two digits, century or era unclear"),
        ("1980", "day or month missing"),
        ("1980/1", "day or month missing"),
        ("1980年1月", "day or month missing"),
        ("1980-02-30", "no such day"),
        ("31-Jun-1980", "no such day"),
        ("1980-13-45", "no such day"),
        ("昭和70年1月1日", "year out of range"),
        ("H40.1.1", "year out of range"),
        ("2523-01-02", "year out of range"),
        ("1492-10-12", "year out of range"),
        ("Jan 1980", "not a date"),
        ("soon", "not a date"),
        ("12", "not a date"),
        ("12/1980", "not a date"),
        ("99999", "not a date"),
        ("1e5", "not a date"),
        ("1980-01-02-03", "not a date"),
        ("--1980--", "not a date"),
        ("0001-01-01", "placeholder"),
        ("1900-01-01", "placeholder"),
        ("9999-12-31", "placeholder"),
        ("0000-00-00", "placeholder"),
        ("1899-12-30", "placeholder"),
    ],
)
def test_b15_other_dates_are_counted_with_their_reason(written: str, reason: str) -> None:
    assert reader_of("birth_date", Spelling())(written) == (None, reason)


def test_b15_the_order_of_day_and_month_is_that_of_the_source() -> None:
    dates = ["25/12/1980", "01/02/1980", "12/25/1980", "01/02/1980"]
    frame = pd.DataFrame(
        {"source": ["uk", "uk", "us", "us"], "record_id": ["1", "2", "1", "2"], "birth_date": dates}
    )
    intake, records = read_records(frame, normalised=False, spelling=Spelling())
    column = records.columns["birth_date"]
    found = [column.values[code] for code in column.codes]
    assert found == ["1980-12-25", "1980-02-01", "1980-12-25", "1980-01-02"]
    assert not intake.unread


def test_b15_dates_that_contradict_each_other_need_the_order() -> None:
    dates = ["25/12/1980", "12/25/1980", "01/02/1980"]
    assert values("birth_date", birth_date=dates) == ["1980-12-25", "1980-12-25", None]
    spec = LinkSpec(spelling=Spelling(date_order="month first"))
    assert not stitch(lists(birth_date=dates), spec=spec).summary().unread
    assert normalise.birth_date("01/02/1980", spec.spelling) == "1980-01-02"
