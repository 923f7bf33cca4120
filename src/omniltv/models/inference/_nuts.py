"""NUTS: the posterior sampled by nutpie.

The log density is a C function that is the same for all models and data, so nothing is
compiled per model, and no Python runs between two draws. A prior of a class that the C
function does not know is evaluated in Python, and so is the density then.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import nutpie
from arviz_stats.base.array import array_stats
from numpy.typing import NDArray
from nutpie.compile_pymc import CompiledPyMCModel
from nutpie.compiled_pyfunc import from_pyfunc
from nutpie.sample import CompiledModel
from xarray import DataTree

from omniltv._arrays import Vector
from omniltv.draws import cores
from omniltv.models.inference._compiled_density import COPY, DENSITY, PackedDensity, pack
from omniltv.models.inference._laplace import Approximation
from omniltv.models.inference._whitened import UnderflowsError, Whitened, whiten
from omniltv.models.inference.sampling import Sampling
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws

__all__ = ["Chains", "diagnostics", "sample"]


_TARGET_ACCEPT = 0.9
_TARGET_ACCEPT_FUNNEL = 0.95  # at 0.92 a transition in 800 diverges
_DETERMINED = 0.5  # if all weights are above it, no funnel is left
_TRIES = 20  # times that the distance from the centre is halved


_ERRORS = 2  # the file descriptor of standard error


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


def sample(
    approximation: Approximation, sampling: Sampling, *, seed: int, progress: bool
) -> Chains:
    """Return chains of the posterior, started around its approximation."""
    start, chains = time.perf_counter(), sampling.chains
    density = whiten(approximation, seed, max(1, cores() // chains))
    packed = pack(density)
    compiled = _in_python(density) if packed is None else _in_c(density, packed)
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


def _in_c(density: Whitened, packed: PackedDensity) -> CompiledModel:
    """Return the density as a C function, for the sampler."""
    d = density.root.shape[1]
    density_in_c: Any = DENSITY  # the sampler asks for the address alone
    copy_in_c: Any = COPY
    shared: dict[str, Any] = {"packed": packed}
    return CompiledPyMCModel(
        dims={},
        compiled_logp_func=density_in_c,
        compiled_expand_func=copy_in_c,
        initial_point_func=_starts(density),
        shared_data=shared,
        shared_var_keys={},
        user_data=packed.pointers,
        n_expanded=d,
        shape_info=(["point"], [slice(0, d)], [(d,)]),
        logp_func=None,
        expand_func=None,
        _n_dim=d,
        _shapes={"point": (d,)},
        _coords={},
    )


def _in_python(density: Whitened) -> CompiledModel:
    """Return the density as a Python function, for the sampler."""
    d = density.root.shape[1]
    return from_pyfunc(
        ndim=d,
        make_logp_fn=lambda: density,
        make_expand_fn=lambda *_: _expand,
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(d,)],
        expanded_names=["point"],
        make_initial_point_fn=_starts(density),
    )


def _watched() -> bool:
    """Return whether somebody may look at a progress bar: in a terminal or a notebook."""
    return os.isatty(_ERRORS) or "ipykernel" in sys.modules


def _chains(density: Whitened, trace: DataTree, start: float) -> Chains:
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
    rhat = array_stats.rhat(entries, chain_axis=0, draw_axis=1)
    bulk = array_stats.ess(entries, 0, 1, method="bulk")
    tail = array_stats.ess(entries, 0, 1, method="tail", prob=(0.05, 0.95))
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


def _starts(density: Whitened) -> Callable[[int], Vector]:
    def start(seed: int) -> Vector:
        rng = np.random.default_rng(seed)
        point: Vector = rng.normal(0, 0.5, size=(density.root.shape[1],))
        for _ in range(_TRIES):
            try:
                density(point)
            except UnderflowsError:
                point = point / 2
            else:
                break
        return point

    return start
