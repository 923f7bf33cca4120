"""The channel mix: over which channels a customer's purchases split.

An urn per customer (Pólya's, Eggenberger and Pólya 1923): it starts with kappa balls in the
proportions m of the customer's acquisition channel, every purchase adds a ball of its
channel, and the next purchase is a ball drawn. Purchases then split by the
Dirichlet-multinomial. With a half-life balls lose weight as they age: habits drift, and
what a customer did last year tells less than last month. Acquisition channels are partially
pooled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from omniltv.data.log import PurchaseLog
from omniltv.draws import Draws
from omniltv.errors import ConfigError, DataError, FitError
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.posterior.priors import LogNormal, Normal, Prior
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Array, ArrayNamespace, Coordinate
from omniltv.units import Span, TimeUnit, days

if TYPE_CHECKING:
    from omniltv.models.inference._problem import Problem

__all__ = ["ChannelMix", "fit_channel_mix"]

_HALF_LIVES = (None, days(1460), days(730), days(365), days(182), days(91), days(45))
_SPREAD_SD = 0.75
_CLEARLY = 4.0  # log score; noise alone moves the best of six half-lives by two or three
_ROWS = 4_096


@dataclass(frozen=True, eq=False, repr=False)
class ChannelMix:
    """Over which channels customers' purchases split; made by `fit_channel_mix`.

    Attributes:
        channels: The channels, sorted.
        groups: The acquisition channels, sorted.
        concentration: Draws of kappa, of shape (n_draws, n_groups): as how many purchases
            the habits of the acquisition channel count.
        base: Draws of m, of shape (n_draws, n_groups, n_channels); sums to one.
        half_life: Time after which a purchase counts half; None where none is forgotten.
        customer_id: The customers, of shape (n_customers,).
        group: Acquisition channel of each, of shape (n_customers,).
        weight: What each customer's purchases after the first weigh now, per channel, of
            shape (n_customers, n_channels).
        diagnostics: What is known of the quality of the draws.
    """

    channels: tuple[str, ...]
    groups: tuple[str, ...]
    concentration: NDArray[np.float64]
    base: NDArray[np.float64]
    half_life: Span | None
    customer_id: NDArray[np.object_]
    group: NDArray[np.intp]
    weight: NDArray[np.float64]
    diagnostics: Diagnostics

    def __repr__(self) -> str:
        memory = "nothing forgotten" if self.half_life is None else f"half-life {self.half_life}"
        over = f"{len(self.channels)} channels, {len(self.customer_id):,} customers"
        return f"ChannelMix({over}, {memory}, {len(self.base):,} draws)"

    def split(self, amount: Draws, customer_id: ArrayLike) -> Mapping[str, Draws]:
        """Return an amount per customer as amounts per channel, which add up draw by draw.

        Args:
            amount: Draws of expected purchases, or of lifetime value, one row per customer,
                with as many draws as the mix has.
            customer_id: Customer of each row, of shape (n_rows,).

        Raises:
            DataError: If a customer is not one of the mix.
            ConfigError: If the numbers of draws differ.
        """
        if amount.n_draws != len(self.base):
            message = f"{amount.n_draws:,} draws of the amount, {len(self.base):,} of the mix"
            raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")
        place = self._places(customer_id)
        if len(place) != len(amount):
            raise DataError(f"{len(place):,} ids for {len(amount):,} rows", column="customer_id")
        index, n = np.arange(len(place)), len(place)

        def of(channel: int) -> Draws:
            def evaluate(rows: slice, draws: slice) -> NDArray[np.float64]:
                whole = amount.take(index[rows])
                values = whole.to_array()[:, draws]
                return values * self._shares(place[rows], channel, draws)

            name = f"{amount.name} by {self.channels[channel]}"
            return Draws(evaluate, index, n, amount.n_draws, name)

        return {name: of(number) for number, name in enumerate(self.channels)}

    def shares(self, customer_id: ArrayLike) -> NDArray[np.float64]:
        """Return the mean share of each channel in a customer's next purchases.

        Args:
            customer_id: The customers, of shape (n_rows,).

        Returns:
            Of shape (n_rows, n_channels); rows sum to one.

        Raises:
            DataError: If a customer is not one of the mix.
        """
        place = self._places(customer_id)
        result = np.empty((len(place), len(self.channels)))
        for start in range(0, len(place), _ROWS):
            rows = slice(start, start + _ROWS)
            for channel in range(len(self.channels)):
                shares = np.ascontiguousarray(self._shares(place[rows], channel, slice(None)))
                result[rows, channel] = shares.mean(axis=1)
        return result

    def _shares(self, place: NDArray[np.intp], channel: int, draws: slice) -> NDArray[np.float64]:
        """Return draws of a channel's share in the next purchases, of shape (rows, draws)."""
        group, weight = self.group[place], self.weight[place]
        kappa = self.concentration[draws].T[group]
        own = kappa * self.base[draws, :, channel].T[group] + weight[:, channel, None]
        return np.asarray(own / (kappa + weight.sum(axis=1)[:, None]))

    def _places(self, customer_id: ArrayLike) -> NDArray[np.intp]:
        wanted = pd.Index(np.asarray(customer_id, dtype=object))
        place = pd.Index(self.customer_id).get_indexer(wanted)
        if (place < 0).any():
            rows = wanted[place < 0].tolist()
            hint = "fit_channel_mix on the log that the history comes from"
            raise DataError("customers without a mix", column="customer_id", rows=rows, hint=hint)
        return np.asarray(place, dtype=np.intp)


