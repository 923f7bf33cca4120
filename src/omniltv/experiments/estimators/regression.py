"""Regression adjustment with a slope of its own in each arm (Lin)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.experiments.estimators._influence import (
    CLUSTERS,
    both,
    clusters,
    slope,
    with_covariance,
)
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["Regression"]

_PER_COVARIATE = 20


@checked
@dataclass(frozen=True)
class Regression:
    """The difference adjusted by covariates, with slopes that may differ between the arms.

    The mean of an arm is predicted at the common mean of the covariates, by the regression
    within the arm. This is never less precise than the difference in large samples, also with
    unequal arms (Lin, Annals of Applied Statistics 2013, 295-318). The variance is that of the
    influences, corrected for the number of slopes. The smaller arm needs 20 customers (or
    clusters) per covariate: with fewer, the correction is too small.

    Examples:
        >>> rng = np.random.default_rng(1)
        >>> x = rng.normal(size=(200, 1))
        >>> treated, control = (ArmSample(x[s, 0] + e, x[s]) for s, e in (
        ...     (slice(0, 50), 1.0), (slice(50, 200), 0.0)))
        >>> means = Regression().estimate(treated, control)
        >>> round(means.treated - means.control, 6)
        1.0
    """

    handles: ClassVar[frozenset[str]] = CLUSTERS
    name: str = "regression"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of both arms at the common mean of the covariates.

        Raises:
            ConfigError: If there are too many covariates for the smaller arm.

        Examples:
            >>> side = ArmSample(np.array([3.0, 4.0, 5.0]), np.empty((3, 0)))
            >>> Regression().estimate(side, side).control
            4.0
        """
        outcome, x, arms = both(treated, control)
        cluster = clusters(treated, control)
        self._refuse_few(x.shape[1], arms, cluster)
        centred = x - x.mean(axis=0)
        means, influence = np.empty(2), np.zeros((len(outcome), 2))
        for k, side in enumerate(arms.T):
            means[k], influence[side, k], theta = _within(outcome[side], centred[side])
            influence[:, k] += centred @ theta / len(outcome)
        return with_covariance(means, influence, arms, cluster)

    def _refuse_few(
        self, n_covariates: int, arms: NDArray[np.bool_], cluster: NDArray[np.intp] | None
    ) -> None:
        units = [side.sum() if cluster is None else len(set(cluster[side])) for side in arms.T]
        most = int(min(units)) // _PER_COVARIATE
        if n_covariates > most:
            what = "customers" if cluster is None else "clusters"
            message = f"{n_covariates} covariates for {min(units):,} {what} in the smaller arm"
            raise ConfigError(f"{message}. Hint: at most {most}, or estimator=Difference()")


def _within(
    y: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean at x = 0, the influences of the residuals, and the slope."""
    mean = x.mean(axis=0)
    theta = slope(x - mean, y - y.mean())
    residual = y - y.mean() - (x - mean) @ theta
    free = max(1.0, len(y) - 1.0 - x.shape[1])
    corrected = residual * np.sqrt((len(y) - 1.0) / free) / len(y)
    return float(y.mean() - mean @ theta), corrected, theta
