"""Treatments that are tried while they are used: Thompson sampling per tier and channel."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import pandas as pd
from annotated_types import Interval
from numpy.typing import NDArray

from omniltv._columns import labels, numbers, read_ids
from omniltv._frames import Eager, IntoTable, Table, Tabular, collect
from omniltv._options import Seed, checked
from omniltv.errors import ConfigError, DataError
from omniltv.experiments._hashing import uniform
from omniltv.experiments.assignment import refuse_repeated
from omniltv.experiments.learning._crossed import CrossedModel, factor
from omniltv.experiments.learning.cells import N_DRAWS, PoolingPrior, distinct

__all__ = ["Thompson", "TreatmentShares"]

type Floor = Annotated[float, Interval(ge=0, lt=1)]

_PRIOR = PoolingPrior()
_HISTORY = "the table of outcomes"
_CUSTOMERS = "the table of customers"
_TWO = 2
_SHRUNK = 10.0
_LEAST_LEVEL = 0.05


@checked
@dataclass(frozen=True)
class Thompson:
    """Thompson sampling (Thompson 1933, Biometrika 25, 285-294) with a floor of exploration.

    In every cell (such as tier x channel), a treatment is given with the probability that it is
    the best there, as far as the outcomes show. Cells borrow from each other as in
    `pool_effects`, so a small tier learns from the others. Doing nothing is a treatment, too:
    name it among the treatments.

    Attributes:
        treatments: The treatments, at least two.
        by: Columns whose combinations are the cells.
        floor: Least probability of each treatment in each cell.
        prior: What is believed about relative effects beforehand.

    Examples:
        >>> history = pd.DataFrame({"tier": ["high"] * 200, "treatment": ["none", "mail"] * 100,
        ...                         "value": [10.0, 14.0, 12.0, 15.0] * 50})
        >>> bandit = Thompson(treatments=("none", "mail"), by=("tier",), floor=0.1)
        >>> bandit.shares(history, seed=1).share_of("mail").round(2).tolist()
        [0.9]
    """

    treatments: tuple[str, ...]
    by: tuple[str, ...] = ("tier", "channel")
    floor: Floor = 0.05
    prior: PoolingPrior = _PRIOR

    def __post_init__(self) -> None:
        if len(set(self.treatments)) < max(len(self.treatments), _TWO):
            raise ConfigError("treatments are two different names at least")
        if not self.by or len(set(self.by)) < len(self.by) or "treatment" in self.by:
            raise ConfigError("by= names the columns of the cells. Hint: by=('tier', 'channel')")
        if self.floor * len(self.treatments) > 1.0:
            most = 1.0 / len(self.treatments)
            raise ConfigError(f"floor is {self.floor:g}, at most {most:g} for these treatments")

    def shares(
        self, history: IntoTable, *, cells: IntoTable | None = None, seed: Seed = 0
    ) -> "TreatmentShares":
        """Return the probability of each treatment in each cell.

        Args:
            history: One row per assigned customer and round: ``treatment``, the columns of the
                cells and ``value``, measured over a window that is the same for all. Outcomes
                that are not complete yet have no value: they are counted and not used, since
                half a window is no outcome.
            cells: Cells that need shares and may be absent from the history: the columns of
                the cells. Only those of the history if None.
            seed: Seed of the draws.

        Raises:
            DataError: If a column is absent, a label is missing, a treatment is unknown, or the
                mean value of all outcomes is not positive.

        Examples:
            >>> new = pd.DataFrame({"tier": ["high", "general"]})
            >>> none = pd.DataFrame({"tier": [], "treatment": [], "value": []})
            >>> Thompson(treatments=("none", "mail"), by=("tier",)).shares(none, cells=new)
                tier treatment  share
             general      none    0.5
             general      mail    0.5
                high      none    0.5
                high      mail    0.5
            pending outcomes: 0
        """
        seen = _Outcomes.read(collect(history, _HISTORY), self)
        known = self._cells(seen, cells)
        best = self._best(seen, known, seed)
        share = self.floor + (1.0 - self.floor * len(self.treatments)) * best
        return TreatmentShares(known, self.treatments, share, seen.pending)

    def _cells(self, seen: "_Outcomes", cells: IntoTable | None) -> dict[str, NDArray[np.str_]]:
        frames = [pd.DataFrame(seen.cells)]
        if cells is not None:
            table = collect(cells, "the table of cells")
            frames.append(pd.DataFrame(_labels(table, self.by, "the table of cells")))
        joined = pd.concat(frames, ignore_index=True).drop_duplicates().sort_values([*self.by])
        return {name: joined[name].to_numpy(dtype=np.str_) for name in self.by}

    def _best(
        self, seen: "_Outcomes", known: Mapping[str, NDArray[np.str_]], seed: int
    ) -> NDArray[np.float64]:
        """Return the probability that each treatment is the best, (n_cells, n_treatments)."""
        n_cells, n = len(next(iter(known.values()))), len(self.treatments)
        if not len(seen.value) or self.floor * n == 1.0:
            return np.full((n_cells, n), 1.0 / n)
        draws = self._model(seen, known, seed).integrate(n_draws=N_DRAWS).draws
        first = draws.reshape(n_cells, n, -1).argmax(axis=1)
        return np.stack([(first == k).mean(axis=1) for k in range(n)], axis=1)

    def _model(
        self, seen: "_Outcomes", known: Mapping[str, NDArray[np.str_]], seed: int
    ) -> CrossedModel:
        """Return the pooled model of the relative outcome in each cell under each treatment."""
        n_cells, n = len(next(iter(known.values()))), len(self.treatments)
        wanted = {name: np.repeat(own, n) for name, own in known.items()}
        wanted["treatment"] = np.tile(np.asarray(self.treatments), n_cells)
        mean, error, met = seen.summed(self.by)
        groups = [("treatment",), self.by, *(("treatment", name) for name in self.by)]
        groups.append(("treatment", *self.by))
        factors = [
            factor(" x ".join(names), [met[k] for k in names], [wanted[k] for k in names])
            for names in groups
        ]
        return CrossedModel(
            mean - 1.0,
            1.0 / error**2,
            np.ones(len(mean)),
            distinct(factors),
            mean_sd=self.prior.mean,
            spread=self.prior.spread,
            seed=seed,
        )


@checked
@dataclass(frozen=True, eq=False, repr=False)
class TreatmentShares(Tabular):
    """The probability of each treatment in each cell; created by `Thompson.shares`.

    Attributes:
        cells: Labels of each cell by column, each of shape (n_cells,).
        treatments: The treatments.
        share: Probabilities, of shape (n_cells, n_treatments); rows add up to 1.
        pending: Outcomes that are not complete.

    Examples:
        >>> none = pd.DataFrame({"tier": [], "treatment": [], "value": []})
        >>> tiers = pd.DataFrame({"tier": ["high"]})
        >>> shares = Thompson(treatments=("none", "mail"), by=("tier",)).shares(none, cells=tiers)
        >>> shares.share.tolist()
        [[0.5, 0.5]]
    """

    cells: Mapping[str, NDArray[np.str_]]
    treatments: tuple[str, ...]
    share: NDArray[np.float64]
    pending: int

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per cell and treatment: its labels, ``treatment`` and ``share``.

        Examples:
            >>> none = pd.DataFrame({"tier": [], "treatment": [], "value": []})
            >>> tiers = pd.DataFrame({"tier": ["high"]})
            >>> bandit = Thompson(treatments=("none", "mail"), by=("tier",))
            >>> list(bandit.shares(none, cells=tiers).columns())
            ['tier', 'treatment', 'share']
        """
        n = len(self.treatments)
        labelled = {name: np.repeat(own, n) for name, own in self.cells.items()}
        names = np.tile(np.asarray(self.treatments), len(self.share))
        return {**labelled, "treatment": names, "share": self.share.ravel()}

    def share_of(self, treatment: str) -> NDArray[np.float64]:
        """Return the probability of a treatment in each cell, of shape (n_cells,).

        Raises:
            ConfigError: If there is no such treatment.

        Examples:
            >>> none = pd.DataFrame({"tier": [], "treatment": [], "value": []})
            >>> tiers = pd.DataFrame({"tier": ["high"]})
            >>> bandit = Thompson(treatments=("none", "mail"), by=("tier",))
            >>> bandit.shares(none, cells=tiers).share_of("mail").tolist()
            [0.5]
        """
        if treatment not in self.treatments:
            raise ConfigError(f"no such treatment. Hint: one of {', '.join(self.treatments)}")
        return self.share[:, self.treatments.index(treatment)]

    def assign(self, customers: IntoTable, *, salt: str) -> pd.DataFrame:
        """Return the treatment of each customer, and the probability with which it was drawn.

        The draw is a salted hash of the id, as in `assign`. Keep the table: the probabilities
        are what `policy_value` needs.

        Args:
            customers: One row per customer: ``customer_id`` and the columns of the cells.
            salt: Name of the round, such as "push 2026-11".

        Raises:
            DataError: If an id or a label is missing, an id is repeated, or a cell has no shares.
            ConfigError: If the salt is empty.

        Examples:
            >>> none = pd.DataFrame({"tier": [], "treatment": [], "value": []})
            >>> people = pd.DataFrame({"customer_id": [1, 2, 3], "tier": "high"})
            >>> bandit = Thompson(treatments=("none", "mail"), by=("tier",))
            >>> bandit.shares(none, cells=people).assign(people, salt="round 1")
               customer_id  tier treatment  propensity
            0            1  high      mail         0.5
            1            2  high      none         0.5
            2            3  high      none         0.5
        """
        if not salt:
            raise ConfigError("an empty salt. Hint: salt='name of the round'")
        table = collect(customers, _CUSTOMERS)
        ids = read_ids(table, "customer_id", _CUSTOMERS)
        refuse_repeated(ids, "customer_id")
        own = _labels(table, list(self.cells), _CUSTOMERS, ids)
        cell = self._cell_of(own, ids)
        edges = np.cumsum(self.share, axis=1)[cell]
        place = uniform(ids.tolist(), salt)
        drawn = np.minimum((place[:, None] >= edges).sum(axis=1), len(self.treatments) - 1)
        return pd.DataFrame(
            {
                "customer_id": ids,
                **own,
                "treatment": np.asarray(self.treatments)[drawn],
                "propensity": self.share[cell, drawn],
            }
        ).infer_objects()

    def _cell_of(
        self, own: Mapping[str, NDArray[np.str_]], ids: NDArray[np.object_]
    ) -> NDArray[np.intp]:
        keys = pd.MultiIndex.from_arrays(list(self.cells.values()))
        place = keys.get_indexer(pd.MultiIndex.from_arrays(list(own.values())))
        if (place < 0).any():
            hint = "shares(history, cells=customers)"
            rows = list(ids[place < 0])
            raise DataError("cells without shares", column=", ".join(own), rows=rows, hint=hint)
        return place

    def __repr__(self) -> str:
        return f"{Table(self.columns())!r}\npending outcomes: {self.pending:,}"


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Complete outcomes.

    Attributes:
        cells: Labels of each row by column.
        treatment: Treatment of each row.
        value: Outcomes.
        pending: Rows without an outcome, which are left out.
    """

    cells: Mapping[str, NDArray[np.str_]]
    treatment: NDArray[np.str_]
    value: NDArray[np.float64]
    pending: int

    @classmethod
    def read(cls, table: Eager, bandit: Thompson) -> Self:
        row = np.arange(len(table)).astype(object)
        read = _labels(table, [*bandit.by, "treatment"], _HISTORY)
        value = numbers(table, "value", _HISTORY, ids=row, allow_missing=True)
        unknown = ~np.isin(read["treatment"], bandit.treatments)
        if unknown.any():
            hint = f"one of {', '.join(bandit.treatments)}"
            rows = list(row[unknown])
            raise DataError("unknown treatments", column="treatment", rows=rows, hint=hint)
        done = ~np.isnan(value)
        treatment = read.pop("treatment")[done]
        cells = {name: own[done] for name, own in read.items()}
        return cls(cells, treatment, value[done], int((~done).sum()))

    def summed(
        self, by: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, NDArray[np.str_]]]:
        """Return the mean of each treatment relative to its cell, its error, its labels.

        Cells differ in level, such as tiers in value, so effects are compared as shares of the
        level: the mean of the cell's outcomes, and of `_SHRUNK` outcomes that are average. The
        spread within a cell is that of all its outcomes, so a treatment with few of them has an
        honest error; a cell of one outcome has the spread of all cells.
        """
        frame = pd.DataFrame({**self.cells, "treatment": self.treatment, "value": self.value})
        overall = float(self.value.mean())
        if overall <= 0:
            hint = "values that are positive on average, such as margin before costs"
            raise DataError("the mean outcome is not positive", column="value", hint=hint)
        within = frame.groupby(list(by), sort=True)["value"].transform("std")
        frame["variance"] = within.fillna(frame["value"].std()).fillna(overall) ** 2
        of_cell = frame.groupby(list(by), sort=True)["value"]
        number = of_cell.transform("size")
        shrunk = (of_cell.transform("sum") + _SHRUNK * overall) / (number + _SHRUNK)
        frame["level"] = np.maximum(shrunk, _LEAST_LEVEL * overall)
        floor = max((1e-3 * overall) ** 2, 1e-300)
        found = (
            frame.groupby([*by, "treatment"], sort=True)
            .agg(
                mean=("value", "mean"),
                variance=("variance", "mean"),
                n=("value", "size"),
                level=("level", "mean"),
            )
            .reset_index()
        )
        variance = np.maximum(found["variance"].to_numpy(dtype=np.float64), floor)
        level = found["level"].to_numpy(dtype=np.float64)
        error = np.sqrt(variance / found["n"].to_numpy(dtype=np.float64)) / level
        met = {name: found[name].to_numpy(dtype=np.str_) for name in (*by, "treatment")}
        return found["mean"].to_numpy(dtype=np.float64) / level, error, met


def _labels(
    table: Eager,
    names: Iterable[str],
    what: str,
    ids: NDArray[np.object_] | None = None,
) -> dict[str, NDArray[np.str_]]:
    row = np.arange(len(table)).astype(object) if ids is None else ids
    return {name: labels(table, name, what, ids=row) for name in names}
