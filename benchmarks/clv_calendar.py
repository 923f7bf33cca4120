"""Calendar time: monthly totals of a simulated season, and the weeks 40 to 78 of CDNOW.

Customers of MBG/NBD buy on a clock with a season of months and a trend. Forecasts of the twelve
months after two and a half years are compared with what happened: with calendar time, without, by
pymc-marketing's MBG/NBD, by exponential smoothing (ETS) of the monthly totals of the same
customers, and by both together: the total of pymc-marketing with the months of ETS. For CDNOW, the
forecast of 39 weeks is made after 39 weeks.

    uv run --group bench python benchmarks/clv_calendar.py [--check] [--markdown PAGE]
"""

import argparse
import sys
import warnings
from pathlib import Path

import _markdown
import _peers
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.data import CalendarTime, PurchaseLog, load_cdnow
from omniltv.errors import FitWarning
from omniltv.models import BgNbd, MbgNbd, fit
from omniltv.models.checks import coverage, holdout_log_score
from omniltv.units import days

START = np.datetime64("2022-01-01")
PAST, AHEAD = 30, 12  # months
MONTHS = np.array([0.7, 0.7, 0.9, 1.0, 1.0, 0.9, 1.1, 0.8, 0.9, 1.0, 1.2, 1.8])
TREND = 0.9
"""Factor of the intensity per year."""


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Forecasts with a season.")
    parser.add_argument("--customers", type=int, default=3_000)
    parser.add_argument("--worlds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FitWarning)
    seeds = range(options.seed, options.seed + options.worlds)
    season = pd.DataFrame([row for seed in seeds for row in monthly(options.customers, seed)])
    table = season.groupby("forecast", sort=False)[["rmse", "bias"]].mean().round(3).reset_index()
    music = pd.DataFrame(cdnow(options.seed))
    targets = judge(table, music)
    if options.markdown:
        said = f"{options.worlds} worlds of {options.customers:,} customers."
        of_season = f"{said}\n\n{_markdown.table(table)}"
        _markdown.fill(
            options.markdown,
            {
                "season": of_season,
                "cdnow": _markdown.table(music),
                "targets": _markdown.targets(targets),
            },
        )
    print(music.to_string(index=False), "\n")
    return report(
        "clv_calendar",
        table,
        figures={"customers": options.customers, "worlds": options.worlds},
        targets=targets,
        check=options.check,
    )


def judge(table: pd.DataFrame, music: pd.DataFrame) -> dict[str, bool]:
    """Return whether calendar time is better where there is a season, and harmless on CDNOW."""
    rmse = table.set_index("forecast")["rmse"]
    with_it, without = music.set_index("calendar time").loc[["yes", "no"]].to_dict("records")
    return {
        "the error of months is less than half of that without calendar time": bool(
            rmse["calendar time"] < 0.5 * rmse["no calendar time"]
        ),
        **{
            f"the error of months is less than that of {name}": bool(
                rmse["calendar time"] < rmse[name]
            )
            for name in ("pymc-marketing", "ETS", "pymc-marketing and ETS")
        },
        "CDNOW: the total is within the 90 % interval": bool(with_it["inside"]),
        "CDNOW: the log score is at most 5 below that without": bool(
            with_it["log score"] > without["log score"] - 5
        ),
    }


def monthly(customers: int, seed: int) -> list[dict[str, object]]:
    """Return the relative error of monthly purchases of each forecast in one world."""
    print(f"world {seed}", file=sys.stderr, flush=True)
    frame, borders = simulated(customers, seed)
    log, at = PurchaseLog.from_frame(frame), borders[PAST] - np.timedelta64(1, "D")
    month = frame["time"].to_numpy().astype("datetime64[M]").astype(np.int64)
    month -= START.astype("datetime64[M]").astype(np.int64)
    again = frame.duplicated("customer_id").to_numpy()
    totals = np.bincount(month[again], minlength=PAST + AHEAD)
    calendar = log.calendar_time(end=str(at), seed=seed)
    smooth, peer = smoothed(totals[:PAST]), by_peer(log, at, borders)
    forecasts = {
        "calendar time": forecast(log, at, borders, calendar, seed),
        "no calendar time": forecast(log, at, borders, None, seed),
        "pymc-marketing": peer,
        "ETS": smooth,
        "pymc-marketing and ETS": peer.sum() * smooth / smooth.sum(),
    }
    actual = totals[PAST:]
    return [
        {
            "forecast": name,
            "rmse": np.sqrt(np.mean((found - actual) ** 2)) / actual.mean(),
            "bias": found.sum() / actual.sum() - 1,
        }
        for name, found in forecasts.items()
    ]


def smoothed(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the months ahead by exponential smoothing of earlier months."""
    given = {"series": [totals.tolist()], "ahead": AHEAD}
    found = _peers.run("statsmodels", "statsmodels_ets.py", given)
    return np.asarray(found["forecasts"], dtype=np.float64).reshape(-1)


def by_peer(
    log: PurchaseLog[object], at: np.datetime64, borders: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Return the expected purchases of each month after a day by pymc-marketing."""
    history = log.history(unit="week", end=str(at))
    columns = {
        "customer_id": np.arange(len(history)),
        "frequency": history.frequency,
        "recency": history.recency,
        "T": history.T,
    }
    given = {
        "purchases": {name: values.tolist() for name, values in columns.items()},
        "ends": (lengths(borders) / 7).tolist(),
    }
    found = _peers.run("pymc-marketing", "pymc_marketing_months.py", given)
    return np.diff(np.array(found["until"], dtype=np.float64), prepend=0.0)


def lengths(borders: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the days from the end of observation to the end of each month ahead."""
    return np.asarray((borders[PAST + 1 :] - borders[PAST]).astype(np.int64))


def forecast(
    log: PurchaseLog[object],
    at: np.datetime64,
    borders: NDArray[np.datetime64],
    calendar: CalendarTime | None,
    seed: int,
) -> NDArray[np.float64]:
    """Return the expected purchases of each month after a day."""
    history = log.history(unit="week", end=str(at), calendar=calendar)
    found = fit(MbgNbd(), history, seed=seed, method="laplace", progress=False)
    sums = [
        found.expected_purchases(history, days(int(n))).total().mean()[0] for n in lengths(borders)
    ]
    return np.diff(sums, prepend=0.0)


def simulated(customers: int, seed: int) -> tuple[pd.DataFrame, NDArray[np.datetime64]]:
    """Return purchases of customers who come within the first year, and first days of months."""
    rng = np.random.default_rng(seed)
    months = START.astype("datetime64[M]") + np.arange(PAST + AHEAD + 1)
    borders = months.astype("datetime64[D]")
    day = np.arange(borders[0], borders[-1])
    place = day.astype("datetime64[M]").astype(np.int64) % 12
    clock = np.cumsum(MONTHS[place] * TREND ** (np.arange(len(day)) / 365.25))
    rows = []
    for customer in range(customers):
        now = float(np.interp(rng.uniform(0, 365), np.arange(len(day)), clock))
        rate, leaves = rng.gamma(1.2) / 40, rng.beta(0.8, 8.0)
        while now < clock[-1]:
            rows.append((customer, day[np.searchsorted(clock, now)]))
            now += rng.exponential(1 / rate) + (rng.random() < leaves) * 1e9
    frame = pd.DataFrame(rows, columns=["customer_id", "time"]).drop_duplicates()
    frame = frame.sort_values("time", kind="stable", ignore_index=True)
    return frame.assign(channel="ec", value=1.0), borders


def cdnow(seed: int) -> list[dict[str, object]]:
    """Return total, interval and log score of weeks 40 to 78, with calendar time and without."""
    log = PurchaseLog.from_frame(load_cdnow().drop(columns="items"))
    at, rows = "1997-09-30", []
    for name, calendar in (("yes", log.calendar_time(end=at, seed=seed)), ("no", None)):
        split = log.split(at=at, unit="week", calendar=calendar)
        found = fit(BgNbd(), split.calibration, seed=seed, method="laplace", progress=False)
        total = coverage(found, split, seed=seed).totals().to_frame().iloc[0]
        rows.append(
            {
                "calendar time": name,
                "actual": total["actual"],
                "forecast": round(total["predicted"], 1),
                "lower": total["lower"],
                "upper": total["upper"],
                "inside": bool(total["inside"]),
                "log score": round(holdout_log_score(found, split, seed=seed).total, 1),
            }
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
