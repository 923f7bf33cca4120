"""Whether customers received the treatment that they were assigned to."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import checked
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["ComplianceCheck"]

_STRONG = 10.0  # F statistic of the first stage (Staiger and Stock, Econometrica 1997)


@checked
@dataclass(frozen=True)
class ComplianceCheck:
    """Note that not everybody received the treatment; stop if a complier effect is not identified.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(4).astype(object), control="a",
        ...     arm=np.array(["a", "a", "b", "b"]), received=np.array([False, False, True, False]))
        >>> print(ComplianceCheck().look(facts)[0].message)
        received by a 0 %, b 50 %: the estimate is the effect of the assignment
    """

    name: str = "compliance"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a note, or a stop if the assignment hardly changed who received it."""
        if facts.received is None:
            return self._unknown() if "compliance" in facts.handles else ()
        got = facts.received.astype(np.float64)
        arms = np.unique(facts.arm).tolist()
        share = {arm: float(got[facts.arm == arm].mean()) for arm in arms}
        said = ", ".join(f"{arm} {100 * p:.3g} %" for arm, p in share.items())
        if "compliance" not in facts.handles:
            if all(share[arm] == float(arm != facts.control) for arm in arms):
                return ()
            message = f"received by {said}: the estimate is the effect of the assignment"
            hint = "estimator=Compliers() estimates the effect on those who complied"
            return (CheckFinding(self.name, "note", message, hint=hint),)
        base = got[facts.arm == facts.control]
        weak = [arm for arm in arms if arm != facts.control and len(base)
                and _first_stage(got[facts.arm == arm], base) < _STRONG]  # fmt: skip
        if not weak:
            return ()
        message = f"received by {said}: too small a difference for an effect on compliers"
        return (CheckFinding(self.name, "stop", message, hint="estimator=Difference()"),)

    def _unknown(self) -> tuple[CheckFinding, ...]:
        message = "it is not known who received the treatment"
        hint = "Outcome(..., received='column')"
        return (CheckFinding(self.name, "stop", message, hint=hint),)


def _first_stage(one: np.ndarray, base: np.ndarray) -> float:
    """Return the F statistic of a difference of shares."""
    gap = float(one.mean() - base.mean())
    variance = float(one.var() / len(one) + base.var() / len(base))
    return np.inf if variance == 0 and gap != 0 else gap**2 / variance if variance else 0.0
