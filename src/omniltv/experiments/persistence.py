"""Assumptions about the effect of a treatment after the window."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isclose, log
from typing import Self

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Few, checked
from omniltv.errors import ConfigError
from omniltv.units import Span, TimeUnit

__all__ = ["Persistence"]


@checked
@dataclass(frozen=True)
class Persistence:
    """The assumption about the effect after the window, which no data can check.

    Create one with `none`, `full`, `half_life` or `ended`.

    Attributes:
        span: How far beyond the window the forecast looks; None without a forecast.
        halves_every: Time in which the effect halves; None if it does not diminish.
        ended_on: Last day of the treatment; None if it goes on.

    Examples:
        >>> from omniltv.units import weeks
        >>> Persistence.half_life(weeks(13), span=weeks(52))
        Persistence: the effect is assumed to halve every 13 weeks after the window, over 52 weeks
        (34 % of the undiminished lift)
    """

    span: Span | None = None
    halves_every: Span | None = None
    ended_on: date | None = None

    @classmethod
    def none(cls) -> Self:
        """Assume no effect after the window.

        The lift is the observed one and needs no forecast.

        Examples:
            >>> Persistence.none()
            Persistence: no effect is assumed after the window
        """
        return cls()

    @classmethod
    def full(cls, span: Span) -> Self:
        """Assume an undiminished effect over ``span``, as if the treatment continues.

        Examples:
            >>> from omniltv.units import weeks
            >>> Persistence.full(weeks(52))
            Persistence: the effect is assumed to last undiminished for 52 weeks after the window
        """
        return cls(span)

    @classmethod
    def half_life(cls, halves_every: Span, *, span: Span) -> Self:
        """Assume an effect that halves repeatedly after the window, over ``span``.

        The undiminished lift is assumed to accrue evenly over the span, so the share that
        remains is the mean of 2^(-t / half-life) over the span.

        Raises:
            ConfigError: If a span is zero.

        Examples:
            >>> from omniltv.units import weeks
            >>> round(Persistence.half_life(weeks(26), span=weeks(26)).share, 3)
            0.721
        """
        if min(halves_every.amount, span.amount) <= 0:
            raise ConfigError("a half-life and its span are above zero. Hint: weeks(13)")
        return cls(span, halves_every)

    @classmethod
    def ended(cls, on: date, *, span: Span) -> Self:
        """Assume a treatment that ended, in the window or later, over ``span``.

        What the treatment changed in customers stays: those who were kept or lost, and
        purchases that were brought forward. Only methods of `long_run_lift` that estimate this
        take it; a forecast by a fit per arm cannot.

        Args:
            on: Last day of the treatment.
            span: How far beyond the window to look.

        Examples:
            >>> from omniltv.units import weeks
            >>> Persistence.ended(date(2026, 4, 28), span=weeks(148))
            Persistence: the treatment ended on 2026-04-28; what it left behind in customers counts
            for 148 weeks after the window
        """
        return cls(span, ended_on=on)

    @property
    def share(self) -> float:
        """Share of the undiminished lift beyond the window that remains.

        Raises:
            ConfigError: If the treatment ended: what it left behind is no share of its lift.
        """
        if self.ended_on is not None:
            problem = "what an ended treatment leaves behind is no share of its lift"
            raise ConfigError(f"{problem}. Hint: long_run_lift(..., methods=[WeeklyDecay()])")
        if self.span is None:
            return 0.0
        if self.halves_every is None:
            return 1.0
        lives = self.span.to(TimeUnit.DAY) / self.halves_every.to(TimeUnit.DAY)
        return float(-np.expm1(-lives * log(2)) / (lives * log(2)))

    def strength(
        self, *, window: Few, horizon: Few, start: datetime | None = None
    ) -> NDArray[np.float64]:
        """Return the strength of the treatment in each week, of shape (horizon,).

        Args:
            window: Observed weeks.
            horizon: Weeks in all.
            start: Start of the treatment; needed if it ended.

        Raises:
            ConfigError: If the treatment ended before its start, or the start is not known.

        Examples:
            >>> from omniltv.units import weeks
            >>> lasting = Persistence.half_life(weeks(1), span=weeks(2))
            >>> lasting.strength(window=1, horizon=3).round(3).tolist()
            [1.0, 0.707, 0.354]
        """
        week = np.arange(horizon, dtype=np.float64)
        if self.ended_on is not None:
            return np.clip(_weeks_until(self.ended_on, start) - week, 0.0, 1.0)
        if self.halves_every is None:
            return np.ones(horizon)
        lives = (week + 0.5 - window) / self.halves_every.to(TimeUnit.WEEK)
        return np.where(week < window, 1.0, 0.5 ** np.maximum(lives, 0.0))

    def require_span(self, span: Span) -> None:
        """Raise ConfigError if a forecast looks over another span.

        Examples:
            >>> from omniltv.units import weeks
            >>> Persistence.full(weeks(52)).require_span(weeks(52))
        """
        if self.span is None:
            return
        if not isclose(self.span.to(TimeUnit.DAY), span.to(TimeUnit.DAY), rel_tol=1e-9):
            message = f"persistence is over {self.span}, but the forecast looks {span} ahead"
            raise ConfigError(f"{message}. Hint: use the same span in both")

    def __str__(self) -> str:
        if self.span is None:
            return "no effect is assumed after the window"
        if self.ended_on is not None:
            return (
                f"the treatment ended on {self.ended_on:%Y-%m-%d}; what it left behind in "
                f"customers counts for {self.span} after the window"
            )
        if self.halves_every is None:
            return f"the effect is assumed to last undiminished for {self.span} after the window"
        return (
            f"the effect is assumed to halve every {self.halves_every} after the window, "
            f"over {self.span} ({100 * self.share:.0f} % of the undiminished lift)"
        )

    def __repr__(self) -> str:
        return f"Persistence: {self}"


def _weeks_until(day: date, start: datetime | None) -> float:
    """Return the weeks from the start of the treatment to the end of a day."""
    if start is None:
        raise ConfigError("the start of the treatment is not known. Hint: start= of the assignment")
    ended = datetime(day.year, day.month, day.day, tzinfo=start.tzinfo) + timedelta(days=1)
    if ended <= start:
        raise ConfigError(f"the treatment ended on {day}, before its start. Hint: its last day")
    return (ended - start) / timedelta(weeks=1)
