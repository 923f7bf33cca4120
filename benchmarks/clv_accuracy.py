"""Are the forecasts of BG/NBD on CDNOW as good as those of the nearest peer?

On the published 1/10 sample of CDNOW (2,357 customers, calibrated on 39 weeks, time in
weeks) the likelihood and the posterior are put beside the published estimates. Then
pymc-marketing fits the same model to the same x, t_x and T with NUTS at its own
defaults, and both forecast each customer's repeat purchases in the next 39 weeks.

The error is the root mean square, not the mean absolute error: that one is smallest at
the median, which is 0 here, so a forecast of zero for everybody does well by it. The log
score is the sum over customers of the log probability of what they really bought, averaged
over posterior draws: the peer's draws are scored by the same formula as ours, and published
estimates as a posterior of one draw.

Our other models stand beside BG/NBD, and `compare` names the best by the calibration alone.

    uv run --group bench python benchmarks/clv_accuracy.py [--check]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TypedDict, cast

import _peers
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.data import CalibrationHoldout, PurchaseLog, load_cdnow
from omniltv.models import (
    BgNbd,
    CnbdK,
    Diagnostics,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    Pooling,
    Posterior,
    PurchaseFit,
    SpendFit,
    fit,
)
from omniltv.models._numpy import NUMPY
from omniltv.models.checks import compare, holdout_log_score
from omniltv.models.protocols import Parameters, PurchaseModel, PurchaseState
from omniltv.testing.reference import (
    BG_NBD_CDNOW,
    GAMMA_GAMMA_CDNOW,
    PARETO_NBD_CDNOW,
    Published,
)
from omniltv.units import TimeUnit

SPLIT = "1997-09-30"
WITHIN = 2.0  # posterior standard deviations
TOLERANCE = 0.002  # for Monte-Carlo error, which is about 0.0001 between seeds
WITHIN_SPEND = 1.0  # the same for gamma-gamma, whose default prior must not move it
LOG_SCORE_TOLERANCE = 1.0  # of the sum over customers, for Monte-Carlo error
OURS, PEER = "omniltv", "pymc-marketing"
OURS_PARETO, PLUG_IN, PLUG_IN_PARETO = (
    "omniltv, pareto_nbd",
    "published estimates",
    "published estimates, pareto_nbd",
)
MODELS: dict[str, PurchaseModel] = {
    OURS: BgNbd(),
    "omniltv, mbg_nbd": MbgNbd(),
    OURS_PARETO: ParetoNbd(),
    "omniltv, mbg_cnbd_2": CnbdK(2),
}
# RMSE and total of weeks 40 to 78 at the published estimates: ours is to be none worse.
PUBLISHED_RMSE = {OURS: 1.608, OURS_PARETO: 1.603}
PUBLISHED_TOTAL = {PLUG_IN: 1_654, PLUG_IN_PARETO: 1_666}
PRINTED = 0.0005  # half of the last printed digit of an RMSE
SHARE_OF_SD = 0.5
NAMES = {
    OURS: "ours",
    "omniltv, mbg_nbd": "ours_mbg_nbd",
    OURS_PARETO: "ours_pareto_nbd",
    "omniltv, mbg_cnbd_2": "ours_mbg_cnbd_2",
    PEER: "peer",
    PLUG_IN: "published",
    PLUG_IN_PARETO: "published_pareto_nbd",
    "all zeros": "zeros",
}


class Side(TypedDict):
    """What one library makes of one model.

    Attributes:
        mean: Posterior mean by reported parameter.
        sd: Posterior standard deviation by reported parameter.
        expected: Forecast per customer.
        seconds: Wall time of ``fit`` and ``forecast``, compilation included, and processor
            time of ``fit cpu``, which neither a busy machine nor parallel chains change.
        draws: Draws of each chain after warm-up.
        chains: Chains.
        ess: Smallest bulk effective sample size.
        rhat: Largest R-hat.
        divergences: Divergent transitions.
    """

    mean: Mapping[str, float]
    sd: Mapping[str, float]
    expected: list[float]
    seconds: dict[str, float]
    draws: int
    chains: int
    ess: float
    rhat: float
    divergences: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything that was found, by library.

    Attributes:
        parts: The calibration history and the holdout.
        loglik: Log-likelihood at the published BG/NBD estimates.
        purchases: BG/NBD.
        spend: Gamma-gamma, on customers with a repeat purchase.
        fits: Posteriors of purchases, by whose it is: ours of each model, the peer's draws of
            BG/NBD, and published estimates.
        seed: Of the draws.
        versions: Of the peer and what it stands on.
    """

    parts: CalibrationHoldout
    loglik: float
    purchases: Mapping[str, Side]
    spend: Mapping[str, Side]
    fits: Mapping[str, PurchaseFit]
    seed: int
    versions: Mapping[str, str]

    @property
    def repeat(self) -> NDArray[np.bool_]:
        """Which customers have a repeat purchase in calibration."""
        return self.parts.calibration.frequency > 0


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Accuracy on CDNOW beside pymc-marketing.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    found = measure(options.seed)
    scores = pd.DataFrame(forecasts(found))
    print(pd.DataFrame(estimates(found)).to_string(index=False), "\n")
    print(pd.DataFrame(samplers(found)).to_string(index=False), "\n")
    compared = compare({name: found.fits[name] for name in MODELS}, found.parts, seed=options.seed)
    print(compared.to_frame().round(3).to_string(index=False), "\n")
    print("best by compare, which looks at the calibration only:", compared.best, "\n")
    print("peer:", ", ".join(f"{name} {number}" for name, number in found.versions.items()), "\n")
    figures = headline(found, scores)
    return report(
        "clv_accuracy",
        scores.round(4),
        figures=figures,
        targets=targets(figures),
        check=options.check,
    )


