"""Tiers: who counts as high, potential and general, how surely, and whom to attend to first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import Annotated, Self, overload

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray
from pydantic import Field, model_validator

from omniltv._frames import Eager, Table, Tabular, collect, numbers, read_ids, repeated
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation._config import Written, validate
from omniltv.segmentation.conditions import Condition

__all__ = ["Chance", "Cut", "ProbabilisticTiering", "Tier", "TierScheme", "Tiering"]

_WHAT = "the table of customers"


class Cut(Written):
    """Where a line is drawn: at an amount, or so that at most a share of customers is above.

    Exactly one of the two is given. Customers tied at the line all stay below it where
    they would together exceed the share: equals are treated alike, and a budget that is
    meant for 20 % never has to serve more. Where all customers are equal nobody is above.

    Attributes:
        share: Share of customers at or above the line, in (0, 1].
        amount: The line itself.

    Examples:
        >>> Cut(share=0.5).at([1.0, 2.0, 3.0, 4.0]), Cut(share=0.5).at([1.0, 3.0, 3.0, 4.0])
        (3.0, 4.0)
    """

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    amount: float | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.share is None) == (self.amount is None):
            raise ValueError("give either share or amount")
        return self

    def at(self, values: Sequence[float] | NDArray[np.float64]) -> float:
        """Return the line as an amount; infinity where nobody may be above it."""
        if self.share is None:
            return inf if self.amount is None else self.amount
        ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
        places = floor(self.share * len(ordered) + 1e-9)
        kept = ordered[:places]
        if 0 < places < len(ordered):
            kept = kept[kept > ordered[places]]
        return float(kept[-1]) if len(kept) else inf


class Chance(Written):
    """At least this probability of reaching the line of another tier.

    Attributes:
        tier: The tier whose ``value_at_least`` is to be reached.
        at_least: The probability, in (0, 1).
    """

    tier: str
    at_least: Annotated[float, Field(gt=0, lt=1)]


class Tier(Written):
    """One tier: a customer must meet everything that is stated.

    Attributes:
        name: Name of the tier.
        value_at_least: Expected value at or above this line.
        realised_below: Realised value (what was bought so far) below this line.
        chance: Probability of reaching another tier's line.
        when: Any other condition on the table.
    """

    name: str
    value_at_least: Cut | None = None
    realised_below: Cut | None = None
    chance: Chance | None = None
    when: Condition | None = None

    @property
    def is_rest(self) -> bool:
        """Whether the tier asks for nothing."""
        return self == Tier(name=self.name)


class TierScheme(Written):
    """Ordered tiers: each customer gets the first one whose requirements are met.

    The last tier asks for nothing, so that every customer has exactly one.

    Attributes:
        tiers: The tiers, best first.
        customer_id: Column of the customer's id.
        value: Column of the expected future value (LTV).
        realised: Column of the realised value, used by ``realised_below``.
        upper: Column of an upper predictive quantile of future value, used by ``chance``;
            the chance of reaching a line is at least p where the (1 - p) quantile does.
            Where None, chances are counted in the draws given to `assign`.

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
            raise ValueError("the last tier, and no other, asks for nothing")
        lines = {tier.name for tier in asking if tier.value_at_least is not None}
        unknown = [t.name for t in asking if t.chance is not None and t.chance.tier not in lines]
        if unknown:
            raise ValueError(f"tier {unknown[0]!r}: chance is of a tier with value_at_least")
        return self

    @classmethod
    def high_potential_general(
        cls,
        *,
        high: Cut | None = None,
        low_realised: Cut | None = None,
        chance: float = 0.1,
        value: str = "value",
        realised: str = "realised_value",
        upper: str | None = None,
        customer_id: str = "customer_id",
    ) -> Self:
        """Return the scheme high LTV, potential LTV (潜在LTV), general.

        - **high**: the expected value is at or above the high line; by default the line
          leaves at most 20 % of the customers above it.
        - **potential**: not high; has realised little so far (below the line on realised
          value; by default not in the upper half); and a real upside: the probability
          that the future value reaches the high line is at least ``chance``.
        - **general**: everybody else.

        The upside is about what a customer may really bring, so feed it predictive draws
        or a predictive quantile: the (1 - ``chance``) quantile, in the column ``upper``.
        Draws of the *expected* value only say how well the average is known; of them,
        nearly every customer has a chance of 0 or 1.

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

    def with_amounts(self, frame: IntoFrame) -> Self:
        """Return the scheme with every share turned into the amount it means in ``frame``.

        With amounts a tier means the same money next quarter, which is what makes
        "nurtured from potential into high" countable.

        Raises:
            DataError: If a column is absent or not of finite numbers.
        """
        return self._with_amounts(_Customers(self, collect(frame, _WHAT)))

    def _with_amounts(self, customers: "_Customers") -> Self:
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
    def assign(self, frame: IntoFrame) -> "Tiering": ...
    @overload
    def assign(self, frame: IntoFrame, *, draws: None) -> "Tiering": ...
    @overload
    def assign(self, frame: IntoFrame, *, draws: RowDraws) -> "ProbabilisticTiering": ...
    def assign(self, frame: IntoFrame, *, draws: RowDraws | None = None) -> "Tiering":
        """Return the tier of each customer; with draws, also how probable each tier is.

        Lines given as shares become amounts once, from the expected values, and the same
        amounts are used in every draw: a line is a statement in money, so the probability
        reads "that this customer's value is on that side of it" and needs no ranking of a
        million customers in each draw. The price: the probabilities of a tier need not
        add up to its share of customers.

        Args:
            frame: One row per customer.
            draws: Draws of the value of each row, in the frame's order. Predictive draws
                give the probability that the customer will really bring so much; draws of
                the expected value say how sure the tier itself is.

        Raises:
            DataError: If a customer has two rows, a column is absent or not of finite
                numbers, or the draws do not have one row per customer.
            ConfigError: If the scheme needs chances, and neither draws nor an upper
                quantile are there to count them in.
        """
        customers = _Customers(self, collect(frame, _WHAT))
        if draws is not None and len(draws) != len(customers.id):
            problem = f"draws of {len(draws):,} rows for {len(customers.id):,} customers"
            raise DataError(problem, hint="draws.take(rows) in the frame's order")
        value = customers.numbers(self.value)
        scheme = self._with_amounts(customers)
        lines = np.array([_line(tier.value_at_least) for tier in scheme.tiers])
        open_to = _open_to(scheme, customers, draws)
        code = np.argmax(open_to & (value[:, None] >= lines), axis=1)
        if draws is None:
            return Tiering(scheme, customers.id, code, value)
        chances = _probabilities(open_to, lines, draws)
        return ProbabilisticTiering(scheme, customers.id, code, value, chances)


class _Customers:
    """The table of customers, its ids checked."""

    def __init__(self, scheme: TierScheme, table: Eager) -> None:
        self.table = table
        self.id = read_ids(table, scheme.customer_id, _WHAT)
        twice = repeated(self.id)
        if twice:
            problem, hint = "customers with several rows", "sum up to one row per customer first"
            raise DataError(problem, column=scheme.customer_id, rows=twice, hint=hint)

    def numbers(self, column: str) -> NDArray[np.float64]:
        return numbers(self.table, column, _WHAT, ids=self.id)


def _line(cut: Cut | None) -> float:
    """Return a cut that is an amount already; minus infinity where there is none."""
    return -inf if cut is None else cut.at(())


def _open_to(
    scheme: TierScheme, customers: _Customers, draws: RowDraws | None
) -> NDArray[np.bool_]:
    """Return which tiers each row may enter, lines on value aside: (n_rows, n_tiers)."""
    lines = {tier.name: _line(tier.value_at_least) for tier in scheme.tiers}
    answer = np.ones((len(customers.id), len(scheme.tiers)), dtype=np.bool_)
    for k, tier in enumerate(scheme.tiers):
        if tier.when is not None:
            answer[:, k] &= tier.when.mask(customers.table.to_native())
        if tier.realised_below is not None:
            answer[:, k] &= customers.numbers(scheme.realised) < _line(tier.realised_below)
        if tier.chance is not None:
            line = lines[tier.chance.tier]
            answer[:, k] &= _has_chance(scheme, customers, draws, line, tier.chance.at_least)
    return answer


def _has_chance(
    scheme: TierScheme,
    customers: _Customers,
    draws: RowDraws | None,
    line: float,
    at_least: float,
) -> NDArray[np.bool_]:
    if scheme.upper is not None:
        return customers.numbers(scheme.upper) >= line
    if draws is None:
        hint = "assign(frame, draws=...), or TierScheme(..., upper='column of a quantile')"
        raise ConfigError(f"a tier needs chances, and there are no draws. Hint: {hint}")
    return draws.prob_at_least(line) >= at_least


@dataclass(frozen=True, eq=False)
class Tiering(Tabular):
    """The tier of each customer.

    Attributes:
        scheme: The scheme, its lines as the amounts that were used.
        customer_id: Shape (n_customers,).
        code: Position of each customer's tier in ``scheme.tiers``, shape (n_customers,).
        value: Expected value, shape (n_customers,).

    Examples:
        >>> import pandas as pd
        >>> gold = Tier(name="gold", value_at_least=Cut(share=0.5))
        >>> scheme = TierScheme(tiers=(gold, Tier(name="other")))
        >>> tiering = scheme.assign(pd.DataFrame({"customer_id": ["a", "b"], "value": [1.0, 9.0]}))
        >>> tiering.tier.tolist()
        ['other', 'gold']
        >>> tiering.first(1)
         place customer_id tier  value
             1           b gold      9
    """

    scheme: TierScheme
    customer_id: NDArray[np.object_]
    code: NDArray[np.intp]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.customer_id)

    def __repr__(self) -> str:
        parts = ", ".join(f"{n} {s:,}" for n, s in zip(self.names, self._sizes(), strict=True))
        return f"{type(self).__name__}({len(self):,} customers: {parts})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tiers, best first."""
        return tuple(tier.name for tier in self.scheme.tiers)

    @property
    def tier(self) -> NDArray[np.str_]:
        """Name of each customer's tier, of shape (n_customers,)."""
        return np.asarray(self.names)[self.code]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per customer, in the order of the input."""
        return {
            self.scheme.customer_id: self.customer_id,
            "tier": self.tier,
            self.scheme.value: self.value,
        }

    def first(self, n: int) -> Table:
        """Return the ``n`` customers to attend to first (接客優先度), best place first.

        The order: tier, then expected value from high to low, then the input's order.
        """
        order = np.lexsort((-self.value, self.code))[: max(n, 0)]
        rows = {name: values[order] for name, values in self.columns().items()}
        return Table({"place": np.arange(1, len(order) + 1), **rows})

    def summary(self) -> Table:
        """Return one row per tier: customers, their share, value, its share."""
        sizes = self._sizes()
        value = np.bincount(self.code, weights=self.value, minlength=len(self.names))
        return Table(
            {
                "tier": np.asarray(self.names),
                "customers": sizes,
                "share": _shares(sizes),
                "value": value,
                "value_share": _shares(value),
            }
        )

    def _sizes(self) -> NDArray[np.intp]:
        return np.bincount(self.code, minlength=len(self.names))


@dataclass(frozen=True, eq=False, repr=False)
class ProbabilisticTiering(Tiering):
    """The tier of each customer, and how probable each tier is.

    Attributes:
        probabilities: Share of the draws that put the customer into each tier, of shape
            (n_customers, n_tiers); rows add up to 1.
    """

    probabilities: NDArray[np.float64]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per customer, with ``probability_<tier>``."""
        chances = zip(self.names, self.probabilities.T, strict=True)
        return {**super().columns(), **{f"probability_{name}": p for name, p in chances}}

    def summary(self) -> Table:
        """Return one row per tier, with the expected number of customers over the draws.

        ``mean_probability`` is how sure the tier is of the customers who are in it.
        """
        own = np.take_along_axis(self.probabilities, self.code[:, None], axis=1)[:, 0]
        sure = np.bincount(self.code, weights=own, minlength=len(self.names))
        expected = {
            "expected_customers": self.probabilities.sum(axis=0),
            "mean_probability": sure / np.maximum(self._sizes(), 1),
        }
        return Table({**super().summary().data, **expected})


def _probabilities(
    open_to: NDArray[np.bool_], lines: NDArray[np.float64], draws: RowDraws
) -> NDArray[np.float64]:
    """Return the probability of each tier, of shape (n_rows, n_tiers).

    What a tier asks of the value is a half-line [line, infinity). So among the tiers
    that are open to a row, the first k take together the half-line of the lowest of
    their lines, and tier k gets what that adds.
    """
    chances = np.zeros(open_to.shape)
    taken = np.zeros(len(open_to))
    for k, line in enumerate(lines):
        reach = draws.prob_at_least(line) if line > -inf else 1.0
        upto = np.maximum(taken, open_to[:, k] * reach)
        chances[:, k] = upto - taken
        taken = upto
    return chances


def _shares(parts: NDArray[np.float64] | NDArray[np.intp]) -> NDArray[np.float64]:
    total = parts.sum()
    return parts / total if total else np.zeros(len(parts))
