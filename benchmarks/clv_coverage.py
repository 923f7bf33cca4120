"""Do predictive intervals hold what happened as often as they say?

On CDNOW, weeks 40 to 78, each customer's purchases and spend are set against the intervals
of several models. On simulated worlds, in which the model is right and four channels are
partially pooled, so are the totals of the channels, over many worlds of each kind.

Counts are judged by the randomised probability integral transform (`checks.coverage`).

    uv run --group bench python benchmarks/clv_coverage.py [--check] [--markdown PAGE]
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import _fresh
import _markdown
import _worlds
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from numpy.typing import NDArray

from omniltv.data import CalibrationHoldout, PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    GammaGamma,
    LogNormalSpend,
    MbgNbd,
    ParetoNbd,
    Pooling,
    Sampling,
    checks,
    fit,
)
from omniltv.models.processes.protocols import (
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)
from omniltv.units import Span, TimeUnit

SPLIT = "1997-09-30"
LEVELS = (0.5, 0.8, 0.95)
SHOWN = [f"{level:.0%}" for level in LEVELS]
WITHIN = 0.02
SHARES = tuple(channel.share for channel in _worlds.CHANNELS)
NAMES = np.array([channel.name for channel in _worlds.CHANNELS])
MODELS: tuple[PurchaseModel, ...] = (BgNbd(), MbgNbd(), ParetoNbd(), CnbdK(2))
SPENDS: tuple[SpendModel, ...] = (GammaGamma(), LogNormalSpend())
JUDGED = ("bg_nbd", "mbg_nbd")  # the two that `compare` cannot tell apart on CDNOW
QUANTITIES = ("purchases", "value")


@dataclass(frozen=True)
class World:
    """What is true in a kind of world, channel by channel.

    Attributes:
        purchases: The purchase model.
        spend: The spend model.
        buying: Its parameters, of shape (n_channels,) each.
        spending: The same of spend.
        observed: Shortest and longest observation, whole numbers of the unit.
        span: How long the holdout is.
    """

    purchases: PurchaseModel
    spend: SpendModel
    buying: Mapping[str, tuple[float, ...]]
    spending: Mapping[str, tuple[float, ...]]
    observed: tuple[int, int]
    span: Span

    @property
    def name(self) -> str:
        """What to call it."""
        return f"{self.purchases.name}, {self.spend.name}"


GAMMA_GAMMA = {"p": (6.0, 5.0, 7.0, 5.5), "q": (4.0, 3.6, 4.4, 4.0), "v": (15.0, 18.0, 12.0, 20.0)}
LOG_NORMAL = {"mu": (3.4, 3.2, 3.6, 3.0), "omega": (0.6, 0.5, 0.7, 0.6), "sigma": (0.8,) * 4}
COIN = {
    "r": (0.5, 0.35, 0.6, 0.3),
    "alpha": (11.0, 9.0, 8.0, 9.0),
    "a": (0.7, 1.0, 0.6, 1.1),
    "b": (3.2, 2.4, 3.6, 2.2),
}
WORLDS = (
    World(BgNbd(), GammaGamma(), COIN, GAMMA_GAMMA, (5, 104), Span(26, TimeUnit.WEEK)),
    World(MbgNbd(), LogNormalSpend(), COIN, LOG_NORMAL, (5, 104), Span(26, TimeUnit.WEEK)),
    World(
        ParetoNbd(),
        GammaGamma(),
        {
            "r": (0.6, 0.5, 0.8, 0.45),
            "alpha": (11.0, 9.0, 9.0, 12.0),
            "s": (0.6, 0.8, 0.5, 0.9),
            "beta": (12.0, 10.0, 14.0, 9.0),
        },
        GAMMA_GAMMA,
        (5, 104),
        Span(26, TimeUnit.WEEK),
    ),
    World(
        BgBb(),
        LogNormalSpend(),
        {
            "alpha": (1.2, 0.9, 1.4, 0.8),
            "beta": (0.75, 1.2, 0.9, 1.5),
            "gamma": (0.66, 0.8, 0.6, 0.9),
            "delta": (2.8, 2.2, 3.2, 2.0),
        },
        LOG_NORMAL,
        (2, 10),
        Span(5, TimeUnit.YEAR),
    ),
)


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    real, totals = cdnow(options.seed)
    frame = pd.concat([trial(world, options) for world in WORLDS], ignore_index=True)
    simulated = shares(frame)
    print(f"{real.to_string(index=False)}\n\n{totals.to_string(index=False)}\n")
    if options.markdown:
        tables = {"cdnow": real, "cdnow totals": totals, "simulated": simulated}
        parts = {name: _markdown.table(table) for name, table in tables.items()}
        said = f"{options.worlds} worlds of each kind, {options.customers:,} customers in each."
        parts["size"] = f"{said} Measured on {_fresh.surroundings()}."
        _markdown.fill(options.markdown, parts)
    return report(
        "clv_coverage",
        simulated,
        figures=figures(real, simulated),
        targets=targets(real, simulated),
        check=options.check,
    )


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description="Coverage of predictive intervals.")
    parser.add_argument("--worlds", type=int, default=200, help="of each kind")
    parser.add_argument("--customers", type=int, default=1_000, help="in each world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    return parser.parse_args()


def cdnow(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return shares of customers within their intervals, and the totals, by pair of models."""
    split = PurchaseLog.from_frame(load_cdnow()).split(at=SPLIT, unit="week")
    history = split.calibration
    spends = [fit(spend, history, seed=seed, method="laplace", progress=False) for spend in SPENDS]
    rows, totals = [], []
    for model in MODELS:
        bought = fit(model, history, seed=seed, method="laplace", progress=False)
        for spent in spends:
            of = {"purchase model": model.name, "spend model": spent.model.name}
            covered = checks.coverage(bought, split, seed=seed, spend=spent, levels=LEVELS)
            for quantity in QUANTITIES if spent is spends[0] else QUANTITIES[1:]:
                held = [round(covered.share(level, quantity=quantity), 4) for level in LEVELS]
                found = dict(zip(SHOWN, held, strict=True))
                rows.append({"quantity": quantity, **of, **found})
            total = covered.totals(0.95).to_frame().drop(columns=["group", "pit"]).round(0)
            totals.append(total.assign(**of) if spent is spends[0] else total[1:].assign(**of))
    return pd.DataFrame(rows), pd.concat(totals, ignore_index=True)


