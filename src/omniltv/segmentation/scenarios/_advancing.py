"""One night of the scenarios: who enters, who is stopped, and which steps are due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Places
from omniltv._columns import positions
from omniltv.errors import DataError
from omniltv.segmentation.policy._tables import AddressedCustomers, ConsentTable, ContactLog
from omniltv.segmentation.scenarios.scenario import Scenario
from omniltv.segmentation.scenarios.state import (
    SENT,
    SKIPPED,
    STOPPED,
    WAITING,
    ScenarioState,
    step_key,
)
from omniltv.segmentation.triggers.events import CustomerEvents

__all__ = ["ScenarioNight", "Tonight", "advance"]

type StepDays = np.ndarray[Any, np.dtype[np.datetime64]]


@dataclass(frozen=True, eq=False)
class Tonight:
    """What the scenarios need to know on a night.

    Attributes:
        on: The day that is planned.
        people: The customers.
        events: Events; those of the day and later do not count.
        consents: Who may be contacted.
        log: Contacts that were made.
        channels: Channels of each treatment.
    """

    on: date
    people: AddressedCustomers[Any]
    events: CustomerEvents
    consents: ConsentTable
    log: ContactLog
    channels: Mapping[str, Sequence[str]]

    @property
    def day(self) -> np.datetime64:
        """The day."""
        return np.datetime64(self.on, "us")


@dataclass(frozen=True, eq=False)
class ScenarioNight:
    """The state after a night, and the steps that are due.

    Attributes:
        state: The state; due steps are still waiting.
        due: One row per due step: ``customer_id``, ``treatment``, ``scenario``, ``step``,
            ``entered``, ``cause`` and ``key``.

    Examples:
        >>> from omniltv.testing.plans import ScenarioNight
        >>> ScenarioNight(ScenarioState.empty(), due=ScenarioState.empty().rows).state
        ScenarioState(before the first run: 0 entries)
    """

    state: ScenarioState
    due: pd.DataFrame


def advance(scenarios: Sequence[Scenario], state: ScenarioState, tonight: Tonight) -> ScenarioNight:
    """Return the state after a night, and the steps that are due.

    A second run for the same day gives the same result. A step that was sent on an earlier day,
    or whose contact is in the log, is never due again.

    Raises:
        DataError: If the state is later than the day.
    """
    if state.as_of is not None and state.as_of > tonight.on:
        problem = f"the state is of {state.as_of}, later than {tonight.on}"
        raise DataError(problem, hint="pass the state of the last run before the day")
    rows = _as_logged(state.rows, tonight)
    parts, dues = [_forgotten(rows, scenarios, tonight)], []
    for scenario in scenarios:
        run = _ScenarioRun.of(scenario, rows[rows["scenario"] == scenario.name], tonight)
        run = run.stopped().with_due() if len(run.rows) else run
        parts.append(run.rows)
        dues.append(run.due_table())
    every = _stacked(parts)
    due = _stacked(dues) if dues else every[:0].assign(treatment=every["step"][:0])
    return ScenarioNight(state.with_rows(every, tonight.on), due)


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of frames with the same columns."""
    names = frames[0].columns.tolist()
    columns = {name: np.concatenate([frame[name].to_numpy() for frame in frames]) for name in names}
    return pd.DataFrame({
        name: pd.Series(values, dtype=object) if values.dtype == object else values
        for name, values in columns.items()
    })  # fmt: skip


def _as_logged(rows: pd.DataFrame, tonight: Tonight) -> pd.DataFrame:
    """Return rows in which what the log shows is sent, and what a run of today sent is open."""
    rows = rows.copy()
    made = rows["key"].isin(tonight.log.keys)
    again = (rows["status"] == SENT) & (rows["on"] == tonight.day) & ~made
    rows.loc[again, "status"] = WAITING
    late = made & (rows["status"] != SENT)
    day = tonight.log.rows.drop_duplicates("key").set_index("key")["day"]
    rows.loc[late, "on"] = day.reindex(rows.loc[late, "key"]).to_numpy(dtype="datetime64[us]")
    rows.loc[late, "status"] = SENT
    return rows


