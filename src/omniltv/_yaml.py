"""Documents in YAML 1.2, read strictly and within limits, and written so that they read back."""

import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from omniltv.errors import ConfigError

__all__ = ["Document", "read_yaml", "write_yaml"]

type Route = tuple[Hashable, ...]
"""The keys and positions that lead from the top of a document to a value."""

MOST_BYTES = 256 * 1024
MOST_DEPTH = 40
MOST_VALUES = 50_000
"""Values of a document; a value that an alias repeats counts again."""

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Mapping[str, Hashable] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OCTAL, _HEX = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|z| ?[-+]\d\d(:?\d\d)?)?")
_TEXT_TAGS = {"!", "tag:yaml.org,2002:str"}


class Document(NamedTuple):
    """A document that was read.

    Attributes:
        data: Its content; sequences are tuples.
        lines: The line of each value, by the keys and positions that lead to it.
    """

    data: object
    lines: Mapping[Route, int]

    def line(self, location: Route) -> int:
        r"""Return the line of the innermost value on a route; unknown steps are skipped.

        Examples:
            >>> read_yaml("a:\n- 1\n- 2").line(("a", "tuple", 1))
            3
        """
        route: Route = ()
        for step in location:
            route = (*route, step) if (*route, step) in self.lines else route
        return self.lines.get(route, 1)


def read_yaml(source: str | Path) -> Document:
    r"""Return a YAML text, or the content of the file at a `Path`.

    Values are those of the core schema of YAML 1.2: ``010`` is 10, ``1:30`` and ``yes`` are
    text. Dates and times in ISO 8601 are dates and times.

    Raises:
        ConfigError: If the file cannot be read, the text is not YAML 1.2, a key is repeated, or
            a limit on size, depth or values is exceeded; with the line.

    Examples:
        >>> read_yaml("{share: 010, at: 1:30, since: 2026-01-31}").data
        {'share': 10, 'at': '1:30', 'since': datetime.date(2026, 1, 31)}
        >>> read_yaml("a: 1\na: 2")
        Traceback (most recent call last):
        omniltv.errors.ConfigError: line 2: the key 'a' is repeated. Hint: remove one of the two
    """
    text = _text(source) if isinstance(source, Path) else source
    if len(text) > MOST_BYTES:
        raise _too_large(f"the document has {len(text):,} characters")
    try:
        return _Reader(iter(yaml.parse(text, Loader=_LOADER))).document()
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        hint = "look for a missing quote or indentation; lists go less deep than 40 levels"
        raise _error(mark.line + 1 if mark else 1, f"not YAML: {problem}", hint) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ConfigError(f"not YAML: {error}. Hint: save the document as UTF-8 text") from error


def write_yaml(data: object) -> str:
    """Return YAML that `read_yaml` reads back as equal data.

    Examples:
        >>> print(write_yaml({"a": "0o7", "b": 1.5}), end="")
        a: '0o7'
        b: 1.5
    """
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path} is not a file. Hint: name a file with a document")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _too_large(str(path))
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"cannot read {path}: {why}. Hint: name a document in UTF-8") from error


def _too_large(what: str) -> ConfigError:
    message = f"{what}: more than {MOST_BYTES:,} bytes"
    return ConfigError(f"{message}. Hint: divide the document, or build it in Python")


def _error(line: int, problem: str, hint: str = "") -> ConfigError:
    return ConfigError(f"line {line}: {problem}" + (f". Hint: {hint}" if hint else ""))


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Value(NamedTuple):
    """A value with the number of values in it and their depth."""

    data: object
    size: int = 1
    depth: int = 0


@dataclass
class _Reader:
    """Builds the values of a document from its events."""

    events: Iterator[Event]
    lines: dict[Route, int] = field(default_factory=dict)
    anchors: dict[str, _Value] = field(default_factory=dict)
    count: int = 0

    def document(self) -> Document:
        next(self.events)  # start of the stream
        start = next(self.events)
        if isinstance(start, yaml.StreamEndEvent):
            return Document(None, {})
        found = self._value(next(self.events), (), 0)
        next(self.events)  # end of the document
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _error(_line(after), "a second document", "one document per text")
        return Document(found.data, self.lines)

    def _value(self, event: Event, route: Route, depth: int) -> _Value:
        self.lines.setdefault(route, _line(event))
        if isinstance(event, AliasEvent):
            found = self._repeated(event)
        elif isinstance(event, ScalarEvent):
            found = _Value(_scalar(event))
        else:
            found = self._collection(event, route, depth)
        if depth + found.depth > MOST_DEPTH:
            raise _error(_line(event), f"more than {MOST_DEPTH} levels", "write it flatter")
        self.count += found.size if isinstance(event, AliasEvent) else 1
        if self.count > MOST_VALUES:
            raise _error(_line(event), f"more than {MOST_VALUES:,} values", "build it in Python")
        anchor = None if isinstance(event, AliasEvent) else getattr(event, "anchor", None)
        if anchor is not None:
            self.anchors[anchor] = found
        return found

    def _repeated(self, event: AliasEvent) -> _Value:
        if event.anchor not in self.anchors:
            problem = f"the alias *{event.anchor} repeats a value that is not above it"
            raise _error(_line(event), problem, "write the value first: &name value")
        return self.anchors[event.anchor]

    def _collection(self, event: Event, route: Route, depth: int) -> _Value:
        assert isinstance(event, CollectionStartEvent)
        if event.tag is not None:
            raise _tagged(event)
        if depth >= MOST_DEPTH:
            raise _error(_line(event), f"more than {MOST_DEPTH} levels", "write it flatter")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(route, depth)
        assert isinstance(event, MappingStartEvent)
        return self._mapping(route, depth)

    def _sequence(self, route: Route, depth: int) -> _Value:
        items: list[_Value] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*route, len(items)), depth + 1))
        return _together(tuple(item.data for item in items), items)

    def _mapping(self, route: Route, depth: int) -> _Value:
        data: dict[Hashable, object] = {}
        items: list[_Value] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise _error(_line(event), "a key is a single value", "key: value")
            key = _scalar(event)
            if key in data:
                raise _error(_line(event), f"the key {key!r} is repeated", "remove one of the two")
            items.append(self._value(next(self.events), (*route, key), depth + 1))
            self.lines[*route, key] = _line(event)
            data[key] = items[-1].data
        return _together(data, items)


def _together(data: object, items: list[_Value]) -> _Value:
    size = 1 + sum(item.size for item in items)
    return _Value(data, size, 1 + max((item.depth for item in items), default=0))


def _tagged(event: ScalarEvent | CollectionStartEvent) -> ConfigError:
    return _error(_line(event), f"the tag {event.tag} is not allowed", "remove it")


def _scalar(event: ScalarEvent) -> Hashable:
    if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
        return event.value
    if event.tag is not None:
        raise _tagged(event)
    try:
        return _plain(event.value)
    except ValueError as error:
        problem = f"{event.value[:40]!r} is not a number or date that exists"
        raise _error(_line(event), problem, 'text is in quotes: "..."') from error


def _plain(text: str) -> Hashable:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: If it has the form of a number or a date, but is none.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _DATE.fullmatch(text):
        return date.fromisoformat(text)
    return _moment(text) if _TIME.fullmatch(text) else text


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r" (?=[-+])", "", text.upper()))


class _Dumper(yaml.SafeDumper):
    """Quotes texts that `read_yaml` would take for something else, and writes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _quoted_if_needed(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        plain = isinstance(_plain(text), str)
    except ValueError:
        plain = False
    tag = "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, text, style=None if plain else "'")


_Dumper.add_representer(str, _quoted_if_needed)
