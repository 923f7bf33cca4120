"""The posterior as a PyMC model: to look at, to extend, and to check our own density against.

This is the only module that imports PyMC and PyTensor, and nothing else needs it: fits are
found by the fused kernel.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError
from omniltv.models.inference._likelihood import loglik
from omniltv.models.inference._problem import (
    Problem,
    effect_prior,
    model_priors,
    model_state,
    spread_prior,
)
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.posterior.priors import (
    Exponential,
    Flat,
    HalfNormal,
    LogNormal,
    Normal,
    Prior,
    StudentT,
)
from omniltv.models.processes.protocols import Array, PurchaseModel, SpendModel

__all__ = ["PytensorNamespace", "pymc_model"]


class PytensorNamespace:
    """PyTensor as the array namespace of the models."""

    def exp(self, x: Array) -> Array:
        return pt.exp(x)

    def log(self, x: Array) -> Array:
        return pt.log(x)

    def log1p(self, x: Array) -> Array:
        return pt.log1p(x)

    def gammaln(self, x: Array) -> Array:
        return pt.gammaln(x)

    def sigmoid(self, x: Array) -> Array:
        return pt.sigmoid(x)

    def logaddexp(self, x: Array, y: Array) -> Array:
        return pt.maximum(x, y) + pt.log1p(pt.exp(-pt.abs(x - y)))

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        return pt.where(condition, x, y)

    def maximum(self, x: Array, y: Array) -> Array:
        return pt.maximum(x, y)


PYTENSOR = PytensorNamespace()


def pymc_model(
    model: PurchaseModel | SpendModel,
    history: PurchaseHistory,
    *,
    pooling: Pooling,
    covariates: Mapping[str, Sequence[str]],
    priors: Mapping[str, Prior],
    spread_priors: Mapping[str, Prior],
) -> pm.Model:
    """Return the posterior as a PyMC model, on distinct states; see `omniltv.models.to_pymc`."""
    problem = Problem.of(model, history, pooling, covariates, priors, spread_priors)
    distinct = history.distinct(spend=not isinstance(model, PurchaseModel))
    state = model_state(model, distinct.states)
    count = distinct.count.astype(np.float64)
    own = dict(zip(_names(model), model_priors(model, distinct, priors), strict=True))
    design, cell = problem.posterior.design, problem.cell
    coordinates = {}
    with pm.Model(coords=_labels(problem)) as graph:
        for column, coordinate in enumerate(model.coordinates):
            name = coordinate.name
            value = _variable(name, own[name], dims="group" if design.sizes[0] > 1 else None)
            total = value[design.base] if design.sizes[0] > 1 else value
            for term, level in zip(problem.terms, design.terms, strict=True):
                prior = spread_prior(coordinate, spread_priors)
                spread = _variable(f"spread:{name}:{term}", prior)
                total = total + pm.Normal(f"{name}:{term}", 0.0, spread, dims=term)[level]
            for number in np.flatnonzero(np.array(design.target) == column):
                effect = problem.effects[number]
                slope = _variable(f"{name}:{effect.covariate}", effect_prior(effect, priors))
                total = total + slope * design.covariates[:, number]
            coordinates[name] = pt.broadcast_to(total, (len(design.base),))[cell]
        parameters = model.parameters(PYTENSOR, coordinates)
        pm.Potential("loglik", pt.sum(count * loglik(model, PYTENSOR, parameters, state)))
    return graph


def _names(model: PurchaseModel | SpendModel) -> list[str]:
    return [item.name for item in model.coordinates]


def _labels(problem: Problem) -> dict[str, list[str]]:
    labels = zip(problem.terms, problem.levels, strict=True)
    return {"group": list(problem.groups), **{term: list(levels) for term, levels in labels}}


def _variable(name: str, prior: Prior, dims: str | None = None) -> Array:
    known = {
        Flat: pm.Flat,
        Normal: pm.Normal,
        StudentT: pm.StudentT,
        LogNormal: pm.LogNormal,
        HalfNormal: pm.HalfNormal,
        Exponential: pm.Exponential,
    }
    if type(prior) not in known:
        raise ConfigError(f"PyMC has no counterpart of the prior {prior!r}")
    arguments = {field: getattr(prior, field) for field in getattr(prior, "__slots__", ())}
    return known[type(prior)](name, **arguments, dims=dims)
