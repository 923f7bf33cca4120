"""Fits as files: one archive of plain arrays and a JSON header, without pickle.

The file is a NumPy archive (``.npz``). Its header contains the name and version of the
model, the names of its coordinates and a checksum of the draws, so a fit cannot be loaded
as another model. The file is written under a temporary name in the same folder and then
renamed: a reader finds the old fit or the new one, never a part of one.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from omniltv.errors import StoreError
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.pooling import Pooling, PoolingKind
from omniltv.units import Span, TimeUnit

__all__ = ["SavedFit", "Settings", "damaged", "read_fit", "write_fit"]

type Arrays = dict[str, NDArray[np.float64]]

_FORMAT = 3
_HEADER = "header"
_ARRAYS = ("coordinates", "mean", "spread", "new", "effects", "slopes")


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
    """

    model: str
    version: int
    pooling: Pooling
    draws: PosteriorDraws
    diagnostics: Diagnostics
    effects: tuple[Effect, ...]
    unit: TimeUnit | None
    settings: Settings


class _Origin(BaseModel):
    """The fields that a header of any format has."""

    model_config = ConfigDict(frozen=True)

    format: int
    library: str


class _FitHeader(_Origin):
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
    checksum: str


def write_fit(saved: SavedFit, target: Path) -> None:
    """Write a fit to one file atomically; an existing file is replaced.

    Raises:
        StoreError: If the file cannot be written.
    """
    arrays = _arrays(saved.draws)
    header = np.frombuffer(_header(saved, arrays).model_dump_json().encode(), dtype=np.uint8)
    unfinished = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            np.savez_compressed(file, allow_pickle=False, **{_HEADER: header}, **arrays)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise StoreError(f"cannot write the fit to {target}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


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
    )


def damaged(path: Path, why: str) -> StoreError:
    """Return the error for a file that is damaged or not a saved fit."""
    return StoreError(f"{path} is damaged or not a saved fit: {why}. Hint: fit again and save")


def _arrays(draws: PosteriorDraws) -> Arrays:
    held = {name: getattr(draws, name) for name in _ARRAYS}
    return {name: values for name, values in held.items() if values is not None}


def _header(saved: SavedFit, arrays: Arrays) -> _FitHeader:
    return _FitHeader(
        format=_FORMAT,
        library=version("omniltv"),
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
        diagnostics=saved.diagnostics,
        checksum=_checksum(arrays),
    )


def _checksum(arrays: Arrays) -> str:
    digest = sha256()
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[_FitHeader, Arrays]:
    if not path.is_file():
        raise StoreError(f"no saved fit at {path}")
    try:
        with path.open("rb") as file:
            header, arrays = _contents(np.load(file, allow_pickle=False), path)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise damaged(path, f"{type(error).__name__} when it was read") from error
    if _checksum(arrays) != header.checksum:
        raise damaged(path, "its checksum differs")
    return header, arrays


def _contents(content: object, path: Path) -> tuple[_FitHeader, Arrays]:
    if not isinstance(content, NpzFile):
        raise damaged(path, "it is a single array")
    header = _parse(content[_HEADER].tobytes(), path)
    return header, {name: content[name] for name in content.files if name != _HEADER}


def _parse(text: bytes, path: Path) -> _FitHeader:
    origin = _Origin.model_validate_json(text)
    if origin.format != _FORMAT:
        message = f"{path} has format {origin.format}, written by omniltv {origin.library}"
        raise StoreError(f"{message}; this one reads format {_FORMAT}. Hint: fit again and save")
    return _FitHeader.model_validate_json(text)
