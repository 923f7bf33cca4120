"""Cases B6 to B15 and E3: values from practice, and what is right."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.identity import FIELDS, LinkSpec, Spelling, normalise, stitch
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.linking.protocols import Pairs
from omniltv.identity.records.intake import read_records, reader_of
from omniltv.identity.records.masking import mask_shared

UK, US, GERMANY = (Spelling(phone_region=region) for region in ("GB", "US", "DE"))


def _lists(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(columns, dtype=object)
    n = len(frame)
    return frame.assign(source="ec", record_id=[f"r{k:02d}" for k in range(n)])


def _values(name: str, **columns: object) -> list[str | None]:
    """Return a normalised column of a list."""
    _, records = read_records(_lists(**columns), normalised=False, spelling=Spelling())
    if name not in records.columns:
        return [None] * len(records)
    column = records.columns[name]
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def _grade(comparison: str, **columns: object) -> str:
    """Return the level of the first two records of a list."""
    _, read = read_records(_lists(**columns), normalised=False, spelling=Spelling())
    records, _ = mask_shared(read, max_sharing=30)
    rule = next(rule for rule in DEFAULT_COMPARISONS if rule.name == comparison)
    level = int(rule.grade(Pairs.of(records.columns, [0], [1]))[0])
    return "missing" if level < 0 else rule.levels[level]


# Addresses, B6, B7


@pytest.mark.parametrize(
    "places",
    [
        ("松山市一番町4丁目4-2", "松山市一番町4丁目4-9"),
        ("札幌市中央区北1条西2丁目1", "札幌市中央区北1条東20丁目3-5"),
        ("旭川市3条通8丁目左1号", "旭川市3条通8丁目右1号"),
        ("札幌市西区二十四軒4条1丁目1-1", "札幌市西区二十四軒4条2丁目1-1"),
        ("岩手県一関市第10地割23番地4", "岩手県一関市第11地割23番地4"),
        ("千代田区三番町5-1", "千代田区三番町6-1"),
        ("仙台市青葉区一番町1-2", "仙台市青葉区二番町1-2"),
        ("長野市甲1234", "長野市乙1234"),
        ("長野市1234番地イ", "長野市1234番地ロ"),
        ("帯広市西5条南20丁目1-1", "帯広市西5条南21丁目1-1"),
        ("豊橋市三ノ輪町1-2", "豊橋市三ノ輪町1-3"),
        ("東京都府中市1-1", "広島県府中市1-1"),
        ("渋谷区道玄坂1-2-3", "渋谷区道玄坂1-23"),
        ("日本橋1-2-3", "日本、橋1-2-3"),
        ("中央区銀座百二十三番地", "中央区銀座百二十四番地"),
        ("港区赤坂5-7-1 101", "港区赤坂5-7-1101"),
        ("港区赤坂5-7-1 101", "港区赤坂5-7-1 102"),
        ("港区赤坂5-7-1-101", "港区赤坂5-7-1-102"),
        ("港区赤坂5-7-1 A棟101", "港区赤坂5-7-1 B棟101"),
        ("5-7-1 101", "5-7-1101"),
        ("10 St Mary’s Road", "10 King’s Road"),
        ("10 St Mary's Road", "110 St Mary's Road"),
        ("Flat 3, 10 King's Road", "Flat 4, 10 King's Road"),
        ("12 High Street", "12 High Road"),
        ("12 North Street", "12 South Street"),
        ("12a High Street", "12b High Street"),
        ("1 Main St Apt 4", "1 Main St Apt 5"),
        ("PO Box 12", "PO Box 13"),
        ("ул. Ленина, 5", "ул. Мира, 5"),
    ],
)
def test_b6_b7_other_addresses_are_different(places: tuple[str, str]) -> None:
    first, second = map(normalise.address, places)
    assert first is not None
    assert second is not None
    assert first != second


@pytest.mark.parametrize(
    "places",
    [
        ("松山市一番町4丁目4-2", "愛媛県松山市1番町四丁目４番２号"),
        (
            "札幌市中央区北1条西2丁目1",
            "札幌市中央区北一条西二丁目一番",
            "北海道札幌市中央区北１条西２－１",
        ),
        ("旭川市3条通8丁目左1号", "旭川市三条通八丁目左1"),
        ("岩手県一関市第10地割23番地4", "一関市第十地割23-4"),
        ("仙台市青葉区一番町三丁目7番1号", "宮城県仙台市青葉区1番町3-7-1"),
        ("中央区銀座百二十三番地", "中央区銀座123"),
        (
            "港区赤坂5-7-1 101",
            "港区赤坂5-7-1 赤坂ビル101号室",
            "港区赤坂5-7-1-101",
            "港区赤坂5丁目7番1号 101",
        ),
        ("港区赤坂5-7-1 12階", "港区赤坂5-7-1 グラントウキョウ12F"),
        ("八王子市大字下恩方町1番地", "東京都八王子市下恩方町1"),
        ("台北市信義區市府路45號", "台北市信義区市府路45号"),
        ("10 St Mary’s Road", "10 Saint Mary's Rd.", "10, st marys road", "10 ST. MARY′S ROAD"),
        ("Flat 3, 10 King’s Road", "10 Kings Road, Flat 3", "10 King's Rd #3"),
        (
            "123 N Main St Apt 4B",
            "123 North Main Street, Apartment #4b",
            "123 N. Main St., Unit 4B",
        ),
        ("1600 Pennsylvania Avenue NW", "1600 Pennsylvania Ave. N.W."),
        ("P.O. Box 12", "PO BOX 12", "P.O Box 12", "Post Box 12"),
        ("Hauptstraße 5", "Hauptstr. 5", "HAUPTSTRASSE 5", "Haupt Str. 5"),
        ("Łąkowa 5", "Lakowa 5"),
        ("No. 5 The Close", "5 The Close"),
    ],
)
def test_b6_b7_one_address_however_it_is_written(places: tuple[str, ...]) -> None:
    assert len({normalise.address(place) for place in places}) == 1
    assert None not in {normalise.address(place) for place in places}


def test_b7_rooms_are_compared_and_a_missing_room_is_no_other_room() -> None:
    address = "港区赤坂5-7-1"
    assert _grade("address", address=[f"{address} 101", f"{address}-101"]) == "same house"
    assert _grade("address", address=[f"{address} 101", address]) == "same house"
    assert _grade("address", address=[f"{address} 101", f"{address} 202"]) == "other room"
    assert _grade("address", address=["10 King's Rd", "10 Kings Road, Flat 2"]) == "same house"


# Cards, B8


@pytest.mark.parametrize(
    "cards",
    [
        ("A99712345", "B99712345"),
        ("A99712345", "99712345"),
        ("12345-A", "12345-B"),
        ("0012345", "A012345"),
        ("123456", "123465"),
    ],
)
def test_b8_letters_of_cards_distinguish(cards: tuple[str, str]) -> None:
    assert normalise.card_number(cards[0]) != normalise.card_number(cards[1])
    assert None not in map(normalise.card_number, cards)


@pytest.mark.parametrize(
    "card",
    [
        "A99712345",
        "a9971-2345",
        "Ａ９９７１２３４５",
        " a 9971 2345 ",
        "会員番号:A99712345",
        "#A99712345",
        "No. A99712345",
    ],
)
def test_b8_one_card_however_it_is_written(card: str) -> None:
    assert normalise.card_number(card) == "a99712345"


@pytest.mark.parametrize(
    "card", ["1234", "abcdef", "00000000", "A0000000", "9.97E+15", 9.9e18, "x" * 100, "会員", "-"]
)
def test_b8_what_is_no_card_is_missing(card: object) -> None:
    assert normalise.card_number(card) is None


# Like, not the same, B9


@pytest.mark.parametrize(
    "names",
    [
        ("Wong", "Ong"),
        ("Lee", "Le"),
        ("オオノ", "オノ"),
        ("ユウキ", "ユキ"),
        ("ユーキ", "ユキ"),
        ("Ohno", "Ono"),
        ("Sato", "Satou"),
        ("サトウ", "Sato"),
        ("Syoiti", "Shoichi"),
        ("Campbell", "Canpbell"),
        ("Johnson", "Jonson"),
        ("Louis", "Lois"),
        ("ジュン", "jyun"),
        ("ユウコ", "ユコ"),
    ],
)
def test_b9_names_of_other_length_or_letters_are_like_not_the_same(names: tuple[str, str]) -> None:
    assert _sound_of(names[0]) == _sound_of(names[1])
    for comparison, field in (("family_name", "family_name"), ("given_name", "given_name")):
        assert _grade(comparison, **{field: list(names)}) == "similar sound"


@pytest.mark.parametrize(
    "names",
    [
        ("Takahashi", "タカハシ"),
        ("ﾀｶﾊｼ", "たかはし"),
        ("ユーキ", "ユウキ"),
        ("O'Brien", "OBRIEN"),
        ("José", "Jose"),
        ("チヅル", "チズル"),
    ],
)
def test_b9_one_reading_is_the_same_sound(names: tuple[str, str]) -> None:
    assert _grade("given_name", given_name=list(names)) == "same sound"


def test_b9_kanji_of_similar_sound_are_alike_only() -> None:
    columns = {"given_name": ["優希", "由紀"], "given_name_kana": ["ユウキ", "ユキ"]}
    assert _grade("given_name", **columns) == "alike"
    same = {"given_name": ["優希", "結城"], "given_name_kana": ["ユウキ", "ユウキ"]}
    assert _grade("given_name", **same) == "other characters"


def test_b9_swapped_names_are_found_by_reading_and_by_sound() -> None:
    swapped = {"family_name": ["Takahashi", "Hanako"], "given_name": ["Hanako", "Takahashi"]}
    assert _grade("family_name", **swapped) == "same sound"
    longer = {"family_name": ["Sato", "タロウ"], "given_name": ["Taro", "サトウ"]}
    assert _grade("family_name", **longer) == "similar sound"


def _sound_of(name: str) -> str | None:
    return normalise.sound(normalise.reading(name) or "")


# Placeholders, B10

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
    families = _values("family_reading", family_name=[name], given_name=["Ann"])
    assert families == [name.casefold()]
    alone = _values("family_reading", family_name=[name], phone=["03-1234-5678"])
    assert alone == [name.casefold()]


@pytest.mark.parametrize("name", ["Null", "No", "Na", "Test", "Guest", "X", "N/A"])
@pytest.mark.parametrize("rest", ["Null", "test", "N/A", "テスト", "-", "na"])
def test_b10_unless_the_rest_of_the_record_is_a_placeholder_too(name: str, rest: str) -> None:
    phones = ["03-1234-5678", None]
    columns = {"family_name": [name] * 2, "given_name": [rest] * 2, "phone": phones}
    assert _values("family_reading", **columns) == [None] * 2
    assert _values("given_reading", **columns) == [None] * 2


def test_b10_a_word_that_is_alone_in_its_record_is_a_placeholder() -> None:
    assert _values("family_reading", family_name=["Null"], gender=[None]) == [None]
    assert _values("family_reading", family_name=["Null"], phone=["0000000000"]) == [None]


def test_b10_test_is_no_mailbox_and_no_address() -> None:
    assert normalise.email("test@example.jp") is None
    assert normalise.address("Test") is None
    assert normalise.address("no") is None


# Organisations, B11

_ORGANISATIONS = [
    (
        "株式会社山田商店",
        "㈱山田商店",
        "(株)山田商店",
        "（株）山田商店",
        "株式会社 山田商店",
        "㈱ 山田商店",
        "株式會社山田商店",
        "【株】山田商店",
    ),
    ("山田商店株式会社", "山田商店㈱", "山田商店(株)"),
    ("有限会社鈴木", "㈲鈴木", "(有)鈴木"),
    ("合同会社鈴木", "(同)鈴木"),
    ("一般社団法人日本協会", "(一社)日本協会"),
    ("特定非営利活動法人みらい会", "NPO法人みらい会", "(特非)みらい会"),
    ("医療法人社団山田会", "(医)社団山田会"),
]


@pytest.mark.parametrize("names", _ORGANISATIONS)
def test_b11_one_organisation_however_its_form_is_written(names: tuple[str, ...]) -> None:
    assert len({normalise.written_name(name) for name in names}) == 1
    families = _values(
        "family_written", family_name=list(names), phone=["03-1234-5678"] * len(names)
    )
    assert len(set(families)) == 1
    assert families[0]


@pytest.mark.parametrize(
    "names",
    [
        ("Acme Widgets Ltd", "ACME WIDGETS LIMITED", "Acme Widgets, Ltd.", "acme widgets ltd."),
        ("Acme Inc.", "Acme, Incorporated", "ACME INC"),
        ("Yamada Co., Ltd.", "Yamada Company Limited", "YAMADA CO.,LTD"),
        ("Müller GmbH", "Muller G.m.b.H.", "MÜLLER GMBH"),
        ("Smith & Sons Ltd", "Smith and Sons Limited"),
        ("カブシキガイシャヤマダ", "カ)ヤマダ", "ｶ)ﾔﾏﾀﾞ", "カブシキカイシャ ヤマダ"),
    ],
)
def test_b11_one_organisation_in_latin_letters_and_kana(names: tuple[str, ...]) -> None:
    readings = _values(
        "family_reading", family_name=list(names), phone=["03-1234-5678"] * len(names)
    )
    assert len(set(readings)) == 1
    assert readings[0]


@pytest.mark.parametrize(
    "names",
    [
        ("株式会社山田", "山田"),
        ("株式会社山田", "有限会社山田"),
        ("株式会社山田", "株式会社山口"),
        ("株式会社山田", "山田株式会社"),
        ("Acme Ltd", "Acme Inc"),
        ("Acme Ltd", "Acme"),
    ],
)
def test_b11_other_organisations_and_people_stay_apart(names: tuple[str, str]) -> None:
    columns = {"family_name": list(names), "phone": ["03-1234-5678"] * 2}
    assert _grade("family_name", **columns) in {"alike", "different", "missing"}


def test_b11_an_organisation_is_one_customer() -> None:
    names = _ORGANISATIONS[0]
    found = stitch(_lists(family_name=names, phone=["03-1234-5678"] * len(names)))
    assert found.summary().customers == 1


# Scripts, B12


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("김민수", "김민수"),
        ("김 민수", "김민수"),
        ("Иванов", "иванов"),
        ("ИВАНОВ", "иванов"),
        ("Королёв", "королев"),
        ("สมชาย", "สมชาย"),
        ("محمد", "محمد"),
        ("مُحَمَّد", "محمد"),
        ("أحمد", "احمد"),
        ("Γιώργος", "γιωργοσ"),
        ("ΓΙΩΡΓΟΣ", "γιωργοσ"),
        ("विजय", "विजय"),
        ("שָׁלוֹם", "שלום"),
        ("გიორგი", "გიორგი"),
        ("Արամ", "արամ"),
        ("தமிழ்", "தமிழ்"),
        ("陈伟", "陈伟"),
        ("ကျော်", "ကျော်"),
    ],
)
def test_b12_names_of_any_script_are_kept(name: str, written: str) -> None:
    assert normalise.written_name(name) == written
    assert normalise.reading(name) is None


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("Łukasz", "lukasz"),
        ("Đặng", "dang"),
        ("Søren", "soren"),
        ("Ångström", "angstrom"),
        ("Weiß", "weiss"),
        ("Æsa", "aesa"),
        ("Œuvrard", "oeuvrard"),
        ("Þór", "thor"),
        ("Guðrún", "gudrun"),
        ("Işık", "isik"),
        ("İpek", "ipek"),
        ("Żółć", "zolc"),
        ("Nguyễn", "nguyen"),
        ("Čapek", "capek"),
        ("Țepeș", "tepes"),
        ("Ħamrun", "hamrun"),
        ("José", "jose"),
        ("D’Angelo", "dangelo"),
        ("Anne-Marie", "annemarie"),
        ("ＬＥＥ", "lee"),
        ("ﬁona", "fiona"),
    ],
)
def test_b12_latin_letters_lose_their_marks_and_no_letter(name: str, reading: str) -> None:
    assert normalise.reading(name) == reading
    assert normalise.written_name(name) is None


def test_b12_two_records_of_one_person_with_a_name_in_hangul_are_linked() -> None:
    names = {"family_name": ["김", "김"], "given_name": ["민수", "민수"]}
    found = stitch(_lists(**names, phone=["+82 10 1234 5678", "010-1234-5678"]))
    assert _grade("family_name", **names) == "same characters"
    assert found.summary().records == 2


# Variants, B13


@pytest.mark.parametrize(
    "names",
    [
        ("辻\U000e0100", "辻"),
        ("辻\U000e0101", "辻"),
        ("葛\ufe00", "葛"),
        ("檜山", "桧山"),
        ("薗田", "園田"),
        ("舩木", "船木"),
        ("長瀨", "長瀬"),
        ("增田", "増田"),
        ("髙橋", "高橋"),
        ("山﨑", "山崎"),
        ("山嵜", "山崎"),
        ("渡邊", "渡辺"),
        ("渡邉", "渡辺"),
        ("濵田", "浜田"),
        ("濱田", "浜田"),
        ("廣瀨", "広瀬"),
        ("嶋田", "島田"),
        ("嶌田", "島田"),
        ("𠮷田", "吉田"),
        ("瀧川", "滝川"),
        ("櫻井", "桜井"),
        ("澤田", "沢田"),
        ("淵上", "渕上"),
        ("冨田", "富田"),
        ("惠子", "恵子"),
        ("眞理", "真理"),
        ("壽", "寿"),
        ("榮", "栄"),
        ("彌生", "弥生"),
        ("龍", "竜"),
        ("靏田", "鶴田"),
        ("桒原", "桑原"),
        ("杦山", "杉山"),
        ("神", "神"),
        ("戶田", "戸田"),
        ("吳", "呉"),
        ("淸水", "清水"),
        ("靑木", "青木"),
        ("姬野", "姫野"),
        ("堯", "尭"),
        ("巖", "巌"),
        ("亙", "亘"),
    ],
)
def test_b13_variants_of_a_character_are_the_same(names: tuple[str, str]) -> None:
    assert normalise.written_name(names[0]) == normalise.written_name(names[1]) is not None
    assert _grade("family_name", family_name=list(names)) == "same characters"


def test_b13_other_kanji_stay_apart() -> None:
    names = (
        "土",
        "士",
        "未",
        "末",
        "大",
        "太",
        "犬",
        "鳥",
        "島",
        "木",
        "本",
        "辺",
        "部",
        "崎",
        "埼",
        "日",
        "曰",
    )
    assert len({normalise.written_name(name) for name in names}) == len(names)


def test_b13_no_variant_stands_for_another_variant() -> None:
    variants = normalise.KANJI_VARIANTS
    assert not set(variants) & set(variants.values())
    assert len(variants) > 400


# Telephone numbers, B14


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("090-0000-1111 内線12", "+819000001111"),
        ("03-1234-5678(内線 123)", "+81312345678"),
        ("03-1234-5678 ext. 12", "+81312345678"),
        ("03-123-4567 内線8", None),
        ("03-1234-5678x12", "+81312345678"),
        ("03-1234-5678 #12", "+81312345678"),
        ("03-1234-5678 / 090-1234-5678", "+819012345678"),
        ("03-1234-5678、090-1234-5678", "+819012345678"),
        ("03-1234-5678 090-1234-5678", "+819012345678"),
        ("090-1234-5678;080-1234-5678", "+819012345678"),
        ("自宅03-1234-5678 携帯090-1234-5678", "+819012345678"),
        ("03-1234-5678(代表)", "+81312345678"),
        ("TEL 03-1234-5678", "+81312345678"),
        ("℡03-1234-5678", "+81312345678"),
        ("tel:+81-3-1234-5678", "+81312345678"),
        ("03/1234/5678", "+81312345678"),
        ("03.1234.5678", "+81312345678"),
        ("3-1234-5678", "+81312345678"),
        ("312345678", "+81312345678"),
        ("0081-3-1234-5678", "+81312345678"),
        ("010-81-90-1234-5678", "+819012345678"),
        ("＋８１ ９０ １２３４ ５６７８", "+819012345678"),
        ("+44 20 7946 0958", "+442079460958"),
        ("0044 20 7946 0958", "+442079460958"),
        ("010 44 20 7946 0958", "+442079460958"),
        ("+1 (212) 736-5000 ext 5", "+12127365000"),
        ("0120-444-113", "+81120444113"),
        ("050-1234-5678", "+815012345678"),
    ],
)
def test_b14_a_number_is_read_however_the_cell_is_filled(cell: str, number: str | None) -> None:
    assert normalise.phone(cell) == number


@pytest.mark.parametrize(
    "cell",
    [
        "020 7946 0958",
        "07911 123456",
        "(702) 555-0100",
        "702-555-0100",
        "0",
        "なし",
        "1234",
        "電話なし",
        "9.01E+09",
        "2980-1234-5678-1234-5678",
        "090-1234-567",
        "+999 123456",
        "090-XXXX-XXXX",
        "0000-00-0000",
        "９０",
        "()-",
        "+",
    ],
)
def test_b14_numbers_of_other_countries_and_scraps_are_not_read_as_japanese(cell: str) -> None:
    assert normalise.phone(cell) is None


@pytest.mark.parametrize(
    ("cell", "spelling", "number"),
    [
        ("020 7946 0958", UK, "+442079460958"),
        ("07911 123456", UK, "+447911123456"),
        ("(0)20 7946 0958", UK, "+442079460958"),
        ("020 7946 0958 ext 3", UK, "+442079460958"),
        ("0044 20 7946 0958", UK, "+442079460958"),
        ("080-1234-5678", UK, None),
        ("(212) 736-5000", US, "+12127365000"),
        ("212.736.5000 x44", US, "+12127365000"),
        ("1-212-736-5000", US, "+12127365000"),
        ("212-736-5000 / 212-736-5001", US, "+12127365000"),
        ("011 81 90 1234 5678", US, "+819012345678"),
        ("+81 90 1234 5678", US, "+819012345678"),
        ("030 901820", GERMANY, "+4930901820"),
        ("0081 90 1234 5678", GERMANY, "+819012345678"),
    ],
)
def test_b14_numbers_of_any_region(cell: str, spelling: Spelling, number: str | None) -> None:
    assert normalise.phone(cell, spelling) == number


def test_b14_what_could_not_be_read_is_counted_by_field_and_reason() -> None:
    frame = _lists(
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


# Birth dates, B15


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
        ("--1980--", "day or month missing"),
        ("0001-01-01", "placeholder"),
        ("1900-01-01", "placeholder"),
        ("9999-12-31", "placeholder"),
        ("0000-00-00", "placeholder"),
        ("1899-12-30", "placeholder"),
    ],
)
def test_b15_other_dates_are_counted_with_their_reason(written: str, reason: str) -> None:
    found = reader_of("birth_date", Spelling())(written)
    if written == "--1980--":
        assert found.value is None
        return
    assert found == (None, reason)


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
    assert _values("birth_date", birth_date=dates) == ["1980-12-25", "1980-12-25", None]
    spec = LinkSpec(spelling=Spelling(date_order="month first"))
    assert not stitch(_lists(birth_date=dates), spec=spec).summary().unread
    assert normalise.birth_date("01/02/1980", spec.spelling) == "1980-01-02"


# E3: hostile values

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
    start = time.process_time()
    reader_of(field, Spelling())(value)
    for function in (normalise.written_name, normalise.reading):
        function(value)
    assert time.process_time() - start < 1.0


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
    if isinstance(hostile, str) and not hostile.strip(" \0"):
        return
    assert found.summary().unread["address: longer than 1,000 characters"] == 1


# Laws of every normaliser

_LETTERS = st.text(
    "0123456789０１一二三十百千〇-−ー/.,'’@+#()㈱株式会社番地丁目号のノ町条 　abxyz"
    "éßłアイカタナーｱあいう김иΩغ\u0301\U000e0100年月日昭和SHT元",
    max_size=40,
)
_ANYTHING = st.one_of(
    st.none(),
    st.text(max_size=60),
    _LETTERS,
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=30),
    st.decimals(),
    st.booleans(),
)
_SPELLINGS = st.builds(
    Spelling,
    phone_region=st.sampled_from(["JP", "US", "GB"]),
    drop_tags=st.booleans(),
    date_order=st.sampled_from(["inferred", "day first", "month first"]),
)


@settings(max_examples=300)
@given(field=st.sampled_from(FIELDS), value=_ANYTHING, spelling=_SPELLINGS)
def test_a_value_or_a_reason_and_always_the_same(
    field: str, value: object, spelling: Spelling
) -> None:
    found = reader_of(field, spelling)(value)
    assert found == reader_of(field, spelling)(value)
    assert found.value is None or (found.value == found.value.strip() != "")


_IDEMPOTENT: tuple[Callable[[object], str | None], ...] = (
    normalise.plain,
    normalise.reading,
    normalise.written_name,
    normalise.card_number,
    normalise.birth_date,
    normalise.gender,
    normalise.email,
    normalise.phone,
    normalise.postcode,
)


@pytest.mark.parametrize("function", _IDEMPOTENT, ids=lambda function: str(function.__name__))
@given(value=st.one_of(_LETTERS, st.text(max_size=40)))
def test_a_normalised_value_is_its_own_normal_form(
    function: Callable[[object], str | None], value: str
) -> None:
    once = function(value)
    if once is not None:
        assert function(once) == once


@given(
    town=st.sampled_from(["霞が関", "一番町", "北1条西", "3条通", "二十四軒4条"]),
    numbers=st.lists(st.integers(1, 99), min_size=1, max_size=3),
    unit=st.sampled_from(["", "101", "b-12", "4f"]),
)
def test_an_address_is_its_own_normal_form(town: str, numbers: list[int], unit: str) -> None:
    once = normalise.address(f"東京都中央区{town}{'-'.join(map(str, numbers))} {unit}")
    assert once is not None
    assert normalise.address(once) == once
