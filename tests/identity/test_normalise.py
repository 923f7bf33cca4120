# ruff: noqa: RUF001 - the look-alike characters are what is tested
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.identity import normalise

type Normaliser = Callable[[object], str | None]

ANYTHING = st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.dates())
EVERY: tuple[Normaliser, ...] = (
    normalise.address,
    normalise.birth_date,
    normalise.card_number,
    normalise.email,
    normalise.gender,
    normalise.phone,
    normalise.postcode,
    normalise.reading,
    normalise.written_name,
)


def _sound(name: str) -> str | None:
    return normalise.sound(normalise.reading(name) or "")


def _name(function: object) -> str:
    return str(getattr(function, "__name__", ""))


@pytest.mark.parametrize("function", EVERY, ids=_name)
@given(value=ANYTHING)
def test_any_value_gives_text_or_none(function: Normaliser, value: object) -> None:
    found = function(value)
    assert found != ""


@pytest.mark.parametrize("function", EVERY, ids=_name)
@pytest.mark.parametrize(
    "nothing", [None, float("nan"), "", " ", "不明", "なし", "N/A", pd.NA, pd.NaT]
)
def test_placeholders_are_missing(function: Normaliser, nothing: object) -> None:
    assert function(nothing) is None


@pytest.mark.parametrize(
    "names",
    [
        ("タナカ", "たなか", "ﾀﾅｶ", "tanaka", "TANAKA", "Tanaka"),
        ("シンイチ", "しんいち", "Shinichi", "Sin'iti", "shin-ichi"),
        ("サトウ", "さとう", "Sato", "Satou", "Satō", "SATOH"),
        ("オオノ", "おおの", "Ohno", "Ono", "Oono"),
        ("ジュンコ", "junko", "zyunko", "jyunko"),
        ("ナンバ", "Namba", "Nanba"),
        ("チヅル", "Chizuru", "Tiduru"),
        ("José", "jose", "JOSÉ"),
    ],
)
def test_one_sound_however_it_is_written(names: tuple[str, ...]) -> None:
    assert len({_sound(name) for name in names}) == 1


