"""Twenty conditions and RFM over millions of customers, beside SQL written by hand.

DuckDB and Polars count the customers of twenty conditions, and of each level of RFM. The SQL
written by hand asks DuckDB the same. Each run has a process of its own.

    uv run python benchmarks/segmentation_scale.py [--check] [--customers 10000000] [--write]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
from _markdown import fill, table
from _report import report
from narwhals.typing import IntoFrame

from omniltv.segmentation import Condition, Context
from omniltv.segmentation.scores import Rfm, scored

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "segmentation-scale.md"
TODAY = date(2026, 4, 1)
MOST_RATIO = 1.5
MOST_SECONDS = 20.0
MOST_GIGABYTES = 4.0
COLUMNS = ("last_purchase", "purchases", "realised_value")

# A condition in YAML, and the same in SQL.
CONDITIONS: list[tuple[str, str]] = [
    ("{column: realised_value, op: ge, value: 50000}", "realised_value >= 50000"),
    ("{column: purchases, op: between, value: [3, 9]}", "purchases between 3 and 9"),
    ("{column: channel, op: in, value: [store, app]}", "channel in ('store', 'app')"),
    ("{column: channel, op: ne, value: ec}", "channel <> 'ec'"),
    ("{column: realised_value, op: is_missing}", "realised_value is null"),
    ("{column: last_purchase, within: last, count: 30}", "last_purchase >= date '2026-03-03'"),
    ("{column: last_purchase, op: lt, value: 2025-01-01}", "last_purchase < date '2025-01-01'"),
    (
        "{column: born, within: next, count: 7, anniversary: true}",
        "month(born) = 4 and day(born) between 1 and 7",
    ),
    ("{column: last_purchase, weekday: [saturday, sunday]}", "isodow(last_purchase) >= 6"),
    ("{column: spend_now, op: gt, other: spend_before}", "spend_now > spend_before"),
    ("{column: name, text: starts, part: A}", "starts_with(name, 'A')"),
    ("{column: name, text: contains, part: '12'}", "contains(name, '12')"),
    ("{in_tier: silver, or_better: true, order: [gold, silver, bronze]}",
     "tier in ('gold', 'silver')"),
    ("{moved: up, order: [gold, silver, bronze]}",
     ("(tier = 'gold' and tier_before in ('silver', 'bronze'))"
     " or (tier = 'silver' and tier_before = 'bronze')")),
    ("{column: realised_value, rank: top, share: 0.1}",
     ("realised_value is not null and rank() over (order by realised_value desc nulls last)"
     " <= count(realised_value) over () * 0.1")),
    ("{column: purchases, rank: top, share: 0.05, by: [channel]}",
     ("rank() over (partition by channel order by purchases desc)"
     " <= count(purchases) over (partition by channel) * 0.05")),
    ("{not_: {column: channel, op: eq, value: store}}", "channel is distinct from 'store'"),
    ("{all_of: [{column: purchases, op: ge, value: 5}, {column: channel, op: eq, value: app}]}",
     "purchases >= 5 and channel = 'app'"),
    ("{any_of: [{column: purchases, op: ge, value: 12}, {in_tier: gold}]}",
     "purchases >= 12 or tier = 'gold'"),
    ("{all_of: [{not_: {in_tier: gold}}, {column: spend_now, op: ge, value: 9000}]}",
     "tier <> 'gold' and spend_now >= 9000"),
]  # fmt: skip


def customers(n: int, seed: int) -> pl.DataFrame:
    """Return invented customers, one in twenty without a purchase."""
    rng = np.random.default_rng(seed)
    born = np.datetime64("1940-01-01") + rng.integers(0, 25_000, n).astype("timedelta64[D]")
    last = np.datetime64("2024-01-01") + rng.integers(0, 821, n).astype("timedelta64[D]")
    tiers = np.array(["gold", "silver", "bronze"])
    frame = pl.DataFrame(
        {
            "customer_id": np.arange(n),
            "name": [f"{'ABCDEFGH'[k % 8]}{k}" for k in range(n)],
            "channel": np.array(["store", "ec", "app", "call"])[rng.integers(0, 4, n)],
            "purchases": rng.geometric(0.2, n),
            "realised_value": rng.lognormal(9, 1, n).round(),
            "spend_now": rng.lognormal(8, 1, n),
            "spend_before": rng.lognormal(8, 1, n),
            "tier": tiers[rng.integers(0, 3, n)],
            "tier_before": tiers[rng.integers(0, 3, n)],
            "born": born,
            "last_purchase": last,
        }
    )
    unknown = pl.Series(rng.random(n) < 0.05)
    value = pl.when(unknown).then(None).otherwise(pl.col("realised_value"))
    return frame.with_columns(value.alias("realised_value"))


def by_library(lazy: IntoFrame) -> dict[str, int]:
    """Return the customers of each condition and level, counted by the library."""
    frame = nw.from_native(lazy).lazy()
    schema, context = frame.collect_schema(), Context(today=TODAY)
    conditions = [Condition.from_yaml(text) for text, _ in CONDITIONS]
    marks = {f"c{k}": c.expr(schema, context).cast(nw.Int64) for k, c in enumerate(conditions)}
    counts = frame.select(**marks).select(*(nw.col(name).sum() for name in marks)).collect()
    found = {name: int(counts[name][0]) for name in marks}
    levels = nw.from_native(scored(frame.select(*COLUMNS).to_native(), Rfm())).lazy()
    sizes = levels.group_by("rfm").agg(nw.len().alias("n")).collect()
    return found | {f"rfm{r}": int(n) for r, n in sizes.select("rfm", "n").rows()}


def by_duckdb(path: str) -> dict[str, int]:
    """Return the counts by omniltv in DuckDB."""
    return by_library(_connection().read_parquet(path))


def by_polars(path: str) -> dict[str, int]:
    """Return the counts by omniltv in Polars."""
    return by_library(pl.scan_parquet(path))


def by_hand(path: str) -> dict[str, int]:
    """Return the same counts by SQL that is written by hand."""
    connection = _connection()
    marks = ", ".join(f"({sql}) as c{k}" for k, (_, sql) in enumerate(CONDITIONS))
    sums = ", ".join(f"count(*) filter (c{k}) as c{k}" for k in range(len(CONDITIONS)))
    source = f"read_parquet('{path}')"
    row = connection.sql(f"select {sums} from (select {marks} from {source})").fetchall()[0]  # noqa: S608 - SQL of this file
    found = {f"c{k}": int(n) for k, n in enumerate(cast("tuple[int, ...]", row))}
    level = (
        "case when {c} is null then 0 else 1 + floor((rank() over (order by {c} nulls last) - 1)"
        " * 5 / count({c}) over ()) end"
    )
    levels = " + ".join(level.format(c=column) for column in COLUMNS)
    query = f"select rfm, count(*) from (select {levels} as rfm from {source}) group by 1"  # noqa: S608 - as above
    return found | {f"rfm{int(r)}": int(n) for r, n in connection.sql(query).fetchall()}


def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"memory_limit": "3GB"})


RUNS: Mapping[str, Callable[[str], dict[str, int]]] = {
    "SQL by hand": by_hand,
    "DuckDB": by_duckdb,
    "Polars": by_polars,
}


def alone(name: str, path: str) -> dict[str, Any]:
    """Return the figures of a run in a process of its own."""
    command = [sys.executable, __file__, "--run", name, "--path", path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # a run of our own
    return cast("dict[str, Any]", json.loads(done.stdout.splitlines()[-1]))


def run(name: str, path: str) -> None:
    """Print the seconds, the memory and the counts of one run."""
    start = time.perf_counter()
    counts = RUNS[name](path)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "gigabytes": memory, "counts": counts}))


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--run")
    parser.add_argument("--path")
    given = parser.parse_args()
    if given.run:
        run(given.run, given.path)
        return 0
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "customers.parquet")
        customers(given.customers, given.seed).write_parquet(path)
        found = {name: alone(name, path) for name in RUNS}
    return _reported(found, given)


def _reported(found: Mapping[str, dict[str, Any]], given: argparse.Namespace) -> int:
    hand = found["SQL by hand"]
    rows = pd.DataFrame(
        {
            "by": list(found),
            "customers": given.customers,
            "seconds": [round(each["seconds"], 2) for each in found.values()],
            "ratio": [round(each["seconds"] / hand["seconds"], 2) for each in found.values()],
            "GB": [round(each["gigabytes"], 2) for each in found.values()],
        }
    )
    ours = {name: each for name, each in found.items() if name != "SQL by hand"}
    targets = {
        "the same counts by all": all(each["counts"] == hand["counts"] for each in ours.values()),
        f"at most {MOST_RATIO} times SQL by hand": all(
            each["seconds"] <= MOST_RATIO * hand["seconds"] for each in ours.values()
        ),
        f"under {MOST_SECONDS:g} s": all(each["seconds"] < MOST_SECONDS for each in ours.values()),
        f"under {MOST_GIGABYTES:g} GB": all(
            each["gigabytes"] < MOST_GIGABYTES for each in ours.values()
        ),
    }
    if given.write:
        fill(PAGE, {"scale": table(rows)})
    figures = {f"seconds_{name}": each["seconds"] for name, each in found.items()}
    return report("segmentation_scale", rows, figures=figures, targets=targets, check=given.check)


if __name__ == "__main__":
    sys.exit(main())
