"""Forecasts beside gradient boosting on recency, frequency and value.

Customers of CDNOW and of four simulated processes are forecast by MBG/NBD with gamma-gamma, and by
scikit-learn's histogram gradient boosting: Poisson loss for counts and for money, quantile loss
for intervals. Boosting learns from an earlier window of the same log: features at an earlier
date, and what followed until the end of the calibration. It is also run with our forecasts as
features.

    uv run --group bench python benchmarks/clv_boosting.py [--quick] [--check] [--markdown PAGE]
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from omniltv.data import PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.errors import DataWarning, FitWarning
from omniltv.models import GammaGamma, LifetimeValue, MbgNbd, Sampling, fit, lifetime_value
from omniltv.units import Discount, days

type Vector = NDArray[np.float64]

OURS, BOOSTING, BOTH = "omniltv", "boosting", "boosting with our forecast"
LEVELS = np.linspace(0.05, 0.95, 10)  # the ends are the 90 % interval
START = pd.Timestamp("2022-01-01")
DRAWS = Sampling("laplace", draws=250)  # of two chains: 500 futures of each customer
WEEK = pd.Timedelta(7, unit="D")
PAST, AHEAD = 104, 52  # weeks, of simulated logs


@dataclass(frozen=True)
class Case:
    """A log with the dates at which forecasts are made.

    Attributes:
        name: Its name.
        log: Columns customer_id, time and value.
        learn: The date of the features that boosting learns from.
        now: The end of the calibration.
        end: The end of the forecast.
        known: A covariate by customer; empty if there is none.
    """

    name: str
    log: pd.DataFrame
    learn: pd.Timestamp
    now: pd.Timestamp
    end: pd.Timestamp
    known: pd.Series


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a method says of each customer.

    Attributes:
        purchases: Expected purchases.
        value: Expected money.
        quantiles: Quantiles of the money at `LEVELS`, of shape (n_customers, 10).
        seconds: Processor time.
    """

    purchases: Vector
    value: Vector
    quantiles: Vector
    seconds: float


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Forecasts beside gradient boosting.")
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--quick", action="store_true", help="500 customers, two processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose table is filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FitWarning)
    warnings.simplefilter("ignore", DataWarning)
    names = list(PROCESSES)[:2] if options.quick else list(PROCESSES)
    customers = 500 if options.quick else options.customers
    cases = [cdnow(), *(simulated(name, customers, options.seed) for name in names)]
    table = pd.DataFrame([row for case in cases for row in compared(case, options.seed)])
    if options.markdown:
        _markdown.fill(options.markdown, {"forecasts": _markdown.table(table)})
    figures = {"customers": customers, "cpu_seconds": time.process_time()}
    met = targets(table)
    return report("clv_boosting", table, figures=figures, targets=met, check=options.check)


