"""Text of one width, case and form, placeholders, and the outcome of reading a value."""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from omniltv.data.text import key, text, written
from omniltv.identity.records.normalise._variants import KANJI_VARIANTS

__all__ = [
    "LONGEST",
    "PLACEHOLDER",
    "Read",
    "fold",
    "is_name_or_placeholder",
    "is_placeholder",
    "key",
    "one_digit_only",
    "plain",
    "read",
    "read_plain",
    "text",
    "written",
]

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
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?e\+\d+")
_WRAPPING = "()[]{}<>「」『』【】〔〕〈〉《》*#_-'\"|/\\=~.,:;!?、。・ー …"

# Words that stand for nothing, and nobody is called that.
_PLACEHOLDERS = frozenset(
    (
        "n/a|n.a|xx|xxx|xxxx|empty|missing|undefined|unknown|dummy|anonymous|noname|no name|"
        "no data|no address|no email|no phone|not available|not applicable|not given|"
        "not provided|not specified|not known|withheld|redacted|deleted|tbd|tba|div/0|unbekannt|keine angabe|inconnu|non renseigné|desconocido|sconosciuto|"
        "不明|不詳|なし|無し|無|該当なし|該当無し|記載なし|回答なし|登録なし|登録無し|情報なし|"
        "入力なし|データなし|匿名|未登録|未入力|未記入|未設定|未定|未回答|無回答|回答しない|非公開|"
        "非表示|空白|空欄|削除|削除済|削除済み|退会|退会済|退会済み|テスト|てすと|ゲスト|ダミー|"
        "サンプル|その他|同上|名無し|無名|미상|없음|未知|未填|无"
    ).split("|")
)
# Words that stand for nothing, but some people are called that.
_NAMES_OR_PLACEHOLDERS = frozenset(
    "na nan nat none null nil no x test guest sample ref value name num blank ナシ".split(" ")
)


def read(value: object, function: Callable[[str], Read]) -> Read:
    """Return what a function reads from the text of a value, unless it is a placeholder.

    Values that are too long are not read: the time that a value takes is bounded.
    """
    given = _text(value)
    if not isinstance(given, str):
        return given
    return PLACEHOLDER if is_placeholder(given.casefold()) else function(given)


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
    bare = folded.strip(_WRAPPING)
    nobody = not bare or bare in _PLACEHOLDERS
    if nobody or (folded[0] in _BRACKETS and bare in _NAMES_OR_PLACEHOLDERS):
        return PLACEHOLDER
    return Read(folded)


def fold(given: str) -> str:
    """Return text of one width with one case, new characters and no accents."""
    folded = given.casefold()
    return folded if folded.isascii() else " ".join(folded.translate(_FOLDED).split())


def is_placeholder(folded: str) -> bool:
    """Return whether folded text stands for "no value" in a field that holds no names.

    Examples:
        >>> [is_placeholder(word) for word in ("#n/a", "(blank)", "---", "null", "登録なし", "1")]
        [True, True, True, True, True, False]
    """
    bare = folded.strip(_WRAPPING)
    return not bare or bare in _PLACEHOLDERS or bare in _NAMES_OR_PLACEHOLDERS


def is_name_or_placeholder(folded: str) -> bool:
    """Return whether folded text is a placeholder in some lists and a name in others."""
    return folded.strip(_WRAPPING) in _NAMES_OR_PLACEHOLDERS


def one_digit_only(digits: str) -> bool:
    """Return whether a number was typed only to fill the field (0000000, 1111111)."""
    return len(set(digits)) <= 1


def _text(value: object) -> str | Read:
    """Return the text of a value, or why there is none."""
    if isinstance(value, str | bytes):
        if len(value) > LONGEST:
            return _TOO_LONG
    elif isinstance(value, float) and abs(value) >= _EXACT:
        return _ROUNDED if value != float("inf") else _NOTHING
    elif isinstance(value, int) and value.bit_length() > LONGEST:
        return _TOO_LONG
    given = text(value)
    if len(given) > LONGEST:
        return _TOO_LONG
    if _SCIENTIFIC.fullmatch(given.casefold()):
        return _ROUNDED
    return given or _NOTHING


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


_BRACKETS = "([{<#"
_OPTIONAL = ((0x300, 0x36F), (0x591, 0x5C7), (0x610, 0x61A), (0x64B, 0x65F), (0x670, 0x670))
# Letters that Unicode does not decompose, quotation marks, dashes, and Arabic spellings.
_LETTERS = {
    **dict.fromkeys("łƚ", "l"),
    **dict.fromkeys("đɖ", "d"),
    **dict.fromkeys("øɵ", "o"),
    **dict.fromkeys("ıɨ", "i"),
    **{"ħ": "h", "ŧ": "t", "ŋ": "n", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss"},
    **{"ё": "е", "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه", "ـ": ""},
    **dict.fromkeys("‘’‚‛ʹʻʼ′`´＇", "'"),
    **dict.fromkeys("‐‑‒–—―−⁃﹣", "-"),
}
_FOLDED = _Folded()
