"""Lengths of a forecast as coordinates: draws of them beside the draws of a model's coordinates.

In calendar time, the operational length of a horizon differs between groups and draws. It is
one more coordinate of each group, so forecasts are interpolated over its draws as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from omniltv._arrays import Floats
from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior._interpolate import Cells
from omniltv.models.processes.protocols import Array, ArrayNamespace, Coordinate, Model
from omniltv.units import Span, TimeUnit

__all__ = ["AHEAD", "SKIPPED", "with_ahead"]

AHEAD = "ahead"
"""Name of the length of the forecast among the parameters, in the unit of the fit."""

SKIPPED = "skipped"
"""Name of the length from the end of observation to the start of the forecast, likewise."""


@dataclass(frozen=True)
class _Lengthened:
    """A model with a length of the forecast as its last coordinate and parameter."""

    model: Model
    length: str

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def version(self) -> int:
        return self.model.version

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        return (*self.model.coordinates, Coordinate(self.length, mean=0.0, sd=1.0))

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        return {**self.model.parameters(xp, coordinates), self.length: coordinates[self.length]}

    def loglik(self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: Array) -> Array:
        return self.model.loglik(xp, parameters, state)


def with_ahead(
    cells: Cells,
    history: PurchaseHistory,
    horizon: Span,
    unit: TimeUnit,
    *,
    after: Span | None = None,
) -> Cells:
    """Return cells with the length of a forecast among their parameters, as ``AHEAD``.

    Args:
        cells: The cells of the rows of the history.
        history: The history.
        horizon: Length of the forecast.
        unit: Unit of the fit.
        after: Time from the end of observation to the start of the forecast. ``AHEAD`` is then
            the length to its end, and ``SKIPPED`` that to its start.
    """
    if after is None:
        return _with_length(cells, history, AHEAD, horizon, unit)
    end = Span(after.to(unit) + horizon.to(unit), unit)
    longer = _with_length(cells, history, AHEAD, end, unit)
    return _with_length(longer, history, SKIPPED, after, unit)


def _with_length(
    cells: Cells, history: PurchaseHistory, name: str, span: Span, unit: TimeUnit
) -> Cells:
    n_draws, clock = len(cells.by_group), history.clock
    if clock is None:
        length = np.full((*cells.by_group.shape[:2], 1), span.to(unit))
        return _extended(cells, name, cells.by_group, length)
    lengths: Floats = clock.ahead(span, n_draws=n_draws, unit=unit)
    code = clock.codes(history.groups, len(history))
    pairs, group = np.unique(cells.group * len(lengths) + code, return_inverse=True)
    by_group = cells.by_group[:, pairs // len(lengths)]
    length = lengths[pairs % len(lengths)].T[:, :, None]
    return _extended(replace(cells, group=group.astype(np.intp)), name, by_group, length)


def _extended(cells: Cells, name: str, by_group: Floats, length: Floats) -> Cells:
    both = np.concatenate([by_group, length], axis=2)
    return replace(cells, model=_Lengthened(cells.model, name), by_group=both)
