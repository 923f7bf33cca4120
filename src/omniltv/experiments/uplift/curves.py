"""Qini and uplift curves: what is gained if customers are treated in the order of their effects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._arrays import Flags, Matrix, Vector
from omniltv._frames import Tabular
from omniltv._options import checked
from omniltv.errors import DataError

__all__ = ["UpliftCurve", "qini_curve", "uplift_curve"]

type CurveKind = Literal["qini", "uplift"]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class UpliftCurve(Tabular):
    """Gain by the share of customers treated; created by `qini_curve` and `uplift_curve`.

    Attributes:
        share: Share of the customers with the largest effects, from 0 to 1.
        gain: Gain of treating them, in outcome per customer of the whole population.
        best: Area between the curve of the best possible order and the straight line.

    Examples:
        >>> curve = qini_curve([1.0, 0.0, 0.0, 0.0], [1, 0, 1, 0], [0.9, 0.8, 0.1, 0.0])
        >>> curve.share.tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
        >>> curve.gain.tolist()
        [0.0, 0.5, 0.5, 0.5, 0.5]
    """

    share: Vector
    gain: Vector
    best: float

    @property
    def area(self) -> float:
        """Area between the curve and the straight line to its end (treating at random).

        Examples:
            >>> qini_curve([1.0, 0.0, 0.0, 0.0], [1, 0, 1, 0], [0.9, 0.8, 0.1, 0.0]).area
            0.1875
        """
        return _area(self.share, self.gain)

    @property
    def coefficient(self) -> float:
        """The area as a share of that of the best possible order.

        For the Qini curve this is the Qini coefficient Q of Radcliffe (2007): 0 for an order at
        random, negative for a worse one. The best possible order has the treated with the largest
        outcomes first and the controls with the largest outcomes last, so it allows for negative
        effects. No learner comes near 1: outcomes of single customers are mostly chance.

        Examples:
            >>> qini_curve([1.0, 0.0, 0.0, 0.0], [1, 0, 1, 0], [0.9, 0.8, 0.1, 0.0]).coefficient
            1.0
        """
        return self.area / self.best if self.best > 0 else float("nan")

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns ``share`` and ``gain``.

        Examples:
            >>> list(qini_curve([1.0, 0.0], [1, 0], [0.9, 0.8]).columns())
            ['share', 'gain']
        """
        return {"share": self.share, "gain": self.gain}

    def __repr__(self) -> str:
        return f"UpliftCurve(coefficient {self.coefficient:.4f}, area {self.area:.4g})"


@checked
def qini_curve(
    outcome: ArrayLike,
    treated: ArrayLike,
    effect: ArrayLike,
    *,
    propensity: ArrayLike | None = None,
) -> UpliftCurve:
    """Return the Qini curve (Radcliffe 2007, Direct Marketing Analytics Journal 1, 14-21).

    Customers are sorted by effect. Among the first k of them, the gain is the outcome of the
    treated minus that of the controls, scaled to as many customers as were treated:
    ``R_t - R_c N_t / N_c``, divided by the number of all treated. Customers of equal effect enter
    together.

    Libraries normalise in other ways: causalml divides the curve by its end, and scikit-uplift
    starts from the same curve and divides areas by that of the best order, as `coefficient` does.
    Compare learners with one function only.

    Args:
        outcome: Outcomes, of shape (n_customers,).
        treated: Whether each customer was assigned to the treatment, same shape.
        effect: Effect of each customer, by a learner that did not see the customer.
        propensity: Probability of the treatment, same shape; the share of the treated if None.

    Raises:
        DataError: If lengths differ, values are missing or infinite, an arm is empty, or a
            propensity is not inside (0, 1).

    Examples:
        >>> rng = np.random.default_rng(1)
        >>> x, treated = rng.normal(size=4000), rng.random(4000) < 0.5
        >>> outcome = rng.normal(size=4000) + x * treated
        >>> bool(qini_curve(outcome, treated, x).area > 0 > qini_curve(outcome, treated, -x).area)
        True
    """
    return _curve("qini", _Scored.of(outcome, treated, effect, propensity))


