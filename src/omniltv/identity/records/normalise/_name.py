"""Names as they are written, as they are read and as they sound, and gender."""

import re

import jaconv

from omniltv._options import checked
from omniltv.identity.records.normalise._organisation import with_short_form
from omniltv.identity.records.normalise._text import PLACEHOLDER, Read, fold, plain, read

__all__ = [
    "gender",
    "read_gender",
    "reading",
    "sound",
    "spoken_form",
    "written_form",
    "written_name",
]

# A letter of any script other than Latin and kana.
_OTHER_SCRIPT = re.compile(r"[^\W\d_\x00-\u024f\u1e00-\u1eff\u3041-\u30ff\u31f0-\u31ff]")
_TITLES = re.compile(r"(?:様|さま|殿|氏)+$")
_NOT_A_LETTER = re.compile(r"[\s\d.,'・·\"_-]+")
_NOT_LATIN = re.compile(r"[^a-z\d]")
_LONG_MARKS = re.compile(r"([aiueo])(-+)")
_SHORT_FORMS = {"(カ)": "カブシキガイシャ", "(ユ)": "ユウゲンガイシャ"}
# Hepburn, Kunrei, usual typing habits and long vowels meet in one sound; order matters.
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
_MALE = "m male man mr 男 男性 1 おとこ オトコ mann männlich herr homme"
_FEMALE = "f female woman mrs ms 女 女性 2 おんな オンナ frau weiblich w femme"
_GENDERS = {fold(word): "m" for word in _MALE.split(" ")}
_GENDERS |= {fold(word): "f" for word in _FEMALE.split(" ")}
_NEITHER = "0 9 o other others diverse d non-binary nonbinary"
_NOT_TOLD = frozenset(_NEITHER.split(" "))


def written_name(value: object) -> str | None:
    """Return a name in one spelling; None if it is in Latin letters or kana only.

    Names in kanji, Hangul, Cyrillic, Greek, Arabic, Thai and any other script are kept. An
    organisation has its legal form in short.

    Examples:
        >>> written_name("渡邉 様"), written_name("タナカ"), written_name("株式会社山田商店")
        ('渡辺', None, '(株)山田商店')
        >>> written_name("김 민수"), written_name("Иванов"), written_name("สมชาย")
        ('김민수', 'иванов', 'สมชาย')
    """
    folded = plain(value)
    return None if folded is None else written_form(folded)


def written_form(folded: str) -> str | None:
    """Return the `written_name` of a folded name."""
    if _OTHER_SCRIPT.search(folded) is None:
        return None
    return with_short_form(_TITLES.sub("", _NOT_A_LETTER.sub("", folded))) or None


def reading(value: object) -> str | None:
    """Return the reading of a name in kana or Latin letters; None for other scripts.

    Kana are written in Hepburn letters with long vowels as in kana, so that names of different
    length have different readings. Latin letters are kept, without accents. Names that may
    sound alike although their readings differ have one `sound`.

    Examples:
        >>> {reading(name) for name in ("タナカ", "たなか", "ﾀﾅｶ", "TANAKA")}
        {'tanaka'}
        >>> reading("オオノ"), reading("オノ"), reading("ユーキ"), reading("Łukasz")
        ('oono', 'ono', 'yuuki', 'lukasz')
    """
    folded = plain(value)
    return None if folded is None else spoken_form(folded)


def spoken_form(folded: str) -> str | None:
    """Return the `reading` of a folded name."""
    if folded.isascii():
        return _NOT_LATIN.sub("", with_short_form(folded)) or None
    return None if _OTHER_SCRIPT.search(folded) else _letters(folded) or None


@checked
def sound(spoken: str) -> str | None:
    """Return what a reading sounds like: long vowels are short, and Hepburn is Kunrei.

    Examples:
        >>> {sound(name) for name in ("shouichi", "shoichi", "syouiti")}
        {'syoiti'}
        >>> sound("oono") == sound("ohno") == sound("ono")
        True
    """
    for pattern, replacement in _SOUNDS:
        spoken = pattern.sub(replacement, spoken)
    return spoken or None


def gender(value: object) -> str | None:
    """Return "m", "f" or None.

    Examples:
        >>> gender("女性"), gender("Male"), gender("回答しない")
        ('f', 'm', None)
    """
    return read_gender(value).value


def read_gender(value: object) -> Read:
    """Read a gender as `gender` does."""
    return read(value, _gender)


def _gender(given: str) -> Read:
    folded = fold(given)
    if folded in _NOT_TOLD:
        return PLACEHOLDER
    found = _GENDERS.get(folded.rstrip("."))
    return Read(found) if found else Read(None, "neither male nor female")


def _letters(folded: str) -> str:
    """Return the Latin letters of a folded name that has kana."""
    short = with_short_form(_TITLES.sub("", folded))
    for form, spoken in _SHORT_FORMS.items():
        short = short.replace(form, spoken)
    latin = jaconv.kana2alphabet(jaconv.kata2hira(short))
    return _NOT_LATIN.sub("", fold(_LONG_MARKS.sub(_lengthened, latin)))


def _lengthened(vowel: "re.Match[str]") -> str:
    return vowel[1] * (1 + len(vowel[2]))
