"""The counter view: time of a lookup by number of customers, also while a night is written.

Every customer has a profile and a tier, and on average a fifth of a cart line, one contact and
one planned treatment. Customers are looked up at random.

    uv run --group bench python benchmarks/counter.py [--most N] [--check] [--markdown PAGE]
"""

import argparse
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import _fresh
import _markdown
import numpy as np
import pandas as pd
from _report import report

from omniltv.segmentation.counter import CounterDesk, write_counter

SIZES = (10_000, 100_000, 1_000_000)
REWRITTEN = 100_000  # most customers of a night that is written while others read
LOOKUPS = 20_000
MOST_P50, MOST_P99 = 5.0, 20.0  # milliseconds


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="The counter view.")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of customers")
    parser.add_argument("--markdown", type=Path, help="page whose table is filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size <= options.most]
    before = _fresh.surroundings()
    frame = pd.DataFrame([row for size in sizes for row in measured(size)])
    if options.markdown:
        _markdown.fill(options.markdown, {"lookups": f"{_markdown.table(frame)}\n\n{before}."})
    last = frame[frame["customers"] == sizes[-1]]
    p50, p99 = float(last["p50 ms"].max()), float(last["p99 ms"].max())
    targets = {
        f"p50 under {MOST_P50:.0f} ms at {sizes[-1]:,} customers, is {p50}": p50 < MOST_P50,
        f"p99 under {MOST_P99:.0f} ms at {sizes[-1]:,} customers, is {p99}": p99 < MOST_P99,
    }
    figures = {"customers": sizes[-1], "p50_ms": p50, "p99_ms": p99}
    return report("counter", frame, figures=figures, targets=targets, check=options.check)


def measured(size: int) -> list[dict[str, object]]:
    """Return the rows of one number of customers: alone, and while a night is written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.process_time()
        night(folder, size)
        seconds = time.process_time() - start
        megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        alone = lookups(folder, size)
        times = {"alone": alone}
        if size <= REWRITTEN:
            times["while a night is written"] = meanwhile(folder, size)
    about: dict[str, float | str] = {
        "customers": size,
        "file MB": round(megabytes),
        "written in CPU s": round(seconds, 1),
    }
    return [{**about, "readers": readers, **found} for readers, found in times.items()]


def meanwhile(folder: Path, size: int) -> dict[str, float]:
    """Return the times of lookups while another process writes a night."""
    writer = get_context("spawn").Process(target=night, args=(folder, size))
    writer.start()
    found = lookups(folder, size)
    writer.join()
    return found


def night(folder: Path, size: int) -> None:
    """Write what a nightly job leaves."""
    rng = np.random.default_rng(size)
    ids = np.char.add("C", np.arange(size).astype(str)).astype(object)
    some = rng.integers(0, size, size // 5)
    often = rng.integers(0, size, size)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 365, size), unit="D")
    value = rng.lognormal(8, 1, size).round()
    kinds = np.array(["mail", "tour", "call"], dtype=object)
    write_counter(
        folder,
        as_of="2026-01-05",
        profile=pd.DataFrame({"customer_id": ids, "store": "Ginza", "value": value}),
        tier=pd.DataFrame({"customer_id": ids, "tier": "general", "to_next": value / 2}),
        cart=pd.DataFrame({"customer_id": ids[some], "item": "coat", "units": 1}),
        contacts=pd.DataFrame({"customer_id": ids[often], "channel": "ec", "time": days}),
        offers=pd.DataFrame(
            {"customer_id": ids, "treatment": kinds[some[0] % 3], "net_gain": value, "why": "due"}
        ),
    )


def lookups(folder: Path, size: int) -> dict[str, float]:
    """Return the quantiles of the time of a lookup, in milliseconds, in a new reader."""
    who = np.random.default_rng(1).integers(0, size, LOOKUPS).tolist()
    taken, worked = np.empty(LOOKUPS), np.empty(LOOKUPS)
    with CounterDesk(folder) as desk:
        for row, number in enumerate(who):
            start, cpu = time.perf_counter(), time.thread_time()
            view = desk.of(f"C{number}")
            worked[row] = time.thread_time() - cpu
            taken[row] = time.perf_counter() - start
            assert view is not None
    (p50, p99), (c50, c99) = (np.quantile(ms * 1e3, [0.5, 0.99]).round(3) for ms in (taken, worked))
    return {"p50 ms": p50, "p99 ms": p99, "p50 CPU ms": c50, "p99 CPU ms": c99}


if __name__ == "__main__":
    raise SystemExit(main())
