"""A folder whose newest version is complete, whatever was interrupted.

A version is a directory named by its number. It is written under another name and renamed
once everything in it is on disk, so a reader finds the old version or the new one, whole.
Two writers cannot both make the same version: the second one's rename fails. Older versions
and what an interrupted writer left behind go when the next version is there, or, if that was
interrupted, too, when the folder is opened next.
"""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from omniltv.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Saved", "arrow", "newest", "read", "remains", "write"]

_VERSION = re.compile(r"v(\d{8})")
_UNFINISHED = re.compile(r"unfinished-(\d{8})-[0-9a-f]+")
_HEADER = "model.json"
_TRIES = 5


@dataclass(frozen=True, eq=False)
class Saved:
    """One version of the folder.

    Attributes:
        version: Its number, 0 before there is any.
        header: The text of ``model.json``.
        tables: The Parquet files by name, without the ending.
    """

    version: int
    header: str
    tables: Mapping[str, "pa.Table"]


def arrow() -> ModuleType:
    """Return PyArrow.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import_module("pyarrow.parquet")
    except ImportError as error:
        message = "a folder of Parquet files needs PyArrow. Hint: pip install 'omniltv[store]'"
        raise ConfigError(message) from error
    return import_module("pyarrow")


def newest(folder: Path) -> int:
    """Return the number of the newest version, 0 where there is none."""
    try:
        names = [entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name)]
    except OSError:
        return 0
    return max((int(name[1:]) for name in names), default=0)


def read(folder: Path) -> Saved:
    """Return the newest version.

    Raises:
        StoreError: If there is none, or it cannot be read.
    """
    for _ in range(_TRIES):
        version = newest(folder)
        if not version:
            message = f"no identity store in {folder}"
            raise StoreError(f"{message}. Hint: IdentityStore.create(folder, stitch(records))")
        try:
            saved = _read(folder / _name(version), version)
        except FileNotFoundError:
            continue  # a writer has replaced it meanwhile
        except (OSError, ValueError) as error:
            raise StoreError(f"{folder} is damaged: {type(error).__name__}") from error
        if newest(folder) == version:
            _tidy(folder, version)
            return saved
    raise StoreError(f"{folder} was replaced again and again while it was read")


def write(folder: Path, saved: Saved) -> None:
    """Write a version, whole or not at all, and remove what it replaces.

    Raises:
        StoreError: If it cannot be written, or is there already.
    """
    lib = arrow()
    unfinished = folder / f"unfinished-{saved.version:08d}-{uuid4().hex}"
    try:
        unfinished.mkdir(parents=True)
        (unfinished / _HEADER).write_text(saved.header, encoding="utf-8")
        for name, table in saved.tables.items():
            lib.parquet.write_table(table, unfinished / f"{name}.parquet", compression="zstd")
        for path in (*unfinished.iterdir(), unfinished):
            _flush(path)
        if newest(folder) >= saved.version:
            raise StoreError(_MEANWHILE.format(folder))
        unfinished.rename(folder / _name(saved.version))
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        problem = _MEANWHILE if newest(folder) >= saved.version else "cannot write to {}"
        raise StoreError(problem.format(folder)) from error
    _flush(folder)
    _tidy(folder, saved.version)


_MEANWHILE = "{} was changed by somebody else meanwhile. Hint: open it and do it again"


def _name(version: int) -> str:
    return f"v{version:08d}"


def _read(path: Path, version: int) -> Saved:
    lib = arrow()
    header = (path / _HEADER).read_text(encoding="utf-8")
    files = sorted(path.glob("*.parquet"))
    tables = {file.stem: cast("pa.Table", lib.parquet.read_table(file)) for file in files}
    return Saved(version, header, tables)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open directories
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remains(folder: Path, version: int) -> list[Path]:
    """Return older versions, and what writers of this one or of older ones left."""
    found = []
    for entry in folder.iterdir():
        old, left = _VERSION.fullmatch(entry.name), _UNFINISHED.fullmatch(entry.name)
        if (old and int(old[1]) < version) or (left and int(left[1]) <= version):
            found.append(entry)
    return found


def _tidy(folder: Path, version: int) -> None:
    """Remove what remains, as far as one may."""
    for entry in remains(folder, version):
        shutil.rmtree(entry, ignore_errors=True)
