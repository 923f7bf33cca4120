"""The design of an experiment, as a document: written before the start, and analysed after."""

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from math import fsum, isclose, prod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from omniltv._columns import labels, read_ids
from omniltv._config import Written
from omniltv._frames import IntoTable, collect
from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.experiments._hashing import uniform
from omniltv.experiments.assignment import Assignment, assign
from omniltv.experiments.estimators import (
    Cuped,
    Difference,
    LiftEstimator,
    Regression,
    Stratified,
)
from omniltv.experiments.lift import lift
from omniltv.experiments.result import Lift
from omniltv.experiments.tables import Baseline, IntoOutcome

__all__ = ["NEITHER", "Design", "Layer"]

NEITHER = "neither"
_TWO = 2
_ESTIMATORS: Mapping[str, LiftEstimator] = {
    "difference": Difference(),
    "cuped": Cuped(),
    "regression": Regression(),
    "stratified": Stratified(),
}

type EstimatorName = Literal["difference", "cuped", "regression", "stratified"]
type ShareOfArm = Annotated[float, Field(gt=0, lt=1)]
type Shares = dict[str, ShareOfArm]
type Place = Annotated[float, Field(ge=0, le=1)]


@checked
class Layer(Written):
    """A share of the customers that one experiment takes, so that others leave them alone.

    The customers of a layer are placed in [0, 1) by a hash of the layer's name. Experiments
    of one layer with disjoint ranges have no customer in common. Experiments of different
    layers are independent (Tang, Agarwal, O'Brien and Meyer, KDD 2010, section 4).

    Attributes:
        name: Name of the layer.
        start: Start of the range.
        end: End of the range, which does not belong to it.

    Examples:
        >>> Layer(name="mail", end=0.5).takes(["a", "b", "c"]).tolist()
        [False, True, False]
    """

    name: Annotated[str, Field(min_length=1)]
    start: Place = 0.0
    end: Place = 1.0

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be below end")
        return self

    def takes(self, keys: list[object]) -> NDArray[np.bool_]:
        """Return whether each key is in the range, of shape (n_keys,).

        Examples:
            >>> Layer(name="mail").takes([1, 2]).tolist()
            [True, True]
        """
        place = uniform(keys, self.name)
        return (place >= self.start) & (place < self.end)


