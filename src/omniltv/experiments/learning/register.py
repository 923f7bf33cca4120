"""A register of measurements, and what they teach together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._columns import labels, require
from omniltv._frames import IntoTable, Tabular, collect
from omniltv._options import Level, Seed, checked
from omniltv.errors import DataError
from omniltv.experiments.learning._cell_table import CellTable
from omniltv.experiments.learning._crossed import CrossedModel, Factor, factor
from omniltv.experiments.learning.cells import (
    PooledEffects,
    PoolingPrior,
    distinct,
    summed_up,
)
from omniltv.experiments.result import Lift

__all__ = ["Register"]

_WHAT = "the register"
_PRIOR = PoolingPrior()
_KEYS = ("measurement", "treatment", "tier", "channel")
_NUMBERS = ("estimate", "standard_error", "control_mean")
_REST = ("n", "control_n", "end", "decision")


@checked
@dataclass(frozen=True, eq=False)
class Register(Tabular):
    """Measurements of treatments: what was found, when, and what was decided.

    Attributes:
        rows: One row per measurement, treatment, tier and channel: these four columns,
            ``estimate``, ``standard_error`` and ``control_mean`` in value per contacted
            customer, ``n``, ``control_n``, ``end`` and ``decision``, and any other columns of
            the table.

    Examples:
        >>> register = Register.read(pd.DataFrame({
        ...     "measurement": ["spring", "autumn"], "treatment": ["mail", "mail"],
        ...     "tier": ["high", "high"], "channel": ["ec", "ec"],
        ...     "estimate": [12.0, 2.0], "standard_error": [4.0, 4.0],
        ...     "control_mean": [100.0, 100.0]}))
        >>> found = register.learnings(seed=1)
        >>> found.to_frame()[["treatment", "tier", "channel"]].values.tolist()
        [['mail', 'high', 'ec']]
    """

    rows: pd.DataFrame

    @classmethod
    def empty(cls) -> Self:
        """Return a register without measurements.

        Examples:
            >>> len(Register.empty().rows)
            0
        """
        return cls(pd.DataFrame({name: [] for name in (*_KEYS, *_NUMBERS, *_REST)}))

    @classmethod
    def read(cls, frame: IntoTable) -> Self:
        """Return a register from a table.

        Raises:
            DataError: If a column is absent, a label is missing, numbers are not as described,
                or a measurement has the same treatment, tier and channel twice.

        Examples:
            >>> Register.read(Register.empty().to_frame()).rows.empty
            True
        """
        table = collect(frame, _WHAT)
        require(table.columns, [*_KEYS, *_NUMBERS], _WHAT)
        read = CellTable.read(table, _KEYS, what=_WHAT)
        row = np.arange(len(table)).astype(object)
        missing = np.isnan(read.estimate)
        if missing.any():
            raise DataError("not measured", column="estimate", rows=list(row[missing]))
        plain = pd.DataFrame({**read.cells})
        again = plain.duplicated().to_numpy()
        if again.any():
            hint = "one row per measurement, treatment, tier and channel"
            raise DataError("repeated rows", column="measurement", rows=list(row[again]), hint=hint)
        numbers = {
            "estimate": read.estimate,
            "standard_error": read.error,
            "control_mean": read.baseline,
        }
        others = [name for name in table.columns if name not in {*_KEYS, *_NUMBERS}]
        rest = dict.fromkeys(_REST) | {name: table[name].to_list() for name in others}
        return cls(plain.assign(**numbers, **rest))

    def add(
        self,
        lift: Lift,
        *,
        measurement: str,
        end: date,
        decision: str,
        channel: str = "all",
        by: str = "tier",
    ) -> Self:
        """Return a register with the results of one experiment.

        The arms are the treatments. If the lift has groups of the column ``by``, each is a row.
        Otherwise, the result over all customers is the row of the tier "all".

        Args:
            lift: The result.
            measurement: Name of the experiment.
            end: Day on which the measurement ended.
            decision: What was decided.
            channel: Channel of the contacts.
            by: Column whose groups are the tiers.

        Raises:
            DataError: If the estimate was withheld, a control mean is not positive, or the
                measurement is in the register already.

        Examples:
            >>> from omniltv.experiments import Assignment, difference
            >>> table = pd.DataFrame({"customer_id": range(6), "arm": ["a", "b"] * 3,
            ...                       "value": [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]})
            >>> found = difference(table, Assignment.from_frame(table), control="a")
            >>> register = Register.empty().add(found, measurement="spring",
            ...                                 end=date(2026, 4, 30), decision="go on")
            >>> register.rows[["treatment", "tier", "estimate"]].values.tolist()
            [['b', 'all', 3.0]]
        """
        chosen = [row for row in lift.rows if row.by == by] or [
            row for row in lift.rows if not row.by
        ]
        fresh = pd.DataFrame(
            {
                "measurement": measurement,
                "treatment": [row.arm for row in chosen],
                "tier": [row.group or "all" for row in chosen],
                "channel": channel,
                "estimate": [row.estimate for row in chosen],
                "standard_error": [row.standard_error for row in chosen],
                "control_mean": [row.control_mean for row in chosen],
                "n": [row.n for row in chosen],
                "control_n": [row.control_n for row in chosen],
                "end": end.isoformat(),
                "decision": decision,
            }
        )
        known = [self.rows] if len(self.rows) else []
        return type(self).read(pd.concat([*known, fresh], ignore_index=True))

    def learnings(
        self, *, prior: PoolingPrior = _PRIOR, level: Level = 0.95, seed: Seed = 0
    ) -> PooledEffects:
        """Return what all measurements together say about each treatment, tier and channel.

        The measurement that looked best was probably also lucky (the winner's curse). So the
        effects are pooled: over treatments, over the tiers and channels of a treatment, and
        over repetitions of the same cell. The interval is that of the effect in the next
        repetition, and includes how much repetitions differ.

        Args:
            prior: What is believed beforehand.
            level: Level of the intervals.
            seed: Seed of the integration and of the draws.

        Raises:
            DataError: If the register is empty.
            ConfigError: If there are too many measurements to pool at once.

        Examples:
            >>> rows = pd.DataFrame({
            ...     "measurement": ["one", "two"], "treatment": ["mail", "call"],
            ...     "tier": "high", "channel": "ec", "estimate": [12.0, 0.0],
            ...     "standard_error": [6.0, 6.0], "control_mean": [100.0, 100.0]})
            >>> found = Register.read(rows).learnings(seed=1)
            >>> bool(found.effect[1] < 12.0)
            True
        """
        if self.rows.empty:
            raise DataError("an empty register", column="measurement", hint="register.add(lift)")
        table = collect(self.rows, _WHAT)
        read = CellTable.read(table, _KEYS, what=_WHAT)
        cells = self.rows.groupby(list(_KEYS[1:]), sort=True)["control_mean"].mean().reset_index()
        row, read_cells = np.arange(len(cells)).astype(object), collect(cells, _WHAT)
        wanted = {name: labels(read_cells, name, _WHAT, ids=row) for name in _KEYS[1:]}
        groupings = [("treatment",), ("treatment", "tier"), ("treatment", "channel"), _KEYS[1:]]
        factors = [
            factor(" x ".join(names), [read.cells[n] for n in names], [wanted[n] for n in names])
            for names in groupings
        ]
        repetition = _repetitions(len(table), len(cells))
        model = CrossedModel(
            read.estimate,
            1.0 / read.error**2,
            read.baseline,
            distinct([*factors, repetition]),
            mean_sd=prior.mean,
            spread=prior.spread,
            seed=seed,
        )
        return summed_up(model, wanted, cells["control_mean"].to_numpy(dtype=np.float64), level)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of the register.

        Examples:
            >>> list(Register.empty().columns())[:3]
            ['measurement', 'treatment', 'tier']
        """
        return {name: self.rows[name].to_numpy() for name in self.rows.columns}

    def __repr__(self) -> str:
        names = self.rows["measurement"].nunique()
        return f"Register({len(self.rows):,} rows of {names:,} measurements)"


def _repetitions(n: int, wanted: int) -> Factor:
    """Return a deviation of each measurement, and a new one of each wanted cell."""
    return Factor("repetition", np.arange(n), np.arange(n, n + wanted))
