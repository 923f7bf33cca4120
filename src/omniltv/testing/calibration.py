"""Simulation-based calibration: is the posterior that `fit` finds the posterior?

Talts, Betancourt, Simpson, Vehtari and Gelman (2018), Validating Bayesian Inference
Algorithms with Simulation-Based Calibration, arXiv:1804.06788. Where parameters are drawn
from the prior and data from the parameters, the rank of the parameters among draws of the
posterior is uniform: if and only if, but for coincidence, the posterior is right.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv.data.history import PurchaseHistory
from omniltv.errors import DataWarning, FitWarning
from omniltv.models._inference import SPREAD_SD
from omniltv.models._numpy import NUMPY
from omniltv.models.fits import PurchaseFit, SpendFit
from omniltv.models.fitting import Method, fit
from omniltv.models.pooling import Pooling, PoolingKind
from omniltv.models.priors import Normal
from omniltv.models.protocols import PurchaseModel, SpendModel
from omniltv.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Calibration", "band", "simulation_based_calibration"]

RANKS = 100
"""Ranks from 0 to 99: the truth among 99 draws."""

_BINS = 20


@dataclass(frozen=True, eq=False)
class Calibration:
    """Ranks of the truth among posterior draws.

    Attributes:
        model: The model's name.
        pooling: How groups shared strength.
        ranks: By quantity (a coordinate of the first group, its population mean, its
            spread), of shape (n_fits,); whole numbers from 0 to 99.
        handed_over: How many fits Laplace handed over to the sampler.
    """

    model: str
    pooling: PoolingKind
    ranks: Mapping[str, NDArray[np.int64]]
    handed_over: int

    def p_values(self) -> Mapping[str, float]:
        """Return the chi-square p-value of each quantity's ranks, in 20 bins."""
        counts = {
            name: np.bincount(ranks * _BINS // RANKS, minlength=_BINS)
            for name, ranks in self.ranks.items()
        }
        return {name: float(stats.chisquare(values).pvalue) for name, values in counts.items()}

    def outside(self, level: float = 0.99) -> Mapping[str, bool]:
        """Return whether each quantity's ranks leave the simultaneous band of a uniform."""
        found = {}
        for name, ranks in self.ranks.items():
            lower, upper = band(len(ranks), level)
            seen = np.cumsum(np.bincount(ranks, minlength=RANKS))[:-1]
            found[name] = bool(((seen < lower) | (seen > upper)).any())
        return found

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per quantity: its p-value, and whether it leaves the 99 % band."""
        import pandas as pd  # noqa: PLC0415 - only looked at by people

        outside = self.outside()
        rows = [
            {
                "model": self.model,
                "pooling": str(self.pooling),
                "quantity": name,
                "fits": len(self.ranks[name]),
                "p": p,
                "outside": outside[name],
            }
            for name, p in self.p_values().items()
        ]
        return pd.DataFrame(rows)


def band(fits: int, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the simultaneous band of cumulative counts of uniform ranks.

    Säilynoja, Bürkner and Vehtari (2022), Statistics and Computing 32, 32: pointwise
    binomial intervals at the level at which a uniform sample stays within all of them with
    probability ``level``, found by simulation.

    Args:
        fits: How many ranks.
        level: Probability of staying inside everywhere.

    Examples:
        >>> lower, upper = band(200, 0.99)
        >>> bool(lower[49] < 100 < upper[49])
        True
    """
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
    method: Method = "laplace",
    groups: int = 3,
    customers: int = 60,
    run: Callable[..., Iterable["Ranked"]] = map,
) -> Calibration:
    """Return ranks of parameters drawn from the prior among draws of their posteriors.

    Args:
        model: The model; its default priors are drawn from, in the data's own scale.
        pooling: How groups share strength.
        fits: How many data sets to draw and fit.
        seed: The same seed gives the same ranks.
        method: How to fit.
        groups: Groups of customers in each data set.
        customers: Customers of each group.
        run: Maps a function over seeds, such as the `map` of a process pool.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> found = simulation_based_calibration(
        ...     BgNbd(), pooling=PoolingKind.COMPLETE, fits=8, seed=1, customers=40)
        >>> sorted(found.ranks)
        ['log_concentration', 'log_rate', 'log_shape', 'logit_dropout']
    """
    seeds = np.random.SeedSequence(seed).generate_state(fits).tolist()
    once = partial(
        _once, model=model, pooling=pooling, method=method, groups=groups, customers=customers
    )
    found = list(run(once, seeds))
    names = found[0].ranks
    ranks = {name: np.array([item.ranks[name] for item in found]) for name in names}
    return Calibration(model.name, pooling, ranks, sum(item.handed_over for item in found))


