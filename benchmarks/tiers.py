"""Tiers month by month in a world without real change: flapping, calibration, who is found.

People of a simulated world keep their rates for ever and may leave. One fit is made after a year;
then customers are judged at the start of each month with the purchases so far. Nothing really
changes for those who are still customers at the end, so each of their moves is noise.

    uv run --group bench python benchmarks/tiers.py [--check] [--markdown PAGE]
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import _fresh
import _markdown
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray

from omniltv.data import PurchaseLog
from omniltv.models import BgNbd, GammaGamma, Pooling, fit, lifetime_value
from omniltv.segmentation import Cut, Hysteresis, Tier, Tiering, TierMemory, TierScheme
from omniltv.simulation import World, WorldConfig
from omniltv.simulation.processes.bg_nbd import BgNbdCustomers
from omniltv.units import Discount, days, weeks

HORIZON = weeks(26)
SHARE = 0.2
YEAR = 364  # days before the first judgement
MONTH = 28
MONTHS = 12
COLUMNS = ["transaction_id", "customer_id", "channel", "time", "value", "refund_of"]
HIGH = TierScheme(tiers=(Tier(name="high", value_at_least=Cut(share=SHARE)), Tier(name="general")))
NAMES = HIGH.names
NOISE = Hysteresis(enter=0.5, leave=0.25)
MEMORIES: Mapping[str, TierMemory | None] = {
    "judged anew each month": None,
    "period of 6 months": TierMemory(tiers=NAMES, period_months=6),
    "minimum stay of 6 months": TierMemory(tiers=NAMES, review="run", min_stay_months=6),
    "hysteresis": TierMemory(tiers=NAMES, review="run", hysteresis=NOISE),
    "hysteresis, grace of 3 months": TierMemory(
        tiers=NAMES, review="run", hysteresis=NOISE, grace_months=3
    ),
}
ANEW, BEST = "judged anew each month", "hysteresis, grace of 3 months"
VALUE, RFM, SPEND, RECENT = (
    "expected value",
    "RFM (sum of fifths)",
    "past spend",
    "spend of the last year",
)
BINS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
FEW = 200  # customers of a bin that is judged
FEWER = 3.0  # how many times fewer moves memory must make
WORSE = 0.03  # share of truly high customers that memory may lose
OFF = 0.05  # how far the share of a bin may be from the mean probability
SE = 3.0  # standard errors that a bin may be off in addition


@dataclass(frozen=True)
class Month:
    """One judgement of all customers, with the truth.

    Attributes:
        on: Date of the judgement.
        tiering: The judgement of the scheme.
        scores: Scores of other ways to rank customers, each of shape (n_customers,).
        expected: True expected value within the horizon.
        realised: Value that will really come.
    """

    on: str
    tiering: Tiering
    scores: Mapping[str, NDArray[np.float64]]
    expected: NDArray[np.float64]
    realised: NDArray[np.float64]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Tiers with and without memory.")
    parser.add_argument("--people", type=int, default=1_500, help="people of each world")
    parser.add_argument("--worlds", type=int, default=1, help="simulated worlds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    before = _fresh.surroundings()
    worlds = [
        list(judged(options.people, options.seed + number)) for number in range(options.worlds)
    ]
    flapping = mean_of(worlds, flaps, "tiers")
    found = mean_of(worlds, finders, "ranked by")
    bins = calibration([month for months in worlds for month in months])
    if options.markdown:
        said = f"{options.worlds} worlds of {options.people:,} people. {before}"
        tables = {"flapping": flapping, "found": found, "calibration": bins}
        parts = {name: _markdown.table(frame) for name, frame in tables.items()}
        _markdown.fill(options.markdown, {"size": said, **parts})
    for frame in (flapping, found):
        print(frame.to_string(index=False), "\n")
    return report(
        "tiers",
        bins,
        figures={"people": options.people, "worlds": options.worlds},
        targets=targets(flapping, found, bins),
        check=options.check,
    )


def judged(people: int, seed: int) -> Iterator[Month]:
    """Return the judgements of a world, one a month; lines are the amounts of the first one."""
    world = World(WorldConfig(process=BgNbdCustomers()), people=people, seed=seed)
    step = world.run(days(YEAR))
    log = log_of(step.transactions)
    history = log.history(unit="week", end=str(world.today))
    pooling = Pooling.complete()
    purchases = fit(BgNbd(), history, pooling=pooling, seed=seed)
    spend = fit(GammaGamma(), history, pooling=pooling, seed=seed)
    scheme = None
    for month in range(MONTHS + 1):
        if month:
            step = step.and_then(world.run(days(MONTH)))
            log = log_of(step.transactions)
            history = log.history(unit="week", end=str(world.today))
        value = lifetime_value(
            purchases, spend, history, horizon=HORIZON, discount=Discount(per_year=0.0), seed=month
        )
        scheme = HIGH.with_amounts(value) if scheme is None else scheme
        tiering = scheme.assign(value, log)
        yield Month(
            on=str(world.today),
            tiering=tiering,
            scores=scores(tiering, log, world),
            expected=truth(world, "expected", tiering),
            realised=truth(world, "realised", tiering),
        )
        print(f"seed {seed}: {world.today} judged", file=sys.stderr)


def log_of(transactions: pd.DataFrame) -> PurchaseLog[pd.DataFrame]:
    """Return the purchases so far."""
    return PurchaseLog.from_frame(transactions[COLUMNS], timezone="Asia/Tokyo")


def truth(world: World, kind: str, tiering: Tiering) -> NDArray[np.float64]:
    """Return the true value within the horizon of each judged customer."""
    outcomes = world.truth.outcomes(HORIZON, kind="expected" if kind == "expected" else "realised")
    return outcomes.set_index("customer_id")["none"].loc[list(tiering.customer_id)].to_numpy()


def scores(
    tiering: Tiering, log: PurchaseLog[pd.DataFrame], world: World
) -> dict[str, NDArray[np.float64]]:
    """Return the scores of customers by each way to rank them."""
    ids = list(tiering.customer_id)
    summary = log.of_customers(ids).summary_by_customer().to_frame()
    recent = log.since(str(world.today - timedelta(days=YEAR))).of_customers(ids)
    fifths = [
        np.ceil(summary[name].rank(pct=True).to_numpy() * 5)
        for name in ("last_purchase", "purchases", "realised_value")
    ]
    return {
        VALUE: tiering.value,
        RFM: np.sum(fifths, axis=0),
        SPEND: summary["realised_value"].to_numpy(),
        RECENT: recent.realised_value(ids),
    }


def mean_of(
    worlds: list[list[Month]], figures: Callable[[list[Month]], pd.DataFrame], by: str
) -> pd.DataFrame:
    """Return the mean of a table over worlds."""
    rows = pd.concat([figures(months) for months in worlds])
    return rows.groupby(by, sort=False).mean().round(3).reset_index()


def flaps(months: list[Month]) -> pd.DataFrame:
    """Return moves of customers without real change, and who is found, by kind of memory."""
    everyone = months[0].tiering.customer_id
    last = months[-1]
    place = pd.Index(last.tiering.customer_id).get_indexer(pd.Index(everyone))
    still = last.expected[place] > 0
    rows = []
    for name, memory in MEMORIES.items():
        tiers = np.array([of_all(tier, everyone) for tier in remembered(months, memory)])
        moves = (tiers[1:] != tiers[:-1])[:, still]
        high = tiers[-1] == NAMES[0]
        true = last.expected[place] >= np.quantile(last.expected, 1 - SHARE)
        rows.append(
            {
                "tiers": name,
                "moves per 100 customers and year": 100 * moves.sum() / still.sum(),
                "customers who moved twice or more": (moves.sum(axis=0) > 1).mean(),
                "share in high": high.mean(),
                "truly high found": high[true].mean(),
                "in high and truly high": true[high].mean(),
            }
        )
    return pd.DataFrame(rows)


def remembered(months: list[Month], memory: TierMemory | None) -> Iterator[pd.Series]:
    """Return the tier of each customer, by id, after each month."""
    state = None
    for month in months:
        now = month.tiering.to_frame()
        if memory is not None:
            state = memory.move(state, now, on=month.on).state
        yield (now if state is None else state).set_index("customer_id")["tier"]


def of_all(tiers: pd.Series, everyone: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return tiers in the order of ids."""
    return tiers.loc[list(everyone)].to_numpy()


