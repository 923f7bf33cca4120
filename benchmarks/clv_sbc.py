"""Simulation-based calibration of every model under every pooling.

Parameters are drawn from the default prior, data from the parameters, and the posterior is
found: the ranks of the parameters, and of the log-likelihood of the data, among its draws
are uniform if it is right. Chi-square in 20 bins per quantity, corrected for their number,
and the simultaneous band of cumulative ranks.

    uv run --group bench python benchmarks/clv_sbc.py [--check] [--markdown PAGE]

`--models bg_nbd --fits 40` for a taste; `--method nuts` for the sampler in place of Laplace.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _report import report
from _workers import workers
from scipy import stats

from omniltv.models import Sampling
from omniltv.models.posterior.pooling import PoolingKind
from omniltv.models.processes.built_in import PURCHASE_MODELS, SPEND_MODELS
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.testing.calibration import Calibration, band, simulation_based_calibration

EVERY: tuple[PurchaseModel | SpendModel, ...] = (*PURCHASE_MODELS, *SPEND_MODELS)
MODELS = {model.name: model for model in EVERY}
LEAST = 0.01


def main() -> int:
    """Run the benchmark and return its exit code."""
    options = arguments()
    start = time.perf_counter()
    found = measure(options)
    frame = pd.concat([item.to_frame() for item in found], ignore_index=True)
    table = summary(found, frame)
    seconds = round(time.perf_counter() - start)
    if options.markdown:
        image = options.markdown.with_name(f"calibration_{options.method}.png")
        draw(found, image)
        said = f"![Cumulative ranks less the uniform's]({image.name})"
        parts = {f"sbc {options.method}": _markdown.table(table), f"{options.method}": said}
        _markdown.fill(options.markdown, parts)
    return report(
        "clv_sbc",
        table,
        figures=figures(frame) | {"seconds": seconds},
        targets=targets(frame),
        check=options.check,
    )


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description="Simulation-based calibration.")
    add = parser.add_argument
    add("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    add("--poolings", nargs="+", default=list(PoolingKind), type=PoolingKind)
    add("--fits", type=int, default=200)
    add("--customers", type=int, default=60, help="of each of three groups")
    add("--draws", type=int, default=500, help="of each posterior, before thinning to 99")
    add("--seed", type=int, default=1)
    add("--method", default="laplace", choices=["laplace", "nuts"])
    add("--markdown", type=Path, help="page to fill in; the plot is put beside it")
    add("--check", action="store_true", help="exit 1 where a target is missed")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> list[Calibration]:
    """Return the ranks of each model under each pooling."""
    found = []
    with workers() as pool:
        for name in options.models:
            for kind in options.poolings:
                start = time.perf_counter()
                calibration = simulation_based_calibration(
                    MODELS[name],
                    pooling=kind,
                    fits=options.fits,
                    seed=options.seed,
                    method=Sampling(options.method, options.draws, warmup=300, chains=1),
                    customers=options.customers,
                    run=pool.map,
                )
                found.append(calibration)
                said = f"p {calibration.p_value():.3f}, {calibration.handed_over} handed over"
                taken = f"{time.perf_counter() - start:.0f} s"
                print(f"{name} {kind}: {said}, {taken}", file=sys.stderr, flush=True)
    return found


def summary(found: Sequence[Calibration], frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row per model and pooling: its p-values, and how many left their band."""
    rows = []
    for item in found:
        own = frame[(frame["model"] == item.model) & (frame["pooling"] == str(item.pooling))]
        rows.append(
            {
                "model": item.model,
                "pooling": str(item.pooling),
                "fits": int(own["fits"].iloc[0]),
                "no repeats": item.without_repeats,
                "to NUTS": item.handed_over,
                "cpu s per fit": round(item.seconds, 2),
                "quantities": len(own),
                "smallest p": round(float(own["p"].min()), 4),
                "its quantity": own["quantity"].iloc[int(own["p"].argmin())],
                "p of all": round(item.p_value(), 3),
                "outside the band": int(own["outside"].sum()),
            }
        )
    return pd.DataFrame(rows)


def figures(frame: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the JSON line."""
    return {
        "quantities": len(frame),
        "smallest_p": float(frame["p"].min()),
        "smallest_p_times_quantities": float(min(1.0, frame["p"].min() * len(frame))),
        "outside_99_band": int(frame["outside"].sum()),
        "p_of_ps": float(stats.kstest(frame["p"], "uniform").pvalue),
    }


def targets(frame: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    found = figures(frame)
    allowed = stats.binom.ppf(0.99, len(frame), 0.01)
    return {
        f"smallest chi-square p, times the number of quantities, above {LEAST}": (
            found["smallest_p_times_quantities"] > LEAST
        ),
        f"no more than {allowed:.0f} of {len(frame)} quantities outside their 99 % band": (
            found["outside_99_band"] <= allowed
        ),
        f"p-values uniform (Kolmogorov-Smirnov p above {LEAST})": found["p_of_ps"] > LEAST,
    }


def draw(found: Sequence[Calibration], path: Path) -> None:
    """Draw cumulative ranks less the uniform's, a panel per model and pooling, with the band."""
    import matplotlib as mpl  # noqa: PLC0415 - only where a picture is asked for

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    names = list(dict.fromkeys(item.model for item in found))
    kinds = list(dict.fromkeys(item.pooling for item in found))
    figure, axes = plt.subplots(
        len(names), len(kinds), figsize=(9, 1.6 * len(names)), sharex=True, squeeze=False
    )
    for item in found:
        ax = axes[names.index(item.model), kinds.index(item.pooling)]
        fits = len(next(iter(item.ranks.values())))
        share = np.arange(1, 100) / 100
        lower, upper = band(fits, 0.99)
        ax.fill_between(share, lower / fits - share, upper / fits - share, color="0.85")
        for ranks in item.ranks.values():
            seen = np.cumsum(np.bincount(ranks, minlength=100))[:-1] / fits
            ax.plot(share, seen - share, linewidth=0.7)
        ax.set_title(f"{item.model}, {item.pooling}", fontsize=7)
        ax.tick_params(labelsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
