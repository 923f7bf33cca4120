"""Dates and times as people and programs write them, read as a column.

Libraries that read one text at a time (dateutil, dateparser, japanera) take 20 to 1,000 times
as long on a column, and guess the order of day and month text by text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Floats, Integers, Objects
from omniltv.data.spelling._date_forms import DateForm, Layout, date_form
from omniltv.data.spelling._orders import ORDERS, FoundOrder, in_order, possible
from omniltv.data.spelling._shapes import Block, Shapes, distinct_texts
from omniltv.data.spelling.formats import DateOrder
from omniltv.data.text import is_blank

__all__ = ["NOT_A_TIME", "Times", "numbers_as_times", "read_times"]

type Instants = NDArray[np.datetime64]

_DAY = 86_400_000_000  # microseconds
_MINUTE, _SECOND = _DAY // 1_440, 1_000_000
_NEVER = np.iinfo(np.int64).min  # not-a-time, as NumPy stores it
_PIVOT = 69  # two-digit years from here on are of the 20th century, as in POSIX
_EXCEL_DAYS = (32_874, 73_050)  # 1990 and 2100: no day count since 1970 is among them
_EXCEL_TOLD = (1, 2_958_465)
_EXCEL_EPOCH = {"excel": -25_569, "excel_1904": -24_107}  # days from 1970
_TICKS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
_PACKED = (19_000_101, 21_001_231)
_MOST = 2.0**62
_LATEST = 2**57  # microseconds from 1970: beyond the year 6000
_LAST_YEAR = 9_999

_OPEN = 'day or month first? give Formats(dates="dmy") or "mdy"'
_NUMBER = "a number, not a time"
NOT_A_TIME = "not a time"
"""The reason of values that are not a time."""


@dataclass(frozen=True, eq=False)
class Times:
    """The times of a column.

    Attributes:
        times: Times; those with an offset in UTC, the others as written; not-a-time if a row
            has none. Of shape (n_rows,).
        zoned: Rows whose time has an offset, of shape (n_rows,).
        missing: Rows without a value, of shape (n_rows,).
        faults: Rows that could not be read, by reason.
        notes: What was assumed.

    Examples:
        >>> import numpy as np
        >>> found = read_times(np.array(["2025-01-05 09:00+09:00", "", "soon"], dtype=object))
        >>> found.times.astype("datetime64[h]").astype(str).tolist()
        ['2025-01-05T00', 'NaT', 'NaT']
        >>> found.zoned.tolist(), found.missing.tolist(), found.faults[NOT_A_TIME].tolist()
        ([True, False, False], [False, True, False], [False, False, True])
    """

    times: Instants
    zoned: Flags
    missing: Flags
    faults: Mapping[str, Flags] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def take(self, rows: Codes) -> "Times":
        """Return the times at some positions, with the same notes."""
        return Times(
            times=self.times[rows],
            zoned=self.zoned[rows],
            missing=self.missing[rows],
            faults={reason: flags[rows] for reason, flags in self.faults.items()},
            notes=self.notes,
        )


def read_times(texts: Objects, dates: DateOrder | None = None) -> Times:
    """Return the times that texts stand for.

    Args:
        texts: Of shape (n_rows,).
        dates: Order of the parts of a date, or what a number counts; see `Formats`.

    Examples:
        >>> import numpy as np
        >>> written = np.array(["2025/1/5 9:05", "令和7年1月6日", "25 Dec 2025", "?"], dtype=object)
        >>> read_times(written).times.astype("datetime64[m]").astype(str).tolist()
        ['2025-01-05T09:05', '2025-01-06T00:00', '2025-12-25T00:00', 'NaT']
        >>> found = read_times(np.array(["25/12/2025", "01/02/2025"], dtype=object))
        >>> found.times.astype("datetime64[D]").astype(str).tolist()
        ['2025-12-25', '2025-02-01']
        >>> found.notes
        ('day first (50 % of rows show it, 50 % of rows could be either)',)
    """
    repeated = distinct_texts(texts)
    if repeated is None:
        return _times(texts, np.ones(len(texts), dtype=np.int64), dates)
    codes, distinct = repeated
    return _times(distinct, np.bincount(codes), dates).take(codes)


def _times(texts: Objects, rows: Integers, dates: DateOrder | None) -> Times:
    """Return the times of texts, given the number of rows of each."""
    column = _DateColumn(Shapes.of(texts), rows, dates)
    instants = column.instants
    missing = column.rows_of(lambda text, _: is_blank(text))
    none = instants == _NEVER
    unread = none & ~missing
    number, undecided = unread & column.of_kind("number"), unread & column.undecided
    return Times(
        times=instants.astype("datetime64[us]"),
        zoned=column.zoned & ~none,
        missing=missing,
        faults={_NUMBER: number, _OPEN: undecided, NOT_A_TIME: unread & ~(number | undecided)},
        notes=column.notes(),
    )


def numbers_as_times(numbers: Floats, dates: DateOrder | None = None) -> Times:
    """Return the times that numbers stand for; see `Formats`.

    Args:
        numbers: Of shape (n_rows,); NaN if a row has none.
        dates: What the numbers count.

    Examples:
        >>> import numpy as np
        >>> found = numbers_as_times(np.array([45662.5, 20250105, 1.7e9]))
        >>> found.times.astype("datetime64[h]").astype(str).tolist(), found.notes
        (['2025-01-05T12', '2025-01-05T00', 'NaT'], ('Excel days in 1 row',))
    """
    known = np.abs(numbers) < _MOST
    whole = np.floor(np.where(known, numbers, 0))
    days, part = whole.astype(np.int64), np.where(known, numbers - whole, 0.0)
    instants = np.where(known, _counted(days, part, dates), _NEVER)
    notes: tuple[str, ...] = ()
    if dates not in _TICKS:
        notes = _excel_note(int((instants != _NEVER).sum()))
        year, rest = np.divmod(np.clip(days, *_PACKED), 10_000)
        packed = (days >= _PACKED[0]) & (days <= _PACKED[1]) & (part == 0)
        instants = np.where(packed, _midnights(year, *np.divmod(rest, 100)), instants)
    missing, unread = np.isnan(numbers), instants == _NEVER
    return Times(
        times=instants.astype("datetime64[us]"),
        zoned=np.full(len(numbers), dates in _TICKS) & ~unread,
        missing=missing,
        faults={_NUMBER: unread & ~missing},
        notes=notes,
    )


@dataclass(frozen=True, eq=False)
class _DateColumn:
    """A column of texts that may be times.

    Attributes:
        shapes: The shapes of the texts.
        rows: Number of rows with each text.
        dates: As for `read_times`.
    """

    shapes: Shapes
    rows: Integers
    dates: DateOrder | None

    @cached_property
    def forms(self) -> tuple[DateForm | None, ...]:
        """The form of each shape, with year, month and day if their order is known."""
        orders = {family: found.order for family, found in self._orders.items()}
        return tuple(
            form and _ordered(form, orders.get(form.family)) for form in self._forms_as_written
        )

    @cached_property
    def _forms_as_written(self) -> tuple[DateForm | None, ...]:
        counted = self.dates in _TICKS
        return tuple(date_form(text, counted=counted) for text in self.shapes.texts)

    @cached_property
    def _orders(self) -> Mapping[str, FoundOrder]:
        """The order of the parts in each family of forms that leaves it open."""
        families = {form.family for form in self._forms_as_written if form and form.family}
        return {family: self._order(family) for family in sorted(families)}

    def _order(self, family: str) -> FoundOrder:
        forms = [
            form if form and form.family == family else None for form in self._forms_as_written
        ]
        rows = self.shapes.each([form is not None for form in forms])
        parts = [self._numbers(forms, name)[rows] for name in "abc"]
        last = family.endswith("4")
        return FoundOrder.of(parts, self.rows[rows], year_last=last, given=self.dates)

    @cached_property
    def undecided(self) -> Flags:
        """Rows that could be read if the order of day and month were known."""
        rows = self.of_kind("order")
        if rows.any():
            parts = [self._numbers(self.forms, name)[rows] for name in "abc"]
            rows[rows] = np.logical_or.reduce([possible(in_order(parts, way)) for way in ORDERS])
        return rows

    def notes(self) -> tuple[str, ...]:
        """Return what was assumed."""
        n_rows = int(self.rows.sum())
        excel = self.of_kind("number") & (self.instants != _NEVER)
        orders = filter(None, (found.note(n_rows) for found in self._orders.values()))
        return (*orders, *_excel_note(0 if self.dates in _TICKS else int(self.rows[excel].sum())))

    def rows_of(self, has: Callable[[str, DateForm | None], bool]) -> Flags:
        """Return which rows have a text of some shape and form."""
        return self.shapes.each(list(map(has, self.shapes.texts, self.forms)))

    def of_kind(self, kind: str) -> Flags:
        """Return which rows have a form of a kind."""
        return self.rows_of(lambda _, form: form is not None and form.kind == kind)

    @cached_property
    def zoned(self) -> Flags:
        """Rows with an offset from UTC, or a count since 1970 in UTC."""
        ticks = self.dates in _TICKS
        return self.rows_of(
            lambda _, form: bool(form and (form.zoned or (ticks and form.kind == "number")))
        )

    @cached_property
    def instants(self) -> Integers:
        """Times in microseconds since 1970, `_NEVER` if a row has none."""
        instants = np.full(len(self.shapes.codes), _NEVER, dtype=np.int64)
        layouts: dict[Layout | None, int] = {}
        found = (form.layout if form else None for form in self.forms)
        groups = [layouts.setdefault(layout, len(layouts)) for layout in found]
        shapes, forms = self.shapes.grouped(groups), _Forms.of(self.forms)
        for layout, group in layouts.items():
            if layout is None:
                continue
            same = forms.take(np.flatnonzero(np.array(groups) == group)).same()
            for rows, block in shapes.blocks(group):
                parts = _Parts(block, layout, same or forms.take(self.shapes.codes[rows]))
                counts = layout.kind == "number"
                instants[rows] = parts.counted(self.dates) if counts else parts.instants()
        return instants

    def _numbers(self, forms: Sequence[DateForm | None], name: str) -> Integers:
        return self.shapes.numbers([form.parts.get(name, ()) if form else () for form in forms])


@dataclass(frozen=True, eq=False)
class _Forms:
    """What is added to the digits of dates: that of each form, or of each of some rows.

    Attributes:
        year: Added to the year.
        month: Added to the month.
        afternoon: Hours added to a clock of twelve hours.
    """

    year: Integers
    month: Integers
    afternoon: Integers

    @classmethod
    def of(cls, forms: Sequence[DateForm | None]) -> "_Forms":
        """Return what the forms of a column add."""
        added = [(f.year, f.month, 12 * (f.half == "pm")) if f else (0, 0, 0) for f in forms]
        return cls(*np.array([*added, (0, 0, 0)], dtype=np.int64).T)

    def take(self, forms: Codes) -> "_Forms":
        """Return what is added in rows of some forms."""
        return _Forms(self.year[forms], self.month[forms], self.afternoon[forms])

    def same(self) -> "_Forms | None":
        """Return what all forms add, each of shape (1,); None if they differ."""
        alike = all(np.all(added == added[0]) for added in (self.year, self.month, self.afternoon))
        return self.take(np.zeros(1, dtype=np.int64)) if alike else None


@dataclass(frozen=True, eq=False)
class _Parts:
    """The parts of dates in some rows of one layout."""

    block: Block
    layout: Layout
    added: _Forms

    def instants(self) -> Integers:
        """Return times in microseconds since 1970, `_NEVER` if a row has none."""
        month = self._part("m") + self.added.month
        instants = _midnights(self._year(), month, self._part("d"))
        unread = instants == _NEVER
        if "H" in self.layout.parts:
            clock, known = self._clock()
            instants += clock
            unread |= ~known
        if self.layout.zoned:
            written = self._part("OH") * 60 + self._part("OM")
            instants -= (written * self.layout.east + self.layout.minutes) * _MINUTE
        instants[unread] = _NEVER
        return instants

    def counted(self, dates: DateOrder | None) -> Integers:
        """Return the instants that numbers count."""
        return _counted(self._part("n"), self._fraction("p", 9) / 10**9, dates)

    def _year(self) -> Integers:
        """Return the years, those of two digits in the century of POSIX."""
        year = self._part("y") + self.added.year
        if self.layout.era or len(self.layout.parts.get("y", "")) != 2:
            return year
        return year + np.where(year >= _PIVOT, 1_900, 2_000)

    def _clock(self) -> tuple[Integers, Flags]:
        """Return the time of day in microseconds, and which rows have one that exists."""
        hour, minute, second = (self._part(name) for name in "HMS")
        known = (minute < 60) & (second < 60) & (hour <= (12 if self.layout.halves else 24))
        if self.layout.halves:
            hour = hour % 12 + self.added.afternoon
        clock = (hour * 60 + minute) * _MINUTE
        if "S" in self.layout.parts:
            clock += second * _SECOND + self._fraction("f", 6)
        return clock, known & (clock <= _DAY)

    def _part(self, name: str) -> Integers:
        """Return a part in each row, of shape (n_rows,), or (1,) if it is not written."""
        places = self.layout.parts.get(name)
        return self.block.number(places) if places else np.zeros(1, dtype=np.int64)

    def _fraction(self, name: str, digits: int) -> Integers:
        """Return the digits after a decimal mark, as a number of so many digits."""
        places = self.layout.parts.get(name)
        if not places:
            return np.zeros(1, dtype=np.int64)
        scale: int = 10 ** max(digits - len(places), 0)
        fraction: Integers = self.block.number(places[:digits]) * scale
        return fraction


def _ordered(form: DateForm, order: str | None) -> DateForm:
    """Return a form whose parts are year, month and day, if their order is known."""
    if order is None or form.kind != "order":
        return form
    year, month, day = in_order([form.parts[name] for name in "abc"], order)
    return replace(form, kind="date", parts={**form.parts, "y": year, "m": month, "d": day})


def _counted(whole: Integers, part: Floats, dates: DateOrder | None) -> Integers:
    """Return the instants that numbers count, given as whole numbers and fractions."""
    if dates in _TICKS:
        tick = _TICKS[dates]
        low, high = -_LATEST // tick, _LATEST // tick
        instants = np.clip(whole, low, high) * tick + np.round(part * tick).astype(np.int64)
        return np.where((whole > low) & (whole < high), instants, _NEVER)
    low, high = _EXCEL_TOLD if dates in _EXCEL_EPOCH else _EXCEL_DAYS
    days = np.clip(whole, low, high) + _EXCEL_EPOCH.get(dates or "", _EXCEL_EPOCH["excel"])
    clock = np.round(part * (_DAY // 1_000)).astype(np.int64) * 1_000
    return np.where((whole >= low) & (whole <= high), days * _DAY + clock, _NEVER)


def _excel_note(rows: int) -> tuple[str, ...]:
    return (f"Excel days in {rows:,} {'row' if rows == 1 else 'rows'}",) if rows else ()


def _midnights(year: Integers, month: Integers, day: Integers) -> Integers:
    """Return midnights in microseconds since 1970; `_NEVER` if a day is not in the calendar."""
    first, length = _calendar()
    known = (month >= 1) & (month <= 12) & (year >= 0) & (year <= _LAST_YEAR)
    place = year * 12 + (month - 1)
    if not known.all():
        place[~known] = 0
    known &= (day >= 1) & (day <= length.take(place))
    midnights = (first.take(place) + day) * _DAY
    midnights[~known] = _NEVER
    return midnights


@cache
def _calendar() -> tuple[Integers, Integers]:
    """Return the day before each month from the year 0 on, since 1970, and the month's length."""
    months = np.arange("0000-01", "10000-02", dtype="datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    return first[:-1] - 1, np.diff(first)
