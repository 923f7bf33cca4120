"""Experiments: agreement with regression, false alarms, bias and coverage, power, speed.

hillstrom  both e-mails of Hillstrom's experiment beside ordinary least squares
looks      1,000 A/A tests and as many with an effect, looked at every day
worlds     designs that go wrong: bias and coverage by estimator, what is stopped
power      promised power (formula) and reached power (simulation)
scale      a million customers: 5 metrics x 12 segments, beside tea-tasting and statsmodels

uv run --group bench python benchmarks/experiments.py [--part NAME] [--runs N] [--no-peers]
[--check]
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from _experiment_worlds import WORLDS, trial
from _parts import Part, Rows, Targets, concluded
from _peers import run as peer
from numpy.typing import NDArray
from scipy import stats

from omniltv.experiments import (
    AlwaysValid,
    Assignment,
    Baseline,
    Difference,
    Outcome,
    Regression,
    assign,
    difference,
    lift,
)
from omniltv.experiments.design import Design, Pilot, minimal_lift, power
from omniltv.experiments.estimators import ArmMeans
from omniltv.experiments.metrics import Mean, Metric, Ratio, measure

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "experiments.md"
MOST_SECONDS = 20.0
HALVES = {"a": 0.5, "b": 0.5}

type Array = NDArray[np.float64]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Experiments: bias, coverage, power, speed.")
    parser.add_argument("--part", choices=list(PARTS), help="only this part")
    parser.add_argument("--runs", type=int, default=60, help="replicates of each world")
    parser.add_argument("--no-peers", action="store_true", help="without other libraries")
    parser.add_argument("--fill", action="store_true", help="write the tables into the page")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    names = [options.part] if options.part else list(PARTS)
    found = {name: PARTS[name](options) for name in names}
    page = PAGE if options.fill else None
    return concluded("experiments", found, page=page, check=options.check)


def hillstrom(_: argparse.Namespace) -> Part:
    """Return the effects of both e-mails, beside least squares with robust errors."""
    path = os.environ.get("OMNILTV_DATA", "data") + "/hillstrom.csv"
    frame = pd.read_csv(path).rename(columns={"segment": "arm"})
    frame["customer_id"] = np.arange(len(frame))
    arms = Assignment.from_frame(frame, shares=dict.fromkeys(sorted(set(frame["arm"])), 1 / 3))
    covariates = ["recency", "history", "mens", "womens", "newbie"]
    before = Baseline(frame, covariates=covariates)
    control = "No E-Mail"
    rows: Rows = []
    gaps: list[float] = []
    reductions: dict[str, float] = {}
    for outcome in ("visit", "conversion", "spend"):
        plain = difference(Outcome(frame, outcome), arms, control=control)
        adjusted = lift(
            Outcome(frame, outcome), arms, estimator=Regression(), control=control, baseline=before
        )
        for arm in ("Mens E-Mail", "Womens E-Mail"):
            row, sharper = plain.overall(arm), adjusted.overall(arm)
            pair = frame[frame["arm"].isin([arm, control])]
            treated = np.where(pair["arm"] == arm, 1.0, 0.0)
            ols = least_squares(pair[outcome].to_numpy(float), treated)
            x = pair[covariates].to_numpy(float)
            lin = least_squares(pair[outcome].to_numpy(float), treated, x - x.mean(axis=0))
            gaps += [abs(row.estimate / ols[0] - 1), abs(row.standard_error / ols[1] - 1)]
            gaps += [abs(sharper.estimate / lin[0] - 1)]
            less = 1 - (sharper.standard_error / row.standard_error) ** 2
            reductions[outcome] = max(less, reductions.get(outcome, less))
            rows.append({
                "outcome": outcome, "e-mail": arm.split()[0], "difference": round(row.estimate, 7),
                "OLS": round(ols[0], 7), "standard error": round(row.standard_error, 7),
                "OLS (HC2)": round(ols[1], 7), "adjusted": round(sharper.estimate, 7),
                "OLS adjusted": round(lin[0], 7), "variance reduction %": round(100 * less, 2),
            })  # fmt: skip
    return Part(pd.DataFrame(rows), {
        f"Hillstrom: equal to OLS to 6 digits, largest gap {max(gaps):.1e}": max(gaps) < 1e-6,
        f"Hillstrom: at most 3 % less variance on visit, is {reductions['visit']:.1%}":
            reductions["visit"] <= 0.03,
        f"Hillstrom: about no less variance on spend, is {reductions['spend']:.1%}":
            reductions["spend"] <= 0.005,
    })  # fmt: skip


def least_squares(y: Array, treated: Array, x: Array | None = None) -> tuple[float, float]:
    """Return the coefficient of the treatment and its HC2 standard error.

    Args:
        y: Outcome, of shape (n_customers,).
        treated: 1 for the treated, same shape.
        x: Centred covariates, which interact with the treatment.
    """
    columns = [np.ones(len(y)), treated]
    if x is not None:
        columns += [*x.T, *(treated[:, None] * x).T]
    design = np.column_stack(columns)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    scaled = design * ((y - design @ beta) / np.sqrt(1 - leverage))[:, None]
    return float(beta[1]), float(np.sqrt((inverse @ scaled.T @ scaled @ inverse)[1, 1]))


RUNS_OF_POWER = 1600
DAYS, PER_DAY = 60, 200
RUNS_OF_LOOKS = 1000


def looks(_: argparse.Namespace) -> Part:
    """Return how often each rule finds an effect, and after how many days."""
    rows: Rows = []
    alarms: dict[tuple[str, float], float] = {}
    for effect in (0.0, 0.08):
        first = [days_to_alarm(seed, effect) for seed in range(RUNS_OF_LOOKS)]
        for rule in first[0]:
            days = np.array([found[rule] for found in first])
            share = float((days <= DAYS).mean())
            alarms[rule, effect] = share
            rows.append({
                "effect": f"{effect:+.2%}" if effect else "none", "rule": rule,
                "effect found %": round(100 * share, 1),
                "mean days": round(float(np.minimum(days, DAYS).mean()), 1),
            })  # fmt: skip
    always = alarms["always valid, every day", 0.0]
    return Part(pd.DataFrame(rows), {
        f"always valid: at most 5 % false alarms in {RUNS_OF_LOOKS:,} A/A tests, {always:.1%}":
            always <= 0.05,
    })  # fmt: skip


def days_to_alarm(seed: int, effect: float) -> Mapping[str, int]:
    """Return the first day on which each rule excludes zero; DAYS + 1 if none does."""
    rng = np.random.default_rng([seed, int(1e6 * effect)])
    n = DAYS * PER_DAY
    spend = rng.gamma(1.0, 50.0, n) * (rng.random(n) < 0.6)
    treated = rng.random(n) < 0.5
    spend[treated] *= 1 + effect
    gap, size = standard_gaps(spend, treated)
    valid = AlwaysValid(Difference(), planned=n // 2)
    means = ArmMeans(0.0, 0.0, np.eye(2), 1e9)
    z = float(stats.norm.ppf(0.975))
    reach = {
        "fixed horizon, last day only": np.where(np.arange(1, DAYS + 1) == DAYS, z, np.inf),
        "fixed horizon, every day": np.full(DAYS, z),
        "always valid, every day": np.array([valid.reach(0.95, means, int(k)) for k in size]),
        "O'Brien-Fleming, 5 looks": boundary(2.040, 0.5),
        "Pocock, 5 looks": boundary(2.413, 0.0),
    }
    return {rule: first_day(np.abs(gap) > limit) for rule, limit in reach.items()}


def boundary(constant: float, power_of_time: float) -> Array:
    """Return critical values at 5 equal looks (Jennison and Turnbull 2000, tables 2.1 and 2.3)."""
    limits = np.full(DAYS, np.inf)
    for look in range(1, 6):
        limits[look * DAYS // 5 - 1] = constant * (5 / look) ** power_of_time
    return limits


def standard_gaps(spend: Array, treated: NDArray[np.bool_]) -> tuple[Array, NDArray[np.int64]]:
    """Return the difference in standard errors after each day, and the customers so far."""
    ends = np.arange(1, DAYS + 1) * PER_DAY - 1
    total = []
    for side in (treated, ~treated):
        n, s, ss = (np.cumsum(side * v)[ends] for v in (np.ones(len(spend)), spend, spend**2))
        mean = s / n
        total.append((mean, (ss / n - mean**2) / (n - 1)))
    (one, one_variance), (other, other_variance) = total
    return (one - other) / np.sqrt(one_variance + other_variance), ends + 1


def first_day(found: NDArray[np.bool_]) -> int:
    """Return the first day of an alarm, counted from 1; DAYS + 1 without one."""
    return int(np.argmax(found)) + 1 if found.any() else DAYS + 1


def worlds(options: argparse.Namespace) -> Part:
    """Return bias and coverage of each estimator in each world, and what the checks say."""
    rows: Rows = []
    targets: Targets = {}
    for world in WORLDS:
        for name in world.estimators:
            found = pd.DataFrame([trial(world, name, seed) for seed in range(options.runs)])
            bias = float((found["estimate"] - found["truth"]).mean())
            sd = float(found["estimate"].std())
            covered = float(found["covered"].mean())
            stopped, warned = float(found["stopped"].mean()), float(found["warned"].mean())
            right = name in world.right
            rows.append({
                "world": world.name, "estimator": name, "bias": round(bias, 3),
                "standard deviation": round(sd, 3), "coverage %": round(100 * covered, 1),
                "stopped %": round(100 * stopped, 1), "warned %": round(100 * warned, 1),
                "by": ", ".join(sorted({one for names in found["by"] for one in names})),
                "right": "yes" if right else "no",
            })  # fmt: skip
            key = f"{world.name}, {name}"
            if right:
                least = 0.95 - 4 * np.sqrt(0.95 * 0.05 / options.runs)
                targets[f"{key}: coverage of 95 %, is {covered:.1%}"] = bool(covered >= least)
                targets[f"{key}: not stopped, is {stopped:.1%}"] = stopped <= 0.02
            elif world.visible:
                targets[f"{key}: stopped, is {stopped:.1%}"] = stopped >= 0.95
    return Part(pd.DataFrame(rows), targets)


def powers(_: argparse.Namespace) -> Part:
    """Return promised power by formula and reached power by simulation."""
    rng = np.random.default_rng(9)
    x = rng.gamma(1.0, 20.0, 5000)
    orders = rng.poisson(x / 10)
    spend = rng.gamma(np.maximum(orders, 1e-9), 20.0)
    store = np.repeat(np.arange(100), 50).astype(str)
    by_store = spend + np.repeat(rng.gamma(4.0, 5.0, 100), 50)
    plain = Design(name="s", arms=HALVES, control="a")
    cuped = plain.model_copy(update={"estimator": "cuped"})
    uneven = plain.model_copy(update={"arms": {"a": 0.8, "b": 0.2}})
    cases = {
        "spend": (plain, Pilot(spend)),
        "spend, 20 % treated": (uneven, Pilot(spend)),
        "spend, adjusted": (cuped, Pilot(spend, x[:, None])),
        "heavy tail (log-normal, sd 1.5)": (plain, Pilot(rng.lognormal(2, 1.5, 5000))),
        "ratio: value per order": (plain, Pilot(spend, per=orders.astype(np.float64))),
        "draws of lifetime value": (
            plain, Pilot(spend[:, None] * rng.gamma(5.0, 0.2, (5000, 20))),
        ),
        "draws of lifetime value, adjusted": (
            cuped, Pilot(spend[:, None] * rng.gamma(5.0, 0.2, (5000, 20)), x[:, None]),
        ),
        "100 stores": (plain, Pilot(by_store, cluster=store)),
    }  # fmt: skip
    rows: Rows = []
    targets: Targets = {}
    for name, (design, pilot) in cases.items():
        promised = minimal_lift(pilot, design, customers=5000)
        reached = power(
            pilot, design, lift=promised.lift, customers=5000, method="simulation",
            runs=RUNS_OF_POWER,
        )  # fmt: skip
        gap = 100 * (reached.power - promised.power)
        rows.append({
            "outcome": name, "minimal lift %": round(100 * promised.lift, 1),
            "promised %": round(100 * promised.power, 1),
            "reached %": round(100 * reached.power, 1),
            "Monte Carlo error": round(100 * reached.monte_carlo_error, 1),
        })  # fmt: skip
        targets[f"power of {name}: within 3 points, is off by {gap:+.1f}"] = abs(gap) <= 3
    return Part(pd.DataFrame(rows), targets)


SIZE, SEGMENTS = 1_000_000, 12
MEANS, RATIOS = ("spend", "orders", "visits"), (("spend", "orders"), ("orders", "sessions"))


def scale(options: argparse.Namespace) -> Part:
    """Return seconds for five metrics in twelve segments, and agreement with others."""
    frame = million()
    arms = Assignment.from_frame(frame, shares=HALVES)
    family: list[Metric] = [Mean(name, column=name) for name in MEANS]
    family += [Ratio(f"{a} / {b}", column=a, per=b) for a, b in RATIOS]
    before = Baseline(frame[["customer_id", "segment", "past"]], covariates="past", by="segment")
    start = time.process_time()
    card = measure(family, {"purchases": frame}, arms, control="a", baseline=before)
    seconds = time.process_time() - start
    count = len(card.to_frame())
    rows: Rows = [{"library": "omniltv", "comparisons": count, "CPU s": round(seconds, 1)}]
    targets = {
        f"a million customers, {count} comparisons in {MOST_SECONDS:.0f} CPU s, "
        f"took {seconds:.1f}": seconds <= MOST_SECONDS
    }
    if not options.no_peers:
        theirs = of_peers(frame)
        gap = disagreement(frame, arms, theirs)
        rows.append({"library": "tea-tasting 2.0.0 (CUPED by segment)", "comparisons": count,
                     "CPU s": round(float(str(theirs["tea_seconds"])), 1)})  # fmt: skip
        rows.append({"library": "statsmodels 0.15.0 (OLS by segment; means only)",
                     "comparisons": (SEGMENTS + 1) * len(MEANS),
                     "CPU s": round(float(str(theirs["ols_seconds"])), 1)})  # fmt: skip
        targets[f"equal to tea-tasting and statsmodels to 6 digits, largest gap {gap:.1e}"] = (
            gap < 1e-6
        )
    return Part(pd.DataFrame(rows), targets)


def million() -> pd.DataFrame:
    """Return a million customers in two arms and twelve segments."""
    rng = np.random.default_rng(4)
    past = rng.gamma(1.0, 50.0, SIZE)
    orders = rng.poisson(1 + past / 50)
    drawn = assign(range(SIZE), arms=HALVES, salt="scale")
    names = np.array([f"segment {k:02d}" for k in range(SEGMENTS)])
    return pd.DataFrame({
        "customer_id": np.arange(SIZE), "arm": drawn.arm,
        "segment": names[rng.integers(0, SEGMENTS, SIZE)], "past": past,
        "spend": rng.gamma(orders + 0.01, 20.0), "orders": orders.astype(float),
        "visits": rng.poisson(3.0, SIZE).astype(float),
        "sessions": rng.poisson(5.0, SIZE).astype(float),
    })  # fmt: skip


def of_peers(frame: pd.DataFrame) -> Mapping[str, object]:
    """Return what the other libraries find in the same table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        frame.to_parquet(path)
        given = {"parquet": str(path), "means": MEANS, "ratios": RATIOS, "covariate": "past"}
        return peer("experiments", "experiments.py", given)


