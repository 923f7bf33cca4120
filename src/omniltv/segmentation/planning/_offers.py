"""Allowed candidates as offers with gains and resources, and the offers that are made."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Places, Vector
from omniltv._columns import numbers, positions, read_ids, require
from omniltv._frames import IntoTable, Table, collect
from omniltv.errors import DataError, DataWarning
from omniltv.segmentation.allocation import Allocation, Allocator, allocate
from omniltv.segmentation.allocation._capacities import (
    Capacities,
    IntoCapacities,
    read_capacities,
)
from omniltv.segmentation.planning._effects import EffectTable
from omniltv.segmentation.playbook.playbook import Playbook
from omniltv.segmentation.policy._tables import AddressedCustomers

__all__ = ["BestHours", "allocated", "offers_of", "refuse_idle", "unused_prices"]

_RESPONSES = "the table of responses"
BUDGET = "cost"
"""A capacity of this name is a budget."""


@dataclass(frozen=True, eq=False)
class BestHours:
    """The best hour and the factor on effects of each customer, of shape (n_customers,).

    Attributes:
        hour: Hour by channel; -1 if not known.
        factor: Factor by channel; 1 if not known.
    """

    hour: Mapping[str, Codes]
    factor: Mapping[str, Vector]

    @classmethod
    def read(cls, responses: IntoTable | None, people: AddressedCustomers[Any]) -> "BestHours":
        """Return the responses of a table.

        Raises:
            DataError: If a column is absent, an hour is not from 0 to 23, a factor is negative,
                or a customer has several rows of one channel.
        """
        if responses is None:
            return cls({}, {})
        table = collect(responses, _RESPONSES)
        require(table.columns, ["customer_id", "channel", "hour"], _RESPONSES)
        ids = read_ids(table, "customer_id", _RESPONSES)
        place = positions(ids, people.id)
        hour = numbers(table, "hour", _RESPONSES, ids=ids)
        factor = np.ones(len(ids))
        if "factor" in table.columns:
            factor = numbers(table, "factor", _RESPONSES, ids=ids)
        for column, bad in (("hour", ~np.isin(hour, np.arange(24))), ("factor", factor < 0)):
            if bad.any():
                rows = list(ids[bad])
                hint = "hours are whole numbers from 0 to 23, factors at least 0"
                raise DataError("outside the allowed range", column=column, rows=rows, hint=hint)
        channel = np.fromiter(table["channel"].to_list(), dtype=object, count=len(ids))
        twice = pd.DataFrame({"id": ids, "channel": channel}, dtype=object).duplicated().to_numpy()
        if twice.any():
            problem, hint = "responses given twice", "one row per customer and channel"
            raise DataError(problem, column="customer_id", rows=list(ids[twice]), hint=hint)
        hours, factors = {}, {}
        for name in dict.fromkeys(channel.tolist()):
            own = np.flatnonzero((channel == name) & (place >= 0))
            hours[name] = _placed(-1, place[own], hour[own].astype(np.int64), len(people))
            factors[name] = _placed(1.0, place[own], factor[own], len(people))
        return cls(hours, factors)


def _placed(default: float, place: Places, values: Any, size: int) -> Any:  # noqa: ANN401 - either type
    found = np.full(size, default, dtype=values.dtype)
    found[place] = values
    return found


def offers_of(
    rows: pd.DataFrame,
    playbook: Playbook,
    people: AddressedCustomers[Any],
    effects: EffectTable,
    responses: BestHours,
) -> pd.DataFrame:
    """Return candidates with their gain, cost and resources, in their order."""
    rule = rows["rule"].to_numpy(dtype=np.intp)
    place = rows["place"].to_numpy(dtype=np.intp)
    tier = pd.Index(playbook.tiers).get_indexer(pd.Index(people.tier[place]))
    rules = playbook.treatments
    channel = np.array([each.channel for each in rules], dtype=object)[rule]
    factor = np.ones(len(rows))
    for name, values in responses.factor.items():
        factor = np.where(channel == name, values[place], factor)
    columns = {
        "customer_id": people.id[place],
        "treatment": np.array([each.name for each in rules], dtype=object)[rule],
        "channel": channel,
        "place": people.texts("place")[place],
        "gain": effects.effect[rule, tier] * factor,
        "cost": np.array([each.cost for each in rules])[rule],
        "candidate": np.arange(len(rows)),
        "gain_sd": effects.sd[rule, tier] * factor,
        "measured": effects.measured[rule, tier],
    }
    for name in _resources(playbook):
        columns[name] = np.array([each.uses.get(name, 0.0) for each in rules])[rule]
    return pd.DataFrame(columns)


def _resources(playbook: Playbook) -> list[str]:
    """Return the resources that treatments use, in the order of the playbook."""
    used = {name for rule in playbook.treatments for name in rule.uses}
    return [each.name for each in playbook.resources if each.name in used]


def refuse_idle(playbook: Playbook, capacities: object) -> Capacities:
    """Return the capacities.

    Raises:
        DataError: If nobody uses a capacity, or a resource has none; with the path.
    """
    limits = read_capacities(capacities)
    used = _resources(playbook)
    idle = sorted({*limits.resource} - {*used, BUDGET})
    if idle:
        problem = f"capacities.{idle[0]}: no treatment of the playbook uses it"
        hint = f"treatments use {', '.join(used) or 'nothing'}; a budget is called {BUDGET}"
        raise DataError(problem, column=idle[0], hint=hint)
    lacking = [name for name in used if name not in limits.resource]
    for number, rule in enumerate(playbook.treatments):
        for name in lacking:
            if name in rule.uses:
                problem = f"treatments[{number}].uses.{name}: there is no capacity"
                hint = f"a capacity of {name!r}; math.inf is no limit"
                raise DataError(problem, column=name, hint=hint)
    return limits


def allocated(
    offers: pd.DataFrame, capacities: IntoCapacities, allocator: Allocator | None
) -> Allocation[pd.DataFrame] | None:
    """Return the offers that are made; None if there are no offers.

    A capacity that no offer of the day uses is no fault: a store may have no customer today.
    """
    if not len(offers):
        return None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*used by no offer", category=DataWarning)
        kept = ("candidate", "gain_sd", "measured")
        return allocate(offers, capacities, allocator=allocator, keep=kept)


def unused_prices(limits: Capacities) -> Table:
    """Return the prices of a day without offers: nothing is used, and nothing is lacking."""
    zero = np.zeros(len(limits.amount))
    return Table(
        {
            "resource": np.array(limits.resource, dtype=object),
            "place": np.array(limits.place, dtype=object),
            "capacity": limits.amount,
            "used": zero,
            "price": zero,
        }
    )
