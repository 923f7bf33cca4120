"""Telephone numbers, e-mail addresses and membership cards."""

# ruff: noqa: RUF002 - the look-alike characters are what this file is about

import re

from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import is_placeholder, one_digit_only, text

__all__ = ["card_number", "email", "phone"]

_DIGITS = re.compile(r"\D")
_HOME = re.compile(r"(?:\+?81|0081|010?81)?0?(?P<rest>[5789]0\d{8}|[1-9]\d{8})")
_FILLED = re.compile(r"(\d)\1{5,}$")
_NOBODY = "test dummy none no na nomail noemail no-mail no-email noreply no-reply unknown xxx null"
_MAILBOX_OF_NOBODY = frozenset(_NOBODY.split(" "))
_SHORTEST_CARD = 5
_USUAL = Spelling()


def phone(value: object, spelling: Spelling = _USUAL) -> str | None:
    """Return a telephone number as +81… (or +country …), None where it is not one.

    Numbers without a country are of ``spelling.phone_region``; a leading zero that a
    spreadsheet has eaten from a Japanese one is put back, from others where that is plain.

    Examples:
        >>> written = ("090-1234-5678", "+81 90 1234 5678", "９０１２３４５６７８", 9012345678.0)
        >>> {phone(number) for number in written}
        {'+819012345678'}
        >>> phone("000-0000-0000"), phone("+1 212 736 5000")
        (None, '+12127365000')
        >>> phone("(212) 736-5000", Spelling(phone_region="US"))
        '+12127365000'
    """
    written = text(value)
    digits = _DIGITS.sub("", written)
    if not digits or one_digit_only(digits) or one_digit_only(digits.lstrip("0")):
        return None
    japanese = spelling.phone_region == "JP"
    if written.startswith("+"):
        japanese = digits.startswith("81")
    home = _HOME.fullmatch(digits) if japanese else None
    if home is None:
        return _foreign_phone(written, spelling.phone_region)
    rest = home["rest"]
    return None if _FILLED.search(rest) else f"+81{rest}"


def email(value: object, spelling: Spelling = _USUAL) -> str | None:
    """Return an e-mail address in one spelling; odd old addresses are kept.

    Examples:
        >>> email(" Taro．Tanaka＠Example.JP "), email("a..b.@docomo.ne.jp"), email("test@shop.jp")
        ('taro.tanaka@example.jp', 'a..b.@docomo.ne.jp', None)
        >>> email("ann+shop@example.jp", Spelling(drop_tags=True))
        'ann@example.jp'
    """
    written = "".join(text(value).casefold().removeprefix("mailto:").split())
    mailbox, at, host = written.partition("@")
    if not (at and mailbox and host) or "@" in host:
        return None
    host = host.replace(",", ".").strip(".")
    gmail = host in {"gmail.com", "googlemail.com"}
    if gmail or spelling.drop_tags:
        mailbox = mailbox.partition("+")[0] or mailbox
    if gmail or spelling.drop_dots:
        mailbox = mailbox.replace(".", "") or mailbox
    if mailbox in _MAILBOX_OF_NOBODY or is_placeholder(mailbox):
        return None
    return f"{mailbox}@{'gmail.com' if gmail else host}"


def card_number(value: object) -> str | None:
    """Return the digits of a membership card without leading zeros.

    Examples:
        >>> card_number("0012-3456-7890"), card_number(1234567890.0), card_number("0000000")
        ('1234567890', '1234567890', None)
    """
    digits = _DIGITS.sub("", text(value))
    if len(digits) < _SHORTEST_CARD or one_digit_only(digits):
        return None
    return digits.lstrip("0")


def _foreign_phone(written: str, region: str) -> str | None:
    import phonenumbers  # noqa: PLC0415 - heavy, and few numbers need it

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or _FILLED.search(str(number.national_number)):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
