"""Loyalty: a million events, ten million in batches, and the coverage of liability intervals.

Events are earnings, redemptions, returns, adjustments and merges of a programme with one purchase
per customer and month, points valid for a year. Batches are months; events arrive up to a week
late. Memory is the peak of the process after each batch.

    uv run --group bench python benchmarks/loyalty.py [--quick] [--part P] [--check]
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _markdown import table as markdown
from _report import report
from scipy.stats import binom

from omniltv.segmentation.loyalty import LedgerState, settle

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.segmentation.loyalty._worlds import predicted, programme

MILLION = 1_000_000
MOST_SECONDS = 20.0
MOST_GROWTH = 1.15
FALSE_ALARM = 1e-5
WORLDS = ("model", "savers", "reminded")
KINDS = ("earn", "spend", "reverse", "adjust", "merge")
SHARES = (0.70, 0.24, 0.04, 0.019, 0.001)
START = np.datetime64("2020-01-01", "us")
MONTH_SECONDS = 30 * 86_400
RUNS = 20

type Part = tuple[pd.DataFrame, dict[str, float], dict[str, bool]]
"""A table, figures, and targets with whether they are met."""


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Loyalty: speed, memory, coverage.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events and worlds")
    parser.add_argument("--part", choices=PARTS, help="one part only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    size = MILLION // 10 if options.quick else MILLION
    settle(month(0, 100, 10, np.random.default_rng(0)), at="2020-03-01")  # compiles
    tables: list[pd.DataFrame] = []
    figures: dict[str, float] = {}
    targets: dict[str, bool] = {}
    for name in PARTS if options.part is None else (options.part,):
        frame, figure, target = PARTS[name](size, options.seed)
        print(markdown(frame) + "\n")
        tables.append(frame)
        figures |= figure
        targets |= target
    everything = pd.concat(tables)
    return report("loyalty", everything, figures=figures, targets=targets, check=options.check)


def speed(size: int, seed: int) -> Part:
    """Settle so many events in one piece."""
    whole, seconds = one_run(size, seed)
    limit = MOST_SECONDS * size / MILLION
    target = {f"{size:,} events in {limit:.0f} CPU s, took {seconds:.1f}": seconds <= limit}
    return whole, {"cpu_s": seconds}, target


def stream(size: int, seed: int) -> Part:
    """Settle ten times as many events in batches."""
    rows = streamed(size // 4, 40, seed)
    growth = float(rows["peak MB"].iloc[-1] / rows["peak MB"].iloc[len(rows) // 2 - 1])
    told = f"{10 * size:,} events: memory of the second half grows by {growth - 1:.1%}"
    return rows, {"memory_growth": growth}, {told: growth <= MOST_GROWTH}


def coverage(size: int, seed: int) -> Part:
    """Count the intervals that cover."""
    rows = covered(max(size * RUNS // MILLION, 2), seed)
    hits, runs = int(rows["covered"].sum()), int(rows["programmes"].sum())
    least = int(binom.ppf(FALSE_ALARM, runs, 0.9))
    told = (
        f"at least {least} of {runs} intervals cover, covered {hits} (a right program fails "
        f"with a probability below {FALSE_ALARM})"
    )
    return rows, {"covered": hits, "programmes": runs}, {told: hits >= least}


def month(number: int, size: int, customers: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the events of one month, in order of arrival."""
    kind = rng.choice(KINDS, size, p=SHARES)
    ids = number * size + np.arange(size)
    second = number * MONTH_SECONDS + rng.integers(0, MONTH_SECONDS, size)
    when = START + second.astype("timedelta64[s]")
    earlier = np.maximum(ids - rng.integers(1, 2 * size, size), 0)
    points = np.where(kind == "merge", 0, rng.integers(1, 200, size))
    who = rng.integers(0, customers, size)
    table = pd.DataFrame({
        "event_id": ids, "customer_id": who, "kind": kind, "time": when, "points": points,
        "valid_until": (when + np.timedelta64(365, "D")).astype("datetime64[D]").astype("M8[us]"),
        "reference": earlier, "other_id": who ^ 1,
    })  # fmt: skip
    return table.iloc[rng.permutation(size)]


def one_run(size: int, seed: int) -> tuple[pd.DataFrame, float]:
    """Return a row on the settlement of so many events, in one piece, and its CPU seconds."""
    rng = np.random.default_rng(seed)
    parts = [month(number, size // 20, size // 10, rng) for number in range(20)]
    events = pd.concat(parts).sample(frac=1, random_state=seed)
    start = time.process_time()
    found = settle(events, at="2022-01-01")
    accounts = len(found.balances)
    seconds = time.process_time() - start
    row = {"events": size, "CPU s": round(seconds, 1), "accounts": accounts,
           "movements": len(found.movements), "set aside": found.n_rejected}  # fmt: skip
    return pd.DataFrame([row]), seconds


def streamed(batch: int, batches: int, seed: int) -> pd.DataFrame:
    """Return memory and seconds of a ledger that is carried from batch to batch."""
    rng = np.random.default_rng(seed)
    state: LedgerState | None = None
    late, rows, week = None, [], np.timedelta64(7, "D")
    start = time.process_time()
    for number in range(batches):
        fresh = month(number, batch, batch, rng)
        end = START + np.timedelta64((number + 1) * MONTH_SECONDS, "s")
        held = (fresh["time"] > end - week).to_numpy() & (rng.random(batch) < 0.3)
        arrived = fresh[~held] if late is None else pd.concat([fresh[~held], late])
        late = fresh[held]
        found = settle(arrived, at=str(end), state=state)
        state = found.close(str(end - week), reversible_days=60)
        if (number + 1) % (batches // 10) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append({
                "events so far": (number + 1) * batch, "peak MB": round(peak),
                "events in the state": len(state),
                "CPU s": round(time.process_time() - start, 1),
            })  # fmt: skip
    return pd.DataFrame(rows)


def covered(runs: int, seed: int) -> pd.DataFrame:
    """Return how many 90 % intervals cover, by world."""
    rows = []
    for number, world in enumerate(WORLDS):
        rng = np.random.default_rng([seed, number])
        hits, errors = 0, []
        for run in range(runs):
            data = programme(world, 150, rng)
            found = predicted(data, 60, run)
            low, high = found.interval(0.9)
            hits += low <= data.redeemed <= high
            errors.append(found.mean / data.redeemed - 1)
        mean = f"{100 * np.mean(errors):.1f}"
        rows.append({"world": world, "programmes": runs, "covered": hits, "mean error %": mean})
    return pd.DataFrame(rows)


PARTS = {"speed": speed, "stream": stream, "coverage": coverage}

if __name__ == "__main__":
    raise SystemExit(main())
