"""Pooled cells, learning from a register, and a bandit beside equal split and an oracle.

    uv run --group bench python benchmarks/learning.py [--seeds N] [--check]

Cells: 12 effects (3 tiers x 4 channels). In the world `additive` they are Normal with tier,
channel and cell deviations of sizes drawn anew for each data set. In `one hit`, which is no such
model, two cells have an effect of 40 % and all others none. In `opposite`, tiers have effects of
opposite sign.

Register: 40 treatments are measured once. The effects come from a heavy-tailed t distribution.

Bandit: 4 treatments, 3 tiers x 2 channels, 24 rounds of 600 customers, outcomes that are mostly
zero and otherwise log-normal and are complete two rounds later.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from _markdown import fill
from _markdown import table as markdown
from _report import report
from numpy.typing import NDArray

from omniltv.experiments.learning import (
    Register,
    Thompson,
    TreatmentShares,
    policy_value,
    pool_effects,
)

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "learning.md"
TIERS, CHANNELS = ("high", "potential", "general"), ("store", "ec", "app", "call")
TREATMENTS = ("none", "mail", "coupon", "tour")
ROUNDS, PER_ROUND, DELAY = 24, 600, 2
BEST_OF = 5

type Vector = NDArray[np.float64]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Cells, register, bandit.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument("--fill", action="store_true", help="put the tables into the page")
    options = parser.parse_args()
    parts = {
        "cells": cells(options.seeds),
        "register": register(options.seeds),
        "bandit": bandit(options.seeds),
    }
    for frame in parts.values():
        print(markdown(frame), end="\n\n")
    if options.fill:
        fill(PAGE, {name: markdown(frame) for name, frame in parts.items()})
    own = parts["cells"].set_index("world")
    ratio, held = own["RMSE ratio"]["additive"], own["95 % held"].min()
    honest = parts["register"].set_index("estimate")["95 % held, best five"]["learnings"]
    regret = parts["bandit"].set_index("policy")["regret, % of equal split"]["Thompson"]
    inside = float(parts["bandit"]["off-policy 95 % held"].min())
    targets = {
        f"RMSE of additive cells at most half of unpooled, is {ratio:.2f}": ratio <= 0.5,
        f"95 % intervals of cells hold at least 93 %, hold {held:.1%}": held >= 0.93,
        f"95 % intervals of the best five of 40 hold 92 %, hold {honest:.1%}": honest >= 0.92,
        f"regret at most half of equal split, is {regret:.0f} %": regret <= 50,
        f"off-policy 95 % intervals hold 92 %, hold {inside:.1%}": inside >= 0.92,
    }
    figures = {"cells_rmse": float(ratio), "cells_held": float(held), "regret": float(regret)}
    return report("learning", parts["cells"], figures=figures, targets=targets, check=options.check)


def additive(rng: np.random.Generator) -> Vector:
    """Return effects with tier, channel and cell deviations of random size."""
    tier, channel, cell = np.abs(rng.normal(0, 0.1, 3)) * (1.0, 1.0, 0.5)
    deviations = rng.normal(0, tier, (3, 1)) + rng.normal(0, channel, (1, 4))
    return rng.normal(0.1, 0.1) + deviations + rng.normal(0, cell, (3, 4))


def one_hit(rng: np.random.Generator) -> Vector:
    """Return effects of which two cells have all."""
    effect = np.zeros(12)
    effect[rng.choice(12, 2, replace=False)] = 0.4
    return effect.reshape(3, 4)


def opposite(rng: np.random.Generator) -> Vector:
    """Return effects of opposite sign in the first and the last tier."""
    return np.array([0.3, 0.0, -0.3])[:, None] + rng.normal(0, 0.02, (3, 4))


WORLDS: dict[str, Callable[[np.random.Generator], Vector]] = {
    "additive": additive,
    "one hit": one_hit,
    "opposite": opposite,
}


def cells(seeds: int) -> pd.DataFrame:
    """Return the error and coverage of pooled effects beside those of unpooled ones."""
    rows = []
    for name, world in WORLDS.items():
        tried = [one_panel(world, seed) for seed in range(seeds)]
        raw, own, held, width = (np.array(column) for column in zip(*tried, strict=True))
        rows.append(
            {
                "world": name,
                "RMSE unpooled": np.sqrt(raw.mean()),
                "RMSE pooled": np.sqrt(own.mean()),
                "RMSE ratio": np.sqrt(own.mean() / raw.mean()),
                "95 % held": held.mean(),
                "width, share of unpooled": width.mean(),
            }
        )
    return pd.DataFrame(rows).round(4)


def one_panel(
    world: Callable[[np.random.Generator], Vector], seed: int
) -> tuple[float, float, float, float]:
    """Return squared errors (relative), coverage and width of one panel of cells."""
    rng = np.random.default_rng((seed, 17))
    effect = world(rng).ravel()
    baseline = rng.lognormal(4.0, 0.8, 12)
    error = baseline * rng.lognormal(-1.6, 0.6, 12)
    frame = pd.DataFrame(
        {
            "tier": np.repeat(TIERS, 4),
            "channel": np.tile(CHANNELS, 3),
            "estimate": baseline * effect + rng.normal(0, error),
            "standard_error": error,
            "control_mean": baseline,
        }
    )
    found = pool_effects(frame, by=["tier", "channel"], seed=seed)
    truth = baseline * effect
    off = [((estimate - truth) / baseline) ** 2 for estimate in (frame["estimate"], found.effect)]
    held = (found.low <= truth) & (truth <= found.high)
    width = (found.high - found.low) / (2 * 1.96 * error)
    return float(off[0].mean()), float(off[1].mean()), float(held.mean()), float(width.mean())


def register(seeds: int) -> pd.DataFrame:
    """Return how far the treatments that look best are overstated."""
    raw, own = [], []
    for seed in range(seeds):
        rng = np.random.default_rng((seed, 18))
        effect = 100 * (0.02 + 0.03 * rng.standard_t(4, 40))
        error = 100 * rng.lognormal(-3.0, 0.4, 40)
        frame = pd.DataFrame(
            {
                "measurement": [f"m{k}" for k in range(40)],
                "treatment": [f"t{k:02}" for k in range(40)],
                "tier": "all",
                "channel": "ec",
                "estimate": effect + rng.normal(0, error),
                "standard_error": error,
                "control_mean": 100.0,
            }
        )
        found = Register.read(frame).learnings(seed=seed)
        estimate = frame["estimate"].to_numpy()
        half = 1.96 * error
        raw.append(best(estimate, estimate - half, estimate + half, effect))
        own.append(best(found.effect, found.low, found.high, effect))
    rows = []
    for name, tried in (("as measured", raw), ("learnings", own)):
        over, off, held = np.mean(tried, axis=0)
        rows.append(
            {
                "estimate": name,
                "overstated, best five (% of control)": over,
                "RMSE, best five": np.sqrt(off),
                "95 % held, best five": held,
            }
        )
    return pd.DataFrame(rows).round(3)


def best(estimate: Vector, low: Vector, high: Vector, truth: Vector) -> tuple[float, float, float]:
    """Return bias, squared error and coverage of the five highest estimates."""
    top = np.argsort(-estimate)[:BEST_OF]
    off = estimate[top] - truth[top]
    held = (low[top] <= truth[top]) & (truth[top] <= high[top])
    return float(off.mean()), float((off**2).mean()), float(held.mean())


class Shop:
    """Customers with a tier and a channel, whose outcomes depend on the treatment.

    Attributes:
        mean: True mean outcome by tier, channel and treatment.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng((seed, 19))
        base = np.array([60.0, 30.0, 15.0])[:, None, None] * np.array([1.0, 0.7])[None, :, None]
        effect = self.rng.normal(0, 0.15, 4) + self.rng.normal(0, 0.15, (3, 2, 4))
        effect[:, :, 0] = 0.0
        self.mean = base * np.exp(effect)

    def customers(self, turn: int) -> pd.DataFrame:
        """Return the customers of a round."""
        return pd.DataFrame(
            {
                "customer_id": np.arange(PER_ROUND) + PER_ROUND * turn,
                "tier": self.rng.choice(TIERS, PER_ROUND, p=[0.2, 0.3, 0.5]),
                "channel": self.rng.choice(CHANNELS[:2], PER_ROUND),
            }
        )

    def outcomes(self, assigned: pd.DataFrame) -> Vector:
        """Return outcomes: four in ten buy, and spend is log-normal."""
        bought = self.rng.random(len(assigned)) < 0.4
        spread = self.rng.lognormal(-0.32, 0.8, len(assigned))
        return self.expected(assigned) / 0.4 * bought * spread

    def expected(self, assigned: pd.DataFrame) -> Vector:
        """Return the expected outcome of each row."""
        places = [
            pd.Index(names).get_indexer(pd.Index(assigned[column]))
            for column, names in (
                ("tier", TIERS),
                ("channel", CHANNELS[:2]),
                ("treatment", TREATMENTS),
            )
        ]
        return np.asarray(self.mean[tuple(places)])

    def best(self, people: pd.DataFrame) -> Vector:
        """Return the expected outcome under the best treatment of each row."""
        every = [self.expected(people.assign(treatment=name)) for name in TREATMENTS]
        return np.max(every, axis=0)


