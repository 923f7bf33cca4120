"""Ids and field values as text: one spelling for equal values, empty text for missing ones."""

# ruff: noqa: RUF002 - the look-alike characters are what this file is about

import math
import re
import unicodedata
from collections.abc import Iterable
from operator import itemgetter

__all__ = ["BROKEN", "is_blank", "key", "maybe_blank", "text", "written"]

_BLANK = frozenset(("", "nan", "none", "null", "<na>", "nat"))
_BLANK_STARTS = frozenset(("", "n", "N", "<", *filter(str.isspace, map(chr, range(0x3001)))))
_START = itemgetter(slice(1))

# Invisible characters: controls, zero-width and direction marks, unpaired surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]"
)
BROKEN = re.compile("[\ud800-\udfff]")
"""Unpaired surrogates, which cannot be written to any file."""

_ENCODINGS = ("utf-8", "cp932")


def is_blank(value: str) -> bool:
    """Return whether text stands for a missing value, such as ``"NaN"`` or blanks.

    Examples:
        >>> is_blank(" NaN "), is_blank("Nancy")
        (True, False)
    """
    return value.strip().lower() in _BLANK


def maybe_blank(values: Iterable[str]) -> Iterable[bool]:
    """Return for each text whether its first character allows it to be blank; a fast filter.

    Examples:
        >>> list(maybe_blank(["NaN", "Nancy", "Ann"]))
        [True, True, False]
    """
    return map(_BLANK_STARTS.__contains__, map(_START, values))


def key(value: object) -> str:
    """Return an id as text: a whole float without its ``.0``, a missing id as ``""``.

    Width and case are kept, since they can tell ids apart. Bytes are read as UTF-8 or, if
    they are not valid UTF-8, as Shift-JIS.

    Examples:
        >>> key(12.0), key(None), key("NaN"), key(" Ａ7 "), key("高".encode("cp932"))
        ('12', '', '', 'Ａ7', '高')
    """
    plain = written(value)
    return "" if is_blank(plain) else plain


def written(value: object) -> str:
    """Return a value as it is written: a whole float without its ``.0``, None as ``""``.

    Examples:
        >>> written(12.0), written(None), written(" Ann ")
        ('12', '', 'Ann')
    """
    if isinstance(value, bytes):
        return _decoded(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    plain = BROKEN.sub("\ufffd", str(value)).strip()
    return "" if plain in {"<NA>", "NaT"} else plain


def _decoded(value: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return value.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
    return value.decode("latin-1").strip()


def text(value: object) -> str:
    r"""Return a value as text of one width, without invisible characters.

    Examples:
        >>> text(9012345678.0), text(float("nan")), text("ﾀﾅｶ　１"), text("\u200fTaro\0")
        ('9012345678', '', 'タナカ 1', 'Taro')
    """
    plain = _INVISIBLE.sub("", written(value))
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)
    folded = " ".join(plain.split())
    return folded.removesuffix(".0") if folded[:-2].isdecimal() else folded
