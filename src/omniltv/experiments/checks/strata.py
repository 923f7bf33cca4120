"""Whether the shares of the arms are the same in every stratum."""

from dataclasses import dataclass

import numpy as np

from omniltv._options import checked
from omniltv.experiments.checks.balance import dependence
from omniltv.experiments.checks.protocol import ALARM, CheckFinding, StudyFacts

__all__ = ["StrataCheck"]

_LEAST = 2


@checked
@dataclass(frozen=True)
class StrataCheck:
    """Stop if shares differ between strata and the estimator does not stratify.

    An arm with more customers of a valuable stratum has a higher mean without any effect. A
    chi-square test of arm and stratum is made at 0.001. A stratified estimate needs two
    customers of each arm in each stratum.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(100).astype(object), control="a",
        ...     arm=np.repeat(["a", "b", "a", "b"], [40, 10, 10, 40]),
        ...     stratum=np.repeat(["high", "low"], 50))
        >>> print(StrataCheck().look(facts)[0])
        stop (strata): the shares of the arms differ between strata. Hint: estimator=Stratified()
    """

    name: str = "strata"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop if the estimate would compare different strata."""
        if facts.stratum is None:
            return ()
        if "stratum" in facts.handles:
            return self._small(facts, facts.stratum.tolist())
        if dependence(facts.stratum, facts.arm) >= ALARM:
            return ()
        n = len(np.unique(facts.stratum))
        message = "the shares of the arms differ between strata"
        return (CheckFinding(self.name, "stop", message, n, hint="estimator=Stratified()"),)

    def _small(self, facts: StudyFacts, stratum: list[str]) -> tuple[CheckFinding, ...]:
        count = {(label, arm): 0 for label in set(stratum) for arm in facts.arms}
        for pair in zip(stratum, facts.arm.tolist(), strict=True):
            count[pair] += 1
        small = sorted({label for (label, _), n in count.items() if n < _LEAST})
        if not small:
            return ()
        message = f"{len(small):,} strata have fewer than {_LEAST} customers of an arm"
        hint = "merge small strata"
        return (CheckFinding(self.name, "stop", message, len(small), tuple(small[:5]), hint),)
