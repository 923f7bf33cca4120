"""Outcomes joined to the assigned customers, and who is missing on either side."""

from dataclasses import dataclass, field, replace
from typing import Self

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._columns import check_ids, labels, numbers, positions, read_ids, require
from omniltv._frames import Eager
from omniltv.data.report import IntakeReport, Tolerance, entries_of, entry_of, money
from omniltv.errors import ConfigError, DataError
from omniltv.experiments._moments import instant, moments
from omniltv.experiments.assignment import Assignment, refuse_unassigned
from omniltv.experiments.checks import StudyFacts
from omniltv.experiments.forecast import Forecast
from omniltv.experiments.tables import Missing, Outcome

__all__ = ["JoinedForecast", "JoinedOutcomes", "Joins", "ObservedOutcomes"]

_WHAT = "the table of outcomes"
_UNASSIGNED = "customer_id: not assigned"
_FEW = 0.5  # share of assigned customers with a row, below which ids may not match
type Joins = dict[int, tuple[object, NDArray[np.object_], NDArray[np.intp]]]
"""Tables by identity, each with the customers of its rows and their positions."""

_JOINED = Tolerance(warn_above=0.5, stop_above=0.95)


@dataclass(frozen=True, eq=False)
class JoinedOutcomes:
    """Which assigned customers have rows in a table, and which customers were not assigned.

    Attributes:
        parts: Labels that split the rows, sorted; ("",) if nothing does.
        has_row: Whether each assigned customer has a row, of shape (n_customers,).
        unassigned: Number of customers of the table who were not assigned.
        what: What a row holds.
        missing: How to treat an assigned customer without a row.
        left_out: The rows of these customers, in words.
    """

    parts: tuple[str, ...]
    has_row: NDArray[np.bool_]
    unassigned: int
    what: str
    missing: Missing
    left_out: str = field(default="", kw_only=True)

    def require_rows(self, assignment: Assignment) -> None:
        """Raise DataError if customers have no row and do not count as zero."""
        if self.missing == "error" and not self.has_row.all():
            problem = f"assigned customers without an {self.what}"
            hint = "missing='zero' if no row means zero"
            rows = list(assignment.customer_id[~self.has_row])
            raise DataError(problem, column="customer_id", rows=rows, hint=hint)

    def notes(self) -> list[str]:
        """Return notes on customers without a row and on customers left out."""
        found = []
        absent = int((~self.has_row).sum())
        if absent and self.missing == "zero":
            found.append(f"{absent:,} assigned customers without an {self.what} count as zero")
        if self.unassigned:
            found.append(
                f"{self.unassigned:,} customers who were not assigned are left out{self.left_out}"
            )
        return found


@dataclass(frozen=True, eq=False)
class ObservedOutcomes(JoinedOutcomes):
    """The outcome of each assigned customer and part.

    Attributes:
        values: Shape (n_customers, n_parts).
        per: What the outcome is divided by, of shape (n_customers,); None if nothing.
        exposure: How long each customer was observed; NaN without a row.
        received: Whether each customer received the treatment; None if not known.
        first: Time of the first row of each customer; NaT without one.
        last: Time of the last row.
        early: Customers of the rows before the start, which are left out.
    """

    values: NDArray[np.float64]
    per: NDArray[np.float64] | None = None
    exposure: NDArray[np.float64] | None = None
    first: NDArray[np.datetime64] | None = None
    last: NDArray[np.datetime64] | None = None
    early: tuple[object, ...] = ()
    received: NDArray[np.bool_] | None = None

    def facts(self, facts: StudyFacts, outcome: Outcome, handles: frozenset[str]) -> StudyFacts:
        """Return the facts of a study with those of its outcomes."""
        return replace(
            facts,
            outcome=outcome.column,
            per=outcome.per or "",
            received=self.received,
            first=self.first,
            last=self.last,
            early=self.early,
            exposure=self.exposure,
            exposure_column=outcome.exposure_column or "",
            handles=handles,
        )

    @classmethod
    def read(cls, outcome: Outcome, assignment: Assignment, joins: Joins | None = None) -> Self:
        """Return the outcomes, added per assigned customer and part.

        Args:
            outcome: The outcome.
            assignment: The arm of each customer.
            joins: Tables that were joined before; this one is added.
        """
        table, early, when = _since_start(outcome, assignment)
        ids, place = _joined(outcome, table, assignment, {} if joins is None else joins)
        amount = numbers(table, outcome.column, _WHAT, ids=ids)
        part = np.full(len(ids), "")
        if outcome.parts is not None:
            part = labels(table, outcome.parts, _WHAT, ids=ids)
        names, code = np.unique(part, return_inverse=True)
        known = place >= 0
        first, last = _ends(when, place, len(assignment))
        values = np.zeros((len(assignment), len(names)))
        np.add.at(values, (place[known], code[known]), amount[known])
        has_row = np.zeros(len(assignment), dtype=np.bool_)
        has_row[place[known]] = True
        report = _report(ids, known, amount)
        if has_row.mean() < _FEW:
            report.judge(outcome.tolerance or _JOINED)
        aside = report.set_aside
        return cls(
            parts=tuple(map(str, names)),
            has_row=has_row,
            unassigned=len(set(ids[~known].tolist())),
            what="outcome",
            missing=outcome.missing,
            values=values,
            per=_sums(table, outcome.per, ids, place, len(assignment)),
            exposure=_exposure(table, outcome, ids, place, len(assignment)),
            received=_received(table, outcome, ids, place, len(assignment)),
            first=first,
            last=last,
            early=early,
            left_out=f" ({aside.rows:,} rows, {outcome.column} {money(aside.value)})",
        )


