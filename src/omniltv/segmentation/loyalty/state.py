"""The state of a ledger that is settled batch by batch: open lots, and what may be reversed."""

from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from omniltv._files import replace_file
from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.segmentation.loyalty._events import LedgerEvents
from omniltv.segmentation.loyalty._settling import Carried

__all__ = ["LedgerState"]

_ARRAYS = ("booked", "settled", "gone", "taken")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class LedgerState:
    """What a ledger needs to go on: open lots, events that may be reversed, and late ones.

    Made by `Settlement.close`, used by `settle`. Its size depends on the number of open lots and
    on the events of the last days, not on the length of the history.

    Attributes:
        closed: Events before this moment are final, in local time.
        timezone: Time zone of the ledger.

    Examples:
        >>> from omniltv.segmentation.loyalty import settle
        >>> events = pd.DataFrame({
        ...     "event_id": ["e1"], "customer_id": ["ann"], "kind": ["earn"],
        ...     "time": ["2026-01-05"], "points": [100]})
        >>> settle(events, at="2026-02-01").close()
        LedgerState(closed at 2026-02-01 00:00:00: 1 events kept, 100 points left)
    """

    closed: pd.Timestamp
    timezone: str
    _end: int = field(repr=False)
    _carried: Carried = field(repr=False)

    def __repr__(self) -> str:
        left = int(self._carried.booked[:, 0].sum())
        kept = f"{len(self):,} events kept, {left:,} points left"
        return f"{type(self).__name__}(closed at {self.closed}: {kept})"

    def __len__(self) -> int:
        return len(self._carried.events)

    def save(self, path: Path) -> None:
        """Write the state to a file (``.npz``), without pickles.

        Examples:
            >>> import tempfile
            >>> from omniltv.segmentation.loyalty import settle
            >>> events = pd.DataFrame({
            ...     "event_id": ["e1"], "customer_id": ["ann"], "kind": ["earn"],
            ...     "time": ["2026-01-05"], "points": [100]})
            >>> state = settle(events, at="2026-02-01").close()
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     state.save(Path(folder) / "ledger.npz")
            ...     len(LedgerState.load(Path(folder) / "ledger.npz"))
            1
        """
        events: dict[str, Any] = {
            f"events_{part.name}": _storable(getattr(self._carried.events, part.name))
            for part in fields(LedgerEvents)
        }
        own: dict[str, Any] = {name: getattr(self._carried, name) for name in _ARRAYS}
        about = np.array([str(self.closed), self.timezone, str(self._end)])
        file = BytesIO()
        np.savez_compressed(file, about=about, **own, **events)
        replace_file(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> "LedgerState":
        """Return a state that `save` wrote.

        Raises:
            ConfigError: If the file cannot be read as a state.

        Examples:
            >>> try:
            ...     LedgerState.load(Path("no such file"))
            ... except ConfigError as error:
            ...     print(error)
            not the state of a ledger: no such file. Hint: state.save(path)
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                parts: dict[str, Any] = {
                    p.name: _restored(file[f"events_{p.name}"]) for p in fields(LedgerEvents)
                }
                closed, zone, end = file["about"].tolist()
                own = [file[name] for name in _ARRAYS]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            problem = f"not the state of a ledger: {path}. Hint: state.save(path)"
            raise ConfigError(problem, parameter="path") from error
        carried = Carried(LedgerEvents(**parts), *own)
        return cls(pd.Timestamp(closed), zone, int(end), carried)


def _storable(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return texts in a type that needs no pickle; a missing one is empty."""
    if values.dtype != object:
        return values
    return np.where(pd.isna(values), "", values).astype(str)


def _restored(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if values.dtype.kind != "U":
        return values
    texts = values.astype(object)
    texts[values == ""] = None
    return texts
