"""Acting in a world that answers back: 26 weeks of plans, compared with simpler rules.

Every rule has the same playbook, policy and capacities, and the same world with common random
numbers. They differ in what they take for the gain of a contact.

    uv run python benchmarks/acting.py [--seeds N] [--markdown PAGE] [--check]

`--effects` and `--gains` keep the pilot and the finished seeds in files.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _acting import ARMS, HISTORY, MARGIN, PLAYBOOK, Shop, effects_of, pilot
from _report import report

from omniltv import PurchaseLog
from omniltv.models import BgNbd, GammaGamma, PurchaseFit, SpendFit, fit, lifetime_value
from omniltv.segmentation.allocation import allocate
from omniltv.segmentation.planning import plan_contacts
from omniltv.simulation import World, WorldStep, preset
from omniltv.units import Discount, weeks

RULES = ("by past spend", "by LTV", "by measured effect", "oracle")
PILOT_WEEKS = 37  # what the lifts of the pilot are a share of
SHARE = 0.01  # of its value that a customer is taken to bring, by rules that do not know effects
PLAN_EVERY = 2  # weeks
REST = 27

type Fits = tuple[PurchaseFit, SpendFit]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="26 weeks of plans in a world.")
    parser.add_argument("--people", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--gains", type=Path, help="file of the gains of each seed")
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--after", type=int, default=13, help="weeks without contacts at the end")
    parser.add_argument("--pilot", type=int, default=60_000, help="customers of the pilot")
    parser.add_argument("--effects", type=Path, help="file of the lifts; read if it is there")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    lifts = learnt(options)
    gains = every_seed(options, lifts)
    table = summary(gains)
    if options.markdown:
        fill(options, lifts, table)
    return report(
        "acting", table, figures={"seeds": options.seeds, "people": options.people},
        targets=targets(gains), check=options.check,
    )  # fmt: skip


def every_seed(options: argparse.Namespace, lifts: pd.DataFrame) -> pd.DataFrame:
    """Return the gains of every seed; those in the file of gains are not run again."""
    gains = pd.DataFrame({"seed": []})
    if options.gains and options.gains.exists():
        gains = pd.read_csv(options.gains)
    fits = None
    for seed in range(options.first, options.seeds + 1):
        if seed in set(gains["seed"]):
            continue
        world = World(preset("apparel"), people=options.people, seed=seed)
        past = world.run(HISTORY)
        if fits is None:
            fits = fitted(World(preset("apparel"), people=options.people, seed=0).run(HISTORY))
        row = {"seed": seed, **run(world, past, fits, lifts, options)}
        gains = pd.concat([gains, pd.DataFrame([row])], ignore_index=True)
        print(row, file=sys.stderr, flush=True)
        if options.gains:
            gains.to_csv(options.gains, index=False)
    return gains


def learnt(options: argparse.Namespace) -> pd.DataFrame:
    """Return the lifts of the pilot, from a file if there is one."""
    if options.effects and options.effects.exists():
        return pd.read_csv(options.effects)
    lifts = pilot(options.pilot, seed=1_000).round(6)
    if options.effects:
        lifts.to_csv(options.effects, index=False)
    return lifts


def fitted(past: WorldStep) -> Fits:
    """Return fits of the purchases and the spending of a history."""
    history = log_of(past).history(unit="week")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        buying = fit(BgNbd(), history, seed=1, method="laplace")
        spending = fit(GammaGamma(), history, seed=1, method="laplace")
    return buying, spending


def log_of(past: WorldStep) -> PurchaseLog[pd.DataFrame]:
    """Return the purchases of a history."""
    names = ["transaction_id", "customer_id", "channel", "time", "value", "refund_of"]
    known = past.transactions[names].dropna(subset=["customer_id"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PurchaseLog.from_frame(known, timezone="Asia/Tokyo")


def ltv(past: WorldStep, fits: Fits) -> "pd.Series[float]":
    """Return the expected value of each customer over a year."""
    history = log_of(past).history(unit="week")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = lifetime_value(
            *fits, history, horizon=weeks(52), discount=Discount(per_year=0.1), margin=1.0, seed=1
        )
    frame = found.to_frame()
    return pd.Series(frame["value"].to_numpy(), index=frame["customer_id"])


def run(
    world: World, past: WorldStep, fits: Fits, lifts: pd.DataFrame, options: argparse.Namespace
) -> Mapping[str, float]:
    """Return what each rule gains over doing nothing, per customer."""
    shop = Shop.open(world, past, ltv(past, fits))
    mean = shop.spend.groupby(shop.tier).mean() * PILOT_WEEKS / 52
    effects = effects_of(lifts, mean.to_dict())
    flat = effects.assign(effect=1.0, sd=0.0)
    nothing = shop.fork()
    for _ in range(options.weeks):
        nothing.follow(NO_PLAN)
    base = nothing.result(options.after)
    policies: Mapping[str, Callable[[Shop], pd.DataFrame]] = {
        "by past spend": planner(flat, SHARE * shop.spend.clip(lower=0)),
        "by LTV": planner(flat, SHARE * shop.value),
        "by measured effect": planner(effects, None),
        "oracle": Oracle(),
    }
    gains, start = {}, time.process_time()
    for name, policy in policies.items():
        own = shop.fork()
        for week in range(options.weeks):
            own.follow(policy(own) if week % PLAN_EVERY == 0 else NO_PLAN)
        gains[name] = (own.result(options.after) - base) / len(shop.tier)
        gains[f"contacts {name}"] = len(own.contacts) / len(shop.tier)
    return gains | {"CPU s": round(time.process_time() - start, 1)}


NO_PLAN = pd.DataFrame({name: pd.Series(dtype=object) for name in (
    "customer_id", "content", "treatment", "channel", "at", "contact_key")})  # fmt: skip


def capacities(shop: Shop) -> Mapping[str, object]:
    """Return what there is for a plan, in proportion to the customers."""
    n = len(shop.tier)
    stores = sorted(shop.world.records["store"].dropna().unique())
    minutes = round(0.4 * n / len(stores), -1)
    return {"staff_minutes": dict.fromkeys(stores, minutes), "calls": round(0.02 * n),
            "mails": round(0.2 * n), "pushes": round(0.1 * n)}  # fmt: skip


def planner(
    effects: pd.DataFrame, factor: "pd.Series[float] | None"
) -> Callable[[Shop], pd.DataFrame]:
    """Return a policy by a table of effects, and a factor on them by customer."""
    state = None

    def policy(shop: Shop) -> pd.DataFrame:
        nonlocal state
        plan = plan_contacts(
            PLAYBOOK, shop.customers(), effects, capacities(shop), on=shop.world.today,
            data=shop.data(factor), state=state,
        )  # fmt: skip
        state = plan.state
        return plan.contacts

    return policy


class Oracle:
    """Knows the expected effect of every treatment on every person; has no playbook.

    The effects are computed every 14 weeks. Capacities, consent and rests are as in the plans.
    """

    def __init__(self) -> None:
        self.gain: dict[tuple[str, str], pd.Series[float]] = {}
        self.plans = 0

    def __call__(self, shop: Shop) -> pd.DataFrame:
        """Return the contacts of the day."""
        if self.plans % 7 == 0:
            self._learn(shop.world)
        self.plans += 1
        offers = self._offers(shop)
        limits = {**capacities(shop), "cost": np.inf}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = allocate(offers, limits).chosen
        key = [f"{self.plans} {row}" for row in range(len(made))]
        return made.assign(content=made["treatment"], at="2025-01-01T15", contact_key=key)

    def _learn(self, world: World) -> None:
        outcome = world.truth.outcomes(weeks(13))
        steps = {own.name: own.acts_on for own in world.config.treatments}
        self.ids = pd.Index(outcome["customer_id"])
        for content, channel in ARMS:
            chance = world.truth.responses(channel, hour=15)[steps[content]]
            lift = outcome[content] - outcome["none"]
            self.gain[content, channel] = pd.Series(
                (MARGIN * chance * lift).to_numpy(), index=self.ids
            )

    def _offers(self, shop: Shop) -> pd.DataFrame:
        listed = shop.world.records.query("consent")
        place = shop.world.records.drop_duplicates("customer_id").set_index("customer_id")["store"]
        day = pd.Timestamp(shop.world.today)
        age = (day - shop.contacts["time"]).dt.days if len(shop.contacts) else None
        recent = shop.contacts[age <= REST] if age is not None else shop.contacts
        last = shop.contacts[age < 14] if age is not None else shop.contacts
        capped = set(last["customer_id"].value_counts().loc[lambda number: number >= 2].index)
        capped |= set(shop.contacts[age < 7]["customer_id"]) if age is not None else set()
        parts = []
        for rule in {(r.key, r.channel): r for r in PLAYBOOK.treatments}.values():
            ids = pd.Index(listed[listed["source"] == rule.channel]["customer_id"])
            rested = set(recent[recent["treatment"] == rule.key]["customer_id"])
            ids = ids[~ids.isin(rested | capped) & ids.isin(shop.tier.index)]
            parts.append(pd.DataFrame({
                "customer_id": ids, "treatment": rule.key, "channel": rule.channel,
                "place": ids.map(place), "cost": rule.cost,
                "gain": self.gain[rule.key, rule.channel].reindex(ids).to_numpy(),
                **{name: rule.uses.get(name, 0.0) for name in
                   ("staff_minutes", "calls", "mails", "pushes")},
            }))  # fmt: skip
        return pd.concat(parts, ignore_index=True)


def summary(gains: pd.DataFrame) -> pd.DataFrame:
    """Return mean gains with intervals over the seeds."""
    best = gains["oracle"].mean()
    rows = []
    for name in RULES:
        low, mean, high = interval(gains[name])
        rows.append({
            "rule": name, "contacts per customer": round(gains[f"contacts {name}"].mean(), 2),
            "gain per customer, yen": round(mean, 1), "from": round(low, 1), "to": round(high, 1),
            "% of the oracle": round(100 * mean / best, 1),
            "seeds with a gain": f"{int((gains[name] > 0).sum())} of {len(gains)}",
        })  # fmt: skip
    for other in RULES[:2]:
        low, mean, high = interval(gains["by measured effect"] - gains[other])
        rows.append({"rule": f"by measured effect, less {other}",
                     "gain per customer, yen": round(mean, 1), "from": round(low, 1),
                     "to": round(high, 1)})  # fmt: skip
    return pd.DataFrame(rows).fillna({"seeds with a gain": ""})


def interval(values: "pd.Series[float]") -> tuple[float, float, float]:
    """Return a 95 % interval of the mean over the seeds by the t distribution, and the mean."""
    from scipy.stats import t  # noqa: PLC0415 - only here

    mean, n = float(values.mean()), len(values)
    half = float(t.ppf(0.975, max(n - 1, 1)) * values.std() / np.sqrt(n))
    return mean - half, mean, mean + half


def targets(gains: pd.DataFrame) -> Mapping[str, bool]:
    """Return what was to be shown."""
    ours = gains["by measured effect"]
    return {
        "contacts by measured effects gain over doing nothing": interval(ours)[0] > 0,
        "they gain more than contacts by past spend": interval(ours - gains[RULES[0]])[0] > 0,
        "they gain more than contacts by LTV": interval(ours - gains[RULES[1]])[0] > 0,
    }


def fill(options: argparse.Namespace, lifts: pd.DataFrame, table: pd.DataFrame) -> None:
    """Put the tables into the page."""
    percent = lifts.assign(**{name: (100 * lifts[name]).round(2) for name in lifts.columns[2:]})
    parts = {"gains": _markdown.table(table), "pilot": _markdown.table(percent)}
    _markdown.fill(options.markdown, parts)


if __name__ == "__main__":
    raise SystemExit(main())
