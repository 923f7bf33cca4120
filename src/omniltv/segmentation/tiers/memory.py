"""The memory of a tier programme, as a document: when tiers are reviewed, won, kept and lost."""

from typing import Annotated, Literal, Self

from narwhals.typing import IntoFrameT
from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._frames import IntoTable, Table
from omniltv._options import checked
from omniltv.data.checking import Moment
from omniltv.data.log import PurchaseLog
from omniltv.segmentation.tiers._dates import as_day
from omniltv.segmentation.tiers._moving import moved
from omniltv.segmentation.tiers._nights import review_dates
from omniltv.segmentation.tiers._qualifying import qualifying
from omniltv.segmentation.tiers.moves import Moves

__all__ = ["Hysteresis", "TierMemory"]

_YEAR = 12

type Months = Annotated[int, Field(ge=0, le=1200)]
type PeriodLength = Annotated[int, Field(ge=1, le=1200)]
type Probability = Annotated[float, Field(gt=0, lt=1)]


class Hysteresis(Written):
    """Two probabilities, so that noise moves nobody.

    A customer rises to a tier if the probability of this tier or a better one is at least
    ``enter``, and loses a tier only if this probability is below ``leave``.

    Attributes:
        enter: Probability to enter a tier, in (0, 1).
        leave: Probability to stay in a tier, in (0, 1), at most ``enter``.

    Examples:
        >>> Hysteresis(enter=0.6, leave=0.3)
        Hysteresis(enter=0.6, leave=0.3)
    """

    enter: Probability
    leave: Probability

    @model_validator(mode="after")
    def _enter_is_harder(self) -> Self:
        if self.leave > self.enter:
            raise ValueError("leave must not exceed enter")
        return self


