"""Text of one width, case and form, placeholders, and the outcome of reading a value."""

# ruff: noqa: RUF001 - the look-alike characters are what this file is about

import math
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from omniltv.data.text import key, text, written
from omniltv.identity.records.normalise._placeholders import (
    is_placeholder,
    is_placeholder_for_name,
)
from omniltv.identity.records.normalise._variants import KANJI_VARIANTS

__all__ = [
    "LONGEST",
    "PLACEHOLDER",
    "Read",
    "fold",
    "key",
    "one_digit_only",
    "plain",
    "read",
    "read_plain",
    "text",
    "written",
]

_LONGEST_WORD = 30
LONGEST = 1_000
"""Number of characters above which no value is read; addresses have fewer than 200."""


class Read(NamedTuple):
    """The outcome of reading one value.

    Attributes:
        value: The normalised value, None if there is none.
        reason: Why a value was not read, or not all of it; "" if it was, or the cell is empty.
    """

    value: str | None
    reason: str = ""


PLACEHOLDER = Read(None, "placeholder")
_NOTHING = Read(None)
_TOO_LONG = Read(None, f"longer than {LONGEST:,} characters")
_ROUNDED = Read(None, "number rounded by a spreadsheet")

_EXACT = 2.0**53  # floats above this do not hold every whole number
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[eE]\+\d+")


def read(value: object, function: Callable[[str], Read]) -> Read:
    """Return what a function reads from the text of a value, unless it is a placeholder.

    Values that are too long are not read: the time that a value takes is bounded.
    """
    given = _text(value)
    if not isinstance(given, str):
        return given
    # No placeholder starts with a digit or is this long.
    if len(given) <= _LONGEST_WORD and not given[0].isdigit() and is_placeholder(given.casefold()):
        return PLACEHOLDER
    return function(given)


def plain(value: object) -> str | None:
    """Return a value with one width, one case, new characters and no accents, or None.

    Examples:
        >>> plain("髙橋"), plain("José"), plain("Łukasz"), plain("不明"), plain(" ")
        ('高橋', 'jose', 'lukasz', None, None)
    """
    return read_plain(value).value


def read_plain(value: object) -> Read:
    """Read a value as `plain` does. Words that are also names, such as Null, are kept."""
    given = _text(value)
    if not isinstance(given, str):
        return given
    folded = fold(given)
    return PLACEHOLDER if is_placeholder_for_name(folded) else Read(folded)


def fold(given: str) -> str:
    """Return text of one width with one case, new characters and no accents."""
    folded = given.casefold()
    return folded if folded.isascii() else " ".join(folded.translate(_FOLDED).split())


def one_digit_only(digits: str) -> bool:
    """Return whether a number was typed only to fill the field (0000000, 1111111)."""
    return len(set(digits)) <= 1


def _text(value: object) -> str | Read:
    """Return the text of a value, or why there is none."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            return _TOO_LONG
    else:
        refused = _refused(value)
        if refused is not None:
            return refused
    given = text(value)
    if len(given) > LONGEST:
        return _TOO_LONG
    if "+" in given and _SCIENTIFIC.fullmatch(given):
        return _ROUNDED
    return given or _NOTHING


def _refused(value: object) -> Read | None:
    """Return why a value that is no text has no text that can be read, None if it has."""
    if isinstance(value, bytes):
        return _TOO_LONG if len(value) > LONGEST else None
    if isinstance(value, float):
        return _ROUNDED if abs(value) >= _EXACT and math.isfinite(value) else None
    too_long = isinstance(value, int) and value.bit_length() > LONGEST
    return _TOO_LONG if too_long else None


class _Folded(dict[int, str]):
    """What each character is folded to, computed when it first occurs."""

    def __missing__(self, code: int) -> str:
        self[code] = _folded(chr(code))
        return self[code]


def _folded(character: str) -> str:
    if character in _LETTERS:
        return _LETTERS[character]
    if unicodedata.combining(character) and _is_optional(ord(character)):
        return ""
    base = unicodedata.normalize("NFD", character)[0]
    # Latin and Greek letters lose their marks. In kana, Cyrillic and Hangul the mark is a letter.
    if base.isascii() or "\u0370" <= base <= "\u03ff":
        return base
    return character.translate(KANJI_VARIANTS)


def _is_optional(code: int) -> bool:
    """Return whether a mark is Latin or Greek, a Hebrew point or an Arabic vowel sign."""
    return any(first <= code <= last for first, last in _OPTIONAL)


_OPTIONAL = ((0x300, 0x36F), (0x591, 0x5C7), (0x610, 0x61A), (0x64B, 0x65F), (0x670, 0x670))
# Letters that Unicode does not decompose, and letters of one sound in Cyrillic and Arabic.
_SPELLINGS = "łl ƚl đd ɖd øo ɵo ıi ɨi ħh ŧt ŋn ðd þth æae œoe ßss ёе أا إا آا ىي ةه"
_LETTERS = {pair[0]: pair[1:] for pair in _SPELLINGS.split(" ")}
_LETTERS |= {"ـ": "", **dict.fromkeys("‘’‚‛ʹʻʼ′`´", "'"), **dict.fromkeys("‐‑‒–—―−⁃", "-")}
_FOLDED = _Folded()
