"""How long openretailscience takes for RFM from purchases in a Parquet file.

Run by `_peers.run` in an environment of its own: `... INPUT.json OUTPUT.json`. The input has
the ``path`` of the file; ibis reads it into DuckDB with the limit of memory that ours has.
"""

import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import ibis
from openretailscience.segmentation.rfm import RFMSegmentation


def main() -> None:
    """Count the customers of each segment of the input."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    connection = ibis.duckdb.connect(memory_limit="3GB")
    start, used = time.perf_counter(), time.process_time()
    purchases = connection.read_parquet(given["path"])
    found = RFMSegmentation(
        purchases, current_date="2026-04-01", r_segments=5, f_segments=5, m_segments=5
    )
    sizes = found.table.group_by("rfm_segment").aggregate(n=found.table.count()).execute()
    answer = {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - used,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "segments": len(sizes),
        "versions": {"openretailscience": version("openretailscience")},
    }
    target.write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    main()
