"""The gate for options: a call is checked once against the annotations of its function."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial, wraps
from itertools import starmap
from math import inf, isinf
from numbers import Integral, Real
from types import MappingProxyType, NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeAliasType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from annotated_types import Ge, Gt, Interval, Le, Lt
from numpy.typing import ArrayLike, NDArray

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
    "checked",
    "checked_init",
    "options_of",
]

type Count = Annotated[int, Ge(1)]
"""A whole number of at least 1."""

type Natural = Annotated[int, Ge(0)]
"""A whole number of at least 0."""

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

_EXAMPLES: Mapping[str, str] = {
    "Assignment": 'assign(ids, {"treated": 0.5, "control": 0.5}, salt="spring")',
    "Baseline": 'Baseline(frame, covariates="spend")',
    "CalibrationHoldout": 'log.split("2026-01-01", unit="week")',
    "Discount": "Discount(per_year=0.10)",
    "Pooling": 'Pooling.partial("channel")',
    "PurchaseFit": "fit(BgNbd(), history, seed=1)",
    "PurchaseHistory": 'log.history(unit="week")',
    "PurchaseLog": "PurchaseLog.from_frame(frame)",
    "Span": "weeks(52)",
    "SpendFit": "fit(GammaGamma(), history, seed=1)",
    "Tolerance": "Tolerance(stop_above=0.2)",
}
"""How to make a value of a type, for hints."""


@dataclass(frozen=True, slots=True)
class Option:
    """What one parameter accepts.

    Attributes:
        accepts: Whether a value is accepted.
        allowed: What is accepted, in words.
        example: A value to pass, as source text; empty if none is known.
        plain: Whether what is accepted is a number, a switch or a word. A wrong text is then
            shown in the error. Elsewhere it may be personal data.
    """

    accepts: Callable[[object], bool]
    allowed: str
    example: str = ""
    plain: bool = False


class _Unknown(Exception):  # noqa: N818 - a signal within this file
    """An annotation that allows anything, or that another gate checks."""


def checked[ThingT](thing: ThingT) -> ThingT:
    """Return a function whose arguments are checked, or a class whose methods are.

    The annotations are read at the first call. An argument is never converted. A parameter
    whose annotation is a frame, a type variable or `object` is not checked here. A number is
    finite; a constructor accepts NaN and infinity, too, where the annotation has no bounds:
    results say by NaN what is unknown.

    Raises:
        ConfigError: By the function, if an argument does not fit its annotation.

    Examples:
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
    reader = _AnnotationReader(nan=inner.__name__ == "__init__")
    found: dict[str, Option] = {}
    for parameter in inspect.signature(inner).parameters.values():
        several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not several and parameter.annotation is not parameter.empty:
            try:
                found[parameter.name] = reader.read(_evaluated(parameter.annotation, names))
            except _Unknown:
                continue
    return MappingProxyType(found)


def _evaluated(annotation: object, names: Mapping[str, object]) -> object:
    """Return an annotation that is written as text as the type that it names."""
    if not isinstance(annotation, str):
        return annotation
    holder = cast("Any", SimpleNamespace(__annotations__={"it": annotation}))
    try:
        return get_type_hints(holder, dict(names), include_extras=True)["it"]
    except NameError:  # imported for type checkers only
        raise _Unknown from None


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


