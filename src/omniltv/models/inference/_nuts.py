"""NUTS: the posterior sampled by nutpie, partially centred and whitened.

The log density and its gradient come from the fused kernel, so nothing is compiled per
model or data set. Under partial pooling, random effects are partially centred with a weight
w, which is 1 if an effect is determined by its own data and 0 if it is not
(Papaspiliopoulos, Roberts and Sköld 2007; Gorinova, Moore and Hoffman 2020). The result is
whitened by the covariance of the nested Laplace approximation, so that the sampled density
is close to a standard normal.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import arviz
import numpy as np
import nutpie
from numpy.typing import NDArray
from nutpie import compiled_pyfunc
from xarray import DataTree

from omniltv._arrays import Matrix, Vector
from omniltv.draws import cores
from omniltv.models.inference._laplace import Approximation
from omniltv.models.inference._log_density import LogDensity
from omniltv.models.inference.sampling import Sampling
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws

__all__ = ["Chains", "diagnostics", "sample"]


_TARGET_ACCEPT = 0.9
_TARGET_ACCEPT_FUNNEL = 0.95  # at 0.92 a transition in 800 diverges
_DETERMINED = 0.5  # if all weights are above it, no funnel is left
_TAILS = 4.0  # median absolute deviations
_TRIES = 20  # times that the distance from the centre is halved
_WIDE = 600  # coefficients; above, only the scales of the approximation are used


@dataclass(frozen=True, eq=False)
class Chains:
    """The draws of the sampler.

    Attributes:
        coefficients: Of shape (chains, draws, d).
        log_spreads: Of shape (chains, draws, terms x coordinates).
        divergences: Divergent transitions after warm-up.
        bfmi: Bayesian fraction of missing information, the minimum over chains.
        steps: Mean leapfrog steps per draw.
        seconds: Wall time, including warm-up.
    """

    coefficients: NDArray[np.float64]
    log_spreads: NDArray[np.float64]
    divergences: int
    bfmi: float
    steps: float
    seconds: float


@dataclass(frozen=True, eq=False)
class _Whitened:
    """The log density in whitened coordinates.

    Before whitening, the coordinates are z of each random effect, y of the mean of each
    coordinate, and the log spreads: mean = anchor + spread^v y, where v is the average w of
    the first term, and effect = spread^(1-w) z, minus w (mean - anchor) in the first term.
    If the data determine all levels of the first term, z are the coordinates of the levels
    and y is the mean in units of the spread, and no funnel is left.
    """

    posterior: LogDensity
    weight: Vector  # w of each random effect
    anchor: Vector  # of the mean of each coordinate
    centre: Vector
    root: Matrix
    workers: int

    @cached_property
    def means(self) -> NDArray[np.intp]:
        """Positions of the means of coordinates under partial pooling."""
        learned = len(self.posterior.design.terms) > 0
        return np.arange(self.posterior.design.n_coordinates if learned else 0)

    @cached_property
    def first_term(self) -> NDArray[np.intp]:
        """Positions of the random effects of the first term."""
        k = len(self.means)
        return np.arange(self.posterior.design.sizes[1] * k if k else 0)

    @cached_property
    def shift(self) -> Vector:
        """Share of the distance of the mean from its anchor in each random effect: w or 0."""
        shift = np.zeros_like(self.weight)
        shift[self.first_term] = self.weight[self.first_term]
        return shift

    @cached_property
    def power(self) -> Vector:
        """Return v of the mean of each coordinate."""
        own = self.weight[self.first_term].reshape(-1, max(1, len(self.means)))
        return own.mean(axis=0) if len(self.means) else np.empty(0)

    @cached_property
    def mean_of(self) -> NDArray[np.intp]:
        """Position of the coordinate of each random effect."""
        return self.posterior.spread_of % max(1, len(self.means))

    def raw(self, coefficients: Matrix, log_spreads: Matrix) -> Matrix:
        """Return the coordinates before whitening, point by point."""
        raw = np.concatenate([coefficients, log_spreads], axis=1)
        at, means = self.posterior.learned_at, self.means
        distance = coefficients[:, means] - self.anchor
        effect = coefficients[:, at] + self.shift * distance[:, self.mean_of]
        log_tau = log_spreads[:, self.posterior.spread_of]
        raw[:, at] = effect * np.exp(-(1 - self.weight) * log_tau)
        raw[:, means] = distance * np.exp(-self.power * log_spreads[:, : len(means)])
        return raw

    def split(self, point: Vector) -> tuple[Vector, Vector]:
        """Return coefficients and log spreads from the sampler's coordinates."""
        raw = self.centre + self.root @ point
        d = self.posterior.design.n_coefficients
        coefficients, log_spread = raw[:d].copy(), raw[d:]
        at, means = self.posterior.learned_at, self.means
        distance = raw[means] * np.exp(self.power * log_spread[: len(means)])
        log_tau = log_spread[self.posterior.spread_of]
        z = raw[at] * np.exp((1 - self.weight) * log_tau)
        coefficients[at] = z - self.shift * distance[self.mean_of]
        coefficients[means] += self.anchor + distance - raw[means]
        return coefficients, log_spread

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        with np.errstate(all="ignore"):  # far from the mode, where the sampler turns back
            value, slope = self._evaluate(point)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            raise _UnderflowError
        return value, slope

    def _evaluate(self, point: Vector) -> tuple[float, Vector]:
        posterior = self.posterior
        coefficients, log_spread = self.split(point)
        coordinates = posterior.design.coordinates(coefficients)
        cells, slopes = posterior.likelihood.gradient(coordinates, workers=self.workers)
        gradient = posterior.design.pull(slopes)
        gradient += posterior.prior_score(coefficients, log_spread)
        value = cells.sum() + posterior.log_prior(coefficients, log_spread)
        hyper = np.zeros(len(log_spread))
        if len(log_spread):
            value += self._to_raw(coefficients, log_spread, gradient, hyper)
        return float(value), self.root.T @ np.concatenate([gradient, hyper])

    def _to_raw(
        self, coefficients: Vector, log_spread: Vector, gradient: Vector, hyper: Vector
    ) -> float:
        """Change gradients to those of the raw coordinates; return the log of the Jacobian."""
        posterior, at, means = self.posterior, self.posterior.learned_at, self.means
        k, of = len(means), posterior.spread_of
        log_tau, free = log_spread[of], 1 - self.weight
        distance = coefficients[means] - self.anchor
        effect = coefficients[at]
        scaled = effect + self.shift * distance[self.mean_of]
        own = np.square(effect * np.exp(-log_tau)) - 1 + free + free * scaled * gradient[at]
        hyper += np.bincount(of, weights=own, minlength=len(hyper))
        spread = np.exp(log_spread)
        hyper += 1 + spread * posterior.spreads.score(spread)
        lost = np.bincount(self.mean_of, weights=self.shift * gradient[at], minlength=k)
        of_mean = gradient[means] - lost
        hyper[:k] += self.power * (distance * of_mean + 1)
        gradient[means] = of_mean * np.exp(self.power * log_spread[:k])
        gradient[at] *= np.exp(free * log_tau)
        return float((free * log_tau).sum() + self.power @ log_spread[:k])


