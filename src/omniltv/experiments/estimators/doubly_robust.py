"""Doubly robust estimation from observational data, with cross-fitting and trimming."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray
from scipy.special import expit

from omniltv._options import checked
from omniltv.experiments.estimators._influence import both
from omniltv.experiments.estimators.protocol import ArmMeans, ArmSample

__all__ = ["DoublyRobust", "propensities"]

_STEPS = 50
_TOLERANCE = 1e-10
_RIDGE = 1e-3  # of the standardised slopes, so that separated arms have finite ones

type Folds = Annotated[int, Interval(ge=2, le=50)]
type Trim = Annotated[float, Interval(ge=0, lt=0.5)]


@checked
@dataclass(frozen=True)
class DoublyRobust:
    """Means of two arms adjusted for covariates on which the treatment depended (AIPW).

    The augmented inverse probability weighted estimate has no bias if the covariates contain
    every common cause of treatment and outcome, and either the model of the treatment
    (logistic regression) or that of the outcome (linear regression in each arm) is right
    (Robins, Rotnitzky and Zhao, JASA 1994, 846-866). Both are fitted without the customers to
    whom they are applied (cross-fitting: Chernozhukov et al., Econometrics Journal 2018,
    C1-C68). Customers whose probability of treatment is outside ``[trim, 1 - trim]`` are left
    out (Crump, Hotz, Imbens and Mitnik, Biometrika 2009, 187-199), so the effect is that on
    customers who could have been in either arm.

    No estimator corrects for a cause that is not among the covariates. The result of `lift`
    says how strong such a cause would have to be; see `robustness`.

    Attributes:
        folds: Number of folds of cross-fitting.
        trim: Smallest probability of either arm.
        name: Name that results show.

    Examples:
        >>> rng = np.random.default_rng(2)
        >>> x = rng.normal(size=4000)
        >>> side = rng.random(4000) < 1 / (1 + np.exp(-x))
        >>> y = 5 * x + 1.0 * side + rng.normal(size=4000)
        >>> means = DoublyRobust().estimate(
        ...     *(ArmSample(y[s], x[s, None]) for s in (side, ~side)))
        >>> 0.8 < means.treated - means.control < 1.2
        True
    """

    handles: ClassVar[frozenset[str]] = frozenset({"confounding"})
    folds: Folds = 5
    trim: Trim = 0.05
    name: str = "doubly robust"

    def estimate(self, treated: ArmSample, control: ArmSample) -> ArmMeans:
        """Return the means of both arms over the customers who could have been in either.

        Examples:
            >>> side = ArmSample(np.arange(20.0), np.empty((20, 0)))
            >>> round(DoublyRobust().estimate(side, side).control, 6)
            9.5
        """
        y, x, arms = both(treated, control)
        fold = _folds(x, y, self.folds)
        chance, predicted = np.empty(len(y)), np.empty((len(y), 2))
        for k in range(self.folds):
            rest, here = fold != k, fold == k
            chance[here] = propensities(x[rest], arms[rest, 0], x[here])
            for arm in (0, 1):
                learnt = rest & arms[:, arm]
                predicted[here, arm] = _linear(x[learnt], y[learnt], x[here])
        kept = (chance >= self.trim) & (chance <= 1 - self.trim)
        n = int(kept.sum())
        if n <= 2:
            return ArmMeans.unknown()
        weight = arms / np.stack([chance, 1 - chance], axis=1).clip(1e-12)
        scores = (predicted + weight * (y[:, None] - predicted))[kept]
        means = scores.mean(axis=0)
        return ArmMeans(float(means[0]), float(means[1]), np.cov(scores.T) / n, n - 2.0)


def propensities(
    x: NDArray[np.float64], treated: NDArray[np.bool_], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of the treatment at covariates, by logistic regression.

    Args:
        x: Covariates that are learnt from, of shape (n_customers, n_covariates).
        treated: Whether each of them is treated, of shape (n_customers,).
        at: Covariates of shape (n_others, n_covariates).

    Examples:
        >>> x = np.arange(100.0)[:, None]
        >>> found = propensities(x, x[:, 0] % 3 > 0, np.array([[50.0]]))
        >>> found.round(2).tolist()
        [0.66]
    """
    mean, sd = x.mean(axis=0), x.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)

    def design(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.ones(len(values)), (values - mean) / sd])

    learnt, share = design(x), treated.mean()
    beta = np.zeros(learnt.shape[1])
    beta[0] = np.log(share / (1 - share)) if 0 < share < 1 else np.copysign(30.0, share - 0.5)
    ridge = np.full(len(beta), _RIDGE)
    ridge[0] = 0.0
    for _ in range(_STEPS if 0 < share < 1 else 0):
        p = expit(learnt @ beta)
        slope = learnt.T @ (treated - p) - ridge * beta
        curve = (learnt * (p * (1 - p))[:, None]).T @ learnt + np.diag(ridge)
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        beta = beta + step
        if np.abs(step).max() < _TOLERANCE:
            break
    return np.asarray(expit(design(at) @ beta), dtype=np.float64)


def _linear(
    x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return predictions of a linear regression, the mean of no customers being 0."""
    if not len(y):
        return np.zeros(len(at))
    mean, sd = x.mean(axis=0), x.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    beta, *_ = np.linalg.lstsq((x - mean) / sd, y - y.mean(), rcond=None)
    return np.asarray(y.mean() + (at - mean) / sd @ beta, dtype=np.float64)


def _folds(x: NDArray[np.float64], y: NDArray[np.float64], folds: int) -> NDArray[np.intp]:
    """Return folds that depend on the data of a customer only, not on the order of rows."""
    order = np.lexsort((y, *x.T))
    fold = np.empty(len(y), dtype=np.intp)
    fold[order] = np.arange(len(y)) % folds
    return fold