def measure(seed: int) -> Outcome:
    """Fit and forecast with both libraries, one after the other."""
    parts = PurchaseLog.from_frame(load_cdnow()).split(at=SPLIT, unit="week")
    history, horizon = parts.calibration, parts.holdout_span
    repeat = history.take(history.frequency > 0)
    import_module("omniltv.models._graph")  # PyMC's import is not timed, on either side
    print(f"{OURS}: fitting", file=sys.stderr, flush=True)
    ours = timed(
        lambda: fit(BgNbd(), history, seed=seed, progress=False),
        lambda bought: bought.expected_purchases(history, horizon).mean(),
    )
    ours_spend = timed(
        lambda: fit(GammaGamma(), history, seed=seed, progress=False),
        lambda spent: spent.expected_value(repeat).mean(),
    )
    print(f"{PEER}: fitting", file=sys.stderr, flush=True)
    columns = history.to_frame()[["customer_id", "frequency", "recency", "T"]]
    values = repeat.to_frame()[["customer_id", "frequency", "monetary_value"]]
    given = {
        "seed": seed,
        "horizon": horizon.to(history.unit),
        "purchases": columns.to_dict("list"),
        "spend": values.to_dict("list"),
    }
    theirs = _peers.run(PEER, "pymc_marketing_clv.py", given)
    bought = cast("Mapping[str, Mapping[str, list[float]]]", theirs["purchases"])
    fits = {
        name: fit(model, history, seed=seed, progress=False) for name, model in MODELS.items()
    } | {
        PEER: posterior_of(BgNbd(), bought["posterior"]),
        PLUG_IN: posterior_of(BgNbd(), BG_NBD_CDNOW.parameters),
        PLUG_IN_PARETO: posterior_of(ParetoNbd(), PARETO_NBD_CDNOW.parameters),
    }
    return Outcome(
        parts,
        published_loglik(parts),
        {OURS: ours, PEER: cast("Side", theirs["purchases"])},
        {OURS: ours_spend, PEER: cast("Side", theirs["spend"])},
        fits,
        seed,
        cast("Mapping[str, str]", theirs["versions"]),
    )


def timed[Fit: (PurchaseFit, SpendFit)](
    fitting: Callable[[], Fit], forecasting: Callable[[Fit], NDArray[np.float64]]
) -> Side:
    """Return what our library makes of a model, with wall times."""
    start, busy = time.perf_counter(), cpu()
    posterior = fitting()
    fitted, fit_cpu = time.perf_counter(), cpu() - busy
    expected = forecasting(posterior)
    forecast = time.perf_counter()
    diagnostics = posterior.diagnostics
    chains, draws = posterior.draws.theta.shape[:2]
    return Side(
        mean={name: float(values.mean()) for name, values in posterior.parameters.items()},
        sd={name: float(values.std()) for name, values in posterior.parameters.items()},
        expected=expected.tolist(),
        seconds={"fit": fitted - start, "fit cpu": fit_cpu, "forecast": forecast - fitted},
        draws=draws,
        chains=chains,
        ess=min(diagnostics.ess_bulk.values()),
        rhat=max(diagnostics.rhat.values()),
        divergences=diagnostics.divergences,
    )


def posterior_of(
    model: PurchaseModel, values: Mapping[str, list[float]] | Mapping[str, float]
) -> PurchaseFit:
    """Return reported parameters, one draw or many, as a fit that can be scored."""
    given = {name: np.atleast_1d(np.asarray(value, float)) for name, value in values.items()}
    names = tuple(item.name for item in model.coordinates)
    sampled = sampled_from(given)
    theta = np.stack([sampled[name] for name in names], axis=-1)[None, :, None]
    draws = Posterior(names, ("",), theta)
    return PurchaseFit(model, Pooling.complete(), draws, Diagnostics.of_mode(0.0), TimeUnit.WEEK)


