"""How well are lists of any shape linked, beside Splink 5 and recordlinkage?

A panel of list shapes: public sets whole and with few fields, retailers in several scripts,
single identifiers, lists with much, little and no overlap, small and large ones. Every tool
gets the same tables and no label: ours its default settings, the peers settings chosen from
fields and block sizes, the better of two usual thresholds counted for them. Beside accuracy:
families merged, what a tool states about its precision against the truth, and the F1 of the
peers at the best of many thresholds that merges few families.

    uv run --group bench python benchmarks/linkage_shapes.py [--check] [--markdown PAGE]
        [--shapes NAME ...] [--peers NAME ...]
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired
from typing import cast

import _fresh
import _link_peers
import _markdown
import _peers
import pandas as pd
from _report import report
from _shapes import FAMILIES, SHAPES, TRUTH

import omniltv.identity
from omniltv.identity import LinkageQuality, LinkSpec, Resolution, linkage_quality, stitch
from omniltv.identity.records.columns import Records
from omniltv.identity.records.normalise import Spelling

OURS = "omniltv"
THRESHOLDS = (0.5, 0.95)
STRICT = (0.7, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-5, 1 - 1e-6, 1 - 1e-8, 1 - 1e-10)
CERTAIN = "splink_certain.py"  # for lists with nothing to train on
PATIENCE = 900.0  # seconds that a peer is given for a shape
KEYS = ["source", "record_id"]
MARGIN, OFF, MERGED = 0.005, 0.03, 1.0  # F1 behind the best peer; stated precision; families in %
DIGITS = 4
KEPT = Path(_peers.__file__).parent / ".peers" / "answers"

CAREFUL = "F1 at 1 % of families"

type Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library with a way to use it.

    Attributes:
        environment: Its requirements are ``peers/ENVIRONMENT.txt``.
        script: What runs it, in ``peers/``.
        raw: Whether it reads the texts as they are, or our normalised columns.
        settings: Its settings for a table.
        thresholds: Probabilities to link from; the better one counts.
    """

    environment: str
    raw: bool
    settings: Callable[[pd.DataFrame], _link_peers.Settings]
    script: str = "linkage.py"
    thresholds: tuple[float, ...] = THRESHOLDS


PEERS: Mapping[str, Peer] = {
    "Splink 5, tutorial": Peer("linkage", raw=True, settings=_link_peers.tutorial),
    "Splink 5, careful": Peer("linkage", raw=False, settings=_link_peers.careful),
    "recordlinkage ECM": Peer(
        "linkage", raw=False, settings=_link_peers.ecm, thresholds=THRESHOLDS[:1]
    ),
    "goldenmatch": Peer(
        "goldenmatch", raw=True, settings=lambda _: {}, script="goldenmatch_zero.py"
    ),
}


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Record linkage on lists of many shapes.")
    parser.add_argument(
        "--shapes", nargs="+", default=[*SHAPES], choices=[*SHAPES, *FAMILIES], metavar="SHAPE"
    )
    parser.add_argument("--peers", nargs="*", default=[*PEERS], choices=PEERS, metavar="PEER")
    parser.add_argument("--reuse", action="store_true", help="keep answers by input and code")
    parser.add_argument("--update", action="store_true", help="rows of the page not run now stay")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family-threshold", type=float, default=LinkSpec().family_threshold)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    where = _fresh.surroundings()
    rows: list[Row] = []
    for name, shape in SHAPES.items():
        if name in options.shapes or shape.family in options.shapes:
            lists = shape.made(options.seed)
            spec = LinkSpec(
                spelling=Spelling(phone_region=shape.region),
                family_threshold=options.family_threshold,
            )
            rows += on_shape(name, lists, spec, options.peers, reuse=options.reuse)
            print(pd.DataFrame(rows[-1:]).to_string(index=False), file=sys.stderr)
    if options.update:
        rows += earlier(options.markdown, rows)
    table = pd.DataFrame(rows).sort_values("shape", key=_in_order, kind="stable")
    parts = {
        "f1": by_tool(table, "F1"),
        "families": by_tool(table, "families merged %"),
        "careful": at_few_families(table),
        "ours": stated(table),
    }
    print(where, *(part.to_string(index=False) for part in parts.values()), sep="\n\n")
    if options.markdown:
        tables = {**parts, "all": table}
        shown = {part: _markdown.table(frame) for part, frame in tables.items()}
        _markdown.fill(options.markdown, {"machine": f"Measured on {where}.", **shown})
    return report(
        "linkage_shapes",
        table,
        figures=figures(table),
        targets=targets(table),
        check=options.check,
    )


