"""Which records Splink links by rules alone, for lists that have too little to train a model.

Run by `_peers.run` in an environment of its own: `... INPUT.json OUTPUT.json`. Input and output
are those of `linkage.py`; of the settings only ``certain`` is used.
"""

import json
import logging
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import splink.comparison_library as cl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from splink import DuckDBAPI, Linker, SettingsCreator, block_on


def main() -> None:
    """Link the records of the input."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    table = pd.read_parquet(given["path"]).astype(object)
    table = table.where(table.notna(), None)
    table.insert(0, "unique_id", np.arange(len(table)))
    start = time.perf_counter()
    api = DuckDBAPI(connection=":temporary:")
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[cl.ExactMatch(column) for _, column in given["comparisons"]],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in given["certain"]],
    )
    linker = Linker(api.register(table), settings, log_level=logging.ERROR)
    links = linker.inference.deterministic_link().as_pandas_dataframe()
    ends = links["unique_id_l"].astype(int), links["unique_id_r"].astype(int)
    graph = coo_array((np.ones(len(links)), ends), shape=(len(table), len(table)))
    labels = connected_components(graph, directed=False)[1].tolist()
    answer = {"clusters": {given["thresholds"][0]: labels}, "untrained": ["rules only"]}
    target.write_text(json.dumps(answer | {"seconds": time.perf_counter() - start}), "utf-8")


if __name__ == "__main__":
    main()
