"""Forecasts of monthly totals by exponential smoothing with a damped trend and a season."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from statsmodels.tsa.holtwinters import ExponentialSmoothing


def main() -> None:
    """Read series of totals, write the forecast of each."""
    source, target = map(Path, sys.argv[1:])
    given = json.loads(source.read_text("utf-8"))
    warnings.simplefilter("ignore")
    found = []
    for series in given["series"]:
        model = ExponentialSmoothing(
            np.array(series) + 0.5,
            trend="add",
            damped_trend=True,
            seasonal="mul",
            seasonal_periods=12,
            initialization_method="estimated",
        )
        found.append((model.fit().forecast(given["ahead"]) - 0.5).tolist())
    target.write_text(json.dumps({"forecasts": found}), "utf-8")


if __name__ == "__main__":
    main()
