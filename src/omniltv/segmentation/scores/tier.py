"""The tier of a scheme as a column, computed by the engine that holds the customers."""

from collections.abc import Mapping
from math import inf
from typing import Literal, cast

import narwhals as nw
import numpy as np

from omniltv._config import Written
from omniltv._frames import EagerOrLazy
from omniltv._options import checked
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.conditions._order import PlacedValues, ordered
from omniltv.segmentation.conditions._tables import collected, kept
from omniltv.segmentation.conditions._values import Name, known, missing, number
from omniltv.segmentation.conditions.kind import Scope
from omniltv.segmentation.tiers._lines import TiedLine, warn_of_ties
from omniltv.segmentation.tiers.scheme import TierScheme
from omniltv.segmentation.tiers.tier import Cut, Tier

__all__ = ["SchemeTier"]

_LARGEST = float(np.finfo(np.float64).max)


@checked
class SchemeTier(Written):
    """The tier of each customer by a scheme, as a column of text.

    The tiers are those of `TierScheme.assign`. The customers stay in their engine, so millions
    of them in DuckDB or Polars need little memory. A scheme with a chance needs ``upper``,
    because draws are in memory; rules written in Python need `TierScheme.assign`.

    Attributes:
        version: Version of the form of this document.
        scheme: The scheme.
        name: Name of the column.

    Examples:
        >>> import polars as pl
        >>> from omniltv.segmentation.scores import scored
        >>> scheme = TierScheme(tiers=(
        ...     Tier(name="top", value_at_least=Cut(share=0.5)), Tier(name="rest")))
        >>> customers = pl.LazyFrame({"customer_id": ["a", "b"], "value": [3.0, 8.0]})
        >>> scored(customers, SchemeTier(scheme=scheme)).collect()["tier"].to_list()
        ['rest', 'top']
    """

    version: Literal[1] = 1
    scheme: TierScheme
    name: Name = "tier"

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the lines and conditions of the scheme."""
        found = {self.scheme.value}
        for tier in self.scheme.tiers:
            found |= tier.when.columns if tier.when is not None else set()
            found |= {self.scheme.realised} if tier.realised_below is not None else set()
            if tier.chance is not None and self.scheme.upper is not None:
                found |= {self.scheme.upper}
            for cut in (tier.value_at_least, tier.realised_below):
                found |= cut.among.columns if cut is not None and cut.among is not None else set()
        return frozenset(found)

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return the tier; lines that are shares are counted in the table.

        Raises:
            DataError: If a column is of the wrong type, or has missing or infinite numbers.
            ConfigError: If the scheme has rules in Python or needs draws, or has shares and
                the table is not known.

        Examples:
            >>> scheme = TierScheme(tiers=(
            ...     Tier(name="top", value_at_least=Cut(amount=5)), Tier(name="rest")))
            >>> list(SchemeTier(scheme=scheme).expressions(Scope({"value": nw.Float64()})))
            ['tier']
        """
        self._refuse_python()
        lines = _Lines(self.scheme, scope)
        *asking, rest = self.scheme.tiers
        tier: nw.Expr = nw.lit(rest.name)
        for one in reversed(asking):
            tier = nw.when(lines.met(one)).then(nw.lit(one.name)).otherwise(tier)
        return {self.name: tier}

    def _refuse_python(self) -> None:
        for tier in self.scheme.tiers:
            if tier.rules:
                message = f"tier {tier.name!r} has rules written in Python"
                raise ConfigError(f"{message}. Hint: scheme.assign(customers)")
            if tier.chance is not None and self.scheme.upper is None:
                message = f"tier {tier.name!r} needs a probability"
                raise ConfigError(f"{message}. Hint: upper='predictive_upper' in the scheme")


