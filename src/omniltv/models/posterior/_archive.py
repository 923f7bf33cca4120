"""Fits as files: one archive of plain arrays and a JSON header, without pickle.

The file is an uncompressed NumPy archive (``.npz``) that ends with the SHA-256 checksum of
everything before it, so a fit whose file has changed is refused, and so is the fit of another
model. Nothing in the file is larger than its part of the file, so reading needs no more memory
than the file is long. The file is written atomically.
"""

import io
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from omniltv._files import replace_file
from omniltv._log import logged
from omniltv.errors import StoreError
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.pooling import Pooling, PoolingKind
from omniltv.units import Span, TimeUnit

__all__ = ["SavedFit", "Settings", "damaged", "read_fit", "write_fit"]

type Arrays = dict[str, NDArray[np.float64]]

_FORMAT = 5
_HEADER = "header"
_ARRAYS = ("coordinates", "mean", "spread", "new", "effects", "slopes")

_DIGEST = 64  # characters of a checksum, at the end of the file
_SEAL = re.compile(rb"omniltv ([0-9A-Za-z.+]{1,32}) fit ([0-9]{1,6}) ([0-9a-f]{64})")
_LONGEST_SEAL = 128
_MOST_BYTES = 2**32 - 1  # the most that this layout of an archive can hold
_MOST_DIRECTORY = 4_096  # bytes of the directory of the archive
_UNREADABLE = (OSError, EOFError, KeyError, ValueError, BadZipFile, RuntimeError, struct.error)
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<f8|\|u1)', 'fortran_order': False, "
    rb"'shape': \(([0-9, ]{1,100})\), \} *\n",
    re.DOTALL,
)


@dataclass(frozen=True)
class Settings:
    """The settings of a model that its name does not determine.

    Attributes:
        channels: The channels of a channel model; empty for other models.
        half_life: Its half-life, if it has one.
    """

    channels: tuple[str, ...] = ()
    half_life: Span | None = None


@dataclass(frozen=True, eq=False)
class SavedFit:
    """The contents of a file with a fit.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        pooling: How groups are pooled.
        draws: Draws of the coordinates.
        diagnostics: The diagnostics of the draws.
        effects: The covariate effects.
        unit: The unit of time; None if time does not matter to the model.
        settings: The settings of the model.
        clock: Name of the calendar time; empty if all days count alike.
    """

    model: str
    version: int
    pooling: Pooling
    draws: PosteriorDraws
    diagnostics: Diagnostics
    effects: tuple[Effect, ...]
    unit: TimeUnit | None
    settings: Settings
    clock: str = ""


