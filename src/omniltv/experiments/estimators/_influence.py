"""Means of two arms with their covariance, from the influence of each customer."""

import numpy as np
from numpy.typing import NDArray

from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["CLUSTERS", "adjusted_means", "both", "clusters", "slope", "with_covariance"]

CLUSTERS = frozenset({"cluster"})


def both(
    treated: ArmSample, control: ArmSample
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return outcomes, covariates and membership of the customers of two arms.

    Examples:
        >>> side = ArmSample(np.array([1.0, 3.0]), np.empty((2, 0)))
        >>> both(side, side)[2].tolist()
        [[True, False], [True, False], [False, True], [False, True]]
    """
    size = (len(treated.outcome), len(control.outcome))
    arms = np.repeat([[True, False], [False, True]], size, axis=0)
    return (
        np.concatenate([treated.outcome, control.outcome]),
        np.concatenate([treated.covariates, control.covariates]),
        arms,
    )


def clusters(treated: ArmSample, control: ArmSample) -> NDArray[np.intp] | None:
    """Return the cluster of each customer of both arms, numbered from zero.

    Examples:
        >>> side = ArmSample(np.ones(2), np.empty((2, 0)), np.array([5, 9]))
        >>> clusters(side, side).tolist()
        [0, 1, 0, 1]
    """
    if treated.cluster is None or control.cluster is None:
        return None
    both = np.concatenate([treated.cluster, control.cluster])
    return np.unique(both, return_inverse=True)[1]


def adjusted_means(treated: ArmSample, control: ArmSample, *, n_covariates: int) -> ArmMeans:
    """Return two means adjusted by covariates, with the covariance from their influences.

    The influence of a customer on a mean is what the customer adds to its sampling error;
    for a plain mean it is (y_i - mean) / n. The sum of squared influences is the variance
    (Hampel 1974).

    Examples:
        >>> side = ArmSample(np.array([1.0, 3.0]), np.empty((2, 0)))
        >>> adjusted_means(side, side, n_covariates=0).treated
        2.0
    """
    outcome, covariates, arms = both(treated, control)
    covariates, size = covariates[:, :n_covariates], arms.sum(axis=0)
    means = np.array([treated.outcome.mean(), control.outcome.mean()])
    deviation = outcome - np.where(arms[:, 0], *means)
    centred = covariates - covariates.mean(axis=0)
    arm_means = (arms.T.astype(np.float64) @ centred) / size[:, None]
    within = centred - arms.astype(np.float64) @ arm_means
    theta = slope(within, deviation)
    residual = np.where(arms, (deviation - within @ theta)[:, None], 0.0) / size
    common = centred @ theta / len(centred)
    return with_covariance(
        means - arm_means @ theta, residual + common[:, None], arms, clusters(treated, control)
    )


def slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares slope on centred columns; 0 for constant columns.

    Examples:
        >>> slope(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([-2.0, 2.0])).round(6).tolist()
        [2.0, 0.0]
    """
    scale = np.sqrt((x**2).mean(axis=0)) if x.size else np.ones(x.shape[1])
    scale[scale == 0] = 1.0
    solution, *_ = np.linalg.lstsq(x / scale, y, rcond=None)
    return np.asarray(solution, dtype=np.float64) / scale


def with_covariance(
    means: NDArray[np.float64],
    influence: NDArray[np.float64],
    arms: NDArray[np.bool_],
    cluster: NDArray[np.intp] | None,
) -> ArmMeans:
    """Return means with the covariance of the influences, added by cluster.

    Args:
        means: Means of the two arms, of shape (2,).
        influence: Of each customer on both means, of shape (n_customers, 2).
        arms: Membership of the two arms, same shape.
        cluster: Cluster of each customer, of shape (n_customers,).

    Examples:
        >>> arms = np.repeat([[True, False], [False, True]], 2, axis=0)
        >>> influence = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
        >>> with_covariance(np.array([1.0, 2.0]), influence, arms, None).df
        2.0
    """
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
