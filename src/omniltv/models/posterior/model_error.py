"""The error of a model itself: what no parameter explains, as one common factor of totals.

The posterior of a model's parameters is narrow for a total of many customers, also if the model
is wrong. What is missing has the same sign for all customers of a channel, so it does not average
out. Here it is a factor of the expected value, log-normal with mean one, drawn once per draw and
channel. Its logarithm has a part that all channels share and a part of each channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Many, Natural, NotNegative, Seed, Share, checked
from omniltv._streams import BITS, Streams, digest
from omniltv.errors import ConfigError
from omniltv.units import Span, TimeUnit

__all__ = ["ASSUMED", "HALF_YEAR", "ModelError"]

HALF_YEAR = Span(0.5, TimeUnit.YEAR)

ASSUMED = 0.15
"""Standard deviation over half a year without a backtest.

It is an assumption. The prior of a backtest gives it without origins.
"""

_CORRELATION = 0.5
_GROWS_UNTIL = Span(2, TimeUnit.YEAR)
_DAY = TimeUnit.DAY


@checked
@dataclass(frozen=True)
class ModelError:
    """The error of a model's totals that its parameters do not explain.

    Make one with `default`, `none`, or `omniltv.models.checks.Backtest.model_error`.

    Attributes:
        horizons: Lengths of the forecast for which the error is known, increasing.
        sd: Standard deviation of the logarithm of a channel's factor at each horizon.
        correlation: Correlation of this logarithm between two channels.
        origins: Number of origins of the backtest; 0 without a backtest.

    Raises:
        ConfigError: If there is not one standard deviation per horizon, or horizons do not
            increase from above 0.

    Examples:
        >>> from omniltv.units import weeks
        >>> ModelError((weeks(26),), (0.08,), correlation=0.6, origins=3)
        ModelError(8 % over 26 weeks, 3 origins)
        >>> ModelError.default(), ModelError.none()
        (ModelError(15 % over 0.5 years, assumed), ModelError(none))
    """

    horizons: tuple[Span, ...]
    sd: tuple[NotNegative, ...]
    correlation: Share = _CORRELATION
    origins: Natural = 0

    def __post_init__(self) -> None:
        lengths = [span.to(_DAY) for span in self.horizons]
        increasing = bool(np.all(np.diff([0.0, *lengths]) > 0))
        if not lengths or len(lengths) != len(self.sd) or not increasing:
            problem = f"{len(self.sd)} standard deviations for {len(lengths)} horizons"
            problem = problem if increasing else "horizons do not increase from above 0"
            hint = "ModelError((weeks(26),), (0.1,))"
            raise ConfigError(f"{problem}. Hint: {hint}", parameter="horizons")
        if not np.isfinite(self.sd).all():
            raise ConfigError("an infinite standard deviation. Hint: sd=(0.1,)", parameter="sd")

    @classmethod
    def default(cls) -> Self:
        """Return the error that is assumed without a backtest: 15 % over half a year.

        A backtest without origins would give the same.
        """
        return cls((HALF_YEAR,), (ASSUMED,))

    @classmethod
    def none(cls) -> Self:
        """Return no error: only the uncertainty of parameters and the scatter of purchases."""
        return cls((HALF_YEAR,), (0.0,))

    def __repr__(self) -> str:
        return f"ModelError({self})"

    def __str__(self) -> str:
        if not any(self.sd):
            return "none"
        source = f"{self.origins} origins" if self.origins else "assumed"
        sizes = [
            f"{sd:.2g}" if sd >= 1 else f"{100 * sd:.2g} %" for sd in self.sd
        ]  # as a share, as long as this is one
        known = [f"{size} over {span}" for size, span in zip(sizes, self.horizons, strict=True)]
        return f"{', '.join(known)}, {source}"

    def at(self, horizon: Span) -> float:
        """Return the standard deviation at a horizon.

        The variance grows linearly between known horizons. Outside of them it is proportional
        to time, up to two years, or up to the longest known horizon if this is longer: few of
        the future purchases of present customers come later.

        Examples:
            >>> from omniltv.units import weeks, years
            >>> error = ModelError((weeks(26),), (0.1,))
            >>> [round(error.at(span), 3) for span in (weeks(6.5), weeks(26), weeks(52))]
            [0.05, 0.1, 0.141]
            >>> error.at(years(2)) == error.at(years(50))
            True
        """
        known = np.array([0.0, *(span.to(_DAY) for span in self.horizons)])
        variance = np.array([0.0, *self.sd]) ** 2
        length = min(horizon.to(_DAY), max(_GROWS_UNTIL.to(_DAY), known[-1]))
        beyond = max(1.0, length / known[-1])
        return float(np.sqrt(beyond * np.interp(length, known, variance)))

    def factors(
        self, channels: Sequence[str], *, horizon: Span, n_draws: Many, seed: Seed
    ) -> NDArray[np.float64]:
        """Return the factor of each channel in each draw, of shape (n_channels, n_draws).

        The factors of a channel depend on the seed, its name and the draw, not on the other
        channels. Their mean over draws is exactly one, so with one draw, the factor is one.

        Args:
            channels: Names of the channels.
            horizon: Length of the forecast.
            n_draws: Number of draws.
            seed: Seed of the factors.

        Examples:
            >>> from omniltv.units import weeks
            >>> f = ModelError.default().factors(
            ...     ["ec", "store"], horizon=weeks(26), n_draws=4000, seed=1)
            >>> f.shape, f.mean(axis=1).round(9).tolist(), np.log(f).std(axis=1).round(2).tolist()
            ((2, 4000), [1.0, 1.0], [0.15, 0.15])
        """
        streams, sd = Streams(seed, "model error"), self.at(horizon)
        shared = _normal(streams, n_draws, "all channels")
        logs = np.empty((len(channels), n_draws))
        for row, channel in enumerate(channels):
            own = _normal(streams, n_draws, "channel", channel)
            both = np.sqrt(self.correlation) * shared + np.sqrt(1 - self.correlation) * own
            logs[row] = sd * both
        found = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(found / found.mean(axis=1, keepdims=True))


def _normal(streams: Streams, n_draws: int, *name: str) -> NDArray[np.float64]:
    """Return standard normal numbers of the stream with a name, of shape (n_draws,)."""
    counter = np.frombuffer(digest(*name), BITS).astype(np.uint64)
    return streams.at(counter).standard_normal(n_draws)
