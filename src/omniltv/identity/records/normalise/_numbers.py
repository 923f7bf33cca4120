"""Numbers in kanji."""

__all__ = ["KANJI_DIGITS", "kanji_number"]

_VALUES = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {"零": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000}
KANJI_DIGITS = "".join([*_VALUES, *_UNITS])
"""Characters that numbers below ten thousand are written with."""


def kanji_number(kanji: str) -> str:
    """Return the number that kanji digits spell, as figures.

    Examples:
        >>> kanji_number("二十三"), kanji_number("二三"), kanji_number("千二百"), kanji_number("十")
        ('23', '23', '1200', '10')
    """
    if not any(character in _UNITS for character in kanji):
        return "".join(str(_VALUES[character]) for character in kanji).lstrip("0") or "0"
    total = digit = 0
    for character in kanji:
        if character in _UNITS:
            total += (digit or 1) * _UNITS[character]
            digit = 0
        else:
            digit = _VALUES[character]
    return str(total + digit)
