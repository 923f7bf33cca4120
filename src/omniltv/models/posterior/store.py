"""Saved fits, loaded again without the sampler."""

from collections.abc import Mapping
from pathlib import Path
from typing import overload

from omniltv.errors import StoreError
from omniltv.models.posterior._archive import Saved, damaged, read_fit
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.processes.built_in import BUILT_IN
from omniltv.models.processes.protocols import PurchaseModel, SpendModel

__all__ = ["load_fit"]

type Model = PurchaseModel | SpendModel

_BY_NAME: Mapping[str, Model] = {model.name: model for model in BUILT_IN}


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
    saved = read_fit(where)
    found = _model(saved, model, where)
    if isinstance(found, SpendModel):
        return SpendFit(found, saved.pooling, saved.draws, saved.diagnostics, effects=saved.effects)
    if saved.unit is None:
        raise damaged(where, "it has no unit of time")
    return PurchaseFit(
        found, saved.pooling, saved.draws, saved.diagnostics, saved.unit, effects=saved.effects
    )


def _model(saved: Saved, asked: Model | None, path: Path) -> Model:
    """Return the model that the file is of, refusing any other."""
    found = _BY_NAME.get(saved.model) if asked is None else asked
    if found is None:
        message = f"{path} holds a fit of {saved.model!r}, a model that omniltv does not have"
        raise StoreError(f"{message}. Hint: load_fit(path, model=...)")
    names = tuple(coordinate.name for coordinate in found.coordinates)
    if (found.name, found.version, names) != (
        saved.model,
        saved.version,
        saved.draws.names,
    ):
        holds = _described(saved.model, saved.version, saved.draws.names)
        asks = _described(found.name, found.version, names)
        raise StoreError(f"{path} holds a fit of {holds}, not of {asks}. Hint: fit again and save")
    return found


def _described(name: str, number: int, coordinates: tuple[str, ...]) -> str:
    return f"{name} version {number} in {', '.join(coordinates)}"
