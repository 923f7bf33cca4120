"""Fitted models: frozen posteriors that forecast without the sampler.

Draws are kept per group; a forecast looks up each distinct state's group, works
block by block, and is joined back to the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import DistinctStates, PurchaseHistory
from omniltv.draws import Draws, Evaluate, RowDraws
from omniltv.errors import ConfigError, DataError, expect
from omniltv.models._interpolate import ByRows, Cells, over_draws
from omniltv.models._numpy import NUMPY
from omniltv.models.diagnostics import Diagnostics
from omniltv.models.pooling import JOIN, Pooling, PoolingKind
from omniltv.models.protocols import (
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

__all__ = ["Effect", "Posterior", "ProbAlive", "PurchaseFit", "SpendFit", "Unseen"]

type Unseen = Literal["error", "population"]
"""What to do with a group that the fit did not see."""


@dataclass(frozen=True, eq=False, repr=False)
class ProbAlive(RowDraws):
    """Posterior draws of P(alive). Probabilities of customers do not add up to one."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of the coordinates that were sampled.

    Attributes:
        names: The coordinates, of length n_coordinates.
        groups: The groups (combinations of the labels of all group columns), sorted;
            ``("",)`` under complete pooling.
        theta: Draws of shape (chains, draws, n_groups, n_coordinates).
        mean: Population means, of shape (chains, draws, n_coordinates); partial only.
        spread: Spread of each term, (chains, draws, n_terms, n_coordinates); partial only.
        new: Effect of a level not seen, drawn for each term, same shape; partial only.
        levels: Labels of the levels of each term; partial only.
        effects: Effects of the levels, term after term, of shape
            (chains, draws, all levels, n_coordinates); partial only.
        slopes: Effects of the covariates, of shape (chains, draws, n_effects).
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    theta: NDArray[np.float64]
    mean: NDArray[np.float64] | None = None
    spread: NDArray[np.float64] | None = None
    new: NDArray[np.float64] | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    effects: NDArray[np.float64] | None = None
    slopes: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        n = len(self.groups)
        groups = "1 group" if n == 1 else f"{n:,} groups"
        return f"Posterior({', '.join(self.names)}; {groups}, {self.n_draws:,} draws)"

    @property
    def n_draws(self) -> int:
        """Draws over all chains."""
        chains, draws = self.theta.shape[:2]
        return int(chains * draws)

    def flat(self, unseen: Sequence[tuple[str, ...]] = ()) -> NDArray[np.float64]:
        """Return draws of shape (n_draws, n_groups + unseen, n_coordinates).

        Args:
            unseen: Groups that were not seen, by their label in each term. A label that
                was seen has its effect, one that was not the effect of a new level.
        """
        parts = [self.theta, *(self._unseen(labels)[:, :, None] for labels in unseen)]
        joined = np.concatenate(parts, axis=2)
        return joined.reshape(self.n_draws, *joined.shape[2:])

    def _unseen(self, labels: tuple[str, ...]) -> NDArray[np.float64]:
        assert self.mean is not None
        assert self.new is not None
        assert self.effects is not None
        total, start = self.mean, 0
        for term, label in enumerate(labels):
            known = self.levels[term]
            seen = label in known
            effect = (
                self.effects[:, :, start + known.index(label)] if seen else self.new[:, :, term]
            )
            total = total + effect
            start += len(known)
        return total


@dataclass(frozen=True)
class Effect:
    """A covariate that moves a coordinate: by its draw times (value - centre) / scale.

    Attributes:
        coordinate: The coordinate that it moves.
        covariate: The covariate of the history.
        centre: Mean of the covariate in the history that was fitted.
        scale: Its standard deviation there.
    """

    coordinate: str
    covariate: str
    centre: float
    scale: float

    def values(self, history: PurchaseHistory) -> NDArray[np.float64]:
        """Return the standardised covariate of each row, of shape (n_rows,).

        Raises:
            DataError: If the history does not have it.
        """
        if self.covariate not in history.covariates:
            has = ", ".join(history.covariates) or "none"
            hint = f'history.with_covariate("{self.covariate}", values)'
            problem = f"the history has no such covariate; it has: {has}"
            raise DataError(problem, column=self.covariate, hint=hint)
        values = (history.covariates[self.covariate] - self.centre) / self.scale
        return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, eq=False, repr=False)
