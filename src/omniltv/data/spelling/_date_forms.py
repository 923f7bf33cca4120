"""The grammar of dates and times: from the shape of a text to the places of its digits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from omniltv.data.spelling._words import day_names, month_names

__all__ = ["DateForm", "Layout", "date_form"]

type DateParts = Mapping[str, range]

_LONGEST = 80  # characters; longer texts are not dates
_ERAS = {"明": 1867, "大": 1911, "昭": 1925, "平": 1988, "令": 2018}
_ERAS |= {"m": 1867, "t": 1911, "s": 1925, "h": 1988, "r": 2018}
_ERAS |= {"㍾": 1867, "㍽": 1911, "㍼": 1925, "㍻": 1988, "㋿": 2018}
_ZONES = {"z": 0, "utc": 0, "gmt": 0, "jst": 540}
_PARTS = ("y", "m", "d", "a", "b", "c", "H", "M", "S", "f", "OH", "OM", "n", "p")

_WORD = r"[^\W\d_]+"
_DAY_OF_WEEK = rf"(?:(?P<weekday>{_WORD})\.?,?\s+)?"
_YMD = r"(?P<y>0000)\s?(?P<s>[-/.])\s?(?P<m>00?)\s?(?P=s)\s?(?P<d>00?)\.?"
_KANJI = r"(?P<y>0000)\s?年\s?(?P<m>00?)\s?月\s?(?P<d>00?)\s?日"
_PACKED = r"(?P<y>0000)(?P<m>00)(?P<d>00)"
_ERA = (
    r"(?P<era>令和?|平成?|昭和?|大正?|明治?|[mtshr㍾㍽㍼㍻㋿])\.?\s?(?P<y>00?|元)\s?"
    r"(?:年|[-/.])\s?(?P<m>00?)\s?(?:月|[-/.])\s?(?P<d>00?)\s?日?"
)
_PACKED_ERA = r"(?P<era>[mtshr])(?P<y>00)(?P<m>00)(?P<d>00)"
_OPEN = r"(?P<a>00?)\s?(?P<s>[-/.])\s?(?P<b>00?)\s?(?P=s)\s?(?P<c>0000|00)\.?"
_DAY_NAME = (
    rf"{_DAY_OF_WEEK}(?P<d>00?)(?:st|nd|rd|th|er|[.°])?(?:[-/]|\s+(?:de\s+)?)?(?P<name>{_WORD})\.?"
    r"(?:[-/,]|,?\s+(?:del?\s+)?)?(?P<y>0000|(?<=[-/ ])00)"
)
_NAME_DAY = rf"{_DAY_OF_WEEK}(?P<name>{_WORD})\.?\s+(?P<d>00?)(?:st|nd|rd|th)?,?\s+(?P<y>0000)"
_YEAR_NAME = rf"(?P<y>0000)[-/\s](?P<name>{_WORD})\.?[-/\s](?P<d>00?)"
_DATES = (_YMD, _KANJI, _PACKED, _ERA, _PACKED_ERA, _OPEN, _DAY_NAME, _NAME_DAY, _YEAR_NAME)
_KANJI_DAY = r"(?:\s?\(?[月火水木金土日](?:曜日?)?\)?)?"
_BEFORE = r"(?:(?P<before>[ap]\.?\s?m\.?|午前|午後)\s?)?"
_AFTER = r"\s?(?P<after>[ap]\.?\s?m\.?|午前|午後)"
_SECONDS = r"(?P<S>00)(?:[.,](?P<f>0{1,9}))?"
_CLOCKS = (
    rf"{_BEFORE}(?P<H>00?)(?::(?P<M>00)(?::{_SECONDS})?)(?:{_AFTER})?",
    rf"{_BEFORE}(?P<H>00?)\s?時(?:\s?(?P<M>00?)\s?分(?:\s?(?P<S>00?)\s?秒)?)?",
    rf"(?P<H>00)(?:(?P<M>00)(?:{_SECONDS})?)?",
    r"(?P<H>00?)[.h](?P<M>00)(?:[.](?P<S>00))?",
    rf"(?P<H>00?){_AFTER}",
)
_ZONE = (
    r"\s?(?:(?P<zone>z|utc|gmt|jst)|(?:utc|gmt)?(?P<sign>[-+])(?P<OH>00)(?::?(?P<OM>00))?)"
    r"(?:\s?\([^)]*\))?"
)
_BETWEEN = r"(?:t|,?\s+|,|(?<=[日)])|(?<=0000):)"
_NUMBER = r"\s*(?P<n>0{1,17})(?:\.(?P<p>0*))?\s*"
_PACKED_CLOCK = r"\s*(?P<y>0000)(?P<m>00)(?P<d>00)(?P<H>00)(?P<M>00)(?P<S>00)?(?:\.0)?\s*"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where dates have their digits, and how these are read: forms that differ by words only.

    Attributes:
        kind: A date, or a number.
        places: The parts and their places, as in `DateForm`.
        era: Whether years are counted from an era.
        halves: Whether the clock has twelve hours.
        zoned: As in `DateForm`, and so are ``east`` and ``minutes``.
    """

    kind: Literal["date", "number"]
    places: tuple[tuple[str, range], ...]
    era: bool
    halves: bool
    zoned: bool
    east: int
    minutes: int

    @property
    def parts(self) -> dict[str, range]:
        """Places of the digits by part."""
        return dict(self.places)