def bandit(seeds: int) -> pd.DataFrame:
    """Return regret and coverage of off-policy estimates."""
    rows = [row for seed in range(seeds) for row in one_shop(seed)]
    frame = pd.DataFrame(rows).groupby("policy", sort=False).mean().reset_index()
    equal = float(frame.set_index("policy")["regret"]["equal split"])
    return frame.assign(**{"regret, % of equal split": 100 * frame["regret"] / equal}).round(3)


def one_shop(seed: int) -> Iterator[dict[str, object]]:
    """Yield regret per customer and whether the off-policy interval holds, by policy."""
    for name, floor in (("equal split", 0.25), ("Thompson", 0.02), ("oracle", None)):
        shop = Shop(seed)
        if floor is None:
            yield {"policy": name, "regret": 0.0, "off-policy 95 % held": np.nan}
            continue
        log, regret = lived(shop, Thompson(treatments=TREATMENTS, floor=floor), seed)
        yield {"policy": name, "regret": regret, "off-policy 95 % held": covered(shop, log)}


def lived(shop: Shop, rule: Thompson, seed: int) -> tuple[pd.DataFrame, float]:
    """Return the log of a shop that follows a bandit, and its regret per customer."""
    log = pd.DataFrame({"tier": [], "channel": [], "treatment": [], "value": [], "round": []})
    lost, shares = [], None
    for turn in range(ROUNDS):
        people = shop.customers(turn)
        shares = turned(rule, log, people, shares, turn, seed)
        given = shares.assign(people, salt=f"{seed} round {turn}")
        lost.append(float((shop.best(people) - shop.expected(given)).mean()))
        fresh = given.assign(value=shop.outcomes(given), round=turn)
        log = pd.concat([log, fresh], ignore_index=True) if len(log) else fresh
    return log, float(np.mean(lost))


def turned(
    rule: Thompson,
    log: pd.DataFrame,
    people: pd.DataFrame,
    shares: TreatmentShares | None,
    turn: int,
    seed: int,
) -> TreatmentShares:
    """Return the shares of a round: new ones every second round."""
    if shares is not None and turn % 2:
        return shares
    done = log.assign(value=log["value"].where(log["round"] <= turn - DELAY))
    return rule.shares(done, cells=people, seed=seed + turn)


def covered(shop: Shop, log: pd.DataFrame) -> float:
    """Return whether the interval of a policy that was not in use holds the truth."""
    cells = log[["tier", "channel"]].drop_duplicates()
    policy = cells.assign(treatment="mail", share=1.0)
    tried = log.groupby(["tier", "channel"])["treatment"].agg(lambda own: "mail" in set(own))
    if not tried.all():
        return float("nan")
    found = policy_value(log, policy, by=("tier", "channel"))
    truth = float(shop.expected(log.assign(treatment="mail")).mean())
    return float(found.low <= truth <= found.high)


if __name__ == "__main__":
    raise SystemExit(main())
