"""CDNOW by pymc-marketing's BG/NBD, Pareto/NBD and gamma-gamma models, all at their defaults.

Pareto/NBD's default is the mode, without a posterior.

Run by `_peers.run` in pymc-marketing's own environment: `... INPUT.json OUTPUT.json`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import arviz as az
import pandas as pd
from pymc_marketing.clv import (
    BetaGeoModel,
    GammaGammaModel,
    ParetoNBDModel,
)

PACKAGES = ("pymc-marketing", "pymc", "pytensor", "numpy")


def main() -> None:
    """Read the histories, fit, forecast, and write what a comparison needs."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    history, repeat = pd.DataFrame(given["purchases"]), pd.DataFrame(given["spend"])
    seed, horizon = given["seed"], given["horizon"]
    bought, mode, spent = BetaGeoModel(), ParetoNBDModel(), GammaGammaModel()
    bought.fit(history, random_seed=seed, progressbar=False)
    mode.fit(history, random_seed=seed, progressbar=False)
    spent.fit(repeat, random_seed=seed, progressbar=False)
    values = spent.expected_customer_spend(repeat).mean(("chain", "draw"))
    result = {
        "versions": {name: version(name) for name in PACKAGES},
        "purchases": forecast(bought, ("r", "alpha", "a", "b"), horizon)
        | diagnose(bought, ("r", "alpha", "a", "b")),
        "purchases, pareto_nbd": forecast(mode, ("r", "alpha", "s", "beta"), horizon),
        "spend": {"expected": values.to_numpy().tolist()} | diagnose(spent, ("p", "q", "v")),
    }
    target.write_text(json.dumps(result), "utf-8")


def forecast(
    model: BetaGeoModel | ParetoNBDModel, names: tuple[str, ...], horizon: float
) -> dict[str, object]:
    """Return the forecast of each customer, and the posterior draws of all chains."""
    expected = model.expected_purchases(future_t=horizon).mean(("chain", "draw"))
    posterior = model.idata["posterior"].to_dataset()
    draws = {name: posterior[name].to_numpy().ravel().tolist() for name in names}
    return {"expected": expected.to_numpy().tolist(), "posterior": draws}


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


if __name__ == "__main__":
    main()
