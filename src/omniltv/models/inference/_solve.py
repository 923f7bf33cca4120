"""From a posterior to draws: by approximation and weights, or by sampling."""

import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._log import LOG, logged
from omniltv.draws import cores
from omniltv.errors import FitError
from omniltv.models.inference._importance import Weighted, importance
from omniltv.models.inference._laplace import Approximation, approximate
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.inference._mode import below_mode, find_sites
from omniltv.models.inference._problem import Problem
from omniltv.models.inference._reach import reach_of
from omniltv.models.inference._subsampled_likelihood import StateSample
from omniltv.models.inference.sampling import Sampling
from omniltv.models.posterior.diagnostics import MIN_ESS, Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws

__all__ = ["FitResult", "solve"]

_GOOD_KHAT = 0.7
_GOOD_REACH = 0.95  # of the posterior standard deviation, see `reach_of`
_EXACT_STATES = 10_000_000  # states times proposals
_CHECKED = 64  # draws on which a subsampled likelihood is compared with the exact one
_LARGEST_ERROR = 0.02  # of a subsampled log-likelihood: its standard deviation over draws
_EXPANSIONS = 3
_AT_MODE = 1e-4  # below the mode of the log posterior: 1 % of a standard deviation


@dataclass(frozen=True, eq=False)
class FitResult:
    """Draws of a posterior, and how they were found.

    Attributes:
        draws: The draws.
        diagnostics: The diagnostics of the draws.
    """

    draws: PosteriorDraws
    diagnostics: Diagnostics


class _Run(NamedTuple):
    """The arguments of `solve`."""

    sampling: Sampling
    seed: int
    progress: bool


def solve(problem: Problem, sampling: Sampling, *, seed: int, progress: bool) -> FitResult:
    """Return draws of a posterior.

    If the error of a subsampled likelihood is too large, the posterior is computed again
    from all states.

    Raises:
        FitError: If the posterior has no mode.
    """
    run = _Run(sampling, seed, progress)
    states = len(problem.cell)
    LOG.debug(
        "fit by %s on %d states, sample %s", sampling.method, states, problem.sample is not None
    )
    found = _solve(problem, run)
    if found.diagnostics.likelihood_error <= _LARGEST_ERROR:
        return found
    LOG.debug("the subsampled likelihood is too rough: all %d states are used", states)
    return _solve(replace(problem, sample=None), run)


def _solve(problem: Problem, run: _Run) -> FitResult:
    start = time.perf_counter()
    with np.errstate(all="ignore"):  # a step may go where the density underflows
        approximation = _approximate(problem)
    if run.sampling.method == "map":
        return _mode(problem, approximation, start, run.seed)
    if run.sampling.method == "nuts":
        return _by_nuts(problem, approximation, run)
    n = run.sampling.chains * run.sampling.draws
    weighted = _weigh(problem, approximation, n, run.seed)
    reach = np.nan
    if run.sampling.method == "auto" and weighted.khat < _GOOD_KHAT:
        reach = _reach_of(approximation, weighted)
    why = _unfit(weighted, reach, n)
    if not why:
        found = _by_weights(problem, approximation, weighted, start, run.seed)
        return replace(found, diagnostics=replace(found.diagnostics, reach=reach))
    LOG.debug("%s: the posterior is sampled by NUTS", why)
    found = _by_nuts(problem, approximation, run)
    return replace(found, diagnostics=replace(found.diagnostics, handed_over=why))


def _unfit(weighted: Weighted, reach: float, n: int) -> str:
    """Return why draws by Laplace are not good enough; empty if they are.

    Args:
        weighted: The draws.
        reach: Share of the standard deviations that they reach; NaN if it is not known.
        n: Number of draws that were asked for.
    """
    if not weighted.khat < _GOOD_KHAT:
        return f"Laplace's k-hat is {weighted.khat:.2f}, above {_GOOD_KHAT}"
    if reach <= 0:
        return "how far Laplace's draws reach is not known"
    if reach < _GOOD_REACH:
        return f"Laplace's draws would be {100 * (1 - reach):.0f} % too narrow"
    if not np.isnan(reach) and weighted.ess < min(MIN_ESS, n / 10):
        return f"Laplace's effective sample size is {weighted.ess:.0f}"
    return ""


