"""The decimal mark and the currency of a column of amounts, found from its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omniltv.data.spelling._amount_forms import Mark
from omniltv.data.spelling._words import currencies_of, share

__all__ = ["FoundCurrency", "FoundMark", "MarkCounts"]

_SLIPS = 0.01  # share of contrary rows that are taken for slips
_IN_WORDS: Mapping[Mark, str] = {".": "decimal point", ",": "decimal comma"}
_OTHER: Mapping[Mark, Mark] = {".": ",", ",": "."}


@dataclass(frozen=True, slots=True)
class MarkCounts:
    """Number of rows that show what a mark means.

    Attributes:
        shown: Rows that can only be read if it is the decimal mark.
        decimal: Rows in which it can only be the decimal mark, such as ``12.5``.
        either: Rows in which it can also separate thousands, such as ``1.200``.
    """

    shown: int = 0
    decimal: int = 0
    either: int = 0


@dataclass(frozen=True, slots=True)
class FoundMark:
    """The decimal mark of a column.

    Attributes:
        mark: The decimal mark, None if the values do not settle it.
        shown: Number of rows that can only be read with each decimal mark.
        either: Number of rows that can be read with both.
        told: Whether the mark was given.
    """

    mark: Mark | None
    shown: Mapping[Mark, int]
    either: int
    told: bool = False

    @classmethod
    def of(cls, counts: Mapping[Mark, MarkCounts], given: Mark | None) -> "FoundMark":
        """Return the decimal mark of a column.

        A mark that could separate thousands in more rows than show it to be a decimal mark is
        none. If nothing is shown, commas separate thousands, and points are not known.

        Examples:
            >>> FoundMark.of({".": MarkCounts(either=3), ",": MarkCounts(2, decimal=2)}, None).mark
            ','
            >>> FoundMark.of({".": MarkCounts(either=3), ",": MarkCounts()}, None).mark is None
            True
        """
        shown: dict[Mark, int] = {mark: count.shown for mark, count in counts.items()}
        either = sum(count.either for count in counts.values())
        if given is not None:
            return cls(given, shown, either, told=True)
        return cls(_settled(counts, shown), shown, either)

    def note(self, n_rows: int) -> str:
        """Return what was found, for a column of so many rows."""
        if self.told or (self.mark is None and not self.either + sum(self.shown.values())):
            return ""
        told = [
            f"{share(count, n_rows)} show a {_IN_WORDS[mark]}"
            for mark, count in self.shown.items()
            if count
        ]
        if self.mark is None:
            return f"decimal mark not known ({', '.join(told) or 'no row shows it'})"
        comma = f"decimal comma ({share(self.shown[','], n_rows)} show it)"
        return comma if self.mark == "," else ""


def _settled(counts: Mapping[Mark, MarkCounts], shown: Mapping[Mark, int]) -> Mark | None:
    """Return the decimal mark if the rows agree, except for slips."""
    doubtful = {mark: n.either if n.decimal <= n.either else 0 for mark, n in counts.items()}
    usual = 0 if counts["."].either else doubtful[","]
    pro: dict[Mark, int] = {".": shown["."] + usual, ",": shown[","]}
    for mark, rows in pro.items():
        if rows and shown[_OTHER[mark]] + doubtful[mark] <= _SLIPS * rows:
            return mark
    return None if any(shown.values()) or counts["."].either else "."


@dataclass(frozen=True, slots=True)
class FoundCurrency:
    """The currency of a column.

    Attributes:
        accepted: The marks of the currency.
        others: Marks of other currencies.
        settled: Whether one currency is the most frequent one, or was given.
        rows: Number of rows that have an accepted mark.
    """

    accepted: tuple[str, ...]
    others: tuple[str, ...]
    settled: bool
    rows: int

    @classmethod
    def of(cls, rows: Mapping[str, int], given: str | None) -> "FoundCurrency":
        """Return the currency of a column from the number of rows with each mark.

        Examples:
            >>> found = FoundCurrency.of({"¥": 5, "円": 2, "$": 1}, None)
            >>> found.accepted, found.others
            (('¥', '円'), ('$',))
        """
        marks = sorted(rows, key=lambda mark: (-rows[mark], mark))
        seeds = [frozenset({given})] if given else [currencies_of(mark) for mark in marks]
        groups = [_of_one_currency(marks, seed) for seed in seeds]
        sizes = [sum(rows[mark] for mark in group) for group in groups]
        most = max(sizes, default=0)
        accepted = groups[sizes.index(most)] if groups else ()
        others = tuple(mark for mark in marks if mark not in accepted)
        rest = sum(rows[mark] for mark in others)
        return cls(accepted, others, bool(given) or most > rest or not others, most)

    def note(self, n_rows: int) -> str:
        """Return what was found, for a column of so many rows."""
        if not self.accepted or not self.settled:
            return ""
        names = (mark.upper() if mark.isascii() else mark for mark in self.accepted)
        return f"in {' or '.join(names)} ({share(self.rows, n_rows)} say so)"


def _of_one_currency(marks: Sequence[str], currencies: frozenset[str]) -> tuple[str, ...]:
    """Return the marks that can stand for one currency, which is among some."""
    accepted: list[str] = []
    for mark in marks:
        if currencies & currencies_of(mark):
            currencies, accepted = currencies & currencies_of(mark), [*accepted, mark]
    return tuple(accepted)
