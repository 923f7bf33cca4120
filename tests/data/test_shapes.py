"""The shapes of texts: one for all texts that read alike, and the digits of each text."""

# ruff: noqa: RUF001 - wide digits and letters are read as narrow ones

import unicodedata

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from omniltv.data.spelling import Shapes, folded

KANA_AND_KANJI = range(0x3000, 0xA000)
LETTERS = st.text(
    st.one_of(st.sampled_from("09/ :aAmM年月日５é\x1f\0"), st.characters()), max_size=6
)


def shapes_of(texts: list[str]) -> Shapes:
    return Shapes.of(np.array(texts, dtype=object))


@given(st.lists(LETTERS, max_size=30))
@example(["\x1f", "a\x1fb", "a b"])
@example(["1", "２", "٣"])
@example(["", "\0", " "])
def test_every_text_has_its_shape_and_shapes_differ(texts: list[str]) -> None:
    shapes = shapes_of(texts)
    assert [shapes.texts[code] for code in shapes.codes.tolist()] == list(map(folded, texts))
    assert len(set(shapes.texts)) == len(shapes.texts)
    assert [shapes.codes[row] for row in shapes.first] == list(range(len(shapes.texts)))


def is_plain(letter: str) -> bool:
    """Return whether a letter stands for one letter, within the basic plane."""
    return letter < chr(0x10000) and len(unicodedata.normalize("NFKC", letter)) == 1


@given(st.lists(LETTERS, min_size=1, max_size=30))
def test_digits_are_those_that_were_written(texts: list[str]) -> None:
    texts = ["".join(filter(is_plain, text)) for text in texts]
    shapes = shapes_of(texts)
    digits = [[i for i, letter in enumerate(shape) if letter == "0"] for shape in shapes.texts]
    plain = [unicodedata.normalize("NFKC", text) for text in texts]
    assume(list(map(len, plain)) == list(map(len, texts)))  # no letter stands for several
    expected = [
        int("".join(str(unicodedata.decimal(text[place])) for place in digits[code]) or "0")
        for text, code in zip(plain, shapes.codes.tolist(), strict=True)
    ]
    assert shapes.numbers(digits).tolist() == expected


@pytest.mark.parametrize("n_shapes", [255, 256, 257, 600])
def test_any_number_of_shapes_is_told_apart(n_shapes: int) -> None:
    """More than are looked up by bisection, over several blocks of rows."""
    texts = [f"{row % 10}{'x' * (row % n_shapes)}" for row in range(10_000)]
    shapes = shapes_of(texts)
    assert shapes.codes.tolist() == [row % n_shapes for row in range(10_000)]
    assert shapes.numbers([[0]] * n_shapes).tolist() == [row % 10 for row in range(10_000)]


def test_case_width_and_script_of_digits_make_no_shape_of_their_own() -> None:
    shapes = shapes_of(["5 am", "6 AM", "７ ａｍ", "8 Am"])
    assert shapes.texts == ("0 am",)
    assert shapes.numbers([[0]]).tolist() == [5, 6, 7, 8]


def test_no_kana_or_kanji_is_a_digit() -> None:
    """Texts of these and ASCII are read without a look at the table of digits."""
    assert "0" not in folded("".join(map(chr, KANA_AND_KANJI)))


@pytest.mark.parametrize("n_digits", [1, 2, 3, 4, 5, 9, 10, 17])
def test_numbers_of_any_length_are_exact(n_digits: int) -> None:
    """They are added up in the smallest type that has them."""
    largest, smallest = "9" * n_digits, "0" * n_digits
    shapes = shapes_of([largest, smallest, f"1{'0' * (n_digits - 1)}"])
    found = shapes.numbers([range(n_digits)])
    assert found.dtype == np.int64
    assert found.tolist() == [int(largest), 0, 10 ** (n_digits - 1)]
