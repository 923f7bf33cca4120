"""Lift on an observed outcome: plain, adjusted, or by an estimator of your own."""

from collections.abc import Sequence

from omniltv._options import Level, checked
from omniltv.experiments._lifting import lift_of
from omniltv.experiments._study import Study
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.checks import CHECKS, ExperimentCheck
from omniltv.experiments.estimators import Cuped, Difference, LiftEstimator
from omniltv.experiments.result import Lift
from omniltv.experiments.tables import Baseline, IntoOutcome, as_outcome

__all__ = ["cuped", "difference", "lift"]


@checked
def difference(
    outcome: IntoOutcome,
    assignment: Assignment,
    *,
    control: str,
    baseline: Baseline | None = None,
    level: Level = 0.95,
    despite: Sequence[str] = (),
) -> Lift:
    """Return the difference of the arms' means, with Welch intervals; see `lift`.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"customer_id": [1, 2, 3, 4], "arm": ["a", "b"] * 2})
        >>> spend = pd.DataFrame({"customer_id": [1, 2, 3, 4], "value": [1.0, 4.0, 2.0, 5.0]})
        >>> difference(spend, Assignment.from_frame(table), control="a").overall().estimate
        3.0
    """
    return lift(
        outcome,
        assignment,
        estimator=Difference(),
        control=control,
        baseline=baseline,
        level=level,
        despite=despite,
    )


@checked
def cuped(
    outcome: IntoOutcome,
    assignment: Assignment,
    *,
    control: str,
    baseline: Baseline,
    level: Level = 0.95,
    despite: Sequence[str] = (),
) -> Lift:
    """Return the difference adjusted by the covariates of the baseline (CUPED); see `lift`.

    The best covariate for value is the value expected before the treatment. A customer
    without a covariate (no row, or a missing value) gets the mean of the covariate. This adds
    neither bias nor precision. The notes give the number of such customers.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"customer_id": [1, 2, 3, 4], "arm": ["a", "b"] * 2,
        ...                       "expected": [1.0, 2.0, 3.0, 4.0],
        ...                       "value": [1.0, 4.0, 2.0, 6.0]})
        >>> arms = Assignment.from_frame(table)
        >>> baseline = Baseline(table, covariates="expected")
        >>> cuped(table, arms, control="a", baseline=baseline).overall().estimate
        2.75
    """
    return lift(
        outcome,
        assignment,
        estimator=Cuped(),
        control=control,
        baseline=baseline,
        level=level,
        despite=despite,
    )


@checked
def lift(
    outcome: IntoOutcome,
    assignment: Assignment,
    *,
    estimator: LiftEstimator,
    control: str,
    baseline: Baseline | None = None,
    level: Level = 0.95,
    despite: Sequence[str] = (),
    checks: Sequence[ExperimentCheck] = CHECKS,
) -> Lift:
    """Return the effect of each arm relative to the control, by any estimator.

    Args:
        outcome: A table with the column ``value``, a history from `window_history`, or an
            `Outcome` with other options. Rows of a customer are added; customers who were
            not assigned are left out.
        assignment: The arm of each customer.
        estimator: Computes the means from the outcomes of two arms.
        control: The arm to compare with.
        baseline: Covariates and groups, known before the treatment.
        level: Level of the intervals.
        despite: Names of the checks whose stop does not withhold the estimate.
        checks: The checks of the experiment; ``(*CHECKS, Mine())`` adds one.

    Raises:
        DataError: If an outcome is missing or infinite, a customer has no outcome (unless
            missing="zero"), no row or two rows in the baseline, or a column is absent.
        ConfigError: If there is no such control arm, or the level is not in (0, 1).

    Warns:
        DataWarning: For each stop and warning of a check. After a stop the numbers of all
            rows are NaN, unless ``despite`` names the check.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"customer_id": [1, 2, 3, 4], "arm": ["a", "b"] * 2,
        ...                       "value": [1.0, 4.0, 2.0, 6.0]})
        >>> arms = Assignment.from_frame(table)
        >>> lift(table, arms, estimator=Difference(), control="a").overall().estimate
        3.5
    """
    study = Study.read(assignment, control, baseline, level)
    return lift_of(study, as_outcome(outcome), estimator, checks=checks, despite=despite)