@dataclass(frozen=True, slots=True)
class DateForm:
    """Where a shape of text has the parts of a date and time.

    Attributes:
        kind: A date whose year, month and day are known; one whose order is not; a number.
        parts: Places of the digits: y, m and d, or a, b and c in the order in which they are
            written; H, M, S and f of the clock; OH and OM of the offset; n and p of a number.
        family: Forms whose order is found together: the separator and the length of the year.
        year: To be added to the year as written: the last year before an era.
        month: To be added to the month as written: the number of a month that is named.
        half: Whether the clock has twelve hours, and which half of the day it is.
        zoned: Whether an offset from UTC is given.
        east: Sign of the offset that is written, 0 if none is.
        minutes: Minutes east of UTC of a zone that is named.
    """

    kind: Literal["date", "order", "number"]
    parts: DateParts
    family: str = ""
    year: int = 0
    month: int = 0
    half: Literal["", "am", "pm"] = ""
    zoned: bool = False
    east: int = 0
    minutes: int = 0

    @property
    def layout(self) -> Layout | None:
        """The layout of a date or number; None if the order of its parts is not known."""
        if self.kind == "order":
            return None
        return Layout(
            kind=self.kind,
            places=tuple(self.parts.items()),
            era=self.year != 0,
            halves=self.half != "",
            zoned=self.zoned,
            east=self.east,
            minutes=self.minutes,
        )


def date_form(shape: str, *, counted: bool = False) -> DateForm | None:
    """Return the form of a shape, None if it is no date, time or number.

    Args:
        shape: As `Shapes` has it.
        counted: Whether text of digits only is a number, and not a date such as ``20250105``.

    Examples:
        >>> date_form("0000/0/0").parts["d"], date_form("r0.0.0").year
        (range(7, 8), 2018)
        >>> date_form("00/00/0000").family, date_form("hello")
        ('/4', None)
    """
    if len(shape) > _LONGEST or "0" not in shape:
        return None
    number = re.fullmatch(_NUMBER, shape)
    patterns = () if number and counted else _patterns()
    found = (pattern.fullmatch(shape) for pattern in patterns)
    form = next(filter(None, (_form(match) for match in found if match)), None)
    if form or number is None:
        return form
    return DateForm("number", {name: range(*number.span(name)) for name in "np" if number[name]})


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    numbered = (re.sub(r"\?P<(\w+)>", rf"?P<\1_{k}>", clock) for k, clock in enumerate(_CLOCKS))
    clock = rf"(?:{_BETWEEN}(?:{'|'.join(numbered)})(?:{_ZONE})?)?"
    whole = (rf"\s*{date}{_KANJI_DAY}{clock}\s*" for date in _DATES)
    return tuple(map(re.compile, (*whole, _PACKED_CLOCK)))


def _form(match: re.Match[str]) -> DateForm | None:
    groups = {name: name.partition("_")[0] for name, text in match.groupdict().items() if text}
    words = {short: match[name] for name, short in groups.items()}
    name, weekday = words.get("name"), words.get("weekday")
    month = month_names().get(name, 0) if name else 0
    if (name and not month) or (weekday and weekday not in day_names()):
        return None
    spans = {short: match.span(name) for name, short in groups.items()}
    parts = {name: range(*spans[name]) for name in _PARTS if "0" in words.get(name, "")}
    return DateForm(
        kind="order" if "a" in parts else "date",
        parts=parts,
        family=f"{words['s']}{len(parts['c'])}" if "c" in parts else "",
        year=_ERAS[words["era"][0]] + (words["y"] == "元") if "era" in words else 0,
        month=month,
        half=_half(words.get("before", words.get("after", ""))),
        zoned="zone" in words or "sign" in words,
        east=int(f"{words['sign']}1") if "sign" in words else 0,
        minutes=_ZONES.get(words.get("zone", ""), 0),
    )


def _half(written: str) -> Literal["", "am", "pm"]:
    if not written:
        return ""
    return "am" if written[0] == "a" or written == "午前" else "pm"
