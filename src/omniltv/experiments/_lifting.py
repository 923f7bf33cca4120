"""The lift on one outcome, for a study that is already read."""

from collections.abc import Sequence

from omniltv._log import logged
from omniltv.errors import ConfigError
from omniltv.experiments._joined import Joins, ObservedOutcomes
from omniltv.experiments._ratio import linearised
from omniltv.experiments._study import ComparedGroup, Findings, Study
from omniltv.experiments.checks import ExperimentCheck
from omniltv.experiments.estimators import ArmMeans, LiftEstimator
from omniltv.experiments.estimators.protocol import handled
from omniltv.experiments.result import Lift
from omniltv.experiments.tables import Outcome

__all__ = ["lift_of"]

_NO_RATIO = frozenset({"stratum", "confounding", "compliance", "quantile"})


def lift_of(
    study: Study,
    outcome: Outcome,
    estimator: LiftEstimator,
    *,
    checks: Sequence[ExperimentCheck],
    despite: Sequence[str],
    joins: Joins | None = None,
) -> Lift:
    """Return the effect of each arm on an outcome.

    Args:
        study: The assignment, with groups and covariates.
        outcome: The outcome.
        estimator: Computes the means.
        checks: The checks of the experiment.
        despite: Names of the checks whose stop does not withhold the estimate.
        joins: Tables of other outcomes that were joined to the assignment before.

    Raises:
        DataError: If an outcome is missing or infinite, or a column is absent.
        ConfigError: If the estimator cannot estimate a ratio.
    """
    seen = ObservedOutcomes.read(outcome, study.assignment, joins)
    seen.require_rows(study.assignment)
    handles = handled(estimator)
    if outcome.per is not None and handles & _NO_RATIO:
        hint = "estimator=Difference()"
        raise ConfigError(f"a ratio cannot be estimated by {estimator.name}. Hint: {hint}")
    findings = Findings.of(seen.facts(study.facts, outcome, handles), checks, despite)
    rows = [
        study.row(group, arm, _estimate(estimator, study, group, arm, seen), estimator)
        for group in study.compared(seen.parts, outcome.parts)
        for arm in study.treated
    ]
    name = outcome.column if outcome.per is None else f"{outcome.column} / {outcome.per}"
    return study.result(name, estimator, rows, seen.notes(), findings)


@logged("lift estimated")
def _estimate(
    estimator: LiftEstimator, study: Study, group: ComparedGroup, arm: str, seen: ObservedOutcomes
) -> ArmMeans | None:
    sides = study.sides(group, arm)
    if not study.enough(sides):
        return None
    outcome = seen.values.sum(axis=1) if group.part is None else seen.values[:, group.part]
    if seen.per is not None:
        if min(seen.per[side].sum() for side in sides.T) <= 0:
            return None
        outcome = linearised(outcome, seen.per, sides)
    return estimator.estimate(*study.samples(outcome, sides, seen.received))
