"""Which records other libraries put together: Splink 5, recordlinkage's ECM, and a forest.

Run by `_peers.run` in an environment of its own: `... INPUT.json OUTPUT.json`. The input has
``tool``, ``columns`` (lists of texts by name; None where missing) and what the tool needs.
The output has ``clusters`` (by threshold, one number a record) or ``probability`` (one a pair),
``seconds`` and ``peak_mb``; ``strict`` has the clusters at further thresholds, if asked for.
"""

import json
import logging
import resource
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import recordlinkage as rl
import splink.comparison_library as cl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import SplinkException

if TYPE_CHECKING:
    from collections.abc import Callable

type Given = dict[str, Any]
type Found = dict[str, object]
type Places = np.ndarray[Any, Any]

PACKAGES = ("splink", "duckdb", "recordlinkage", "scikit-learn", "pandas")


def main() -> None:
    """Do what the input asks for."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    start = time.perf_counter()
    found = TOOLS[given["tool"]](given)
    found["seconds"] = time.perf_counter() - start
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["versions"] = {name: version(name) for name in PACKAGES}
    target.write_text(json.dumps(found), "utf-8")


def splink(given: Given) -> Found:
    """Link with Splink 5 on embedded DuckDB, as the input's settings say."""
    table = _table(given)
    table.insert(0, "unique_id", np.arange(len(table)))
    api = DuckDBAPI(connection=":temporary:")
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[_comparison(*item) for item in given["comparisons"]],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in given["blocks"]],
        retain_matching_columns=False,
    )
    linker = Linker(api.register(table), settings, log_level=logging.ERROR)
    untrained = _train(linker, given)
    thresholds = given["thresholds"]
    pairs = linker.inference.predict(threshold_match_probability=min(thresholds))
    scored = pairs.as_pandas_dataframe()
    probability = scored["match_probability"].to_numpy(dtype=float)
    clusters, stated = {}, {}
    for threshold in thresholds:
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=threshold
        ).as_pandas_dataframe()
        clusters[threshold] = found.sort_values("unique_id")["cluster_id"].astype(int).tolist()
        links = probability[probability >= threshold]
        stated[threshold] = float(links.mean()) if len(links) else 1.0
    ends = [scored[side].to_numpy(dtype=int) for side in ("unique_id_l", "unique_id_r")]
    strict = _strict(given, len(table), ends[0], ends[1], probability)
    return {"clusters": clusters, "stated": stated, "untrained": untrained, "strict": strict}


def _train(linker: Linker, given: Given) -> list[str]:
    """Train, and return the steps that Splink refused, each with its reason."""
    training, refused = linker.training, []
    certain: list[Any] = [block_on(*rule) for rule in given["certain"]]
    steps: dict[str, Callable[[], object]] = {
        "prior": lambda: training.estimate_probability_two_random_records_match(
            certain, recall=given["recall"]
        ),
        "u": lambda: training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1),
    } | {
        ", ".join(rule): partial(
            training.estimate_parameters_using_expectation_maximisation, block_on(*rule)
        )
        for rule in given["train"]
    }
    for name, step in steps.items():
        try:
            step()
        except (SplinkException, ValueError) as error:
            refused.append(f"{name}: {str(error).splitlines()[0]}")
    return refused


def _table(given: Given) -> pd.DataFrame:
    """Return the columns, of the input itself or of a Parquet file, None where missing."""
    whole = pd.read_parquet(given["path"]) if "path" in given else pd.DataFrame(given["columns"])
    table = whole.astype(object)
    return table.where(table.notna(), None)


def _comparison(kind: str, column: str) -> Any:  # noqa: ANN401 - Splink exports no type of them
    made: dict[str, Callable[[], Any]] = {
        "name": lambda: cl.NameComparison(column),
        "birth": lambda: cl.DateOfBirthComparison(
            column, input_is_string=True, datetime_format="%Y-%m-%d"
        ),
        "birth8": lambda: cl.DateOfBirthComparison(
            column, input_is_string=True, datetime_format="%Y%m%d"
        ),
        "email": lambda: cl.EmailComparison(column),
        "exact": lambda: cl.ExactMatch(column),
        "exact_tf": lambda: cl.ExactMatch(column).configure(term_frequency_adjustments=True),
        "slips": lambda: cl.DamerauLevenshteinAtThresholds(column, [1, 2]),
        "alike": lambda: cl.JaroWinklerAtThresholds(column, [0.92, 0.8]),
    }
    return made[kind]()


def ecm(given: Given) -> Found:
    """Link with recordlinkage's own blocking, comparing and ECM classifier."""
    table = _table(given)
    index = rl.Index()
    for rule in given["blocks"]:
        index.block(list(rule))
    pairs = index.index(table)
    known = np.ones(len(pairs), dtype=bool)
    left, right = (pairs.get_level_values(k).to_numpy() for k in (0, 1))
    same_block = np.zeros(len(pairs), dtype=bool)
    for rule in given["blocks"]:  # missing values do not make a block
        equal = known.copy()
        for name in rule:
            values = table[name].to_numpy()
            equal &= (values[left] == values[right]) & pd.notna(values[left])
        same_block |= equal
    pairs = pairs[same_block]
    compare = rl.Compare()
    for kind, column in given["comparisons"]:
        if kind in {"name", "alike"}:
            compare.string(column, column, method="jarowinkler", threshold=0.85, label=column)
        elif kind == "slips":
            compare.string(
                column, column, method="damerau_levenshtein", threshold=0.85, label=column
            )
        else:
            compare.exact(column, column, label=column)
    vectors = compare.compute(pairs, table).fillna(0)
    classifier = rl.ECMClassifier(binarize=0.5)
    links = classifier.fit_predict(vectors)
    left, right = (links.get_level_values(k).to_numpy() for k in (0, 1))
    ends = [vectors.index.get_level_values(k).to_numpy() for k in (0, 1)]
    wanted = given.get("strict")
    probability = classifier.prob(vectors).to_numpy() if wanted else np.zeros(len(vectors))
    return {
        "clusters": {0.5: _components(len(table), left, right)},
        "strict": _strict(given, len(table), ends[0], ends[1], probability),
    }


def forest(given: Given) -> Found:
    """Return out-of-fold probabilities of a forest that is given the labels of other pairs."""
    features, label = np.array(given["features"], dtype=float), np.array(given["label"])
    probability = np.zeros(len(label))
    for fit, held in GroupKFold(5).split(features, label, given["group"]):
        model = RandomForestClassifier(300, min_samples_leaf=2, random_state=1, n_jobs=2)
        model.fit(features[fit], label[fit])
        probability[held] = model.predict_proba(features[held])[:, 1]
    return {"probability": probability.tolist()}


def _strict(
    given: Given, n: int, left: Places, right: Places, probability: Places
) -> dict[float, list[int]]:
    """Return the clusters at each of the strict thresholds."""
    kept = {threshold: probability >= threshold for threshold in given.get("strict", [])}
    return {t: _components(n, left[links], right[links]) for t, links in kept.items()}


def _components(n: int, left: Places, right: Places) -> list[int]:
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    labels: list[int] = connected_components(graph, directed=False)[1].tolist()
    return labels


TOOLS = {"splink": splink, "ecm": ecm, "forest": forest}

if __name__ == "__main__":
    main()
