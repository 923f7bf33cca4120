"""Whether the arms have the planned sizes (sample ratio mismatch, SRM)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv._options import checked
from omniltv.experiments.checks.protocol import ALARM, MIN_EXPECTED, CheckFinding, StudyFacts

__all__ = ["SampleRatio", "SampleRatioCheck", "plans"]


@checked
@dataclass(frozen=True)
class SampleRatio:
    """Check for a sample ratio mismatch (SRM): whether the arms have the planned sizes.

    Attributes:
        observed: Customers by arm; clusters, if they were assigned as a whole.
        expected: The same under the planned shares.
        p_value: P-value of Pearson's chi-square goodness-of-fit test; of exact binomial tests
            of the arms, adjusted, if the expected size of an arm is below 5.
        strata: The same check for each stratum that is large enough to test.

    Examples:
        >>> arm = np.array(["control"] * 5000 + ["treated"] * 5300)
        >>> SampleRatio.of(arm, {"control": 0.5, "treated": 0.5}).verdict
        'as planned (p = 0.003)'
    """

    observed: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    strata: Mapping[str, "SampleRatio"] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        arm: NDArray[np.str_],
        shares: Mapping[str, float],
        stratum: NDArray[np.str_] | None = None,
        by_stratum: Mapping[str, Mapping[str, float]] | None = None,
        *,
        cluster: NDArray[np.str_] | None = None,
    ) -> Self:
        """Return the check of arms, of shape (n_customers,), against planned shares.

        ``by_stratum`` has the shares of the strata whose shares differ from ``shares``.

        Clusters that were assigned as a whole are counted instead of customers: their sizes
        make the numbers of customers differ by more than the chi-square test allows for.

        A stratum is left out if the expected size of an arm is below 5, where the
        chi-square distribution is a poor approximation.

        Examples:
            >>> arm = np.array(["control"] * 480 + ["treated"] * 520)
            >>> round(SampleRatio.of(arm, {"control": 0.5, "treated": 0.5}).p_value, 3)
            0.206
        """
        if cluster is not None:
            first = np.unique(cluster, return_index=True)[1]
            own = None if stratum is None else stratum[first]
            return cls.of(arm[first], shares, own, by_stratum)
        observed = {name: int((arm == name).sum()) for name in shares}
        special = by_stratum or {}
        sizes = [(own, int(who.sum())) for who, own in plans(len(arm), shares, stratum, special)]
        expected = {name: sum(own[name] * size for own, size in sizes) for name in shares}
        parts = {}
        for name in () if stratum is None else np.unique(stratum).tolist():
            part = cls.of(arm[stratum == name], special.get(name, shares))
            if min(part.expected.values()) >= MIN_EXPECTED:
                parts[str(name)] = part
        return cls(observed, expected, _goodness_of_fit(observed, expected), parts)

    @property
    def mismatches(self) -> tuple[str, ...]:
        """Strata that fail the check at 0.001 divided by the number of strata."""
        limit = ALARM / max(1, len(self.strata))
        return tuple(name for name, part in self.strata.items() if part.p_value < limit)

    @property
    def ok(self) -> bool:
        """Whether there is no sign of a mismatch: p of at least 0.001, also in the strata."""
        return self.p_value >= ALARM and not self.mismatches

    @property
    def verdict(self) -> str:
        """Verdict in words."""
        if self.ok:
            return f"as planned (p = {self.p_value:.3f})"
        where = f" in {', '.join(self.mismatches)}" if self.mismatches else ""
        return f"sample ratio mismatch{where} (p = {self.p_value:.2g}): do not use the estimates"


def plans(
    n: int,
    shares: Mapping[str, float],
    stratum: NDArray[np.str_] | None,
    special: Mapping[str, Mapping[str, float]],
) -> Iterator[tuple[NDArray[np.bool_], Mapping[str, float]]]:
    """Yield the customers of each plan, and its shares.

    Args:
        n: Number of customers.
        shares: Planned share of each arm.
        stratum: Stratum of each customer.
        special: Shares of the strata whose shares differ from ``shares``.

    Examples:
        >>> halves = {"a": 0.5, "b": 0.5}
        >>> [(members.tolist(), own) for members, own in plans(2, halves, None, {})]
        [([True, True], {'a': 0.5, 'b': 0.5})]
    """
    plain = np.ones(n, dtype=np.bool_)
    for name, own in special.items() if stratum is not None else ():
        members = np.asarray(stratum == name)
        plain &= ~members
        yield members, own
    yield plain, shares


def _goodness_of_fit(observed: Mapping[str, int], expected: Mapping[str, float]) -> float:
    if not sum(observed.values()):
        return 1.0
    if min(expected.values()) < MIN_EXPECTED:
        return _exact(observed, expected)
    test = stats.chisquare(list(observed.values()), list(expected.values()))
    return float(test.pvalue)


def _exact(observed: Mapping[str, int], expected: Mapping[str, float]) -> float:
    """Return the smallest p-value of exact binomial tests of the arms, adjusted (Bonferroni)."""
    n, arms = sum(observed.values()), len(observed)
    found = [
        stats.binomtest(observed[name], n, min(expected[name] / n, 1.0)).pvalue for name in observed
    ]
    return float(min(1.0, max(arms - 1, 1) * min(found)))


@checked
@dataclass(frozen=True)
class SampleRatioCheck:
    """Stop if the arms do not have the planned sizes; see `SampleRatio`.

    Examples:
        >>> facts = StudyFacts(customer_id=np.arange(90).astype(object),
        ...     arm=np.repeat(["a", "b"], [70, 20]), control="a", shares={"a": 0.5, "b": 0.5})
        >>> [finding.severity for finding in SampleRatioCheck().look(facts)]
        ['stop']
    """

    name: str = "srm"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop if there is a mismatch, overall or in a stratum."""
        if not facts.shares:
            return ()
        found = SampleRatio.of(
            facts.arm, facts.shares, facts.stratum, facts.by_stratum, cluster=facts.cluster
        )
        if found.ok:
            return ()
        gap = max(abs(found.observed[arm] - found.expected[arm]) for arm in found.observed)
        hint = "find out where customers were lost or moved because of their arm"
        return (CheckFinding(self.name, "stop", found.verdict, count=round(gap), hint=hint),)