def targets(table: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown, and whether it was."""
    met = {}
    for name, rows in table.groupby("log", sort=False):
        own = rows.set_index("method")
        for what in ("rmse of count", "crps of value"):
            ours, theirs = (float(own[what].to_dict()[method]) for method in (OURS, BOOSTING))
            met[f"{name}: {what} no worse than that of boosting"] = ours <= theirs
    return met


def compared(case: Case, seed: int) -> Iterator[dict[str, object]]:
    """Yield a row for each method."""
    print(case.name, file=sys.stderr, flush=True)
    ours = by_model(case, case.now, case.end, seed)
    plain, both = boosted(case, seed, with_ours=False), boosted(case, seed, with_ours=True)
    bought, spent = truth(case.log, case.now, case.end)
    for method, found in ((OURS, ours), (BOOSTING, plain), (BOTH, both)):
        low, high = found.quantiles[:, 0], found.quantiles[:, -1]
        yield {
            "log": case.name,
            "method": method,
            "rmse of count": round(rmse(found.purchases, bought), 3),
            "count / actual": round(float(found.purchases.sum() / bought.sum()), 3),
            "rmse of value": round(rmse(found.value, spent), 2),
            "value / actual": round(float(found.value.sum() / spent.sum()), 3),
            "crps of value": round(crps(found.quantiles, spent), 3),
            "90 % holds": round(float(((low <= spent) & (spent <= high)).mean()), 3),
            "top decile": round(top_decile(found.value, spent), 3),
            "cpu s": round(found.seconds, 1),
        }


def rmse(forecast: Vector, actual: Vector) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.square(forecast - actual).mean()))


def crps(quantiles: Vector, actual: Vector) -> float:
    """Return the continuous ranked probability score: twice the mean quantile loss."""
    off = actual[:, None] - quantiles
    return float(2 * np.maximum(LEVELS * off, (LEVELS - 1) * off).mean())


def top_decile(forecast: Vector, actual: Vector) -> float:
    """Return the share of the money that the tenth with the highest forecast brings."""
    best = np.argsort(-forecast, kind="stable")[: len(forecast) // 10]
    return float(actual[best].sum() / actual.sum())


def cdnow() -> Case:
    """Return CDNOW: 39 weeks of calibration, 39 weeks ahead; boosting learns from week 13."""
    log = load_cdnow()[["customer_id", "time", "value"]]
    learn, now, end = (pd.Timestamp(day) for day in ("1997-03-31", "1997-09-30", "1998-06-30"))
    return Case("cdnow", log, learn, now, end, pd.Series(dtype=float))


def simulated(name: str, n: int, seed: int) -> Case:
    """Return a log of a process: customers of two years, forecast for a third."""
    rng = np.random.default_rng(seed)
    log, known = PROCESSES[name](n, rng)
    now = START + PAST * WEEK
    return Case(name, log, now - AHEAD * WEEK, now, now + AHEAD * WEEK, known)


def own_model(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """Purchases and dropout by MBG/NBD, spend independent of the rate: our model is true."""
    rate = rng.gamma(0.7, 1 / 8.0, n)
    return made(rng, rate=rate, dropout=rng.beta(0.8, 3.0, n)), pd.Series(dtype=float)


def regular(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """Regular gaps and Weibull lifetimes: neither the gaps nor the dropout are the model's."""
    rate, life = rng.gamma(1.0, 1 / 6.0, n), 60 * rng.weibull(0.8, n)
    return made(rng, rate=rate, life=life, shape=3), pd.Series(dtype=float)


def correlated(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """Customers who buy often spend more on each purchase, which gamma-gamma does not know."""
    z = rng.normal(size=n)
    rate, level = 0.08 * np.exp(z), 30 * np.exp(0.5 * z + 0.3 * rng.normal(size=n))
    return made(rng, rate=rate, life=rng.exponential(80, n), level=level), pd.Series(dtype=float)


def signal(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """Middle-aged customers buy five times as often: a covariate with a hump."""
    age = rng.uniform(20, 80, n)
    rate = rng.gamma(2.0, 0.5, n) * np.where(np.abs(age - 50) < 10, 0.3, 0.06)
    return made(rng, rate=rate, life=rng.exponential(80, n)), pd.Series(age, name="age")


PROCESSES: Mapping[str, Callable[[int, np.random.Generator], tuple[pd.DataFrame, pd.Series]]] = {
    "own model": own_model,
    "regular gaps": regular,
    "spend rises with rate": correlated,
    "hump in a covariate": signal,
}


def made(
    rng: np.random.Generator,
    *,
    rate: Vector,
    dropout: Vector | None = None,
    life: Vector | None = None,
    shape: int = 1,
    level: Vector | None = None,
) -> pd.DataFrame:
    """Return purchases of customers who arrive over two years, with gamma values.

    Args:
        rng: Random generator.
        rate: Purchases per week.
        dropout: Probability of leaving after each purchase.
        life: Weeks until a customer leaves.
        shape: Shape of the gamma distribution of gaps; 1 is Poisson.
        level: Mean value of a customer's purchase.
    """
    n = len(rate)
    end = np.full(n, np.inf) if life is None else life
    level = rng.gamma(4.0, 10.0, n) if level is None else level
    first = rng.uniform(0, PAST - 4, n)
    alive, at, rows = np.arange(n), np.zeros(n), []
    while len(alive):
        rows.append(np.stack([alive.astype(float), first[alive] + at[alive]]))
        stays = (
            np.ones(len(alive), bool)
            if dropout is None
            else rng.random(len(alive)) >= dropout[alive]
        )
        alive = alive[stays]
        at[alive] += rng.gamma(shape, 1 / (shape * rate[alive]))
        alive = alive[(at[alive] < end[alive]) & (first[alive] + at[alive] < PAST + AHEAD)]
    who, when = np.concatenate(rows, axis=1)
    who = who.astype(int)
    moments = START + pd.to_timedelta(np.floor(7 * when), unit="D")
    value = np.maximum(np.round(rng.gamma(3.0, level[who] / 3.0), 2), 0.01)
    return pd.DataFrame({"customer_id": who, "time": moments, "value": value})


def customers(log: pd.DataFrame, now: pd.Timestamp) -> pd.Index:
    """Return who bought until a date, in order of id."""
    return pd.Index(np.sort(log.loc[log.time <= now, "customer_id"].unique()))


def truth(log: pd.DataFrame, now: pd.Timestamp, end: pd.Timestamp) -> tuple[Vector, Vector]:
    """Return the days with a purchase, and the money, of each customer between two dates."""
    later = log[(log.time > now) & (log.time <= end)]
    of = later.groupby("customer_id")
    who = customers(log, now)
    bought = of["time"].nunique().reindex(who, fill_value=0)
    spent = of["value"].sum().reindex(who, fill_value=0.0)
    return np.asarray(bought, dtype=np.float64), np.asarray(spent, dtype=np.float64)


def by_model(case: Case, now: pd.Timestamp, end: pd.Timestamp, seed: int) -> Forecast:
    """Return our forecast of each customer."""
    start = time.process_time()
    value = valued(case, now, end, seed)
    order = np.argsort(value.customer_id.astype(int))
    quantiles = np.quantile(value.predictive.to_array(), LEVELS, axis=1).T
    purchases, money = value.expected_purchases.mean()[order], value.mean()[order]
    return Forecast(purchases, money, quantiles[order], time.process_time() - start)


def valued(case: Case, now: pd.Timestamp, end: pd.Timestamp, seed: int) -> LifetimeValue:
    """Return the undiscounted money of each customer between two dates."""
    frame = case.log[case.log.time <= now]
    history = PurchaseLog.from_frame(frame).history(unit="week", end=now)
    covariates = {}
    if len(case.known):
        history = history.with_covariate(
            "age", case.known.reindex(list(history.customer_id)).to_numpy()
        )
        covariates = {"log_rate": ["age"]}
    bought = fit(MbgNbd(), history, seed=seed, method=DRAWS, covariates=covariates)
    spent = fit(GammaGamma(), paying(history), seed=seed, method=DRAWS)
    ahead = days((end - now).days)
    return lifetime_value(
        bought, spent, history, horizon=ahead, discount=Discount(per_year=0.0), seed=seed
    )


def paying(history: PurchaseHistory) -> PurchaseHistory:
    """Return the customers with a repeat purchase."""
    return history.take(history.frequency > 0)


def features(case: Case, now: pd.Timestamp, ours: Forecast | None) -> pd.DataFrame:
    """Return what boosting sees of each customer at a date."""
    log = case.log[case.log.time <= now]
    of, who = log.groupby("customer_id"), customers(case.log, now)
    first, last = of["time"].min(), of["time"].max()
    frame = pd.DataFrame(
        {
            "frequency": of["time"].nunique() - 1,
            "since first": (now - first).dt.days / 7,
            "since last": (now - last).dt.days / 7,
            "mean value": of["value"].mean(),
            "money": of["value"].sum(),
            "first value": of["value"].first(),
        }
    ).reindex(who)
    for weeks in (4, 13, 26):
        recent = log[log.time > now - weeks * WEEK].groupby("customer_id")["value"]
        frame[f"bought in {weeks}"] = recent.size().reindex(who, fill_value=0)
        frame[f"money in {weeks}"] = recent.sum().reindex(who, fill_value=0.0)
    frame["gap"] = (frame["since first"] - frame["since last"]) / frame["frequency"].clip(lower=1)
    if len(case.known):
        frame["age"] = case.known.loc[who].to_numpy()
    if ours is not None:
        frame["our purchases"], frame["our value"] = ours.purchases, ours.value
        frame["our interval"] = ours.quantiles[:, -1]
    return frame


def boosted(case: Case, seed: int, *, with_ours: bool) -> Forecast:
    """Return the forecast of boosting, which learns from an earlier window of the same log."""
    start = time.process_time()
    longer = (case.end - case.now) / (case.now - case.learn)
    dates = (case.learn, case.now), (case.now, case.end)
    before, now = (
        features(case, at, by_model(case, at, end, seed) if with_ours else None)
        for at, end in dates
    )
    bought, spent = truth(case.log, case.learn, case.now)

    def learnt(target: Vector, loss: str, level: float | None = None) -> Vector:
        model = HistGradientBoostingRegressor(
            loss=loss,
            quantile=level,
            learning_rate=0.05,
            max_iter=300,
            max_leaf_nodes=15,
            early_stopping=True,
            random_state=seed,
        )
        found: Vector = model.fit(before, target).predict(now)
        return longer * np.maximum(found, 0.0)

    purchases, value = learnt(bought, "poisson"), learnt(spent, "poisson")
    quantiles = np.stack([learnt(spent, "quantile", level) for level in LEVELS], axis=1)
    quantiles.sort(axis=1)  # quantile models are fitted one by one, and may cross
    return Forecast(purchases, value, quantiles, time.process_time() - start)


if __name__ == "__main__":
    sys.exit(main())