@checked
def uplift_curve(
    outcome: ArrayLike,
    treated: ArrayLike,
    effect: ArrayLike,
    *,
    propensity: ArrayLike | None = None,
) -> UpliftCurve:
    """Return the uplift curve: the difference of means so far, times the share of customers.

    Among the first k of n customers by effect, the gain is ``(R_t / N_t - R_c / N_c) k / n``, as
    long as both arms have customers. It differs from the Qini curve where the share of the
    treated differs from that of the whole.

    Args:
        outcome: Outcomes, of shape (n_customers,).
        treated: Whether each customer is in the treated arm, same shape.
        effect: What customers are sorted by, such as out-of-sample effects, same shape.
        propensity: Probability of the treatment, same shape; the share of the treated if None.

    Raises:
        DataError: If lengths differ, values are missing or infinite, an arm is empty, or a
            propensity is not inside (0, 1).

    Examples:
        >>> curve = uplift_curve([3.0, 1.0, 2.0, 2.0], [1, 0, 1, 0], [0.9, 0.9, 0.1, 0.1])
        >>> curve.gain.tolist()
        [0.0, 1.0, 1.0]
    """
    return _curve("uplift", _Scored.of(outcome, treated, effect, propensity))


@dataclass(frozen=True, eq=False)
class _Scored:
    """Customers with effects.

    Attributes:
        outcome: Outcomes, of shape (n,).
        weight: One over the probability of the arm in the column of the arm (treated first),
            of shape (n, 2).
        effect: Effects, of shape (n,).
        treated: Whether each is treated.
    """

    outcome: Vector
    weight: Matrix
    effect: Vector
    treated: Flags

    @classmethod
    def of(
        cls, outcome: ArrayLike, treated: ArrayLike, effect: ArrayLike, propensity: ArrayLike | None
    ) -> "_Scored":
        y, side, score = (_numbers(own, name) for own, name in (
            (outcome, "outcome"), (treated, "treated"), (effect, "effect")))  # fmt: skip
        chance = None if propensity is None else _numbers(propensity, "propensity")
        given = [own for own in (y, side, score, chance) if own is not None]
        if len({len(own) for own in given}) > 1:
            sizes = zip(given, ("outcomes", "arms", "effects", "propensities"), strict=False)
            said = ", ".join(f"{len(own)} {name}" for own, name in sizes)
            raise DataError(said, column="outcome", hint="one of each per customer")
        if np.unique(side).tolist() != [0.0, 1.0]:
            hint = "True for the treatment and False for the control, both there"
            raise DataError("not two arms", column="treated", hint=hint)
        if chance is None:
            chance = np.full(len(side), side.mean())
        bad = (chance <= 0) | (chance >= 1)
        if bad.any():
            raise DataError(
                "not inside (0, 1)", column="propensity", rows=np.flatnonzero(bad).tolist()
            )
        weight = np.stack([side / chance, (1.0 - side) / (1.0 - chance)], axis=1)
        return cls(y, weight, score, side > 0)


def _numbers(values: ArrayLike, name: str) -> Vector:
    try:
        read = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("not numbers", column=name, hint="an array of numbers") from error
    if read.ndim != 1 or not np.isfinite(read).all():
        rows = [] if read.ndim != 1 else np.flatnonzero(~np.isfinite(read)).tolist()
        raise DataError("not a finite number per customer", column=name, rows=rows)
    return read


def _curve(kind: CurveKind, scored: _Scored) -> UpliftCurve:
    share, gain = _traced(kind, scored, scored.effect)
    ideal = _traced(kind, scored, scored.outcome * np.where(scored.treated, 1.0, -1.0))
    return UpliftCurve(share, gain, _area(*ideal))


def _traced(kind: CurveKind, scored: _Scored, effect: Vector) -> tuple[Vector, Vector]:
    """Return shares and gains after each distinct effect, from the largest to the smallest."""
    order = np.argsort(-effect, kind="stable")
    last = np.append(np.flatnonzero(np.diff(effect[order])), len(order) - 1)
    weight = scored.weight[order]
    count = np.cumsum(weight, axis=0)[last]
    total = np.cumsum(weight * scored.outcome[order, None], axis=0)[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(count > 0, total / count, 0.0)
    share = (last + 1) / len(order)
    if kind == "qini":
        gain = (total[:, 0] - mean[:, 1] * count[:, 0]) / scored.weight[:, 0].sum()
    else:
        gain = (mean[:, 0] - mean[:, 1]) * share * (count > 0).all(axis=1)
    return np.append(0.0, share), np.append(0.0, gain)


def _area(share: Vector, gain: Vector) -> float:
    steps = np.diff(share) * (gain[1:] + gain[:-1]) / 2.0
    return float(steps.sum() - gain[-1] / 2.0)
