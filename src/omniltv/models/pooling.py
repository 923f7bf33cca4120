"""How groups of customers share strength."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from omniltv.errors import ConfigError

__all__ = ["Pooling", "PoolingKind"]


class PoolingKind(StrEnum):
    """Whether groups share all, nothing, or a common prior."""

    COMPLETE = "complete"
    NONE = "none"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the groups of a column share strength in a fit.

    Make one with `complete`, `none` or `partial`. Under partial pooling each
    coordinate of a group is Normal(mean, spread) around a population mean, and both
    are estimated: a channel with thirty buyers leans on the others, a channel with
    thirty thousand speaks for itself (Gelman and Hill 2007, chapter 12).

    Attributes:
        kind: Complete, none or partial.
        by: The group columns of the history; empty under complete pooling.

    Examples:
        >>> Pooling.partial("channel")
        Pooling(kind=<PoolingKind.PARTIAL: 'partial'>, by=('channel',))
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
        return cls(PoolingKind.NONE, _columns(by))

    @classmethod
    def partial(cls, *by: str) -> Self:
        """Return: groups (combinations of several columns) with a common prior."""
        return cls(PoolingKind.PARTIAL, _columns(by))


def _columns(by: tuple[str, ...]) -> tuple[str, ...]:
    if not by or not all(by):
        raise ConfigError('pooling needs a group column. Hint: Pooling.partial("channel")')
    if len(set(by)) < len(by):
        raise ConfigError(f"the same group column twice: {', '.join(by)}")
    return by
