"""The truth behind the data: identities, latent parameters and values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from omniltv._arrays import Floats
from omniltv._options import checked
from omniltv.data.simulate._config import RetailerConfig, TreatmentEffect
from omniltv.data.simulate._purchases import Latent, Schedule, expected_purchases
from omniltv.units import Discount, Span, TimeUnit

__all__ = ["Truth", "schedule_of"]


@checked
@dataclass(frozen=True, eq=False)
class Truth:
    """The truth behind the data of a simulated retailer.

    Attributes:
        people: One row per person: `person_id`, `household_id`, `acquisition_channel`,
            `first_purchase`, `rate` (purchases per unit while active), `dropout`
            (probability after each repeat purchase), `mean_value` (of a purchase),
            `purchases` (including the first), `value` (net of refunds), `alive` (at the end) and
            `dropped_out` (time of dropout; missing if there is none).
        records: `source`, `record_id`, `person_id`: the true crosswalk.
        transactions: `transaction_id`, `person_id`, including guests.
        channels: One row per acquisition channel: `channel`, `people` and the parameters
            `r`, `alpha`, `a`, `b`, `p`, `q`, `v` of its people.
        config: The retailer.

    Examples:
        >>> from omniltv.data import simulate_retailer
        >>> from omniltv.units import weeks
        >>> truth = simulate_retailer(200, seed=1).truth
        >>> gone = ~truth.people["alive"]
        >>> float(truth.true_value(weeks(52))[gone].max())
        0.0
    """

    people: pd.DataFrame
    records: pd.DataFrame
    transactions: pd.DataFrame
    channels: pd.DataFrame
    config: RetailerConfig
    _latent: Latent
    _end: float

    def __repr__(self) -> str:
        return (
            f"Truth({len(self.people):,} people, {len(self.records):,} records, "
            f"{len(self.transactions):,} transactions)"
        )

    def true_value(
        self,
        horizon: Span,
        *,
        effect: TreatmentEffect | None = None,
        discount: Discount | None = None,
        margin: float = 1.0,
    ) -> Floats:
        """Return each person's expected value after the end, given who is active then.

        The value is net of refunds, and discounted to the end.

        Args:
            horizon: Length of the forecast from the end of observation.
            effect: Effect of a treatment that starts at the end; no treatment if None.
            discount: Discount rate; no discount if None.
            margin: Margin as a share of value.

        Returns:
            Values of shape (n_people,), in the order of `people`; 0 after dropout.
        """
        schedule = schedule_of(self.config, self._end, horizon, effect)
        rate = 0.0 if discount is None else discount.rate(TimeUnit.DAY)
        purchases = expected_purchases(self._latent, schedule, rate)
        kept = self._latent.shape / self._latent.scale * (1 - self.config.refund) * margin
        return np.where(self.people["alive"].to_numpy(dtype=bool), purchases * kept, 0.0)


def schedule_of(
    config: RetailerConfig,
    begin: float,
    length: Span,
    effect: TreatmentEffect | None = None,
) -> Schedule:
    """Return the factors on rate and dropout from `begin` on.

    Args:
        config: The retailer, with its seasons.
        begin: Days from the first day of the window.
        length: Length of the schedule.
        effect: The effect of a treatment that starts at `begin`.
    """
    total = length.to(TimeUnit.DAY)
    held = total
    if effect is not None and effect.lasting is not None:
        held = min(effect.lasting.to(TimeUnit.DAY), total)
    months = _month_starts(config, begin, total)
    edges = np.unique(np.concatenate([[0.0, held, total], months]))
    middle = (edges[:-1] + edges[1:]) / 2
    rate = _season(config, begin + middle)
    treated = middle < held
    if effect is None:
        return Schedule(edges, rate, np.ones(len(middle)))
    return Schedule(
        edges,
        rate * np.where(treated, effect.rate, 1.0),
        np.where(treated, effect.dropout, 1.0),
    )


def _month_starts(config: RetailerConfig, begin: float, total: float) -> Floats:
    if config.seasonality is None:
        return np.empty(0)
    zero = np.datetime64(config.start, "D")
    first = (zero + np.timedelta64(int(begin), "D")).astype("datetime64[M]")
    months = first + np.arange(int(total / 28) + 2).astype("timedelta64[M]")
    offset: Floats = (months.astype("datetime64[D]") - zero).astype(np.float64) - begin
    return offset[(offset > 0) & (offset < total)]


def _season(config: RetailerConfig, day: Floats) -> Floats:
    if config.seasonality is None:
        return np.ones(len(day))
    dates = np.datetime64(config.start, "D") + day.astype("timedelta64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    return np.array(config.seasonality)[month]
