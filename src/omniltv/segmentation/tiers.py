"""Tier schemes: lines on value, probabilities, conditions and rules, in order."""

from collections.abc import Sequence
from math import floor, inf, isnan
from typing import Annotated, Self, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from omniltv._config import Written, validate
from omniltv._frames import IntoTable
from omniltv._log import logged
from omniltv._options import Level, checked
from omniltv.data.log import PurchaseLog
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError
from omniltv.segmentation._customers import CustomerTable
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.rules import CustomerValue, TierRule, holds_for
from omniltv.segmentation.tiering import ProbabilisticTiering, Tiering

__all__ = ["Cut", "ReachProbability", "Tier", "TierScheme"]


def _no_nan(amount: float) -> float:
    """Return an amount that may be infinite: a line that no one reaches."""
    if isnan(amount):
        raise ValueError("the amount is not a number")
    return amount


@checked
class Cut(Written):
    """A line on a column: an amount, or the amount that at most a share of customers reaches.

    Give exactly one of the two. Customers tied at the line all stay below it if together
    they would exceed the share, so equal customers are treated equally and a budget for 20 %
    never serves more. If all customers are equal, no one reaches the line.

    Attributes:
        share: Share of customers at or above the line, in (0, 1].
        amount: The line itself.

    Examples:
        >>> Cut(share=0.5).at([1.0, 2.0, 3.0, 4.0]), Cut(share=0.5).at([1.0, 3.0, 3.0, 4.0])
        (3.0, 4.0)
    """

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    amount: Annotated[float, Field(allow_inf_nan=True), AfterValidator(_no_nan)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.share is None) == (self.amount is None):
            raise ValueError("give either share or amount")
        return self

    def at(self, values: Sequence[float] | NDArray[np.float64]) -> float:
        """Return the line as an amount; infinity if no one may reach it.

        Examples:
            >>> Cut(amount=50_000).at([]), Cut(share=0.5).at([7.0, 7.0])
            (50000.0, inf)
        """
        if self.share is None:
            return inf if self.amount is None else self.amount
        ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
        places = floor(self.share * len(ordered) + 1e-9)
        kept = ordered[:places]
        if 0 < places < len(ordered):
            kept = kept[kept > ordered[places]]
        return float(kept[-1]) if len(kept) else inf


class ReachProbability(Written):
    """A minimum probability of reaching the line of another tier.

    Attributes:
        tier: The tier whose ``value_at_least`` is the line.
        at_least: The probability, in (0, 1).

    Examples:
        >>> upside = ReachProbability(tier="high", at_least=0.1)
        >>> print(Tier(name="potential", chance=upside).to_yaml())
        name: potential
        chance:
          tier: high
          at_least: 0.1
        <BLANKLINE>
    """

    tier: str
    at_least: Annotated[float, Field(gt=0, lt=1)]


