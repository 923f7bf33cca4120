"""`Sampling`: a method of inference with its numbers of draws, warm-up draws and chains."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from omniltv._options import checked

__all__ = ["METHODS", "Method", "Sampling"]

type Method = Literal["auto", "nuts", "laplace", "map"]
"""How the posterior is computed."""

type _Draws = Annotated[int, Interval(ge=10, le=1_000_000)]

METHODS: tuple[Method, ...] = ("auto", "nuts", "laplace", "map")
"""The methods of `fit`."""


@checked
@dataclass(frozen=True, slots=True)
class Sampling:
    """A method of inference, and the number of draws.

    ``fit(..., method="laplace")`` is short for ``fit(..., method=Sampling("laplace"))``.

    Attributes:
        method: ``"auto"``, ``"nuts"``, ``"laplace"`` or ``"map"``; see `fit`.
        draws: Draws per chain after warm-up. Laplace returns ``draws`` times ``chains``
            draws, the same number as NUTS.
        warmup: Warm-up draws per chain.
        chains: Chains, run in parallel on the available cores.

    Raises:
        ConfigError: If the method is unknown, or a number is too small.

    Examples:
        >>> Sampling("laplace", draws=2000)
        Sampling(method='laplace', draws=2000, warmup=400, chains=2)
    """

    method: Method = "auto"
    draws: _Draws = 1000
    warmup: _Draws = 400
    chains: Annotated[int, Interval(ge=1, le=1000)] = 2
