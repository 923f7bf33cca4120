"""Written configuration: the same in Python, YAML and JSON, with errors that say where."""

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from omniltv.errors import ConfigError

__all__ = ["Written", "validate"]

TAGS = frozenset({"Comparison", "AllOf", "AnyOf", "Not"})
"""Names of the shapes of a condition: parts of pydantic's error path that nobody wrote."""


def validate[ModelT: BaseModel](model: type[ModelT], data: object) -> ModelT:
    """Return ``data`` as a checked model.

    Raises:
        ConfigError: If a field is unknown, missing or wrong, with the path of each.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [f"{_path(item['loc'])}: {item['msg']}" for item in error.errors()]
        message = f"this is no {model.__name__}: {'; '.join(lines)}"
        raise ConfigError(message) from error


def _path(location: tuple[int | str, ...]) -> str:
    steps = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in location
        if part not in TAGS
    ]
    return "".join(steps).lstrip(".") or "top level"


class YamlMixin(BaseModel):
    """Reading and writing YAML (and so JSON, which is YAML) for a pydantic model."""

    @classmethod
    def from_yaml(cls, source: str | Path) -> Self:
        """Return the model written in a YAML text, or in the file at a `Path`.

        Raises:
            ConfigError: If the file is absent, the text is no YAML, or a field is wrong.
        """
        try:
            text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
            data = yaml.safe_load(text)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"cannot read a {cls.__name__}: {error}") from error
        return validate(cls, data)

    def to_yaml(self) -> str:
        """Return the model as YAML that `from_yaml` reads back as an equal model."""
        data = self.model_dump(exclude_defaults=True)
        return yaml.safe_dump(_plain(data), sort_keys=False, allow_unicode=True)


class Written(YamlMixin):
    """Base of a frozen configuration that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