@logged("reach of proposals computed")
def _reach_of(approximation: Approximation, weighted: Weighted) -> float:
    """Return `reach_of`; 0 if it cannot be computed."""
    with np.errstate(all="ignore"):  # a path may go where the density underflows
        try:
            found = reach_of(approximation, weighted, workers=cores())
        except (ValueError, np.linalg.LinAlgError):
            return 0.0
    return found if np.isfinite(found) else 0.0


def _mode(problem: Problem, approximation: Approximation, start: float, seed: int) -> FitResult:
    mode, log_spread = approximation.sites.mode, approximation.log_spread
    found = problem.draws(mode[None, None], log_spread[None, None], seed)
    return FitResult(found, Diagnostics.of_mode(time.perf_counter() - start))


def _by_weights(
    problem: Problem,
    approximation: Approximation,
    weighted: Weighted,
    start: float,
    seed: int,
) -> FitResult:
    found = problem.draws(weighted.coefficients[None], weighted.log_spreads[None], seed)
    error = _likelihood_error(approximation, weighted.coefficients)
    seconds, n = time.perf_counter() - start, len(weighted.coefficients)
    diagnostics = Diagnostics.of_weights(weighted.khat, weighted.ess, n, seconds)
    return FitResult(found, replace(diagnostics, likelihood_error=error))


@logged("posterior sampled")
def _by_nuts(problem: Problem, approximation: Approximation, run: _Run) -> FitResult:
    from omniltv.models.inference import _nuts  # noqa: PLC0415 - brings in ArviZ, seconds to import

    chains = _nuts.sample(approximation, run.sampling, seed=run.seed, progress=run.progress)
    found = problem.draws(chains.coefficients, chains.log_spreads, run.seed)
    flat = chains.coefficients.reshape(-1, chains.coefficients.shape[2])
    error = _likelihood_error(approximation, flat)
    return FitResult(found, replace(_nuts.diagnostics(found, chains), likelihood_error=error))


def _likelihood_error(approximation: Approximation, coefficients: NDArray[np.float64]) -> float:
    """Return the error of a subsampled likelihood over some draws; 0 if it is exact."""
    likelihood, design = approximation.posterior.likelihood, approximation.posterior.design
    if isinstance(likelihood, Likelihood):
        return 0.0
    n = len(coefficients)
    some = np.linspace(0, n - 1, min(_CHECKED, n)).astype(np.intp)
    points = design.coordinates(coefficients[some])
    return likelihood.error(points, workers=cores())


@logged("posterior approximated")
def _approximate(problem: Problem) -> Approximation:
    """Return the approximation of the posterior, from a subsample of states if it suffices.

    Raises:
        FitError: If the posterior has no mode.
    """
    if problem.sample is not None:
        try:
            return _from_sample(problem, problem.sample)
        except FitError:
            LOG.debug("the subsample of states has no good mode: all states are used")
    return approximate(problem.posterior, problem.start, workers=cores())


def _from_sample(problem: Problem, sample: StateSample) -> Approximation:
    """Return the approximation of the posterior from a subsample of its states.

    The mode of the subsample may be many standard deviations away from the exact mode, so
    the exact mode is found from there. The likelihood is expanded around it until the mode
    of the subsampled posterior is the exact mode.

    Raises:
        FitError: If it does not converge, or the subsample has no mode.
    """
    posterior, workers = problem.posterior, cores()
    rough = replace(posterior, likelihood=sample.part)
    found = approximate(rough, problem.start, workers=workers)
    for _ in range(_EXPANSIONS):
        exact = find_sites(posterior, found.sites.mode, found.log_spread, workers=workers)
        subsampled = replace(posterior, likelihood=sample.around(exact.theta, workers))
        found = approximate(subsampled, exact.mode, workers=workers)
        below = below_mode(posterior, found.sites, found.log_spread, workers=workers)
        if below < _AT_MODE:
            return found
    raise FitError("the mode of the subsampled posterior is not that of the posterior")


@logged("draws weighted")
def _weigh(problem: Problem, approximation: Approximation, n: int, seed: int) -> Weighted:
    proposals = int(np.clip(_EXACT_STATES / len(problem.cell), n, 4 * n))
    with np.errstate(all="ignore"):
        return importance(approximation, n, seed=seed, proposals=proposals, workers=cores())
