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
from _acting import ARMS, HISTORY, MARGIN, PLAYBOOK, Shop, effects_of, pilot, pooled
from _report import report
from scipy.special import stdtrit

from omniltv import PurchaseLog
from omniltv.models import BgNbd, GammaGamma, PurchaseFit, SpendFit, fit, lifetime_value
from omniltv.segmentation.allocation import allocate
from omniltv.segmentation.planning import plan_contacts
from omniltv.simulation import World, WorldStep, preset
from omniltv.units import Discount, weeks

RULES = ("by past spend", "by LTV", "by measured effect", "oracle")
SHARE = 0.01  # of its value that a customer is taken to bring, by rules that do not know effects
PLAN_EVERY = 2  # weeks
POLICY = PLAYBOOK.policy

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
    parser.add_argument("--pilot", type=int, default=60_000, help="customers of a pilot")
    parser.add_argument("--pilots", type=int, default=10, help="pilots, with other customers each")
    parser.add_argument(
        "--effects", type=Path, help="file of the measured lifts; read if it is there"
    )
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    fits = fitted(World(preset("apparel"), people=800, seed=0).run(HISTORY))
    effects = pooled(measured(options, fits))
    gains = every_seed(options, fits, effects)
    table = summary(gains)
    if options.markdown:
        fill(options.markdown, effects, gains)
    return report(
        "acting", table, figures={"seeds": len(gains), "people": options.people},
        targets=targets(gains), check=options.check,
    )  # fmt: skip


def every_seed(options: argparse.Namespace, fits: Fits, effects: pd.DataFrame) -> pd.DataFrame:
    """Return the gains of every seed; those in the file of gains are not run again."""
    gains = pd.DataFrame({"seed": []})
    if options.gains and options.gains.exists():
        gains = pd.read_csv(options.gains)
    asked = range(options.first, options.seeds + 1)
    if not set(gains["seed"]) <= set(asked):
        raise SystemExit(f"{options.gains} has other seeds than {options.first} to {options.seeds}")
    for seed in asked:
        if seed in set(gains["seed"]):
            continue
        world = World(preset("apparel"), people=options.people, seed=seed)
        past = world.run(HISTORY)
        row = {"seed": seed, **run(world, past, fits, effects, options)}
        gains = pd.concat([gains, pd.DataFrame([row])], ignore_index=True)
        print(row, file=sys.stderr, flush=True)
        if options.gains:
            gains.to_csv(options.gains, index=False)
    return gains


