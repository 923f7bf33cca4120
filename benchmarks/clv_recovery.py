"""Does partial pooling find the truth of channels better than none or complete pooling?

In each simulated world four channels of 20,000, 5,000, 500 and 30 customers buy by
BG/NBD processes whose parameters differ between the channels. Each world is fitted
three times. Errors are squared differences between posterior means and the truth: of
the parameters in their sampled coordinates (logarithms and a logit), and of each
customer's expected purchases in the next 26 weeks, where the truth is the expectation
under the parameters that the world was made with.

The headline is the mean over worlds and channels, every channel alike, because a
retailer decides channel by channel; the mean over customers stands beside it.

    uv run --group bench python benchmarks/clv_recovery.py [--worlds 21] [--check]
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.errors import FitWarning
from omniltv.models import BgNbd, Pooling, PurchaseFit, Sampling, fit
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseState
from omniltv.units import TimeUnit, weeks

SIZES = {"a: 20,000": 20_000, "b: 5,000": 5_000, "c: 500": 500, "d: 30": 30}
SMALL = "d: 30"
COORDINATES = tuple(coordinate.name for coordinate in BgNbd.coordinates)
CENTRE = np.array([-2.6, -0.5, -1.3, 1.2])
CENTRE_SD = 0.3
SPREADS = (0.2, 0.3, 0.5)
COHORTS = (28.0, 40.0, 52.0)  # weeks observed; few, so that customers share states
HORIZON = 26
LEVEL = 0.9
WORST_MIXING = 1.05
QUANTITIES = ("parameters", "purchases")
POOLINGS = {
    "partial": Pooling.partial("channel"),
    "none": Pooling.none("channel"),
    "complete": Pooling.complete(),
}


@dataclass(frozen=True, eq=False)
class World:
    """One simulated retailer.

    Attributes:
        spread: Standard deviation of each coordinate between channels.
        theta: True coordinates, of shape (n_channels, n_coordinates).
        history: What was observed.
        future: Expected purchases of each row under the true parameters.
    """

    spread: float
    theta: NDArray[np.float64]
    history: PurchaseHistory
    future: NDArray[np.float64]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Parameter recovery by pooling.")
    parser.add_argument("--worlds", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    start = time.perf_counter()
    found = pd.concat(
        [measure(number, options.seed) for number in range(options.worlds)], ignore_index=True
    )
    figures = headline(found) | {
        "worlds": options.worlds,
        "seconds": round(time.perf_counter() - start, 1),
    }
    return report(
        "clv_recovery",
        summarise(found),
        figures=figures,
        targets=targets(found),
        check=options.check,
    )


def simulate(number: int, seed: int) -> World:
    """Return a world; worlds take turns in how much their channels differ."""
    rng = np.random.default_rng([seed, number])
    model, spread = BgNbd(), SPREADS[number % len(SPREADS)]
    mean = rng.normal(CENTRE, CENTRE_SD)
    theta = rng.normal(mean, spread, (len(SIZES), len(CENTRE)))
    channel = np.repeat(np.arange(len(SIZES)), list(SIZES.values()))
    length = rng.choice(COHORTS, len(channel))
    truth = model.parameters(NUMPY, dict(zip(COORDINATES, theta[channel].T, strict=True)))
    x, recency, _ = model.simulate(truth, length, rng)
    # The middle of the week: as coarse as real data, and nearly unbiased.
    recency = np.where(x > 0, np.floor(recency) + 0.5, 0.0)
    future = model.expected_purchases(
        truth, PurchaseState(x, recency, length), np.asarray(float(HORIZON))
    )
    history = PurchaseHistory(
        customer_id=np.arange(len(channel)).astype(object),
        frequency=x,
        recency=recency,
        T=length,
        monetary_value=np.full(len(channel), np.nan),
        unit=TimeUnit.WEEK,
        groups={"channel": np.array(list(SIZES))[channel]},
    )
    return World(spread, theta, history, future)


def measure(number: int, seed: int) -> pd.DataFrame:
    """Return the errors in one world, a row per pooling and channel."""
    world = simulate(number, seed)
    parts = []
    for name, pooling in POOLINGS.items():
        with warnings.catch_warnings(record=True) as given:
            # Chains are short; how often the fit warns of that is one of the figures.
            warnings.simplefilter("always", FitWarning)
            posterior = fit(
                BgNbd(),
                world.history,
                seed=number,
                pooling=pooling,
                method=Sampling("nuts", draws=400, warmup=400),
                progress=False,
            )
        print(f"world {number}, {name}: {posterior.diagnostics}", file=sys.stderr, flush=True)
        warned = any(issubclass(warning.category, FitWarning) for warning in given)
        errors = squared_errors(world, posterior)
        parts.append(errors.assign(world=number, pooling=name, warned=warned))
    return pd.concat(parts, ignore_index=True)


def squared_errors(world: World, posterior: PurchaseFit) -> pd.DataFrame:
    """Return a channel's mean squared errors, its coverage, and how the sampler fared."""
    draws = posterior.draws.coordinates
    flat = np.broadcast_to(
        draws.reshape(-1, draws.shape[2], len(COORDINATES)), (posterior.n_draws, *world.theta.shape)
    )
    lower, upper = np.quantile(flat, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    forecast = posterior.expected_purchases(world.history, weeks(HORIZON)).mean()
    rows = pd.Series((forecast - world.future) ** 2)
    purchases = rows.groupby(world.history.groups["channel"]).mean()
    diagnostics = posterior.diagnostics
    return pd.DataFrame(
        {
            "channel": list(SIZES),
            "size": list(SIZES.values()),
            "spread": world.spread,
            "parameters": ((flat.mean(axis=0) - world.theta) ** 2).mean(axis=1),
            "purchases": purchases.loc[list(SIZES)].to_numpy(),
            "covered": ((lower <= world.theta) & (world.theta <= upper)).mean(axis=1),
            "rhat": max(diagnostics.rhat.values()),
            "divergences": diagnostics.divergences,
            "seconds": diagnostics.seconds,
        }
    )


def summarise(found: pd.DataFrame) -> pd.DataFrame:
    """Return what a person reads: a row per figure, a column per pooling."""
    channels = [(f"channel {key}", found[found["channel"] == key]) for key in SIZES]
    spreads = [(f"spread {key}", found[found["spread"] == key]) for key in SPREADS]
    rows = []
    for quantity in QUANTITIES:
        figure = f"MSE of {quantity}"
        for where, part in [*channels, *spreads, ("every channel alike", found)]:
            rows.append({"figure": figure, "where": where} | averages(part, quantity))
        every = {"figure": figure, "where": "every customer alike"}
        rows.append(every | by_customer(found, quantity))
    for where, part in channels:
        rows.append({"figure": "coverage of 90 %", "where": where} | averages(part, "covered"))
    fits = found.drop_duplicates(["world", "pooling"])
    for where, column, how in (
        ("worst R-hat", "rhat", "max"),
        ("divergences", "divergences", "sum"),
        ("share of fits with a warning", "warned", "mean"),
        ("seconds per fit", "seconds", "mean"),
    ):
        rows.append({"figure": "sampler", "where": where} | averages(fits, column, how))
    return pd.DataFrame(rows).round(4)


def averages(part: pd.DataFrame, column: str, how: str = "mean") -> dict[str, float]:
    """Return a column's mean (or maximum, or sum) under each pooling; NaN where there is none."""
    groups = {name: part.loc[part["pooling"] == name, column] for name in POOLINGS}
    return {name: float(getattr(values, how)()) for name, values in groups.items()}


def by_customer(found: pd.DataFrame, quantity: str) -> dict[str, float]:
    """Return the mean squared error over customers under each pooling."""
    weighted = found.assign(share=found[quantity] * found["size"] / found["size"].mean())
    return averages(weighted, "share")


def by_world(found: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return the mean squared error of each world, every channel alike, by pooling."""
    return found.pivot_table(index="world", columns="pooling", values=quantity)


def headline(found: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    small = averages(found[found["channel"] == SMALL], "covered")
    figures = {
        "worst_rhat": round(float(found["rhat"].max()), 4),
        "divergences": int(found["divergences"].sum() // len(SIZES)),
        "coverage_small_partial": round(small["partial"], 3),
    }
    for quantity in QUANTITIES:
        worlds, customers = by_world(found, quantity), by_customer(found, quantity)
        for name in POOLINGS:
            figures[f"mse_{quantity}_{name}"] = round(float(worlds[name].mean()), 5)
            figures[f"mse_{quantity}_{name}_by_customer"] = round(customers[name], 5)
        for other in ("none", "complete"):
            gain = worlds[other] - worlds["partial"]
            error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
            figures[f"{quantity}_gain_over_{other}"] = round(float(gain.mean()), 5)
            figures[f"{quantity}_gain_over_{other}_se"] = round(error, 5)
            figures[f"{quantity}_worlds_better_than_{other}"] = int((gain > 0).sum())
    return figures


def targets(found: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    means = {quantity: by_world(found, quantity).mean() for quantity in QUANTITIES}
    shown = {
        f"partial pooling beats {other} pooling in the error of {quantity}": bool(
            means[quantity]["partial"] < means[quantity][other]
        )
        for quantity in means
        for other in ("none", "complete")
    }
    shown["at least 20 worlds"] = found["world"].nunique() >= 20
    shown[f"R-hat below {WORST_MIXING} in every fit"] = bool(found["rhat"].max() < WORST_MIXING)
    return shown


if __name__ == "__main__":
    sys.exit(main())
