"""Totals in worlds that no built-in model describes, with and without the error of the model.

Eight processes with four channels of very different size are observed for 78 weeks. The value of
each channel and of all of them over the next 26 weeks is forecast by MBG/NBD and gamma-gamma with
partial pooling, without calendar time and with it, and with three model errors: none, the default,
and that of a backtest of three origins. Beside them is the interval of an oracle that knows the
process and the state of every customer. Single customers are judged by the same fits.

    uv run --group bench python benchmarks/clv_foreign.py [--check] [--markdown PAGE]
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from itertools import product
from pathlib import Path
from typing import Final, TypedDict

import _markdown
import numpy as np
import pandas as pd
from _foreign_processes import AHEAD, CHANNELS, DEVELOPMENT, WORLDS, World, simulate
from _report import report
from _workers import workers
from numpy.typing import NDArray

from omniltv.data import CalendarTime, PurchaseLog
from omniltv.draws import Totals
from omniltv.errors import FitWarning
from omniltv.models import GammaGamma, MbgNbd, ModelError, Pooling, Sampling, fit
from omniltv.models.checks import Backtest, Coverage, backtest, coverage
from omniltv.units import weeks

BY: Final = "channel"
HORIZON = weeks(AHEAD / 7)
METHOD = Sampling("laplace", draws=400, warmup=200, chains=1)
LEVEL, LEAST, MOST = 0.9, 0.85, 0.95
"""Level of the intervals of totals, and what they should hold with the error of a backtest."""
OF_CUSTOMERS, WITHIN = 0.8, 0.03
"""Level of the intervals of customers, and how far from it their share may be."""
KINDS = ("none", "default", "backtest", "oracle")
JUDGED, ALL = "(the five others)", "(all eight)"

type Table = pd.DataFrame
type Row = dict[str, object]


class Found(TypedDict):
    """What was found in one world."""

    process: str
    people: int
    seed: int
    totals: list[Row]
    customers: list[Row]
    cpu: float


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Totals in worlds that no model describes.")
    parser.add_argument("--people", type=int, default=1_500)
    parser.add_argument("--worlds", type=int, default=12, help="worlds of each process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="file of finished worlds; a run continues it")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    found = run(options.people, range(options.seed, options.seed + options.worlds), options.keep)
    totals = of_all(pd.DataFrame([row for world in found for row in world["totals"]]))
    people = pd.DataFrame([row for world in found for row in world["customers"]])
    minutes = sum(world["cpu"] for world in found) / 60
    table, single = summary(totals), customers(people)
    targets = judge(totals, single)
    if options.markdown:
        said = f"{options.worlds} worlds of each process with {options.people:,} customers"
        said = f"{said}; {minutes:.1f} CPU minutes."
        parts = {
            "size": said,
            "foreign": _markdown.table(table),
            "customers": _markdown.table(single),
            "targets": _markdown.targets(targets),
        }
        _markdown.fill(options.markdown, parts)
    print(single.to_string(index=False), "\n")
    return report(
        "clv_foreign",
        table,
        figures={"people": options.people, "worlds": options.worlds, "cpu_minutes": minutes},
        targets=targets,
        check=options.check,
    )


def run(people: int, seeds: Sequence[int], keep: Path | None) -> list[Found]:
    """Return what was found in each world; finished worlds are read from a file."""
    kept = keep.read_text("utf-8").splitlines() if keep and keep.exists() else []
    found = {case_of(world): world for world in map(json.loads, kept)}
    cases = [(name, people, seed) for seed in seeds for name in WORLDS]
    missing = [case for case in cases if case not in found]
    with workers() as pool:
        for future in as_completed([pool.submit(of_world, *case) for case in missing]):
            world = future.result()
            found[case_of(world)] = world
            if keep:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(world)}\n")
    return [found[case] for case in cases]


def case_of(world: Found) -> tuple[str, int, int]:
    """Return the process, the number of customers and the seed of a world."""
    return world["process"], world["people"], world["seed"]


def of_world(name: str, people: int, seed: int) -> Found:
    """Return rows of totals and of customers of one world, and the CPU seconds."""
    warnings.simplefilter("ignore", FitWarning)
    print(f"{name} {seed}", file=sys.stderr, flush=True)
    begin = time.process_time()
    world = simulate(name, people, seed=seed)
    totals: list[Row] = []
    single: list[Row] = []
    for known, seen, tested in forecasts(world, seed):
        same = {"process": name, "calendar time": known}
        totals += [row | same for row in rows_of(world, seen, tested, seed)]
        single.append(same | {q: seen.share(OF_CUSTOMERS, quantity=q) for q in seen.pit})
    return {
        "process": name,
        "people": people,
        "seed": seed,
        "totals": totals,
        "customers": single,
        "cpu": time.process_time() - begin,
    }


def forecasts(world: World, seed: int) -> Iterator[tuple[str, Coverage, Backtest]]:
    """Yield whether calendar time is used, the forecast beside what happened, and the backtest."""
    log, at = PurchaseLog.from_frame(world.log), str(world.last)
    past = log.before(world.last + np.timedelta64(1, "D"))
    learnt = past.calendar_time(by=BY, end=at, seed=seed)
    for known, calendar in (("no", None), ("yes", learnt)):
        tested = backtest(
            past,
            MbgNbd(),
            GammaGamma(),
            horizon=HORIZON,
            seed=seed,
            by=BY,
            method=METHOD,
            calendar=calendar is not None,
        )
        yield known, forecast(log, at, calendar, seed), tested


def forecast(
    log: PurchaseLog[pd.DataFrame], at: str, calendar: CalendarTime | None, seed: int
) -> Coverage:
    """Return the simulated value of each channel over the horizon beside what happened."""
    split = log.split(at=at, unit="week", by=BY, calendar=calendar)
    pooling = Pooling.partial(BY)
    history = split.calibration
    purchases = fit(MbgNbd(), history, seed=seed, method=METHOD, pooling=pooling, progress=False)
    spend = fit(GammaGamma(), history, seed=seed, method=METHOD, pooling=pooling, progress=False)
    return coverage(purchases, split, seed=seed, spend=spend, by=BY, draws=METHOD.draws)


def rows_of(world: World, seen: Coverage, tested: Backtest, seed: int) -> Iterator[Row]:
    """Yield whether each total is within its interval, by kind of interval."""
    simulated, actual = seen.predicted["value"], seen.actual["value"]
    place = [CHANNELS.index(label) for label in simulated.labels]
    errors = {
        "none": ModelError.none(),
        "default": ModelError.default(),
        "backtest": tested.model_error(),
    }
    middle = simulated.mean()
    for kind, error in errors.items():
        yield from judged(kind, widened(simulated, error, seed), actual, middle, error)
    yield from judged("oracle", world.oracle[place], actual, middle, ModelError.none())


def widened(simulated: Totals, error: ModelError, seed: int) -> NDArray[np.float64]:
    """Return simulated totals times the factors of a model error."""
    n_draws = simulated.values.shape[1]
    factors = error.factors(simulated.labels, horizon=HORIZON, n_draws=n_draws, seed=seed)
    return np.asarray(simulated.values * factors)


def judged(
    kind: str,
    values: NDArray[np.float64],
    actual: NDArray[np.float64],
    middle: NDArray[np.float64],
    error: ModelError,
) -> Iterator[Row]:
    """Yield a row per channel and one of all: inside, error, and width relative to the forecast."""
    values, actual, middle = (
        np.concatenate([each, each.sum(axis=0, keepdims=True)]) for each in (values, actual, middle)
    )
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    for place, real in enumerate(actual):
        yield {
            "total": "all" if place == len(actual) - 1 else "channel",
            "kind": kind,
            "inside": bool(low[place] <= real <= high[place]),
            "bias": float(middle[place] / real - 1) if real else np.nan,
            "width": float((high[place] - low[place]) / middle[place]),
            "sd": error.at(HORIZON),
        }


def of_all(totals: Table) -> Table:
    """Return the rows, and again under the names of several processes."""
    others = totals[~totals["process"].isin(DEVELOPMENT)]
    return pd.concat([totals, others.assign(process=JUDGED), totals.assign(process=ALL)])


def summary(totals: Table) -> Table:
    """Return coverage by kind of interval, bias and width by process, calendar time and total."""
    keys = ["process", "calendar time", "total"]
    inside, width = (
        totals.pivot_table(name, keys, "kind", "mean")[list(KINDS)] for name in ("inside", "width")
    )
    learnt = totals[totals["kind"] == "backtest"].groupby(keys, sort=False)
    table = pd.concat(
        [
            learnt.size().rename("n"),
            learnt["bias"].mean(),
            learnt["sd"].mean(),
            inside.add_prefix("inside: "),
            width[["none", "backtest", "oracle"]].add_prefix("width: "),
        ],
        axis=1,
    )
    order = totals[keys].drop_duplicates()
    return order.merge(table.round(3).reset_index(), on=keys)


def customers(people: Table) -> Table:
    """Return the share of customers within their 80 % intervals, by process."""
    keys = ["process", "calendar time"]
    return people.groupby(keys, sort=False).mean().round(3).reset_index()


def judge(totals: Table, single: Table) -> dict[str, bool]:
    """Return whether intervals of totals and of single customers' purchases hold their level."""
    inside = totals.groupby(["process", "calendar time", "total", "kind"])["inside"].mean()
    targets = {}
    for group, known, total in product((JUDGED, ALL), ("no", "yes"), ("channel", "all")):
        tested = inside[group, known, total, "backtest"]
        name = f"{group}: 90 % intervals of totals ({total}, calendar time: {known})"
        targets[f"{name} hold {LEAST:.0%} to {MOST:.0%}"] = bool(LEAST <= tested <= MOST)
        before = inside[group, known, total, "none"]
        targets[f"{name} hold more than without a model error"] = bool(tested > before)
    plain = single.set_index("calendar time").loc["no"].set_index("process")
    low, high = (f"{100 * (OF_CUSTOMERS + side):.0f} %" for side in (-WITHIN, WITHIN))
    for process, share in plain["purchases"].items():
        name = f"{process}: 80 % intervals of customers hold {low} to {high}"
        targets[name] = bool(abs(share - OF_CUSTOMERS) <= WITHIN)
    return targets


if __name__ == "__main__":
    sys.exit(main())
