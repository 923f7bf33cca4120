"""Addresses and postcodes. A small rule set for Japan; other addresses are only folded."""

# ruff: noqa: RUF001, RUF002 - the look-alike characters are what this file is about

import re

from omniltv.identity.records.normalise._text import one_digit_only, plain, text

__all__ = ["address", "postcode"]

_DIGITS = re.compile(r"\D")
_PREFECTURE = re.compile(
    r"^(?:東京都|北海道|京都府|大阪府|神奈川県|和歌山県|鹿児島県|[^\d\s]{2}県)"
)
_KANJI_NUMBER = re.compile(r"[〇一二三四五六七八九十]+(?=丁目|番|号|-|の\d)")
_BLOCKS = re.compile(
    r"丁目|番地の?|番町?(?=\d|$)|番|号室|号|(?<=\d)の(?=\d)|[-‐-―ー−~](?=\d)|(?<=\d)[-‐-―ー−]"
)
_DASHES = re.compile(r"-+")
_GA = re.compile(r"[ヶケヵが](?=[^a-z0-9\s-])")
_HOUSE = re.compile(r"^(\D*\d+(?:-\d+){0,2})")
_VALUES = {character: value for value, character in enumerate("〇一二三四五六七八九")}
_POSTCODE_LENGTH = 7
_LOST_ZERO = 6


def postcode(value: object) -> str | None:
    """Return a postcode: seven digits in Japan, other ones folded.

    Examples:
        >>> postcode("〒１００-０００１"), postcode("000-0000"), postcode("SW1A 1AA")
        ('1000001', None, 'sw1a1aa')
    """
    written = text(value).casefold().lstrip("〒")
    digits = _DIGITS.sub("", written)
    if any(character.isalpha() for character in written):
        return None if plain(written) is None else re.sub(r"[\W_]", "", written)
    if not digits or one_digit_only(digits):
        return None
    return digits.zfill(_POSTCODE_LENGTH) if len(digits) == _LOST_ZERO else digits


def address(value: object) -> str | None:
    """Return town, block and house as one key: no prefecture, no building, one way to count.

    Examples:
        >>> address("東京都千代田区霞ヶ関一丁目２番３号 霞ビル4F") == address("千代田区霞が関1-2-3")
        True
        >>> address("12 Giblin Street")
        '12 giblin street'
    """
    folded = plain(value)
    if folded is None:
        return None
    if folded.isascii():
        return " ".join(re.sub(r"[^a-z0-9]+", " ", folded).split()) or None
    joined = _PREFECTURE.sub("", folded.replace(" ", ""))
    counted = _KANJI_NUMBER.sub(lambda match: str(_number(match[0])), joined)
    dashed = _DASHES.sub("-", _BLOCKS.sub("-", counted)).strip("-")
    house = _HOUSE.match(dashed)
    return _GA.sub("が", house[1] if house else dashed) or None


def _number(kanji: str) -> int:
    """Return the number that kanji digits up to ninety-nine spell (二十三 and 二三 alike)."""
    if "十" not in kanji:
        return int("".join(str(_VALUES[character]) for character in kanji))
    tens, _, ones = kanji.partition("十")
    return 10 * (_VALUES.get(tens, 1)) + _VALUES.get(ones, 0)
