"""The posterior sampled by nutpie's no-U-turn sampler, in coordinates that suit it.

The log density and its gradient are the fused kernel's, so nothing is compiled per model
or data set. Under partial pooling the effects of a term are sampled partially centred,
u = spread^(1-w) z with z ~ Normal(0, spread^w), where w is 1 for an effect that its own
data determine and 0 for one that they do not (Papaspiliopoulos, Roberts and Sköld 2007;
Gorinova, Moore and Hoffman 2020). All of it is then turned and scaled by the covariance
of the nested approximation, so that the sampler sees something close to a standard normal.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import arviz
import numpy as np
import nutpie
from numpy.typing import NDArray

from omniltv.draws import cores
from omniltv.models._laplace import Approximation
from omniltv.models._posterior import Posterior
from omniltv.models.diagnostics import Diagnostics
from omniltv.models.fits import Posterior as Draws

__all__ = ["Chains", "diagnostics", "sample"]

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

_TARGET_ACCEPT = 0.9
_TARGET_ACCEPT_LEARNED = 0.95  # spreads scale everything else: at 0.9 a few transitions diverge
_WIDE = 600  # coefficients; above, only the scales are taken from the approximation


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws as the sampler made them.

    Attributes:
        coefficients: Of shape (chains, draws, d).
        log_spreads: Of shape (chains, draws, terms x coordinates).
        divergences: Divergent transitions after warm-up.
        bfmi: Smallest energy Bayesian fraction of missing information of a chain.
        steps: Mean leapfrog steps per draw.
        seconds: Wall time, warm-up included.
    """

    coefficients: NDArray[np.float64]
    log_spreads: NDArray[np.float64]
    divergences: int
    bfmi: float
    steps: float
    seconds: float


@dataclass(frozen=True, eq=False)
class _Whitened:
    """The log density in the sampler's own coordinates."""

    posterior: Posterior
    weight: Vector  # w of each learned effect
    centre: Vector
    root: Matrix
    workers: int

    @cached_property
    def n_coefficients(self) -> int:
        return self.posterior.design.n_coefficients

    def split(self, point: Vector) -> tuple[Vector, Vector]:
        """Return coefficients and log spreads from the sampler's coordinates."""
        raw = self.centre + self.root @ point
        coefficients, log_spread = raw[: self.n_coefficients].copy(), raw[self.n_coefficients :]
        at = self.posterior.learned_at
        log_tau = log_spread[self.posterior.spread_of]
        coefficients[at] *= np.exp((1 - self.weight) * log_tau)
        return coefficients, log_spread

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        posterior, at, w = self.posterior, self.posterior.learned_at, self.weight
        coefficients, log_spread = self.split(point)
        theta = posterior.design.theta(coefficients)
        cells, slopes = posterior.likelihood.gradient(theta, workers=self.workers)
        gradient = posterior.design.pull(slopes)
        fixed = posterior.fixed_at
        value = cells.sum() + posterior.fixed.entries(coefficients[fixed]).sum()
        gradient[fixed] += posterior.fixed.score(coefficients[fixed])
        hyper = np.zeros(len(log_spread))
        if len(log_spread):
            log_tau = log_spread[posterior.spread_of]
            effect, tau = coefficients[at], np.exp(log_tau)
            square = np.square(effect / tau)
            value += posterior.log_hyper(log_spread) - (0.5 * square + w * log_tau).sum()
            spread = np.exp(log_spread)
            hyper = 1 + spread * posterior.spreads.score(spread)
            own = w * (square - 1) + gradient[at] * (1 - w) * effect
            hyper += np.bincount(posterior.spread_of, weights=own, minlength=len(hyper))
            gradient[at] = gradient[at] * tau ** (1 - w) - effect / tau ** (1 + w)
        slope = self.root.T @ np.concatenate([gradient, hyper])
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            raise _UnderflowError
        return float(value), slope


class _UnderflowError(ArithmeticError):
    """The density is 0 as far as numbers tell: the sampler turns back and goes on."""

    is_recoverable = True