def fit_channel_mix[FrameT](
    log: PurchaseLog[FrameT],
    *,
    seed: int,
    half_life: Span | Literal["estimate"] | None = "estimate",
    draws: int = 1000,
    chains: int = 2,
    progress: bool = True,
) -> ChannelMix:
    """Return over which channels the purchases of each customer split.

    The first purchase of a customer makes the acquisition channel; the others are learnt
    from. Each is predicted from those before it: that is the likelihood, and, without
    forgetting, the Dirichlet-multinomial's.

    Args:
        log: The purchases.
        seed: The same seed and data give the same draws.
        half_life: Time after which a purchase counts half; None forgets nothing;
            ``"estimate"`` takes what predicts the next channel best, if it is clearly
            better than forgetting nothing.
        draws: Draws per chain.
        chains: Draws are ``chains`` times ``draws``, so that they pair with other fits'.
        progress: Whether to show a progress bar where the sampler is needed.

    Raises:
        FitError: If nobody bought twice.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({
        ...     "customer_id": list("aaaabbbccc"),
        ...     "channel": ["ec", "ec", "ec", "store", "store", "store", "store", "ec", "ec", "ec"],
        ...     "time": pd.date_range("2026-01-01", periods=10, freq="D"),
        ...     "value": 10.0,
        ... })
        >>> mix = fit_channel_mix(PurchaseLog.from_frame(frame), seed=1, half_life=None)
        >>> bool(mix.shares(["b"])[0, mix.channels.index("store")] > 0.6)
        True
    """
    purchases, seen = _Purchases.of(log)
    urn, best = _Urn(len(log.channels)), None if half_life == "estimate" else half_life
    if half_life == "estimate":
        best = _half_life(urn, purchases, seed)
    found = _solve(
        urn,
        purchases,
        best,
        method="laplace",
        seed=seed,
        draws=draws,
        chains=chains,
        progress=progress,
    )
    parameters = found.parameters
    return ChannelMix(
        channels=log.channels,
        groups=seen,
        concentration=parameters["kappa"],
        base=np.stack([parameters[f"m_{c}"] for c in range(len(log.channels))], axis=2),
        half_life=best,
        customer_id=log.customer_id,
        group=purchases.group.astype(np.intp),
        weight=purchases.weights(best),
        diagnostics=found.diagnostics,
    )


