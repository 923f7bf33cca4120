"""Whether customers were left out of the assignment because of their arm."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import checked
from omniltv.experiments.checks.balance import dependence
from omniltv.experiments.checks.protocol import ALARM, CheckFinding, StudyFacts

__all__ = ["AttritionCheck"]


@checked
@dataclass(frozen=True)
class AttritionCheck:
    """Stop if `Assignment.among` left out different shares of the arms (p below 0.001).

    The customers who remain are then different kinds of customers in each arm, also if the
    planned shares are not known.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(100).astype(object), control="a",
        ...     arm=np.repeat(["a", "b"], [60, 40]), left_out=np.repeat(["b"], 20))
        >>> print(AttritionCheck().look(facts)[0].message)
        customers were left out because of their arm: a 0 %, b 33.3 %
    """

    name: str = "attrition"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop with the shares left out."""
        n = len(facts.left_out)
        if not n:
            return ()
        arm = np.concatenate([facts.arm, facts.left_out])
        gone = np.repeat(["in", "out"], [len(facts.arm), n])
        if dependence(gone, arm) >= ALARM:
            return ()
        shares = [
            f"{name} {100 * (gone[arm == name] == 'out').mean():.3g} %" for name in np.unique(arm)
        ]
        message = f"customers were left out because of their arm: {', '.join(shares)}"
        hint = "keep all assigned customers, and count those who are gone as zero"
        return (CheckFinding(self.name, "stop", message, n, hint=hint),)
