"""Pooling: how groups of customers share information."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from omniltv._options import checked
from omniltv.errors import ConfigError

__all__ = ["JOIN", "Pooling", "PoolingKind"]


class PoolingKind(StrEnum):
    """Whether groups share all parameters, none, or a common prior.

    Examples:
        >>> Pooling.none("channel").kind
        <PoolingKind.NONE: 'none'>
    """

    COMPLETE = "complete"
    NONE = "none"
    PARTIAL = "partial"


@checked
@dataclass(frozen=True, slots=True)
class Pooling:
    """How the groups of one or several columns share information in a fit.

    Make one with `complete`, `none` or `partial`. Under partial pooling, each coordinate is
    a population mean plus a random effect for each term. The random effects of a term are
    Normal(0, spread), and the means and spreads are estimated. The estimates of a channel
    with thirty buyers are close to those of the other channels; a channel with thirty
    thousand buyers is estimated from its own data (Gelman and Hill 2007, chapters 12, 13).

    A term is a group column, or several columns joined by ``|``: the combinations of their
    labels. ``partial("channel", "region")`` is crossed: the effect of a channel is the same
    in every region. ``partial("region", "region|store")`` is nested: stores vary around
    their region. ``partial("channel|region")`` has one effect for each combination.

    Attributes:
        kind: Complete, none or partial pooling.
        by: The terms; empty under complete pooling.

    Examples:
        >>> Pooling.partial("channel")
        Pooling(kind=<PoolingKind.PARTIAL: 'partial'>, by=('channel',))
        >>> Pooling.partial("region", "region|store").columns
        ('region', 'store')
    """

    kind: PoolingKind
    by: tuple[str, ...] = ()

    @classmethod
    def complete(cls) -> Self:
        """Return complete pooling: all customers share the same parameters."""
        return cls(PoolingKind.COMPLETE)

    @classmethod
    def none(cls, *by: str) -> Self:
        """Return no pooling: each group, or combination of groups, is estimated separately."""
        return cls(PoolingKind.NONE, _terms(by))

    @classmethod
    def partial(cls, *by: str) -> Self:
        """Return partial pooling: a common mean, and random effects for each term."""
        return cls(PoolingKind.PARTIAL, _terms(by))

    @property
    def columns(self) -> tuple[str, ...]:
        """The group columns in the terms, each once."""
        return tuple(dict.fromkeys(name for term in self.by for name in term.split(JOIN)))


JOIN = "|"


def _terms(by: tuple[str, ...]) -> tuple[str, ...]:
    if not by or not all(name for term in by for name in term.split(JOIN)):
        raise ConfigError('pooling needs a group column. Hint: Pooling.partial("channel")')
    if len(set(by)) < len(by):
        raise ConfigError(f"the same group column twice: {', '.join(by)}")
    return by
