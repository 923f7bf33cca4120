"""The difference adjusted by covariates from before the treatment (CUPED)."""

from dataclasses import dataclass
from typing import ClassVar

from omniltv._options import checked
from omniltv.experiments.estimators._influence import CLUSTERS, adjusted_means
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["Cuped"]


@checked
@dataclass(frozen=True)
class Cuped:
    """The difference of means adjusted by covariates from before the treatment (CUPED).

    Y - theta (X - mean X) has the mean of Y and a smaller variance. Theta, of shape
    (n_covariates,), is the regression of Y on X, pooled over both arms and computed from
    the deviations within the arms, so that the effect does not enter it (Deng, Xu, Kohavi
    and Walker, WSDM 2013, eq. 4 to 6; several covariates by least squares).

    Examples:
        >>> import numpy as np
        >>> treated = ArmSample(np.array([5.0, 6.0, 7.0]), np.array([[1.0], [2.0], [3.0]]))
        >>> control = ArmSample(np.array([2.0, 3.0, 4.0]), np.array([[0.0], [1.0], [2.0]]))
        >>> means = Cuped().estimate(treated, control)
        >>> round(means.treated - means.control, 6)
        2.0
    """

    handles: ClassVar[frozenset[str]] = CLUSTERS
    name: str = "cuped"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of both arms, moved to the common mean of the covariates.

        Examples:
            >>> import numpy as np
            >>> side = ArmSample(np.array([3.0, 4.0, 8.0]), np.array([[1.0], [2.0], [3.0]]))
            >>> Cuped().estimate(side, side).treated
            5.0
        """
        return adjusted_means(treated, control, n_covariates=treated.covariates.shape[1])
