"""A million records: how long, how much memory, beside Splink 5 on the same lists.

Lists of the simulated retailer, in kanji, kana and Latin letters, are stitched from the table in
memory to the resolution, normalising included; Splink is timed from the same table to clusters.
Ten thousand records that were held back are then brought into the stored identities by
`IdentityStore.update`. Each tool and step has a process of its own. Where our own time goes is
counted in another process, step by step.

    uv run --group bench python benchmarks/linkage_scale.py [--check] [--markdown PAGE]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired
from typing import cast

import _fresh
import _markdown
import _peers
import numpy as np
import pandas as pd
from _clock import Clock
from _report import report
from linkage_quality import PEER, RAW_PEERS, USUAL, texts

from omniltv.data import simulate_retailer
from omniltv.data.simulate import Dirt, RetailerConfig
from omniltv.identity import (
    IdentityStore,
    InMemoryEngine,
    LinkEngine,
    LinkSpec,
    SplinkEngine,
    linkage_quality,
    stitch,
)

RECORDS_PER_PERSON = 1.63
OWN = "omniltv"
ENGINES: dict[str, LinkEngine] = {
    OWN: InMemoryEngine(),
    "omniltv, Splink engine": SplinkEngine(),
}
SPLINK = "Splink 5, raw"
THRESHOLD = 0.95
PATIENCE, AT_LEAST = 4.0, 300.0  # times our own time that the peer is given, and seconds
SHOWN = {"records": 0, "customers": 0, "seconds": 1, "peak MB": 0, "F1": 3}
KEYS = ["source", "record_id"]
INSIDE = {
    "omniltv.data.checking:examine": "check",
    "omniltv.identity.records.intake:rows_of": "read the columns",
    "omniltv.identity.records.intake:normalise_records": "normalise",
    "omniltv.identity.records.masking:mask_shared": "mask shared values",
    "omniltv.identity.linking.blocking:candidates": "block",
    "omniltv.identity.linking._chance:sampled": "compare",
    "omniltv.identity.linking._comparison_vectors:compared": "compare",
    "omniltv.identity.linking.scoring:learn": "learn",
    "omniltv.identity.linking.scoring:score": "score",
    "omniltv.identity.customers.clustering:BestFirstClusterer.cluster": "cluster",
    "omniltv.identity.customers._ids:customer_ids": "ids",
    "omniltv.identity.customers._cohesion:cohesion": "flag customers to review",
    "omniltv.identity.stitching.stitch:_resolution": "tables of the result",
}  # steps of `stitch`, by the function that takes them


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Time and memory of stitching a million records.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--late", type=int, default=10_000, help="records that come later")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--only-steps", action="store_true", help="only the time by step")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        return _fresh.answer(STEPS, options.step)
    if options.only_steps:
        return only_steps(options)
    where = _fresh.surroundings()
    rows, updates, inside = [], [], {}
    for size in sorted(options.sizes):
        with tempfile.TemporaryDirectory() as folder:
            given = {"folder": folder, "size": size, "late": options.late, "seed": options.seed}
            _fresh.run(__file__, "make", given)
            rows += [ours(folder, engine) for engine in ENGINES]
            inside[size] = _fresh.run(__file__, "inside", {"folder": folder})
            updates.append({"records": size, **_fresh.run(__file__, "update", {"folder": folder})})
            if not options.skip_peer:
                own = next(row for row in rows if row["records"] == rows[-1]["records"])
                patience = max(AT_LEAST, PATIENCE * cast("float", own["seconds"]))
                rows.append(theirs(folder, patience))
    alike = _fresh.run(__file__, "alike", {"size": max(options.sizes)})
    rows.append({"tool": "omniltv, all records identical", **alike, "done": "yes"})
    table, later = pd.DataFrame(rows).round(SHOWN), pd.DataFrame(updates).round(1)
    steps = by_step(inside)
    print(where, *(t.to_string(index=False) for t in (table, steps, later)), sep="\n\n")
    if options.markdown:
        tables = {"stitched": table, "inside": steps, "updated": later}
        parts = {name: _markdown.table(frame) for name, frame in tables.items()}
        _markdown.fill(options.markdown, {"machine": f"Measured on {where}.", **parts})
    figures = {
        f"{column} {row['tool']} {row['records']:.0f}": cast("float", row[column])
        for row in rows
        for column in ("seconds", "peak MB", "F1")
        if column in row
    }
    checked = targets(rows, updates)
    return report("linkage_scale", table, figures=figures, targets=checked, check=options.check)


def only_steps(options: argparse.Namespace) -> int:
    """Print the time of each step of `stitch`, and the memory, without other tools."""
    where, inside = _fresh.surroundings(), {}
    for size in sorted(options.sizes):
        with tempfile.TemporaryDirectory() as folder:
            given = {"folder": folder, "size": size, "late": options.late, "seed": options.seed}
            _fresh.run(__file__, "make", given)
            inside[size] = _fresh.run(__file__, "inside", {"folder": folder})
    memory = {f"peak MB {size}": found["peak MB"] for size, found in inside.items()}
    print(where, by_step(inside).to_string(index=False), memory, sep="\n\n")
    return 0


def targets(rows: list[dict[str, object]], updates: list[dict[str, object]]) -> dict[str, bool]:
    """Return what was to be shown, and whether it was, at the largest size."""
    size = max(cast("float", row["records"]) for row in rows)
    seconds = {row["tool"]: cast("float", row["seconds"]) for row in rows if row["records"] == size}
    last = updates[-1]
    update, strayed = cast("float", last["update s"]), cast("float", last["ids changed unsaid"])
    shown = {f"update in under 30 s, took {update:.1f}": update < 30, "ids kept": strayed == 0}
    if SPLINK in seconds:
        own, peer = seconds["omniltv"], seconds[SPLINK]  # so far, where it did not get done
        shown[f"no slower than raw Splink: {own:.0f} s, {peer:.0f} s"] = own <= peer
    return shown


def by_step(inside: Mapping[int, _fresh.Answer]) -> pd.DataFrame:
    """Return wall-clock and processor seconds by step of `stitch` and number of records."""
    steps = [*dict.fromkeys(INSIDE.values()), "rest"]
    table = pd.DataFrame({"step": [*steps, "total"]})
    for size, found in inside.items():
        for kind, shown in (("seconds", "s"), ("cpu", "CPU s")):
            took = [found[f"{kind} {step}"] for step in steps]
            table[f"{size:,}: {shown}"] = [*took, sum(took)]
    return table.round(1)


def ours(folder: str, engine: str) -> dict[str, object]:
    """Return the row of one of our engines; the first one's resolution is stored."""
    found = _fresh.run(__file__, "link", {"folder": folder, "engine": engine})
    return {"tool": engine, **found, "done": "yes"}


