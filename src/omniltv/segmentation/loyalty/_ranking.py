"""Ranks of a programme over time: the tier scheme and its memory, run night by night."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from omniltv.data.log import PurchaseLog
from omniltv.data.report import Tolerance
from omniltv.segmentation.loyalty._earning import stacked
from omniltv.segmentation.loyalty.rules import Ranks

__all__ = ["NO_RANKS", "RankRun", "rank_runs"]

type Earnings = Callable[[pd.DataFrame], pd.DataFrame]
"""From ranks so far to what qualifies: customer_id, transaction_id, time and value."""

NO_RANKS = pd.DataFrame(columns=["customer_id", "rank", "from", "reason"])


@dataclass(frozen=True, eq=False)
class RankRun:
    """One run of the memory.

    Attributes:
        state: State after the run.
        history: Ranks so far: ``customer_id``, ``rank``, ``from`` and ``reason``.
        table: What each customer was judged by.
    """

    state: pd.DataFrame
    history: pd.DataFrame
    table: pd.DataFrame


def rank_runs(
    ranks: Ranks,
    earnings: Earnings,
    customers: pd.DataFrame,
    days: list[str],
    *,
    fixed: bool,
) -> RankRun:
    """Return the last run of the memory over some days of activity; the last day is today.

    With ``fixed``, what qualifies does not depend on ranks.
    """
    state, table, tables = None, customers, [NO_RANKS]
    same = _log(earnings(NO_RANKS)) if fixed else None
    for day in _nights(ranks, days):
        for night in [day] if state is None else ranks.memory.review_dates(state, day):
            history = stacked(tables[1:] or tables)
            log = same if fixed else _log(earnings(history))
            table = _judged_by(ranks, log, customers, state, night)
            moves = ranks.memory.move(state, _judged(ranks, table), on=night)
            state = moves.state
            names = {"to_tier": "rank", "on": "from"}
            fresh = moves.moves.rename(columns=names)[["customer_id", "rank", "from", "reason"]]
            tables += [fresh] if len(fresh) else []
    history = stacked(tables[1:] or tables)
    return RankRun(state if state is not None else customers, history, table)


def _nights(ranks: Ranks, days: list[str]) -> Iterator[str]:
    """Yield the dates to judge at: the first and the last, and all between if ranks rise at once.

    The reviews between two dates are made up by `TierMemory.review_dates`.
    """
    if ranks.memory.up == "at_once":
        yield from days
    else:
        yield from dict.fromkeys((days[0], days[-1]))


def _log(table: pd.DataFrame) -> PurchaseLog[pd.DataFrame] | None:
    if not len(table):
        return None
    everything = Tolerance.anything()
    return PurchaseLog.from_frame(table.assign(channel="all"), rows="tickets", tolerance=everything)


def _judged_by(
    ranks: Ranks,
    log: PurchaseLog[pd.DataFrame] | None,
    customers: pd.DataFrame,
    state: pd.DataFrame | None,
    night: str,
) -> pd.DataFrame:
    """Return one row per customer: the window of the memory, and the columns of the customers."""
    nothing = pd.DataFrame({"customer_id": customers["customer_id"]})
    found = nothing if log is None else pd.DataFrame(dict(_window(ranks, log, state, night)))
    table = nothing.merge(found, on="customer_id", how="outer")
    for name in ("qualifying_value", "purchases"):
        table[name] = table[name].fillna(0.0) if name in table else 0.0
    if "last_purchase" not in table:
        table["last_purchase"] = np.datetime64("NaT", "us")
    more = [name for name in customers if name == "customer_id" or name not in table]
    return table.merge(customers[more], on="customer_id", how="left")


def _window(
    ranks: Ranks, log: PurchaseLog[pd.DataFrame], state: pd.DataFrame | None, night: str
) -> pd.DataFrame:
    return ranks.memory.qualifying(log, night, state=state).to_frame()


def _judged(ranks: Ranks, table: pd.DataFrame) -> pd.DataFrame:
    tiering = ranks.scheme.assign(table)
    names = [name for name in ("joined", "last_purchase") if name in table]
    judged = table[["customer_id", *names]].assign(tier=np.asarray(tiering.tier, dtype=object))
    if ranks.memory.carry_over:
        judged["surplus"] = tiering.surplus
    return judged
