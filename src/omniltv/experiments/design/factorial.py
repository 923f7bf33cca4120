"""Two treatments at once: the effect of each, and their interaction."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.experiments.assignment import Assignment
from omniltv.experiments.design.document import NEITHER, Design
from omniltv.experiments.lift import lift
from omniltv.experiments.result import LiftRow
from omniltv.experiments.tables import Baseline, IntoOutcome

__all__ = ["FactorialEffect", "factorial_lift"]


class FactorialEffect(NamedTuple):
    """An effect of a factorial experiment.

    Attributes:
        effect: Name of the treatment, or ``"a x b"`` for the interaction.
        estimate: For a treatment, its effect averaged over the arms of the other one with
            equal weights. For the interaction, the effect of both less the sum of the
            effects of each alone.
        standard_error: Its standard error.
        low: Lower end of the interval.
        high: Upper end of the interval.

    Examples:
        >>> FactorialEffect("mail x coupon", 1.0, 0.5, 0.02, 1.98).estimate
        1.0
    """

    effect: str
    estimate: float
    standard_error: float
    low: float
    high: float


@checked
def factorial_lift(
    outcome: IntoOutcome,
    assignment: Assignment,
    design: Design,
    *,
    baseline: Baseline | None = None,
) -> tuple[FactorialEffect, FactorialEffect, FactorialEffect]:
    """Return the effects of two treatments and their interaction.

    The effect of the first treatment is estimated among the customers with and without the
    second one. The two estimates have no customer in common, so they are independent.
    Intervals are Normal. If a check of the whole experiment stops, all numbers are NaN.

    Args:
        outcome: As in `omniltv.experiments.lift`.
        assignment: The arms that were assigned by the design.
        design: A design with two factors.
        baseline: Covariates, known before the treatment.

    Raises:
        ConfigError: If the design has no factors, or the assignment is of another design.

    Examples:
        >>> import pandas as pd
        >>> design = Design(name="s", factors={"mail": 0.5, "coupon": 0.5})
        >>> people = pd.DataFrame({"customer_id": range(400)})
        >>> arms = design.assign(people)
        >>> both = people.assign(value=[5.0 if "+" in arm else 1.0 for arm in arms.arm])
        >>> [(found.effect, found.estimate) for found in factorial_lift(both, arms, design)]
        [('mail', 2.0), ('coupon', 2.0), ('mail x coupon', 4.0)]
    """
    if not design.factors:
        hint = "Design(name=..., factors={'mail': 0.5, 'coupon': 0.5})"
        raise ConfigError(f"the design has no factors. Hint: {hint}")
    whole = design.lift(outcome, assignment, baseline=baseline)
    first, second = design.factors
    if whole.withheld:
        names = (first, second, f"{first} x {second}")
        a, b, interaction = (FactorialEffect(name, *[np.nan] * 4) for name in names)
        return a, b, interaction
    pairs = {
        first: ((first, NEITHER), (f"{first}+{second}", second)),
        second: ((second, NEITHER), (f"{first}+{second}", first)),
    }
    simple = {
        name: [_among(outcome, assignment, design, baseline, pair) for pair in both]
        for name, both in pairs.items()
    }
    a, b = (_combined(name, rows, (0.5, 0.5), design.level) for name, rows in simple.items())
    interaction = _combined(f"{first} x {second}", simple[first], (-1.0, 1.0), design.level)
    return a, b, interaction


def _among(
    outcome: IntoOutcome,
    assignment: Assignment,
    design: Design,
    baseline: Baseline | None,
    pair: tuple[str, str],
) -> LiftRow:
    """Return the effect of one arm against another, among their customers."""
    treated, control = pair
    found = lift(
        outcome,
        assignment.among(assignment.customer_id[np.isin(assignment.arm, pair)]),
        estimator=design.declared_estimator,
        control=control,
        baseline=baseline,
        level=design.level,
        checks=(),
    )
    return found.overall(treated)


def _combined(
    name: str, rows: list[LiftRow], weights: tuple[float, float], level: float
) -> FactorialEffect:
    estimate = sum(w * row.estimate for w, row in zip(weights, rows, strict=True))
    pairs = zip(weights, rows, strict=True)
    error = float(np.sqrt(sum((w * row.standard_error) ** 2 for w, row in pairs)))
    reach = float(stats.norm.ppf((1 + level) / 2)) * error
    return FactorialEffect(name, estimate, error, estimate - reach, estimate + reach)
