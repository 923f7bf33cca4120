"""What a table lost on the way in: rows and money kept, changed and set aside, by reason."""

import math
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv._options import Natural, Share, checked
from omniltv.errors import ConfigError, IntakeError, IntakeWarning

__all__ = [
    "IntakeEntry",
    "IntakeReport",
    "Tolerance",
    "Verdict",
    "by_size",
    "entries_of",
    "entry_of",
    "money",
]

type Verdict = Literal["ok", "warn", "stop"]
"""Whether a loss is tolerated, is a warning, or is an error."""

_PACKAGE = str(Path(__file__).parents[1])
_SHOWN = 3


@checked
@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much of a table may be set aside before there is a warning, or an error.

    Shares are of the rows, and of the value without its sign. Losses that are expected do not
    count: transactions of guests, refunds that the caller sets aside, and copies of a record. A
    channel of which
    no row is left is a warning whatever its share.

    Attributes:
        warn_above: Share of rows or of value above which there is an `IntakeWarning`.
        stop_above: Share above which there is an `IntakeError`.
        min_rows: Tables of fewer rows are not judged: shares of few rows say little.

    Raises:
        ConfigError: If a share is not between 0 and 1, ``warn_above`` is above
            ``stop_above``, or ``min_rows`` is not a whole number from 0.

    Examples:
        >>> strict = Tolerance(warn_above=0.0, stop_above=0.02)
        >>> Tolerance.anything()
        Tolerance(warn_above=1.0, stop_above=1.0, min_rows=10)
    """

    warn_above: Share = 0.05
    stop_above: Share = 0.5
    min_rows: Natural = 10

    def __post_init__(self) -> None:
        for name in ("warn_above", "stop_above"):
            share = getattr(self, name)
            number = isinstance(share, int | float) and not isinstance(share, bool)
            if not (number and 0 <= share <= 1):
                raise ConfigError(f"{name} is a share from 0 to 1, got {share!r}. Hint: 0.05")
        if self.warn_above > self.stop_above:
            shares = f"{self.warn_above} and {self.stop_above}"
            raise ConfigError(f"warn_above is at most stop_above, got {shares}. Hint: 0.05, 0.5")
        if isinstance(self.min_rows, bool) or not isinstance(self.min_rows, int):
            raise ConfigError(f"min_rows is a whole number, got {self.min_rows!r}. Hint: 10")
        if self.min_rows < 0:
            raise ConfigError(f"min_rows is not negative, got {self.min_rows}. Hint: 10")

    @classmethod
    def anything(cls) -> "Tolerance":
        """Return the tolerance that accepts any loss without a warning.

        Examples:
            >>> Tolerance.anything().warn_above
            1.0
        """
        return cls(warn_above=1.0, stop_above=1.0)

    @property
    def accepts_all(self) -> bool:
        """Whether no loss is a warning."""
        return self.warn_above >= 1


@dataclass(frozen=True, slots=True)
class IntakeEntry:
    """Rows and money of a table that share a fate.

    Attributes:
        reason: Why they were set aside, or what was changed.
        rows: Number of rows as given.
        value: Sum of their values that can be read; NaN if there are none.
        turnover: Sum of these values without their signs.
        expected: Whether the loss is expected, so that it does not count as one.

    Examples:
        >>> IntakeEntry("time: not a time", 280, 1_106_000.0, 1_106_000.0).column
        'time'
    """

    reason: str
    rows: int
    value: float = math.nan
    turnover: float = math.nan
    expected: bool = False

    @property
    def column(self) -> str | None:
        """The column at fault; None if there is none."""
        name, colon, _ = self.reason.partition(": ")
        return name if colon and name.isidentifier() else None


@checked
@dataclass(frozen=True, eq=False, repr=False)
class IntakeReport[FrameT](Tabular):
    """What happened to the rows and the money of a table.

    Rows and money in are those kept and those set aside. Rows that were changed are among
    those kept: order lines that were summed, refunds that were subtracted.

    Attributes:
        table: Name of the table.
        given: All rows and their value; the value is NaN for a table without one.
        kept: Rows whose value is in the result, and the value of the result.
        asides: Rows set aside by reason, the most frequent first.
        changes: What was changed, by kind of change.
        rejected: The rows set aside as given, with ``reason``.
        result: The result in words, such as ``"900 purchases of 200 customers"``.
        lost: Channels (sources of records) of which no row was kept.
        ids: Ids of the rows set aside; row positions if they have none.
        read_as: What was assumed to read a column, by column.

    Examples:
        >>> from omniltv.data import check
        >>> days = ["2026-01-01", "2026-01-02", "soon"]
        >>> table = pd.DataFrame({"customer_id": "a", "time": days, "value": [10, 20, 30]})
        >>> check(table, "purchases").report
        purchases: 3 rows in, value 60
          kept       2 rows (66.7 %), value 30 (50.0 %)
          set aside  1 row (33.3 %), value 30 (50.0 %)
            1 row, value 30: time: not a time
    """

    table: str
    given: IntakeEntry
    kept: IntakeEntry
    rejected: FrameT
    asides: tuple[IntakeEntry, ...] = ()
    changes: tuple[IntakeEntry, ...] = ()
    result: str = ""
    lost: tuple[str, ...] = ()
    ids: tuple[object, ...] = field(default=())
    read_as: Mapping[str, str] = field(default_factory=dict)

    @property
    def set_aside(self) -> IntakeEntry:
        """All rows set aside, and their value."""
        return _total("set aside", self.asides)

    @property
    def share_of_rows(self) -> float:
        """Share of the rows set aside, without those whose loss is expected."""
        expected = sum(entry.rows for entry in self.asides if entry.expected)
        lost = sum(entry.rows for entry in self.asides if not entry.expected)
        return lost / max(self.given.rows - expected, 1)

    @property
    def share_of_value(self) -> float:
        """Share of the value set aside, likewise, signs aside; 0 for tables without value."""
        expected = _sum(entry.turnover for entry in self.asides if entry.expected)
        lost = _sum(entry.turnover for entry in self.asides if not entry.expected)
        whole = _sum([self.given.turnover]) - expected
        return min(lost / whole, 1.0) if whole > 0 else 0.0

    def verdict(self, tolerance: Tolerance | None = None) -> Verdict:
        """Return whether the loss is tolerated: ``"ok"``, ``"warn"`` or ``"stop"``.

        Args:
            tolerance: What is tolerated; ``Tolerance()`` if None.

        Raises:
            ConfigError: If this is not a `Tolerance`.

        Examples:
            >>> from omniltv.data import check
            >>> table = pd.DataFrame({"source": "pos", "record_id": [*range(18), None, None]})
            >>> report = check(table, "records", tolerance=Tolerance.anything()).report
            >>> report.verdict(), report.verdict(Tolerance(stop_above=0.05))
            ('warn', 'stop')
        """
        limit = Tolerance() if tolerance is None else tolerance
        share = max(self.share_of_rows, self.share_of_value)
        if self.given.rows < limit.min_rows or limit.accepts_all:
            return "ok"
        if share > limit.stop_above or (self.kept.rows == 0 and self.given.rows > 0):
            return "stop"
        return "warn" if share > limit.warn_above or self.lost else "ok"

    def judge(self, tolerance: Tolerance | None = None) -> None:
        """Warn, or raise an error, if more was set aside than is tolerated.

        Args:
            tolerance: What is tolerated; ``Tolerance()`` if None.

        Raises:
            IntakeError: If more rows or value than ``stop_above`` were set aside, or no row
                was kept.

        Warns:
            IntakeWarning: If more than ``warn_above`` were, or a channel lost all its rows.

        Examples:
            >>> from omniltv.data import check
            >>> table = pd.DataFrame({"source": "pos", "record_id": range(20)})
            >>> check(table, "records").report.judge()
        """
        verdict = self.verdict(tolerance)
        if verdict == "stop":
            hint = "look at error.report.rejected; tolerance=Tolerance(stop_above=…) allows more"
            problem = f"{self.table}: {self._problem()}"
            column = self.asides[0].column if self.asides else None
            raise IntakeError(problem, column=column, rows=self.ids, hint=hint, report=self)
        if verdict == "warn":
            hint = "look at the rejected rows; tolerance=Tolerance(warn_above=…) allows more"
            message = f"{self.table}: {self._problem()}. Hint: {hint}"
            warnings.warn(message, IntakeWarning, skip_file_prefixes=(_PACKAGE,))

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the report as columns: ``fate``, ``reason``, ``rows`` and ``value``.

        Examples:
            >>> from omniltv.data import check
            >>> table = pd.DataFrame({"source": ["pos", None], "record_id": [1, 2]})
            >>> check(table, "records").report.to_frame()[["fate", "rows"]].values.tolist()
            [['in', 2], ['kept', 1], ['set aside', 1]]
        """
        fates = [("in", self.given), ("kept", self.kept)]
        fates += [("changed", entry) for entry in self.changes]
        fates += [("set aside", entry) for entry in self.asides]
        return {
            "fate": np.array([fate for fate, _ in fates], dtype=object),
            "reason": np.array([entry.reason for _, entry in fates], dtype=object),
            "rows": np.array([entry.rows for _, entry in fates], dtype=np.int64),
            "value": np.array([entry.value for _, entry in fates], dtype=np.float64),
        }

    def line(self) -> str:
        """Return the report in one line.

        Examples:
            >>> from omniltv.data import check
            >>> table = pd.DataFrame({"source": ["pos", None], "record_id": [1, 2]})
            >>> check(table, "records").report.line()
            'records: 1 of 2 rows kept; set aside: 1 source: missing'
        """
        kept = f"{self.kept.rows:,} of {self.given.rows:,} rows kept"
        if not math.isnan(self.given.value):
            kept += f", value {money(self.kept.value)} of {money(self.given.value)}"
        why = [f"{entry.rows:,} {entry.reason}" for entry in self.asides]
        more = [f"{len(why) - _SHOWN} more reasons"] if len(why) > _SHOWN else []
        told = f"; set aside: {', '.join(why[:_SHOWN] + more)}" if why else ""
        return f"{self.table}: {kept}{told}"

    def __repr__(self) -> str:
        lines = [f"{self.table}: {_said(self.given)} in"]
        if _has_value(self.given):
            lines[0] += f", value {money(self.given.value)}"
        result = f" -> {self.result}" if self.result else ""
        lines.append(f"  kept       {self._share(self.kept)}{result}")
        lines += [f"    {_valued(entry)}: {entry.reason}" for entry in self.changes]
        if self.asides:
            lines.append(f"  set aside  {self._share(self.set_aside)}")
        lines += [f"    {_valued(entry)}: {entry.reason}" for entry in self.asides]
        lines += [f"  {name}: {note}" for name, note in self.read_as.items()]
        if self.lost:
            lines.append(f"  no row left of: {', '.join(self.lost)}")
        return "\n".join(lines)

    def _share(self, entry: IntakeEntry) -> str:
        text = f"{_said(entry)} ({entry.rows / max(self.given.rows, 1):.1%})".replace("%", " %")
        if not _has_value(self.given):
            return text
        whole = self.given.value
        share = f" ({_zero(entry.value) / whole:.1%})".replace("%", " %") if whole else ""
        return f"{text}, value {money(_zero(entry.value))}{share}"

    def _problem(self) -> str:
        aside = [entry for entry in self.asides if not entry.expected]
        total = _total("", aside)
        said = [f"{total.rows:,} of {self.given.rows:,} rows set aside ({self.share_of_rows:.1%})"]
        if _has_value(self.given):
            amounts = f"{money(_zero(total.value))} of {money(self.given.value)}"
            said.append(f"value {amounts} ({self.share_of_value:.1%} of the turnover)")
        if aside:
            said.append(f"most often {aside[0].reason!r}")
        said += [f"no row is left of {name!r}" for name in self.lost[:_SHOWN]]
        return ", ".join(said).replace("%", " %")


