"""The difference of a quantile of two arms."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from omniltv._options import Level, checked
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["QuantileDifference"]

_LEVEL = 0.95


@checked
@dataclass(frozen=True)
class QuantileDifference:
    """The difference of a quantile of the outcomes of two arms.

    The quantile of an arm is one of its order statistics. Its standard error is the length of
    the interval between two order statistics that contains the quantile with a probability of
    95 % (Woodruff, JASA 1952, 635-646), over the length of such a Normal interval. It needs no
    density. The result is NaN if all outcomes around the quantile are equal, such as zeros.

    Attributes:
        quantile: The quantile, in (0, 1).
        name: Name that results show.

    Examples:
        >>> side = ArmSample(np.arange(1000.0), np.empty((1000, 0)))
        >>> QuantileDifference(0.9).estimate(side, side).control
        899.0
    """

    handles: ClassVar[frozenset[str]] = frozenset({"quantile"})
    quantile: Level
    name: str = "quantile"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the quantile of both arms.

        Examples:
            >>> side = ArmSample(np.zeros(1000), np.empty((1000, 0)))
            >>> QuantileDifference(0.9).estimate(side, side).control
            nan
        """
        found = [self._of(side) for side in (treated, control)]
        if any(error == 0 for _, error in found):
            return ArmMeans.unknown()
        (one, one_error), (other, other_error) = found
        covariance = np.diag([one_error**2, other_error**2])
        df = float(len(treated.outcome) + len(control.outcome) - 2)
        return ArmMeans(one, other, covariance, df)

    def _of(self, side: ArmSample) -> tuple[float, float]:
        ordered, n = np.sort(side.outcome), len(side.outcome)
        z = float(stats.norm.ppf((1 + _LEVEL) / 2))
        half = z * np.sqrt(n * self.quantile * (1 - self.quantile))
        middle = n * self.quantile
        places = np.clip(np.ceil([middle - half, middle, middle + half]) - 1, 0, n - 1)
        low, value, high = ordered[places.astype(np.intp)]
        return float(value), float((high - low) / (2 * z))
