"""Whether customers were assigned in clusters, such as stores, and the estimate knows it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.experiments.checks.protocol import CheckFinding, StudyFacts

__all__ = ["ClusterCheck"]

_CHANCE = 1e-9  # that customers assigned one by one look as if whole clusters were
_FEW = 10
_GLANCE = 10_000  # customers that are looked at first
_HINT = "assign(..., cluster='store') or Assignment.from_frame(..., cluster='store')"


@checked
@dataclass(frozen=True)
class ClusterCheck:
    """Stop if whole clusters were assigned and the standard error ignores it.

    Declared clusters need an estimator that handles them (`Difference`, `Cuped` and
    `Stratified` do), and each cluster must be in one arm. Without declared clusters, each
    column of text in the baseline is searched: every label with a single arm, although it has
    several customers, means that labels were assigned and not customers. Columns with no more
    labels than arms are skipped, because they may describe the arm itself.

    Examples:
        >>> store = np.repeat(["s1", "s2", "s3", "s4"], 20)
        >>> facts = StudyFacts(customer_id=np.arange(80).astype(object), control="a",
        ...     arm=np.repeat(["a", "b", "b", "a"], 20), labels={"store": store})
        >>> print(ClusterCheck().look(facts)[0].message)
        every store is in one arm: stores were assigned, not customers
    """

    name: str = "clusters"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return what is wrong with declared or undeclared clusters."""
        if facts.cluster is not None:
            return self._declared(facts, facts.cluster)
        for column, labels in facts.labels.items():
            if _mixed(labels[:_GLANCE], facts.arm[:_GLANCE]):
                continue
            if _whole(labels, facts.arm):
                n = len(np.unique(labels[labels != ""]))
                message = f"every {column} is in one arm: {column}s were assigned, not customers"
                hint = _HINT.replace("store", column)
                return (CheckFinding(self.name, "stop", message, count=n, hint=hint),)
        return ()

    def _declared(self, facts: StudyFacts, cluster: NDArray[np.str_]) -> tuple[CheckFinding, ...]:
        arms_of = _arms_by_label(cluster, facts.arm)
        mixed = tuple(label for label, arms in arms_of.items() if len(arms) > 1)
        if mixed:
            message = f"{len(mixed):,} clusters are in several arms"
            hint = "each cluster is in one arm, or customers are the unit"
            return (CheckFinding(self.name, "stop", message, len(mixed), mixed[:5], hint),)
        if "cluster" not in facts.handles:
            hint = "estimator=Difference() or Cuped(), which use the clusters"
            message = "the estimator ignores that clusters were assigned"
            return (CheckFinding(self.name, "stop", message, len(arms_of), hint=hint),)
        owned = [arm for arms in arms_of.values() for arm in arms]
        fewest = min(owned.count(arm) for arm in facts.arms)
        if fewest >= _FEW:
            return ()
        message = (
            f"an arm has {fewest} clusters; with fewer than {_FEW} intervals may be too narrow"
        )
        return (CheckFinding(self.name, "warning", message, fewest),)


def _arms_by_label(labels: NDArray[np.str_], arm: NDArray[np.str_]) -> dict[str, list[str]]:
    """Return the arms of each label; customers without a label are left out."""
    known = labels != ""
    pairs = np.unique(np.stack([labels[known], arm[known]], axis=1), axis=0)
    found: dict[str, list[str]] = {}
    for label, name in pairs.tolist():
        found.setdefault(label, []).append(name)
    return found


def _mixed(labels: NDArray[np.str_], arm: NDArray[np.str_]) -> bool:
    """Return whether a label has customers in several arms."""
    return any(len(arms) > 1 for arms in _arms_by_label(labels, arm).values())


def _whole(labels: NDArray[np.str_], arm: NDArray[np.str_]) -> bool:
    """Return whether each label has one arm, and chance does not explain it."""
    known = labels != ""
    names, code = np.unique(labels[known], return_inverse=True)
    arms, column = np.unique(arm[known], return_inverse=True)
    if len(names) <= len(arms) or len(names) == known.sum():
        return False
    lowest, highest = np.full(len(names), len(arms)), np.full(len(names), -1)
    np.minimum.at(lowest, code, column)
    np.maximum.at(highest, code, column)
    if (lowest != highest).any():
        return False
    size = np.bincount(code)
    share = np.bincount(column) / len(column)
    alone = (share[:, None] ** size).sum(axis=0)  # one label by chance in a single arm
    return float(np.log(alone).sum()) < float(np.log(_CHANCE))
