"""Simulation-based calibration of every model under every pooling.

Parameters are drawn from the default prior, data from the parameters, and the posterior is
found: the ranks of the parameters among its draws are uniform if it is right. Run it as
`uv run benchmarks/clv_sbc.py --check`; `--models bg_nbd --fits 40` for a taste.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from _report import report
from scipy import stats

from omniltv.draws import cores
from omniltv.models.built_in import PURCHASE_MODELS, SPEND_MODELS
from omniltv.models.fitting import METHODS
from omniltv.models.pooling import PoolingKind
from omniltv.models.protocols import PurchaseModel, SpendModel
from omniltv.testing.calibration import Calibration, band, simulation_based_calibration

EVERY: tuple[PurchaseModel | SpendModel, ...] = (*PURCHASE_MODELS, *SPEND_MODELS)
MODELS = {model.name: model for model in EVERY}
LEAST = 0.01


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Simulation-based calibration.")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--poolings", nargs="+", default=list(PoolingKind), type=PoolingKind)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--customers", type=int, default=60, help="of each of three groups")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--method", default="laplace", choices=METHODS)
    parser.add_argument("--plot", type=Path, help="where to write the picture")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    found, seconds = [], {}
    with ProcessPoolExecutor(
        cores(), mp_context=get_context("spawn"), initializer=alone, initargs=(cores(),)
    ) as pool:
        for name in options.models:
            for kind in options.poolings:
                start = time.perf_counter()
                calibration = simulation_based_calibration(
                    MODELS[name],
                    pooling=kind,
                    fits=options.fits,
                    seed=options.seed,
                    method=options.method,
                    customers=options.customers,
                    run=pool.map,
                )
                found.append(calibration)
                seconds[name, kind] = time.perf_counter() - start
                over = f"{calibration.handed_over} of {options.fits} handed over"
                taken = f"{seconds[name, kind]:.0f} s"
                print(f"{name} {kind}: {over}, {taken}", file=sys.stderr, flush=True)
    frame = pd.concat([item.to_frame() for item in found], ignore_index=True)
    if options.plot:
        draw(found, options.plot)
    return report(
        "clv_sbc",
        summary(found, frame).round(4),
        figures=figures(frame),
        targets=targets(frame),
        check=options.check,
    )


def alone(processes: int) -> None:
    """Give a worker a core of its own: fits would otherwise use all."""
    if hasattr(os, "sched_setaffinity"):
        every = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {every[os.getpid() % processes % len(every)]})


def summary(found: Sequence[Calibration], frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row per model and pooling: its smallest p-value, and what left its band."""
    rows = []
    for item in found:
        own = frame[(frame["model"] == item.model) & (frame["pooling"] == str(item.pooling))]
        rows.append(
            {
                "model": item.model,
                "pooling": str(item.pooling),
                "fits": int(own["fits"].iloc[0]),
                "handed to NUTS": item.handed_over,
                "quantities": len(own),
                "smallest p": own["p"].min(),
                "its quantity": own["quantity"].iloc[int(own["p"].argmin())],
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
