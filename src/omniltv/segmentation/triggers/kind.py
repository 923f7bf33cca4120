"""What a kind of trigger is, how kinds are registered, and how documents name them."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, cast

import numpy as np
import pandas as pd
from pydantic import Field, PlainSerializer, PlainValidator, SerializationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from omniltv._options import checked
from omniltv.data.checking import Moment
from omniltv.errors import ConfigError
from omniltv.segmentation._registry import KeyedKind, KindRegistry
from omniltv.segmentation.triggers.events import CustomerEvents, local_now

__all__ = [
    "AnyTrigger",
    "TriggerDays",
    "TriggerKind",
    "fired",
    "said",
    "trigger_kind",
    "trigger_kinds",
]

KINDS: KindRegistry["TriggerKind"] = KindRegistry("omniltv.triggers")
"""The kinds of trigger."""

type TriggerDays = Annotated[int, Field(ge=0, le=3_650, strict=True)]
"""A number of days."""


@checked
class TriggerKind(KeyedKind):
    """Base of a kind of trigger: its fields are the document, one method the meaning.

    A kind is a frozen pydantic model. Its `key` is the field by which a document is
    recognised as this kind; no other kind has this key. Register a kind with `trigger_kind`.

    Attributes:
        key: Name of the field that only this kind has.
        within: Days after its moment in which the trigger counts: 1 for a job of every night,
            more to make up for missed nights.

    Examples:
        >>> class Reviewed(TriggerKind):
        ...     key = "reviewed"
        ...     reviewed: bool = True
        ...     def moments(self, events, now):
        ...         found = events.of("review")
        ...         return fired(found["customer_id"], found["time"], "wrote a review")
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"], "event": "review",
        ...     "time": ["2026-03-01 10:00"], "channel": "ec"}))
        >>> Reviewed().fires(events, "2026-03-02")["cause"].tolist()
        ['wrote a review']
    """

    key: ClassVar[str]

    within: Annotated[int, Field(ge=1, le=3_650, strict=True)] = 1

    @abstractmethod
    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        """Return the moments at which the trigger fires, made by `fired`.

        Moments outside the last `within` days are dropped by `fires`.

        Args:
            events: Events before now, and tables.
            now: The local moment of the job.
        """

    def fires(self, events: CustomerEvents, now: Moment) -> pd.DataFrame:
        """Return who fired within the last days, when and why: at most one row per customer.

        The columns are ``customer_id``, ``at`` (the latest moment that is not after now) and
        ``cause``. Rows are in the order of moments.

        Args:
            events: The events; those after now do not count.
            now: A local moment, such as the start of the day that is planned.

        Raises:
            DataError: If a table that the trigger reads is absent.

        Examples:
            >>> from omniltv.segmentation.triggers import Visited
            >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["a"],
            ...     "event": "visit", "time": ["2026-03-01 10:00"], "channel": "store"}))
            >>> Visited(visited="store").fires(events, "2026-03-02")
              customer_id                  at                        cause
            0           a 2026-03-01 10:00:00  visit on 2026-03-01 (store)
        """
        moment = local_now(now)
        found = self.moments(events.before(moment), moment)
        recent = (found["at"] <= moment) & (found["at"] > moment - timedelta(days=self.within))
        kept = found[recent].sort_values("at", kind="stable")
        return kept.drop_duplicates("customer_id", keep="last").reset_index(drop=True)


def fired(
    customers: "pd.Series[str]", at: "pd.Series[pd.Timestamp]", cause: "pd.Series[str] | str"
) -> pd.DataFrame:
    """Return the table that `TriggerKind.moments` returns.

    Args:
        customers: Customer ids.
        at: Moments at which the trigger fires, in the order of the customers.
        cause: What happened, one text or one per customer.

    Examples:
        >>> fired(pd.Series(["a"]), pd.Series(pd.to_datetime(["2026-03-01"])), "visit")
          customer_id         at  cause
        0           a 2026-03-01  visit
    """
    texts = [cause] * len(customers) if isinstance(cause, str) else list(cause)
    return pd.DataFrame(
        {
            "customer_id": np.fromiter(customers, dtype=object, count=len(customers)),
            "at": np.asarray(at, dtype="datetime64[us]"),
            "cause": np.fromiter(texts, dtype=object, count=len(texts)),
        }
    ).astype({"customer_id": object, "cause": object})


def said(times: "pd.Series[pd.Timestamp]") -> "pd.Series[str]":
    """Return the days of times as texts.

    Examples:
        >>> said(pd.Series(pd.to_datetime(["2026-03-01 10:00"]))).tolist()
        ['2026-03-01']
    """
    return times.dt.strftime("%Y-%m-%d").astype(object)


@checked
def trigger_kind[KindT: TriggerKind](kind: type[KindT]) -> type[KindT]:
    """Register a kind of trigger, so that playbooks may use it; use it as a decorator.

    A package registers its kinds without an import if it declares the module as an entry
    point of the group ``omniltv.triggers``.

    Raises:
        ConfigError: If the key is not a field of the kind, or is the key of another kind.

    Examples:
        >>> from omniltv.segmentation.triggers import Visited
        >>> trigger_kind(Visited) is Visited
        True
    """
    for other in KINDS.others(kind):
        if other.key == kind.key:
            message = f"{kind.__name__}: {other.__name__} has the key {kind.key!r}, too"
            raise ConfigError(f"{message}. Hint: rename the key and the field")
    KINDS.add(kind)
    return kind


def trigger_kinds() -> Mapping[str, type[TriggerKind]]:
    """Return the registered kinds by key, with those of installed packages.

    Examples:
        >>> "visited" in trigger_kinds()
        True
    """
    return KINDS.known()


def _read(data: object) -> TriggerKind:
    """Return a document as the kind whose key it has."""
    if isinstance(data, TriggerKind):
        return data
    known = trigger_kinds()
    given = sorted(map(str, data)) if isinstance(data, Mapping) else [type(data).__name__]
    keys = [key for key in given if key in known]
    if not isinstance(data, Mapping) or len(keys) != 1:
        facts = {"keys": ", ".join(sorted(known)), "given": ", ".join(given)[:80] or "nothing"}
        message = "a trigger has exactly one of {keys}; this has {given}"
        raise PydanticCustomError("trigger", message, facts)
    read = known[keys[0]].__pydantic_validator__.validate_python
    return cast("TriggerKind", read(dict(data)))


def _write(kind: TriggerKind, info: SerializationInfo) -> dict[str, object]:
    return kind.model_dump(exclude_defaults=info.exclude_defaults)


AnyTrigger = Annotated[
    TriggerKind,
    PlainValidator(_read),
    PlainSerializer(_write),
    WithJsonSchema({"title": "Trigger", "type": "object"}),
]
"""A field of a document that holds a trigger of any registered kind."""
