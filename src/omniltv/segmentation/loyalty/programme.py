"""A loyalty programme as a document, and the events of the ledger that it makes of activities."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame, IntoFrameT
from pydantic import Field, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from omniltv._columns import require
from omniltv._config import Written
from omniltv._frames import FrameKind, IntoTable, collect, read_frame
from omniltv._options import checked
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.condition import Condition, linked
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.loyalty._activities import read_activities, read_customers
from omniltv.segmentation.loyalty._earning import activity_events, stacked
from omniltv.segmentation.loyalty._events import (
    check_zone,
    moment_of,
    texts,
    times,
    whole_ids,
)
from omniltv.segmentation.loyalty._progress import progress_words
from omniltv.segmentation.loyalty._ranking import NO_RANKS, RankRun, rank_runs
from omniltv.segmentation.loyalty.rules import BENEFITS, EarningRule, Ranks, Redemption, Validity

__all__ = ["Programme", "ProgrammeEvents"]

_DAY = np.timedelta64(1, "D")
_TIMES = ("time", "valid_from", "valid_until")


@checked
@dataclass(frozen=True, eq=False)
class ProgrammeEvents[FrameT]:
    """What a programme makes of activities; frames of the kind given.

    Attributes:
        events: Events for `settle`.
        rejected: Activities that cannot be used or that the terms refuse: ``activity_id`` and
            ``reason``.

    Examples:
        >>> programme = Programme(name="Card", earning=[{"name": "visit", "activity": "visit"}])
        >>> made = programme.events(pd.DataFrame({
        ...     "activity_id": ["v1"], "customer_id": ["ann"], "kind": ["visit"],
        ...     "time": ["2026-01-05"]}), until="2026-02-01")
        >>> made.events[["event_id", "kind", "points"]].values.tolist()
        [['v1/visit', 'earn', 1]]
    """

    events: FrameT
    rejected: FrameT


@checked
class Programme(Written):
    """A loyalty programme: earning, validity, redemption and ranks in one document.

    Activities are a table of any kind, from all channels, one row per activity:
    ``activity_id``, ``customer_id``, ``time``, ``kind``, ``value``; any other columns for
    conditions. Activities of the kind ``return`` take points back: ``reference`` names the
    activity, ``value`` is the part that was returned (all if missing). Activities of the kind
    ``redeem`` spend ``points``.

    Attributes:
        version: Version of the form of this document.
        name: Name of the programme.
        unit: Word for a point, such as ``stamp``.
        timezone: Time zone of days.
        earning: The rules. Every rule that an activity meets gives points.
        validity: How long points are valid.
        redemption: How points may be spent.
        ranks: Ranks; None without.

    Examples:
        >>> programme = Programme.from_yaml('''
        ... version: 1
        ... name: Card
        ... earning:
        ... - {name: basic, activity: purchase, points: 1, per_amount: 100}
        ... - {name: review, activity: review, points: 20, cap: {per: month, times: 2}}
        ... validity: {months: 12, until: month_end}
        ... ''')
        >>> activities = pd.DataFrame({
        ...     "activity_id": ["p1", "r1"], "customer_id": "ann", "kind": ["purchase", "review"],
        ...     "time": ["2026-01-05", "2026-01-09"], "value": [1980.0, None]})
        >>> made = programme.events(activities, until="2026-02-01").events
        >>> made[["event_id", "points", "valid_until"]].values.tolist()[1]
        ['r1/review', 20, Timestamp('2027-01-31 00:00:00')]
        >>> from omniltv.segmentation.loyalty import settle
        >>> settle(made, at="2026-02-01").balances["balance"].tolist()
        [39]
    """

    version: Literal[1] = 1
    name: Name
    unit: Name = "point"
    timezone: Name = "UTC"
    earning: Annotated[tuple[EarningRule, ...], Field(min_length=1, max_length=1000)]
    validity: Validity = Validity()
    redemption: Redemption = Redemption()
    ranks: Ranks | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [rule.name for rule in self.earning]
        if len(set(names)) < len(names):
            raise ValueError("two earning rules have the same name")
        if self.ranks is None and any(rule.times_rank for rule in self.earning):
            raise ValueError("times_rank needs ranks")
        try:
            check_zone(self.timezone)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self

    @classmethod
    def json_schema(cls) -> dict[str, object]:
        """Return the JSON Schema of programmes.

        Examples:
            >>> schema = Programme.json_schema()
            >>> schema["required"], "EarningRule" in schema["$defs"]
            (['name', 'earning'], True)
        """
        own: dict[str, Any] = cls.model_json_schema(schema_generator=_WithoutPython)
        conditions: Any = Condition.json_schema()["$defs"]
        plain = {name: part for name, part in own.pop("$defs").items() if name != "Condition"}
        linked_parts: Any = linked({**own, "$defs": plain}, "Condition")
        parts = {**conditions, **linked_parts["$defs"]}
        dialect = "https://json-schema.org/draft/2020-12/schema"
        return {**linked_parts, "$schema": dialect, "$defs": parts}

    def validity_of(self, rule: EarningRule) -> Validity:
        """Return how long the points of a rule are valid.

        Examples:
            >>> programme = Programme(name="Card", earning=[{"name": "visit", "activity": "visit"}])
            >>> programme.validity_of(programme.earning[0]).expires
            False
        """
        return self.validity if rule.validity is None else rule.validity

    def events(
        self,
        activities: IntoFrameT,
        customers: IntoTable | None = None,
        *,
        until: Moment,
        ranks: IntoTable | None = None,
    ) -> ProgrammeEvents[IntoFrameT]:
        """Return the events of the ledger for activities before a moment.

        The result depends on the set of activities, not on their order. Give all activities of
        the periods that caps count in.

        Args:
            activities: See the class.
            customers: One row per customer: ``customer_id``; ``joined`` and ``birthday`` for
                rules on these occasions; columns for conditions.
            until: Later activities and occasions are left out.
            ranks: Ranks over time, from `rank_history`; computed from the activities if None.

        Raises:
            DataError: If a column is absent, rows with one id differ, a customer has two rows, or
                the time of a rank cannot be read.
            ConfigError: If the moment cannot be read.

        Examples:
            >>> programme = Programme(name="Card", earning=[
            ...     {"name": "welcome", "activity": "joined", "points": 500}])
            >>> people = pd.DataFrame({"customer_id": ["ann"], "joined": ["2026-01-05"]})
            >>> nothing = pd.DataFrame({"activity_id": [], "customer_id": [], "kind": [],
            ...     "time": []}, dtype=str)
            >>> programme.events(nothing, people, until="2026-02-01").events["points"].tolist()
            [500]
        """
        rows, aside, people, kind = self._read(activities, customers, until)
        history = NO_RANKS
        if ranks is not None:
            history = _ranks_of(ranks, self.timezone)
        elif self.ranks is not None and len(rows):
            history = self._ranked(rows, people, until).history
        moment = moment_of(until, self.timezone, "until")
        made, refused = activity_events(self, rows, people, history, moment)
        return ProgrammeEvents(
            _built(kind, made.reset_index(drop=True)),
            _built(kind, stacked([aside, refused])),
        )

    def rank_history(
        self, activities: IntoFrameT, customers: IntoTable | None = None, *, until: Moment
    ) -> IntoFrameT:
        """Return the ranks of customers over time: ``customer_id``, ``rank``, ``from``, ``reason``.

        A rank is in force from the start of a day. Customers are judged after every day with an
        activity if ranks rise at once, else at reviews, by the activities before.

        Args:
            activities: As in `events`.
            customers: As in `events`.
            until: The day of the last judgement.

        Raises:
            ConfigError: If the programme has no ranks.
            DataError: As `events`.

        Examples:
            >>> programme = Programme.from_yaml('''
            ... name: Card
            ... earning: [{name: basic, activity: purchase, per_amount: 100, times_rank: true}]
            ... ranks:
            ...   scheme:
            ...     value: qualifying_value
            ...     tiers: [{name: gold, value_at_least: {amount: 5000}}, {name: member}]
            ...   memory: {version: 1, tiers: [gold, member]}
            ...   multipliers: {gold: 2}
            ... ''')
            >>> bought = pd.DataFrame({
            ...     "activity_id": ["p1", "p2"], "customer_id": "ann", "kind": "purchase",
            ...     "time": ["2026-01-05", "2026-01-09"], "value": [6000.0, 1000.0]})
            >>> programme.rank_history(bought, until="2026-02-01")["rank"].tolist()
            ['member', 'gold']
            >>> programme.events(bought, until="2026-02-01").events["points"].tolist()
            [60, 20]
        """
        self._own_ranks()
        rows, _, people, kind = self._read(activities, customers, until)
        return _built(kind, self._ranked(rows, people, until).history)

    def progress(
        self, activities: IntoFrameT, customers: IntoTable | None = None, *, on: Moment
    ) -> IntoFrameT:
        """Return the rank of each customer on a day, and what is lacking for the next one.

        The columns are ``customer_id``, ``rank``, ``next_rank`` (missing for the best),
        ``qualifying_value``, ``purchases`` and ``progress`` in words.

        Args:
            activities: As in `events`.
            customers: As in `events`.
            on: The day, judged by the activities before it.

        Raises:
            DataError: As `events`.
            ConfigError: If the programme has no ranks.

        Examples:
            >>> programme = Programme.from_yaml('''
            ... name: Card
            ... earning: [{name: basic, activity: purchase, per_amount: 100}]
            ... ranks:
            ...   scheme:
            ...     value: qualifying_value
            ...     tiers:
            ...     - name: gold
            ...       when:
            ...         any_of:
            ...         - {column: purchases, op: ge, value: 3}
            ...         - {column: qualifying_value, op: ge, value: 5000}
            ...     - {name: member}
            ...   memory: {version: 1, tiers: [gold, member]}
            ...   units: {purchases: [visit, visits], qualifying_value: yen}
            ... ''')
            >>> bought = pd.DataFrame({
            ...     "activity_id": ["p1"], "customer_id": "ann", "kind": "purchase",
            ...     "time": ["2026-01-05"], "value": [1800.0]})
            >>> programme.progress(bought, on="2026-01-06")["progress"].tolist()
            ['2 visits or 3,200 yen to gold']
        """
        ranks = self._own_ranks()
        rows, _, people, kind = self._read(activities, customers, on)
        found = self._ranked(rows, people, on)
        table = found.table.merge(found.state[["customer_id", "tier"]], on="customer_id")
        rank = table["tier"].to_numpy(dtype=object)
        names = np.array([None, *ranks.scheme.names], dtype=object)
        place = np.array([ranks.scheme.names.index(name) for name in rank], dtype=np.int64)
        context = Context(today=moment_of(on, self.timezone, "on").date())
        words = progress_words(ranks.scheme, table, rank, ranks.units, context)
        columns = ("customer_id", "qualifying_value", "purchases")
        told = table[list(columns)].assign(rank=rank, next_rank=names[place], progress=words)
        order = ["customer_id", "rank", "next_rank", "qualifying_value", "purchases", "progress"]
        return _built(kind, told[order])

    def _own_ranks(self) -> Ranks:
        if self.ranks is None:
            problem = f"the programme {self.name!r} has no ranks"
            raise ConfigError(f"{problem}. Hint: Programme(..., ranks=...)", parameter="ranks")
        return self.ranks

    def _read[FrameT: IntoFrame](
        self, activities: FrameT, customers: IntoTable | None, until: Moment
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, FrameKind[FrameT]]:
        moment = moment_of(until, self.timezone, "until")
        table, kind = read_frame(activities, "the table of activities")
        rows, aside = read_activities(table, self.timezone)
        occasions = {rule.activity for rule in self.earning} & set(BENEFITS)
        needs = ["joined"] * bool(occasions) + ["birthday"] * ("birthday" in occasions)
        people = read_customers(customers, rows["customer_id"], needs, self.timezone)
        ids = {"customer_id": ("customer_id",), "activity_id": ("activity_id",)}
        return rows[rows["time"] < moment], aside, people, whole_ids(table, kind, ids)

    def _ranked(self, rows: pd.DataFrame, people: pd.DataFrame, until: Moment) -> RankRun:
        ranks = self._own_ranks()
        last = moment_of(until, self.timezone, "until")
        days = rows["time"].to_numpy().astype("datetime64[D]")
        today = np.datetime64(last, "D")
        nights = np.unique(np.append(days + _DAY, [today]))
        first = days.min() if len(days) else today
        dates = [str(day) for day in np.unique(np.append(nights[nights <= today], first))]
        known = pd.DataFrame({"customer_id": pd.unique(rows["customer_id"])})
        everyone = people.merge(known, on="customer_id", how="outer")
        by_rank = any(
            rule.times_rank or (rule.when is not None and "rank" in rule.when.columns)
            for rule in self.earning
        )
        return rank_runs(
            ranks,
            lambda history: self._qualifying(rows, everyone, history, last),
            everyone,
            dates,
            fixed=ranks.qualify_by == "value" or not by_rank,
        )

    def _qualifying(
        self, rows: pd.DataFrame, people: pd.DataFrame, ranks: pd.DataFrame, until: pd.Timestamp
    ) -> pd.DataFrame:
        """Return purchases, or what they earned, less what was returned."""
        if self.ranks is not None and self.ranks.qualify_by == "points":
            return _earned(activity_events(self, rows, people, ranks, until)[0])
        bought = rows[rows["kind"] == "purchase"]
        back = rows[rows["kind"] == "return"]
        total = bought.set_index("activity_id")["value"].reindex(back["reference"]).to_numpy()
        lost = back["value"].fillna(pd.Series(total, index=back.index))
        lost = lost.groupby(back["reference"]).sum().reindex(bought["activity_id"]).fillna(0.0)
        value = bought["value"].to_numpy() - lost.to_numpy()
        net = bought.assign(value=value, transaction_id=bought["activity_id"])
        columns = ["customer_id", "transaction_id", "time", "value"]
        return pd.DataFrame(net.loc[value > 0, columns])


def _earned(events: pd.DataFrame) -> pd.DataFrame:
    """Return the points of each earning, less those that were taken back."""
    earned = events[events["kind"] == "earn"]
    back = events[events["kind"] == "reverse"].groupby("reference")["points"].sum()
    points = earned["points"] - earned["event_id"].map(back).fillna(0)
    table = earned.assign(value=points.astype(np.float64), transaction_id=earned["event_id"])
    return table.loc[points > 0, ["customer_id", "transaction_id", "time", "value"]]


def _ranks_of(ranks: IntoTable, zone: str) -> pd.DataFrame:
    table = collect(ranks, "the table of ranks")
    require(table.columns, ["customer_id", "rank", "from"], "the table of ranks")
    columns = {"customer_id": texts(table, "customer_id"), "rank": texts(table, "rank")}
    return pd.DataFrame({**columns, "from": times(table, "from", zone)})


def _built[FrameT](kind: FrameKind[FrameT], table: pd.DataFrame) -> FrameT:
    """Return a pandas table as a frame of the kind given."""
    types: dict[str, Any] = {"points": nw.Int64, "purchases": nw.Int64}
    types |= dict.fromkeys((*_TIMES, "from"), nw.Datetime("us"))
    types["qualifying_value"] = nw.Float64
    data: dict[str, Any] = {}
    for name in table:
        values = table[name]
        if name in {*_TIMES, "from"}:
            data[str(name)] = values.to_numpy().astype("datetime64[us]")
        elif str(name) in types:
            data[str(name)] = values.to_numpy().astype(
                np.int64 if name != "qualifying_value" else np.float64
            )
        else:
            data[str(name)] = [None if pd.isna(value) else value for value in values]
    return kind.build(data, {name: types[name] for name in data if name in types})


class _WithoutPython(GenerateJsonSchema):
    """JSON Schema in which rules written in Python cannot appear."""

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Return a schema that nothing satisfies."""
        del schema
        return {"not": {}}