def _forgotten(rows: pd.DataFrame, scenarios: Sequence[Scenario], tonight: Tonight) -> pd.DataFrame:
    """Return the rows of scenarios that the playbook no longer has, stopped."""
    part = rows[~rows["scenario"].isin([each.name for each in scenarios])].copy()
    _stop(part, part["status"] == WAITING, "the playbook has no such scenario", tonight.day)
    return part


def _stop(
    rows: pd.DataFrame, which: "pd.Series[bool] | Flags", why: str, day: np.datetime64
) -> None:
    chosen = np.asarray(which, dtype=np.bool_)
    rows.loc[chosen, "reason"] = why
    rows.loc[chosen, "on"] = day
    rows.loc[chosen, "status"] = STOPPED


@dataclass(frozen=True, eq=False)
class _ScenarioRun:
    """A scenario on a night.

    Attributes:
        scenario: The scenario.
        tonight: The night.
        rows: Its rows of the state.
        due: Whether each row is due.
    """

    scenario: Scenario
    tonight: Tonight
    rows: pd.DataFrame
    due: Flags

    @classmethod
    def of(cls, scenario: Scenario, rows: pd.DataFrame, tonight: Tonight) -> "_ScenarioRun":
        """Return a scenario with the customers who enter."""
        new = _as_logged(_entries(scenario, rows, tonight), tonight)
        every = _stacked([rows, new])
        return cls(scenario, tonight, every, np.zeros(len(every), dtype=np.bool_))

    def place(self) -> Places:
        """Return the position of each row's customer; -1 if not among the customers."""
        ids = self.rows["customer_id"].to_numpy(dtype=object)
        return positions(ids, self.tonight.people.id)

    def stopped(self) -> "_ScenarioRun":
        """Return the scenario with entries stopped that must not go on."""
        rows, scenario, people = self.rows.copy(), self.scenario, self.tonight.people
        waiting, place = (rows["status"] == WAITING).to_numpy(), self.place()
        stays = people.in_groups(scenario.tiers, scenario.classes)
        ends = people.satisfy(scenario.stop_when) if scenario.stop_when is not None else ~stays
        reasons = (
            (place < 0, "not among the customers"),
            (_at(~stays, place) if "left_tier" in scenario.stop else None, "left the tier"),
            (_at(ends, place) if scenario.stop_when is not None else None, "stop_when holds"),
            (self._since("purchase") if "bought" in scenario.stop else None, "bought"),
            (self._since("answered") if "answered" in scenario.stop else None, "answered"),
        )
        for holds, why in reasons:
            if holds is not None:
                _stop(rows, waiting & holds, why, self.tonight.day)
                waiting = waiting & ~holds
        return replace(self, rows=rows)

    def _since(self, event: str) -> Flags:
        """Return for each row whether an event happened after the entry."""
        if not len(self.rows):
            return np.zeros(0, dtype=np.bool_)
        last = self.tonight.events.last(event)
        seen = last.reindex(self.rows["customer_id"]).to_numpy()
        return np.asarray(seen > self.rows["entered"].to_numpy(), dtype=np.bool_)

    def with_due(self) -> "_ScenarioRun":
        """Return the scenario with its due steps; steps that are too late are skipped."""
        rows, place = self.rows.copy(), self.place()
        entry = _entry_codes(rows)
        due = np.zeros(len(rows), dtype=np.bool_)
        for step in self.scenario.ordered():
            own = np.flatnonzero((rows["step"] == step.step) & (rows["status"] == WAITING))
            base = _base(rows, entry, own, step.after)
            wait = base + np.timedelta64(step.days, "D")
            late = wait + np.timedelta64(self.scenario.late_days, "D") < self.tonight.day
            rows.loc[own[late], "reason"] = f"more than {self.scenario.late_days} days late"
            rows.loc[own[late], "on"] = wait[late]
            rows.loc[own[late], "status"] = SKIPPED
            due[own[(wait <= self.tonight.day) & ~late]] = True
            if "withdrew_consent" in self.scenario.stop:
                may = self.tonight.consents.on_any(self.tonight.channels[step.treatment])
                left = np.isin(entry, entry[own[due[own] & ~may[place[own]]]])
                waiting = (rows["status"] == WAITING).to_numpy()
                _stop(rows, waiting & left, "withdrew consent", self.tonight.day)
        return replace(self, rows=rows, due=due & (rows["status"] == WAITING).to_numpy())

    def due_table(self) -> pd.DataFrame:
        """Return the due steps."""
        found = self.rows[self.due]
        treatment = {step.step: step.treatment for step in self.scenario.steps}
        return found.assign(treatment=found["step"].map(treatment).astype(object))