def test_other_sounds_stay_apart() -> None:
    names = ("ハナコ", "バナコ", "パナコ", "タロウ", "ジロウ", "ユカ", "ユキ")
    assert len({_sound(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("髙橋", "高橋"),
        ("山﨑", "山崎"),
        ("渡邉", "渡邊"),
        ("澤田", "沢田"),
        ("齋藤", "斎藤"),
        ("廣瀬", "広瀬"),
    ],
)
def test_old_and_new_characters_meet(old: str, new: str) -> None:
    assert normalise.written_name(old) == normalise.written_name(new)


@pytest.mark.parametrize(
    "number",
    ["09012345678", "090-1234-5678", "(090) 1234 5678", "+81-90-1234-5678", "+81 (0)90-1234-5678",
     "０９０−１２３４−５６７８", 9012345678, 9012345678.0, np.float64(9012345678), "9012345678.0"],
)  # fmt: skip
def test_one_phone_many_spellings(number: object) -> None:
    assert normalise.phone(number) == "+819012345678"


@pytest.mark.parametrize(
    "number",
    ["0000000000", "1111111111", "09000000000", "000-0000-0000", "12", "電話なし", "99999999999"],
)
def test_a_phone_that_is_none_is_missing(number: object) -> None:
    assert normalise.phone(number) is None


def test_a_landline_is_a_phone_and_a_foreign_one_keeps_its_country() -> None:
    assert normalise.phone("03-1234-5678") == "+81312345678"
    assert normalise.phone("+44 20 7946 0958") == "+442079460958"


def test_old_carrier_addresses_are_kept_and_gmail_dots_are_not() -> None:
    assert normalise.email("a..b.-c.@docomo.ne.jp") == "a..b.-c.@docomo.ne.jp"
    assert normalise.email("Ta.Ro+shop@GMAIL.com") == normalise.email("taro@googlemail.com")


@pytest.mark.parametrize("address", ["test@example.com", "noreply@a.jp", "taro", "a@b@c", "@a.jp"])
def test_an_email_that_reaches_nobody_is_missing(address: str) -> None:
    assert normalise.email(address) is None


@pytest.mark.parametrize(
    "written",
    ["1989-01-08", "1989/1/8", "19890108", "平成元年1月8日", "H1.1.8", "H01/01/08", "1989年1月8日",
     "1989.01.08", date(1989, 1, 8), datetime(1989, 1, 8, 3, tzinfo=UTC),
     pd.Timestamp("1989-01-08"),
     "1989-01-08 00:00:00", "１９８９／０１／０８", 19890108, 19890108.0, "h010108"],
)  # fmt: skip
def test_one_birth_date_many_spellings(written: object) -> None:
    assert normalise.birth_date(written) == "1989-01-08"


def test_eras_begin_where_they_begin() -> None:
    written = ("明治45年7月29日", "大正15年12月24日", "昭和64年1月7日", "令和元年5月1日")
    found = [normalise.birth_date(value) for value in written]
    assert found == ["1912-07-29", "1926-12-24", "1989-01-07", "2019-05-01"]


@pytest.mark.parametrize(
    "written", ["1900-01-01", "9999-12-31", "1980-02-31", "0001-01-01", "soon"]
)
def test_an_impossible_birth_date_is_missing(written: object) -> None:
    assert normalise.birth_date(written) is None


@pytest.mark.parametrize(
    "written",
    ["東京都千代田区霞が関1-2-3", "千代田区霞ヶ関一丁目2番3号",
     "東京都千代田区霞ケ関１丁目２番地３",
     "東京都 千代田区 霞が関1丁目2-3 霞ビル", "千代田区霞が関１－２－３",
     "〒100-0013 東京都千代田区霞が関1-2-3", "千代田区霞が関一-二-三", "千代田区霞が関01-02-03",
     "千代田区霞が関 1 丁目 2 番 3 号", "千代田区霞が関1の2の3", "千代田区霞が関1ー2ー3"],
)  # fmt: skip
def test_one_address_many_spellings(written: object) -> None:
    assert normalise.address(written) == "千代田区霞が関1-2-3"


def test_kanji_numbers_count() -> None:
    assert normalise.address("中央区銀座二十三番地") == "中央区銀座23"
    assert normalise.address("中央区銀座十丁目") == "中央区銀座10"


def test_a_postcode_keeps_seven_digits() -> None:
    assert normalise.postcode("60-0001") == "0600001"
    assert normalise.postcode(600001.0) == "0600001"


def test_ids_are_not_folded() -> None:
    assert normalise.key("Ａ1") != normalise.key("A1")
    assert normalise.key(7) == normalise.key(7.0) == "7"


@pytest.mark.parametrize("nothing", ["該当なし", "匿名", "未記入", "回答なし", "ﾃｽﾄ", "N／A"])
def test_what_forms_put_for_nothing_is_missing(nothing: str) -> None:
    assert normalise.plain(nothing) is None
    assert normalise.written_name(nothing) is None
    assert normalise.address(nothing) is None


@pytest.mark.parametrize("building", ["霞ビル4F", "霞ビル401号室", "-401", "霞ハイツ2-13", "ｶｽﾐﾋﾞﾙ"])
def test_a_building_is_no_part_of_the_house(building: str) -> None:
    found = normalise.address(f"千代田区霞が関1-2-3 {building}")
    assert normalise.house(found or "") == "千代田区霞が関1-2-3"


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("昭和元年12月30日", "1926-12-30"),
        ("㍼55.1.2", "1980-01-02"),
        ("令和2年3月4日", "2020-03-04"),
        ("Ｈ１．１．８", "1989-01-08"),
        ("大正15年1月1日", "1926-01-01"),
    ],
)
def test_birth_dates_in_eras(written: str, day: str) -> None:
    assert normalise.birth_date(written) == day


def test_a_phone_without_a_country_is_of_the_region() -> None:
    american, taiwanese = (normalise.Spelling(phone_region=region) for region in ("US", "TW"))
    assert normalise.phone("(212) 736-5000", american) == "+12127365000"
    assert normalise.phone("0912-345-678", taiwanese) == "+886912345678"
    assert normalise.phone("(212) 736-5000") is None
    assert normalise.phone("090-1234-5678", american) is None
    for nobody in ("000-000-0000", "0900-000-000", "010-0000-0000"):
        for region in ("US", "TW", "KR"):
            assert normalise.phone(nobody, normalise.Spelling(phone_region=region)) is None
    for spelling in (american, taiwanese, normalise.Spelling()):
        assert normalise.phone("+81 90 1234 5678", spelling) == "+819012345678"


@pytest.mark.parametrize("region", ["XX", "jp", "Japan", ""])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match="phone_region"):
        normalise.Spelling(phone_region=region)


def test_tags_and_dots_are_dropped_where_one_says_so() -> None:
    tagged, dotted = "Ann+Shop@example.jp", "a.nn@example.jp"
    assert normalise.email(tagged) == "ann+shop@example.jp"
    assert normalise.email(tagged, normalise.Spelling(drop_tags=True)) == "ann@example.jp"
    assert normalise.email(dotted) == "a.nn@example.jp"
    assert normalise.email(dotted, normalise.Spelling(drop_dots=True)) == "ann@example.jp"
    everything = normalise.Spelling(drop_tags=True, drop_dots=True)
    for nobody in ("test+1@shop.jp", "no.reply@shop.jp", "test+1@gmail.com"):
        assert normalise.email(nobody, everything) is None
    assert normalise.email("+@example.jp", everything) == "+@example.jp"
    assert normalise.email("...@example.jp", everything) == "...@example.jp"
