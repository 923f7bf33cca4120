"""Cases B8 and B14: cards and telephone numbers from practice, and what is right."""

# ruff: noqa: RUF001 - the look-alike characters are what is tested

import pytest

from omniltv.identity import Spelling, normalise

UK, US, GERMANY = (Spelling(phone_region=region) for region in ("GB", "US", "DE"))


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
