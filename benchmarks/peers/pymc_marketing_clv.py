"""CDNOW by pymc-marketing's BG/NBD and gamma-gamma models, everything at its defaults.

Run by `_peers.run` in pymc-marketing's own environment: `... INPUT.json OUTPUT.json`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import arviz as az
import pandas as pd
import xarray as xr
from pymc_marketing.clv import (  # type: ignore[import-not-found]  # in the peer's environment
    BetaGeoModel,
    GammaGammaModel,
)

PACKAGES = ("pymc-marketing", "pymc", "pytensor", "numpy")


def main() -> None:
    """Read the histories, fit, forecast, and write what a comparison needs."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    history, repeat = pd.DataFrame(given["purchases"]), pd.DataFrame(given["spend"])
    bought, spent, horizon = BetaGeoModel(), GammaGammaModel(), given["horizon"]
    result = {
        "versions": {name: version(name) for name in PACKAGES},
        "purchases": timed(
            lambda: bought.fit(history, random_seed=given["seed"], progressbar=False),
            lambda: bought.expected_purchases(future_t=horizon).mean(("chain", "draw")),
        )
        | diagnose(bought, ("r", "alpha", "a", "b"))
        | {"posterior": flat(bought, ("r", "alpha", "a", "b"))},
        "spend": timed(
            lambda: spent.fit(repeat, random_seed=given["seed"], progressbar=False),
            lambda: spent.expected_customer_spend(repeat).mean(("chain", "draw")),
        )
        | diagnose(spent, ("p", "q", "v")),
    }
    target.write_text(json.dumps(result), "utf-8")


def timed(
    fitting: Callable[[], object], forecasting: Callable[[], xr.DataArray]
) -> dict[str, object]:
    """Return the forecast of each customer, and wall and processor times."""
    start, busy = time.perf_counter(), cpu()
    fitting()
    fitted, fit_cpu = time.perf_counter(), cpu() - busy
    expected = forecasting()
    seconds = {
        "fit": fitted - start,
        "fit cpu": fit_cpu,
        "forecast": time.perf_counter() - fitted,
    }
    return {"expected": expected.to_numpy().tolist(), "seconds": seconds}


def cpu() -> float:
    """Return the processor seconds of this process and of its workers so far."""
    return sum(os.times()[:4])


def diagnose(model: BetaGeoModel | GammaGammaModel, names: tuple[str, ...]) -> dict[str, object]:
    """Return posterior means and sds, the number of draws, and how well they mixed."""
    posterior = model.idata["posterior"].to_dataset()[list(names)]
    return {
        "mean": {name: float(posterior[name].mean()) for name in names},
        "sd": {name: float(posterior[name].std()) for name in names},
        "chains": posterior.sizes["chain"],
        "draws": posterior.sizes["draw"],
        "ess": min(float(az.ess(posterior)[name]) for name in names),
        "rhat": max(float(az.rhat(posterior)[name]) for name in names),
        "divergences": int(model.idata["sample_stats"]["diverging"].sum()),
    }


def flat(model: BetaGeoModel, names: tuple[str, ...]) -> dict[str, list[float]]:
    """Return the posterior draws of all chains."""
    posterior = model.idata["posterior"].to_dataset()
    return {name: posterior[name].to_numpy().ravel().tolist() for name in names}


if __name__ == "__main__":
    main()