class _Fit[Model: (PurchaseModel, SpendModel)]:
    """What fits of purchases and of spend have in common.

    Attributes:
        model: The model that was fitted.
        pooling: How its groups shared strength.
        draws: The sampled coordinates.
        diagnostics: What the sampler said of itself.
        effects: The covariates, and what they move.
    """

    model: Model
    pooling: Pooling
    draws: Posterior
    diagnostics: Diagnostics
    effects: tuple[Effect, ...] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        groups = f" by {', '.join(self.pooling.by)} ({len(self.groups)})" if self.pooling.by else ""
        return (
            f"{type(self).__name__}({self.model.name}, {self.pooling.kind} pooling{groups}, "
            f"{self.n_draws:,} draws)"
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
    def parameters(self) -> Mapping[str, NDArray[np.float64]]:
        """Reported parameters by name, each of shape (n_draws, n_groups).

        Where there are covariates, those of a customer at their means.
        """
        return self._reported(self.draws.flat())

    @property
    def population(self) -> Mapping[str, NDArray[np.float64]]:
        """Reported parameters of a group not seen, each of shape (n_draws,).

        Drawn from the population of groups, so they carry both how uncertain it is and
        how much groups differ. Empty unless pooling is partial.
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
        """The posterior as ArviZ reads it: reported parameters by chain, draw and group."""
        import xarray as xr  # noqa: PLC0415 - slow to import, and only looked at by people

        chains, draws = self.draws.theta.shape[:2]
        dims = ("chain", "draw", "group")
        variables = {
            name: (dims, values.reshape(chains, draws, -1))
            for name, values in self.parameters.items()
        }
        coordinates = {"group": list(self.groups)}
        return xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coordinates)})

    def summary(self, *, level: float = 0.9) -> "pd.DataFrame":
        """Return mean, sd and equal-tailed interval of each reported parameter and group."""
        import pandas as pd  # noqa: PLC0415 - slow to import, and only looked at by people

        if not 0 < level < 1:
            raise ConfigError(f"the level of an interval is between 0 and 1, got {level}")
        names = list(self.parameters)
        draws = np.concatenate(list(self.parameters.values()), axis=1)
        lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return pd.DataFrame(
            {
                "parameter": np.repeat(names, len(self.groups)),
                "group": self.groups * len(names),
                "mean": draws.mean(axis=0),
                "sd": draws.std(axis=0),
                "lower": lower,
                "upper": upper,
            }
        )

    def cells(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> Cells:
        """Return where each row of a history finds its parameters.

        Args:
            history: With the group columns and covariates that the fit was made with.
            unseen: What to do with a group that the fit did not see: refuse it, or
                forecast it from the population of groups. Labels that were seen in other
                combinations keep their effects.

        Raises:
            DataError: If a group column or covariate is missing, or a group was not seen.
            ConfigError: If the population is asked for and pooling was not partial.
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
            theta=self.draws.flat(others),
            group=place,
            slopes=slopes.reshape(self.n_draws, -1),
            target=tuple(self.draws.names.index(effect.coordinate) for effect in self.effects),
            covariates=np.stack(columns, axis=1) if columns else np.empty((len(history), 0)),
        )

    def _refuse(
        self,
        history: PurchaseHistory,
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

    def _distinct(
        self, history: PurchaseHistory, unseen: Unseen, *, spend: bool
    ) -> tuple[DistinctStates, Cells]:
        """Return the states of a history and the cell of each; errors name all its rows."""
        distinct = history.distinct(spend=spend)
        row = np.empty(len(distinct.count), dtype=np.intp)
        row[distinct.index] = np.arange(len(history))
        return distinct, self.cells(history, unseen=unseen).take(row)

    def save(self, path: str | Path) -> None:
        """Write the fit to one file, whole or not at all; no pickle inside.

        Raises:
            StoreError: If the file cannot be written.
        """
        from omniltv.models.store import save_fit  # noqa: PLC0415 - the store knows the fits

        assert isinstance(self, PurchaseFit | SpendFit)
        save_fit(self, path)


@dataclass(frozen=True, eq=False, repr=False)
class PurchaseFit(_Fit[PurchaseModel]):
    """The posterior of a purchase model; made by `fit` or `load_fit`.

    Attributes:
        unit: The unit of time of the histories it was fitted to.
    """

    unit: TimeUnit

    def expected_purchases(
        self, history: PurchaseHistory, horizon: Span, *, unseen: Unseen = "error"
    ) -> Draws:
        """Return draws of each row's expected purchases within ``horizon`` from now.

        Raises:
            DataError: If the history counts in another unit, or a group was not seen.
            ConfigError: If the horizon is not a span of time.
        """
        expect("horizon", horizon, Span, f"{self.unit}s(26)")
        distinct, cells = self._states(history, unseen)
        length = np.asarray(horizon.to(self.unit))

        def exact(parameters: Parameters, rows: NDArray[np.intp]) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, rows)
            return self.model.expected_purchases(parameters, state, length)

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
        """Return draws of the log-likelihood of each row's purchases."""
        distinct, cells = self._states(history, unseen)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, states)
            values = self.model.loglik(NUMPY, cells.take(states).parameters(draws), state)
            return np.asarray(values, dtype=np.float64)

        return RowDraws(
            evaluate, distinct.index, len(distinct.count), self.n_draws, "log-likelihood"
        )

    def _states(self, history: PurchaseHistory, unseen: Unseen) -> tuple[DistinctStates, Cells]:
        if history.unit is not self.unit:
            hint = f'log.history(unit="{self.unit}")'
            problem = f"the history counts in {history.unit}s, the fit in {self.unit}s"
            raise DataError(problem, column="unit", hint=hint)
        return self._distinct(history, unseen, spend=False)


