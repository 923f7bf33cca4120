"""Files written atomically: the old content or the new one, on disk, and no remains."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL
from hashlib import sha256
from io import FileIO
from pathlib import Path
from uuid import uuid4

__all__ = ["flush", "replace_file"]

_TRIES = 10


def replace_file(target: Path, content: bytes) -> None:
    """Write a file atomically; an existing file is replaced and keeps its mode.

    The content is written to another file in the same folder, which is then renamed: a reader
    finds the old content or the new one, never a part of one. The file and its folder are
    synchronised with the disk. A symbolic link is followed. The remains of killed writers are
    removed.

    Raises:
        OSError: If the file cannot be written; an existing file is then unchanged.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     replace_file(Path(folder, "a"), b"old")
        ...     replace_file(Path(folder, "a"), b"new")
        ...     [(path.name, path.read_bytes()) for path in Path(folder).iterdir()]
        [('a', b'new')]
    """
    real = Path(os.path.realpath(target))
    if real.exists() and not real.is_file():
        raise OSError(EINVAL, "it is not a regular file", str(target))
    prefix = f".omniltv-{sha256(os.fsencode(real.name)).hexdigest()[:12]}-"
    _remove_remains(real.parent, prefix)
    with _unfinished(real.parent, prefix) as (path, file):
        _write(file, content)
        if real.exists():
            path.chmod(real.stat().st_mode & 0o7777)
        os.fsync(file.fileno())
        if os.name == "nt":
            file.close()  # Windows cannot rename open files
        path.replace(real)
    flush(real.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on disk.

    Raises:
        OSError: If the disk reports an error.

    Examples:
        >>> flush(Path())
    """
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(file: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


@contextmanager
def _unfinished(folder: Path, prefix: str) -> Iterator[tuple[Path, FileIO]]:
    """Yield a new locked file, which is removed if it was not renamed."""
    path, file = _new(folder, prefix)
    try:
        yield path, file
    finally:
        file.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _new(folder: Path, prefix: str) -> tuple[Path, FileIO]:
    """Return a new file that is locked, so that no other writer takes it for remains."""
    for _ in range(_TRIES):
        path = folder / f"{prefix}{uuid4().hex}"
        file = FileIO(path, "x")
        if _lock(file.fileno()) and path.exists():
            return path, file
        file.close()  # another writer removed it before it was locked
    raise OSError(EINVAL, "new files vanish", str(folder))


def _remove_remains(folder: Path, prefix: str) -> None:
    """Remove the files that killed writers of one file left, as far as permissions allow."""
    for path in folder.iterdir():
        if not path.name.startswith(prefix):
            continue
        with suppress(OSError):
            _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        if _lock(handle):
            path.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Return whether an open file could be locked; Windows itself guards open files."""
    if os.name == "nt":
        return True
    from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 - not on Windows

    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
