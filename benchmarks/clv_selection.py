"""Selected samples: are they named, and does the truncated fit forecast their totals?

Retailers are simulated whose customers buy as in MBG/NBD, with gamma-gamma spend. Six exports
leave some customers out: those with fewer than one, two or three repeat purchases, those who have
been silent for more than a quarter or half a year, and those with little spend. The checks at the
end of a fit must name each export, and must be quiet on the whole customer base. For the first
three, the fit of the history that is marked as selected must find the mean purchases of new
customers, and its forecast of the total of the customers in the data must hold.

    uv run --group bench python benchmarks/clv_selection.py [--quick] [--check] [--markdown PAGE]
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Final

import _markdown
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from numpy.typing import NDArray
from scipy import stats

from omniltv.data import CalibrationHoldout, PurchaseHistory
from omniltv.models import GammaGamma, MbgNbd, PurchaseFit, Sampling, fit
from omniltv.models.checks import coverage
from omniltv.models.processes import PurchaseState
from omniltv.units import TimeUnit, weeks

TRUTH: Final[Mapping[str, float]] = {"r": 0.8, "alpha": 8.0, "a": 0.6, "b": 2.0}
SPEND: Final[Mapping[str, float]] = {"p": 4.0, "q": 4.0, "v": 8.0}
AHEAD, LEVEL, YEAR = 26.0, 0.9, 52.0
METHOD = Sampling("laplace", draws=300, warmup=200, chains=1)
DOUBT = 1e-3
"""Probability that fewer 90 % intervals than asked for hold, if each holds with 90 %."""

type Rows = NDArray[np.bool_]
EXPORTS: dict[str, tuple[str, int, Callable[[PurchaseHistory], Rows]]] = {
    "1 repeat purchase or more": ("few purchases", 1, lambda h: h.frequency >= 1),
    "2 repeat purchases or more": ("few purchases", 2, lambda h: h.frequency >= 2),
    "3 repeat purchases or more": ("few purchases", 3, lambda h: h.frequency >= 3),
    "active in the last half year": ("long silence", 0, lambda h: h.T - h.recency <= 26),
    "active in the last quarter": ("long silence", 0, lambda h: h.T - h.recency <= 13),
    "mean value of 12 or more": ("small values", 0, lambda h: h.monetary_value >= 12),
}


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Selected samples: named, and allowed for.")
    parser.add_argument("--people", type=int, default=4_000)
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--plain", type=int, default=200, help="whole customer bases, for alarms")
    parser.add_argument("--quick", action="store_true", help="2 worlds and 40 customer bases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    worlds, plain = (2, 40) if options.quick else (options.worlds, options.plain)
    begin = time.perf_counter()
    cases = list(product(EXPORTS, range(options.seed, options.seed + worlds)))
    with workers() as pool:
        named, seeds = zip(*cases, strict=True)
        rows = list(pool.map(measured, named, seeds, [options.people] * len(cases)))
        alarms = list(pool.map(alarmed, range(options.seed, options.seed + plain), chunksize=10))
    found = pd.DataFrame(rows)
    table = summary(found)
    quiet = f"{sum(alarms)} of {plain} whole customer bases raised an alarm."
    if options.markdown:
        said = f"{worlds} worlds of each export with {options.people:,} customers. {quiet}"
        _markdown.fill(options.markdown, {"selection": f"{said}\n\n{_markdown.table(table)}"})
    print(quiet)
    return report(
        "clv_selection",
        table,
        figures={"worlds": worlds, "alarms": sum(alarms), "plain": plain}
        | {"seconds": round(time.perf_counter() - begin)},
        targets=judge(found, alarms),
        check=options.check,
    )


def customers(people: int, seed: int) -> PurchaseHistory:
    """Return customers of half a year to three years."""
    rng = np.random.default_rng(seed)
    T = rng.integers(26, 157, people).astype(np.float64)
    own = {name: np.full(people, value) for name, value in TRUTH.items()}
    x, recency, _ = MbgNbd().simulate(own, T, rng)
    of_spend = {name: np.full(people, value) for name, value in SPEND.items()}
    return PurchaseHistory(
        customer_id=np.arange(people).astype(object),
        frequency=np.asarray(x, dtype=np.int64),
        recency=np.asarray(recency, dtype=np.float64),
        T=T,
        monetary_value=GammaGamma().simulate(of_spend, np.asarray(x, dtype=np.int64), rng),
        unit=TimeUnit.WEEK,
    )


def measured(name: str, seed: int, people: int) -> dict[str, object]:
    """Return what is found in one export of one world."""
    warnings.simplefilter("ignore")
    print(f"{name} {seed}", file=sys.stderr, flush=True)
    every = customers(people, seed)
    check, at_least, chosen = EXPORTS[name]
    history = every.take(chosen(every))
    plain = fit(MbgNbd(), history, seed=seed, method=METHOD, progress=False)
    spend = fit(GammaGamma(), history, seed=seed, method="map")
    severe = [one.check for one in (*plain.findings.each, *spend.findings.each)
              if one.verdict == "severe"]  # fmt: skip
    row: dict[str, object] = {"export": name, "customers": len(history), "named": check in severe}
    if at_least:
        selected = history.selected(at_least=at_least)
        allowed = fit(MbgNbd(), selected, seed=seed, method=METHOD, progress=False)
        row |= {
            "new, plain": new_customer(plain),
            "new, selected": new_customer(allowed),
            "holds": holds(allowed, history, seed),
        }
    return row


def new_customer(found: PurchaseFit) -> float:
    """Return the forecast of a new customer's purchases in a year, relative to the truth."""
    draws = {name: each[:, 0] for name, each in found.parameters.items()}
    truth = {name: np.asarray(value) for name, value in TRUTH.items()}
    expected, actual = (
        MbgNbd().expected_purchases_new(each, np.asarray(YEAR)).mean() for each in (draws, truth)
    )
    return float(expected / actual)


