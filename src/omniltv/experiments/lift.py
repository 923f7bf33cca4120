"""Lift on an outcome that was observed: plain, adjusted, or by an estimator of your own."""

from collections.abc import Sequence

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv.experiments._study import Cell, Missing, Outcomes, Study
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.estimators import (
    ArmMeans,
    ArmSample,
    Cuped,
    Difference,
    LiftEstimator,
)
from omniltv.experiments.result import Lift

__all__ = ["cuped", "difference", "lift"]


def difference(
    outcomes: IntoFrame,
    assignment: Assignment,
    *,
    outcome: str,
    control: str,
    before: IntoFrame | None = None,
    by: str | Sequence[str] = (),
    parts: str | None = None,
    missing: Missing = "error",
    level: float = 0.95,
) -> Lift:
    """Return the difference of the arms' means, with Welch intervals; see `lift`.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"customer_id": [1, 2, 3, 4], "arm": ["a", "b"] * 2})
        >>> spend = pd.DataFrame({"customer_id": [1, 2, 3, 4], "value": [1.0, 4.0, 2.0, 5.0]})
        >>> arms = Assignment.from_frame(table)
        >>> difference(spend, arms, outcome="value", control="a").overall().estimate
        3.0
    """
    return lift(
        outcomes,
        assignment,
        estimator=Difference(),
        outcome=outcome,
        control=control,
        before=before,
        by=by,
        parts=parts,
        missing=missing,
        level=level,
    )


def cuped(
    outcomes: IntoFrame,
    assignment: Assignment,
    *,
    outcome: str,
    control: str,
    before: IntoFrame,
    covariates: str | Sequence[str],
    by: str | Sequence[str] = (),
    parts: str | None = None,
    missing: Missing = "error",
    level: float = 0.95,
) -> Lift:
    """Return the difference adjusted by columns of ``before`` (CUPED); see `lift`.

    The best covariate there is for value is the value expected before the treatment.
    A customer without it (no row, or a missing value) counts as having its mean, which
    neither biases the estimate nor sharpens it; the result says how many there are.
    """
    return lift(
        outcomes,
        assignment,
        estimator=Cuped(),
        outcome=outcome,
        control=control,
        before=before,
        covariates=covariates,
        by=by,
        parts=parts,
        missing=missing,
        level=level,
    )


def lift(
    outcomes: IntoFrame,
    assignment: Assignment,
    *,
    estimator: LiftEstimator,
    outcome: str,
    control: str,
    before: IntoFrame | None = None,
    covariates: str | Sequence[str] = (),
    by: str | Sequence[str] = (),
    parts: str | None = None,
    missing: Missing = "error",
    level: float = 0.95,
) -> Lift:
    """Return what each arm changed against the control, by any estimator.

    Args:
        outcomes: Any number of rows per customer; they are added up. Customers who were
            not assigned are left out.
        assignment: Who is in which arm.
        estimator: What to do with the outcomes of two arms.
        outcome: Column of the outcome.
        control: The arm to compare with.
        before: One row per customer, of things known before the treatment. Groups and
            covariates are read from here and nowhere else, because a group that the
            treatment itself could change (bought in store, became a high tier) makes the
            comparison meaningless.
        covariates: Columns of ``before`` to adjust by; missing values count as the mean.
        by: Columns of ``before`` to group customers by, such as the tier they had.
        parts: Column of ``outcomes`` that splits a customer's outcome, such as the
            channel of a purchase. Each part is averaged over all customers, those
            without a purchase there included, so the parts add up to the whole.
        missing: What an assigned customer without a row in ``outcomes`` is.
        level: Level of the intervals.

    Raises:
        DataError: If an outcome is missing or infinite, a customer has no outcome (unless
            missing="zero"), no row or two rows in ``before``, or a column is absent.
        ConfigError: If there is no such control arm, or the level is not in (0, 1).

    Warns:
        DataWarning: If the arms are not of the planned sizes, or were unlike before.
    """
    study = Study.read(assignment, control, before, by, covariates, level)
    seen = Outcomes.read(outcomes, assignment, outcome, parts)
    seen.settle_missing(assignment, missing)
    rows = [
        study.row(cell, arm, _estimate(estimator, study, cell, arm, seen.values))
        for cell in study.cells(seen.parts, parts)
        for arm in study.treated
    ]
    return study.result(outcome, estimator.name, rows, seen.notes(missing))


def _estimate(
    estimator: LiftEstimator, study: "Study", cell: "Cell", arm: str, values: NDArray[np.float64]
) -> ArmMeans | None:
    outcome = values[:, cell.part] if cell.part is not None else values.sum(axis=1)
    sides = study.sides(cell, arm).T
    if sides.sum(axis=1).min() <= 1:
        return None
    treated, control = (ArmSample(outcome[side], study.covariates[side]) for side in sides)
    return estimator.estimate(treated, control)