def sampled_from(given: Parameters) -> Parameters:
    """Return the coordinates of BG/NBD or Pareto/NBD from what they report."""
    sampled = {"log_rate": np.log(given["r"] / given["alpha"]), "log_shape": np.log(given["r"])}
    if "s" in given:
        dropout = np.log(given["s"] / given["beta"])
        return sampled | {"log_dropout": dropout, "log_dropout_shape": np.log(given["s"])}
    a, b = given["a"], given["b"]
    return sampled | {"logit_dropout": np.log(a / b), "log_concentration": np.log(a + b)}


def cpu() -> float:
    """Return the processor seconds of this process and of its workers so far."""
    return sum(os.times()[:4])


def state(parts: CalibrationHoldout) -> PurchaseState:
    """Return x, t_x and T of every customer."""
    history = parts.calibration
    return PurchaseState(history.frequency.astype(np.float64), history.recency, history.T)


def published_loglik(parts: CalibrationHoldout) -> float:
    """Return our log-likelihood at the published BG/NBD estimates."""
    values = BgNbd().loglik(NUMPY, BG_NBD_CDNOW.parameters, state(parts))
    return float(np.sum(np.asarray(values, dtype=np.float64)))


def estimates(found: Outcome) -> list[dict[str, object]]:
    """Return a row per parameter: published, and both posteriors."""
    rows: list[dict[str, object]] = []
    for published, sides in (
        (BG_NBD_CDNOW, found.purchases),
        (GAMMA_GAMMA_CDNOW, found.spend),
    ):
        for name, value in published.parameters.items():
            row: dict[str, object] = {"parameter": name, "published": value}
            for library, side in sides.items():
                mean, sd = side["mean"][name], side["sd"][name]
                row[library] = f"{mean:.3f} ± {sd:.3f} ({(mean - value) / sd:+.2f} sd)"
            rows.append(row)
    return rows


def samplers(found: Outcome) -> list[dict[str, object]]:
    """Return a row per model and library: what the sampler did, and wall times."""
    return [
        {
            "model": model,
            "library": library,
            "chains": side["chains"],
            "draws": side["draws"],
            "divergences": side["divergences"],
            "worst R-hat": round(side["rhat"], 4),
            "least ESS": round(side["ess"]),
        }
        | {f"{step} s": round(seconds, 2) for step, seconds in side["seconds"].items()}
        for model, sides in (("bg_nbd", found.purchases), ("gamma_gamma", found.spend))
        for library, side in sides.items()
    ]


def forecasts(found: Outcome) -> list[dict[str, object]]:
    """Return a row per forecast: its errors against what customers really did."""
    parts = found.parts
    expected = {
        name: posterior.expected_purchases(parts.calibration, parts.holdout_span).mean()
        for name, posterior in found.fits.items()
    }
    for name, side in found.purchases.items():  # the peer forecasts by its own functions
        expected[name] = np.asarray(side["expected"], dtype=np.float64)
    expected["all zeros"] = np.zeros(len(parts.calibration))
    bought = parts.holdout_frequency
    rows = [score("repeat purchases", name, values, bought) for name, values in expected.items()]
    for row in rows:
        posterior = found.fits.get(str(row["by"]))
        if posterior is not None:
            row["log score"] = holdout_log_score(posterior, parts, seed=found.seed).total
    again = bought[found.repeat] > 0
    paid = parts.holdout_value[found.repeat][again] / bought[found.repeat][again]
    mean = np.full(len(paid), np.mean(parts.calibration.monetary_value[found.repeat]))
    values = {
        **{
            name: np.asarray(side["expected"], dtype=np.float64)[again]
            for name, side in found.spend.items()
        },
        "everybody's mean": mean,
    }
    return rows + [score("value per purchase", *item, paid) for item in values.items()]


def score(
    quantity: str, name: str, forecast: NDArray[np.float64], actual: NDArray[np.generic]
) -> dict[str, object]:
    """Return the errors of one forecast."""
    truth = actual.astype(np.float64)
    error = forecast - truth
    varies = bool(np.ptp(forecast) > 0)
    return {
        "forecast": quantity,
        "by": name,
        "customers": len(truth),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "correlation": float(np.corrcoef(forecast, truth)[0, 1]) if varies else np.nan,
        "total": float(forecast.sum()),
        "actual total": float(truth.sum()),
    }


def farthest(side: Side, published: Published) -> float:
    """Return the largest distance of a posterior mean from its published estimate, in sds."""
    return max(
        abs(side["mean"][name] - value) / side["sd"][name]
        for name, value in published.parameters.items()
    )


