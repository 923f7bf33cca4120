"""What the sampler says of itself, and when not to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from warnings import warn

from omniltv.errors import FitWarning

__all__ = ["Diagnostics"]

_MAX_RHAT = 1.01
_MIN_ESS = 200.0  # a mean is then known to 7 % of the posterior sd
_MIN_BFMI = 0.3
_MAX_DIVERGENT = 0.001


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Diagnostics of a sampled posterior (Vehtari et al. 2021, Bayesian Analysis 16(2)).

    Attributes:
        rhat: Rank-normalised split R-hat by quantity, the worst of its entries.
        ess_bulk: Bulk effective sample size by quantity, the smallest of its entries.
        ess_tail: Tail effective sample size by quantity, the smallest of its entries.
        divergences: Divergent transitions after warm-up.
        draws: Draws after warm-up, over all chains.
        bfmi: Smallest energy Bayesian fraction of missing information of a chain.
        steps: Mean leapfrog steps per draw.
        seconds: Wall time, warm-up included.
        method: ``"nuts"``, ``"laplace"`` or ``"map"``.
        khat: Pareto k-hat of the importance weights (Laplace); NaN elsewhere.
        likelihood_error: Of very many customers a sample tells the likelihood, see `fit`:
            standard deviation, over some of the draws, of its logarithm less the exact one.
            Means are off, to first order, by no more than about so many of their posterior
            standard deviations. 0 where it is exact, and of a mode.
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
    likelihood_error: float = 0.0

    @classmethod
    def of_mode(cls, seconds: float) -> "Diagnostics":
        """Return what is known of a mode: nothing but how long it took."""
        return cls({}, {}, {}, 0, 1, float("nan"), 0.0, seconds, "map")

    @classmethod
    def of_weights(cls, khat: float, ess: float, draws: int, seconds: float) -> "Diagnostics":
        """Return what importance weights say of draws."""
        sizes = {"importance weights": ess}
        return cls({}, sizes, {}, 0, draws, float("nan"), 0.0, seconds, "laplace", khat)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one sentence each; empty where the posterior can be trusted."""
        found = []
        mixing = {name: value for name, value in self.rhat.items() if not value < _MAX_RHAT}
        if mixing:
            found.append(f"chains disagree: R-hat {_named(mixing)}, wanted below {_MAX_RHAT}")
        for kind, sizes in (("bulk", self.ess_bulk), ("tail", self.ess_tail)):
            few = {name: value for name, value in sizes.items() if not value > _MIN_ESS}
            if few:
                found.append(f"few effective draws: {kind} ESS {_named(few, '.0f')}")
        if self.divergences > _MAX_DIVERGENT * self.draws:
            found.append(f"{self.divergences} of {self.draws} transitions diverged")
        if self.bfmi < _MIN_BFMI:
            found.append(f"energy is explored slowly: BFMI {self.bfmi:.2f}")
        return tuple(found)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def warn(self) -> None:
        """Give one FitWarning that names every problem, or none."""
        if self.problems:
            advice = "Hint: fit(..., draws=2000, warmup=2000), or pool groups with few customers"
            warn(f"{'; '.join(self.problems)}. {advice}", FitWarning, stacklevel=3)

    def __str__(self) -> str:
        worst = max(self.rhat.values(), default=float("nan"))
        fewest = min(self.ess_bulk.values(), default=float("nan"))
        verdict = "no problem found" if self.ok else "; ".join(self.problems)
        if self.likelihood_error:
            verdict = f"likelihood by a sample, off by {self.likelihood_error:.1g}: {verdict}"
        if self.method == "map":
            return f"the mode in {self.seconds:.1f} s, without uncertainty"
        if self.method == "laplace":
            return (
                f"{self.draws:,} draws by Laplace in {self.seconds:.1f} s, k-hat {self.khat:.2f}, "
                f"ESS {fewest:,.0f}: {verdict}"
            )
        return (
            f"{self.draws:,} draws in {self.seconds:.1f} s, R-hat at most {worst:.3f}, "
            f"bulk ESS at least {fewest:,.0f}, {self.divergences} divergences: {verdict}"
        )


def _named(values: Mapping[str, float], spec: str = ".3f") -> str:
    return ", ".join(f"{name} {value:{spec}}" for name, value in sorted(values.items()))
