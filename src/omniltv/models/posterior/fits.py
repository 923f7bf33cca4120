"""Fitted models: frozen posteriors that forecast without the sampler.

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
from omniltv.draws import Draws, Evaluate, RowDraws
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models.posterior._ahead import AHEAD, with_ahead
from omniltv.models.posterior._archive import SavedFit, Settings, write_fit
from omniltv.models.posterior._groups import Grouped, group_labels, term_labels
from omniltv.models.posterior._interpolate import ByRows, Cells, over_draws
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.findings import FitFindings
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.processes._selection import selected
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    ChannelModel,
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)
from omniltv.units import Span, TimeUnit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = [
    "CustomerRows",
    "Fit",
    "ProbAlive",
    "PurchaseFit",
    "SpendFit",
    "Unseen",
    "purchase_state",
    "spend_state",
]

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
class ProbAlive(RowDraws):
    """Posterior draws of P(alive), which cannot be summed over customers.

    Examples:
        >>> import numpy as np
        >>> from omniltv.data.history import PurchaseHistory
        >>> from omniltv.models import BgNbd, fit
        >>> rng = np.random.default_rng(1)
        >>> truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, recency, T = BgNbd().simulate(truth, np.full(300, 40.0), rng)
        >>> history = PurchaseHistory(np.arange(300), x, recency, T, x * np.nan, "week")
        >>> alive = fit(BgNbd(), history, seed=1, method="map").prob_alive(history)
        >>> alive.mean().shape
        (300,)
    """


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
        return (
            f"{type(self).__name__}({self.model.name}, {self.pooling.kind} pooling{groups}, "
            f"{self.n_draws:,} draws by {self.diagnostics.source})"
        )

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


@checked
@dataclass(frozen=True, eq=False, repr=False)
class PurchaseFit(Fit[PurchaseModel]):
    """The posterior of a purchase model; made by `fit` or `load_fit`.

    Attributes:
        unit: The unit of time of the history of the fit.
        clock: Name of its calendar time (`omniltv.data.CalendarTime.name`); empty if all days
            count alike.

    Examples:
        >>> import numpy as np
        >>> from omniltv.data.history import PurchaseHistory
        >>> from omniltv.models import BgNbd, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...                           np.full(40, 30.0), np.linspace(5, 15, 40), "week")
        >>> fit(BgNbd(), history, seed=1, method="map")
        PurchaseFit(bg_nbd, complete pooling, 1 draws)
    """

    unit: TimeUnit
    clock: str = field(default="", kw_only=True)

    @property
    def _unit(self) -> TimeUnit:
        return self.unit

    @property
    def _clock(self) -> str:
        return self.clock

    def require_time(self, history: PurchaseHistory) -> None:
        """Raise UnitError if a history has another unit or another calendar time than the fit."""
        if history.unit is not self.unit:
            message = f"the history counts in {history.unit}s, the fit in {self.unit}s"
            raise UnitError(f'{message}. Hint: log.history(unit="{self.unit}")')
        name = history.clock.calendar.name if history.clock else ""
        if name != self.clock:
            has, needs = (
                f"calendar time {each}" if each else "no calendar time"
                for each in (name, self.clock)
            )
            hint = "log.history(calendar=...) as for the fit" if self.clock else "log.history()"
            raise UnitError(f"the history has {has}, the fit {needs}. Hint: {hint}")

    def expected_purchases(
        self, history: PurchaseHistory, horizon: Span, *, unseen: Unseen = "error"
    ) -> Draws:
        """Return draws of each row's expected purchases within ``horizon`` after its observation.

        Raises:
            UnitError: If the history has another unit of time, or another calendar time.
            DataError: If a group was not seen.
            ConfigError: If the horizon is not a Span.
        """
        distinct, of_fit = self._states(history, unseen)
        cells = with_ahead(of_fit, distinct.states, horizon, self.unit)

        def exact(parameters: Parameters, rows: NDArray[np.intp]) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, rows)
            return self.model.expected_purchases(parameters, state, parameters[AHEAD])

        size = len(distinct.count)
        values = over_draws(exact, cells, self.n_draws, within=(0.0, np.inf))
        evaluate = _by_slice(values, size)
        return Draws(evaluate, distinct.index, size, self.n_draws, "expected purchases")

    def prob_alive(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> ProbAlive:
        """Return draws of the probability that each row's customer has not dropped out."""
        distinct, cells = self._states(history, unseen)

        def exact(parameters: Parameters, rows: NDArray[np.intp]) -> NDArray[np.float64]:
            return self.model.prob_alive(parameters, purchase_state(distinct.states, rows))

        values = over_draws(exact, cells, self.n_draws, within=(0.0, 1.0))
        evaluate = _by_slice(values, len(distinct.count))
        return ProbAlive(evaluate, distinct.index, len(distinct.count), self.n_draws, "P(alive)")

    def log_likelihood(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of the log-likelihood of each row's purchases.

        For a history that is `selected`, it is that given at least so many purchases.
        """
        distinct, cells = self._states(history, unseen)
        model = selected(self.model, history.at_least)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, states)
            values = model.loglik(NUMPY, cells.take(states).parameters(draws), state)
            return np.asarray(values, dtype=np.float64)

        return RowDraws(
            evaluate, distinct.index, len(distinct.count), self.n_draws, "log-likelihood"
        )

    def _states(self, history: PurchaseHistory, unseen: Unseen) -> tuple[DistinctStates, Cells]:
        self.require_time(history)
        return self.states(history, unseen=unseen)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class SpendFit(Fit[SpendModel]):
    """The posterior of a spend model; made by `fit` or `load_fit`.

    Examples:
        >>> import numpy as np
        >>> from omniltv.data.history import PurchaseHistory
        >>> from omniltv.models import GammaGamma, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...                           np.full(40, 30.0), np.linspace(5, 15, 40), "week")
        >>> fit(GammaGamma(), history, seed=1, method="map")
        SpendFit(gamma_gamma, complete pooling, 1 draws)
    """

    def expected_value(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of each row's expected value per purchase."""
        distinct, cells = self.states(history, unseen=unseen, spend=True)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = spend_state(distinct.states, states)
            return self.model.expected_value(cells.take(states).parameters(draws), state)

        return RowDraws(
            evaluate, distinct.index, len(distinct.count), self.n_draws, "value per purchase"
        )

    def log_likelihood(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of the log-likelihood of each row's spend; 0 without repeat purchases."""
        distinct, cells = self.states(history, unseen=unseen, spend=True)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            frequency, mean = spend_state(distinct.states, states)
            bought = frequency > 0
            state = SpendState(np.where(bought, frequency, 1.0), np.where(bought, mean, 1.0))
            values = self.model.loglik(NUMPY, cells.take(states).parameters(draws), state)
            return np.where(bought, np.asarray(values, dtype=np.float64), 0.0)

        return RowDraws(
            evaluate, distinct.index, len(distinct.count), self.n_draws, "log-likelihood"
        )


def _by_slice(values: ByRows, n: int) -> Evaluate:
    return lambda rows, draws: values(np.arange(n)[rows], draws)


def purchase_state(states: PurchaseHistory, rows: slice | NDArray[np.intp]) -> PurchaseState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [2, 0], [5.0, 0.0], [9.0, 9.0], [7.0, None], "week")
        >>> purchase_state(history, slice(0, 1)).recency
        array([[5.]])
    """
    return PurchaseState(
        *(
            column[rows, None].astype(np.float64)
            for column in (states.frequency, states.recency, states.T)
        )
    )


def spend_state(states: PurchaseHistory, rows: slice | NDArray[np.intp]) -> SpendState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [2, 1], [5.0, 3.0], [9.0, 9.0], [7.0, 4.0], "week")
        >>> spend_state(history, slice(0, 2)).monetary_value.tolist()
        [[7.0], [4.0]]
    """
    count, mean = states.spending()
    return SpendState(count[rows, None].astype(np.float64), mean[rows, None])
