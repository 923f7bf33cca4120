"""Outcomes before the start of the treatment, which are left out."""

from dataclasses import dataclass

from omniltv._options import checked
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["EarlyOutcomeCheck"]


@checked
@dataclass(frozen=True)
class EarlyOutcomeCheck:
    """Note how many outcomes before the start are left out.

    Examples:
        >>> import numpy as np
        >>> facts = StudyFacts(customer_id=np.arange(2).astype(object),
        ...                    arm=np.array(["a", "b"]), control="a", early=(0, 0))
        >>> print(EarlyOutcomeCheck().look(facts)[0])
        note (early_outcomes): 2 outcomes before the start are left out (first ids: 0)
    """

    name: str = "early_outcomes"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a note if outcomes were left out."""
        n = len(facts.early)
        if not n:
            return ()
        ids = tuple(dict.fromkeys(facts.early))[:5]
        message = f"{n:,} outcomes before the start are left out"
        return (CheckFinding(self.name, "note", message, count=n, ids=ids),)
