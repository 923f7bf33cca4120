"""Twenty conditions, RFM and tiers over millions of customers, beside SQL written by hand.

DuckDB and Polars mark the customers of twenty conditions, add the levels of RFM and the tier of
a scheme, and count them. The SQL written by hand asks DuckDB the same. With `--peer`, the RFM of
openretailscience is measured beside ours, from the same purchases. Each run has a process of its
own.

    uv run python benchmarks/segmentation_scale.py [--check] [--customers 10000000] [--write]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import _fresh
import _peers
import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
from _markdown import fill, table
from _report import report
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv.segmentation import ConditionSet, Context, Cut, TierScheme
from omniltv.segmentation.scores import Rfm, SchemeTier, scored

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "segmentation-scale.md"
TODAY = date(2026, 4, 1)
MOST_RATIO = 1.5
MOST_SECONDS = 20.0
MOST_GIGABYTES = 4.0
BATCH = 1_000_000
COLUMNS = ("last_purchase", "purchases", "realised_value")
SCHEME = TierScheme.high_potential_general(
    high=Cut(share=0.2),
    low_realised=Cut(share=0.5),
    value="value",
    realised="spend_before",
    upper="upper",
)

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


def batches(n: int, seed: int) -> Iterator[pl.DataFrame]:
    """Yield invented customers, one in twenty without a realised value."""
    rng = np.random.default_rng(seed)
    for start in range(0, n, BATCH):
        yield customers(np.arange(start, min(n, start + BATCH)), rng)


def customers(ids: NDArray[np.int64], rng: np.random.Generator) -> pl.DataFrame:
    """Return some of the customers."""
    n, tiers = len(ids), np.array(["gold", "silver", "bronze"])
    born = np.datetime64("1940-01-01") + rng.integers(0, 25_000, n).astype("timedelta64[D]")
    last = np.datetime64("2024-01-01") + rng.integers(0, 821, n).astype("timedelta64[D]")
    value = rng.lognormal(9, 1, n).round()
    ahead = rng.lognormal(8, 1, n)
    return pl.DataFrame(
        {
            "customer_id": ids,
            "name": [f"{'ABCDEFGH'[k % 8]}{k}" for k in ids.tolist()],
            "channel": np.array(["store", "ec", "app", "call"])[rng.integers(0, 4, n)],
            "purchases": rng.geometric(0.2, n),
            "realised_value": pl.Series(value).zip_with(
                pl.Series(rng.random(n) >= 0.05), pl.Series([None], dtype=pl.Float64)
            ),
            "spend_now": rng.lognormal(8, 1, n),
            "spend_before": rng.lognormal(8, 1, n),
            "value": ahead,
            "upper": ahead * rng.uniform(1, 4, n),
            "tier": tiers[rng.integers(0, 3, n)],
            "tier_before": tiers[rng.integers(0, 3, n)],
            "born": born,
            "last_purchase": last,
        }
    )


def write(path: str, n: int, seed: int) -> None:
    """Write the customers as a Parquet file, in batches."""
    writer = None
    for batch in batches(n, seed):
        rows = batch.to_arrow()
        writer = writer or pq.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    if writer is not None:
        writer.close()


def by_library(lazy: IntoFrame, engine: Mapping[str, Any]) -> dict[str, int]:
    """Return the customers of each condition, level and tier, counted by the library."""
    rules = ConditionSet.from_yaml(
        "conditions:\n" + "\n".join(f"  c{k}: {text}" for k, (text, _) in enumerate(CONDITIONS))
    )
    marks = nw.from_native(rules.marks(lazy, Context(today=TODAY))).lazy()
    sums = marks.select(*(nw.col(name).cast(nw.Int64).sum() for name in rules.conditions))
    counts = sums.collect(**engine)
    found = {name: int(counts[name][0]) for name in rules.conditions}
    levels = nw.from_native(scored(lazy, Rfm())).lazy().select("rfm")
    sizes = levels.group_by("rfm").agg(nw.len().alias("n")).collect(**engine)
    found |= {f"rfm{r}": int(n) for r, n in sizes.select("rfm", "n").rows()}
    now = scored(lazy, SchemeTier(scheme=SCHEME, name="now"))
    tiers = nw.from_native(now).lazy().select("now")
    sizes = tiers.group_by("now").agg(nw.len().alias("n")).collect(**engine)
    return found | {str(tier): int(n) for tier, n in sizes.select("now", "n").rows()}


def by_duckdb(path: str) -> dict[str, int]:
    """Return the counts by omniltv in DuckDB."""
    return by_library(_connection().read_parquet(path), {})


def by_polars(path: str) -> dict[str, int]:
    """Return the counts by omniltv in Polars, with the engine for larger tables."""
    return by_library(pl.scan_parquet(path), {"engine": "streaming"})


def by_hand(path: str) -> dict[str, int]:
    """Return the same counts by SQL that is written by hand."""
    connection = _connection()
    marks = ", ".join(f"({sql}) as c{k}" for k, (_, sql) in enumerate(CONDITIONS))
    sums = ", ".join(f"count(*) filter (c{k}) as c{k}" for k in range(len(CONDITIONS)))
    source = f"read_parquet('{path}')"
    row = connection.sql(f"select {sums} from (select {marks} from {source})").fetchall()[0]
    found = {f"c{k}": int(n) for k, n in enumerate(cast("tuple[int, ...]", row))}
    level = (
        "case when {c} is null then 0 else 1 + floor((rank() over (order by {c} nulls last) - 1)"
        " * 5 / count({c}) over ()) end"
    )
    levels = " + ".join(level.format(c=column) for column in COLUMNS)
    query = f"select rfm, count(*) from (select {levels} as rfm from {source}) group by 1"
    found |= {f"rfm{int(r)}": int(n) for r, n in connection.sql(query).fetchall()}
    query = (
        f"with ranked as (select value, upper, rank() over (order by value desc) as high, "
        f"rank() over (order by spend_before desc) as spent, count(*) over () as n from {source}), "
        "line as (select min(value) as high from ranked where high <= floor(0.2 * n)) "
        "select case when value >= line.high then 'high' "
        "when spent > floor(0.5 * n) and upper >= line.high then 'potential' "
        "else 'general' end, count(*) from ranked, line group by 1"
    )
    return found | {str(tier): int(n) for tier, n in connection.sql(query).fetchall()}


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
    start, used = time.perf_counter(), time.process_time()
    counts = RUNS[name](path)
    seconds, worked = time.perf_counter() - start, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "cpu": worked, "gigabytes": memory, "counts": counts}))


def rfm_of_purchases(path: str) -> dict[str, float]:
    """Return the seconds and the processor seconds of RFM from purchases, by omniltv in DuckDB."""
    start, used = time.perf_counter(), time.process_time()
    connection = _connection()
    connection.execute(
        "create table summary as select customer_id, max(transaction_date) as last_purchase, "
        "count(distinct transaction_id) as purchases, sum(unit_spend) as realised_value "
        f"from read_parquet('{path}') group by 1"
    )
    summary = connection.table("summary")
    levels = nw.from_native(scored(summary, Rfm())).lazy().group_by("rfm").agg(nw.len())
    levels.collect()
    seconds, worked = time.perf_counter() - start, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "cpu": worked, "gigabytes": memory}


def write_purchases(path: str, n: int, seed: int) -> None:
    """Write three purchases per customer on the average as a Parquet file."""
    connection = _connection()
    connection.execute(f"select setseed({1 / (seed + 1)})")
    connection.execute(
        f"copy (select (random() * {n})::bigint as customer_id, k as transaction_id, "
        "date '2024-01-01' + (random() * 820)::int as transaction_date, "
        f"round(exp(8 + 2 * random())) as unit_spend from range({3 * n}) t(k)) to '{path}'"
    )


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", action="store_true", help="measure openretailscience, too")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--run")
    parser.add_argument("--path")
    given = parser.parse_args()
    if given.run == "purchases":
        print(json.dumps(rfm_of_purchases(given.path)))
        return 0
    if given.run:
        run(given.run, given.path)
        return 0
    before = _fresh.surroundings()
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "customers.parquet")
        write(path, given.customers, given.seed)
        found = {name: alone(name, path) for name in RUNS}
        Path(path).unlink()
        peer = _beside_peer(folder, given) if given.peer else {}
    return _reported(found, peer, before, given)


def _beside_peer(folder: str, given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    path = str(Path(folder) / "purchases.parquet")
    write_purchases(path, given.customers, given.seed)
    theirs = _peers.run("openretailscience", "openretailscience_rfm.py", {"path": path})
    return {"omniltv in DuckDB": alone("purchases", path), "openretailscience": dict(theirs)}


def _rows(found: Mapping[str, dict[str, Any]], base: str, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "by": list(found),
            "customers": n,
            "seconds": [round(each["seconds"], 2) for each in found.values()],
            "ratio": [
                round(each["seconds"] / found[base]["seconds"], 2) for each in found.values()
            ],
            "processor seconds": [round(each["cpu"], 2) for each in found.values()],
            "GB": [round(each["gigabytes"], 2) for each in found.values()],
        }
    )


def _reported(
    found: Mapping[str, dict[str, Any]],
    peer: Mapping[str, dict[str, Any]],
    before: str,
    given: argparse.Namespace,
) -> int:
    hand = found["SQL by hand"]
    rows = _rows(found, "SQL by hand", given.customers)
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
    parts = {"scale": table(rows), "size": f"{before}"}
    if peer:
        beside = _rows(peer, "omniltv in DuckDB", given.customers)
        print(beside.to_string(index=False), "\n")
        parts["peer"] = table(beside)
        theirs, own = peer["openretailscience"]["seconds"], peer["omniltv in DuckDB"]["seconds"]
        targets["RFM at least as fast as openretailscience"] = own <= theirs
    if given.write:
        fill(PAGE, parts)
    figures = {f"seconds_{name}": each["seconds"] for name, each in {**found, **peer}.items()}
    return report("segmentation_scale", rows, figures=figures, targets=targets, check=given.check)


if __name__ == "__main__":
    sys.exit(main())