def entries_of(
    reasons: NDArray[np.object_],
    value: NDArray[np.float64] | None,
    *,
    expected: Collection[str] = (),
) -> tuple[IntakeEntry, ...]:
    """Return rows and money by reason, the most frequent first.

    Args:
        reasons: Reason of each row, ``""`` for rows without one, of shape (n_rows,).
        value: Value of each row, NaN if it cannot be read; None for tables without one.
        expected: Reasons whose loss is expected.

    Examples:
        >>> reasons = np.array(["", "time: missing", "time: missing"], dtype=object)
        >>> entries_of(reasons, np.array([1.0, 2.0, np.nan]))[0].value
        2.0
    """
    rows = np.flatnonzero(reasons != "")
    codes, texts = pd.factorize(reasons[rows])
    found = []
    for code, text in enumerate(texts):
        mine = rows[codes == code]
        entry = entry_of(str(text), len(mine), None if value is None else value[mine])
        found.append(replace(entry, expected=True) if text in expected else entry)
    return by_size(found)


def by_size(entries: Iterable[IntakeEntry]) -> tuple[IntakeEntry, ...]:
    """Return entries in order of their rows, the most frequent first.

    Examples:
        >>> [entry.reason for entry in by_size([IntakeEntry("b", 1), IntakeEntry("a", 2)])]
        ['a', 'b']
    """
    return tuple(sorted(entries, key=lambda entry: (-entry.rows, entry.reason)))


