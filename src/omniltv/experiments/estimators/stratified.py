"""The difference of the arms within strata: stratified and post-stratified."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.experiments.estimators._influence import both, clusters, with_covariance
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["Stratified"]


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
        outcome, _, arms = both(treated, control)
        stratum = _codes((treated.stratum, control.stratum), len(outcome))
        n = np.stack(
            [np.bincount(stratum[arms[:, k]], minlength=stratum.max() + 1) for k in (0, 1)]
        )
        used = n.sum(axis=0) > 0
        if (n[:, used] <= 1).any():
            return ArmMeans.unknown()
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
        return with_covariance(means, influence, arms, clusters(treated, control))


def _codes(sides: tuple[NDArray[np.intp] | None, ...], n: int) -> NDArray[np.intp]:
    given = [side for side in sides if side is not None]
    return np.concatenate(given) if len(given) == len(sides) else np.zeros(n, dtype=np.intp)