class _UnderflowError(ArithmeticError):
    """The density underflows to 0: the sampler turns back and continues."""

    is_recoverable = True


def sample(
    approximation: Approximation, sampling: Sampling, *, seed: int, progress: bool
) -> Chains:
    """Return chains of the posterior, started around its approximation."""
    start, chains = time.perf_counter(), sampling.chains
    density = _whiten(approximation, seed, max(1, cores() // chains))
    d = density.root.shape[1]
    compiled = compiled_pyfunc.from_pyfunc(
        ndim=d,
        make_logp_fn=lambda: density,
        make_expand_fn=lambda *_: _expand,
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(d,)],
        expanded_names=["point"],
        make_initial_point_fn=_starts(density),
    )
    funnel = density.weight.min(initial=1.0) < _DETERMINED
    trace = nutpie.sample(
        compiled,
        draws=sampling.draws,
        tune=sampling.warmup,
        chains=chains,
        cores=min(chains, cores()),
        seed=seed,
        save_warmup=False,
        progress_bar=progress and _watched(),
        target_accept=_TARGET_ACCEPT_FUNNEL if funnel else _TARGET_ACCEPT,
    )
    return _chains(density, trace, start)


_ERRORS = 2  # the file descriptor of standard error


def _watched() -> bool:
    """Return whether somebody may look at a progress bar: in a terminal or a notebook."""
    return os.isatty(_ERRORS) or "ipykernel" in sys.modules


def _chains(density: _Whitened, trace: DataTree, start: float) -> Chains:
    points = np.asarray(trace["posterior"]["point"], dtype=np.float64)
    flat = [density.split(point) for point in points.reshape(-1, points.shape[2])]
    stats = trace["sample_stats"]
    energy = np.asarray(stats["energy"], dtype=np.float64)
    jumps = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return Chains(
        coefficients=np.array([item[0] for item in flat]).reshape(*points.shape[:2], -1),
        log_spreads=np.array([item[1] for item in flat]).reshape(*points.shape[:2], -1),
        divergences=int(np.asarray(stats["diverging"]).sum()),
        bfmi=float((jumps / np.maximum(energy.var(axis=1), 1e-300)).min()),
        steps=float(np.asarray(stats["n_steps"]).mean()),
        seconds=time.perf_counter() - start,
    )


def diagnostics(draws: PosteriorDraws, chains: Chains) -> Diagnostics:
    """Return R-hat and effective sample sizes, the worst entry of each coordinate."""
    held = {"mean": draws.mean, "spread": draws.spread, "coordinates": draws.coordinates}
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


def _starts(density: _Whitened) -> Callable[[int], Vector]:
    def start(seed: int) -> Vector:
        rng = np.random.default_rng(seed)
        point: Vector = rng.normal(0, 0.5, size=(density.root.shape[1],))
        for _ in range(_TRIES):
            try:
                density(point)
            except _UnderflowError:
                point = point / 2
            else:
                break
        return point

    return start


def _whiten(approximation: Approximation, seed: int, workers: int) -> _Whitened:
    posterior = approximation.posterior
    n = max(1000, 4 * len(approximation.sites.mode))
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    spreads = approximation.spreads(n, rng)
    coefficients, _ = approximation.coefficients(spreads, rng)
    learned = posterior.design.n_coordinates if posterior.design.terms else 0
    d = coefficients.shape[1] + spreads.shape[1]
    plain = _Whitened(
        posterior=posterior,
        weight=_centring(approximation),
        anchor=approximation.sites.mode[:learned],
        centre=np.zeros(d),
        root=np.eye(d),
        workers=workers,
    )
    centre = plain.raw(approximation.sites.mode[None], approximation.log_spread[None])[0]
    raw = plain.raw(coefficients, spreads)
    middle = np.median(raw, axis=0)
    width = _TAILS * np.median(np.abs(raw - middle), axis=0)
    raw = np.clip(raw, middle - width, middle + width)  # outliers do not count for the scale
    if d > _WIDE:
        return replace(plain, centre=centre, root=np.diag(raw.std(axis=0)))
    covariance = np.atleast_2d(np.cov(raw, rowvar=False))
    covariance[np.diag_indices_from(covariance)] *= 1 + 1e-6
    return replace(plain, centre=centre, root=np.linalg.cholesky(covariance))


def _centring(approximation: Approximation) -> Vector:
    """Return how far the data determine each random effect: w of the partial centring.

    It is 1 - v / spread^2, where v is the variance of the effect given all shared
    quantities: near 1 if the data dominate, near 0 if the prior dominates.
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
