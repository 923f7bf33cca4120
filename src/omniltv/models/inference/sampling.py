"""`Sampling`: a method of inference with its numbers of draws, warm-up draws and chains."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from omniltv.errors import ConfigError

__all__ = ["METHODS", "Method", "Sampling"]

type Method = Literal["nuts", "laplace", "map"]
"""How the posterior is computed."""

METHODS: tuple[Method, ...] = ("nuts", "laplace", "map")
"""The methods of `fit`."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """A method of inference, and the number of draws.

    ``fit(..., method="laplace")`` is short for ``fit(..., method=Sampling("laplace"))``.

    Attributes:
        method: ``"nuts"``, ``"laplace"`` or ``"map"``; see `fit`.
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

    method: Method = "nuts"
    draws: int = 1000
    warmup: int = 400
    chains: int = 2

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            message = f"no such method: {self.method!r}. Hint: one of {', '.join(METHODS)}"
            raise ConfigError(message)
        for name, least in (("draws", 10), ("warmup", 10), ("chains", 1)):
            whole_number(name, getattr(self, name), least)


def whole_number(name: str, value: object, least: int) -> None:
    """Raise ConfigError if an argument is not a whole number, or is too small."""
    if not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"{name} is a whole number of at least {least}, got {value!r}")
