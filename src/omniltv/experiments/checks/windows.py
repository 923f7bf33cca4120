"""Whether the arms were observed for the same time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.experiments.checks.balance import Balance
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["WindowCheck"]

_ALARM = 1e-6
_HINT = "cut all arms to one window; an outcome may be a rate: per='weeks', exposure='weeks'"


@checked
@dataclass(frozen=True)
class WindowCheck:
    """Stop if the arms were observed for unequal times and the outcome is not a rate per time.

    With a column of exposure, the mean exposure of the arms is compared (Welch, p below 1e-6).
    With times of outcomes, the customers whose outcomes end last, and those whose outcomes
    begin first, are looked at: if all are in one arm, the probability of that by chance is
    computed (below 1e-6 divided by twice the number of arms). Customers of a cluster are not
    independent, so times are not compared with clusters.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(80).astype(object),
        ...     arm=np.array(["a", "b"] * 40), control="a",
        ...     exposure=np.array([8.0, 12.0] * 40), exposure_column="weeks")
        >>> print(WindowCheck().look(facts)[0].message)
        the arms were observed for unequal times: mean weeks a 8, b 12
    """

    name: str = "windows"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop, or a note if the outcome is a rate per time."""
        message = _exposure(facts) or _times(facts)
        if not message:
            return ()
        if facts.per and facts.per == facts.exposure_column:
            said = f"{message}; the outcome is a rate per {facts.per}"
            return (CheckFinding(self.name, "note", said),)
        return (CheckFinding(self.name, "stop", message, hint=_HINT),)


def _exposure(facts: StudyFacts) -> str:
    if facts.exposure is None:
        return ""
    values = facts.exposure
    found = Balance.of({"exposure": values}, facts.arm, facts.arms, facts.control)
    if not (found.p_value < _ALARM).any():
        return ""
    means = [f"{arm} {np.nanmean(values[facts.arm == arm]):.4g}" for arm in np.unique(facts.arm)]
    column = facts.exposure_column
    return f"the arms were observed for unequal times: mean {column} {', '.join(means)}"


def _times(facts: StudyFacts) -> str:
    if facts.first is None or facts.last is None or facts.cluster is not None:
        return ""
    known = ~np.isnat(facts.first)
    arm = facts.arm[known]
    last = facts.last[known].astype("datetime64[us]").astype(np.int64)
    first = -facts.first[known].astype("datetime64[us]").astype(np.int64)
    for word, ends in (("end", last), ("begin", first)):
        short = _short_arm(arm, ends)
        if short:
            where = "earlier" if word == "end" else "later"
            return f"the outcomes of the arm {short!r} {word} {where} than those of the others"
    return ""


def _short_arm(arm: NDArray[np.str_], ends: NDArray[np.int64]) -> str:
    """Return the arm that has too few of the latest customers, "" if none has."""
    names = np.unique(arm)
    for name in names:
        inside = arm == name
        beyond = int((ends > ends[inside].max()).sum())
        if (1 - inside.mean()) ** beyond < _ALARM / (2 * len(names)):
            return str(name)
    return ""
