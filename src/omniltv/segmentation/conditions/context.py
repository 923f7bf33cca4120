"""What a condition may need besides the table of customers: the day, events, draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from omniltv._frames import IntoTable
from omniltv._options import checked
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError

__all__ = ["Context"]


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class Context:
    """What conditions need besides the table of customers.

    Nothing is read from a clock: the same condition and context give the same answer.

    Attributes:
        today: The day that relative dates count from.
        time_zone: Time zone of the retailer, in which days begin and end, such as
            ``"Asia/Tokyo"``. If None, a column of moments uses its own time zone.
        events: Table of events for `Happened`, one row per event, with the customer id.
        draws: Draws for `Chance` by the name of the amount: `RowDraws` in the order of the
            customers, or a table with one row per customer and draw.
        customer_id: Column of the customer id in all tables.

    Raises:
        ConfigError: If the time zone does not exist, or ``today`` is a moment.

    Examples:
        >>> Context(today=date(2026, 4, 1), time_zone="Asia/Tokyo").today
        datetime.date(2026, 4, 1)
        >>> try:
        ...     Context(time_zone="Asia/Toyko")
        ... except ConfigError as error:
        ...     print(error)
        there is no time zone 'Asia/Toyko'. Hint: time_zone='Asia/Tokyo'
    """

    today: date | None = None
    time_zone: str | None = None
    events: IntoTable | None = None
    draws: Mapping[str, object] = field(default_factory=dict)
    customer_id: str = "customer_id"

    def __post_init__(self) -> None:
        if isinstance(self.today, datetime):
            hint = "today=moment.date()"
            raise ConfigError(f"today is a moment, not a day. Hint: {hint}", parameter="today")
        if self.time_zone is not None and not _exists(self.time_zone):
            problem = f"there is no time zone {self.time_zone!r}"
            hint = "time_zone='Asia/Tokyo'"
            raise ConfigError(f"{problem}. Hint: {hint}", parameter="time_zone")

    def day(self) -> date:
        """Return the day that relative dates count from.

        Raises:
            ConfigError: If it is not given.

        Examples:
            >>> Context(today=date(2026, 4, 1)).day()
            datetime.date(2026, 4, 1)
        """
        if self.today is None:
            hint = "Context(today=date(2026, 4, 1))"
            raise ConfigError(f"a relative date needs today. Hint: {hint}", parameter="today")
        return self.today

    def amounts(self, name: str) -> RowDraws | IntoTable:
        """Return the draws of an amount.

        Raises:
            ConfigError: If there are none of this name.

        Examples:
            >>> import numpy as np
            >>> draws = RowDraws.from_array(np.ones((2, 3)))
            >>> len(Context(draws={"value": draws}).amounts("value"))
            2
        """
        if name not in self.draws:
            hint = f"Context(draws={{{name!r}: value.predictive}})"
            raise ConfigError(f"there are no draws of {name!r}. Hint: {hint}", parameter="draws")
        return cast("RowDraws | IntoTable", self.draws[name])

    def table_of_events(self) -> IntoTable:
        """Return the table of events.

        Raises:
            ConfigError: If it is not given.

        Examples:
            >>> import pandas as pd
            >>> len(Context(events=pd.DataFrame({"customer_id": [1]})).table_of_events())
            1
        """
        if self.events is None:
            hint = "Context(events=frame)"
            raise ConfigError(
                f"a condition on events needs a table of events. Hint: {hint}", parameter="events"
            )
        return self.events


def _exists(time_zone: str) -> bool:
    try:
        ZoneInfo(time_zone)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False
    return True
