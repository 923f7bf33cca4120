"""Amounts of money as people and programs write them, read as a column.

price-parser finds a price anywhere in a text and guesses its decimal mark text by text; here
a column has one decimal mark and one currency, and text that is more than an amount is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from omniltv._arrays import Flags, Floats, Integers, Objects
from omniltv.data.spelling._amount_forms import AmountForm, Mark, amount_form
from omniltv.data.spelling._marks import FoundCurrency, FoundMark, MarkCounts
from omniltv.data.spelling._shapes import Shapes
from omniltv.data.spelling.formats import Formats
from omniltv.data.text import is_blank

__all__ = ["NOT_A_NUMBER", "Amounts", "read_amounts"]

_MARKS: Final[tuple[Mark, Mark]] = (".", ",")
_OPEN = 'decimal or thousands mark? give Formats(decimal=".") or ","'
_SEVERAL = 'one of several currencies; give Formats(currency="...")'
_FOREIGN = "in another currency"
_TAX = "tax included or not, unlike most rows"
NOT_A_NUMBER = "not a number"
"""The reason of values that are not a number."""


@dataclass(frozen=True, eq=False)
class Amounts:
    """The amounts of a column.

    Attributes:
        amounts: Amounts; NaN if a row has none. Of shape (n_rows,).
        missing: Rows without a value, of shape (n_rows,).
        faults: Rows that could not be read, by reason.
        notes: What was assumed.

    Examples:
        >>> import numpy as np
        >>> found = read_amounts(np.array(["$12.50", "", "free"], dtype=object))
        >>> found.amounts.tolist(), found.missing.tolist()
        ([12.5, nan, nan], [False, True, False])
        >>> found.faults[NOT_A_NUMBER].tolist()
        [False, False, True]
    """

    amounts: Floats
    missing: Flags
    faults: Mapping[str, Flags] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_amounts(texts: Objects, formats: Formats | None = None) -> Amounts:
    """Return the amounts that texts stand for.

    Args:
        texts: Of shape (n_rows,).
        formats: What the column does not say.

    Examples:
        >>> import numpy as np
        >>> written = np.array(["¥1,200", "▲300", "(50)", "1,200円(税込)", "12 %"], dtype=object)
        >>> read_amounts(written).amounts.tolist()
        [1200.0, -300.0, -50.0, 1200.0, nan]
        >>> found = read_amounts(np.array(["1.200", "12,50"], dtype=object))
        >>> found.amounts.tolist(), found.notes
        ([1200.0, 12.5], ('decimal comma (50 % of rows show it)',))
    """
    column = _AmountColumn(texts, Shapes.of(texts), formats or Formats())
    missing = column.rows_of(lambda text, _: is_blank(text))
    faults = column.faults()
    refused = np.logical_or.reduce(list(faults.values()))
    amounts = np.where(refused, np.nan, column.amounts())
    other = np.isnan(amounts) & ~(missing | refused)
    return Amounts(amounts, missing, {**faults, NOT_A_NUMBER: other}, column.notes())


@dataclass(frozen=True, eq=False)
class _AmountColumn:
    """A column of texts that may be amounts.

    Attributes:
        texts: The texts, of shape (n_rows,).
        shapes: Their shapes.
        formats: What the texts do not say.
    """

    texts: Objects
    shapes: Shapes
    formats: Formats

    @cached_property
    def forms(self) -> tuple[AmountForm | None, ...]:
        """The form of each shape."""
        return tuple(map(amount_form, self.shapes.texts))

    def rows_of(self, has: Callable[[str, AmountForm | None], bool]) -> Flags:
        """Return which rows have a text of some shape and form."""
        return self.shapes.each(list(map(has, self.shapes.texts, self.forms)))

    @cached_property
    def _mark(self) -> FoundMark:
        return FoundMark.of({mark: self._counts(mark) for mark in _MARKS}, self.formats.decimal)

    def _counts(self, mark: Mark) -> MarkCounts:
        shown = decimal = either = 0
        for form, count, small in zip(self.forms, self.shapes.counts, self._small, strict=True):
            if form is None or form.decimals(mark) is None or not form.depends:
                continue
            can_be_both = form.either and mark in form.marks
            certain = int(small if can_be_both else count * (not form.either))
            shown += certain
            decimal += certain * (mark in form.marks)
            either += int(count - small) * can_be_both
        return MarkCounts(shown, decimal, either)

    @cached_property
    def _below_one(self) -> Flags:
        """Rows such as 0.125, in which the mark cannot separate thousands."""
        open_ = [bool(form and form.either) for form in self.forms]
        if not any(open_):
            return np.zeros(len(self.texts), dtype=bool)
        leads = [form.lead if form and form.either else () for form in self.forms]
        return np.asarray(self.shapes.each(open_) & (self.shapes.numbers(leads) == 0))

    @cached_property
    def _small(self) -> Integers:
        """Number of rows of each shape in which the mark cannot separate thousands."""
        codes = self.shapes.codes[self._below_one]
        return np.bincount(codes, minlength=len(self.forms)).astype(np.int64)

    @cached_property
    def _currency(self) -> FoundCurrency:
        return FoundCurrency.of(self._rows_by(lambda form: form.currency), self.formats.currency)

    @cached_property
    def _tax(self) -> Mapping[str, int]:
        return self._rows_by(lambda form: form.tax)

    def _rows_by(self, of: Callable[[AmountForm], str]) -> dict[str, int]:
        """Return the number of rows by what is written beside the amount."""
        rows: dict[str, int] = {}
        for form, count in zip(self.forms, self.shapes.counts.tolist(), strict=True):
            if form and of(form):
                rows[of(form)] = rows.get(of(form), 0) + count
        return rows

    def faults(self) -> dict[str, Flags]:
        """Return the rows whose amount the column leaves open, by reason."""
        found, several = self._currency, _FOREIGN if self._currency.settled else _SEVERAL
        odd = {*found.others} if found.settled else {*found.others, *found.accepted}
        usual = max(self._tax, key=lambda tax: self._tax[tax], default="")
        return {
            several: self.rows_of(lambda _, form: bool(form and form.currency in odd)),
            _TAX: self.rows_of(lambda _, form: bool(form and form.tax not in ("", usual))),
            _OPEN: self.rows_of(
                lambda _, form: bool(form and form.depends and self._mark.mark is None)
            ),
        }

    def notes(self) -> tuple[str, ...]:
        """Return what was assumed."""
        found = (self._mark.note(len(self.texts)), self._currency.note(len(self.texts)))
        return tuple(filter(None, found))

    def amounts(self) -> Floats:
        """Return the amounts, NaN if a row has none under the decimal mark of the column."""
        mark = self._mark.mark or "."
        decimals = [form.decimals(mark) if form else None for form in self.forms]
        known = [places is not None for places in decimals]
        scale = np.array([*(10.0 ** (places or 0) for places in decimals), 1.0])
        sign = np.array([*(-1.0 if form and form.negative else 1.0 for form in self.forms), 1.0])
        number = self.shapes.numbers([form.digits if form else () for form in self.forms])
        amounts = sign[self.shapes.codes] * number / scale[self.shapes.codes]
        amounts[~self.shapes.each(known)] = np.nan
        if self._below_one.any():
            amounts[self._below_one & self._groups(mark)] = np.nan
        written = self.rows_of(lambda _, form: bool(form and form.as_float)) & ~np.isnan(amounts)
        amounts[written] = [float(text) for text in self.texts[written]]
        positive_zeros: Floats = amounts + 0.0
        return positive_zeros

    def _groups(self, mark: Mark) -> Flags:
        """Return the rows that could be read both ways and in which thousands are separated."""
        return self.rows_of(lambda _, form: bool(form and form.either and form.decimals(mark) == 0))
