"""Several metrics of one experiment, with p-values adjusted over the family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv._options import Level, checked
from omniltv.errors import ConfigError
from omniltv.experiments._lifting import lift_of
from omniltv.experiments._study import Study
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.checks import CHECKS
from omniltv.experiments.estimators import Cuped, Difference, LiftEstimator
from omniltv.experiments.metrics.protocol import Metric, Tables
from omniltv.experiments.multiplicity import Correction, adjusted_p_values
from omniltv.experiments.result import Lift
from omniltv.experiments.tables import Baseline

if TYPE_CHECKING:
    from omniltv.experiments._joined import Joins

__all__ = ["Scorecard", "measure"]


@checked
@dataclass(frozen=True, eq=False)
class Scorecard(Tabular):
    """The effects on several metrics.

    Attributes:
        lifts: The effects by metric.
        units: The unit of each metric.
        correction: How p-values are adjusted over all rows.

    Examples:
        >>> Scorecard({}, {}).adjusted.tolist()
        []
    """

    lifts: Mapping[str, Lift]
    units: Mapping[str, str]
    correction: Correction = "holm"

    @property
    def adjusted(self) -> NDArray[np.float64]:
        """Adjusted p-value of each row, of shape (n_rows,)."""
        given = [row.p_value for found in self.lifts.values() for row in found.rows]
        return adjusted_p_values(np.array(given, dtype=np.float64), correction=self.correction)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the metric, its unit, the columns of a `Lift` and the adjusted p-value.

        Examples:
            >>> list(Scorecard({}, {}).columns())
            ['adjusted_p_value']
        """
        tables = [found.columns() for found in self.lifts.values()]
        sizes = [len(found.rows) for found in self.lifts.values()]
        names = list(tables[0]) if tables else []
        joined = {name: np.concatenate([table[name] for table in tables]) for name in names}
        heads = {} if not tables else {
            "metric": np.repeat(list(self.lifts), sizes),
            "unit": np.repeat([self.units[name] for name in self.lifts], sizes),
        }  # fmt: skip
        return {**heads, **joined, "adjusted_p_value": self.adjusted}


@checked
def measure(
    metrics: Sequence[Metric],
    tables: Tables,
    assignment: Assignment,
    *,
    control: str,
    baseline: Baseline | None = None,
    estimator: LiftEstimator | None = None,
    level: Level = 0.95,
    correction: Correction = "holm",
) -> Scorecard:
    """Return the effects on a declared family of metrics.

    Every metric is compared overall, by the groups of the baseline and by its parts. All
    these comparisons together are the family.

    Args:
        metrics: Metrics, such as ``KPIS.values()``; `Metric` is the plug-in point.
        tables: Tables by name.
        assignment: The arm of each customer.
        control: The arm to compare with.
        baseline: Covariates and groups, known before the treatment.
        estimator: Estimator of all metrics that have none of their own; `Cuped` with
            covariates and `Difference` without if None.
        level: Level of the intervals.
        correction: How p-values are adjusted.

    Raises:
        ConfigError: If two metrics have one name.
        DataError: If a table or a column is absent.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.experiments.metrics import Mean
        >>> people = pd.DataFrame({"customer_id": range(8), "arm": ["a", "b"] * 4})
        >>> arms = Assignment.from_frame(people)
        >>> bought = pd.DataFrame({"customer_id": [1, 3, 5, 5], "value": [5.0, 6.0, 2.0, 2.0]})
        >>> spend = Mean("spend", column="value", unit="yen per customer")
        >>> found = measure([spend, Mean("purchases")], {"purchases": bought}, arms, control="a")
        >>> found.to_frame()[["metric", "estimate"]].values.tolist()
        [['spend', 3.75], ['purchases', 1.0]]
    """
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise ConfigError(f"metrics need different names, got {names}. Hint: Mean('spend', ...)")
    study = Study.read(assignment, control, baseline, level)
    default = estimator or (Cuped() if study.facts.covariates else Difference())
    joins: Joins = {}
    lifts = {
        metric.name: lift_of(
            study,
            metric.outcome(tables, assignment),
            cast("LiftEstimator", getattr(metric, "estimator", default)),
            checks=CHECKS,
            despite=(),
            joins=joins,
        )
        for metric in metrics
    }
    return Scorecard(lifts, {metric.name: metric.unit for metric in metrics}, correction)
