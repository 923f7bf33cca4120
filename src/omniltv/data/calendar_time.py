"""Calendar time: season, trend, weekdays and events of purchases, and the clock they define.

On the clock S(t), the integral of the intensity s(t), purchases have neither season nor trend.
Models of purchases that drop out at purchases (BG/NBD, MBG/NBD, CNBD-k) with the intensity s are
the same models in the time S. The mean of s over the observed days is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv._columns import positions
from omniltv._frames import Tabular
from omniltv._options import checked
from omniltv.data._days import Intensity
from omniltv.errors import DataError
from omniltv.units import Span, TimeUnit

__all__ = ["CalendarTime", "Clock"]

_DRAWS_OF_TABLE = 1000


@checked
@dataclass(frozen=True, eq=False, repr=False)
class CalendarTime(Tabular):
    """Season of the year, weekdays, trend and events of each group of a log.

    Create one with `PurchaseLog.calendar_time`.

    Attributes:
        by: The groups: ``"channel"``, ``"acquisition_channel"``, or None.
        labels: Labels of the groups; ``("all",)`` without groups.
        intensity: The intensity of purchases by day.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> rng = np.random.default_rng(1)
        >>> day = pd.Timestamp("2025-01-06") + pd.to_timedelta(rng.integers(0, 365, 900), "D")
        >>> table = {"customer_id": rng.integers(0, 90, 900), "channel": "ec", "time": day}
        >>> log = PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))
        >>> calendar = log.calendar_time(seed=1)
        >>> calendar
        CalendarTime(all, 2025-01-07 to 2026-01-05)
        >>> calendar.to_frame()[["group", "month", "factor"]].shape
        (13, 3)
    """

    by: Literal["channel", "acquisition_channel"] | None
    labels: tuple[str, ...]
    intensity: Intensity

    def __repr__(self) -> str:
        first, last = (
            np.datetime64(day, "D") for day in (self.intensity.first, self.intensity.last)
        )
        return f"CalendarTime({', '.join(self.labels)}, {first} to {last})"

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the factor of each calendar month within the observed days, with its interval.

        ``factor`` is the mean intensity of the days of a month; ``lower`` and ``upper`` are its
        90 % interval.
        """
        days = np.arange(self.intensity.first, self.intensity.last + 1)
        month = days.astype("datetime64[D]").astype("datetime64[M]")
        months, start = np.unique(month, return_index=True)
        size = np.diff(np.append(start, len(days)))
        rows = []
        for group in range(len(self.labels)):
            factor = self.intensity.draws(group, days, _DRAWS_OF_TABLE)
            factor /= factor.mean(axis=0)
            rows.append(np.add.reduceat(factor, start, axis=0) / size[:, None])
        draws = np.concatenate(rows)
        lower, upper = np.quantile(draws, [0.05, 0.95], axis=1)
        return {
            "group": np.repeat(self.labels, len(months)),
            "month": np.tile(months.astype("datetime64[s]"), len(self.labels)),
            "factor": draws.mean(axis=1),
            "lower": lower,
            "upper": upper,
        }

    @cached_property
    def name(self) -> str:
        """Digest of the clock, by which a fit knows the clock of its history."""
        days = np.arange(self.intensity.first, self.intensity.last + 1)
        found = sha256(str((self.by, self.labels, days[0], days[-1])).encode())
        for group in range(len(self.labels)):
            found.update(np.round(self.intensity.mean(group, days), 6).tobytes())
        return found.hexdigest()[:16]


@checked
@dataclass(frozen=True, eq=False)
class Clock:
    """The clock of the rows of a history: calendar time, and the last day of observation.

    Attributes:
        calendar: The calendar time.
        end: Last day of observation, as days since 1970.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> rng = np.random.default_rng(5)
        >>> time = np.datetime64("2026-01-05") + rng.integers(0, 200, 500)
        >>> frame = pd.DataFrame({"customer_id": rng.integers(0, 50, 500), "time": time})
        >>> log = PurchaseLog.from_frame(frame.assign(channel="store", value=2.0))
        >>> clock = log.history(calendar=log.calendar_time(seed=3)).clock
        >>> clock.ahead(Span(10, TimeUnit.DAY), n_draws=4, unit=TimeUnit.DAY).shape
        (1, 4)
    """

    calendar: CalendarTime
    end: int

    def codes(self, groups: Mapping[str, NDArray[np.str_]], n_rows: int) -> NDArray[np.intp]:
        """Return the group of each row, by position in `CalendarTime.labels`.

        Raises:
            DataError: If a row is in a group that the log did not have.
        """
        by = self.calendar.by
        if by is None:
            return np.zeros(n_rows, dtype=np.intp)
        if by not in groups:
            raise DataError("calendar time by a missing group column", column=by, hint=_again(by))
        place = positions(groups[by].astype(object), np.array(self.calendar.labels, dtype=object))
        strange = np.flatnonzero(place < 0)
        if len(strange):
            rows = strange.tolist()
            problem = "groups without calendar time"
            raise DataError(problem, column=by, rows=rows, hint=_again(by))
        return place

    def ahead(self, horizon: Span, *, n_draws: int, unit: TimeUnit) -> Floats:
        """Return the operational length of a forecast, of shape (n_groups, n_draws).

        Args:
            horizon: Length of the forecast after the last day of observation.
            n_draws: Number of draws.
            unit: Unit of the operational length.
        """
        times = np.array([horizon.to(TimeUnit.DAY)])
        groups = range(len(self.calendar.labels))
        found = [
            self.calendar.intensity.ahead(group, self.end, times, n_draws)[0] for group in groups
        ]
        return np.array(found) / unit.in_days

    def shape(self, times: Floats, horizon: float) -> Floats:
        """Return the share of the mean operational length that has passed at some times.

        Args:
            times: Days after the last day of observation, increasing, of shape (n_times,).
            horizon: Length of the forecast in days.

        Returns:
            Shares, of shape (n_groups, n_times).
        """
        both = np.append(times, horizon)
        order = np.argsort(both, kind="stable")
        rows = []
        for group in range(len(self.calendar.labels)):
            clock = np.empty(len(both))
            drawn = self.calendar.intensity.ahead(group, self.end, both[order], _DRAWS_OF_TABLE)
            clock[order] = drawn.mean(axis=1)
            rows.append(clock[:-1] / clock[-1])
        return np.array(rows)


def _again(by: str) -> str:
    return f'calendar = log.calendar_time(by="{by}", seed=1)'
