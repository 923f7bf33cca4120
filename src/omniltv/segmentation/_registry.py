"""Kinds of documents, registered by the field that names them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import ClassVar

from omniltv._config import Written
from omniltv.errors import ConfigError

__all__ = ["KeyedKind", "KindRegistry"]


class KeyedKind(Written):
    """Base of a kind of document that is recognised by one of its fields.

    Attributes:
        key: Name of the field that only this kind has.
    """

    key: ClassVar[str]


@dataclass(eq=False)
class KindRegistry[KindT: KeyedKind]:
    """The kinds by key: those of this package, and those that installed packages register.

    Attributes:
        group: The group of entry points whose modules register kinds.
    """

    group: str
    _kinds: dict[str, type[KindT]] = field(default_factory=dict)
    _loaded: bool = False

    def add(self, kind: type[KindT]) -> None:
        """Register a kind; one of the same name and module is replaced.

        Raises:
            ConfigError: If the key is not a field of the kind.
        """
        if kind.key not in kind.model_fields:
            hint = f"key = {next(iter(kind.model_fields), 'name')!r}"
            raise ConfigError(f"{kind.__name__}: the key {kind.key!r} is not a field. Hint: {hint}")
        self._kinds[kind.key] = kind

    def others(self, kind: type[KindT]) -> Iterator[type[KindT]]:
        """Yield the registered kinds that are not this one under an earlier definition."""
        own = f"{kind.__module__}.{kind.__qualname__}"
        for other in self._kinds.values():
            if f"{other.__module__}.{other.__qualname__}" != own:
                yield other

    def known(self) -> dict[str, type[KindT]]:
        """Return the kinds by key, after the modules of installed packages were loaded once."""
        if not self._loaded:
            self._loaded = True
            for point in entry_points(group=self.group):
                point.load()
        return dict(self._kinds)
