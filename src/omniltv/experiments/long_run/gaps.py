"""Differences between two arms in several outcomes at once, adjusted by covariates."""

from typing import NamedTuple

import numpy as np

from omniltv._arrays import Matrix, Places, Vector
from omniltv.experiments.long_run.protocol import ArmWeeks, LongRunSample

__all__ = ["Gaps", "gaps"]


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


def gaps(sample: LongRunSample, treated: Matrix, control: Matrix) -> Gaps:
    """Return adjusted differences of the columns of two arms (Deng et al. 2013, CUPED).

    One slope per covariate and outcome for both arms, by weighted least squares within arms.

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
    rows = [_centred(side, own) for side, own in zip(sides, (treated, control), strict=True)]
    moments = [
        np.einsum("i,ij,ik->jk", s.weight, z, z)
        for s, (_, z, _, _) in zip(sides, rows, strict=True)
    ]
    crossed = [(s.weight[:, None] * z).T @ y for s, (_, z, _, y) in zip(sides, rows, strict=True)]
    slopes = np.linalg.pinv(sum(moments), rcond=1e-10, hermitian=True) @ sum(crossed)
    sizes = np.array([len(side.orders) for side in sides])
    covariances = [
        _covariance(s.weight[:, None] * (y - z @ slopes), s.cluster)
        for s, (_, z, _, y) in zip(sides, rows, strict=True)
    ]
    (one_x, _, one, _), (other_x, _, other, _) = rows
    centre = (sizes[0] * one_x + sizes[1] * other_x) / sizes.sum()
    means = [one - (one_x - centre) @ slopes, other - (other_x - centre) @ slopes]
    return Gaps(means[0] - means[1], covariances[0] + covariances[1], means[1], covariances[1])


def _centred(side: ArmWeeks, outcome: Matrix) -> tuple[Vector, Matrix, Vector, Matrix]:
    """Return mean and deviations of the covariates and of the outcomes."""
    covariate_mean, mean = (side.weight @ x / side.weight.sum() for x in (side.covariates, outcome))
    return covariate_mean, side.covariates - covariate_mean, mean, outcome - mean


def _covariance(influence: Matrix, cluster: Places | None) -> Matrix:
    """Return the covariance of a mean from the deviations of customers."""
    n = len(influence)
    if cluster is not None:
        codes = np.unique(cluster, return_inverse=True)[1]
        total = np.zeros((int(codes.max()) + 1, influence.shape[1]))
        np.add.at(total, codes, influence)
        influence = total
    units = len(influence)
    answer: Matrix = influence.T @ influence / n**2 * units / (units - 1)
    return answer
