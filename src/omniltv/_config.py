"""Configuration as data: the same in Python, YAML and JSON, with errors that name the field."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from omniltv._yaml import Document, read_yaml, write_yaml
from omniltv.errors import ConfigError

__all__ = ["Written", "validate"]

TAGS = frozenset({"ColumnComparison", "AllOf", "AnyOf", "Not"})
"""Names of the kinds of condition: parts of pydantic's error path that are not in the text."""


def validate[ModelT: BaseModel](model: type[ModelT], data: object) -> ModelT:
    """Return ``data`` as a validated model.

    Raises:
        ConfigError: If a field is unknown, missing or invalid, with the path of each.

    Examples:
        >>> class Point(Written):
        ...     x: float
        >>> try:
        ...     validate(Point, {"y": 1})
        ... except ConfigError as error:
        ...     print(error)
        not a valid Point: x: Field required; y: Extra inputs are not permitted
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _invalid(model, error) from error


def _invalid(
    model: type[BaseModel], error: ValidationError, document: Document | None = None
) -> ConfigError:
    lines = [_described(item["loc"], item["msg"], document) for item in error.errors()]
    return ConfigError(f"not a valid {model.__name__}: {'; '.join(lines)}")


def _described(location: tuple[int | str, ...], problem: str, document: Document | None) -> str:
    where = f" (line {document.line(location)})" if document else ""
    return f"{_path(location)}{where}: {problem}"


def _path(location: tuple[int | str, ...]) -> str:
    steps = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in location
        if part not in TAGS
    ]
    return "".join(steps).lstrip(".") or "top level"


class YamlMixin(BaseModel):
    """Reads and writes a pydantic model as YAML (JSON is YAML, too).

    Examples:
        >>> class Point(Written):
        ...     x: float
        >>> print(Point.from_yaml("x: 1.5").to_yaml(), end="")
        x: 1.5
    """

    @classmethod
    def from_yaml(cls, source: str | Path) -> Self:
        """Return the model from a YAML 1.2 text, or from the file at a `Path`.

        Raises:
            ConfigError: If the file is absent, the text is not YAML or larger than 256 KiB, or
                a key is repeated, or a field is unknown, missing or invalid; with the line.

        Examples:
            >>> class Point(Written):
            ...     x: float
            >>> Point.from_yaml("x: 1.5").x
            1.5
        """
        document = read_yaml(source)
        try:
            return cls.model_validate(document.data, strict=True)
        except ValidationError as error:
            raise _invalid(cls, error, document) from error

    def to_yaml(self) -> str:
        """Return the model as YAML that `from_yaml` reads back as an equal model.

        Examples:
            >>> class Point(Written):
            ...     x: float
            >>> print(Point(x=2).to_yaml(), end="")
            x: 2.0
        """
        data = self.model_dump(exclude_defaults=True)
        return write_yaml(_plain(data))


class Written(YamlMixin):
    """Base of a frozen configuration that rejects unknown fields.

    Examples:
        >>> class Point(Written):
        ...     x: float
        >>> Point(x=1)
        Point(x=1.0)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
