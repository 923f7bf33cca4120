"""What an annotation accepts, in words and as a test of values."""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import starmap
from math import isinf
from numbers import Integral, Real
from types import NoneType, SimpleNamespace, UnionType
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

__all__ = ["AnnotationReader", "Option", "UnknownAnnotation", "evaluated"]

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


class UnknownAnnotation(Exception):  # noqa: N818 - a signal, not an error
    """An annotation that allows anything, or that another gate checks."""


def evaluated(annotation: object, names: Mapping[str, object]) -> object:
    """Return an annotation that is written as text as the type that it names."""
    if not isinstance(annotation, str):
        return annotation
    holder = cast("Any", SimpleNamespace(__annotations__={"it": annotation}))
    try:
        return get_type_hints(holder, dict(names), include_extras=True)["it"]
    except NameError:  # imported for type checkers only
        raise UnknownAnnotation from None


@dataclass(frozen=True, slots=True)
class AnnotationReader:
    """Reads annotations as what they accept.

    Attributes:
        nan: Whether a number without bounds may be NaN or infinite.
    """

    nan: bool

    def read(self, annotation: object) -> Option:
        """Return what an annotation accepts.

        Raises:
            UnknownAnnotation: If it accepts anything, or is a frame.
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
            raise UnknownAnnotation
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
        except UnknownAnnotation:
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
    missing = isinstance(value, (float, datetime, np.generic)) and value != value  # noqa: PLR0124 - NaN, NaT
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
    base = AnnotationReader(nan=any(isinf(limit) for _, limit in bounds)).read(parts[0])
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