@checked
class Design(Written):
    """The design of an experiment: written before the start, and analysed after.

    Attributes:
        version: Version of the form of this document.
        name: Name of the experiment; the salt of its assignment.
        arms: Share of each arm. Empty with ``factors``.
        control: The arm to compare with; ``"neither"`` with ``factors``.
        factors: Two treatments and the share that gets each. They are assigned
            independently: the arms are ``"neither"``, each alone, and both (``"a+b"``).
        strata: Columns whose combinations are the strata.
        by_stratum: Shares of the strata whose shares differ from ``arms``.
        unit: Column of what is assigned as a whole, such as the household or the store; None
            for the customer.
        start: Start of the treatment, as an ISO date or time; None if not known yet.
        days: Number of days that outcomes are observed.
        metrics: Names of the outcomes that will be tested.
        estimator: Estimator of the analysis.
        level: Level of the intervals; one minus it is the probability of a false alarm.
        hold_out: Customers whom no experiment may treat. An experiment leaves out this range
            of the layer.
        layer: Range of customers that this experiment takes; None for all.

    Examples:
        >>> design = Design(name="spring", arms={"control": 0.5, "mail": 0.5}, control="control",
        ...                 start="2026-04-01", days=56, metrics=("value",))
        >>> Design.from_yaml(design.to_yaml()) == design
        True
        >>> import pandas as pd
        >>> design.assign(pd.DataFrame({"customer_id": range(1000)}))
        Assignment(1,000 customers: control 472, mail 528)
    """

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1)]
    arms: Shares = Field(default_factory=dict)
    control: str = NEITHER
    factors: Shares = Field(default_factory=dict)
    strata: tuple[str, ...] = ()
    by_stratum: dict[str, Shares] = Field(default_factory=dict)
    unit: str | None = None
    start: str | None = None
    days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    metrics: tuple[str, ...] = ()
    estimator: EstimatorName = "difference"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    hold_out: Layer | None = None
    layer: Layer | None = None

    @field_validator("start")
    @classmethod
    def _is_a_time(cls, start: str | None) -> str | None:
        if start is not None:
            datetime.fromisoformat(start)
        return start

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if bool(self.arms) == bool(self.factors):
            raise ValueError("give either arms or factors")
        if self.factors and len(self.factors) != _TWO:
            raise ValueError("factors are two treatments")
        if not isclose(fsum(self.shares.values()), 1.0, abs_tol=1e-9):
            raise ValueError(f"shares add up to {fsum(self.shares.values()):g}, not 1")
        if self.control not in self.shares:
            raise ValueError(f"control {self.control!r} is not one of {', '.join(self.shares)}")
        if self.by_stratum and (self.estimator != "stratified" or not self.strata):
            raise ValueError("by_stratum needs strata and estimator: stratified")
        if self.unit is not None and self.strata:
            raise ValueError("strata of customers cannot be kept if a unit is assigned")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Share of each arm, in the order of the names."""
        if not self.factors:
            return dict(sorted(self.arms.items()))
        made = {}
        for taken in product((False, True), repeat=len(self.factors)):
            given = [name for name, yes in zip(self.factors, taken, strict=True) if yes]
            parts = zip(self.factors.values(), taken, strict=True)
            made["+".join(given) or NEITHER] = prod(p if yes else 1 - p for p, yes in parts)
        return dict(sorted(made.items()))

    @property
    def treatments(self) -> dict[str, tuple[str, ...]]:
        """The treatments of each arm but the control; an arm without factors is its own."""
        names = [arm for arm in self.shares if arm != self.control]
        if not self.factors:
            return {arm: (arm,) for arm in names}
        return {
            arm: tuple(name for name in self.factors if name in arm.split("+")) for arm in names
        }

    @property
    def begins(self) -> datetime | None:
        """Start of the treatment as a time."""
        return None if self.start is None else datetime.fromisoformat(self.start)

    @property
    def declared_estimator(self) -> LiftEstimator:
        """The estimator of the analysis."""
        return _ESTIMATORS[self.estimator]

    def assign(self, customers: IntoTable) -> Assignment:
        """Return the arm of each customer that this experiment takes.

        Args:
            customers: A frame with ``customer_id``, the strata and the unit.

        Raises:
            DataError: If a column is absent, or an id is missing or repeated.

        Examples:
            >>> import pandas as pd
            >>> design = Design(name="s", factors={"mail": 0.5, "coupon": 0.5})
            >>> design.assign(pd.DataFrame({"customer_id": range(400)})).arms
            ('coupon', 'mail', 'mail+coupon', 'neither')
        """
        table = collect(customers, "customers")
        ids = read_ids(table, "customer_id", "customers")
        key = ids if self.unit is None else labels(table, self.unit, "customers", ids=ids)
        inside = self._takes(key.tolist())
        return assign(
            table.filter(inside.tolist()).to_native(),
            arms=self.shares,
            salt=self.name,
            strata=self.strata or None,
            cluster=self.unit,
            start=self.begins,
            by_stratum=self.by_stratum,
        )

    def _takes(self, keys: list[object]) -> NDArray[np.bool_]:
        inside = np.ones(len(keys), dtype=np.bool_)
        if self.layer is not None:
            inside &= self.layer.takes(keys)
        if self.hold_out is not None:
            inside &= ~self.hold_out.takes(keys)
        return inside

    def lift(
        self, outcome: IntoOutcome, assignment: Assignment, *, baseline: Baseline | None = None
    ) -> Lift:
        """Return the effect of each arm, by the estimator and at the level of this document.

        Args:
            outcome: As in `omniltv.experiments.lift`.
            assignment: The arms that were assigned by this design.
            baseline: Covariates and groups, known before the treatment.

        Raises:
            ConfigError: If the assignment has other arms, shares or another start.

        Examples:
            >>> import pandas as pd
            >>> design = Design(name="s", arms={"a": 0.5, "b": 0.5}, control="a")
            >>> people = pd.DataFrame({"customer_id": range(100), "value": range(100)})
            >>> design.lift(people, design.assign(people)).control
            'a'
        """
        self._refuse_other(assignment)
        return lift(
            outcome,
            assignment,
            estimator=self.declared_estimator,
            control=self.control,
            baseline=baseline,
            level=self.level,
        )

    def _refuse_other(self, assignment: Assignment) -> None:
        """Raise ConfigError if an assignment is not one of this design."""
        alike = {
            "shares": _alike(assignment.shares, self.shares),
            "by_stratum": assignment.by_stratum.keys() == self.by_stratum.keys()
            and all(_alike(assignment.by_stratum[k], own) for k, own in self.by_stratum.items()),
            "start": assignment.start == self.begins,
        }
        wrong = [name for name, same in alike.items() if not same]
        if wrong:
            hint = "Assignment.from_frame(frame, shares=..., by_stratum=..., start=...)"
            message = f"the assignment differs from the design in: {', '.join(wrong)}"
            raise ConfigError(f"{message}. Hint: {hint}")


def _alike(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Return whether the shares of two plans are the same, apart from rounding."""
    return one.keys() == other.keys() and all(
        isclose(share, other[arm], abs_tol=1e-9) for arm, share in one.items()
    )
