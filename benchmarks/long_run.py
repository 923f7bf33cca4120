"""Lift on 3-year discounted value from 8 observed weeks: coverage, false gains, error.

town     customers who buy as none of our models says, with every expected outcome known
village  the place in which the method was built; fewer replicates
clv      the town with a fit per arm; fewer replicates
world    `omniltv.simulation.World` with its foreign processes; fewer replicates
scale    a million customers with 7 groups

uv run --group bench python benchmarks/long_run.py [--part NAME] [--runs N] [--quick] [--check]
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from _long_run_town import HORIZON, KINDS, WINDOW, Cohort, Experiment, experiment
from _long_run_village import VILLAGE_KINDS, settled
from _long_run_world import PROCESSES, reacting
from _parts import Part, Rows, Targets, concluded
from _workers import workers
from numpy.typing import NDArray

from omniltv.data import PurchaseHistory
from omniltv.experiments import (
    ArmSample,
    Assignment,
    Baseline,
    Cuped,
    Difference,
    Forecast,
    LiftEstimator,
    Persistence,
)
from omniltv.experiments.long_run import (
    ArmWeeks,
    EarlierCohort,
    FitPerArm,
    LongRunDraws,
    LongRunLift,
    LongRunMethod,
    LongRunSample,
    SurrogateIndex,
    WeeklyDecay,
    WeeklyPurchases,
    long_run_lift,
)
from omniltv.models import BgNbd, GammaGamma, Pooling, fit, lifetime_value
from omniltv.units import Discount, TimeUnit, weeks

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "long-run.md"
START = pd.Timestamp("2026-04-01")
RATE = Discount(per_year=0.1)
DISCOUNT = RATE.factor(np.arange(HORIZON) + 0.5, TimeUnit.WEEK)
ARMS = ("control", "mail", "coupon", "both")
PAIR = "mail x coupon"
FACTORIAL = {"mail": ("mail",), "coupon": ("coupon",), "both": ("mail", "coupon")}
CHANNELS, TIERS = np.array(["store", "ec", "app"]), np.array(["general", "potential", "high"])
COVARIATES = ("orders", "value", "log_orders", "log_value")
CRUDE = ("difference extrapolated", "CUPED extrapolated", "surrogate index")
OURS = WeeklyDecay.name
MOST_SECONDS = 60.0
LEVEL = 0.9
FIRST = 10_000  # seed of the town; lower ones were looked at while the method was built
FIRST_OF = {"two interacting": 20_000}  # the prior of interactions was changed after a look
COPIES = 5  # experiments in one world of the simulator

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class Extrapolated:
    """The lift of the window, repeated as long as the treatment lasts."""

    estimator: LiftEstimator
    name: str
    handles: ClassVar[frozenset[str]] = frozenset()

    def estimate(self, sample: LongRunSample, *, seed: int) -> LongRunDraws:
        """Return Gaussian draws."""
        means = self.estimator.estimate(_sample(sample.treated), _sample(sample.control))
        drawn = np.random.default_rng(seed).normal(
            means.treated - means.control, means.standard_error, 4000
        )
        kept = sample.discount * (sample.strength > 0)
        share = kept[sample.window :].sum() / sample.window
        control = np.full(4000, means.control * sample.discount.sum() / sample.window)
        return LongRunDraws(drawn, drawn * share, control)


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Lift on 3-year value from 8 observed weeks.")
    parser.add_argument("--part", choices=list(PARTS), help="only this part")
    parser.add_argument("--runs", type=int, default=200, help="replicates of each world")
    parser.add_argument("--customers", type=int, default=4_000, help="customers of each world")
    parser.add_argument("--quick", action="store_true", help="20 replicates, the town alone")
    parser.add_argument("--write", action="store_true", help="fill in the tables of the page")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if options.quick:
        options.part, options.runs = "town", 20
    warnings.simplefilter("ignore")
    names = [options.part] if options.part else list(PARTS)
    parts: dict[str, Part] = {}
    for name in names:
        parts |= PARTS[name](options)
    page = PAGE if options.write else None
    return concluded("long_run", parts, page=page, check=options.check)


def town(options: argparse.Namespace) -> dict[str, Part]:
    """Return figures of each method in each kind of experiment, overall and by group."""
    found = replicates("town", options, options.runs)
    pairs = found["arm"] == PAIR
    whole, grouped = found[~pairs & (found["by"] == "")], found[~pairs & (found["by"] != "")]
    overall = summary(whole, ["world"])
    groups = summary(grouped, ["world", "by", "group"])
    crossed = summary(found[pairs], ["by", "group"]).drop(columns=["method", "false gain"])
    return {
        "overall": Part(overall, judged(overall, "")),
        "groups": Part(_ours(groups), judged(groups, "by group: ")),
        "interaction": Part(crossed, covered(crossed)),
    }


def _ours(groups: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of weekly decay, with the smallest error of a crude rule."""
    keys = ["world", "by", "group"]
    crude = groups[groups["method"] != OURS].groupby(keys, sort=False)["RMSE"].min()
    own = groups[groups["method"] == OURS].drop(columns="method")
    return own.merge(crude.rename("best crude RMSE").reset_index(), on=keys)