@checked
class TierMemory(Written):
    """How a tier programme remembers: a document that turns judgements into moves.

    A scheme judges customers at one moment. The memory decides what follows: who rises, who
    stays and who falls. At a **review**, a customer who no longer reaches the tier may lose it.
    All spans are calendar months; a date ``on`` is the start of a day, and judgements use the
    data before it.

    Attributes:
        version: Version of the form of this document.
        tiers: Names of the tiers, best first, as in the scheme.
        review: When tiers are reviewed: at the end of a calendar period (``"period_end"``), on
            the ``"anniversary"`` of joining, after a ``"purchase"``, or at every ``"run"``.
        period_months: Length of the qualification period, in months. 1 means month ends, 12
            year ends, or every anniversary.
        first_month: Month that a calendar period starts in, 1 to 12. 4 for a fiscal year from
            April.
        look_back_months: Length of the look-back window of `qualifying`. If None, the window
            is the qualification period.
        up: Whether a rise counts ``"at_once"`` or from the ``"next_period"`` (the next review).
        down: How far a customer falls at a review: ``"to_rule"`` (to the tier reached),
            ``"one_step"`` (soft landing), or ``"never"``.
        min_stay_months: A tier is kept for at least this long after it was entered.
        grace_months: A tier is lost at a review only if it was not reached since this long
            (grace period).
        returns: Whether a returned order takes back the last rise (``"take_back"``), without
            grace and minimum stay, or not (``"keep"``).
        carry_over: Share of the value above the line of the tier that counts in the next
            qualification period.
        carry_over_at_most: Largest value that is carried over; None for no limit.
        hysteresis: Probabilities to enter and to leave a tier; None to judge by the tier.

    Examples:
        >>> import pandas as pd
        >>> memory = TierMemory(tiers=("gold", "member"), min_stay_months=12)
        >>> state = memory.move(
        ...     None, pd.DataFrame({"customer_id": ["a"], "tier": ["gold"]}), on="2026-01-01").state
        >>> after = memory.move(
        ...     state, pd.DataFrame({"customer_id": ["a"], "tier": ["member"]}), on="2026-06-01")
        >>> after.state["tier"].tolist(), after.held["reason"].tolist()
        (['gold'], ['minimum stay until 2027-01-01'])
        >>> TierMemory.from_yaml(memory.to_yaml()) == memory
        True
    """

    version: Literal[1] = 1
    tiers: Annotated[tuple[str, ...], Field(min_length=1)]
    review: Literal["period_end", "anniversary", "purchase", "run"] = "period_end"
    period_months: PeriodLength = _YEAR
    first_month: Annotated[int, Field(ge=1, le=_YEAR)] = 1
    look_back_months: PeriodLength | None = None
    up: Literal["at_once", "next_period"] = "at_once"
    down: Literal["to_rule", "one_step", "never"] = "to_rule"
    min_stay_months: Months = 0
    grace_months: Months = 0
    returns: Literal["take_back", "keep"] = "take_back"
    carry_over: Annotated[float, Field(ge=0, le=1)] = 0.0
    carry_over_at_most: Annotated[float, Field(ge=0)] | None = None
    hysteresis: Hysteresis | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if len(set(self.tiers)) < len(self.tiers) or not all(map(str.strip, self.tiers)):
            raise ValueError("tiers need different names that are not blank")
        uneven = self.period_months % _YEAR and _YEAR % self.period_months
        if self.review == "period_end" and uneven:
            raise ValueError("calendar periods have 1, 2, 3, 4, 6, 12, 24 ... months")
        if self.carry_over and (not self.has_periods or self.look_back_months is not None):
            raise ValueError("carry_over needs qualification periods, and no look_back_months")
        return self

    @property
    def has_periods(self) -> bool:
        """Whether there are qualification periods: calendar periods, or membership years."""
        return self.review in ("period_end", "anniversary")

    def qualifying(
        self, log: PurchaseLog[object], on: Moment, *, state: IntoTable | None = None
    ) -> Table:
        """Return what each customer bought in the look-back window before a date.

        The columns are ``customer_id``, ``qualifying_value`` (with what is carried over),
        ``purchases`` in the window, and ``last_purchase`` before the date. Everyone who is in
        the log or in the state has a row. On the date of a review, the window is the period
        that ends.

        Args:
            log: Purchases, returned orders subtracted.
            on: Start of a day; later purchases do not count.
            state: The state after the last run; None at the first run. Without a state, the
                first year of membership starts with the first purchase.

        Raises:
            ConfigError: If tiers are not reviewed by periods and there is no look-back window.
            DataError: If the state is not a state of this programme.

        Examples:
            >>> import pandas as pd
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "a", "b"], "channel": "ec",
            ...     "time": ["2024-11-30", "2025-06-01", "2025-07-01"], "value": [50., 10., 20.]}))
            >>> yearly = TierMemory(tiers=("gold", "member"))
            >>> table = yearly.qualifying(log, "2026-01-01").to_frame()
            >>> table[["customer_id", "qualifying_value", "purchases"]].values.tolist()
            [['a', 10.0, 1], ['b', 20.0, 1]]
        """
        return qualifying(self, log, as_day(on), state)

    def review_dates(self, state: IntoTable, on: Moment) -> tuple[str, ...]:
        """Return the dates to run `move` for, to make up for missed nights: ``on`` is the last.

        They are the dates of reviews between the last run and ``on``, in order.

        Args:
            state: The state after the last run.
            on: The date of today.

        Raises:
            DataError: If the state is not a state of this programme.

        Examples:
            >>> import pandas as pd
            >>> memory = TierMemory(tiers=("gold", "member"), period_months=1)
            >>> judged = pd.DataFrame({"customer_id": ["a"], "tier": ["gold"]})
            >>> state = memory.move(None, judged, on="2026-01-20").state
            >>> memory.review_dates(state, "2026-03-05")
            ('2026-02-01', '2026-03-01', '2026-03-05')
        """
        return review_dates(self, state, as_day(on))

    def move(
        self,
        state: IntoTable | None,
        now: IntoFrameT,
        *,
        on: Moment,
        grants: IntoTable | None = None,
    ) -> Moves[IntoFrameT]:
        """Return the state after a date, who moved and why, and who is held in a tier and why.

        The result depends on the arguments only. A second run for the same date changes
        nothing. Reviews that were missed are made up with the judgements of today; to make
        them up with the judgements of their dates, see `review_dates`.

        Args:
            state: The state after the last run; None at the first run.
            now: The judgements of today, one row per customer, such as
                ``scheme.assign(...).to_frame()``: ``customer_id`` and ``tier``; with hysteresis
                ``probability_<tier>`` of every tier; for reviews after a purchase
                ``last_purchase``; with carry-over ``surplus`` (`Tiering.surplus`). Optional:
                ``joined``, the date of joining, for anniversaries (by default, the date of the
                first run with the customer); ``returned``, whether an order of the customer
                was returned. Customers without a row keep their state.
            on: The date.
            grants: Tiers granted by hand, such as a status match: ``customer_id``, ``tier``
                and ``until``, the last day. The tier is not below the granted one until then.

        Raises:
            DataError: If a table lacks a column, has two rows of a customer, an unknown tier
                or a value that is not valid, or the state is later than the date.

        Examples:
            >>> import polars as pl
            >>> memory = TierMemory(tiers=("gold", "silver", "member"), down="one_step")
            >>> first = pl.DataFrame({"customer_id": ["a", "b"], "tier": ["gold", "member"]})
            >>> state = memory.move(None, first, on="2026-01-01").state
            >>> second = pl.DataFrame({"customer_id": ["a", "b"], "tier": ["member", "silver"]})
            >>> memory.move(state, second, on="2027-01-01").moves.select(
            ...     "from_tier", "to_tier", "reason").rows()
            [('gold', 'silver', 'gold not reached at the review of 2027-01-01; one step down'),
             ('member', 'silver', 'reached silver')]
        """
        return moved(self, state, now, as_day(on), grants)
