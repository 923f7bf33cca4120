"""The grammar of amounts: from the shape of a text to its digits, sign and currency."""

import re
from dataclasses import dataclass
from typing import Literal

from omniltv.data.spelling._words import currencies_of

__all__ = ["AmountForm", "Mark", "amount_form"]

type Mark = Literal[".", ","]

_LONGEST = 60  # characters
_EXACT = 15  # digits that a float holds exactly
_BODY = re.compile(r"(?:(?<![^\W\d_])[.,])?0(?:[0.,' ]*0)?")
_FLOAT = re.compile(r"\s*[-+]?(?:(?:0+\.?0*|\.0+)(?:e[-+]?0+)?|inf(?:inity)?)\s*")
_GROUPED = re.compile(r"0*|0{1,3}(?P<group>[.,' ])000(?:(?P=group)000)*|0{1,2}(?:,00)+,000")
_NO_PART = re.compile(r"[.,]-{1,2}|\.")  # 12.- is 12
_SIGNS = re.compile("[-+▲△]")
_TAX = re.compile(r"\(?(?P<tax>税込み?|税抜き?|税別|内税|外税)(?:価格)?\)?")


@dataclass(frozen=True, slots=True)
class AmountForm:
    """Where a shape of text has the digits of an amount, and what they mean.

    Attributes:
        digits: Places of all digits.
        lead: Places of the digits before the first mark.
        point: Number of decimals if the decimal mark is a point; None if it cannot be.
        comma: The same if it is a comma.
        marks: The points and commas among the digits.
        negative: Whether the amount is below zero.
        currency: The mark of the currency, empty if there is none.
        tax: Whether the text says that tax is included or excluded.
        as_float: Whether the text is a number as programs write it, beyond what digits hold.
    """

    digits: tuple[int, ...] = ()
    lead: range = range(0)
    point: int | None = None
    comma: int | None = None
    marks: str = ""
    negative: bool = False
    currency: str = ""
    tax: Literal["", "included", "excluded"] = ""
    as_float: bool = False

    def decimals(self, mark: Mark) -> int | None:
        """Return the number of decimals under a decimal mark."""
        return self.point if mark == "." else self.comma

    @property
    def depends(self) -> bool:
        """Whether the amount depends on the decimal mark."""
        return self.point != self.comma

    @property
    def either(self) -> bool:
        """Whether both decimal marks are possible, and the amount depends on which it is."""
        return self.depends and self.point is not None and self.comma is not None


def amount_form(shape: str) -> AmountForm | None:
    """Return the form of a shape, None if it is no amount.

    Examples:
        >>> form = amount_form("(¥0.000,00)")
        >>> form.negative, form.currency, form.point, form.comma
        (True, '¥', None, 2)
        >>> amount_form("00 %"), amount_form("0.0k")
        (None, None)
    """
    body = _BODY.search(shape) if len(shape) <= _LONGEST else None
    form = _amount(shape, body) if body else None
    if (form is None or len(form.digits) > _EXACT) and _FLOAT.fullmatch(shape):
        comma = None if "." in shape else 0
        return AmountForm(point=0, comma=comma, marks="." * ("." in shape), as_float=True)
    return form if form and len(form.digits) <= _EXACT else None


def _amount(shape: str, body: re.Match[str]) -> AmountForm | None:
    around = _around(shape[: body.start()], shape[body.end() :])
    point, comma = _decimals(body[0], "."), _decimals(body[0], ",")
    if around is None or (point is None and comma is None):
        return None
    negative, currency, tax = around
    digits = tuple(body.start() + k for k, letter in enumerate(body[0]) if letter == "0")
    first = re.match("0*", body[0])
    return AmountForm(
        digits=digits,
        lead=range(body.start(), body.start() + (first.end() if first else 0)),
        point=point,
        comma=comma,
        marks="".join(mark for mark in ".," if mark in body[0]),
        negative=negative,
        currency=currency,
        tax=tax,
    )


def _decimals(body: str, mark: Mark) -> int | None:
    """Return the number of digits after a decimal mark; None if the groups do not fit it."""
    whole, _, part = body.partition(mark)
    fits = _GROUPED.fullmatch(whole) and not part.strip("0") and (whole or part)
    return len(part) if fits else None


def _around(
    before: str, after: str
) -> tuple[bool, str, Literal["", "included", "excluded"]] | None:
    """Return sign, currency and tax from the text around the digits; None if it has more."""
    before, after = ("".join(text.split()) for text in (before, after))
    found = _TAX.search(f"{before}0{after}")
    before, after = _TAX.sub("", before), _TAX.sub("", after)
    after = after[end.end() :] if (end := _NO_PART.match(after)) else after
    brackets = "(" in before and ")" in after
    if brackets:
        before, after = before.replace("(", "", 1), after.replace(")", "", 1)
    signs = _SIGNS.findall(before + after)
    marks = [mark for mark in (_SIGNS.sub("", before), _SIGNS.sub("", after)) if mark]
    if len(signs) + brackets > 1 or not _one_currency(marks):
        return None
    return brackets or (signs not in ([], ["+"])), marks[-1] if marks else "", _tax(found)


def _tax(found: re.Match[str] | None) -> Literal["", "included", "excluded"]:
    if found is None:
        return ""
    return "included" if found["tax"][:2] in ("税込", "内税") else "excluded"


def _one_currency(marks: list[str]) -> bool:
    known = [currencies_of(mark) for mark in marks]
    return not known or bool(frozenset.intersection(*known))
