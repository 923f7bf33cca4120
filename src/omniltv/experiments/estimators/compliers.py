"""The effect on those who receive the treatment because they were assigned to it (CACE)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.experiments.estimators._influence import both, clusters, with_covariance
from omniltv.experiments.estimators.difference import Difference
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["Compliers"]


@checked
@dataclass(frozen=True)
class Compliers:
    """The complier average causal effect (CACE), by assignment as an instrument.

    `Difference` estimates the effect of the assignment (intention to treat, ITT). Divided by
    the difference in the share that received the treatment, it is the effect on the customers
    who receive the treatment if and only if they are assigned to it (Imbens and Angrist,
    Econometrica 1994, theorem 1). This assumes that the assignment has no effect on those whose
    treatment it does not change, and that nobody does the opposite of the assignment. Both
    means are those of the compliers. Standard errors are those of the delta method. Without
    ``received`` this is `Difference`.

    Examples:
        >>> nothing = np.empty((4, 0))
        >>> got = np.array([True, True, False, False])
        >>> treated = ArmSample(np.array([3.0, 5.0, 1.0, 1.0]), nothing, received=got)
        >>> control = ArmSample(np.array([1.0, 2.0, 1.0, 1.0]), nothing, received=got & False)
        >>> means = Compliers().estimate(treated, control)
        >>> means.treated, means.control
        (4.0, 1.5)
    """

    handles: ClassVar[frozenset[str]] = frozenset({"cluster", "compliance"})
    name: str = "compliers"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of the compliers; NaN if the arms received the same.

        Examples:
            >>> side = ArmSample(np.array([3.0, 4.0]), np.empty((2, 0)))
            >>> Compliers().estimate(side, side).treated
            3.5
        """
        if treated.received is None or control.received is None:
            return Difference().estimate(treated, control)
        outcome, _, arms = both(treated, control)
        got = np.concatenate([treated.received, control.received]).astype(np.float64)
        share, share_error = _contrast(got, arms)
        if share == 0:
            return ArmMeans.unknown()
        means, influence = np.empty(2), np.empty((len(outcome), 2))
        for k, part in enumerate((outcome * got, -outcome * (1 - got))):
            total, error = _contrast(part, arms)
            means[k] = total / share
            influence[:, k] = (error - means[k] * share_error) / share
        return with_covariance(means, influence, arms, clusters(treated, control))


def _contrast(
    values: NDArray[np.float64], arms: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the difference of the arms' means, and each customer's influence on it."""
    one, other = (values[side].mean() for side in arms.T)
    n, m = arms.sum(axis=0)
    return one - other, np.where(arms[:, 0], (values - one) / n, (other - values) / m)
