"""No public function grows faster than n log n, on ordinary and on adversarial input.

Each function runs on inputs of n, 2n and 4n rows (normalisers: characters). Two things are
counted. The lines of Python that are executed are exact; their exponent is that of what the
second half of the input adds, so a constant part does not hide it. The processor time is the
smallest of several runs; its exponent is the slope between n and 4n. An exponent of 1 is linear,
2 is quadratic; n log n is about 1.1 here. A slope of time that is too steep is measured again on
larger inputs, because caches and other processes disturb it.

    uv run python benchmarks/growth.py [--check] [--only WORD ...]
"""

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable

import pandas as pd
from _growth_cases import CASES, Case
from _report import report

MOST_LINES, MOST_TIME = 1.2, 1.35
RUNS, TRIES = 3, 3
LINES_PER_ROW = 0.1  # fewer lines are those of blocks and of other constant parts
ENOUGH = 0.02  # seconds at the smallest size


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="How time grows with the size of the input.")
    parser.add_argument("--only", nargs="+", default=[""], help="words in the names of functions")
    parser.add_argument("--check", action="store_true", help="exit 1 if one grows too fast")
    options = parser.parse_args()
    cases = [case for case in CASES if any(word in case.name for word in options.only)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = pd.DataFrame([measured(case) for case in cases])
    table = table.sort_values("time exponent", ascending=False)
    lines, seconds = table["lines exponent"].max(), table["time exponent"].max()
    return report(
        "growth",
        table,
        figures={"functions": table["function"].nunique(), "lines": lines, "time": seconds},
        targets={
            f"lines grow by at most n^{MOST_LINES}": bool(lines <= MOST_LINES),
            f"time grows by at most n^{MOST_TIME}": bool(seconds <= MOST_TIME),
        },
        check=options.check,
    )


def measured(case: Case) -> dict[str, object]:
    """Return the exponents of a case."""
    size, most = case.size, 1_000 if case.name.startswith("normalise") else math.inf
    one, two, four = (lines_of(case.build(n)) for n in (size, 2 * size, 4 * size))
    grows = four - two > size * LINES_PER_ROW
    steps = round(math.log2((four - two) / max(two - one, 1)), 2) if grows else 0.0
    row = {"function": case.name, "input": case.kind, "lines exponent": steps}
    best: tuple[float, int, list[float]] = (math.inf, size, [])
    for _ in range(TRIES):
        times = [seconds_of(case.build(n)) for n in (size, 2 * size, 4 * size)]
        best = min(best, (slope(times[0], times[2]), size, times))
        if best[0] <= MOST_TIME:
            break
        size = size * 2 if times[0] < ENOUGH and size * 8 <= most else size
    exponent, size, times = best
    print(f"{case.name}, {case.kind}: {exponent:.2f}", file=sys.stderr)
    shown = [f"{seconds * 1e3:.3g}" for seconds in times]
    return row | {"time exponent": exponent, "n": size, "ms at n, 2n, 4n": ", ".join(shown)}


def slope(small: float, large: float) -> float:
    """Return the exponent between two sizes of which one is four times the other."""
    return round(math.log(max(large, 1e-9) / max(small, 1e-9)) / math.log(4), 2)


def seconds_of(job: Callable[[], object]) -> float:
    """Return the smallest processor time of several runs."""
    return min(timed(job) for _ in range(RUNS))


def timed(job: Callable[[], object]) -> float:
    """Return the processor time of one run."""
    start = time.process_time()
    job()
    return time.process_time() - start


def lines_of(job: Callable[[], object]) -> int:
    """Return how many lines of Python a run executes."""
    job()  # what is imported and compiled at the first call is not counted
    count = 0

    def line(*_: object) -> None:
        nonlocal count
        count += 1

    monitoring = sys.monitoring
    monitoring.use_tool_id(monitoring.PROFILER_ID, "growth")
    monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.LINE, line)
    monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.LINE)
    try:
        job()
    finally:
        monitoring.set_events(monitoring.PROFILER_ID, 0)
        monitoring.free_tool_id(monitoring.PROFILER_ID)
    return count


if __name__ == "__main__":
    sys.exit(main())
