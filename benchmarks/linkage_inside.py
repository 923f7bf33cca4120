"""Does a resolution tell the truth of itself, who lives together, and what do pseudonyms cost?

On simulated retailers: the precision and recall that `Resolution.summary` expects without
labels beside the true ones; households beside the true ones (pairs of records of different
people); and the same lists linked by keyed hashes instead of values.

    uv run python benchmarks/linkage_inside.py [--check] [--markdown PAGE]
"""

import argparse
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import _fresh
import _markdown
import pandas as pd
from _report import report

from omniltv.data import simulate_retailer
from omniltv.data.simulate import Dirt, Retailer, RetailerConfig
from omniltv.identity import LinkSpec, Resolution, linkage_quality, pseudonymise, stitch

SEEDS, USUAL, DIRTIER = (1, 2, 3, 4, 5), 0.2, (0.5, 1.0)
KEYS = ["source", "record_id"]
TABLES = {
    "estimates": [
        "precision",
        "expected precision",
        "recall of compared",
        "expected recall",
        "recall",
    ],
    "households": ["household precision", "household recall"],
    "pseudonyms": ["F1", "hashed F1", "hashed precision", "hashed recall"],
}


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="What a resolution says of itself.")
    parser.add_argument("--people", type=int, default=4_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    where, rows = _fresh.surroundings(), []
    worlds = [(seed, USUAL) for seed in options.seeds]
    for seed, level in [*worlds, *((options.seeds[0], level) for level in DIRTIER)]:
        config = RetailerConfig(dirt=Dirt(level=level))
        world = simulate_retailer(options.people, seed=seed, config=config)
        rows.append({"seed": seed, "dirt": level} | measured(world))
        print(rows[-1], file=sys.stderr)
    table = pd.DataFrame(rows)
    if options.markdown:
        parts = {
            name: _markdown.table(table[["seed", "dirt", *columns]])
            for name, columns in TABLES.items()
        }
        _markdown.fill(options.markdown, {"inside machine": f"Measured on {where}."} | parts)
    usual = table.loc[table["dirt"] == USUAL].drop(columns=["seed", "dirt"])
    mean = {str(name): float(value) for name, value in usual.mean().round(4).items()}
    return report("linkage_inside", table, figures=mean, targets=targets(mean), check=options.check)


def targets(mean: Mapping[str, float]) -> dict[str, bool]:
    """Return what was to be shown of the usual dirt, and whether it was."""
    return {
        "expected precision within .01": abs(mean["expected precision"] - mean["precision"])
        <= 0.01,
        "expected recall within .04, and below": 0
        <= mean["recall of compared"] - mean["expected recall"]
        <= 0.04,
        "household precision .9": mean["household precision"] >= 0.9,
        "pseudonyms cost less than .02": mean["F1"] - mean["hashed F1"] <= 0.02,
    }


def measured(world: Retailer) -> dict[str, float]:
    """Return the figures of one retailer."""
    truth = world.truth.records
    found = stitch(world.records)
    hashed = stitch(
        pseudonymise(world.records, key=secrets.token_bytes(32)), spec=LinkSpec(normalised=True)
    )
    quality = linkage_quality(found.crosswalk, truth)
    pseudonyms = linkage_quality(hashed.crosswalk, truth)
    figures = stated(found, truth) | {
        "F1": quality.f1,
        "hashed precision": pseudonyms.precision,
        "hashed recall": pseudonyms.recall,
        "hashed F1": pseudonyms.f1,
    }
    figures |= at_home(found, truth.merge(world.truth.people, on="person_id"))
    return {name: round(float(value), 4) for name, value in figures.items()}


def stated(found: Resolution[pd.DataFrame], truth: pd.DataFrame) -> dict[str, float]:
    """Return the expected precision and recall, and the true ones."""
    summary = found.summary()
    quality = linkage_quality(found.crosswalk, truth)
    person = truth.set_index(KEYS)["person_id"].loc[found.records.ids()].to_numpy()
    pairs = found.compared.candidates
    same = person[pairs.left] == person[pairs.right]
    customer = found.crosswalk.set_index(KEYS)["customer_id"].loc[found.records.ids()].to_numpy()
    together = customer[pairs.left] == customer[pairs.right]
    return {
        "precision": quality.precision,
        "expected precision": summary.precision,
        "recall": quality.recall,
        "recall of compared": (same & together).sum() / same.sum(),
        "expected recall": summary.recall,
    }


def at_home(found: Resolution[pd.DataFrame], truth: pd.DataFrame) -> dict[str, float]:
    """Return precision and recall of households, by pairs of records of different people."""
    told = found.crosswalk.merge(found.households(), on="customer_id").merge(truth, on=KEYS)
    sides = ["household_id_x", "household_id_y"]
    both = pairs_of_people(told, sides)
    return {
        "household precision": both / pairs_of_people(told, sides[:1]),
        "household recall": both / pairs_of_people(told, sides[1:]),
    }


def pairs_of_people(told: pd.DataFrame, by: list[str]) -> int:
    """Return how many pairs of records within groups are of different people."""
    every, same = (told.groupby(names).size() for names in (by, [*by, "person_id"]))
    return int((every * (every - 1)).sum() - (same * (same - 1)).sum()) // 2


if __name__ == "__main__":
    sys.exit(main())
