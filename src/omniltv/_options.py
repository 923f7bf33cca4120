"""The gate for options: a call is checked once against the annotations of its function."""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from math import inf
from types import MappingProxyType
from typing import (
    Annotated,
    Any,
    cast,
)

import numpy as np
from annotated_types import Ge, Gt, Interval, Le

from omniltv._annotations import AnnotationReader, Option, UnknownAnnotation, evaluated
from omniltv.errors import ConfigError

__all__ = [
    "Count",
    "Few",
    "Finite",
    "Header",
    "Level",
    "Line",
    "Many",
    "Margin",
    "Natural",
    "NotNegative",
    "Positive",
    "Seed",
    "Share",
    "UpToACentury",
    "checked",
    "checked_init",
    "options_of",
]

type Count = Annotated[int, Ge(1)]
"""A whole number of at least 1."""

type Natural = Annotated[int, Ge(0)]
"""A whole number of at least 0."""

type UpToACentury = Annotated[int, Interval(ge=0, le=36_500)]
"""A number of days, up to a century."""

type Many = Annotated[int, Interval(ge=1, le=10_000_000)]
"""A number of things that are held in memory."""

type Header = Annotated[int, Interval(ge=0, le=10_000)]
"""A number of lines at the top of a file."""

type Finite = Annotated[float, Interval(gt=-inf, lt=inf)]
"""A finite number, also in a constructor."""

type Few = Annotated[int, Interval(ge=1, le=100_000)]
"""A number of bins, bars or tables."""

type Seed = Annotated[int, Ge(0)]
"""The seed of a random stream."""

type Level = Annotated[float, Interval(gt=0, lt=1)]
"""The probability of an interval."""

type Share = Annotated[float, Interval(ge=0, le=1)]
"""A share of a whole."""

type Line = Annotated[float, Interval(ge=-inf, le=inf)]
"""A number that may be infinite, but not NaN."""

type Positive = Annotated[float, Gt(0)]
"""A number above 0."""

type Margin = Annotated[float, Le(1)]
"""The margin on an amount of value, as a share of it; negative for a loss."""

type NotNegative = Annotated[float, Ge(0)]
"""A number that is not negative."""

_SHOWN = 60


def checked[ThingT](thing: ThingT) -> ThingT:
    """Return a function whose arguments are checked, or a class whose methods are.

    The annotations are read at the first call. An argument is never converted. A parameter
    whose annotation is a frame, a type variable or `object` is not checked here. A number is
    finite; a constructor accepts NaN and infinity, too, where the annotation has no bounds:
    results say by NaN what is unknown.

    Raises:
        ConfigError: By the function, if an argument does not fit its annotation.

    Examples:
        >>> from typing import Literal
        >>> @checked
        ... def halve(number: Share, *, mode: Literal["up", "down"] = "up") -> float:
        ...     return number / 2
        >>> halve(0.5)
        0.25
        >>> try:
        ...     halve(0.5, mode="sideways")
        ... except ConfigError as error:
        ...     print(error)
        mode is 'up' or 'down', got 'sideways'. Hint: mode='up'
    """
    if isinstance(thing, type):
        for name, part in list(vars(thing).items()):
            pydantic = hasattr(part, "__pydantic_base_init__")
            if (name == "__init__" and not pydantic) or not name.startswith("_"):
                _replace(thing, name, part)
        return thing
    return cast("ThingT", _gate(cast("Any", thing)))


def checked_init[KindT: type](kind: KindT) -> KindT:
    """Return a class whose constructor is checked; its methods are formulas on arrays.

    Examples:
        >>> from dataclasses import dataclass
        >>> @checked_init
        ... @dataclass
        ... class Rate:
        ...     value: Positive
        >>> Rate(2.0)
        Rate(value=2.0)
    """
    _replace(kind, "__init__", vars(kind)["__init__"])
    return kind


def _replace(owner: type, name: str, part: object) -> None:
    """Check the arguments of one method of a class."""
    if isinstance(part, (classmethod, staticmethod)):
        inner = cast("Any", part).__func__
        setattr(owner, name, type(part)(_gate(inner)))
    elif inspect.isfunction(part):
        setattr(owner, name, _gate(part))


def _gate(function: Callable[..., object]) -> Callable[..., object]:
    ready: list[tuple[list[tuple[str, Option | None]], Mapping[str, Option]]] = []

    @wraps(function)
    def _call(*args: object, **kwargs: object) -> object:
        if not ready:
            ready.append(_compiled(function))
        ordered, named = ready[0]
        for (name, option), value in zip(ordered, args, strict=False):
            if option is not None and not option.accepts(value):
                raise _refusal(function, name, option, value)
        for name, value in kwargs.items():
            option = named.get(name)
            if option is not None and not option.accepts(value):
                raise _refusal(function, name, option, value)
        return function(*args, **kwargs)

    return _call


def _compiled(
    function: Callable[..., object],
) -> tuple[list[tuple[str, Option | None]], Mapping[str, Option]]:
    options = _options_of(function)
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    ordered = [(p.name, options.get(p.name)) for p in parameters if p.kind in by_place]
    return ordered, options


@checked
def options_of(function: Callable[..., object]) -> Mapping[str, Option]:
    """Return what each checked parameter of a function accepts, by name.

    Examples:
        >>> def halve(number: Share) -> float:
        ...     return number / 2
        >>> options_of(halve)["number"].allowed
        'a number from 0 to 1'
    """
    return _options_of(function)


def _options_of(function: Callable[..., object]) -> Mapping[str, Option]:
    inner = inspect.unwrap(function)
    names = vars(sys.modules[inner.__module__])
    reader = AnnotationReader(nan=inner.__name__ == "__init__")
    found: dict[str, Option] = {}
    for parameter in inspect.signature(inner).parameters.values():
        several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not several and parameter.annotation is not parameter.empty:
            try:
                found[parameter.name] = reader.read(evaluated(parameter.annotation, names))
            except UnknownAnnotation:
                continue
    return MappingProxyType(found)


def _refusal(
    function: Callable[..., object], name: str, option: Option, value: object
) -> ConfigError:
    default = inspect.signature(function).parameters[name].default
    plain = isinstance(default, (str, int, float))
    example = (
        repr(str(default) if isinstance(default, str) else default) if plain else option.example
    )
    hint = f"{name}={example}" if example else f"help({function.__qualname__})"
    problem = f"{name} is {option.allowed}, got {_shown(value, plain=option.plain)}"
    return ConfigError(f"{problem}. Hint: {hint}", parameter=name, allowed=option.allowed)


def _shown(value: object, *, plain: bool) -> str:
    """Return a value for a message: never a text or a content that may be personal."""
    if value is None or isinstance(value, (bool, int, float, np.number, np.bool_)):
        text = repr(value)
    elif isinstance(value, str) and plain:
        text = repr(str(value))
    elif isinstance(value, type):
        text = f"the class {value.__name__}"
    else:
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
