"""Simulation-based calibration: is the posterior that `fit` finds the exact posterior?

Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian Inference
Algorithms with Simulation-Based Calibration, arXiv:1804.06788. If parameters are drawn from the
prior and data given the parameters, the rank of the parameters among posterior draws is uniform
if the posterior is exact. A wrong posterior hardly ever has uniform ranks.

Ranks of parameters alone are not sufficient: the prior itself, without the data, also has
uniform ranks. The log-likelihood of the data is therefore ranked as well (Modrák et al. 2023,
Simulation-Based Calibration Checking for Bayesian Computation: The Choice of Test Quantities
Shapes Sensitivity, Bayesian Analysis).
"""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv._frames import Tabular
from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataWarning, FitWarning
from omniltv.models.inference._problem import SPREAD_SD
from omniltv.models.inference.fitting import fit
from omniltv.models.inference.sampling import Sampling
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.pooling import Pooling, PoolingKind
from omniltv.models.posterior.priors import Normal
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Model,
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)
from omniltv.units import TimeUnit

__all__ = ["RANKS", "Calibration", "RankedFit", "band", "simulation_based_calibration"]

RANKS = 100
"""Number of possible ranks, 0 to 99, of the truth among 99 draws."""

_BINS = 20
_LAPLACE = Sampling("laplace", draws=500, chains=1)


