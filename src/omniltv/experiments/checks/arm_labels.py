"""Whether the labels of two arms differ by case, width or blanks only."""

from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from omniltv._options import checked
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["ArmLabelCheck"]


@checked
@dataclass(frozen=True)
class ArmLabelCheck:
    """Warn of arms such as "Control" and "control ", which are probably one arm.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(3).astype(object),
        ...                    arm=np.array(["Control", "control ", "mail"]), control="Control")
        >>> print(ArmLabelCheck().look(facts)[0].message)
        labels that differ by case or blanks are separate arms: 'Control', 'control '
    """

    name: str = "arm_labels"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a warning that names the labels."""
        plain = [" ".join(normalize("NFKC", arm).casefold().split()) for arm in facts.arms]
        alike = [arm for arm, key in zip(facts.arms, plain, strict=True) if plain.count(key) > 1]
        if not alike:
            return ()
        count = int(np.isin(facts.arm, alike).sum())
        named = ", ".join(map(repr, alike))
        message = f"labels that differ by case or blanks are separate arms: {named}"
        hint = "frame['arm'].str.strip().str.lower()"
        return (CheckFinding(self.name, "warning", message, count=count, hint=hint),)