class _FitHeader(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    model: str
    model_version: int
    coordinates: tuple[str, ...]
    pooling: PoolingKind
    by: tuple[str, ...]
    groups: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    effects: tuple[Effect, ...]
    unit: TimeUnit | None
    settings: Settings
    diagnostics: Diagnostics
    clock: str = ""


@logged("fit saved")
def write_fit(saved: SavedFit, target: Path) -> None:
    """Write a fit to one file atomically; an existing file is replaced.

    Raises:
        StoreError: If the file cannot be written.
    """
    header = np.frombuffer(_header(saved).model_dump_json().encode(), dtype=np.uint8)
    try:
        replace_file(target, _sealed({_HEADER: header, **_arrays(saved.draws)}))
    except OSError as error:
        message = f"cannot write the fit to {target}: {error.strerror}"
        raise StoreError(f"{message}. Hint: name a file in a folder that you can write") from error


@logged("fit read")
def read_fit(path: Path) -> SavedFit:
    """Return the contents of a file.

    Raises:
        StoreError: If the file is missing, damaged, not a fit, or of another format.
    """
    header, arrays = _read(path)
    draws = PosteriorDraws(
        names=header.coordinates, groups=header.groups, levels=header.levels, **arrays
    )
    return SavedFit(
        model=header.model,
        version=header.model_version,
        pooling=Pooling(header.pooling, header.by),
        draws=draws,
        diagnostics=header.diagnostics,
        effects=header.effects,
        unit=header.unit,
        settings=header.settings,
        clock=header.clock,
    )


def damaged(path: Path, why: str) -> StoreError:
    """Return the error for a file that is damaged or not a saved fit."""
    return StoreError(f"{path} is damaged or not a saved fit: {why}. Hint: fit again and save")


def _arrays(draws: PosteriorDraws) -> Arrays:
    held = {name: getattr(draws, name) for name in _ARRAYS}
    return {name: values for name, values in held.items() if values is not None}


def _header(saved: SavedFit) -> _FitHeader:
    return _FitHeader(
        model=saved.model,
        model_version=saved.version,
        coordinates=saved.draws.names,
        pooling=saved.pooling.kind,
        by=saved.pooling.by,
        groups=saved.draws.groups,
        levels=saved.draws.levels,
        effects=saved.effects,
        unit=saved.unit,
        settings=saved.settings,
        clock=saved.clock,
        diagnostics=saved.diagnostics,
    )


def _sealed(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Return the content of an archive whose comment ends with the checksum of all before it."""
    buffer = io.BytesIO()
    seal = f"omniltv {version('omniltv')} fit {_FORMAT} ".encode()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
            archive.writestr(ZipInfo(f"{name}.npy"), member.getvalue())
        archive.comment = seal + b"0" * _DIGEST
    content = buffer.getvalue()[:-_DIGEST]
    return content + sha256(content).hexdigest().encode()


def _read(path: Path) -> tuple[_FitHeader, Arrays]:
    if not path.is_file():
        raise StoreError(f"no saved fit at {path}. Hint: PurchaseFit.save(path) writes one")
    try:
        content = _content(path)
        arrays = _contents(content, path)
        header = _FitHeader.model_validate_json(arrays.pop(_HEADER).tobytes())
    except StoreError:
        raise
    except _UNREADABLE as error:
        raise damaged(path, f"{type(error).__name__} when it was read") from error
    floats = {name: v.view(np.float64) for name, v in arrays.items() if v.dtype == np.float64}
    if len(floats) < len(arrays) or "coordinates" not in floats:
        raise damaged(path, "it has other arrays")
    return header, floats


def _content(path: Path) -> bytes:
    """Return the content of a file whose end and checksum are right.

    Raises:
        StoreError: If they are not, or the file is of another format.
        OSError: If the file cannot be read.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise damaged(path, f"it has more than {_MOST_BYTES:,} bytes")
    with path.open("rb") as file:
        file.seek(max(0, size - _LONGEST_SEAL - _DIRECTORY_END.size))
        stated = _checked_end(file.read(), path)
        file.seek(0)
        content = file.read(size)
    if sha256(memoryview(content)[:-_DIGEST]).hexdigest().encode() != stated:
        raise damaged(path, "its checksum differs")
    return content


def _checked_end(tail: bytes, path: Path) -> bytes:
    """Return the checksum that the last bytes of a file state.

    Raises:
        StoreError: If they are not the end of a saved fit of this format.
    """
    start = tail.rfind(b"omniltv ")
    seal = _SEAL.fullmatch(tail[max(0, start) :])
    if seal is None or start < _DIRECTORY_END.size:
        raise damaged(path, "it ends otherwise than a saved fit")
    library, found, stated = seal.groups()
    if int(found) != _FORMAT:
        message = f"{path} has format {int(found)}, written by omniltv {library.decode()}"
        raise StoreError(f"{message}; this one reads format {_FORMAT}. Hint: fit again and save")
    directory = _DIRECTORY_END.unpack(tail[start - _DIRECTORY_END.size : start])
    magic, size, length = directory[0], directory[5], directory[7]
    if magic != b"PK\x05\x06" or size > _MOST_DIRECTORY or length != len(tail) - start:
        raise damaged(path, "the directory of the archive is not one of a saved fit")
    return stated


def _contents(content: bytes, path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of an archive by name."""
    with ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        plain = all(m.compress_type == ZIP_STORED and not m.flag_bits & 1 for m in members)
        names = {member.filename.removesuffix(".npy") for member in members}
        known = names <= {_HEADER, *_ARRAYS} and len(names) == len(members)
        if not (plain and known and sum(m.file_size for m in members) < len(content)):
            raise damaged(path, "its members are not those of a saved fit")
        return {m.filename.removesuffix(".npy"): _array(archive.read(m), path) for m in members}


def _array(member: bytes, path: Path) -> NDArray[np.generic]:
    """Return the array of a member, whose shape must be that of the bytes that follow."""
    stated = _NPY.match(member)
    if stated is None:
        raise damaged(path, "a member is not an array of a saved fit")
    shape = tuple(int(size) for size in stated[2].replace(b" ", b"").split(b",") if size)
    dtype = np.dtype(stated[1].decode())
    if math.prod(shape) * dtype.itemsize != len(member) - stated.end():
        raise damaged(path, "the shape of an array differs from its size")
    return np.frombuffer(member, dtype, offset=stated.end()).reshape(shape).copy()