def holds(found: PurchaseFit, history: PurchaseHistory, seed: int) -> bool:
    """Return whether the interval of the total of the next half year holds it."""
    state = PurchaseState(history.frequency.astype(np.float64), history.recency, history.T)
    own = {name: np.full(len(history), value) for name, value in TRUTH.items()}
    future = MbgNbd().simulate_future(own, state, AHEAD, np.random.default_rng([seed, 1]))
    later = np.bincount(future.row, minlength=len(history))
    split = CalibrationHoldout(history, later, np.zeros(len(history)), weeks(AHEAD), 0)
    covered = coverage(found, split, seed=seed, draws=100)
    return bool(covered.totals(LEVEL).columns()["inside"][0])


def alarmed(seed: int) -> bool:
    """Return whether the fits of a whole customer base raise an alarm."""
    warnings.simplefilter("ignore")
    every = customers(1_000, 10_000 + seed)
    fits = [fit(model, every, seed=seed, method="map") for model in (MbgNbd(), GammaGamma())]
    return any(found.findings.severe for found in fits)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return a row per export: named, new customers relative to the truth, totals that hold."""
    found = found.astype({"holds": float})
    table = found.groupby("export", sort=False).mean(numeric_only=False)
    table["customers"] = table["customers"].astype(float).round().astype(int)
    return table.astype({"named": float}).round(3).reset_index()


def judge(found: pd.DataFrame, alarms: list[bool]) -> dict[str, bool]:
    """Return whether every export is named, and the selected fits are right."""
    targets = {
        f"{name} is named in every world": bool(rows["named"].all())
        for name, rows in found.groupby("export", sort=False)
    }
    selected = found[found["holds"].notna()]
    least = int(stats.binom.ppf(DOUBT, len(selected), LEVEL))
    held = int(selected["holds"].sum())
    targets[f"{least} of {len(selected)} intervals of totals hold"] = held >= least
    off = (selected.groupby("export")["new, selected"].mean() - 1).abs()
    targets["new customers of selected fits are within 15 % of the truth"] = bool(off.max() < 0.15)
    targets["no whole customer base raises an alarm"] = not any(alarms)
    return targets


if __name__ == "__main__":
    sys.exit(main())
