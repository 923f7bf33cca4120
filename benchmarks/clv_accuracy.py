"""Are the forecasts of BG/NBD on CDNOW as good as those of the nearest peer?

On the published 1/10 sample of CDNOW (2,357 customers, calibrated on 39 weeks, time in
weeks) the likelihood and the posterior are put beside the published estimates. Then
pymc-marketing fits the same model to the same x, t_x and T with NUTS at its own
defaults, and both forecast each customer's repeat purchases in the next 39 weeks. Its
Pareto/NBD is there, too, by its default, which is the mode without a posterior.

The error is the root mean square, not the mean absolute error: that one is smallest at
the median, which is 0 here, so a forecast of zero for everybody does well by it. The log
score is the sum over customers of the log probability of what they really bought, averaged
over posterior draws: the peer's draws are scored by the same formula as ours, and published
estimates as a posterior of one draw.

Our other models stand beside BG/NBD, and `compare` names the best by the calibration alone.

    uv run --group bench python benchmarks/clv_accuracy.py [--check] [--markdown PAGE]
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import _markdown
import _peers
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.data import CalibrationHoldout, PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.models import (
    BgNbd,
    CnbdK,
    Diagnostics,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    Pooling,
    PosteriorDraws,
    PurchaseFit,
    SpendFit,
    fit,
)
from omniltv.models.checks import compare, holdout_log_score
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState
from omniltv.testing.reference import (
    BG_NBD_CDNOW,
    GAMMA_GAMMA_CDNOW,
    PARETO_NBD_CDNOW,
    Published,
)
from omniltv.units import Span, TimeUnit

SPLIT = "1997-09-30"
WITHIN = 2.0  # posterior standard deviations
TOLERANCE = 0.002  # for Monte-Carlo error, which is about 0.0001 between seeds
WITHIN_SPEND = 1.0  # the same for gamma-gamma, whose default prior must not move it
LOG_SCORE_TOLERANCE = 1.0  # of the sum over customers, for Monte-Carlo error
OURS, PEER = "omniltv", "pymc-marketing"
OURS_PARETO, PEER_PARETO = f"{OURS}, pareto_nbd", f"{PEER}, pareto_nbd"
PLUG_IN, PLUG_IN_PARETO = "published estimates", "published estimates, pareto_nbd"
RIVALS = {PEER: OURS, PLUG_IN: OURS, PEER_PARETO: OURS_PARETO, PLUG_IN_PARETO: OURS_PARETO}
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
DRAWS_SCORED = 200
AS_GOOD = 0.16  # share of draws above one standard deviation over their mean
DIGITS = {"rmse": 4, "mae": 4, "correlation": 4, "total": 0, "actual total": 0} | dict.fromkeys(
    ("log score", "over ours", "± over ours"), 1
)
FIGURES = {
    "rmse": "rmse",
    "correlation": "correlation",
    "total": "total",
    "log score": "log_score",
    "over ours": "log_score_over_ours",
    "± over ours": "error_over_ours",
}
NAMES = {
    OURS: "ours",
    "omniltv, mbg_nbd": "ours_mbg_nbd",
    OURS_PARETO: "ours_pareto_nbd",
    "omniltv, mbg_cnbd_2": "ours_mbg_cnbd_2",
    PEER: "peer",
    PEER_PARETO: "peer_pareto_nbd",
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
        draws: Draws of each chain after warm-up.
        chains: Chains.
        ess: Smallest bulk effective sample size.
        rhat: Largest R-hat.
        divergences: Divergent transitions.
    """

    mean: Mapping[str, float]
    sd: Mapping[str, float]
    expected: list[float]
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
        fits: Posteriors of purchases, by whose it is: ours of each model, the peer's draws
            and published estimates.
        expected: Forecast purchases of each customer, in the same way; the peer forecasts by
            its own functions.
        seed: Of the draws.
        versions: Of the peer and what it stands on.
    """

    parts: CalibrationHoldout
    loglik: float
    purchases: Mapping[str, Side]
    spend: Mapping[str, Side]
    fits: Mapping[str, PurchaseFit]
    expected: Mapping[str, NDArray[np.float64]]
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
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    found = measure(options.seed)
    scores = pd.DataFrame(forecasts(found))
    figures = headline(found, scores)
    said, tables = sentences(found, figures), shown(found, scores)
    if options.markdown:
        parts = {name: _markdown.table(table) for name, table in tables.items()}
        _markdown.fill(options.markdown, parts | said)
    print(*said.values(), *(table.to_string(index=False) for table in tables.values()), sep="\n\n")
    met = targets(figures)
    return report("clv_accuracy", scores, figures=figures, targets=met, check=options.check)


def shown(found: Outcome, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables of the page."""
    compared = compare({name: found.fits[name] for name in MODELS}, found.parts, seed=found.seed)
    scored = {
        name: own.drop(columns="forecast").dropna(axis="columns", how="all").round(DIGITS)
        for name, own in scores.groupby("forecast", sort=False)
    }
    return {
        "estimates": pd.DataFrame(estimates(found)),
        "samplers": pd.DataFrame(samplers(found)),
        "purchases": scored["repeat purchases"],
        "value": scored["value per purchase"],
        "compared": compared.to_frame().round(3),
    }