class _Drawn(NamedTuple):
    """What is known of purchases after the first, each of shape (n,).

    Attributes:
        frequency: The channel that was drawn; named as every model's first statistic is.
        own: Weight of the balls of that channel in the urn.
        total: Weight of all balls that purchases have added.
    """

    frequency: NDArray[np.float64]
    own: NDArray[np.float64]
    total: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Urn:
    """The urn as a model: reported parameters kappa and m_0, m_1 … of the channels."""

    n_channels: int
    name = "urn"
    version = 1

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        odds = (
            Coordinate(f"log_odds_{channel}", mean=0.0, sd=1.5, group_sd=1.0)
            for channel in range(1, self.n_channels)
        )
        return (Coordinate("log_concentration", mean=0.5, sd=1.0), *odds)

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        odds = [xp.exp(coordinates[f"log_odds_{channel}"]) for channel in range(1, self.n_channels)]
        kappa = xp.exp(coordinates["log_concentration"])
        one = kappa / kappa  # of the shape of a draw, where there is but one channel
        whole = sum(odds, start=one)
        shares = [one / whole, *(item / whole for item in odds)]
        return {"kappa": kappa, **{f"m_{channel}": share for channel, share in enumerate(shares)}}

    def loglik(self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: _Drawn) -> Array:
        kappa = parameters["kappa"]
        drawn = np.asarray(state.frequency)
        start = sum(
            parameters[f"m_{channel}"] * (drawn == channel).astype(np.float64)
            for channel in range(self.n_channels)
        )
        return xp.log(kappa * start + state.own) - xp.log(kappa + state.total)


@dataclass(frozen=True, eq=False)
class _Purchases:
    """Purchases in order, customer by customer.

    Attributes:
        customer: Customer of each, ascending, of shape (n,).
        channel: Channel of each, same shape.
        when: Time in days, same shape; ascending within a customer.
        first: Whether it is the customer's first, same shape.
        group: Acquisition channel of each customer, as a number from 0.
        n_channels: How many channels there are.
    """

    customer: NDArray[np.intp]
    channel: NDArray[np.int64]
    when: NDArray[np.float64]
    first: NDArray[np.bool_]
    group: NDArray[np.int64]
    n_channels: int

    @classmethod
    def of[FrameT](cls, log: PurchaseLog[FrameT]) -> tuple["_Purchases", tuple[str, ...]]:
        """Return the purchases of a log, and the acquisition channels that groups stand for."""
        order = np.lexsort((log.time, log.customer))
        customer, channel = log.customer[order], log.channel[order].astype(np.int64)
        when = log.time[order].astype("datetime64[s]").astype(np.float64) / 86_400
        first = np.ones(len(customer), dtype=bool)
        first[1:] = customer[1:] != customer[:-1]
        if first.all():
            raise FitError("nobody bought twice, so no habit can be learnt. Hint: a longer log")
        acquired = np.empty(len(log.customer_id), dtype=np.int64)
        acquired[customer[first]] = channel[first]
        seen, group = np.unique(acquired, return_inverse=True)
        names = tuple(log.channels[place] for place in seen)
        n = len(log.channels)
        return cls(customer, channel, when, first, group.astype(np.int64), n), names

    def drawn(self, half_life: Span | None) -> _Drawn:
        """Return each purchase after the first, given those before it."""
        own, total = np.zeros((2, len(self.when)))
        for channel in range(self.n_channels):
            before = self._before(self.channel == channel, half_life)
            own[self.channel == channel] = before[self.channel == channel]
            total += before
        later = ~self.first
        return _Drawn(self.channel[later].astype(np.float64), own[later], total[later])

    def weights(self, half_life: Span | None) -> NDArray[np.float64]:
        """Return what each customer's later purchases weigh at the end, per channel."""
        rate, end = _rate(half_life), float(self.when.max())
        faded = np.exp(-rate * (end - self.when)) * ~self.first
        shape = (len(self.group), self.n_channels)
        cell = self.customer * self.n_channels + self.channel
        return np.bincount(cell, weights=faded, minlength=shape[0] * shape[1]).reshape(shape)

    def _before(self, mine: NDArray[np.bool_], half_life: Span | None) -> NDArray[np.float64]:
        """Return the weight that purchases of a kind after the first have at each purchase."""
        rate = _rate(half_life)
        since = self.when - self.when[self.first][np.cumsum(self.first) - 1]
        if rate * since.max(initial=0.0) > _LARGEST:
            raise ConfigError(f"a half-life of {half_life} is too short for a log of this length")
        grown = np.exp(rate * since) * (mine & ~self.first)
        summed = pd.Series(grown).groupby(self.customer).cumsum().to_numpy(dtype=np.float64)
        return np.asarray((summed - grown) * np.exp(-rate * since), dtype=np.float64)


_LARGEST = 600.0  # the exponential is still a number