def theirs(folder: str, patience: float) -> dict[str, object]:
    """Return the row of raw Splink, stopped after so many seconds."""
    path = str(Path(folder, "texts.parquet"))
    given = {**RAW_PEERS[SPLINK], "path": path, "thresholds": [THRESHOLD]}
    start = time.perf_counter()
    try:
        found = _peers.run(PEER, "linkage.py", given, patience=patience)
    except (CalledProcessError, TimeoutExpired) as error:  # a machine may be too small for it
        row = {"tool": SPLINK, "records": len(pd.read_parquet(Path(folder, "texts.parquet")))}
        stopped = isinstance(error, TimeoutExpired)
        done = (
            "stopped" if stopped else f"failed, exit {cast('CalledProcessError', error).returncode}"
        )
        return {**row, "seconds": time.perf_counter() - start, "done": done}
    clusters = next(iter(cast("dict[str, list[int]]", found["clusters"]).values()))
    truth = pd.read_parquet(Path(folder, "truth.parquet"))
    return {
        "tool": SPLINK,
        "records": len(clusters),
        "customers": len(set(clusters)),
        "seconds": found["seconds"],
        "peak MB": found["peak_mb"],
        "F1": f1(truth[KEYS].assign(customer_id=clusters), truth),
        "done": "yes",
    }


