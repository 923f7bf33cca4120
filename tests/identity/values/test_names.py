"""Cases B9, B12 and B13: sounds, scripts and variants of names, and what is right."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested

import pytest
from tests.identity.values._lists import grade, lists

from omniltv.identity import normalise, stitch

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
    for field in ("family_name", "given_name"):
        assert grade(field, **{field: list(names)}) == "similar sound"


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
    assert grade("given_name", given_name=list(names)) == "same sound"


def test_b9_kanji_of_similar_sound_are_alike_only() -> None:
    columns = {"given_name": ["優希", "由紀"], "given_name_kana": ["ユウキ", "ユキ"]}
    assert grade("given_name", **columns) == "alike"
    same = {"given_name": ["優希", "結城"], "given_name_kana": ["ユウキ", "ユウキ"]}
    assert grade("given_name", **same) == "other characters"


def test_b9_swapped_names_are_found_by_reading_and_by_sound() -> None:
    swapped = {"family_name": ["Takahashi", "Hanako"], "given_name": ["Hanako", "Takahashi"]}
    assert grade("family_name", **swapped) == "same sound"
    longer = {"family_name": ["Sato", "タロウ"], "given_name": ["Taro", "サトウ"]}
    assert grade("family_name", **longer) == "similar sound"


def _sound_of(name: str) -> str | None:
    return normalise.sound(normalise.reading(name) or "")


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
    found = stitch(lists(**names, phone=["+82 10 1234 5678", "010-1234-5678"]))
    assert grade("family_name", **names) == "same characters"
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
    assert grade("family_name", family_name=list(names)) == "same characters"


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