def measured(options: argparse.Namespace, fits: Fits) -> pd.DataFrame:
    """Return the lifts of the pilots, from a file if there is one."""
    if options.effects and options.effects.exists():
        return pd.read_csv(options.effects)
    parts = []
    for seed in range(1_000, 1_000 + options.pilots):
        world = World(preset("apparel"), people=options.pilot, seed=seed)
        past = world.run(HISTORY)
        parts.append(pilot(world, past, ltv(past, fits), seed=seed).assign(pilot=seed))
    cells = pd.concat(parts, ignore_index=True)
    if options.effects:
        cells.to_csv(options.effects, index=False)
    return cells


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
    world: World, past: WorldStep, fits: Fits, found: pd.DataFrame, options: argparse.Namespace
) -> Mapping[str, float]:
    """Return what each rule gains over doing nothing, per customer."""
    shop = Shop.open(world, past, ltv(past, fits))
    effects = effects_of(found)
    flat = effects.assign(effect=1.0, sd=0.0)
    nothing = shop.fork()
    for _ in range(options.weeks):
        nothing.follow(NO_PLAN)
    base = nothing.result(options.after)
    policies: Mapping[str, Callable[[Shop], pd.DataFrame]] = {
        "by past spend": planner(flat, SHARE * shop.spend.clip(lower=0)),
        "by LTV": planner(flat, SHARE * shop.value),
        "by measured effect": planner(effects, shop.value),
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


def capacities(shop: Shop) -> Mapping[str, float | Mapping[object, float]]:
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
        limits: dict[str, float | Mapping[object, float]] = {**capacities(shop), "cost": np.inf}
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
        age = (day - pd.to_datetime(shop.contacts["time"])).dt.days
        recent = shop.contacts[age < POLICY.rest_days]
        capped: set[object] = set()
        for cap in POLICY.caps:
            number = shop.contacts[age < cap.days]["customer_id"].value_counts()
            capped |= set(number.index[number >= cap.contacts])
        parts = []
        for rule in {(r.key, r.channel): r for r in PLAYBOOK.treatments}.values():
            ids = pd.Index(listed[listed["source"] == rule.channel]["customer_id"])
            rested = set(recent[recent["treatment"] == rule.key]["customer_id"])
            ids = ids[~ids.isin(rested | capped) & ids.isin(shop.tier.index)]
            parts.append(pd.DataFrame({
                "customer_id": ids, "treatment": rule.key, "channel": rule.channel,
                "place": place.reindex(ids).to_numpy(), "cost": rule.cost,
                "gain": self.gain[rule.key, rule.channel].reindex(ids).to_numpy(),
                **{name: rule.uses.get(name, 0.0) for name in
                   ("staff_minutes", "calls", "mails", "pushes")},
            }))  # fmt: skip
        return pd.concat(parts, ignore_index=True)


def summary(gains: pd.DataFrame) -> pd.DataFrame:
    """Return mean gains with intervals over the seeds."""
    rows: list[Mapping[str, object]] = [
        {
            "rule": name, "contacts per customer": round(gains[f"contacts {name}"].mean(), 2),
            **in_yen(gains[name]), "% of the oracle": share(gains[name], gains["oracle"]),
            "seeds with a gain": f"{int((gains[name] > 0).sum())} of {len(gains)}",
        }
        for name in RULES
    ]  # fmt: skip
    for other in RULES[:2]:
        less = gains["by measured effect"] - gains[other]
        rows.append({
            "rule": f"by measured effect, less {other}", **in_yen(less), "% of the oracle": "",
            "seeds with a gain": f"{int((less > 0).sum())} of {len(gains)}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def in_yen(values: "pd.Series[float]") -> Mapping[str, float]:
    """Return the mean of gains and its interval."""
    low, mean, high = (round(value, 1) for value in interval(values))
    return {"gain per customer, yen": mean, "from": low, "to": high}


def share(gain: "pd.Series[float]", best: "pd.Series[float]") -> str:
    """Return the ratio of mean gains with a 95 % interval (Fieller 1954), in percent."""
    n = len(gain)
    ratio = float(gain.mean() / best.mean())
    if gain.equals(best) or n == 1:
        return f"{100 * ratio:.0f}"
    square = stdtrit(n - 1, 0.975) ** 2 / n
    (own, both), (_, other) = np.cov(gain, best)
    a = best.mean() ** 2 - square * other
    b = gain.mean() * best.mean() - square * both
    root = b**2 - a * (gain.mean() ** 2 - square * own)
    if a <= 0 or root < 0:
        return f"{100 * ratio:.0f} (no bounds)"
    low, high = ((b + sign * np.sqrt(root)) / a for sign in (-1, 1))
    return f"{100 * ratio:.0f} ({100 * low:.0f} to {100 * high:.0f})"


def interval(values: "pd.Series[float]") -> tuple[float, float, float]:
    """Return a 95 % interval of the mean over the seeds by the t distribution, and the mean."""
    mean, n = float(values.mean()), len(values)
    half = float(stdtrit(max(n - 1, 1), 0.975) * values.std() / np.sqrt(n))
    return mean - half, mean, mean + half


def targets(gains: pd.DataFrame) -> Mapping[str, bool]:
    """Return what was to be shown."""
    ours = gains["by measured effect"]
    return {
        "contacts by measured effects gain over doing nothing": interval(ours)[0] > 0,
        "they gain more than contacts by past spend": interval(ours - gains[RULES[0]])[0] > 0,
        "they gain more than contacts by LTV": interval(ours - gains[RULES[1]])[0] > 0,
    }


def fill(page: Path, effects: pd.DataFrame, gains: pd.DataFrame) -> None:
    """Put the tables into the page."""
    rows = f"{len(gains)} seeds.\n\n{_markdown.table(summary(gains))}"
    names = ["treatment", "channel", "measured", "error", "effect", "sd", "true"]
    listed = effects[names].sort_values(names[:2]).round(3)
    parts = {"gains": rows, "pilot": _markdown.table(listed)}
    _markdown.fill(page, parts)


if __name__ == "__main__":
    raise SystemExit(main())
