"""The BG/NBD model: buying at a gamma rate, dropping out by a beta coin after a purchase.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way: An Alternative
to the Pareto/NBD Model, Marketing Science 24(2), 275-284. Equation numbers are theirs.

A customer buys at rate lambda ~ Gamma(r, alpha) while alive, and after each repeat
purchase drops out with probability p ~ Beta(a, b).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from omniltv.models.protocols import Array, ArrayNamespace, Coordinate, PurchaseState

__all__ = ["BgNbd"]


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The BG/NBD model of repeat purchases, with reported parameters r, alpha, a, b.

    It is sampled in the log mean rate log(r/alpha), log r, the logit of the mean dropout
    probability a/(a+b) and the log concentration log(a+b): nearly independent a posteriori.
    """

    name: ClassVar[str] = "bg_nbd"
    version: ClassVar[int] = 1
    coordinates: ClassVar[tuple[Coordinate, ...]] = (
        Coordinate("log_rate", mean=0.0, sd=1.5, scale="time"),
        Coordinate("log_shape", mean=-0.5, sd=1.0),
        Coordinate("logit_dropout", mean=-1.0, sd=1.5),
        Coordinate("log_concentration", mean=1.0, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return r, alpha, a and b from the sampled coordinates."""
        dropout = coordinates["logit_dropout"]
        concentration = xp.exp(coordinates["log_concentration"])
        return {
            "r": xp.exp(coordinates["log_shape"]),
            "alpha": xp.exp(coordinates["log_shape"] - coordinates["log_rate"]),
            "a": xp.sigmoid(dropout) * concentration,
            "b": xp.sigmoid(-dropout) * concentration,
        }

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state (eq. 6), of their broadcast shape."""
        r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
        x, recency, T = state
        repeats = xp.maximum(x, 1)  # keeps the branch that is not taken finite
        common = (
            xp.gammaln(r + x)
            - xp.gammaln(r)
            - r * xp.log1p(T / alpha)
            - x * xp.log(alpha + T)
            + xp.gammaln(b + x)
            - xp.gammaln(b)
            + xp.gammaln(a + b)
            - xp.gammaln(a + b + x)
        )
        log_odds = (
            xp.log(a) - xp.log(b + repeats - 1) + (r + x) * xp.log((alpha + T) / (alpha + recency))
        )
        return common + xp.where(x > 0, xp.logaddexp(0.0, log_odds), 0.0)