def sample(
    approximation: Approximation,
    *,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
    progress: bool,
) -> Chains:
    """Return chains of the exact posterior, started around the approximation."""
    start = time.perf_counter()
    workers = max(1, cores() // chains)
    density = _whiten(approximation, seed, workers)
    d = density.root.shape[1]
    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        ndim=d,
        make_logp_fn=lambda: density,
        make_expand_fn=lambda *_: _expand,
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(d,)],
        expanded_names=["point"],
        make_initial_point_fn=_starts(d),
    )
    trace = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=min(chains, cores()),
        seed=seed,
        save_warmup=False,
        progress_bar=progress,
        target_accept=_TARGET_ACCEPT_LEARNED if approximation.log_spread.size else _TARGET_ACCEPT,
    )
    points = np.asarray(trace["posterior"]["point"], dtype=np.float64)
    flat = [density.split(point) for point in points.reshape(-1, d)]
    stats = trace["sample_stats"]
    energy = np.asarray(stats["energy"])
    jumps = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return Chains(
        coefficients=np.array([item[0] for item in flat]).reshape(*points.shape[:2], -1),
        log_spreads=np.array([item[1] for item in flat]).reshape(*points.shape[:2], -1),
        divergences=int(np.asarray(stats["diverging"]).sum()),
        bfmi=float((jumps / np.maximum(energy.var(axis=1), 1e-300)).min()),
        steps=float(np.asarray(stats["n_steps"]).mean()),
        seconds=time.perf_counter() - start,
    )


def diagnostics(draws: Draws, chains: Chains) -> Diagnostics:
    """Return R-hat and effective sizes of what was sampled, the worst of each coordinate."""
    held = {"mean": draws.mean, "spread": draws.spread, "theta": draws.theta}
    parts = [values for values in held.values() if values is not None]
    entries = np.concatenate([item.reshape(*item.shape[:2], -1) for item in parts], axis=2)
    columns = np.arange(entries.shape[2]) % len(draws.names)
    labels = [draws.names[column] for column in columns]
    if draws.slopes is not None:
        entries = np.concatenate([entries, draws.slopes], axis=2)
        labels += ["covariates"] * draws.slopes.shape[2]
    rhat = arviz.rhat(entries)
    bulk = arviz.ess(entries, method="bulk")
    tail = arviz.ess(entries, method="tail", prob=(0.05, 0.95))
    of = {name: np.array([label == name for label in labels]) for name in dict.fromkeys(labels)}
    return Diagnostics(
        rhat={name: float(rhat[at].max()) for name, at in of.items()},
        ess_bulk={name: float(bulk[at].min()) for name, at in of.items()},
        ess_tail={name: float(tail[at].min()) for name, at in of.items()},
        divergences=chains.divergences,
        draws=entries.shape[0] * entries.shape[1],
        bfmi=chains.bfmi,
        steps=chains.steps,
        seconds=chains.seconds,
    )


def _expand(point: Vector) -> dict[str, Vector]:
    return {"point": point}


def _starts(d: int) -> Callable[[int], Vector]:
    def start(seed: int) -> Vector:
        return np.random.default_rng(seed).normal(0, 0.5, d)

    return start


def _whiten(approximation: Approximation, seed: int, workers: int) -> _Whitened:
    posterior = approximation.posterior
    weight = _centring(approximation)
    n = max(1000, 4 * len(approximation.sites.mode))
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    spreads = approximation.spreads(n, rng)
    coefficients, _ = approximation.coefficients(spreads, rng)
    at = posterior.learned_at
    coefficients[:, at] *= np.exp(-(1 - weight) * spreads[:, posterior.spread_of])
    raw = np.concatenate([coefficients, spreads], axis=1)
    centre = raw.mean(axis=0)
    if raw.shape[1] > _WIDE:
        return _Whitened(posterior, weight, centre, np.diag(raw.std(axis=0)), workers)
    covariance = np.atleast_2d(np.cov(raw, rowvar=False))
    covariance[np.diag_indices_from(covariance)] *= 1 + 1e-6
    return _Whitened(posterior, weight, centre, np.linalg.cholesky(covariance), workers)


def _centring(approximation: Approximation) -> Vector:
    """Return how far the data determine each learned effect: w of the partial centring.

    That is 1 - v / spread^2, with v the variance of the effect given everything else that
    is shared: near 1 where the data speak, near 0 where the prior does.
    """
    posterior, sites = approximation.posterior, approximation.sites
    at = posterior.learned_at
    k = posterior.design.n_coordinates
    precision = np.exp(-2 * approximation.log_spread[posterior.spread_of])
    variance = np.empty(len(at))
    for start in range(0, len(at), k):
        rows = slice(start, start + k)
        own = sites.precision[np.ix_(at[rows], at[rows])] + np.diag(precision[rows])
        variance[rows] = np.diag(np.linalg.inv(own))
    return np.clip(1 - variance * precision, 0.0, 1.0)
