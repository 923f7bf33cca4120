"""Candidates: who may get which treatment today, and why everyone else may not."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Levels, Objects, Places
from omniltv._columns import optional_labels, positions, read_ids, require
from omniltv._frames import collect
from omniltv.errors import ConfigError
from omniltv.segmentation.playbook.playbook import Playbook
from omniltv.segmentation.playbook.treatment import TreatmentRule
from omniltv.segmentation.policy._judging import HELD_OUT, JudgedTreatment, PolicyJudge, held_out
from omniltv.segmentation.policy._tables import AddressedCustomers
from omniltv.segmentation.policy.acting_data import ActingData
from omniltv.segmentation.triggers.events import CustomerEvents

__all__ = ["STAGES", "TreatmentCandidates", "find_candidates"]

STAGES = (
    "candidate",
    "not for this tier",
    "not for this class",
    "the condition does not hold",
    "the trigger has not fired",
    "no step of a scenario is due",
    "outside the days of the campaign",
)
"""How far a customer came with a treatment."""

_TIER, _CLASS, _CONDITION, _TRIGGER, _STEP, _DAYS = range(1, 7)
_STOCK = "the table of stock"


@dataclass(frozen=True, eq=False)
class TreatmentCandidates:
    """Who may get what.

    Attributes:
        stage: Position in `STAGES` of each customer and treatment rule, of shape
            (n_customers, n_rules).
        rows: One row per candidate: ``place`` of the customer, ``rule``, ``cause``,
            ``scenario``, ``step``, ``key``, ``item``, ``way``, and ``reason``: why the policy
            or the stock does not allow it; None if allowed.
    """

    stage: Levels
    rows: pd.DataFrame


@dataclass(frozen=True, eq=False)
class _PlanDay:
    """What finding candidates needs."""

    playbook: Playbook
    people: AddressedCustomers[Any]
    on: date
    data: ActingData
    due: pd.DataFrame
    judge: PolicyJudge

    @cached_property
    def stock(self) -> pd.DataFrame | None:
        """What can be delivered, by ``place`` of the customer; None without a table of stock."""
        if self.data.stock is None:
            return None
        table = collect(self.data.stock, _STOCK)
        require(table.columns, ["item"], _STOCK)
        ids = read_ids(table, "customer_id", _STOCK)
        names = [name for name in ("treatment", "item", "way") if name in table.columns]
        texts = {name: optional_labels(table[name].to_list(), name, ids=ids) for name in names}
        place = positions(ids, self.people.id)
        return pd.DataFrame({"way": None, **texts}, dtype=object).assign(place=place)


def find_candidates(
    playbook: Playbook,
    people: AddressedCustomers[Any],
    *,
    on: date,
    data: ActingData,
    due: pd.DataFrame,
    judge: PolicyJudge,
) -> TreatmentCandidates:
    """Return who may get which treatment on a day.

    Args:
        playbook: The playbook.
        people: The customers.
        on: The day.
        data: The other tables.
        due: Steps of scenarios that are due.
        judge: The policy on the day.

    Raises:
        ConfigError: If a trigger needs events, and there are none.
    """
    day = _PlanDay(playbook, people, on, data, due, judge)
    stage = np.zeros((len(people), len(playbook.treatments)), dtype=np.int8)
    fired: dict[str, pd.DataFrame] = {}
    parts = []
    for number, rule in enumerate(playbook.treatments):
        own = _eligible(day, rule, stage[:, number])
        part = _started(day, rule, own, fired)
        left = np.ones(len(people), dtype=np.bool_)
        left[part["place"].to_numpy()] = False
        waits = _TRIGGER if rule.trigger is not None else _STEP
        stage[left & (stage[:, number] == 0), number] = waits
        parts.append(_allowed(day, rule, part.assign(rule=number)))
    rows = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
    return TreatmentCandidates(stage, rows)


def _eligible(day: _PlanDay, rule: TreatmentRule, stage: Levels) -> Flags:
    """Return who is eligible for a treatment; ``stage`` is updated."""
    people = day.people
    campaigns = {each.name: each for each in day.playbook.campaigns}
    if rule.campaign is not None:
        campaign = campaigns[rule.campaign]
        if not campaign.first <= day.on <= campaign.last:
            stage[:] = _DAYS
            return np.zeros(len(stage), dtype=np.bool_)
    stage[~people.in_groups(rule.tiers, None)] = _TIER
    stage[(stage == 0) & ~people.in_groups(None, rule.classes)] = _CLASS
    if rule.when is not None:
        stage[(stage == 0) & ~people.satisfy(rule.when)] = _CONDITION
    return np.asarray(stage == 0, dtype=np.bool_)


def _started(
    day: _PlanDay, rule: TreatmentRule, eligible: Flags, fired: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return the candidates of a treatment: by trigger, by scenario, or all who are eligible."""
    if rule.trigger is not None:
        key = repr(rule.trigger)
        if key not in fired:
            fired[key] = rule.trigger.fires(required_events(day.data), day.on.isoformat())
        return _by_trigger(day, rule, eligible, fired[key])
    if any(rule.name == s.treatment for each in day.playbook.scenarios for s in each.steps):
        due = day.due[day.due["treatment"] == rule.name]
        place = positions(due["customer_id"].to_numpy(dtype=object), day.people.id)
        cause = "step " + due["step"] + " of " + due["scenario"] + ": " + due["cause"]
        rows = due.assign(place=place, cause=cause)[_among(eligible, place)]
        return rows[["place", "cause", "scenario", "step", "key"]].drop_duplicates("place")
    place = np.flatnonzero(eligible)
    return _plain(place, ("tier " + day.people.tier[place]).astype(object))


