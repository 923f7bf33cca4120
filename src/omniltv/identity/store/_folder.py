"""A folder with numbered versions of a store: written atomically, checked when read.

A version is a directory named by its number. It is written under another name, and renamed
when everything in it is on disk, so a reader finds the old version or the new one, complete.
Two writers cannot both make the same version: the rename of the second fails. The next write
removes older versions and the remains of interrupted writers; if it is interrupted as well,
the next reader removes them.

Each version has a manifest with the size and the SHA-256 checksum of every file. A version
is refused if a file is missing, is not in the manifest, or differs from it. Only the owner
can read the files, since they contain personal data.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Self, cast
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from omniltv._files import flush
from omniltv._log import LOG, logged
from omniltv.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Saved", "arrow", "newest", "read", "remains", "write"]

_VERSION = re.compile(r"v(\d{8})")
_UNFINISHED = re.compile(r"unfinished-(\d{8})-[0-9a-f]+")
_HEADER, _MANIFEST = "model.json", "manifest.json"
_TRIES = 5
_MOST_GROWTH = 100  # bytes of a table per byte of its file; 1.5 to 3 in practice
_SMALL = 2**20
_MOST_MANIFEST = 2**16
_OWNER_ONLY, _OWNER_FOLDER = 0o600, 0o700


@dataclass(frozen=True, eq=False)
class Saved:
    """One version of the folder.

    Attributes:
        version: Its number, 0 if there is none.
        header: The text of ``model.json``.
        tables: The Parquet files by name, without the suffix.
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
    """Return the number of the newest version, 0 if there is none."""
    try:
        names = [entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name)]
    except OSError:
        return 0
    return max((int(name[1:]) for name in names), default=0)


@logged("store read")
def read(folder: Path) -> Saved:
    """Return the newest version.

    Raises:
        StoreError: If there is none, it cannot be read, or a file differs from the manifest.
    """
    for _ in range(_TRIES):
        version = newest(folder)
        if not version:
            message = f"no identity store in {folder}"
            raise StoreError(f"{message}. Hint: IdentityStore.create(folder, stitch(records))")
        try:
            saved = _read(folder / _name(version), version)
        except FileNotFoundError:
            if newest(folder) == version:
                raise StoreError(_DAMAGED.format(folder, "a file is missing")) from None
            continue  # a writer has replaced it
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(_DAMAGED.format(folder, type(error).__name__)) from error
        if newest(folder) == version:
            _tidy(folder, version)
            return saved
    raise StoreError(f"{folder} was replaced again and again while it was read")


@logged("store written")
def write(folder: Path, saved: Saved) -> None:
    """Write a version, completely or not at all, and remove the versions that it replaces.

    Raises:
        StoreError: If it cannot be written, or is there already.
    """
    lib = arrow()
    unfinished = folder / f"unfinished-{saved.version:08d}-{uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir(mode=_OWNER_FOLDER)
        (unfinished / _HEADER).write_text(saved.header, encoding="utf-8")
        for name, table in saved.tables.items():
            lib.parquet.write_table(table, unfinished / f"{name}.parquet", compression="zstd")
        _write_manifest(unfinished, saved.version)
        for path in (*unfinished.iterdir(), unfinished):
            flush(path)
        if newest(folder) >= saved.version:
            raise StoreError(_MEANWHILE.format(folder))
        unfinished.rename(folder / _name(saved.version))
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if newest(folder) >= saved.version:
            raise StoreError(_MEANWHILE.format(folder)) from error
        raise StoreError(_UNWRITABLE.format(folder, error.strerror)) from error
    flush(folder)
    flush(folder.parent)
    _tidy(folder, saved.version)


_MEANWHILE = "{} was changed by another writer. Hint: open it again and repeat the change"
_UNWRITABLE = "cannot write to {}: {}. Hint: name a folder that you can write, on a disk with space"
_DAMAGED = "{} is damaged: {}. Hint: restore the folder from a backup"


