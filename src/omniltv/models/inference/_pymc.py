"""The posterior as a PyMC model, for inspection, for extension and for tests of our density.

This is the only module that imports PyMC and PyTensor. Fits do not need it: they use the
fused kernel.
"""

from collections.abc import Mapping

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from omniltv.errors import ConfigError
from omniltv.models.inference._problem import (
    Problem,
    effect_prior,
    model_priors,
    spread_prior,
)
from omniltv.models.posterior.priors import (
    Exponential,
    Flat,
    HalfNormal,
    LogNormal,
    Normal,
    Prior,
    StudentT,
)
from omniltv.models.processes.protocols import Array

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


def pymc_model(problem: Problem, priors: Mapping[str, Prior]) -> pm.Model:
    """Return the posterior as a PyMC model, on distinct states; see `omniltv.models.to_pymc`."""
    model, observed = problem.model, problem.observed
    names = [item.name for item in model.coordinates]
    own = dict(zip(names, model_priors(model, observed, priors), strict=True))
    design, cell = problem.posterior.design, problem.cell
    coordinates = {}
    with pm.Model(coords=_labels(problem)) as graph:
        for column, coordinate in enumerate(model.coordinates):
            name = coordinate.name
            value = _variable(name, own[name], dims="group" if design.sizes[0] > 1 else None)
            total = value[design.base] if design.sizes[0] > 1 else value
            for term, level in zip(problem.terms, design.terms, strict=True):
                prior = spread_prior(coordinate, priors)
                spread = _variable(f"spread:{name}:{term}", prior)
                total = total + pm.Normal(f"{name}:{term}", 0.0, spread, dims=term)[level]
            for number in np.flatnonzero(np.array(design.target) == column):
                effect = problem.effects[number]
                slope = _variable(f"{name}:{effect.covariate}", effect_prior(effect, priors))
                total = total + slope * design.covariates[:, number]
            coordinates[name] = pt.broadcast_to(total, (len(design.base),))[cell]
        parameters = model.parameters(PYTENSOR, coordinates)
        each = model.loglik(PYTENSOR, parameters, observed.state)
        pm.Potential("loglik", pt.sum(observed.count * each))
    return graph


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
