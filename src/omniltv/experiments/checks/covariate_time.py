"""Whether covariates were measured before the treatment."""

from dataclasses import dataclass

from omniltv._options import checked
from omniltv.experiments._moments import instant
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["CovariateTimeCheck"]

_ASK = "Baseline(..., known_at='column of times') and start= of the assignment let it be checked"


@checked
@dataclass(frozen=True)
class CovariateTimeCheck:
    """Stop if a covariate was measured after the start; note if its time is not known.

    An adjustment by something that the treatment changes removes part of the effect.

    Examples:
        >>> import numpy as np
        >>> from datetime import datetime
        >>> facts = StudyFacts(customer_id=np.arange(2).astype(object),
        ...     arm=np.array(["a", "b"]), control="a", start=datetime(2026, 4, 1),
        ...     covariates={"visits": np.array([1.0, 2.0])},
        ...     known_at=np.array(["2026-03-31", "2026-04-09"], dtype="datetime64[us]"))
        >>> print(CovariateTimeCheck().look(facts)[0].message)
        covariates of 1 customer were measured after the start
    """

    name: str = "covariate_time"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop with the customers, or a note."""
        if not (facts.covariates or facts.groups):
            return ()
        if facts.known_at is None or facts.start is None:
            message = "it is not known whether the baseline was measured before the start"
            return (CheckFinding(self.name, "note", message, hint=_ASK),)
        late = facts.known_at > instant(facts.start)
        n = int(late.sum())
        if not n:
            return ()
        ids = tuple(facts.customer_id[late][:5].tolist())
        who = f"{n:,} customer{'s' * (n > 1)}"
        message = f"covariates of {who} were measured after the start"
        hint = "use values from before the start"
        return (CheckFinding(self.name, "stop", message, count=n, ids=ids, hint=hint),)
