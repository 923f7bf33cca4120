"""The next product: hit rate and calibration beside popularity and co-occurrence.

Customers of simulated worlds buy for a year. Then the products of the first purchase of each
customer within four weeks are predicted on its day, from what was bought in the year: categories,
and items.

    uv run --group bench python benchmarks/next_product.py [--check] [--markdown PAGE]
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.segmentation.products import fit_next_product
from omniltv.simulation import World, preset
from omniltv.units import weeks

PRESETS = ("cosmetics", "grocery", "apparel")
OURS, POPULAR, TOGETHER = "pooled counts", "popularity", "item-to-item co-occurrence"
TOP = {"category": 1, "item": 3}
MOST_OFF = 0.01

type Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """Lines of the past, and the first purchases after it.

    Attributes:
        past: Lines: customer, time, category, item.
        later: Lines of the first purchase of each customer after the past.
        column: What is predicted.
        products: The products, sorted.
        customers: The customers of ``later``.
    """

    past: pd.DataFrame
    later: pd.DataFrame
    column: str
    products: list[str]
    customers: list[str]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="The next product.")
    parser.add_argument("--people", type=int, default=16_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose table is filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    frame = pd.DataFrame([row for name in PRESETS for row in measured(name, options)])
    if options.markdown:
        _markdown.fill(options.markdown, {"next": _markdown.table(frame)})
    loss, hits, errors = (
        frame.pivot_table(index=["world", "product"], columns="method", values=name)
        for name in ("log loss", "hit rate %", "calibration error")
    )
    off = float(errors[OURS].max())
    targets = {
        f"log loss below {name}": bool((loss[OURS] < loss[name]).all())
        for name in (POPULAR, TOGETHER)
    } | {
        "mean hit rate above popularity": bool(hits[OURS].mean() > hits[POPULAR].mean()),
        f"calibration error at most {MOST_OFF}, is {off}": off <= MOST_OFF,
    }
    figures = {"hit rate": float(hits[OURS].mean()), "popularity": float(hits[POPULAR].mean())}
    return report("next_product", frame, figures=figures, targets=targets, check=options.check)


def measured(name: str, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield the scores of the methods in one world."""
    world = World(preset(name), people=options.people, seed=options.seed)
    past, later = lines_of(world, 52), lines_of(world, 4)
    first = later.groupby("customer_id")["transaction_id"].transform("first")
    later = later[(later["transaction_id"] == first).to_numpy()]
    for column, top in TOP.items():
        products = sorted(set(past[column]))
        known = later[later[column].isin(products)]
        case = Case(past, known, column, products, sorted(set(known["customer_id"])))
        wanted = truth(case)
        for method, predict in METHODS.items():
            start = time.process_time()
            chance = predict(case)
            seconds = round(time.process_time() - start, 1)
            about = {"world": name, "product": column, "top": top, "method": method}
            yield about | scores(chance, wanted, top) | {"CPU s": seconds}


def lines_of(world: World, length: int) -> pd.DataFrame:
    """Return the lines of some weeks with customer and time."""
    step = world.run(weeks(length))
    sales = step.transactions[["transaction_id", "customer_id", "time"]]
    return step.lines.merge(sales, on="transaction_id").sort_values("time", kind="stable")


def truth(case: Case) -> Numbers:
    """Return lines by customer and product."""
    table = pd.crosstab(case.later["customer_id"], case.later[case.column])
    filled = table.reindex(index=case.customers, columns=case.products, fill_value=0)
    return filled.to_numpy(dtype=float)


def scores(chance: Numbers, wanted: Numbers, top: int) -> dict[str, object]:
    """Return the share of lines among the top products, log loss and calibration error."""
    best = np.argsort(-chance, axis=1, kind="stable")[:, :top]
    hits = np.take_along_axis(wanted, best, axis=1).sum() / wanted.sum()
    loss = -(wanted * np.log(chance)).sum() / wanted.sum()
    lines = np.broadcast_to(wanted.sum(axis=1)[:, None], chance.shape)
    bins = pd.qcut(pd.Series(chance.ravel()).rank(method="first"), 10, labels=False)
    frame = pd.DataFrame({"n": lines.ravel(), "y": wanted.ravel()})
    frame["p"] = chance.ravel() * frame["n"]
    sums = frame.groupby(bins).sum()
    off = (sums["p"] - sums["y"]).abs().sum() / sums["n"].sum()
    return {
        "lines": int(wanted.sum()),
        "hit rate %": round(100 * float(hits), 2),
        "log loss": round(float(loss), 4),
        "calibration error": round(float(off), 4),
    }


def ours(case: Case) -> Numbers:
    """Return what our model predicts."""
    model = fit_next_product(case.past, product=case.column)
    when = case.later.groupby("customer_id")["time"].first().dt.date
    parts = []
    for day, own in when.groupby(when):
        people = pd.DataFrame({"customer_id": own.index})
        parts.append(model.predict(people, on=day, top=len(case.products)))
    table = pd.concat(parts).pivot_table(
        index="customer_id", columns="product", values="probability"
    )
    return table.loc[case.customers, case.products].to_numpy()


def popularity(case: Case) -> Numbers:
    """Return the share of each product, the same for all customers."""
    share = case.past[case.column].value_counts(normalize=True).reindex(case.products)
    return np.tile(share.to_numpy(), (len(case.customers), 1))


def together(case: Case) -> Numbers:
    """Return probabilities in proportion to co-occurrence with what the customer has bought.

    Co-occurrence counts customers who bought both; a product weighs by the cosine of its customers
    with those of each product that the customer has.
    """
    bought = pd.crosstab(case.past["customer_id"], case.past[case.column])[case.products] > 0
    x = bought.to_numpy(dtype=float)
    norm = np.sqrt(np.maximum((x**2).sum(axis=0), 1.0))
    alike = (x.T @ x) / norm[:, None] / norm[None, :]
    own = bought.reindex(case.customers, fill_value=False).to_numpy(dtype=float)
    weight = (own @ alike + 1e-3) * popularity(case)
    return np.asarray(weight / weight.sum(axis=1)[:, None])


METHODS: Mapping[str, Callable[[Case], Numbers]] = {
    OURS: ours,
    POPULAR: popularity,
    TOGETHER: together,
}


if __name__ == "__main__":
    raise SystemExit(main())
