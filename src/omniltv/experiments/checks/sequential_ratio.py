"""Whether the arms had the planned sizes at all times while customers entered."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from omniltv._arrays import Vector
from omniltv._frames import Tabular
from omniltv._options import checked
from omniltv.experiments.checks.protocol import ALARM, CheckFinding, StudyFacts
from omniltv.experiments.checks.sample_ratio import plans

__all__ = ["SequentialRatio", "SequentialRatioCheck"]

_CONCENTRATION = 1_000.0  # of the Dirichlet mixture: a share off by 0.03 at a half is typical

type EntryTimes = NDArray[np.datetime64]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class SequentialRatio(Tabular):
    """An always-valid test for a sample ratio mismatch while customers enter.

    The evidence against the planned shares is a Dirichlet-multinomial mixture over them, a
    martingale if they hold (Lindon and Malek 2022, NeurIPS 35, theorem 2). The chance that the
    p-value falls below alpha at any time is at most alpha, however often one looks.

    Attributes:
        time: Distinct times of entry, sorted, of shape (n_times,).
        p_value: Smallest p-value up to each time, same shape.

    Examples:
        >>> day = np.datetime64("2026-04-01") + np.arange(4000) // 100
        >>> rng = np.random.default_rng(1)
        >>> arm = np.where(rng.random(4000) < 0.55, "a", "b")
        >>> found = SequentialRatio.of(arm, {"a": 0.5, "b": 0.5}, day)
        >>> found.first_below(0.001)
        np.datetime64('2026-04-21')
    """

    time: EntryTimes
    p_value: Vector

    @classmethod
    def of(
        cls,
        arm: NDArray[np.str_],
        shares: Mapping[str, float],
        entered: EntryTimes,
        stratum: NDArray[np.str_] | None = None,
        by_stratum: Mapping[str, Mapping[str, float]] | None = None,
    ) -> "SequentialRatio":
        """Return the test of arms, of shape (n_customers,), after each time of entry.

        Args:
            arm: Arm of each customer.
            shares: Planned share of each arm.
            entered: When each customer entered, same shape; those with the same time count
                together.
            stratum: Stratum of each customer.
            by_stratum: Shares of the strata whose shares differ from ``shares``.

        Examples:
            >>> same = SequentialRatio.of(np.array(["a", "b"] * 50), {"a": 0.5, "b": 0.5},
            ...                           np.datetime64("2026-04-01") + np.arange(100) // 10)
            >>> same.p_value.tolist() == [1.0] * 10
            True
        """
        time, code = np.unique(entered, return_inverse=True)
        evidence = np.zeros(len(time))
        for members, own in plans(len(arm), shares, stratum, by_stratum or {}):
            counts = np.zeros((len(time), len(own)))
            for k, name in enumerate(own):
                np.add.at(counts[:, k], code[members & (arm == name)], 1.0)
            evidence += _log_evidence(counts.cumsum(axis=0), np.array(list(own.values())))
        return cls(time, np.exp(-np.maximum.accumulate(np.maximum(evidence, 0.0))))

    def first_below(self, alpha: float) -> np.datetime64 | None:
        """Return the first time at which the p-value is below a limit; None if it never is.

        Examples:
            >>> same = SequentialRatio.of(np.array(["a", "b"]), {"a": 0.5, "b": 0.5},
            ...                           np.array(["2026-04-01"] * 2, dtype="datetime64[D]"))
            >>> same.first_below(0.001) is None
            True
        """
        below = np.flatnonzero(self.p_value < alpha)
        return self.time[int(below[0])] if len(below) else None

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns ``time`` and ``p_value``.

        Examples:
            >>> same = SequentialRatio.of(np.array(["a", "b"]), {"a": 0.5, "b": 0.5},
            ...                           np.array(["2026-04-01"] * 2, dtype="datetime64[D]"))
            >>> list(same.columns())
            ['time', 'p_value']
        """
        return {"time": self.time, "p_value": self.p_value}

    def __repr__(self) -> str:
        last = self.p_value[-1] if len(self.p_value) else 1.0
        return f"SequentialRatio({len(self.time):,} times, p = {last:.3g})"


def _log_evidence(counts: NDArray[np.float64], share: Vector) -> Vector:
    """Return the logarithm of the martingale after counts of shape (n_times, n_arms)."""
    prior = _CONCENTRATION * share
    n = counts.sum(axis=1)
    mixture = gammaln(_CONCENTRATION) - gammaln(_CONCENTRATION + n)
    mixture += (gammaln(prior + counts) - gammaln(prior)).sum(axis=1)
    return np.asarray(mixture - counts @ np.log(share))


@checked
@dataclass(frozen=True)
class SequentialRatioCheck:
    """Stop if the arms did not have the planned sizes at some time; see `SequentialRatio`.

    Needs the planned shares and the time at which customers entered. A mismatch that was
    repaired is found, too. The chance of a stop in a right experiment is at most 0.001, however
    often one looks. Of a cluster that was assigned as a whole, the first customer counts.

    Examples:
        >>> day = np.datetime64("2026-04-01", "us") + np.repeat(np.arange(90), 90)
        >>> facts = StudyFacts(customer_id=np.arange(8100).astype(object), control="a",
        ...     arm=np.repeat(["a", "b"], [4500, 3600]), shares={"a": 0.5, "b": 0.5}, entered=day)
        >>> [finding.severity for finding in SequentialRatioCheck().look(facts)]
        ['stop']
    """

    name: str = "sequential_srm"

    def look(self, facts: StudyFacts) -> tuple[CheckFinding, ...]:
        """Return a stop with the time at which the mismatch became clear."""
        if not facts.shares or facts.entered is None:
            return ()
        rows = _units(facts)
        stratum = None if facts.stratum is None else facts.stratum[rows]
        found = SequentialRatio.of(
            facts.arm[rows], facts.shares, facts.entered[rows], stratum, facts.by_stratum
        )
        when = found.first_below(ALARM)
        if when is None:
            return ()
        message = f"sample ratio mismatch, clear since {np.datetime_as_string(when, unit='D')}"
        hint = "find out what changed for the customers who entered before"
        count = int((facts.entered <= when).sum())
        return (CheckFinding(self.name, "stop", message, count, hint=hint),)


def _units(facts: StudyFacts) -> NDArray[np.intp]:
    """Return the customers that count: all, or the first of each cluster."""
    if facts.cluster is None or facts.entered is None:
        return np.arange(len(facts.arm))
    order = np.argsort(facts.entered, kind="stable")
    return np.asarray(order[np.unique(facts.cluster[order], return_index=True)[1]])
