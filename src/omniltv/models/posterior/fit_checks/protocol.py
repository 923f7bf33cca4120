"""The protocol of checks at the end of a fit, and the evidence that they share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from omniltv._arrays import Matrix
from omniltv._options import Seed, checked_init
from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior._interpolate import Cells
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.findings import Finding
from omniltv.models.posterior.fits import PurchaseFit, SpendFit

__all__ = [
    "FitCheck",
    "PurchaseEvidence",
    "Simulated",
    "SpendEvidence",
    "nobody",
    "prob_of_none",
    "some_rows",
]

_DRAWS = 8
_DOUBT = 1e-8  # tail in which a simulated count is doubted
_SIMULATED = 6_000  # customers who are simulated, under each draw
_TYPICAL = 200  # customers for whom expectations are computed


class FitCheck[EvidenceT](Protocol):
    """A check of a fit against its data; it costs little, since every fit runs it.

    Examples:
        >>> class Largest:
        ...     name, false_alarms = "largest frequency", 0.0
        ...     def find(self, evidence: PurchaseEvidence) -> Finding | None:
        ...         most = float(evidence.history.frequency.max())
        ...         return Finding(self.name, most, most, 1.0, "fine", f"at most {most:.0f}")
        >>> check: FitCheck[PurchaseEvidence] = Largest()
        >>> check.name
        'largest frequency'
    """

    @property
    def name(self) -> str:
        """Name of the check in findings."""
        ...

    @property
    def false_alarms(self) -> float:
        """Bound on the probability of a severe finding if the model is right."""
        ...

    def find(self, evidence: EvidenceT) -> Finding | None:
        """Return what was found; None if the check does not apply."""
        ...


@dataclass(frozen=True, eq=False)
class Simulated:
    """Customers of a history, simulated from the fitted model.

    Attributes:
        row: The row of each simulated customer, of shape (n,).
        times: Customers that each of them stands for.
        x: Simulated repeat purchases, of shape (n, n_draws).
        recency: Time of the last one, same shape.
        seen: Whether there are enough of them to be in the data, same shape.

    Examples:
        >>> one = np.ones((1, 1), dtype=np.int64)
        >>> Simulated(np.arange(1), 5.0, one, one * 3.0, one > 0).times
        5.0
    """

    row: NDArray[np.intp]
    times: float
    x: NDArray[np.int64]
    recency: Matrix
    seen: NDArray[np.bool_]


@checked_init
@dataclass(frozen=True, eq=False)
class PurchaseEvidence:
    """A fitted purchase model and its history, with what several checks compute from them.

    Attributes:
        fit: The posterior of the purchase model.
        history: The history of the fit.
        seed: Seed of what is simulated.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...     np.full(40, 39.0), np.full(40, 9.0), "week")
        >>> evidence = PurchaseEvidence(fit(BgNbd(), history, seed=1, method="map"), history, 1)
        >>> evidence.simulated.x.shape
        (40, 1)
    """

    fit: PurchaseFit
    history: PurchaseHistory
    seed: Seed

    @property
    def picked(self) -> NDArray[np.intp]:
        """A few evenly spaced posterior draws."""
        return np.unique(evenly(_DRAWS, self.fit.n_draws))

    @property
    def rng(self) -> np.random.Generator:
        """A new generator for each check, so that no finding depends on the other checks."""
        return np.random.default_rng(self.seed)

    @cached_property
    def cells(self) -> Cells:
        """Group and covariates of each row."""
        return self.fit.cells(self.history)

    @cached_property
    def simulated(self) -> Simulated:
        """At most 6,000 customers of the history, simulated under each picked draw."""
        rng = self.rng
        row, times = some_rows(np.arange(len(self.history)), _SIMULATED, rng)
        parameters = self.cells.take(row).flat_parameters(self.picked)
        shape = (len(row), len(self.picked))
        T = np.broadcast_to(self.history.T[row, None], shape).ravel()
        x, recency, _ = self.fit.model.simulate(parameters, T, rng)
        x = np.asarray(x, dtype=np.int64).reshape(shape)
        seen = x >= self.history.at_least
        return Simulated(row, times, x, np.asarray(recency).reshape(shape), seen)

    @cached_property
    def typical(self) -> tuple[NDArray[np.intp], float]:
        """At most 200 rows, evenly spaced by group and T, and how many each stands for."""
        order = np.lexsort([self.history.T, self.cells.group])
        size = min(_TYPICAL, len(order))
        places = (np.arange(size) * 2 + 1) * len(order) // (2 * size)
        return order[places].astype(np.intp), len(order) / size


@checked_init
@dataclass(frozen=True, eq=False)
class SpendEvidence:
    """A fitted spend model and its history, with mean values that the model simulates.

    Attributes:
        fit: The posterior of the spend model.
        history: The history of the fit.
        seed: Seed of what is simulated.

    Examples:
        >>> from omniltv.models import GammaGamma, fit
        >>> history = PurchaseHistory(np.arange(40), np.arange(40) % 4 + 1, np.full(40, 20.0),
        ...                           np.full(40, 30.0), np.linspace(5, 15, 40), "week")
        >>> evidence = SpendEvidence(fit(GammaGamma(), history, seed=1, method="map"), history, 1)
        >>> evidence.simulated.shape
        (40, 1)
    """

    fit: SpendFit
    history: PurchaseHistory
    seed: Seed

    @cached_property
    def _sample(self) -> tuple[NDArray[np.intp], float]:
        _, mean = self.history.spending()
        paid = np.flatnonzero(mean > 0)
        return some_rows(paid, _SIMULATED, np.random.default_rng([self.seed, 1]))

    @property
    def times(self) -> float:
        """Customers that each of those simulated stands for."""
        return self._sample[1]

    @cached_property
    def some(self) -> PurchaseHistory:
        """At most 6,000 customers with paid purchases."""
        return self.history.take(self._sample[0])

    @cached_property
    def simulated(self) -> Matrix:
        """Their mean values, simulated under a few draws, of shape (n_customers, n_draws)."""
        picked = np.unique(evenly(_DRAWS, self.fit.n_draws))
        parameters = self.fit.cells(self.some).flat_parameters(picked)
        shape = (len(self.some), len(picked))
        count = np.broadcast_to(self.some.spending()[0][:, None], shape).ravel()
        rng = np.random.default_rng(self.seed)
        return np.asarray(self.fit.model.simulate(parameters, count, rng)).reshape(shape)


def some_rows(
    rows: NDArray[np.intp], most: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], float]:
    """Return at most so many rows, drawn at random, and how many each stands for.

    Examples:
        >>> some_rows(np.arange(4), 2, np.random.default_rng(1))[1]
        2.0
    """
    if len(rows) <= most:
        return rows, 1.0
    return rng.choice(rows, most, replace=False), len(rows) / most


def nobody(what: str, expected: float) -> str:
    """Return the words of a finding that no customer is of a kind.

    Examples:
        >>> nobody("is silent", 12.4)
        'no customer is silent, and the model expects 12'
    """
    return f"no customer {what}, and the model expects {expected:,.0f}"


def prob_of_none(counts: ArrayLike, times: ArrayLike) -> float:
    """Return the probability that no customer is of a kind, averaged over draws.

    Args:
        counts: Simulated customers of the kind under each draw; taken at their lower end.
        times: Customers that each of them stands for.

    Examples:
        >>> prob_of_none([0, 0], 3.0), prob_of_none([100], 1.0) < 1e-20
        (1.0, True)
    """
    seen = np.asarray(counts, dtype=np.float64)
    sure = np.nan_to_num(special.gammaincinv(seen, _DOUBT))  # NaN if there are none
    return float(np.exp(-np.asarray(times) * sure).mean())
