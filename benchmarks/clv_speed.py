"""How fast is a posterior, and lifetime value under it, beside the nearest peer?

The same simulated customers (one population that buys by BG/NBD, known to the day) are
fitted by our NUTS and Laplace and by pymc-marketing at its own defaults, and CDNOW by both
Pareto/NBD models. What counts is seconds per effective draw: wall time over the smallest
bulk effective sample size of the reported parameters (for Laplace the effective size of its
importance weights). Each of ours runs in a fresh process and fits twice: the first fit
also loads the compiled kernel, and so it is with the peer, which builds its graph anew for
each fit. Imports are not counted, on either side.

    uv run --group bench python benchmarks/clv_speed.py [--check] [--markdown PAGE]
"""

import argparse
import gc
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypedDict, cast

import _fresh
import _markdown
import _peers
import _start
import _worlds
import numpy as np
import pandas as pd
from _pooled_fits import CASES, pooled, pooled_step
from _report import report
from numpy.typing import NDArray

from omniltv.data import PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.errors import FitWarning
from omniltv.models import (
    BgNbd,
    GammaGamma,
    ParetoNbd,
    PurchaseFit,
    Sampling,
    fit,
    lifetime_value,
)
from omniltv.models.inference.sampling import Method
from omniltv.models.processes.protocols import PurchaseModel
from omniltv.units import Discount, days

OURS, PEER = "omniltv", "pymc-marketing"
MODELS: dict[str, PurchaseModel] = {"bg_nbd": BgNbd(), "pareto_nbd": ParetoNbd()}
CDNOW_END = "1997-09-30"
METHODS: tuple[Method, ...] = ("nuts", "laplace")
# Pareto/NBD's default there is the mode without a posterior; both methods that give one are run.
PEER_METHODS = {"bg_nbd": ("mcmc",), "pareto_nbd": ("mcmc", "demz")}
FASTER = {"nuts": 100, "laplace": 100}
PARETO_FASTER, VALUE_FASTER = 50, 200
MONTHS, DISCOUNT_PER_MONTH = 12, 0.008
MONTH = 365.25 / 12  # days, the peer's
QUIET_SECONDS, QUIET_CUSTOMERS = 38.0, 10_000  # the peer's BG/NBD, where CLVTools takes 7 s
CLVTOOLS_SECONDS, CLVTOOLS_CUSTOMERS = 7.0, 100_000
COPIES = (1, 10, 100)
PARTS = ("fits", "pooled", "values", "memory", "start")  # the peer is in the run of fits and values
BYTES_PER_ROW = 200  # the results, and what it takes to find which rows are alike


class Fitted(TypedDict):
    """Fits of one model to one history, one after the other.

    Attributes:
        seconds: Wall time of each fit in the same process.
        ess: Smallest bulk effective sample size.
        rhat: Largest R-hat; NaN by Laplace.
        khat: k-hat of the importance weights; NaN elsewhere.
        handed_over: Whether k-hat was bad, so that it is NUTS that found the draws.
    """

    seconds: Sequence[float]
    ess: float
    rhat: float
    khat: float
    handed_over: bool


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Speed beside pymc-marketing.")
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--valued", type=int, default=10_000, help="customers whose value it is")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--skip-pareto", action="store_true")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        return _fresh.answer(STEPS, options.step)
    where = _fresh.surroundings()
    tables = {part: measured(part, options) for part in options.parts}
    cold = np.nan if options.parts == ["start"] else compiled(min(options.customers), options.seed)
    said = f"Measured on {where}."
    if np.isfinite(cold):
        said = f"{said} The first fit on a machine compiles the kernel: {cold:.1f} s."
    print(said, *(table.to_string(index=False) for table in tables.values()), sep="\n\n")
    figures = headline(tables) | ({"seconds_first_ever": cold} if np.isfinite(cold) else {})
    if options.markdown:
        parts = {name: _markdown.table(frame) for name, frame in tables.items()}
        machines = {f"machine of {name}": f"{said}\n" for name in parts}
        _markdown.fill(options.markdown, {**machines, **parts})
    shown = targets(figures, options.customers)
    every = pd.concat(tables.values())
    return report("clv_speed", every, figures=figures, targets=shown, check=options.check)


def measured(part: str, options: argparse.Namespace) -> pd.DataFrame:
    """Return the table of one part."""
    if part == "fits":
        return compare_fits(options.customers, options)
    if part == "pooled":
        return pd.DataFrame([pooled(__file__, name, options.seed) for name in CASES])
    if part == "values":
        return compare_values(options.valued, options)
    if part == "start":
        return _start.starts(history_of("bg_nbd", min(options.customers), options.seed))
    return pd.DataFrame([grown(options.valued, copies, options.seed) for copies in COPIES])


