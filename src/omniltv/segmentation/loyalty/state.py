"""The state of a ledger that is settled batch by batch: open lots, and what may be reversed."""

import zlib
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
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
_VERSION = "1"
_UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, SyntaxError, TokenError, BadZipFile,
    zlib.error,
)  # fmt: skip


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
        about = np.array([_VERSION, str(self.closed), self.timezone, str(self._end)])
        arrays = {"about": about, **own, **events}
        file = BytesIO()
        np.savez_compressed(file, digest=_digest(arrays), **arrays)
        replace_file(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> "LedgerState":
        """Return a state that `save` wrote.

        Raises:
            ConfigError: If the file cannot be read as a state, is damaged, or was written in
                another version of the form.

        Examples:
            >>> try:
            ...     LedgerState.load(Path("no such file"))
            ... except ConfigError as error:
            ...     print(error)
            not the state of a ledger: no such file. Hint: state.save(path)
        """
        try:
            with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
                arrays = dict(file.items())
            digest = arrays.pop("digest")
            version, closed, zone, end = arrays["about"].tolist()
        except _UNREADABLE as error:
            problem = f"not the state of a ledger: {path}. Hint: state.save(path)"
            raise ConfigError(problem, parameter="path") from error
        if version != _VERSION or not np.array_equal(digest, _digest(arrays)):
            problem = f"a damaged state of a ledger, or one of another version: {path}"
            raise ConfigError(f"{problem}. Hint: state.save(path)", parameter="path")
        names = [part.name for part in fields(LedgerEvents)]
        parts: dict[str, Any] = {name: _restored(arrays[f"events_{name}"]) for name in names}
        carried = Carried(LedgerEvents(**parts), *[arrays[name] for name in _ARRAYS])
        return cls(pd.Timestamp(closed), zone, int(end), carried)


def _digest(arrays: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return a digest of the names, types, shapes and values of arrays."""
    found = blake2b(digest_size=16)
    for name, values in sorted(arrays.items()):
        found.update(f"{name} {values.dtype.str} {values.shape} ".encode())
        found.update(values.tobytes())
    return np.array(found.hexdigest())


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
