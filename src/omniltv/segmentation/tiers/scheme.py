"""Tier schemes: lines on value, probabilities, conditions and rules, in order."""

from typing import Annotated, Literal, Self, overload

import numpy as np
from pydantic import Field, model_validator

from omniltv._config import Written, validate
from omniltv._frames import IntoTable
from omniltv._options import Level, checked
from omniltv.data.checking import Moment
from omniltv.data.log import PurchaseLog
from omniltv.data.report import Tolerance
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.conditions.condition import Condition
from omniltv.segmentation.tiers._customers import CustomerTable
from omniltv.segmentation.tiers._dates import as_day
from omniltv.segmentation.tiers._judging import line_of, open_to, probabilities
from omniltv.segmentation.tiers._lines import TierLines
from omniltv.segmentation.tiers._report import report_of
from omniltv.segmentation.tiers.rules import CustomerValue
from omniltv.segmentation.tiers.tier import Cut, Tier
from omniltv.segmentation.tiers.tiering import ProbabilisticTiering, Tiering

__all__ = ["TierScheme"]


@checked
class TierScheme(Written):
    """Ordered tiers; a customer gets the first one whose requirements are met.

    The last tier has no requirements, so every customer gets exactly one tier.

    Attributes:
        version: Version of the form of this document.
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

    version: Literal[1] = 1
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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tiers, best first."""
        return tuple(tier.name for tier in self.tiers)

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
            >>> scheme.tiers[0].value_at_least.amount
            50000.0
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

    @classmethod
    def customer_classes(
        cls,
        *,
        active_since: Moment,
        best: Cut | None = None,
        value: str = "realised_value",
        customer_id: str = "customer_id",
    ) -> Self:
        """Return the scheme of customer classes over the whole funnel, buyers or not.

        - **best customer** (最優良顧客): bought since the date, and the value reaches the line;
          by default at most 20 % of the active customers reach it.
        - **customer** (顧客): bought since the date.
        - **sleeping** (スリーピング): bought, but not since the date.
        - **prospect** (見込み): never bought; can be addressed and showed interest.
        - **pre-prospect** (見込み予備軍): never bought; can be addressed or showed interest.
        - **internet user**: all others.

        The table has one row per person: ``purchases`` and ``last_purchase``, which
        `assign` takes from a log; ``known``, whether the person can be addressed (an account,
        a membership, consent to mail); and ``interest``, the number of actions that show
        interest (a cart, an enquiry, a visit to a store) in a span of your choice. A missing
        entry counts as no.

        Args:
            active_since: Customers whose last purchase is earlier are sleeping.
            best: Line on the value of best customers.
            value: Column of the value; a finite number for everyone, 0 for those who never
                bought. It may be the expected value.
            customer_id: Column of the id.

        Raises:
            ConfigError: If ``active_since`` is not a moment.

        Examples:
            >>> import pandas as pd
            >>> people = pd.DataFrame({
            ...     "customer_id": list("abcde"), "realised_value": [90.0, 20.0, 50.0, 0.0, 0.0],
            ...     "purchases": [9, 1, 4, 0, 0], "known": [True, True, True, True, False],
            ...     "interest": [2, 0, 0, 1, 3],
            ...     "last_purchase": pd.to_datetime(["2026-05-01", "2026-06-01", "2024-01-01",
            ...                                      None, None])})
            >>> classes = TierScheme.customer_classes(
            ...     active_since="2025-07-01", best=Cut(share=0.5, among=Condition.where(
            ...         "last_purchase", "ge", "2025-07-01")))
            >>> classes.assign(people).tier.tolist()
            ['best customer', 'customer', 'sleeping', 'prospect', 'pre-prospect']
        """
        bought = Condition.where("purchases", "ge", 1)
        active = bought & Condition.where("last_purchase", "ge", str(as_day(active_since)))
        known = Condition.where("known", "eq", value=True)
        interest = Condition.where("interest", "ge", 1)
        line = best or Cut(share=0.2, among=active)
        tiers = (
            Tier(name="best customer", value_at_least=line, when=active),
            Tier(name="customer", when=active),
            Tier(name="sleeping", when=bought),
            Tier(name="prospect", when=known & interest),
            Tier(name="pre-prospect", when=known | interest),
            Tier(name="internet user"),
        )
        return cls(tiers=tiers, value=value, customer_id=customer_id)

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
            DataError: If a column is absent or not of finite numbers, or a share is of no
                customers.

        Examples:
            >>> import pandas as pd
            >>> scheme = TierScheme(
            ...     tiers=(Tier(name="top", value_at_least=Cut(share=0.5)), Tier(name="rest")))
            >>> frame = pd.DataFrame({"customer_id": [1, 2], "value": [3.0, 8.0]})
            >>> scheme.with_amounts(frame).tiers[0].value_at_least.amount
            8.0
        """
        fixed = self._with_amounts(CustomerTable.read(customers, log, None, self.customer_id))
        for tier in fixed.tiers:
            for cut in (tier.value_at_least, tier.realised_below):
                if cut is not None and cut.share is not None:
                    problem = f"tier {tier.name!r}: no customers to take a share of"
                    raise DataError(problem, hint="Cut(amount=...), or a table with customers")
        return fixed

    def to_yaml(self) -> str:
        """Return the scheme as YAML that `from_yaml` reads back as an equal scheme.

        Raises:
            ConfigError: If a tier has rules, which are Python.

        Examples:
            >>> print(TierScheme(tiers=(Tier(name="all"),)).to_yaml())
            version: 1
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
        lines = TierLines(customers.table, customers.numbers, self.value, self.realised)
        return self.model_copy(update={"tiers": tuple(map(lines.fixed, self.tiers))})

    @overload
    def assign(
        self,
        customers: CustomerValue,
        log: PurchaseLog[object] | None = None,
        *,
        draws: RowDraws | None = None,
        tolerance: Tolerance | None = None,
    ) -> ProbabilisticTiering: ...
    @overload
    def assign(
        self,
        customers: IntoTable,
        log: PurchaseLog[object] | None = None,
        *,
        draws: RowDraws,
        tolerance: Tolerance | None = None,
    ) -> ProbabilisticTiering: ...
    @overload
    def assign(
        self,
        customers: IntoTable,
        log: PurchaseLog[object] | None = None,
        *,
        draws: None = None,
        tolerance: Tolerance | None = None,
    ) -> Tiering: ...
    def assign(
        self,
        customers: IntoTable | CustomerValue,
        log: PurchaseLog[object] | None = None,
        *,
        draws: RowDraws | None = None,
        tolerance: Tolerance | None = None,
    ) -> Tiering:
        """Return the tier of each customer; with draws, also the probability of each tier.

        TierLines given as shares become amounts once, from the expected values. The same amounts
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
            tolerance: How many customers of the log, and how much of their value, may be
                missing from ``customers`` before there is a warning or an error;
                ``Tolerance()`` if None. The report of the result has them.

        Raises:
            IntakeError: If more of the log has no tier than ``tolerance`` allows.
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
            >>> tiering = scheme.assign(expected, log)
            >>> tiering.tier.tolist()
            ['early', 'others']
            >>> tiering.report.line()
            'customers: 2 of 2 rows kept, value 30 of 30'
        """
        table = CustomerTable.read(customers, log, draws, self.customer_id)
        report = report_of(table.id, log)
        report.judge(tolerance)
        value = table.numbers(self.value)
        scheme = self._with_amounts(table)
        lines = np.array([line_of(tier.value_at_least) for tier in scheme.tiers])
        may_enter = open_to(scheme, table)
        code = np.argmax(may_enter & (value[:, None] >= lines), axis=1)
        if table.draws is None:
            return Tiering(scheme, table.id, code, value, details=table.details, report=report)
        chances = probabilities(may_enter, lines, table.draws)
        return ProbabilisticTiering(
            scheme, table.id, code, value, chances, details=table.details, report=report
        )
