"""Do intervals that carry the uncertainty of identity hold the truth as often as they say?

Simulated retailers are stitched without labels. Lifetime value is computed from the crosswalk
that was decided, from drawn crosswalks (`imputed_value`), and from the true one, which says how
good intervals are where nothing of identity is in doubt. Then the retailer lives on for half a
year, and each person's purchases say which intervals held them. Match probabilities are judged
on records of other people than those who taught the model.

    uv run --group bench python benchmarks/linkage_uncertainty.py [--check] [--markdown PAGE]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import _fresh
import _markdown
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from numpy.typing import NDArray

import omniltv as ltv
from omniltv.data import simulate_retailer
from omniltv.data.simulate import Dirt, Retailer, RetailerConfig
from omniltv.identity import LinkSpec, Reliability, Resolution, attach, reliability, stitch
from omniltv.models import ImputedValue, LifetimeValue

type Floats = NDArray[np.float64]

KEYS = ["source", "record_id"]
AHEAD = ltv.weeks(26)
LEVELS = (0.5, 0.8, 0.95)
DIRT = (0.3, 0.6, 1.0)
SEEDS = tuple(range(1, 9))
WAYS = ("true", "decided", "imputed")


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Intervals with the uncertainty of identity.")
    parser.add_argument("--people", type=int, default=400, help="people of a retailer")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--levels", type=float, nargs="+", default=list(DIRT), help="of dirt")
    parser.add_argument("--draws", type=int, default=20, help="crosswalks drawn a retailer")
    parser.add_argument("--judged", type=int, default=4_000, help="people for the probabilities")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    where = _fresh.surroundings()
    worlds = [(seed, level) for level in options.levels for seed in options.seeds]
    study = partial(world_of, people=options.people, k=options.draws)
    with workers() as pool:
        found = pd.concat(pool.map(study, worlds), ignore_index=True)
        judged = list(pool.map(partial(other_people, people=options.judged), options.levels))
    tables = {
        "persons": coverage(found, ["persons, all", "persons, in doubt", "persons, mistaken"]),
        "totals": coverage(found, ["total", "store", "customers"]),
        "reliability": pd.DataFrame(judged),
    }
    print(where)
    for table in tables.values():
        print(f"\n{table.to_string(index=False)}")
    if options.markdown:
        parts = {name: _markdown.table(table) for name, table in tables.items()}
        _markdown.fill(options.markdown, {"machine": f"Measured on {where}.", **parts})
    both = pd.concat([tables["persons"], tables["totals"]], ignore_index=True)
    return report(
        "linkage_uncertainty",
        both,
        figures=headline(both, tables["reliability"]),
        targets=targets(both, tables["reliability"]),
        check=options.check,
    )


@dataclass(frozen=True)
class World:
    """A retailer, what was made of its lists, and what its people brought afterwards.

    Attributes:
        retailer: The retailer.
        found: What came of stitching.
        brought: What each person brought in the half year after, by person.
    """

    retailer: Retailer
    found: Resolution[pd.DataFrame]
    brought: "pd.Series[float]"

    @classmethod
    def of(cls, people: int, seed: int, level: float) -> "World":
        """Return a world in which identity is all that is in doubt.

        There are no guests, and people of all channels buy alike, as one fit has it.
        """
        first, *others = RetailerConfig().channels
        alike = {name: getattr(first, name) for name in ("r", "alpha", "a", "b", "p", "q", "v")}
        channels = (first, *(channel.model_copy(update=alike) for channel in others))
        config = RetailerConfig(dirt=Dirt(level=level), guest=0.0, channels=channels)
        retailer = simulate_retailer(people, seed=seed, config=config)
        later = retailer.follow_up(span=AHEAD, seed=seed + 1_000).people
        return cls(retailer, stitch(retailer.records), later.set_index("person_id")["value"])

    def value(self, crosswalk: pd.DataFrame, seed: int) -> LifetimeValue:
        """Return lifetime value as one crosswalk has it."""
        known = attach(self.retailer.transactions, crosswalk).valid
        log = ltv.PurchaseLog.from_frame(known, timezone="Asia/Tokyo")
        last = self.retailer.end.tz_localize(None) - pd.Timedelta(days=1)
        history = log.history(unit="week", by="acquisition_channel", end=last)
        bought = ltv.fit(ltv.MbgNbd(), history, seed=seed, method="laplace", progress=False)
        spent = ltv.fit(ltv.GammaGamma(), history, seed=seed, method="laplace", progress=False)
        free = ltv.Discount(per_year=0.0)
        return ltv.lifetime_value(bought, spent, history, horizon=AHEAD, discount=free, seed=seed)

    def truth(self) -> pd.DataFrame:
        """Return the records with their person: ``customer_id`` is the person."""
        return self.retailer.truth.records.rename(columns={"person_id": "customer_id"})

    def buyers(self, crosswalk: pd.DataFrame) -> pd.DataFrame:
        """Return the records of a crosswalk whose transactions there are."""
        return crosswalk.merge(self.retailer.transactions[KEYS].drop_duplicates(), on=KEYS)


def world_of(where: tuple[int, float], *, people: int, k: int) -> pd.DataFrame:
    """Return where the truth lies in what each way says, one row a quantity."""
    seed, level = where
    world = World.of(people, seed, level)
    decided = world.found.crosswalk[[*KEYS, "customer_id"]]
    drawn = world.found.draws(k, seed=seed)
    many = world.found.draws(10 * k, seed=seed + 1)
    records = world.buyers(decided)
    records = records.assign(customer_id=records["source"] + " " + records["record_id"])
    ways = {"true": [world.truth()], "decided": [decided], "imputed": list(drawn)}
    counted = {"true": [world.truth()], "decided": [decided], "imputed": list(many)}
    kinds = {
        "persons, all": np.ones(len(records), dtype=np.bool_),
        "persons, in doubt": in_doubt(decided, many, records),
        "persons, mistaken": mistaken(decided, world.truth(), records),
    }
    rows: list[pd.DataFrame] = []
    for way, crosswalks in ways.items():
        values = [world.value(table, seed=1_000 * seed + j) for j, table in enumerate(crosswalks)]
        value = ltv.imputed_value(values, crosswalks, of=records)
        places = of_persons(value, records, world, seed)
        customers = [world.buyers(table)["customer_id"].nunique() for table in counted[way]]
        whole = of_totals(value, world, customers, seed)
        shown = [
            places[kind].dropna().to_frame("place").assign(quantity=name)
            for name, kind in kinds.items()
        ]
        rows += [table.assign(way=way) for table in (*shown, whole)]
    return pd.concat(rows, ignore_index=True).assign(seed=seed, level=level)


def of_persons(
    value: ImputedValue, records: pd.DataFrame, world: World, seed: int
) -> "pd.Series[float]":
    """Return where what the person of each record brought lies among its draws.

    Missing where all that was bought on the record was brought back.
    """
    person = records.merge(world.truth(), on=KEYS, suffixes=("", "_true"))["customer_id_true"]
    brought = pd.Series(world.brought.loc[person].to_numpy(), index=records["customer_id"])
    truth = np.asarray(brought.reindex(value.customer_id), dtype=np.float64)
    place = place_of(truth, value.predictive.to_array(), seed)
    return pd.Series(place, index=value.customer_id).reindex(records["customer_id"])


def of_totals(
    value: ImputedValue, world: World, customers: Sequence[int], seed: int
) -> pd.DataFrame:
    """Return where the total, that of the largest channel and the number of people lie."""
    people = world.retailer.truth.people.set_index("person_id")["acquisition_channel"]
    bought = world.buyers(world.truth())["customer_id"].unique()
    channels = value.predictive_total("acquisition_channel")
    store = channels.values[[channels.labels.index("store")]]
    given = {
        "total": (world.brought.loc[bought].sum(), value.predictive_total().values),
        "store": (world.brought.loc[bought][people.loc[bought] == "store"].sum(), store),
        "customers": (len(bought), np.array([customers], dtype=np.float64)),
    }
    rows = [
        {
            "quantity": name,
            "place": float(place_of(np.array([truth]), draws, seed)[0]),
            "error": float(draws.mean() / truth - 1),
        }
        for name, (truth, draws) in given.items()
    ]
    table = pd.DataFrame(rows)
    if len(customers) == 1:  # one number is no interval
        table.loc[table["quantity"] == "customers", "place"] = np.nan
    return table


def place_of(truth: Floats, draws: Floats, seed: int) -> Floats:
    """Return the share of draws below the truth, ties by lot: uniform if they are right."""
    lot = np.random.default_rng(seed).random(len(truth))
    below = (draws < truth[:, None]).sum(axis=1)
    equal = (draws == truth[:, None]).sum(axis=1)
    return np.asarray((below + lot * (equal + 1)) / (draws.shape[1] + 1), dtype=np.float64)


def in_doubt(
    decided: pd.DataFrame, drawn: Sequence[pd.DataFrame], records: pd.DataFrame
) -> NDArray[np.bool_]:
    """Return which records are in other company than decided in a tenth of the draws or more."""
    usual = company(decided)
    changed = np.mean([company(table) != usual for table in drawn], axis=0)
    doubtful = pd.Series(changed >= 0.1, index=pd.MultiIndex.from_frame(decided[KEYS]))
    return doubtful.loc[pd.MultiIndex.from_frame(records[KEYS])].to_numpy()


def mistaken(
    decided: pd.DataFrame, truth: pd.DataFrame, records: pd.DataFrame
) -> NDArray[np.bool_]:
    """Return which records are in other company than in truth: only the truth can tell."""
    true = decided[KEYS].merge(truth, on=KEYS)
    wrong = pd.Series(
        company(decided) != company(true), index=pd.MultiIndex.from_frame(decided[KEYS])
    )
    return wrong.loc[pd.MultiIndex.from_frame(records[KEYS])].to_numpy()


def company(crosswalk: pd.DataFrame) -> NDArray[np.object_]:
    """Return the rows that are one customer with each row, as one text."""
    row = pd.Series(np.arange(len(crosswalk)).astype(str))
    return row.groupby(crosswalk["customer_id"].to_numpy()).transform(",".join).to_numpy()


def other_people(level: float, *, people: int) -> dict[str, object]:
    """Return how calibrated probabilities are on people who taught the model nothing."""
    config = RetailerConfig(dirt=Dirt(level=level))
    own, other = (simulate_retailer(people, seed=seed, config=config) for seed in (101, 102))
    found = stitch(other.records, spec=LinkSpec(model=stitch(own.records).model))
    judged = reliability(found, other.truth.records)
    pairs = found.compared.candidates
    customer = [drawn["customer_id"].to_numpy() for drawn in found.draws(50, seed=1)]
    truth = found.crosswalk[KEYS].merge(other.truth.records, on=KEYS)
    at = pd.MultiIndex.from_frame(found.crosswalk[KEYS]).get_indexer(
        pd.MultiIndex.from_tuples(found.records.ids())
    )
    left, right = at[pairs.left], at[pairs.right]
    together = np.mean([ids[left] == ids[right] for ids in customer], axis=0)
    person = truth["person_id"].to_numpy()
    drawn = Reliability.of(together, person[left] == person[right])
    return {
        "dirt": level,
        "pairs": int(judged.count.sum()),
        "ECE of the pairs": round(judged.expected_error, 4),
        "ECE in draws": round(drawn.expected_error, 4),
        **{
            f"{low:.1f} to {high:.1f}": f"{stated:.2f} / {seen:.2f}"
            for low, high, stated, seen in zip(
                judged.lower, judged.upper, judged.stated, judged.seen, strict=True
            )
        },
    }


def coverage(found: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return the share of truths within central intervals, by quantity and way."""
    rows = []
    for name in quantities:
        for way in WAYS:
            here = found[(found["quantity"] == name) & (found["way"] == way)]
            known = here["place"].dropna()
            inside = {
                f"{level:.0%}": round(float(within(known, level).mean()), 3) for level in LEVELS
            }
            row = {"quantity": name, "identity": way, "n": len(here), **inside}
            error = here["error"].mean()
            rows.append({**row, "mean error %": round(100 * float(error), 2)})
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def within(place: "pd.Series[float]", level: float) -> "pd.Series[bool]":
    """Return which places are within the central interval of a level."""
    return (place - 0.5).abs() <= level / 2


