"""How time and memory grow from ten thousand to ten million customers.

Simulated customers of four channels, known to the day, are fitted with partial pooling over
the channels, purchases by BG/NBD and spend by gamma-gamma, and valued with intervals. Every
size and method runs in a process of its own, whose peak of memory is reported. All of it is
wall time; making the customers up is not counted, nor compiling, which a machine does once;
finding their distinct states is. A history is rows, at ten million too: what fits and values
works on its distinct states.

Where k-hat is good Laplace and NUTS must agree: both draw long on one smaller size.

    uv run --group bench python benchmarks/clv_scale.py [--check] [--markdown PAGE]
"""

import argparse
import gc
import sys
import time
import warnings
from collections.abc import Hashable, Mapping
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import TypedDict

import _fresh
import _markdown
import _worlds
import numpy as np
import pandas as pd
from _report import report
from matplotlib.figure import Figure

from omniltv.errors import FitWarning
from omniltv.models import BgNbd, GammaGamma, Pooling, PosteriorDraws, Sampling, fit, lifetime_value
from omniltv.models.inference.sampling import Method
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.units import Discount, weeks

POOLING = Pooling.partial("channel")
METHODS: tuple[Method, ...] = ("laplace", "nuts")
AT = 1_000_000  # customers of the targets
LAPLACE_SECONDS, NUTS_SECONDS, VALUE_SECONDS = 30.0, 360.0, 60.0
TEN_MILLION, VALUE_SECONDS_OF_TEN = 10_000_000, 120.0
MOST_MB, MOST_RHAT, LEAST_ESS = 3_000.0, 1.01, 400.0
MEAN_WITHIN, SD_WITHIN, GOOD_KHAT = 0.1, 0.05, 0.7
STEPS_TIMED = {
    "distinct s": "distinct states",
    "purchases s": "fit of purchases",
    "spend s": "fit of spend",
    "value s": "value with intervals",
}
DIGITS = {
    "states": 0,
    **dict.fromkeys(STEPS_TIMED, 2),
    "distinct s": 4,
    "ESS": 0,
    "R-hat": 4,
    "k-hat": 2,
    "l off by": 5,
    **dict.fromkeys(("handed over", "rows MB", "fits MB", "peak MB"), 0),
    **dict.fromkeys(("value", "interval"), 3),
}
PARTS = ("sizes", "agreement")
LINES: dict[Method, str] = {"laplace": "-o", "nuts": "--s"}


