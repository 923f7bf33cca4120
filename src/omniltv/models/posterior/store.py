"""Loading saved fits, without the sampler."""

from collections.abc import Mapping
from pathlib import Path
from typing import overload

from omniltv._options import checked
from omniltv.errors import StoreError
from omniltv.models.posterior._archive import SavedFit, damaged, read_fit
from omniltv.models.posterior._kinds import AnyFit, AnyModel, Parts, kind_of
from omniltv.models.posterior.channel_mix import ChannelMixFit
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.processes.built_in import BUILT_IN
from omniltv.models.processes.polya_urn import PolyaUrn
from omniltv.models.processes.protocols import ChannelModel, PurchaseModel, SpendModel

__all__ = ["load_fit"]

_BY_NAME: Mapping[str, AnyModel] = {model.name: model for model in BUILT_IN}


@overload
def load_fit(path: str | Path, *, model: None = None) -> AnyFit: ...
@overload
def load_fit(path: str | Path, *, model: PurchaseModel) -> PurchaseFit: ...
@overload
def load_fit(path: str | Path, *, model: SpendModel) -> SpendFit: ...
@overload
def load_fit(path: str | Path, *, model: ChannelModel) -> ChannelMixFit: ...
@checked
def load_fit(path: str | Path, *, model: AnyModel | None = None) -> AnyFit:
    """Return a saved fit. Neither loading nor forecasting imports the sampler.

    Args:
        path: The file that was written by the `save` method of a fit.
        model: The model of the fit. It can be omitted for the models of omniltv, which are
            found by name.

    Raises:
        StoreError: If the file is missing, damaged, not a fit, of another format, or a
            fit of another model or version.

    Examples:
        >>> load_fit("nowhere.npz")
        Traceback (most recent call last):
        omniltv.errors.StoreError: no saved fit at nowhere.npz. Hint: ...
    """
    where = Path(path)
    saved = read_fit(where)
    found = _model(saved, model, where)
    parts = Parts(
        saved.pooling, saved.draws, saved.diagnostics, saved.effects, saved.unit, saved.clock
    )
    try:
        fit = kind_of(found).fit(found, parts)
    except ValueError as error:
        raise damaged(where, str(error)) from error
    if fit.settings != saved.settings:
        message = f"{path} holds a fit with {saved.settings}, not with {fit.settings}"
        raise StoreError(f"{message}. Hint: load_fit(path)")
    return fit


def _model(saved: SavedFit, asked: AnyModel | None, path: Path) -> AnyModel:
    """Return the model of the fit in a file.

    Raises:
        StoreError: If the model is unknown, or not the model asked for.
    """
    found = _built_in(saved) if asked is None else asked
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


def _built_in(saved: SavedFit) -> AnyModel | None:
    if saved.model == PolyaUrn.name:
        return PolyaUrn(saved.settings.channels, saved.settings.half_life)
    return _BY_NAME.get(saved.model)


def _described(name: str, number: int, coordinates: tuple[str, ...]) -> str:
    return f"{name} version {number} in {', '.join(coordinates)}"
