"""CPU seconds that each field of a million records takes to normalise.

Lists of the simulated retailer, in kanji, kana and Latin letters. Each run of the script has
a fresh process; a field is timed from raw values to distinct normalised ones.

    uv run --group bench python benchmarks/normalise_speed.py [--records N] [--check]
"""

import argparse
import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.data import simulate_retailer
from omniltv.data.schemas import FIELDS
from omniltv.data.simulate import Dirt, RetailerConfig
from omniltv.identity import Spelling
from omniltv.identity.records._codes import objects
from omniltv.identity.records.intake import Rows, normal_values, normalise_records

RECORDS_PER_PERSON = 1.63
DIRT = 0.15
NAMES = "all names"
MOST_SECONDS = 60.0  # for a million records


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="CPU seconds of normalising, by field.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    config = RetailerConfig(dirt=Dirt(level=DIRT))
    people = int(options.records / RECORDS_PER_PERSON)
    records = simulate_retailer(people, seed=1, config=config).records
    raw = {name: objects(records[name].tolist()) for name in FIELDS}
    rows = [field(name, raw) for name in FIELDS if not name.endswith(("name", "kana"))]
    source, record_id = (objects(records[name].tolist()) for name in ("source", "record_id"))
    names = {name: raw[name] for name in FIELDS if name.endswith(("name", "kana"))}
    for label, columns in ((NAMES, names), ("all fields", raw)):
        start = time.process_time()
        normalise_records(Rows(source, record_id, columns), Spelling())
        rows.append({"field": label, "CPU s": time.process_time() - start})
    table = pd.DataFrame(rows).round(2)
    print(f"{len(records):,} records\n{table.to_string(index=False)}")
    seconds = float(table["CPU s"].iloc[-1])
    limit = MOST_SECONDS * options.records / 1e6
    targets = {f"all fields in {limit:.0f} CPU s, took {seconds:.1f}": seconds <= limit}
    figures = dict(zip(table["field"], table["CPU s"], strict=True))
    return report("normalise_speed", table, figures=figures, targets=targets, check=options.check)


def field(name: str, raw: Mapping[str, NDArray[np.object_]]) -> dict[str, object]:
    """Return the row of one field."""
    values = pd.Series(raw[name], dtype=object)
    start = time.process_time()
    found = normal_values(name, values.to_numpy(), Spelling())
    seconds = time.process_time() - start
    distinct = values.nunique()
    return {
        "field": name,
        "distinct raw": distinct,
        "distinct normalised": pd.Series(found).nunique(),
        "CPU s": seconds,
        "us per distinct value": 1e6 * seconds / distinct,
    }


if __name__ == "__main__":
    raise SystemExit(main())
