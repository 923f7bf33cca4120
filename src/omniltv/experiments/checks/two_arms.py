"""Whether people were in two arms, because their records were merged after the assignment."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import checked
from omniltv.experiments.checks.balance import dependence
from omniltv.experiments.checks.protocol import ALARM, CheckFinding, StudyFacts

__all__ = ["TwoArmsCheck"]


@checked
@dataclass(frozen=True)
class TwoArmsCheck:
    """Warn of people who were in two arms; stop if leaving them out made the arms differ.

    `follow_identities` leaves out customers whose former ids were in different arms, and counts
    the former ids of the others. There is a stop if customers with several ids are more frequent
    in one arm (p below 0.001): with unequal shares, fewer of them remain in the smaller arm; and a
    treatment that makes people sign in lets their records be merged.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(3).astype(object), control="a",
        ...                    arm=np.array(["a", "b", "b"]), two_arms=(7, 8))
        >>> print(TwoArmsCheck().look(facts)[0].message)
        2 customers were in two arms under different ids, and are left out
    """

    name: str = "two_arms"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a warning with the customers left out, and a stop if the arms differ."""
        found: list[CheckFinding] = []
        n = len(facts.two_arms)
        if n:
            message = f"{n:,} customers were in two arms under different ids, and are left out"
            hint = "assign after records are linked, by the ids of an IdentityStore"
            found.append(CheckFinding(self.name, "warning", message, n, facts.two_arms[:5], hint))
        if facts.n_ids is None:
            return tuple(found)
        several = facts.n_ids > 1
        if dependence(np.where(several, "several", "one"), facts.arm) < ALARM:
            shares = ", ".join(
                f"{arm} {100 * several[facts.arm == arm].mean():.3g} %"
                for arm in np.unique(facts.arm).tolist()
            )
            message = f"customers with several former ids are not as frequent in all arms: {shares}"
            hint = "follow_identities(..., several='none') leaves them out"
            found.append(CheckFinding(self.name, "stop", message, int(several.sum()), hint=hint))
        return tuple(found)