def on_shape(
    name: str, lists: pd.DataFrame, spec: LinkSpec, peers: Sequence[str], *, reuse: bool = False
) -> list[Row]:
    """Return a row per tool on the lists of one shape."""
    given = lists.drop(columns=TRUTH)
    _warm(given)
    row = {"shape": name, "records": len(lists), "tool": OURS}
    kept = KEPT / f"{_hash({'spec': repr(spec), 'code': _code()}, lists, CERTAIN)}.json"
    if reuse and not peers and kept.exists():
        return [row | cast("Row", json.loads(kept.read_text("utf-8")))]
    found, seconds = _timed(lambda: stitch(given, spec=spec))
    figures = ours(found, lists, seconds)
    if reuse:
        _keep(kept, figures)
    rows = [row | figures]
    with tempfile.TemporaryDirectory() as folder:
        tables = {True: given, False: in_order_given(found.records, given)}
        for raw, table in tables.items():
            table.to_parquet(Path(folder, f"{raw}.parquet"))
        for peer in peers:
            raw = PEERS[peer].raw
            row = {"shape": name, "records": len(lists), "tool": peer}
            path = Path(folder, f"{raw}.parquet")
            answer = answered(PEERS[peer], tables[raw], path, reuse=reuse)
            rows.append(row | theirs(answer, lists))
    return rows


def _warm(given: pd.DataFrame) -> None:
    """Link a few records first: what is imported and compiled once is not part of a time."""
    stitch(given.head(100))


def in_order_given(records: Records, given: pd.DataFrame) -> pd.DataFrame:
    """Return our normalised columns, with rows as in the lists."""
    keys = pd.MultiIndex.from_frame(given[KEYS])
    who = pd.MultiIndex.from_arrays([records.source, records.record_id])
    normal = _link_peers.normal_table(records).set_index(who)
    return normal.reindex(keys).reset_index(drop=True)


def ours(found: Resolution[pd.DataFrame], lists: pd.DataFrame, seconds: float) -> Row:
    """Return the figures of our own result."""
    summary = found.summary()
    said = {"stated precision": summary.precision, "stated recall": summary.recall}
    row = judged(found.crosswalk, lists)
    return row | {CAREFUL: careful([row])} | _rounded(said) | {"seconds": round(seconds, 1)}


def answered(peer: Peer, table: pd.DataFrame, path: Path, *, reuse: bool) -> Row:
    """Return what a peer answers, or the reason why it does not.

    Args:
        peer: The peer.
        table: Its input.
        path: The same as a file.
        reuse: Whether an answer to the same input and settings is kept and taken again. Times
            are then those of the earlier run.
    """
    given = {**peer.settings(table), "thresholds": peer.thresholds, "strict": STRICT}
    script = CERTAIN if given.get("train") == [] else peer.script
    kept = KEPT / f"{_hash(given, table, script)}.json"
    if reuse and kept.exists():
        return cast("Row", json.loads(kept.read_text("utf-8")))
    try:
        given |= {"path": str(path)}
        found = dict(_peers.run(peer.environment, script, given, patience=PATIENCE))
    except (CalledProcessError, TimeoutExpired) as error:
        return {"note": "stopped" if isinstance(error, TimeoutExpired) else "failed"}
    if reuse:
        _keep(kept, found)
    return found


