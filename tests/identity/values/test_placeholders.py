"""Case B10: words for nothing, and names that look like them."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested

import pytest
from tests.identity.values._lists import values

from omniltv.identity import Spelling, normalise
from omniltv.identity.records.reading import reader_of

_NOTHING = [
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NULL!",
    "(blank)",
    "(Blank)",
    "[blank]",
    "空白",
    "（空白）",
    "登録なし",
    "登録無し",
    "不明",
    "該当なし",
    "未入力",
    "n/a",
    "N.A.",
    "-",
    "--",
    "―",
    "***",
    "?",
    "...",
    "...?",
    "未回答",
    "回答なし",
    "情報なし",
    "退会済み",
    "(なし)",
    "【なし】",
    "not available",
    "Not Provided",
    "UNKNOWN",
    "anonymous",
    "<null>",
    "(null)",
    "なし",
    "ｹﾞｽﾄ",
    "xxx",
]


@pytest.mark.parametrize("word", _NOTHING)
@pytest.mark.parametrize("field", ["family_name", "address", "email", "phone", "card_number"])
def test_b10_words_for_nothing_are_missing(word: str, field: str) -> None:
    assert reader_of(field, Spelling())(word).value is None


@pytest.mark.parametrize("name", ["Null", "No", "Na", "Test", "Guest", "X", "Nan", "None"])
def test_b10_names_that_look_like_placeholders_are_kept(name: str) -> None:
    families = values("family_reading", family_name=[name], given_name=["Ann"])
    assert families == [name.casefold()]
    alone = values("family_reading", family_name=[name], phone=["03-1234-5678"])
    assert alone == [name.casefold()]


@pytest.mark.parametrize("name", ["Null", "No", "Na", "Test", "Guest", "X", "N/A"])
@pytest.mark.parametrize("rest", ["Null", "test", "N/A", "テスト", "-", "na"])
def test_b10_unless_the_rest_of_the_record_is_a_placeholder_too(name: str, rest: str) -> None:
    phones = ["03-1234-5678", None]
    columns = {"family_name": [name] * 2, "given_name": [rest] * 2, "phone": phones}
    assert values("family_reading", **columns) == [None] * 2
    assert values("given_reading", **columns) == [None] * 2


def test_b10_a_word_that_is_alone_in_its_record_is_a_placeholder() -> None:
    assert values("family_reading", family_name=["Null"], gender=[None]) == [None]
    assert values("family_reading", family_name=["Null"], phone=["0000000000"]) == [None]


def test_b10_test_is_no_mailbox_and_no_address() -> None:
    assert normalise.email("test@example.jp") is None
    assert normalise.address("Test") is None
    assert normalise.address("no") is None