def entry_of(reason: str, rows: int, value: NDArray[np.float64] | None = None) -> IntakeEntry:
    """Return rows with their value: the sum of the amounts that can be read.

    Examples:
        >>> entry_of("kept", 2, np.array([5.0, -1.0])).turnover
        6.0
    """
    finite = np.empty(0) if value is None else value[np.isfinite(value)]
    if not len(finite):
        return IntakeEntry(reason, rows)
    return IntakeEntry(reason, rows, float(finite.sum()), float(np.abs(finite).sum()))


def money(value: float) -> str:
    """Return an amount as text, without decimals if it is whole.

    Examples:
        >>> money(1234.5), money(1200.0), money(float("nan"))
        ('1,234.50', '1,200', 'unknown')
    """
    if math.isnan(value):
        return "unknown"
    return f"{value + 0.0:,.2f}".removesuffix(".00")


def _total(reason: str, entries: Sequence[IntakeEntry]) -> IntakeEntry:
    rows = sum(entry.rows for entry in entries)
    known = [entry for entry in entries if _has_value(entry)]
    if not known:
        return IntakeEntry(reason, rows)
    value, turnover = (_sum(getattr(e, name) for e in known) for name in ("value", "turnover"))
    return IntakeEntry(reason, rows, value, turnover)


def _sum(values: Iterable[float]) -> float:
    return math.fsum(value for value in values if not math.isnan(value))


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _has_value(entry: IntakeEntry) -> bool:
    return not math.isnan(entry.value)


def _said(entry: IntakeEntry) -> str:
    return f"{entry.rows:,} {'row' if entry.rows == 1 else 'rows'}"


def _valued(entry: IntakeEntry) -> str:
    return _said(entry) + (f", value {money(entry.value)}" if _has_value(entry) else "")
