"""Which of three ways forecasts best how often customers will buy on each channel.

On simulated retailers: (a) the acquisition channel as the group, purchases of a customer
then split as the channel's customers split on average; (b) a row per customer and channel;
(c) purchases per customer, split by the channel mix. Each forecasts the last 26 of 78 weeks.

    uv run --group bench python benchmarks/clv_channels.py [--check] [--markdown PAGE]
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _gains import gains
from _report import report
from numpy.typing import NDArray

from omniltv.data import PurchaseLog
from omniltv.data.simulate import simulate_retailer
from omniltv.models import MbgNbd, Pooling, fit
from omniltv.models.value.channel_mix import fit_channel_mix
from omniltv.units import weeks

HOLDOUT = weeks(26)
MIX = "channel mix"
WAYS = ("acquisition channel", "customer x channel", MIX)


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Forecasts per customer and channel.")
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    worlds = [world(options.people, seed) for seed in range(1, options.seeds + 1)]
    frame = pd.DataFrame([row for rows in worlds for row in rows])
    table = frame.groupby("way", sort=False).mean(numeric_only=True).drop(columns="seed")
    table = table.round(4).reset_index()
    errors = {name: of_worlds(frame, name) for name in ("rmse", "poisson deviance")}
    ahead = gains(errors, MIX)
    if options.markdown:
        said = f"{options.seeds} worlds of {options.people:,} people each."
        parts = {"ways": _markdown.table(table), "gains": _markdown.table(ahead), "size": said}
        _markdown.fill(options.markdown, parts)
    print(ahead.to_string(index=False), "\n")
    mean = errors["rmse"].mean()
    figures = {f"rmse_{way.replace(' ', '_')}": float(mean[way]) for way in WAYS}
    wins = int((errors["rmse"].idxmin(axis=1) == MIX).sum())
    return report(
        "clv_channels",
        table,
        figures=figures | {"worlds": options.seeds, "mix_best_in": wins},
        targets={"the channel mix has the smallest error": mean.idxmin() == MIX},
        check=options.check,
    )


def of_worlds(frame: pd.DataFrame, error: str) -> pd.DataFrame:
    """Return an error with a row per world and a column per way."""
    return frame.pivot_table(index="seed", columns="way", values=error)


def world(people: int, seed: int) -> list[dict[str, object]]:
    """Return a row per way: its errors on one simulated retailer."""
    retailer = simulate_retailer(people, seed=seed)
    owner = retailer.truth.transactions.rename(columns={"person_id": "customer_id"})
    bought = retailer.transactions.merge(owner, on="transaction_id")
    log = PurchaseLog.from_frame(
        bought[["customer_id", "channel", "time", "value", "transaction_id", "refund_of"]],
        timezone="Asia/Tokyo",
    )
    at = pd.Timestamp(log.time.max()).floor("D") - pd.DateOffset(weeks=int(HOLDOUT.amount))
    split = log.split(at=at, unit="week", by="acquisition_channel")
    ids = split.calibration.customer_id
    actual = holdout(log, at, ids)
    forecasts = by_way(log, at, ids, seed)
    return [{"way": way, "seed": seed, **errors(forecasts[way], actual)} for way in WAYS]


def by_way(
    log: PurchaseLog[pd.DataFrame],
    at: pd.Timestamp,
    ids: NDArray[np.object_],
    seed: int,
) -> Mapping[str, NDArray[np.float64]]:
    """Return expected purchases of shape (n_customers, n_channels) by each way."""
    grouped = log.history(unit="week", by="acquisition_channel", end=at)
    whole = fit(
        MbgNbd(), grouped, seed=seed, method="laplace",
        pooling=Pooling.partial("acquisition_channel"),
    )  # fmt: skip
    expected = whole.expected_purchases(grouped, HOLDOUT)
    frame = log.to_frame()
    past = PurchaseLog.from_frame(frame[frame["time"].dt.floor("D") <= at])
    mix = fit_channel_mix(past, seed=seed, progress=False)
    parts = mix.split(expected, past, ids)
    mixed = np.stack([parts[name].mean() for name in log.channels], axis=1)
    label = grouped.groups["acquisition_channel"]
    average = np.empty_like(mixed)
    for group in np.unique(label):
        own = label == group
        later = np.stack([grouped.counts[name][own] for name in log.channels], axis=1)
        later = later - (np.array(log.channels) == group)
        average[own] = expected.mean()[own, None] * later.sum(axis=0) / later.sum()
    rows = log.history(unit="week", by="channel", end=at)
    apart = fit(
        MbgNbd(), rows, seed=seed, method="laplace", pooling=Pooling.partial("channel")
    ).expected_purchases(rows, HOLDOUT).mean()  # fmt: skip
    per_row = np.zeros_like(mixed)
    place = pd.Index(ids).get_indexer(pd.Index(rows.customer_id))
    channel = np.searchsorted(log.channels, rows.groups["channel"])
    np.add.at(per_row, (place, channel), apart)
    return dict(zip(WAYS, (average, per_row, mixed), strict=True))


def holdout(
    log: PurchaseLog[pd.DataFrame], at: pd.Timestamp, ids: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Return days with a purchase after the split, of shape (n_customers, n_channels)."""
    frame = log.to_frame()
    later = frame[frame["time"].dt.floor("D") > at]
    days = later.assign(day=later["time"].dt.floor("D")).drop_duplicates(
        ["customer_id", "channel", "day"]
    )
    counts = pd.crosstab(days["customer_id"], days["channel"])
    counts = counts.reindex(index=list(ids), columns=list(log.channels), fill_value=0)
    return counts.to_numpy(dtype=np.float64)


def errors(forecast: NDArray[np.float64], actual: NDArray[np.float64]) -> dict[str, float]:
    """Return errors per customer and channel, and of the totals of the channels."""
    poisson = forecast - actual * np.log(np.maximum(forecast, 1e-6))
    totals = forecast.sum(axis=0) / actual.sum(axis=0) - 1
    return {
        "rmse": float(np.sqrt(np.mean((forecast - actual) ** 2))),
        "poisson deviance": float(poisson.mean()),
        "correlation": float(np.corrcoef(forecast.ravel(), actual.ravel())[0, 1]),
        "worst total off": float(np.abs(totals).max()),
    }


if __name__ == "__main__":
    sys.exit(main())
