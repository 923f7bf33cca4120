"""Engagement: what people do besides buying, weighted by action, fading with time."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import narwhals as nw
from pydantic import Field

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name
from omniltv.segmentation.conditions.kind import Scope
from omniltv.segmentation.scores._age import age_in_days, faded, is_one_of

__all__ = ["Engagement"]

type Weight = Annotated[float, Field(gt=0, strict=True)]

_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "browse": 1.0,
        "visit": 2.0,
        "cart": 3.0,
        "enquiry": 3.0,
        "post": 5.0,
        "review": 5.0,
        "referral": 8.0,
    }
)


@checked
class Engagement(Written):
    """Sum of the weights of a customer's actions, each halved with every half-life of its age.

    An action of ``d`` days ago counts ``weight * 0.5 ** (d / half_life_days)``. The age is
    counted in days of the retailer up to ``Context.today``. Later events do not count. Kinds
    without a weight do not count. People who never bought have a score, too.

    The default weights are a convention to start with, not an estimate.

    Attributes:
        version: Version of the form of this document.
        weights: Weight of each kind of event.
        half_life_days: Days in which the weight of an action is halved; None for no decay.
        kind_column: Column of events with the kind; ``what`` in the events of a `Timeline`.
        time_column: Column of events with the day or moment.

    Examples:
        >>> from datetime import date
        >>> import pandas as pd
        >>> from omniltv.segmentation import Context
        >>> from omniltv.segmentation.scores import scored
        >>> events = pd.DataFrame({"customer_id": ["a", "a"], "kind": ["review", "visit"],
        ...     "time": pd.to_datetime(["2026-03-01", "2026-03-31"])})
        >>> people = pd.DataFrame({"customer_id": ["a", "b"]})
        >>> context = Context(today=date(2026, 3, 31), events=events)
        >>> scored(people, Engagement(half_life_days=30), context)["engagement"].tolist()
        [4.5, 0.0]
    """

    version: Literal[1] = 1
    weights: Mapping[Name, Weight] = Field(
        default_factory=lambda: dict(_WEIGHTS), min_length=1, max_length=200
    )
    half_life_days: Annotated[float, Field(gt=0, strict=True)] | None = 90.0
    kind_column: Name = "kind"
    time_column: Name = "time"

    @property
    def columns(self) -> frozenset[str]:
        """No column of customers but the id."""
        return frozenset()

    @property
    def event_columns(self) -> frozenset[str]:
        """The kind and the time."""
        return frozenset({self.kind_column, self.time_column})

    def sums(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return the faded weight of each event, and 1 for each event that counts.

        Raises:
            DataError: If a column is of the wrong type.
            ConfigError: If the context has no day.

        Examples:
            >>> from datetime import date
            >>> from omniltv.segmentation import Context
            >>> types = {"kind": nw.String(), "time": nw.Date()}
            >>> list(Engagement().sums(Scope(types, Context(today=date(2026, 3, 31)))))
            ['_engagement', '_engagement_events']
        """
        weights = [
            nw.when(is_one_of(scope, self.kind_column, (name,)))
            .then(nw.lit(float(weight)))
            .otherwise(nw.lit(0.0))
            for name, weight in self.weights.items()
        ]
        age = age_in_days(scope, self.time_column)
        counts = is_one_of(scope, self.kind_column, tuple(self.weights)) & (age >= 0).fill_null(
            value=False
        )
        return {
            "_engagement": nw.sum_horizontal(*weights) * faded(age, self.half_life_days),
            "_engagement_events": counts.cast(nw.Float64),
        }

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return ``engagement``, and ``engagement_events``, the number of events that count.

        Examples:
            >>> list(Engagement().expressions(Scope({})))
            ['engagement', 'engagement_events']
        """
        del scope
        number = nw.col("_engagement_events").cast(nw.Int64)
        return {"engagement": nw.col("_engagement"), "engagement_events": number}
