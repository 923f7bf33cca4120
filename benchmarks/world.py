"""Worlds that react: their time and memory, their likeness to retail, and how hard they are.

1. Time and memory of 52 weekly steps with contacts, behaviour, goods and stock, by size. The
   tables of all weeks are built once at the end; "every table each week" builds them in each
   week.
2. Figures of the presets beside published ones.
3. Channel totals of 26 weeks, forecast by built-in models in worlds of other processes.

    uv run --group bench python benchmarks/world.py [--check] [--markdown PAGE]
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import _fresh
import _markdown
import numpy as np
import pandas as pd
from _report import report
from _retail import REFERENCES, figures

from omniltv.data import CalibrationHoldout, PurchaseLog
from omniltv.models import BgNbd, CnbdK, MbgNbd, ParetoNbd, Pooling, checks, fit
from omniltv.simulation import PRESETS, Baskets, ChannelSettings, World, WorldConfig, preset
from omniltv.units import weeks

TABLES = ("transactions", "lines", "behaviour", "contacts", "responses", "stock", "staff")
SIZES = (2_000, 10_000, 100_000)
CONTACTED = 0.05
MODELS = (BgNbd(), MbgNbd(), ParetoNbd(), CnbdK(2))
PROCESSES = ("bg_nbd", "regimes", "weibull")
FOREIGN = ("regimes", "weibull")
PARTS = ("scale", "retail", "totals")
AT_ONCE, WEEKLY = "at the end", "each week"
WEEKLY_UP_TO = 10_000  # people
CLOSE = 0.25  # largest relative distance of a preset's figure from the published range
UNJUDGED = ("used several channels",)  # the study counts touchpoints that are not simulated


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Worlds that react.")
    parser.add_argument("--people", type=int, default=4_000, help="people of a preset or world")
    parser.add_argument("--worlds", type=int, default=6, help="worlds of each process")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="largest timed world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts to run")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        return _fresh.answer({"year": year}, options.step)
    before = _fresh.surroundings()
    made = {
        "scale": lambda: scale([size for size in SIZES if size <= options.largest]),
        "retail": lambda: likeness(options.people, options.seed),
        "totals": lambda: foreign(options.worlds, options.people, options.seed),
    }
    found = {name: made[name]() for name in options.only}
    if options.markdown:
        fill(options, found, before)
    for name in options.only[:-1]:
        print(found[name].to_string(index=False), "\n")
    return report(
        "world",
        found[options.only[-1]],
        figures={"people": options.people, "worlds": options.worlds},
        targets={name: met for part, frame in found.items() for name, met in JUDGE[part](frame)},
        check=options.check,
    )


def fill(options: argparse.Namespace, found: Mapping[str, pd.DataFrame], before: str) -> None:
    """Put the tables of the parts, and what they were run on, into the page."""
    said = {
        "scale": before,
        "retail": f"{options.people:,} people of each preset.",
        "totals": f"{options.worlds} worlds of each process with {options.people:,} people.",
    }
    parts = {name: f"{said[name]}\n\n{_markdown.table(frame)}" for name, frame in found.items()}
    _markdown.fill(options.markdown, parts)


def scale(sizes: list[int]) -> pd.DataFrame:
    """Return seconds and memory of a year of weekly steps by number of people."""
    rows = []
    for people in sizes:
        name = "small_shop" if people <= SIZES[0] else "apparel"
        for often in (False, True) if people <= WEEKLY_UP_TO else (False,):
            given = {"people": people, "name": name, "often": often}
            found = _fresh.run(__file__, "year", given)
            label = WEEKLY if often else AT_ONCE
            rows.append({"people": people, "preset": name, "tables": label, **found})
    frame = pd.DataFrame(rows)
    counts = ("rows", "peak MB")
    return frame.astype({"rows": int}).round({name: 2 for name in frame if name not in counts})


def year(people: int, name: str, often: bool) -> _fresh.Answer:
    """Return seconds of a year of weekly steps, in which one customer in twenty is contacted."""
    begun, cpu = time.perf_counter(), time.process_time()
    world = World(preset(name), people=people, seed=1)
    rng = np.random.default_rng(1)
    customers = world.records["customer_id"].drop_duplicates()
    steps, rows = [], 0
    for _ in range(52):
        chosen = customers[rng.random(len(customers)) < CONTACTED].to_frame()
        steps.append(world.step(chosen.assign(treatment="mail", channel="ec")))
        rows += count(steps[-1]) if often else 0
    rows = rows or count(steps[0].and_then(*steps[1:]))
    taken = {"seconds": time.perf_counter() - begun, "CPU seconds": time.process_time() - cpu}
    return {**taken, "rows": float(rows)}


def count(step: object) -> int:
    """Return the number of rows of all tables, which are built for it."""
    return sum(len(getattr(step, name)) for name in TABLES)


def likeness(people: int, seed: int) -> pd.DataFrame:
    """Return figures of each preset beside the published ones."""
    found = {name: figures(name, people, seed) for name in PRESETS}
    published = {(name, what): (low, high, url) for name, what, low, high, url in REFERENCES}
    rows = []
    for what in found["apparel"]:
        for name in PRESETS:
            low, high, url = published.get((name, what), (np.nan, np.nan, "none found"))
            own = found[name][what]
            rows.append({"figure": what, "preset": name, "simulated": round(own, 3),
                         "published from": low, "to": high, "source": url})  # fmt: skip
    return pd.DataFrame(rows)


def foreign(worlds: int, people: int, seed: int) -> pd.DataFrame:
    """Return how far models miss channel totals in worlds of each process."""
    rows = [
        row
        for process in PROCESSES
        for k in range(worlds)
        for row in totals(process, people, seed + k)
    ]
    frame = pd.DataFrame(rows)
    grouped = frame.groupby(["process", "model"], sort=False)
    table = grouped.agg(
        inside=("inside", "mean"), totals=("inside", "size"), bias=("off", "mean"),
        miss=("off", lambda off: off.abs().mean()),
    )  # fmt: skip
    return table.round(3).reset_index().rename(columns={"miss": "mean absolute miss"})


def totals(process: str, people: int, seed: int) -> list[dict[str, object]]:
    """Return a row per model and channel total of one world."""
    split = observed(process, people, seed)
    rows: list[dict[str, object]] = []
    for model in MODELS:
        print(f"{process} {seed} {model.name}", file=sys.stderr, flush=True)
        pooling = Pooling.partial("acquisition_channel")
        fitted = fit(model, split.calibration, seed=seed, method="laplace", pooling=pooling)
        found = checks.coverage(fitted, split, seed=seed, by="acquisition_channel")
        columns = found.totals(0.9).columns()
        for inside, actual, mean in zip(
            columns["inside"], columns["actual"], columns["predicted"], strict=True
        ):
            off = float(mean) / float(actual) - 1
            rows.append({"process": process, "model": model.name, "inside": inside, "off": off})
    return rows


def observed(process: str, people: int, seed: int) -> CalibrationHoldout:
    """Return 52 weeks of a world, and the 26 weeks after them."""
    world = World(world_of(process), people=people, seed=seed)
    table = world.run(weeks(78)).transactions
    bought = table[table["refund_of"].isna()]
    columns = ["transaction_id", "customer_id", "channel", "time", "value"]
    log = PurchaseLog.from_frame(bought[columns], timezone="Asia/Tokyo")
    at = pd.Timestamp(world.config.start) + pd.DateOffset(days=52 * 7 - 1)
    return log.split(at=at, unit="week", by="acquisition_channel")


def world_of(process: str) -> WorldConfig:
    """Return a world of four channels of different size, without a season or treatments."""
    settings = {"visits": 0.5, "reach": 0.3}
    channels = [
        ChannelSettings.model_validate({"name": name, "share": share, "rate": rate, **settings})
        for name, share, rate in (
            ("store", 0.5, 1.0), ("ec", 0.3, 0.8), ("app", 0.15, 1.3), ("call", 0.05, 0.6)
        )
    ]  # fmt: skip
    return WorldConfig.model_validate(
        {
            "channels": channels,
            "process": process,
            "baskets": Baskets(kind="heavy", within=0.9, with_rate=0.4),
        }
    )


def judge_scale(speed: pd.DataFrame) -> list[tuple[str, bool]]:
    """Return whether the targets of time and memory are met."""
    once = speed[speed["tables"] == AT_ONCE]
    small, large = once.iloc[0], once.iloc[-1]
    return [
        ("a year of 2,000 people takes less than 1 s", bool(small["CPU seconds"] < 1)),
        ("a year of the largest world takes less than 60 s", bool(large["CPU seconds"] < 60)),
        ("it takes less than 2 GB", bool(large["peak MB"] < 2_000)),
    ]


def judge_retail(retail: pd.DataFrame) -> list[tuple[str, bool]]:
    """Return whether the presets are like retail."""
    judged = retail[~retail["figure"].isin(UNJUDGED)].dropna()
    low, high = judged["published from"] * (1 - CLOSE), judged["to"] * (1 + CLOSE)
    near = bool(judged["simulated"].between(low, high).all())
    return [("the presets' figures are near the published ones", near)]


def judge_totals(missed: pd.DataFrame) -> list[tuple[str, bool]]:
    """Return whether the foreign processes are hard."""
    inside = missed.groupby("process")["inside"].mean()
    return [
        (f"90 % intervals hold less than 60 % of the totals of {name}", bool(inside[name] < 0.6))
        for name in FOREIGN
    ]


JUDGE = {"scale": judge_scale, "retail": judge_retail, "totals": judge_totals}

if __name__ == "__main__":
    sys.exit(main())
