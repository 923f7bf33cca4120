"""Fits on disk: one file of plain arrays and a JSON header, without pickle.

The file is a NumPy archive (``.npz``). Its header names the model, its version and
the coordinates that the draws are of, and holds a checksum of the draws, so that a
fit is never read as another model's. It is written beside its place and then moved
there: a reader finds the old fit or the new one, never half of one.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import overload
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from omniltv.errors import StoreError
from omniltv.models.built_in import BUILT_IN
from omniltv.models.diagnostics import Diagnostics
from omniltv.models.fits import Effect, Posterior, PurchaseFit, SpendFit
from omniltv.models.pooling import Pooling, PoolingKind
from omniltv.models.protocols import PurchaseModel, SpendModel
from omniltv.units import TimeUnit

__all__ = ["load_fit", "save_fit"]

type Model = PurchaseModel | SpendModel
type Arrays = dict[str, NDArray[np.float64]]

_FORMAT = 2
_HEADER = "header"
_BY_NAME: Mapping[str, Model] = {model.name: model for model in BUILT_IN}
_ARRAYS = ("theta", "mean", "spread", "new", "effects", "slopes")


class _Origin(BaseModel):
    """What a header of any format has."""

    model_config = ConfigDict(frozen=True)

    format: int
    library: str


class _Header(_Origin):
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
    diagnostics: Diagnostics
    checksum: str


def save_fit(fit: PurchaseFit | SpendFit, path: str | Path) -> None:
    """Write a fit to one file, whole or not at all.

    Args:
        fit: The fit.
        path: The file, by custom ``.npz``; replaced where it exists.

    Raises:
        StoreError: If the file cannot be written.
    """
    arrays = _arrays(fit.draws)
    header = np.frombuffer(_header(fit, arrays).model_dump_json().encode(), dtype=np.uint8)
    target = Path(path)
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


@overload
def load_fit(path: str | Path, *, model: None = None) -> PurchaseFit | SpendFit: ...
@overload
def load_fit(path: str | Path, *, model: PurchaseModel) -> PurchaseFit: ...
@overload
def load_fit(path: str | Path, *, model: SpendModel) -> SpendFit: ...
def load_fit(path: str | Path, *, model: Model | None = None) -> PurchaseFit | SpendFit:
    """Return a fit as it was saved. Neither loading nor forecasting imports the sampler.

    Args:
        path: The file that `PurchaseFit.save` or `SpendFit.save` wrote.
        model: The model that it must hold; found by name where it is one of omniltv's.

    Raises:
        StoreError: If the file is missing, damaged, not a fit, of another format, or a
            fit of another model, or version of it, than asked for.

    Examples:
        >>> load_fit("nowhere.npz")
        Traceback (most recent call last):
        omniltv.errors.StoreError: no saved fit at nowhere.npz
    """
    where = Path(path)
    header, arrays = _read(where)
    found = _model(header, model, where)
    pooling = Pooling(header.pooling, header.by)
    draws = Posterior(
        names=header.coordinates, groups=header.groups, levels=header.levels, **arrays
    )
    if isinstance(found, SpendModel):
        return SpendFit(found, pooling, draws, header.diagnostics, effects=header.effects)
    if header.unit is None:
        raise _damaged(where, "it has no unit of time")
    return PurchaseFit(
        found, pooling, draws, header.diagnostics, header.unit, effects=header.effects
    )


def _arrays(draws: Posterior) -> Arrays:
    held = {name: getattr(draws, name) for name in _ARRAYS}
    return {name: values for name, values in held.items() if values is not None}


def _header(fit: PurchaseFit | SpendFit, arrays: Arrays) -> _Header:
    return _Header(
        format=_FORMAT,
        library=version("omniltv"),
        model=fit.model.name,
        model_version=fit.model.version,
        coordinates=fit.draws.names,
        pooling=fit.pooling.kind,
        by=fit.pooling.by,
        groups=fit.groups,
        levels=fit.draws.levels,
        effects=fit.effects,
        unit=fit.unit if isinstance(fit, PurchaseFit) else None,
        diagnostics=fit.diagnostics,
        checksum=_checksum(arrays),
    )


def _checksum(arrays: Arrays) -> str:
    digest = sha256()
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[_Header, Arrays]:
    if not path.is_file():
        raise StoreError(f"no saved fit at {path}")
    try:
        with path.open("rb") as file:
            header, arrays = _contents(np.load(file, allow_pickle=False), path)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise _damaged(path, f"{type(error).__name__} when it was read") from error
    if _checksum(arrays) != header.checksum:
        raise _damaged(path, "its checksum differs")
    return header, arrays


def _contents(content: object, path: Path) -> tuple[_Header, Arrays]:
    if not isinstance(content, NpzFile):
        raise _damaged(path, "it is a single array")
    header = _parse(content[_HEADER].tobytes(), path)
    return header, {name: content[name] for name in content.files if name != _HEADER}


def _parse(text: bytes, path: Path) -> _Header:
    origin = _Origin.model_validate_json(text)
    if origin.format != _FORMAT:
        message = f"{path} has format {origin.format}, written by omniltv {origin.library}"
        raise StoreError(f"{message}; this one reads format {_FORMAT}. Hint: fit again and save")
    return _Header.model_validate_json(text)


def _model(header: _Header, asked: Model | None, path: Path) -> Model:
    """Return the model that the file is of, refusing any other."""
    found = _BY_NAME.get(header.model) if asked is None else asked
    if found is None:
        message = f"{path} holds a fit of {header.model!r}, a model that omniltv does not have"
        raise StoreError(f"{message}. Hint: load_fit(path, model=...)")
    names = tuple(coordinate.name for coordinate in found.coordinates)
    if (found.name, found.version, names) != (
        header.model,
        header.model_version,
        header.coordinates,
    ):
        holds = _described(header.model, header.model_version, header.coordinates)
        asks = _described(found.name, found.version, names)
        raise StoreError(f"{path} holds a fit of {holds}, not of {asks}. Hint: fit again and save")
    return found


def _described(name: str, number: int, coordinates: tuple[str, ...]) -> str:
    return f"{name} version {number} in {', '.join(coordinates)}"


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is damaged or not a saved fit: {why}. Hint: fit again and save")