def sentences(found: Outcome, figures: Mapping[str, float]) -> dict[str, str]:
    """Return what the page says of a run."""
    versions = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    likelihood = f"Our log-likelihood at the published BG/NBD estimates is {found.loglik:,.2f}"
    share, sd = (figures[f"{name}_pareto_nbd"] for name in ("draws_as_good", "sd_of_log_score"))
    return {
        "peer": f"The peer is {versions}. The seed is {found.seed}.",
        "draws": (
            f"Of {DRAWS_SCORED} draws of our posterior of Pareto/NBD, scored one by one, "
            f"{share:.0%} score at least as\nwell as the peer's mode. The standard deviation of "
            f"their log scores is {sd:.1f}."
        ),
        "likelihood": f"{likelihood}; published: {BG_NBD_CDNOW.loglik:,}.",
    }


def measure(seed: int) -> Outcome:
    """Fit and forecast with both libraries, one after the other."""
    parts = PurchaseLog.from_frame(load_cdnow()).split(at=SPLIT, unit="week")
    history, horizon = parts.calibration, parts.holdout_span
    repeat = history.take(history.frequency > 0)
    print(f"{OURS}: fitting", file=sys.stderr, flush=True)
    fits = {name: fit(model, history, seed=seed, progress=False) for name, model in MODELS.items()}
    spent = fit(GammaGamma(), history, seed=seed, progress=False)
    print(f"{PEER}: fitting", file=sys.stderr, flush=True)
    theirs = peer(history, repeat, horizon, seed)
    fits |= {
        PEER: posterior_of(BgNbd(), theirs["purchases"]["posterior"]),
        PEER_PARETO: posterior_of(ParetoNbd(), theirs["purchases, pareto_nbd"]["posterior"]),
        PLUG_IN: posterior_of(BgNbd(), BG_NBD_CDNOW.parameters),
        PLUG_IN_PARETO: posterior_of(ParetoNbd(), PARETO_NBD_CDNOW.parameters),
    }
    expected = {
        name: bought.expected_purchases(history, horizon).mean() for name, bought in fits.items()
    }
    for name, key in ((PEER, "purchases"), (PEER_PARETO, "purchases, pareto_nbd")):
        expected[name] = np.asarray(theirs[key]["expected"], dtype=np.float64)
    purchases = {OURS: side_of(fits[OURS], expected[OURS]), PEER: cast("Side", theirs["purchases"])}
    spend = {
        OURS: side_of(spent, spent.expected_value(repeat).mean()),
        PEER: cast("Side", theirs["spend"]),
    }
    versions = theirs["versions"]
    return Outcome(parts, published_loglik(parts), purchases, spend, fits, expected, seed, versions)


