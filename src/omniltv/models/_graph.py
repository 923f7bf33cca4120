"""The posterior as a PyMC graph over distinct states, sampled by nutpie.

This is the only module that imports PyMC, PyTensor, ArviZ and nutpie, and it is
imported only when something is fitted.

Coordinates are sampled relative to a reference point (the mode under complete
pooling), so that every chain starts at the mode. Under partial pooling each
group's coordinate is sampled partially centred: theta = mu + tau^(1-w) (z - w mu)
with z ~ Normal(w mu, tau^w), where w is 1 for a group that its own data determine and
0 for one that they do not (Papaspiliopoulos, Roberts and Sköld 2007; Gorinova, Moore
and Hoffman 2020).
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import arviz
import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.traversal import ancestors

from omniltv.models.diagnostics import Diagnostics
from omniltv.models.protocols import (
    Array,
    Coordinate,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)

__all__ = ["PytensorNamespace", "Sampled", "Setting", "sample"]

SPREAD_SD = 0.75
"""Prior standard deviation of the log of the spread between groups."""


_TARGET_ACCEPT = 0.95  # at 0.9 hierarchies over three or four groups diverge now and then
_TINY = 1e-300


class PytensorNamespace:
    """PyTensor as the array namespace of the models.

    Log-gammas are worked out once per distinct (group, frequency), and not per state,
    where they depend on nothing that varies within such a pair.

    Args:
        first: For each distinct pair a state that has it, of shape (n_pairs,).
        pair: The pair of each state, of shape (n_states,).
        varying: Statistics that differ between states of a pair.
    """

    def __init__(self, first: Array, pair: Array, varying: Iterable[Array]) -> None:
        self._first = first
        self._pair = pair
        self._varying = set(varying)

    def exp(self, x: Array) -> Array:
        return pt.exp(x)

    def log(self, x: Array) -> Array:
        return pt.log(x)

    def log1p(self, x: Array) -> Array:
        return pt.log1p(x)

    def gammaln(self, x: Array) -> Array:
        x = pt.as_tensor_variable(x)
        if x.ndim == 0 or not self._varying.isdisjoint(ancestors([x])):
            return pt.gammaln(x)
        return pt.gammaln(x[self._first])[self._pair]

    def sigmoid(self, x: Array) -> Array:
        return pt.sigmoid(x)

    def logaddexp(self, x: Array, y: Array) -> Array:
        return pt.maximum(x, y) + pt.log1p(pt.exp(-pt.abs(x - y)))

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        return pt.where(condition, x, y)

    def maximum(self, x: Array, y: Array) -> Array:
        return pt.maximum(x, y)


@dataclass(frozen=True, eq=False)
class Setting:
    """What a graph is evaluated on.

    Attributes:
        states: The statistics by name, each of shape (n_states,).
        count: Customers per state, of shape (n_states,).
        group: Group of each state, of shape (n_states,).
        pair: Distinct (group, frequency) of each state, of shape (n_states,).
        first: A state of each distinct pair.
        location: Prior mean of each coordinate, of shape (n_coordinates,).
        reference: The point that coordinates are sampled relative to, same shape.
        centring: w of each group and coordinate, of shape (n_groups, n_coordinates).
    """

    states: Mapping[str, NDArray[np.float64]]
    count: NDArray[np.float64]
    group: NDArray[np.int64]
    pair: NDArray[np.int64]
    first: NDArray[np.int64]
    location: NDArray[np.float64]
    reference: NDArray[np.float64]
    centring: NDArray[np.float64]

    def data(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Return the arrays by the names that they have in the graph."""
        own = {key: value for key, value in vars(self).items() if key != "states"}
        return {**own, **self.states}


@dataclass(frozen=True, eq=False)
class Sampled:
    """Draws of the coordinates.

    Attributes:
        theta: Of shape (chains, draws, n_groups, n_coordinates).
        mean: Population mean, of shape (chains, draws, n_coordinates); None if not partial.
        spread: Spread between groups, same shape; None if not partial.
        diagnostics: What the sampler says of itself.
    """

    theta: NDArray[np.float64]
    mean: NDArray[np.float64] | None
    spread: NDArray[np.float64] | None
    diagnostics: Diagnostics


def sample(
    model: PurchaseModel | SpendModel,
    setting: Setting,
    *,
    partial: bool,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
    progress: bool,
) -> Sampled:
    """Return draws of the posterior by the no-U-turn sampler."""
    data = setting.data()
    if not partial:
        del data["centring"]
    compiled = _compiled(model, len(setting.centring), partial).with_data(**data)
    start = time.perf_counter()
    trace = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=min(chains, _cores()),
        seed=seed,
        save_warmup=False,
        progress_bar=progress,
        target_accept=_TARGET_ACCEPT,
        # Hierarchies have no lasting correlation to learn; groups by themselves may have.
        adaptation="diag" if partial else "low_rank",
    )
    seconds = time.perf_counter() - start
    posterior = trace["posterior"]
    theta = np.asarray(posterior["theta"], dtype=np.float64)
    mean, spread = (
        np.asarray(posterior[name], dtype=np.float64) if partial else None
        for name in ("mean", "spread")
    )
    return Sampled(theta, mean, spread, _diagnose(trace, model.coordinates, seconds))