def f1(crosswalk: pd.DataFrame, truth: pd.DataFrame) -> float:
    """Return the pairwise F1 of the closed partition."""
    return round(linkage_quality(crosswalk, truth).f1, 3)


def make(*, folder: str, size: int, late: int, seed: int) -> _fresh.Answer:
    """Write the lists of a retailer, some records held back."""
    people = int((size + late) / RECORDS_PER_PERSON)
    config = RetailerConfig(dirt=Dirt(level=USUAL))
    retailer = simulate_retailer(people, seed=seed, config=config)
    records = retailer.records
    order = np.random.default_rng(seed).permutation(len(records))
    first, held = records.iloc[np.sort(order[late:])], records.iloc[np.sort(order[:late])]
    first.to_parquet(Path(folder, "records.parquet"))
    held.to_parquet(Path(folder, "late.parquet"))
    pd.DataFrame(texts(first)).to_parquet(Path(folder, "texts.parquet"))
    first[KEYS].merge(retailer.truth.records, on=KEYS).to_parquet(Path(folder, "truth.parquet"))
    return {"records": len(records)}


def link(*, folder: str, engine: str) -> _fresh.Answer:
    """Stitch the lists."""
    records = pd.read_parquet(Path(folder, "records.parquet"))
    spec = LinkSpec(engine=ENGINES[engine])
    found, seconds = _timed(lambda: stitch(records, spec=spec))
    answer = {
        "records": float(len(records)),
        "customers": float(found.summary().customers),
        "seconds": seconds,
        "peak MB": _fresh.memory()[1],
        "F1": f1(found.crosswalk, pd.read_parquet(Path(folder, "truth.parquet"))),
    }
    if engine == OWN:
        IdentityStore.create(Path(folder, "store"), found)
    return answer


def inside_of(*, folder: str) -> _fresh.Answer:
    """Stitch the lists and count the time of each step."""
    records = pd.read_parquet(Path(folder, "records.parquet"))
    stitch(records.head(100))  # what is loaded and compiled once
    clock = Clock()
    with clock.running(INSIDE):
        stitch(records)
    unseen = {*INSIDE.values()} - clock.seconds.keys()
    if unseen:
        raise LookupError(f"no call of {', '.join(sorted(unseen))}. Hint: see INSIDE")
    kinds = {"seconds": clock.seconds, "cpu": clock.cpu}
    steps = [*dict.fromkeys(INSIDE.values()), "rest"]
    return {f"{kind} {step}": count[step] for kind, count in kinds.items() for step in steps}


def update(*, folder: str) -> _fresh.Answer:
    """Bring the records that were held back into the store."""
    late = pd.read_parquet(Path(folder, "late.parquet"))
    store, opened = _timed(lambda: IdentityStore(Path(folder, "store")))
    before = store.crosswalk.to_frame().set_index(KEYS)["customer_id"]
    done, seconds = _timed(lambda: store.update(late))
    after = store.crosswalk.to_frame().set_index(KEYS)["customer_id"].loc[before.index]
    changed = before.index[(before != after).to_numpy()]
    said = pd.MultiIndex.from_frame(done.changes[KEYS])
    return {
        "new records": float(len(late)),
        "open s": opened,
        "update s": seconds,
        "ids changed": float(len(changed)),
        "ids changed unsaid": float(len(changed.difference(said))),
    }


def alike(*, size: int) -> _fresh.Answer:
    """Stitch a crowd of records that all say the same."""
    records = pd.DataFrame(
        {
            "source": "ec",
            "record_id": np.arange(size).astype(str),
            "family_name": "山田",
            "given_name": "花子",
            "phone": "090-1234-5678",
            "birth_date": "1980-01-02",
        }
    )
    found, seconds = _timed(lambda: stitch(records))
    customers, peak = float(found.summary().customers), _fresh.memory()[1]
    return {"records": float(size), "customers": customers, "seconds": seconds, "peak MB": peak}


def _timed[Result](work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


STEPS: dict[str, _fresh.Step] = {
    "make": make,
    "link": link,
    "inside": inside_of,
    "update": update,
    "alike": alike,
}

if __name__ == "__main__":
    sys.exit(main())
