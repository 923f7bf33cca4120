"""Figures of a simulated retailer that are published for real ones, with their sources."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from omniltv.simulation import World, preset
from omniltv.units import weeks

__all__ = ["REFERENCES", "figures"]

_PARETO = "https://www.marketingscience.info/value-paretos-bottom-80/"
_CENSUS = "http://www.census.gov/retail/mrts/www/data/text/nadjusts.txt"
_METRILO = "https://metrilo.com/glossary/retention-rate"
_CORSO = "https://www.corso.com/post-purchase-resource-center/ecommerce-return-rate-benchmarks-by-industry"
_SHOPPERS = "https://www.acceleratedanalytics.com/blog/2017/02/07/are-omnichannel-shoppers-more-valuable-to-retailers/"
_MAIL = "https://www.emailmarketingskill.com/appendix-a-benchmarks"

# Preset, figure, lowest and highest published value, source. One source, except where stated.
REFERENCES: tuple[tuple[str, str, float, float, str], ...] = (
    ("apparel", "bought again within a year", 0.26, 0.26, _METRILO),
    ("cosmetics", "bought again within a year", 0.26, 0.26, _METRILO),
    (
        "grocery",
        "bought again within a year",
        0.652,
        0.652,
        "https://www.rivo.io/blog/repeat-purchase-rate-complete-guide",
    ),
    ("apparel", "December, relative to the year", 1.557, 1.593, _CENSUS),
    ("cosmetics", "December, relative to the year", 1.09, 1.107, _CENSUS),
    (
        "grocery",
        "December, relative to the year",
        1.039,
        1.039,
        "https://www.census.gov/retail/mrts/www/nadjusts.txt",
    ),
    ("apparel", "returned, online", 0.25, 0.40, _CORSO),
    ("cosmetics", "returned, online", 0.05, 0.05, _CORSO),
    ("apparel", "returned, store", 0.0872, 0.0872, _CORSO),
    *((name, "value of the best 20 %", 0.5, 0.79, _PARETO) for name in ("grocery", "cosmetics")),
    *((name, "opened, of delivered", 0.15, 0.20, _MAIL) for name in ("apparel", "cosmetics")),
    *((name, "answered, of delivered", 0.02, 0.03, _MAIL) for name in ("apparel", "cosmetics")),
    *((name, "used several channels", 0.73, 0.73, _SHOPPERS) for name in ("apparel",)),
)


def figures(name: str, people: int, seed: int) -> Mapping[str, float]:
    """Return figures of the second year of a preset, in which nobody is new to the world."""
    world = World(preset(name), people=people, seed=seed)
    first = world.run(weeks(52))
    second = world.run(weeks(52))
    both = first.and_then(second)
    all_days = both.and_then(world.run(weeks(26)))
    bought = both.transactions[both.transactions["refund_of"].isna()]
    return {
        "bought again within a year": _repeat(bought),
        "used several channels": _several(both.behaviour, second.transactions),
        "bought on several channels": _several(second.transactions, second.transactions),
        "value of the best 20 %": _best(second.transactions),
        "December, relative to the year": _december(all_days.transactions),
        **_returned(both.transactions),
        **_responses(world),
    }


def _repeat(bought: pd.DataFrame) -> float:
    """Return the share of first-year customers who buy again within a year of the first day."""
    day = bought["time"].dt.floor("D")
    first = day.groupby(bought["customer_id"]).transform("min")
    since = (day - first).dt.days
    new = first < day.min() + pd.Timedelta(weeks=52)
    again = ((since > 0) & (since <= 365)).groupby(bought["customer_id"]).any()
    return float(again[bought.loc[new, "customer_id"].unique()].mean())


def _several(used: pd.DataFrame, bought: pd.DataFrame) -> float:
    """Return the share of buyers who appear on at least two channels."""
    channels = used.groupby("customer_id")["channel"].nunique()
    return float((channels.reindex(bought["customer_id"].unique(), fill_value=0) > 1).mean())


def _best(transactions: pd.DataFrame) -> float:
    """Return the share of value of the best fifth of buyers."""
    value = np.sort(transactions.groupby("customer_id")["value"].sum().to_numpy())[::-1]
    return float(value[: round(len(value) / 5)].sum() / value.sum())


def _december(transactions: pd.DataFrame) -> float:
    """Return sales of a December relative to the twelve months around it (July to June)."""
    month = transactions["time"].dt.tz_localize(None).dt.to_period("M")
    sales = transactions.groupby(month)["value"].sum()
    months = pd.PeriodIndex(sales.index)
    last = int(np.flatnonzero(months.month == 12)[-1])
    around = sales.to_numpy()[last - 5 : last + 7]
    return float(around[5] / around.mean())


def _returned(transactions: pd.DataFrame) -> dict[str, float]:
    returned = transactions["transaction_id"].isin(transactions["refund_of"].dropna())
    bought = transactions["refund_of"].isna()
    store = transactions["channel"] == "store"
    online = transactions["channel"].isin(["ec", "app"])
    return {
        "returned, store": float(returned[bought & store].mean()),
        "returned, online": float(returned[bought & online].mean()),
    }


def _responses(world: World) -> dict[str, float]:
    """Return response rates to one mail to everybody."""
    people = world.truth.people
    plan = people.loc[people["customer"], ["customer_id"]].assign(treatment="mail", channel="ec")
    stage = world.step(plan).contacts["stage"].value_counts()
    reached = {name: float(stage.get(name, 0)) for name in ("delivered", "opened", "answered")}
    delivered = sum(reached.values())
    return {
        "opened, of delivered": (reached["opened"] + reached["answered"]) / delivered,
        "answered, of delivered": reached["answered"] / delivered,
    }
