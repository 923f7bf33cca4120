"""Is the posterior by Laplace as wide as the posterior is?

Three sets of customers in three groups each, few of them in some groups, are fitted with partial
pooling: customers simulated by the fitted model itself; customers whose times between purchases
are Weibull, whose lifetimes are Weibull and whose spend is log-normal, which no fitted model
knows; and the sample of CDNOW, grouped by the month of the first purchase.

The reference is one long run of NUTS per data set and model. Laplace draws with ten seeds. For
each coordinate of each group, the population mean and the log spreads, the posterior standard
deviation by Laplace over that of the reference is averaged over the seeds. The standard error of
this mean is that of both methods: of the seeds' scatter, and of the reference by the effective
sample size of the squared deviations.

With ``--reach`` the question is whether a fit knows that it is too narrow: what `_reach` says of
each is compared with the ratios, under complete and under partial pooling.

    uv run --group bench python benchmarks/clv_laplace.py [--reach] [--check] [--markdown PAGE]
"""

import argparse
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import _fresh
import _markdown
import arviz
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from numpy.typing import NDArray

from omniltv.data import PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.errors import FitWarning
from omniltv.models import (
    BgNbd,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    Pooling,
    PosteriorDraws,
    Sampling,
    fit,
)
from omniltv.models.inference._importance import importance
from omniltv.models.inference._laplace import approximate
from omniltv.models.inference._problem import Problem
from omniltv.models.inference._reach import reach_of
from omniltv.models.posterior._kinds import kind_of
from omniltv.models.processes.protocols import Parameters, PurchaseModel, SpendModel
from omniltv.units import TimeUnit

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