def disagreement(frame: pd.DataFrame, arms: Assignment, theirs: Mapping[str, object]) -> float:
    """Return the largest relative gap to plain differences of the other libraries."""
    gaps: list[float] = []
    tea, ols = (dict(pairs(theirs[name])) for name in ("tea", "ols"))
    for name in MEANS:
        row = difference(Outcome(frame, name), arms, control="a").overall()
        gaps += relative((row.estimate, row.low, row.high), tea[name])
        gaps += relative((row.estimate, row.standard_error), ols[name])
    for a, b in RATIOS:
        row = difference(Outcome(frame, a, per=b), arms, control="a").overall()
        gaps += relative((row.estimate, row.low, row.high), tea[f"{a} / {b}"])
    return max(gaps)


def pairs(found: object) -> Iterator[tuple[str, list[float]]]:
    """Yield the entries of a mapping that was read from JSON."""
    assert isinstance(found, dict)
    for name, values in found.items():
        yield str(name), [float(value) for value in values]


def relative(ours: tuple[float, ...], theirs: list[float]) -> list[float]:
    """Return gaps, relative to the largest of the numbers."""
    size = max(abs(value) for value in theirs)
    return [abs(one - other) / size for one, other in zip(ours, theirs, strict=True)]


PARTS: Mapping[str, Callable[[argparse.Namespace], Part]] = {
    "hillstrom": hillstrom,
    "looks": looks,
    "worlds": worlds,
    "power": powers,
    "scale": scale,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    raise SystemExit(main())
