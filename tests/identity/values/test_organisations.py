"""Case B11: organisations in the place of a name."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested

import pytest
from tests.identity.values._lists import grade, lists, values

from omniltv.identity import normalise, stitch

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
    families = values(
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
    readings = values(
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
    assert grade("family_name", **columns) in {"alike", "different", "missing"}


def test_b11_an_organisation_is_one_customer() -> None:
    names = _ORGANISATIONS[0]
    found = stitch(lists(family_name=names, phone=["03-1234-5678"] * len(names)))
    assert found.summary().customers == 1
