"""What a long-run method sees of an experiment, and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from omniltv._arrays import Matrix, Objects, Places, Vector
from omniltv._options import Seed, checked
from omniltv.experiments.persistence import Persistence

__all__ = [
    "ArmWeeks",
    "CohortWeeks",
    "JointLongRunMethod",
    "LongRunDraws",
    "LongRunMethod",
    "LongRunSample",
]

_TOO_FEW = 2


class ArmWeeks(NamedTuple):
    """The customers of one arm and what they bought in each week of the window.

    Attributes:
        name: Name of the arm.
        customer_id: Shape (n_customers,).
        orders: Orders by week since the start, of shape (n_customers, n_weeks).
        value: Value by week, same shape.
        covariates: Known before the treatment, of shape (n_customers, n_covariates).
        weight: Weight of each customer, so that strata have equal shares in both arms; their
            mean is 1.
        cluster: Code of the cluster that was assigned as a whole; None if customers were
            assigned one by one.
        treatments: The treatments that the arm gets; none if the arm is a treatment of its own,
            or the control.

    Examples:
        >>> one = np.ones((2, 3))
        >>> arm = ArmWeeks("mail", np.array(["a", "b"], dtype=object), one, 5 * one,
        ...                np.empty((2, 0)), np.ones(2))
        >>> float(arm.value.sum())
        30.0
    """

    name: str
    customer_id: Objects
    orders: Matrix
    value: Matrix
    covariates: Matrix
    weight: Vector
    cluster: Places | None = None
    treatments: tuple[str, ...] = ()


class CohortWeeks(NamedTuple):
    """The customers of an earlier cohort who were never treated.

    Attributes:
        name: Name of the cohort.
        orders: Orders by week since its start, of shape (n_customers, horizon).
        value: Value by week, same shape.
        covariates: Those of the experiment, known before the start of the cohort; NaN if not
            known.

    Examples:
        >>> one = np.ones((2, 3))
        >>> CohortWeeks("2022", one, 5 * one, np.empty((2, 0))).value.shape
        (2, 3)
    """

    name: str
    orders: Matrix
    value: Matrix
    covariates: Matrix


@checked
@dataclass(frozen=True, eq=False)
class LongRunSample:
    """One comparison: an arm, the control, and how value came in before.

    Attributes:
        treated: The arm.
        control: The control arm.
        earlier: Cohorts that were never treated, oldest first.
        discount: Present value of 1 in each week since the start, of shape (horizon,).
        strength: Strength of the treatment in each week, of shape (horizon,).
        persistence: The assumption behind ``strength``.
        rest: The same comparison among the customers outside the group; None if the comparison
            is of all customers, or there are too few outside. A method may borrow from it.

    Examples:
        >>> one = np.ones((2, 1))
        >>> arm = ArmWeeks("mail", np.array(["a", "b"], dtype=object), one, 5 * one,
        ...                np.empty((2, 0)), np.ones(2))
        >>> sample = LongRunSample(arm, arm, (), np.ones(4), np.ones(4), Persistence.none())
        >>> sample.window, sample.horizon
        (1, 4)
    """

    treated: ArmWeeks
    control: ArmWeeks
    earlier: tuple[CohortWeeks, ...]
    discount: Vector
    strength: Vector
    persistence: Persistence
    rest: "LongRunSample | None" = None

    @property
    def window(self) -> int:
        """Number of observed weeks."""
        return int(self.control.orders.shape[1])

    @property
    def horizon(self) -> int:
        """Number of weeks in all."""
        return len(self.discount)

    @property
    def enough(self) -> bool:
        """Whether both arms and every cohort have customers who bought.

        A cohort that is shorter than the horizon counts as enough: methods refuse it by name.
        """
        sides = (self.treated, self.control)
        sizes = [len(side.orders) for side in sides]
        sizes += [len(np.unique(s.cluster)) for s in sides if s.cluster is not None]
        tables = [*(side.value for side in sides), *(one.value for one in self.earlier)]
        sums = [table[:, : self.window].sum() for table in tables]
        if self.horizon > self.window:
            long = [one.value for one in self.earlier if one.value.shape[1] >= self.horizon]
            sums += [value[:, self.window : self.horizon].sum() for value in long]
        return min(sizes) >= _TOO_FEW and bool(np.min(sums) > 0)


class LongRunDraws(NamedTuple):
    """Draws of the lift on discounted value per customer.

    Attributes:
        window: Lift in the observed weeks, of shape (n_draws,).
        beyond: Lift after them, as extrapolated, same shape.
        control: Discounted value of a customer without the treatment over the horizon, same
            shape.
        notes: What was assumed, and how well the method forecast before.

    Examples:
        >>> draws = LongRunDraws(np.ones(3), np.full(3, 4.0), np.full(3, 50.0))
        >>> draws.total.tolist()
        [5.0, 5.0, 5.0]
    """

    window: Vector
    beyond: Vector
    control: Vector
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Vector:
        """Lift over the horizon."""
        return self.window + self.beyond


@runtime_checkable
class LongRunMethod(Protocol):
    """The plug-in point for a long-run method; its laws are in `omniltv.testing.long_run_laws`.

    `long_run_lift` joins tables, forms groups, and computes checks and intervals. A method only
    sees one comparison. One that accounts for clusters or for shares that differ between strata
    has an attribute ``handles`` with "cluster", "stratum" or both.

    Examples:
        >>> class WindowOnly:
        ...     name = "window only"
        ...     def estimate(self, sample, *, seed):
        ...         sides = [side.value.sum(axis=1) for side in (sample.treated, sample.control)]
        ...         error = np.sqrt(sum(side.var(ddof=1) / len(side) for side in sides))
        ...         gap = sides[0].mean() - sides[1].mean()
        ...         draws = np.random.default_rng(seed).normal(gap, error, 4000)
        ...         return LongRunDraws(draws, 0 * draws, 0 * draws + sides[1].mean())
        >>> isinstance(WindowOnly(), LongRunMethod)
        True
    """

    @property
    def name(self) -> str:
        """Name that results show."""
        ...

    def estimate(self, sample: LongRunSample, *, seed: Seed) -> LongRunDraws:
        """Return draws of the lift; each arm has at least two customers."""
        ...


@runtime_checkable
class JointLongRunMethod(LongRunMethod, Protocol):
    """A long-run method that estimates the arms of a factorial experiment together.

    Only such a method gives the interaction of two treatments an interval.

    Examples:
        >>> from omniltv.experiments.long_run import SurrogateIndex, WeeklyDecay
        >>> [isinstance(method, JointLongRunMethod) for method in (WeeklyDecay(), SurrogateIndex())]
        [True, False]
    """

    def estimate_jointly(
        self, samples: Sequence[LongRunSample], *, seed: Seed
    ) -> tuple[LongRunDraws, ...]:
        """Return draws for each arm; row k of all arms is one joint draw.

        Args:
            samples: A comparison for each arm, with one control. Arms that share a treatment
                name it in ``treatments``.
            seed: Seed of the draws.
        """
        ...
