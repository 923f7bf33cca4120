"""How groups of customers share strength."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from omniltv.errors import ConfigError

__all__ = ["JOIN", "Pooling", "PoolingKind"]


class PoolingKind(StrEnum):
    """Whether groups share all, nothing, or a common prior."""

    COMPLETE = "complete"
    NONE = "none"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the groups of one or several columns share strength in a fit.

    Make one with `complete`, `none` or `partial`. Under partial pooling each coordinate
    of a customer is a population mean plus one effect per term, an effect of a term's
    level being Normal(0, spread of the term), all of it estimated: a channel with thirty
    buyers leans on the others, a channel with thirty thousand speaks for itself (Gelman
    and Hill 2007, chapters 12 and 13).

    A term is a group column, or columns joined by ``|``: the combinations of their labels.
    ``partial("channel", "region")`` is crossed: a channel's effect is the same in every
    region. ``partial("region", "region|store")`` is nested: stores around their region.
    ``partial("channel|region")`` is neither: each combination for itself, around one mean.

    Attributes:
        kind: Complete, none or partial.
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
        """Return: every customer comes from one population."""
        return cls(PoolingKind.COMPLETE)

    @classmethod
    def none(cls, *by: str) -> Self:
        """Return: each group (each combination of several columns) for itself."""
        return cls(PoolingKind.NONE, _terms(by))

    @classmethod
    def partial(cls, *by: str) -> Self:
        """Return: a common mean, and an effect with a spread of its own for each term."""
        return cls(PoolingKind.PARTIAL, _terms(by))

    @property
    def columns(self) -> tuple[str, ...]:
        """The group columns that the terms are made of, each once."""
        return tuple(dict.fromkeys(name for term in self.by for name in term.split(JOIN)))


JOIN = "|"


def _terms(by: tuple[str, ...]) -> tuple[str, ...]:
    if not by or not all(name for term in by for name in term.split(JOIN)):
        raise ConfigError('pooling needs a group column. Hint: Pooling.partial("channel")')
    if len(set(by)) < len(by):
        raise ConfigError(f"the same group column twice: {', '.join(by)}")
    return by
