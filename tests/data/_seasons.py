"""Logs of customers who buy by a calendar: a season with its peak in December, and a sale."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv.data import PurchaseLog

START = np.datetime64("2023-01-02")
SALE = [f"2023-10-{day}" for day in (10, 11)] + [f"2024-10-{day}" for day in (10, 11)]


def intensity(n_days: int, *, flat: bool = False, sale: float = 1.0) -> NDArray[np.float64]:
    """Return the intensity of each day."""
    day = START + np.arange(n_days).astype("timedelta64[D]")
    angle = 2 * np.pi * (day - np.datetime64("2022-12-15")).astype(np.int64) / 365.25
    wave = 0.4 * np.cos(angle) + 0.15 * np.cos(2 * angle)
    season = np.ones(n_days) if flat else np.exp(wave)
    return season * np.where(np.isin(day, np.array(SALE, "datetime64[D]")), sale, 1.0)


def season_log(
    n: int, *, weeks: int, seed: int, flat: bool = False, sale: float = 1.0
) -> PurchaseLog[pd.DataFrame]:
    """Return the log of MBG/NBD customers of two channels whose clock is the calendar."""
    rng, n_days = np.random.default_rng(seed), 7 * weeks
    clock = np.cumsum(intensity(n_days, flat=flat, sale=sale))
    rows = []
    for customer in range(n):
        born, rate, leaves = rng.integers(0, n_days), rng.gamma(1.5) / 30, rng.beta(0.8, 6.0)
        day, now = int(born), clock[born]
        while day < n_days:
            rows.append((f"c{customer}", ("ec", "store")[customer % 2], day))
            now += rng.exponential(1 / rate) + (rng.random() < leaves) * 1e9
            day = int(np.searchsorted(clock, now))
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "day"])
    time = START + frame.pop("day").to_numpy().astype("timedelta64[D]")
    value = rng.gamma(4.0, 5.0, len(frame)).round(2)
    return PurchaseLog.from_frame(frame.assign(time=time, value=value))
