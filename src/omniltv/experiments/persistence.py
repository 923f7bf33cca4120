"""Assumptions about the effect of a treatment after the window."""

from dataclasses import dataclass
from math import isclose, log
from typing import Self

import numpy as np

from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.units import Span, TimeUnit

__all__ = ["Persistence"]


@checked
@dataclass(frozen=True)
class Persistence:
    """The assumption about the effect after the window, which no data can check.

    Create one with `none`, `full` or `half_life`.

    Attributes:
        span: How far beyond the window the forecast looks; None without a forecast.
        halves_every: Time in which the effect halves; None if it does not diminish.

    Examples:
        >>> from omniltv.units import weeks
        >>> Persistence.half_life(weeks(13), span=weeks(52))
        Persistence: the effect is assumed to halve every 13 weeks after the window, over 52 weeks
        (34 % of the undiminished lift)
    """

    span: Span | None = None
    halves_every: Span | None = None

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

    @property
    def share(self) -> float:
        """Share of the undiminished lift beyond the window that remains."""
        if self.span is None:
            return 0.0
        if self.halves_every is None:
            return 1.0
        lives = self.span.to(TimeUnit.DAY) / self.halves_every.to(TimeUnit.DAY)
        return float(-np.expm1(-lives * log(2)) / (lives * log(2)))

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
        if self.halves_every is None:
            return f"the effect is assumed to last undiminished for {self.span} after the window"
        return (
            f"the effect is assumed to halve every {self.halves_every} after the window, "
            f"over {self.span} ({100 * self.share:.0f} % of the undiminished lift)"
        )

    def __repr__(self) -> str:
        return f"Persistence: {self}"