@cache
def _compiled(
    model: PurchaseModel | SpendModel, n_groups: int, partial: bool
) -> "nutpie.sample.CompiledModel":
    # No jitter: 1 is many posterior deviations of a large group, and throws a chain off for good.
    return nutpie.compile_pymc_model(_build(model, n_groups, partial=partial), jitter_rvs=set())


def _build(model: PurchaseModel | SpendModel, n_groups: int, *, partial: bool) -> pm.Model:
    coordinates = model.coordinates
    sigma = np.array([coordinate.sd for coordinate in coordinates])
    with pm.Model() as graph:
        data = _placeholders(model, (n_groups, len(coordinates)), partial=partial)
        prior = {"mu": data["location"] - data["reference"], "sigma": sigma}
        if partial:
            offset = _partially_centred(coordinates, data, prior)
        else:
            shape = (n_groups, len(coordinates))
            offset = pm.Normal("offset", **prior, shape=shape, initval=np.zeros(shape))
        theta = pm.Deterministic("theta", data["reference"] + offset)
        pm.Potential("loglik", pt.sum(data["count"] * _loglik(model, theta, data)))
    return graph


def _loglik(model: PurchaseModel | SpendModel, theta: Array, data: Mapping[str, Array]) -> Array:
    values = theta[data["group"]]
    named = {item.name: values[:, column] for column, item in enumerate(model.coordinates)}
    statistics = tuple(data[name] for name in _statistics(model))
    xp = PytensorNamespace(data["first"], data["pair"], statistics[1:])
    parameters = model.parameters(xp, named)
    if isinstance(model, PurchaseModel):
        return model.loglik(xp, parameters, PurchaseState(*statistics))
    return model.loglik(xp, parameters, SpendState(*statistics))


def _statistics(model: PurchaseModel | SpendModel) -> tuple[str, ...]:
    return PurchaseState._fields if isinstance(model, PurchaseModel) else SpendState._fields


def _partially_centred(
    coordinates: tuple[Coordinate, ...], data: Mapping[str, Array], prior: Mapping[str, Array]
) -> Array:
    k = len(coordinates)
    scale = np.array([coordinate.group_sd for coordinate in coordinates])
    mu = pm.Normal("mu", **prior, shape=k, initval=np.zeros(k))
    log_tau = pm.Normal("log_tau", 0.0, SPREAD_SD, shape=k, initval=np.zeros(k))
    tau = pm.Deterministic("spread", scale * pt.exp(log_tau))
    pm.Deterministic("mean", data["reference"] + mu)
    w = data["centring"]
    z = pm.Normal("z", mu=w * mu, sigma=tau**w, initval=np.zeros(w.get_value().shape))
    return mu + tau ** (1 - w) * (z - w * mu)


def _placeholders(
    model: PurchaseModel | SpendModel, shape: tuple[int, int], *, partial: bool
) -> dict[str, Array]:
    """Return one-state data of the right types; the real ones come with each fit."""
    vectors: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        **{name: np.ones(1) for name in (*_statistics(model), "count")},
        **{name: np.zeros(1, dtype=np.int64) for name in ("group", "pair", "first")},
        **{name: np.zeros(shape[1]) for name in ("location", "reference")},
    }
    if partial:
        vectors["centring"] = np.zeros(shape)
    return {name: pm.Data(name, value) for name, value in vectors.items()}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _diagnose(
    trace: Mapping[str, Array], coordinates: tuple[Coordinate, ...], seconds: float
) -> Diagnostics:
    posterior, stats = trace["posterior"], trace["sample_stats"]
    draws = [
        np.asarray(posterior[name]) for name in ("theta", "mean", "spread") if name in posterior
    ]
    # One column per entry, so that the worst over groups can be named by coordinate.
    entries = np.concatenate([item.reshape(*item.shape[:2], -1) for item in draws], axis=2)
    names = [coordinate.name for coordinate in coordinates]
    columns = np.arange(entries.shape[2]) % len(names)
    rhat = arviz.rhat(entries)
    bulk = arviz.ess(entries, method="bulk")
    tail = arviz.ess(entries, method="tail", prob=(0.05, 0.95))
    energy = np.asarray(stats["energy"])
    jumps = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return Diagnostics(
        rhat={name: float(rhat[columns == k].max()) for k, name in enumerate(names)},
        ess_bulk={name: float(bulk[columns == k].min()) for k, name in enumerate(names)},
        ess_tail={name: float(tail[columns == k].min()) for k, name in enumerate(names)},
        divergences=int(np.asarray(stats["diverging"]).sum()),
        draws=energy.size,
        bfmi=float((jumps / np.maximum(energy.var(axis=1), _TINY)).min()),
        steps=float(np.asarray(stats["n_steps"]).mean()),
        seconds=seconds,
    )
