"""A playbook: treatments by tier and channel, scenarios, campaigns and the contact policy."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast

import numpy as np
from pydantic import Field, ValidationError, model_validator

from omniltv._config import Written
from omniltv._frames import Table
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.condition import Condition, linked
from omniltv.segmentation.playbook._references import faults_of
from omniltv.segmentation.playbook.treatment import (
    Campaign,
    EffectPrior,
    ScarceResource,
    TreatmentRule,
)
from omniltv.segmentation.policy.contact_policy import ContactPolicy
from omniltv.segmentation.scenarios.scenario import Scenario
from omniltv.segmentation.triggers.kind import trigger_kinds

__all__ = ["Playbook"]


@checked
class Playbook(Written):
    """What may be done for whom: a document in Python, YAML and JSON.

    What no rule covers is left out on purpose; see `gaps`.

    Attributes:
        version: Version of the form of this document.
        tiers: Names of the tiers, best first.
        classes: Names of the customer classes, best first; none if the playbook has no classes.
        resources: The resources that treatments use.
        campaigns: Campaigns, which have the same days on every channel.
        treatments: The treatments.
        scenarios: The scenarios. A treatment that is a step of one is given by scenarios only.
        policy: The contact policy.
        prior: What is assumed of effects that were not measured.
        currency: Unit of value, for texts.

    Examples:
        >>> playbook = Playbook.from_yaml('''
        ... version: 1
        ... tiers: [high, general]
        ... resources: [{name: staff_minutes}]
        ... treatments:
        ... - {name: fitting, channel: store, owner: sales, tiers: high, uses: {staff_minutes: 30}}
        ... - {name: news, channel: ec, owner: digital marketing, cost: 2}
        ... ''')
        >>> playbook.table()
           tier           store                       ec
           high fitting (sales) news (digital marketing)
        general                 news (digital marketing)
        >>> playbook.gaps()
        (('general', 'store'),)
    """

    version: Literal[1] = 1
    tiers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]
    classes: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    resources: Annotated[tuple[ScarceResource, ...], Field(max_length=1_000)] = ()
    campaigns: Annotated[tuple[Campaign, ...], Field(max_length=1_000)] = ()
    treatments: Annotated[tuple[TreatmentRule, ...], Field(min_length=1, max_length=1_000)]
    scenarios: Annotated[tuple[Scenario, ...], Field(max_length=200)] = ()
    policy: ContactPolicy = ContactPolicy()
    prior: EffectPrior = EffectPrior()
    currency: Name = "yen"

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        faults = list(faults_of(self))
        if faults:
            raise ValidationError.from_exception_data("Playbook", faults)
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of the treatments, in the order of the document."""
        return tuple(dict.fromkeys(rule.channel for rule in self.treatments))

    @property
    def owners(self) -> tuple[str, ...]:
        """Owners of the treatments, in the order of the document."""
        return tuple(dict.fromkeys(rule.owner for rule in self.treatments))

    @property
    def channels_of(self) -> Mapping[str, tuple[str, ...]]:
        """Channels of each treatment by its name."""
        found: dict[str, tuple[str, ...]] = {}
        for rule in self.treatments:
            found[rule.name] = (*found.get(rule.name, ()), rule.channel)
        return found

    def table(self, by: Literal["tier", "class"] = "tier") -> Table:
        """Return the treatments by tier, or by class, and channel; with their owners.

        Args:
            by: What the rows are.

        Examples:
            >>> news = TreatmentRule(name="news", channel="ec", owner="marketing")
            >>> Playbook(tiers=("all",), treatments=(news,)).table()
            tier               ec
             all news (marketing)
        """
        rows = self.tiers if by == "tier" else self.classes
        columns: dict[str, np.ndarray[Any, Any]] = {by: np.array(rows, dtype=object)}
        for channel in self.channels:
            cells = ["; ".join(self._said(row, channel, by)) for row in rows]
            columns[channel] = np.array(cells, dtype=object)
        return Table(columns)

    def gaps(self) -> tuple[tuple[str, str], ...]:
        """Return the tiers and channels without a treatment: they are left out on purpose.

        Examples:
            >>> news = TreatmentRule(name="news", channel="ec", owner="marketing", tiers="high")
            >>> Playbook(tiers=("high", "general"), treatments=(news,)).gaps()
            (('general', 'ec'),)
        """
        pairs = ((tier, channel) for tier in self.tiers for channel in self.channels)
        return tuple(pair for pair in pairs if not self._said(*pair, "tier"))

    @classmethod
    def json_schema(cls) -> dict[str, object]:
        """Return the JSON Schema of playbooks, with every registered condition and trigger.

        Names that lead nowhere, and cycles, cannot be said in JSON Schema.

        Examples:
            >>> schema = Playbook.json_schema()
            >>> schema["$ref"], "Visited" in schema["$defs"]
            ('#/$defs/Playbook', True)
        """
        own = cls.model_json_schema()
        definitions = {**own.pop("$defs", {}), "Playbook": own}
        for kind in trigger_kinds().values():
            schema = kind.model_json_schema()
            definitions |= schema.pop("$defs", {})
            required = sorted({kind.key, *schema.get("required", ())})
            definitions[kind.__name__] = {**schema, "required": required}
        one_of = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in trigger_kinds().values()]
        definitions["Trigger"] = {"title": "Trigger", "oneOf": one_of}
        conditions = Condition.json_schema()
        every = linked(linked(definitions, "Trigger"), "Condition")
        known = {**cast("Any", every), **cast("Any", conditions["$defs"])}
        return {"$schema": conditions["$schema"], "$ref": "#/$defs/Playbook", "$defs": known}

    def _said(self, row: str, channel: str, by: str) -> list[str]:
        """Return the treatments of a row on a channel, with their owners."""
        found = []
        for rule in self.treatments:
            names = rule.tiers if by == "tier" else rule.classes
            if rule.channel == channel and (names is None or row in names):
                found.append(f"{rule.name} ({rule.owner})")
        return found
