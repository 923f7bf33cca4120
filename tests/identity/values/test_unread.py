"""Cases B14 and E3: values that are not read are counted, and hostile ones do no harm."""

from decimal import Decimal

import pandas as pd
import pytest
from tests._work import no_hang
from tests.identity.values._lists import lists

from omniltv.identity import FIELDS, Spelling, normalise, stitch
from omniltv.identity.records.reading import reader_of


def test_b14_what_could_not_be_read_is_counted_by_field_and_reason() -> None:
    frame = lists(
        phone=[
            "03-1234-5678 / 090-1234-5678",
            "020 7946 0958",
            "020 7946 0958",
            "0000000000",
            None,
        ],
        email=["a@b.jp; c@d.jp", "nobody", "test@x.jp", "", "ann@y.jp"],
        birth_date=["01/02/1980", "soon", "80", "1980-02-31", "1900-01-01"],
        gender=["m", "回答しない", "?", "unclear", None],
        card_number=["12", "00000000", "A9971", None, None],
        postcode=["〒abc", "000-0000", "100-0001", "x", None],
        address=["-", "x" * 2000, "千代田区1-2-3", "#N/A", None],
        family_name=["N/A", "佐藤", "Null", "y" * 1001, None],
    )
    summary = stitch(frame).summary()
    assert summary.unread == {
        "address: longer than 1,000 characters": 1,
        "address: placeholder": 2,
        "birth_date: day and month in unclear order": 1,
        "birth_date: no such day": 1,
        "birth_date: not a date": 2,
        "birth_date: placeholder": 1,
        "card_number: not a card number": 1,
        "card_number: placeholder": 1,
        "email: not an address": 1,
        "email: placeholder": 1,
        "email: several addresses, the first is used": 1,
        "family_name: longer than 1,000 characters": 1,
        "family_name: placeholder": 1,
        "gender: neither male nor female": 1,
        "gender: placeholder": 2,
        "phone: no valid number of JP": 2,
        "phone: placeholder": 1,
        "phone: several numbers, one is used": 1,
        "postcode: no postcode": 1,
        "postcode: placeholder": 2,
    }
    assert "values not read: 1 address: longer than 1,000 characters" in str(summary)
    assert summary.records == 5
    assert not any(value in str(summary) for value in ("7946", "nobody", "佐藤", "soon"))


_HOSTILE = {
    "kanji numerals": "千" * 25_000 + "番地",
    "digits": "1" * 100_000,
    "digits and dashes": "1-" * 50_000,
    "separators": "丁目番地号の" * 20_000,
    "combining marks": "a" + "\u0301\u0316" * 50_000,
    "spaces": " " * 100_000,
    "at signs": "@" * 100_000,
    "brackets": "<" * 50_000 + "@",
    "kana": "ー" * 100_000,
    "expanding": "\ufdfa" * 50_000,
    "commas": "," * 100_000,
    "titles": "様" * 100_000,
    "nul": "\0" * 100_000,
    "bytes": b"\xff" * 100_000,
}
_AT_THE_LIMIT = {name: value[:990] for name, value in _HOSTILE.items()}
_ODD = {
    "huge int": 10**5000,
    "huge float": 1e308,
    "infinity": float("inf"),
    "surrogate": "\ud800",
    "tuple": (1, 2),
    "type": int,
    "decimal": Decimal("NaN"),
    "long era": "昭和" + "一" * 900 + "年",
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value",
    [*_HOSTILE.values(), *_AT_THE_LIMIT.values()],
    ids=[*_HOSTILE, *(f"{name}, short" for name in _AT_THE_LIMIT)],
)
def test_e3_a_hostile_value_takes_no_time(field: str, value: object) -> None:
    with no_hang():
        reader_of(field, Spelling())(value)
        for function in (normalise.written_name, normalise.reading):
            function(value)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", _ODD.values(), ids=_ODD)
def test_e3_no_value_raises(field: str, value: object) -> None:
    found = reader_of(field, Spelling())(value)
    assert found.value != ""


@pytest.mark.parametrize("hostile", _HOSTILE.values(), ids=_HOSTILE)
def test_e3_a_hostile_record_is_set_aside_and_the_run_goes_on(hostile: object) -> None:
    good = {"family_name": "佐藤", "given_name": "花子", "phone": "090-1234-5678"}
    rows = [good, good, dict.fromkeys(good, hostile) | {"address": hostile}]
    found = stitch(pd.DataFrame(rows, dtype=object).assign(source="ec", record_id=["1", "2", "3"]))
    assert found.summary().customers == 2
    assert found.summary().unread["address: longer than 1,000 characters"] == 1
