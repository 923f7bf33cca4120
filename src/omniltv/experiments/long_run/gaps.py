"""Means of arms in several outcomes at once, adjusted by covariates, and their differences."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from omniltv._arrays import Matrix, Places, Vector
from omniltv.experiments.long_run.protocol import ArmWeeks, LongRunSample

__all__ = ["Gaps", "Means", "gaps", "joint_covariance", "means"]


class Means(NamedTuple):
    """Means of the outcomes of several arms, adjusted to the customers of all of them.

    Attributes:
        mean: Of shape (n_arms, n_outcomes).
        influence: For each arm, what each customer adds to its mean, less the expectation of
            that, of shape (n_customers, n_outcomes).

    Examples:
        >>> Means(np.ones((2, 1)), (np.zeros((3, 1)),) * 2).mean.shape
        (2, 1)
    """

    mean: Matrix
    influence: tuple[Matrix, ...]


class Gaps(NamedTuple):
    """Differences of means, and the means of the control, adjusted to all customers.

    Attributes:
        gap: Treated less control, of shape (n_outcomes,).
        covariance: Sampling covariance of the gaps, over clusters if there are any.
        control: Means of the control, of shape (n_outcomes,).
        control_covariance: Sampling covariance of these means.

    Examples:
        >>> Gaps(np.ones(1), np.eye(1), np.full(1, 4.0), np.eye(1)).gap / 4.0
        array([0.25])
    """

    gap: Vector
    covariance: Matrix
    control: Vector
    control_covariance: Matrix


def means(arms: Sequence[ArmWeeks], outcomes: Sequence[Matrix]) -> Means:
    """Return adjusted means of the columns of several arms (Deng et al. 2013, CUPED).

    One slope per covariate and outcome for all arms, by weighted least squares within arms.

    Examples:
        >>> arm = ArmWeeks("a", np.arange(3).astype(object), np.ones((3, 1)), np.ones((3, 1)),
        ...                np.empty((3, 0)), np.ones(3))
        >>> means([arm, arm], [np.ones((3, 1)), np.full((3, 1), 2.0)]).mean.ravel()
        array([1., 2.])
    """
    rows = [_centred(side, own) for side, own in zip(arms, outcomes, strict=True)]
    moments = [(s.weight[:, None] * z).T @ z for s, (_, z, _, _) in zip(arms, rows, strict=True)]
    crossed = [(s.weight[:, None] * z).T @ y for s, (_, z, _, y) in zip(arms, rows, strict=True)]
    slopes = np.linalg.pinv(sum(moments), rcond=1e-10, hermitian=True) @ sum(crossed)
    sizes = np.array([len(side.orders) for side in arms])
    places = np.stack([x for x, _, _, _ in rows])
    shift = (places - sizes @ places / sizes.sum()) @ slopes
    influence = tuple(
        side.weight[:, None] * (y - z @ slopes) / len(y)
        for side, (_, z, _, y) in zip(arms, rows, strict=True)
    )
    return Means(np.stack([mean for _, _, mean, _ in rows]) - shift, influence)


def joint_covariance(influences: Sequence[Matrix], clusters: Sequence[Places | None]) -> Matrix:
    """Return the covariance of the means of all arms, arm after arm.

    Clusters may have customers in several of the lists, as a store has in several tiers.

    Args:
        influences: Influence of the customers of each list, of shape (n_customers, n_outcomes).
        clusters: Cluster of these customers; None if customers were assigned one by one.

    Examples:
        >>> joint_covariance([np.array([[-1.0], [1.0]])] * 2, [None, None])
        array([[4., 0.],
               [0., 4.]])
    """
    known = [cluster for cluster in clusters if cluster is not None]
    if len(known) < len(clusters):
        return np.asarray(block_diag(*(own.T @ own for own in map(_scaled, influences))))
    codes = np.unique(np.concatenate(known), return_inverse=True)[1]
    width = influences[0].shape[1]
    total = np.zeros((int(codes.max()) + 1, len(influences), width))
    ends = np.cumsum([len(cluster) for cluster in known])[:-1]
    for k, (own, code) in enumerate(zip(influences, np.split(codes, ends), strict=True)):
        place, units = np.unique(code, return_inverse=True)
        summed = np.stack([np.bincount(units, column, len(place)) for column in own.T], axis=1)
        total[place, k] = _scaled(summed)
    flat = total.reshape(len(total), -1)
    answer: Matrix = flat.T @ flat
    return answer


def gaps(sample: LongRunSample, treated: Matrix, control: Matrix) -> Gaps:
    """Return adjusted differences of the columns of two arms.

    Examples:
        >>> from omniltv.experiments import Persistence
        >>> arm = ArmWeeks("a", np.arange(3).astype(object), np.ones((3, 1)), np.ones((3, 1)),
        ...                np.empty((3, 0)), np.ones(3))
        >>> sample = LongRunSample(arm, arm, (), np.ones(1), np.ones(1), Persistence.none())
        >>> outcome = np.array([[1.0], [2.0], [6.0]])
        >>> gaps(sample, outcome + 2.0, outcome).gap
        array([2.])
    """
    sides = (sample.treated, sample.control)
    found = means(sides, (treated, control))
    covariances = [
        joint_covariance([own], [side.cluster])
        for own, side in zip(found.influence, sides, strict=True)
    ]
    gap = found.mean[0] - found.mean[1]
    return Gaps(gap, covariances[0] + covariances[1], found.mean[1], covariances[1])


def _centred(side: ArmWeeks, outcome: Matrix) -> tuple[Vector, Matrix, Vector, Matrix]:
    """Return mean and deviations of the covariates and of the outcomes."""
    covariate_mean, mean = (side.weight @ x / side.weight.sum() for x in (side.covariates, outcome))
    return covariate_mean, side.covariates - covariate_mean, mean, outcome - mean


def _scaled(influence: Matrix) -> Matrix:
    """Return the influence of independent units, so that its squares add up to a covariance."""
    units = len(influence)
    answer: Matrix = influence * np.sqrt(units / (units - 1))
    return answer