MODELS = {model.name: model for model in (BgNbd(), MbgNbd(), ParetoNbd(), GammaGamma())}
WORLDS = ("own model", "weibull", "cdnow")
GROUPS = ("app", "ec", "store")
SIZES = (40, 200, 300)
POOLING = Pooling.partial("group")
POOLINGS = (Pooling.complete(), POOLING)
WITHIN = 0.05
KHAT = 0.7
MEAN_WITHIN = 0.1
WEEKS = (20, 24, 28, 32, 36)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How the draws of Laplace compare with the reference, quantity by quantity.

    Attributes:
        sd: Ratio of standard deviations, of shape (n_seeds, n_quantities).
        mean: Difference of means in standard deviations, of the same shape.
        sd_error: Standard error of the reference's standard deviation, relative, (n_quantities,).
        khat: Of each seed.
        handed_over: How many of the fits were handed over to NUTS.
        seconds: Mean wall time of a fit.
    """

    sd: Matrix
    mean: Matrix
    sd_error: Vector
    khat: Vector
    handed_over: int
    seconds: float


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    jobs = list(product(options.worlds, options.models))
    if options.reach:
        return known(jobs, options)
    with workers() as pool:
        found = list(pool.map(compare, *zip(*jobs, strict=True), [options] * len(jobs)))
    table = pd.DataFrame(
        [
            {"data": world, "model": model, **row(one)}
            for (world, model), one in zip(jobs, found, strict=True)
        ]
    )
    if options.markdown:
        parts = {
            "machine": f"Measured on {_fresh.surroundings()}.",
            "ratios": _markdown.table(table),
        }
        _markdown.fill(options.markdown, parts)
    return report(
        "clv_laplace",
        table,
        figures={
            "narrowest": float(table["smallest sd ratio"].min()),
            "widest": float(table["largest sd ratio"].max()),
            "worst_khat": float(table["largest k-hat"].max()),
        },
        targets=targets(table),
        check=options.check,
    )


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Standard deviations by Laplace against NUTS.")
    add = parser.add_argument
    add("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    add("--models", nargs="+", choices=MODELS, default=list(MODELS))
    add("--seeds", type=int, default=10, help="fits by Laplace per data set and model")
    add("--draws", type=int, default=2_000, help="draws by Laplace, twice as many in all")
    add("--long", type=int, default=3_000, help="draws of the reference, per chain of two")
    add("--reach", action="store_true", help="compare what is known of the width with the width")
    add("--keep", type=Path, help="folder where references are kept, and read if they are there")
    add("--markdown", type=Path, help="page to fill in")
    add("--check", action="store_true", help="exit 1 where a target is missed")
    return parser.parse_args()


def compare(world: str, name: str, options: argparse.Namespace) -> Agreement:
    """Return how the draws of Laplace compare with one long run of NUTS."""
    warnings.simplefilter("ignore", FitWarning)  # a fit that is handed over is in the table
    history = observed(world, name)
    exact = reference(world, name, history, options)
    mean, sd = exact.mean(axis=(0, 1)), exact.std(axis=(0, 1))
    square = np.square(exact - mean)
    error = square.std(axis=(0, 1)) / (2 * np.square(sd)) / np.sqrt(arviz.ess(square))
    start = time.perf_counter()
    fits = [
        fit(
            MODELS[name], history, seed=seed, pooling=POOLING,
            method=Sampling("laplace", draws=options.draws), progress=False,
        )
        for seed in range(options.seeds)
    ]  # fmt: skip
    seconds = (time.perf_counter() - start) / options.seeds
    draws = [quantities(found.draws).reshape(-1, len(mean)) for found in fits]
    print(f"{world}, {name}: {time.perf_counter() - start:.0f} s by Laplace", file=sys.stderr)
    return Agreement(
        sd=np.array([some.std(axis=0) / sd for some in draws]),
        mean=np.array([(some.mean(axis=0) - mean) / sd for some in draws]),
        sd_error=error,
        khat=np.array([found.diagnostics.khat for found in fits]),
        handed_over=sum(found.diagnostics.method != "laplace" for found in fits),
        seconds=seconds,
    )


def known(jobs: Sequence[tuple[str, str]], options: argparse.Namespace) -> int:
    """Compare what a fit knows of its width with its width, and return the exit code."""
    rows = [reaches(*job, pooling, options) for job in jobs for pooling in POOLINGS]
    table = pd.DataFrame(rows)
    if options.markdown:
        _markdown.fill(options.markdown, {"reach": _markdown.table(table)})
    wide = table["smallest sd ratio"] + 3 * table["its error"] >= 1 - WITHIN
    kept = table["handed over"] == 0
    targets = {f"kept fits are at least {1 - WITHIN:g} as wide": bool(wide[kept].all())}
    figures = {"fits": len(table), "kept": int(kept.sum())}
    return report("clv_laplace_reach", table, figures=figures, targets=targets, check=options.check)


def reaches(
    world: str, name: str, pooling: Pooling, options: argparse.Namespace
) -> Mapping[str, object]:
    """Return a row: the reach of a fit and its ratios by Laplace, whatever its k-hat is."""
    history = observed(world, name)
    exact = reference(world, name, history, options, pooling)
    sd = exact.std(axis=(0, 1))
    square = np.square(exact - exact.mean(axis=(0, 1)))
    own = square.std(axis=(0, 1)) / (2 * np.square(sd)) / np.sqrt(arviz.ess(square))
    fits = [raw(world, name, pooling, seed) for seed in range(options.seeds)]
    ratios = np.array(
        [quantities(draws).reshape(-1, len(sd)).std(axis=0) / sd for draws, *_ in fits]
    )
    error = np.hypot(own, ratios.std(axis=0, ddof=1) / np.sqrt(len(fits)))
    low = int(ratios.mean(axis=0).argmin())
    reach, khat = (np.array([item[at] for item in fits]) for at in (1, 2))
    return {
        "data": world,
        "model": name,
        "pooling": str(pooling.kind),
        "smallest reach": round(float(reach.min()), 3),
        "largest reach": round(float(reach.max()), 3),
        "smallest sd ratio": round(float(ratios.mean(axis=0)[low]), 3),
        "its error": round(float(error[low]), 3),
        "median k-hat": round(float(np.median(khat)), 2),
        "handed over": int(((khat >= KHAT) | (reach < 1 - WITHIN)).sum()),
        "fits": len(fits),
    }


def raw(world: str, name: str, pooling: Pooling, seed: int) -> tuple[PosteriorDraws, float, float]:
    """Return draws by Laplace that no check has seen, their reach and their k-hat."""
    history, kind = observed(world, name), kind_of(MODELS[name])
    model = kind.likelihood(MODELS[name], history)
    problem = Problem.of(model, kind.observe(MODELS[name], history), pooling, {}, {})
    with np.errstate(all="ignore"):
        found = approximate(problem.posterior, problem.start, workers=1)
        weighted = importance(found, 2_000, seed=seed, proposals=8_000, workers=1)
        reach = reach_of(found, weighted, workers=1)
    draws = problem.draws(weighted.coefficients[None], weighted.log_spreads[None], seed)
    return draws, reach, weighted.khat


def reference(
    world: str,
    name: str,
    history: PurchaseHistory,
    options: argparse.Namespace,
    pooling: Pooling = POOLING,
) -> NDArray[np.float64]:
    """Return long chains of NUTS, of shape (chains, draws, n_quantities)."""
    kept = (
        options.keep / f"{world}_{name}_{pooling.kind}_{options.long}.npy" if options.keep else None
    )
    if kept and kept.exists():
        return np.asarray(np.load(kept))
    found = fit(
        MODELS[name],
        history,
        seed=1,
        pooling=pooling,
        method=Sampling("nuts", draws=options.long, warmup=600),
        progress=False,
    )
    print(f"{world}, {name}: {found.diagnostics}", file=sys.stderr)
    draws = quantities(found.draws)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, draws)
    return draws


def quantities(posterior: PosteriorDraws) -> NDArray[np.float64]:
    """Return draws of all coordinates of groups and population, and of the log spreads."""
    shape, parts = posterior.coordinates.shape[:2], [posterior.coordinates]
    if posterior.mean is not None and posterior.spread is not None:
        parts += [posterior.mean, np.log(posterior.spread)]
    return np.concatenate([part.reshape(*shape, -1) for part in parts], axis=2)


def observed(world: str, name: str) -> PurchaseHistory:
    """Return the customers of a data set; only repeat customers where spend is fitted."""
    model = MODELS[name]
    if world == "cdnow":
        rows = cdnow()
    elif world == "weibull":
        rows = weibull()
    else:
        rows = simulated(model if not isinstance(model, SpendModel) else BgNbd())
    return rows.take(np.flatnonzero(rows.frequency > 0)) if isinstance(model, SpendModel) else rows


def simulated(model: PurchaseModel) -> PurchaseHistory:
    """Return customers of three groups who buy as a model says and pay by gamma-gamma."""
    rng = np.random.default_rng(7)
    place = np.repeat(np.arange(3), SIZES)
    T = rng.choice(WEEKS, len(place)).astype(np.float64)
    n, group = len(place), place.astype(np.float64)
    dropout = {"a": np.full(n, 0.8), "b": np.full(n, 2.5)}
    if isinstance(model, ParetoNbd):
        dropout = {"s": np.full(n, 0.6), "beta": np.full(n, 11.0)}
    truth: Parameters = {"r": 0.5 + 0.2 * group, "alpha": 5.0 + group, **dropout}
    x, recency, _ = model.simulate(truth, T, rng)
    spend = {"p": np.full(len(place), 4.0), "q": np.full(len(place), 4.0), "v": 8.0 + 4.0 * place}
    value = GammaGamma().simulate(spend, x, rng)
    return history(np.asarray(x), np.asarray(recency), T, np.asarray(value), place)


def weibull() -> PurchaseHistory:
    """Return customers with Weibull times between purchases, Weibull lives, log-normal spend."""
    rng = np.random.default_rng(11)
    place = np.repeat(np.arange(3), SIZES)
    T = rng.choice(WEEKS, len(place)).astype(np.float64)
    scale = rng.lognormal(np.log([5.0, 8.0, 6.0])[place], 0.8)
    life = 30.0 * rng.weibull(0.7, len(place))
    times = np.cumsum(scale[:, None] * rng.weibull(1.4, (len(place), 200)), axis=1)
    seen = times <= np.minimum(T, life)[:, None]
    x = seen.sum(axis=1)
    recency = np.where(seen, times, 0.0).max(axis=1)
    level = rng.normal(np.log([20.0, 30.0, 25.0])[place], 0.5)
    value = np.exp(level) * np.array(
        [rng.lognormal(0.0, 0.6, n).mean() if n else np.nan for n in x]
    )
    return history(x, recency, T, value, place)


def history(
    x: NDArray[np.int64], recency: Vector, T: Vector, value: Vector, place: NDArray[np.intp]
) -> PurchaseHistory:
    """Return rows whose last purchase is known to the week."""
    return PurchaseHistory(
        customer_id=np.arange(len(x)).astype(object),
        frequency=x.astype(np.int64),
        recency=np.where(x > 0, np.minimum(np.floor(recency) + 0.5, T), 0.0),
        T=T,
        monetary_value=value,
        unit=TimeUnit.WEEK,
        groups={"group": np.array(GROUPS)[place]},
    )


def cdnow() -> PurchaseHistory:
    """Return the sample of CDNOW by its 39th week, grouped by the month of the first purchase."""
    rows = PurchaseLog.from_frame(load_cdnow()).split(at="1997-10-01", unit="week").calibration
    month = np.digitize(39.0 - rows.T, [31 / 7, 59 / 7])
    whole = np.ceil(rows.T)
    recency = np.where(rows.frequency > 0, np.clip(np.round(rows.recency), 0.5, whole), 0.0)
    return PurchaseHistory(
        customer_id=rows.customer_id,
        frequency=rows.frequency,
        recency=recency,
        T=whole,
        monetary_value=rows.monetary_value,
        unit=TimeUnit.WEEK,
        groups={"group": np.array(["january", "february", "march"])[month]},
    )


def row(found: Agreement) -> Mapping[str, float | int]:
    """Return the line of the table: the extreme mean ratios, and their standard errors."""
    ratio = found.sd.mean(axis=0)
    error = np.hypot(found.sd_error, found.sd.std(axis=0, ddof=1) / np.sqrt(len(found.sd)))
    low, high = int(ratio.argmin()), int(ratio.argmax())
    return {
        "quantities": len(ratio),
        "smallest sd ratio": round(float(ratio[low]), 3),
        "its error": round(float(error[low]), 3),
        "largest sd ratio": round(float(ratio[high]), 3),
        "error of it": round(float(error[high]), 3),
        "mean off by": round(float(np.abs(found.mean.mean(axis=0)).max()), 3),
        "median k-hat": round(float(np.nanmedian(found.khat)), 2),
        "largest k-hat": round(float(np.nanmax(found.khat)), 2),
        "handed over": found.handed_over,
        "seconds": round(found.seconds, 2),
    }


def targets(table: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    shown = {}
    for found in table.to_dict("records"):
        name = f"{found['data']}, {found['model']}:"
        low, high = found["smallest sd ratio"], found["largest sd ratio"]
        shown[f"{name} sd ratios within {WITHIN:.0%}"] = 1 - WITHIN <= low <= high <= 1 + WITHIN
        shown[f"{name} means within {MEAN_WITHIN} sd"] = found["mean off by"] <= MEAN_WITHIN
        shown[f"{name} nothing handed over"] = found["handed over"] == 0
    return shown


if __name__ == "__main__":
    sys.exit(main())
