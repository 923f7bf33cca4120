"""Value of one-time buyers where frequent buyers spend more.

Retailers are simulated whose customers buy as in MBG/NBD. The mean value of a customer's purchases
has a rank correlation of 0, 0.3 or 0.7 with the customer's purchase rate. The value of the next 52
weeks is forecast by MBG/NBD and gamma-gamma in four ways: spend of repeat purchases or of all
purchases, and independent of the rate or given the rate.

    uv run --group bench python benchmarks/clv_spend.py [--quick] [--check] [--markdown PAGE]
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, Literal

import _markdown
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from numpy.typing import NDArray
from scipy import stats

from omniltv.data import PurchaseHistory
from omniltv.errors import FitWarning
from omniltv.models import (
    GammaGamma,
    LifetimeValue,
    MbgNbd,
    ModelError,
    Sampling,
    fit,
    lifetime_value,
    with_purchase_rate,
)
from omniltv.units import Discount, TimeUnit, weeks

type Kind = Literal["gamma-gamma", "log-normal"]
type Way = tuple[bool, bool]

CORRELATIONS: Final = (0.0, 0.3, 0.7)
KINDS: Final[tuple[Kind, ...]] = ("gamma-gamma", "log-normal")
AHEAD: Final = 52.0
METHOD = Sampling("laplace", draws=200, warmup=200, chains=1)
WAYS: dict[Way, str] = {
    (False, False): "repeat purchases",
    (True, False): "all purchases",
    (False, True): "repeat purchases, given the rate",
    (True, True): "all purchases, given the rate",
}
LEVEL, MOST_OFF = 0.9, 0.2
DOUBT = 1e-3
"""Probability that fewer 90 % intervals than asked for hold, if each holds with 90 %."""


@dataclass(frozen=True, eq=False)
class Retailer:
    """The history of a simulated retailer's customers, and what they bring later.

    Attributes:
        history: The history until the end of observation.
        expected: Expected value of the horizon given the customer's own parameters.
        actual: Value of the horizon.
    """

    history: PurchaseHistory
    expected: NDArray[np.float64]
    actual: NDArray[np.float64]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Spend that depends on the purchase rate.")
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--worlds", type=int, default=4, help="worlds of each kind")
    parser.add_argument("--quick", action="store_true", help="one world of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    worlds = 1 if options.quick else options.worlds
    cases = [
        (kind, correlation, options.seed + number)
        for number, (_, kind, correlation) in enumerate(product(range(worlds), KINDS, CORRELATIONS))
    ]
    begin = time.perf_counter()
    with workers() as pool:
        rows = pool.map(measured, *zip(*cases, strict=True), [options.people] * len(cases))
        found = pd.DataFrame([row for world in rows for row in world])
    table = summary(found)
    if options.markdown:
        said = f"{worlds} worlds of each kind with {options.people:,} customers."
        _markdown.fill(options.markdown, {"spend": f"{said}\n\n{_markdown.table(table)}"})
    return report(
        "clv_spend",
        table,
        figures={"worlds": len(cases), "seconds": round(time.perf_counter() - begin)},
        targets=judge(table, found),
        check=options.check,
    )


def measured(kind: Kind, correlation: float, seed: int, people: int) -> list[dict[str, object]]:
    """Return a row per way for one world."""
    warnings.simplefilter("ignore", FitWarning)
    print(f"{kind} {correlation} {seed}", file=sys.stderr, flush=True)
    world = retailer(kind, correlation, people=people, seed=seed)
    once = world.history.frequency == 0
    found: list[dict[str, object]] = []
    for (every, given), name in WAYS.items():
        value = valued(world.history, every=every, given=given, seed=seed)
        mean = value.mean()
        inside = covered(value, world, once) if every and given else {}
        found.append(
            {
                "spend": kind,
                "correlation": correlation,
                "way": name,
                "once": mean[once].sum() / world.expected[once].sum(),
                "all": mean.sum() / world.expected.sum(),
                **inside,
            }
        )
    return found


def covered(value: LifetimeValue, world: Retailer, once: NDArray[np.bool_]) -> dict[str, float]:
    """Return whether intervals of totals hold, of one-time buyers and of all customers."""
    total = value.predictive_total(np.where(once, "once", "more")).values
    inside = {}
    for label, sums, rows in (
        ("inside_once", total[1], once),
        ("inside_all", total.sum(axis=0), np.ones(len(once), dtype=bool)),
    ):
        low, high = np.quantile(sums, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        inside[label] = float(low <= world.actual[rows].sum() <= high)
    return inside


def valued(history: PurchaseHistory, *, every: bool, given: bool, seed: int) -> LifetimeValue:
    """Return the value of each customer in one of the four ways."""
    history = history.counting_first() if every else history
    bought = fit(MbgNbd(), history, seed=seed, method=METHOD, progress=False)
    known = with_purchase_rate(history, bought) if given else history
    rate = {"log_mean": ["purchase_rate"]} if given else {}
    spent = fit(GammaGamma(), known, seed=seed, method=METHOD, covariates=rate, progress=False)
    return lifetime_value(
        bought,
        spent,
        history,
        horizon=weeks(AHEAD),
        discount=Discount(per_year=0.0),
        seed=seed,
        model_error=ModelError.none(),
    )


def retailer(kind: Kind, correlation: float, *, people: int, seed: int) -> Retailer:
    """Return a retailer whose spend and rate have a rank correlation (Gaussian copula)."""
    rng = np.random.default_rng(seed)
    pearson = 2 * np.sin(np.pi * correlation / 6)
    one, other = rng.standard_normal((2, people))
    both = pearson * one + np.sqrt(1 - pearson**2) * other
    rate = stats.gamma.ppf(stats.norm.cdf(one), 0.6) / 10
    mean = 120 / stats.gamma.isf(stats.norm.cdf(both), 4.0)
    if kind == "log-normal":
        mean = 40 * np.exp(0.7 * both - 0.7**2 / 2)
    leaves = rng.beta(0.8, 2.5, people)
    T = rng.uniform(20, 100, people)
    seen, later, recency, alive = _purchases(rate, leaves, T, rng)
    first = mean * rng.gamma(3.0, 1 / 3, people)
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = np.where(leaves > 0, -np.expm1(-rate * leaves * AHEAD) / leaves, rate * AHEAD)
    history = PurchaseHistory(
        customer_id=np.arange(people).astype(object),
        frequency=seen,
        recency=recency,
        T=T,
        monetary_value=np.where(seen > 0, _mean_of(mean, seen, rng), np.nan),
        unit=TimeUnit.WEEK,
        first_value=first,
    )
    actual = np.where(later > 0, later * _mean_of(mean, later, rng), 0.0)
    return Retailer(history, np.where(alive, ahead * mean, 0.0), actual)


def _mean_of(
    mean: NDArray[np.float64], count: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the mean value of so many purchases of each customer."""
    shape = 3.0 * np.maximum(count, 1)
    return np.asarray(mean * rng.gamma(shape) / shape)