def compare_fits(sizes: Sequence[int], options: argparse.Namespace) -> pd.DataFrame:
    """Return a row per model, size, library and method."""
    worlds = [("bg_nbd", size) for size in sizes]
    worlds += [] if options.skip_pareto else [("pareto_nbd", 0)]
    rows = []
    for model, size in worlds:
        given = {"model": model, "size": size, "seed": options.seed}
        found: dict[tuple[str, str], Fitted] = {
            (OURS, method): ours({**given, "method": method}) for method in METHODS
        }
        if not options.skip_peer:
            found |= {
                (PEER, method): theirs(model, method, size, options.seed)
                for method in PEER_METHODS[model]
            }
        n = size or len(history_of(model, size, options.seed))
        rows += [row(model, n, *key, found) for key in found]
    return pd.DataFrame(rows)


def ours(given: Mapping[str, object]) -> Fitted:
    """Return our fits, of a fresh process."""
    found = _fresh.run(__file__, "fit", given)
    return Fitted(
        seconds=[found["first"], found["second"]],
        ess=found["ess"],
        rhat=found["rhat"],
        khat=found["khat"],
        handed_over=bool(found["handed over"]),
    )


def theirs(model: str, method: str, size: int, seed: int) -> Fitted:
    """Return the peer's fit of the same customers by one of its methods.

    One fit: it builds its graph anew each time, and the second takes as long as the first.
    """
    given = {
        "task": "fit",
        "model": model,
        "method": method,
        "seed": seed,
        "history": columns(history_of(model, size, seed)),
    }
    found = _peers.run(PEER, "pymc_marketing_speed.py", given)
    return cast("Fitted", {**found, "khat": np.nan, "handed_over": False})


def row(
    model: str,
    customers: int,
    library: str,
    method: str,
    found: Mapping[tuple[str, str], Fitted],
) -> dict[str, object]:
    """Return what a person reads of one library's fits."""
    side = found[library, method]
    rate = per_thousand(side)
    ratios = {
        how: per_thousand(other)[0] / rate
        for (who, how), other in found.items()
        if who == PEER and library == OURS
    }
    return {
        "model": model,
        "customers": customers,
        "library": library,
        "method": method,
        "draws by": "nuts" if side["handed_over"] or method == "mcmc" else method,
        "first s": round(side["seconds"][0], 2),
        "second s": round(side["seconds"][1], 2) if library == OURS else np.nan,
        "least ESS": round(side["ess"]),
        "R-hat": round(side["rhat"], 4),
        "k-hat": round(side["khat"], 2),
        "s per 1,000 effective": round(float(rate[-1]), 3),
        **{f"{how} over ours": round(float(ratio[1]), 1) for how, ratio in ratios.items()},
        **{f"{how} over ours, first": round(float(ratio[0]), 1) for how, ratio in ratios.items()},
    }


def per_thousand(side: Fitted) -> NDArray[np.float64]:
    """Return the seconds of a thousand effective draws, of each fit."""
    return 1_000 * np.asarray(side["seconds"]) / side["ess"]


def compare_values(n: int, options: argparse.Namespace) -> pd.DataFrame:
    """Return a row per library: lifetime value of ``n`` customers under the full posterior."""
    given = {"task": "value", "seed": options.seed, "months": MONTHS}
    given |= {"discount_per_month": DISCOUNT_PER_MONTH}
    history = history_of("bg_nbd", n, options.seed)
    peer: Mapping[str, object] = {}
    if not options.skip_peer:
        given |= {"history": columns(history)}
        peer = _peers.run(PEER, "pymc_marketing_speed.py", given)
    draws = int(cast("float", peer.get("draws", 2_000)))
    found = _fresh.run(__file__, "value", {"size": n, "draws": draws, "seed": options.seed})
    rows = [
        {
            "library": OURS,
            "customers": n,
            "draws": draws,
            "first s": round(found["first"], 3),
            "second s": round(found["second"], 3),
            "total": round(found["total"]),
        }
    ]
    if peer:
        seconds = cast("float", peer["seconds"])
        total = round(float(np.sum(cast("list[float]", peer["mean"]))))
        rows[0]["faster"] = round(seconds / found["first"], 1)
        rows.append({**rows[0], "library": PEER, "first s": round(seconds, 3), "total": total})
        rows[1] |= {"second s": np.nan, "faster": np.nan}
    return pd.DataFrame(rows)


