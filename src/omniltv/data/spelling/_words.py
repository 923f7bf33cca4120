"""Names of months and days and marks of currencies, with the CLDR data of Babel; shares."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product

__all__ = ["LANGUAGES", "currencies_of", "day_names", "month_names", "share"]

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl")
"""The languages in which names of months are read."""

_DOLLARS = "USD CAD AUD NZD SGD HKD TWD MXN ARS CLP COP BRL"
_SYMBOLS = {
    "¥": "JPY CNY", "\\": "JPY", "円": "JPY", "yen": "JPY", "元": "CNY TWD",
    "$": _DOLLARS, "us$": "USD", "ca$": "CAD", "c$": "CAD", "a$": "AUD", "au$": "AUD",
    "nz$": "NZD", "s$": "SGD", "hk$": "HKD", "nt$": "TWD", "mx$": "MXN", "r$": "BRL",
    "€": "EUR", "£": "GBP", "fr": "CHF", "sfr": "CHF", "kr": "SEK NOK DKK", "zł": "PLN",
    "kč": "CZK", "ft": "HUF", "₹": "INR", "rs": "INR", "₩": "KRW", "฿": "THB", "₫": "VND",
    "₺": "TRY", "₽": "RUB", "₱": "PHP", "₪": "ILS",
}  # fmt: skip


@cache
def month_names() -> Mapping[str, int]:
    """Return the number of each month's name; names of two different months are left out.

    Examples:
        >>> [month_names()[name] for name in ("jan", "märz", "avr", "diciembre")]
        [1, 3, 4, 12]
    """
    found = defaultdict(set)
    for name, number in _names("months"):
        found[name].add(number)
    found["sept"].add(9)
    return {name: number for name, (number, *more) in found.items() if not more}


@cache
def day_names() -> frozenset[str]:
    """Return the names of the days of the week.

    Examples:
        >>> {"sun", "montag", "jeu"} <= day_names()
        True
    """
    return frozenset(name for name, _ in _names("days"))


def _names(kind: str) -> Iterator[tuple[str, int]]:
    from babel import Locale  # noqa: PLC0415 - read only if a column has names of months

    forms = product(LANGUAGES, ("format", "stand-alone"), ("wide", "abbreviated"))
    for language, context, width in forms:
        for number, name in getattr(Locale(language), kind)[context][width].items():
            yield name.lower().rstrip("."), number


def currencies_of(mark: str) -> frozenset[str]:
    """Return the currencies that a mark beside an amount may stand for; none if it is no mark.

    Args:
        mark: A symbol or a code of ISO 4217, in lower case.

    Examples:
        >>> sorted(currencies_of("円")), sorted(currencies_of("chf")), sorted(currencies_of("pcs"))
        (['JPY'], ['CHF'], [])
    """
    plain = mark.rstrip(".")
    if plain in _SYMBOLS:
        return frozenset(_SYMBOLS[plain].split())
    return frozenset({plain.upper()} & _codes())


@cache
def _codes() -> frozenset[str]:
    from babel.numbers import list_currencies  # noqa: PLC0415 - read only if a code is met

    return frozenset(list_currencies())


def share(count: int, n_rows: int) -> str:
    """Return a number of rows as a share in words.

    Examples:
        >>> share(1, 8), share(8, 8)
        ('12.5 % of rows', '100 % of rows')
    """
    return f"{100 * count / max(n_rows, 1):.3g} % of rows"