def _by_trigger(
    day: _PlanDay, rule: TreatmentRule, eligible: Flags, fired: pd.DataFrame
) -> pd.DataFrame:
    """Return who is eligible, for whom the trigger fired, and who had no contact since."""
    place = positions(fired["customer_id"].to_numpy(dtype=object), day.people.id)
    log = day.judge.made
    since = log[log["treatment"] == rule.name].groupby("customer_id")["time"].max()
    done = since.reindex(fired["customer_id"]).to_numpy() >= fired["at"].to_numpy()
    kept = _among(eligible, place) & ~done
    cause = fired["cause"].to_numpy(dtype=object)[kept]
    return _plain(place[kept], cause)


def required_events(data: ActingData) -> CustomerEvents:
    """Return the events.

    Raises:
        ConfigError: If there are none.
    """
    if data.events is None:
        hint = "ActingData(consents=..., events=CustomerEvents.read(frame))"
        raise ConfigError(f"triggers and scenarios need events. Hint: {hint}", parameter="data")
    return data.events


def _among(flags: Flags, place: Places) -> Flags:
    return (place >= 0) & flags[place]


def _plain(place: Places, cause: Objects) -> pd.DataFrame:
    """Return candidates outside scenarios; the plan gives them a key if they are chosen."""
    none = np.full(len(place), None, dtype=object)
    columns = {"cause": cause, "scenario": none, "step": none, "key": none}
    return pd.DataFrame({"place": place, **columns})


def _allowed(day: _PlanDay, rule: TreatmentRule, rows: pd.DataFrame) -> pd.DataFrame:
    """Return candidates with the reason why one is not allowed, and what can be delivered."""
    place = rows["place"].to_numpy(dtype=np.intp)
    reason = day.judge.refusals(_judged(day.playbook, rule), place)
    found: dict[str, Any] = {"item": None, "way": None}
    if rule.needs_stock:
        offered = _deliverable(day, rule, place)
        found = {name: offered[name].to_numpy(dtype=object) for name in found}
        reason[pd.isna(reason) & pd.isna(found["item"])] = "nothing can be delivered"
    left = np.flatnonzero(pd.isna(reason))
    out = held_out(day.people.id[place[left]], rule.name, rule.hold_out)
    reason[left[out]] = HELD_OUT
    return rows.assign(**found, reason=reason).astype({"item": object, "way": object})


def _deliverable(day: _PlanDay, rule: TreatmentRule, place: Places) -> pd.DataFrame:
    """Return the article and the way of delivery of each customer; missing if there is none.

    Raises:
        ConfigError: If there is no table of stock.
    """
    stock = day.stock
    if stock is None:
        message = f"{rule.name!r} needs stock"
        hint = "ActingData(consents=..., stock=frame)"
        raise ConfigError(f"{message}. Hint: {hint}", parameter="data")
    if "treatment" in stock.columns:
        stock = stock[stock["treatment"] == rule.name]
    return stock.drop_duplicates("place").set_index("place")[["item", "way"]].reindex(place)


def _judged(playbook: Playbook, rule: TreatmentRule) -> JudgedTreatment:
    rest = playbook.policy.rest_days if rule.rest_days is None else rule.rest_days
    alike = {rule.name}
    excluded: set[str] = set()
    for other in playbook.treatments:
        if rule.campaign is not None and other.campaign == rule.campaign:
            alike.add(other.name)
        if rule.exclusion_group is not None and other.exclusion_group == rule.exclusion_group:
            excluded.add(other.name)
    return JudgedTreatment(
        rule.name, rule.channel, frozenset(alike), frozenset(excluded - alike),
        rule.exclusion_group, rest,
    )  # fmt: skip
