"""What a check of an experiment sees, and what it returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked

__all__ = ["ALARM", "MIN_EXPECTED", "CheckFinding", "ExperimentCheck", "Severity", "StudyFacts"]

type Severity = Literal["note", "warning", "stop"]
"""How bad a finding is: to know, to look into, or a reason to withhold the estimate."""

ALARM = 0.001
"""P-value below which a check finds something, divided by its number of tests."""

MIN_EXPECTED = 5.0
"""Expected size below which the chi-square distribution is a poor approximation."""

_SHOWN = 5


@checked
@dataclass(frozen=True)
class CheckFinding:
    """What a check found.

    Attributes:
        check: Name of the check.
        severity: "note", "warning" or "stop"; a stop withholds the estimate.
        message: What is wrong, as one sentence without the full stop.
        count: Number of customers, rows or columns concerned.
        ids: The first ids concerned.
        hint: What to do.

    Examples:
        >>> print(CheckFinding("stores", "warning", "a store was closed", hint="leave it out"))
        warning (stores): a store was closed. Hint: leave it out
    """

    check: str
    severity: Severity
    message: str
    count: int = 0
    ids: tuple[object, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        ids = f" (first ids: {', '.join(map(str, self.ids[:_SHOWN]))})" if self.ids else ""
        hint = f". Hint: {self.hint}" if self.hint else ""
        return f"{self.severity} ({self.check}): {self.message}{ids}{hint}"


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class StudyFacts:
    """Everything that a check may look at, one entry per assigned customer.

    Attributes:
        customer_id: Shape (n_customers,).
        arm: Arm of each customer, of shape (n_customers,).
        control: The arm to compare with.
        shares: Planned share of each arm, if known.
        by_stratum: Planned shares of the strata whose shares differ.
        randomised: Whether the arms are declared to be drawn at random.
        stratum: Stratum of each customer, if there are strata.
        cluster: Cluster that was assigned as a whole, such as a store, if declared.
        start: Start of the treatment, if known.
        covariates: Columns that the estimate is adjusted by; NaN if missing.
        groups: Columns that the customers are grouped by.
        labels: All columns of text of the baseline; "" for a customer without a row.
        known_at: Time of the covariates, of shape (n_customers,), if known.
        outcome: Column of the outcome.
        per: Column that the outcome is divided by; "" if there is none.
        left_out: Arms of the customers whom `Assignment.among` left out, of any length.
        received: Whether each customer received the treatment, if known.
        first: Time of the first outcome of each customer, if outcomes have times.
        last: Time of the last outcome of each customer, if outcomes have times.
        early: Ids of the customers with outcomes before the start, one entry per row.
        exposure: How long each customer was observed, if known; NaN if missing.
        exposure_column: Column of the exposure.
        handles: What the estimator accounts for: "cluster", "stratum", "compliance",
            "confounding"; "quantile" if it does not compare means.
        entered: When each customer entered the experiment, if known.
        two_arms: Customers left out because their former ids were in different arms.
        n_ids: Number of former ids of each customer, if records were merged.
        household: Household of each customer, if declared; "" if it is unknown.

    Examples:
        >>> facts = StudyFacts(customer_id=np.array(["x", "y"], dtype=object),
        ...                    arm=np.array(["a", "b"]), control="a")
        >>> facts.arms
        ('a', 'b')
    """

    customer_id: NDArray[np.object_]
    arm: NDArray[np.str_]
    control: str
    shares: Mapping[str, float] = field(default_factory=dict)
    by_stratum: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    randomised: bool = True
    stratum: NDArray[np.str_] | None = None
    cluster: NDArray[np.str_] | None = None
    start: datetime | None = None
    covariates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    known_at: NDArray[np.datetime64] | None = None
    outcome: str = "value"
    per: str = ""
    left_out: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    received: NDArray[np.bool_] | None = None
    first: NDArray[np.datetime64] | None = None
    last: NDArray[np.datetime64] | None = None
    early: tuple[object, ...] = ()
    exposure: NDArray[np.float64] | None = None
    exposure_column: str = ""
    handles: frozenset[str] = frozenset()
    entered: NDArray[np.datetime64] | None = None
    two_arms: tuple[object, ...] = ()
    n_ids: NDArray[np.intp] | None = None
    household: NDArray[np.str_] | None = None

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, sorted; includes planned arms without customers."""
        return tuple(sorted({*self.shares, *map(str, np.unique(self.arm))}))

    @cached_property
    def imputed(self) -> NDArray[np.float64]:
        """Covariates, missing values at the mean, of shape (n_customers, n_covariates)."""
        matrix = np.empty((len(self.arm), len(self.covariates)))
        for k, values in enumerate(self.covariates.values()):
            gone = np.isnan(values)
            matrix[:, k] = np.where(gone, 0.0 if gone.all() else values[~gone].mean(), values)
        return matrix


@runtime_checkable
class ExperimentCheck(Protocol):
    """The plug-in point for a check: a name and one method.

    Examples:
        >>> class Few:
        ...     name = "few"
        ...     def look(self, facts):
        ...         n = len(facts.customer_id)
        ...         return () if n >= 100 else (CheckFinding("few", "warning", f"{n} customers"),)
        >>> isinstance(Few(), ExperimentCheck)
        True
    """

    @property
    def name(self) -> str:
        """Name that results show, and that ``despite=`` takes."""
        ...

    def look(self, facts: StudyFacts) -> Sequence[CheckFinding]:
        """Return what is found; nothing if all is well."""
        ...