def village(options: argparse.Namespace) -> dict[str, Part]:
    """Return figures in the place in which the method was built; they are no targets."""
    found = replicates("village", options, max(options.runs // 5, 2))
    whole = found[(found["arm"] != PAIR) & (found["by"] == "")]
    return {"village": Part(summary(whole, ["world"]), {})}


def replicates(place: str, options: argparse.Namespace, runs: int) -> pd.DataFrame:
    """Return the rows of all replicates of a place, and print their CPU seconds."""
    first = (
        {kind: FIRST_OF.get(kind, FIRST) for kind in KINDS}
        if place == "town"
        else dict.fromkeys(VILLAGE_KINDS, 0)
    )
    tasks = [
        (place, kind, options.customers, first[kind] + k) for kind in first for k in range(runs)
    ]
    with workers() as pool:
        answers = list(pool.map(in_place, *zip(*tasks, strict=True), chunksize=5))
    print(f"{place}: {sum(seconds for _, seconds in answers):,.0f} CPU s\n")
    return pd.DataFrame([row for rows, _ in answers for row in rows])


def in_place(place: str, kind: str, customers: int, seed: int) -> tuple[Rows, float]:
    """Return the rows of one replicate, and its CPU seconds."""
    warnings.simplefilter("ignore")
    begun = time.process_time()
    make = experiment if place == "town" else settled
    rows = trial(kind, make(kind, customers, DISCOUNT, seed), seed)
    return rows, time.process_time() - begun


def trial(kind: str, one: Experiment, seed: int) -> Rows:
    """Return a row per method, group and arm of one experiment."""
    methods = (
        WeeklyDecay(),
        SurrogateIndex(),
        Extrapolated(Difference(), CRUDE[0]),
        Extrapolated(Cuped(), CRUDE[1]),
    )
    return judged_rows(kind, one, lifted(one, methods, _persistence(one.ends), seed))


def judged_rows(kind: str, one: Experiment, lift: LongRunLift) -> Rows:
    """Return the rows of a lift with the truth."""
    frame = lift.to_frame()
    truth = pd.DataFrame(list(_truths(one, frame)))
    rows = pd.concat([frame, truth], axis=1).assign(world=kind)
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]


def lifted(
    one: Experiment,
    methods: Sequence[LongRunMethod],
    persistence: Persistence,
    seed: int,
    *,
    by: Sequence[str] = ("channel", "tier"),
) -> LongRunLift:
    """Return the long-run lift of an experiment."""
    people = known(one.customers)
    table = people.assign(arm=np.array(ARMS)[one.arm])
    earlier = [
        EarlierCohort(f"cohort {k}", weekly(cohort), known(cohort))
        for k, cohort in enumerate(one.earlier)
    ]
    return long_run_lift(
        weekly(one.customers),
        Assignment.from_frame(table, start=START),
        control="control",
        persistence=persistence,
        discount=RATE,
        earlier=earlier,
        baseline=Baseline(people, covariates=COVARIATES, by=by),
        treatments=FACTORIAL if len(one.lift) > 1 else None,
        methods=methods,
        level=LEVEL,
        seed=seed,
    )


def known(cohort: Cohort) -> pd.DataFrame:
    """Return what is known of customers before the start."""
    return pd.DataFrame({
        "customer_id": np.arange(len(cohort.tier)),
        "channel": CHANNELS[cohort.channel],
        "tier": TIERS[cohort.tier],
        "orders": cohort.past_orders,
        "value": cohort.past_value,
        "log_orders": np.log(cohort.past_orders),
        "log_value": np.log(cohort.past_value),
    })  # fmt: skip


def weekly(cohort: Cohort) -> WeeklyPurchases:
    """Return what a cohort bought by week."""
    ids = np.arange(len(cohort.tier)).astype(object)
    return WeeklyPurchases(ids, cohort.orders, cohort.value)


def summary(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return truth, coverage, alarms and errors by method."""
    rows = []
    for keys, own in found.groupby([*by, "method"], sort=False):
        named = dict(zip([*by, "method"], keys, strict=True))
        off = own["estimate"] - own["truth"]
        wide = own["low"].lt(own["truth"]) & own["high"].gt(own["truth"])
        rows.append({
            **named,
            "lifts": len(own),
            "base": round(float(own["base"].mean()), 1),
            "true lift": round(float(own["truth"].mean()), 2),
            "bias": round(float(off.mean()), 2),
            "RMSE": round(float(np.sqrt((off**2).mean())), 2),
            "coverage of 90 %": round(float(wide.mean()), 3),
            "significant at 5 %": round(float((own["p_value"] < 0.05).mean()), 3),
            "false gain": round(float(_false_gain(own)), 3),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _false_gain(own: pd.DataFrame) -> float:
    """Return the share of truly negative treatments that are called a gain at 5 %."""
    bad = own[own["truth"] < 0]
    gain = (bad["p_value"] < 0.05) & (bad["estimate"] > 0)
    return float(gain.mean()) if len(bad) else np.nan


def judged(frame: pd.DataFrame, prefix: str) -> Targets:
    """Return the targets of a table."""
    targets: Targets = {}
    keys = [name for name in ("world", "by", "group") if name in frame]
    for where, own in frame.groupby(keys, sort=False):
        name = f"{prefix}{', '.join(map(str, where))}"
        row = own.set_index("method").loc[OURS]
        cover, alarm = row["coverage of 90 %"], row["significant at 5 %"]
        targets[f"{name}: coverage {cover:.1%} of at least 90 %"] = bool(cover >= 0.9)
        if where[0] == "A/A":
            targets[f"{name}: alarms {alarm:.1%} of at most 7 %"] = bool(alarm <= 0.07)
        if row["false gain"] >= 0:
            gain = row["false gain"]
            targets[f"{name}: false gains {gain:.1%} of at most 5 %"] = bool(gain <= 0.05)
        others = own[own["method"] != OURS].set_index("method")["RMSE"]
        best = f"RMSE {row['RMSE']} below {others.min()} ({others.idxmin()})"
        targets[f"{name}: {best}"] = bool(row["RMSE"] < others.min())
    return targets


def covered(frame: pd.DataFrame) -> Targets:
    """Return whether each interval of the interaction covers."""
    names = [str(group) or "all customers" for group in frame["group"]]
    pairs = zip(names, frame["coverage of 90 %"], strict=True)
    return {
        f"interaction, {name}: coverage {cover:.1%} of at least 90 %": bool(cover >= 0.9)
        for name, cover in pairs
    }


def _persistence(ends: int | None) -> Persistence:
    beyond = weeks(HORIZON - WINDOW)
    if ends is None:
        return Persistence.full(beyond)
    last = START + timedelta(weeks=ends, days=-1)
    return Persistence.ended(last.date(), span=beyond)


def _truths(one: Experiment, found: pd.DataFrame) -> Iterator[dict[str, float]]:
    """Yield the mean true lift and value of the customers of each row."""
    people = known(one.customers)
    for by, group, arm in zip(found["by"], found["group"], found["arm"], strict=True):
        inside = np.ones(len(people), bool) if not by else (people[by] == group).to_numpy()
        lift = _contrast(one) if arm == PAIR else one.lift[ARMS.index(arm) - 1]
        yield {"truth": float(lift[inside].mean()), "base": float(one.base[inside].mean())}


def _contrast(one: Experiment) -> Array:
    """Return the true lift of both treatments less the lifts of each, by customer."""
    mail, coupon, both = one.lift
    return np.asarray(both - mail - coupon)


def clv(options: argparse.Namespace) -> dict[str, Part]:
    """Return both methods with fewer replicates, the fit per arm being slow."""
    runs = max(options.runs // 20, 2)
    found: Rows = []
    for kind in KINDS:
        first = FIRST_OF.get(kind, FIRST)
        for seed in range(first, first + runs):
            one = experiment(kind, options.customers, DISCOUNT, seed)
            found += [row for row in _fitted(kind, one, seed) if row["arm"] != PAIR]
    frame = summary(pd.DataFrame(found), ["world"])
    return {"clv": Part(frame.drop(columns=["false gain", "significant at 5 %"]), _better(frame))}


def _better(frame: pd.DataFrame) -> Targets:
    """Return whether the error is below that of a fit per arm."""
    targets: Targets = {}
    for kind, own in frame.groupby("world", sort=False):
        ours, theirs = own.set_index("method")["RMSE"].loc[[OURS, "fit per arm"]]
        targets[f"{kind}: RMSE {ours} below {theirs} (fit per arm)"] = bool(ours < theirs)
    return targets


def _fitted(kind: str, one: Experiment, seed: int) -> Rows:
    """Return rows of weekly decay and of a fit per arm; an ended campaign counts as its window."""
    lasting = Persistence.full(weeks(HORIZON - WINDOW))
    plan = _persistence(one.ends)
    crude = lasting if one.ends is None else Persistence.none()
    per_arm = FitPerArm(forecast_per_arm(one, seed))
    plans: list[tuple[LongRunMethod, Persistence]] = [(WeeklyDecay(), plan), (per_arm, crude)]
    rows: Rows = []
    for method, persistence in plans:
        rows += judged_rows(kind, one, lifted(one, (method,), persistence, seed, by=()))
    return rows


def forecast_per_arm(one: Experiment, seed: int) -> Forecast:
    """Return the value beyond the window by BG/NBD and gamma-gamma with a fit per arm."""
    orders, value = one.customers.orders, one.customers.value.sum(axis=1)
    count = orders.sum(axis=1)
    last = np.where(count > 0, WINDOW - (orders[:, ::-1] > 0).argmax(axis=1) - 0.5, 0.0)
    history = PurchaseHistory(
        customer_id=np.arange(len(count)).astype(object),
        frequency=count.astype(np.int64),
        recency=last,
        T=np.full(len(count), float(WINDOW)),
        monetary_value=np.where(count > 0, value / np.maximum(count, 1), np.nan),
        unit=TimeUnit.WEEK,
        groups={"arm": np.array(ARMS)[one.arm]},
        start=START,
    )
    by_arm = Pooling.none("arm")
    bought = fit(BgNbd(), history, pooling=by_arm, seed=seed, method="laplace")
    spent = fit(GammaGamma(), history, pooling=by_arm, seed=seed, method="laplace")
    beyond = lifetime_value(
        bought, spent, history, horizon=weeks(HORIZON - WINDOW), discount=RATE, seed=seed
    )
    return Forecast.of(beyond)


def scale(options: argparse.Namespace) -> dict[str, Part]:
    """Return seconds of a million customers with 7 groups."""
    customers = min(1_000_000, 250 * options.customers)
    one = experiment("lasting", 20_000, DISCOUNT, 1)
    copies = -(-customers // len(one.arm))
    own = one.customers
    many = own._replace(**{name: np.concatenate([getattr(own, name)] * copies)[:customers]
                           for name in own._fields})  # fmt: skip
    arm = np.random.default_rng(1).integers(0, 2, customers)
    big = one._replace(customers=many, arm=arm)
    rows: Rows = []
    for method in (WeeklyDecay(), SurrogateIndex()):
        begun, cpu = time.perf_counter(), time.process_time()
        lifted(big, (method,), _persistence(None), 1)
        seconds, taken = time.perf_counter() - begun, time.process_time() - cpu
        rows.append({"customers": customers, "method": method.name, "groups": 7,
                     "seconds": round(seconds, 1), "CPU s": round(taken, 1)})  # fmt: skip
    frame = pd.DataFrame(rows)
    taken = float(frame["CPU s"].iloc[0])
    limit = {f"{customers:,} customers in {MOST_SECONDS:.0f} s, took {taken:.1f}"}
    return {"scale": Part(frame, dict.fromkeys(limit, taken <= MOST_SECONDS))}


def world(options: argparse.Namespace) -> dict[str, Part]:
    """Return figures in worlds of the simulator's foreign processes."""
    seeds = range(max(options.runs // 100, 1))
    tasks = [(process, options.customers // 2, seed) for process in PROCESSES for seed in seeds]
    with workers() as pool:
        answers = list(pool.map(in_world, *zip(*tasks, strict=True)))
    print(f"world: {sum(seconds for _, seconds in answers):,.0f} CPU s\n")
    frame = pd.DataFrame([row for rows, _ in answers for row in rows])
    whole = frame[(frame["by"] == "") & (frame["arm"] != PAIR)]
    return {"world": Part(summary(whole, ["process", "world"]), {})}


def in_world(process: str, customers: int, seed: int) -> tuple[Rows, float]:
    """Return the rows of all experiments in one world, and its CPU seconds."""
    warnings.simplefilter("ignore")
    begun = time.process_time()
    found: Rows = []
    for kind, one in reacting(process, customers, DISCOUNT, seed, COPIES):
        found += [{"process": process, **row} for row in trial(kind, one, seed)]
    return found, time.process_time() - begun


PARTS: Mapping[str, Callable[[argparse.Namespace], dict[str, Part]]] = {
    "town": town,
    "village": village,
    "clv": clv,
    "world": world,
    "scale": scale,
}


def _sample(side: ArmWeeks) -> ArmSample:
    return ArmSample(side.value.sum(axis=1), side.covariates)


if __name__ == "__main__":
    raise SystemExit(main())
