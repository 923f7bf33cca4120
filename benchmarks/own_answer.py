"""Results of a customer are the same bytes in any batch, order and process.

Customers of every built-in purchase model are valued whole, reversed, in 7 batches, one by one
and in two processes. Compared are all draws, means, intervals, predictive intervals and
P(alive), of rows and of customers, byte by byte. Fits are made up: no sampler runs.

    uv run --group bench python benchmarks/own_answer.py [--check] [--models bg_nbd ...]
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.models.posterior.pooling import PoolingKind
from omniltv.models.processes.built_in import PURCHASE_MODELS, SPEND_MODELS
from omniltv.testing.value_laws import POOLINGS, Invented, answers_of, check_own_answer, invented

PROCESSES = 2
NAMES = [model.name for model in PURCHASE_MODELS]
KINDS = {pooling.kind: pooling for pooling in POOLINGS}


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        numbers = [NAMES.index(name) for name in options.models]
        table = pd.DataFrame([compared(number, options, pool) for number in numbers])
    targets = {
        f"{found['model']}: {way}": bool(found[way])
        for found in table.to_dict("records")
        for way in ("in any company", "in two processes")
    }
    figures = {"models": len(table), "customers": options.customers, "kept": sum(targets.values())}
    return report("own_answer", table, figures=figures, targets=targets, check=options.check)


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Whether answers depend on who else is scored.")
    add = parser.add_argument
    add("--customers", type=int, default=1_000)
    add("--models", nargs="+", choices=NAMES, default=NAMES)
    add("--draws", type=int, default=160)
    add("--alone", type=int, help="customers that are scored one by one; all where not given")
    add("--pooling", choices=list(KINDS), default=PoolingKind.PARTIAL)
    add("--check", action="store_true", help="exit 1 where an answer differs")
    return parser.parse_args()


def compared(
    number: int, options: argparse.Namespace, pool: ProcessPoolExecutor
) -> dict[str, object]:
    """Return whether the answers of a model are the same bytes, as a row of the table."""
    started = time.perf_counter()
    case = case_of(number, options)
    try:
        check_own_answer(case.score, case.history, alone=options.alone)
        kept = True
    except AssertionError as broken:
        print(f"{PURCHASE_MODELS[number].name}: {broken}", file=sys.stderr)
        kept = False
    found = {
        "model": PURCHASE_MODELS[number].name,
        "spend": case.spend.model.name,
        "pooling": case.purchases.pooling.kind,
        "customers": options.customers,
        "rows": len(case.history),
        "in any company": kept,
        "in two processes": same_in_processes(number, options, pool),
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(found, file=sys.stderr, flush=True)  # a model may take minutes
    return found


def case_of(number: int, options: argparse.Namespace) -> Invented:
    """Return the made-up fits and customers of a model; spend models take turns."""
    return invented(
        PURCHASE_MODELS[number],
        KINDS[options.pooling],
        spend=SPEND_MODELS[number % len(SPEND_MODELS)],
        customers=options.customers,
        draws=options.draws,
    )


def same_in_processes(number: int, options: argparse.Namespace, pool: ProcessPoolExecutor) -> bool:
    """Return whether processes that value a part each say what one says that values all."""
    case = case_of(number, options)
    whole = rows_of(answers_of(case.score(case.history)))
    asked = [pool.submit(part_of, number, part, options) for part in range(PROCESSES)]
    parts = [one.result() for one in asked]
    return all(
        found[name].tobytes() == values[part::PROCESSES].tobytes()
        for part, found in enumerate(parts)
        for name, values in whole.items()
    )


def part_of(
    number: int, part: int, options: argparse.Namespace
) -> Mapping[str, NDArray[np.generic]]:
    """Return what is said of every so manieth row."""
    case = case_of(number, options)
    rows = np.arange(len(case.history))[part::PROCESSES]
    return rows_of(answers_of(case.score(case.history.take(rows))))


def rows_of(said: Mapping[str, NDArray[np.generic]]) -> Mapping[str, NDArray[np.generic]]:
    """Return what is said of rows: a customer's rows may be in several processes."""
    return {name: values for name, values in said.items() if not name.startswith("customer ")}


if __name__ == "__main__":
    sys.exit(main())
