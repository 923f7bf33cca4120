"""Damaged files are refused: flipped bits, truncations and swapped files.

Every file that the library reads back is damaged many times and opened again: the files of an
identity store, saved fits, documents and tables. Each attempt is one of four: the content is
unchanged (``right``), an error of omniltv (``refused``), other content (``wrong``), or an error
of another library (``foreign``). Documents, and tables in text, have no checksum: their content
may change, but no error is foreign.

    uv run python benchmarks/file_faults.py [--check] [--kinds store fits documents tables]
        [--flips 2000] [--cuts 200] [--swaps 100]
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd
from _report import report

from omniltv.data import ColumnMap, read_table, simulate_retailer
from omniltv.data.history import PurchaseHistory
from omniltv.errors import OmniltvError
from omniltv.identity import IdentityStore, stitch
from omniltv.models import BgNbd, GammaGamma, fit, load_fit
from omniltv.segmentation import Condition, TierScheme
from omniltv.units import TimeUnit

OUTCOMES = ("right", "refused", "wrong", "foreign")

SCHEME = """tiers:
- name: top
  value_at_least: {share: 0.05}
  when: {all_of: [{column: age, op: between, value: [30, 39]}, {column: ok, op: eq, value: true}]}
- name: rest
"""
CONDITION = """any_of:
- {column: first, op: ge, value: 2024-01-31}
- not_: {column: "note", op: is_missing}
"""
COLUMNS = "table: purchases\ncolumns: {customer_id: Kunde, time: Datum}\n"

SEEN: dict[str, None] = {}
"""The foreign errors so far."""


@dataclass(frozen=True)
class Kept:
    """Something that the library reads back.

    Attributes:
        name: What it is.
        files: Its files, each with files of the same kind but of other content.
        opened: Opens it and returns its content as text.
        checked: Whether it has checksums.
    """

    name: str
    files: dict[Path, tuple[Path, ...]]
    opened: Callable[[], str]
    checked: bool = True


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    numbers = {"flip": options.flips, "cut": options.cuts, "swap": options.swaps}
    rng = np.random.default_rng(options.seed)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        everything = kept(Path(folder), options.kinds)
        rows = [
            {"file": thing.name, "fault": fault, "tries": number}
            | counted(thing, fault, number, rng)
            for thing in everything
            for fault, number in numbers.items()
        ]
    print(*SEEN, sep="\n", end="\n" * bool(SEEN), file=sys.stderr)
    table = pd.DataFrame(rows)
    checked = table["file"].isin([thing.name for thing in everything if thing.checked])
    wrong = int(table.loc[checked, "wrong"].sum())
    foreign = int(table["foreign"].sum())
    return report(
        "file_faults",
        table,
        figures={"tries": int(table["tries"].sum()), "wrong": wrong, "foreign": foreign},
        targets={"opened wrong": not wrong, "foreign errors": not foreign},
        check=options.check,
    )


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Whether damaged files are refused.")
    add = parser.add_argument
    add("--flips", type=int, default=2_000, help="flipped bits per kind of file")
    add("--cuts", type=int, default=200, help="truncations per kind of file")
    add("--swaps", type=int, default=100, help="files put in the place of others, per kind")
    add("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    add("--seed", type=int, default=1)
    add("--check", action="store_true", help="exit 1 if a file is opened wrongly")
    return parser.parse_args()


def kept(folder: Path, kinds: Sequence[str]) -> list[Kept]:
    """Return everything that is damaged, written into a folder."""
    return [thing for kind in kinds for thing in KINDS[kind](folder)]


def store(folder: Path) -> list[Kept]:
    """Return an identity store after three runs; another store has the other files."""
    lists = simulate_retailer(120, seed=8).records
    ours, other = folder / "store", folder / "other"
    for place, first in ((ours, 0), (other, 20)):
        made = IdentityStore.create(place, stitch(lists.iloc[first:-10]))
        made.update(lists.iloc[-10:])
        keys = lists.iloc[first : first + 2][["source", "record_id"]].to_numpy().ravel()
        names = ["source_a", "record_id_a", "source_b", "record_id_b"]
        made.decide(pd.DataFrame([[*keys, True]], columns=[*names, "same"]))
    version = ours / "v00000003"
    names = sorted(path.name for path in version.iterdir())
    others = {name: [other / "v00000003" / name] for name in names}
    within = {name: [version / n for n in names if n != name] for name in names}
    files = {version / name: (*others[name], *within[name]) for name in names}

    def opened() -> str:
        found = IdentityStore(ours)
        shown = [found.crosswalk, found.audit, found.decisions, found.links]
        return repr([table.to_frame().to_dict("list") for table in shown])

    return [Kept("identity store", files, opened)]


def fits(folder: Path) -> list[Kept]:
    """Return two saved fits; each is put in the place of the other."""
    x = np.arange(60) % 5
    recency, mean = np.where(x > 0, 20.0, 0.0), np.where(x > 0, 10.0 + x, np.nan)
    frame = pd.DataFrame({"id": np.arange(60), "x": x, "recency": recency, "T": 30.0, "mean": mean})
    ids, x, *times, mean = (frame[name].to_numpy() for name in frame)
    history = PurchaseHistory(ids, x, times[0], times[1], mean, TimeUnit.WEEK)
    purchases, spend = folder / "purchases.npz", folder / "spend.npz"
    fit(BgNbd(), history, seed=1, method="laplace").save(purchases)
    fit(GammaGamma(), history, seed=1, method="laplace").save(spend)

    def opened() -> str:
        first, second = load_fit(purchases, model=BgNbd()), load_fit(spend, model=GammaGamma())
        draws = [found.draws.coordinates.tobytes() for found in (first, second)]
        return repr([draws, first.diagnostics, second.diagnostics, first.unit, first.pooling])

    return [Kept("saved fits", {purchases: (spend,), spend: (purchases,)}, opened)]


def documents(folder: Path) -> list[Kept]:
    """Return a tier scheme, a condition and a column map in YAML."""
    readers = {
        "tier scheme": (SCHEME, TierScheme.from_yaml),
        "condition": (CONDITION, Condition.from_yaml),
        "column map": (COLUMNS, ColumnMap.from_yaml),
    }
    paths = {name: folder / f"{name}.yaml" for name in readers}
    for name, path in paths.items():
        path.write_text(readers[name][0], encoding="utf-8")

    def reader(name: str) -> Callable[[], str]:
        return lambda: repr(readers[name][1](paths[name]))

    return [
        Kept(name, {path: tuple(paths.values())}, reader(name), checked=False)
        for name, path in paths.items()
    ]


def tables(folder: Path) -> list[Kept]:
    """Return a table as delimited text, a workbook and Parquet."""
    frame = pd.DataFrame({"id": [f"{n:03d}" for n in range(40)], "値": np.arange(40) / 7})
    paths = {"text": folder / "a.csv", "workbook": folder / "a.xlsx", "Parquet": folder / "a.pq"}
    all_paths = tuple(paths.values())
    backends: tuple[Literal["pandas", "polars"], ...] = ("pandas", "polars")
    frame.to_csv(paths["text"], index=False)
    frame.to_excel(paths["workbook"], index=False)
    frame.to_parquet(paths["Parquet"])

    def reader(path: Path, backend: Literal["pandas", "polars"]) -> Callable[[], str]:
        return lambda: repr(
            nw.from_native(read_table(path, backend=backend)).to_dict(as_series=False)
        )

    return [
        Kept(
            f"{name}, {backend}",
            {path: all_paths},
            reader(path, backend),
            checked=False,
        )
        for name, path in paths.items()
        for backend in backends
    ]


KINDS: dict[str, Callable[[Path], list[Kept]]] = {
    "store": store,
    "fits": fits,
    "documents": documents,
    "tables": tables,
}


def counted(thing: Kept, fault: str, number: int, rng: np.random.Generator) -> dict[str, int]:
    """Return how often each outcome came."""
    before = thing.opened()
    files = sorted(thing.files)
    outcomes = Counter(
        attempt(thing, fault, files[rng.integers(len(files))], before, rng) for _ in range(number)
    )
    assert thing.opened() == before
    return {name: outcomes[name] for name in OUTCOMES}


def attempt(thing: Kept, fault: str, file: Path, before: str, rng: np.random.Generator) -> str:
    """Damage a file, open what it belongs to, mend the file, and return the outcome."""
    intact = file.read_bytes()
    file.write_bytes(damaged(intact, fault, thing.files[file], rng))
    try:
        return "right" if thing.opened() == before else "wrong"
    except OmniltvError:
        return "refused"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        SEEN.setdefault(f"{thing.name}: {error!r:.200}")
        return "foreign"
    finally:
        file.write_bytes(intact)


def damaged(intact: bytes, fault: str, others: Sequence[Path], rng: np.random.Generator) -> bytes:
    """Return the content of a file with a fault."""
    if fault == "flip":
        content = bytearray(intact)
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        return bytes(content)
    place = int(rng.integers(len(intact)))
    if fault == "cut":
        return intact[:place]
    other = others[int(rng.integers(len(others)))].read_bytes()
    return other if rng.integers(2) else intact[:place] + other[place:]


if __name__ == "__main__":
    sys.exit(main())