def grown(n: int, copies: int, seed: int) -> dict[str, float]:
    """Return how much memory it takes to value ``copies`` of the same customers."""
    found = _fresh.run(__file__, "memory", {"size": n, "copies": copies, "seed": seed})
    return {
        "customers": n * copies,
        "before MB": round(found["before"]),
        "at most MB": round(found["most"]),
        "grown MB": round(found["most"] - found["before"]),
        "results MB": round(found["results"], 1),
        "seconds": round(found["seconds"], 2),
    }


def compiled(size: int, seed: int) -> float:
    """Return the seconds of a first fit where nothing has been compiled before."""
    given = {"model": "bg_nbd", "size": size, "seed": seed, "method": "laplace"}
    with tempfile.TemporaryDirectory() as folder:
        found = _fresh.run(__file__, "fit", given, environment={"NUMBA_CACHE_DIR": folder})
    return round(found["first"], 2)


def fit_step(model: str, size: int, method: Method, seed: int) -> _fresh.Answer:
    """Fit twice, and say how long it took and how good the draws are."""
    history = history_of(model, size, seed)
    for module in ("omniltv.models.inference._solve", "omniltv.models.inference._nuts"):
        import_module(module)  # not timed
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        found = fit(MODELS[model], history, seed=seed, method=method, progress=False)
        seconds.append(time.perf_counter() - start)
    diagnostics = found.diagnostics
    return {
        "first": seconds[0],
        "second": seconds[1],
        "ess": effective(found),
        "rhat": max(diagnostics.rhat.values(), default=np.nan),
        "khat": diagnostics.khat,
        "handed over": float(diagnostics.method != method),
        "states": len(history.distinct().count),
    }


def effective(found: PurchaseFit) -> float:
    """Return the smallest bulk ESS of the reported parameters; of the weights by Laplace."""
    if found.diagnostics.method == "laplace":
        return min(found.diagnostics.ess_bulk.values())
    import arviz as az  # noqa: PLC0415 - not needed where the weights say it

    sizes = az.ess(found.posterior["posterior"].to_dataset())
    return min(float(values.min()) for values in sizes.data_vars.values())


