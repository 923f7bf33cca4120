"""Estimators of a treatment's effect: what is done with the outcomes of two arms."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArmMeans", "ArmSample", "Cuped", "Difference", "LiftEstimator", "adjusted_means"]


class ArmSample(NamedTuple):
    """Customers of one arm.

    Attributes:
        outcome: Shape (n_customers,).
        covariates: Known before the treatment, of shape (n_customers, n_covariates).
    """

    outcome: NDArray[np.float64]
    covariates: NDArray[np.float64]


class ArmMeans(NamedTuple):
    """What an estimator says: the mean outcome with and without the treatment.

    Attributes:
        treated: Estimated mean outcome, were everybody treated.
        control: Estimated mean outcome, were nobody.
        covariance: Sampling covariance of (treated, control), of shape (2, 2).
        df: Degrees of freedom of the t distribution that intervals are read from.
    """

    treated: float
    control: float
    covariance: NDArray[np.float64]
    df: float


@runtime_checkable
class LiftEstimator(Protocol):
    """The plug-in point for an estimator; `omniltv.testing.experiment_laws` has its laws.

    Joining tables, groups, checks, intervals and relative lifts are done once, by
    `omniltv.experiments.lift`; an estimator only sees two samples.
    """

    @property
    def name(self) -> str:
        """What the result is labelled with."""
        ...

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the two means; each sample has at least two customers."""
        ...


@dataclass(frozen=True)
class Difference:
    """The difference of the arms' means, with Welch's interval.

    The arms' variances are not taken to be equal, which matters for skewed spending
    (Welch, Biometrika 1947, 28-35; degrees of freedom by Satterthwaite 1946, eq. 17).

    Examples:
        >>> import numpy as np
        >>> nothing = np.empty((3, 0))
        >>> treated = ArmSample(np.array([3.0, 4.0, 5.0]), nothing)
        >>> control = ArmSample(np.array([1.0, 2.0, 3.0]), nothing)
        >>> means = Difference().estimate(treated, control)
        >>> means.treated - means.control
        2.0
    """

    name: str = "difference"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the plain means of both arms."""
        return _from_samples(treated, control, n_covariates=0)


@dataclass(frozen=True)
class Cuped:
    """The difference of means adjusted by what was known before (CUPED).

    Y - theta (X - mean X) has the mean of Y and a smaller variance. Theta, of shape
    (n_covariates,), is the regression of Y on X pooled over both arms, taken from the
    deviations within the arms so that the effect itself does not bend it (Deng, Xu,
    Kohavi, Walker, WSDM 2013, eq. 4 to 6; several covariates by least squares).
    """

    name: str = "cuped"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of both arms, moved to the common mean of the covariates."""
        return _from_samples(treated, control, n_covariates=treated.covariates.shape[1])


def _from_samples(treated: ArmSample, control: ArmSample, *, n_covariates: int) -> ArmMeans:
    sizes = len(treated.outcome), len(control.outcome)
    arms = np.repeat([[True, False], [False, True]], sizes, axis=0)
    outcome = np.concatenate([treated.outcome, control.outcome])
    means = np.array([treated.outcome.mean(), control.outcome.mean()])
    influence = np.where(arms, outcome[:, None] - means, 0.0) / np.array(sizes)
    covariates = np.concatenate([treated.covariates, control.covariates])[:, :n_covariates]
    return adjusted_means(means, influence, arms, covariates)


def adjusted_means(
    means: NDArray[np.float64],
    influence: NDArray[np.float64],
    arms: NDArray[np.bool_],
    covariates: NDArray[np.float64],
) -> ArmMeans:
    """Return two means adjusted by covariates, with the covariance from their influences.

    A mean's influence at a customer is what that customer adds to its sampling error;
    for a plain mean it is (y_i - mean) / n. Their sum of squares is the variance
    (Hampel 1974), whatever the means are made of, so the same adjustment serves a
    plain mean and the mean of a forecast.

    Args:
        means: Of the treated and the control arm, of shape (2,).
        influence: Of shape (n_customers, 2).
        arms: Who is in which of the two, of shape (n_customers, 2).
        covariates: Shape (n_customers, n_covariates); none leaves the means as they are.
    """
    size = arms.sum(axis=0)
    inside = arms.any(axis=1)
    centred = covariates - covariates[inside].mean(axis=0) if len(covariates) else covariates
    arm_means = (arms.T.astype(np.float64) @ centred) / size[:, None]
    within = centred - arms.astype(np.float64) @ arm_means
    theta = _slope(within[inside], (influence * size * arms).sum(axis=1)[inside])
    moved = means - arm_means @ theta
    adjusted = influence - np.where(arms, (within @ theta)[:, None], 0.0) / size
    common = np.where(inside, centred @ theta, 0.0) / inside.sum()
    return _with_covariance(moved, adjusted + common[:, None], arms)


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares slope of centred columns; 0 for columns that do not vary."""
    scale = np.sqrt((x**2).mean(axis=0)) if x.size else np.ones(x.shape[1])
    scale[scale == 0] = 1.0
    solution, *_ = np.linalg.lstsq(x / scale, y, rcond=None)
    return np.asarray(solution, dtype=np.float64) / scale


def _with_covariance(
    means: NDArray[np.float64], influence: NDArray[np.float64], arms: NDArray[np.bool_]
) -> ArmMeans:
    size = arms.sum(axis=0)
    unbiased = 1.0 + (arms / (size - 1.0)).sum(axis=1)  # n / (n - 1) for those in an arm
    covariance = (influence * unbiased[:, None]).T @ influence
    gap = (influence[:, 0] - influence[:, 1]) ** 2 * unbiased
    parts = arms.T.astype(np.float64) @ gap
    shared = float((parts**2 / (size - 1.0)).sum())
    df = float(parts.sum()) ** 2 / shared if shared > 0 else float(size.sum() - 2)
    return ArmMeans(float(means[0]), float(means[1]), covariance, df)
