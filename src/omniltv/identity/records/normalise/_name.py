"""Names as they are written and as they sound, and gender."""

import re

import jaconv

from omniltv.identity.records.normalise._text import plain

__all__ = ["gender", "has_kanji", "reading", "written_name"]

_KANJI = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々\U00020000-\U0003ffff]")
_TITLES = re.compile(r"(?:様|さま|殿|氏)$")
_NOT_LATIN = re.compile(r"[^a-z]")
# Hepburn, Kunrei and the usual typing habits meet in one spelling; order matters.
_SOUNDS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"tch", "cch"),
        (r"sh(?=[aueo])", "sy"),
        (r"shi", "si"),
        (r"cch(?=[aueo])", "tty"),
        (r"cchi", "tti"),
        (r"ch(?=[aueo])", "ty"),
        (r"chi", "ti"),
        (r"tsu", "tu"),
        (r"jy?(?=[aueo])", "zy"),
        (r"ji|di", "zi"),
        (r"dzu|du", "zu"),
        (r"zyi", "zi"),
        (r"(?<=[szt]y)y", ""),
        (r"f(?=u)", "h"),
        (r"m(?=[bpm])", "n"),
        (r"(?<=[ou])h(?![aiueo])", ""),
        (r"ou|oo+|wo", "o"),
        (r"uu+", "u"),
        (r"aa+", "a"),
        (r"ii+", "i"),
        (r"ee+", "e"),
    )
)
_GENDERS = {
    **dict.fromkeys(("m", "male", "man", "男", "男性", "1", "おとこ", "オトコ"), "m"),
    **dict.fromkeys(("f", "female", "woman", "女", "女性", "2", "おんな", "オンナ"), "f"),
}


def has_kanji(value: str) -> bool:
    """Return whether there is a kanji in the text."""
    return _KANJI.search(value) is not None


def written_name(value: object) -> str | None:
    """Return a name in kanji in one spelling; None where it has no kanji.

    Examples:
        >>> written_name("渡邉 様"), written_name("タナカ")
        ('渡辺', None)
    """
    folded = plain(value)
    if folded is None or not has_kanji(folded):
        return None
    return _TITLES.sub("", folded.replace(" ", "")) or None


def reading(value: object) -> str | None:
    """Return how a name in kana or Latin letters sounds; None for kanji.

    Long vowels are short and Hepburn is Kunrei in it, so it is a key, not a name.

    Examples:
        >>> {reading(name) for name in ("タナカ", "たなか", "ﾀﾅｶ", "TANAKA")}
        {'tanaka'}
        >>> {reading(name) for name in ("ショウイチ", "Shoichi", "Syouiti", "Shōichi")}
        {'syoiti'}
    """
    folded = plain(value)
    if folded is None or has_kanji(folded):
        return None
    kana = folded if folded.isascii() else jaconv.kana2alphabet(jaconv.kata2hira(folded))
    sound = _NOT_LATIN.sub("", plain(kana) or "")
    for pattern, replacement in _SOUNDS:
        sound = pattern.sub(replacement, sound)
    return sound or None


def gender(value: object) -> str | None:
    """Return "m", "f" or None.

    Examples:
        >>> gender("女性"), gender("Male"), gender("回答しない")
        ('f', 'm', None)
    """
    return _GENDERS.get(plain(value) or "")