def _name(version: int) -> str:
    return f"v{version:08d}"


def _read(path: Path, version: int) -> Saved:
    lib = arrow()
    content = _checked_content(path, version)
    header = content.pop(_HEADER).decode("utf-8")
    tables = {
        name.removesuffix(".parquet"): _table(lib, data, path.parent)
        for name, data in content.items()
    }
    return Saved(version, header, tables)


def _table(lib: ModuleType, data: bytes, folder: Path) -> "pa.Table":
    """Return a table; its text columns are dictionaries, so equal values take memory once.

    Raises:
        StoreError: If its footer states more rows or values than such a file can have.
    """
    footer = lib.parquet.read_metadata(lib.BufferReader(data))
    size = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if footer.num_rows > len(data) or size > _MOST_GROWTH * len(data) + _SMALL:
        raise StoreError(_DAMAGED.format(folder, "a table is larger than its file can be"))
    texts = [field.name for field in footer.schema.to_arrow_schema() if field.type == lib.string()]
    # Threads that read for Python may still run when the interpreter ends, and abort it.
    whole = lib.parquet.read_table(lib.BufferReader(data), read_dictionary=texts, use_threads=False)
    return cast("pa.Table", whole)


class _FileFacts(BaseModel):
    """What the manifest says of one file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(size=len(content), sha256=sha256(content).hexdigest())


class _Manifest(BaseModel):
    """The manifest of a version."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: int
    files: dict[str, _FileFacts]
    sha256: str = ""

    def checksum(self) -> str:
        body = self.model_dump(exclude={"sha256"})
        return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _write_manifest(path: Path, version: int) -> None:
    """Write the sizes and checksums of the files of a version; only the owner can read them."""
    files = sorted(path.iterdir())
    for file in files:
        file.chmod(_OWNER_ONLY)
    facts = {file.name: _FileFacts.of(file.read_bytes()) for file in files}
    body = _Manifest(version=version, files=facts)
    manifest = path / _MANIFEST
    text = body.model_copy(update={"sha256": body.checksum()}).model_dump_json(indent=1)
    manifest.write_text(text, encoding="utf-8")
    manifest.chmod(_OWNER_ONLY)


def _checked_content(path: Path, version: int) -> dict[str, bytes]:
    """Return the contents of the files of a version by name, checked against the manifest.

    Raises:
        FileNotFoundError: If a file is missing.
        StoreError: If a file differs from the manifest.
    """
    with (path / _MANIFEST).open("rb") as file:
        manifest = _Manifest.model_validate_json(file.read(_MOST_MANIFEST))
    if manifest.sha256 != manifest.checksum() or manifest.version != version:
        raise StoreError(_DAMAGED.format(path.parent, f"{_MANIFEST} has another checksum"))
    return {name: _checked(path / Path(name).name, facts) for name, facts in manifest.files.items()}


def _checked(path: Path, facts: _FileFacts) -> bytes:
    """Return the content of a file, which is read only if it has the right size."""
    content = path.read_bytes() if path.stat().st_size == facts.size else b""
    if _FileFacts.of(content) != facts:
        raise StoreError(_DAMAGED.format(path.parents[1], f"{path.name} has another checksum"))
    return content


def remains(folder: Path, version: int) -> list[Path]:
    """Return older versions, and the remains of writers of this version or of older ones."""
    found = []
    for entry in folder.iterdir():
        old, left = _VERSION.fullmatch(entry.name), _UNFINISHED.fullmatch(entry.name)
        if (old and int(old[1]) < version) or (left and int(left[1]) <= version):
            found.append(entry)
    return found


def _tidy(folder: Path, version: int) -> None:
    """Remove older versions and remains, as far as permissions allow."""
    for entry in remains(folder, version):
        LOG.debug("removed from the store: %s", entry.name)
        shutil.rmtree(entry, ignore_errors=True)