def headline(found: Outcome, scores: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    figures: dict[str, float] = {
        "loglik": round(found.loglik, 4),
        "farthest_sds_bg_nbd": round(farthest(found.purchases[OURS], BG_NBD_CDNOW), 3),
        "farthest_sds_gamma_gamma": round(farthest(found.spend[OURS], GAMMA_GAMMA_CDNOW), 3),
        "actual": int(found.parts.holdout_frequency.sum()),
    }
    for name in (OURS, OURS_PARETO):
        total = found.fits[name].expected_purchases(
            found.parts.calibration, found.parts.holdout_span
        )
        figures[f"sd_of_total_{NAMES[name]}"] = round(float(total.total().values.std()), 2)
    return figures | score_figures(scores) | time_figures(found)


def score_figures(scores: pd.DataFrame) -> dict[str, float]:
    """Return error, correlation and total of each forecast, where there are such."""
    return {
        f"{column.replace(' ', '_')}_{row['forecast'].replace(' ', '_')}_{NAMES[row['by']]}": (
            round(row[column], 5)
        )
        for row in scores.to_dict("records")
        for column in ("rmse", "correlation", "total", "log score")
        if row["by"] in NAMES and np.isfinite(row[column])
    }


def time_figures(found: Outcome) -> dict[str, float]:
    """Return the times of both libraries, and how many times ours the peer's are."""
    figures = {}
    for model, sides in (("bg_nbd", found.purchases), ("gamma_gamma", found.spend)):
        for step, ours in sides[OURS]["seconds"].items():
            name, peer = f"{step.replace(' ', '_')}_{model}", sides[PEER]["seconds"][step]
            figures[f"seconds_{name}_ours"] = round(ours, 3)
            figures[f"seconds_{name}_peer"] = round(peer, 3)
            figures[f"{name}_peer_over_ours"] = round(peer / ours, 2)
    return figures


def targets(figures: Mapping[str, float]) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    published = BG_NBD_CDNOW.loglik
    rmse, peer_rmse, correlation, peer_correlation = (
        figures[f"{name}_repeat_purchases_{side}"]
        for name in ("rmse", "correlation")
        for side in ("ours", "peer")
    )
    return {
        f"log-likelihood {published} at the published estimates": (
            round(figures["loglik"], 1) == published
        ),
        f"BG/NBD posterior means within {WITHIN:g} sds of the published estimates": (
            figures["farthest_sds_bg_nbd"] <= WITHIN
        ),
        f"gamma-gamma posterior means within {WITHIN_SPEND:g} sd of the published estimates": (
            figures["farthest_sds_gamma_gamma"] <= WITHIN_SPEND
        ),
        f"RMSE at most the peer's + {TOLERANCE}": rmse <= peer_rmse + TOLERANCE,
        f"correlation at least the peer's - {TOLERANCE}": (
            correlation >= peer_correlation - TOLERANCE
        ),
    } | against_published(figures)


def against_published(figures: Mapping[str, float]) -> dict[str, bool]:
    """Return whether forecasts are none worse than those at the published estimates.

    A posterior forecasts the mean over its draws, which is not the forecast at the maximum of
    the likelihood: the totals of the two are compared in posterior sds of the total.
    """
    shown = {
        f"total {total:,} at the {name}": (
            round(figures[f"total_repeat_purchases_{NAMES[name]}"]) == total
        )
        for name, total in PUBLISHED_TOTAL.items()
    }
    pairs = {OURS: PLUG_IN, OURS_PARETO: PLUG_IN_PARETO}
    for name, plug_in in pairs.items():
        rmse, total, log_score = (
            [figures[f"{column}_repeat_purchases_{NAMES[who]}"] for who in (name, plug_in)]
            for column in ("rmse", "total", "log_score")
        )
        printed, sd = PUBLISHED_RMSE[name], figures[f"sd_of_total_{NAMES[name]}"]
        shown[f"{name}: RMSE at most the published {printed}"] = rmse[0] <= printed + PRINTED
        shown[f"{name}: total within {SHARE_OF_SD} posterior sd of that at the {plug_in}"] = (
            abs(total[0] - total[1]) <= SHARE_OF_SD * sd
        )
        shown[f"{name}: log score at least that at the {plug_in} - {LOG_SCORE_TOLERANCE}"] = (
            log_score[0] >= log_score[1] - LOG_SCORE_TOLERANCE
        )
    ours, peer = (figures[f"log_score_repeat_purchases_{who}"] for who in ("ours", "peer"))
    shown[f"log score at least the peer's - {LOG_SCORE_TOLERANCE}"] = (
        ours >= peer - LOG_SCORE_TOLERANCE
    )
    return shown


if __name__ == "__main__":
    sys.exit(main())
