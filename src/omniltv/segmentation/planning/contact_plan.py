"""The plan of contacts of a day: who, what, why, when, what it is worth, and who is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd

from omniltv._columns import none_if_missing, read_ids, require
from omniltv._frames import FrameKind, IntoTable, Table, collect
from omniltv._options import checked
from omniltv.segmentation.planning._explaining import PlanDecisions
from omniltv.segmentation.scenarios.state import ScenarioState
from omniltv.segmentation.tiers._state import id_type

__all__ = ["ContactPlan"]

_WHAT = "another plan"


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ContactPlan[FrameT]:
    """The contacts of a day; created by `plan_contacts`. Frames are of the kind of the customers.

    Attributes:
        on: The day.
        contacts: One row per contact, with the columns of `plan_schema`, by owner, time and
            customer.
        prices: One row per capacity: ``resource``, ``place``, ``capacity``, ``used`` and
            ``price``: the net gain of one more unit.
        unreached: Customers who get nothing for lack of a resource: ``customer_id``,
            ``treatment``, ``channel``, ``net_gain``, ``lacks`` and ``price``.
        held_out: Customers who would be candidates, but are held out so that the effect can be
            measured: ``customer_id``, ``treatment`` and ``channel``.
        uncovered: Customers whom no treatment of the playbook is for, with ``tier`` and
            ``customer_class``. They are left out on purpose.
        state: State of the scenarios after the day.
        net_gain: Expected gain less cost.
        bound: Upper bound of the net gain of any plan.

    Examples:
        >>> from omniltv.segmentation.planning import ActingData, plan_contacts
        >>> from omniltv.segmentation.playbook import Playbook
        >>> playbook = Playbook.from_yaml('''
        ... tiers: [high, general]
        ... resources: [{name: calls}]
        ... treatments:
        ... - {name: call, channel: call, owner: sales, tiers: high, cost: 5, uses: {calls: 1}}
        ... ''')
        >>> customers = pd.DataFrame({"customer_id": ["a", "b", "c"],
        ...     "tier": ["high", "high", "general"]})
        >>> effects = pd.DataFrame({"treatment": ["call"], "tier": "high", "channel": "call",
        ...     "effect": 30.0, "sd": 4.0})
        >>> consents = pd.DataFrame({"customer_id": ["a", "b", "c"], "channel": "call"})
        >>> plan = plan_contacts(playbook, customers, effects, {"calls": 1}, on=date(2026, 3, 1),
        ...     data=ActingData(consents=consents))
        >>> plan
        ContactPlan(2026-03-01: 1 contact, net gain 25; 1 unreached, 0 held out, 1 uncovered)
        >>> plan.worth()
        ('one more calls is worth 25 yen',)
        >>> plan.explain("b")
        treatment channel   decision                  why  expected_gain  cost
             call    call not chosen lacks calls, price 25             30     5
    """

    on: date
    contacts: FrameT
    prices: Table
    unreached: FrameT
    held_out: FrameT
    uncovered: FrameT
    state: ScenarioState
    net_gain: float
    bound: float
    decisions: PlanDecisions = field(repr=False)
    kind: FrameKind[FrameT] = field(repr=False)

    def __repr__(self) -> str:
        tables = (self.contacts, self.unreached, self.held_out, self.uncovered)
        contacts, unreached, held, left = (len(_read(table)) for table in tables)
        made = f"{contacts:,} contact{'' if contacts == 1 else 's'}, net gain {self.net_gain:,.6g}"
        left_out = f"{unreached:,} unreached, {held:,} held out, {left:,} uncovered"
        return f"ContactPlan({self.on.isoformat()}: {made}; {left_out})"

    def explain(self, customer_id: object) -> Table:
        """Return for one customer what was decided on each treatment, and why.

        Args:
            customer_id: The customer.

        Raises:
            DataError: If the plan does not know the customer.

        Examples:
            >>> from omniltv.testing.plans import small_plan
            >>> small_plan().explain("ann")
            treatment channel    decision              why  expected_gain  cost
                visit   store      chosen        tier high             90    10
                 mail      ec not allowed no consent on ec             20     1
        """
        return self.decisions.explain(customer_id)

    def of(self, owner: str) -> FrameT:
        """Return the contacts of an owner.

        Args:
            owner: The owner.

        Examples:
            >>> from omniltv.testing.plans import small_plan
            >>> small_plan().of("sales")["customer_id"].tolist()
            ['ann']
        """
        table = collect(cast("IntoTable", self.contacts), "the plan")
        own = np.flatnonzero(np.array([each == owner for each in table["owner"].to_list()], bool))
        return self.kind.native(table[own, :])

    def summary(self) -> Table:
        """Return the number of contacts, the gain and the cost by owner and channel.

        Examples:
            >>> from omniltv.testing.plans import small_plan
            >>> small_plan().summary()
              owner channel  contacts  expected_gain  cost
            digital      ec         1             20     1
              sales   store         1             90    10
        """
        frame = _read(self.contacts)
        groups = frame.groupby(["owner", "channel"], sort=True)
        found = groups.agg(
            contacts=("customer_id", "size"),
            expected_gain=("expected_gain", "sum"),
            cost=("cost", "sum"),
        ).reset_index()
        return Table({str(name): column.to_numpy() for name, column in found.items()})

    def worth(self) -> tuple[str, ...]:
        """Return what one more unit of each scarce resource is worth, the dearest first.

        Examples:
            >>> from omniltv.testing.plans import small_plan
            >>> small_plan().worth()
            ('one more hour of staff in Ginza is worth 160 yen',)
        """
        return self.decisions.worth(self.prices)

    def reminders(
        self, done: IntoTable | None = None, *, earlier: Sequence[IntoTable] = ()
    ) -> FrameT:
        """Return what each owner still has to do, the oldest first.

        Args:
            done: Contacts that were made: ``contact_key``.
            earlier: Contacts of earlier plans that may be open.

        Raises:
            DataError: If a column is absent.

        Examples:
            >>> from omniltv.testing.plans import small_plan
            >>> made = pd.DataFrame({"contact_key": small_plan().of("sales")["contact_key"]})
            >>> small_plan().reminders(made)[["owner", "customer_id", "days_late"]].values.tolist()
            [['digital', 'ben', 0]]
        """
        frames = [_read(table) for table in (*earlier, self.contacts)]
        every = pd.concat(frames, ignore_index=True)
        keys: list[object] = []
        if done is not None:
            table = collect(done, "the contacts that were made")
            require(table.columns, ["contact_key"], "the contacts that were made")
            keys = table["contact_key"].to_list()
        still = every[~every["contact_key"].isin(keys)].drop_duplicates("contact_key")
        late = [(self.on - date.fromisoformat(day)).days for day in still["day"]]
        order = ["owner", "days_late", "at", "contact_key"]
        rows = still.assign(days_late=late).sort_values(order, ascending=[True, False, True, True])
        names = ("owner", "at", "channel", "customer_id", "treatment", "content", "cause",
                 "contact_key", "days_late")  # fmt: skip
        return self._built(rows, names)

    def compared_with(self, other: "IntoTable | ContactPlan[FrameT]") -> FrameT:
        """Return what changed since another plan, such as that of yesterday.

        The rows are those contacts that only one of both plans has: ``customer_id``,
        ``treatment``, ``channel`` and ``change``: ``new`` or ``gone``.

        Args:
            other: The other plan, or its contacts.

        Raises:
            DataError: If a column is absent.

        Examples:
            >>> from omniltv.testing.plans import small_plan
            >>> plan = small_plan()
            >>> len(plan.compared_with(plan)), len(plan.compared_with(plan.contacts.iloc[1:]))
            (0, 1)
        """
        table = other.contacts if isinstance(other, ContactPlan) else other
        before, now = _read(table), _read(self.contacts)
        keys = ["customer_id", "treatment", "channel"]
        require(list(before.columns), keys, _WHAT)
        both = now[keys].merge(before[keys], on=keys, how="outer", indicator=True)
        changed = both[both["_merge"] != "both"]
        names = {"left_only": "new", "right_only": "gone"}
        change = [names[str(side)] for side in changed["_merge"]]
        return self._built(changed.assign(change=change), (*keys, "change"))

    def _built(self, rows: pd.DataFrame, names: Sequence[str]) -> FrameT:
        data = {name: _objects(rows[name]) for name in names}
        return built(self.kind, data)


def built[FrameT](kind: FrameKind[FrameT], data: Mapping[str, Sequence[object]]) -> FrameT:
    """Return columns as a frame of a kind, with the types of ids and numbers."""
    types: dict[str, Any] = {}
    for name, values in data.items():
        if name == "customer_id":
            types[name] = id_type(np.fromiter(values, dtype=object, count=len(values)))
        elif name in _NUMERIC:
            types[name] = _NUMERIC[name]
    return kind.build(data, types)


_NUMERIC: Mapping[str, Any] = {
    **dict.fromkeys(("expected_gain", "gain_sd", "cost", "net_gain", "price"), nw.Float64),
    "days_late": nw.Int64,
}


def _objects(column: "pd.Series[Any]") -> list[object]:
    """Return the values of a column, missing ones as None."""
    return list(map(none_if_missing, column.tolist()))


def _read(table: object) -> pd.DataFrame:
    """Return any table of contacts as a pandas frame with ids as objects."""
    rows = collect(cast("IntoTable", table), "the plan")
    frame = pd.DataFrame({name: rows[name].to_list() for name in rows.columns})
    ids = read_ids(rows, "customer_id", "the plan")
    return frame.assign(customer_id=pd.Series(ids, index=frame.index, dtype=object))
