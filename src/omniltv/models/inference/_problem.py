"""From a model and observations to the posterior: design, priors, likelihood and start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.draws import cores
from omniltv.errors import ConfigError
from omniltv.models.inference import _log_density
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.inference._mode import find_sites
from omniltv.models.inference._subsampled_likelihood import StateSample, sampled
from omniltv.models.posterior._groups import group_labels, term_labels
from omniltv.models.posterior._observations import Observations
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.pooling import Pooling, PoolingKind
from omniltv.models.posterior.priors import LogNormal, Normal, Prior
from omniltv.models.processes.protocols import Coordinate, Model

__all__ = ["SPREAD_SD", "Problem", "effect_prior", "model_priors", "spread_prior"]

SPREAD_SD = 0.75
"""Default prior standard deviation of the log of a standard deviation between groups."""

EFFECT_SD = 0.5
"""Default prior standard deviation of a covariate's effect per standard deviation."""

_HEAVIEST = 6.0  # degrees of freedom of a row of coefficients without data
_SPREAD = "spread"
_SAMPLE = 40_000  # states on which a first mode is sought


@dataclass(frozen=True, eq=False)
class Problem:
    """A posterior, and the meaning of its coefficients.

    Attributes:
        model: The model.
        observed: The observations.
        pooling: How groups are pooled.
        groups: Labels of the groups.
        levels: Labels of the levels of each term under partial pooling.
        effects: The covariate effects.
        posterior: The log density of the posterior.
        group_terms: Level of each group in each term, each of shape (n_groups,).
        start: Coefficients to start at.
        cell: Cell of each distinct state, of shape (n_states,).
        sample: The likelihood of a subsample of states, if there are very many.
    """

    model: Model
    observed: Observations
    pooling: Pooling
    groups: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    effects: tuple[Effect, ...]
    posterior: _log_density.LogDensity
    group_terms: tuple[NDArray[np.intp], ...]
    start: NDArray[np.float64]
    cell: NDArray[np.int64]
    sample: StateSample | None = None

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms under partial pooling; else none."""
        return _terms(self.pooling)

    @classmethod
    def of(
        cls,
        model: Model,
        observed: Observations,
        pooling: Pooling,
        covariates: Mapping[str, Sequence[str]],
        priors: Mapping[str, Prior],
    ) -> "Problem":
        """Return the posterior of a model given observations.

        Raises:
            DataError: If a group column or covariate is missing.
            ConfigError: If a prior or covariate belongs to no coordinate of the model.
        """
        effects = _effects(model, observed, covariates)
        _check_priors(model, effects, priors)
        groups, group = np.unique(group_labels(observed, pooling), return_inverse=True)
        terms = [
            np.unique(term_labels(observed, term), return_inverse=True) for term in _terms(pooling)
        ]
        design, cell = _design(model, observed, group, [level for _, level in terms], effects)
        first = np.unique(group, return_index=True)[1]
        likelihood = Likelihood(model, observed.state, observed.count, cell)
        return cls(
            model=model,
            observed=observed,
            pooling=pooling,
            groups=tuple(str(label) for label in groups),
            levels=tuple(tuple(str(label) for label in labels) for labels, _ in terms),
            effects=effects,
            posterior=_target(model, likelihood, observed, design, cell, effects, priors),
            group_terms=tuple(level[first] for _, level in terms),
            start=design.start(_rough_mode(model, observed, priors)),
            cell=cell,
            sample=sampled(likelihood, model, observed, cell),
        )

    def draws(
        self,
        coefficients: NDArray[np.float64],
        log_spreads: NDArray[np.float64],
        seed: int,
    ) -> PosteriorDraws:
        """Return coefficients of shape (chains, draws, d) as draws of the coordinates."""
        design = self.posterior.design
        shape, k = coefficients.shape[:2], design.n_coordinates
        rows = coefficients[..., : design.n_rows * k].reshape(*shape, -1, k)
        slopes = coefficients[..., design.n_rows * k :] if self.effects else None
        names = tuple(item.name for item in self.model.coordinates)
        if not design.terms:
            return PosteriorDraws(names, self.groups, rows, slopes=slopes)
        mean, effects = rows[:, :, 0], rows[:, :, 1:]
        coordinates, start = np.repeat(mean[:, :, None], len(self.groups), axis=2), 0
        for term, level in enumerate(self.group_terms):
            coordinates += effects[:, :, start + level]
            start += design.sizes[term + 1]
        spread = np.exp(log_spreads).reshape(*shape, -1, k)
        rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        return PosteriorDraws(
            names,
            self.groups,
            coordinates,
            mean=mean,
            spread=spread,
            new=rng.normal(0.0, spread),
            levels=self.levels,
            effects=effects,
            slopes=slopes,
        )


def _terms(pooling: Pooling) -> tuple[str, ...]:
    return pooling.by if pooling.kind is PoolingKind.PARTIAL else ()


def _effects(
    model: Model,
    observed: Observations,
    covariates: Mapping[str, Sequence[str]],
) -> tuple[Effect, ...]:
    names = [item.name for item in model.coordinates]
    found = []
    for coordinate, columns in covariates.items():
        if coordinate not in names:
            has = ", ".join(names)
            raise ConfigError(f"{model.name} has no coordinate {coordinate!r}; it has: {has}")
        for column in columns:
            values = Effect(coordinate, column, 0.0, 1.0).values(observed)
            centre = float(np.average(values, weights=observed.count))
            spread = float(np.sqrt(np.average((values - centre) ** 2, weights=observed.count)))
            if spread == 0:
                raise ConfigError(f"the covariate {column!r} is the same for every row")
            found.append(Effect(coordinate, column, centre, spread))
    return tuple(found)


def _check_priors(model: Model, effects: Sequence[Effect], priors: Mapping[str, Prior]) -> None:
    names = [item.name for item in model.coordinates]
    of_effects = [f"{effect.coordinate}:{effect.covariate}" for effect in effects]
    known = [*names, *of_effects, *(f"{_SPREAD}:{name}" for name in names)]
    for name, prior in priors.items():
        if name not in known:
            has = ", ".join(known)
            raise ConfigError(f"priors: nothing is called {name!r}; there is: {has}")
        if not isinstance(prior, Prior):
            raise ConfigError(f"priors: {name} needs a prior, got {prior!r}. Hint: Normal(0, 1)")


def effect_prior(effect: Effect, priors: Mapping[str, Prior]) -> Prior:
    """Return the prior of a covariate's effect."""
    name = f"{effect.coordinate}:{effect.covariate}"
    return priors.get(name, Normal(mu=0.0, sigma=EFFECT_SD))


