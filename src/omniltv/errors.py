"""The exceptions and warnings that a caller of omniltv may want to catch.

Every error says what is wrong, where (column, how many rows, the first ids) and
what to type instead. The same facts are attributes of the exception, so that a
nightly job can set exactly those rows aside and go on.
"""

from collections.abc import Sequence
from typing import Any

__all__ = [
    "ColumnWarning",
    "ConfigError",
    "DataError",
    "DataWarning",
    "EvidenceWarning",
    "FitError",
    "FitWarning",
    "IntakeError",
    "IntakeWarning",
    "LinkError",
    "OmniltvError",
    "OmniltvWarning",
    "StoreError",
    "UnitError",
]

_SHOWN = 5


class OmniltvError(Exception):
    """Base of every exception that omniltv raises on purpose.

    Attributes:
        column: The column at fault, or None.
        rows: Ids of every row at fault, or row positions where rows have no id.
        hint: The line to type, or the rule to follow, to mend it; empty if there is none.

    Examples:
        >>> try:
        ...     raise DataError("negative times", column="T", rows=["c7"], hint="T >= 0")
        ... except OmniltvError as error:
        ...     print(error)
        ...     print(error.column, error.rows, error.count, error.hint)
        column 'T': negative times (1 row; first ids: c7). Hint: T >= 0
        T ('c7',) 1 T >= 0
    """

    column: str | None = None
    rows: tuple[object, ...] = ()

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.hint = message.partition("Hint: ")[2]

    @property
    def count(self) -> int:
        """Number of rows at fault; 0 if the error is not about rows."""
        return len(self.rows)


class DataError(OmniltvError, ValueError):
    """A table or array cannot be used as it is.

    Args:
        problem: What is wrong, as one sentence without the full stop.
        column: The column at fault, or None where the table as a whole is.
        rows: Ids of every row at fault (row positions where rows have no id).
        hint: The line to type, or the rule to follow, to mend it.

    Attributes:
        column: As given.
        rows: As given, as a tuple.

    Examples:
        >>> error = DataError("negative values", column="value", rows=[3, 8], hint="net refunds")
        >>> error.column, error.rows
        ('value', (3, 8))
        >>> print(error)
        column 'value': negative values (2 rows; first ids: 3, 8). Hint: net refunds
    """

    def __init__(
        self,
        problem: str,
        *,
        column: str | None = None,
        rows: Sequence[object] = (),
        hint: str = "",
    ) -> None:
        self.problem = problem
        self.column = column
        self.rows = tuple(rows)
        super().__init__(_message(problem, column, self.rows, hint))
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.column, self.rows, self.hint)


class IntakeError(DataError):
    """A table lost so many rows, or so much of its value, that results would mislead.

    Args:
        problem: As in `DataError`.
        column: As in `DataError`.
        rows: As in `DataError`.
        hint: As in `DataError`.
        report: The `omniltv.data.IntakeReport` of the table.

    Attributes:
        report: As given; it has the rejected rows with their reasons.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import check
        >>> lost = pd.DataFrame({"source": "pos", "record_id": [1] + [None] * 19})
        >>> try:
        ...     check(lost, "records")
        ... except IntakeError as error:
        ...     print(error.report.set_aside.rows, error.column, error.rows[:3])
        19 record_id (1, 2, 3)
    """

    def __init__(
        self,
        problem: str,
        *,
        column: str | None = None,
        rows: Sequence[object] = (),
        hint: str = "",
        report: object = None,
    ) -> None:
        super().__init__(problem, column=column, rows=rows, hint=hint)
        self.report: Any = report  # an IntakeReport, which a higher layer defines

    def __reduce__(self) -> tuple[object, ...]:
        facts = (self.problem, self.column, self.rows, self.hint, self.report)
        return _rebuild_intake, facts


class ConfigError(OmniltvError, ValueError):
    """An argument or a written configuration is not one that omniltv knows.

    Args:
        message: What is wrong, and a hint.
        parameter: Name of the parameter at fault, if there is one.
        allowed: What the parameter accepts, in words.

    Attributes:
        parameter: As given.
        allowed: As given.

    Examples:
        >>> from omniltv.units import weeks
        >>> try:
        ...     weeks("52")
        ... except ConfigError as error:
        ...     print(error.parameter, "|", error.allowed)
        amount | a number of at least 0
    """

    def __init__(
        self, message: str = "", *, parameter: str | None = None, allowed: str = ""
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.allowed = allowed


class UnitError(ConfigError):
    """Times or money in units that do not go together."""


class FitError(OmniltvError, RuntimeError):
    """A posterior could not be computed from these data."""


class LinkError(OmniltvError, RuntimeError):
    """The database that a link engine works in could not find or compare the pairs."""


class StoreError(OmniltvError, RuntimeError):
    """A saved file is missing, damaged, or holds something else than was asked for."""


class OmniltvWarning(UserWarning):
    """Base of every warning that omniltv gives."""


class DataWarning(OmniltvWarning):
    """Rows were usable, but something about them wants a look."""


class IntakeWarning(DataWarning):
    """A table lost more rows, or more of its value, than is usual."""


class ColumnWarning(DataWarning):
    """A column is not read, or is read by nothing, and its name may be misspelt."""


class EvidenceWarning(OmniltvWarning):
    """The evidence is counted twice, disagrees, does not tell people apart, or was not learnt."""


class FitWarning(OmniltvWarning):
    """A posterior was computed, but its diagnostics say not to trust it yet."""


def _message(problem: str, column: str | None, rows: tuple[object, ...], hint: str) -> str:
    where = f"column {column!r}: " if column is not None else ""
    shown = ", ".join(str(row) for row in rows[:_SHOWN])
    noun = "row" if len(rows) == 1 else "rows"
    which = f" ({len(rows):,} {noun}; first ids: {shown})" if rows else ""
    advice = f". Hint: {hint}" if hint else ""
    return f"{where}{problem}{which}{advice}"


def _rebuild(
    kind: type[DataError], problem: str, column: str | None, rows: tuple[object, ...], hint: str
) -> DataError:
    return kind(problem, column=column, rows=rows, hint=hint)


def _rebuild_intake(
    problem: str, column: str | None, rows: tuple[object, ...], hint: str, report: object
) -> IntakeError:
    return IntakeError(problem, column=column, rows=rows, hint=hint, report=report)