def peer(
    history: PurchaseHistory, repeat: PurchaseHistory, horizon: Span, seed: int
) -> Mapping[str, Mapping[str, Any]]:
    """Return what pymc-marketing makes of the same histories."""
    columns = history.to_frame()[["customer_id", "frequency", "recency", "T"]]
    values = repeat.to_frame()[["customer_id", "frequency", "monetary_value"]]
    given = {
        "seed": seed,
        "horizon": horizon.to(history.unit),
        "purchases": columns.to_dict("list"),
        "spend": values.to_dict("list"),
    }
    found = _peers.run(PEER, "pymc_marketing_clv.py", given)
    return cast("Mapping[str, Mapping[str, Any]]", found)


def side_of(posterior: PurchaseFit | SpendFit, expected: NDArray[np.float64]) -> Side:
    """Return what our library makes of a model."""
    diagnostics = posterior.diagnostics
    chains, draws = posterior.draws.coordinates.shape[:2]
    return Side(
        mean={name: float(values.mean()) for name, values in posterior.parameters.items()},
        sd={name: float(values.std()) for name, values in posterior.parameters.items()},
        expected=expected.tolist(),
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
    draws = PosteriorDraws(names, ("",), theta)
    return PurchaseFit(model, Pooling.complete(), draws, Diagnostics.of_mode(0.0), TimeUnit.WEEK)


def sampled_from(given: Parameters) -> Parameters:
    """Return the coordinates of BG/NBD or Pareto/NBD from what they report."""
    sampled = {"log_rate": np.log(given["r"] / given["alpha"]), "log_shape": np.log(given["r"])}
    if "s" in given:
        dropout = np.log(given["s"] / given["beta"])
        return sampled | {"log_dropout": dropout, "log_dropout_shape": np.log(given["s"])}
    a, b = given["a"], given["b"]
    return sampled | {"logit_dropout": np.log(a / b), "log_concentration": np.log(a + b)}


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
    for model, published, sides in (
        ("bg_nbd", BG_NBD_CDNOW, found.purchases),
        ("gamma_gamma", GAMMA_GAMMA_CDNOW, found.spend),
    ):
        for name, value in published.parameters.items():
            row: dict[str, object] = {"model": model, "parameter": name, "published": value}
            for library, side in sides.items():
                mean, sd = side["mean"][name], side["sd"][name]
                row[library] = f"{mean:.3f} ± {sd:.3f} ({(mean - value) / sd:+.2f} sd)"
            rows.append(row)
    return rows


def samplers(found: Outcome) -> list[dict[str, object]]:
    """Return a row per model and library: what the sampler did."""
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
        for model, sides in (("bg_nbd", found.purchases), ("gamma_gamma", found.spend))
        for library, side in sides.items()
    ]


def forecasts(found: Outcome) -> list[dict[str, object]]:
    """Return a row per forecast: its errors against what customers really did."""
    parts = found.parts
    expected = {**found.expected, "all zeros": np.zeros(len(parts.calibration))}
    bought = parts.holdout_frequency
    log_scores = log_scores_of(found)
    rows = [
        score("repeat purchases", name, values, bought) | log_scores.get(name, {})
        for name, values in expected.items()
    ]
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


def log_scores_of(found: Outcome) -> dict[str, dict[str, object]]:
    """Return the log score of each fit, and by how much a rival's is over ours of the same model.

    With the standard error of that difference, over other customers of the same kind.
    """
    values = {
        name: holdout_log_score(posterior, found.parts, seed=found.seed).values
        for name, posterior in found.fits.items()
    }
    scored: dict[str, dict[str, object]] = {
        name: {"log score": float(own.sum())} for name, own in values.items()
    }
    for rival, ours in RIVALS.items():
        over = values[rival] - values[ours]
        error = float(np.sqrt(len(over)) * over.std(ddof=1))
        scored[rival] |= {"over ours": float(over.sum()), "± over ours": error}
    return scored


