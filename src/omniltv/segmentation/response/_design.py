"""The columns that all customers share: channel, tier, hour, weekday, pressure, propensity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from omniltv._arrays import Codes, Matrix, Vector
from omniltv._columns import positions
from omniltv.segmentation.response.contacts import ContactTable

__all__ = ["SharedColumns"]

_CHANNEL_SD = 10.0
_TIER_SD = 0.3
_HOUR_SD = 0.5
_WEEKDAY_SD = 0.2
_SLOPE_SD = 1.0
_STEEPEST = 6.0  # log odds of a propensity


@dataclass(frozen=True, eq=False)
class SharedColumns:
    """Columns of the regression, in groups whose slopes share a prior.

    Attributes:
        channels: Channels of the history, sorted.
        tiers: Tiers of the history, sorted.
        centre: Mean log odds of the propensities of the history; 0 if there are none.
    """

    channels: NDArray[np.str_]
    tiers: NDArray[np.str_]
    centre: float

    @classmethod
    def of(cls, contacts: ContactTable) -> "SharedColumns":
        """Return the design for a history."""
        odds = _log_odds(contacts.propensity)
        known = np.isfinite(odds)
        centre = float(odds[known].mean()) if known.any() else 0.0
        return cls(np.unique(contacts.channel), np.unique(contacts.tier), centre)

    @property
    def groups(self) -> tuple[tuple[int, float], ...]:
        """Number of columns of each group, and the standard deviation of its slopes at first.

        The standard deviation of the channels is fixed; the others are estimated.
        """
        c, t = len(self.channels), len(self.tiers)
        return (
            (c, _CHANNEL_SD), (t, _TIER_SD), (c * t, _TIER_SD), (4, _HOUR_SD),
            (2 * c, _HOUR_SD), (7, _WEEKDAY_SD), (1, _SLOPE_SD), (1, _SLOPE_SD),
        )  # fmt: skip

    def matrix(self, contacts: ContactTable, channel: Codes) -> Matrix:
        """Return the columns, of shape (n_contacts, n_columns).

        Args:
            contacts: The contacts.
            channel: Position of the channel of each.
        """
        by_channel = _indicator(channel, len(self.channels))
        tier = positions(contacts.tier.astype(object), self.tiers.astype(object))
        by_tier = _indicator(tier, len(self.tiers))
        angle = contacts.hour * (np.pi / 12)
        waves = np.stack([f(k * angle) for k in (1, 2) for f in (np.cos, np.sin)], axis=1)
        odds = np.nan_to_num(_log_odds(contacts.propensity) - self.centre)
        columns = (
            by_channel,
            by_tier,
            _products(by_channel, by_tier),
            waves,
            _products(by_channel, waves[:, :2]),
            _indicator(contacts.weekday, 7),
            contacts.recent[:, None],
            odds[:, None],
        )
        return np.concatenate(columns, axis=1)


def _indicator(code: Codes, size: int) -> Matrix:
    return np.asarray(code[:, None] == np.arange(size), dtype=np.float64)


def _products(one: Matrix, other: Matrix) -> Matrix:
    return (one[:, :, None] * other[:, None, :]).reshape(len(one), one.shape[1] * other.shape[1])


def _log_odds(propensity: Vector) -> Vector:
    return np.asarray(np.clip(special.logit(propensity), -_STEEPEST, _STEEPEST), np.float64)
