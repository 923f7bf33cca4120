"""Telephone numbers: Japanese ones by a fast rule, all others by `phonenumbers`."""

# ruff: noqa: RUF002 - the look-alike characters are what this file is about

import re
from functools import partial

from omniltv._options import checked
from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import PLACEHOLDER, Read, one_digit_only, read

__all__ = ["is_fixed_line", "phone", "read_phone"]

_DIGITS = re.compile(r"\D")
_PLAIN = re.compile(r"[\d\s()+./-]*")
_COUNTRY = re.compile(r"(?:00|010)?81")
_NATIONAL = re.compile(r"0(?:[5789]0\d{8}|(?![5789]0)[1-9]\d{8})")
# A leading zero that a spreadsheet dropped: bare figures, or the usual groups.
_LOST_ZERO = re.compile(
    r"[5789]0-?\d{4}-?\d{4}|(?![5789]0)(?:[1-9]\d{8}|[1-9]\d{0,3}-\d{1,4}-\d{4})"
)
_HOME = re.compile(r"[5789]0\d{8}|(?![5789]0)[1-9]\d{8}")
_ABROAD = re.compile(r"\+|00|010")
_FILLED = 6  # equal digits at the end
_EXTENSION = re.compile(r"[\s(,;]*(?:内線|extension|extn?|ext|x|;ext=|#)[\s.:=]*\d{1,7}\)?\s*$")
_LABEL = re.compile(r"[^\d\s()+./-]+")
_MOBILE = re.compile(r"\+81[789]0\d{8}$")
_FIXED = re.compile(r"\+81(?![5789]0)")
_LONGEST_NUMBER = 15  # digits, ITU-T E.164
_SHORTEST_NUMBER = 7
_MOST_NUMBERS = 10  # of one cell
_USUAL = Spelling()


@checked
def phone(value: object, spelling: Spelling = _USUAL) -> str | None:
    """Return a telephone number as +81… (or another country), None if it is not one.

    Numbers without a country code are of ``spelling.phone_region``. A leading zero that a
    spreadsheet dropped from a Japanese number is put back. An extension is dropped. If a cell
    has several numbers, the first mobile number is used, or else the first number.

    Examples:
        >>> written = ("090-1234-5678", "+81 90 1234 5678", "９０１２３４５６７８", 9012345678.0)
        >>> {phone(number) for number in written}
        {'+819012345678'}
        >>> phone("03-1234-5678 内線12"), phone("03-1234-5678 / 090-1234-5678")
        ('+81312345678', '+819012345678')
        >>> phone("000-0000-0000"), phone("+1 212 736 5000")
        (None, '+12127365000')
        >>> phone("(212) 736-5000"), phone("(212) 736-5000", Spelling(phone_region="US"))
        (None, '+12127365000')
    """
    return read_phone(value, spelling).value


def is_fixed_line(number: str) -> bool:
    """Return whether a number as of `phone` is surely of a fixed line.

    Examples:
        >>> [is_fixed_line(n) for n in ("+81312345678", "+819012345678", "+442079460000", "x1")]
        [True, False, True, False]
        >>> is_fixed_line("+12127365000")  # the plan of the US does not tell
        False
    """
    if number.startswith("+81"):
        return bool(_FIXED.match(number))
    if not number.startswith("+"):
        return False
    import phonenumbers  # noqa: PLC0415 - heavy, and few numbers need it

    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return bool(kind == phonenumbers.PhoneNumberType.FIXED_LINE)


def read_phone(value: object, spelling: Spelling) -> Read:
    """Read a telephone number as `phone` does."""
    return read(value, partial(_cell, region=spelling.phone_region))


def _cell(given: str, region: str) -> Read:
    bare = given.replace("-", "")
    if region == "JP" and _NATIONAL.fullmatch(bare) and not _filled(bare):
        return Read(f"+81{bare[1:]}")
    written = given if _PLAIN.fullmatch(given) else _EXTENSION.sub("", given.casefold())
    digits = _DIGITS.sub("", written)
    if not digits:
        return Read(None, "no digits")
    if one_digit_only(digits.lstrip("0")):
        return PLACEHOLDER
    found = _number(written, digits, region) if len(digits) <= _LONGEST_NUMBER else None
    return found or _several(written, region)


def _several(written: str, region: str) -> Read:
    """Return one of the numbers in a cell, with the reason why the others are not used."""
    parts = [_number(part, digits, region) for part, digits in _split(written)]
    numbers = [part.value for part in parts if part and part.value]
    if not numbers:
        return next(filter(None, parts), Read(None, f"no valid number of {region}"))
    best = next(filter(_MOBILE.match, numbers), numbers[0])
    return Read(best, "several numbers, one is used" if len(set(numbers)) > 1 else "")


def _split(written: str) -> list[tuple[str, str]]:
    """Return the numbers in a cell, as written and as digits, without labels."""
    parts = [part.strip(" /-.") for part in _LABEL.split(written)]
    if len(parts) == 1:
        parts = written.split("/" if "/" in written else None)
    counted = [(part.strip(), _DIGITS.sub("", part)) for part in parts[:_MOST_NUMBERS]]
    return [
        (part, digits)
        for part, digits in counted
        if _SHORTEST_NUMBER <= len(digits) <= _LONGEST_NUMBER
    ]


def _number(written: str, digits: str, region: str) -> Read | None:
    """Return a number, None if it is not valid."""
    rest = _japanese(written, digits, region)
    if rest is None:
        # Numbers without a country code that our rule rejects are of no subscriber in Japan.
        at_home = region == "JP" and not _ABROAD.match(written)
        return None if at_home else _foreign(written, digits, region)
    return PLACEHOLDER if _filled(rest) else Read(f"+81{rest}")


def _japanese(written: str, digits: str, region: str) -> str | None:
    """Return the digits of a Japanese number without country code and zero, None if it is none."""
    abroad = written.startswith("+")
    country = _COUNTRY.match(digits) if abroad or region == "JP" else None
    if country:
        rest = digits[country.end() :].removeprefix("0")
        if _HOME.fullmatch(rest):
            return rest
    if abroad or region != "JP":
        return None
    if _NATIONAL.fullmatch(digits):
        return digits[1:]
    return digits if _LOST_ZERO.fullmatch(written) else None


def _filled(digits: str) -> bool:
    """Return whether the end of a number was typed only to fill the field (0900000000)."""
    return len(digits) >= _FILLED and one_digit_only(digits[-_FILLED:])


def _foreign(written: str, digits: str, region: str) -> Read | None:
    import phonenumbers  # noqa: PLC0415 - heavy, and few numbers need it

    spellings = (written, f"+{digits[2:]}") if digits.startswith("00") else (written,)
    for spelling in spellings:
        try:
            number = phonenumbers.parse(spelling, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            filled = _filled(str(number.national_number))
            found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            return PLACEHOLDER if filled else Read(found)
    return None
