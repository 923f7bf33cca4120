"""Totals in worlds that no built-in model describes, with and without the error of the model.

Worlds of four channels of different size are observed for 78 weeks. The value of each channel and
of all of them over the next 26 weeks is forecast by MBG/NBD and gamma-gamma with partial pooling,
without calendar time and with it, and with three model errors: none, the default, and that of a
backtest of three origins.

    uv run --group bench python benchmarks/clv_foreign.py [--check] [--markdown PAGE]
"""

import argparse
import sys
import warnings
from itertools import product
from pathlib import Path
from typing import Final

import _markdown
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from numpy.typing import NDArray

from omniltv.data import PurchaseHistory, PurchaseLog
from omniltv.draws import Totals
from omniltv.errors import FitWarning
from omniltv.models import (
    GammaGamma,
    MbgNbd,
    ModelError,
    Pooling,
    Sampling,
    fit,
    lifetime_value,
)
from omniltv.models.checks import Backtest, backtest
from omniltv.simulation import Baskets, Calendar, ChannelSettings, World, WorldConfig
from omniltv.units import Discount, weeks

BY: Final = "acquisition_channel"
OBSERVED, AHEAD = 78, weeks(26)
WORLDS = {
    "regimes": ("regimes", Calendar()),
    "weibull": ("weibull", Calendar()),
    "weibull, season, trend": (
        "weibull",
        Calendar(months=(0.8, 0.8, 1, 1, 1, 0.9, 1.1, 0.8, 0.9, 1, 1.2, 1.5), trend=0.9),
    ),
}
METHOD = Sampling("laplace", draws=400, warmup=200, chains=1)
LEVEL = 0.9
LEAST, MOST = 0.8, 0.98
"""Coverage of the 90 % intervals with the error of a backtest, over all worlds and totals."""


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Totals in worlds that no model describes.")
    parser.add_argument("--people", type=int, default=1_500)
    parser.add_argument("--worlds", type=int, default=8, help="worlds of each process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    cases = [(name, options.seed + k) for k in range(options.worlds) for name in WORLDS]
    names, seeds = zip(*cases, strict=True)
    with workers() as pool:
        rows = pool.map(totals, names, [options.people] * len(cases), seeds)
        found = pd.DataFrame([row for world in rows for row in world])
    table, whole = summary(found), summary(found.assign(process="all"))
    if options.markdown:
        said = f"{options.worlds} worlds of each process with {options.people:,} people."
        shown = pd.concat([table, whole])
        _markdown.fill(options.markdown, {"foreign": f"{said}\n\n{_markdown.table(shown)}"})
    print(whole.to_string(index=False), "\n")
    return report(
        "clv_foreign",
        table,
        figures={"people": options.people, "worlds": options.worlds},
        targets=judge(whole),
        check=options.check,
    )


def totals(name: str, people: int, seed: int) -> list[dict[str, object]]:
    """Return a row per model error and total of one world."""
    warnings.simplefilter("ignore", FitWarning)
    print(f"{name} {seed}", file=sys.stderr, flush=True)
    log, at = observed(name, people, seed)
    past = log.before(at + pd.DateOffset(days=1))
    learnt = past.calendar_time(by=BY, end=at, seed=seed)
    found: list[dict[str, object]] = []
    for known, calendar in (("no", None), ("yes", learnt)):
        split = log.split(at=at, unit="week", by=BY, calendar=calendar)
        labels = split.calibration.groups[BY]
        brought = pd.Series(split.holdout_value).groupby(labels).sum().to_numpy(np.float64)
        total = forecast(split.calibration, seed)
        tested = backtest(
            past,
            MbgNbd(),
            GammaGamma(),
            horizon=AHEAD,
            seed=seed,
            by=BY,
            method=METHOD,
            calendar=calendar is not None,
        )
        for kind, error in errors_of(tested).items():
            same = {"process": name, "calendar": known, "error": kind, "sd": error.at(AHEAD)}
            found += [
                row | same
                for row in rows_of(total, error, np.asarray(brought, dtype=np.float64), seed)
            ]
    return found


def errors_of(tested: Backtest) -> dict[str, ModelError]:
    """Return the model errors that are compared."""
    return {
        "none": ModelError.none(),
        "default": ModelError.default(),
        "backtest": tested.model_error(),
    }


def forecast(history: PurchaseHistory, seed: int) -> Totals:
    """Return the value of each channel over the horizon, without a model error."""
    pooling = Pooling.partial(BY)
    purchases = fit(MbgNbd(), history, seed=seed, method=METHOD, pooling=pooling, progress=False)
    spend = fit(GammaGamma(), history, seed=seed, method=METHOD, pooling=pooling, progress=False)
    return lifetime_value(
        purchases,
        spend,
        history,
        horizon=AHEAD,
        discount=Discount(per_year=0.0),
        seed=seed,
        model_error=ModelError.none(),
    ).predictive_total(BY)


def rows_of(
    forecast: Totals, error: ModelError, brought: NDArray[np.float64], seed: int
) -> list[dict[str, object]]:
    """Return whether each total is within its interval, and the width relative to the total."""
    n_draws = forecast.values.shape[1]
    factors = error.factors(forecast.labels, horizon=AHEAD, n_draws=n_draws, seed=seed)
    values = forecast.values * factors
    values = np.vstack([values, values.sum(axis=0)])
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    actual = np.append(brought, brought.sum())
    ends = zip((*forecast.labels, "all"), actual, low, high, values.mean(axis=1), strict=True)
    return [
        {
            "total": "all" if label == "all" else "channel",
            "inside": a <= real <= b,
            "off": middle / real - 1 if real else np.nan,
            "width": (b - a) / middle,
        }
        for label, real, a, b, middle in ends
    ]


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return coverage, bias and width by process, calendar time, kind of total and error."""
    grouped = found.groupby(["process", "calendar", "total", "error"], sort=False)
    table = grouped.agg(
        inside=("inside", "mean"),
        totals=("inside", "size"),
        bias=("off", "mean"),
        width=("width", "mean"),
        sd=("sd", "mean"),
    )
    return (
        table.round(3)
        .reset_index()
        .rename(columns={"calendar": "calendar time", "error": "model error"})
    )


def judge(whole: pd.DataFrame) -> dict[str, bool]:
    """Return whether the intervals with the error of a backtest hold their level."""
    inside = whole.set_index(["calendar time", "total", "model error"])["inside"]
    targets = {}
    for known, total in product(("no", "yes"), ("channel", "all")):
        tested, before = inside[known, total, "backtest"], inside[known, total, "none"]
        name = f"with a backtest, 90 % intervals of totals ({total}, calendar time: {known})"
        targets[f"{name} hold {LEAST:.0%} to {MOST:.0%}"] = bool(LEAST <= tested <= MOST)
        targets[f"{name} hold more than without a model error"] = bool(tested > before)
    return targets


def observed(name: str, people: int, seed: int) -> tuple[PurchaseLog[pd.DataFrame], pd.Timestamp]:
    """Return the log of a world until the end of the forecast, and the last observed day."""
    process, calendar = WORLDS[name]
    world = World(world_of(process, calendar), people=people, seed=seed)
    table = world.run(weeks(OBSERVED + AHEAD.amount)).transactions
    bought = table[table["refund_of"].isna()]
    columns = ["transaction_id", "customer_id", "channel", "time", "value"]
    log = PurchaseLog.from_frame(bought[columns], timezone="Asia/Tokyo")
    return log, pd.Timestamp(world.config.start) + pd.DateOffset(days=OBSERVED * 7 - 1)


def world_of(process: str, calendar: Calendar) -> WorldConfig:
    """Return a world of four channels of different size."""
    sizes = (("store", 0.5, 1.0), ("ec", 0.3, 0.8), ("app", 0.15, 1.3), ("call", 0.05, 0.6))
    channels = [
        ChannelSettings.model_validate(
            {"name": name, "share": share, "rate": rate, "visits": 0.5, "reach": 0.3}
        )
        for name, share, rate in sizes
    ]
    return WorldConfig.model_validate(
        {
            "channels": channels,
            "process": process,
            "calendar": calendar,
            "baskets": Baskets(kind="heavy", within=0.9, with_rate=0.4),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