def finders(months: list[Month]) -> pd.DataFrame:
    """Return the share of truly high customers among as many of the highest scores."""
    rows = []
    for month in months:
        n = round(SHARE * len(month.expected))
        true = set(np.argsort(-month.expected, kind="stable")[:n])
        for name, score in month.scores.items():
            noise = np.random.default_rng(0).random(len(score))  # ties are broken by chance
            best = np.lexsort((noise, -score))[:n]
            worth = month.expected[best].sum() / np.sort(month.expected)[-n:].sum()
            rows.append(
                {
                    "ranked by": name,
                    "truly high found": len(true & set(best)) / n,
                    "share of their value": worth,
                }
            )
    return pd.DataFrame(rows).groupby("ranked by", sort=False).mean().reset_index()


def calibration(months: list[Month]) -> pd.DataFrame:
    """Return mean probability of high and share of customers whose value gets there, by bin."""
    chance = np.concatenate([month.tiering.to_frame()["probability_high"] for month in months])
    reached = np.concatenate([month.realised >= line(month.tiering) for month in months])
    frame = pd.DataFrame(
        {"bin": pd.cut(pd.Series(chance), BINS.tolist(), include_lowest=True), "chance": chance}
    )
    groups = frame.assign(reached=reached).groupby("bin", observed=True)
    table = groups.agg(
        judgements=("chance", "size"), p=("chance", "mean"), share=("reached", "mean")
    )
    table = table.rename(columns={"p": "mean probability", "share": "share that got there"})
    return table.round(3).reset_index().astype({"bin": str})


def line(tiering: Tiering) -> float:
    """Return the line of the high tier."""
    cut = tiering.scheme.tiers[0].value_at_least
    return np.inf if cut is None else cut.at(())


def targets(flapping: pd.DataFrame, found: pd.DataFrame, bins: pd.DataFrame) -> dict[str, bool]:
    """Return what was to be shown."""
    moves = flapping.set_index("tiers")["moves per 100 customers and year"]
    kept = flapping.set_index("tiers")["truly high found"]
    ranked = found.set_index("ranked by")["truly high found"]
    large = bins[bins["judgements"] >= FEW]
    off = (large["mean probability"] - large["share that got there"]).abs()
    error = SE * np.sqrt(0.25 * MONTHS / large["judgements"])  # months of a customer are alike
    return {
        f"memory makes at least {FEWER:g} times fewer moves": moves[ANEW] >= FEWER * moves[BEST],
        "memory finds the truly high": kept[BEST] >= kept[ANEW] - WORSE,
        "expected value finds more than RFM": ranked[VALUE] > ranked[RFM],
        "expected value finds more than past spend": ranked[VALUE]
        > max(ranked[SPEND], ranked[RECENT]),
        "probabilities are calibrated": bool((off <= OFF + error).all()),
    }


if __name__ == "__main__":
    sys.exit(main())
