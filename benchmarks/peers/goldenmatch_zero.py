"""Which records goldenmatch puts together with the settings it chooses itself.

Run by `_peers.run` in an environment of its own: `... INPUT.json OUTPUT.json`. The input has
the ``path`` of a Parquet file; the output has ``clusters`` and ``seconds`` as in `linkage.py`.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import goldenmatch  # type: ignore[import-not-found]  # only in the environment of the peer
import pyarrow as pa
import pyarrow.parquet as pq

KEYS = ["source", "record_id"]
NAMES = {
    "given_name": "first_name",
    "family_name": "last_name",
    "postcode": "zip",
    "birth_date": "date_of_birth",
}
THRESHOLD = "0.5"  # the name under which its only answer stands


def main() -> None:
    """Link the records of the input."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    # It recognises columns by their names, so they have those that its guides use.
    whole = pq.read_table(given["path"]).drop_columns(KEYS)
    table = pa.table(
        {NAMES.get(name, name): whole[name].cast(pa.string()) for name in whole.column_names}
    )
    start = time.perf_counter()
    found = goldenmatch.dedupe_df(table, allow_red_config=True)
    labels = list(range(table.num_rows))
    for cluster in found.clusters.values():
        members = cluster["members"]
        for row in members:
            labels[row] = members[0]
    answer = {
        "clusters": {THRESHOLD: labels},
        "seconds": time.perf_counter() - start,
        "versions": {"goldenmatch": version("goldenmatch")},
    }
    target.write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()
