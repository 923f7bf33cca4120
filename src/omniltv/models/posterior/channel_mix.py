"""The posterior of a channel model: shares of channels, and amounts split by them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._options import checked
from omniltv.data.log import PurchaseLog
from omniltv.draws import Draws, Evaluate
from omniltv.errors import ConfigError, DataError
from omniltv.models.posterior._archive import Settings
from omniltv.models.posterior._choices import Choices, Habits
from omniltv.models.posterior._interpolate import Cells
from omniltv.models.posterior.fitted import Fit, Unseen
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import ChannelModel, ChannelState
from omniltv.units import Span

__all__ = ["ChannelMixFit"]

_ROWS = 4_096


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ChannelMixFit(Fit[ChannelModel]):
    """The posterior of a channel model; made by `fit_channel_mix`, `fit` or `load_fit`.

    The fit holds the population only. `shares` and `split` take the log with the purchases
    of the customers, which may be newer than the log of the fit.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.models import PolyaUrn, fit
        >>> days = pd.date_range("2026-01-01", periods=8, freq="D")
        >>> frame = pd.DataFrame({"customer_id": list("aaaabbbb"), "time": days, "value": 10.0})
        >>> frame["channel"] = ["ec"] * 3 + ["store"] * 5
        >>> log = PurchaseLog.from_frame(frame)
        >>> mix = fit(PolyaUrn(log.channels), log, seed=1, method="map")
        >>> mix.shares(log, ["b"]).round(1)
        array([[0.1, 0.9]])
    """

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels, sorted."""
        return self.model.channels

    @property
    def half_life(self) -> Span | None:
        """Time after which a purchase counts half; None if all purchases count fully."""
        return self.model.half_life

    def split(
        self,
        amount: Draws,
        log: PurchaseLog[object],
        customer_id: ArrayLike,
        *,
        unseen: Unseen = "population",
    ) -> Mapping[str, Draws]:
        """Return an amount per customer as amounts per channel, which add up draw by draw.

        Args:
            amount: Draws of expected purchases or of lifetime value, one row per customer,
                with as many draws as the fit has.
            log: The purchases of the customers.
            customer_id: Customer of each row, of shape (n_rows,).
            unseen: How to treat an acquisition channel that the fit did not see: draw its
                habits from the population of channels, or raise an error.

        Raises:
            DataError: If a customer or channel is unknown, or the numbers of rows differ.
            ConfigError: If the numbers of draws differ.
        """
        if amount.n_draws != self.n_draws:
            message = f"{amount.n_draws:,} draws of the amount, {self.n_draws:,} of the mix"
            raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")
        habits = self._habits(log, customer_id)
        if len(habits) != len(amount):
            raise DataError(f"{len(habits):,} ids for {len(amount):,} rows", column="customer_id")
        cells, index = self.cells(habits, unseen=unseen), np.arange(len(habits))

        def of(channel: str) -> Draws:
            def part(whole: Draws) -> Evaluate:
                def evaluate(rows: slice, draws: slice) -> NDArray[np.float64]:
                    values = whole.take(index[rows]).to_array()[:, draws]
                    return values * self._shares(habits, cells, rows, draws, channel)

                return evaluate

            name, added = f"{amount.name} by {channel}", amount.in_total
            in_total = added and part(replace(amount, evaluate=added))
            size = len(index)
            return Draws(part(amount), index, size, amount.n_draws, name, in_total=in_total)

        return {name: of(name) for name in self.channels}

    def shares(
        self,
        log: PurchaseLog[object],
        customer_id: ArrayLike | None = None,
        *,
        unseen: Unseen = "population",
    ) -> NDArray[np.float64]:
        """Return the posterior mean share of each channel in a customer's next purchases.

        Args:
            log: The purchases of the customers.
            customer_id: The customers, of shape (n_rows,); if None, all customers of the
                log, in its order.
            unseen: As in `split`.

        Returns:
            Array of shape (n_rows, n_channels); rows sum to one.

        Raises:
            DataError: If a customer or channel is unknown.
        """
        habits = self._habits(log, customer_id)
        cells = self.cells(habits, unseen=unseen)
        result = np.empty((len(habits), len(self.channels)))
        for start in range(0, len(habits), _ROWS):
            rows = slice(start, start + _ROWS)
            for column, channel in enumerate(self.channels):
                shares = np.ascontiguousarray(
                    self._shares(habits, cells, rows, slice(None), channel)
                )
                result[rows, column] = shares.mean(axis=1)
        return result

    def log_likelihood(
        self, log: PurchaseLog[object], *, unseen: Unseen = "population"
    ) -> NDArray[np.float64]:
        """Return the log probability of the channels of all purchases after the first.

        Each purchase is predicted from the customer's earlier ones.

        Returns:
            Array of shape (n_draws,).
        """
        choices = self._choices(log)
        state, later = choices.states(self.half_life), choices.customer[~choices.first]
        purchases = choices.habits(choices.customer_id, self.half_life).take(later)
        cells = self.cells(purchases, unseen=unseen)
        total = np.zeros(self.n_draws)
        for start in range(0, len(later), _ROWS):
            rows = slice(start, start + _ROWS)
            part = ChannelState(*(values[rows, None] for values in state))
            each = self.model.loglik(NUMPY, cells.take(rows).parameters(), part)
            total += np.asarray(each, dtype=np.float64).sum(axis=0)
        return total

    def _choices(self, log: PurchaseLog[object]) -> Choices:
        return Choices.of(log, self.channels)

    def _habits(self, log: PurchaseLog[object], customer_id: ArrayLike | None) -> Habits:
        return self._choices(log).habits(customer_id, self.half_life)

    def _shares(
        self, habits: Habits, cells: Cells, rows: slice, draws: slice, channel: str
    ) -> NDArray[np.float64]:
        """Return draws of a channel's share in the next purchases, of shape (rows, draws)."""
        weight = habits.weight[rows]
        own = weight[:, self.channels.index(channel), None]
        parameters = cells.take(rows).parameters(draws)
        return self.model.expected_share(parameters, own, weight.sum(axis=1)[:, None], channel)

    @property
    def settings(self) -> Settings:
        """The settings of the model, which are saved with the fit."""
        return Settings(channels=self.channels, half_life=self.half_life)
