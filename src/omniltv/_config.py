"""Configuration as data: the same in Python, YAML and JSON, with errors that name the field."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from omniltv._yaml import Document, read_yaml, write_yaml
from omniltv.errors import ConfigError

__all__ = ["Config", "Written", "YamlMixin", "root_init", "validate"]

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
    with _as_ours(model):
        return model.model_validate(data)


@contextmanager
def _as_ours(model: type[BaseModel], document: Document | None = None) -> Iterator[None]:
    """Raise ConfigError in place of pydantic's ValidationError."""
    try:
        yield
    except ValidationError as error:
        lines = [_described(item["loc"], item["msg"], document) for item in error.errors()]
        message = f"not a valid {model.__name__}: {'; '.join(lines)}"
        parameter = _path(error.errors()[0]["loc"])
        raise ConfigError(message, parameter=parameter) from error


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


def root_init(self: RootModel[object], root: object) -> None:
    """Check the one field of a root model, with errors of this package."""
    with _as_ours(type(self)):
        RootModel.__init__(self, root)


def _init(self: BaseModel, /, **data: object) -> None:
    """Fill in and check the fields, as pydantic does, with errors of this package."""
    with _as_ours(type(self)):
        BaseModel.__init__(self, **data)


_PLAIN: Any = vars(BaseModel)["model_validate"].__func__
"""Pydantic's own `model_validate`, as a function of the class."""


def _model_validate(cls: type[BaseModel], *args: object, **options: object) -> object:
    """Return the model from data, with errors of this package."""
    with _as_ours(cls):
        return _PLAIN(cls, *args, **options)


# Pydantic calls an `__init__` of one's own also for models inside of models, unless it has this
# mark; the error of the inner model would then lack its place in the outer one.
for _function in (_init, root_init):
    setattr(_function, "__pydantic_base_init__", True)  # noqa: B010 - functions declare no fields


class _Model(BaseModel):
    """A frozen model whose errors are of this package; numbers are finite."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    if not TYPE_CHECKING:  # pydantic's own signatures are what a type checker should see
        __init__ = _init

        model_validate = classmethod(_model_validate)

        def model_copy(self, *, update: object = None, deep: bool = False) -> Self:
            """Return a copy with some fields changed, and checked again."""
            copy = super().model_copy(update=update, deep=deep)
            return type(self).model_validate(dict(copy)) if update else copy


class Config(_Model):
    """Base of frozen settings: unknown fields, NaN and infinity are errors of this package.

    Examples:
        >>> class Limit(Config):
        ...     most: float
        >>> try:
        ...     Limit(most=float("nan"))
        ... except ConfigError as error:
        ...     print(error)
        not a valid Limit: most: Input should be a finite number
    """

    model_config = ConfigDict(extra="forbid")


class YamlMixin(_Model):
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
        with _as_ours(cls, document):
            return super(_Model, cls).model_validate(document.data, strict=True)

    def to_yaml(self) -> str:
        """Return the model as YAML that `from_yaml` reads back as an equal model.

        Defaults are left out, but for the version of a document.

        Examples:
            >>> class Point(Written):
            ...     x: float
            >>> print(Point(x=2).to_yaml(), end="")
            x: 2.0
        """
        data = self.model_dump(exclude_defaults=True)
        version = getattr(self, "version", None)
        return write_yaml(_plain(data if version is None else {"version": version, **data}))


class Written(YamlMixin):
    """Base of a frozen configuration that rejects unknown fields.

    Examples:
        >>> class Point(Written):
        ...     x: float
        >>> Point(x=1)
        Point(x=1.0)
    """

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
