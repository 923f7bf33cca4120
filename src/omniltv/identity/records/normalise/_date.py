"""Birth dates in the ways that people and spreadsheets write them."""

import re
from datetime import date

from omniltv.identity.records.normalise._text import text

__all__ = ["birth_date"]

_ERAS = {"明": 1867, "m": 1867, "大": 1911, "t": 1911, "昭": 1925, "s": 1925}
_ERAS |= {"平": 1988, "h": 1988, "令": 2018, "r": 2018}
_ERA = re.compile(
    r"(?P<era>明治?|大正?|昭和?|平成?|令和?|[mtshr])\.?\s*"
    r"(?P<year>元|\d{1,2})\s*[年./-]\s*(?P<month>\d{1,2})\s*[月./-]\s*(?P<day>\d{1,2})\D*",
)
_ERA_PACKED = re.compile(r"(?P<era>[mtshr])(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)")
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})(?:\D.*)?"
)
_PACKED = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)")
_YEAR_LAST = re.compile(r"(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[-/.](?P<year>\d{4})(?:\D.*)?")
_FORMS = (_YEAR_FIRST, _PACKED, _ERA, _ERA_PACKED, _YEAR_LAST)
_NOBODY = frozenset({"1900-01-01", "1901-01-01", "2999-12-31", "9999-12-31"})
_FIRST_YEAR = 1880
_LAST_YEAR = 2999


def birth_date(value: object) -> str | None:
    """Return a birth date as YYYY-MM-DD, None where it is none or a placeholder.

    Where the year stands last, the month is taken to come first unless that is impossible.

    Examples:
        >>> {birth_date(d) for d in ("1980-01-02", "S55.1.2", "昭和55年1月2日", "19800102")}
        {'1980-01-02'}
        >>> birth_date("1900-01-01"), birth_date("1980-13-45"), birth_date("25/12/1980")
        (None, None, '1980-12-25')
    """
    written = text(value).casefold()
    for form in _FORMS:
        match = form.fullmatch(written)
        if match is not None:
            return _iso(match.groupdict())
    return None


def _iso(parts: dict[str, str]) -> str | None:
    year = 1 if parts["year"] == "元" else int(parts["year"])
    year += _ERAS[parts["era"][0]] if "era" in parts else 0
    month, day = int(parts["month"]), int(parts["day"])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    found = _date(year, month, day) or _date(year, day, month)
    return None if found in _NOBODY else found


def _date(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
