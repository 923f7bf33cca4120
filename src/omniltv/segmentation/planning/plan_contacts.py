"""From a playbook, customers, effects and capacities to the plan of contacts of a day."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, cast

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT

from omniltv._columns import none_if_missing
from omniltv._frames import IntoTable, Table
from omniltv._options import checked
from omniltv.errors import ConfigError, EvidenceWarning
from omniltv.segmentation.allocation import Allocation, Allocator
from omniltv.segmentation.allocation._capacities import Capacities, IntoCapacities
from omniltv.segmentation.planning._candidates import (
    TreatmentCandidates,
    find_candidates,
    required_events,
)
from omniltv.segmentation.planning._effects import EffectTable
from omniltv.segmentation.planning._explaining import PlanDecisions
from omniltv.segmentation.planning._offers import (
    BestHours,
    allocated,
    offers_of,
    refuse_idle,
    unused_prices,
)
from omniltv.segmentation.planning._plan_keys import contact_key
from omniltv.segmentation.planning.contact_plan import ContactPlan, built
from omniltv.segmentation.playbook.playbook import Playbook
from omniltv.segmentation.policy._judging import HELD_OUT, PolicyJudge, read_reserved
from omniltv.segmentation.policy._tables import AddressedCustomers, ConsentTable, ContactLog
from omniltv.segmentation.policy.acting_data import ActingData
from omniltv.segmentation.scenarios._advancing import ScenarioNight, Tonight, advance
from omniltv.segmentation.scenarios.state import ScenarioState

__all__ = ["plan_contacts"]


@checked
def plan_contacts(
    playbook: Playbook,
    customers: IntoFrameT,
    effects: IntoTable,
    capacities: IntoCapacities,
    *,
    on: date,
    data: ActingData,
    state: ScenarioState | None = None,
    allocator: Allocator | None = None,
) -> ContactPlan[IntoFrameT]:
    """Return the contacts of a day: eligible, started, allowed, and worth most in sum.

    A customer gets at most one contact a day. The plan is made before the day: events of the
    day and later do not count. The result depends on the arguments only, and not on the order
    of rows.

    Args:
        playbook: The playbook.
        customers: One row per customer: ``customer_id`` and ``tier``; ``customer_class`` if the
            playbook has classes; and optionally ``place`` (whose resources are used),
            ``time_zone`` of the person, and columns of conditions.
        effects: What experiments measured: ``treatment``, ``tier`` (missing for all tiers),
            ``channel``, ``effect`` (value per contact) and ``sd``.
        capacities: As in `allocate`: amount by resource, or by resource and place. A budget is
            a capacity of ``cost``.
        on: The day.
        data: Consents, events, contacts, stock and responses.
        state: State of the scenarios after the last run; `ContactPlan.state` is the next one.
        allocator: How to choose; `DualAscent` by default.

    Raises:
        DataError: If a table lacks a column, a customer has two rows or is in two exclusion
            groups, a tier is unknown, nobody uses a capacity, or a resource has none.
        ConfigError: If triggers, scenarios or stock need a table that is not given.

    Warns:
        EvidenceWarning: If the effects of candidates are not in the table: the prior of the
            playbook is used.

    Examples:
        >>> playbook = Playbook.from_yaml('''
        ... tiers: [high, general]
        ... treatments:
        ... - {name: news, channel: ec, owner: digital marketing, cost: 2}
        ... ''')
        >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "tier": ["high", "general"]})
        >>> effects = pd.DataFrame({"treatment": ["news"] * 2, "tier": ["high", "general"],
        ...     "channel": "ec", "effect": [30.0, 1.0], "sd": 4.0})
        >>> consents = pd.DataFrame({"customer_id": ["a", "b"], "channel": "ec"})
        >>> plan = plan_contacts(playbook, customers, effects, {}, on=date(2026, 3, 1),
        ...     data=ActingData(consents=consents))
        >>> plan.contacts[["customer_id", "treatment", "at", "expected_gain"]].values.tolist()
        [['a', 'news', '2026-03-01T10:00:00', 30.0]]
    """
    if isinstance(on, datetime):
        raise ConfigError("on is a moment, not a day. Hint: on=moment.date()", parameter="on")
    limits = refuse_idle(playbook, capacities)
    measured = EffectTable.read(effects, playbook)
    job = _Job.read(playbook, customers, on, data)
    night = _night(job, ScenarioState.empty() if state is None else state)
    found = find_candidates(
        playbook, job.people, on=on, data=job.data, due=night.due, judge=job.judge
    )  # fmt: skip
    _warn_of_priors(job, found, measured)
    responses = BestHours.read(data.responses, job.people)
    offers = offers_of(found.rows, playbook, job.people, measured, responses)
    open_offers = _open(found, offers)
    allocation = allocated(open_offers, capacities, allocator)
    return _assembled(job, _Chosen(found, offers, allocation, limits), night.state, responses)


@dataclass(frozen=True, eq=False)
class _Job[FrameT]:
    """The tables of a plan, read."""

    playbook: Playbook
    on: date
    data: ActingData
    people: AddressedCustomers[FrameT]
    judge: PolicyJudge

    @classmethod
    def read(
        cls, playbook: Playbook, customers: FrameT, on: date, data: ActingData
    ) -> "_Job[FrameT]":
        zone = None if data.events is None else data.events.time_zone
        zone = data.context.time_zone if zone is None else zone
        context = replace(data.context, today=on, time_zone=zone)
        people = AddressedCustomers.read(
            customers, tiers=playbook.tiers, classes=playbook.classes, context=context
        )
        events = data.events
        if events is not None and "customers" not in events.tables:
            events = events.with_table("customers", people.table.to_native())
        groups = [each.exclusion_group for each in playbook.treatments]
        known = [group for group in groups if group is not None]
        judge = PolicyJudge(
            policy=playbook.policy,
            on=on,
            ids=people.id,
            consents=ConsentTable.read(data.consents, people.id),
            log=ContactLog.read(data.contacts, zone),
            reserved=read_reserved(data.reserved, people.id, list(dict.fromkeys(known))),
        )
        return cls(playbook, on, replace(data, events=events), people, judge)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Candidates, all offers, and what was allocated."""

    candidates: TreatmentCandidates
    offers: pd.DataFrame
    allocation: Allocation[pd.DataFrame] | None
    limits: Capacities

    @property
    def made(self) -> pd.DataFrame:
        """The offers that are made."""
        return self.offers[:0] if self.allocation is None else self.allocation.chosen

    def prices(self) -> Table:
        """Return the prices of the capacities."""
        return unused_prices(self.limits) if self.allocation is None else self.allocation.prices


