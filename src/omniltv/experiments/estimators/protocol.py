"""What an estimator sees of two arms, and what it returns."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["ArmMeans", "ArmSample", "LiftEstimator", "handled", "p_value_of", "reach_of"]

_HALVINGS = 60


class ArmSample(NamedTuple):
    """The customers of one arm, as an estimator sees them.

    Attributes:
        outcome: Shape (n_customers,).
        covariates: Known before the treatment, of shape (n_customers, n_covariates).
        cluster: Code of the cluster that was assigned as a whole, of shape (n_customers,);
            None if customers were assigned one by one.
        stratum: Code of the stratum, of shape (n_customers,); None without strata.
        received: Whether each customer received the treatment, of shape (n_customers,); None
            if not known.

    Examples:
        >>> side = ArmSample(np.array([3.0, 4.0, 5.0]), np.empty((3, 0)))
        >>> side.outcome.mean().item()
        4.0
    """

    outcome: NDArray[np.float64]
    covariates: NDArray[np.float64]
    cluster: NDArray[np.intp] | None = None
    stratum: NDArray[np.intp] | None = None
    received: NDArray[np.bool_] | None = None


class ArmMeans(NamedTuple):
    """The estimate: the mean outcome with and without the treatment.

    Attributes:
        treated: Estimated mean outcome if all customers were treated.
        control: Estimated mean outcome if no customer was treated.
        covariance: Sampling covariance of (treated, control), of shape (2, 2).
        df: Degrees of freedom of the t distribution of the intervals.

    Examples:
        >>> means = ArmMeans(5.0, 4.0, np.diag([0.2, 0.1]), 98.0)
        >>> means.treated - means.control
        1.0
    """

    treated: float
    control: float
    covariance: NDArray[np.float64]
    df: float

    @classmethod
    def unknown(cls) -> "ArmMeans":
        """Return the means of arms that cannot be compared: NaN.

        Examples:
            >>> ArmMeans.unknown().standard_error
            nan
        """
        return cls(np.nan, np.nan, np.full((2, 2), np.nan), np.nan)

    @property
    def standard_error(self) -> float:
        """Standard error of the difference of the two means."""
        cov = self.covariance
        return float(np.sqrt(np.maximum(0.0, cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])))


@runtime_checkable
class LiftEstimator(Protocol):
    """The plug-in point for an estimator; its laws are in `omniltv.testing.experiment_laws`.

    `lift` and `ltv_lift` join tables, form groups, and compute checks, intervals and relative
    lifts. An estimator only sees two samples. One that uses more than outcomes and covariates has
    an attribute ``handles`` with some of "cluster", "stratum", "compliance" and "confounding"; one
    that does not compare means has "quantile", and ratios are refused. An estimator with other
    intervals than those of the t distribution has a method ``reach(level, means, n)``: half the
    length of the interval in standard errors.

    Examples:
        >>> class Plain:
        ...     name = "plain"
        ...     def estimate(self, treated, control):
        ...         sides = (treated.outcome, control.outcome)
        ...         variances = [side.var(ddof=1) / len(side) for side in sides]
        ...         return ArmMeans(*(s.mean() for s in sides), np.diag(variances), len(sides[0]))
        >>> isinstance(Plain(), LiftEstimator)
        True
    """

    @property
    def name(self) -> str:
        """Name that results show."""
        ...

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the two means; each sample has at least two customers."""
        ...


def handled(estimator: LiftEstimator) -> frozenset[str]:
    """Return what an estimator accounts for; nothing unless it says so.

    Examples:
        >>> class Plain:
        ...     name, handles = "plain", frozenset({"cluster"})
        ...     def estimate(self, treated, control): ...
        >>> sorted(handled(Plain()))
        ['cluster']
    """
    return frozenset(getattr(estimator, "handles", ()))


def reach_of(estimator: LiftEstimator, level: float, means: ArmMeans, n: int) -> float:
    """Return half the length of an interval, in standard errors.

    Examples:
        >>> class Plain:
        ...     name = "plain"
        ...     def estimate(self, treated, control): ...
        >>> round(reach_of(Plain(), 0.95, ArmMeans(1.0, 0.0, np.eye(2), 1e9), 100), 2)
        1.96
    """
    own = getattr(estimator, "reach", None)
    if own is None:
        return float(stats.t.ppf((1 + level) / 2, means.df))
    return float(own(level, means, n))


def p_value_of(estimator: LiftEstimator, gap: float, means: ArmMeans, n: int) -> float:
    """Return one minus the highest level at which the interval excludes zero.

    Args:
        estimator: The estimator, which may have intervals of its own.
        gap: The estimate in standard errors.
        means: What the estimator returned.
        n: Customers of both arms.

    Examples:
        >>> class Plain:
        ...     name = "plain"
        ...     def estimate(self, treated, control): ...
        >>> round(p_value_of(Plain(), 1.96, ArmMeans(1.0, 0.0, np.eye(2), 1e9), 100), 3)
        0.05
    """
    if np.isnan(gap) or np.isnan(means.df):
        return np.nan
    if getattr(estimator, "reach", None) is None:
        return float(2 * stats.t.sf(abs(gap), means.df))
    low, high = -700.0, 0.0  # of the logarithm of the p-value
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        excluded = reach_of(estimator, -np.expm1(middle), means, n) < abs(gap)
        low, high = (low, middle) if excluded else (middle, high)
    return float(np.exp(high))
