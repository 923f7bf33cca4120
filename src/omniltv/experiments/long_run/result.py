"""The long-run lift by several methods, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Vector
from omniltv._frames import Tabular
from omniltv._options import checked
from omniltv.errors import ConfigError
from omniltv.experiments.long_run.protocol import LongRunDraws
from omniltv.experiments.result import Lift, LiftRow

__all__ = ["LongRunLift", "LongRunRow"]

_PLAIN = ("standard_error", "low", "high", "relative", "relative_low", "relative_high",
          "control_mean", "n", "control_n", "p_value")  # fmt: skip


@checked
@dataclass(frozen=True, eq=False)
class LongRunRow:
    """The effect of one arm by one method, over all customers or one group.

    Attributes:
        row: Effect on discounted value per customer over the horizon.
        observed: Part of the estimate in the observed weeks; NaN if withheld.
        extrapolated: Part of the estimate beyond them.
        draws: The draws; None if the arms had too few customers or the estimate is withheld.

    Examples:
        >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 3, 3)
        >>> LongRunRow(row, 1.0, 2.0, None).extrapolated
        2.0
    """

    row: LiftRow
    observed: float
    extrapolated: float
    draws: LongRunDraws | None


@checked
@dataclass(frozen=True, eq=False)
class LongRunLift(Tabular):
    """Effects on discounted value over a horizon, by each method.

    Attributes:
        lifts: The `Lift` of each method, with findings and notes.
        rows: The rows of each method, in the same order.
        window: Observed weeks.
        horizon: Weeks in all.
        disagreements: Where two methods differ by more than their errors explain.
        interactions: Rows of the interactions of a factorial experiment by method, such as
            ``"mail x coupon"``: the lift of both less the lifts of each alone. Methods that do
            not estimate arms together have none.

    Examples:
        >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 3, 3)
        >>> lift = Lift("value", "weekly decay", "a", 0.95, (row,))
        >>> found = LongRunLift({"weekly decay": lift},
        ...                     {"weekly decay": (LongRunRow(row, 1.0, 2.0, None),)}, 8, 156)
        >>> found
        Long-run lift of value per customer against 'a': 8 weeks observed, 156 in all
          weekly decay: b              +3  95 % [0.7, 5.3]  observed +1, extrapolated +2  n 3 / 3
    """

    lifts: Mapping[str, Lift]
    rows: Mapping[str, tuple[LongRunRow, ...]]
    window: int
    horizon: int
    disagreements: tuple[str, ...] = ()
    interactions: Mapping[str, tuple[LongRunRow, ...]] = field(default_factory=dict)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per method, arm and group, then of the interactions.

        Examples:
            >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 3, 3)
            >>> lift = Lift("value", "weekly decay", "a", 0.95, (row,))
            >>> found = LongRunLift({"weekly decay": lift},
            ...                     {"weekly decay": (LongRunRow(row, 1.0, 2.0, None),)}, 8, 156)
            >>> list(found.columns())[:7]
            ['method', 'by', 'group', 'arm', 'estimate', 'observed', 'extrapolated']
        """
        named = [(name, one) for name in self.rows for one in self._all(name)]
        return {
            "method": np.array([name for name, _ in named]),
            **{key: np.array([getattr(one.row, key) for _, one in named])
               for key in ("by", "group", "arm", "estimate")},
            **{key: np.array([getattr(one, key) for _, one in named])
               for key in ("observed", "extrapolated")},
            **{key: np.array([getattr(one.row, key) for _, one in named]) for key in _PLAIN},
        }  # fmt: skip

    def draws(self, method: str, *, arm: str | None = None, group: str = "") -> Vector:
        """Return draws of the lift over the horizon, of shape (n_draws,).

        Args:
            method: Name of the method.
            arm: The arm, or an interaction; the only treated arm if None.
            group: The group; all customers if "".

        Raises:
            ConfigError: If there is no such row, there are several, or it was withheld.

        Examples:
            >>> row = LiftRow("", "", "b", 3.0, 0.8, 0.7, 5.3, 1.5, 0.2, 9.0, 5.0, 2.0, 3, 3)
            >>> lift = Lift("value", "weekly decay", "a", 0.95, (row,))
            >>> drawn = LongRunDraws(np.ones(2), np.ones(2), np.ones(2))
            >>> LongRunLift({"weekly decay": lift},
            ...             {"weekly decay": (LongRunRow(row, 1.0, 1.0, drawn),)},
            ...             8, 156).draws("weekly decay").tolist()
            [2.0, 2.0]
        """
        rows = self._all(method)
        found = [one for one in rows if one.row.group == group and arm in {None, one.row.arm}]
        if len(found) != 1 or found[0].draws is None:
            known = ", ".join(f"{one.row.arm} {one.row.group}".strip() for one in rows) or "none"
            hint = f"draws({next(iter(self.rows))!r}, arm=...)"
            raise ConfigError(f"{len(found)} rows with draws, there are: {known}. Hint: {hint}")
        return found[0].draws.total

    def __repr__(self) -> str:
        first = next(iter(self.lifts.values()))
        head = f"Long-run lift of value per customer against {first.control!r}"
        lines = [f"{head}: {self.window} weeks observed, {self.horizon} in all"]
        for name in self.rows:
            shown = [(f"{name}: {_where(one.row)}", self._numbers(one)) for one in self._all(name)]
            lines += [f"  {where:<28} {numbers}" for where, numbers in shown]
        notes = [note for lift in self.lifts.values() for note in lift.notes]
        lines += [f"  {finding}" for finding in first.findings]
        lines += [f"  disagreement: {said}" for said in self.disagreements]
        return "\n".join([*lines, *(f"  note: {note}" for note in dict.fromkeys(notes))])

    def _all(self, method: str) -> tuple[LongRunRow, ...]:
        return (*self.rows.get(method, ()), *self.interactions.get(method, ()))

    def _numbers(self, one: LongRunRow) -> str:
        first, row = next(iter(self.lifts.values())), one.row
        sizes = f"n {row.n:,} / {row.control_n:,}"
        if first.withheld:
            return f"withheld ({', '.join(first.withheld)})  {sizes}"
        interval = f"{100 * first.level:g} % [{row.low:,.4g}, {row.high:,.4g}]"
        parts = f"observed {one.observed:+,.4g}, extrapolated {one.extrapolated:+,.4g}"
        return f"{row.estimate:+,.4g}  {interval}  {parts}  {sizes}"


def _where(row: LiftRow) -> str:
    return f"{row.arm}, {row.by} {row.group}" if row.by else row.arm
