"""Allocation of 10^4 to 5 * 10^6 customers: seconds, memory, gap, and what simpler rules miss.

Customers have a value, a store and an effect per channel. Each has five offers: a visit to the
store (staff minutes of the store), a call, a message in the app, an e-mail and a letter. There
are 105 capacities: the staff minutes of 100 stores, call minutes, app messages, e-mails, letters
and a budget. At 1,000 and 10,000 customers, SciPy's HiGHS and OR-Tools solve the same problem.

    uv run --group bench python benchmarks/allocation.py [--most N] [--only PART] [--check]
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import _fresh
import _markdown
import _peers
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from omniltv.errors import FitError
from omniltv.segmentation.allocation import (
    Allocation,
    AllocationProblem,
    Choice,
    DualAscent,
    ExactAllocator,
    allocate,
)

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
TARGET = 1_000_000  # customers of the targets
PARTS = ("solvers", "growth")
SOLVED = (1_000, 10_000)  # customers of the comparison with general solvers
PATIENCE = 30.0  # seconds for integer problems
STORES = 100
CHANNELS = ("store", "call", "app", "mail", "letter")
EFFECT = np.array([0.08, 0.05, 0.02, 0.02, 0.03])
COST = np.array([300.0, 150.0, 5.0, 2.0, 60.0])
MOST_SECONDS = 15.0
MOST_GAP = 0.001


@dataclass(frozen=True)
class ByScore:
    """Offers from the highest score to the lowest, as long as there is room.

    Attributes:
        score: Score of each offer of the problem, of shape (n_offers,).
        name: Name in the table.
    """

    score: NDArray[np.float64]
    name: str

    def solve(self, problem: AllocationProblem) -> Choice:
        """Return the offers that fit, best score first."""
        order = np.argsort(-self.score, kind="stable")
        prices = np.zeros(len(problem.capacity))
        chosen = problem.fill(order[problem.net[order] > 0])
        return Choice(chosen, prices, problem.bound(prices))


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Allocation: seconds, gap, simpler rules.")
    parser.add_argument("--most", type=int, default=TARGET, help="largest number of customers")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts to run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose table is filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    list(run(*world(100, options.seed)))  # compiles
    sizes = [size for size in SIZES if size <= options.most]
    made = {
        "solvers": lambda: [row for size in SOLVED for row in compared(size, options.seed)],
        "growth": lambda: [row for size in sizes for row in measured(size, options.seed)],
    }
    frames = {part: pd.DataFrame(made[part]()) for part in options.only}
    if options.markdown:
        _markdown.fill(options.markdown, {k: _markdown.table(t) for k, t in frames.items()})
    if "growth" not in frames:
        return report("allocation", frames["solvers"], figures={}, targets={}, check=options.check)
    frame = frames["growth"]
    size = min(sizes[-1], TARGET)
    ours = frame[(frame["method"] == DualAscent().name) & (frame["customers"] == size)]
    seconds, gap = float(ours["CPU s"].iloc[-1]), float(ours["gap %"].iloc[-1]) / 100
    limit = MOST_SECONDS * max(size / TARGET, 0.1)
    targets = {
        f"{size:,} customers in {limit:.0f} CPU s, took {seconds:.1f}": seconds <= limit,
        f"{size:,} customers: gap of at most {MOST_GAP:.1%}, is {gap:.4%}": gap <= MOST_GAP,
    }
    figures = {"customers": size, "cpu_s": seconds, "gap": gap}
    return report("allocation", frame, figures=figures, targets=targets, check=options.check)


def world(customers: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.float64]]:
    """Return offers, capacities, and the value of the customer of each offer."""
    rng = np.random.default_rng(seed)
    n = len(CHANNELS)
    value = rng.lognormal(8.0, 1.0, customers)
    effect = np.abs(rng.normal(EFFECT, 0.02, (customers, n))) * value[:, None]
    minutes, call = rng.choice([20, 30, 45, 60], customers), rng.choice([5, 10, 15], customers)
    use = {name: np.zeros((customers, n)) for name in USES}
    one = np.ones(customers)
    for column, (name, amount) in enumerate(zip(USES, (minutes, call, one, one, one), strict=True)):
        use[name][:, column] = amount
    store = rng.integers(0, STORES, customers)
    offers = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(customers), n),
            "treatment": labels(np.tile(np.arange(n), customers), CHANNELS),
            "channel": labels(np.tile(np.arange(n), customers), CHANNELS),
            "place": labels(np.repeat(store, n), [f"store {k}" for k in range(STORES)]),
            "gain": effect.ravel(),
            "cost": np.tile(COST, customers),
            **{name: amount.ravel() for name, amount in use.items()},
        }
    )
    return offers, capacities(offers, rng), np.repeat(value, n)


def labels(codes: NDArray[np.int64], names: Sequence[str]) -> "pd.Categorical[str]":
    """Return a column of labels that takes a byte or two per row."""
    return pd.Categorical.from_codes(codes.tolist(), pd.Index(list(names)))


USES = ("staff_minutes", "call_minutes", "app_messages", "mails", "letters")


def capacities(offers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return capacities of 6 to 20 % of what all offers together use."""
    staff = offers.groupby("place", observed=True)["staff_minutes"].sum()
    other = offers[[*USES[1:], "cost"]].sum()
    table = pd.DataFrame(
        {
            "resource": ["staff_minutes"] * len(staff) + list(other.index),
            "place": [*staff.index, *[None] * len(other)],
            "capacity": np.concatenate([staff, other]),
        }
    )
    return table.assign(capacity=table["capacity"] * rng.uniform(0.06, 0.2, len(table)))


