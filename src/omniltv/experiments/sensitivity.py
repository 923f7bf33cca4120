"""How strong an unseen cause would have to be to overturn a result of observational data."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from omniltv._options import Level, checked
from omniltv.experiments.result import LiftRow

__all__ = ["Robustness", "robustness"]


class Robustness(NamedTuple):
    """How strong an unseen common cause of treatment and outcome would have to be.

    Attributes:
        estimate: Share of the remaining variance of treatment and of outcome that it would
            have to explain, both alike, to reduce the estimate to zero.
        interval: The share that would make the interval include zero.

    Examples:
        >>> Robustness(0.1, 0.02).estimate
        0.1
    """

    estimate: float
    interval: float


@checked
def robustness(row: LiftRow, *, level: Level = 0.95) -> Robustness:
    """Return the robustness values of an effect.

    Cinelli and Hazlett (JRSS B 2020, 39-67, section 4.3). They are exact for linear
    regression, and an approximation for other estimators with the same t statistic. Compare
    them with the share of variance that the strongest known covariate explains.

    Args:
        row: One effect; without a positive standard error, the values are NaN.
        level: Level of the interval.

    Examples:
        >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 300, 300)
        >>> found = robustness(row)
        >>> round(found.estimate, 3), round(found.interval, 3)
        (0.142, 0.07)
    """
    if not row.standard_error > 0:
        return Robustness(np.nan, np.nan)
    df = row.n + row.control_n - 2
    f = abs(row.estimate / row.standard_error) / np.sqrt(df)
    critical = float(stats.t.ppf((1 + level) / 2, df - 1)) / np.sqrt(df - 1)
    return Robustness(_value(f), _value(f - critical))


def _value(f: float) -> float:
    if f <= 0:
        return 0.0
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)