class Tier(Written):
    """One tier; a customer must meet all its requirements.

    Attributes:
        name: Name of the tier.
        value_at_least: Expected value at or above this line.
        realised_below: Realised value (of past purchases) below this line.
        chance: Probability of reaching the line of another tier.
        when: Condition on the columns of the table.
        rules: Rules written in Python. They cannot be stored as YAML.

    Examples:
        >>> regular = Tier(name="regular", when=Condition.where("purchases", "ge", 12))
        >>> regular.is_rest, Tier(name="others").is_rest
        (False, True)
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    value_at_least: Cut | None = None
    realised_below: Cut | None = None
    chance: ReachProbability | None = None
    when: Condition | None = None
    rules: tuple[TierRule, ...] = ()

    @property
    def is_rest(self) -> bool:
        """Whether the tier has no requirements."""
        return self == Tier(name=self.name)


@checked
class TierScheme(Written):
    """Ordered tiers; a customer gets the first one whose requirements are met.

    The last tier has no requirements, so every customer gets exactly one tier.

    Attributes:
        tiers: The tiers, best first.
        customer_id: Column of the customer id.
        value: Column of the expected future value (LTV).
        realised: Column of the realised value, used by ``realised_below``.
        upper: Column of an upper predictive quantile of future value, used by ``chance``.
            The probability of reaching a line is at least p if the (1 - p) quantile reaches
            it. If None, probabilities are shares of the draws.

    Examples:
        >>> scheme = TierScheme.high_potential_general()
        >>> [tier.name for tier in scheme.tiers]
        ['high', 'potential', 'general']
        >>> TierScheme.from_yaml(scheme.to_yaml()) == scheme
        True
    """

    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    customer_id: str = "customer_id"
    value: str = "value"
    realised: str = "realised_value"
    upper: str | None = None

    @model_validator(mode="after")
    def _tiers_make_sense(self) -> Self:
        names = [tier.name for tier in self.tiers]
        if len(set(names)) < len(names):
            raise ValueError("two tiers have the same name")
        *asking, last = self.tiers
        if not last.is_rest or any(tier.is_rest for tier in asking):
            raise ValueError("the last tier, and no other, has no requirements")
        lines = {tier.name for tier in asking if tier.value_at_least is not None}
        unknown = [t.name for t in asking if t.chance is not None and t.chance.tier not in lines]
        if unknown:
            raise ValueError(f"tier {unknown[0]!r}: chance needs a tier with value_at_least")
        return self

    @classmethod
    def high_potential_general(
        cls,
        *,
        high: Cut | None = None,
        low_realised: Cut | None = None,
        chance: Level = 0.1,
        value: str = "value",
        realised: str = "realised_value",
        upper: str | None = None,
        customer_id: str = "customer_id",
    ) -> Self:
        """Return the scheme high LTV, potential LTV (潜在LTV), general.

        - **high**: the expected value is at or above the high line; by default at most 20 %
          of the customers reach it.
        - **potential**: not high; the realised value is below its line (by default not in
          the upper half); and the probability that the future value reaches the high line
          is at least ``chance``.
        - **general**: all other customers.

        The probability is about the future of the customer, so it needs predictive draws, or
        the (1 - ``chance``) predictive quantile in the column ``upper``. Draws of the
        *expected* value only show how well the mean is known; with them nearly every
        probability is 0 or 1.

        Args:
            high: Line on expected value.
            low_realised: Line on realised value.
            chance: Probability of reaching the high line, in (0, 1).
            value: Column of the expected future value.
            realised: Column of the realised value.
            upper: Column of the (1 - ``chance``) predictive quantile, or None for draws.
            customer_id: Column of the id.

        Raises:
            ConfigError: If ``chance`` is not between 0 and 1.

        Examples:
            >>> scheme = TierScheme.high_potential_general(high=Cut(amount=50_000), chance=0.2)
            >>> scheme.tiers[0].value_at_least
            Cut(share=None, amount=50000.0)
        """
        tiers = [
            {"name": "high", "value_at_least": high or Cut(share=0.2)},
            {
                "name": "potential",
                "realised_below": low_realised or Cut(share=0.5),
                "chance": {"tier": "high", "at_least": chance},
            },
            {"name": "general"},
        ]
        columns = {"value": value, "realised": realised, "upper": upper}
        return validate(cls, {"tiers": tiers, "customer_id": customer_id, **columns})

    def with_amounts(
        self, customers: IntoTable | CustomerValue, log: PurchaseLog[object] | None = None
    ) -> Self:
        """Return the scheme with every share replaced by the amount it means for customers.

        With amounts a tier means the same money next quarter, so customers who move from
        potential to high can be counted. The tier of a customer then depends on that
        customer alone.

        Args:
            customers: As in `assign`.
            log: As in `assign`.

        Raises:
            DataError: If a column is absent or not of finite numbers.

        Examples:
            >>> import pandas as pd
            >>> scheme = TierScheme(
            ...     tiers=(Tier(name="top", value_at_least=Cut(share=0.5)), Tier(name="rest")))
            >>> frame = pd.DataFrame({"customer_id": [1, 2], "value": [3.0, 8.0]})
            >>> scheme.with_amounts(frame).tiers[0].value_at_least.amount
            8.0
        """
        return self._with_amounts(CustomerTable.read(customers, log, None, self.customer_id))

    def to_yaml(self) -> str:
        """Return the scheme as YAML that `from_yaml` reads back as an equal scheme.

        Raises:
            ConfigError: If a tier has rules, which are Python.

        Examples:
            >>> print(TierScheme(tiers=(Tier(name="all"),)).to_yaml())
            tiers:
            - name: all
            <BLANKLINE>
        """
        named = [tier.name for tier in self.tiers if tier.rules]
        if named:
            message = f"tier {named[0]!r} has rules written in Python"
            raise ConfigError(f"{message}. Hint: use when=Condition(...) for YAML")
        return super().to_yaml()

    def _with_amounts(self, customers: CustomerTable) -> Self:
        def fixed(cut: Cut | None, column: str) -> Cut | None:
            if cut is None or cut.share is None:
                return cut
            return Cut(amount=cut.at(customers.numbers(column)))

        tiers = tuple(
            tier.model_copy(
                update={
                    "value_at_least": fixed(tier.value_at_least, self.value),
                    "realised_below": fixed(tier.realised_below, self.realised),
                }
            )
            for tier in self.tiers
        )
        return self.model_copy(update={"tiers": tiers})

    @overload
    def assign(
        self,
        customers: CustomerValue,
        log: PurchaseLog[object] | None = None,
        *,
        draws: RowDraws | None = None,
    ) -> ProbabilisticTiering: ...
    @overload
    def assign(
        self, customers: IntoTable, log: PurchaseLog[object] | None = None, *, draws: RowDraws
    ) -> ProbabilisticTiering: ...
    @overload
    def assign(
        self, customers: IntoTable, log: PurchaseLog[object] | None = None, *, draws: None = None
    ) -> Tiering: ...
    def assign(
        self,
        customers: IntoTable | CustomerValue,
        log: PurchaseLog[object] | None = None,
        *,
        draws: RowDraws | None = None,
    ) -> Tiering:
        """Return the tier of each customer; with draws, also the probability of each tier.

        Lines given as shares become amounts once, from the expected values. The same amounts
        apply in every draw, so a tier probability is the probability that the value of this
        customer reaches an amount. The probabilities of a tier need not add up to its share
        of customers.

        Args:
            customers: A `LifetimeValue` with one row per customer, which brings its columns
                and its predictive draws, or any frame with one row per customer.
            log: Purchases, whose columns (see `PurchaseLog.summary_by_customer`) are added:
                realised value, purchases by channel, first and last purchase.
            draws: Draws of the value of each row, in the order of the rows. Predictive draws
                give the probability that the future value reaches the line; draws of the
                expected value show how certain the tier itself is.

        Raises:
            DataError: If a customer has two rows, a column is absent or not of finite
                numbers, the draws do not have one row per customer, or no customer is in
                the log.
            ConfigError: If the scheme needs probabilities, and there are neither draws nor
                a column of an upper quantile.

        Examples:
            >>> import pandas as pd
            >>> from omniltv.data import PurchaseLog
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "b"], "channel": ["ec", "store"],
            ...     "time": ["2026-01-01", "2026-01-15"], "value": [10.0, 20.0]}))
            >>> early = Tier(name="early", realised_below=Cut(amount=15))
            >>> scheme = TierScheme(tiers=(early, Tier(name="others")))
            >>> expected = pd.DataFrame({"customer_id": ["a", "b"], "value": [3.0, 4.0]})
            >>> scheme.assign(expected, log).tier.tolist()
            ['early', 'others']
        """
        table = CustomerTable.read(customers, log, draws, self.customer_id)
        value = table.numbers(self.value)
        scheme = self._with_amounts(table)
        lines = np.array([_line(tier.value_at_least) for tier in scheme.tiers])
        open_to = _open_to(scheme, table)
        code = np.argmax(open_to & (value[:, None] >= lines), axis=1)
        if table.draws is None:
            return Tiering(scheme, table.id, code, value, details=table.details)
        chances = _probabilities(open_to, lines, table.draws)
        return ProbabilisticTiering(scheme, table.id, code, value, chances, details=table.details)


def _line(cut: Cut | None) -> float:
    """Return a cut that is an amount already; minus infinity if there is none."""
    return -inf if cut is None else cut.at(())


@logged("tiers opened to customers")
def _open_to(scheme: TierScheme, customers: CustomerTable) -> NDArray[np.bool_]:
    """Return which tiers each row may enter, lines on value aside: (n_rows, n_tiers)."""
    lines = {tier.name: _line(tier.value_at_least) for tier in scheme.tiers}
    answer = np.ones((len(customers.id), len(scheme.tiers)), dtype=np.bool_)
    for k, tier in enumerate(scheme.tiers):
        if tier.when is not None:
            answer[:, k] &= tier.when.mask(customers.table.to_native())
        for rule in tier.rules:
            answer[:, k] &= holds_for(rule, customers.table)
        if tier.realised_below is not None:
            answer[:, k] &= customers.numbers(scheme.realised) < _line(tier.realised_below)
        if tier.chance is not None:
            answer[:, k] &= _may_reach(scheme, customers, tier.chance, lines[tier.chance.tier])
    return answer


def _may_reach(
    scheme: TierScheme, customers: CustomerTable, chance: ReachProbability, line: float
) -> NDArray[np.bool_]:
    if scheme.upper is not None:
        return customers.numbers(scheme.upper) >= line
    if customers.draws is None:
        hint = "assign(value, log), assign(frame, draws=...), or a scheme with upper="
        raise ConfigError(f"a tier needs probabilities, and there are no draws. Hint: {hint}")
    return customers.draws.prob_at_least(line) >= chance.at_least


@logged("tier probabilities")
def _probabilities(
    open_to: NDArray[np.bool_], lines: NDArray[np.float64], draws: RowDraws
) -> NDArray[np.float64]:
    """Return the probability of each tier, of shape (n_rows, n_tiers).

    The requirement of a tier on the value is a half-line [line, infinity). So among the
    tiers that are open to a row, the first k together cover the half-line of the lowest of
    their lines, and tier k gets what it adds.
    """
    chances = np.zeros(open_to.shape)
    taken = np.zeros(len(open_to))
    for k, line in enumerate(lines):
        reach = draws.prob_at_least(line) if line > -inf else 1.0
        upto = np.maximum(taken, open_to[:, k] * reach)
        chances[:, k] = upto - taken
        taken = upto
    return chances