def _night(job: _Job[Any], state: ScenarioState) -> ScenarioNight:
    if not job.playbook.scenarios:
        rows = state.rows
        return ScenarioNight(state, rows[:0].assign(treatment=pd.Series(dtype=object)))
    tonight = Tonight(
        on=job.on,
        people=job.people,
        events=required_events(job.data).before(job.on.isoformat()),
        consents=job.judge.consents,
        log=job.judge.log,
        channels=job.playbook.channels_of,
    )
    return advance(job.playbook.scenarios, state, tonight)


def _warn_of_priors(job: _Job[Any], found: TreatmentCandidates, effects: EffectTable) -> None:
    rows = found.rows[pd.isna(found.rows["reason"].to_numpy(dtype=object))]
    tiers = job.playbook.tiers
    tier = pd.Index(tiers).get_indexer(pd.Index(job.people.tier[rows["place"].to_numpy()]))
    rule = rows["rule"].to_numpy(dtype=np.intp)
    unknown = ~effects.measured[rule, tier]
    pairs = sorted(set(zip(rule[unknown].tolist(), tier[unknown].tolist(), strict=True)))
    if not pairs:
        return
    named = [f"{job.playbook.treatments[r].name} for {tiers[t]}" for r, t in pairs]
    message = f"{len(named)} effects are assumed, not measured: {', '.join(named[:5])}"
    hint = "hold customers out and add what they show to the table of effects"
    warnings.warn(f"{message}. Hint: {hint}", EvidenceWarning, stacklevel=4)


def _open(found: TreatmentCandidates, offers: pd.DataFrame) -> pd.DataFrame:
    """Return the offers of candidates that are allowed."""
    reasons = found.rows["reason"].to_numpy(dtype=object)
    return offers[pd.isna(reasons)].reset_index(drop=True)


def _assembled[FrameT](
    job: _Job[FrameT], chosen: _Chosen, state: ScenarioState, responses: BestHours
) -> ContactPlan[FrameT]:
    rows = chosen.candidates.rows
    at = chosen.made["candidate"].to_numpy(dtype=np.intp)
    gain = chosen.offers["gain"].to_numpy()
    marked = rows.assign(gain=gain, chosen=np.isin(np.arange(len(rows)), at))
    contacts = _contacts(job, rows.iloc[at], chosen.made, responses)
    missed = _unreached(chosen.allocation)
    lacking = {
        customer: f"lacks {what}, price {price:,.4g}"
        for customer, what, price in zip(*(missed[n].tolist() for n in _LACKS), strict=True)
    }
    kind, ids = job.people.kind, job.people.id
    return ContactPlan(
        on=job.on,
        contacts=built(kind, contacts),
        prices=chosen.prices(),
        unreached=built(kind, {name: missed[name].tolist() for name in _UNREACHED}),
        held_out=built(kind, _held_out(job, rows)),
        uncovered=built(kind, _uncovered(job)),
        state=state.sent(frozenset(marked.loc[marked["chosen"], "key"].dropna())),
        net_gain=0.0 if chosen.allocation is None else chosen.allocation.net_gain,
        bound=0.0 if chosen.allocation is None else chosen.allocation.bound,
        decisions=PlanDecisions(
            job.playbook, ids, replace(chosen.candidates, rows=marked), lacking
        ),
        kind=kind,
    )  # fmt: skip


