"""Always-valid intervals: an experiment may be looked at every day, and stopped at any time."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import Many, Natural, Share, checked
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample, LiftEstimator, handled

__all__ = ["AlwaysValid"]


@checked
@dataclass(frozen=True)
class AlwaysValid:
    """An estimator with intervals that hold at all looks jointly.

    The intervals are an asymptotic confidence sequence of a mixture of Normals (Waudby-Smith,
    Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024, 2613-2640, theorem 2.2). A
    fixed-horizon interval at the 95 % level excludes zero in far more than 5 % of A/A tests if it
    is looked at every day; this one in at most 5 %, in large samples. The price is an interval
    that is longer, by about half at the planned number of customers.

    The theorem is about customers who arrive one after another, each with a finished outcome.
    Look first after at least a hundred customers per arm, and leave out customers whose
    outcome is not finished. It does not cover a fixed set of customers whose spend grows.

    Attributes:
        estimator: Estimator of the means.
        planned: Number of customers of both arms at which the interval is shortest.

    Examples:
        >>> from omniltv.experiments.estimators.difference import Difference
        >>> means = ArmMeans(1.0, 0.0, np.eye(2), 9998.0)
        >>> round(AlwaysValid(Difference(), planned=10_000).reach(0.95, means, 10_000), 2)
        3.04
    """

    estimator: LiftEstimator
    planned: Many

    @property
    def name(self) -> str:
        """Name that results show."""
        return f"{self.estimator.name}, always valid"

    @property
    def handles(self) -> frozenset[str]:
        """What the estimator accounts for."""
        return handled(self.estimator)

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means that the estimator returns.

        Examples:
            >>> from omniltv.experiments.estimators.difference import Difference
            >>> side = ArmSample(np.array([1.0, 3.0]), np.empty((2, 0)))
            >>> AlwaysValid(Difference(), planned=10_000).estimate(side, side).control
            2.0
        """
        return self.estimator.estimate(treated, control)

    def reach(self, level: Share, means: ArmMeans, n: Natural) -> float:
        """Return half the length of the interval in standard errors, at n customers.

        Examples:
            >>> from omniltv.experiments.estimators.difference import Difference
            >>> means = ArmMeans(1.0, 0.0, np.eye(2), 98.0)
            >>> AlwaysValid(Difference(), planned=100).reach(0.95, means, 0)
            inf
        """
        del means  # only the t distribution needs their degrees of freedom
        if n <= 0 or level >= 1:
            return float("inf")
        log_alpha = float(np.log1p(-level))
        # equation 9: the interval at the planned number of customers is nearly shortest
        scale = (-2 * log_alpha + np.log(1 - 2 * log_alpha)) / self.planned
        seen = n * scale
        return float(np.sqrt((1 + 1 / seen) * (np.log1p(seen) - 2 * log_alpha)))