def run(
    offers: pd.DataFrame, limits: pd.DataFrame, value: NDArray[np.float64]
) -> Iterator[tuple[str, float, float, Allocation[pd.DataFrame] | None]]:
    """Yield method, net gain, CPU seconds, and the allocation if there is one."""
    start = time.process_time()
    found = allocate(offers, limits)
    yield DualAscent().name, found.net_gain, time.process_time() - start, found
    problem, order = found.offers.problem, found.offers.order
    for name, score in (("highest net gain first", problem.net), ("highest value first", value)):
        ranked = score if score is problem.net else score[order]
        start = time.process_time()
        chosen = ByScore(ranked, name).solve(problem).chosen
        yield name, float(problem.net[chosen].sum()), time.process_time() - start, None


def solvers(problem: AllocationProblem) -> Iterator[tuple[str, float, float]]:
    """Yield name, net gain and CPU seconds of general solvers; NaN where they did not finish."""
    start = time.process_time()
    yield "LP by HiGHS (SciPy)", lp_bound(problem), time.process_time() - start
    start = time.process_time()
    try:
        chosen = ExactAllocator(seconds=PATIENCE).solve(problem).chosen
        gain = float(problem.net[chosen].sum())
    except FitError:
        gain = np.nan
    yield f"HiGHS (SciPy), {PATIENCE:.0f} s", gain, time.process_time() - start
    use = problem.use.tocoo()
    given = {
        "net": problem.net.tolist(), "group": problem.group.tolist(), "rows": use.row.tolist(),
        "columns": use.col.tolist(), "amounts": use.data.tolist(),
        "capacity": problem.capacity.tolist(), "patience": PATIENCE,
    }  # fmt: skip
    for name, found in _peers.run("ortools", "ortools_allocation.py", given).items():
        answer = cast("dict[str, float | None]", found)
        value, seconds = answer["value"], cast("float", answer["seconds"])
        yield f"{name} of OR-Tools", np.nan if value is None else value, seconds


def lp_bound(problem: AllocationProblem) -> float:
    """Return the optimum of the linear relaxation."""
    offers = np.arange(len(problem.net))
    shape = (len(problem.start) - 1, len(offers))
    once = csr_array((np.ones(len(offers)), (problem.group, offers)), shape=shape)
    most = np.concatenate([np.ones(shape[0]), problem.capacity])
    rows = csr_array(vstack([once, csr_array(problem.use.T)]))
    found = cast("Any", linprog)(-problem.net, A_ub=rows, b_ub=most, method="highs")
    return -float(found.fun)


def measured(size: int, seed: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one number of customers."""
    bound = np.nan
    for name, gain, seconds, found in run(*world(size, seed)):
        bound = found.bound if found is not None else bound
        yield {
            "customers": size,
            "method": name,
            "CPU s": round(seconds, 2),
            "net gain, % of bound": round(100 * gain / bound, 3),
            "gap %": round(100 * found.gap, 5) if found is not None else np.nan,
            "peak GB": round(_fresh.memory()[1] / 1e3, 1) if found is not None else np.nan,
        }


def compared(size: int, seed: int) -> Iterator[dict[str, object]]:
    """Yield what dual ascent and general solvers find."""
    name, gain, seconds, found = next(run(*world(size, seed)))
    assert found is not None
    rows = ((name, gain, seconds), *solvers(found.offers.problem))
    for method, value, taken in rows:
        yield {
            "customers": size,
            "method": method,
            "CPU s": round(taken, 2),
            "net gain, % of bound": round(100 * value / found.bound, 3),
        }


if __name__ == "__main__":
    raise SystemExit(main())
