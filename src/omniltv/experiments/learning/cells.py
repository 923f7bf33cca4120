"""Effects in cells, such as channel x tier, that borrow from each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from omniltv._frames import IntoTable, Table, Tabular, collect
from omniltv._options import Level, Positive, Seed, checked
from omniltv.errors import ConfigError, DataError
from omniltv.experiments.learning._cell_table import CellTable
from omniltv.experiments.learning._crossed import CrossedModel, Factor, factor

__all__ = ["N_DRAWS", "PooledEffects", "PoolingPrior", "pool_effects"]

N_DRAWS = 4_000
_WHAT = "the table of effects"
_TWO = 2


@checked
@dataclass(frozen=True)
class PoolingPrior:
    """What is believed about relative effects before anything is measured.

    Attributes:
        mean: Standard deviation of the mean relative effect around 0.
        spread: Scale of the half-Normal priors of the standard deviations between levels:
            between tiers, between channels, and so on.

    Examples:
        >>> PoolingPrior()
        PoolingPrior(mean=0.5, spread=0.2)
    """

    mean: Positive = 0.5
    spread: Positive = 0.2


_PRIOR = PoolingPrior()


@checked
@dataclass(frozen=True, eq=False, repr=False)
class PooledEffects(Tabular):
    """Effects per cell after partial pooling; created by `pool_effects` and `Register.learnings`.

    Attributes:
        cells: Labels of each cell by column, each of shape (n_cells,).
        effect: Posterior mean of the effect, in the unit of the estimates.
        sd: Its posterior standard deviation.
        low: Lower end of the interval.
        high: Upper end.
        baseline: What a relative effect of 1 is worth.
        level: Level of the intervals.
        spread: Posterior mean of the standard deviation between the levels of each factor, as
            a relative effect.
        draws: Draws of the effects, of shape (n_cells, n_draws).

    Examples:
        >>> cells = pd.DataFrame({"tier": ["high", "general"], "estimate": [30.0, 1.0],
        ...                       "standard_error": [20.0, 1.0], "control_mean": [100.0, 20.0]})
        >>> found = pool_effects(cells, by="tier", seed=1)
        >>> bool(found.sd[0] < 20.0)
        True
    """

    cells: Mapping[str, NDArray[np.str_]]
    effect: NDArray[np.float64]
    sd: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    baseline: NDArray[np.float64]
    level: Level
    spread: Mapping[str, float]
    draws: NDArray[np.float64]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per cell: its labels, effect, sd, interval and relative effect.

        Examples:
            >>> cells = pd.DataFrame({"tier": ["a", "b"], "estimate": [3.0, 1.0],
            ...                       "standard_error": [2.0, 1.0], "control_mean": [10.0, 20.0]})
            >>> list(pool_effects(cells, by="tier", seed=1).columns())
            ['tier', 'effect', 'sd', 'low', 'high', 'relative']
        """
        return {
            **self.cells,
            "effect": self.effect,
            "sd": self.sd,
            "low": self.low,
            "high": self.high,
            "relative": self.effect / self.baseline,
        }

    def effects(self, treatment: str | None = None) -> pd.DataFrame:
        """Return the table that plans of contacts read: treatment, tier, channel, effect, sd.

        Args:
            treatment: Name of the treatment if the cells do not have one.

        Raises:
            ConfigError: If the cells have no treatment and none is named.

        Examples:
            >>> cells = pd.DataFrame({"tier": ["a", "b"], "estimate": [3.0, 1.0],
            ...                       "standard_error": [2.0, 1.0], "control_mean": [10.0, 20.0]})
            >>> pool_effects(cells, by="tier", seed=1).effects("mail").columns.tolist()
            ['treatment', 'tier', 'effect', 'sd']
        """
        known: dict[str, object] = dict(self.cells)
        if treatment is not None:
            known["treatment"] = treatment
        if "treatment" not in known:
            raise ConfigError("the cells have no treatment. Hint: effects('mail')")
        labelled = {name: known[name] for name in _BORDER if name in known}
        return pd.DataFrame({**labelled, "effect": self.effect, "sd": self.sd})

    def __repr__(self) -> str:
        spread = ", ".join(f"{name} {sd:.1%}" for name, sd in self.spread.items())
        return f"{Table(self.columns())!r}\nsd of relative effects between levels: {spread}"


_BORDER = ("treatment", "tier", "channel")