def _at(flags: Flags, place: Places) -> Flags:
    """Return flags of customers at positions; False at -1."""
    found = np.zeros(len(place), dtype=np.bool_)
    found[place >= 0] = flags[place[place >= 0]]
    return found


def _entry_codes(rows: pd.DataFrame) -> Codes:
    """Return a number of the entry of each row."""
    number = rows.groupby(["customer_id", "entered"], sort=False).ngroup()
    return np.asarray(number, dtype=np.int64)


def _base(rows: pd.DataFrame, entry: Codes, own: Places, after: str | None) -> StepDays:
    """Return the day that each of some steps counts from; NaT if the one before is open."""
    entered = rows["entered"].to_numpy()[own].astype("datetime64[us]")
    first = (entered - np.timedelta64(1, "us")).astype("datetime64[D]") + np.timedelta64(1, "D")
    days: StepDays = first.astype("datetime64[us]")
    if after is None:
        return days
    parent = np.full(entry.max(initial=-1) + 1, -1, dtype=np.intp)
    at = np.flatnonzero(rows["step"] == after)
    parent[entry[at]] = at
    before = parent[entry[own]]
    done = rows["status"].isin([SENT, SKIPPED]).to_numpy()
    on = np.where(done[before], rows["on"].to_numpy()[before], np.datetime64("NaT", "us"))
    return np.where(before < 0, days, on).astype("datetime64[us]")


def _entries(scenario: Scenario, rows: pd.DataFrame, tonight: Tonight) -> pd.DataFrame:
    """Return the rows of customers who enter a scenario."""
    found = scenario.trigger.fires(tonight.events, tonight.on.isoformat())
    if not len(found):
        return rows[:0]
    place = positions(found["customer_id"].to_numpy(dtype=object), tonight.people.id)
    may = tonight.people.in_groups(scenario.tiers, scenario.classes)
    may &= tonight.people.satisfy(scenario.when)
    found = found[_at(may, place) & _may_enter(scenario, rows, found)]
    if not len(found):
        return rows[:0]
    order = np.lexsort((found["customer_id"].astype(str), found["at"].to_numpy()))
    parts = [_steps(scenario, row) for row in found.iloc[order].itertuples(index=False)]
    flat = [line for part in parts for line in part]
    frame = pd.DataFrame(flat, columns=rows.columns, dtype=object)
    times = {name: frame[name].to_numpy().astype("datetime64[us]") for name in ("entered", "on")}
    return frame.assign(**times)


def _may_enter(scenario: Scenario, rows: pd.DataFrame, found: pd.DataFrame) -> Flags:
    """Return who is not in the scenario, and was not in it too recently."""
    ids = found["customer_id"]
    inside = ids.isin(rows.loc[rows["status"] == WAITING, "customer_id"])
    entered = rows.groupby("customer_id")["entered"].max().reindex(ids)
    last = pd.Series(entered.to_numpy(dtype="datetime64[us]"), index=ids.index)
    never = last.isna()
    if scenario.re_enter_days is None:
        return (never & ~inside).to_numpy(dtype=np.bool_)
    open_again = found["at"] >= last + timedelta(days=scenario.re_enter_days)
    again = (found["at"] > last) & open_again
    return ((never | again) & ~inside).to_numpy(dtype=np.bool_)


def _steps(scenario: Scenario, found: Any) -> list[tuple[object, ...]]:  # noqa: ANN401 - a row of a frame
    """Return the rows of an entry, in the order of the columns of the state."""
    at = np.datetime64(found.at, "us")
    return [
        (found.customer_id, scenario.name, at, step.step, WAITING, at, None, found.cause,
         step_key(found.customer_id, scenario.name, at, step.step))
        for step in scenario.steps
    ]  # fmt: skip