@dataclass(frozen=True, eq=False, repr=False)
class SpendFit(_Fit[SpendModel]):
    """The posterior of a spend model; made by `fit` or `load_fit`."""

    def expected_value(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of each row's expected value per purchase."""
        distinct, cells = self._distinct(history, unseen, spend=True)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = spend_state(distinct.states, states)
            return self.model.expected_value(cells.take(states).parameters(draws), state)

        return RowDraws(
            evaluate, distinct.index, len(distinct.count), self.n_draws, "value per purchase"
        )

    def log_likelihood(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of the log-likelihood of each row's spend; 0 without repeat purchases."""
        distinct, cells = self._distinct(history, unseen, spend=True)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            frequency, mean = spend_state(distinct.states, states)
            bought = frequency > 0
            state = SpendState(np.where(bought, frequency, 1.0), np.where(bought, mean, 1.0))
            values = self.model.loglik(NUMPY, cells.take(states).parameters(draws), state)
            return np.where(bought, np.asarray(values, dtype=np.float64), 0.0)

        return RowDraws(
            evaluate, distinct.index, len(distinct.count), self.n_draws, "log-likelihood"
        )


def group_labels(history: PurchaseHistory, pooling: Pooling) -> NDArray[np.str_]:
    """Return the group label of each row: combined by ``|`` where there are several columns.

    Raises:
        DataError: If the history has no such group column.
    """
    if pooling.kind is PoolingKind.COMPLETE:
        return np.full(len(history), "")
    return term_labels(history, JOIN.join(pooling.columns))


def term_labels(history: PurchaseHistory, term: str) -> NDArray[np.str_]:
    """Return the label of each row in one term: a group column, or several joined by ``|``.

    Raises:
        DataError: If the history has no such group column.
    """
    labels: NDArray[np.str_] | None = None
    for name in term.split(JOIN):
        if name not in history.groups:
            has = ", ".join(history.groups) or "none"
            hint = f'log.history(by="{name}") or history.with_group("{name}", values)'
            problem = f"the history has no such group column; it has: {has}"
            raise DataError(problem, column=name, hint=hint)
        column = np.asarray(history.groups[name]).astype(str)
        labels = column if labels is None else np.char.add(np.char.add(labels, JOIN), column)
    assert labels is not None
    return labels


def _by_slice(values: ByRows, n: int) -> Evaluate:
    return lambda rows, draws: values(np.arange(n)[rows], draws)


def purchase_state(states: PurchaseHistory, rows: slice | NDArray[np.intp]) -> PurchaseState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws."""
    return PurchaseState(
        *(
            column[rows, None].astype(np.float64)
            for column in (states.frequency, states.recency, states.T)
        )
    )


def spend_state(states: PurchaseHistory, rows: slice | NDArray[np.intp]) -> SpendState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws."""
    return SpendState(
        states.frequency[rows, None].astype(np.float64), states.monetary_value[rows, None]
    )