def value_step(size: int, draws: int, seed: int) -> _fresh.Answer:
    """Value customers twice: the mean and the interval of each under every draw."""
    history = history_of("bg_nbd", size, seed)
    bought = fit(
        BgNbd(), history, seed=seed, method=Sampling(draws=draws // 2, chains=2), progress=False
    )
    spent = fit(
        GammaGamma(),
        history,
        seed=seed,
        method=Sampling(draws=draws // 2, chains=2),
        progress=False,
    )
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        value = lifetime_value(
            bought, spent, history, horizon=days(MONTHS * MONTH), discount=discount(), seed=seed
        )
        mean = value.draws.summary().mean
        seconds.append(time.perf_counter() - start)
    return {"first": seconds[0], "second": seconds[1], "total": float(mean.sum())}


def memory_step(size: int, copies: int, seed: int) -> _fresh.Answer:
    """Value copies of the same customers, and say how much memory that took."""
    few = history_of("bg_nbd", size, seed)
    bought = fit(BgNbd(), few, seed=seed, method="laplace", progress=False)
    spent = fit(GammaGamma(), few, seed=seed, method="laplace", progress=False)
    history = copied(few, copies)
    gc.collect()
    before, start = _fresh.forget_peak(), time.perf_counter()
    value = lifetime_value(
        bought, spent, history, horizon=days(MONTHS * MONTH), discount=discount(), seed=seed
    )
    results = value.draws.summary()
    return {
        "before": before,
        "most": _fresh.memory()[1],
        "seconds": time.perf_counter() - start,
        "results": sum(array.nbytes for array in results) / 1e6,
    }


STEPS: dict[str, _fresh.Step] = {
    "fit": fit_step,
    "pooled": pooled_step,
    "value": value_step,
    "memory": memory_step,
}


def discount() -> Discount:
    """Return the peer's discount per month, per year."""
    return Discount(per_year=(1 + DISCOUNT_PER_MONTH) ** 12 - 1)


def history_of(model: str, size: int, seed: int) -> PurchaseHistory:
    """Return simulated customers for BG/NBD, CDNOW for Pareto/NBD."""
    if model == "bg_nbd":
        return _worlds.simulate(size, _worlds.POPULATION, seed=seed)
    return PurchaseLog.from_frame(load_cdnow()).history(unit="week", end=CDNOW_END)


def copied(history: PurchaseHistory, copies: int) -> PurchaseHistory:
    """Return the rows again and again, each time as other customers."""
    rows = np.tile(np.arange(len(history)), copies)
    return PurchaseHistory(
        customer_id=np.arange(len(rows)).astype(object),
        frequency=history.frequency[rows],
        recency=history.recency[rows],
        T=history.T[rows],
        monetary_value=history.monetary_value[rows],
        unit=history.unit,
    )


def columns(history: PurchaseHistory) -> dict[str, list[object]]:
    """Return what the peer reads: without a repeat purchase, a mean value of 0."""
    frame = history.to_frame()[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    return {str(name): values.fillna(0).tolist() for name, values in frame.items()}


def headline(tables: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Return the figures of the JSON line."""
    figures: dict[str, float] = {}
    nothing = pd.DataFrame()
    for found in tables.get("fits", nothing).to_dict("records"):
        side = found["method"] if found["library"] == OURS else f"peer_{found['method']}"
        name = f"{found['model']}_{found['customers']}_{side}"
        figures[f"seconds_first_{name}"] = found["first s"]
        if found["library"] == OURS:
            figures[f"seconds_second_{name}"] = found["second s"]
        for how in PEER_METHODS[str(found["model"])]:
            if found["library"] == OURS and f"{how} over ours" in found:
                figures[f"{how}_over_{name}"] = float(found[f"{how} over ours"])
    values = tables.get("values", nothing)
    if len(values):
        figures["seconds_value_ours"] = float(values["first s"].iloc[0])
    if len(values) > 1:
        figures["seconds_value_peer"] = float(values["first s"].iloc[1])
        figures["faster_value"] = float(values["faster"].iloc[0])
    for found in tables.get("pooled", nothing).to_dict("records"):
        figures[f"seconds_{found['fit']}"] = found["second s"]
    if "start" in tables:
        figures |= _start.figures(tables["start"])
    for found in tables.get("memory", nothing).to_dict("records"):
        figures[f"grown_mb_{found['customers']}"] = found["grown MB"]
    return figures


def targets(figures: Mapping[str, float], sizes: Sequence[int]) -> dict[str, bool]:
    """Return what was to be shown, and whether it was; of the peer only where it ran."""
    wanted = {f"mcmc_over_bg_nbd_{n}_{how}": FASTER[how] for n in sizes for how in METHODS}
    wanted |= {f"mcmc_over_pareto_nbd_2357_{how}": PARETO_FASTER for how in METHODS}
    wanted |= {"demz_over_pareto_nbd_2357_laplace": PARETO_FASTER, "faster_value": VALUE_FASTER}
    shown = {
        f"{name} at least {least}, is {figures[name]:g}": figures[name] >= least
        for name, least in wanted.items()
        if name in figures
    }
    allowed = {f"seconds_{name}": most for name, (_, most) in CASES.items()} | _start.ALLOWED
    shown |= {
        f"{name} at most {most}, is {figures[name]:.3g}": figures[name] <= most
        for name, most in allowed.items()
        if name in figures
    }
    return shown | flat_memory(figures) | as_fast_as_maximum_likelihood(figures)


def flat_memory(figures: Mapping[str, float]) -> dict[str, bool]:
    """Return whether memory to value customers grows with results only."""
    grown = {int(name.split("_")[-1]): figures[name] for name in figures if "grown_mb" in name}
    if not grown:
        return {}
    few, many = min(grown), max(grown)
    allowed = BYTES_PER_ROW * (many - few) / 1e6
    more = grown[many] - grown[few]
    said = f"{many:,} customers take {more:.0f} MB more than {few:,}, allowed {allowed:.0f}"
    return {f"memory flat but for {BYTES_PER_ROW} bytes a row: {said}": more <= allowed}


def as_fast_as_maximum_likelihood(figures: Mapping[str, float]) -> dict[str, bool]:
    """Return whether Laplace takes at most twice what CLVTools would take on this machine."""
    peer = figures.get(f"seconds_first_bg_nbd_{QUIET_CUSTOMERS}_peer_mcmc")
    mine = figures.get(f"seconds_first_bg_nbd_{CLVTOOLS_CUSTOMERS}_laplace")
    if peer is None or mine is None:
        return {}
    scale = peer / QUIET_SECONDS
    allowed = 2 * CLVTOOLS_SECONDS * scale
    said = f"{mine:.1f} s, allowed {allowed:.1f} s (this machine takes {scale:.2f} times as long)"
    return {f"Laplace on {CLVTOOLS_CUSTOMERS:,}: {said}": mine <= allowed}


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # how well it mixed is in the table
        sys.exit(main())
