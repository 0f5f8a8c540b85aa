"""YAML 1.2 with positions, and without what surprises: duplicate keys, aliases, tags, several documents, endless nesting.

Keys are text as written. Plain scalars are what YAML 1.2's core schema says: `NO` and `12:30:45` are text, `010` is 10,
`2026-01-01` is text. What comes out can be written as JSON.
"""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from shared.workspace.positions import Loc, Position, Positions
from shared.workspace.problems import Problem

MAX_BYTES = 256_000
MAX_DEPTH = 50

_NULLS = ("", "~", "null", "Null", "NULL")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_NUMBER_LENGTH = 40
_LARGEST = 2**63 - 1


class Document(NamedTuple):
    """A file as read: plain data (None where it could not be read at all), where everything stands, what is wrong."""

    data: Any
    positions: Positions
    problems: list[Problem]


class _Stop(Exception):
    """Reading cannot go on; the problem is noted."""


def read_yaml(text: str, file: str) -> Document:
    """Read one document. Never raises: what is wrong is in `problems`, each with its line and column."""
    reading = _Reading(file)
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        reading.refuse((1, 1), f"the file has {size:,} bytes; at most {MAX_BYTES:,} are allowed", "too_large")
        return Document(None, reading.positions, reading.problems)
    try:
        data = reading.document(text)
    except _Stop:
        data = None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        said = ", ".join(str(part) for part in (error.context, error.problem) if part)
        reading.refuse(place, f"not YAML: {said}", "syntax")
        data = None
    except (YAMLError, ValueError) as error:
        reading.refuse((1, 1), f"not YAML: {' '.join(str(error).split())}", "syntax")
        data = None
    return Document(data, reading.positions, reading.problems)


class _Reading:
    """One pass over the events of a parser."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions = Positions()
        self.problems: list[Problem] = []
        self.events: Iterator[Event] = iter(())

    def refuse(self, place: Position, message: str, code: str, found: str | None = None) -> None:
        self.problems.append(Problem(self.file, *place, message, found, code=code))

    def document(self, text: str) -> Any:
        """The first document; a second one is refused."""
        self.events = YAML(typ="safe", pure=True).parse(text)
        data, documents = None, 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(_place(event), "a file holds one document: a second one begins here", "documents", "---")
                    raise _Stop
            elif isinstance(event, NodeEvent):
                data = self.node(event, (), None)
        return data

    def node(self, event: Event, loc: Loc, key: Position | None) -> Any:
        place = _place(event)
        self.positions.add(loc, place, key)
        if isinstance(event, AliasEvent):
            self.refuse(place, f"aliases are not allowed: write out what *{event.anchor} stands for", "alias", f"*{event.anchor}")
            return None
        self._refuse_decoration(event, place)
        if isinstance(event, ScalarEvent):
            return self.scalar(event, place)
        if len(loc) >= MAX_DEPTH:
            self.refuse(place, f"nested more than {MAX_DEPTH} levels deep", "depth")
            raise _Stop
        return self.mapping(loc) if isinstance(event, MappingStartEvent) else self.sequence(loc)

    def _refuse_decoration(self, event: Any, place: Position) -> None:
        if event.anchor is not None:
            self.refuse(place, f"anchors are not allowed: &{event.anchor}", "anchor", f"&{event.anchor}")
        if event.ctag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self.refuse(place, f"tags are not allowed: {tag}", "tag", tag)

    def mapping(self, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self.events:
            if not isinstance(event, NodeEvent):
                break
            place = _place(event)
            if not isinstance(event, ScalarEvent):
                hint = "; quote a text that begins with {{" if isinstance(event, MappingStartEvent) and event.flow_style else ""
                self.refuse(place, f"a key is a text, not a list, a mapping or an alias{hint}", "key")
                raise _Stop
            self._refuse_decoration(event, place)
            key = str(event.value)
            if key in found:
                line, _ = self.positions.key((*loc, key))
                self.refuse(place, f"{key!r} is already given in line {line}", "duplicate_key", key)
                self.node(next(self.events), (*loc, key, "again"), place)
            else:
                found[key] = self.node(next(self.events), (*loc, key), place)
        return found

    def sequence(self, loc: Loc) -> list[Any]:
        found: list[Any] = []
        for event in self.events:
            if not isinstance(event, NodeEvent):
                break
            found.append(self.node(event, (*loc, len(found)), None))
        return found

    def scalar(self, event: ScalarEvent, place: Position) -> Any:
        """A plain scalar is what YAML 1.2's core schema says, a quoted one is text."""
        text = str(event.value)
        if not event.implicit[0] or event.style is not None:
            return text
        if text in _NULLS:
            return None
        if text in _TRUTHS:
            return _TRUTHS[text]
        if _NOT_FINITE.fullmatch(text):
            self.refuse(place, f"{text} is not a number that can be compared; quote it if it is text", "number", text)
            return None
        return self.number(text, place)

    def number(self, text: str, place: Position) -> Any:
        """A number where the text is one, else the text."""
        whole, based = _WHOLE.fullmatch(text), _BASED.fullmatch(text)
        if not (whole or based or _FRACTION.fullmatch(text)):
            return text
        if len(text) > _MAX_NUMBER_LENGTH:
            value: int | float = float("inf")
        elif whole or based:
            value = int(text, 0) if based else int(text)
        else:
            value = float(text)
        if isfinite(value) and (isinstance(value, float) or abs(value) <= _LARGEST):
            return value
        self.refuse(place, f"the number {text[:40]} is too large; quote it if it is text", "number", text[:40])
        return None


def _place(event: Event) -> Position:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1
