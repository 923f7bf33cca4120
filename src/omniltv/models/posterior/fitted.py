"""What fits of all kinds of models share: draws, parameters, summaries, groups and saving.

Draws are stored per group. A forecast looks up the group of each distinct state, is
computed block by block, and is mapped back to the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Level, checked
from omniltv.data.history import DistinctStates, PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.models.posterior._archive import SavedFit, Settings, write_fit
from omniltv.models.posterior._groups import Grouped, group_labels, term_labels
from omniltv.models.posterior._interpolate import Cells
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.findings import FitFindings
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import ChannelModel, PurchaseModel, SpendModel
from omniltv.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["CustomerRows", "Fit", "Unseen"]

type Unseen = Literal["error", "population"]
"""How to treat a group that the fit did not see."""


class CustomerRows(Grouped, Protocol):
    """Rows to forecast: customers with group columns and covariates."""

    @property
    def customer_id(self) -> NDArray[np.object_]:
        """The customers, of shape (n_rows,)."""
        ...


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Fit[Model: (PurchaseModel, SpendModel, ChannelModel)]:
    """The members that fits of all kinds of models have.

    Attributes:
        model: The fitted model.
        pooling: How groups are pooled.
        draws: Posterior draws of the coordinates.
        diagnostics: The diagnostics of the draws.
        effects: The covariate effects.

    Examples:
        >>> import numpy as np
        >>> from omniltv.data.history import PurchaseHistory
        >>> from omniltv.models import BgNbd, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...     np.full(40, 39.0), np.full(40, 9.0), "week")
        >>> found = fit(BgNbd(), history, seed=1, method="map")
        >>> isinstance(found, Fit), found.groups, sorted(found.parameters)
        (True, ('',), ['a', 'alpha', 'b', 'r'])
    """

    model: Model
    pooling: Pooling
    draws: PosteriorDraws
    diagnostics: Diagnostics
    effects: tuple[Effect, ...] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        groups = f" by {', '.join(self.pooling.by)} ({len(self.groups)})" if self.pooling.by else ""
        drawn = f"{self.n_draws:,} draws by {self.diagnostics.source}"
        found = "the mode" if self.diagnostics.method == "map" else drawn
        pooling = f"{self.pooling.kind} pooling{groups}"
        return f"{type(self).__name__}({self.model.name}, {pooling}, {found})"

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups, sorted; ``("",)`` under complete pooling."""
        return self.draws.groups

    @property
    def n_draws(self) -> int:
        """Posterior draws over all chains."""
        return self.draws.n_draws

    @property
    def findings(self) -> FitFindings:
        """What the checks at the end of the fit found, one line each; severe ones were warned of.

        `omniltv.models.checks.examine` runs other checks.
        """
        return FitFindings(self.diagnostics.findings)

    @property
    def parameters(self) -> Mapping[str, NDArray[np.float64]]:
        """Reported parameters by name, each of shape (n_draws, n_groups).

        With covariates, they are the parameters of a customer whose covariates have their means.
        """
        return self._reported(self.draws.flat())

    @property
    def population(self) -> Mapping[str, NDArray[np.float64]]:
        """Reported parameters of a group that the fit did not see, each of shape (n_draws,).

        They are drawn from the population of groups, so they include both its uncertainty
        and the variation between groups. Empty unless pooling is partial.
        """
        if self.draws.new is None:
            return {}
        nowhere = ("",) * len(self.pooling.by)
        reported = self._reported(self.draws.flat([nowhere])[:, -1:])
        return {name: values[:, 0] for name, values in reported.items()}

    def _reported(self, flat: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        named = {name: flat[:, :, k] for k, name in enumerate(self.draws.names)}
        return self.model.parameters(NUMPY, named)

    @property
    def posterior(self) -> "xr.DataTree":
        """The posterior as an ArviZ DataTree: reported parameters by chain, draw and group."""
        import xarray as xr  # noqa: PLC0415 - slow to import

        chains, draws = self.draws.coordinates.shape[:2]
        dims = ("chain", "draw", "group")
        variables = {
            name: (dims, values.reshape(chains, draws, -1))
            for name, values in self.parameters.items()
        }
        coordinates = {"group": list(self.groups)}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coordinates)})

    def summary(self, *, level: Level = 0.9) -> "pd.DataFrame":
        """Return mean, sd and equal-tailed interval of each reported parameter and group.

        The effects of covariates follow, which all groups share: ``log_rate:age per sd`` is the
        change of the coordinate per standard deviation of the covariate, and ``log_rate:age per
        unit`` that per unit.

        Raises:
            ConfigError: If the level is not between 0 and 1.
        """
        import pandas as pd  # noqa: PLC0415 - slow to import

        names: list[str] = list(self.parameters)
        effects: dict[str, NDArray[np.float64]] = self._effect_draws()
        draws = np.concatenate([*self.parameters.values(), *effects.values()], axis=1)
        lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return pd.DataFrame(
            {
                "parameter": [*np.repeat(names, len(self.groups)).tolist(), *effects],
                "group": [*self.groups * len(names), *[""] * len(effects)],
                "mean": draws.mean(axis=0),
                "sd": draws.std(axis=0),
                "lower": lower,
                "upper": upper,
            }
        )

    def _effect_draws(self) -> dict[str, NDArray[np.float64]]:
        """Return draws of the covariate effects by name, each of shape (n_draws, 1)."""
        found: dict[str, NDArray[np.float64]] = {}
        if self.draws.slopes is None:
            return found
        slopes = self.draws.slopes.reshape(self.n_draws, -1)
        for k, effect in enumerate(self.effects):
            name = f"{effect.coordinate}:{effect.covariate}"
            found[f"{name} per sd"] = slopes[:, [k]]
            found[f"{name} per unit"] = slopes[:, [k]] / effect.scale
        return found

    def cells(self, history: CustomerRows, *, unseen: Unseen = "error") -> Cells:
        """Return the group and covariates of each row, with the draws of all groups.

        Args:
            history: Rows with the group columns and covariates of the fit.
            unseen: How to treat a group that the fit did not see: raise an error, or
                forecast it from the population of groups. Labels that the fit saw in other
                combinations keep their effects.

        Raises:
            DataError: If a group column or covariate is missing, or a group was not seen.
            ConfigError: If ``unseen="population"`` and pooling is not partial.
        """
        labels = group_labels(history, self.pooling)
        known = np.asarray(self.groups)
        place = np.searchsorted(known, labels).clip(max=len(known) - 1).astype(np.intp)
        strange = known[place] != labels
        others: list[tuple[str, ...]] = []
        if strange.any():
            self._refuse(history, labels, strange, unseen)
            per_term = [term_labels(history, term)[strange] for term in self.pooling.by]
            combined = list(zip(*(column.tolist() for column in per_term), strict=True))
            others = sorted(set(combined))
            number = {item: len(known) + k for k, item in enumerate(others)}
            place[strange] = [number[item] for item in combined]
        slopes = np.empty((self.n_draws, 0)) if self.draws.slopes is None else self.draws.slopes
        columns = [effect.values(history) for effect in self.effects]
        return Cells(
            model=self.model,
            by_group=self.draws.flat(others),
            group=place,
            slopes=slopes.reshape(self.n_draws, -1),
            target=tuple(self.draws.names.index(effect.coordinate) for effect in self.effects),
            covariates=np.stack(columns, axis=1) if columns else np.empty((len(history), 0)),
        )

    def _refuse(
        self,
        history: CustomerRows,
        labels: NDArray[np.str_],
        strange: NDArray[np.bool_],
        unseen: Unseen,
    ) -> None:
        if unseen == "error":
            column = " x ".join(self.pooling.by)
            names = ", ".join(sorted({str(label) for label in labels[strange]})[:5])
            hint = 'unseen="population" forecasts them from the population of groups'
            problem = f"groups that the fit did not see: {names}"
            rows = history.customer_id[strange].tolist()
            raise DataError(problem, column=column, rows=rows, hint=hint)
        if self.draws.new is None:
            message = f"{self.pooling.kind} pooling has no population to draw a new group from"
            raise ConfigError(f"{message}. Hint: pooling=Pooling.partial(...)")

    def states(
        self, history: PurchaseHistory, *, unseen: Unseen = "error", spend: bool = False
    ) -> tuple[DistinctStates, Cells]:
        """Return the distinct states of a history and their cells; errors name all its rows.

        Args:
            history: Rows with the group columns and covariates of the fit.
            unseen: How to treat a group that the fit did not see.
            spend: Whether the mean value is part of the state.
        """
        distinct = history.distinct(spend=spend)
        row = np.empty(len(distinct.count), dtype=np.intp)
        row[distinct.index] = np.arange(len(history))
        return distinct, self.cells(history, unseen=unseen).take(row)

    def save(self, path: str | Path) -> None:
        """Write the fit to one file, atomically and without pickle.

        Raises:
            StoreError: If the file cannot be written.
        """
        saved = SavedFit(
            model=self.model.name,
            version=self.model.version,
            pooling=self.pooling,
            draws=self.draws,
            diagnostics=self.diagnostics,
            effects=self.effects,
            unit=self._unit,
            clock=self._clock,
            settings=self.settings,
        )
        write_fit(saved, Path(path))

    @property
    def settings(self) -> Settings:
        """The settings of the model, which are saved with the fit."""
        return Settings()

    @property
    def _unit(self) -> TimeUnit | None:
        """The unit of time of the history of the fit; None if time does not matter."""
        return None

    @property
    def _clock(self) -> str:
        """The name of the calendar time of the fit; empty if all days count alike."""
        return ""