def spread_prior(coordinate: Coordinate, priors: Mapping[str, Prior]) -> Prior:
    """Return the prior of a coordinate's standard deviation between groups."""
    default = LogNormal(mu=float(np.log(coordinate.group_sd)), sigma=SPREAD_SD)
    return priors.get(f"{_SPREAD}:{coordinate.name}", default)


def model_priors(model: Model, observed: Observations, priors: Mapping[str, Prior]) -> list[Prior]:
    """Return the prior of each coordinate: the given one, or the model's on the data's scale."""
    defaults = zip(model.coordinates, _default_priors(model, observed), strict=True)
    return [priors.get(item.name, default) for item, default in defaults]


def _default_priors(model: Model, observed: Observations) -> list[Normal]:
    """Return a model's own priors, shifted to the scale of the data (see `Coordinate`)."""
    shift = observed.shift
    return [Normal(mu=item.mean + shift[item.scale], sigma=item.sd) for item in model.coordinates]


def _design(
    model: Model,
    observed: Observations,
    group: NDArray[np.intp],
    terms: Sequence[NDArray[np.intp]],
    effects: Sequence[Effect],
) -> tuple[_log_density.DesignMatrix, NDArray[np.int64]]:
    """Return how cells are made of coefficients, and the cell of each state."""
    x = np.column_stack([np.empty((len(group), 0)), *(item.values(observed) for item in effects)])
    cell, at = _cells(group, x)
    names = [item.name for item in model.coordinates]
    design = _log_density.DesignMatrix(
        base=group[at].astype(np.int64) * (not terms),
        terms=tuple(level[at].astype(np.int64) for level in terms),
        covariates=x[at],
        target=tuple(names.index(effect.coordinate) for effect in effects),
        n_coordinates=len(names),
    )
    return design, cell


def _target(
    model: Model,
    likelihood: Likelihood,
    observed: Observations,
    design: _log_density.DesignMatrix,
    cell: NDArray[np.int64],
    effects: Sequence[Effect],
    priors: Mapping[str, Prior],
) -> _log_density.LogDensity:
    slopes = [effect_prior(effect, priors) for effect in effects]
    spreads = [spread_prior(item, priors) for item in model.coordinates]
    scale = np.log([item.group_sd for item in model.coordinates])
    own = model_priors(model, observed, priors)
    return _log_density.LogDensity(
        likelihood=likelihood,
        design=design,
        fixed=_log_density.IndependentPriors([*own * design.sizes[0], *slopes]),
        spreads=_log_density.IndependentPriors(spreads * len(design.terms)),
        start_of_spreads=np.tile(scale, len(design.terms)),
        degrees=_degrees(design, np.bincount(cell, weights=observed.count)),
    )


def _degrees(
    design: _log_density.DesignMatrix, customers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the degrees of freedom of the proposals of rows of coefficients.

    With few customers the log-likelihood is far from quadratic, so the tails of the proposal
    are heavier. The data of a hierarchy's mean are its levels.
    """
    levels = (design.base, *design.terms)
    per_row = [np.bincount(level, weights=customers) for level in levels]
    if design.terms:
        per_row[0] = np.full(1, 50.0 * max(design.sizes))
    return np.asarray(_HEAVIEST + np.concatenate(per_row) / 50)


def _cells(
    group: NDArray[np.intp], covariates: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the cell of each state, and a state of each cell."""
    if not covariates.shape[1]:
        return group.astype(np.int64), np.unique(group, return_index=True)[1]
    columns = np.column_stack([group, covariates])
    _, at, cell = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    return cell.ravel().astype(np.int64), at


def _rough_mode(
    model: Model, observed: Observations, own_priors: Mapping[str, Prior]
) -> NDArray[np.float64]:
    """Return an approximate mode under complete pooling, from at most `_SAMPLE` states."""
    priors = model_priors(model, observed, own_priors)
    n, rng = len(observed), np.random.default_rng(0)
    some = rng.choice(n, _SAMPLE, replace=False) if n > _SAMPLE else np.arange(n)
    part = type(observed.state)(*(values[some] for values in observed.state))
    one, together = np.zeros(1, dtype=np.int64), np.zeros(len(some), dtype=np.int64)
    posterior = _log_density.LogDensity(
        likelihood=Likelihood(model, part, observed.count[some], together),
        design=_log_density.DesignMatrix(one, (), np.empty((1, 0)), (), len(priors)),
        fixed=_log_density.IndependentPriors(priors),
        spreads=_log_density.IndependentPriors([]),
        start_of_spreads=np.empty(0),
        degrees=np.ones(1),
    )
    start = np.array([prior.mu for prior in _default_priors(model, observed)])
    with np.errstate(all="ignore"):
        return find_sites(posterior, start, np.empty(0), workers=cores()).mode