@dataclass(frozen=True, slots=True)
class _AnnotationReader:
    """Reads annotations as what they accept.

    Attributes:
        nan: Whether a number without bounds may be NaN or infinite.
    """

    nan: bool

    def read(self, annotation: object) -> Option:
        """Return what an annotation accepts.

        Raises:
            _Unknown: If it accepts anything, or is a frame.
        """
        if annotation is ArrayLike:
            return _ARRAY
        if annotation is None or annotation is NoneType:
            return Option(lambda value: value is None, "None", "None", plain=True)
        if isinstance(annotation, TypeAliasType):
            return self.read(annotation.__value__)
        if isinstance(annotation, TypeVar) and annotation.__bound__ is not None:
            return self.read(annotation.__bound__)
        origin = get_origin(annotation)
        return self._leaf(annotation) if origin is None else self._composed(origin, annotation)

    def _composed(self, origin: object, annotation: object) -> Option:
        parts = get_args(annotation)
        if origin is NDArray or origin is np.ndarray:
            return _ARRAY
        if isinstance(origin, TypeAliasType):
            return self.read(origin.__value__)
        readers: dict[object, Callable[[tuple[object, ...]], Option]] = {
            Annotated: _bounded,
            Literal: _one_of,
            Union: self._either,
            UnionType: self._either,
        }
        if origin in readers:
            return readers[origin](parts)
        return self._container(origin, parts) if origin in _CONTAINERS else self._leaf(origin)

    def _leaf(self, kind: object) -> Option:
        if kind is float and self.nan:
            return _NUMBER
        if kind in _PLAIN:
            return _PLAIN[cast("type", kind)]
        if kind in _CONTAINERS:
            return self._container(kind, ())
        anything = kind in (object, Any) or not isinstance(kind, type)
        if anything or cast("type", kind).__module__.startswith("narwhals"):
            raise _Unknown
        return _instance(cast("type", kind))

    def _either(self, parts: tuple[object, ...]) -> Option:
        options = [self.read(part) for part in parts]
        tests = tuple(option.accepts for option in options)

        def accepts(value: object) -> bool:
            for test in tests:  # noqa: SIM110 - faster than a generator
                if test(value):
                    return True
            return False

        return Option(
            accepts,
            _or(list(dict.fromkeys(option.allowed for option in options))),
            next((option.example for option in options if option.example), ""),
            plain=all(option.plain for option in options),
        )

    def _container(self, kind: object, parts: tuple[object, ...]) -> Option:
        words = _CONTAINERS[kind]
        if kind is Callable:
            return Option(callable, words)
        if issubclass(cast("type", kind), Mapping):
            return _mapping([self._item(part) for part in parts])
        if kind is tuple and parts and parts[-1] is not Ellipsis:
            return _tuple_of([self._item(part) for part in parts])
        item = self._item(parts[0]) if parts and kind not in (Iterable, Iterator) else None
        accepts = partial(_holds, cast("type", kind), None if item is None else item.accepts)
        return Option(accepts, words if item is None else f"{words}, each item {item.allowed}")

    def _item(self, annotation: object) -> Option | None:
        try:
            return self.read(annotation)
        except _Unknown:
            return None


def _instance(kind: type) -> Option:
    """Return what a class accepts: its instances, or what has the members of a Protocol.

    The text of a member of an enumeration of texts is this member.
    """
    if issubclass(kind, StrEnum):
        return _one_of(tuple(member.value for member in kind))
    protocol = getattr(kind, "_is_protocol", False)
    accepts = _keeps(kind) if protocol else partial(_is_a, kind)
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    return Option(accepts, f"{article} {kind.__name__}", _EXAMPLES.get(kind.__name__, ""))


def _is_a(kind: type, value: object) -> bool:
    return isinstance(value, kind) and not _is_missing(value)


def _is_missing(value: object) -> bool:
    """Return whether a value is NaN or NaT."""
    missing = isinstance(value, (float, datetime, np.generic)) and value != value  # noqa: PLR0124
    return bool(missing)


def _keeps(kind: type) -> Callable[[object], bool]:
    """Return whether a value has the members of a Protocol; each type is examined once."""
    members: frozenset[str] = cast("Any", kind).__protocol_attrs__
    known: set[type] = set()

    def accepts(value: object) -> bool:
        if type(value) in known:
            return True
        if isinstance(value, type) or not all(_has(value, name) for name in members):
            return False
        known.add(type(value))
        return True

    return accepts


def _has(value: object, name: str) -> bool:
    """Return whether a value has an attribute, without computing it."""
    nothing = object()
    return inspect.getattr_static(value, name, nothing) is not nothing


def _is_whole(value: object) -> bool:
    if type(value) is int:
        return True
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def _is_number(value: object) -> bool:
    return isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))


def _is_finite(value: object) -> bool:
    if type(value) in (float, int):
        return cast("float", value) - cast("float", value) == 0  # neither infinite nor NaN
    return _is_number(value) and bool(np.isfinite(cast("float", value)))


def _is_array(value: object) -> bool:
    if isinstance(value, (str, bytes, Mapping, np.generic)):
        return False
    return hasattr(value, "__array__") or isinstance(value, Sequence)


_ARRAY = Option(_is_array, "an array, or a sequence of values")
_NUMBER = Option(_is_number, "a number", "1.0", plain=True)