@dataclass(frozen=True, eq=False)
class Calibration(Tabular):
    """Ranks of the truth among posterior draws; made by `simulation_based_calibration`.

    Attributes:
        model: Name of the model.
        pooling: How groups were pooled.
        ranks: By quantity (a coordinate of a group, its population mean, its spread, the
            log-likelihood), of shape (n_fits,); whole numbers from 0 to 99.
        handed_over: Number of fits that Laplace handed over to the sampler.
        without_repeats: Number of data sets without a repeat purchase; they are included.
        seconds: Mean processor time of a fit.

    Examples:
        >>> ranks = {"log_rate": np.repeat(np.arange(100), 2), "log_shape": np.full(200, 99)}
        >>> found = Calibration("mine", PoolingKind.COMPLETE, ranks)
        >>> found.to_frame()["outside"].tolist()
        [False, True]
        >>> found.p_value() < 0.001
        True
    """

    model: str
    pooling: PoolingKind
    ranks: Mapping[str, NDArray[np.int64]]
    handed_over: int = 0
    without_repeats: int = 0
    seconds: float = float("nan")

    def p_values(self) -> Mapping[str, float]:
        """Return the chi-square p-value of each quantity's ranks, in 20 bins."""
        counts = {
            name: np.bincount(ranks * _BINS // RANKS, minlength=_BINS)
            for name, ranks in self.ranks.items()
        }
        return {name: float(stats.chisquare(values).pvalue) for name, values in counts.items()}

    def p_value(self) -> float:
        """Return the joint p-value of all quantities (Bonferroni)."""
        return min(1.0, len(self.ranks) * min(self.p_values().values()))

    def outside(self, level: float = 0.99) -> Mapping[str, bool]:
        """Return whether the ranks of each quantity leave the band of uniform ranks."""
        found = {}
        for name, ranks in self.ranks.items():
            lower, upper = band(len(ranks), level)
            seen = np.cumsum(np.bincount(ranks, minlength=RANKS))[:-1]
            found[name] = bool(((seen < lower) | (seen > upper)).any())
        return found

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per quantity: its p-value, and whether it leaves the 99 % band."""
        n = len(self.ranks)
        return {
            "model": np.full(n, self.model),
            "pooling": np.full(n, str(self.pooling)),
            "quantity": np.array(list(self.ranks)),
            "fits": np.array([len(ranks) for ranks in self.ranks.values()]),
            "p": np.array(list(self.p_values().values())),
            "outside": np.array(list(self.outside().values())),
        }


def band(fits: int, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the simultaneous band of cumulative counts of uniform ranks.

    Säilynoja, Bürkner and Vehtari (2022), Statistics and Computing 32, 32. The band consists of
    pointwise binomial intervals. Their level is found by simulation, so that uniform ranks stay
    within all of them with probability ``level``.

    Args:
        fits: Number of ranks.
        level: Probability of staying within the band.

    Examples:
        >>> lower, upper = band(200, 0.99)
        >>> bool(lower[49] < 100 < upper[49])
        True
    """
    lower, upper = _band(fits, level)
    return lower.copy(), upper.copy()


@cache
def _band(fits: int, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    share = np.arange(1, RANKS) / RANKS
    uniform = np.random.default_rng(0).multinomial(fits, np.full(RANKS, 1 / RANKS), 4000)
    counts = np.cumsum(uniform, axis=1)[:, :-1]
    below = stats.binom.cdf(counts, fits, share)
    above = stats.binom.sf(counts - 1, fits, share)
    tail = np.quantile(np.minimum(below, above).min(axis=1), 1 - level)
    lower, upper = stats.binom.ppf(tail, fits, share), stats.binom.isf(tail, fits, share)
    return np.asarray(lower), np.asarray(upper)


def simulation_based_calibration(
    model: PurchaseModel | SpendModel,
    *,
    pooling: PoolingKind,
    fits: int,
    seed: int,
    method: Sampling = _LAPLACE,
    groups: int = 3,
    customers: int = 60,
    run: Callable[[Callable[[int], "RankedFit"], Iterable[int]], Iterable["RankedFit"]] = map,
) -> Calibration:
    """Return ranks of parameters drawn from the prior among draws of their posteriors.

    Customers of purchase models are observed for 0.5 to 1.5 mean observation times, or for
    4 to 12 opportunities. Customers of spend models have one repeat purchase and 2 more on
    average. All data sets are used, even those without repeat purchases: selecting data
    sets would change the prior.

    Args:
        model: The model; parameters are drawn from its default priors, in units of the data.
        pooling: How groups are pooled.
        fits: Number of data sets to draw and fit.
        seed: The same seed gives the same ranks.
        method: How to fit, with at least 99 draws in all. The truth is ranked among 99 of
            them, evenly spaced.
        groups: Groups of customers in each data set.
        customers: Customers in each group.
        run: Maps a function over seeds, such as the `map` of a process pool.

    Raises:
        ConfigError: If there are fewer than 99 draws, or the method draws none.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> found = simulation_based_calibration(
        ...     BgNbd(), pooling=PoolingKind.COMPLETE, fits=8, seed=1, customers=40)
        >>> sorted(found.ranks)
        ['log-likelihood', 'log_concentration', 'log_rate', 'log_shape', 'logit_dropout']
    """
    if method.draws * method.chains < RANKS - 1 or method.method == "map":
        message = f"the truth is ranked among {RANKS - 1} draws, got {method}"
        raise ConfigError(f'{message}. Hint: Sampling("laplace", draws=500)')
    trial = _Trial(model, pooling, method, groups, customers)
    found = list(run(partial(_once, trial), _seeds(seed, fits)))
    names = found[0].ranks
    return Calibration(
        model.name,
        pooling,
        {name: np.array([item.ranks[name] for item in found]) for name in names},
        handed_over=sum(item.handed_over for item in found),
        without_repeats=sum(item.repeats == 0 for item in found),
        seconds=float(np.mean([item.seconds for item in found])),
    )


@dataclass(frozen=True)
class RankedFit:
    """The result of one fit of `simulation_based_calibration`.

    Attributes:
        ranks: Rank of the truth by quantity.
        handed_over: Whether Laplace handed over to the sampler.
        repeats: Repeat purchases in the data.
        seconds: Processor time of the fit.

    Examples:
        >>> RankedFit({"log_rate": 41}, handed_over=False, repeats=63, seconds=0.1).ranks
        {'log_rate': 41}
    """

    ranks: Mapping[str, int]
    handed_over: bool
    repeats: int
    seconds: float


@dataclass(frozen=True)
class _Trial:
    """The settings of all fits; see `simulation_based_calibration`."""

    model: PurchaseModel | SpendModel
    pooling: PoolingKind
    method: Sampling
    groups: int
    customers: int


def _seeds(seed: int, fits: int) -> list[int]:
    words = np.random.SeedSequence(seed).generate_state(fits, np.uint64) >> np.uint64(1)
    return cast("list[int]", words.tolist())


def _once(trial: _Trial, seed: int) -> RankedFit:
    rng = np.random.default_rng(seed)
    truth = _prior(trial.model, trial.pooling, trial.groups, rng)
    each = np.repeat(truth["coordinates"], trial.customers, axis=0)
    history, state = _simulated(trial.model, each, rng)
    # Names that sort as numbers do, because fits sort their groups.
    names = np.array([f"{group:06d}" for group in range(trial.groups)])
    history = history.with_group("group", np.repeat(names, trial.customers))
    start = time.process_time()
    found = _fitted(trial, history, seed)
    seconds = time.process_time() - start
    handed_over = trial.method.method == "laplace" and found.diagnostics.method != "laplace"
    own, of_data = (
        _ranks(trial.model, found, truth),
        _fit_of_data(trial.model, found, history, _parameters(trial.model, each), state),
    )
    ranks = {**own, **of_data}
    return RankedFit(ranks, handed_over, int(history.frequency.sum()), seconds)


def _fitted(trial: _Trial, history: PurchaseHistory, seed: int) -> PurchaseFit | SpendFit:
    by = {
        PoolingKind.COMPLETE: Pooling.complete(),
        PoolingKind.NONE: Pooling.none("group"),
        PoolingKind.PARTIAL: Pooling.partial("group"),
    }
    priors = {item.name: Normal(item.mean, item.sd) for item in trial.model.coordinates}
    with warnings.catch_warnings():
        for category in (DataWarning, FitWarning):  # expected: short runs with few data
            warnings.simplefilter("ignore", category)
        return fit(
            trial.model,
            history,
            seed=seed,
            pooling=by[trial.pooling],
            method=trial.method,
            priors=priors,
            progress=False,
        )


def _prior(
    model: PurchaseModel | SpendModel, pooling: PoolingKind, groups: int, rng: np.random.Generator
) -> Mapping[str, NDArray[np.float64]]:
    """Return coordinates of groups, and the means and spreads that they were drawn from."""
    mean, sd, scale = (
        np.array([getattr(item, name) for item in model.coordinates])
        for name in ("mean", "sd", "group_sd")
    )
    if pooling is not PoolingKind.PARTIAL:
        size = 1 if pooling is PoolingKind.COMPLETE else groups
        coordinates = rng.normal(mean, sd, (size, len(mean)))
        return {"coordinates": np.repeat(coordinates, groups // size, axis=0)}
    centre = rng.normal(mean, sd)
    spread = scale * np.exp(SPREAD_SD * rng.standard_normal(len(mean)))
    coordinates = rng.normal(centre, spread, (groups, len(mean)))
    return {"coordinates": coordinates, "mean": centre, "spread": spread}


def _simulated(
    model: PurchaseModel | SpendModel, coordinates: NDArray[np.float64], rng: np.random.Generator
) -> tuple[PurchaseHistory, PurchaseState | SpendState]:
    """Return simulated customers with the given coordinates, and their states."""
    parameters = _parameters(model, coordinates)
    n = len(coordinates)
    ids = np.arange(n).astype(object)
    if isinstance(model, PurchaseModel):
        T = rng.integers(4, 13, n).astype(float) if model.discrete else rng.uniform(0.5, 1.5, n)
        state = model.simulate(parameters, T, rng)
        x = np.asarray(state.frequency, dtype=np.int64)
        nothing = np.full(n, np.nan)
        return PurchaseHistory(ids, x, state.recency, T, nothing, TimeUnit.WEEK), state
    frequency = rng.poisson(2.0, n) + 1
    value = model.simulate(parameters, frequency, rng)
    T = np.ones(n)
    history = PurchaseHistory(ids, frequency, T / 2, T, value, TimeUnit.WEEK)
    return history, SpendState(frequency.astype(np.float64), value)


def _parameters(model: PurchaseModel | SpendModel, coordinates: NDArray[np.float64]) -> Parameters:
    names = [item.name for item in model.coordinates]
    return model.parameters(NUMPY, dict(zip(names, coordinates.T, strict=True)))


def _ranks(
    model: PurchaseModel | SpendModel,
    found: PurchaseFit | SpendFit,
    truth: Mapping[str, NDArray[np.float64]],
) -> Mapping[str, int]:
    """Return the ranks of the true coordinates, population means and spreads."""
    draws = found.draws
    held = {"": (draws.coordinates[:, :, 0], truth["coordinates"][0])}
    if len(found.groups) > 1:
        held = {
            f" of group {group + 1}": (draws.coordinates[:, :, group], own)
            for group, own in enumerate(truth["coordinates"])
        }
    if draws.mean is not None and draws.spread is not None:
        held[", mean"] = (draws.mean, truth["mean"])
        held[", spread"] = (draws.spread[:, :, 0], truth["spread"])
    return {
        f"{item.name}{of}": _rank(values[..., k].ravel(), true[k])
        for of, (values, true) in held.items()
        for k, item in enumerate(model.coordinates)
    }


def _fit_of_data(
    model: Model,
    found: PurchaseFit | SpendFit,
    history: PurchaseHistory,
    parameters: Parameters,
    state: PurchaseState | SpendState,
) -> Mapping[str, int]:
    """Return the rank of the log-likelihood of the data at their true parameters."""
    true = model.loglik(NUMPY, parameters, state)
    drawn = found.log_likelihood(history).to_array().sum(axis=0)
    return {"log-likelihood": _rank(drawn, float(np.sum(np.asarray(true, dtype=np.float64))))}


def _rank(draws: NDArray[np.float64], true: float) -> int:
    """Return the number of draws below the truth, among 99 evenly spaced draws."""
    places = np.linspace(0, len(draws) - 1, RANKS - 1).round().astype(np.intp)
    return int((draws[places] < true).sum())