def _joined(
    outcome: Outcome, table: Eager, assignment: Assignment, joins: Joins
) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """Return the customer of each row, and the position among those assigned."""
    known = joins.get(id(outcome.table)) if outcome.time is None else None
    if known is not None:
        return known[1:]
    ids = read_ids(table, "customer_id", _WHAT)
    place = positions(ids, assignment.customer_id)
    refuse_unassigned(place, "customer_id")
    if outcome.time is None:
        joins[id(outcome.table)] = (outcome.table, ids, place)
    return ids, place


def _since_start(
    outcome: Outcome, assignment: Assignment
) -> tuple[Eager, tuple[object, ...], NDArray[np.datetime64] | None]:
    """Return the rows since the start, the customers of earlier rows, and the times."""
    table = outcome.collect()
    if outcome.time is None:
        return table, (), None
    ids = read_ids(table, "customer_id", _WHAT)
    when = moments(table, outcome.time, _WHAT, ids=ids, start=assignment.start)
    if assignment.start is None:
        raise ConfigError(
            "the start of the treatment is not known, so earlier outcomes cannot be left out. "
            "Hint: start= of the assignment"
        )
    early = when < instant(assignment.start)
    assigned = positions(ids, assignment.customer_id) >= 0
    left_out = tuple(ids[early & assigned].tolist())
    return table.filter((~early).tolist()), left_out, when[~early]


def _ends(
    when: NDArray[np.datetime64] | None, place: NDArray[np.intp], n: int
) -> tuple[NDArray[np.datetime64] | None, NDArray[np.datetime64] | None]:
    """Return the first and the last time of each customer, NaT without a row."""
    if when is None:
        return None, None
    known = place >= 0
    first = np.full(n, "NaT", dtype="datetime64[us]")
    last = first.copy()
    np.fmin.at(first, place[known], when[known])
    np.fmax.at(last, place[known], when[known])
    return first, last


def _sums(
    table: Eager, column: str | None, ids: NDArray[np.object_], place: NDArray[np.intp], n: int
) -> NDArray[np.float64] | None:
    if column is None:
        return None
    read = numbers(table, column, _WHAT, ids=ids)
    if (read < 0).any():
        rows, hint = list(ids[read < 0]), "a ratio divides by counts, amounts or times"
        raise DataError("negative values", column=column, rows=rows, hint=hint)
    known = place >= 0
    return np.bincount(place[known], weights=read[known], minlength=n)


def _exposure(
    table: Eager, outcome: Outcome, ids: NDArray[np.object_], place: NDArray[np.intp], n: int
) -> NDArray[np.float64] | None:
    """Return the longest observation of each customer, NaN without a row."""
    column = outcome.exposure_column
    if column is None:
        return None
    read, known = numbers(table, column, _WHAT, ids=ids), place >= 0
    longest = np.full(n, np.nan)
    np.fmax.at(longest, place[known], read[known])
    return longest


def _received(
    table: Eager, outcome: Outcome, ids: NDArray[np.object_], place: NDArray[np.intp], n: int
) -> NDArray[np.bool_] | None:
    """Return whether each customer has a row that says the treatment was received."""
    column = outcome.received
    if column is None:
        return None
    require(table.columns, [column], _WHAT)
    got = numbers(table.with_columns(nw.col(column).cast(nw.Float64)), column, _WHAT, ids=ids)
    found = np.zeros(n, dtype=np.bool_)
    found[place[(place >= 0) & (got > 0)]] = True
    return found


def _report(
    ids: NDArray[np.object_], known: NDArray[np.bool_], amount: NDArray[np.float64]
) -> IntakeReport[pd.DataFrame]:
    """Return the report on rows of customers of whom some were not assigned."""
    reason = np.where(known, "", _UNASSIGNED).astype(object)
    rows = {"customer_id": ids[~known], "outcome": amount[~known], "reason": _UNASSIGNED}
    return IntakeReport(
        table="outcomes",
        given=entry_of("", len(ids), amount),
        kept=entry_of("", int(known.sum()), amount[known]),
        rejected=pd.DataFrame(rows),
        asides=entries_of(reason, amount),
        ids=tuple(dict.fromkeys(ids[~known].tolist())),
    )


@dataclass(frozen=True, eq=False)
class JoinedForecast(JoinedOutcomes):
    """The rows of a forecast joined to the assigned customers.

    Attributes:
        forecast: The forecast.
        used: Rows of assigned customers, of shape (n_used,).
        place: Position of the customer of each of these rows, same shape.
        part: Label of each of these rows, same shape.
    """

    forecast: Forecast
    used: NDArray[np.intp]
    place: NDArray[np.intp]
    part: NDArray[np.str_]

    @classmethod
    def read(cls, forecast: Forecast, assignment: Assignment, *, split: bool) -> Self:
        """Return the rows of assigned customers.

        Raises:
            ConfigError: If the forecast is to be split and has no parts.
            DataError: If no customer of the forecast was assigned.
        """
        if split and forecast.part is None:
            hint = "Forecast.of(value, part=...) splits the forecast by the same labels"
            raise ConfigError(f"the outcome is split, but the forecast is not. Hint: {hint}")
        ids = check_ids(forecast.customer_id.tolist(), "customer_id")
        place = positions(ids, assignment.customer_id)
        refuse_unassigned(place, "customer_id")
        used = np.flatnonzero(place >= 0)
        labels = np.full(len(ids), "") if not split or forecast.part is None else forecast.part
        has_row = np.zeros(len(assignment), dtype=np.bool_)
        has_row[place[used]] = True
        return cls(
            parts=tuple(map(str, np.unique(labels[used]))),
            has_row=has_row,
            unassigned=len(set(ids[place < 0].tolist())),
            what="expected value",
            missing=forecast.missing,
            forecast=forecast,
            used=used,
            place=place[used],
            part=labels[used].astype(np.str_),
        )