def _purchases(
    rate: NDArray[np.float64],
    leaves: NDArray[np.float64],
    T: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return purchases until T and after it, the last one until T, and who is alive at T."""
    n = len(rate)
    seen, later = np.zeros((2, n), dtype=np.int64)
    recency, now = np.zeros((2, n))
    alive = rng.random(n) >= leaves
    active = np.flatnonzero(alive)
    while len(active):
        now[active] += rng.exponential(1 / np.maximum(rate[active], 1e-12))
        active = active[now[active] <= T[active] + AHEAD]
        before = now[active] <= T[active]
        seen[active[before]] += 1
        later[active[~before]] += 1
        recency[active[before]] = now[active[before]]
        gone = rng.random(len(active)) < leaves[active]
        alive[active[before & gone]] = False
        active = active[~gone]
    return seen, later, recency, alive


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return forecast / truth and coverage by spend, correlation and way."""
    grouped = found.groupby(["spend", "correlation", "way"], sort=False)
    table = grouped.agg(
        once=("once", "mean"),
        all=("all", "mean"),
        inside_once=("inside_once", "mean"),
        inside_all=("inside_all", "mean"),
    )
    return table.round(3).reset_index()


def judge(table: pd.DataFrame, found: pd.DataFrame) -> dict[str, bool]:
    """Return whether one-time buyers are near the truth, and totals are covered."""
    way = WAYS[True, True]
    off = float((table[table["way"] == way]["once"] - 1).abs().max())
    targets = {f"one-time buyers within {MOST_OFF:.0%} ({way})": off <= MOST_OFF}
    own = found[found["way"] == way]
    for label in ("once", "all"):
        least = int(stats.binom.ppf(DOUBT, len(own), LEVEL))
        name = f"{least} of {len(own)} intervals of totals ({label}) hold"
        targets[name] = int(own[f"inside_{label}"].sum()) >= least
    return targets


if __name__ == "__main__":
    sys.exit(main())
