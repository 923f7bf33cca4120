"""E-mail addresses and membership cards."""

# ruff: noqa: RUF002 - the look-alike characters are what this file is about

import re
from functools import partial

from omniltv._options import checked
from omniltv.identity.records.normalise._placeholders import is_placeholder
from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import PLACEHOLDER, Read, one_digit_only, read

__all__ = ["card_number", "email", "read_card_number", "read_email"]

_NOBODY = "test dummy none no na nomail noemail no-mail no-email noreply no-reply unknown xxx null"
_MAILBOX_OF_NOBODY = frozenset(_NOBODY.split(" "))
_IN_BRACKETS = re.compile(r"<([^<>]*@[^<>]*)>")
_BETWEEN = re.compile(r"[;,、/|]|\s+(?:or|and)\s+|\s+(?=[^\s@]+@)")
_LONGEST_EMAIL = 254  # RFC 5321
_NOT_EMAIL = Read(None, "not an address")
_SHORTEST_CARD, _LONGEST_CARD = 5, 40
_FEWEST_DIGITS = 3
_CARD_LABEL = re.compile(r"^(?:会員番号|カード番号|card|member|no\.|no(?=\s*\d)|№|#)[\s:.#]*")
_NOT_CARD = re.compile(r"[\W_]+")
_NOT_DIGIT = re.compile(r"\D")
_USUAL = Spelling()


@checked
def email(value: object, spelling: Spelling = _USUAL) -> str | None:
    """Return an e-mail address in one spelling; unusual old addresses are kept.

    If a cell has several addresses, the first one is used.

    Examples:
        >>> email(" Taro．Tanaka＠Example.JP "), email("a..b.@docomo.ne.jp"), email("test@shop.jp")
        ('taro.tanaka@example.jp', 'a..b.@docomo.ne.jp', None)
        >>> email("ann+shop@example.jp", Spelling(drop_tags=True))
        'ann@example.jp'
        >>> email("Ann Lee <ann@example.jp>"), email("ann@example.jp; lee@example.jp")
        ('ann@example.jp', 'ann@example.jp')
    """
    return read_email(value, spelling).value


def read_email(value: object, spelling: Spelling) -> Read:
    """Read an e-mail address as `email` does."""
    return read(value, partial(_cell, spelling=spelling))


def card_number(value: object) -> str | None:
    """Return the letters and digits of a membership card; without leading zeros if all digits.

    Examples:
        >>> card_number("0012-3456-7890"), card_number(1234567890.0), card_number("0000000")
        ('1234567890', '1234567890', None)
        >>> card_number("A99712345"), card_number("b99712345")
        ('a99712345', 'b99712345')
    """
    return read_card_number(value).value


def read_card_number(value: object) -> Read:
    """Read the number of a card as `card_number` does."""
    return read(value, _card)


def _cell(given: str, spelling: Spelling) -> Read:
    written = given.casefold().removeprefix("mailto:")
    if written.count("@") <= 1 and "<" not in written:
        return _address(written, spelling)
    bracketed = _IN_BRACKETS.findall(written)
    parts = bracketed or [part for part in _BETWEEN.split(written) if "@" in part]
    found = [read for part in parts for read in (_address(part, spelling),) if read.value]
    if not found:
        return _NOT_EMAIL
    several = len({read.value for read in found}) > 1
    return Read(found[0].value, "several addresses, the first is used" if several else "")


def _address(given: str, spelling: Spelling) -> Read:
    written = "".join(given.split())
    mailbox, at, host = written.partition("@")
    host = host.replace(",", ".").strip(".")
    if not (at and mailbox and host) or "@" in host or len(written) > _LONGEST_EMAIL:
        return _NOT_EMAIL
    gmail = host in {"gmail.com", "googlemail.com"}
    if gmail or spelling.drop_tags:
        mailbox = mailbox.partition("+")[0] or mailbox
    if gmail or spelling.drop_dots:
        mailbox = mailbox.replace(".", "") or mailbox
    if mailbox in _MAILBOX_OF_NOBODY or (mailbox.strip(".+-_") and is_placeholder(mailbox)):
        return PLACEHOLDER
    return Read(f"{mailbox}@{'gmail.com' if gmail else host}")


def _card(given: str) -> Read:
    written = given.casefold()
    if not (written.isascii() and written.isdigit()):
        written = _NOT_CARD.sub("", _CARD_LABEL.sub("", written))
    digits = _NOT_DIGIT.sub("", written)
    if not _SHORTEST_CARD <= len(written) <= _LONGEST_CARD or len(digits) < _FEWEST_DIGITS:
        return Read(None, "not a card number")
    if one_digit_only(digits):
        return PLACEHOLDER
    return Read(written.lstrip("0") if written == digits else written)