def headline(both: pd.DataFrame, judged: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    figures = {
        f"{row['quantity']}, {row['identity']}, {level:.0%}": float(row[f"{level:.0%}"])
        for _, row in both.iterrows()
        for level in LEVELS
        if pd.notna(row[f"{level:.0%}"])
    }
    for _, row in judged.iterrows():
        figures[f"ECE, dirt {row['dirt']:g}"] = float(row["ECE of the pairs"])
        figures[f"ECE in draws, dirt {row['dirt']:g}"] = float(row["ECE in draws"])
    return figures


def targets(both: pd.DataFrame, judged: pd.DataFrame) -> dict[str, bool]:
    """Return what is to be shown: nearer with identity than without, and few points off."""
    off = pd.Series(
        [
            float(np.mean([abs(row[f"{level:.0%}"] - level) for level in LEVELS]))
            for _, row in both.iterrows()
        ],
        index=pd.MultiIndex.from_frame(both[["quantity", "identity"]]),
    )
    found = {}
    for name in ("persons, in doubt", "persons, mistaken"):
        with_, without = off[name, "imputed"], off[name, "decided"]
        found[f"{name}: {with_:.3f} off with identity, {without:.3f} without"] = with_ < without
    error = both.set_index(["quantity", "identity"])["mean error %"].abs()
    with_, without = error["customers", "imputed"], error["customers", "decided"]
    name = f"number of customers: {with_:.2f} % off with identity, {without:.2f} % without"
    found[name] = with_ < without
    doubt = off["persons, in doubt", "imputed"]
    found[f"persons in doubt: at most .04 off, is {doubt:.3f}"] = doubt <= 0.04
    for _, row in judged.iterrows():
        error = row["ECE of the pairs"]
        found[f"dirt {row['dirt']:g}: ECE under .02 on other people, is {error}"] = error < 0.02
    return found


if __name__ == "__main__":
    sys.exit(main())