def trial(world: World, options: argparse.Namespace) -> pd.DataFrame:
    """Return a row per simulated world, quantity and level: how much was held."""
    seeds = np.random.SeedSequence(options.seed).generate_state(options.worlds, np.uint32)
    with workers() as pool:
        found = list(pool.map(partial(once, world, options.customers), map(int, seeds)))
    print(f"{world.name}: {len(found)} worlds", file=sys.stderr, flush=True)
    return pd.concat(found, ignore_index=True).assign(world=world.name)


def once(world: World, customers: int, seed: int) -> pd.DataFrame:
    """Return what the intervals of one simulated world held, by quantity and level."""
    holdout = simulate(world, customers, np.random.default_rng(seed))
    pooling = Pooling.partial("channel")
    history = holdout.calibration
    bought = fit(
        world.purchases, history, seed=seed, pooling=pooling, method=Sampling("laplace", draws=500),
        progress=False,
    )  # fmt: skip
    spent = fit(
        world.spend, history, seed=seed, pooling=pooling, method=Sampling("laplace", draws=500),
        progress=False,
    )  # fmt: skip
    covered = checks.coverage(
        bought, holdout, seed=seed, spend=spent, levels=LEVELS, by="channel", draws=500
    )
    rows = []
    for level, quantity in product(LEVELS, QUANTITIES):
        shares = {
            "customers": covered.share(level, quantity=quantity),
            "totals": covered.share_of_totals(level, quantity=quantity),
        }
        rows.append({"quantity": quantity, "level": level, **shares})
    handed_over = "nuts" in {one.diagnostics.method for one in (bought, spent)}
    return pd.DataFrame(rows).assign(handed_over=handed_over)


def simulate(world: World, customers: int, rng: np.random.Generator) -> CalibrationHoldout:
    """Return customers of four channels, and what they did afterwards."""
    channel = rng.choice(len(NAMES), customers, p=SHARES)
    low, high = world.observed
    T = rng.integers(low, high, customers, endpoint=True).astype(np.float64)
    buying, spending = (of_each(values, channel) for values in (world.buying, world.spending))
    x, recency, _ = world.purchases.simulate(buying, T, rng)
    frequency = np.asarray(x, dtype=np.int64)
    value = world.spend.simulate(spending, frequency, rng)
    state = PurchaseState(frequency.astype(np.float64), np.asarray(recency), T)
    span = world.span.amount
    later = world.purchases.simulate_future(buying, state, span, rng)
    known = SpendState(state.frequency, value)
    paid = world.spend.simulate_future(spending, known, later.row, rng)
    history = PurchaseHistory(
        customer_id=np.arange(customers).astype(object),
        frequency=frequency,
        recency=state.recency,
        T=T,
        monetary_value=value,
        unit=world.span.unit,
        groups={"channel": NAMES[channel]},
    )
    bought = np.bincount(later.row, minlength=customers)
    spent = np.bincount(later.row, weights=paid, minlength=customers)
    return CalibrationHoldout(history, bought, spent, world.span, 0)


def of_each(values: Mapping[str, tuple[float, ...]], channel: NDArray[np.intp]) -> Parameters:
    """Return parameters of each customer by channel."""
    return {name: np.array(value)[channel] for name, value in values.items()}


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return shares by kind of world, quantity and level, and over all worlds, with errors."""
    keys = ["world", "quantity", "level"]
    every = frame.assign(world="all")
    grouped = pd.concat([frame, every]).groupby(keys, sort=False)
    mean = grouped[["customers", "totals"]].mean()
    error = grouped[["customers", "totals"]].sem()
    table = mean.assign(
        **{f"± {name}": error[name] for name in error},
        handed_over=grouped["handed_over"].sum(),
    )
    order = ["customers", "± customers", "totals", "± totals", "handed_over"]
    return table[order].round(4).reset_index()


def figures(real: pd.DataFrame, simulated: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line: how many points coverage is off at worst."""
    every = simulated["world"] == "all"
    return {
        **{f"off_cdnow_{name}": off_cdnow(real, name) for name in real["purchase model"].unique()},
        "off_customers": off(simulated[~every], "customers"),
        "off_totals": off(simulated[every], "totals"),
    }


def off(simulated: pd.DataFrame, what: str) -> float:
    """Return by how much a share is off its level, at worst."""
    return float((simulated[what] - simulated["level"]).abs().max())


def off_cdnow(real: pd.DataFrame, model: str) -> float:
    """Return the same of one purchase model on CDNOW."""
    own = real[real["purchase model"] == model]
    return float(np.abs(own[SHOWN].to_numpy(dtype=np.float64) - np.array(LEVELS)).max())


def targets(real: pd.DataFrame, simulated: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    found = figures(real, simulated)
    wanted = [*(f"off_cdnow_{name}" for name in JUDGED), "off_customers", "off_totals"]
    return {
        f"{name} at most {WITHIN}, is {found[name]:.4f}": found[name] <= WITHIN for name in wanted
    }


if __name__ == "__main__":
    sys.exit(main())
