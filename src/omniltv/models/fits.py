"""Fitted models: frozen posteriors that forecast without the sampler.

Draws are kept per group; a forecast looks up each distinct state's group, works
block by block, and is joined back to the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import DistinctStates, PurchaseHistory
from omniltv.draws import Draws, RowDraws
from omniltv.errors import ConfigError, DataError
from omniltv.models._numpy import NUMPY
from omniltv.models.diagnostics import Diagnostics
from omniltv.models.pooling import Pooling, PoolingKind
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

__all__ = ["Posterior", "ProbAlive", "PurchaseFit", "SpendFit", "Unseen"]

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
        groups: The groups, sorted; ``("",)`` under complete pooling.
        theta: Draws of shape (chains, draws, n_groups, n_coordinates).
        mean: Population means, of shape (chains, draws, n_coordinates); partial only.
        spread: Spreads between groups, same shape; partial only.
        new: Coordinates of a group not seen, drawn from the population, same shape;
            partial only.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    theta: NDArray[np.float64]
    mean: NDArray[np.float64] | None = None
    spread: NDArray[np.float64] | None = None
    new: NDArray[np.float64] | None = None

    @property
    def n_draws(self) -> int:
        """Draws over all chains."""
        chains, draws = self.theta.shape[:2]
        return int(chains * draws)

    def flat(self) -> NDArray[np.float64]:
        """Return draws of shape (n_draws, n_groups, n_coordinates), the new group last."""
        parts = [self.theta] if self.new is None else [self.theta, self.new[:, :, None, :]]
        return np.concatenate(parts, axis=2).reshape(self.n_draws, -1, len(self.names))


@dataclass(frozen=True, eq=False, repr=False)
class _Fit[Model: (PurchaseModel, SpendModel)]:
    """What fits of purchases and of spend have in common.

    Attributes:
        model: The model that was fitted.
        pooling: How its groups shared strength.
        draws: The sampled coordinates.
        diagnostics: What the sampler said of itself.
    """

    model: Model
    pooling: Pooling
    draws: Posterior
    diagnostics: Diagnostics

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

    @cached_property
    def _reported(self) -> Mapping[str, NDArray[np.float64]]:
        flat = self.draws.flat()
        named = {name: flat[:, :, k] for k, name in enumerate(self.draws.names)}
        return self.model.parameters(NUMPY, named)

    @property
    def parameters(self) -> Mapping[str, NDArray[np.float64]]:
        """Reported parameters by name, each of shape (n_draws, n_groups)."""
        seen = len(self.groups)
        return {name: values[:, :seen] for name, values in self._reported.items()}

    @property
    def population(self) -> Mapping[str, NDArray[np.float64]]:
        """Reported parameters of a group not seen, each of shape (n_draws,).

        Drawn from the population of groups, so they carry both how uncertain it is and
        how much groups differ. Empty unless pooling is partial.
        """
        if self.draws.new is None:
            return {}
        return {name: values[:, -1] for name, values in self._reported.items()}

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

    def group_index(
        self, history: PurchaseHistory, *, unseen: Unseen = "error"
    ) -> NDArray[np.intp]:
        """Return the group of each row of a history, of shape (n_rows,).

        Args:
            history: With the group columns that the fit was made with.
            unseen: What to do with a group that the fit did not see: refuse it, or
                forecast it from the population (its index is then ``len(groups)``).

        Raises:
            DataError: If a group column is missing, or a group was not seen.
            ConfigError: If the population is asked for and pooling was not partial.
        """
        labels = group_labels(history, self.pooling)
        known = np.asarray(self.groups)
        place = np.searchsorted(known, labels).clip(max=len(known) - 1)
        strange = known[place] != labels
        if not strange.any():
            return place.astype(np.intp)
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
        return np.where(strange, len(known), place).astype(np.intp)

    def at(self, group: NDArray[np.intp], draws: slice) -> Parameters:
        """Return the parameters of states, each of shape (n_states, n_draws of the slice)."""
        return {name: values[draws].T[group] for name, values in self._reported.items()}

    def _distinct(
        self, history: PurchaseHistory, unseen: Unseen, *, spend: bool
    ) -> tuple[DistinctStates, NDArray[np.intp]]:
        """Return the states of a history and the group of each; errors name all its rows."""
        distinct = history.distinct(spend=spend)
        group = np.empty(len(distinct.count), dtype=np.intp)
        group[distinct.index] = self.group_index(history, unseen=unseen)
        return distinct, group

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
        """Return draws of each row's expected purchases within ``horizon`` from now."""
        distinct, group = self._states(history, unseen)
        length = np.asarray(horizon.to(self.unit))

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, states)
            return self.model.expected_purchases(self.at(group[states], draws), state, length)

        return Draws(evaluate, distinct.index, len(group), self.n_draws, "expected purchases")

    def prob_alive(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> ProbAlive:
        """Return draws of the probability that each row's customer has not dropped out."""
        distinct, group = self._states(history, unseen)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, states)
            return self.model.prob_alive(self.at(group[states], draws), state)

        return ProbAlive(evaluate, distinct.index, len(group), self.n_draws, "P(alive)")

    def log_likelihood(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of the log-likelihood of each row's purchases."""
        distinct, group = self._states(history, unseen)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = purchase_state(distinct.states, states)
            values = self.model.loglik(NUMPY, self.at(group[states], draws), state)
            return np.asarray(values, dtype=np.float64)

        return RowDraws(evaluate, distinct.index, len(group), self.n_draws, "log-likelihood")

    def _states(
        self, history: PurchaseHistory, unseen: Unseen
    ) -> tuple[DistinctStates, NDArray[np.intp]]:
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
        distinct, group = self._distinct(history, unseen, spend=True)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            state = spend_state(distinct.states, states)
            return self.model.expected_value(self.at(group[states], draws), state)

        return RowDraws(evaluate, distinct.index, len(group), self.n_draws, "value per purchase")

    def log_likelihood(self, history: PurchaseHistory, *, unseen: Unseen = "error") -> RowDraws:
        """Return draws of the log-likelihood of each row's spend; 0 without repeat purchases."""
        distinct, group = self._distinct(history, unseen, spend=True)

        def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
            frequency, mean = spend_state(distinct.states, states)
            bought = frequency > 0
            state = SpendState(np.where(bought, frequency, 1.0), np.where(bought, mean, 1.0))
            values = self.model.loglik(NUMPY, self.at(group[states], draws), state)
            return np.where(bought, np.asarray(values, dtype=np.float64), 0.0)

        return RowDraws(evaluate, distinct.index, len(group), self.n_draws, "log-likelihood")


def group_labels(history: PurchaseHistory, pooling: Pooling) -> NDArray[np.str_]:
    """Return the group label of each row: combined by ``|`` where there are several columns.

    Raises:
        DataError: If the history has no such group column.
    """
    if pooling.kind is PoolingKind.COMPLETE:
        return np.full(len(history), "")
    for name in pooling.by:
        if name not in history.groups:
            has = ", ".join(history.groups) or "none"
            hint = f'log.history(by="{name}") or history.with_group("{name}", values)'
            problem = f"the history has no such group column; it has: {has}"
            raise DataError(problem, column=name, hint=hint)
    columns = [np.asarray(history.groups[name]).astype(str) for name in pooling.by]
    labels = columns[0]
    for column in columns[1:]:
        labels = np.char.add(np.char.add(labels, "|"), column)
    return labels


def purchase_state(states: PurchaseHistory, rows: slice) -> PurchaseState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws."""
    return PurchaseState(
        *(
            column[rows, None].astype(np.float64)
            for column in (states.frequency, states.recency, states.T)
        )
    )


def spend_state(states: PurchaseHistory, rows: slice) -> SpendState:
    """Return states as columns of shape (n_states, 1), to broadcast against draws."""
    return SpendState(
        states.frequency[rows, None].astype(np.float64), states.monetary_value[rows, None]
    )
