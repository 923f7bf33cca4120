"""The channel mix: over which channels a customer's purchases split."""

from collections.abc import Mapping
from typing import Literal

from omniltv._options import Seed, checked
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError
from omniltv.models.inference.fitting import fit
from omniltv.models.inference.sampling import Method, Sampling
from omniltv.models.posterior._choices import ACQUISITION, Choices
from omniltv.models.posterior.channel_mix import ChannelMixFit
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.posterior.priors import Prior
from omniltv.models.processes.polya_urn import PolyaUrn
from omniltv.units import Span, days

__all__ = ["fit_channel_mix"]

_HALF_LIVES = (days(1460), days(730), days(365), days(182), days(91), days(45))
_CLEARLY = 4.0  # log score; by chance the best of six half-lives gains two or three


@checked
def fit_channel_mix(
    log: PurchaseLog[object],
    *,
    seed: Seed,
    half_life: Span | Literal["estimate"] | None = "estimate",
    pooling: Pooling | None = None,
    method: Method | Sampling = "auto",
    priors: Mapping[str, Prior] | None = None,
    progress: bool = True,
) -> ChannelMixFit:
    """Return the posterior of the channels of purchases: a `PolyaUrn` with its half-life.

    The first purchase of a customer determines the acquisition channel. Each later
    purchase is predicted from the customer's earlier ones. Without a half-life the
    likelihood is that of the Dirichlet-multinomial distribution. With a given half-life,
    this is ``fit(PolyaUrn(log.channels, half_life), log, ...)``.

    Args:
        log: The purchases.
        seed: The same seed and data give the same draws.
        half_life: Time after which a purchase counts half. If None, all purchases count
            fully. If ``"estimate"``, the half-life that best predicts the channel of each
            purchase, or None if no half-life is clearly better.
        pooling: How acquisition channels are pooled. If None, partially; completely if
            there is only one.
        method: As in `fit`. Use the same numbers of draws and chains as in other fits, so
            that `ChannelMixFit.split` can pair their draws.
        priors: As in `fit`.
        progress: Whether to show a progress bar, in a terminal or a notebook.

    Raises:
        FitError: If no customer bought twice.
        ConfigError: If the half-life is too short for the length of the log, or an
            argument is invalid.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({
        ...     "customer_id": list("aaaabbbccc"),
        ...     "channel": ["ec", "ec", "ec", "store", "store", "store", "store", "ec", "ec", "ec"],
        ...     "time": pd.date_range("2026-01-01", periods=10, freq="D"),
        ...     "value": 10.0,
        ... })
        >>> log = PurchaseLog.from_frame(frame)
        >>> mix = fit_channel_mix(log, seed=1, half_life=None)
        >>> mix
        ChannelMixFit(polya_urn, partial pooling by acquisition_channel (2), 2,000 draws by Laplace)
        >>> bool(mix.shares(log, ["b"])[0, mix.channels.index("store")] > 0.6)
        True
    """
    pooled = _pooling(log) if pooling is None else pooling
    best = _half_life(log, pooled, seed) if half_life == "estimate" else half_life
    return fit(
        PolyaUrn(log.channels, best),
        log,
        seed=seed,
        pooling=pooled,
        method=method,
        priors=priors,
        progress=progress,
    )


def _pooling(log: PurchaseLog[object]) -> Pooling:
    several = len(set(Choices.of(log, log.channels).acquired.tolist())) > 1
    return Pooling.partial(ACQUISITION) if several else Pooling.complete()


def _half_life(log: PurchaseLog[object], pooling: Pooling, seed: Seed) -> Span | None:
    """Return the half-life that predicts best; None unless it is clearly better."""
    scores = {life: _score(log, pooling, life, seed) for life in _HALF_LIVES}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > _score(log, pooling, None, seed) + _CLEARLY else None


def _score(log: PurchaseLog[object], pooling: Pooling, half_life: Span | None, seed: Seed) -> float:
    """Return the log score of the channels of all purchases, predicted at the mode."""
    try:
        found = fit(
            PolyaUrn(log.channels, half_life), log, seed=seed, pooling=pooling, method="map"
        )
    except ConfigError:  # too short for the length of the log
        return -float("inf")
    return float(found.log_likelihood(log)[0])
