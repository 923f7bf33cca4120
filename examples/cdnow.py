"""The value step on the real CDNOW purchases: fit on 39 weeks, forecast the next 39.

    uv run examples/cdnow.py

The file is taken from the folder that OMNILTV_DATA names, or downloaded once.
"""

import sys

import numpy as np

import omniltv as ltv
from omniltv.data import load_cdnow
from omniltv.models import BgNbd
from omniltv.testing.reference import BG_NBD_CDNOW

SEED = 1997


def main() -> None:
    """Fit, forecast, and put the forecast beside what happened."""
    log = ltv.PurchaseLog.from_frame(load_cdnow())
    parts = log.split(at="1997-09-30", unit="week")
    history = parts.calibration
    print(f"{log}\n{history}; {len(history.distinct().count):,} distinct states")

    live = sys.stderr.isatty()
    print("fitting BG/NBD and Gamma-Gamma …", flush=True)
    bought = ltv.fit(BgNbd(), history, seed=SEED, progress=live)
    spent = ltv.fit(ltv.GammaGamma(), history, seed=SEED, progress=live)
    print(f"{bought.diagnostics}\n{spent.diagnostics}\n")
    print(bought.summary().to_string(index=False, float_format="{:.3f}".format))
    print(f"published: {dict(BG_NBD_CDNOW.parameters)} ({BG_NBD_CDNOW.source})\n")

    expected = bought.expected_purchases(history, parts.holdout_span)
    actual = parts.holdout_frequency
    low, high = expected.total().interval(0.9)[0]
    print(f"repeat purchases in {parts.holdout_span}: {actual.sum():,} actual,")
    print(f"{expected.mean().sum():,.0f} expected [{low:,.0f}, {high:,.0f}] (parameters only)")
    print(f"RMSE {np.sqrt(np.mean((expected.mean() - actual) ** 2)):.3f}, ", end="")
    print(f"correlation {np.corrcoef(expected.mean(), actual)[0, 1]:.3f} per customer\n")

    value = ltv.lifetime_value(
        bought,
        spent,
        history,
        horizon=parts.holdout_span,
        discount=ltv.Discount(per_year=0.10),
        seed=SEED,
    )
    below, above = value.predictive_interval(0.9).T
    inside = (parts.holdout_value >= below) & (parts.holdout_value <= above)
    print(f"spend in the holdout: 90 % intervals held it for {inside.mean():.1%} of customers")
    top = value.to_frame().nlargest(5, "value")
    print(top.to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
