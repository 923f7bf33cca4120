"""Estimators of a treatment effect: the means of two arms from their outcomes."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked

__all__ = ["ArmMeans", "ArmSample", "Cuped", "Difference", "LiftEstimator", "Stratified", "handled"]

_CLUSTERS = frozenset({"cluster"})


class ArmSample(NamedTuple):
    """The customers of one arm, as an estimator sees them.

    Attributes:
        outcome: Shape (n_customers,).
        covariates: Known before the treatment, of shape (n_customers, n_covariates).
        cluster: Code of the cluster that was assigned as a whole, of shape (n_customers,);
            None if customers were assigned one by one.
        stratum: Code of the stratum, of shape (n_customers,); None without strata.

    Examples:
        >>> side = ArmSample(np.array([3.0, 4.0, 5.0]), np.empty((3, 0)))
        >>> side.outcome.mean().item()
        4.0
    """

    outcome: NDArray[np.float64]
    covariates: NDArray[np.float64]
    cluster: NDArray[np.intp] | None = None
    stratum: NDArray[np.intp] | None = None


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


@runtime_checkable
class LiftEstimator(Protocol):
    """The plug-in point for an estimator; its laws are in `omniltv.testing.experiment_laws`.

    `lift` and `ltv_lift` join tables, form groups, and compute checks, intervals and relative
    lifts. An estimator only sees two samples. An estimator that uses their clusters or strata has
    an attribute ``handles``, such as ``frozenset({"cluster"})``.

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
    """Return what an estimator accounts for: "cluster", "stratum"; nothing unless it says so.

    Examples:
        >>> sorted(handled(Stratified()))
        ['cluster', 'stratum']
    """
    return frozenset(getattr(estimator, "handles", ()))


@checked
@dataclass(frozen=True)
class Difference:
    """The difference of the arms' means, with Welch's interval.

    The variances of the arms are not assumed to be equal, which matters for skewed spend
    (Welch, Biometrika 1947, 28-35; degrees of freedom by Satterthwaite 1946, eq. 17). With
    clusters, the influences of the customers are added by cluster before they are squared, and
    the degrees of freedom count clusters (Liang and Zeger, Biometrika 1986, 13-22).

    Examples:
        >>> nothing = np.empty((3, 0))
        >>> treated = ArmSample(np.array([3.0, 4.0, 5.0]), nothing)
        >>> control = ArmSample(np.array([1.0, 2.0, 3.0]), nothing)
        >>> means = Difference().estimate(treated, control)
        >>> means.treated - means.control
        2.0
    """

    handles: ClassVar[frozenset[str]] = _CLUSTERS
    name: str = "difference"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the plain means of both arms.

        Examples:
            >>> side = ArmSample(np.array([3.0, 4.0, 5.0]), np.empty((3, 0)))
            >>> Difference().estimate(side, side).covariance.round(3).tolist()
            [[0.333, 0.0], [0.0, 0.333]]
        """
        return _adjusted_means(treated, control, n_covariates=0)


@checked
@dataclass(frozen=True)
class Cuped:
    """The difference of means adjusted by covariates from before the treatment (CUPED).

    Y - theta (X - mean X) has the mean of Y and a smaller variance. Theta, of shape
    (n_covariates,), is the regression of Y on X, pooled over both arms and computed from
    the deviations within the arms, so that the effect does not enter it (Deng, Xu, Kohavi
    and Walker, WSDM 2013, eq. 4 to 6; several covariates by least squares).

    Examples:
        >>> treated = ArmSample(np.array([5.0, 6.0, 7.0]), np.array([[1.0], [2.0], [3.0]]))
        >>> control = ArmSample(np.array([2.0, 3.0, 4.0]), np.array([[0.0], [1.0], [2.0]]))
        >>> means = Cuped().estimate(treated, control)
        >>> round(means.treated - means.control, 6)
        2.0
    """

    handles: ClassVar[frozenset[str]] = _CLUSTERS
    name: str = "cuped"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of both arms, moved to the common mean of the covariates.

        Examples:
            >>> side = ArmSample(np.array([3.0, 4.0, 8.0]), np.array([[1.0], [2.0], [3.0]]))
            >>> Cuped().estimate(side, side).treated
            5.0
        """
        return _adjusted_means(treated, control, n_covariates=treated.covariates.shape[1])


