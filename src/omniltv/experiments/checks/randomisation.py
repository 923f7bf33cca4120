"""Whether the arms are declared to be drawn at random, if the estimator assumes it."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import checked
from omniltv.experiments.checks.protocol import CheckFinding, Severity, StudyFacts
from omniltv.experiments.estimators.doubly_robust import propensities

__all__ = ["RandomisationCheck"]

_EDGE = 0.05
_MANY = 0.1  # share of customers without counterparts, above which there is a warning


@checked
@dataclass(frozen=True)
class RandomisationCheck:
    """Stop if arms that were not drawn at random are compared as if they were.

    With observational data, also look at the overlap: the share of customers whose estimated
    probability of the treatment is below 5 % or above 95 %. They have no counterparts, and
    `DoublyRobust` leaves them out unless it has another ``trim``.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(2).astype(object),
        ...                    arm=np.array(["a", "b"]), control="a", randomised=False)
        >>> print(RandomisationCheck().look(facts)[0].message)
        the arms were not drawn at random, and the estimator assumes that they were
    """

    name: str = "randomisation"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop without adjustment, or what is known of the overlap."""
        if facts.randomised:
            return ()
        if "confounding" not in facts.handles:
            message = "the arms were not drawn at random, and the estimator assumes that they were"
            hint = "estimator=DoublyRobust() with all causes of the treatment as covariates"
            return (CheckFinding(self.name, "stop", message, hint=hint),)
        if not facts.covariates:
            message = "the arms were not drawn at random, and there are no covariates"
            hint = "Baseline(..., covariates=[...])"
            return (CheckFinding(self.name, "stop", message, hint=hint),)
        return self._overlap(facts)

    def _overlap(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        x = facts.imputed
        apart = np.zeros(len(x), dtype=np.bool_)
        for arm in np.unique(facts.arm).tolist():
            if arm != facts.control:
                side = np.isin(facts.arm, [arm, facts.control])
                chance = propensities(x[side], facts.arm[side] == arm, x[side])
                apart[side] |= (chance < _EDGE) | (chance > 1 - _EDGE)
        n = int(apart.sum())
        if not n:
            return ()
        severity: Severity = "warning" if n > _MANY * len(x) else "note"
        message = f"{n:,} customers have no counterparts in the other arm"
        hint = f"DoublyRobust(trim={_EDGE:g}) leaves them out: the effect is that on the others"
        ids = tuple(facts.customer_id[apart][:5].tolist())
        return (CheckFinding(self.name, severity, message, n, ids, hint),)