_PLAIN: Mapping[type, Option] = {
    bool: Option(lambda value: isinstance(value, (bool, np.bool_)), "True or False", plain=True),
    int: Option(_is_whole, "a whole number", "1", plain=True),
    float: Option(_is_finite, "a finite number", "1.0", plain=True),
    str: Option(lambda value: isinstance(value, str), "a text"),
    bytes: Option(lambda value: isinstance(value, bytes), "bytes"),
}

_CONTAINERS: Mapping[object, str] = {
    Sequence: "a sequence",
    Collection: "a collection",
    Iterable: "an iterable",
    Iterator: "an iterator",
    Mapping: "a mapping",
    AbstractSet: "a set",
    Callable: "a function",
    tuple: "a tuple",
    list: "a list",
    dict: "a dict",
    set: "a set",
    frozenset: "a frozenset",
}


def _holds(kind: type, accepts: Callable[[object], bool] | None, value: object) -> bool:
    """Return whether a value is a container of this kind, and its items are accepted."""
    if isinstance(value, (str, bytes)):
        return False
    if not isinstance(value, kind):
        return kind in (Sequence, Collection) and hasattr(value, "__array__")
    return accepts is None or all(map(accepts, cast("Iterable[object]", value)))


def _mapping(sides: list[Option | None]) -> Option:
    keys, values = sides if len(sides) == 2 else (None, None)

    def accepts(value: object) -> bool:
        if not isinstance(value, Mapping):
            return False
        good = keys is None or all(map(keys.accepts, value))
        return good and (values is None or all(map(values.accepts, value.values())))

    of = "" if keys is None or values is None else f" from {keys.allowed} to {values.allowed}"
    return Option(accepts, f"a mapping{of}")


def _tuple_of(items: list[Option | None]) -> Option:
    """Return what a tuple of fixed length accepts."""

    def accepts(value: object) -> bool:
        if not isinstance(value, tuple) or len(value) != len(items):
            return False
        pairs = zip(items, value, strict=True)
        return all(item is None or item.accepts(part) for item, part in pairs)

    return Option(accepts, f"a tuple of {len(items)}")


def _one_of(values: tuple[object, ...]) -> Option:
    known = {(value, isinstance(value, str)) for value in values}
    words = [repr(value) for value in values]

    def accepts(value: object) -> bool:
        text = isinstance(value, str)
        return (text or isinstance(value, (int, NoneType))) and (value, text) in known

    return Option(accepts, _or(words), words[0], plain=True)


def _or(words: Sequence[str]) -> str:
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def _bounded(parts: tuple[object, ...]) -> Option:
    """Return what a type with bounds accepts."""
    bounds = [bound for part in parts[1:] for bound in _bounds(part)]
    base = _AnnotationReader(nan=any(isinf(limit) for _, limit in bounds)).read(parts[0])
    tests = tuple(starmap(_within, bounds))

    def accepts(value: object) -> bool:
        if not base.accepts(value):
            return False
        for test in tests:  # noqa: SIM110 - faster than a generator
            if not test(cast("float", value)):
                return False
        return True

    limits = dict(bounds)
    share = 1 in (limits.get("lt"), limits.get("le"))
    words = f"{base.allowed.replace('a finite', 'a')} {_range(limits)}".rstrip()
    return Option(accepts, words, "0.5" if share else base.example, base.plain)


class _Test(Protocol):
    def __call__(self, value: float) -> bool: ...


def _bounds(part: object) -> Iterator[tuple[str, float]]:
    for kind, name in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt")):
        limit = getattr(part, name) if isinstance(part, (kind, Interval)) else None
        if limit is not None:
            yield name, limit


def _within(kind: str, limit: float) -> _Test:
    tests: Mapping[str, _Test] = {
        "ge": lambda value: value >= limit,
        "gt": lambda value: value > limit,
        "le": lambda value: value <= limit,
        "lt": lambda value: value < limit,
    }
    return tests[kind]


def _range(bounds: Mapping[str, float]) -> str:
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    if {"ge", "le"} <= set(bounds) and not isinf(bounds["le"]):
        return f"from {bounds['ge']:,} to {bounds['le']:,}"
    if {"gt", "lt"} <= set(bounds) and not isinf(bounds["lt"]):
        return f"between {bounds['gt']:,} and {bounds['lt']:,}"
    finite = [(kind, limit) for kind, limit in bounds.items() if not isinf(limit)]
    return " and ".join(f"{words[kind]} {limit:,}" for kind, limit in finite)
