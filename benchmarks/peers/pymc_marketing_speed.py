"""How long pymc-marketing takes: a fit twice, or lifetime value; everything at its defaults.

The method of a fit is given, because Pareto/NBD's default is the mode without a posterior.

Run by `_peers.run` in pymc-marketing's own environment: `... INPUT.json OUTPUT.json`.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import arviz as az
import pandas as pd
from pymc_marketing.clv import (
    BetaGeoModel,
    GammaGammaModel,
    ParetoNBDModel,
)

MODELS = {"bg_nbd": BetaGeoModel, "pareto_nbd": ParetoNBDModel}
PACKAGES = ("pymc-marketing", "pymc", "pytensor", "numpy")


def main() -> None:
    """Do what the input asks for, and write how long it took."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    history = pd.DataFrame(given["history"])
    if given["task"] == "fit":
        found = fit(given["model"], given["method"], history, given["seed"])
    else:
        found = value(history, given)
    found["versions"] = {name: version(name) for name in PACKAGES}
    target.write_text(json.dumps(found), "utf-8")


def fit(name: str, method: str, history: pd.DataFrame, seed: int) -> dict[str, object]:
    """Return how many seconds a fit takes, and how well it mixed."""
    start = time.perf_counter()
    model = MODELS[name]()
    model.fit(history, method=method, random_seed=seed, progressbar=False)
    seconds = time.perf_counter() - start
    print(f"  pymc-marketing {name} by {method}: {seconds:.1f} s", file=sys.stderr, flush=True)
    posterior = model.idata["posterior"].to_dataset()
    names = [key for key in ("r", "alpha", "a", "b", "s", "beta") if key in posterior]
    return {
        "seconds": [seconds],
        "chains": posterior.sizes["chain"],
        "draws": posterior.sizes["draw"],
        "ess": min(float(az.ess(posterior)[key]) for key in names),
        "rhat": max(float(az.rhat(posterior)[key]) for key in names),
    }


def value(history: pd.DataFrame, given: dict[str, float]) -> dict[str, object]:
    """Return the seconds of lifetime value under the full posterior of purchases, and its mean."""
    bought, spent, seed = BetaGeoModel(), GammaGammaModel(), int(given["seed"])
    bought.fit(history, random_seed=seed, progressbar=False)
    spent.fit(history[history["frequency"] > 0], random_seed=seed, progressbar=False)
    start = time.perf_counter()
    draws = spent.expected_customer_lifetime_value(
        bought,
        history,
        future_t=int(given["months"]),
        discount_rate=given["discount_per_month"],
        time_unit="D",
    )
    valued = time.perf_counter()
    mean = draws.mean(("chain", "draw"))
    draws.quantile((0.05, 0.95), ("chain", "draw"))
    return {
        "seconds": valued - start,
        "summary seconds": time.perf_counter() - valued,
        "draws": draws.sizes["chain"] * draws.sizes["draw"],
        "mean": mean.to_numpy().tolist(),
    }


if __name__ == "__main__":
    main()
