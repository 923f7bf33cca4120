"""Probabilities of the number of future purchases of each row."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv._frames import Tabular
from omniltv._options import Natural, checked
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError
from omniltv.models.posterior._count_draws import CountDraws
from omniltv.models.posterior._later import FUTURES
from omniltv.units import Span

__all__ = ["PurchaseCounts"]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class PurchaseCounts(Tabular):
    """Probabilities of 0, 1, ... purchases of each row; made by `PurchaseFit.prob_purchases`.

    Nothing is computed until it is used.

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,).
        groups: Group columns by name, each of shape (n_rows,).
        horizon: Length of the forecast.
        most: Largest number of purchases with a probability of its own.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> from omniltv.models import BgNbd, fit
        >>> from omniltv.units import weeks
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...                           np.full(40, 30.0), np.linspace(5, 15, 40), "week")
        >>> counts = fit(BgNbd(), history, seed=1, method="map").prob_purchases(
        ...     history, weeks(4), 2)
        >>> counts
        PurchaseCounts(40 rows, 0 to 2 purchases within 4 weeks)
        >>> counts.mean().shape, counts.exactly(0).interval().shape
        ((40, 3), (40, 2))
        >>> list(counts.columns())
        ['customer_id', 'prob_0', 'prob_1', 'prob_2', 'prob_more']
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]
    horizon: Span
    most: Natural
    draws: CountDraws = field(repr=False)

    def __len__(self) -> int:
        return len(self.customer_id)

    def __repr__(self) -> str:
        size = f"{len(self):,} rows, 0 to {self.most:,} purchases within {self.horizon}"
        error = f", simulated with an error of {self.error:.2g}" if self.error else ""
        return f"PurchaseCounts({size}{error})"

    @property
    def error(self) -> float:
        """Largest standard error of a posterior mean from simulated futures; 0 if there are none.

        At most 200 posterior draws are then used. If the fit has many more, this adds about 7 %
        of the posterior standard deviation.
        """
        picked = self.draws.picked if self.most else None  # that of 0 is never simulated
        return 0.0 if picked is None else float(0.5 / np.sqrt(FUTURES * len(picked)))

    def exactly(self, count: Natural) -> RowDraws:
        """Return draws of the probability of ``count`` purchases.

        Raises:
            ConfigError: If ``count`` is above ``most``.
        """
        if count > self.most:
            problem = f"probabilities of 0 to {self.most:,} purchases, not of {count:,}"
            hint = f"fit.prob_purchases(history, horizon, {count})"
            raise ConfigError(f"{problem}. Hint: {hint}", parameter="count")
        return self.draws.exactly(count)

    def more(self) -> RowDraws:
        """Return draws of the probability of more than ``most`` purchases."""
        each = [self.exactly(count) for count in range(self.most + 1)]

        def evaluate(states: slice, draws: slice) -> Floats:
            total = each[0].evaluate(states, draws)
            for one in each[1:]:
                total = total + one.evaluate(states, draws)
            return np.maximum(1 - total, 0.0)

        first = each[0]
        name = f"P(more than {self.most} purchases)"
        return RowDraws(evaluate, first.index, first.n_states, first.n_draws, name)

    def mean(self) -> NDArray[np.float64]:
        """Return the posterior mean of each probability, of shape (n_rows, most + 1)."""
        every = [self.exactly(count).mean() for count in range(self.most + 1)]
        return np.stack(every, axis=1)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the posterior means by name; ``prob_more`` is that of more than ``most``."""
        means = self.mean()
        each = {f"prob_{count}": means[:, count] for count in range(self.most + 1)}
        more = np.maximum(1 - means.sum(axis=1), 0.0)
        return {"customer_id": self.customer_id, **self.groups, **each, "prob_more": more}
