"""The difference of the means of two arms."""

from dataclasses import dataclass
from typing import ClassVar

from omniltv._options import checked
from omniltv.experiments.estimators._influence import CLUSTERS, adjusted_means
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["Difference"]


@checked
@dataclass(frozen=True)
class Difference:
    """The difference of the arms' means, with Welch's interval.

    The variances of the arms are not assumed to be equal, which matters for skewed spend
    (Welch, Biometrika 1947, 28-35; degrees of freedom by Satterthwaite 1946, eq. 17). With
    clusters, the influences of the customers are added by cluster before they are squared, and
    the degrees of freedom count clusters (Liang and Zeger, Biometrika 1986, 13-22).

    Examples:
        >>> import numpy as np
        >>> nothing = np.empty((3, 0))
        >>> treated = ArmSample(np.array([3.0, 4.0, 5.0]), nothing)
        >>> control = ArmSample(np.array([1.0, 2.0, 3.0]), nothing)
        >>> means = Difference().estimate(treated, control)
        >>> means.treated - means.control
        2.0
    """

    handles: ClassVar[frozenset[str]] = CLUSTERS
    name: str = "difference"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the plain means of both arms.

        Examples:
            >>> import numpy as np
            >>> side = ArmSample(np.array([3.0, 4.0, 5.0]), np.empty((3, 0)))
            >>> Difference().estimate(side, side).covariance.round(3).tolist()
            [[0.333, 0.0], [0.0, 0.333]]
        """
        return adjusted_means(treated, control, n_covariates=0)