@checked
@dataclass(frozen=True)
class Stratified:
    """The difference of the arms within strata, weighted by the size of the strata.

    The mean of an arm is the sum over strata of (share of the stratum among the customers of
    both arms) x (mean of the arm in the stratum), so the estimate has no bias if the shares of
    the arms differ between strata (post-stratification; Miratrix, Sekhon and Yu, JRSS B 2013,
    369-396). The means are NaN if an arm has fewer than two customers of a stratum. Without
    strata this is `Difference`.

    Examples:
        >>> nothing = np.empty((4, 0))
        >>> treated = ArmSample(np.array([9.0, 9.0, 9.0, 1.0, 1.0]), np.empty((5, 0)),
        ...                     stratum=np.array([0, 0, 0, 1, 1]))
        >>> control = ArmSample(np.array([9.0, 9.0, 1.0, 1.0, 1.0]), np.empty((5, 0)),
        ...                     stratum=np.array([0, 0, 1, 1, 1]))
        >>> means = Stratified().estimate(treated, control)
        >>> round(means.treated - means.control, 12)
        0.0
    """

    handles: ClassVar[frozenset[str]] = frozenset({"cluster", "stratum"})
    name: str = "stratified"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of both arms, both for the strata of all customers.

        Examples:
            >>> side = ArmSample(np.array([3.0, 4.0, 5.0]), np.empty((3, 0)))
            >>> Stratified().estimate(side, side).treated
            4.0
        """
        size = (len(treated.outcome), len(control.outcome))
        arms = np.repeat([[True, False], [False, True]], size, axis=0)
        outcome = np.concatenate([treated.outcome, control.outcome])
        stratum = _codes((treated.stratum, control.stratum), sum(size))
        n = np.stack(
            [np.bincount(stratum[arms[:, k]], minlength=stratum.max() + 1) for k in (0, 1)]
        )
        used = n.sum(axis=0) > 0
        if (n[:, used] <= 1).any():
            return ArmMeans(np.nan, np.nan, np.full((2, 2), np.nan), np.nan)
        total = np.stack(
            [
                np.bincount(stratum, weights=outcome * arms[:, k], minlength=n.shape[1])
                for k in (0, 1)
            ]
        )
        mean, share = total / np.maximum(n, 1), n.sum(axis=0) / len(outcome)
        means = mean @ share
        within = (outcome[:, None] - mean[:, stratum].T) * (share / np.maximum(n, 1))[:, stratum].T
        influence = np.where(arms, within, 0.0) + (mean[:, stratum].T - means) / len(outcome)
        return _with_covariance(means, influence, arms, _clusters(treated, control))


def _codes(sides: tuple[NDArray[np.intp] | None, ...], n: int) -> NDArray[np.intp]:
    given = [side for side in sides if side is not None]
    return np.concatenate(given) if len(given) == len(sides) else np.zeros(n, dtype=np.intp)


def _clusters(treated: ArmSample, control: ArmSample) -> NDArray[np.intp] | None:
    """Return the cluster of each customer of both arms, numbered from zero."""
    if treated.cluster is None or control.cluster is None:
        return None
    both = np.concatenate([treated.cluster, control.cluster])
    return np.unique(both, return_inverse=True)[1]


def _adjusted_means(treated: ArmSample, control: ArmSample, *, n_covariates: int) -> ArmMeans:
    """Return two means adjusted by covariates, with the covariance from their influences.

    The influence of a customer on a mean is what the customer adds to its sampling error;
    for a plain mean it is (y_i - mean) / n. The sum of squared influences is the variance
    (Hampel 1974).
    """
    size = np.array([len(treated.outcome), len(control.outcome)])
    arms = np.repeat([[True, False], [False, True]], size, axis=0)
    covariates = np.concatenate([treated.covariates, control.covariates])[:, :n_covariates]
    means = np.array([treated.outcome.mean(), control.outcome.mean()])
    deviation = np.concatenate([treated.outcome - means[0], control.outcome - means[1]])
    centred = covariates - covariates.mean(axis=0)
    arm_means = (arms.T.astype(np.float64) @ centred) / size[:, None]
    within = centred - arms.astype(np.float64) @ arm_means
    theta = _slope(within, deviation)
    residual = np.where(arms, (deviation - within @ theta)[:, None], 0.0) / size
    common = centred @ theta / len(centred)
    return _with_covariance(
        means - arm_means @ theta, residual + common[:, None], arms, _clusters(treated, control)
    )


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares slope on centred columns; 0 for constant columns."""
    scale = np.sqrt((x**2).mean(axis=0)) if x.size else np.ones(x.shape[1])
    scale[scale == 0] = 1.0
    solution, *_ = np.linalg.lstsq(x / scale, y, rcond=None)
    return np.asarray(solution, dtype=np.float64) / scale


def _with_covariance(
    means: NDArray[np.float64],
    influence: NDArray[np.float64],
    arms: NDArray[np.bool_],
    cluster: NDArray[np.intp] | None,
) -> ArmMeans:
    if cluster is not None:
        influence, arms = _added(influence, arms, cluster)
    size = arms.sum(axis=0)
    unbiased = 1.0 + (arms / (size - 1.0)).sum(axis=1)  # n / (n - 1) of the own arm
    covariance = (influence * unbiased[:, None]).T @ influence
    gap = (influence[:, 0] - influence[:, 1]) ** 2 * unbiased
    parts = arms.T.astype(np.float64) @ gap
    shared = float((parts**2 / (size - 1.0)).sum())
    df = float(parts.sum()) ** 2 / shared if shared > 0 else float(size.sum() - 2)
    return ArmMeans(float(means[0]), float(means[1]), covariance, df)


def _added(
    influence: NDArray[np.float64], arms: NDArray[np.bool_], cluster: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return influences and arms by cluster; a cluster of two arms counts for its first."""
    n = int(cluster.max()) + 1
    total = np.zeros((n, 2))
    np.add.at(total, cluster, influence)
    _, first = np.unique(cluster, return_index=True)
    return total, arms[first]
