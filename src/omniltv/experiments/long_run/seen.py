"""What the window shows of the arms of an experiment, as effects on logarithms."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv.experiments.long_run.gaps import joint_covariance, means
from omniltv.experiments.long_run.incoming import Incoming
from omniltv.experiments.long_run.protocol import ArmWeeks, LongRunSample

__all__ = ["Seen", "SeenGroup"]

_FLOOR = 0.1  # of the mean week, as the orders of a week in which few are expected


@dataclass(frozen=True, eq=False)
class SeenGroup:
    """The customers of one group, or those outside it, in all arms.

    Attributes:
        incoming: How value comes in without the treatment.
        mean: Mean orders by week, value, and a zero for value per order; the control first, of
            shape (n_arms + 1, window + 2).
        per_order: Logarithm of value per order, of shape (n_arms + 1,).
        value_error: Relative standard error of the control's value.

    Examples:
        >>> from omniltv.experiments.long_run.incoming import Decline
        >>> incoming = Incoming(np.array([2.0, 1.0]), np.array([6.0, 3.0]), Decline(1.0, 1.0),
        ...                     0.0, 0.1, ())
        >>> mean = np.array([[4.0, 12.0, 0.0], [5.0, 15.0, 0.0]])
        >>> SeenGroup(incoming, mean, np.log([3.0, 3.0]), 0.1).value
        array([12.,  6.])
    """

    incoming: Incoming
    mean: Matrix
    per_order: Vector
    value_error: float

    @property
    def window(self) -> int:
        """Number of observed weeks."""
        return int(self.mean.shape[1]) - 2

    @property
    def orders(self) -> Vector:
        """Expected orders of the control by week, of shape (window,)."""
        usual = self.incoming.orders[: self.window]
        weekly = self.mean[0, : self.window].sum() / usual.sum() * usual
        return np.maximum(weekly, _FLOOR * weekly.mean())

    @property
    def value(self) -> Vector:
        """Expected value of the control by week, of shape (horizon,)."""
        usual = self.incoming.value
        answer: Vector = self.mean[0, self.window] / usual[: self.window].sum() * usual
        return answer

    def share(self, strength: Vector) -> float:
        """Return the share of the window's value for which the treatment is on."""
        paid = self.value[: self.window]
        return float(paid @ strength[: self.window] / paid.sum())


@dataclass(frozen=True, eq=False)
class Seen:
    """All arms in a group and, if there is one, outside it.

    Attributes:
        places: The group first.
        covariance: Sampling covariance of the means of all places, arm after arm.

    Examples:
        >>> from omniltv.experiments import Persistence
        >>> from omniltv.experiments.long_run import CohortWeeks
        >>> none, ids = np.empty((3, 0)), np.arange(3).astype(object)
        >>> mail, control = (ArmWeeks(name, ids, own, 9 * own, none, np.ones(3))
        ...                  for name, own in (("mail", np.full((3, 2), 1.5)),
        ...                                    ("control", np.ones((3, 2)))))
        >>> earlier = (CohortWeeks("2024", np.ones((3, 4)), np.ones((3, 4)), none),)
        >>> sample = LongRunSample(mail, control, earlier, np.ones(4), np.ones(4),
        ...                        Persistence.none())
        >>> seen = Seen.of([sample], drift=0.1)
        >>> np.exp(seen.ratios(np.log(np.full((1, 2), 1.5)))[0]).round(3)
        array([1.5, 1.5, 1. ])
    """

    places: tuple[SeenGroup, ...]
    covariance: Matrix

    @classmethod
    def of(cls, samples: Sequence[LongRunSample], drift: float) -> Self:
        """Return what is seen of several arms with one control."""
        rest = [sample.rest for sample in samples]
        together = [list(samples), [one for one in rest if one is not None]]
        found = [_place(own, drift) for own in together if len(own) == len(samples)]
        influence = list(chain.from_iterable(own for _, own, _ in found))
        clusters = [side.cluster for _, _, sides in found for side in sides]
        covariance = joint_covariance(influence, clusters)
        return cls(tuple(place for place, _, _ in found), covariance)

    def ratios(self, expected: Matrix) -> tuple[Vector, Matrix]:
        """Return logarithms of treated over control around an expectation, and their errors.

        To first order around ``expected``, so that a week without orders has a finite value.

        Args:
            expected: Logarithms of the ratios of mean orders, place by place and arm by arm, of
                shape (n_places * n_arms, window).

        Returns:
            The orders of each week, then value per order, arm by arm, of shape
            (n_places * n_arms * (window + 1),); and the sampling covariance.
        """
        parts = [
            _ratios(place, own)
            for place, own in zip(self.places, np.split(expected, len(self.places)), strict=True)
        ]
        rows, columns = sum(len(own) for own, _ in parts), len(self.covariance)
        slopes, row, column = np.zeros((rows, columns)), 0, 0
        for own, slope in parts:
            slopes[row : row + len(own), column : column + slope.shape[1]] = slope
            row, column = row + len(own), column + slope.shape[1]
        return np.concatenate([own for own, _ in parts]), slopes @ self.covariance @ slopes.T


def _ratios(place: SeenGroup, expected: Matrix) -> tuple[Vector, Matrix]:
    """Return the logarithms of the ratios, and their derivatives by the means."""
    window, n_arms = place.window, len(expected)
    slopes = np.zeros((n_arms, window + 1, n_arms + 1, window + 2))
    week, arm = np.arange(window), np.arange(n_arms)[:, None]
    slopes[arm, week, arm + 1, week] = 1 / (place.orders * np.exp(expected))
    slopes[:, week, 0, week] = -1 / place.orders
    slopes[arm[:, 0], window, arm[:, 0] + 1, window + 1] = 1.0
    slopes[:, window, 0, window + 1] = -1.0
    flat = slopes.reshape(n_arms * (window + 1), -1)
    known = np.column_stack([expected, place.per_order[1:] - place.per_order[0]])
    return known.ravel() + flat @ place.mean.ravel(), flat


def _place(
    samples: Sequence[LongRunSample], drift: float
) -> tuple[SeenGroup, tuple[Matrix, ...], list[ArmWeeks]]:
    """Return what is seen in a place, the influence of its customers, and its arms."""
    first = samples[0]
    arms = [first.control, *(sample.treated for sample in samples)]
    found = means(arms, [_outcomes(arm) for arm in arms])
    per_order = np.log([_mean(arm, _value(arm)) / _mean(arm, _orders(arm)) for arm in arms])
    own = joint_covariance(found.influence[:1], [first.control.cluster])
    error = np.sqrt(own[first.window, first.window]) / found.mean[0, first.window]
    place = SeenGroup(Incoming.of(first, drift), found.mean, per_order, float(error))
    return place, found.influence, arms


def _outcomes(arm: ArmWeeks) -> Matrix:
    """Return orders by week, value, and the influence on log value per order of each customer."""
    orders, value = _orders(arm), _value(arm)
    influence = value / _mean(arm, value) - orders / _mean(arm, orders)
    return np.column_stack([arm.orders, value, influence])


def _orders(arm: ArmWeeks) -> Vector:
    return np.asarray(arm.orders.sum(axis=1))


def _value(arm: ArmWeeks) -> Vector:
    return np.asarray(arm.value.sum(axis=1))


def _mean(arm: ArmWeeks, outcome: Vector) -> float:
    return float(arm.weight @ outcome / arm.weight.sum())