@dataclass(frozen=True)
class Ranked:
    """Ranks of one fit by quantity, and whether Laplace handed over to the sampler."""

    ranks: Mapping[str, int]
    handed_over: bool


def _once(
    seed: int,
    *,
    model: PurchaseModel | SpendModel,
    pooling: PoolingKind,
    method: Method,
    groups: int,
    customers: int,
) -> Ranked:
    rng = np.random.default_rng(seed)
    truth = _prior(model, pooling, groups, rng)
    history = _simulated(model, np.repeat(truth["theta"], customers, axis=0), rng)
    history = history.with_group("group", np.repeat(np.arange(groups), customers).astype(str))
    by = {
        PoolingKind.COMPLETE: Pooling.complete(),
        PoolingKind.NONE: Pooling.none("group"),
        PoolingKind.PARTIAL: Pooling.partial("group"),
    }
    priors = {item.name: Normal(item.mean, item.sd) for item in model.coordinates}
    with warnings.catch_warnings():
        for category in (DataWarning, FitWarning):  # a short run of little data, which it says
            warnings.simplefilter("ignore", category)
        found = fit(
            model,
            history,
            seed=seed,
            pooling=by[pooling],
            method=method,
            priors=priors,
            draws=250,
            tune=200,
            progress=False,
        )
    handed_over = method == "laplace" and found.diagnostics.method != "laplace"
    return Ranked(_ranks(model, found, truth, rng), handed_over)


def _prior(
    model: PurchaseModel | SpendModel, pooling: PoolingKind, groups: int, rng: np.random.Generator
) -> Mapping[str, NDArray[np.float64]]:
    """Return coordinates of groups drawn from the prior, and what they were drawn from."""
    mean, sd, scale = (
        np.array([getattr(item, name) for item in model.coordinates])
        for name in ("mean", "sd", "group_sd")
    )
    if pooling is not PoolingKind.PARTIAL:
        size = 1 if pooling is PoolingKind.COMPLETE else groups
        theta = rng.normal(mean, sd, (size, len(mean)))
        return {"theta": np.repeat(theta, groups // size, axis=0)}
    centre = rng.normal(mean, sd)
    spread = scale * np.exp(SPREAD_SD * rng.standard_normal(len(mean)))
    theta = rng.normal(centre, spread, (groups, len(mean)))
    return {"theta": theta, "mean": centre, "spread": spread}


def _simulated(
    model: PurchaseModel | SpendModel, theta: NDArray[np.float64], rng: np.random.Generator
) -> PurchaseHistory:
    """Return customers with coordinates of their own, in the data's own scale."""
    names = [item.name for item in model.coordinates]
    parameters = model.parameters(NUMPY, dict(zip(names, theta.T, strict=True)))
    n = len(theta)
    ids = np.arange(n).astype(object)
    if isinstance(model, PurchaseModel):
        T = rng.integers(4, 13, n).astype(float) if model.discrete else rng.uniform(0.5, 1.5, n)
        x, recency, T = model.simulate(parameters, T, rng)
        frequency = np.asarray(x, dtype=np.int64)
        return PurchaseHistory(ids, frequency, recency, T, np.full(n, np.nan), TimeUnit.WEEK)
    frequency = rng.poisson(2.0, n) + 1
    value = model.simulate(parameters, frequency, rng)
    T = np.ones(n)
    return PurchaseHistory(ids, frequency, T / 2, T, value, TimeUnit.WEEK)


def _ranks(
    model: PurchaseModel | SpendModel,
    found: PurchaseFit | SpendFit,
    truth: Mapping[str, NDArray[np.float64]],
    rng: np.random.Generator,
) -> Mapping[str, int]:
    draws = found.draws
    held: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
        "": (draws.theta[:, :, 0], truth["theta"][0])
    }
    if draws.mean is not None and draws.spread is not None:
        held["mean of "] = (draws.mean, truth["mean"])
        held["spread of "] = (draws.spread[:, :, 0], truth["spread"])
    picked = rng.choice(draws.n_draws, RANKS - 1, replace=False)
    ranks: dict[str, int] = {}
    for kind, (values, true) in held.items():
        flat = values.reshape(draws.n_draws, -1)[picked]
        below: Sequence[int] = (flat < true).sum(axis=0).tolist()
        named = zip(model.coordinates, below, strict=True)
        ranks |= {f"{kind}{item.name}": rank for item, rank in named}
    return ranks