def _rate(half_life: Span | None) -> float:
    return 0.0 if half_life is None else float(np.log(2) / half_life.to(TimeUnit.DAY))


@dataclass(frozen=True, eq=False)
class _Solved:
    parameters: Mapping[str, NDArray[np.float64]]
    diagnostics: Diagnostics


def _half_life(urn: _Urn, purchases: _Purchases, seed: int) -> Span | None:
    """Return the half-life that predicts best; none unless it is clearly better than none."""
    scores = {life: _score(urn, purchases, life, seed) for life in _HALF_LIVES}
    best = max(_HALF_LIVES, key=lambda life: scores[life])
    return best if scores[best] > scores[None] + _CLEARLY else None


def _score(urn: _Urn, purchases: _Purchases, half_life: Span | None, seed: int) -> float:
    """Return the log score of every purchase's channel, predicted from those before it."""
    try:
        drawn = purchases.drawn(half_life)
    except ConfigError:
        return -np.inf
    found = _solve(
        urn, purchases, half_life, method="map", seed=seed, draws=1, chains=1, progress=False
    )
    group = purchases.group[purchases.customer[~purchases.first]]
    chosen = drawn.frequency.astype(np.intp)
    shares = np.stack([found.parameters[f"m_{c}"][0] for c in range(urn.n_channels)])
    kappa = found.parameters["kappa"][0, group]
    score = np.log(kappa * shares[chosen, group] + drawn.own) - np.log(kappa + drawn.total)
    return float(score.sum())


def _solve(
    urn: _Urn,
    purchases: _Purchases,
    half_life: Span | None,
    *,
    method: str,
    seed: int,
    draws: int,
    chains: int,
    progress: bool,
) -> _Solved:
    from omniltv.models.inference import _problem  # noqa: PLC0415 - compiled code, slow

    problem = _posterior_of(urn, purchases, purchases.drawn(half_life))
    found = _problem.solve(
        problem, method, seed=seed, draws=draws, warmup=500, chains=chains, progress=progress
    )
    flat = found.draws.flat()
    named = {item.name: flat[:, :, j] for j, item in enumerate(urn.coordinates)}
    parameters = urn.parameters(NUMPY, named)
    return _Solved(
        {name: np.asarray(values) for name, values in parameters.items()}, found.diagnostics
    )


def _posterior_of(urn: _Urn, purchases: _Purchases, drawn: _Drawn) -> "Problem":
    """Return the posterior of the urns, acquisition channels partially pooled."""
    from omniltv.models.inference import _log_density, _problem  # noqa: PLC0415 - compiled code, slow
    from omniltv.models.inference._likelihood import Likelihood  # noqa: PLC0415 - likewise

    group = purchases.group[purchases.customer[~purchases.first]]
    each = np.arange(int(purchases.group.max()) + 1)
    terms = (each,) if len(each) > 1 else ()
    design = _log_density.Design(
        base=np.zeros_like(each),
        terms=terms,
        covariates=np.empty((len(each), 0)),
        target=(),
        n_coordinates=len(urn.coordinates),
    )
    fixed: Sequence[Prior] = [Normal(item.mean, item.sd) for item in urn.coordinates]
    scale = np.log([item.group_sd for item in urn.coordinates])
    spreads: list[Prior] = [LogNormal(float(item), _SPREAD_SD) for item in scale]
    count = np.bincount(group, minlength=len(each))
    rows = np.append(50 * len(each), count) if terms else count
    return _problem.Problem(
        model=urn,
        pooling=Pooling.partial("acquisition_channel") if terms else Pooling.complete(),
        groups=tuple(str(item) for item in each),
        levels=tuple(tuple(str(item) for item in term) for term in terms),
        effects=(),
        posterior=_log_density.LogDensity(
            likelihood=Likelihood(urn, drawn, np.ones(len(group)), group, n_cells=len(each)),
            design=design,
            fixed=_log_density.IndependentPriors(fixed),
            spreads=_log_density.IndependentPriors(spreads * len(terms)),
            start_of_spreads=np.tile(scale, len(terms)),
            degrees=6.0 + rows / 50,
        ),
        group_terms=terms,
        start=design.start(np.array([item.mean for item in urn.coordinates])),
        cell=group,
    )