class _Lines:
    """The lines of a scheme in a table, each counted once."""

    def __init__(self, scheme: TierScheme, scope: Scope) -> None:
        self.scheme = scheme
        self.scope = scope
        self._columns: dict[str, nw.Expr] = {}
        self._counted: dict[tuple[str, Cut], tuple[float, TiedLine | None]] = {}
        self.values = {scheme.value: self._finite(scheme.value)}
        self.amounts = {
            tier.name: self._amount(tier.name, tier.value_at_least, scheme.value)
            for tier in scheme.tiers
            if tier.value_at_least is not None
        }

    def met(self, tier: Tier) -> nw.Expr:
        """Return whether the requirements of a tier are met."""
        parts = []
        if tier.value_at_least is not None:
            parts.append(self.values[self.scheme.value] >= self.amounts[tier.name])
        if tier.when is not None:
            parts.append(self.scope.compiled(tier.when.root))
        if tier.realised_below is not None:
            realised = self._finite(self.scheme.realised)
            line = self._amount(tier.name, tier.realised_below, self.scheme.realised)
            parts.append(realised < line)
        if tier.chance is not None:
            upper = self._finite(cast("str", self.scheme.upper))
            parts.append(upper >= self.amounts[tier.chance.tier])
        holds = parts[0]
        for part in parts[1:]:
            holds = holds & part
        return holds

    def _finite(self, column: str) -> nw.Expr:
        if column not in self._columns:
            self._columns[column] = self._checked(column)
        return self._columns[column]

    def _checked(self, column: str) -> nw.Expr:
        """Return a column of finite numbers.

        Raises:
            DataError: If numbers are missing or infinite.
        """
        scope = self.scope
        dtype = known(scope, column, ("number",))
        values = number(column, dtype)
        if scope.table is None:
            return values
        bad = missing(column, dtype) | (values.abs() > _LARGEST).fill_null(value=False)
        ((count,),) = collected(scope.table.select(n=bad.cast(nw.Int64).sum())).rows()
        if count:
            problem = f"missing or infinite numbers in {int(count):,} rows"
            hint = "remove these rows, or fill in the values"
            raise DataError(problem, column=column, rows=self._ids(bad), hint=hint)
        return values

    def _ids(self, bad: nw.Expr) -> list[object]:
        table, name = self.scope.table, self.scheme.customer_id
        if table is None or name not in self.scope.schema:
            return []
        return list(collected(table.filter(bad).select(name).head(5))[name].to_list())

    def _amount(self, tier: str, cut: Cut, column: str) -> float:
        """Return a line as an amount, as `Cut.at` does for an array, and warn of ties at it."""
        if cut.amount is not None:
            return cut.amount
        if (column, cut) not in self._counted:
            self._counted[column, cut] = self._line(cut, column)
        amount, tied = self._counted[column, cut]
        if tied is not None and column == self.scheme.value:
            warn_of_ties(tier, cut, tied, column)
        return amount

    def _line(self, cut: Cut, column: str) -> tuple[float, TiedLine | None]:
        """Return the line of a share, and the customers at it if ties are out.

        Raises:
            ConfigError: If the table is not known.
        """
        table, values = self.scope.table, number(column, self.scope.schema[column])
        if table is None:
            raise ConfigError("a share needs the table. Hint: scheme.with_amounts(customers)")
        if cut.among is not None:
            table = kept(table, cut.among.root, self.scope.context)
        found = ordered(table, values, nw.Float64(), lambda n: _around(n, cut.places(n)))
        if not found:
            return inf, None
        order = found[()]
        places = cut.places(order.n)
        if places >= order.n or (cut.ties == "in" and places):
            return float(order.at[max(1, order.n - places + 1)]), None
        return _above(table, places, order, values)


def _above(
    table: EagerOrLazy, places: int, order: PlacedValues, values: nw.Expr
) -> tuple[float, TiedLine | None]:
    """Return the lowest value above the highest one that is outside, and the ties there."""
    border = order.at[order.n - places]
    above = values > border
    counts = table.select(
        inside=above.fill_null(value=False).cast(nw.Int64).sum(),
        tied=(values == border).fill_null(value=False).cast(nw.Int64).sum(),
        line=nw.when(above).then(values).min(),
    )
    ((inside, tied, line),) = collected(counts.select("inside", "tied", "line")).rows()
    found = TiedLine(order.n, int(inside), int(tied), border) if places else None
    return float(line) if inside else float(np.nextafter(order.at[order.n], _LARGEST)), found


def _around(n: int, places: int) -> list[int]:
    return sorted({max(1, n - places), max(1, n - places + 1), n})
