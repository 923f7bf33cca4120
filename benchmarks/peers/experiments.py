"""The same differences of two arms by tea-tasting and statsmodels, from a Parquet file."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
import statsmodels.api as sm
import tea_tasting as tt

source, target = map(Path, sys.argv[1:])
given = json.loads(source.read_text("utf-8"))
table = pd.read_parquet(given["parquet"])
table = table.rename(columns={"arm": "variant"})
means, ratios = given["means"], given["ratios"]

start = time.process_time()
found = {}
for segment, rows in [("", table), *table.groupby("segment")]:
    metrics = {name: tt.Mean(name, covariate=given["covariate"]) for name in means}
    metrics |= {f"{a} / {b}": tt.RatioOfMeans(a, b) for a, b in ratios}
    result = tt.Experiment(metrics).analyze(rows, control="a")
    found[str(segment)] = {name: result[name].effect_size for name in metrics}
adjusted_seconds = time.process_time() - start

experiment = tt.Experiment(
    {name: tt.Mean(name) for name in means}
    | {f"{a} / {b}": tt.RatioOfMeans(a, b) for a, b in ratios}
)
plain = experiment.analyze(table, control="a")
tea = {
    name: [one.effect_size, one.effect_size_ci_lower, one.effect_size_ci_upper]
    for name, one in ((name, plain[name]) for name in experiment.metrics)
}

start = time.process_time()
for _, rows in [("", table), *table.groupby("segment")]:
    treated = (rows["variant"] == "b").to_numpy(float)
    x = rows[given["covariate"]].to_numpy()
    design = sm.add_constant(pd.DataFrame({"treated": treated, "x": x - x.mean()}))
    for name in means:
        sm.OLS(rows[name].to_numpy(), design.to_numpy()).fit(cov_type="HC2")
ols_seconds = time.process_time() - start

ols = {}
treated = (table["variant"] == "b").to_numpy(float)
for name in means:
    fit = sm.OLS(table[name].to_numpy(), sm.add_constant(treated)).fit(cov_type="HC2")
    ols[name] = [float(fit.params[1]), float(fit.bse[1])]

target.write_text(
    json.dumps(
        {
            "tea_seconds": adjusted_seconds,
            "ols_seconds": ols_seconds,
            "tea": tea,
            "ols": ols,
        }
    ),
    "utf-8",
)