@checked
def pool_effects(
    estimates: IntoTable,
    *,
    by: str | Sequence[str],
    covariance: ArrayLike | None = None,
    prior: PoolingPrior = _PRIOR,
    level: Level = 0.95,
    seed: Seed = 0,
) -> PooledEffects:
    """Return effects per cell that borrow from the other cells.

    An effect is the cell's control mean times a relative effect. Relative effects are a mean
    plus one deviation per level of each column (additive) plus one of the cell itself. How far
    each varies is learnt. Cells with little data move towards what their tier and their channel
    have in common. Cells without data are predicted.

    Args:
        estimates: One row per cell: the columns ``by``, and ``estimate``, ``standard_error`` and
            ``control_mean`` as `Lift.to_frame` has them. A cell without estimate and standard
            error was not measured; it needs a control mean.
        by: Columns whose combinations are the cells.
        covariance: Covariance of the estimates, of shape (n_cells, n_cells), if they are not
            independent, as the parts of one outcome are; replaces the standard errors.
        prior: What is believed beforehand.
        level: Level of the intervals.
        seed: Seed of the integration and of the draws.

    Raises:
        DataError: If a column is absent, a label is missing, a cell occurs twice, or numbers
            are not as described.
        ConfigError: If no cell was measured, there are too many cells, or the covariance has
            another shape or is not positive definite.

    Examples:
        >>> cells = pd.DataFrame({
        ...     "tier": ["high", "high", "general", "general"],
        ...     "channel": ["store", "ec", "store", "ec"],
        ...     "estimate": [12.0, 9.0, 2.1, float("nan")],
        ...     "standard_error": [6.0, 3.0, 0.8, float("nan")],
        ...     "control_mean": [100.0, 80.0, 20.0, 15.0],
        ... })
        >>> found = pool_effects(cells, by=["tier", "channel"], seed=1)
        >>> bool(abs(found.effect[3] / 15.0 - 0.1) < 0.05), bool(found.sd[3] > found.sd[2])
        (True, True)
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names:
        raise ConfigError("by= names no column. Hint: by=['tier', 'channel']")
    read = CellTable.read(collect(estimates, _WHAT), names, what=_WHAT)
    columns = list(read.cells.values())
    cell = factor("cell", columns, columns)
    _refuse_twice(cell.code)
    seen = ~np.isnan(read.estimate)
    if not seen.any():
        raise ConfigError("no cell was measured. Hint: estimate and standard_error of one at least")
    mains = [factor(name, [own], [own]) for name, own in read.cells.items()]
    factors = [Factor(own.name, own.code[seen], own.wanted) for own in distinct([*mains, cell])]
    model = CrossedModel(
        read.estimate[seen],
        _precision(read.error, covariance, seen),
        read.baseline[seen],
        factors,
        mean_sd=prior.mean,
        spread=prior.spread,
        seed=seed,
    )
    return summed_up(model, read.cells, read.baseline, level)


def distinct(factors: Sequence[Factor]) -> list[Factor]:
    """Return the factors that group in different ways and have two levels at least.

    Examples:
        >>> tier = factor("tier", [np.array(["a", "b"])], [np.array(["a", "b"])])
        >>> [own.name for own in distinct([tier, tier._replace(name="cell")])]
        ['tier']
    """
    found: dict[bytes, Factor] = {}
    for own in factors:
        code, names = pd.factorize(np.concatenate([own.code, own.wanted]))
        if len(names) >= _TWO or len(factors) == 1:
            found.setdefault(code.tobytes(), own)
    return list(found.values()) or list(factors[-1:])


def summed_up(
    model: CrossedModel,
    cells: Mapping[str, NDArray[np.str_]],
    baseline: NDArray[np.float64],
    level: float,
) -> PooledEffects:
    """Return the posterior of a model as effects in the unit of the estimates."""
    found = model.integrate(n_draws=N_DRAWS)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(found.draws, [tail, 1.0 - tail], axis=1) * baseline
    return PooledEffects(
        cells=cells,
        effect=found.mean * baseline,
        sd=found.sd * baseline,
        low=low,
        high=high,
        baseline=baseline,
        level=level,
        spread=found.spread,
        draws=found.draws * baseline[:, None],
    )


def _refuse_twice(code: NDArray[np.intp]) -> None:
    _, first, count = np.unique(code, return_inverse=True, return_counts=True)
    again = np.flatnonzero(count[first] > 1)
    if len(again):
        hint = "repeated measurements belong in a Register"
        raise DataError("cells that occur twice", column="by", rows=again.tolist(), hint=hint)


def _precision(
    error: NDArray[np.float64], covariance: ArrayLike | None, seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the inverse covariance of the measured cells."""
    if covariance is None:
        return 1.0 / error[seen] ** 2
    given = np.asarray(covariance, dtype=np.float64)
    if given.shape != (len(error), len(error)):
        raise ConfigError(
            f"covariance has shape {given.shape}. Hint: ({len(error)}, {len(error)}), as the rows"
        )
    part = given[np.ix_(seen, seen)]
    try:
        np.linalg.cholesky(part)
    except np.linalg.LinAlgError:
        hint = "a symmetric matrix with positive eigenvalues"
        raise ConfigError(f"covariance is not positive definite. Hint: {hint}") from None
    return np.linalg.inv(part)