_LACKS = ("customer_id", "lacks", "price")
_UNREACHED = ("customer_id", "treatment", "channel", "net_gain", "lacks", "price")


def _unreached(allocation: Allocation[pd.DataFrame] | None) -> pd.DataFrame:
    if allocation is None:
        return pd.DataFrame({name: np.empty(0, dtype=object) for name in _UNREACHED})
    return allocation.unreached()[list(_UNREACHED)]


def _contacts(
    job: _Job[Any], rows: pd.DataFrame, made: pd.DataFrame, responses: BestHours
) -> Mapping[str, Sequence[object]]:
    """Return the columns of the plan, by owner, time and customer."""
    rules = [job.playbook.treatments[number] for number in rows["rule"]]
    place = rows["place"].to_numpy(dtype=np.intp)
    measured = made["measured"].to_numpy(dtype=np.bool_)
    columns: dict[str, Sequence[object]] = {
        "contact_key": _keys(job, rows),
        "day": [job.on.isoformat()] * len(rows),
        "at": _moments(job, rows, responses),
        "channel": [rule.channel for rule in rules],
        "owner": [rule.owner for rule in rules],
        "customer_id": job.people.id[place].tolist(),
        "tier": job.people.tier[place].tolist(),
        "place": job.people.texts("place")[place].tolist(),
        "treatment": [rule.name for rule in rules],
        "content": [rule.key for rule in rules],
        "form": [rule.form for rule in rules],
        **{name: rows[name].tolist() for name in ("cause", "scenario", "step")},
        **{name: rows[name].tolist() for name in ("item", "way")},
        "expected_gain": made["gain"].tolist(),
        "gain_sd": made["gain_sd"].tolist(),
        "cost": made["cost"].tolist(),
        "basis": np.where(measured, "experiment", "prior").tolist(),
    }
    keys = list(zip(columns["owner"], columns["at"], columns["contact_key"], strict=True))
    order = sorted(range(len(rows)), key=lambda row: cast("Any", keys[row]))
    return {
        name: [none_if_missing(values[row]) for row in order] for name, values in columns.items()
    }


def _keys(job: _Job[Any], rows: pd.DataFrame) -> list[object]:
    """Return the keys of contacts: those of steps, or made of customer, treatment and day."""
    keys: list[object] = []
    parts = (rows["key"].tolist(), rows["place"].tolist(), rows["rule"].tolist())
    for key, place, number in zip(*parts, strict=True):
        rule = job.playbook.treatments[number]
        own = (job.people.id[place], rule.name, rule.channel, job.on)
        keys.append(contact_key(*own) if key is None else key)
    return keys


def _moments(job: _Job[Any], rows: pd.DataFrame, responses: BestHours) -> list[object]:
    """Return when to contact each customer; equal hours and zones are computed once."""
    zones: list[str | None] = job.people.texts("time_zone").tolist()
    known: dict[tuple[int, str | None], str] = {}
    moments: list[object] = []
    for place, number in zip(rows["place"].tolist(), rows["rule"].tolist(), strict=True):
        rule = job.playbook.treatments[number]
        best = responses.hour.get(rule.channel)
        hour = rule.hour if best is None or best[place] < 0 else int(best[place])
        key = (hour, zones[place])
        if key not in known:
            zone = job.people.context.time_zone
            moment = job.playbook.policy.moment(job.on, hour, own=zones[place], zone=zone)
            known[key] = moment.isoformat()
        moments.append(known[key])
    return moments


def _held_out(job: _Job[Any], rows: pd.DataFrame) -> Mapping[str, Sequence[object]]:
    out = rows[rows["reason"] == HELD_OUT]
    rules = [job.playbook.treatments[number] for number in out["rule"]]
    return {
        "customer_id": job.people.id[out["place"].to_numpy(dtype=np.intp)].tolist(),
        "treatment": [rule.name for rule in rules],
        "channel": [rule.channel for rule in rules],
    }


def _uncovered(job: _Job[Any]) -> Mapping[str, Sequence[object]]:
    """Return customers of a tier and class that no treatment of the playbook is for."""
    covered = np.zeros(len(job.people), dtype=np.bool_)
    for rule in job.playbook.treatments:
        covered |= job.people.in_groups(rule.tiers, rule.classes)
    left = np.flatnonzero(~covered)
    return {
        "customer_id": job.people.id[left].tolist(),
        "tier": job.people.tier[left].tolist(),
        "customer_class": job.people.customer_class[left].tolist(),
    }
