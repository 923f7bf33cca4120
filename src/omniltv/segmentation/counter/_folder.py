"""The folder of the counter: one SQLite file per night, of which readers take the newest.

A file is written under another name and renamed when it is complete and on disk, so a reader
finds the old file or the new one. Readers that have the old file open go on with it. The next
night removes all but the newest two.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from omniltv._files import flush
from omniltv.errors import StoreError

__all__ = ["FORMAT", "key_of", "new_file", "newest", "open_file"]

FORMAT = 1
_NAME = re.compile(r"counter-(\d{8})\.sqlite")
_UNFINISHED = "unfinished-"
_OWNER_ONLY, _OWNER_FOLDER = 0o600, 0o700
_KEPT = 2
_LONG = 2**63
_DAY = 86_400.0  # seconds


def key_of(value: object) -> int | str:
    """Return an id as SQLite holds it: a whole number of 64 bits, or text."""
    if isinstance(value, (int, np.integer)) and -_LONG <= value < _LONG:
        return int(value)
    return str(value)


def newest(folder: Path) -> Path | None:
    """Return the file of the last night, None if there is none."""
    try:
        names = [entry.name for entry in os.scandir(folder) if _NAME.fullmatch(entry.name)]
    except OSError:
        return None
    return folder / max(names) if names else None


def open_file(path: Path) -> sqlite3.Connection:
    """Return a connection to a file that never changes.

    Raises:
        StoreError: If it cannot be opened, or is no file of this format.
    """
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        hint = "write the counter again with write_counter"
        raise StoreError(f"{path.name} cannot be read. Hint: {hint}") from error
    if version != FORMAT:
        connection.close()
        raise StoreError(f"{path.name} has format {version}, not {FORMAT}. Hint: write it again")
    return connection


@contextmanager
def new_file(folder: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a new file, which becomes the newest one when the block ends.

    Raises:
        StoreError: If it cannot be written.
    """
    unfinished = folder / f"{_UNFINISHED}{uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_OWNER_FOLDER)
        unfinished.touch(mode=_OWNER_ONLY)
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")  # the file is renamed, or removed
            connection.execute("PRAGMA synchronous = OFF")
            yield connection
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.commit()
        flush(unfinished)
        last = newest(folder)
        number = int(last.stem.removeprefix("counter-")) + 1 if last else 1
        unfinished.rename(folder / f"counter-{number:08d}.sqlite")
        flush(folder)
    except (OSError, sqlite3.Error) as error:
        hint = "name a folder that you can write, on a disk with space"
        raise StoreError(
            f"cannot write to {folder}: {type(error).__name__}. Hint: {hint}"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    _tidy(folder)


def _tidy(folder: Path) -> None:
    """Remove all but the newest files, and what killed writers left a day ago or earlier.

    A file that is open on Windows stays until the next night.
    """
    files = sorted(entry for entry in folder.iterdir() if _NAME.fullmatch(entry.name))
    left = [entry for entry in folder.iterdir() if entry.name.startswith(_UNFINISHED)]
    for path in (*files[:-_KEPT], *left):
        with suppress(OSError):
            if path not in left or path.stat().st_mtime < time.time() - _DAY:
                path.unlink()
