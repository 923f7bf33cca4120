"""Exports of every form go in: rows and money in are those kept and those set aside.

Fifty forms of exports are written from made-up orders, read with `read_table`, mapped with
`ColumnMap.recognise` and made a purchase log. A form is right if the log has the orders,
customers, money and times that were written, or if the library asks where only the user can
know. The second part measures the reading of dates and amounts against pandas on the clean
spelling, in processor time.

    uv run --group bench python benchmarks/intake.py [--check] [--rows 10000000] [--write]
"""

import argparse
import gc
import sys
import time
from calendar import month_abbr
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from _exports import EXPORTS, Export, Order, orders
from _markdown import fill, table
from _report import report
from numpy.typing import NDArray

from omniltv.data import ColumnMap, PurchaseLog, Tolerance, read_table
from omniltv.data.spelling.amounts import read_amounts
from omniltv.data.spelling.dates import read_times
from omniltv.errors import DataError

type Spell = Callable[..., str]

SWAPPED = str.maketrans(",.", ".,")
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "intake.md"
DATES: dict[str, Spell] = {
    "2025-01-05 09:05:12": lambda y, m, d, h, n, s: f"{y}-{m:02}-{d:02} {h:02}:{n:02}:{s:02}",
    "2025/1/5 9:05": lambda y, m, d, h, n, _: f"{y}/{m}/{d} {h}:{n:02}",
    "2025年1月5日 9時5分": lambda y, m, d, h, n, _: f"{y}年{m}月{d}日 {h}時{n}分",
    "R7.1.5": lambda y, m, d, *_: f"R{y - 2018}.{m}.{d}",
    "05/01/2025": lambda y, m, d, *_: f"{d:02}/{m:02}/{y}",
    "5 Jan 2025 9:05 AM": lambda y, m, d, h, n, _: (
        f"{d} {month_abbr[m]} {y} {h % 12 or 12}:{n:02} {'AM' if h < 12 else 'PM'}"
    ),
    "2025-01-05T09:05:12+09:00": lambda y, m, d, h, n, s: (
        f"{y}-{m:02}-{d:02}T{h:02}:{n:02}:{s:02}+09:00"
    ),
}
AMOUNTS: dict[str, Spell] = {
    "1200.5": str,
    "1,200.50": lambda v: f"{v:,.2f}",
    "¥1,200": lambda v: f"¥{v:,.0f}",
    "1200円(税込)": lambda v: f"{v:.0f}円(税込)",
    "($1,200.50)": lambda v: f"(${v:,.2f})",
    "1.200,50 €": lambda v: f"{v:,.2f} €".translate(SWAPPED),
}
NOW = "2026-06-01T00:00Z"
AT_MOST = 2.0
ROUNDS = 2


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    forms = pd.DataFrame([outcome(export, options) for export in EXPORTS])
    targets = {f"{row['export']} is right": bool(row["right"]) for row in forms.to_dict("records")}
    speed = speeds(options.rows) if options.rows else pd.DataFrame()
    for row in speed.to_dict("records"):
        targets[f"{row['spelling']}: at most {AT_MOST} times pandas"] = row["ratio"] <= AT_MOST
    if options.write:
        said = forms.assign(right=forms["right"].map({True: "yes", False: "no"}))
        fill(PAGE, {"forms": table(said), "speed": table(speed)})
    print(speed.to_string(index=False))
    figures = {
        "exports": len(forms),
        "right": int(forms["right"].sum()),
        "slowest ratio": float(speed["ratio"].max()) if len(speed) else float("nan"),
    }
    return report("intake", forms, figures=figures, targets=targets, check=options.check)


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Whether exports of every form are read.")
    add = parser.add_argument
    add("--orders", type=int, default=400)
    add("--rows", type=int, default=10_000_000, help="rows whose reading is timed; 0 for none")
    add("--seed", type=int, default=20260401)
    add("--check", action="store_true", help="exit 1 where an export is not right, or slow")
    add("--write", action="store_true", help="put the tables into the page")
    return parser.parse_args()


