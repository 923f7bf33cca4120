"""The settings of the channels as arrays."""

from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Codes, Flags, Matrix, Places, Vector
from omniltv.simulation.config import WorldConfig

__all__ = ["ChannelArrays"]


@dataclass(frozen=True, eq=False)
class ChannelArrays:
    """Settings by channel: the fields of `ChannelSettings`, each of shape (n_channels,).

    Attributes:
        numbers: The numeric fields by name.
        hours: Opening and closing, in seconds of the day, of shape (n_channels, 2).
        store: Whether it is a store.
        online: Whether it is online.
    """

    numbers: dict[str, Vector]
    hours: Matrix
    store: Flags
    online: Flags

    @classmethod
    def of(cls, config: WorldConfig) -> "ChannelArrays":
        """Return the settings of a world's channels."""
        rows = [channel.model_dump() for channel in config.channels]
        names = [name for name, value in rows[0].items() if isinstance(value, (int, float))]
        kinds = np.array([row["kind"] for row in rows])
        return cls(
            {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names},
            np.array([row["hours"] for row in rows]) * 3600.0,
            kinds == "store",
            kinds == "online",
        )

    def moment(self, channel: Places, uniform: Vector) -> Codes:
        """Return a second of the day within the opening hours of each channel."""
        opens, closes = self.hours[channel, 0], self.hours[channel, 1]
        second: Codes = (opens + uniform * (closes - opens)).astype(np.int64)
        return second

    def __getitem__(self, name: str) -> Vector:
        return self.numbers[name]