def earlier(page: Path, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a page that were not run now.

    Lists and settings have to be those of the page.
    """
    text = page.read_text("utf-8").partition("<!-- table: all -->")[2].partition("<!-- end")[0]
    names, _, *cells = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    now = {(row["shape"], row["tool"]) for row in rows}
    table = pd.DataFrame(cells, columns=names)
    for name in set(names) - {"shape", "tool", "note"}:
        table[name] = pd.to_numeric(table[name].str.replace(",", ""), errors="coerce")
    old = [key not in now for key in zip(table["shape"], table["tool"], strict=True)]
    return cast("list[Row]", table[old].to_dict("records"))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _in_order(shapes: "pd.Series[str]") -> "pd.Series[int]":
    place = {name: number for number, name in enumerate(SHAPES)}
    return shapes.map(place)


def _keep(path: Path, answer: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answer), "utf-8")


def _code() -> str:
    """Return a hash of our own code that links."""
    files = sorted(Path(omniltv.identity.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _hash(given: Mapping[str, object], table: pd.DataFrame, script: str) -> str:
    values = pd.util.hash_pandas_object(table.astype(str), index=False).to_numpy().tobytes()
    program = Path(_peers.__file__).parent / "peers" / script
    parts = (json.dumps(given).encode(), values, program.read_bytes())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def theirs(found: Row, lists: pd.DataFrame) -> Row:
    """Return the figures of a peer, at the better of its thresholds."""
    if "clusters" not in found:
        return found
    usual, strict = (
        at_thresholds(cast("Mapping[str, Sequence[int]]", found.get(part, {})), lists)
        for part in ("clusters", "strict")
    )
    said = cast("Mapping[str, float]", found.get("stated", {}))
    threshold, best = max(usual.items(), key=lambda item: cast("float", item[1]["F1"]))
    note = "; ".join(cast("Sequence[str]", found.get("untrained", ())))
    return (
        best
        | {CAREFUL: careful([*usual.values(), *strict.values()])}
        | _rounded({"stated precision": said[threshold]} if said else {})
        | {"threshold": float(threshold)}
        | {"seconds": round(cast("float", found["seconds"]), 1), "note": note}
    )


def at_thresholds(clusters: Mapping[str, Sequence[int]], lists: pd.DataFrame) -> dict[str, Row]:
    """Return the accuracy of a peer's clusters by threshold."""
    return {
        threshold: judged(lists[KEYS].assign(customer_id=[*map(str, labels)]), lists)
        for threshold, labels in clusters.items()
    }


def careful(rows: Sequence[Row]) -> float:
    """Return the best F1 of those that merge few families, 0 if there is none.

    NaN if families are not known.
    """
    merged = [cast("float", row["families merged %"]) for row in rows]
    if pd.isna(merged).all():
        return float("nan")
    few = [cast("float", row["F1"]) for row, m in zip(rows, merged, strict=True) if m <= MERGED]
    return max(few, default=0.0)


def judged(crosswalk: pd.DataFrame, lists: pd.DataFrame) -> Row:
    """Return the accuracy of a crosswalk, and the share of families with members merged."""
    quality = linkage_quality(crosswalk, lists)
    return _rounded(
        {
            "precision": quality.precision,
            "recall": quality.recall,
            "F1": quality.f1,
            "B-cubed F1": _b_cubed(quality),
            "families merged %": families_merged(crosswalk, lists),
        }
    )


def families_merged(crosswalk: pd.DataFrame, lists: pd.DataFrame) -> float:
    """Return the percentage of households of several people that a customer mixes up."""
    if lists["household_id"].isna().all():
        return float("nan")
    both = crosswalk.merge(lists[[*KEYS, *TRUTH]], on=KEYS)
    members = both.groupby("household_id")["person_id"].nunique()
    people = both.groupby(["customer_id", "household_id"])["person_id"].nunique()
    merged = people[people > 1].index.get_level_values("household_id").nunique()
    return 100 * merged / max(int((members > 1).sum()), 1)


def by_tool(table: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Return a figure by shape and tool, and its means over the shapes that all tools finished."""
    wide = table.pivot_table(figure, "shape", "tool", sort=False, dropna=False)
    wide = wide.reindex(table["shape"].unique()).dropna(how="all")
    mean = wide.dropna().mean().round(DIGITS).rename("mean").to_frame().T
    records = table.groupby("shape", sort=False)["records"].first()
    whole = pd.concat([wide, mean]).rename_axis("shape")
    count = [f"{n:,.0f}".replace("nan", "") for n in records.reindex(whole.index)]
    whole.insert(0, "records", count)
    return whole.reset_index()


def at_few_families(table: pd.DataFrame) -> pd.DataFrame:
    """Return F1 at few merged families, of the shapes on which a peer was tried for it."""
    tried = table.loc[(table["tool"] != OURS) & table[CAREFUL].notna(), "shape"]
    return by_tool(table[table["shape"].isin(tried)], CAREFUL) if len(tried) else pd.DataFrame()


def stated(table: pd.DataFrame) -> pd.DataFrame:
    """Return our own rows: what is stated beside what is true."""
    names = [
        "shape",
        "stated precision",
        "precision",
        "stated recall",
        "recall",
        "families merged %",
        "B-cubed F1",
        "seconds",
    ]
    return table.loc[table["tool"] == OURS, names]


def figures(table: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    return {
        f"F1 {row['shape']}, {row['tool']}": cast("float", row["F1"])
        for row in table.to_dict("records")
        if pd.notna(row["F1"])
    }


def targets(table: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    shown: dict[str, bool] = {}
    for name, rows in table.groupby("shape", sort=False):
        shown |= shape_targets(str(name), rows)
    mean = by_tool(table, "F1").set_index("shape").loc["mean"].drop("records")
    found = {str(tool): float(str(f1)) for tool, f1 in mean.items()}
    own, peers = found.pop(OURS), found
    if peers:
        best = max(peers.values())
        shown[f"mean F1 {own:.4f}, best peer {best:.4f}"] = own > best
    return shown


def shape_targets(name: str, rows: pd.DataFrame) -> dict[str, bool]:
    """Return the targets of one shape."""
    own = rows.loc[rows["tool"] == OURS].iloc[0].to_dict()
    best = rows.loc[rows["tool"] != OURS, "F1"].max()
    off = own["stated precision"] - own["precision"]
    merged = own["families merged %"]
    shown = {f"{name}: stated precision off by {off:+.3f}": abs(off) <= OFF}
    if pd.notna(best):
        text = f"{name}: F1 {own['F1']:.4f}, best peer {best:.4f}"
        shown[text] = own["F1"] >= best - MARGIN
    alike = rows.loc[rows["tool"] != OURS, CAREFUL].max()
    if pd.notna(alike):
        text = f"{name}: F1 {own[CAREFUL]:.4f} at 1 % of families, best peer {alike:.4f}"
        shown[text] = own[CAREFUL] >= alike - MARGIN
    if pd.notna(merged):
        shown[f"{name}: families merged {merged:.2f} %"] = merged <= MERGED
    return shown


def _b_cubed(quality: LinkageQuality) -> float:
    precision, recall = quality.b_cubed_precision, quality.b_cubed_recall
    return 2 * precision * recall / (precision + recall)


def _rounded(figures: Mapping[str, float]) -> Row:
    return {name: round(float(value), DIGITS) for name, value in figures.items()}


def _timed[Result](work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
