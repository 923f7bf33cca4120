"""Whether the control was treated, too: directly, or in the same household."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["ContaminationCheck"]

_FEW = 0.01  # share up to which the dilution is small beside any standard error


@checked
@dataclass(frozen=True)
class ContaminationCheck:
    """Warn if more than 1 % of the control received the treatment, or live with those who did.

    Needs ``received=`` of the outcome, or ``household=`` of the baseline. The effect is then that
    of a smaller difference in treatment, so it is too small. This is counted, not tested: an
    experiment in which it does not happen is never warned of. `Compliers` estimates the effect of
    what was received, so the first warning is left out for it.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(4).astype(object), control="a",
        ...     arm=np.array(["a", "a", "b", "b"]), received=np.array([True, False, True, True]))
        >>> print(ContaminationCheck().look(facts)[0].message)
        1 customers of the control received the treatment (50 %)
    """

    name: str = "contamination"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a warning for each way in which the control was treated."""
        control = facts.arm == facts.control
        found: list[CheckFinding] = []
        if facts.received is not None and "compliance" not in facts.handles:
            hint = "estimator=Compliers() estimates the effect on those who complied"
            message = "customers of the control received the treatment"
            found += self._warned(facts, control & facts.received, message, hint)
        if facts.household is not None:
            hint = "assign(..., cluster='household') assigns households as a whole"
            message = "customers of the control live in a household with a treated customer"
            found += self._warned(
                facts, control & _beside(facts.household, ~control), message, hint
            )
        return tuple(found)

    def _warned(
        self, facts: StudyFacts, touched: NDArray[np.bool_], message: str, hint: str
    ) -> list[CheckFinding]:
        n, size = int(touched.sum()), int((facts.arm == facts.control).sum())
        if n <= _FEW * size:
            return []
        said = f"{n:,} {message} ({100 * n / size:.3g} %)"
        ids = tuple(facts.customer_id[touched][:5].tolist())
        return [CheckFinding(self.name, "warning", said, n, ids, hint)]


def _beside(household: NDArray[np.str_], treated: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether the household of each customer has a treated one; not if it is unknown."""
    code = np.unique(household, return_inverse=True)[1]
    any_treated = np.bincount(code, treated) > 0
    return np.asarray(any_treated[code] & (household != ""))
