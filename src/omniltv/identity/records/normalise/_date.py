"""Birth dates in the ways that people and spreadsheets write them."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial

from omniltv._options import checked
from omniltv.data.spelling import month_names
from omniltv.identity.records.normalise._numbers import KANJI_DIGITS, kanji_number
from omniltv.identity.records.normalise._spelling import DayOrder, Spelling
from omniltv.identity.records.normalise._text import PLACEHOLDER, Read, read

__all__ = ["UNCLEAR", "birth_date", "order_of", "read_birth_date"]

UNCLEAR = Read(None, "day and month in unclear order")
_NOT_DATE = Read(None, "not a date")
_NO_DAY = Read(None, "no such day")
_OTHER_YEAR = Read(None, "year out of range")
_TWO_DIGITS = Read(None, "year of two digits, century or era unclear")
_YEAR_ONLY = Read(None, "day or month missing")

# First year less one, and last year, of each era.
_ERAS = {"明": (1867, 45), "大": (1911, 15), "昭": (1925, 64), "平": (1988, 31), "令": (2018, 99)}
_ERAS |= dict(zip("mtshr", _ERAS.values(), strict=True))
_MONTH = r"(?P<month>[^\W\d_]+)\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_REST = r"(?:[\st(日生].*)?"  # a time, a weekday, 生
_KANJI_NUMBER = re.compile(rf"[{KANJI_DIGITS}]{{1,5}}(?=[年月日])")

_YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}}){_REST}"
)
_PACKED = re.compile(r"(?P<year>(?:18|19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:\d{6})?")
_ERA = re.compile(
    r"(?P<era>明治?|大正?|昭和?|平成?|令和?|[mtshr])[.\s]*"
    rf"(?P<year>元|\d{{1,2}})\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}}){_REST}"
)
_ERA_PACKED = re.compile(r"(?P<era>[mtshr])(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)")
_NAMED = (
    re.compile(
        rf"{_WEEKDAY}{_DAY}[-\s./,]*(?:of\s+)?{_MONTH}[-\s./,]*(?P<year>\d{{4}}|\d\d){_REST}"
    ),
    re.compile(rf"{_WEEKDAY}{_MONTH}[-\s./]*{_DAY}[-\s./,]+(?P<year>\d{{4}}|\d\d){_REST}"),
    re.compile(rf"(?P<year>\d{{4}})[-\s./,]*{_MONTH}[-\s./,]*{_DAY}{_REST}"),
)
_YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})\s?(?P<mark>[-/.])\s?(?P<second>\d{{1,2}})\s?[-/.]\s?(?P<year>\d{{4}}){_REST}"
)
_SHORT_YEAR = re.compile(
    rf"(?P<year>\d{{1,2}})\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}}){_REST}"
)
_SHORT_PACKED = re.compile(r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)")
_SERIAL = re.compile(r"(?P<serial>[1-5]\d{4})(?:\.\d+)?")
_INCOMPLETE = re.compile(r"(?:18|19|20)\d\d(?:\s*[-/.年]\s*\d{0,2}\s*月?)?")
_EXCEL_EPOCH = date(1899, 12, 30)
_NOBODY = frozenset({"1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01"})
_FIRST_YEAR, _LAST_YEAR = 1880, 2100
_LAST_SHOWA = 64  # a year of two digits up to this may be one of Showa
_THIS_CENTURY = 30  # above it, a year of two digits beside the name of a month is of 1900


@checked
def birth_date(value: object, spelling: Spelling | None = None) -> str | None:
    """Return a birth date as YYYY-MM-DD, None if it is none, a placeholder or unclear.

    Read are: dates with the year first, packed (19800102), in Japanese eras, with the name of a
    month in one of 12 languages, with the year last if the order of day and month is clear, a
    year of two digits from 65 that stands first, and serial numbers of Excel (1900 date
    system). The order of day and month is clear if one of them is above 12, if dots separate
    them, which means day first, or if ``spelling.date_order`` says it.

    Examples:
        >>> {birth_date(d) for d in ("1980-01-02", "S55.1.2", "昭和55年1月2日", "02-Jan-1980")}
        {'1980-01-02'}
        >>> {birth_date(d) for d in ("80/1/2", "29222", "2.1.1980")}
        {'1980-01-02'}
        >>> birth_date("1900-01-01"), birth_date("1980-13-45"), birth_date("01/02/1980")
        (None, None, None)
        >>> birth_date("25/12/1980"), birth_date("01/02/1980", Spelling(date_order="day first"))
        ('1980-12-25', '1980-02-01')
    """
    return read_birth_date(value, spelling or Spelling()).value


def read_birth_date(value: object, spelling: Spelling) -> Read:
    """Read a birth date as `birth_date` does."""
    return read(value, partial(_birth_date, order=spelling.date_order))


def order_of(values: Iterable[object]) -> DayOrder:
    """Return the order of day and month that dates with the year last show, if it is clear.

    Examples:
        >>> order_of(["01/02/1980", "25/12/1980"]), order_of(["01/02/1980"])
        ('day first', 'inferred')
    """
    seen: set[DayOrder] = {order for order in map(_shown, values) if order is not None}
    return seen.pop() if len(seen) == 1 else "inferred"


def _shown(value: object) -> DayOrder | None:
    match = _YEAR_LAST.fullmatch(value) if isinstance(value, str) else None
    if match is None or match["mark"] == ".":
        return None
    first, second = int(match["first"]), int(match["second"])
    if (first > 12) == (second > 12):
        return None
    return "day first" if first > second else "month first"


def _birth_date(given: str, order: DayOrder) -> Read:
    written = given.casefold()
    if not written.isascii():
        written = _KANJI_NUMBER.sub(lambda number: kanji_number(number[0]), written)
    for form in (_YEAR_FIRST, _PACKED):
        match = form.fullmatch(written)
        if match is not None:
            return _day(int(match["year"]), int(match["month"]), int(match["day"]))
    return _in_era(written) or _with_name(written) or _ambiguous(written, order)


def _in_era(written: str) -> Read | None:
    match = _ERA.fullmatch(written) or _ERA_PACKED.fullmatch(written)
    if match is None:
        return None
    begin, last = _ERAS[match["era"][0]]
    year = 1 if match["year"] == "元" else int(match["year"])
    if not 1 <= year <= last:
        return _OTHER_YEAR
    return _day(begin + year, int(match["month"]), int(match["day"]))


def _with_name(written: str) -> Read | None:
    found = filter(None, (form.fullmatch(written) for form in _NAMED))
    match = next((match for match in found if match["month"] in month_names()), None)
    if match is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        if year < _THIS_CENTURY:
            return _TWO_DIGITS
        year += 1900
    return _day(year, month_names()[match["month"]], int(match["day"]))


def _ambiguous(written: str, order: DayOrder) -> Read:
    """Return a date that has to be one of several to be read: order, century, serial number."""
    match = _YEAR_LAST.fullmatch(written)
    if match is not None:
        return _ordered(match, order)
    match = _SERIAL.fullmatch(written)
    if match is not None:
        return _checked(_EXCEL_EPOCH + timedelta(days=int(match["serial"])))
    match = _SHORT_YEAR.fullmatch(written) or _SHORT_PACKED.fullmatch(written)
    if match is None:
        return _YEAR_ONLY if _INCOMPLETE.fullmatch(written) else _NOT_DATE
    year = int(match["year"])
    if year <= _LAST_SHOWA:
        return _TWO_DIGITS
    return _day(1900 + year, int(match["month"]), int(match["day"]))


def _ordered(match: "re.Match[str]", order: DayOrder) -> Read:
    """Return a date whose year stands last."""
    year, first, second = (int(match[name]) for name in ("year", "first", "second"))
    by_day, by_month = _day(year, second, first), _day(year, first, second)
    if match["mark"] == "." or by_day == by_month or by_month.value is None:
        return by_day
    if by_day.value is None:
        return by_month
    if order == "inferred":
        return UNCLEAR
    return by_day if order == "day first" else by_month


def _day(year: int, month: int, day: int) -> Read:
    """Return a date; day and month change places if only that is possible."""
    if year in {0, 1, 1000, 1111, 2999, 9999}:
        return PLACEHOLDER
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return _OTHER_YEAR
    for m, d in ((month, day), (day, month)):
        try:
            return _checked(date(year, m, d))
        except ValueError:
            continue
    return _NO_DAY


def _checked(found: date) -> Read:
    iso = found.isoformat()
    return PLACEHOLDER if iso in _NOBODY else Read(iso)