class How(TypedDict):
    """How a model is fitted: what `fit` takes by keyword."""

    seed: int
    pooling: Pooling
    method: Sampling
    progress: bool


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    if options.step:
        return _fresh.answer(STEPS, options.step)
    where = _fresh.surroundings()
    sizes = pd.DataFrame(grow(options) if "sizes" in options.parts else [])
    agreement = pd.DataFrame(agree(options) if "agreement" in options.parts else [])
    print(f"{where}\n\n{agreement.to_string(index=False)}\n")
    if options.markdown:
        image = options.markdown.with_suffix(".png")
        parts = {"machine": f"Measured on {where}."}
        if len(sizes):
            parts["sizes"] = _markdown.table(sizes)
            parts["picture"] = f"![Seconds against customers]({image.name})"
            picture(sizes).savefig(image, dpi=150)
        if len(agreement):
            parts["agreement"] = _markdown.table(agreement)
        _markdown.fill(options.markdown, parts)
    return report(
        "clv_scale",
        sizes,
        figures=headline(sizes, agreement),
        targets=targets(sizes, agreement),
        check=options.check,
    )


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Time and memory by number of customers.")
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    add("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    add("--nuts-up-to", type=int, default=1_000_000, help="customers that NUTS is tried on")
    add("--warmup", type=int, default=400, help="warm-up of NUTS, per chain")
    add("--draws", type=int, default=1_600, help="draws of NUTS, per chain")
    add("--compared", type=int, default=10_000, help="customers that the methods agree on")
    add("--long", type=int, default=10_000, help="draws per chain for that")
    add("--seed", type=int, default=1)
    add("--markdown", type=Path, help="page to fill in; the plot is put beside it")
    add("--check", action="store_true", help="exit 1 where a target is missed")
    add("--step", choices=STEPS, help=argparse.SUPPRESS)
    return parser.parse_args()


def grow(options: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row per size and method."""
    for method in METHODS:  # compiles what no machine compiles twice, untimed
        _fresh.run(__file__, "grow", given_to(1_000, method, options) | {"warmup": 50, "draws": 50})
    rows: list[dict[str, object]] = []
    for size, method in product(sorted(options.sizes), METHODS):
        if method == "nuts" and size > options.nuts_up_to:
            continue
        found = _fresh.run(__file__, "grow", given_to(size, method, options))
        columns = {name: round(found[name], digits) for name, digits in DIGITS.items()}
        rows.append({"customers": size, "method": method, **columns})
    return rows


def given_to(size: int, method: Method, options: argparse.Namespace) -> dict[str, object]:
    """Return what the step of a size and a method is given."""
    warmup, draws = (options.warmup, options.draws) if method == "nuts" else (500, 1_000)
    return {"size": size, "method": method, "seed": options.seed, "warmup": warmup, "draws": draws}


def grow_step(size: int, method: Method, seed: int, warmup: int, draws: int) -> _fresh.Answer:
    """Make customers up, fit both models, value everybody; say how long and how much memory."""
    history = _worlds.simulate(size, _worlds.CHANNELS, seed=seed)
    import_module("omniltv.models.inference._nuts")  # imports are not timed
    gc.collect()
    how = chosen(method, seed, warmup=warmup, draws=draws)
    rows, marks = _fresh.forget_peak(), [time.perf_counter()]
    states = len(history.distinct().count)
    marks.append(time.perf_counter())
    bought = fit(BgNbd(), history, **how)
    marks.append(time.perf_counter())
    spent = fit(GammaGamma(), history, **how)
    marks.append(time.perf_counter())
    fitted = _fresh.memory()[1]
    value = lifetime_value(
        bought, spent, history, horizon=weeks(52), discount=Discount(per_year=0.1), seed=seed
    )
    mean, lower, upper = value.draws.summary()
    marks.append(time.perf_counter())
    return {
        "states": states,
        **dict(zip(STEPS_TIMED, np.diff(marks).tolist(), strict=True)),
        **quality(method, bought.diagnostics, spent.diagnostics),
        "rows MB": rows,
        "fits MB": fitted,
        "value": float(mean.mean()),
        "interval": float((upper - lower).mean()),
    }


def chosen(method: Method, seed: int, *, warmup: int, draws: int) -> How:
    """Return how to fit."""
    sampling = Sampling(method, draws=draws, warmup=warmup)
    return How(seed=seed, pooling=POOLING, method=sampling, progress=False)


def quality(method: Method, *found: Diagnostics) -> _fresh.Answer:
    """Return the worst of several fits, and how many of them Laplace handed over."""
    return {
        "ESS": min(min(one.ess_bulk.values()) for one in found),
        "R-hat": max(max(one.rhat.values(), default=np.nan) for one in found),
        "k-hat": max(one.khat for one in found),
        "l off by": max(one.likelihood_error for one in found),
        "handed over": sum(one.method != method for one in found),
    }


def agree(options: argparse.Namespace) -> list[dict[str, object]]:
    """Return how far Laplace is from NUTS, a row per model, under many draws of each."""
    given = {"size": options.compared, "seed": options.seed, "draws": options.long}
    found = _fresh.run(__file__, "agree", given)
    names = ("k-hat", "mean", "sd", "noise of mean", "noise of sd", "ESS of NUTS", "quantities")
    return [
        {"model": model.name, "customers": options.compared}
        | {name: round(found[f"{model.name} {name}"], 4) for name in names}
        for model in (BgNbd(), GammaGamma())
    ]


def agree_step(size: int, seed: int, draws: int) -> _fresh.Answer:
    """Fit by both methods; say how far means and sds of all coordinates of all groups differ.

    The noise is what Monte Carlo alone would make of the largest difference: two standard
    errors of NUTS and Laplace together.
    """
    history = _worlds.simulate(size, _worlds.CHANNELS, seed=seed)
    answer: _fresh.Answer = {}
    for model in (BgNbd(), GammaGamma()):
        laplace, nuts = (
            fit(model, history, **chosen(method, seed, warmup=1_000, draws=draws))
            for method in METHODS
        )
        left, right = quantities(laplace.draws), quantities(nuts.draws)
        sizes = [min(one.diagnostics.ess_bulk.values()) for one in (laplace, nuts)]
        error = float(np.sqrt(sum(1 / size for size in sizes)))
        sd = right.std(axis=0)
        found = {
            "k-hat": laplace.diagnostics.khat,
            "mean": float(np.max(np.abs(left.mean(axis=0) - right.mean(axis=0)) / sd)),
            "sd": float(np.max(np.abs(left.std(axis=0) / sd - 1))),
            "noise of mean": 2 * error,
            "noise of sd": 2 * error / np.sqrt(2),
            "ESS of NUTS": sizes[1],
            "quantities": float(len(sd)),
        }
        answer |= {f"{model.name} {name}": value for name, value in found.items()}
    return answer


def quantities(posterior: PosteriorDraws) -> np.ndarray:
    """Return draws of all coordinates of all groups and of the population: (draws, k)."""
    parts = [posterior.coordinates]
    parts += [one for one in (posterior.mean,) if one is not None]
    parts += [np.log(one) for one in (posterior.spread,) if one is not None]
    return np.concatenate([one.reshape(posterior.n_draws, -1) for one in parts], axis=1)


STEPS: dict[str, _fresh.Step] = {"grow": grow_step, "agree": agree_step}


def picture(sizes: pd.DataFrame) -> Figure:
    """Return the plot of seconds against customers, a line per step and method."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for colour, (column, label) in enumerate(STEPS_TIMED.items()):
        for method, style in LINES.items():
            part = sizes[sizes["method"] == method]
            if len(part) and not (method == "nuts" and column in ("distinct s", "value s")):
                named = f"{label}, {method}" if column in ("purchases s", "spend s") else label
                axes.plot(part["customers"], part[column], style, color=f"C{colour}", label=named)
    axes.set(xscale="log", yscale="log", xlabel="customers", ylabel="seconds")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small", loc="upper left")
    return figure


def headline(sizes: pd.DataFrame, agreement: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    figures: dict[str, float] = {}
    for found in sizes.to_dict("records"):
        name = f"{found['customers']}_{found['method']}"
        figures[f"fit_s_{name}"] = round(found["purchases s"] + found["spend s"], 2)
        figures[f"value_s_{name}"] = found["value s"]
        figures[f"peak_mb_{name}"] = found["peak MB"]
    for found in agreement.to_dict("records"):
        figures[f"mean_off_{found['model']}"] = found["mean"]
        figures[f"sd_off_{found['model']}"] = found["sd"]
    return figures


def targets(sizes: pd.DataFrame, agreement: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was; of a million only where it was run."""
    shown = {}
    for found in agreement.to_dict("records"):
        if found["k-hat"] < GOOD_KHAT:
            name = f"{found['model']}: Laplace's"
            shown[f"{name} means within {MEAN_WITHIN} sd of NUTS"] = found["mean"] <= MEAN_WITHIN
            shown[f"{name} sds within {SD_WITHIN:.0%} of NUTS"] = found["sd"] <= SD_WITHIN
    for found in sizes.to_dict("records"):
        if found["customers"] == TEN_MILLION:
            name = f"{TEN_MILLION:,} customers: value within {VALUE_SECONDS_OF_TEN:g} s"
            shown[name] = found["value s"] < VALUE_SECONDS_OF_TEN
        if found["customers"] == AT:
            shown |= of_a_million(found["method"], found)
    return shown


def of_a_million(method: Method, found: Mapping[Hashable, float]) -> dict[str, bool]:
    """Return the targets at a million customers, of one method."""
    allowed = LAPLACE_SECONDS if method == "laplace" else NUTS_SECONDS
    fits = found["purchases s"] + found["spend s"]
    where = f"{AT:,} customers, {method}:"
    shown = {
        f"{where} purchases and spend fitted within {allowed:g} s": fits < allowed,
        f"{where} value and intervals within {VALUE_SECONDS:g} s": found["value s"] < VALUE_SECONDS,
        f"{where} memory below {MOST_MB:,.0f} MB": found["peak MB"] < MOST_MB,
        f"{where} ESS above {LEAST_ESS:g}": found["ESS"] > LEAST_ESS,
        f"{where} nothing handed over": found["handed over"] == 0,
    }
    if method == "nuts":
        shown[f"{where} R-hat below {MOST_RHAT}"] = found["R-hat"] < MOST_RHAT
    return shown


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # how well it mixed is in the table
        sys.exit(main())