def outcome(export: Export, options: argparse.Namespace) -> dict[str, object]:
    """Return what became of an export, as a row of the table."""
    given = orders(options.orders, cents=export.cents, seed=options.seed)
    try:
        log = logged(export, given)
    except DataError as error:
        asked = bool(export.refused) and export.refused in str(error)
        return {"export": export.name, "result": "asks" if asked else str(error), "right": asked}
    rep = log.report
    return {
        "export": export.name,
        "rows in": rep.given.rows,
        "rows kept": rep.kept.rows,
        "rows set aside": rep.set_aside.rows,
        "money in": round(rep.given.value, 2),
        "money kept": round(rep.kept.value, 2),
        "money set aside": round(np.nan_to_num(rep.set_aside.value), 2),
        "result": f"{len(log):,} purchases of {len(log.customer_id):,} customers",
        "right": not export.refused and is_right(log, export, given),
    }


def logged(export: Export, given: Sequence[Order]) -> PurchaseLog[Any]:
    """Return the log of orders that were written as an export and read again."""
    written = export.write(given)
    if isinstance(written, bytes):
        with TemporaryDirectory() as folder:
            path = Path(folder, f"export{export.suffix}")
            path.write_bytes(written)
            written = read_table(path)
    known = ColumnMap.recognise(written, "purchases", columns=export.columns)
    return PurchaseLog.from_frame(
        known.apply(written),
        now=NOW,
        formats=export.formats,
        tolerance=Tolerance.anything(),
        **export.options,
    )


def is_right(log: PurchaseLog[Any], export: Export, given: Sequence[Order]) -> bool:
    """Return whether a log has the orders that were written, and accounts for every row."""
    truth = given[export.lost :]
    times = np.sort([np.datetime64(order.time, "m") for order in truth])
    unit = "D" if export.to_the_day else "m"
    report_ = log.report
    aside = report_.set_aside.rows
    extra = report_.given.rows - len(given)
    return all(
        (
            len(log) == len(truth),
            len(log.customer_id) == len({order.customer for order in truth}),
            abs(log.value.sum() - sum(order.total for order in truth)) < 0.005,
            np.array_equal(np.sort(log.time).astype(f"M8[{unit}]"), times.astype(f"M8[{unit}]")),
            report_.kept.rows + aside == report_.given.rows,
            aside == (extra if export.aside < 0 else export.aside),
        )
    )


def speeds(n_rows: int) -> pd.DataFrame:
    """Return the time of reading each spelling, beside that of pandas on the clean one."""
    rng = np.random.default_rng(0)
    moments = rng.integers(1_577_836_800, 1_767_225_600, n_rows).astype("datetime64[s]")
    amounts = np.round(np.exp(rng.normal(7.0, 1.0, n_rows)), 2)
    rows = compared(DATES, parts_of(moments), pd.to_datetime, read_times)
    rows += compared(AMOUNTS, [amounts.tolist()], pd.to_numeric, read_amounts)
    return pd.DataFrame(rows)


def parts_of(moments: NDArray[np.datetime64]) -> list[list[int]]:
    """Return year, month, day, hour, minute and second of moments."""
    times = pd.DatetimeIndex(moments)
    names = ("year", "month", "day", "hour", "minute", "second")
    return [getattr(times, name).tolist() for name in names]


def compared(
    spellings: Mapping[str, Spell],
    parts: Sequence[list[Any]],
    clean: Callable[[Any], object],
    read: Callable[[Any], object],
) -> list[dict[str, object]]:
    """Return a row per spelling, each beside pandas on the first one, which is clean."""
    rows: list[dict[str, object]] = []
    first = pd.Series(list(map(next(iter(spellings.values())), *parts)), dtype=object)
    for name, spell in spellings.items():
        texts = np.array(list(map(spell, *parts)), dtype=object)
        by_pandas, ours = seconds(partial(clean, first), partial(read, texts))
        rows.append(
            {
                "spelling": name,
                "rows": len(texts),
                "seconds": round(ours, 2),
                "pandas, clean": round(by_pandas, 2),
                "ratio": round(ours / by_pandas, 2),
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def seconds(*jobs: Callable[[], object]) -> list[float]:
    """Return the processor time of each job, the best of some rounds in turn."""
    found: list[list[float]] = [[] for _ in jobs]
    for _ in range(ROUNDS):
        for job, times in zip(jobs, found, strict=True):
            gc.collect()
            started = time.process_time()
            job()
            times.append(time.process_time() - started)
    return list(map(min, found))


if __name__ == "__main__":
    sys.exit(main())
