"""Diagnostics of a posterior: convergence, effective sample size, k-hat, error, findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from warnings import warn

from omniltv._options import checked
from omniltv.errors import FitWarning
from omniltv.models.posterior.findings import Finding, FitFindings

__all__ = ["MIN_ESS", "Diagnostics"]

_MAX_RHAT = 1.01
MIN_ESS = 200.0
"""The Monte Carlo error of a mean is then 7 % of the posterior standard deviation."""

_MIN_BFMI = 0.3
_MAX_DIVERGENT = 0.001


@checked
@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Diagnostics of a posterior (Vehtari et al. 2021, Bayesian Analysis 16(2)).

    Attributes:
        rhat: Rank-normalised split R-hat by quantity, the maximum over its entries.
        ess_bulk: Bulk effective sample size by quantity, the minimum over its entries.
        ess_tail: Tail effective sample size by quantity, the minimum over its entries.
        divergences: Divergent transitions after warm-up.
        draws: Draws after warm-up, in all chains.
        bfmi: Bayesian fraction of missing information, the minimum over chains.
        steps: Mean leapfrog steps per draw.
        seconds: Wall time, including warm-up.
        method: How the draws were found: ``"nuts"``, ``"laplace"`` or ``"map"``.
        khat: Pareto k-hat of the importance weights (Laplace); else NaN.
        reach: Share of the posterior standard deviation that Laplace's proposals reach, the
            smallest of all coefficients (of the groups, under partial pooling), if
            ``method="auto"`` used Laplace; else NaN.
        handed_over: Why NUTS was used instead of Laplace; empty if it was not.
        likelihood_error: Error of a subsampled likelihood, see `fit`: the standard deviation
            over draws of the subsampled minus the exact log-likelihood. To first order, the
            error of any posterior mean is at most this many posterior standard deviations.
            It is 0 if the likelihood is exact, and for a mode.
        findings: What the checks at the end of the fit found, see `Fit.findings`.

    Examples:
        >>> found = Diagnostics.of_weights(khat=0.3, ess=90.0, draws=2000, seconds=0.4)
        >>> found.ok
        False
        >>> found.problems
        ('low effective sample size: bulk ESS importance weights 90',)
    """

    rhat: Mapping[str, float]
    ess_bulk: Mapping[str, float]
    ess_tail: Mapping[str, float]
    divergences: int
    draws: int
    bfmi: float
    steps: float
    seconds: float = field(compare=False)
    method: str = "nuts"
    khat: float = field(default=float("nan"), compare=False)
    reach: float = field(default=float("nan"), compare=False)
    handed_over: str = ""
    likelihood_error: float = 0.0
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of_mode(cls, seconds: float) -> "Diagnostics":
        """Return the diagnostics of a mode: only its time."""
        return cls({}, {}, {}, 0, 1, float("nan"), 0.0, seconds, "map")

    @classmethod
    def of_weights(cls, khat: float, ess: float, draws: int, seconds: float) -> "Diagnostics":
        """Return the diagnostics of draws with importance weights."""
        sizes = {"importance weights": ess}
        return cls({}, sizes, {}, 0, draws, float("nan"), 0.0, seconds, "laplace", khat)

    @property
    def source(self) -> str:
        """How the draws were found, with the reason if NUTS took over from Laplace.

        Examples:
            >>> Diagnostics.of_weights(khat=0.3, ess=900.0, draws=2000, seconds=0.4).source
            'Laplace'
        """
        if self.method != "nuts":
            return {"laplace": "Laplace", "map": "mode"}[self.method]
        return f"NUTS ({self.handed_over})" if self.handed_over else "NUTS"

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems found, one sentence each; empty if there are none."""
        return (*self._of_sampler(), *self._severe)

    @property
    def _severe(self) -> tuple[str, ...]:
        return FitFindings(self.findings).severe

    def _of_sampler(self) -> tuple[str, ...]:
        found = []
        mixing = {name: value for name, value in self.rhat.items() if not value < _MAX_RHAT}
        if mixing:
            found.append(f"chains disagree: R-hat {_named(mixing)}, should be below {_MAX_RHAT}")
        for kind, sizes in (("bulk", self.ess_bulk), ("tail", self.ess_tail)):
            few = {name: value for name, value in sizes.items() if not value > MIN_ESS}
            if few:
                found.append(f"low effective sample size: {kind} ESS {_named(few, '.0f')}")
        if self.divergences > _MAX_DIVERGENT * self.draws:
            found.append(f"{self.divergences} of {self.draws} transitions diverged")
        if self.bfmi < _MIN_BFMI:
            found.append(f"slow exploration of the energy: BFMI {self.bfmi:.2f}")
        return tuple(found)

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    def warn(self) -> None:
        """Warn of problems: one FitWarning for the draws, one for the severe findings."""
        problems = self._of_sampler()
        if problems:
            advice = 'Hint: method=Sampling("nuts", draws=2000, warmup=2000), or pool small groups'
            warn(f"{'; '.join(problems)}. {advice}", FitWarning, stacklevel=3)
        if self._severe:
            warn("; ".join(self._severe), FitWarning, stacklevel=3)

    def __str__(self) -> str:
        worst = max(self.rhat.values(), default=float("nan"))
        fewest = min(self.ess_bulk.values(), default=float("nan"))
        verdict = "no problem found" if self.ok else "; ".join(self.problems)
        if self.likelihood_error:
            verdict = f"subsampled likelihood, error {self.likelihood_error:.1g}: {verdict}"
        if self.method == "map":
            mode = f"the mode in {self.seconds:.1f} s, without uncertainty"
            return "; ".join([mode, *self._severe])
        drawn = f"{self.draws:,} draws by {self.source} in {self.seconds:.1f} s"
        if self.method == "laplace":
            return f"{drawn}, k-hat {self.khat:.2f}, ESS {fewest:,.0f}: {verdict}"
        return (
            f"{drawn}, R-hat at most {worst:.3f}, "
            f"bulk ESS at least {fewest:,.0f}, {self.divergences} divergences: {verdict}"
        )


def _named(values: Mapping[str, float], spec: str = ".3f") -> str:
    return ", ".join(f"{name} {value:{spec}}" for name, value in sorted(values.items()))