def as_good(found: Outcome, ours: str, rival: str) -> tuple[float, float]:
    """Return the share of our draws that score no worse than a rival, and their scores' sd.

    The standard error of a difference over customers takes the estimates as they are; this
    is what not knowing them exactly makes of a log score.
    """
    posterior = found.fits[ours]
    drawn = {name: np.ravel(values) for name, values in posterior.parameters.items()}
    picked = np.linspace(0, posterior.n_draws - 1, DRAWS_SCORED).astype(np.intp)
    single = [{name: [float(values[at])] for name, values in drawn.items()} for at in picked]
    scores = np.array([log_score(found, posterior_of(posterior.model, one)) for one in single])
    return float(np.mean(scores >= log_score(found, found.fits[rival]))), float(scores.std(ddof=1))


def log_score(found: Outcome, posterior: PurchaseFit) -> float:
    """Return the log score of a fit, summed over customers."""
    return float(holdout_log_score(posterior, found.parts, seed=found.seed).values.sum())


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
    share, sd = as_good(found, OURS_PARETO, PEER_PARETO)
    figures |= {"draws_as_good_pareto_nbd": share, "sd_of_log_score_pareto_nbd": sd}
    for name in (OURS, OURS_PARETO):
        total = found.fits[name].expected_purchases(
            found.parts.calibration, found.parts.holdout_span
        )
        figures[f"sd_of_total_{NAMES[name]}"] = round(float(total.total().values.std()), 2)
    return figures | score_figures(scores)


def score_figures(scores: pd.DataFrame) -> dict[str, float]:
    """Return error, correlation and total of each forecast, where there are such."""
    return {
        f"{name}_{row['forecast'].replace(' ', '_')}_{NAMES[row['by']]}": round(row[column], 5)
        for row in scores.to_dict("records")
        for column, name in FIGURES.items()
        if row["by"] in NAMES and np.isfinite(row[column])
    }


def targets(figures: Mapping[str, float]) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    published = BG_NBD_CDNOW.loglik
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
        **against_peer(figures, OURS, PEER),
        **against_peer(figures, OURS_PARETO, PEER_PARETO),
        "log score none worse than the peer's": none_worse(figures, PEER),
        f"at least {AS_GOOD:.0%} of our draws of Pareto/NBD score no worse than the peer's": (
            figures["draws_as_good_pareto_nbd"] >= AS_GOOD
        ),
        **against_published(figures),
    }


def against_peer(figures: Mapping[str, float], name: str, peer: str) -> dict[str, bool]:
    """Return whether forecasts are none worse than the peer's by the same model."""
    rmse, correlation = (
        [figures[f"{column}_repeat_purchases_{NAMES[who]}"] for who in (name, peer)]
        for column in ("rmse", "correlation")
    )
    return {
        f"{name}: RMSE at most the peer's + {TOLERANCE}": rmse[0] <= rmse[1] + TOLERANCE,
        f"{name}: correlation at least the peer's - {TOLERANCE}": (
            correlation[0] >= correlation[1] - TOLERANCE
        ),
    }


def none_worse(figures: Mapping[str, float], rival: str) -> bool:
    """Return whether a rival's log score is over ours by no more than chance explains."""
    over, error = (
        figures[f"{name}_repeat_purchases_{NAMES[rival]}"]
        for name in ("log_score_over_ours", "error_over_ours")
    )
    return over <= max(LOG_SCORE_TOLERANCE, 2 * error)


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
        rmse, total = (
            [figures[f"{column}_repeat_purchases_{NAMES[who]}"] for who in (name, plug_in)]
            for column in ("rmse", "total")
        )
        printed, sd = PUBLISHED_RMSE[name], figures[f"sd_of_total_{NAMES[name]}"]
        shown[f"{name}: RMSE at most the published {printed}"] = rmse[0] <= printed + PRINTED
        shown[f"{name}: total within {SHARE_OF_SD} posterior sd of that at the {plug_in}"] = (
            abs(total[0] - total[1]) <= SHARE_OF_SD * sd
        )
        shown[f"{name}: log score none worse than at the {plug_in}"] = none_worse(figures, plug_in)
    return shown


if __name__ == "__main__":
    sys.exit(main())
