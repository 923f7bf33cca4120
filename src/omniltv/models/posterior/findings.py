"""What the checks at the end of a fit found: one line each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv._options import checked

__all__ = ["Finding", "FindingVerdict", "FitFindings", "finding_of"]

type FindingVerdict = Literal["fine", "notice", "severe"]
"""Whether a finding matters: severe ones are warned of."""

_SEVERE, _NOTICE = 1e-7, 1e-3  # p-values


@checked
@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison of the data with what the fitted model expects.

    Attributes:
        check: Name of the check, such as ``"one-time buyers"``.
        actual: The statistic in the data.
        expected: Its expectation under the fitted model.
        p_value: Probability of a statistic at least as far from it, if the model is right.
        verdict: ``"fine"``, ``"notice"`` or ``"severe"``.
        sentence: What was found and, if it is not fine, what to do.

    Examples:
        >>> Finding("few purchases", 0, 210.4, 1e-92, "severe", "no one-time buyers").verdict
        'severe'
    """

    check: str
    actual: float
    expected: float
    p_value: float
    verdict: FindingVerdict
    sentence: str


def finding_of(
    check: str,
    actual: float,
    expected: float,
    p_value: float,
    *,
    matters: tuple[bool, bool],
    found: str,
    meaning: str = "",
    hint: str,
) -> Finding:
    """Return a finding whose verdict follows from its p-value and its size.

    Args:
        check: Name of the check.
        actual: The statistic in the data.
        expected: Its expectation.
        p_value: Severe findings have one below 1e-7, notices one below 1e-3.
        matters: Whether the size is that of a severe finding, and that of a notice.
        found: What was found.
        meaning: What it means, if it is not fine.
        hint: What to do, if it is not fine.

    Examples:
        >>> one = finding_of("one-time buyers", 900, 700.0, 1e-9, matters=(True, True),
        ...                  found="900 one-time buyers, 700 expected", hint="MbgNbd()")
        >>> one.verdict, one.sentence
        ('severe', '900 one-time buyers, 700 expected. Hint: MbgNbd()')
    """
    severe, notice = matters
    verdict: FindingVerdict = "fine"
    if severe and p_value < _SEVERE:
        verdict = "severe"
    elif (severe or notice) and p_value < _NOTICE:
        verdict = "notice"
    told = f"{found}: {meaning}" if meaning else found
    sentence = found if verdict == "fine" else f"{told}. Hint: {hint}"
    return Finding(check, float(actual), float(expected), float(p_value), verdict, sentence)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class FitFindings(Tabular):
    """What the checks of a fit found, one line each; `Fit.findings`.

    Attributes:
        each: One finding per check that applies.

    Examples:
        >>> found = FitFindings((Finding("few purchases", 0, 210.4, 1e-92, "severe", "selected"),
        ...                      Finding("long silence", 0, 0.4, 0.7, "fine", "nothing")))
        >>> found
        severe  few purchases: selected
        fine    long silence: nothing
        >>> found.severe
        ('selected',)
    """

    each: tuple[Finding, ...]

    @property
    def severe(self) -> tuple[str, ...]:
        """The sentences of the severe findings."""
        return tuple(one.sentence for one in self.each if one.verdict == "severe")

    def of(self, check: str) -> Finding | None:
        """Return the finding of a check by name; None if the check did not apply."""
        return next((one for one in self.each if one.check == check), None)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per check."""
        names = ("check", "verdict", "actual", "expected", "p_value", "sentence")
        return {name: np.array([getattr(one, name) for one in self.each]) for name in names}

    def __len__(self) -> int:
        return len(self.each)

    def __repr__(self) -> str:
        lines = (f"{one.verdict:<6}  {one.check}: {one.sentence}" for one in self.each)
        return "\n".join(lines) or "no check applies"
